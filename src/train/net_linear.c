/* net_linear.c - y = W x over all rows of a batch, and the way back through it.
 *
 * W is floats that may learn, or frozen and of any stored type: then some of its rows at a time
 * become floats, which all rows of the batch meet before the next ones do. An adapter adds
 * B (scale A x); its A factors of one input lie together, so that x meets them once. The
 * products themselves are matmul.c's.
 */
#include "train/net_parts.h"

enum {
    STRIP_FLOATS = 1 << 20, /* 4 MiB: what is packed of them stays in the caches */
    STRIP_ROWS_LEAST = 64,  /* fewer would make each product wait for its input to be packed */
    STRIP_ROWS_MOST = 1024
};

/* ---- matrices as floats --------------------------------------------------------------------
 */

const float *bnt_net_floats(const bnt_matrix *w)
{
    if (w->type->id != BNT_TYPE_F32 || (uintptr_t)w->data % _Alignof(float)) return NULL;
    return (const float *)(const void *)w->data;
}

/* Whole groups of interleaved rows. */
static uint32_t strip_rows(const bnt_matrix *w)
{
    uint32_t rows = STRIP_FLOATS / w->columns / BNT_TILE_ROWS * BNT_TILE_ROWS;
    if (rows < STRIP_ROWS_LEAST) rows = STRIP_ROWS_LEAST;
    if (rows > STRIP_ROWS_MOST) rows = STRIP_ROWS_MOST;
    return rows < w->rows ? rows : w->rows;
}

static void widen(size_t *most, const bnt_matrix *w)
{
    const size_t floats = bnt_net_floats(w) ? 0 : (size_t)strip_rows(w) * w->columns;
    if (floats > *most) *most = floats;
}

size_t bnt_net_strip_floats(const bnt_model *m)
{
    size_t most = 0;
    widen(&most, &m->head);
    for (uint32_t i = 0; i < m->config.n_layers; i++) {
        for (int place = 0; place < BNT_PLACES; place++) {
            widen(&most, bnt_layer_matrix(&m->layers[i], (bnt_place)place));
        }
    }
    return most;
}

typedef struct decoding {
    const bnt_matrix *w;
    uint32_t first, n;
    float *out;
} decoding;

static void decode_group(void *context, size_t task, uint32_t thread)
{
    const decoding *const d = context;
    const uint32_t begin = (uint32_t)task * BNT_TILE_ROWS;
    const uint32_t end = d->n - begin < BNT_TILE_ROWS ? d->n : begin + BNT_TILE_ROWS;
    (void)thread;
    for (uint32_t i = begin; i < end; i++) {
        bnt_type_decode_row(d->w->type, d->w->data, d->w->columns, d->first + i,
                            d->out + (size_t)i * d->w->columns);
    }
}

/* Rows first .. first + n - 1 of a matrix as floats. */
static const float *rows_of(bnt_net *net, const bnt_matrix *w, uint32_t first, uint32_t n)
{
    const float *const floats = bnt_net_floats(w);
    if (floats) return floats + (size_t)first * w->columns;

    decoding d = {w, first, n, net->strip};
    bnt_pool_run(net->pool, decode_group, &d, (n + BNT_TILE_ROWS - 1) / BNT_TILE_ROWS);
    return net->strip;
}

/* Rows that rows_of() can give at a time. */
static uint32_t rows_at_once(const bnt_matrix *w)
{
    return bnt_net_floats(w) ? w->rows : strip_rows(w);
}

/* ---- views ------------------------------------------------------------------------------- */

static bnt_view plain(const float *data, size_t width)
{
    return (bnt_view){data, width, 1};
}

static bnt_view turned(const float *data, size_t width)
{
    return (bnt_view){data, 1, width};
}

/* ---- forward ----------------------------------------------------------------------------- */

void bnt_net_linear_low(bnt_net *net, const bnt_net_linear *l, const float *x, uint32_t n,
                        float *low)
{
    if (!l->low) return;
    bnt_matmul_run(&net->mm, plain(x, l->columns), turned(l->a, l->columns), n, l->low,
                   l->columns, low, l->low, false);
    net->model->kernels.scale_f32(low, net->options.scale, (size_t)n * l->low);
}

/* y's columns of one part = W x, strip by strip. */
static void part_forward(bnt_net *net, const bnt_net_linear *l, const bnt_net_part *part,
                         const float *x, uint32_t n, float *y)
{
    const uint32_t step = rows_at_once(part->w);
    for (uint32_t first = 0; first < part->w->rows; first += step) {
        const uint32_t left = part->w->rows - first;
        const uint32_t rows = left < step ? left : step;
        const float *const w = rows_of(net, part->w, first, rows);
        bnt_matmul_run(&net->mm, plain(x, l->columns), turned(w, l->columns), n, rows,
                       l->columns, y + part->at + first, l->rows, false);
    }
}

void bnt_net_linear_forward(bnt_net *net, const bnt_net_linear *l, const float *x, uint32_t n,
                            float *y, float *low)
{
    const uint32_t rank = net->options.rank;

    if (l->floats) {
        bnt_matmul_run(&net->mm, plain(x, l->columns), turned(l->floats, l->columns), n,
                       l->rows, l->columns, y, l->rows, false);
    }
    for (uint32_t i = 0; i < l->n_parts && !l->floats; i++) {
        part_forward(net, l, &l->parts[i], x, n, y);
    }
    bnt_net_linear_low(net, l, x, n, low);
    for (uint32_t i = 0; i < l->n_parts; i++) {
        const bnt_net_part *const part = &l->parts[i];
        if (!part->b) continue;
        bnt_matmul_run(&net->mm, plain(low + part->low_at, l->low), turned(part->b, rank), n,
                       part->w->rows, rank, y + part->at, l->rows, true);
    }
}

/* ---- backward ---------------------------------------------------------------------------- */

/* dx = dy W, or dx += dy W where add, of one part's columns of dy. */
static void part_backward(bnt_net *net, const bnt_net_linear *l, const bnt_net_part *part,
                          const float *dy, uint32_t n, float *dx, bool add)
{
    const uint32_t step = rows_at_once(part->w);
    for (uint32_t first = 0; first < part->w->rows; first += step) {
        const uint32_t left = part->w->rows - first;
        const uint32_t rows = left < step ? left : step;
        const float *const w = rows_of(net, part->w, first, rows);
        bnt_matmul_run(&net->mm, plain(dy + part->at + first, l->rows), plain(w, l->columns), n,
                       l->columns, rows, dx, l->columns, add || first > 0);
    }
}

/* The gradients of A and B, and what A gives back to x. */
static void low_backward(bnt_net *net, const bnt_net_linear *l, const float *x,
                         const float *low, const float *dy, uint32_t n, float *dx)
{
    const uint32_t rank = net->options.rank;
    for (uint32_t i = 0; i < l->n_parts; i++) {
        const bnt_net_part *const part = &l->parts[i];
        const uint32_t rows = part->w->rows;
        if (!part->b) continue;
        bnt_matmul_run(&net->mm, turned(dy + part->at, l->rows),
                       plain(low + part->low_at, l->low), rows, rank, n, part->gb, rank, true);
        bnt_matmul_run(&net->mm, plain(dy + part->at, l->rows), plain(part->b, rank), n, rank,
                       rows, net->d_low + part->low_at, l->low, false);
    }
    net->model->kernels.scale_f32(net->d_low, net->options.scale, (size_t)n * l->low);
    bnt_matmul_run(&net->mm, turned(net->d_low, l->low), plain(x, l->columns), l->low,
                   l->columns, n, l->ga, l->columns, true);
    if (!dx) return;
    bnt_matmul_run(&net->mm, plain(net->d_low, l->low), plain(l->a, l->columns), n, l->columns,
                   l->low, dx, l->columns, true);
}

void bnt_net_linear_backward(bnt_net *net, const bnt_net_linear *l, const float *x,
                             const float *low, const float *dy, uint32_t n, float *dx)
{
    if (l->g) {
        bnt_matmul_run(&net->mm, turned(dy, l->rows), plain(x, l->columns), l->rows, l->columns,
                       n, l->g, l->columns, true);
    }
    if (dx && l->floats) {
        bnt_matmul_run(&net->mm, plain(dy, l->rows), plain(l->floats, l->columns), n,
                       l->columns, l->rows, dx, l->columns, false);
    }
    for (uint32_t i = 0; i < l->n_parts && dx && !l->floats; i++) {
        part_backward(net, l, &l->parts[i], dy, n, dx, i > 0);
    }
    if (l->low) low_backward(net, l, x, low, dy, n, dx);
}
