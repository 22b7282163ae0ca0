/* candidates.h - the tokens still possible, sorted only as far as somebody asks.
 *
 * A vocabulary has 128,000 words and a draw looks at a few dozen of them: stages name how many
 * of the most likely they need in order.
 */
#ifndef BNT_SAMPLE_CANDIDATES_H
#define BNT_SAMPLE_CANDIDATES_H
#include "sample/sampler.h"

#include <float.h>

/* at[0..n_sorted) are the most likely in order, equal logits by the lower id; at[n_sorted..n)
 * come after all of them, in no order. Logits are finite. */
typedef struct bnt_set {
    size_t n, n_sorted;
    bnt_candidate at[]; /* (n_vocab) */
} bnt_set;

/* Stages compute in double and keep floats; what does not fit becomes the largest that does. */
static inline float bnt_logit_clamp(double x)
{
    if (x > FLT_MAX) return FLT_MAX;
    if (x < -FLT_MAX) return -FLT_MAX;
    return (float)x;
}

/* All tokens that allow (may be NULL) and the biases leave possible. A token with a logit of
 * NaN or -infinity, before or after its bias, is not. */
void bnt_set_fill(bnt_set *set, const float *logits, uint32_t n_vocab, const uint8_t *allow,
                  const bantam_logit_bias *bias, size_t n_bias);

/* Puts the k most likely, or all, in order. */
void bnt_set_sort(bnt_set *set, size_t k);

/* The candidate at rank i, below n, sorting ahead in growing steps. */
const bnt_candidate *bnt_set_rank(bnt_set *set, size_t i);

/* Keeps the first n only; they have to be sorted. */
void bnt_set_keep(bnt_set *set, size_t n);

/* Keeps those with a logit of at least `least`; what was sorted stays so. */
void bnt_set_keep_from(bnt_set *set, double least);

/* Largest logit; the set is not empty. */
float bnt_set_max(const bnt_set *set);

/* ln of the sum of exp(logit): a candidate's probability is exp(logit - this). */
double bnt_set_log_sum(const bnt_set *set);

#endif
