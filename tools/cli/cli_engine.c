/* cli_engine.c - opening models and turning texts into tokens; see cli_engine.h. */
#include "cli_engine.h"

#include "cli_memory.h"
#include "cli_out.h"
#include "cli_signal.h"
#include "cli_tools.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

double cli_now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* What Linux counts for this program alone; 0 elsewhere. ru_maxrss there also has what the
 * process held before it became this program, a large parent's memory for one. */
static uint64_t own_peak_bytes(void)
{
    FILE *f = fopen("/proc/self/status", "r");
    char line[256];
    uint64_t kib = 0;

    while (f && !kib && fgets(line, sizeof line, f)) {
        if (strncmp(line, "VmHWM:", 6) == 0) kib = strtoull(line + 6, NULL, 10);
    }
    if (f) fclose(f);
    return kib * 1024;
}

uint64_t cli_peak_bytes(void)
{
    struct rusage usage;
    const uint64_t own = own_peak_bytes();

    if (own) return own;
    if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
#ifdef __APPLE__
    return (uint64_t)usage.ru_maxrss;
#else
    return (uint64_t)usage.ru_maxrss * 1024;
#endif
}

int cli_locate(const char *name, char path[PATH_MAX])
{
    bantam_error err = {0};
    struct stat st;
    const size_t n = strlen(name);

    if (n > 0 && n < PATH_MAX && stat(name, &st) == 0) {
        memcpy(path, name, n + 1);
        return CLI_OK;
    }
    if (bantam_locate(name, path, PATH_MAX, &err)) return cli_fail(&err);
    return CLI_OK;
}

bantam_rope cli_rope(const cli_args *args)
{
    static const struct {
        const char *name;
        bantam_rope rope;
    } forms[] = {
        {"call", BANTAM_ROPE_CALL}, {"table", BANTAM_ROPE_TABLE}, {"float", BANTAM_ROPE_FLOAT}};

    for (size_t i = 0; args->rope && i < sizeof forms / sizeof forms[0]; i++) {
        if (strcmp(args->rope, forms[i].name) == 0) return forms[i].rope;
    }
    return BANTAM_ROPE_DEFAULT;
}

bantam_session_options cli_session_options(const cli_args *args, uint32_t context)
{
    bantam_session_options o = {.struct_size = sizeof o};

    o.context_tokens = args->context ? args->context : context;
    o.n_threads = args->threads;
    o.memory_bytes = args->memory;
    o.kv = BANTAM_KV_F16;
    if (strcmp(args->kv, "f32") == 0) o.kv = BANTAM_KV_F32;
    if (strcmp(args->kv, "q8") == 0) o.kv = BANTAM_KV_Q8;
    if (strcmp(args->kv, "q4") == 0) o.kv = BANTAM_KV_Q4;
    return o;
}

/* Work of less than half a second needs no words. */
typedef struct packing {
    double start;
    bool shown;
} packing;

static bool on_packing(void *user, uint64_t done, uint64_t total)
{
    packing *p = user;

    p->shown = p->shown || cli_now_ms() - p->start > 500.0;
    if (p->shown) cli_progress("packing the weights", done, total);
    return !cli_signal_caught();
}

static void tell_cache(const bantam_model *model, const packing *p)
{
    const char *note = bantam_model_note(model), *cache = bantam_model_cache(model);

    if (p->shown) cli_progress("", 0, 0);
    if (cache) cli_verbose("weights from %s", cache);
    if (!note) return;
    if (p->shown)
        cli_note("no cache file, so that every start takes this long: %s", note);
    else
        cli_verbose("no cache file: %s", note);
}

static int open_model(cli_engine *e, const cli_args *args)
{
    packing p = {.start = cli_now_ms()};
    const bantam_model_options o = {.struct_size = sizeof o,
                                    .rope = cli_rope(args),
                                    .cpu = args->cpu,
                                    .progress = on_packing,
                                    .user = &p,
                                    .no_cache = args->no_cache};
    bantam_error err = {0};

    cli_signal_watched(true);
    bantam_status failed = bantam_model_open(&e->model, e->path, &o, &err);
    cli_signal_watched(false);
    if (!failed && cli_signal_caught()) {
        err = (bantam_error){BANTAM_ERR_CANCELLED, "cancelled"};
        failed = BANTAM_ERR_CANCELLED;
        bantam_model_close(e->model);
        e->model = NULL;
    }
    if (!failed) {
        tell_cache(e->model, &p);
        return CLI_OK;
    }
    if (p.shown) cli_progress("", 0, 0);
    return cli_signal_fail(&err);
}

int cli_engine_model(cli_engine *e, const cli_args *args)
{
    const double start = cli_now_ms();
    /* Learning has a budget of its own kind. */
    const bool learns = args->command == &cli_commands[CLI_ADAPT];
    bantam_device_info device;

    memset(e, 0, sizeof *e);
    int status = cli_loras_read(&e->loras, args);
    if (!status) status = cli_pace_open(&e->pace, args);
    if (!status) status = cli_locate(args->words[0], e->path);
    if (!status && args->memory && !learns) status = cli_memory_foresee(args, e->path);
    bantam_device_describe(&device);
    e->available = device.available_bytes;
    if (!status) status = open_model(e, args);
    if (status) return status;
    bantam_model_describe(e->model, &e->info);
    e->tokenizer = bantam_model_tokenizer(e->model);
    cli_tools_syntax(e, args);
    e->load_ms = cli_now_ms() - start;
    return CLI_OK;
}

static int open_adapters(cli_engine *e)
{
    const cli_loras *loras = &e->loras;
    bantam_error err = {0};

    for (uint32_t i = 0; i < loras->n; i++) {
        bantam_adapter_info info;
        if (bantam_adapter_open(&e->adapters[i], e->model, loras->paths[i], &err)) {
            return cli_fail(&err);
        }
        e->n_adapters = i + 1;
        bantam_adapter_describe(e->adapters[i], &info);
        cli_verbose("adapter %s: rank %" PRIu32 ", alpha %g, %" PRIu32
                    " matrices, %.1f MB; scale %g",
                    loras->paths[i], info.rank, (double)info.alpha, info.n_matrices,
                    (double)info.bytes / 1e6, (double)loras->scales[i]);
    }
    return CLI_OK;
}

int cli_engine_session(cli_engine *e, const cli_args *args, uint32_t context)
{
    bantam_session_options options = cli_session_options(args, context);
    bantam_error err = {0};
    const double start = cli_now_ms();
    int status = open_adapters(e);

    if (!status) status = cli_draft_open(&e->draft, args);
    if (status) return status;
    options.adapters = (const bantam_adapter *const *)e->adapters;
    options.adapter_scales = e->loras.scales;
    options.n_adapters = e->n_adapters;
    status = cli_memory_plan(e->model, args, e->available, &options, &e->plan);
    if (status) return status;
    if (bantam_session_open(&e->session, e->model, &options, &err)) return cli_fail(&err);
    const bantam_speculation guesses = cli_draft_options(&e->draft, args);
    if (bantam_session_speculate(e->session, &guesses, &err)) return cli_fail(&err);
    e->load_ms += cli_now_ms() - start;
    cli_signal_session(e->session);
    cli_verbose("loaded %s in %.0f ms: %" PRIu32 " tokens of context, %" PRIu32
                " threads, %.1f MB planned",
                e->path, e->load_ms, e->plan.context_tokens, e->plan.n_threads,
                (double)e->plan.total_bytes / 1e6);
    return CLI_OK;
}

int cli_engine_open(cli_engine *e, const cli_args *args, uint32_t context)
{
    int status = cli_engine_model(e, args);

    if (!status) status = cli_engine_session(e, args, context);
    if (status) cli_engine_close(e);
    return status;
}

void cli_engine_close(cli_engine *e)
{
    cli_signal_session(NULL);
    bantam_session_close(e->session);
    bantam_prefixes_close(e->prefixes);
    cli_draft_close(&e->draft);
    for (uint32_t i = 0; i < e->n_adapters; i++) {
        bantam_adapter_close(e->adapters[i]);
    }
    e->n_adapters = 0;
    cli_loras_free(&e->loras);
    cli_pace_close(&e->pace);
    bantam_model_close(e->model);
    e->session = NULL;
    e->prefixes = NULL;
    e->model = NULL;
    e->tokenizer = NULL;
}

bantam_status cli_tokenize(const bantam_tokenizer *tokenizer, bantam_text text, unsigned flags,
                           cli_ids *out, bantam_error *err)
{
    size_t capacity = text.size + 16; /* enough for nearly every text */
    bantam_status status;

    *out = (cli_ids){0};
    for (int i = 0; i < 2; i++) {
        out->items = cli_grow(out->items, capacity, sizeof *out->items);
        status = bantam_tokenize(tokenizer, text, flags, out->items, capacity, &out->n, err);
        if (status != BANTAM_ERR_FULL || out->n <= capacity) break;
        capacity = out->n;
    }
    if (status) {
        free(out->items);
        *out = (cli_ids){0};
    }
    return status;
}

bantam_status cli_render(const bantam_tokenizer *tokenizer, bantam_text json, cli_buf *out,
                         bantam_error *err)
{
    size_t capacity = 2 * json.size + 4096;
    bantam_status status;

    *out = (cli_buf){0};
    for (int i = 0; i < 2; i++) {
        cli_buf_reserve(out, capacity);
        status = bantam_render_chat(tokenizer, json, out->data, capacity, &out->size, err);
        if (status != BANTAM_ERR_FULL || out->size <= capacity) break;
        capacity = out->size;
        out->size = 0;
    }
    if (status) cli_buf_free(out);
    return status;
}

bantam_status cli_tokenize_chat(const bantam_tokenizer *tokenizer, bantam_text text,
                                cli_ids *out, bantam_error *err)
{
    bantam_tokenizer_info info;
    unsigned flags = BANTAM_TOKENIZE_SPECIAL;

    bantam_tokenizer_describe(tokenizer, &info);
    const bantam_text bos = info.bos == BANTAM_NO_TOKEN
                                ? (bantam_text){NULL, 0}
                                : bantam_token_text(tokenizer, info.bos);
    const bool begins_with_bos =
        bos.size > 0 && text.size >= bos.size && memcmp(text.data, bos.data, bos.size) == 0;
    if (!begins_with_bos) flags |= BANTAM_TOKENIZE_ADD;
    return cli_tokenize(tokenizer, text, flags, out, err);
}
