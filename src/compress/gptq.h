/* gptq.h - matrices rounded column by column, each column making up for the errors before it
 * (GPTQ, arXiv 2210.17323).
 *
 * A row's errors e (columns), on inputs whose sum of products is H (columns, columns), cost
 * e H e^T. With H = (I + U) D (I + U)^T, U strictly upper, the sum falls apart into columns:
 * column j costs D_j times the square of e_j + sum of e_i U_ij over the columns i before it. So
 * that sum is added to each weight before it is rounded, and D weighs what rounding leaves.
 */
#ifndef BNT_COMPRESS_GPTQ_H
#define BNT_COMPRESS_GPTQ_H
#include "base/pulse.h"
#include "linalg/cholesky.h"
#include "quant/type.h"

/* What the inputs of a matrix say, prepared once for all matrices that share them. Columns
 * stand in the order in which they are rounded: blocks of 256 from left to right, in a block
 * those first that matter most. */
typedef struct bnt_feedback {
    size_t n;        /* columns */
    float *hessian;  /* (n, n) owns: damped, whole, in that order */
    float *factor;   /* (n, n) owns: U above the diagonal, D on it, in that order */
    float *weights;  /* (n) owns: D by column as it stands in the matrix */
    uint32_t *order; /* (n) owns: the column at each place */
    double damping;  /* what was added to the diagonal, as a share of its mean */
    bnt_pulse pulse; /* asked after each block of columns; set by the owner */
} bnt_feedback;

/* Takes sums (n, n), floats of bnt_alloc(), of whose upper triangle it makes the hessian. The
 * diagonal is damped by 1 % of its mean, and by more where that does not suffice. A zeroed
 * feedback is a valid closed one. BANTAM_ERR_UNSUPPORTED where no damping helps: the sums are
 * no finite numbers. */
bantam_status bnt_feedback_init(bnt_feedback *f, bnt_matmul *mm, float *sums, size_t n,
                                bantam_error *err);
void bnt_feedback_deinit(bnt_feedback *f);

/* What the rounding of some rows comes to. */
typedef struct bnt_rounded {
    double loss;  /* sum of e H e^T */
    double error; /* sum of squares of e */
} bnt_rounded;

/* Rounds rows (n_rows, f->n) to an interleaved type: groups of 16 rows to out. sweeps: how
 * often all columns are gone through again afterwards, each code taken to where it is best
 * among the others. rows is overwritten. The bits do not depend on the number of threads. */
bantam_status bnt_gptq_round(const bnt_feedback *f, bnt_matmul *mm, const bnt_type *type,
                             float *rows, uint32_t n_rows, uint32_t sweeps, uint8_t *out,
                             bnt_rounded *result, bantam_error *err);

#endif
