/* inverse.c - a symmetric matrix swept block by block.
 *
 * Sweeping the block K, with P the rows of K and Q = H_KK^-1 P, makes
 *
 *     H_KK = -H_KK^-1      H_KJ = Q_J      H_IJ = H_IJ - P_I^T Q_J
 *
 * and a matrix of which every block was swept is its inverse times -1 (the sweep operator of
 * statistics: J. H. Goodnight, 1979). It stays symmetric all the way, so only what lies above
 * the diagonal is computed, in n^3 operations like an inverse by Cholesky's factors. What is
 * still to be swept is positive definite at any time if the matrix was.
 */
#include "linalg/inverse.h"

#include <math.h>
#include <string.h>

enum {
    BLOCK = 64, /* columns swept at a time, and rows of products taken at a time */
    ROWS = 16,  /* of a task */
    TILE = 512  /* columns that those rows go through together, so that they stay in cache */
};

/* ---- products ---------------------------------------------------------------------------- */

/* Four rows at a time, so that what they are taken from is read and written once. */
static void take_run(double *to, const double *factors, size_t step, const double *from,
                     size_t stride, size_t depth, size_t n)
{
    size_t k = 0;
    for (; k + 4 <= depth; k += 4) {
        const double *const a = from + k * stride, *const b = a + stride;
        const double *const c = b + stride, *const d = c + stride;
        const double fa = factors[k * step], fb = factors[(k + 1) * step];
        const double fc = factors[(k + 2) * step], fd = factors[(k + 3) * step];
        for (size_t j = 0; j < n; j++) {
            to[j] = to[j] - fa * a[j] - fb * b[j] - fc * c[j] - fd * d[j];
        }
    }
    for (; k < depth; k++) {
        const double *const a = from + k * stride, fa = factors[k * step];
        for (size_t j = 0; j < n; j++) {
            to[j] -= fa * a[j];
        }
    }
}

static void take_rows(void *context, size_t task, uint32_t thread)
{
    const bnt_taking *const t = context;
    const size_t first = task * ROWS;
    const size_t end = t->rows - first < ROWS ? t->rows : first + ROWS;
    (void)thread;

    for (size_t tile = t->upper ? first / TILE * TILE : 0; tile < t->columns; tile += TILE) {
        const size_t last = t->columns - tile < TILE ? t->columns : tile + TILE;
        for (size_t k = 0; k < t->depth; k += BLOCK) {
            const size_t depth = t->depth - k < BLOCK ? t->depth - k : BLOCK;
            for (size_t i = first; i < end; i++) {
                const size_t begin = t->upper && i > tile ? i : tile;
                if (begin >= last) continue;
                take_run(t->a + i * t->stride + begin,
                         t->factors + i * t->factor_row + k * t->factor_step, t->factor_step,
                         t->from + k * t->stride + begin, t->stride, depth, last - begin);
            }
        }
    }
}

void bnt_take_products(bnt_pool *pool, const bnt_taking *t)
{
    bnt_pool_run(pool, take_rows, (void *)t, (t->rows + ROWS - 1) / ROWS);
}

/* ---- inverses ---------------------------------------------------------------------------- */

/* By Gauss and Jordan, a column at a time. */
bool bnt_invert_small(double *a, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        double *const row = a + k * n;
        if (!(row[k] > 0.0) || !isfinite(row[k])) return false;
        const double pivot = 1.0 / row[k];
        row[k] = 1.0;
        for (size_t j = 0; j < n; j++) {
            row[j] *= pivot;
        }
        for (size_t i = 0; i < n; i++) {
            double *const other = a + i * n;
            const double factor = other[k];
            if (i == k) continue;
            other[k] = 0.0;
            for (size_t j = 0; j < n; j++) {
                other[j] -= factor * row[j];
            }
        }
    }
    return true;
}

size_t bnt_invert_work(size_t n)
{
    return 2 * BLOCK * n + (size_t)BLOCK * BLOCK;
}

/* Rows `first` on of the whole matrix, of which a holds what lies above the diagonal. */
static void gather(const double *a, size_t n, size_t first, size_t width, double *rows)
{
    for (size_t k = 0; k < width; k++) {
        const double *const own = a + (first + k) * n;
        for (size_t j = 0; j < first + k; j++) {
            rows[k * n + j] = a[j * n + first + k];
        }
        memcpy(rows + k * n + first + k, own + first + k, (n - first - k) * sizeof *own);
    }
}

/* What a sweep makes of its own rows and columns. */
static void store(double *a, size_t n, size_t first, size_t width, const double *rows,
                  const double *inverse)
{
    for (size_t k = 0; k < width; k++) {
        double *const own = a + (first + k) * n;
        for (size_t j = 0; j < first; j++) {
            a[j * n + first + k] = rows[k * n + j];
        }
        for (size_t j = k; j < width; j++) {
            own[first + j] = -inverse[k * width + j];
        }
        memcpy(own + first + width, rows + k * n + first + width,
               (n - first - width) * sizeof *own);
    }
}

typedef struct turning {
    double *a;
    size_t n;
} turning;

/* Both halves of the inverse from the upper one times -1: a task is a square on the diagonal
 * with all that lies to its right. */
static void turn_rows(void *context, size_t task, uint32_t thread)
{
    const turning *const t = context;
    const size_t n = t->n, first = task * BLOCK, end = n - first < BLOCK ? n : first + BLOCK;
    (void)thread;

    for (size_t at = first; at < n; at += BLOCK) {
        for (size_t i = first; i < end; i++) {
            for (size_t j = at > i ? at : i; j < n && j < at + BLOCK; j++) {
                t->a[i * n + j] = -t->a[i * n + j];
                t->a[j * n + i] = t->a[i * n + j];
            }
        }
    }
}

bool bnt_invert(bnt_pool *pool, double *a, size_t n, double *work)
{
    double *const given = work, *const made = given + BLOCK * n,
                  *const small = made + BLOCK * n;
    turning t = {a, n};

    for (size_t first = 0; first < n; first += BLOCK) {
        const size_t width = n - first < BLOCK ? n - first : BLOCK;
        gather(a, n, first, width, given);
        for (size_t k = 0; k < width; k++) {
            memcpy(small + k * width, given + k * n + first, width * sizeof *small);
        }
        if (!bnt_invert_small(small, width)) return false;
        for (size_t i = 0; i < width * width; i++) {
            small[i] = -small[i];
        }
        memset(made, 0, width * n * sizeof *made);
        bnt_take_products(pool, &(bnt_taking){.a = made,
                                              .rows = width,
                                              .columns = n,
                                              .stride = n,
                                              .factors = small,
                                              .factor_row = width,
                                              .factor_step = 1,
                                              .from = given,
                                              .depth = width});
        bnt_take_products(pool, &(bnt_taking){.a = a,
                                              .rows = n,
                                              .columns = n,
                                              .stride = n,
                                              .factors = given,
                                              .factor_row = 1,
                                              .factor_step = n,
                                              .from = made,
                                              .depth = width,
                                              .upper = true});
        for (size_t i = 0; i < width * width; i++) {
            small[i] = -small[i];
        }
        store(a, n, first, width, made, small);
    }
    bnt_pool_run(pool, turn_rows, &t, (n + BLOCK - 1) / BLOCK);
    return true;
}
