/* vocab.h - the tokens of a vocabulary and the way from bytes to ids.
 *
 * Owns copies of all token texts. Does not change after it is opened; any number of threads may
 * look things up.
 */
#ifndef BNT_TOKEN_VOCAB_H
#define BNT_TOKEN_VOCAB_H
#include "token/names.h"
#include "token/spec.h"

/* A zeroed vocabulary is a valid closed one. */
typedef struct bnt_vocab {
    uint32_t n_tokens;
    char *bytes;          /* owns; the texts, one after the other */
    uint32_t *offsets;    /* owns; (n_tokens + 1) into bytes */
    uint8_t *kinds;       /* owns; (n_tokens) */
    bnt_name_table names; /* of the tokens that can be found by their text */

    uint32_t byte_ids[256];  /* the token of a single byte, or BANTAM_NO_TOKEN */
    uint32_t ascii_ids[128]; /* the token whose text is this character, or BANTAM_NO_TOKEN */
} bnt_vocab;

/* Copies the texts. Found by their text are the tokens that ordinary text may become: NORMAL
 * and USER_DEFINED, of equal texts the one with the lowest id. BYTE tokens join them where the
 * vocabulary is byte-level; elsewhere they are known to byte_ids alone. */
bantam_status bnt_vocab_open(bnt_vocab *vocab, const bnt_spec *spec, bantam_error *err);
void bnt_vocab_close(bnt_vocab *vocab);
size_t bnt_vocab_bytes(const bnt_vocab *vocab); /* memory it holds */

/* token is below n_tokens. */
static inline bantam_text bnt_vocab_text(const bnt_vocab *vocab, uint32_t token)
{
    const uint32_t start = vocab->offsets[token];
    const bantam_text t = {vocab->bytes + start, vocab->offsets[token + 1] - start};
    return t;
}

/* The token with exactly these bytes, or BANTAM_NO_TOKEN. */
static inline uint32_t bnt_vocab_find(const bnt_vocab *vocab, const char *data, size_t size)
{
    return bnt_names_find(&vocab->names, data, size);
}

#endif
