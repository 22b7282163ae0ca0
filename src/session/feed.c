/* feed.c - computing: tokens into the cache, logits out.
 *
 * A feed is one call, computed in pieces of the batch. The position moves only after the last
 * piece, so a call that is cancelled or fails leaves the session as it was: what it has written
 * lies behind the position. Rows of windowed layers that it has overwritten on the way are
 * computed anew, from the session's own tokens, before the next pass; by the law of the forward
 * pass they come out with the same bits.
 */
#include "session/core.h"

#include <inttypes.h>
#include <string.h>

typedef struct work {
    const uint32_t *tokens; /* (n) */
    uint32_t n;
    uint32_t pos; /* of tokens[0] */
    bnt_span call;
    bool cancellable;
} work;

static bnt_forward forward_of(bnt_session *s, const work *w)
{
    return (bnt_forward){.model = s->model,
                         .kv = &s->cache.kv,
                         .pool = s->pool,
                         .adapters = s->adapters,
                         .n_adapters = s->n_adapters,
                         .scratch = &s->scratch,
                         .cancel = w->cancellable ? &s->cancelled : NULL};
}

/* One pass over part of the work: count tokens from `from` on. */
static bantam_status run_pass(bnt_session *s, const bnt_forward *f, const work *w,
                              uint32_t from, uint32_t count, float *logits, uint32_t n_rows,
                              bantam_error *err)
{
    const uint32_t pos = w->pos + from;

    bnt_arena_reset(&s->scratch, 0);
    bnt_cache_touch(&s->cache, pos + count);
    return bnt_forward_run(f, w->tokens + from, count, pos, w->call, logits, n_rows, err);
}

/* All of the work; logits of the last token where logits is not NULL. */
static bantam_status compute(bnt_session *s, const work *w, float *logits, bantam_error *err)
{
    const bnt_forward f = forward_of(s, w);
    for (uint32_t from = 0; from < w->n;) {
        const uint32_t left = w->n - from;
        const uint32_t count = left < s->batch ? left : s->batch;
        const bool last = count == left && logits;
        const bantam_status status =
            run_pass(s, &f, w, from, count, last ? logits : NULL, last ? 1 : 0, err);
        if (status == BANTAM_ERR_CANCELLED) s->cancelled = 0;
        if (status) return status;
        from += count;
    }
    return BANTAM_OK;
}

/* Makes sure that the cache holds all that the next pass looks at. */
static bantam_status recover(bnt_session *s, bool cancellable, bantam_error *err)
{
    if (!s->position) s->cache.low = 0;
    if (bnt_cache_ready(&s->cache, s->position)) return BANTAM_OK;

    const work w = {.tokens = s->tokens,
                    .n = s->position,
                    .call = {0, s->position},
                    .cancellable = cancellable};
    s->cache.low = UINT32_MAX; /* nothing is there until all of it is */
    const bantam_status status = compute(s, &w, NULL, err);
    if (status) return status;
    s->cache.low = 0;
    bnt_cache_touch(&s->cache, s->position);
    return BANTAM_OK;
}

bantam_status bnt_session_check(const bnt_session *s, const uint32_t *tokens, size_t n,
                                bantam_error *err)
{
    const uint32_t left = s->context - s->position;

    if (n > left) {
        return bnt_fail(err, BANTAM_ERR_FULL,
                        "%zu tokens do not fit: the context has %" PRIu32
                        " positions, of which %" PRIu32 " are left",
                        n, s->context, left);
    }
    if (n && !tokens) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "%zu tokens are announced, none is given", n);
    }
    for (size_t i = 0; i < n; i++) {
        if (tokens[i] >= s->n_vocab) {
            return bnt_fail(err, BANTAM_ERR_INVALID,
                            "token %zu of %zu: id %" PRIu32 ", the vocabulary has %" PRIu32, i,
                            n, tokens[i], s->n_vocab);
        }
    }
    return BANTAM_OK;
}

static void advance(bnt_session *s, const work *w, const float *logits)
{
    memcpy(s->tokens + w->pos, w->tokens, w->n * sizeof *w->tokens);
    s->position = w->pos + w->n;
    s->call = w->call.first;
    s->logits = logits;
}

/* Current logits out of the way of rows that will be computed. */
static void set_aside(bnt_session *s)
{
    float *const spare = bnt_session_spare(s);
    if (!s->logits || s->logits == spare) return;
    s->logits = memcpy(spare, s->logits, s->n_vocab * sizeof *spare);
}

bantam_status bnt_session_feed(bnt_session *s, const uint32_t *tokens, size_t n,
                               bantam_error *err)
{
    float *const next = s->logits == s->rows ? bnt_session_spare(s) : s->rows;

    bantam_status status = bnt_session_begin(s, err);
    if (!status) status = bnt_session_check(s, tokens, n, err);
    if (status || !n) return status;

    const work w = {.tokens = tokens,
                    .n = (uint32_t)n,
                    .pos = s->position,
                    .call = {s->position, (uint32_t)n},
                    .cancellable = true};
    bnt_ahead_forget(s, s->position);
    status = recover(s, true, err);
    if (!status) status = compute(s, &w, next, err);
    if (!status) advance(s, &w, next);
    return status;
}

bantam_status bnt_session_feed_rows(bnt_session *s, const uint32_t *tokens, uint32_t n,
                                    bantam_error *err)
{
    bantam_status status = bnt_session_begin(s, err);
    if (!status) status = bnt_session_check(s, tokens, n, err);
    if (status) return status;

    const work w = {.tokens = tokens, .n = n, .pos = s->position, .cancellable = true};
    const bnt_forward f = forward_of(s, &w);
    set_aside(s);
    status = recover(s, true, err);
    if (!status) status = run_pass(s, &f, &w, 0, n, s->rows, n, err);
    if (status == BANTAM_ERR_CANCELLED) s->cancelled = 0;
    if (!status) bnt_session_step(s, tokens[0], s->rows);
    return status;
}

void bnt_session_step(bnt_session *s, uint32_t token, const float *logits)
{
    s->call = s->position;
    s->tokens[s->position++] = token;
    s->logits = logits;
}

bantam_status bnt_session_ready(bnt_session *s, bantam_error *err)
{
    bnt_ahead_forget(s, s->position);
    return recover(s, true, err);
}

void bnt_session_hold(bnt_session *s, const uint32_t *tokens, uint32_t n, const float *row)
{
    const work w = {.tokens = tokens, .n = n, .pos = s->position, .call = {s->position, n}};
    memcpy(s->rows, row, s->n_vocab * sizeof *row);
    advance(s, &w, s->rows);
}

/* Rows on their way out, logits or states: whom they go to, and how far the work has come. */
typedef struct scoring {
    bantam_logits_fn fn; /* or a bantam_states_fn, which is the same type */
    void *user;
    bool states;
    uint32_t width; /* of a row */
    size_t from;    /* first token of the pass */
    uint32_t last;  /* row of the last token handed out */
    bool stopped;   /* by fn, after token `at` */
    size_t at;
} scoring;

static bool hand_out(void *user, uint32_t first, uint32_t n, const float *rows)
{
    scoring *const s = user;

    for (uint32_t i = 0; i < n; i++) {
        s->at = s->from + first + i;
        s->stopped = !s->fn(s->user, s->at, rows + (size_t)i * s->width, s->width);
        if (s->stopped) return false;
    }
    s->last = n - 1;
    return true;
}

/* One pass over part of the work, all rows handed out. */
static bantam_status score_pass(bnt_session *s, const work *w, scoring *sc, uint32_t count,
                                bantam_error *err)
{
    const bool ends = sc->from + count == w->n;
    bnt_forward f = forward_of(s, w);
    f.user = sc;
    if (sc->states) {
        f.states = hand_out;
        return run_pass(s, &f, w, (uint32_t)sc->from, count, s->rows, ends ? 1 : 0, err);
    }
    f.take = hand_out;
    f.room = BNT_SCORE_ROWS;
    return run_pass(s, &f, w, (uint32_t)sc->from, count, s->rows, count, err);
}

static bantam_status score(bnt_session *s, const uint32_t *tokens, size_t n, scoring *sc,
                           bantam_error *err)
{
    const size_t row_bytes = s->n_vocab * sizeof *s->rows;
    float *const spare = bnt_session_spare(s);

    bantam_status status = bnt_session_begin(s, err);
    if (!status) status = bnt_session_check(s, tokens, n, err);
    if (status || !n) return status;

    const work w = {.tokens = tokens,
                    .n = (uint32_t)n,
                    .pos = s->position,
                    .call = {s->position, (uint32_t)n},
                    .cancellable = true};
    bnt_ahead_forget(s, s->position);
    set_aside(s);
    status = recover(s, true, err);
    for (uint32_t count = 0; sc->from < n && !status; sc->from += count) {
        const size_t left = n - sc->from;
        count = left < s->batch ? (uint32_t)left : s->batch;
        status = score_pass(s, &w, sc, count, err);
    }
    if (sc->stopped) {
        return bnt_fail(err, status, "stopped by the callback after token %zu", sc->at);
    }
    if (status == BANTAM_ERR_CANCELLED) s->cancelled = 0;
    if (status) return status;

    memcpy(spare, s->rows + sc->last * (size_t)s->n_vocab, row_bytes);
    advance(s, &w, spare);
    return BANTAM_OK;
}

bantam_status bnt_session_score(bnt_session *s, const uint32_t *tokens, size_t n,
                                bantam_logits_fn fn, void *user, bantam_error *err)
{
    scoring sc = {.fn = fn, .user = user, .width = s->n_vocab};
    return score(s, tokens, n, &sc, err);
}

bantam_status bnt_session_states(bnt_session *s, const uint32_t *tokens, size_t n,
                                 bantam_states_fn fn, void *user, bantam_error *err)
{
    scoring sc = {.fn = fn, .user = user, .states = true, .width = s->model->config.n_embd};
    return score(s, tokens, n, &sc, err);
}

bantam_status bnt_session_redo(bnt_session *s, uint32_t n_tokens, uint32_t call,
                               bantam_error *err)
{
    const uint32_t last = n_tokens - 1;
    const uint32_t token = s->tokens[last];
    const work w = {.tokens = &token, .n = 1, .pos = last, .call = {call, n_tokens - call}};

    bnt_ahead_forget(s, last);
    s->logits = NULL;
    s->position = last;
    bantam_status status = recover(s, false, err);
    if (!status) status = compute(s, &w, s->rows, err);
    if (!status) advance(s, &w, s->rows);
    return status;
}
