/* terms.h - texts as the words they are made of, weighed by how much each tells (tf-idf). */
#ifndef BNT_TASK_TERMS_H
#define BNT_TASK_TERMS_H
#include "bantam/interest.h"
#include "base/table.h"

typedef struct bnt_weighed {
    uint32_t word;
    float weight;
} bnt_weighed;

/* n_docs texts. Each is a vector of length 1 over the words, (or 0 where it has none), kept as
 * its entries in order of word. A zeroed one is a valid closed one. */
typedef struct bnt_terms {
    char *bytes; /* owns: all words, lower case */
    bnt_table table;
    bantam_text *names;   /* (n_words), owns; into bytes */
    bnt_weighed *entries; /* (first[n_docs]), owns */
    size_t *first;        /* (n_docs + 1), owns: where a text's entries begin */
    size_t n_docs, n_words;
} bnt_terms;

/* The title counts twice. A word is a run of letters and digits, 3 bytes or more; what is not
 * ASCII is taken for letters, as it is. Weights are (1 + ln tf) * ln((n + 1) / (df + 1/2)):
 * what is in every text tells nothing. */
bantam_status bnt_terms_open(bnt_terms *out, const bantam_item *const *docs, size_t n_docs,
                             bantam_error *err);
void bnt_terms_close(bnt_terms *words);

/* Cosine of two texts, 0 to 1. */
double bnt_terms_cosine(const bnt_terms *words, size_t a, size_t b);

/* The words that a group of texts has in common, the ones that tell most first: by the sum of
 * weights times the number of texts, or for two texts by the product of weights. Writes at most
 * n, the others become empty. */
bantam_status bnt_terms_common(const bnt_terms *words, const size_t *docs, size_t n_docs,
                               char (*out)[BANTAM_WORD_BYTES], size_t n, bantam_error *err);
void bnt_terms_shared(const bnt_terms *words, size_t a, size_t b,
                      char (*out)[BANTAM_WORD_BYTES], size_t n);

#endif
