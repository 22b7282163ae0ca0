/* cmd_adapt.c - `bantam adapt`: a model learns from texts, in an adapter beside it.
 *
 * Nothing here ends the process before the adapter is written or given up: a stop keeps what
 * was learned.
 */
#include "cli_commands.h"
#include "cli_engine.h"
#include "cli_out.h"
#include "cli_signal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

typedef struct adapting {
    const cli_args *args;
    const char *out, *checkpoint;
    bantam_adapt_result result;
    double held_out_loss; /* the last one measured */
} adapting;

/* ---- while it goes on -------------------------------------------------------------------- */

static bool on_plan(void *user, const bantam_adapt_plan *p)
{
    (void)user;
    cli_verbose("%.1f MB planned: weights %.1f, adapter and averages %.1f, activations %.1f, "
                "texts %.1f, other %.1f",
                (double)p->total_bytes / 1e6, (double)p->weight_bytes / 1e6,
                (double)p->learn_bytes / 1e6, (double)p->work_bytes / 1e6,
                (double)p->data_bytes / 1e6, (double)p->other_bytes / 1e6);
    cli_verbose("%" PRIu64 " weights learn; steps of %" PRIu32 " tokens in parts of %" PRIu32
                ", sequences of %" PRIu32 "%s, %" PRIu32 " threads",
                p->n_params, p->batch_tokens, p->part_tokens, p->sequence_tokens,
                p->recompute ? ", layers computed twice" : "", p->n_threads);
    return !cli_signal_caught();
}

static void tell_learning(adapting *a, const bantam_adapt_progress *p)
{
    if (!isnan(p->held_out_loss)) a->held_out_loss = p->held_out_loss;
    if (!isnan(p->held_out_loss) || !isnan(p->keep_loss)) {
        cli_verbose("step %" PRIu64 " of %" PRIu64
                    ": loss %.4f, held out %.4f, kept %.4f, rate "
                    "%.2g, %.0f tokens/s, %.0f s left",
                    p->done, p->total, p->loss, p->held_out_loss, p->keep_loss, p->rate,
                    p->tokens_per_s, p->seconds_left);
    }
    if (!cli_err_is_terminal()) return;
    cli_progress_line("step %" PRIu64 " of %" PRIu64 ", loss %.3f, held out %.3f, rate %.1e, "
                      "%.0f s left",
                      p->done, p->total, p->loss, a->held_out_loss, p->rate, p->seconds_left);
}

static bool on_progress(void *user, const bantam_adapt_progress *p)
{
    switch (p->stage) {
    case BANTAM_ADAPT_READING:
        cli_progress("reading", p->done, p->total);
        break;
    case BANTAM_ADAPT_REHEARSING:
        cli_progress("the model writes what it is to keep:", p->done, p->total);
        break;
    case BANTAM_ADAPT_MEASURING:
        cli_progress("measuring", p->done, p->total);
        break;
    case BANTAM_ADAPT_LEARNING:
        tell_learning(user, p);
        break;
    }
    return !cli_signal_caught();
}

/* ---- the result -------------------------------------------------------------------------- */

static json_t *losses(double before, double after)
{
    return json_pack("{s:o,s:o,s:o,s:o}", "loss_before", cli_json_real(before), "loss_after",
                     cli_json_real(after), "perplexity_before", cli_json_real(exp(before)),
                     "perplexity_after", cli_json_real(exp(after)));
}

static json_t *memory(const bantam_adapt_plan *p)
{
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:b,s:i,s:i,s:i}", "planned_bytes",
                     (json_int_t)p->total_bytes, "peak_bytes", (json_int_t)cli_peak_bytes(),
                     "weight_bytes", (json_int_t)p->weight_bytes, "learn_bytes",
                     (json_int_t)p->learn_bytes, "work_bytes", (json_int_t)p->work_bytes,
                     "data_bytes", (json_int_t)p->data_bytes, "other_bytes",
                     (json_int_t)p->other_bytes, "recompute", (int)p->recompute, "batch_tokens",
                     (int)p->batch_tokens, "part_tokens", (int)p->part_tokens,
                     "sequence_tokens", (int)p->sequence_tokens);
}

static const char *ending(const bantam_adapt_result *r, bool interrupted)
{
    return interrupted ? "interrupted" : r->early ? "early" : "end";
}

static void put_json(const adapting *a, bool interrupted)
{
    const bantam_adapt_result *r = &a->result;

    cli_put_json(json_pack(
        "{s:o,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:f,s:o}", "path",
        cli_json_text((bantam_text){a->out, strlen(a->out)}), "ended", ending(r, interrupted),
        "steps", (json_int_t)r->n_steps, "best_step", (json_int_t)r->best_step, "params",
        (json_int_t)r->plan.n_params, "documents", (json_int_t)r->n_documents, "tokens",
        (json_int_t)r->n_tokens, "learned_tokens", (json_int_t)r->n_learned_tokens,
        "held_out_tokens", (json_int_t)r->n_held_out_tokens, "held_out",
        losses(r->loss_before, r->loss_after), "keep", losses(r->keep_before, r->keep_after),
        "seconds", r->seconds, "memory", memory(&r->plan)));
}

static void put_losses(const char *what, double before, double after)
{
    if (isnan(before)) return;
    if (isnan(after)) {
        cli_printf("%s  loss %.4f, perplexity %.3f before; not measured after\n", what, before,
                   exp(before));
        return;
    }
    cli_printf("%s  loss %.4f to %.4f, perplexity %.3f to %.3f (%+.1f %%)\n", what, before,
               after, exp(before), exp(after), 100.0 * expm1(after - before));
}

static void put_text(const adapting *a, bool interrupted)
{
    const bantam_adapt_result *r = &a->result;

    cli_printf("texts     %" PRIu64 ", %" PRIu64 " tokens, %" PRIu64
               " of them learned; %" PRIu64 " tokens held out\n",
               r->n_documents, r->n_tokens, r->n_learned_tokens, r->n_held_out_tokens);
    cli_printf("steps     %" PRIu64 " in %.1f s%s; the adapter is that of step %" PRIu64 "\n",
               r->n_steps, r->seconds,
               interrupted ? ", interrupted"
               : r->early  ? ", ended early"
                           : "",
               r->best_step);
    put_losses("held out", r->loss_before, r->loss_after);
    put_losses("kept    ", r->keep_before, r->keep_after);
    cli_printf("memory    %.1f MB planned, %.1f MB at most\n",
               (double)r->plan.total_bytes / 1e6, (double)cli_peak_bytes() / 1e6);
}

static void tell(const adapting *a, bool interrupted)
{
    const bantam_adapt_result *r = &a->result;

    if (a->args->json) {
        put_json(a, interrupted);
    } else {
        put_text(a, interrupted);
    }
    if (interrupted) {
        cli_note("stopped after step %" PRIu64 ": what was learned so far is in %s; --resume "
                 "goes on from %s",
                 r->n_steps, a->out, a->checkpoint);
    } else if (r->best_step == 0 && r->n_steps > 0) {
        cli_note("no step was better than none: the adapter changes nothing%s",
                 isnan(r->keep_before) ? ""
                                       : "; a lower --rate or a larger --keep-limit may help");
    }
}

/* ---- the command ------------------------------------------------------------------------- */

static bantam_adapt_options options_of(const cli_args *args, adapting *a)
{
    const bantam_adapt_options o = {
        .struct_size = sizeof o,
        .data = args->words + 1,
        .n_data = args->n_words - 1,
        .keep = args->adapt.keep.items,
        .n_keep = args->adapt.keep.n,
        .keep_share = args->adapt.keep_share > 0.0 ? args->adapt.keep_share : -1.0,
        .keep_limit = cli_args_given(args, "keep-limit") && args->adapt.keep_limit == 0.0
                          ? -1.0
                          : args->adapt.keep_limit,
        .rank = args->adapt.rank,
        .alpha = args->adapt.alpha,
        .targets = args->adapt.targets,
        .steps = args->adapt.steps,
        .epochs = args->adapt.epochs,
        .no_steps = cli_args_given(args, "steps") && args->adapt.steps == 0,
        .rate = args->adapt.rate,
        .batch_tokens = args->adapt.batch,
        .sequence_tokens = args->adapt.sequence,
        .seed = args->seed,
        .held_out = args->adapt.held_out > 0.0 ? args->adapt.held_out : -1.0,
        .patience = args->adapt.patience,
        .n_threads = args->threads,
        .memory_bytes = args->memory,
        .checkpoint = a->checkpoint,
        .resume = args->adapt.resume,
        .planned = on_plan,
        .progress = on_progress,
        .user = a,
    };
    return o;
}

/* OUT.checkpoint, where the line names none. */
static const char *checkpoint_path(const cli_args *args, char path[PATH_MAX])
{
    size_t n = strlen(args->out);

    if (args->adapt.checkpoint) return args->adapt.checkpoint;
    while (n > 1 && args->out[n - 1] == '/')
        n--;
    const int size = snprintf(path, PATH_MAX, "%.*s.checkpoint", (int)n, args->out);
    return size > 0 && size < PATH_MAX ? path : NULL;
}

static int adapt(cli_engine *e, adapting *a)
{
    const bantam_adapt_options o = options_of(a->args, a);
    bantam_error err = {0};

    cli_signal_watched(true);
    const bantam_status failed = bantam_adapt(e->model, a->out, &o, &a->result, &err);
    cli_signal_watched(false);
    cli_progress("", 0, 0);
    if (failed == BANTAM_ERR_CANCELLED && a->result.written) {
        tell(a, true);
        return cli_signal_status();
    }
    if (failed) return cli_signal_fail(&err);
    tell(a, false);
    return CLI_OK;
}

int cli_adapt(const cli_args *args)
{
    char path[PATH_MAX];
    adapting a = {.args = args, .out = args->out, .held_out_loss = (double)NAN};
    cli_args own = *args;
    cli_engine e;
    struct stat st;

    if (!args->out)
        return cli_usage("-o ADAPTER is missing: a file that ends in .gguf, or a folder");
    if (!*args->out) return cli_usage("-o ADAPTER is empty");
    a.checkpoint = checkpoint_path(args, path);
    if (!a.checkpoint) return cli_usage("the path of the adapter is too long");
    if (!args->adapt.resume && stat(a.checkpoint, &st) == 0) {
        cli_note("%s is there from another run and is written anew; --resume goes on from it",
                 a.checkpoint);
    }
    /* What is learned through PhoneLM's unrounded table serves its rounded forms as well, and
     * no slope leads through those. */
    if (!own.rope) own.rope = "float";
    int status = cli_engine_model(&e, &own);
    if (!status) status = adapt(&e, &a);
    cli_engine_close(&e);
    return status;
}
