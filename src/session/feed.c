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

/* One pass over part of the work: count tokens from `from` on. */
static bantam_status pass(bnt_session *s, const work *w, uint32_t from, uint32_t count,
                          float *logits, uint32_t n_rows, bantam_error *err)
{
    const bnt_forward f = {.model = s->model,
                           .kv = &s->cache.kv,
                           .pool = s->pool,
                           .scratch = &s->scratch,
                           .cancel = w->cancellable ? &s->cancelled : NULL};
    const uint32_t pos = w->pos + from;

    bnt_arena_reset(&s->scratch, 0);
    bnt_cache_touch(&s->cache, pos + count);
    const bantam_status status =
        bnt_forward_run(&f, w->tokens + from, count, pos, w->call, logits, n_rows, err);
    if (status == BANTAM_ERR_CANCELLED) s->cancelled = 0;
    return status;
}

/* All of the work; logits of the last token where logits is not NULL. */
static bantam_status compute(bnt_session *s, const work *w, float *logits, bantam_error *err)
{
    for (uint32_t from = 0; from < w->n;) {
        const uint32_t left = w->n - from;
        const uint32_t count = left < s->batch ? left : s->batch;
        const bool last = count == left && logits;
        const bantam_status status =
            pass(s, w, from, count, last ? logits : NULL, last ? 1 : 0, err);
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

static bantam_status check_tokens(const bnt_session *s, const uint32_t *tokens, size_t n,
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

bantam_status bnt_session_feed(bnt_session *s, const uint32_t *tokens, size_t n,
                               bantam_error *err)
{
    float *const next = s->logits == s->rows ? bnt_session_spare(s) : s->rows;

    bantam_status status = bnt_session_check_cancel(s, err);
    if (!status) status = check_tokens(s, tokens, n, err);
    if (status || !n) return status;

    const work w = {.tokens = tokens,
                    .n = (uint32_t)n,
                    .pos = s->position,
                    .call = {s->position, (uint32_t)n},
                    .cancellable = true};
    status = recover(s, true, err);
    if (!status) status = compute(s, &w, next, err);
    if (!status) advance(s, &w, next);
    return status;
}

/* Hands out the logits of a piece, row by row. */
static bantam_status hand_out(const bnt_session *s, uint32_t from, uint32_t count,
                              bantam_logits_fn fn, void *user, bantam_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!fn(user, (size_t)from + i, s->rows + (size_t)i * s->n_vocab, s->n_vocab)) {
            return bnt_fail(err, BANTAM_ERR_CANCELLED,
                            "stopped by the callback after token %" PRIu32, from + i);
        }
    }
    return BANTAM_OK;
}

bantam_status bnt_session_score(bnt_session *s, const uint32_t *tokens, size_t n,
                                bantam_logits_fn fn, void *user, bantam_error *err)
{
    const size_t row_bytes = s->n_vocab * sizeof *s->rows;
    const uint32_t most = s->batch < BNT_SCORE_ROWS ? s->batch : BNT_SCORE_ROWS;
    float *const spare = bnt_session_spare(s);
    uint32_t count = 0;

    bantam_status status = bnt_session_check_cancel(s, err);
    if (!status) status = check_tokens(s, tokens, n, err);
    if (status || !n) return status;

    const work w = {.tokens = tokens,
                    .n = (uint32_t)n,
                    .pos = s->position,
                    .call = {s->position, (uint32_t)n},
                    .cancellable = true};
    if (s->logits == s->rows) s->logits = memcpy(spare, s->rows, row_bytes);
    status = recover(s, true, err);
    for (uint32_t from = 0; from < w.n && !status; from += count) {
        count = w.n - from < most ? w.n - from : most;
        status = pass(s, &w, from, count, s->rows, count, err);
        if (!status) status = hand_out(s, from, count, fn, user, err);
    }
    if (status) return status;

    memcpy(spare, s->rows + (size_t)(count - 1) * s->n_vocab, row_bytes);
    advance(s, &w, spare);
    return BANTAM_OK;
}

bantam_status bnt_session_redo(bnt_session *s, uint32_t n_tokens, uint32_t call,
                               bantam_error *err)
{
    const uint32_t last = n_tokens - 1;
    const uint32_t token = s->tokens[last];
    const work w = {.tokens = &token, .n = 1, .pos = last, .call = {call, n_tokens - call}};

    s->logits = NULL;
    s->position = last;
    bantam_status status = recover(s, false, err);
    if (!status) status = compute(s, &w, s->rows, err);
    if (!status) advance(s, &w, s->rows);
    return status;
}
