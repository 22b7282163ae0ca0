/* dry.c - "don't repeat yourself": a penalty that grows with what would be repeated.
 *
 * Where the last L tokens stood before, followed by t, drawing t would make the repetition
 * longer. With the longest such L, and L at least dry_allowed_length, the logit of t loses
 *
 *     dry_multiplier * dry_base ^ (L - dry_allowed_length)
 *
 * A breaker (newline, quote, ...) ends every repetition and is never punished, so that the
 * fixed parts of a dialog may recur. The rule is p-e-w's, of text-generation-webui.
 */
#include "sample/stages.h"

#include <math.h>

/* Tokens after the last breaker: the longest L possible. */
static size_t free_length(const bnt_sampler *s, bnt_history h)
{
    size_t n = 0;
    for (; n < h.n; n++) {
        const uint32_t token = h.tokens[h.n - 1 - n];
        if (s->breakers && token < s->n_vocab && s->breakers[token]) break;
    }
    return n;
}

/* matches[i], 0 < i < n: how many tokens that end i places before the last one are the same as
 * those that end with the last one. This is the Z function of the history read backwards:
 * [left, right) is the match found so far that reaches furthest, and inside of it earlier
 * answers hold again, so that every token is compared once. */
static void find_matches(bnt_history h, uint32_t *matches)
{
    const uint32_t *const last = h.tokens + h.n - 1;
    size_t left = 0, right = 0;
    for (size_t i = 1; i < h.n; i++) {
        size_t n = 0;
        if (i < right) {
            n = matches[i - left];
            if (n > right - i) n = right - i;
        }
        while (i + n < h.n && *(last - n) == *(last - i - n)) {
            n++;
        }
        if (i + n > right) {
            left = i;
            right = i + n;
        }
        matches[i] = (uint32_t)n;
    }
}

static float punished(const bantam_sampling *o, float logit, uint32_t length)
{
    const double penalty =
        (double)o->dry_multiplier *
        pow((double)o->dry_base, (double)length - (double)o->dry_allowed_length);
    return bnt_logit_clamp((double)logit - penalty); /* infinity too is cut */
}

/* The longest repetition each token would prolong is its mark until it has had its effect. */
void bnt_stage_dry(bnt_sampler *s, bnt_history history)
{
    const bantam_sampling *const o = &s->options;
    bnt_set *const set = s->set;
    if (o->dry_multiplier == 0 || !s->matches) return;
    const bnt_history h = bnt_history_last(history, o->dry_last_n);
    const size_t longest = free_length(s, h);
    const size_t shortest = o->dry_allowed_length ? o->dry_allowed_length : 1;
    if (h.n <= shortest || longest < shortest) return;

    find_matches(h, s->matches);
    for (size_t i = 1; i < h.n; i++) {
        const uint32_t next = h.tokens[h.n - i];
        const size_t n = s->matches[i] < longest ? s->matches[i] : longest;
        if (n < shortest || next >= s->n_vocab) continue;
        if (s->breakers && s->breakers[next]) continue;
        if (n > s->marks[next]) s->marks[next] = (uint32_t)n;
    }
    for (size_t i = 0; !set->whole && i < set->n; i++) {
        bnt_candidate *const c = &set->at[i];
        const uint32_t length = s->marks[c->token];
        if (length) c->logit = punished(o, c->logit, length);
    }
    set->n_sorted = 0;
    for (size_t i = 0; i < h.n; i++) {
        const uint32_t token = h.tokens[i];
        if (token >= s->n_vocab || !s->marks[token]) continue;
        const float logit = set->whole ? bnt_set_logit(set, token) : -INFINITY;
        if (logit > -INFINITY) {
            bnt_set_change(set, token, punished(o, logit, s->marks[token]));
        }
        s->marks[token] = 0;
    }
}
