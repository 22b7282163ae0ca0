/* feedback.c - values column by column, in the form that needs no inverse: feedback from the
 * factor of H itself (LDLQ, arXiv 2307.13304, section 3).
 *
 * Blocks of 256 columns, those of a tile, go from left to right. What earlier blocks ask of one
 * is a product of matrices; then each group of 16 rows goes through its columns. Sixteen rows
 * are worked on side by side, as in tile_encode.c.
 */
#include "compress/feedback.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

enum { ROWS = BNT_TILE_ROWS, BLOCK = BNT_TILE_BLOCK };

/* ---- what the inputs say ----------------------------------------------------------------- */

static void mirror(float *h, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i + 1; j < n; j++) {
            h[j * n + i] = h[i * n + j];
        }
    }
}

static size_t block_width(size_t n, size_t at)
{
    return n - at < BLOCK ? n - at : BLOCK;
}

/* The energy of the unit of columns that begins at i. */
static float energy(const float *h, size_t n, size_t unit, size_t i)
{
    float sum = 0.0f;
    for (size_t c = i; c < i + unit; c++) {
        sum += h[c * (n + 1)];
    }
    return sum;
}

/* Units of each block, the largest energy first, equals as they stand. */
static void choose_order(uint32_t *order, const float *h, size_t n, size_t unit)
{
    for (size_t at = 0; at < n; at += BLOCK) {
        for (size_t i = at; i < at + block_width(n, at); i += unit) {
            const float own = energy(h, n, unit, i);
            size_t place = i;
            for (; place > at && energy(h, n, unit, order[place - unit]) < own; place -= unit) {
                memcpy(order + place, order + place - unit, unit * sizeof *order);
            }
            for (size_t c = 0; c < unit; c++) {
                order[place + c] = (uint32_t)(i + c);
            }
        }
    }
}

/* Rows and columns of h into that order, block by block. */
static void reorder(float *h, size_t n, const uint32_t *order)
{
    float moved[BLOCK];
    for (size_t i = 0; i < n; i++) {
        for (size_t at = 0; at < n; at += BLOCK) {
            const size_t width = block_width(n, at);
            for (size_t j = 0; j < width; j++) {
                moved[j] = h[i * n + order[at + j]];
            }
            memcpy(h + i * n + at, moved, width * sizeof *h);
        }
    }
    for (size_t j = 0; j < n; j++) {
        for (size_t at = 0; at < n; at += BLOCK) {
            const size_t width = block_width(n, at);
            for (size_t i = 0; i < width; i++) {
                moved[i] = h[order[at + i] * n + j];
            }
            for (size_t i = 0; i < width; i++) {
                h[(at + i) * n + j] = moved[i];
            }
        }
    }
}

static double mean_diagonal(const float *h, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)h[i * (n + 1)];
    }
    return sum / (double)n;
}

/* Factors the hessian, more and more damped until there is a factor. */
static bantam_status factor(bnt_feedback *f, bnt_matmul *mm, bantam_error *err)
{
    const size_t n = f->n;
    const double mean = mean_diagonal(f->hessian, n);
    bantam_status status = BANTAM_ERR_UNSUPPORTED;

    if (!isfinite(mean)) return bnt_fail(err, status, "inputs are no finite numbers");
    for (double damping = 0.01; status == BANTAM_ERR_UNSUPPORTED && damping < 20.0;
         damping *= 10.0) {
        /* Inputs that are all zero ask for nothing: any diagonal will do. */
        const float added = mean > 0.0 ? (float)((damping - f->damping) * mean) : 1.0f;
        for (size_t i = 0; i < n; i++) {
            f->hessian[i * (n + 1)] += added;
        }
        f->damping = damping;
        memcpy(f->factor, f->hessian, n * n * sizeof *f->factor);
        status = bnt_cholesky(mm, f->factor, n, err);
    }
    return status;
}

bantam_status bnt_feedback_init(bnt_feedback *f, bnt_matmul *mm, float *sums, size_t n,
                                size_t unit, bantam_error *err)
{
    *f = (bnt_feedback){.n = n, .unit = unit, .hessian = sums};
    f->factor = bnt_alloc(n * n * sizeof *f->factor);
    f->weights = bnt_calloc(n, sizeof *f->weights);
    f->order = bnt_calloc(n, sizeof *f->order);
    bantam_status status = BANTAM_ERR_NOMEM;
    if (f->factor && f->weights && f->order) {
        mirror(sums, n);
        choose_order(f->order, sums, n, unit);
        reorder(sums, n, f->order);
        status = factor(f, mm, err);
    } else {
        bnt_fail(err, status, "out of memory for the factor of %zu columns", n);
    }
    if (status) {
        bnt_feedback_deinit(f);
        return status;
    }
    for (size_t i = 0; i < n; i++) {
        f->weights[f->order[i]] = f->factor[i * (n + 1)];
    }
    return BANTAM_OK;
}

void bnt_feedback_deinit(bnt_feedback *f)
{
    bnt_free(f->hessian);
    bnt_free(f->factor);
    bnt_free(f->weights);
    bnt_free(f->order);
    *f = (bnt_feedback){0};
}

/* ---- one block of columns ---------------------------------------------------------------- */

typedef struct course {
    const bnt_feedback *f;
    const bnt_chooser *by;
    uint32_t n_rows;
    size_t at, width;  /* the block under way */
    float *rows;       /* (n_rows, n) weights, in order behind the blocks that are done their
                          errors */
    float *asked;      /* (n_rows, BLOCK) what other columns ask of the block's */
    float *local;      /* (BLOCK, BLOCK) of the factor, turned, or of the hessian */
    bnt_rounded *sums; /* (groups) */
} course;

typedef struct panel {
    bnt_lanes x[BLOCK], e[BLOCK]; /* weights or gradients; errors */
    size_t group;
    uint32_t n_rows;
    float *rows;        /* of the group, at the block */
    const float *asked; /* of the group */
} panel;

static void begin_panel(const course *r, size_t group, panel *p)
{
    const size_t first = group * ROWS, left = r->n_rows - first;
    p->group = group;
    p->n_rows = left < ROWS ? (uint32_t)left : ROWS;
    p->rows = r->rows + first * r->f->n + r->at;
    p->asked = r->asked + first * BLOCK;
    if (p->n_rows < ROWS) {
        memset(p->x, 0, sizeof p->x);
        memset(p->e, 0, sizeof p->e);
    }
}

/* Errors go where the weights were. */
static void end_panel(const course *r, const panel *p)
{
    for (uint32_t row = 0; row < p->n_rows; row++) {
        for (size_t c = 0; c < r->width; c++) {
            p->rows[row * r->f->n + c] = p->e[c][row];
        }
    }
}

static size_t column_at(const course *r, size_t place)
{
    return r->f->order[r->at + place];
}

static void begin_block(const course *r, const panel *p)
{
    float wanted[ROWS][BLOCK] = {{0}};
    for (uint32_t row = 0; row < p->n_rows; row++) {
        for (size_t c = 0; c < r->width; c++) {
            const size_t column = column_at(r, c) - r->at;
            wanted[row][column] = p->rows[row * r->f->n + column] + p->asked[row * BLOCK + c];
        }
    }
    r->by->begin(r->by->user, p->group, r->at / BLOCK, p->n_rows, r->width, &wanted[0][0]);
}

/* What the columns before the unit at place `first` ask of its columns. */
static void begin_unit(const course *r, const panel *p, size_t first, bnt_feedback_unit *u)
{
    u->group = p->group;
    u->column = column_at(r, first);
    for (size_t c = 0; c < r->f->unit; c++) {
        const float *const back = r->local + (first + c) * BLOCK;
        float *const wanted = u->wanted[c];
        for (uint32_t i = 0; i < ROWS; i++) {
            wanted[i] =
                i < p->n_rows ? p->x[first + c][i] + p->asked[i * BLOCK + first + c] : 0.0f;
        }
        for (size_t j = 0; j < first; j++) {
            for (int i = 0; i < ROWS; i++) {
                wanted[i] += p->e[j][i] * back[j];
            }
        }
        memcpy(u->weight[c], p->x[first + c], sizeof u->weight[c]);
        memcpy(u->coupling[c], back + first, r->f->unit * sizeof *back);
        u->cost[c] = r->f->weights[u->column + c];
    }
}

/* Chooses the values of a unit; returns what they cost. */
static double choose_unit(const course *r, panel *p, size_t first)
{
    bnt_feedback_unit u;
    double loss = 0.0;

    begin_unit(r, p, first, &u);
    if (r->by->look) r->by->look(r->by->user, &u);
    for (size_t c = 0; c < r->f->unit; c++) {
        float *const wanted = u.wanted[c];
        bnt_lanes value;
        for (size_t j = 0; j < c; j++) {
            for (int i = 0; i < ROWS; i++) {
                wanted[i] += p->e[first + j][i] * u.coupling[c][j];
            }
        }
        memcpy(value, wanted, sizeof value);
        r->by->choose(r->by->user, p->group, u.column + c, value);
        for (int i = 0; i < ROWS; i++) {
            const double off = (double)wanted[i] - (double)value[i];
            loss += (double)u.cost[c] * off * off;
            p->e[first + c][i] = p->x[first + c][i] - value[i];
        }
    }
    return loss;
}

static void choose_group(void *context, size_t group, uint32_t thread)
{
    const course *const r = context;
    panel p;
    (void)thread;

    begin_panel(r, group, &p);
    if (r->by->begin) begin_block(r, &p);
    for (uint32_t row = 0; row < p.n_rows; row++) {
        for (size_t c = 0; c < r->width; c++) {
            p.x[c][row] = p.rows[row * r->f->n + column_at(r, c) - r->at];
        }
    }
    double loss = 0.0;
    for (size_t c = 0; c < r->width; c += r->f->unit) {
        loss += choose_unit(r, &p, c);
    }
    end_panel(r, &p);
    r->sums[group].loss += loss;
}

/* Each value to where the loss is least with all others as they are: with g = e H, moving a
 * value by -x changes the loss by 2 g x + H_cc x^2, least at x = -g / H_cc. */
static void improve_group(void *context, size_t group, uint32_t thread)
{
    const course *const r = context;
    panel p;
    (void)thread;

    begin_panel(r, group, &p);
    for (uint32_t row = 0; row < p.n_rows; row++) {
        for (size_t c = 0; c < r->width; c++) {
            p.e[c][row] = p.rows[row * r->f->n + c];
            p.x[c][row] = p.asked[row * BLOCK + c];
        }
    }
    double gain = 0.0;
    for (size_t c = 0; c < r->width; c++) {
        const float *const h = r->local + c * BLOCK;
        bnt_lanes value, move;
        float any = 0.0f;
        r->by->chosen(r->by->user, group, column_at(r, c), value);
        for (int i = 0; i < ROWS; i++) {
            move[i] = value[i];
            value[i] += p.x[c][i] / h[c];
        }
        r->by->choose(r->by->user, group, column_at(r, c), value);
        for (int i = 0; i < ROWS; i++) {
            move[i] -= value[i];
            any += fabsf(move[i]);
            gain += (double)move[i] * (2.0 * (double)p.x[c][i] + (double)(h[c] * move[i]));
            p.e[c][i] += move[i];
        }
        if (any == 0.0f) continue;
        for (size_t j = 0; j < r->width; j++) {
            for (int i = 0; i < ROWS; i++) {
                p.x[j][i] += move[i] * h[j];
            }
        }
    }
    end_panel(r, &p);
    r->sums[group].loss += gain;
}

/* ---- all of them ------------------------------------------------------------------------- */

static void sum_errors(void *context, size_t group, uint32_t thread)
{
    const course *const r = context;
    double error = 0.0;
    (void)thread;

    for (size_t row = group * ROWS; row < r->n_rows && row < (group + 1) * ROWS; row++) {
        for (size_t c = 0; c < r->f->n; c++) {
            const double e = (double)r->rows[row * r->f->n + c];
            error += e * e;
        }
    }
    r->sums[group].error = error;
}

/* What the blocks before ask of this one, and what it asks of itself. */
static void choose_block(course *r, bnt_matmul *mm, size_t n_groups)
{
    const size_t n = r->f->n;
    const float *const u = r->f->factor;
    bnt_matmul_run(mm, (bnt_view){r->rows, n, 1}, (bnt_view){u + r->at, n, 1}, r->n_rows,
                   r->width, r->at, r->asked, BLOCK, false);
    for (size_t c = 0; c < r->width; c++) {
        for (size_t j = 0; j < c; j++) {
            r->local[c * BLOCK + j] = u[(r->at + j) * n + r->at + c];
        }
    }
    bnt_pool_run(mm->pool, choose_group, r, n_groups);
}

static void improve_block(course *r, bnt_matmul *mm, size_t n_groups)
{
    const size_t n = r->f->n;
    const float *const h = r->f->hessian;
    bnt_matmul_run(mm, (bnt_view){r->rows, n, 1}, (bnt_view){h + r->at, n, 1}, r->n_rows,
                   r->width, n, r->asked, BLOCK, false);
    for (size_t c = 0; c < r->width; c++) {
        memcpy(r->local + c * BLOCK, h + (r->at + c) * n + r->at, r->width * sizeof *h);
    }
    bnt_pool_run(mm->pool, improve_group, r, n_groups);
}

static bantam_status each_block(course *r, bnt_matmul *mm, size_t n_groups,
                                void (*work)(course *, bnt_matmul *, size_t), bantam_error *err)
{
    bantam_status status = BANTAM_OK;
    for (r->at = 0; !status && r->at < r->f->n; r->at += BLOCK) {
        r->width = block_width(r->f->n, r->at);
        work(r, mm, n_groups);
        status = bnt_pulse_ask(&r->f->pulse, err);
    }
    return status;
}

bantam_status bnt_feedback_run(const bnt_feedback *f, bnt_matmul *mm, const bnt_chooser *by,
                               float *rows, uint32_t n_rows, uint32_t sweeps,
                               bnt_rounded *result, bantam_error *err)
{
    const size_t n_groups = ((size_t)n_rows + ROWS - 1) / ROWS;
    course r = {.f = f,
                .by = by,
                .n_rows = n_rows,
                .rows = rows,
                .asked = bnt_calloc(n_rows, BLOCK * sizeof *r.asked),
                .local = bnt_calloc(BLOCK, BLOCK * sizeof *r.local),
                .sums = bnt_calloc(n_groups, sizeof *r.sums)};
    bantam_status status = BANTAM_OK;

    *result = (bnt_rounded){0};
    if (!r.asked || !r.local || !r.sums) {
        status = bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %u rows of values",
                          (unsigned)n_rows);
        goto done;
    }
    status = each_block(&r, mm, n_groups, choose_block, err);
    for (uint32_t i = 0; !status && i < sweeps; i++) {
        status = each_block(&r, mm, n_groups, improve_block, err);
    }
    if (status) goto done;
    bnt_pool_run(mm->pool, sum_errors, &r, n_groups);
    for (size_t i = 0; i < n_groups; i++) {
        result->loss += r.sums[i].loss;
        result->error += r.sums[i].error;
    }

done:
    bnt_free(r.asked);
    bnt_free(r.local);
    bnt_free(r.sums);
    return status;
}
