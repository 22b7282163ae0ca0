/* cmd_bench_draft.c - `bantam bench --draft`: what guesses save.
 *
 * The same answer is made without guesses and with them, in turns. Two models with random
 * weights never agree; --accept makes guesses come true as often as it says, which measures
 * what the time would be, and says nothing of how often they do.
 */
#include "cli_bench.h"
#include "cli_commands.h"
#include "cli_engine.h"
#include "cli_out.h"
#include "cli_signal.h"

#include <inttypes.h>
#include <stdlib.h>

typedef struct race {
    const cli_args *args;
    cli_engine engine;
    double plain, guessed; /* tokens per second, medians */
    bantam_speculated counts;
} race;

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Makes the answer from the same place; guesses or none. */
static bantam_status run(race *r, const bantam_speculation *guesses, double *rate,
                         bantam_error *err)
{
    bantam_session *const s = r->engine.session;
    const bantam_generation how = {
        .struct_size = sizeof how, .max_tokens = r->args->predict, .ignore_stop_tokens = true};
    const uint32_t last = bantam_session_token(s, r->args->prompt - 1);
    bantam_answer answer = {.n_tokens = 0};

    bantam_status status = bantam_session_speculate(s, guesses, err);
    if (!status) status = bantam_session_rewind(s, r->args->prompt - 1, err);
    if (!status) status = bantam_session_feed(s, &last, 1, err);
    const double start = cli_now_ms();
    if (!status) status = bantam_session_generate(s, &how, NULL, NULL, &answer, err);
    *rate = answer.n_tokens * 1e3 / (cli_now_ms() - start);
    return status;
}

static bantam_status run_all(race *r, bantam_error *err)
{
    const uint32_t n = r->args->repeat;
    const bantam_speculation guesses = cli_draft_options(&r->engine.draft, r->args);
    double *const plain = cli_grow(NULL, n, sizeof *plain);
    double *const guessed = cli_grow(NULL, n, sizeof *guessed);
    bantam_status status = run(r, &guesses, guessed, err); /* warms up */

    for (uint32_t i = 0; i < n && !status; i++) {
        bantam_speculated counts;
        status = run(r, NULL, &plain[i], err);
        if (!status) status = run(r, &guesses, &guessed[i], err);
        bantam_session_speculated(r->engine.session, &counts);
        r->counts.n_passes += counts.n_passes;
        r->counts.n_drafted += counts.n_drafted;
        r->counts.n_accepted += counts.n_accepted;
        cli_progress("runs", i + 1, n);
    }
    if (!status) {
        qsort(plain, n, sizeof *plain, ascending);
        qsort(guessed, n, sizeof *guessed, ascending);
        r->plain = plain[n / 2];
        r->guessed = guessed[n / 2];
    }
    free(plain);
    free(guessed);
    return status;
}

static void put(const race *r)
{
    const bantam_speculated *const c = &r->counts;
    const double drafted = c->n_drafted ? (double)c->n_drafted : 1.0;
    const double accepted = (double)c->n_accepted / drafted;
    const double length = drafted / (double)(c->n_passes ? c->n_passes : 1);

    if (r->args->json) {
        cli_put_json(
            json_pack("{s:f,s:f,s:f,s:I,s:I,s:I,s:f,s:f,s:b}", "decode_tok_s", r->plain,
                      "speculated_tok_s", r->guessed, "speedup", r->guessed / r->plain,
                      "passes", (json_int_t)c->n_passes, "drafted", (json_int_t)c->n_drafted,
                      "accepted", (json_int_t)c->n_accepted, "acceptance", accepted,
                      "draft_length", length, "replayed", r->args->guess.accepted > 0));
        return;
    }
    cli_printf("plain   %9.2f /s\nguessed %9.2f /s   %.2f times as fast\n", r->plain,
               r->guessed, r->guessed / r->plain);
    cli_printf("%.1f guesses a pass, %.0f %% of them came true%s\n", length, accepted * 100,
               r->args->guess.accepted > 0 ? " because --accept said so" : "");
}

int cli_bench_draft(const cli_args *args)
{
    race r = {.args = args};
    bantam_error err = {0};
    int status = cli_engine_open(&r.engine, args, args->prompt + args->predict);

    if (status) return status;
    uint32_t *const tokens = cli_grow(NULL, args->prompt, sizeof *tokens);
    cli_bench_tokens(tokens, args->prompt, r.engine.info.n_vocab);
    bantam_status failed = bantam_session_feed(r.engine.session, tokens, args->prompt, &err);
    if (!failed) failed = run_all(&r, &err);
    cli_progress("", 0, 0);
    if (failed) {
        status = cli_signal_fail(&err);
    } else {
        put(&r);
    }
    free(tokens);
    cli_engine_close(&r.engine);
    return status;
}
