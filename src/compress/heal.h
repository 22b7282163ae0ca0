/* heal.h - what is left of a matrix when some of its inputs go: which ones cost least, and what
 * the others have to become.
 *
 * A matrix W (rows, columns) is to make y of x, summed up over calibration tokens as
 * H = sum x x^T and Y = sum y x^T. The best W' for a set K of its columns is
 *
 *     W'_K = (Y_K + d W_K) (H_KK + d I)^-1      d: damping, which draws W' to W
 *
 * The inverse is kept while columns go one by one: without column j it is the old one less
 * i_j i_j^T / i_jj, and the error rises by |W'_j|^2 / i_jj (optimal brain surgeon, as in arXiv
 * 2301.00774). Groups of columns go likewise, with small matrices in place of i_jj.
 */
#ifndef BNT_COMPRESS_HEAL_H
#define BNT_COMPRESS_HEAL_H
#include "linalg/matmul.h"

typedef struct bnt_heal {
    size_t rows, columns, group;
    bnt_matmul *mm; /* borrows, with its pool */
    double *xx; /* (columns, columns) owns: H, of which what lies below the diagonal follows */
    double *yx; /* (rows, columns) owns: Y */
    float *panel;         /* owns */
    double *inverse;      /* (columns, columns) owns: of H_KK + d I; the other rows and columns
                             are zero */
    double *w;            /* (rows, columns) owns: W', the other columns zero */
    double *part, *small; /* owns: of the columns at hand */
    double *squares;      /* (columns) owns: of W' */
    bool *gone;           /* (columns) owns */
} bnt_heal;

/* group is how many columns go together, a divisor of columns. A zeroed heal is a valid closed
 * one. */
bantam_status bnt_heal_init(bnt_heal *h, bnt_matmul *mm, size_t rows, size_t columns,
                            size_t group, bantam_error *err);
void bnt_heal_deinit(bnt_heal *h);
/* Bytes that init takes. */
size_t bnt_heal_cost(size_t rows, size_t columns, size_t group);

/* Begins new sums. */
void bnt_heal_clear(bnt_heal *h);
/* Adds n tokens: x (n, columns), and y (n, rows) that is wanted of them. */
void bnt_heal_add(bnt_heal *h, const float *x, const float *y, size_t n);
/* The sum of squares of an input. */
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
void bnt_heal_take(const bnt_heal *h, float *w);

#endif
