/* sparse.h - zeros in place of weights: two of every four neighbors in a row (2:4), or a share
 * of each row wherever they stand.
 *
 * What a zero costs is the square of the weight times what the squares of its inputs come to:
 * the same for all (magnitude), their sum (Wanda, arXiv 2306.11695), or what is left of them
 * when all columns behind make up for it, which is feedback.h's D (SparseGPT, arXiv
 * 2301.00774). Rows are judged one by one.
 */
#ifndef BNT_COMPRESS_SPARSE_H
#define BNT_COMPRESS_SPARSE_H
#include "compress/feedback.h"

enum { BNT_SPARSE_GROUP = 4 }; /* neighbors of which two are zero */

typedef struct bnt_sparsity {
    bool pairs;   /* 2:4 */
    double share; /* else: of each row, rounded to whole weights */
} bnt_sparsity;

/* The zeros there are in a row of n columns. */
size_t bnt_sparse_zeros(const bnt_sparsity *s, size_t n);

/* keep (n_rows, n): 1 for weights that stay, 0 for those of rows (n_rows, n) whose square times
 * costs (n) is least; NULL: all cost the same. Of equals the first stay. For pairs n is a
 * multiple of four. BANTAM_ERR_NOMEM only. */
bantam_status bnt_sparse_choose(bnt_pool *pool, const bnt_sparsity *s, const float *rows,
                                uint32_t n_rows, size_t n, const float *costs, uint8_t *keep,
                                bantam_error *err);

/* Makes the weights that stay make up for those that go: values (n_rows, f->n), of which those
 * that keep has 0 for are 0. sweeps is as for bnt_feedback_run(). rows (n_rows, f->n) is
 * overwritten. With `chooses` keep is chosen on the way, block by block (of a share: as many in
 * each as it has there) or group by group, for weights as they are asked for; for pairs f's
 * unit is BNT_SPARSE_GROUP. The bits do not depend on the number of threads. */
bantam_status bnt_sparse_solve(const bnt_feedback *f, bnt_matmul *mm, const bnt_sparsity *s,
                               bool chooses, float *rows, uint32_t n_rows, uint32_t sweeps,
                               uint8_t *keep, float *values, bnt_rounded *result,
                               bantam_error *err);

#endif
