/* cmd_bench.c - `bantam bench`: the speed of reading a prompt and of making tokens.
 *
 * The tokens are made up, because which ones they are changes no time; choosing them is left
 * out. Every run begins from the same place in the context.
 */
#include "cli_commands.h"
#include "cli_engine.h"
#include "cli_out.h"
#include "cli_signal.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_THREADS = 64, BANDWIDTH_PASSES = 5 };
static const size_t bandwidth_bytes = (size_t)256 << 20;

typedef struct spread {
    double median, min, max;
} spread;

typedef struct bench {
    const cli_args *args;
    cli_engine engine;
    uint32_t *tokens; /* enough for the longest feed */
    double *times_ms; /* args->repeat of them */
    spread prefill, decode, first_ms;
    double bandwidth; /* GB/s, 0 where it was not measured */
} bench;

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static spread spread_of(double *values, size_t n)
{
    qsort(values, n, sizeof *values, ascending);
    return (spread){n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2, values[0],
                    values[n - 1]};
}

/* Tokens per second of n tokens, from milliseconds. */
static spread rate_of(spread ms, uint32_t n)
{
    const double k = (double)n * 1e3;

    return (spread){k / ms.median, k / ms.max, k / ms.min};
}

static bantam_status run_prefill(bench *b, bantam_error *err)
{
    bantam_session *s = b->engine.session;

    for (uint32_t i = 0; i <= b->args->repeat; i++) { /* the first one warms up */
        bantam_status status = bantam_session_rewind(s, b->args->depth, err);
        const double start = cli_now_ms();
        if (!status) status = bantam_session_feed(s, b->tokens, b->args->prompt, err);
        if (status) return status;
        if (i > 0) b->times_ms[i - 1] = cli_now_ms() - start;
        cli_progress("prompt", i, b->args->repeat);
    }
    b->first_ms = spread_of(b->times_ms, b->args->repeat);
    b->prefill = rate_of(b->first_ms, b->args->prompt);
    return BANTAM_OK;
}

static bantam_status run_decode(bench *b, bantam_error *err)
{
    bantam_session *s = b->engine.session;

    for (uint32_t i = 0; i < b->args->repeat; i++) {
        bantam_status status = bantam_session_rewind(s, b->args->depth, err);
        const double start = cli_now_ms();
        for (uint32_t t = 0; t < b->args->predict && !status; t++) {
            status = bantam_session_feed(s, b->tokens + t, 1, err);
        }
        if (status) return status;
        b->times_ms[i] = cli_now_ms() - start;
        cli_progress("tokens", i + 1, b->args->repeat);
    }
    b->decode = rate_of(spread_of(b->times_ms, b->args->repeat), b->args->predict);
    return BANTAM_OK;
}

/* ---- memory bandwidth -------------------------------------------------------------------- */

typedef struct reader {
    const uint64_t *words;
    size_t n;
    uint64_t sum;
} reader;

static void *read_words(void *user)
{
    reader *r = user;
    uint64_t a = 0, b = 0, c = 0, d = 0;

    for (size_t i = 0; i + 4 <= r->n; i += 4) {
        a += r->words[i];
        b += r->words[i + 1];
        c += r->words[i + 2];
        d += r->words[i + 3];
    }
    r->sum = a + b + c + d;
    return NULL;
}

/* One pass over the buffer with n threads; the sum keeps the reads from being left out. */
static uint64_t read_once(const uint64_t *words, size_t total, uint32_t n)
{
    pthread_t threads[MOST_THREADS];
    reader readers[MOST_THREADS];
    bool started[MOST_THREADS];
    uint64_t sum = 0;
    const size_t share = total / n;

    for (uint32_t i = 0; i < n; i++) {
        readers[i] = (reader){words + i * share, share, 0};
        started[i] = pthread_create(&threads[i], NULL, read_words, &readers[i]) == 0;
        if (!started[i]) read_words(&readers[i]);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (started[i]) pthread_join(threads[i], NULL);
        sum += readers[i].sum;
    }
    return sum;
}

/* The best of a few passes over a buffer that no cache holds, in GB/s. 0 where there is not
 * enough memory to try. */
static double measure_bandwidth(uint32_t n_threads)
{
    const uint32_t n = n_threads == 0 ? 1 : n_threads > MOST_THREADS ? MOST_THREADS : n_threads;
    bantam_device_info device;
    double best = 0.0;
    volatile uint64_t sink = 0;

    bantam_device_describe(&device);
    if (device.available_bytes < 2 * bandwidth_bytes) return 0.0;
    uint64_t *words = malloc(bandwidth_bytes);
    if (!words) return 0.0;
    memset(words, 1, bandwidth_bytes);
    for (int i = 0; i < BANDWIDTH_PASSES; i++) {
        const double start = cli_now_ms();
        sink += read_once(words, bandwidth_bytes / sizeof *words, n);
        const double rate = (double)bandwidth_bytes / ((cli_now_ms() - start) * 1e6);
        if (rate > best) best = rate;
    }
    (void)sink;
    free(words);
    return best;
}

/* ---- the report -------------------------------------------------------------------------- */

/* What one token reads of the weights, as a share of what memory delivers in its time. */
static double share_of_bandwidth(const bench *b)
{
    return b->decode.median * (double)b->engine.info.weight_bytes / (b->bandwidth * 1e9);
}

static json_t *json_spread(spread s, uint32_t tokens)
{
    return json_pack("{s:I,s:o,s:o,s:o}", "tokens", (json_int_t)tokens, "median",
                     cli_json_real(s.median), "min", cli_json_real(s.min), "max",
                     cli_json_real(s.max));
}

static void put_json(const bench *b, const bantam_device_info *device, uint64_t peak)
{
    const bantam_model_info *m = &b->engine.info;
    const bantam_text path = {b->engine.path, strlen(b->engine.path)};
    json_t *o =
        json_pack("{s:o,s:o,s:o,s:I,s:I,s:I,s:s}", "model", cli_json_text(path), "family",
                  cli_json_text(m->family), "type", cli_json_text(m->type), "params",
                  (json_int_t)m->n_params, "file_bytes", (json_int_t)m->file_bytes, "threads",
                  (json_int_t)b->engine.plan.n_threads, "cpu", device->cpu);

    json_object_set_new(o, "prefill", json_spread(b->prefill, b->args->prompt));
    json_object_set_new(o, "decode", json_spread(b->decode, b->args->predict));
    json_object_set_new(o, "load_ms", cli_json_real(b->engine.load_ms));
    json_object_set_new(o, "first_token_ms", cli_json_real(b->first_ms.median));
    json_object_set_new(o, "peak_bytes", json_integer((json_int_t)peak));
    const bool known = b->bandwidth > 0.0;
    json_object_set_new(o, "bandwidth_gb_s", known ? cli_json_real(b->bandwidth) : json_null());
    json_object_set_new(o, "decode_share_of_bandwidth",
                        known ? cli_json_real(share_of_bandwidth(b)) : json_null());
    cli_put_json(o);
}

static void put_plain(const bench *b, const bantam_device_info *device, uint64_t peak)
{
    const bantam_model_info *m = &b->engine.info;

    cli_put_text((bantam_text){b->engine.path, strlen(b->engine.path)});
    cli_put("\n", 1);
    cli_put_text(m->family);
    cli_put(" ", 1);
    cli_put_text(m->type);
    cli_printf(", %.1f M parameters, %.1f MB; %" PRIu32 " threads, %s\n",
               (double)m->n_params / 1e6, (double)m->file_bytes / 1e6, b->engine.plan.n_threads,
               device->cpu);
    cli_printf("prompt  %6" PRIu32 " tokens  %9.2f /s  (%.2f to %.2f)\n", b->args->prompt,
               b->prefill.median, b->prefill.min, b->prefill.max);
    cli_printf("decode  %6" PRIu32 " tokens  %9.2f /s  (%.2f to %.2f)\n", b->args->predict,
               b->decode.median, b->decode.min, b->decode.max);
    cli_printf("load %.0f ms, first token after %.0f ms, peak memory %.1f MB\n",
               b->engine.load_ms, b->first_ms.median, (double)peak / 1e6);
    if (b->bandwidth > 0.0) {
        cli_printf("memory bandwidth %.1f GB/s, of which decoding uses %.0f %%\n", b->bandwidth,
                   share_of_bandwidth(b) * 100);
    }
}

/* Any tokens of the vocabulary will do; a fixed sequence makes runs alike. */
static void make_tokens(bench *b)
{
    const cli_args *args = b->args;
    uint32_t n = args->prompt > args->predict ? args->prompt : args->predict;
    uint32_t state = 12345;

    if (args->depth > n) n = args->depth;
    b->tokens = cli_grow(NULL, n, sizeof *b->tokens);
    b->times_ms = cli_grow(NULL, args->repeat, sizeof *b->times_ms);
    for (uint32_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        b->tokens[i] = (state >> 8) % b->engine.info.n_vocab;
    }
}

int cli_bench(const cli_args *args)
{
    bench b = {.args = args};
    const uint32_t longest = args->prompt > args->predict ? args->prompt : args->predict;
    bantam_device_info device;
    bantam_error err = {0};
    int status = cli_engine_open(&b.engine, args, args->depth + longest);

    if (status) return status;
    make_tokens(&b);
    bantam_status failed = BANTAM_OK;
    if (args->depth > 0) {
        failed = bantam_session_feed(b.engine.session, b.tokens, args->depth, &err);
    }
    if (!failed) failed = run_prefill(&b, &err);
    if (!failed) failed = run_decode(&b, &err);
    cli_progress("", 0, 0);
    if (failed) {
        status = cli_fail(&err);
        if (status == CLI_INTERRUPTED) status = cli_signal_status();
    } else {
        const uint64_t peak = cli_peak_bytes(); /* before memory is taken to measure it */
        b.bandwidth = measure_bandwidth(b.engine.plan.n_threads);
        bantam_device_describe(&device);
        snprintf(device.cpu, sizeof device.cpu, "%s", bantam_model_cpu(b.engine.model));
        if (args->json)
            put_json(&b, &device, peak);
        else
            put_plain(&b, &device, peak);
    }
    free(b.tokens);
    free(b.times_ms);
    cli_engine_close(&b.engine);
    return status;
}
