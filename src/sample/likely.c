/* likely.c - what the model itself thinks of tokens, before any stage. */
#include "base/mem.h"
#include "sample/stages.h"

#include <math.h>

/* As the stages see it: NaN is impossible, infinity the largest number. */
static double tame(float logit)
{
    if (!(logit > -INFINITY)) return -INFINITY;
    return (double)bnt_logit_clamp((double)logit);
}

/* ln of the sum of exponentials; -infinity where no token is possible. */
static double log_sum(const float *logits, uint32_t n_vocab)
{
    double max = -INFINITY, sum = 0;
    for (uint32_t i = 0; i < n_vocab; i++) {
        const double x = tame(logits[i]);
        if (x > max) max = x;
    }
    if (max == -INFINITY) return max;
    for (uint32_t i = 0; i < n_vocab; i++) {
        sum += exp(tame(logits[i]) - max);
    }
    return max + log(sum);
}

static double log_probability(float logit, double sum)
{
    const double x = tame(logit);
    return x == -INFINITY ? x : x - sum;
}

double bnt_sampler_logprob(const float *logits, uint32_t n_vocab, uint32_t token)
{
    if (token >= n_vocab) return -INFINITY;
    return log_probability(logits[token], log_sum(logits, n_vocab));
}

void bnt_sampler_top(bnt_sampler *s, const float *logits, bantam_candidate *out, size_t k)
{
    bnt_set *const set = s->set;
    const double sum = log_sum(logits, s->n_vocab);
    if (k > s->n_vocab) k = s->n_vocab;

    /* Impossible tokens are candidates too, the last ones: the caller asked for k. */
    for (uint32_t i = 0; i < s->n_vocab; i++) {
        const float logit = logits[i] > -INFINITY ? logits[i] : -INFINITY;
        set->at[i] = (bnt_candidate){i, logit, 0};
    }
    set->n = s->n_vocab;
    set->n_sorted = 0;
    bnt_set_sort(set, k);
    for (size_t i = 0; i < k; i++) {
        out[i].token = set->at[i].token;
        out[i].logprob = (float)log_probability(set->at[i].logit, sum);
    }
    set->n = set->n_sorted = 0;
}
