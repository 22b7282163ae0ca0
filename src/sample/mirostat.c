/* mirostat.c - holding the surprise of what is drawn near tau bits (Basu et al., 2021).
 *
 * A threshold mu decides what may be drawn. After a token of surprise S = -log2 p it moves by
 * -eta * (S - tau). It begins at 2 tau.
 *
 * Version 1 takes the probabilities for a Zipf law of exponent s, estimated from the most
 * likely tokens, and turns mu into a number of candidates; version 2 drops what is itself more
 * surprising than mu.
 */
#include "sample/stages.h"

#include <math.h>

/* Least squares through the origin: ln(p_i / p_i+1) against ln((i + 2) / (i + 1)), over the
 * paper's first 100. */
static double zipf_exponent(bnt_set *set)
{
    enum { MOST = 100 };
    double sum_tb = 0, sum_tt = 0;
    bnt_set_sort(set, MOST);
    for (size_t i = 0; i + 1 < set->n && i + 1 < MOST; i++) {
        const double t = log((double)(i + 2) / (double)(i + 1));
        const double b = (double)set->at[i].logit - (double)set->at[i + 1].logit;
        sum_tb += t * b;
        sum_tt += t * t;
    }
    return sum_tt > 0 ? sum_tb / sum_tt : 0;
}

/* k = (e 2^mu / (1 - N^-e))^(1/s), e = s - 1; its limit for e = 0. */
static void cut_by_rank(bnt_sampler *s)
{
    const double zipf = zipf_exponent(s->set), e = zipf - 1;
    const double n_vocab = (double)s->n_vocab;
    const double base =
        fabs(e) > 1e-9 ? e * exp2(s->mu) / (1 - pow(n_vocab, -e)) : exp2(s->mu) / log(n_vocab);
    const double k = pow(base, 1 / zipf);
    if (k >= (double)s->set->n) return;                /* a list since the exponent was found */
    bnt_stage_top_k(s->set, k >= 1 ? (uint32_t)k : 1); /* NaN, of one candidate, gives 1 */
}

/* -log2 p > mu is logit < log_sum - mu ln 2. The most likely always stays. */
static void cut_by_surprise(bnt_sampler *s)
{
    const double max = (double)bnt_set_max(s->set);
    const double least = bnt_set_log_sum(s->set) - s->mu * 0.69314718055994531;
    if (least >= max) {
        bnt_set_top(s->set, 1);
        return;
    }
    bnt_set_keep_from(s->set, least);
}

void bnt_mirostat_cut(bnt_sampler *s)
{
    if (s->options.mirostat == 1) {
        cut_by_rank(s);
    } else {
        cut_by_surprise(s);
    }
}

void bnt_mirostat_learn(bnt_sampler *s, double probability)
{
    const double surprise = -log2(probability);
    s->mu -= (double)s->options.mirostat_eta * (surprise - (double)s->options.mirostat_tau);
}
