/* cmd_bench.c - `bantam bench`: the speed of reading a prompt and of making tokens, and how
 * much of the machine it comes to.
 *
 * The tokens are made up, because which ones they are changes no time; choosing them is left
 * out. Every run begins from the same place in the context. Prompts and tokens take turns, so
 * that a disturbance meets both; what the machine does at most is measured before and after.
 */
#include "cli_bench.h"
#include "cli_commands.h"
#include "cli_engine.h"
#include "cli_out.h"
#include "cli_signal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct spread {
    double min, low, median, high, max; /* low and high: the quartiles */
} spread;

typedef struct bench {
    const cli_args *args;
    cli_engine engine;
    uint32_t *tokens;              /* enough for the longest feed */
    double *prefill_ms, *token_ms; /* (args->repeat) of a whole prompt, of all tokens made */
    spread prefill, decode;        /* tokens per second */
    double first_ms;
    bantam_device_speed speed; /* the mean of before and after; rates are 0 where unknown */
    uint64_t peak_bytes;
} bench;

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The value at a share of the way through sorted ones, between two of them where it falls
 * there. */
static double quantile(const double *sorted, size_t n, double share)
{
    const double at = share * (double)(n - 1);
    const size_t i = (size_t)at;

    if (i + 1 >= n) return sorted[n - 1];
    return sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]);
}

double cli_bench_median(double *values, uint32_t n)
{
    qsort(values, n, sizeof *values, ascending);
    return quantile(values, n, 0.5);
}

/* Turns milliseconds for n tokens into tokens per second. */
static spread rates_of(double *ms, size_t n_runs, uint32_t n)
{
    for (size_t i = 0; i < n_runs; i++) {
        ms[i] = (double)n * 1e3 / ms[i];
    }
    qsort(ms, n_runs, sizeof *ms, ascending);
    return (spread){ms[0], quantile(ms, n_runs, 0.25), quantile(ms, n_runs, 0.5),
                    quantile(ms, n_runs, 0.75), ms[n_runs - 1]};
}

/* ---- runs -------------------------------------------------------------------------------- */

static bantam_status time_prompt(const bench *b, double *ms, bantam_error *err)
{
    bantam_session *s = b->engine.session;
    bantam_status status = bantam_session_rewind(s, b->args->depth, err);
    const double start = cli_now_ms();

    if (!status) status = bantam_session_feed(s, b->tokens, b->args->prompt, err);
    *ms = cli_now_ms() - start;
    return status;
}

static bantam_status time_tokens(const bench *b, uint32_t n, double *ms, bantam_error *err)
{
    bantam_session *s = b->engine.session;
    bantam_status status = bantam_session_rewind(s, b->args->depth, err);
    const double start = cli_now_ms();

    for (uint32_t i = 0; i < n && !status; i++) {
        status = bantam_session_feed(s, b->tokens + i, 1, err);
    }
    *ms = cli_now_ms() - start;
    return status;
}

/* Fills the context, and goes through everything once that is slow the first time. */
static bantam_status warm_up(const bench *b, bantam_error *err)
{
    enum { FEW = 8 };
    const uint32_t n = b->args->predict < FEW ? b->args->predict : FEW;
    bantam_status status = BANTAM_OK;
    double ms;

    if (b->args->depth > 0) {
        status = bantam_session_feed(b->engine.session, b->tokens, b->args->depth, err);
    }
    if (!status) status = time_prompt(b, &ms, err);
    if (!status) status = time_tokens(b, n, &ms, err);
    return status;
}

static bantam_status run_all(bench *b, bantam_error *err)
{
    const uint32_t n = b->args->repeat;

    for (uint32_t i = 0; i < n; i++) {
        bantam_status status = time_prompt(b, &b->prefill_ms[i], err);
        cli_progress("runs", 2 * i + 1, 2 * (uint64_t)n);
        if (!status) status = time_tokens(b, b->args->predict, &b->token_ms[i], err);
        if (status) return status;
        cli_progress("runs", 2 * i + 2, 2 * (uint64_t)n);
    }
    b->prefill = rates_of(b->prefill_ms, n, b->args->prompt);
    b->decode = rates_of(b->token_ms, n, b->args->predict);
    b->first_ms = (double)b->args->prompt * 1e3 / b->prefill.median;
    return BANTAM_OK;
}

/* Makes the system forget the most memory this process has held; false where it cannot. */
static bool reset_peak(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "w");

    if (!f) return false;
    const bool written = fputs("5", f) >= 0;
    return fclose(f) == 0 && written;
}

static double mean(double before, double after)
{
    return before > 0.0 && after > 0.0 ? (before + after) / 2 : before + after;
}

/* What measuring takes of memory is none of the model's. */
static bantam_status run_between_measures(bench *b, bantam_error *err)
{
    const uint32_t n_threads = b->engine.plan.n_threads;
    const char *const cpu = b->args->cpu;
    const uint64_t opened = cli_peak_bytes();
    bantam_device_speed before = {0}, after;
    bantam_status status = warm_up(b, err);
    const uint64_t warm = cli_peak_bytes();

    if (!status && reset_peak()) {
        status = bantam_device_measure(cpu, n_threads, &before, err);
        reset_peak();
    }
    if (!status) status = run_all(b, err);
    const uint64_t ran = cli_peak_bytes();
    if (!status) status = bantam_device_measure(cpu, n_threads, &after, err);
    if (status) return status;

    b->peak_bytes = opened > warm ? opened : warm;
    if (ran > b->peak_bytes) b->peak_bytes = ran;
    b->speed = (bantam_device_speed){n_threads, mean(before.read_gb_s, after.read_gb_s),
                                     mean(before.int8_gops, after.int8_gops),
                                     mean(before.fp32_gflops, after.fp32_gflops)};
    return BANTAM_OK;
}

/* ---- what the rates come to -------------------------------------------------------------- */

/* Bytes one made token reads, on average over the run: the weights, and the keys and values of
 * all positions before it. */
static double bytes_of_token(const bench *b)
{
    const bantam_plan_info *plan = &b->engine.plan;
    const double before = (double)b->args->depth + (double)b->args->predict / 2;

    return (double)b->engine.info.token_bytes +
           (double)plan->kv_bytes * before / (double)plan->context_tokens;
}

/* Multiplications and additions of one prompt token, on average: two for each weight of the
 * layers' matrices; in attention, for each position before it and its own, two for each
 * dimension of every head's key, and of its value. */
static double operations_of_token(const bench *b)
{
    const bantam_model_info *m = &b->engine.info;
    const double q = (double)m->n_heads * m->head_dim, kv = (double)m->n_kv_heads * m->head_dim;
    const double matrices = m->n_embd * (2 * q + 2 * kv + 3.0 * m->n_ffn);
    const double positions = (double)b->args->depth + ((double)b->args->prompt + 1) / 2;

    return m->n_layers * (2 * matrices + 4 * q * positions);
}

static double share_of_bandwidth(const bench *b)
{
    return b->decode.median * bytes_of_token(b) / (b->speed.read_gb_s * 1e9);
}

/* Weights stored as floats are computed with as floats. */
static bool computes_in_floats(const bench *b)
{
    const bantam_text type = b->engine.info.type;

    return type.size > 0 && (type.data[0] == 'F' || (type.size > 1 && type.data[1] == 'F'));
}

static double share_of_peak(const bench *b)
{
    const double peak = computes_in_floats(b) ? b->speed.fp32_gflops : b->speed.int8_gops;

    return b->prefill.median * operations_of_token(b) / (peak * 1e9);
}

/* ---- the report -------------------------------------------------------------------------- */

static json_t *json_spread(spread s, uint32_t tokens)
{
    return json_pack("{s:I,s:o,s:o,s:o,s:o,s:o}", "tokens", (json_int_t)tokens, "median",
                     cli_json_real(s.median), "min", cli_json_real(s.min), "max",
                     cli_json_real(s.max), "p25", cli_json_real(s.low), "p75",
                     cli_json_real(s.high));
}

static void put_real(json_t *o, const char *key, bool known, double value)
{
    json_object_set_new(o, key, known ? cli_json_real(value) : json_null());
}

static void put_json(const bench *b)
{
    const bantam_model_info *m = &b->engine.info;
    const bantam_text path = {b->engine.path, strlen(b->engine.path)};
    const bool read = b->speed.read_gb_s > 0.0;
    json_t *o = json_pack(
        "{s:o,s:o,s:o,s:I,s:I,s:I,s:s}", "model", cli_json_text(path), "family",
        cli_json_text(m->family), "type", cli_json_text(m->type), "params",
        (json_int_t)m->n_params, "file_bytes", (json_int_t)m->file_bytes, "threads",
        (json_int_t)b->engine.plan.n_threads, "cpu", bantam_model_cpu(b->engine.model));

    json_object_set_new(o, "runs", json_integer((json_int_t)b->args->repeat));
    json_object_set_new(o, "depth", json_integer((json_int_t)b->args->depth));
    json_object_set_new(o, "prefill", json_spread(b->prefill, b->args->prompt));
    json_object_set_new(o, "decode", json_spread(b->decode, b->args->predict));
    put_real(o, "load_ms", true, b->engine.load_ms);
    put_real(o, "first_token_ms", true, b->first_ms);
    json_object_set_new(o, "peak_bytes", json_integer((json_int_t)b->peak_bytes));
    json_object_set_new(o, "planned_bytes",
                        json_integer((json_int_t)b->engine.plan.total_bytes));
    put_real(o, "bandwidth_gb_s", read, b->speed.read_gb_s);
    put_real(o, "decode_bytes_per_token", true, bytes_of_token(b));
    put_real(o, "decode_share_of_bandwidth", read, read ? share_of_bandwidth(b) : 0.0);
    put_real(o, "int8_peak_gops", true, b->speed.int8_gops);
    put_real(o, "fp32_peak_gflops", true, b->speed.fp32_gflops);
    put_real(o, "prefill_ops_per_token", true, operations_of_token(b));
    put_real(o, "prefill_share_of_peak", true, share_of_peak(b));
    cli_put_json(o);
}

static void put_rates(const char *name, uint32_t tokens, spread s)
{
    cli_printf("%-7s %6" PRIu32
               " tokens  %9.2f /s   middle half %.2f to %.2f, all %.2f to %.2f\n",
               name, tokens, s.median, s.low, s.high, s.min, s.max);
}

static void put_plain(const bench *b)
{
    const bantam_model_info *m = &b->engine.info;

    cli_put_text((bantam_text){b->engine.path, strlen(b->engine.path)});
    cli_put("\n", 1);
    cli_put_text(m->family);
    cli_put(" ", 1);
    cli_put_text(m->type);
    cli_printf(", %.1f M parameters, %.1f MB; %" PRIu32 " threads, %s\n",
               (double)m->n_params / 1e6, (double)m->file_bytes / 1e6, b->engine.plan.n_threads,
               bantam_model_cpu(b->engine.model));
    put_rates("prompt", b->args->prompt, b->prefill);
    put_rates("decode", b->args->predict, b->decode);
    cli_printf("load %.0f ms, first token after %.0f ms; memory %.1f MB at most, %.1f MB "
               "planned\n",
               b->engine.load_ms, b->first_ms, (double)b->peak_bytes / 1e6,
               (double)b->engine.plan.total_bytes / 1e6);
    if (b->speed.read_gb_s > 0.0) {
        cli_printf("memory  %.1f GB/s; decode reads %.1f MB a token: %.0f %% of it\n",
                   b->speed.read_gb_s, bytes_of_token(b) / 1e6, share_of_bandwidth(b) * 100);
    }
    cli_printf("peak    %.0f GOPS in 8 bits, %.0f GFLOPS; a prompt token takes %.2f G: %.0f %% "
               "of the %s\n",
               b->speed.int8_gops, b->speed.fp32_gflops, operations_of_token(b) / 1e9,
               share_of_peak(b) * 100, computes_in_floats(b) ? "second" : "first");
}

void cli_bench_tokens(uint32_t *tokens, uint32_t n, uint32_t n_vocab)
{
    uint32_t state = 12345;

    for (uint32_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        tokens[i] = (state >> 8) % n_vocab;
    }
}

static void make_tokens(bench *b)
{
    const cli_args *args = b->args;
    uint32_t n = args->prompt > args->predict ? args->prompt : args->predict;

    if (args->depth > n) n = args->depth;
    b->tokens = cli_grow(NULL, n, sizeof *b->tokens);
    b->prefill_ms = cli_grow(NULL, args->repeat, sizeof *b->prefill_ms);
    b->token_ms = cli_grow(NULL, args->repeat, sizeof *b->token_ms);
    cli_bench_tokens(b->tokens, n, b->engine.info.n_vocab);
}

int cli_bench(const cli_args *args)
{
    bench b = {.args = args};
    const uint32_t longest = args->prompt > args->predict ? args->prompt : args->predict;
    bantam_error err = {0};

    if (args->bench.sessions && (args->bench.sustain || args->guess.draft || args->pace.rate ||
                                 args->pace.limit > 0.0 || args->depth > 0)) {
        return cli_usage("--sessions does not go with --sustain, --draft, --depth, --pace and "
                         "--max-temp");
    }
    if (args->bench.sessions) return cli_bench_sessions(args);
    if (args->bench.sustain) return cli_bench_sustain(args);
    if (args->guess.draft) return cli_bench_draft(args);
    if (args->pace.rate || args->pace.limit > 0.0) {
        return cli_usage("--pace and --max-temp go with --sustain");
    }
    int status = cli_engine_open(&b.engine, args, args->depth + longest);

    if (status) return status;
    make_tokens(&b);
    const bantam_status failed = run_between_measures(&b, &err);
    cli_progress("", 0, 0);
    if (failed) {
        status = cli_fail(&err);
        if (status == CLI_INTERRUPTED) status = cli_signal_status();
    } else if (args->json) {
        put_json(&b);
    } else {
        put_plain(&b);
    }
    free(b.tokens);
    free(b.prefill_ms);
    free(b.token_ms);
    cli_engine_close(&b.engine);
    return status;
}
