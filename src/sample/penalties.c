/* penalties.c - making tokens that occurred less likely.
 *
 * A token that occurs c > 0 times among the last penalty_last_n: its logit is divided by
 * repeat_penalty where it is positive and multiplied where not (Keskar et al., CTRL); then
 * c * frequency_penalty + presence_penalty is taken off.
 */
#include "sample/stages.h"

#include <math.h>

static float penalized(const bantam_sampling *o, float logit, uint32_t count)
{
    const double x = (double)logit, repeat = (double)o->repeat_penalty;
    const double off =
        (double)count * (double)o->frequency_penalty + (double)o->presence_penalty;
    return bnt_logit_clamp((x > 0 ? x / repeat : x * repeat) - off);
}

/* Counts are marks until each has had its effect. */
void bnt_stage_penalties(bnt_sampler *s, bnt_history history)
{
    const bantam_sampling *const o = &s->options;
    bnt_set *const set = s->set;
    if (o->repeat_penalty == 1 && o->presence_penalty == 0 && o->frequency_penalty == 0) return;
    const bnt_history last = bnt_history_last(history, o->penalty_last_n);
    if (!last.n) return;

    for (size_t i = 0; i < last.n; i++) {
        if (last.tokens[i] < s->n_vocab) s->marks[last.tokens[i]]++;
    }
    for (size_t i = 0; !set->whole && i < set->n; i++) {
        bnt_candidate *const c = &set->at[i];
        const uint32_t count = s->marks[c->token];
        if (count) c->logit = penalized(o, c->logit, count);
    }
    set->n_sorted = 0;
    for (size_t i = 0; i < last.n; i++) {
        const uint32_t token = last.tokens[i];
        if (token >= s->n_vocab || !s->marks[token]) continue;
        const float logit = set->whole ? bnt_set_logit(set, token) : -INFINITY;
        if (logit > -INFINITY) {
            bnt_set_change(set, token, penalized(o, logit, s->marks[token]));
        }
        s->marks[token] = 0;
    }
}
