/* cholesky.h - a symmetric positive definite matrix as U D U^T.
 *
 * U is upper triangular with ones on its diagonal, D a diagonal of positive numbers: Cholesky's
 * factors without square roots, taken from the last row to the first. What a row of U says is
 * how much of it the rows behind it explain.
 */
#ifndef BNT_LINALG_CHOLESKY_H
#define BNT_LINALG_CHOLESKY_H
#include "linalg/matmul.h"

/* h (n, n), of which only the diagonal and what lies above is read and written: U takes the
 * place above, D that of the diagonal. The bits do not depend on the number of threads.
 * BANTAM_ERR_UNSUPPORTED where h is not positive definite as floats can tell, with h in ruins;
 * BANTAM_ERR_NOMEM. */
bantam_status bnt_cholesky(bnt_matmul *mm, float *h, size_t n, bantam_error *err);

#endif
