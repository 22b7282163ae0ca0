/* sparse.c - which weights become zeros, and what the others become; see sparse.h. */
#include "compress/sparse.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

enum { GROUP = BNT_SPARSE_GROUP, ROWS = BNT_TILE_ROWS, BLOCK = BNT_TILE_BLOCK };

/* ---- scores ------------------------------------------------------------------------------ */

/* The value that k of a (n) come before, k < n, by parting around what stands at k until it
 * stays there (Hoare). a is left in another order. */
static float find_nth(float *a, size_t n, size_t k)
{
    ptrdiff_t first = 0, last = (ptrdiff_t)n - 1;
    const ptrdiff_t at = (ptrdiff_t)k;

    while (first < last) {
        const float pivot = a[at];
        ptrdiff_t i = first, j = last;
        do {
            while (a[i] < pivot) {
                i++;
            }
            while (pivot < a[j]) {
                j--;
            }
            if (i > j) break;
            const float left = a[i];
            a[i++] = a[j];
            a[j--] = left;
        } while (i <= j);
        if (j < at) first = i;
        if (at < i) last = j;
    }
    return a[at];
}

/* keep is 0 for n_gone of the n lowest scores; of equals the last. work is (n). */
static void drop_lowest(const float *scores, size_t n, size_t n_gone, float *work,
                        uint8_t *keep)
{
    size_t left = n_gone;

    memset(keep, 1, n);
    if (!n_gone) return;
    memcpy(work, scores, n * sizeof *work);
    const float limit = find_nth(work, n, n_gone - 1);
    for (size_t i = 0; i < n; i++) {
        if (!(scores[i] < limit)) continue;
        keep[i] = 0;
        left--;
    }
    for (size_t i = n; left > 0 && i-- > 0;) {
        if (!keep[i] || scores[i] > limit) continue;
        keep[i] = 0;
        left--;
    }
}

/* keep is 0 for the two lowest of each four scores. */
static void drop_pairs(const float *scores, size_t n, uint8_t *keep)
{
    for (size_t at = 0; at < n; at += GROUP) {
        for (size_t i = at; i < at + GROUP; i++) {
            int above = 0;
            for (size_t j = at; j < at + GROUP; j++) {
                above += scores[j] > scores[i] || (scores[j] == scores[i] && j < i);
            }
            keep[i] = above < GROUP / 2;
        }
    }
}

size_t bnt_sparse_zeros(const bnt_sparsity *s, size_t n)
{
    return s->pairs ? n / 2 : (size_t)floor(s->share * (double)n + 0.5);
}

typedef struct choosing {
    const bnt_sparsity *s;
    const float *rows, *costs;
    size_t n;
    float *work; /* (threads, 2, n) */
    uint8_t *keep;
} choosing;

static void choose_row(void *context, size_t row, uint32_t thread)
{
    const choosing *const c = context;
    const float *const w = c->rows + row * c->n;
    float *const scores = c->work + (size_t)thread * 2 * c->n;
    uint8_t *const keep = c->keep + row * c->n;

    for (size_t i = 0; i < c->n; i++) {
        scores[i] = w[i] * w[i] * (c->costs ? c->costs[i] : 1.0f);
    }
    if (c->s->pairs) {
        drop_pairs(scores, c->n, keep);
    } else {
        drop_lowest(scores, c->n, bnt_sparse_zeros(c->s, c->n), scores + c->n, keep);
    }
}

bantam_status bnt_sparse_choose(bnt_pool *pool, const bnt_sparsity *s, const float *rows,
                                uint32_t n_rows, size_t n, const float *costs, uint8_t *keep,
                                bantam_error *err)
{
    choosing c = {s, rows, costs, n, NULL, keep};

    c.work = bnt_calloc((size_t)bnt_pool_threads(pool) * 2, n * sizeof *c.work);
    if (!c.work) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for scores of a row");
    bnt_pool_run(pool, choose_row, &c, n_rows);
    bnt_free(c.work);
    return BANTAM_OK;
}

/* ---- values ------------------------------------------------------------------------------ */

typedef struct solving {
    const bnt_feedback *f;
    uint32_t n_rows;
    uint8_t *keep; /* (n_rows, n) */
    float *values; /* (n_rows, n) */
} solving;

static size_t rows_of(const solving *s, size_t group)
{
    const size_t left = s->n_rows - group * ROWS;
    return left < ROWS ? left : ROWS;
}

/* A share, block by block: as many stay as were to stay there. */
static void choose_in_block(void *user, size_t group, size_t block, uint32_t n_rows,
                            size_t width, const float *wanted)
{
    const solving *const s = user;
    const float *const costs = s->f->weights + block * BLOCK;
    float scores[BLOCK], work[BLOCK];

    for (size_t row = 0; row < n_rows; row++) {
        const float *const w = wanted + row * BLOCK;
        uint8_t *const keep = s->keep + (group * ROWS + row) * s->f->n + block * BLOCK;
        size_t n_gone = 0;
        for (size_t c = 0; c < width; c++) {
            n_gone += !keep[c];
            scores[c] = w[c] * w[c] * costs[c];
        }
        drop_lowest(scores, width, n_gone, work, keep);
    }
}

/* What it costs row i to keep only columns a and b of four, when all columns behind do what
 * they can: the losses of those that go, each with what those before it are asking for. */
static float pair_cost(const bnt_feedback_unit *u, size_t i, size_t a, size_t b)
{
    float errors[GROUP], cost = 0.0f;

    for (size_t c = 0; c < GROUP; c++) {
        float wanted = u->wanted[c][i];
        for (size_t j = 0; j < c; j++) {
            wanted += errors[j] * u->coupling[c][j];
        }
        const bool stays = c == a || c == b;
        errors[c] = u->weight[c][i] - (stays ? wanted : 0.0f);
        if (!stays) cost += u->cost[c] * wanted * wanted;
    }
    return cost;
}

/* The best of the six ways to keep two of four. */
static void choose_in_group(void *user, const bnt_feedback_unit *u)
{
    const solving *const s = user;

    for (size_t i = 0; i < rows_of(s, u->group); i++) {
        uint8_t *const keep = s->keep + (u->group * ROWS + i) * s->f->n + u->column;
        size_t best_a = 0, best_b = 1;
        float least = INFINITY;
        for (size_t a = 0; a < GROUP; a++) {
            for (size_t b = a + 1; b < GROUP; b++) {
                const float cost = pair_cost(u, i, a, b);
                if (!(cost < least)) continue;
                least = cost;
                best_a = a;
                best_b = b;
            }
        }
        for (size_t c = 0; c < GROUP; c++) {
            keep[c] = c == best_a || c == best_b;
        }
    }
}

static void choose_column(void *user, size_t group, size_t column, bnt_lanes values)
{
    const solving *const s = user;
    for (size_t i = 0; i < rows_of(s, group); i++) {
        const size_t at = (group * ROWS + i) * s->f->n + column;
        if (!s->keep[at]) values[i] = 0.0f;
        s->values[at] = values[i];
    }
}

static void read_column(void *user, size_t group, size_t column, bnt_lanes values)
{
    const solving *const s = user;
    for (size_t i = 0; i < ROWS; i++) {
        const size_t at = (group * ROWS + i) * s->f->n + column;
        values[i] = i < rows_of(s, group) ? s->values[at] : 0.0f;
    }
}

bantam_status bnt_sparse_solve(const bnt_feedback *f, bnt_matmul *mm, const bnt_sparsity *s,
                               bool chooses, float *rows, uint32_t n_rows, uint32_t sweeps,
                               uint8_t *keep, float *values, bnt_rounded *result,
                               bantam_error *err)
{
    solving solved = {f, n_rows, keep, values};
    bnt_chooser by = {.user = &solved, .choose = choose_column, .chosen = read_column};

    if (chooses && s->pairs) {
        by.look = choose_in_group;
    } else if (chooses) {
        const bantam_status status =
            bnt_sparse_choose(mm->pool, s, rows, n_rows, f->n, f->weights, keep, err);
        if (status) return status;
        by.begin = choose_in_block;
    }
    return bnt_feedback_run(f, mm, &by, rows, n_rows, sweeps, result, err);
}
