/* heal.c - least squares by an inverse that columns are taken out of; see heal.h.
 *
 * All of it is in double precision: the inverse is changed thousands of times. Threads share
 * rows, each of which is computed in one order.
 */
#include "compress/heal.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/mem.h"

enum {
    PANEL = 128, /* rows of sums that are made at a time */
    BLOCK = 64   /* columns inverted at a time */
};

/* ---- memory ------------------------------------------------------------------------------ */

size_t bnt_heal_cost(size_t rows, size_t columns, size_t group)
{
    const size_t small = group > BLOCK ? group : BLOCK;
    return (2 * columns + 2 * rows + BLOCK + 1) * columns * sizeof(double) +
           small * small * sizeof(double) + PANEL * columns * sizeof(float) + columns;
}

bantam_status bnt_heal_init(bnt_heal *h, bnt_matmul *mm, size_t rows, size_t columns,
                            size_t group, bantam_error *err)
{
    const size_t small = group > BLOCK ? group : BLOCK;

    *h = (bnt_heal){.rows = rows, .columns = columns, .group = group, .mm = mm};
    h->xx = bnt_calloc(columns, columns * sizeof *h->xx);
    h->yx = bnt_calloc(rows, columns * sizeof *h->yx);
    h->inverse = bnt_calloc(columns, columns * sizeof *h->inverse);
    h->w = bnt_calloc(rows, columns * sizeof *h->w);
    h->panel = bnt_calloc(PANEL, columns * sizeof *h->panel);
    h->part = bnt_calloc(BLOCK, columns * sizeof *h->part);
    h->small = bnt_calloc(small, small * sizeof *h->small);
    h->squares = bnt_calloc(columns, sizeof *h->squares);
    h->gone = bnt_calloc(columns, sizeof *h->gone);
    if (h->xx && h->yx && h->inverse && h->w && h->panel && h->part && h->small && h->squares &&
        h->gone) {
        return BANTAM_OK;
    }
    bnt_heal_deinit(h);
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for sums over %zu inputs", columns);
}

void bnt_heal_deinit(bnt_heal *h)
{
    bnt_free(h->xx);
    bnt_free(h->yx);
    bnt_free(h->inverse);
    bnt_free(h->w);
    bnt_free(h->panel);
    bnt_free(h->part);
    bnt_free(h->small);
    bnt_free(h->squares);
    bnt_free(h->gone);
    *h = (bnt_heal){0};
}

/* ---- sums -------------------------------------------------------------------------------- */

void bnt_heal_clear(bnt_heal *h)
{
    memset(h->xx, 0, h->columns * h->columns * sizeof *h->xx);
    memset(h->yx, 0, h->rows * h->columns * sizeof *h->yx);
}

/* sums (width, columns) += a^T x over n tokens, from column `first_of_row` times the row's
 * number on where `upper`: what lies before is not looked at. */
static void add_product(bnt_heal *h, const float *a, size_t width, const float *x, size_t n,
                        bool upper, double *sums)
{
    for (size_t first = 0; first < width; first += PANEL) {
        const size_t m = width - first < PANEL ? width - first : PANEL;
        const size_t skip = upper ? first : 0, left = h->columns - skip;
        const bnt_view turned = {a + first, 1, width}, inputs = {x + skip, h->columns, 1};

        bnt_matmul_run(h->mm, turned, inputs, m, left, n, h->panel, left, false);
        for (size_t r = 0; r < m; r++) {
            double *const to = sums + (first + r) * h->columns + skip;
            for (size_t c = 0; c < left; c++) {
                to[c] += (double)h->panel[r * left + c];
            }
        }
    }
}

void bnt_heal_add(bnt_heal *h, const float *x, const float *y, size_t n)
{
    add_product(h, x, h->columns, x, n, true, h->xx);
    add_product(h, y, h->rows, x, n, false, h->yx);
}

double bnt_heal_energy(const bnt_heal *h, size_t column)
{
    return h->xx[column * h->columns + column];
}

/* ---- the inverse ------------------------------------------------------------------------- */

/* A symmetric positive definite matrix a (n, n), rows `stride` apart, in place, a column at a
 * time. False where a pivot is not positive. */
static bool invert_small(double *a, size_t stride, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        double *const row = a + k * stride;
        if (!(row[k] > 0.0) || !isfinite(row[k])) return false;
        const double pivot = 1.0 / row[k];
        row[k] = 1.0;
        for (size_t j = 0; j < n; j++) {
            row[j] *= pivot;
        }
        for (size_t i = 0; i < n; i++) {
            double *const other = a + i * stride;
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

/* Rows of a matrix that all lose their part of the same few rows. */
typedef struct sweep {
    double *a; /* (., stride) changed */
    size_t stride, n;
    size_t first, width; /* the columns that say how much of each */
    const double *rows;  /* (width, stride) */
    bool skips;          /* rows first .. of a are not theirs to change */
    bool inverts;        /* columns first .. become what rows holds there, times -1 */
} sweep;

static void sweep_row(void *context, size_t task, uint32_t thread)
{
    const sweep *const s = context;
    double *const row = s->a + task * s->stride;
    double factors[BLOCK];
    (void)thread;

    if (s->skips && task >= s->first && task < s->first + s->width) return;
    memcpy(factors, row + s->first, s->width * sizeof *factors);
    if (s->inverts) memset(row + s->first, 0, s->width * sizeof *row);
    for (size_t k = 0; k < s->width; k++) {
        const double *const from = s->rows + k * s->stride;
        const double factor = factors[k];
        if (factor == 0.0) continue;
        for (size_t j = 0; j < s->n; j++) {
            row[j] -= factor * from[j];
        }
    }
}

/* part = small (n, n) times rows (n, columns). */
static void multiply_small(bnt_heal *h, const double *rows, size_t n, size_t columns)
{
    for (size_t i = 0; i < n; i++) {
        double *const to = h->part + i * columns;
        memset(to, 0, columns * sizeof *to);
        for (size_t k = 0; k < n; k++) {
            const double factor = h->small[i * n + k];
            for (size_t j = 0; j < columns; j++) {
                to[j] += factor * rows[k * columns + j];
            }
        }
    }
}

/* a (n, n) in place, by blocks of columns (Gauss and Jordan): what is on the diagonal is
 * positive definite whatever went before. */
static bool invert(bnt_heal *h, double *a, size_t n)
{
    for (size_t first = 0; first < n; first += BLOCK) {
        const size_t width = n - first < BLOCK ? n - first : BLOCK;
        double *const block = a + first * n;

        for (size_t i = 0; i < width; i++) {
            memcpy(h->small + i * width, block + i * n + first, width * sizeof *a);
        }
        if (!invert_small(h->small, width, width)) return false;
        for (size_t i = 0; i < width; i++) {
            memset(block + i * n + first, 0, width * sizeof *a);
            block[i * n + first + i] = 1.0;
        }
        multiply_small(h, block, width, n);
        sweep s = {.a = a,
                   .stride = n,
                   .n = n,
                   .first = first,
                   .width = width,
                   .rows = h->part,
                   .skips = true,
                   .inverts = true};
        bnt_pool_run(h->mm->pool, sweep_row, &s, n);
        memcpy(block, h->part, width * n * sizeof *a);
    }
    return true;
}

/* ---- the matrix -------------------------------------------------------------------------- */

/* Row r of W' = (Y + d W) times the inverse, which is symmetric. */
static void solve_row(void *context, size_t r, uint32_t thread)
{
    const bnt_heal *const h = context;
    const size_t n = h->columns;
    double *const to = h->w + r * n;
    const double *const wanted = h->yx + r * n;
    (void)thread;

    memset(to, 0, n * sizeof *to);
    for (size_t k = 0; k < n; k++) {
        const double factor = wanted[k];
        const double *const row = h->inverse + k * n;
        for (size_t j = 0; j < n; j++) {
            to[j] += factor * row[j];
        }
    }
}

bantam_status bnt_heal_solve(bnt_heal *h, const float *w, double damping, bantam_error *err)
{
    const size_t n = h->columns;
    double trace = 0.0;

    for (size_t i = 0; i < n; i++) {
        trace += h->xx[i * n + i];
    }
    /* Inputs that are always zero leave the matrix as it is, whatever the damping. */
    const double d = trace > 0.0 ? damping * trace / (double)n : 1.0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i; j < n; j++) {
            h->inverse[i * n + j] = h->inverse[j * n + i] = h->xx[i * n + j];
        }
        h->inverse[i * n + i] += d;
    }
    memset(h->gone, 0, n * sizeof *h->gone);
    if (!isfinite(trace) || !invert(h, h->inverse, n)) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "the inputs of a matrix over the calibration text have no finite sums");
    }
    for (size_t i = 0; i < h->rows * n; i++) {
        h->yx[i] += d * (double)w[i];
    }
    bnt_pool_run(h->mm->pool, solve_row, h, h->rows);
    return BANTAM_OK;
}

/* The inverse of what the inverse has for a group, to small. False where it has none any more:
 * rounding has eaten it. */
static bool invert_group(bnt_heal *h, size_t first, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        memcpy(h->small + i * n, h->inverse + (first + i) * h->columns + first,
               n * sizeof *h->small);
    }
    return invert_small(h->small, n, n);
}

/* A task is some columns, so that rows are read as they lie. */
static void square_columns(void *context, size_t task, uint32_t thread)
{
    const bnt_heal *const h = context;
    const size_t first = task * BLOCK, left = h->columns - first;
    const size_t n = left < BLOCK ? left : BLOCK;
    double *const squares = h->squares + first;
    (void)thread;

    memset(squares, 0, n * sizeof *squares);
    for (size_t r = 0; r < h->rows; r++) {
        const double *const row = h->w + r * h->columns + first;
        for (size_t c = 0; c < n; c++) {
            squares[c] += row[c] * row[c];
        }
    }
}

/* The sum over rows of w_B S w_B^T, S being the inverse of what the inverse has for the group.
 */
static double group_rise(bnt_heal *h, size_t first)
{
    const size_t n = h->group;
    double rise = 0.0;

    if (!invert_group(h, first, n)) return INFINITY;
    for (size_t r = 0; r < h->rows; r++) {
        const double *const row = h->w + r * h->columns + first;
        for (size_t i = 0; i < n; i++) {
            double sum = 0.0;
            for (size_t k = 0; k < n; k++) {
                sum += h->small[i * n + k] * row[k];
            }
            rise += row[i] * sum;
        }
    }
    return rise;
}

size_t bnt_heal_cheapest(bnt_heal *h)
{
    double least = 0.0;
    size_t best = h->columns;

    if (h->group == 1) {
        bnt_pool_run(h->mm->pool, square_columns, h, (h->columns + BLOCK - 1) / BLOCK);
    }
    for (size_t c = 0; c < h->columns; c += h->group) {
        if (h->gone[c]) continue;
        const double rise =
            h->group == 1 ? h->squares[c] / h->inverse[c * h->columns + c] : group_rise(h, c);
        if (best < h->columns && !(rise < least)) continue;
        least = rise;
        best = c;
    }
    return best;
}

/* Takes at most BLOCK columns out of the inverse and out of the matrix. */
static void remove_columns(bnt_heal *h, size_t first, size_t n)
{
    const size_t columns = h->columns;

    if (invert_group(h, first, n)) {
        multiply_small(h, h->inverse + first * columns, n, columns);
        sweep s = {
            .stride = columns, .n = columns, .first = first, .width = n, .rows = h->part};
        s.a = h->w;
        bnt_pool_run(h->mm->pool, sweep_row, &s, h->rows);
        s.a = h->inverse;
        bnt_pool_run(h->mm->pool, sweep_row, &s, columns);
    }
    /* What rounding has left. */
    for (size_t i = first; i < first + n; i++) {
        h->gone[i] = true;
        memset(h->inverse + i * columns, 0, columns * sizeof *h->inverse);
        for (size_t k = 0; k < columns; k++) {
            h->inverse[k * columns + i] = 0.0;
        }
    }
}

/* A group goes by parts: which order they go in makes no difference. */
void bnt_heal_remove(bnt_heal *h, size_t first)
{
    for (size_t at = 0; at < h->group; at += BLOCK) {
        remove_columns(h, first + at, h->group - at < BLOCK ? h->group - at : BLOCK);
    }
}

void bnt_heal_take(const bnt_heal *h, float *w)
{
    for (size_t r = 0; r < h->rows; r++) {
        for (size_t c = 0; c < h->columns; c++) {
            const size_t i = r * h->columns + c;
            w[i] = h->gone[c] ? 0.0f : (float)h->w[i];
        }
    }
}
