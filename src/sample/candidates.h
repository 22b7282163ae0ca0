/* candidates.h - the tokens still possible, listed and sorted only as far as somebody asks.
 *
 * A vocabulary has 128,000 words and a draw looks at a few dozen of them. A set begins whole:
 * it is the row of logits as it lies, and the largest of each 64. A stage that keeps a part
 * finds it by these: most blocks hold nothing it wants. From then on the set is a list, sorted
 * as far as stages name how many of the most likely they need in order.
 */
#ifndef BNT_SAMPLE_CANDIDATES_H
#define BNT_SAMPLE_CANDIDATES_H
#include "kernel/kernel.h"
#include "sample/sampler.h"

#include <float.h>

typedef struct bnt_set {
    const bnt_kernels *kernels; /* borrowed until the sampler is closed */
    uint32_t n_vocab;

    /* Whole: the possible tokens are those with logits[token] > -infinity (not NaN). logits is
     * the caller's row, or copy, where a stage has changed something: then finite numbers and
     * -infinity only. An infinite logit counts as the largest finite one. */
    bool whole;
    const float *logits; /* (n_vocab) */
    float *copy;         /* (n_vocab) */
    float *max;          /* (blocks) largest of each 64, finite or -infinity */

    /* A list: at[0..n_sorted) are the most likely in order, equal logits by the lower id;
     * at[n_sorted..n) come after all of them, in no order. Logits are finite. */
    size_t n, n_sorted;
    bnt_candidate *at; /* (n_vocab) */
} bnt_set;

/* Stages compute in double and keep floats; what does not fit becomes the largest that does. */
static inline float bnt_logit_clamp(double x)
{
    if (x > FLT_MAX) return FLT_MAX;
    if (x < -FLT_MAX) return -FLT_MAX;
    return (float)x;
}

/* The memory of a set, and the set in it: all in one piece. False where the size wraps. */
bool bnt_set_bytes(uint32_t n_vocab, size_t *bytes);
bnt_set *bnt_set_place(void *memory, uint32_t n_vocab, const bnt_kernels *kernels);

/* All tokens that allow (may be NULL) and the biases leave possible. A token with a logit of
 * NaN or -infinity, before or after its bias, is not. logits are borrowed until the set is
 * filled again. False where no token is possible. */
bool bnt_set_fill(bnt_set *set, const float *logits, const uint8_t *allow,
                  const bantam_logit_bias *bias, size_t n_bias);

/* The logit of a token of a whole set, -infinity where it is not possible; and another one for
 * a possible token. */
float bnt_set_logit(const bnt_set *set, uint32_t token);
void bnt_set_change(bnt_set *set, uint32_t token, float logit);
/* Divides all logits by t > 0, those of a whole set or of a list. Where a quotient overflows,
 * the largest logit is taken off all of them first. */
void bnt_set_divide(bnt_set *set, float t);

/* Makes a list of a whole set, in order of ids. */
void bnt_set_list(bnt_set *set);

/* Keeps the k most likely, in order; nothing happens where there are no more than k. */
void bnt_set_top(bnt_set *set, size_t k);

/* Puts the k most likely, or all, in order. */
void bnt_set_sort(bnt_set *set, size_t k);

/* The candidate at rank i, below n, sorting ahead in growing steps. Of a list. */
const bnt_candidate *bnt_set_rank(bnt_set *set, size_t i);

/* Keeps the first n only; they have to be sorted. Of a list. */
void bnt_set_keep(bnt_set *set, size_t n);

/* Keeps those with a logit of at least `least`; what was sorted stays so. */
void bnt_set_keep_from(bnt_set *set, double least);

/* Largest logit; the set is not empty. */
float bnt_set_max(const bnt_set *set);

/* Makes a list, sets each probability to exp(logit - max) and returns their sum, at least 1.
 * In single precision by the exp of kernel.h: the same on every system. */
double bnt_set_weigh(bnt_set *set);

/* ln of the sum of exp(logit): a candidate's probability is exp(logit - this). */
double bnt_set_log_sum(const bnt_set *set);

#endif
