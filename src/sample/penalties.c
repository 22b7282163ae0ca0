/* penalties.c - making tokens that occurred less likely.
 *
 * A token that occurs c > 0 times among the last penalty_last_n: its logit is divided by
 * repeat_penalty where it is positive and multiplied where not (Keskar et al., CTRL); then
 * c * frequency_penalty + presence_penalty is taken off.
 */
#include "sample/stages.h"

void bnt_stage_penalties(bnt_sampler *s, bnt_history history)
{
    const bantam_sampling *const o = &s->options;
    const double repeat = (double)o->repeat_penalty;
    if (o->repeat_penalty == 1 && o->presence_penalty == 0 && o->frequency_penalty == 0) return;
    const bnt_history last = bnt_history_last(history, o->penalty_last_n);
    if (!last.n) return;

    for (size_t i = 0; i < last.n; i++) {
        if (last.tokens[i] < s->n_vocab) s->marks[last.tokens[i]]++;
    }
    for (size_t i = 0; i < s->set->n; i++) {
        bnt_candidate *const c = &s->set->at[i];
        const uint32_t count = s->marks[c->token];
        if (!count) continue;
        double logit = (double)c->logit;
        logit = logit > 0 ? logit / repeat : logit * repeat;
        logit -= (double)count * (double)o->frequency_penalty + (double)o->presence_penalty;
        c->logit = bnt_logit_clamp(logit);
    }
    s->set->n_sorted = 0;
    for (size_t i = 0; i < last.n; i++) {
        if (last.tokens[i] < s->n_vocab) s->marks[last.tokens[i]] = 0;
    }
}
