/* cli_answer.c - feeds a prompt, streams the answer, keeps the times; see cli_answer.h. */
#include "cli_answer.h"

#include "cli_memory.h"
#include "cli_prefix.h"
#include "cli_signal.h"
#include "cli_tools.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct stream {
    cli_answer *answer;
    cli_engine *engine;
    bool shown; /* text goes to standard output as it comes */
    double start;
    cli_call_watch calls;
    uint32_t first_position; /* of the session, before the answer */
} stream;

static void grow_to(cli_answer *a, size_t n)
{
    if (n <= a->capacity) return;
    const size_t capacity = n * 2 + 64;

    a->tokens = cli_grow(a->tokens, capacity, sizeof *a->tokens);
    a->logprobs = cli_grow(a->logprobs, capacity, sizeof *a->logprobs);
    if (a->n_tops > 0) {
        a->tops = cli_grow(a->tops, capacity * a->n_tops, sizeof *a->tops);
        a->top_counts = cli_grow(a->top_counts, capacity, sizeof *a->top_counts);
        memset(a->top_counts + a->capacity, 0,
               (capacity - a->capacity) * sizeof *a->top_counts);
    }
    a->capacity = capacity;
}

/* Keeps the likeliest tokens of the place that the session's logits stand for. */
static void keep_tops(stream *s)
{
    cli_answer *a = s->answer;
    const uint32_t position = bantam_session_position(s->engine->session);

    if (a->n_tops == 0 || position < s->first_position) return;
    const size_t place = position - s->first_position;
    grow_to(a, place + 1);
    if (bantam_session_top(s->engine->session, a->tops + place * a->n_tops, a->n_tops, NULL) ==
        BANTAM_OK) {
        a->top_counts[place] = a->n_tops;
    }
}

static void keep_token(stream *s, const bantam_step *step)
{
    cli_answer *a = s->answer;

    grow_to(a, (size_t)step->index + 1);
    a->tokens[step->index] = step->token;
    a->logprobs[step->index] = step->logprob;
    keep_tops(s);
}

/* Room for nearly every answer, so that none breaks off for want of it. */
static void reserve_text(stream *s, const cli_args *args)
{
    enum { USUAL_BYTES = 8 }; /* of a token; the mean of English is 4 */
    size_t n = bantam_session_capacity(s->engine->session);

    if (args->max_tokens > 0 && args->max_tokens < n) n = args->max_tokens;
    if (s->answer->keep_text) cli_buf_reserve(&s->answer->text, n * USUAL_BYTES);
}

static bool on_step(void *user, const bantam_step *step)
{
    stream *s = user;
    cli_answer *a = s->answer;

    if (step->token != BANTAM_NO_TOKEN) {
        if (step->index == 0) a->first_token_ms = cli_now_ms() - s->start;
        a->n_tokens = (size_t)step->index + 1;
        if (!s->shown) keep_token(s, step);
        if (!cli_call_watch_token(&s->calls, step->token)) return false;
    }
    a->text_bytes += step->text.size;
    if (!s->shown || a->keep_text) cli_buf_add(&a->text, step->text.data, step->text.size);
    if (s->shown && step->text.size > 0) {
        cli_put_text(step->text);
        if (!cli_flush()) return false; /* nobody reads any more: stop */
    }
    if (step->token != BANTAM_NO_TOKEN) cli_pace_wait(&s->engine->pace);
    return true;
}

static const bantam_text *as_texts(const cli_texts *list)
{
    bantam_text *texts = cli_grow(NULL, list->n, sizeof *texts);

    for (size_t i = 0; i < list->n; i++) {
        texts[i] = (bantam_text){list->items[i], strlen(list->items[i])};
    }
    return texts;
}

bantam_generation cli_generation(const cli_args *args)
{
    bantam_generation g = {.struct_size = sizeof g};

    g.max_tokens = args->max_tokens;
    g.ignore_stop_tokens = args->ignore_eos;
    g.stop = as_texts(&args->stop);
    g.n_stop = args->stop.n;
    g.banned = as_texts(&args->ban);
    g.n_banned = args->ban.n;
    if (args->force) g.forced = (bantam_text){args->force, strlen(args->force)};
    return g;
}

void cli_generation_free(bantam_generation *g)
{
    free((void *)(uintptr_t)g->stop);
    free((void *)(uintptr_t)g->banned);
}

static bantam_status generate(stream *s, const cli_args *args, bantam_error *err)
{
    bantam_generation g = cli_generation(args);
    bantam_answer out = {0};

    const bantam_status status =
        bantam_session_generate(s->engine->session, &g, on_step, s, &out, err);
    s->answer->finish = out.finish;
    if (out.n_tokens < s->answer->n_tokens) s->answer->n_tokens = out.n_tokens;
    cli_generation_free(&g);
    return status;
}

bantam_status cli_answer_make(cli_answer *a, cli_engine *e, const cli_args *args,
                              const uint32_t *tokens, size_t n_tokens, bantam_error *err)
{
    stream s = {.answer = a, .engine = e, .shown = !args->json, .start = cli_now_ms()};
    bantam_status status = BANTAM_OK;

    *a = (cli_answer){.prompt_tokens = n_tokens,
                      .n_tops = args->logprobs,
                      .keep_text = a->keep_text,
                      .shared_tokens = a->shared_tokens};
    if (a->n_tops > e->info.n_vocab) a->n_tops = e->info.n_vocab;
    if (e->prefixes && a->shared_tokens > 0) {
        status = cli_prefix_feed(e, tokens, n_tokens, a->shared_tokens, &a->found_tokens, err);
    } else if (n_tokens > 0) {
        status = bantam_session_feed(e->session, tokens, n_tokens, err);
    }
    a->prefill_ms = cli_now_ms() - s.start;
    if (!status) {
        s.first_position = bantam_session_position(e->session);
        keep_tops(&s);
        reserve_text(&s, args);
        cli_pace_begin(&e->pace);
        cli_call_watch_open(&s.calls, e, args);
        status = generate(&s, args, err);
        cli_call_watch_close(&s.calls);
        a->decode_ms = cli_now_ms() - s.start - a->first_token_ms;
    }
    if (status == BANTAM_ERR_CANCELLED) a->finish = BANTAM_FINISH_CANCELLED;
    return status;
}

void cli_answer_free(cli_answer *a)
{
    cli_buf_free(&a->text);
    free(a->tokens);
    free(a->logprobs);
    free(a->tops);
    free(a->top_counts);
    *a = (cli_answer){0};
}

double cli_answer_prefill_rate(const cli_answer *a)
{
    const size_t computed = a->prompt_tokens - a->found_tokens;

    return a->prefill_ms > 0.0 ? (double)computed * 1e3 / a->prefill_ms : 0.0;
}

double cli_answer_decode_rate(const cli_answer *a)
{
    if (a->n_tokens < 2 || a->decode_ms <= 0.0) return 0.0;
    return (double)(a->n_tokens - 1) * 1e3 / a->decode_ms;
}

const char *cli_finish_name(bantam_finish finish)
{
    static const char *const names[] = {"stop", "length", "cancelled"};

    return names[finish];
}

json_t *cli_json_ids(const uint32_t *ids, size_t n)
{
    json_t *array = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, json_integer(ids[i]));
    return array;
}

static json_t *json_logprobs(const cli_answer *a)
{
    json_t *array = json_array();

    for (size_t i = 0; i < a->n_tokens; i++) {
        json_t *top = json_array();
        for (size_t k = 0; k < a->top_counts[i]; k++) {
            const bantam_candidate *c = &a->tops[i * a->n_tops + k];
            json_array_append_new(top, json_pack("{s:I,s:o}", "token", (json_int_t)c->token,
                                                 "logprob", cli_json_real(c->logprob)));
        }
        json_array_append_new(array,
                              json_pack("{s:I,s:o,s:o}", "token", (json_int_t)a->tokens[i],
                                        "logprob", cli_json_real(a->logprobs[i]), "top", top));
    }
    return array;
}

json_t *cli_answer_json(const cli_answer *a, const cli_engine *e, const cli_args *args)
{
    const bantam_text text = {a->text.data, a->text.size};
    json_t *o = json_object();
    bantam_speculated guesses;

    bantam_session_speculated(e->session, &guesses);
    json_object_set_new(o, "text", cli_json_text(text));
    json_object_set_new(o, "tokens", cli_json_ids(a->tokens, a->n_tokens));
    json_object_set_new(o, "prompt_tokens", json_integer((json_int_t)a->prompt_tokens));
    json_object_set_new(o, "found_tokens", json_integer((json_int_t)a->found_tokens));
    json_object_set_new(o, "completion_tokens", json_integer((json_int_t)a->n_tokens));
    json_object_set_new(o, "finish", json_string(cli_finish_name(a->finish)));
    json_object_set_new(o, "tool_calls", args->tools ? cli_tool_calls(e, a) : json_array());
    if (a->n_tops > 0) json_object_set_new(o, "logprobs", json_logprobs(a));
    json_object_set_new(o, "timings",
                        json_pack("{s:f,s:f,s:f,s:f}", "load_ms", e->load_ms, "first_token_ms",
                                  a->first_token_ms, "prefill_tok_s",
                                  cli_answer_prefill_rate(a), "decode_tok_s",
                                  cli_answer_decode_rate(a)));
    json_object_set_new(o, "speculation",
                        json_pack("{s:I,s:I}", "drafted", (json_int_t)guesses.n_drafted,
                                  "accepted", (json_int_t)guesses.n_accepted));
    json_object_set_new(
        o, "memory",
        json_pack("{s:I,s:I,s:I,s:s}", "planned_bytes", (json_int_t)e->plan.total_bytes,
                  "peak_bytes", (json_int_t)cli_peak_bytes(), "context_tokens",
                  (json_int_t)e->plan.context_tokens, "kv", cli_kv_name(e->plan.kv)));
    return o;
}

void cli_answer_stats(const cli_answer *a, const cli_engine *e)
{
    cli_verbose(
        "prompt %zu tokens, %zu found, %.1f/s; answer %zu tokens, %.1f/s; first after %.0f ms; "
        "context %" PRIu32 " of %" PRIu32 "; peak memory %.1f MB",
        a->prompt_tokens, a->found_tokens, cli_answer_prefill_rate(a), a->n_tokens,
        cli_answer_decode_rate(a), a->first_token_ms, bantam_session_position(e->session),
        bantam_session_capacity(e->session), (double)cli_peak_bytes() / 1e6);
}
