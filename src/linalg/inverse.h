/* inverse.h - symmetric positive definite matrices inverted in double precision, for those that
 * floats cannot tell from singular ones (cholesky.h is for all others, and faster).
 */
#ifndef BNT_LINALG_INVERSE_H
#define BNT_LINALG_INVERSE_H
#include "base/pool.h"

/* a (rows, columns), `stride` apart, loses what `depth` rows make of it:
 *
 *     a[i][j] -= sum over k of factors[i * factor_row + k * factor_step] * from[k][j]
 *
 * from (depth, columns), also `stride` apart. None of it overlaps a. upper: only j >= i. */
typedef struct bnt_taking {
    double *a;
    size_t rows, columns, stride;
    const double *factors;
    size_t factor_row, factor_step;
    const double *from;
    size_t depth;
    bool upper;
} bnt_taking;

/* Every element is one chain of sums in order of k: the bits do not depend on the number of
 * threads. */
void bnt_take_products(bnt_pool *pool, const bnt_taking *t);

/* Doubles that bnt_invert() works with. */
size_t bnt_invert_work(size_t n);
/* a (n, n), of which only the diagonal and what lies above is read, becomes its inverse, whole.
 * False, with a in ruins, where a is not positive definite as doubles can tell. */
bool bnt_invert(bnt_pool *pool, double *a, size_t n, double *work);

/* The same for a small matrix on the calling thread, read and written whole. */
bool bnt_invert_small(double *a, size_t n);

#endif
