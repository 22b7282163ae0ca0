/* decode.h - from tokens back to text.
 *
 * What each token reads as inside a text is computed once; decoding is copying.
 */
#ifndef BNT_TOKEN_DECODE_H
#define BNT_TOKEN_DECODE_H
#include "token/vocab.h"

/* A zeroed decoder is a valid closed one. */
typedef struct bnt_decoder {
    const bnt_vocab *vocab; /* borrows */
    char *bytes;            /* owns; NULL where texts read as they are stored */
    uint32_t *offsets;      /* owns; (n_tokens + 1) into bytes */

    struct bnt_decode_strip *strips; /* owns; (n_strips) */
    uint32_t n_strips;
} bnt_decoder;

/* Copies what it needs of the spec; vocab is borrowed until the decoder is closed. */
bantam_status bnt_decoder_open(bnt_decoder *decoder, const bnt_vocab *vocab,
                               const bnt_spec *spec, bantam_error *err);
void bnt_decoder_close(bnt_decoder *decoder);
size_t bnt_decoder_bytes(const bnt_decoder *decoder); /* memory it holds */

/* The bytes of one token inside a text; token is below n_tokens. Never NULL. */
bantam_text bnt_decoder_text(const bnt_decoder *decoder, uint32_t token);

/* As bnt_tokenizer_decode(). Takes no memory. */
bantam_status bnt_decoder_run(const bnt_decoder *decoder, const uint32_t *tokens, size_t n,
                              unsigned flags, char *text, size_t capacity, size_t *size,
                              bantam_error *err);

#endif
