/* decode.c - the texts of tokens as a reader sees them, and texts made of them.
 *
 * Replacements are applied to every token when the decoder is opened. Stripping looks at the
 * whole text: it is done on the row of tokens, as if their texts lay one after the other, so
 * that nothing has to be put together first. Whether the result is UTF-8 is not asked here.
 */
#include "token/decode.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"

#include <string.h>

typedef struct bnt_decode_strip {
    char *content; /* owns */
    size_t size;
    uint32_t start_count, end_count;
} strip;

/* Where a walk over the tokens' texts stands: byte `at` of token `index`. */
typedef struct place {
    size_t index, at;
} place;

/* The part of a row of tokens that counts, from `first` up to and without `last`. */
typedef struct row {
    const bnt_decoder *decoder;
    const uint32_t *tokens; /* (n) */
    size_t n;
    unsigned flags;
    place first, last;
} row;

/* ---- opening ---- */

static bool has_replacements(const bnt_spec *spec)
{
    for (uint32_t i = 0; i < spec->n_decode; i++) {
        if (spec->decode[i].op == BNT_DECODE_REPLACE && spec->decode[i].pattern.size) {
            return true;
        }
    }
    return false;
}

/* Appends text to out with pattern, which is not empty, replaced from left to right. */
static void put_replaced(bnt_buf *out, bantam_text text, bantam_text pattern,
                         bantam_text content)
{
    size_t kept = 0, i = 0;
    while (i < text.size && text.size - i >= pattern.size) {
        const char *hit =
            memchr(text.data + i, pattern.data[0], text.size - i - pattern.size + 1);
        if (!hit) break;
        i = (size_t)(hit - text.data);
        if (memcmp(hit, pattern.data, pattern.size) != 0) {
            i++;
            continue;
        }
        bnt_buf_put(out, text.data + kept, i - kept);
        bnt_buf_put(out, content.data, content.size);
        i += pattern.size;
        kept = i;
    }
    if (text.size) bnt_buf_put(out, text.data + kept, text.size - kept);
}

/* Appends a token's text after all replacements to all; a and b are scratch. */
static void put_token(bnt_buf *all, bnt_buf *a, bnt_buf *b, bantam_text text,
                      const bnt_spec *spec)
{
    bnt_buf *to = a, *other = b;
    for (uint32_t i = 0; i < spec->n_decode; i++) {
        const bnt_decode_step *s = &spec->decode[i];
        if (s->op != BNT_DECODE_REPLACE || s->pattern.size == 0) continue;
        bnt_buf_clear(to);
        put_replaced(to, text, s->pattern, s->content);
        if (to->failed) all->failed = to->failed;
        text = bnt_buf_text(to);
        bnt_buf *const swap = to;
        to = other;
        other = swap;
    }
    bnt_buf_put(all, text.data, text.size);
}

static bantam_status replace_all(bnt_decoder *decoder, const bnt_spec *spec, bantam_error *err)
{
    const bnt_vocab *vocab = decoder->vocab;
    /* Real decoders shorten: three bytes become a space. A file whose replacements grow beyond
     * twice its own size and some is not one of them. */
    const uint64_t grown = 2 * (uint64_t)vocab->offsets[vocab->n_tokens] + (1 << 20);
    const size_t max = grown < UINT32_MAX ? (size_t)grown : UINT32_MAX;
    bnt_buf all, a, b;
    bnt_buf_init(&all, max);
    bnt_buf_init(&a, 16 * BNT_MAX_TOKEN_BYTES);
    bnt_buf_init(&b, 16 * BNT_MAX_TOKEN_BYTES);

    for (uint32_t id = 0; id < vocab->n_tokens && !all.failed; id++) {
        const uint8_t kind = vocab->kinds[id];
        const bantam_text text = bnt_vocab_text(vocab, id);
        if (kind == BNT_TOKEN_CONTROL || kind == BNT_TOKEN_BYTE) {
            bnt_buf_put(&all, text.data, text.size); /* names and bytes stay as they are */
        } else {
            put_token(&all, &a, &b, text, spec);
        }
        decoder->offsets[id + 1] = (uint32_t)all.size;
    }
    bnt_buf_deinit(&a);
    bnt_buf_deinit(&b);

    const bantam_status failed = all.failed;
    if (!failed) {
        decoder->bytes = all.data ? bnt_realloc(all.data, all.size, 1) : bnt_alloc(0);
        if (decoder->bytes) return BANTAM_OK;
    }
    bnt_buf_deinit(&all);
    if (failed == BANTAM_ERR_FULL) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "the decoder's replacements make the tokens longer than %zu bytes",
                        max);
    }
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for the texts of %u tokens",
                    (unsigned)vocab->n_tokens);
}

static bantam_status copy_strips(bnt_decoder *decoder, const bnt_spec *spec, bantam_error *err)
{
    uint32_t n = 0;
    decoder->strips = bnt_calloc(spec->n_decode, sizeof *decoder->strips);
    if (!decoder->strips) goto nomem;
    for (uint32_t i = 0; i < spec->n_decode; i++) {
        const bnt_decode_step *s = &spec->decode[i];
        if (s->op != BNT_DECODE_STRIP || s->content.size == 0) continue;
        decoder->strips[n] = (strip){.content = bnt_strdup(s->content.data, s->content.size),
                                     .size = s->content.size,
                                     .start_count = s->start_count,
                                     .end_count = s->end_count};
        if (!decoder->strips[n].content) goto nomem;
        decoder->n_strips = ++n;
    }
    return BANTAM_OK;

nomem:
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a decoder");
}

bantam_status bnt_decoder_open(bnt_decoder *decoder, const bnt_vocab *vocab,
                               const bnt_spec *spec, bantam_error *err)
{
    *decoder = (bnt_decoder){.vocab = vocab};
    if (spec->n_decode > BNT_SPEC_MAX_STEPS) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "the decoder has %u steps, at most %d",
                        (unsigned)spec->n_decode, BNT_SPEC_MAX_STEPS);
    }
    bantam_status status = copy_strips(decoder, spec, err);
    if (!status && has_replacements(spec)) {
        decoder->offsets = bnt_calloc((size_t)vocab->n_tokens + 1, sizeof *decoder->offsets);
        status = decoder->offsets
                     ? replace_all(decoder, spec, err)
                     : bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a decoder");
    }
    if (status) bnt_decoder_close(decoder);
    return status;
}

void bnt_decoder_close(bnt_decoder *decoder)
{
    for (uint32_t i = 0; i < decoder->n_strips; i++) {
        bnt_free(decoder->strips[i].content);
    }
    bnt_free(decoder->strips);
    bnt_free(decoder->bytes);
    bnt_free(decoder->offsets);
    *decoder = (bnt_decoder){0};
}

size_t bnt_decoder_bytes(const bnt_decoder *decoder)
{
    size_t sum = decoder->n_strips * sizeof *decoder->strips;
    if (decoder->offsets) {
        const uint32_t n = decoder->vocab->n_tokens;
        sum += decoder->offsets[n] + ((size_t)n + 1) * sizeof *decoder->offsets;
    }
    return sum;
}

bantam_text bnt_decoder_text(const bnt_decoder *decoder, uint32_t token)
{
    if (!decoder->bytes) return bnt_vocab_text(decoder->vocab, token);
    const uint32_t start = decoder->offsets[token];
    const bantam_text t = {decoder->bytes + start, decoder->offsets[token + 1] - start};
    return t;
}

/* ---- running ---- */

/* What token `index` adds to the text: nothing for control tokens unless they are asked for. */
static bantam_text text_at(const row *r, size_t index)
{
    const uint32_t token = r->tokens[index];
    const uint8_t kind = r->decoder->vocab->kinds[token];
    const bantam_text none = {"", 0};
    const bool hidden = kind == BNT_TOKEN_CONTROL || kind == BNT_TOKEN_UNKNOWN;

    if (hidden && !(r->flags & BANTAM_DETOKENIZE_SPECIAL)) return none;
    return bnt_decoder_text(r->decoder, token);
}

/* Whether two places are the same, given that both stand at a byte or at the end. */
static bool at_end(const row *r, place p)
{
    return p.index > r->last.index || (p.index == r->last.index && p.at >= r->last.at);
}

/* Reads the byte at *p and moves on. False at the end of the row. */
static bool read_forward(const row *r, place *p, char *c)
{
    while (p->index < r->n && p->at == text_at(r, p->index).size) {
        *p = (place){p->index + 1, 0};
    }
    if (p->index == r->n || at_end(r, *p)) return false;
    *c = text_at(r, p->index).data[p->at++];
    return true;
}

/* Reads the byte before *p and moves back. False at the start of the row. */
static bool read_backward(const row *r, place *p, char *c)
{
    while (p->at == 0) {
        if (p->index == 0) return false;
        p->index--;
        p->at = text_at(r, p->index).size;
    }
    const bool before =
        p->index < r->first.index || (p->index == r->first.index && p->at <= r->first.at);
    if (before) return false;
    *c = text_at(r, p->index).data[--p->at];
    return true;
}

static void strip_row(row *r, const strip *s)
{
    for (uint32_t turn = 0; turn < s->start_count; turn++) {
        place p = r->first;
        char c;
        for (size_t i = 0; i < s->size; i++) {
            if (!read_forward(r, &p, &c) || c != s->content[i]) goto start_done;
        }
        r->first = p;
    }
start_done:
    for (uint32_t turn = 0; turn < s->end_count; turn++) {
        place p = r->last;
        char c;
        for (size_t i = s->size; i-- > 0;) {
            if (!read_backward(r, &p, &c) || c != s->content[i]) return;
        }
        r->last = p;
    }
}

bantam_status bnt_decoder_run(const bnt_decoder *decoder, const uint32_t *tokens, size_t n,
                              unsigned flags, char *text, size_t capacity, size_t *size,
                              bantam_error *err)
{
    *size = 0;
    for (size_t i = 0; i < n; i++) {
        if (tokens[i] >= decoder->vocab->n_tokens) {
            return bnt_fail(err, BANTAM_ERR_INVALID,
                            "token %u at %zu is outside the vocabulary of %u",
                            (unsigned)tokens[i], i, (unsigned)decoder->vocab->n_tokens);
        }
    }
    row r = {.decoder = decoder, .tokens = tokens, .n = n, .flags = flags, .last = {n, 0}};
    for (uint32_t i = 0; i < decoder->n_strips; i++) {
        strip_row(&r, &decoder->strips[i]);
    }

    size_t total = 0;
    for (size_t i = r.first.index; i < n && i <= r.last.index; i++) {
        bantam_text t = text_at(&r, i);
        if (i == r.last.index) t.size = r.last.at;
        const size_t skip = i == r.first.index ? r.first.at : 0;
        if (skip >= t.size) continue;
        t.size -= skip;
        if (t.size > SIZE_MAX - total) break; /* more than any capacity */
        const size_t room = total < capacity ? capacity - total : 0;
        const size_t fits = t.size < room ? t.size : room;
        if (fits) memcpy(text + total, t.data + skip, fits);
        total += t.size;
    }
    *size = total;
    if (total > capacity) {
        return bnt_fail(err, BANTAM_ERR_FULL, "the text has %zu bytes, there is room for %zu",
                        total, capacity);
    }
    return BANTAM_OK;
}
