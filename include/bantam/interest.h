/* interest.h - what somebody likes, seen from what they did, and texts in the order of it.
 *
 * A part of bantam.h, which includes it; either may be included first. Ownership, errors and
 * option structs are as described there.
 *
 * Nothing here keeps anything: the app gives what the reader met and what became of it, and
 * gets an order. libbantam-profile (bantam/profile.h) keeps such a history on the device; an
 * app may have a store of its own.
 *
 * An item is judged by the evidence near it. Two texts are near by the words that they share,
 * rare words counting more (tf-idf), and by the vectors that a model makes of them, less what
 * all vectors have in common. Each event is evidence for or against its surroundings, and fades
 * with time and with the events after it. So two interests stay two, and an interest that ended
 * is outweighed by what came later.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BANTAM_INTEREST_H
#define BANTAM_INTEREST_H

#include "bantam/bantam.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- vectors and likelihoods of texts ---------------------------------------------------- */

/* The mean of a model's states over a text's tokens, as bantam_session_states() hands them out,
 * to vector[n_embd]. Of a long text the first tokens, as many as the session holds. The session
 * is emptied before and after. All zeros for a text without tokens. */
BANTAM_API bantam_status bantam_text_vector(bantam_session *session, bantam_text text,
                                            float *vector, bantam_error *err);

/* How much likelier one text makes each of n others: mean over a text's tokens but the first of
 * ln p behind `before`, less the same behind nothing, in nats, to out[n]. 0 where either has
 * too few tokens; NaN for a text that alone does not fit the session. Of `before` only the end
 * is read where half of the session does not hold it. The session is emptied before and after.
 */
BANTAM_API bantam_status bantam_text_affinity(bantam_session *session, bantam_text before,
                                              const bantam_text *texts, size_t n, double *out,
                                              bantam_error *err);

/* ---- what the reader met ----------------------------------------------------------------- */

typedef enum bantam_event_kind {
    BANTAM_EVENT_SHOWN = 1,   /* offered and passed over; counts little, and not at all where
                                 another event is known of the item */
    BANTAM_EVENT_LIKED = 2,   /* said or shown to be welcome */
    BANTAM_EVENT_SKIPPED = 3, /* turned away */
    BANTAM_EVENT_DWELT = 4    /* read for some seconds: s / (s + 30) of a like */
} bantam_event_kind;

typedef struct bantam_item {
    bantam_text title, text; /* the first 2048 bytes of the text are looked at */
    const float *vector;     /* (n_vector), as of bantam_text_vector(); NULL: none */
    int64_t time;            /* seconds since 1970 when it appeared; 0: not known */
} bantam_item;

typedef struct bantam_event {
    size_t item; /* index of one of the history's items */
    bantam_event_kind kind;
    double seconds; /* of BANTAM_EVENT_DWELT */
    int64_t time;   /* seconds since 1970 */
} bantam_event;

/* Borrowed by every call. Events are in the order in which they came. */
typedef struct bantam_history {
    const bantam_item *items; /* (n_items) */
    size_t n_items;
    const bantam_event *events; /* (n_events) */
    size_t n_events;
    uint32_t n_vector; /* length of all vectors, here and in a ranking; 0: there are none */
} bantam_history;

/* ---- ranking ----------------------------------------------------------------------------- */

typedef struct bantam_rank_options {
    size_t struct_size;
    int64_t now;             /* 0: the clock's */
    double half_life_days;   /* after which an event counts half, back from the latest one;
                                0: 30 */
    double half_life_events; /* likewise, events after it; 0: 20 */
    double explore;   /* share of places that go to what the history says least about; 0: 0.1;
                         below 0: none */
    double diversity; /* off the score for what repeats an item placed before; 0: 0.15; below
                         0: nothing */
    /* (n_items) of bantam_text_affinity() behind titles that were liked, or NaN where it was
     * not asked; NULL: not asked at all. */
    const double *affinity;
} bantam_rank_options;

/* Why an item has its place. */
typedef enum bantam_reason {
    BANTAM_REASON_RECENT = 0,  /* nothing speaks for or against it: newer items come first */
    BANTAM_REASON_LIKED = 1,   /* near what was liked: `event` */
    BANTAM_REASON_SKIPPED = 2, /* near what was skipped or passed over: `event` */
    BANTAM_REASON_NEW = 3      /* put here because the history says little about its like */
} bantam_reason;

enum { BANTAM_REASON_WORDS = 3, BANTAM_WORD_BYTES = 48 };

typedef struct bantam_ranked {
    size_t item;       /* index of the one that has this place */
    double score;      /* the sum of the parts */
    double evidence;   /* share of likes near it, less the share of likes in all: -1 to 1 */
    double affinity;   /* the model's likelihood: -0.05 to 0.05 */
    double recency;    /* 0.1 when it appeared, half that three days later */
    double repetition; /* -diversity to 0 */
    double unknown; /* 1: nothing near it is known; towards 0 with evidence. Not in the score */
    bantam_reason reason;
    size_t event; /* the event that says most about it; SIZE_MAX: none */
    /* Words it shares with that event's item, those that tell most first; lower case, NUL-
     * terminated, empty where there are no more. Of other vectors than words there is nothing
     * to say. */
    char words[BANTAM_REASON_WORDS][BANTAM_WORD_BYTES];
} bantam_ranked;

/* Orders n items for the reader, best first, to out[n]. Nothing but the arguments (and, with
 * now 0, the clock) enters, so that equal ones give equal orders. options may be NULL. Takes
 * memory for n times the events that count, 256 at most. */
BANTAM_API bantam_status bantam_rank(const bantam_history *history, const bantam_item *items,
                                     size_t n, const bantam_rank_options *options,
                                     bantam_ranked *out, bantam_error *err);

/* ---- topics ------------------------------------------------------------------------------ */

enum { BANTAM_TOPIC_WORDS = 4 };

/* What was liked, in groups of what is near each other. */
typedef struct bantam_topic {
    double weight;  /* of its likes as they have faded, as a share of all: at most 1 */
    double welcome; /* likes as a share of all evidence near it, faded likewise: 0 to 1 */
    size_t event;   /* the like in the midst of it */
    size_t n_likes; /* events that are likes, dwelling included */
    int64_t last;   /* time of the latest one */
    char words[BANTAM_TOPIC_WORDS][BANTAM_WORD_BYTES]; /* what they have in common */
} bantam_topic;

/* Writes the heaviest topics to out[capacity] and their number to *n_topics. options may be
 * NULL; only the time and the half-lives are read. */
BANTAM_API bantam_status bantam_topics(const bantam_history *history,
                                       const bantam_rank_options *options, bantam_topic *out,
                                       size_t capacity, size_t *n_topics, bantam_error *err);

#ifdef __cplusplus
}
#endif

#endif
