/* likely.c - what the model itself thinks of tokens, before any stage. */
#include "sample/stages.h"

#include <math.h>

/* As the set sees it: NaN is impossible, infinity the largest number. */
static double log_probability(float logit, double log_sum)
{
    if (!(logit > -INFINITY)) return -INFINITY;
    return (double)bnt_logit_clamp((double)logit) - log_sum;
}

double bnt_sampler_logprob(bnt_sampler *s, const float *logits, uint32_t token)
{
    bnt_set *const set = s->set;
    if (token >= s->n_vocab || !bnt_set_fill(set, logits, NULL, NULL, 0)) return -INFINITY;
    return log_probability(logits[token], bnt_set_log_sum(set));
}

/* Impossible tokens are candidates too, the last ones: the caller asked for k. */
static void append_impossible(bnt_set *set, const float *logits)
{
    for (uint32_t i = 0; i < set->n_vocab; i++) {
        if (logits[i] > -INFINITY) continue;
        set->at[set->n++] = (bnt_candidate){i, -INFINITY, 0};
    }
    set->n_sorted = set->n;
}

void bnt_sampler_top(bnt_sampler *s, const float *logits, bantam_candidate *out, size_t k)
{
    bnt_set *const set = s->set;
    const bool any = bnt_set_fill(set, logits, NULL, NULL, 0);
    const double log_sum = any ? bnt_set_log_sum(set) : 0;
    if (k > s->n_vocab) k = s->n_vocab;

    bnt_set_top(set, k);
    bnt_set_sort(set, k);
    if (set->n < k) append_impossible(set, logits);
    for (size_t i = 0; i < k; i++) {
        out[i].token = set->at[i].token;
        out[i].logprob = (float)log_probability(set->at[i].logit, log_sum);
    }
    set->n = set->n_sorted = 0;
}
