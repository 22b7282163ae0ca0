/* added.h - tokens that are found in a text by their own name, before anything is merged.
 *
 * At each place the longest name counts, and of overlapping names the leftmost. The time does
 * not depend on how many names there are nor on what the text is made to look like.
 */
#ifndef BNT_TOKEN_ADDED_H
#define BNT_TOKEN_ADDED_H
#include "token/pattern.h"
#include "token/spec.h"

typedef struct bnt_added_name {
    bantam_text text; /* not empty; copied by bnt_added_open() */
    uint32_t token;
    uint8_t flags; /* BNT_ADDED_ */
} bnt_added_name;

/* A set of names. A zeroed set is a valid closed one without names. Does not change after it is
 * opened. */
typedef struct bnt_added {
    struct bnt_added_node *nodes; /* owns; (n_nodes), those of one depth together, root first */
    uint8_t *labels;              /* owns; (n_nodes), the byte that leads to a node */
    uint32_t n_nodes;
    struct bnt_added_hit *names; /* owns; (n_names) */
    uint32_t n_names;
    uint32_t first[256]; /* the node that a byte leads to from the root, or 0 */
    uint32_t longest;    /* bytes */
    bnt_pattern word;    /* a word character, compiled where a name needs to know */
} bnt_added;

/* names is reordered. Of equal names the lowest token counts. */
bantam_status bnt_added_open(bnt_added *added, bnt_added_name *names, size_t n_names,
                             bantam_error *err);
void bnt_added_close(bnt_added *added);
size_t bnt_added_bytes(const bnt_added *added); /* memory it holds */

/* A text on its way through the set. Zeroed is closed. */
typedef struct bnt_added_search {
    const bnt_added *added; /* borrows */
    bantam_text text;
    size_t at;     /* everything before this has been given out */
    size_t from;   /* no name that starts before this counts */
    size_t window; /* the end of the part whose hits are known */

    struct bnt_added_found *found; /* owns; (capacity), last one first */
    size_t n_found, capacity;
} bnt_added_search;

bantam_status bnt_added_begin(bnt_added_search *search, const bnt_added *added,
                              bantam_text text, bantam_error *err);
void bnt_added_end(bnt_added_search *search);

/* The text up to the next name, maybe empty, and that name's token; BANTAM_NO_TOKEN for the
 * rest of the text, which ends the search. */
bantam_status bnt_added_next(bnt_added_search *search, bnt_matcher *matcher, bantam_text *gap,
                             uint32_t *token, bantam_error *err);

#endif
