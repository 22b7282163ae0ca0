/* lookup.h - guesses at what comes next, from what was said before.
 *
 * Summaries, answers about a text and code repeat phrases of their own prompt. The place where
 * the last tokens stood before says how they may go on (prompt lookup: arXiv 2304.04487,
 * Inference with Reference).
 */
#ifndef BNT_SESSION_LOOKUP_H
#define BNT_SESSION_LOOKUP_H
#include "bantam/bantam.h"

typedef struct bnt_lookup bnt_lookup;

/* For texts of at most context tokens. */
bantam_status bnt_lookup_open(bnt_lookup **out, uint32_t context, bantam_error *err);
void bnt_lookup_close(bnt_lookup *l); /* accepts NULL */

/* What may follow tokens[0..n): at most `most` tokens to out. Returns how many; 0 where the
 * last two tokens did not stand together before. *length is how many of the last tokens stood
 * there before, 2 to 32. Between calls the text may grow, and may be changed from any place on
 * that the caller has told bnt_lookup_forget(). */
uint32_t bnt_lookup_guess(bnt_lookup *l, const uint32_t *tokens, uint32_t n, uint32_t *out,
                          uint32_t most, uint32_t *length);

/* tokens[n..) are no longer what they were. They are still readable. */
void bnt_lookup_forget(bnt_lookup *l, const uint32_t *tokens, uint32_t n);

#endif
