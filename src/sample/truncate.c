/* truncate.c - the stages that need the candidates' logits alone: temperature, and those that
 * drop candidates. */
#include "sample/stages.h"

#include <math.h>
#include <string.h>

/* logit / t, and where that overflows (logit - the largest) / t, which changes no probability:
 * else everything large would become equal. t = 0 is the limit: the most likely alone. */
void bnt_stage_temperature(bnt_set *set, float t)
{
    if (t == 1) return;
    if (t == 0) {
        bnt_set_top(set, 1);
    } else {
        bnt_set_divide(set, t);
    }
}

/* The k most likely; 0 keeps all. */
void bnt_stage_top_k(bnt_set *set, uint32_t k)
{
    bnt_set_top(set, k);
}

/* The shortest row of the most likely whose probabilities add up to p (Holtzman et al., nucleus
 * sampling). 1 keeps all. */
void bnt_stage_top_p(bnt_set *set, float p)
{
    if (p >= 1) return;
    const double log_sum = bnt_set_log_sum(set);
    double sum = 0;

    /* Candidates below (1 - p) / n have less than 1 - p together, so that the row ends before
     * them and they need no sorting; half of that leaves room for rounding. */
    const double n = set->whole ? (double)set->n_vocab : (double)set->n;
    bnt_set_keep_from(set, log_sum + log((1 - (double)p) / (2 * n)));
    for (size_t i = 0; i < set->n; i++) {
        sum += exp((double)bnt_set_rank(set, i)->logit - log_sum);
        if (sum >= (double)p) {
            bnt_set_keep(set, i + 1);
            return;
        }
    }
}

/* Those at least p times as likely as the most likely: exp(logit - max) >= p (Nguyen et al.,
 * min-p). 0 keeps all. */
void bnt_stage_min_p(bnt_set *set, float p)
{
    if (p <= 0) return;
    bnt_set_keep_from(set, (double)bnt_set_max(set) + log((double)p));
}

/* Those whose surprise -ln p is nearest to the entropy H, until their probabilities add up to
 * more than p (Meister et al., locally typical sampling). 1 keeps all.
 *
 * Surprise is log_sum - logit, so that the nearest ones are a row in the order of logits,
 * around log_sum - H: [first, end) grows to whichever side is nearer. In double throughout: in
 * flat sets the two sides differ by little. */
void bnt_stage_typical(bnt_set *set, float p)
{
    if (p >= 1) return;
    double entropy = 0, sum = 0, total = 0;
    bnt_set_list(set);
    const double max = (double)bnt_set_max(set);
    for (size_t i = 0; i < set->n; i++) {
        total += exp((double)set->at[i].logit - max);
    }
    const double log_sum = max + log(total);
    for (size_t i = 0; i < set->n; i++) {
        const double surprise = log_sum - (double)set->at[i].logit;
        const double q = exp(-surprise);
        if (q > 0) entropy += q * surprise;
    }
    const double center = log_sum - entropy;
    size_t end = 0;
    while (end < set->n && (double)bnt_set_rank(set, end)->logit >= center) {
        end++;
    }
    size_t first = end;
    while (sum <= (double)p && (first > 0 || end < set->n)) {
        const double above = first > 0 ? (double)set->at[first - 1].logit - center : INFINITY;
        const double below =
            end < set->n ? center - (double)bnt_set_rank(set, end)->logit : INFINITY;
        const size_t next = above <= below ? --first : end++;
        sum += exp((double)set->at[next].logit - log_sum);
    }
    memmove(set->at, set->at + first, (end - first) * sizeof *set->at);
    set->n = set->n_sorted = end - first;
}

/* "Exclude top choices" (p-e-w): with the given probability, of the tokens with p >= threshold
 * all but the least likely are removed, where there are two or more. The random number is drawn
 * whatever it decides, so that the numbers of later draws do not depend on the logits. */
void bnt_stage_xtc(bnt_set *set, float threshold, float probability, bnt_rng *rng)
{
    if (probability <= 0) return;
    if (bnt_rng_f64(rng) >= (double)probability || threshold > 0.5f) return;

    /* At most 1 / threshold tokens reach it: sorting ahead ends soon. */
    const double log_sum = bnt_set_log_sum(set);
    bnt_set_list(set);
    size_t n = 0;
    while (n < set->n &&
           exp((double)bnt_set_rank(set, n)->logit - log_sum) >= (double)threshold) {
        n++;
    }
    if (n < 2) return;
    const size_t gone = n - 1;
    memmove(set->at, set->at + gone, (set->n - gone) * sizeof *set->at);
    set->n -= gone;
    set->n_sorted -= gone;
}
