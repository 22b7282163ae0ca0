/* calibration.c - sums over what matrices are multiplied with, layer by layer. Texts are
 * calibration_text.c's. */
#include "compress/calibration.h"

#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"

enum {
    PANEL = 512, /* columns of products made at a time: of what lies below the diagonal that
                    much is computed in vain */
    STRIP = 64   /* columns of squares that one task sums */
};

bnt_place bnt_calibration_input(bnt_place place)
{
    switch (place) {
    case BNT_PLACE_K:
    case BNT_PLACE_V:
        return BNT_PLACE_Q;
    case BNT_PLACE_UP:
        return BNT_PLACE_GATE;
    default:
        return place;
    }
}

/* ---- sums -------------------------------------------------------------------------------- */

static void free_moments(bnt_moments *m)
{
    bnt_free(m->squares);
    bnt_free(m->products);
    *m = (bnt_moments){0};
}

/* All sums zero, for so many columns. */
static bantam_status clear(bnt_moments *m, uint32_t columns, bool products, bantam_error *err)
{
    const size_t n = (size_t)columns * columns;

    if (m->columns != columns) free_moments(m);
    m->columns = columns;
    m->n_rows = 0;
    if (!m->squares) m->squares = bnt_calloc(columns, sizeof *m->squares);
    if (products && !m->products) m->products = bnt_alloc(n * sizeof *m->products);
    if (!m->squares || (products && !m->products)) {
        free_moments(m);
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for sums of %u columns",
                        (unsigned)columns);
    }
    memset(m->squares, 0, columns * sizeof *m->squares);
    if (products) memset(m->products, 0, n * sizeof *m->products);
    return BANTAM_OK;
}

typedef struct adding {
    bnt_moments *m;
    const float *rows; /* (n, columns) */
    uint32_t n;
} adding;

static void add_squares(void *context, size_t task, uint32_t thread)
{
    const adding *const a = context;
    const size_t columns = a->m->columns, begin = task * STRIP;
    const size_t end = columns - begin < STRIP ? columns : begin + STRIP;
    (void)thread;
    for (size_t i = 0; i < a->n; i++) {
        const float *const x = a->rows + i * columns;
        for (size_t c = begin; c < end; c++) {
            a->m->squares[c] += (double)x[c] * (double)x[c];
        }
    }
}

static void add_rows(bnt_calibration *c, bnt_moments *m, const float *rows, uint32_t n)
{
    const size_t columns = m->columns;
    adding a = {m, rows, n};

    bnt_pool_run(c->walk.pool, add_squares, &a, (columns + STRIP - 1) / STRIP);
    for (size_t from = 0; m->products && from < columns; from += PANEL) {
        const size_t to = columns - from < PANEL ? columns : from + PANEL;
        bnt_matmul_run(&c->mm, (bnt_view){rows, 1, columns},
                       (bnt_view){rows + from, columns, 1}, to, to - from, n,
                       m->products + from, columns, true);
    }
    m->n_rows += n;
}

/* ---- taps -------------------------------------------------------------------------------- */

/* Rows that come one by one wait until there are as many as a text has. */
static void add_or_wait(bnt_calibration *c, bnt_moments *m, uint32_t n, const float *rows)
{
    if (n > 1) {
        add_rows(c, m, rows, n);
        return;
    }
    memcpy(c->rows + (size_t)c->n_rows * m->columns, rows, m->columns * sizeof *rows);
    if (++c->n_rows < c->walk.sequence) return;
    add_rows(c, m, c->rows, c->n_rows);
    c->n_rows = 0;
}

static void tap(void *user, uint32_t layer, bnt_place place, uint32_t n, const float *rows)
{
    bnt_calibration *const c = user;
    (void)layer;
    add_or_wait(c, &c->inputs[place], n, rows);
}

static bantam_status check(const bnt_moments *m, const char *what, uint32_t layer,
                           bantam_error *err)
{
    for (uint32_t i = 0; i < m->columns; i++) {
        if (isfinite(m->squares[i])) continue;
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "layer %u: the calibration text makes inputs of %s that are no finite "
                        "numbers",
                        (unsigned)layer, what);
    }
    return BANTAM_OK;
}

static bantam_status look(bnt_calibration *c, uint32_t layer, bool move, bantam_error *err)
{
    static const struct {
        bnt_place place;
        const char *what;
    } inputs[] = {{BNT_PLACE_Q, "attention"},
                  {BNT_PLACE_O, "attention's output"},
                  {BNT_PLACE_GATE, "the feed-forward part"},
                  {BNT_PLACE_DOWN, "the feed-forward output"}};
    const bnt_layer *const l = &c->walk.model->layers[layer];
    bantam_status status = BANTAM_OK;

    for (size_t i = 0; !status && i < 4; i++) {
        const bnt_place place = inputs[i].place;
        status =
            clear(&c->inputs[place], bnt_layer_matrix(l, place)->columns, c->products, err);
    }
    c->n_rows = 0;
    if (!status) {
        status = move ? bnt_walk_step(&c->walk, layer, tap, c, err)
                      : bnt_walk_look(&c->walk, layer, tap, c, err);
    }
    for (size_t i = 0; !status && i < 4; i++) {
        status = check(&c->inputs[inputs[i].place], inputs[i].what, layer, err);
    }
    return status;
}

bantam_status bnt_calibration_look(bnt_calibration *c, uint32_t layer, bantam_error *err)
{
    return look(c, layer, false, err);
}

bantam_status bnt_calibration_pass(bnt_calibration *c, uint32_t layer, bantam_error *err)
{
    return look(c, layer, true, err);
}

bantam_status bnt_calibration_step(bnt_calibration *c, uint32_t layer, bantam_error *err)
{
    return bnt_walk_step(&c->walk, layer, NULL, NULL, err);
}

bantam_status bnt_calibration_finish(bnt_calibration *c, bantam_error *err)
{
    const bnt_model *const model = c->walk.model;
    const uint32_t n_embd = model->config.n_embd, n_layers = model->config.n_layers;
    float *const rows = c->rows;
    const bantam_status status = clear(&c->head, n_embd, c->products, err);

    if (status) return status;
    for (size_t first = 0; first < c->walk.n_tokens; first += c->walk.sequence) {
        for (size_t t = 0; t < c->walk.sequence; t++) {
            model->kernels.rms_norm_f32(rows + t * n_embd,
                                        c->walk.states + (first + t) * n_embd,
                                        model->output_norm, n_embd, model->config.norm_eps);
        }
        add_rows(c, &c->head, rows, c->walk.sequence);
    }
    return check(&c->head, "the head", n_layers, err);
}

/* ---- begin and end ----------------------------------------------------------------------- */

static size_t widest_input(const bnt_config *c)
{
    const size_t heads = (size_t)c->n_heads * c->head_dim;
    const size_t most = c->n_ffn > c->n_embd ? c->n_ffn : c->n_embd;
    return heads > most ? heads : most;
}

bantam_status bnt_calibration_begin(bnt_calibration *c, bnt_model *model, bnt_pool *pool,
                                    const bnt_calibration_text *text, bool products,
                                    bantam_error *err)
{
    *c = (bnt_calibration){.products = products};
    bnt_learn_kernels_init(&c->kernels, bnt_cpu_flags());
    bantam_status status = bnt_matmul_init(&c->mm, &c->kernels, pool, err);
    if (!status) {
        status = bnt_walk_begin(&c->walk, model, pool, text->tokens, text->n_tokens,
                                text->sequence, err);
    }
    if (!status) {
        c->rows = bnt_calloc(text->sequence, widest_input(&model->config) * sizeof *c->rows);
        if (!c->rows) {
            status = bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for the rows of a text");
        }
    }
    if (status) bnt_calibration_end(c);
    return status;
}

void bnt_calibration_end(bnt_calibration *c)
{
    for (size_t i = 0; i < BNT_PLACES; i++) {
        free_moments(&c->inputs[i]);
    }
    free_moments(&c->head);
    bnt_walk_end(&c->walk);
    bnt_matmul_deinit(&c->mm);
    bnt_free(c->rows);
    *c = (bnt_calibration){0};
}
