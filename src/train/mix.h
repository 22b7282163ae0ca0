/* mix.h - steps in which new texts are learned and others are kept.
 *
 * Every batch has rows of the new texts and behind them rows of those to keep: a file's, or
 * what the model wrote itself. The share that the latter have in the loss is the same in every
 * step, however many tokens of either are masked.
 */
#ifndef BNT_TRAIN_MIX_H
#define BNT_TRAIN_MIX_H
#include "train/dataset.h"
#include "train/rehearsal.h"
#include "train/run.h"

/* A zeroed mix is a valid closed one. */
typedef struct bnt_mix {
    bnt_dataset *data;          /* owns */
    bnt_dataset *keep;          /* owns, or NULL */
    bnt_rehearsal *own;         /* owns, or NULL; not both */
    double keep_share;          /* of the loss */
    uint32_t max_rows;          /* of a batch */
    uint32_t *tokens, *targets; /* (max_rows) own, as what follows: the batch handed out */
    float *weights;
    bnt_sequence *sequences;
} bnt_mix;

/* Takes memory for batches, where anything is to be kept. max_rows, keep_share and the sources
 * are set by the caller. */
bantam_status bnt_mix_init(bnt_mix *m, bantam_error *err);
void bnt_mix_deinit(bnt_mix *m);
size_t bnt_mix_cost(uint32_t max_rows);

/* A bnt_batch_fn; mix is a bnt_mix. */
bantam_status bnt_mix_batch(void *mix, uint64_t step, bnt_batch *out, bantam_error *err);

#endif
