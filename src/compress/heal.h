/* heal.h - what is left of a matrix when some of its inputs go: which ones cost least, and what
 * the others have to become.
 *
 * A matrix W (rows, columns) is to make y of x, summed up over calibration tokens as
 * H = sum x x^T and Y = sum y x^T. The best W' for a set K of its columns is
 *
 *     W'_K = (Y_K + d W_K) (H_KK + d I)^-1      d: damping, which draws W' to W
 *
 * The inverse is changed while columns go one by one: without column j it is the old one less
 * v v^T, v being i_j / sqrt(i_jj), W' is the old one less w_j v^T / sqrt(i_jj), and the error
 * rises by |w_j|^2 / i_jj (optimal brain surgeon, as in arXiv 2301.00774). Groups of columns go
 * one after the other. What has gone is noted as those vectors, and worked into the two
 * matrices only when there are many.
 */
#ifndef BNT_COMPRESS_HEAL_H
#define BNT_COMPRESS_HEAL_H
#include "linalg/matmul.h"

typedef struct bnt_heal {
    size_t rows, columns, group;
    bnt_matmul *mm; /* borrows, with its pool */
    double *xx; /* (columns, columns) owns: H, of which what lies below the diagonal follows;
                   once solved the inverse of H_KK + d I, but for what is noted */
    double *yx; /* (rows, columns) owns: Y; once solved nothing */
    double *w;  /* (rows, columns) owns: W', likewise */
    double *v,
        *u; /* (most, columns), (most, rows) owns: what is noted: v, and w_j / sqrt(i_jj) */
    size_t most, n_noted;
    double *work;  /* owns: of the inversion; and a row of columns */
    double *small; /* (group, group) owns */
    float *panel;  /* owns: of sums */
    double *diagonal,
        *squares; /* (columns) owns: of the inverse, and of W', with what is noted */
    bool *gone;   /* (columns) owns */
} bnt_heal;

/* group is how many columns go together, a divisor of columns. A zeroed heal is a valid closed
 * one. */
bantam_status bnt_heal_init(bnt_heal *h, bnt_matmul *mm, size_t rows, size_t columns,
                            size_t group, bantam_error *err);
void bnt_heal_deinit(bnt_heal *h);

/* Begins new sums. */
void bnt_heal_clear(bnt_heal *h);
/* Adds n tokens: x (n, columns), and y (n, rows) that is wanted of them. */
void bnt_heal_add(bnt_heal *h, const float *x, const float *y, size_t n);
/* The sum of squares of an input, before it is solved. */
double bnt_heal_energy(const bnt_heal *h, size_t column);

/* Solves for all columns; damping is a share of the mean of H's diagonal. w is the matrix as it
 * is. The sums are used up. BANTAM_ERR_UNSUPPORTED where the sums are no finite numbers. */
bantam_status bnt_heal_solve(bnt_heal *h, const float *w, double damping, bantam_error *err);
/* The first column of the group, of `group` columns from a multiple of that on, whose going
 * raises the summed squared error least. At least one group is still there. */
size_t bnt_heal_cheapest(bnt_heal *h);
/* Lets the group go that begins with that column. */
void bnt_heal_remove(bnt_heal *h, size_t first);
/* The matrix as it is now: columns that are gone are zero. */
void bnt_heal_take(bnt_heal *h, float *w);

#endif
