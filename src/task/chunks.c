/* chunks.c - packs sentences into chunks by the model's own tokens; see chunks.h. */
#include "task/chunks.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

bantam_status bnt_chunker_open(bnt_chunker *out, const bantam_tokenizer *tokenizer, size_t room,
                               bantam_error *err)
{
    static const char spaced[] = "sentencepiece";
    bantam_tokenizer_info info;

    *out = (bnt_chunker){.tokenizer = tokenizer, .room = room, .max_pieces = BNT_MAX_PIECES};
    bantam_tokenizer_describe(tokenizer, &info);
    out->spaced =
        info.kind.size >= strlen(spaced) && memcmp(info.kind.data, spaced, strlen(spaced)) == 0;
    out->spelling = bnt_alloc(BNT_MAX_SENTENCE + 1);
    out->tokens = bnt_calloc(room, sizeof *out->tokens);
    out->pieces = bnt_calloc(BNT_MAX_PIECES, sizeof *out->pieces);
    if (out->spelling && out->tokens && out->pieces) return BANTAM_OK;
    bnt_chunker_close(out);
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a chunk of %zu tokens", room);
}

void bnt_chunker_close(bnt_chunker *chunker)
{
    bnt_free(chunker->spelling);
    bnt_free(chunker->tokens);
    bnt_free(chunker->pieces);
    *chunker = (bnt_chunker){.at = 0};
}

void bnt_chunker_begin(bnt_chunker *chunker, bantam_text text)
{
    chunker->text = text;
    chunker->at = 0;
    chunker->inside = false;
}

/* Encodes a text as it stands inside of a longer one, a space before it, behind the chunk's
 * tokens. *n may be more than fit; then nothing that was written counts. */
static bantam_status encode(bnt_chunker *c, bantam_text text, size_t *n, bantam_error *err)
{
    const size_t space = c->spaced ? 0 : 1;

    c->spelling[0] = ' ';
    memcpy(c->spelling + space, text.data, text.size);
    const bantam_text spelled = {c->spelling, text.size + space};
    const bantam_status status = bantam_tokenize(
        c->tokenizer, spelled, 0, c->tokens + c->n_tokens, c->room - c->n_tokens, n, err);
    return status == BANTAM_ERR_FULL ? BANTAM_OK : status;
}

static void add_piece(bnt_chunker *c, const bnt_sentence *s, size_t n, bool part)
{
    c->pieces[c->n_pieces++] = (bnt_piece){.offset = s->offset,
                                           .size = s->size,
                                           .text = s->trimmed,
                                           .first = c->n_tokens,
                                           .n_tokens = n,
                                           .begins = s->begins,
                                           .part = part};
    c->n_tokens += n;
    c->at = s->offset + s->size;
}

/* The last place before trimmed[size) where a word ends, else a character. */
static size_t cut_before(bantam_text t, size_t size)
{
    size_t at = size;

    while (at > size / 2 && t.data[at] != ' ' && t.data[at] != '\n') {
        at--;
    }
    if (at > size / 2) return at;
    at = size;
    while (at > 1 && ((uint8_t)t.data[at] & 0xC0) == 0x80) {
        at--;
    }
    return at;
}

/* The sentence alone is longer than a chunk: as much of it as fits, found by the share of its
 * tokens that do. n is how many it has. */
static bantam_status add_part(bnt_chunker *c, bnt_sentence s, size_t n, bantam_error *err)
{
    while (n > c->room) {
        size_t size = (size_t)((double)s.trimmed.size * (double)c->room / (double)n);
        if (s.trimmed.size <= 1) {
            return bnt_fail(err, BANTAM_ERR_FULL,
                            "the context leaves %zu tokens for text, fewer than one character "
                            "has (%zu)",
                            c->room, n);
        }
        if (size >= s.trimmed.size) size = s.trimmed.size - 1;
        s.trimmed.size = size ? cut_before(s.trimmed, size) : 1;
        const bantam_status status = encode(c, s.trimmed, &n, err);
        if (status) return status;
    }
    s.size = (size_t)(s.trimmed.data - (c->text.data + s.offset)) + s.trimmed.size;
    c->inside = true;
    add_piece(c, &s, n, true);
    return BANTAM_OK;
}

bantam_status bnt_chunker_next(bnt_chunker *c, bantam_error *err)
{
    bnt_sentence s;

    c->n_tokens = c->n_pieces = 0;
    while (c->n_pieces < c->max_pieces && bnt_sentence_next(c->text, c->at, &s)) {
        size_t n;
        const bantam_status status = encode(c, s.trimmed, &n, err);
        if (status) return status;
        if (n > c->room - c->n_tokens) {
            return c->n_pieces ? BANTAM_OK : add_part(c, s, n, err);
        }
        const bool part = c->inside || s.cut;
        c->inside = s.cut;
        add_piece(c, &s, n, part);
    }
    return BANTAM_OK;
}
