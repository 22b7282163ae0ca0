/* rehearsal.h - texts that a model writes by itself, to be learned beside new ones.
 *
 * Who learns one thing forgets others. Texts drawn from the model as it is, at temperature 1,
 * are a sample of all that it does: their mean loss is least where the model is what it was,
 * and rises by the divergence from that. So they hold the rest in its place, and measure how
 * far it has moved, without any file (Robins 1995 calls it pseudorehearsal).
 */
#ifndef BNT_TRAIN_REHEARSAL_H
#define BNT_TRAIN_REHEARSAL_H
#include "session/session.h"
#include "train/net.h"

typedef struct bnt_rehearsal_options {
    const bnt_model *model;
    const bnt_tokenizer *tokenizer;
    uint32_t n_threads;
    uint32_t sequence_tokens; /* the longest text, in rows of a batch */
    uint32_t batch_tokens;    /* the most rows of a batch; at least sequence_tokens */
    uint32_t n_rows; /* wished for; as many as that, and up to one text more, come out */
    double held_out; /* share of the texts that no batch has; the last ones */
    uint64_t seed;
    bantam_progress_fn progress; /* in rows; may be NULL */
    void *user;
} bnt_rehearsal_options;

typedef struct bnt_rehearsal bnt_rehearsal;

/* *out is NULL where the model has no token that begins a text. */
bantam_status bnt_rehearsal_open(bnt_rehearsal **out, const bnt_rehearsal_options *options,
                                 bantam_error *err);
void bnt_rehearsal_close(bnt_rehearsal *r); /* accepts NULL */

/* Bytes that stay after open, at most; and that it takes while the model writes. */
size_t bnt_rehearsal_cost(const bnt_rehearsal_options *options);
bantam_status bnt_rehearsal_plan(const bnt_rehearsal_options *options, bantam_plan_info *out,
                                 bantam_error *err);

uint64_t bnt_rehearsal_digest(const bnt_rehearsal *r);

/* Batches come round again and again. Lent until the rehearsal is closed. */
const bnt_batch *bnt_rehearsal_batch(const bnt_rehearsal *r, uint64_t step);
const bnt_batch *bnt_rehearsal_held_out(const bnt_rehearsal *r, size_t *n_batches);

#endif
