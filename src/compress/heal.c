/* heal.c - least squares by an inverse that columns are taken out of; see heal.h.
 *
 * All of it is in double precision: inputs may depend on each other but for the damping, and
 * the inverse is changed thousands of times. With k columns noted one more costs k (rows +
 * columns) operations, and a look at W'; changing the inverse each time would cost columns^2.
 * Threads share rows or columns, each of which is computed in one order.
 */
#include "compress/heal.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "linalg/inverse.h"

enum {
    PANEL = 128, /* rows of sums that are made at a time */
    STRIP = 64,  /* columns that one task sums */
    LEAST = 64   /* columns noted before they are worked in */
};

/* ---- memory ------------------------------------------------------------------------------ */

bantam_status bnt_heal_init(bnt_heal *h, bnt_matmul *mm, size_t rows, size_t columns,
                            size_t group, bantam_error *err)
{
    *h = (bnt_heal){.rows = rows, .columns = columns, .group = group, .mm = mm};
    h->most = columns / 4 > LEAST ? columns / 4 : LEAST;
    h->xx = bnt_calloc(columns, columns * sizeof *h->xx);
    h->yx = bnt_calloc(rows, columns * sizeof *h->yx);
    h->w = bnt_calloc(rows, columns * sizeof *h->w);
    h->v = bnt_calloc(h->most, columns * sizeof *h->v);
    h->u = bnt_calloc(h->most, rows * sizeof *h->u);
    h->work = bnt_calloc(bnt_invert_work(columns), sizeof *h->work);
    h->small = bnt_calloc(group, group * sizeof *h->small);
    h->panel = bnt_calloc(PANEL, columns * sizeof *h->panel);
    h->diagonal = bnt_calloc(columns, sizeof *h->diagonal);
    h->squares = bnt_calloc(columns, sizeof *h->squares);
    h->gone = bnt_calloc(columns, sizeof *h->gone);
    if (h->xx && h->yx && h->w && h->v && h->u && h->work && h->small && h->panel &&
        h->diagonal && h->squares && h->gone) {
        return BANTAM_OK;
    }
    bnt_heal_deinit(h);
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for sums over %zu inputs", columns);
}

void bnt_heal_deinit(bnt_heal *h)
{
    bnt_free(h->xx);
    bnt_free(h->yx);
    bnt_free(h->w);
    bnt_free(h->v);
    bnt_free(h->u);
    bnt_free(h->work);
    bnt_free(h->small);
    bnt_free(h->panel);
    bnt_free(h->diagonal);
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

/* ---- the matrix -------------------------------------------------------------------------- */

/* Of some columns, so that rows are read as they lie. */
static void square_columns(void *context, size_t task, uint32_t thread)
{
    const bnt_heal *const h = context;
    const size_t first = task * STRIP, left = h->columns - first;
    const size_t n = left < STRIP ? left : STRIP;
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

/* What follows from the two matrices when nothing is noted. */
static void survey(bnt_heal *h)
{
    for (size_t c = 0; c < h->columns; c++) {
        h->diagonal[c] = h->xx[c * (h->columns + 1)];
    }
    bnt_pool_run(h->mm->pool, square_columns, h, (h->columns + STRIP - 1) / STRIP);
}

/* a (rows, columns) -= factors (rows, columns) times the symmetric xx. */
static void take_rows(const bnt_heal *h, double *a, const double *factors)
{
    bnt_take_products(h->mm->pool, &(bnt_taking){.a = a,
                                                 .rows = h->rows,
                                                 .columns = h->columns,
                                                 .stride = h->columns,
                                                 .factors = factors,
                                                 .factor_row = h->columns,
                                                 .factor_step = 1,
                                                 .from = h->xx,
                                                 .depth = h->columns});
}

/* W' = W + (Y - W H) (H + d I)^-1: what is right already does not pass through the inverse. */
bantam_status bnt_heal_solve(bnt_heal *h, const float *w, double damping, bantam_error *err)
{
    const size_t n = h->columns;
    double trace = 0.0;

    for (size_t i = 0; i < n; i++) {
        trace += h->xx[i * (n + 1)];
        for (size_t j = 0; j < i; j++) {
            h->xx[i * n + j] = h->xx[j * n + i];
        }
    }
    for (size_t i = 0; i < h->rows * n; i++) {
        h->w[i] = (double)w[i];
    }
    take_rows(h, h->yx, h->w);
    /* Inputs that are always zero leave the matrix as it is, whatever the damping. */
    const double d = trace > 0.0 ? damping * trace / (double)n : 1.0;
    for (size_t i = 0; i < n; i++) {
        h->xx[i * (n + 1)] += d;
    }
    memset(h->gone, 0, n * sizeof *h->gone);
    h->n_noted = 0;
    if (!isfinite(trace) || !bnt_invert(h->mm->pool, h->xx, n, h->work)) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "the inputs of a matrix over the calibration text have no finite sums");
    }
    for (size_t i = 0; i < h->rows * n; i++) {
        h->yx[i] = -h->yx[i];
    }
    take_rows(h, h->w, h->yx);
    survey(h);
    return BANTAM_OK;
}

/* ---- columns that go --------------------------------------------------------------------- */

/* Takes what is noted from w (rows, columns), and from the inverse too where that is given. */
static void take_noted(const bnt_heal *h, double *w, double *inverse)
{
    const size_t n = h->columns;
    bnt_taking t = {.a = w,
                    .rows = h->rows,
                    .columns = n,
                    .stride = n,
                    .factors = h->u,
                    .factor_row = 1,
                    .factor_step = h->rows,
                    .from = h->v,
                    .depth = h->n_noted};

    bnt_take_products(h->mm->pool, &t);
    if (!inverse) return;
    t.a = inverse;
    t.rows = n;
    t.factors = h->v;
    t.factor_step = n;
    bnt_take_products(h->mm->pool, &t);
}

/* Works in what is noted. */
static void work_in(bnt_heal *h)
{
    const size_t n = h->columns;

    take_noted(h, h->w, h->xx);
    /* What rounding has left of columns that are gone. */
    for (size_t i = 0; i < n; i++) {
        if (h->gone[i]) memset(h->xx + i * n, 0, n * sizeof *h->xx);
        for (size_t k = 0; k < n; k++) {
            if (h->gone[k]) h->xx[i * n + k] = 0.0;
        }
    }
    h->n_noted = 0;
    survey(h);
}

typedef struct noting {
    const bnt_heal *h;
    const double *u; /* (rows) */
    double *out;     /* (columns) */
} noting;

/* u W' without what is noted, some columns of it. */
static void multiply_columns(void *context, size_t task, uint32_t thread)
{
    const noting *const t = context;
    const bnt_heal *const h = t->h;
    const size_t first = task * STRIP, left = h->columns - first;
    const size_t n = left < STRIP ? left : STRIP;
    (void)thread;

    memset(t->out + first, 0, n * sizeof *t->out);
    for (size_t r = 0; r < h->rows; r++) {
        const double *const row = h->w + r * h->columns + first;
        const double factor = t->u[r];
        for (size_t c = 0; c < n; c++) {
            t->out[first + c] += factor * row[c];
        }
    }
}

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

/* out (n) loses factor times from. */
static void take(double *out, const double *from, double factor, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[i] -= factor * from[i];
    }
}

/* The squares of W' without u v^T: |w_c|^2 - 2 v_c (u . w_c) + |u|^2 v_c^2. */
static void update_squares(bnt_heal *h, const double *u, const double *v)
{
    const noting t = {h, u, h->work};
    const double length = dot(u, u, h->rows);

    bnt_pool_run(h->mm->pool, multiply_columns, (void *)&t, (h->columns + STRIP - 1) / STRIP);
    for (size_t k = 0; k < h->n_noted; k++) {
        take(h->work, h->v + k * h->columns, dot(h->u + k * h->rows, u, h->rows), h->columns);
    }
    for (size_t c = 0; c < h->columns; c++) {
        const double squares = h->squares[c] - 2.0 * v[c] * h->work[c] + length * v[c] * v[c];
        h->squares[c] = fmax(squares, 0.0);
    }
}

/* Notes that column j goes. Where rounding has eaten what the inverse had for it nothing can be
 * made up for: it just goes. */
static void note(bnt_heal *h, size_t j)
{
    const size_t n = h->columns;

    if (h->n_noted == h->most) work_in(h);
    double *const v = h->v + h->n_noted * n, *const u = h->u + h->n_noted * h->rows;
    h->gone[j] = true;
    if (!(h->diagonal[j] > 0.0)) return;
    memcpy(v, h->xx + j * n, n * sizeof *v);
    for (size_t r = 0; r < h->rows; r++) {
        u[r] = h->w[r * n + j];
    }
    for (size_t k = 0; k < h->n_noted; k++) {
        const double factor = h->v[k * n + j];
        take(v, h->v + k * n, factor, n);
        take(u, h->u + k * h->rows, factor, h->rows);
    }
    const double scale = 1.0 / sqrt(h->diagonal[j]);
    for (size_t c = 0; c < n; c++) {
        v[c] = h->gone[c] && c != j ? 0.0 : v[c] * scale;
        h->diagonal[c] -= v[c] * v[c];
    }
    for (size_t r = 0; r < h->rows; r++) {
        u[r] *= scale;
    }
    if (h->group == 1) update_squares(h, u, v);
    h->n_noted++;
}

/* The sum over rows of w_B S w_B^T, S being the inverse of what the inverse has for the group:
 * infinite where rounding has eaten that. Nothing is noted. */
static double group_rise(bnt_heal *h, size_t first)
{
    const size_t n = h->group;
    double rise = 0.0;

    for (size_t i = 0; i < n; i++) {
        memcpy(h->small + i * n, h->xx + (first + i) * h->columns + first,
               n * sizeof *h->small);
    }
    if (!bnt_invert_small(h->small, n)) return INFINITY;
    for (size_t r = 0; r < h->rows; r++) {
        const double *const row = h->w + r * h->columns + first;
        for (size_t i = 0; i < n; i++) {
            rise += row[i] * dot(h->small + i * n, row, n);
        }
    }
    return rise;
}

size_t bnt_heal_cheapest(bnt_heal *h)
{
    double least = 0.0;
    size_t best = h->columns;

    if (h->group > 1 && h->n_noted) work_in(h);
    for (size_t c = 0; c < h->columns; c += h->group) {
        if (h->gone[c]) continue;
        const double rise = h->group == 1 ? h->squares[c] / h->diagonal[c] : group_rise(h, c);
        if (best < h->columns && !(rise < least)) continue;
        least = rise;
        best = c;
    }
    return best;
}

/* Which order the columns of a group go in makes no difference. */
void bnt_heal_remove(bnt_heal *h, size_t first)
{
    for (size_t c = first; c < first + h->group; c++) {
        note(h, c);
    }
}

void bnt_heal_take(bnt_heal *h, float *w)
{
    const size_t n = h->rows * h->columns;

    memcpy(h->yx, h->w, n * sizeof *h->yx);
    take_noted(h, h->yx, NULL);
    for (size_t i = 0; i < n; i++) {
        w[i] = h->gone[i % h->columns] ? 0.0f : (float)h->yx[i];
    }
}
