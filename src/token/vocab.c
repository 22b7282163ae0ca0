/* vocab.c - token texts in one block, and which of them can be found.
 *
 * How a text is found is for names.c. What the tokens mean to each other is bpe.c's concern,
 * how they read in a text decode.c's.
 */
#include "token/vocab.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"

#include <string.h>

enum { TOGETHER = 64 };

static bool is_findable(uint8_t kind, bool byte_level)
{
    return kind == BNT_TOKEN_NORMAL || kind == BNT_TOKEN_USER_DEFINED ||
           (kind == BNT_TOKEN_BYTE && byte_level);
}

/* Of equal texts the lowest id stays. */
static void fill_names(bnt_vocab *vocab, bool byte_level)
{
    bantam_text texts[TOGETHER];
    uint32_t ids[TOGETHER];
    size_t n = 0;
    for (uint32_t id = 0; id < vocab->n_tokens; id++) {
        if (is_findable(vocab->kinds[id], byte_level)) {
            texts[n] = bnt_vocab_text(vocab, id);
            ids[n++] = id;
        }
        if (n == TOGETHER || id + 1 == vocab->n_tokens) {
            bnt_names_put(&vocab->names, texts, ids, n);
            n = 0;
        }
    }
}

static void fill_tables(bnt_vocab *vocab, bool byte_level)
{
    fill_names(vocab, byte_level);
    for (uint32_t c = 0; c < 128; c++) {
        const char text = (char)c;
        vocab->ascii_ids[c] = bnt_vocab_find(vocab, &text, 1);
    }
    for (uint32_t b = 0; b < 256; b++) {
        const char text = (char)(uint8_t)b;
        vocab->byte_ids[b] = byte_level ? bnt_vocab_find(vocab, &text, 1) : BANTAM_NO_TOKEN;
    }
    if (byte_level) return;
    for (uint32_t id = vocab->n_tokens; id-- > 0;) { /* downwards: the lowest id stays */
        const bantam_text t = bnt_vocab_text(vocab, id);
        if (vocab->kinds[id] == BNT_TOKEN_BYTE && t.size == 1) {
            vocab->byte_ids[(uint8_t)t.data[0]] = id;
        }
    }
}

/* The sum of all texts, each of them within the limits. */
static bantam_status measure(const bnt_spec *spec, size_t *total, bantam_error *err)
{
    if (spec->n_tokens == 0) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "the vocabulary has no tokens");
    }
    if (spec->n_tokens > BNT_MAX_VOCAB) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "the vocabulary has %u tokens, at most %d",
                        (unsigned)spec->n_tokens, BNT_MAX_VOCAB);
    }
    uint64_t sum = 0; /* at most 2^22 * 2^16 */
    for (uint32_t id = 0; id < spec->n_tokens; id++) {
        const size_t size = spec->tokens[id].text.size;
        if (size > BNT_MAX_TOKEN_BYTES) {
            return bnt_fail(err, BANTAM_ERR_FORMAT, "token %u has %zu bytes, at most %d",
                            (unsigned)id, size, BNT_MAX_TOKEN_BYTES);
        }
        sum += size;
    }
    if (sum > UINT32_MAX) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "the tokens' texts add up to more than 4 GiB");
    }
    *total = (size_t)sum;
    return BANTAM_OK;
}

bantam_status bnt_vocab_open(bnt_vocab *vocab, const bnt_spec *spec, bantam_error *err)
{
    size_t total = 0;
    *vocab = (bnt_vocab){0};
    bantam_status status = measure(spec, &total, err);
    if (!status) status = bnt_names_init(&vocab->names, spec->n_tokens, err);
    if (status) return status;

    vocab->n_tokens = spec->n_tokens;
    vocab->bytes = bnt_calloc_large(total, 1);
    vocab->offsets = bnt_calloc((size_t)spec->n_tokens + 1, sizeof *vocab->offsets);
    vocab->kinds = bnt_calloc(spec->n_tokens, sizeof *vocab->kinds);
    if (!vocab->bytes || !vocab->offsets || !vocab->kinds) {
        status = bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a vocabulary of %u tokens",
                          (unsigned)spec->n_tokens);
        goto fail;
    }
    uint32_t at = 0;
    for (uint32_t id = 0; id < spec->n_tokens; id++) {
        const bantam_text t = spec->tokens[id].text;
        if (t.size) memcpy(vocab->bytes + at, t.data, t.size);
        at += (uint32_t)t.size;
        vocab->offsets[id + 1] = at;
        vocab->kinds[id] = spec->tokens[id].kind;
    }
    fill_tables(vocab, spec->byte_level);
    return BANTAM_OK;

fail:
    bnt_vocab_close(vocab);
    return status;
}

void bnt_vocab_close(bnt_vocab *vocab)
{
    bnt_free(vocab->bytes);
    bnt_free(vocab->offsets);
    bnt_free(vocab->kinds);
    bnt_names_deinit(&vocab->names);
    *vocab = (bnt_vocab){0};
}

size_t bnt_vocab_bytes(const bnt_vocab *vocab)
{
    if (!vocab->offsets) return 0;
    return vocab->offsets[vocab->n_tokens] +
           ((size_t)vocab->n_tokens + 1) * sizeof *vocab->offsets +
           vocab->n_tokens * sizeof *vocab->kinds + bnt_names_bytes(&vocab->names);
}
