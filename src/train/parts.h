/* parts.h - what a batch weighs, and batches gone through in parts that memory holds. */
#ifndef BNT_TRAIN_PARTS_H
#define BNT_TRAIN_PARTS_H
#include "train/net.h"

/* The sum of its rows' weights. */
double bnt_batch_weight(const bnt_batch *batch);

/* A batch in parts of whole sequences, in their order, each as many as fit. A zeroed one is a
 * valid closed one; its memory serves batch after batch. */
typedef struct bnt_parts {
    const bnt_batch *batch;  /* borrows until all parts are gone through */
    uint32_t max_rows;       /* of a part */
    uint32_t next;           /* the sequence that the next part begins with */
    bnt_sequence *sequences; /* (capacity) owns: those of the part at hand */
    uint32_t capacity;
} bnt_parts;

/* max_rows 0: the batch is one part. BANTAM_ERR_INVALID where a sequence alone is longer. */
bantam_status bnt_parts_begin(bnt_parts *parts, const bnt_batch *batch, uint32_t max_rows,
                              bantam_error *err);
/* The next part of which any row counts, and its weight; it is lent until the next call. False
 * when there is none left. */
bool bnt_parts_next(bnt_parts *parts, bnt_batch *out, double *weight);
void bnt_parts_deinit(bnt_parts *parts);

/* The mean loss over batches, each in parts of at most max_rows rows; NaN where no row
 * counts. */
bantam_status bnt_batches_loss(bnt_net *net, const bnt_batch *batches, size_t n_batches,
                               uint32_t max_rows, double *loss, bantam_error *err);

#endif
