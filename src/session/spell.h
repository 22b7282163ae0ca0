/* spell.h - which tokens may come next while an answer spells a text it must begin with.
 *
 * A token may come where its bytes are the next ones of the text and the rest can still be
 * spelled, or where it begins with the whole rest. The model chooses among these, so that the
 * forced text is cut into tokens as the model would have it.
 */
#ifndef BNT_SESSION_SPELL_H
#define BNT_SESSION_SPELL_H
#include "token/tokenizer.h"

/* A zeroed spell is a valid closed one. */
typedef struct bnt_spell {
    const bnt_tokenizer *tokenizer; /* borrowed */
    bantam_text text;               /* borrowed */
    uint8_t *reach;                 /* owns: reach[i]: text from byte i on can be spelled */
    uint32_t *tokens;               /* owns: usable tokens, in order of their first byte */
    uint32_t first[257];            /* tokens[first[b]..first[b + 1]) begin with byte b */
} bnt_spell;

/* The text is borrowed until deinit. Control, unknown, unused and stop tokens, and ids from
 * n_vocab on, are not used. BANTAM_ERR_INVALID where the vocabulary cannot spell the text. */
bantam_status bnt_spell_init(bnt_spell *s, const bnt_tokenizer *tokenizer, uint32_t n_vocab,
                             bantam_text text, bantam_error *err);
void bnt_spell_deinit(bnt_spell *s);

/* Sets allow[token] to 1 for every token that may come after the first `done` bytes of the
 * text, done < text.size, and leaves the others alone. */
void bnt_spell_allow(const bnt_spell *s, size_t done, uint8_t *allow);

#endif
