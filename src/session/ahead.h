/* ahead.h - tokens computed before they are drawn.
 *
 * A pass over a few tokens costs little more than one over a single token, because weights are
 * read once for all. So the drawn token is fed together with guesses at what follows it. Each
 * row of logits is what it would be without them (promise: same bits), and the next token is
 * drawn from it as ever; where it is the one guessed its row is there already, else the rest is
 * forgotten. Greedy or sampled, the answer is the same to the last bit as without guesses; only
 * time is saved (speculative decoding: arXiv 2211.17192).
 *
 * Guesses come from the text itself (lookup.h) or from a smaller model's session. How many are
 * made follows from what was accepted so far and what passes cost.
 */
#ifndef BNT_SESSION_AHEAD_H
#define BNT_SESSION_AHEAD_H
#include "base/rng.h"
#include "session/lookup.h"
#include "session/session.h"

enum {
    BNT_AHEAD_ROWS = 8, /* of a pass: the drawn token and its guesses */
    BNT_AHEAD_SOURCES = 4
};

/* What is known of guesses and passes, in running means. */
typedef struct bnt_ahead_pace {
    double accepted[BNT_AHEAD_SOURCES]; /* share of guesses that came true, by source */
    double pass_s[BNT_AHEAD_ROWS + 1];  /* of a pass over so many tokens; 0: not yet known */
    double guess_s;                     /* of one guess of the other model */
    uint32_t n_declined;                /* times in a row that no guess seemed worth it */
} bnt_ahead_pace;

typedef struct bnt_ahead {
    bnt_lookup *lookup;              /* owns; NULL: not used */
    bnt_session *draft;              /* borrowed; NULL: not used */
    uint32_t most;                   /* guesses at once; 0: off */
    bool fixed;                      /* always as many */
    double replay;                   /* not 0: a guess counts as true with this probability */
    bnt_rng coin;                    /* for that */
    uint32_t tokens[BNT_AHEAD_ROWS]; /* guesses whose rows are computed */
    uint32_t n, next;                /* of them; the next to come true */
    unsigned source;
    bnt_ahead_pace pace;
    bantam_speculated counts;
} bnt_ahead;

/* Feeds a token that was drawn from the current logits. In a replay it may become another one.
 */
bantam_status bnt_ahead_feed(bnt_session *s, uint32_t *token, bantam_error *err);

/* What was computed ahead is worth nothing: another text follows from position n on. */
void bnt_ahead_forget(bnt_session *s, uint32_t n);

void bnt_ahead_close(bnt_ahead *a);

/* How many of at most `most` guesses promise the most tokens a second. */
uint32_t bnt_ahead_length(const bnt_ahead_pace *pace, unsigned source, uint32_t most);

#endif
