/* match.h - many strings looked for at once in a text that arrives byte by byte.
 *
 * Each string keeps how much of it the text ends with (Knuth, Morris, Pratt). A byte costs one
 * step per string on average, however the strings overlap and whatever the text is: ten
 * thousand strings or one of a megabyte stay linear.
 */
#ifndef BNT_SESSION_MATCH_H
#define BNT_SESSION_MATCH_H
#include "bantam/bantam.h"

typedef struct bnt_needle {
    const uint8_t *data; /* borrowed */
    uint32_t size;
    uint32_t state; /* the longest beginning of data that the text ends with */
    uint32_t
        *border; /* (size) border[i]: longest proper beginning of data[0..i] it ends with */
} bnt_needle;

/* Zeroed needles are valid closed ones and match nothing. */
typedef struct bnt_needles {
    bnt_needle *needles; /* owns */
    uint32_t *borders;   /* owns */
    size_t n_needles;
    size_t longest; /* bytes of the longest string */
    size_t live;    /* bytes at the end of the text that begin a string and do not yet end it */
} bnt_needles;

/* The strings are borrowed until deinit; empty ones are left out. what names them in messages.
 * BANTAM_ERR_INVALID for a missing pointer or more than BNT_MAX_PROMPT_BYTES in all. */
bantam_status bnt_needles_init(bnt_needles *m, const bantam_text *texts, size_t n,
                               const char *what, bantam_error *err);
void bnt_needles_deinit(bnt_needles *m);

void bnt_needles_reset(bnt_needles *m); /* forgets the text */

/* Takes the next byte of the text. Returns the size of the longest string that ends here, 0
 * where none does. */
size_t bnt_needles_step(bnt_needles *m, uint8_t byte);

#endif
