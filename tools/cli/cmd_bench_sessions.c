/* cmd_bench_sessions.c - `bantam bench --sessions N`: what answering together saves.
 *
 * The same tokens are made by one session alone and by N of them in one pass, in turns. Before
 * both, every session holds a prompt of its own; reading it is left out.
 */
#include "cli_batch.h"
#include "cli_bench.h"
#include "cli_commands.h"
#include "cli_out.h"
#include "cli_signal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct choir {
    const cli_args *args;
    cli_engine engine;
    cli_batch batch;
    double alone, together; /* tokens per second of all, medians */
} choir;

static bantam_status feed_all(const choir *c, bantam_error *err)
{
    const uint32_t n = c->args->prompt;
    uint32_t *const tokens = cli_grow(NULL, n + c->batch.n, sizeof *tokens);
    bantam_status status = BANTAM_OK;

    cli_bench_tokens(tokens, n + c->batch.n, c->engine.info.n_vocab);
    for (uint32_t i = 0; i < c->batch.n && !status; i++) {
        status = bantam_session_feed(c->batch.sessions[i], tokens + i, n, err);
        cli_progress("prompts", i + 1, c->batch.n);
    }
    free(tokens);
    return status;
}

/* Back to the end of the prompt. */
static bantam_status go_back(const choir *c, bantam_session *s, bantam_error *err)
{
    const uint32_t last = bantam_session_token(s, c->args->prompt - 1);
    const bantam_status status = bantam_session_rewind(s, c->args->prompt - 1, err);

    return status ? status : bantam_session_feed(s, &last, 1, err);
}

static bantam_generation how_of(const choir *c)
{
    return (bantam_generation){.struct_size = sizeof(bantam_generation),
                               .max_tokens = c->args->predict,
                               .ignore_stop_tokens = true};
}

static bantam_status sing_alone(const choir *c, double *rate, bantam_error *err)
{
    const bantam_generation how = how_of(c);
    bantam_answer answer = {.n_tokens = 0};
    bantam_status status = go_back(c, c->engine.session, err);
    const double start = cli_now_ms();

    if (!status) {
        status = bantam_session_generate(c->engine.session, &how, NULL, NULL, &answer, err);
    }
    *rate = answer.n_tokens * 1e3 / (cli_now_ms() - start);
    return status;
}

static bantam_status sing_together(const choir *c, double *rate, bantam_error *err)
{
    const bantam_generation how = how_of(c);
    bantam_request request = {.struct_size = sizeof request, .generation = &how};
    bantam_status status = BANTAM_OK;
    uint32_t left = c->batch.n;

    for (uint32_t i = 0; i < c->batch.n && !status; i++) {
        status = go_back(c, c->batch.sessions[i], err);
        request.session = c->batch.sessions[i];
        if (!status) status = bantam_batch_join(c->batch.batch, &request, err);
    }
    const double start = cli_now_ms();
    while (left && !status) {
        status = bantam_batch_step(c->batch.batch, &left, err);
        if (status || !cli_signal_caught()) continue;
        *err = (bantam_error){BANTAM_ERR_CANCELLED, "cancelled"};
        status = BANTAM_ERR_CANCELLED;
    }
    *rate = (double)c->batch.n * c->args->predict * 1e3 / (cli_now_ms() - start);
    return status;
}

static bantam_status run_all(choir *c, bantam_error *err)
{
    const uint32_t n = c->args->repeat;
    double *const alone = cli_grow(NULL, n, sizeof *alone);
    double *const together = cli_grow(NULL, n, sizeof *together);
    bantam_status status = sing_together(c, together, err); /* warms up */

    for (uint32_t i = 0; i < n && !status; i++) {
        status = sing_alone(c, &alone[i], err);
        if (!status) status = sing_together(c, &together[i], err);
        cli_progress("runs", i + 1, n);
    }
    if (!status) {
        c->alone = cli_bench_median(alone, n);
        c->together = cli_bench_median(together, n);
    }
    free(alone);
    free(together);
    return status;
}

static void put(const choir *c)
{
    const uint32_t n = c->batch.n;
    const bantam_text path = {c->engine.path, strlen(c->engine.path)};

    if (c->args->json) {
        cli_put_json(json_pack(
            "{s:o,s:I,s:I,s:I,s:I,s:f,s:f,s:f,s:f,s:I,s:I}", "model", cli_json_text(path),
            "threads", (json_int_t)c->engine.plan.n_threads, "sessions", (json_int_t)n,
            "prompt_tokens", (json_int_t)c->args->prompt, "tokens",
            (json_int_t)c->args->predict, "alone_tok_s", c->alone, "together_tok_s",
            c->together, "each_tok_s", c->together / n, "speedup", c->together / c->alone,
            "planned_bytes", (json_int_t)c->batch.planned_bytes, "peak_bytes",
            (json_int_t)cli_peak_bytes()));
        return;
    }
    cli_printf("one session alone      %9.2f /s\n", c->alone);
    cli_printf("%2" PRIu32 " sessions in a pass  %9.2f /s   %.2f times as many; %.2f /s each\n",
               n, c->together, c->together / c->alone, c->together / n);
    cli_printf("memory  %.1f MB at most, %.1f MB planned\n", (double)cli_peak_bytes() / 1e6,
               (double)c->batch.planned_bytes / 1e6);
}

int cli_bench_sessions(const cli_args *args)
{
    choir c = {.args = args};
    bantam_error err = {0};
    int status = cli_engine_open(&c.engine, args, args->prompt + args->predict);

    if (!status) status = cli_batch_open(&c.batch, &c.engine, args, args->bench.sessions);
    if (!status) {
        cli_signal_watched(true);
        bantam_status failed = feed_all(&c, &err);
        if (!failed) failed = run_all(&c, &err);
        cli_progress("", 0, 0);
        if (failed) {
            status = cli_signal_fail(&err);
        } else {
            put(&c);
        }
        cli_signal_watched(false);
    }
    cli_batch_close(&c.batch);
    cli_engine_close(&c.engine);
    return status;
}
