/* tokenizer.h - text to tokens and back.
 *
 * A tokenizer does not change after it is opened; any number of threads may use it. The
 * contract of each call is that of its public namesake in bantam.h.
 */
#ifndef BNT_TOKEN_TOKENIZER_H
#define BNT_TOKEN_TOKENIZER_H
#include "token/spec.h"

typedef struct bnt_tokenizer bnt_tokenizer;

/* Compiles a spec. Copies what it needs: the spec may be closed afterwards. Patterns are
 * compiled (and JIT-compiled where PCRE2 can) with match limits, so that no pattern and no text
 * can hang or overflow the stack. BANTAM_ERR_FORMAT for a pattern that does not compile. */
bantam_status bnt_tokenizer_open(bnt_tokenizer **out, const bnt_spec *spec, bantam_error *err);
void bnt_tokenizer_close(bnt_tokenizer *t); /* accepts NULL */

void bnt_tokenizer_describe(const bnt_tokenizer *t, bantam_tokenizer_info *out);
bantam_text bnt_tokenizer_template(const bnt_tokenizer *t);
size_t bnt_tokenizer_bytes(const bnt_tokenizer *t); /* memory it holds */

bantam_status bnt_tokenizer_encode(const bnt_tokenizer *t, bantam_text text, unsigned flags,
                                   uint32_t *tokens, size_t capacity, size_t *n_tokens,
                                   bantam_error *err);
bantam_status bnt_tokenizer_decode(const bnt_tokenizer *t, const uint32_t *tokens, size_t n,
                                   unsigned flags, char *text, size_t capacity, size_t *size,
                                   bantam_error *err);

/* The bytes of one token inside a text (U+2581 already a space, byte tokens their byte); the
 * name of a control token. {NULL, 0} outside the vocabulary. No allocation. */
bantam_text bnt_tokenizer_text(const bnt_tokenizer *t, uint32_t token);
bnt_token_kind bnt_tokenizer_kind(const bnt_tokenizer *t, uint32_t token);
bool bnt_tokenizer_is_stop(const bnt_tokenizer *t, uint32_t token);

#endif
