/* normalize.h - what is done to a text before it is split. */
#ifndef BNT_TOKEN_NORMALIZE_H
#define BNT_TOKEN_NORMALIZE_H
#include "token/pattern.h"
#include "token/spec.h"

/* A zeroed normalizer is a valid closed one that changes nothing. */
typedef struct bnt_normalizer {
    struct bnt_normalizer_step *steps; /* owns; (n_steps) */
    uint32_t n_steps;
} bnt_normalizer;

/* Copies what it needs. BANTAM_ERR_FORMAT for a pattern that does not compile. */
bantam_status bnt_normalizer_open(bnt_normalizer *normalizer, const bnt_spec *spec,
                                  bantam_error *err);
void bnt_normalizer_close(bnt_normalizer *normalizer);
size_t bnt_normalizer_bytes(const bnt_normalizer *normalizer); /* memory it holds */

/* Normalizes text. *out is text itself where there are no steps, else borrowed from one of the
 * two buffers until they are used again; text must not lie in them. A text that grows beyond
 * their maximum is BANTAM_ERR_FULL. */
bantam_status bnt_normalizer_run(const bnt_normalizer *normalizer, bnt_matcher *matcher,
                                 bantam_text text, bnt_buf buffers[2], bantam_text *out,
                                 bantam_error *err);

/* Whether a code point is white space (the Unicode property White_Space). */
bool bnt_is_space(uint32_t code);

/* How many bytes of white space a text begins or ends with. */
size_t bnt_space_before(bantam_text text); /* at its end */
size_t bnt_space_after(bantam_text text);  /* at its start */

#endif
