/* merges.h - merge lists, from the texts that files give to ids.
 *
 * A merge names two tokens and makes a third, each by its text as the file spells it.
 */
#ifndef BNT_TOKEN_MERGES_H
#define BNT_TOKEN_MERGES_H
#include "token/names.h"
#include "token/spec.h"

/* A zeroed one is a valid closed one. */
typedef struct bnt_merges {
    bnt_spec *spec;     /* borrows */
    bantam_text *words; /* owns; (spec->n_tokens): the spelling of each token, which is
                           borrowed; empty where it has none */
    bnt_name_table names;
    bool twice;    /* two tokens are spelled alike; the lower id counts */
    uint32_t next; /* where the result of the next merge is looked for first */
    char *joined;  /* owns; (BNT_MAX_TOKEN_BYTES) */
} bnt_merges;

enum { BNT_MERGES_TOGETHER = 32 };

/* Takes memory for n_merges in the spec, whose tokens are there already. The caller then fills
 * in words and calls bnt_merges_index(). */
bantam_status bnt_merges_begin(bnt_merges *m, bnt_spec *spec, size_t n_merges,
                               bantam_error *err);
void bnt_merges_index(bnt_merges *m);

/* Adds n merges, at most BNT_MERGES_TOGETHER, to the spec: halves are the left and the right
 * text of each, not empty. Returns how many came before the first one that names or makes a
 * token which is not there. */
size_t bnt_merges_add(bnt_merges *m, const bantam_text *halves, size_t n);

/* After the last merge. */
void bnt_merges_end(bnt_merges *m);

#endif
