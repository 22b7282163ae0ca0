/* ahead.c - when to guess, how far, and what became of it. feed.c computes. */
#include "session/ahead.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/options.h"
#include "session/core.h"

#include <string.h>

_Static_assert((int)BNT_AHEAD_ROWS == (int)BNT_SCORE_ROWS, "rows of logits of one pass");

enum {
    FROM_DRAFT = 0, /* sources: the other model, and the text by the length of what matched */
    FROM_PAIR = 1,
    FROM_PHRASE = 2,
    FROM_PASSAGE = 3,
    SURE_LENGTH = 4,  /* of a match: better than the other model */
    RETRY_EVERY = 16, /* where guesses do not pay they are tried now and then */
    SAME_TOKENS = 99  /* per cent of the vocabulary that two models must share */
};

static const double usual_accepted[BNT_AHEAD_SOURCES] = {0.7, 0.3, 0.5, 0.7};
/* Of a pass over m tokens, before it was measured: what one more adds to the time of one. */
static const double usual_more = 0.04;
/* Of a running mean: what a new number counts. */
static const double share_of_guess = 0.05, share_of_time = 0.2;

/* ---- how far ----------------------------------------------------------------------------- */

static double pass_seconds(const bnt_ahead_pace *p, uint32_t n_tokens)
{
    if (p->pass_s[n_tokens] > 0) return p->pass_s[n_tokens];
    return p->pass_s[1] * (1 + usual_more * (n_tokens - 1));
}

uint32_t bnt_ahead_length(const bnt_ahead_pace *p, unsigned source, uint32_t most)
{
    const double a = p->accepted[source];
    const double guess_s = source == FROM_DRAFT ? p->guess_s : 0;
    double tokens = 0, term = 1, best = 0;
    uint32_t length = 0;

    for (uint32_t k = 0; k <= most; k++, term *= a) {
        tokens += term; /* 1 + a + a^2 + ... + a^k come of k guesses */
        const double rate = tokens / (pass_seconds(p, k + 1) + k * guess_s);
        if (!(rate > best)) continue;
        best = rate;
        length = k;
    }
    return length;
}

static void blend(double *mean, double value, double share)
{
    *mean = *mean > 0 ? *mean + share * (value - *mean) : value;
}

static double seconds_since(uint64_t start)
{
    return (double)(bnt_clock_ns() - start) * 1e-9;
}

/* ---- guesses ----------------------------------------------------------------------------- */

/* The draft's session is brought to the same text; tokens it does not know are replaced, which
 * costs guesses and nothing else. Greedy, whatever it was set to: its sampler is its owner's.
 */
static uint32_t guess_by_model(bnt_session *s, uint32_t n, uint32_t *out, uint32_t most)
{
    bnt_session *const d = s->ahead.draft;
    uint32_t same = 0;

    while (same < n && same < d->position && d->tokens[same] == s->tokens[same] % d->n_vocab)
        same++;
    if (same == n) same--; /* logits are those of the last token */
    if (n + most > d->context) return 0;
    if (same < d->position && bnt_session_rewind(d, same, NULL)) return 0;
    while (d->position < n) {
        uint32_t tokens[64];
        const uint32_t left = n - d->position;
        const uint32_t count = left < 64 ? left : 64;
        for (uint32_t i = 0; i < count; i++) {
            tokens[i] = s->tokens[d->position + i] % d->n_vocab;
        }
        if (bnt_session_feed(d, tokens, count, NULL)) return 0;
    }
    for (uint32_t k = 0; k < most; k++) {
        bantam_candidate top;
        if (bnt_session_top(d, &top, 1, NULL) || top.token >= s->n_vocab) return k;
        out[k] = top.token;
        if (k + 1 < most && bnt_session_feed(d, &top.token, 1, NULL)) return k + 1;
    }
    return most;
}

/* Guesses at what follows the n tokens of the session, as many as seem worth it. */
static uint32_t guess(bnt_session *s, uint32_t n, uint32_t *out)
{
    bnt_ahead *const a = &s->ahead;
    const uint32_t room = s->context - n;
    uint32_t most = a->most < s->batch - 1 ? a->most : s->batch - 1;
    uint32_t length = 0, found = 0;

    if (most > room) most = room;
    if (!most) return 0;
    if (a->lookup) found = bnt_lookup_guess(a->lookup, s->tokens, n, out, most, &length);
    a->source = length < 3 ? FROM_PAIR : length < 8 ? FROM_PHRASE : FROM_PASSAGE;
    if (a->draft && length < SURE_LENGTH) {
        a->source = FROM_DRAFT;
        found = most;
    }
    if (!found) return 0;

    uint32_t wanted = a->fixed ? most : bnt_ahead_length(&a->pace, a->source, most);
    if (!wanted && ++a->pace.n_declined < RETRY_EVERY) return 0;
    a->pace.n_declined = 0;
    if (!wanted) wanted = 1;
    if (a->source != FROM_DRAFT) return wanted;
    const uint64_t start = bnt_clock_ns();
    found = guess_by_model(s, n, out, wanted);
    if (found) blend(&a->pace.guess_s, seconds_since(start) / found, share_of_time);
    return found;
}

/* ---- feeding ----------------------------------------------------------------------------- */

/* Whether the token is what was computed ahead. */
static bool comes_true(bnt_ahead *a, uint32_t *token)
{
    if (a->next == a->n) return false;
    bool yes = a->tokens[a->next] == *token;
    if (a->replay > 0) {
        yes = bnt_rng_f64(&a->coin) < a->replay;
        if (yes) *token = a->tokens[a->next];
    }
    double *const mean = &a->pace.accepted[a->source];
    *mean += share_of_guess * ((yes ? 1.0 : 0.0) - *mean);
    return yes;
}

bantam_status bnt_ahead_feed(bnt_session *s, uint32_t *token, bantam_error *err)
{
    bnt_ahead *const a = &s->ahead;
    uint32_t all[BNT_AHEAD_ROWS];

    if (!a->most || s->position == s->context) return bnt_session_feed(s, token, 1, err);
    if (comes_true(a, token)) {
        const bantam_status status = bnt_session_check_cancel(s, err);
        if (status) return status;
        a->next++;
        a->counts.n_accepted++;
        bnt_session_step(s, *token, s->rows + (size_t)a->next * s->n_vocab);
        return BANTAM_OK;
    }
    a->n = a->next = 0;
    bnt_ahead_forget(s, s->position);
    s->tokens[s->position] = *token; /* not held yet, but guesses are for what follows it */
    all[0] = *token;
    const uint32_t n = guess(s, s->position + 1, all + 1);
    const uint64_t start = bnt_clock_ns();
    const bantam_status status = bnt_session_feed_rows(s, all, n + 1, err);
    if (status) return status;
    blend(&a->pace.pass_s[n + 1], seconds_since(start), share_of_time);
    memcpy(a->tokens, all + 1, n * sizeof *all);
    a->n = n;
    a->counts.n_passes++;
    a->counts.n_drafted += n;
    return BANTAM_OK;
}

void bnt_ahead_forget(bnt_session *s, uint32_t n)
{
    s->ahead.n = s->ahead.next = 0;
    if (s->ahead.lookup) bnt_lookup_forget(s->ahead.lookup, s->tokens, n);
}

/* ---- options ----------------------------------------------------------------------------- */

/* Guesses are ids: of two vocabularies nearly all must mean the same. */
static bantam_status check_draft(const bnt_session *s, const bnt_session *d, bantam_error *err)
{
    const uint32_t n = s->n_vocab < d->n_vocab ? s->n_vocab : d->n_vocab;
    uint32_t same = 0;

    if (d == s) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "draft: a session cannot guess for itself");
    }
    for (uint32_t i = 0; s->tokenizer && d->tokenizer && i < n; i++) {
        const bantam_text a = bnt_session_text(s, i), b = bnt_session_text(d, i);
        same += a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
    }
    if (s->tokenizer && d->tokenizer && (uint64_t)same * 100 < (uint64_t)n * SAME_TOKENS) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "draft: its vocabulary is another one, %u of %u tokens are the same",
                        (unsigned)same, (unsigned)n);
    }
    return BANTAM_OK;
}

bantam_status bnt_session_speculate(bnt_session *s, const bantam_speculation *options,
                                    bnt_session *draft, bantam_error *err)
{
    bnt_ahead next = {.pace = {.n_declined = 0}};
    bantam_speculation o = {0};

    bantam_status status = bnt_options_copy(&o, sizeof o, options, "speculation options", err);
    if (status) return status;
    if (o.max_tokens >= BNT_AHEAD_ROWS) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "max_tokens: at most %d, found %u",
                        BNT_AHEAD_ROWS - 1, (unsigned)o.max_tokens);
    }
    if (!(o.replay >= 0 && o.replay <= 1)) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "replay: expected 0 to 1, found %g", o.replay);
    }
    if (draft) status = check_draft(s, draft, err);
    if (!status && o.lookup) status = bnt_lookup_open(&next.lookup, s->context, err);
    if (status) return status;

    next.draft = draft;
    if (draft || o.lookup) next.most = o.max_tokens ? o.max_tokens : BNT_AHEAD_ROWS - 1;
    next.fixed = o.fixed;
    next.replay = o.replay;
    bnt_rng_seed(&next.coin, 1);
    memcpy(next.pace.accepted, usual_accepted, sizeof usual_accepted);
    bnt_ahead_close(&s->ahead);
    s->ahead = next;
    return BANTAM_OK;
}

const bantam_speculated *bnt_session_speculated(const bnt_session *s)
{
    return &s->ahead.counts;
}

void bnt_ahead_close(bnt_ahead *a)
{
    bnt_lookup_close(a->lookup);
    *a = (bnt_ahead){0};
}
