/* stream.c - settled text, held back and handed out.
 *
 * The text is kept from `base` on: everything that was not handed out, and before the first
 * token that may be drawn back as much as a banned string may reach back from it, because after
 * a rollback the matchers read that again.
 *
 * Why nothing of a stop string leaks, also after a rollback: what is handed out never passes
 * the start of a live beginning of a stop string, and while a token may be drawn back, never
 * passes what was live before that token either.
 */
#include "session/stream.h"
#include "base/checked.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <string.h>

static bnt_stream_token *token_at(bnt_stream *s, uint32_t index)
{
    return &s->held[index % BNT_STREAM_HELD];
}

/* Forced text that contains a banned string cannot be begun with. */
static bantam_status check_forced(bnt_stream *s, bantam_text forced, bantam_error *err)
{
    if (forced.size && !forced.data) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "forced text: %zu bytes are announced, none is given", forced.size);
    }
    for (size_t i = 0; i < forced.size; i++) {
        if (bnt_needles_step(&s->banned, (uint8_t)forced.data[i])) {
            return bnt_fail(err, BANTAM_ERR_INVALID,
                            "the forced text contains a banned string, which ends at its byte "
                            "%zu",
                            i + 1);
        }
    }
    bnt_needles_reset(&s->banned);
    return BANTAM_OK;
}

/* Text not handed out is at most a live stop string, a live banned string and the token it
 * began in, and three bytes of a character; before it a banned string is kept for rollbacks.
 * Twice that, so that moving it down is paid for by the bytes that came in between. */
static bool size_buffers(const bnt_stream *s, size_t *text, size_t *clean)
{
    size_t need = 0;

    if (!bnt_mul_size(s->banned.longest, 2, &need)) return false;
    if (!bnt_add_size(need, s->stop.longest, &need)) return false;
    if (!bnt_add_size(need, s->max_token_bytes, &need)) return false;
    if (!bnt_add_size(need, s->max_token_bytes + 8, &need)) return false;
    /* A bad byte becomes the three bytes of U+FFFD. */
    return bnt_mul_size(need, 2, text) && bnt_mul_size(need, 3, clean);
}

bantam_status bnt_stream_init(bnt_stream *s, const bantam_generation *options,
                              size_t max_token_bytes, bantam_error *err)
{
    size_t clean = 0;

    memset(s, 0, sizeof *s);
    s->forced = options->forced.size;
    s->end = UINT64_MAX;
    s->max_token_bytes = max_token_bytes;

    bantam_status status =
        bnt_needles_init(&s->stop, options->stop, options->n_stop, "stop", err);
    if (!status) {
        status =
            bnt_needles_init(&s->banned, options->banned, options->n_banned, "banned", err);
    }
    if (!status) status = check_forced(s, options->forced, err);
    if (status) goto fail;

    if (!size_buffers(s, &s->capacity, &clean)) clean = SIZE_MAX;
    bnt_buf_init(&s->clean, clean);
    s->text = clean == SIZE_MAX ? NULL : bnt_alloc(s->capacity);
    if (!s->text || !bnt_buf_extend(&s->clean, clean)) {
        status = bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for the text of an answer");
        goto fail;
    }
    bnt_buf_clear(&s->clean);
    return BANTAM_OK;

fail:
    bnt_stream_deinit(s);
    return status;
}

void bnt_stream_deinit(bnt_stream *s)
{
    bnt_needles_deinit(&s->stop);
    bnt_needles_deinit(&s->banned);
    bnt_buf_deinit(&s->clean);
    bnt_free(s->text);
    s->text = NULL;
}

/* Drops what neither a step nor a rollback can need, where the next token would not fit. */
static void make_room(bnt_stream *s, size_t size)
{
    const uint64_t first = s->n_taken < s->n_put ? token_at(s, s->n_taken)->start : s->total;
    const uint64_t back = first > s->banned.longest ? first - s->banned.longest : 0;
    const uint64_t keep = back < s->given ? back : s->given;

    if (s->total - s->base + size <= s->capacity) return;
    memmove(s->text, s->text + (keep - s->base), (size_t)(s->total - keep));
    s->base = keep;
}

/* The token, among those that wait, in which the byte at offset lies; the first that waits
 * where the byte came before them all. */
static uint32_t token_with(bnt_stream *s, uint64_t offset)
{
    uint32_t index = s->n_put - 1;

    while (index > s->n_taken && token_at(s, index)->start > offset)
        index--;
    return index;
}

/* The first token that may still be drawn back, n_put where none may. */
static uint32_t first_unsure(bnt_stream *s)
{
    uint64_t from = s->total - s->banned.live;

    if (from < s->forced) from = s->forced;
    if (from >= s->total || s->n_taken == s->n_put || s->end != UINT64_MAX) return s->n_put;
    const uint32_t index = token_with(s, from);
    /* One place in the ring stays free for the next token. */
    const uint32_t oldest = s->n_put - s->n_taken == BNT_STREAM_HELD ? s->n_taken + 1 : index;
    return index > oldest ? index : oldest;
}

/* How far the text may be handed out. */
static uint64_t settled_end(bnt_stream *s)
{
    uint64_t end = s->total - s->stop.live;
    const uint32_t unsure = first_unsure(s);

    if (s->end != UINT64_MAX) return s->end;
    if (unsure < s->n_put) {
        const bnt_stream_token *const t = token_at(s, unsure);
        if (t->start < end) end = t->start;
        if (t->stop_from < end) end = t->stop_from;
    }
    return end;
}

/* Takes back the tokens from index on and lets the matchers read again what is left. */
static void roll_back(bnt_stream *s, uint32_t index)
{
    s->total = token_at(s, index)->start;
    s->n_put = index;
    bnt_needles_reset(&s->stop);
    bnt_needles_reset(&s->banned);

    const size_t longest =
        s->stop.longest > s->banned.longest ? s->stop.longest : s->banned.longest;
    uint64_t at = s->total > longest ? s->total - longest : 0;
    if (at < s->base) at = s->base;
    for (; at < s->total; at++) {
        const uint8_t byte = (uint8_t)s->text[at - s->base];
        if (at >= s->forced) bnt_needles_step(&s->stop, byte);
        bnt_needles_step(&s->banned, byte);
    }
}

bnt_stream_outcome bnt_stream_put(bnt_stream *s, uint32_t token, float logprob,
                                  bantam_text text, uint32_t *back, uint32_t *drawn)
{
    if (text.size > s->max_token_bytes) text.size = s->max_token_bytes;
    make_room(s, text.size);

    bnt_stream_token *const t = token_at(s, s->n_put++);
    t->token = token;
    t->logprob = logprob;
    t->start = s->total;
    t->stop_from = s->total - s->stop.live;

    for (size_t i = 0; i < text.size; i++) {
        const uint8_t byte = (uint8_t)text.data[i];
        s->text[s->total - s->base] = text.data[i];
        s->total++;

        const size_t stop = s->total > s->forced ? bnt_needles_step(&s->stop, byte) : 0;
        const size_t banned = bnt_needles_step(&s->banned, byte);
        if (stop) {
            /* A banned string that ends here too loses its last byte to the stop string. */
            s->end = s->total - stop;
            return BNT_STREAM_STOP;
        }
        if (banned && s->total > s->forced) {
            const uint64_t start = s->total - banned;
            *back = token_with(s, start > s->forced ? start : s->forced);
            *drawn = token_at(s, *back)->token;
            roll_back(s, *back);
            return BNT_STREAM_BANNED;
        }
    }
    return BNT_STREAM_ON;
}

/* Cleans text up to end into the step; all of it, or without a character that is still cut. */
static bantam_text hand_out(bnt_stream *s, uint64_t end, bool all)
{
    const char *const from = s->text + (s->given - s->base);
    const size_t size = end > s->given ? (size_t)(end - s->given) : 0;
    const size_t settled = all ? size : bnt_utf8_settled(from, size);

    bnt_buf_clear(&s->clean);
    bnt_utf8_put_clean(&s->clean, from, settled);
    s->given += settled;
    return bnt_buf_text(&s->clean);
}

/* The step of the token that has waited longest. */
static void take_one(bnt_stream *s, bantam_step *step)
{
    const bnt_stream_token *const t = token_at(s, s->n_taken);
    const bool last = s->n_taken + 1 == s->n_put;
    const uint64_t settled = settled_end(s);
    const uint64_t own = last ? s->total : token_at(s, s->n_taken + 1)->start;

    step->token = t->token;
    step->logprob = t->logprob;
    step->index = s->n_taken;
    step->text = hand_out(s, settled < own ? settled : own, last && s->end != UINT64_MAX);
    s->n_taken++;
}

bool bnt_stream_take(bnt_stream *s, bantam_step *step)
{
    memset(step, 0, sizeof *step);
    if (s->n_taken >= first_unsure(s)) return false;
    take_one(s, step);
    return true;
}

bool bnt_stream_flush(bnt_stream *s, bantam_step *step)
{
    memset(step, 0, sizeof *step);
    if (s->end == UINT64_MAX) s->end = s->total;
    if (s->n_taken < s->n_put) {
        take_one(s, step);
        return true;
    }
    if (s->given >= s->end) return false;
    step->text = hand_out(s, s->end, true);
    step->token = BANTAM_NO_TOKEN;
    step->index = s->n_taken;
    return true;
}
