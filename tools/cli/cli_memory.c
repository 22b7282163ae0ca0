/* cli_memory.c - sessions that have room; see cli_memory.h.
 *
 * The library says what fits. Here it is told to people: what was chosen, and which options
 * would help where nothing fits.
 */
#include "cli_memory.h"

#include "cli_engine.h"
#include "cli_out.h"

#include <inttypes.h>
#include <stdio.h>

enum { LEAST_CONTEXT = 256, LEAST_BATCH = 8 }; /* that bantam_plan_within() chooses */

static double megabytes(uint64_t bytes)
{
    return (double)bytes / 1e6;
}

const char *cli_kv_name(bantam_kv kv)
{
    static const char *const names[] = {"f16", "f32", "f16", "q8", "q4"};
    return names[kv];
}

/* The type with the most bits in which the model, weights and all, fits into the budget with
 * the session of `plan`, as "b4 would take 640 MB"; empty where none does. */
static void advise_type(const bantam_model *model, const bantam_plan_info *plan,
                        uint64_t budget, char *text, size_t capacity)
{
    static const char *const types[] = {"b8", "b4"};
    const bantam_session_options o = {.struct_size = sizeof o,
                                      .context_tokens = plan->context_tokens,
                                      .batch_tokens = plan->batch_tokens,
                                      .n_threads = plan->n_threads,
                                      .kv = plan->kv};

    *text = '\0';
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        bantam_plan_info made;
        if (bantam_plan_made(model, types[i], &o, &made, NULL)) continue;
        if (made.total_bytes > budget || made.total_bytes >= plan->total_bytes) continue;
        snprintf(text, capacity, "; %s would take %.0f MB", types[i],
                 megabytes(made.total_bytes));
        return;
    }
}

/* What would fit into options->memory_bytes if less were asked for, as the end of a message. A
 * context that the command needs as it is (not --ctx) cannot be asked for differently. */
static void advise(const bantam_model *model, const bantam_session_options *options,
                   bool context_is_free, char *text, size_t capacity)
{
    static const unsigned order[] = {2, 1, 3}; /* bit 0: the context, bit 1: the type */

    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        const unsigned give_up = order[i];
        bantam_session_options o = *options;
        bantam_plan_info plan;
        char type[24] = "";

        if (give_up & 1) o.context_tokens = 0;
        if (give_up & 2) o.kv = BANTAM_KV_DEFAULT;
        if ((give_up & 1 && !context_is_free) || bantam_plan_within(model, &o, &plan, NULL)) {
            continue;
        }
        if (give_up & 2) {
            snprintf(type, sizeof type, "%s--kv %s", give_up & 1 ? " " : "",
                     cli_kv_name(plan.kv));
        }
        if (give_up & 1) {
            snprintf(text, capacity, "; --ctx %" PRIu32 "%s would fit", plan.context_tokens,
                     type);
        } else {
            snprintf(text, capacity, "; %s would fit", type);
        }
        return;
    }
    bantam_session_options o = *options;
    bantam_plan_info least;
    o.memory_bytes = 0;
    o.context_tokens = o.context_tokens ? o.context_tokens : LEAST_CONTEXT;
    o.batch_tokens = LEAST_BATCH;
    o.kv = o.kv ? o.kv : BANTAM_KV_Q8;
    *text = '\0';
    if (!bantam_plan(model, &o, &least, NULL)) {
        advise_type(model, &least, options->memory_bytes, text, capacity);
    }
    if (!*text) snprintf(text, capacity, "; only a smaller model would fit");
}

/* ---- the budget -------------------------------------------------------------------------- */

/* Options without demands where the command line makes none. */
static void leave_open(const cli_args *args, bantam_session_options *options)
{
    options->memory_bytes = args->memory;
    options->weights_reread = args->memory > 0;
    if (args->memory && !cli_args_given(args, "kv")) options->kv = BANTAM_KV_DEFAULT;
}

static int choose(const bantam_model *model, const cli_args *args,
                  bantam_session_options *options, bantam_plan_info *plan)
{
    const bantam_session_options wish = *options;
    char advice[80] = "";
    bantam_error err = {0};

    const bantam_status status = bantam_plan_within(model, options, plan, &err);
    if (!status) return CLI_OK;
    if (status != BANTAM_ERR_NOMEM || !args->memory) return cli_fail(&err);
    advise(model, &wish, args->context > 0, advice, sizeof advice);
    return cli_fail_with(status, "--memory: %s%s", err.message, advice);
}

int cli_memory_foresee(const cli_args *args, const char *path)
{
    const bantam_model_options o = {.struct_size = sizeof o,
                                    .rope = cli_rope(args),
                                    .cpu = args->cpu,
                                    .no_cache = args->no_cache,
                                    .describe_only = true};
    bantam_session_options options = cli_session_options(args, 0);
    bantam_plan_info plan;
    bantam_model *model = NULL;
    bantam_error err = {0};

    if (bantam_model_open(&model, path, &o, &err)) return cli_fail(&err);
    leave_open(args, &options);
    const int status = choose(model, args, &options, &plan);
    bantam_model_close(model);
    return status;
}

/* The budget has no room for the weights: they stay in their file. */
static bool beside_weights(const cli_args *args, const bantam_plan_info *plan)
{
    return args->memory && plan->total_bytes > args->memory;
}

static void tell_beside(const bantam_model *model, const cli_args *args,
                        const bantam_plan_info *plan)
{
    char advice[80];

    advise_type(model, plan, args->memory, advice, sizeof advice);
    cli_note("%.1f MB of weights have no room within %.1f MB: they are read from the file "
             "again and again, which is slow; %" PRIu32
             " tokens of context, keys and values in "
             "%s%s",
             megabytes(plan->weight_bytes), megabytes(args->memory), plan->context_tokens,
             cli_kv_name(plan->kv), advice);
}

/* What was given up for --memory, if anything was. */
static void tell_choice(const bantam_model *model, const cli_args *args,
                        bantam_session_options wish, const bantam_plan_info *plan)
{
    bantam_plan_info wished;
    bantam_error err = {0};

    if (beside_weights(args, plan)) {
        tell_beside(model, args, plan);
        return;
    }
    wish.memory_bytes = 0;
    if (bantam_plan(model, &wish, &wished, &err)) return;
    const bool less = plan->context_tokens < wished.context_tokens || plan->kv != wished.kv ||
                      plan->batch_tokens < wished.batch_tokens;
    (less ? cli_note : cli_verbose)(
        "within %.1f MB: %" PRIu32 " tokens of context, keys and values in %s, batches of "
        "%" PRIu32 "; %.1f MB planned",
        megabytes(args->memory), plan->context_tokens, cli_kv_name(plan->kv),
        plan->batch_tokens, megabytes(plan->total_bytes));
}

/* ---- the machine ------------------------------------------------------------------------- */

/* The limit under which the least is left, of all or of those that count memory in use; NULL
 * where the system tells none. */
static const bantam_memory_limit *tightest(const bantam_machine *m, bool of_memory)
{
    const bantam_memory_limit *least = NULL;

    for (uint32_t i = 0; i < m->n_limits; i++) {
        const bantam_memory_limit *const l = &m->limits[i];
        if (of_memory && l->of != BANTAM_LIMIT_MEMORY) continue;
        if (!least || l->left_bytes < least->left_bytes) least = l;
    }
    return least;
}

static int refuse(const bantam_model *model, const cli_args *args,
                  const bantam_session_options *wish, const bantam_plan_info *plan,
                  uint64_t available)
{
    const uint64_t own = plan->kv_bytes + plan->scratch_bytes;
    bantam_session_options o = *wish;
    bantam_machine machine;
    char advice[80] = "";

    bantam_machine_describe(&machine);
    const bantam_memory_limit *const limit = tightest(&machine, false);
    o.memory_bytes = available + (plan->total_bytes - own);
    o.batch_tokens = plan->batch_tokens;
    advise(model, &o, args->context > 0 || !o.context_tokens, advice, sizeof advice);
    return cli_fail_with(BANTAM_ERR_NOMEM,
                         "%" PRIu64 " bytes are needed (keys and values of %" PRIu32
                         " tokens %" PRIu64 ", scratch %" PRIu64 "), %" PRIu64
                         " are left (%s)%s",
                         own, plan->context_tokens, plan->kv_bytes, plan->scratch_bytes,
                         available, limit ? limit->name : "memory", advice);
}

/* Memory of mapped weights is given back when it is short, and they are read again. A limit on
 * addresses has nothing to do with that. */
static void tell_if_slow(const bantam_plan_info *plan)
{
    const uint64_t own = plan->kv_bytes + plan->scratch_bytes;
    bantam_machine machine;

    bantam_machine_describe(&machine);
    const bantam_memory_limit *const l = tightest(&machine, true);
    if (!l || plan->weight_bytes + own <= l->left_bytes) return;
    cli_note("the weights take %.1f MB and %.1f MB of memory are left for them (%s): they are "
             "read from the file again and again, which is slow",
             megabytes(plan->weight_bytes),
             l->left_bytes > own ? megabytes(l->left_bytes - own) : 0.0, l->name);
}

/* What a session takes for itself has to be there; weights need not stay. */
static int check_room(const bantam_model *model, const cli_args *args, uint64_t before,
                      const bantam_session_options *wish, const bantam_plan_info *plan)
{
    const uint64_t own = plan->kv_bytes + plan->scratch_bytes;
    bantam_device_info device;

    bantam_device_describe(&device);
    if (device.available_bytes && own > device.available_bytes) {
        return refuse(model, args, wish, plan, device.available_bytes);
    }
    if (before && plan->weight_bytes + own > before && !beside_weights(args, plan)) {
        tell_if_slow(plan);
    }
    return CLI_OK;
}

int cli_memory_plan(const bantam_model *model, const cli_args *args, uint64_t before,
                    bantam_session_options *options, bantam_plan_info *plan)
{
    leave_open(args, options);
    const bantam_session_options wish = *options;

    int status = choose(model, args, options, plan);
    if (!status) status = check_room(model, args, before, &wish, plan);
    if (!status && args->memory) tell_choice(model, args, wish, plan);
    return status;
}
