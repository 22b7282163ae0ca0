/* pretokenize.h - a normalized text cut into pieces that merges do not cross. */
#ifndef BNT_TOKEN_PRETOKENIZE_H
#define BNT_TOKEN_PRETOKENIZE_H
#include "token/pattern.h"
#include "token/spec.h"

/* A zeroed splitter is a valid closed one that cuts nothing. Does not change after it is
 * opened. */
typedef struct bnt_splitter {
    struct bnt_splitter_step *steps; /* owns; (n_steps) */
    uint32_t n_steps;
} bnt_splitter;

/* Copies what it needs. BANTAM_ERR_FORMAT for a pattern that does not compile. */
bantam_status bnt_splitter_open(bnt_splitter *splitter, const bnt_spec *spec,
                                bantam_error *err);
void bnt_splitter_close(bnt_splitter *splitter);
size_t bnt_splitter_bytes(const bnt_splitter *splitter); /* memory it holds */

/* A text on its way through the steps. Zeroed is closed. */
typedef struct bnt_cutting {
    const bnt_splitter *splitter; /* borrows */
    struct bnt_cut_level *levels; /* owns; (n_steps), one for each step */
    uint32_t depth;               /* level that gives the next piece, plus one; 0: at the end */
    bantam_text whole;            /* the text */
    bool clean;                   /* the text is UTF-8, and so are all its pieces */
    bool inside; /* set by the caller: something stands before the text in the user's own */
} bnt_cutting;

bantam_status bnt_cutting_init(bnt_cutting *cutting, const bnt_splitter *splitter,
                               bantam_error *err);
void bnt_cutting_deinit(bnt_cutting *cutting);

/* Begins with another text, borrowed until the next one. */
void bnt_cutting_begin(bnt_cutting *cutting, bantam_text text);

/* The next piece, never empty; *piece is {NULL, 0} at the end. Borrowed from the text or, where
 * a step has put something before it, from the cutting until its next call. */
bantam_status bnt_cutting_next(bnt_cutting *cutting, bnt_matcher *matcher, bantam_text *piece,
                               bantam_error *err);

#endif
