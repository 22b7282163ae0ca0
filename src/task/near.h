/* near.h - how near texts are to each other, and what the reader's events say of their
 * surroundings. */
#ifndef BNT_TASK_NEAR_H
#define BNT_TASK_NEAR_H
#include "task/terms.h"

/* Texts to be compared. A zeroed one is a valid closed one. */
typedef struct bnt_near {
    bnt_terms words;
    float *vectors; /* (words.n_docs, n_vector), owns: the common part taken off, then of length
                       1; a text without a vector has zeros. NULL: there are none */
    uint32_t n_vector;
    double word_scale, vector_scale; /* see bnt_near_measure(); 1 before it */
} bnt_near;

bantam_status bnt_near_open(bnt_near *out, const bantam_item *const *docs, size_t n_docs,
                            uint32_t n_vector, bantam_error *err);
void bnt_near_close(bnt_near *near);

/* How much of the same two texts say: 0 to 1, 1 for one text twice. */
double bnt_near_same(const bnt_near *near, size_t a, size_t b);

/* How much an event with one text says of another, 0 and up: s^(3/2), where s is two thirds of
 * the words' cosine and a third of the vectors', each in units of its root mean square over the
 * pairs at hand, and 0 where that is negative. The units let vectors of any model be mixed with
 * words: whatever spread its cosines have, they weigh the same. */
double bnt_near_bearing(const bnt_near *near, size_t a, size_t b);

/* One event as evidence. */
typedef struct bnt_evidence {
    size_t doc;    /* of a bnt_near */
    size_t event;  /* of the history */
    double weight; /* 0 to 1, faded */
    bool liked;
} bnt_evidence;

enum { BNT_MAX_EVIDENCE = 256, BNT_MAX_SHOWN = 64 };

/* Checks a history and writes the events that count to out[BNT_MAX_EVIDENCE], the latest first;
 * doc is first_doc + the item's index. now and the half-lives are read from o. */
bantam_status bnt_evidence_gather(const bantam_history *history, const bantam_rank_options *o,
                                  size_t first_doc, bnt_evidence *out, size_t *n,
                                  bantam_error *err);

/* Sets the units of bnt_near_bearing() from the pairs of docs[0..n_docs) with the evidence. */
void bnt_near_measure(bnt_near *near, size_t n_docs, const bnt_evidence *evidence, size_t n);

/* Takes weight off what later evidence contradicts: an event counts by the square root of the
 * share of what came later near it that agrees, one event being added to both. So an interest
 * that ended gives way sooner than it fades, and so does a slip. */
void bnt_near_temper(const bnt_near *near, bnt_evidence *evidence, size_t n);

/* What the evidence says of a text. */
typedef struct bnt_judgment {
    double share;   /* of likes in the evidence near it, drawn to that in all where little is
                       near */
    double prior;   /* that in all */
    double nearest; /* the largest weight times bearing */
    size_t for_it, against; /* the evidence that weighs most; SIZE_MAX: none */
} bnt_judgment;

bnt_judgment bnt_near_judge(const bnt_near *near, size_t doc, const bnt_evidence *evidence,
                            size_t n);

/* Defaults in place of zeros. */
bantam_status bnt_rank_options(bantam_rank_options *out, const bantam_rank_options *options,
                               bantam_error *err);

#endif
