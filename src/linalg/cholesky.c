/* cholesky.c - U D U^T, a block of columns at a time from the last to the first.
 *
 * With K the block at hand and I all rows before it,
 *
 *     H_KK = U_KK D_K U_KK^T      V = H_IK U_KK^-T = U_IK D_K      H_II = H_II - V U_IK^T
 *
 * The block on the diagonal is factored in place, the rest is products of matrices, which is
 * where the time goes.
 */
#include "linalg/cholesky.h"

#include <math.h>

#include "base/error.h"
#include "base/mem.h"

enum {
    BLOCK = 128, /* columns factored at a time */
    PANEL = 256  /* columns updated at a time: of what lies below the diagonal this much is */
};

/* Pivots below this share of what they were are rounding errors of float sums. */
static const float LEAST = 1e-7f;

/* In place, h (n, n) with rows `stride` apart. False where a pivot is not positive. */
static bool factor_block(float *h, size_t stride, size_t n, const float *before)
{
    for (size_t j = n; j-- > 0;) {
        const float pivot = h[j * stride + j];
        if (!(pivot > before[j] * LEAST) || !isfinite(pivot)) return false;
        for (size_t i = 0; i < j; i++) {
            const float scaled = h[i * stride + j] / pivot;
            for (size_t k = i; k < j; k++) {
                h[i * stride + k] -= scaled * h[k * stride + j];
            }
        }
        for (size_t i = 0; i < j; i++) {
            h[i * stride + j] /= pivot;
        }
    }
    return true;
}

/* The inverse of the unit upper triangle in h, to out (n, n). */
static void invert_block(const float *h, size_t stride, size_t n, float *out)
{
    for (size_t i = n; i-- > 0;) {
        for (size_t j = 0; j < n; j++) {
            out[i * n + j] = i == j ? 1.0f : 0.0f;
        }
        for (size_t k = i + 1; k < n; k++) {
            for (size_t j = k; j < n; j++) {
                out[i * n + j] -= h[i * stride + k] * out[k * n + j];
            }
        }
    }
}

typedef struct scratch {
    float *v;       /* (n, BLOCK) */
    float *inverse; /* (BLOCK, BLOCK) */
    float *before;  /* (n) the diagonal as it was given */
} scratch;

/* Everything that the block of columns from `at` on means for the rows before it. */
static void eliminate(bnt_matmul *mm, float *h, size_t n, size_t at, size_t width,
                      const scratch *s)
{
    invert_block(h + at * n + at, n, width, s->inverse);
    bnt_matmul_run(mm, (bnt_view){h + at, n, 1}, (bnt_view){s->inverse, 1, width}, at, width,
                   width, s->v, width, false);
    for (size_t i = 0; i < at; i++) {
        for (size_t j = 0; j < width; j++) {
            const float v = s->v[i * width + j];
            h[i * n + at + j] = v / h[(at + j) * n + at + j];
            s->v[i * width + j] = -v;
        }
    }
    for (size_t from = 0; from < at; from += PANEL) {
        const size_t to = at - from < PANEL ? at : from + PANEL;
        bnt_matmul_run(mm, (bnt_view){s->v, width, 1}, (bnt_view){h + from * n + at, 1, n}, to,
                       to - from, width, h + from, n, true);
    }
}

bantam_status bnt_cholesky(bnt_matmul *mm, float *h, size_t n, bantam_error *err)
{
    bantam_status status = BANTAM_OK;
    scratch s = {bnt_calloc(n, BLOCK * sizeof *s.v), bnt_calloc(BLOCK, BLOCK * sizeof *s.v),
                 bnt_calloc(n, sizeof *s.before)};

    if (!s.v || !s.inverse || !s.before) {
        status =
            bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a factor of %zu columns", n);
        goto done;
    }
    for (size_t i = 0; i < n; i++) {
        s.before[i] = h[i * n + i];
    }
    for (size_t end = n; end > 0;) {
        const size_t width = end % BLOCK ? end % BLOCK : BLOCK, at = end - width;
        if (!factor_block(h + at * n + at, n, width, s.before + at)) {
            status = bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                              "a matrix of %zu columns is not positive definite", n);
            goto done;
        }
        eliminate(mm, h, n, at, width, &s);
        end = at;
    }

done:
    bnt_free(s.v);
    bnt_free(s.inverse);
    bnt_free(s.before);
    return status;
}
