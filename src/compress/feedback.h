/* feedback.h - values of a matrix chosen column by column, each column making up for the errors
 * before it (GPTQ, arXiv 2210.17323; SparseGPT, arXiv 2301.00774).
 *
 * A row's errors e (columns), on inputs whose sum of products is H (columns, columns), cost
 * e H e^T. With H = (I + U) D (I + U)^T, U strictly upper, the sum falls apart into columns:
 * column j costs D_j times the square of e_j + sum of e_i U_ij over the columns i before it. So
 * that sum is added to each weight before its value is chosen, and D weighs what is left. Which
 * values can be chosen is the caller's affair: codes of a grid (gptq.h), zeros (sparse.h).
 */
#ifndef BNT_COMPRESS_FEEDBACK_H
#define BNT_COMPRESS_FEEDBACK_H
#include "base/pulse.h"
#include "linalg/cholesky.h"
#include "quant/tile.h"

/* What the inputs of a matrix say, prepared once for all matrices that share them. Columns
 * stand in the order in which they are chosen: blocks of 256 from left to right, in a block
 * those units of neighbors first that matter most. */
typedef struct bnt_feedback {
    size_t n;        /* columns */
    size_t unit;     /* columns that stay together, 1 to BNT_FEEDBACK_UNIT */
    float *hessian;  /* (n, n) owns: damped, whole, in that order */
    float *factor;   /* (n, n) owns: U above the diagonal, D on it, in that order */
    float *weights;  /* (n) owns: D by column as it stands in the matrix */
    uint32_t *order; /* (n) owns: the column at each place */
    double damping;  /* what was added to the diagonal, as a share of its mean */
    bnt_pulse pulse; /* asked after each block of columns; set by the owner */
} bnt_feedback;

enum { BNT_FEEDBACK_UNIT = 4 };

/* Takes sums (n, n), floats of bnt_alloc(), of whose upper triangle it makes the hessian. unit
 * is 1, 2 or 4 and divides n. The diagonal is damped by 1 % of its mean, and by more where that
 * does not suffice. A zeroed feedback is a valid closed one. BANTAM_ERR_UNSUPPORTED where no
 * damping helps: the sums are no finite numbers. */
bantam_status bnt_feedback_init(bnt_feedback *f, bnt_matmul *mm, float *sums, size_t n,
                                size_t unit, bantam_error *err);
void bnt_feedback_deinit(bnt_feedback *f);

/* What is left of some rows. */
typedef struct bnt_rounded {
    double loss;  /* sum of e H e^T */
    double error; /* sum of squares of e */
} bnt_rounded;

typedef float bnt_lanes[BNT_TILE_ROWS];

/* A unit of columns of a group of 16 rows, none of whose values is chosen yet. */
typedef struct bnt_feedback_unit {
    size_t group, column;                /* its first */
    bnt_lanes wanted[BNT_FEEDBACK_UNIT]; /* what the columns before ask of each */
    bnt_lanes weight[BNT_FEEDBACK_UNIT]; /* as they are in the matrix */
    /* coupling[c][j]: how much of column j's error column c < unit is to make up for, j < c */
    float coupling[BNT_FEEDBACK_UNIT][BNT_FEEDBACK_UNIT];
    float cost[BNT_FEEDBACK_UNIT]; /* of the square of what is left of a column */
} bnt_feedback_unit;

/* How values are chosen. All are called by any thread, those of one group by one at a time;
 * rows past the last are zero. */
typedef struct bnt_chooser {
    void *user;
    /* wanted (16, 256) by row and column, of n_rows rows and `width` columns, as earlier blocks
     * want them: before the first column of a block. NULL: nothing to do. */
    void (*begin)(void *user, size_t group, size_t block, uint32_t n_rows, size_t width,
                  const float *wanted);
    void (*look)(void *user, const bnt_feedback_unit *unit); /* before each unit; may be NULL */
    /* The values nearest to those wanted of a column, in their place. */
    void (*choose)(void *user, size_t group, size_t column, bnt_lanes values);
    /* The values chosen last. */
    void (*chosen)(void *user, size_t group, size_t column, bnt_lanes values);
} bnt_chooser;

/* Chooses values for rows (n_rows, f->n), which become their errors: what they were less what
 * they are. sweeps: how often all columns are gone through again afterwards, each value taken
 * to where it is best among the others. The bits do not depend on the number of threads. */
bantam_status bnt_feedback_run(const bnt_feedback *f, bnt_matmul *mm, const bnt_chooser *by,
                               float *rows, uint32_t n_rows, uint32_t sweeps,
                               bnt_rounded *result, bantam_error *err);

#endif
