/* net_backward.c - gradients, from the loss back through the layers to the embedding.
 *
 * dx is the gradient of the residual stream; each half of a layer adds to it what came through
 * its norm. Buffers of the trace become the gradients of what they held once that is no longer
 * needed. Nothing is computed below the lowest weights that learn.
 *
 * Sums over rows have one order whoever computes them: those of a norm are made block by block
 * of rows, and the blocks added in their order; those of the embedding by columns, each task
 * walking the rows of its own.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "train/net_parts.h"

/* ---- norms ------------------------------------------------------------------------------- */

typedef struct norming {
    const bnt_net *net;
    const bnt_net_norm *norm;
} norming;

/* gw[j] += dy[j] * (x[j] * scale), what multiplied w[j]. */
static void weight_grad(float *restrict gw, const float *restrict x, const float *restrict dy,
                        float scale, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        gw[j] += dy[j] * (x[j] * scale);
    }
}

static void norm_rows(void *context, size_t task, uint32_t thread)
{
    const norming *const s = context;
    const bnt_net_norm *const norm = s->norm;
    const bnt_model *const m = s->net->model;
    const size_t width = m->config.n_embd;
    const float eps = m->config.norm_eps;
    const uint32_t end = bnt_net_block_end(task, norm->n_rows);
    float *const partial = norm->gw ? s->net->partial + task * width : NULL;
    (void)thread;

    if (partial) memset(partial, 0, width * sizeof *partial);
    for (size_t i = task * BNT_NET_ROWS; i < end; i++) {
        const size_t row = norm->rows ? norm->rows[i] : i;
        const float *const x = norm->x + row * width;
        const float *const dy = norm->dy + i * width;
        s->net->learn.rms_norm_grad(norm->dx + row * width, x, norm->w, dy, width, eps);
        if (!partial) continue;
        const float mean = m->kernels.dot_f32(x, x, width) / (float)width;
        weight_grad(partial, x, dy, 1.0f / sqrtf(mean + eps), width);
    }
}

void bnt_net_norm_backward(bnt_net *net, const bnt_net_norm *norm)
{
    const size_t width = net->model->config.n_embd;
    const size_t n_blocks = bnt_net_blocks(norm->n_rows);
    norming s = {net, norm};
    bnt_pool_run(net->pool, norm_rows, &s, n_blocks);
    for (size_t i = 0; i < n_blocks && norm->gw; i++) {
        net->model->kernels.add_f32(norm->gw, net->partial + i * width, width);
    }
}

/* ---- the gate ---------------------------------------------------------------------------- */

typedef struct gating {
    const bnt_net *net;
    float *gate_up;  /* (n, 2 ffn) becomes its gradient */
    const float *dh; /* (n, ffn) */
    uint32_t n;
} gating;

static void gate_rows(void *context, size_t task, uint32_t thread)
{
    const gating *const s = context;
    const bnt_config *const c = &s->net->model->config;
    const bnt_learn_kernels *const learn = &s->net->learn;
    const size_t width = c->n_ffn;
    const uint32_t end = bnt_net_block_end(task, s->n);
    (void)thread;
    for (size_t i = task * BNT_NET_ROWS; i < end; i++) {
        float *const gate = s->gate_up + 2 * i * width;
        float *const up = gate + width;
        const float *const dh = s->dh + i * width;
        if (c->act == BNT_ACT_RELU) {
            learn->gate_relu_grad(gate, up, dh, gate, up, width);
        } else {
            learn->gate_silu_grad(gate, up, dh, gate, up, width);
        }
    }
}

/* ---- layers ------------------------------------------------------------------------------ */

/* Back through h = gate(W norm(mid)), x = mid + W h. False where nothing below learns. */
static bool feed_forward(bnt_net *net, uint32_t n, uint32_t index, int lowest)
{
    const bnt_net_layer *const layer = &net->layers[index];
    const bnt_net_linear *const l = layer->linears;
    const bnt_trace *const t = bnt_net_trace(net, index);
    gating gates = {net, t->gate_up, net->d_wide, n};
    const bnt_net_norm norm = {.dx = net->dx,
                               .x = t->mid,
                               .dy = net->d_normed,
                               .n_rows = n,
                               .w = layer->ffn_norm,
                               .gw = layer->g_ffn_norm};

    bnt_net_linear_backward(net, &l[BNT_NET_DOWN], t->h, t->low[BNT_NET_DOWN], net->dx, n,
                            lowest == BNT_NET_DOWN ? NULL : net->d_wide);
    if (lowest == BNT_NET_DOWN) return false;
    bnt_pool_run(net->pool, gate_rows, &gates, bnt_net_blocks(n));
    bnt_net_linear_backward(net, &l[BNT_NET_GATE_UP], t->normed_mid, t->low[BNT_NET_GATE_UP],
                            t->gate_up, n, lowest == BNT_NET_GATE_UP ? NULL : net->d_normed);
    if (lowest == BNT_NET_GATE_UP) return false;
    bnt_net_norm_backward(net, &norm);
    return true;
}

static void attention(bnt_net *net, const bnt_batch *batch, uint32_t index, int lowest)
{
    const bnt_net_layer *const layer = &net->layers[index];
    const bnt_net_linear *const l = layer->linears;
    const bnt_trace *const t = bnt_net_trace(net, index);
    const uint32_t n = batch->n_rows;
    const bnt_net_norm norm = {.dx = net->dx,
                               .x = bnt_net_input(net, index),
                               .dy = net->d_normed,
                               .n_rows = n,
                               .w = layer->attn_norm,
                               .gw = layer->g_attn_norm};

    bnt_net_linear_backward(net, &l[BNT_NET_O], t->a, t->low[BNT_NET_O], net->dx, n,
                            lowest == BNT_NET_O ? NULL : net->d_wide);
    if (lowest == BNT_NET_O) return;
    bnt_net_attend_backward(net, batch, index, net->d_wide);
    bnt_net_linear_backward(net, &l[BNT_NET_QKV], t->normed, t->low[BNT_NET_QKV], t->qkv, n,
                            lowest == BNT_NET_QKV ? NULL : net->d_normed);
    if (lowest == BNT_NET_QKV) return;
    bnt_net_norm_backward(net, &norm);
}

/* ---- the embedding -------------------------------------------------------------------------
 */

enum { EMBED_COLUMNS = 32 };

typedef struct embedding {
    const bnt_net *net;
    const bnt_batch *batch;
} embedding;

/* Task: some columns of all rows. */
static void embed_columns(void *context, size_t task, uint32_t thread)
{
    const embedding *const e = context;
    const bnt_net *const net = e->net;
    const size_t width = net->model->config.n_embd;
    const size_t first = task * EMBED_COLUMNS;
    const size_t n = width - first < EMBED_COLUMNS ? width - first : EMBED_COLUMNS;
    (void)thread;
    for (size_t i = 0; i < e->batch->n_rows; i++) {
        net->model->kernels.add_f32(net->g_embed + e->batch->tokens[i] * width + first,
                                    net->dx + i * width + first, n);
    }
}

/* ---- a batch ----------------------------------------------------------------------------- */

static bantam_status bad_row(uint32_t i, const char *what, uint32_t found, uint32_t n_vocab,
                             bantam_error *err)
{
    return bnt_fail(err, BANTAM_ERR_INVALID,
                    "%s of row %" PRIu32 ": expected less than %" PRIu32 ", found %" PRIu32,
                    what, i, n_vocab, found);
}

static bantam_status check_sequences(const bnt_net *net, const bnt_batch *b, bantam_error *err)
{
    uint32_t rows = 0;
    for (uint32_t i = 0; i < b->n_sequences; i++) {
        const bnt_sequence s = b->sequences[i];
        if (s.first != rows || s.n > b->n_rows - rows || s.n < 1 ||
            s.n > net->options.max_sequence) {
            return bnt_fail(err, BANTAM_ERR_INVALID,
                            "sequence %" PRIu32 ": expected 1 to %" PRIu32 " rows from %" PRIu32
                            " on, found %" PRIu32 " from %" PRIu32,
                            i, net->options.max_sequence, rows, s.n, s.first);
        }
        rows += s.n;
    }
    if (rows == b->n_rows) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_INVALID,
                    "sequences: expected %" PRIu32 " rows together, found %" PRIu32, b->n_rows,
                    rows);
}

static bantam_status check_batch(const bnt_net *net, const bnt_batch *b, bantam_error *err)
{
    const uint32_t n_vocab = net->model->config.n_vocab;
    bool counts = false;
    if (b->n_rows < 1 || b->n_rows > net->options.max_rows) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "rows of a batch: expected 1 to %" PRIu32 ", found %" PRIu32,
                        net->options.max_rows, b->n_rows);
    }
    for (uint32_t i = 0; i < b->n_rows; i++) {
        if (b->tokens[i] >= n_vocab) return bad_row(i, "token", b->tokens[i], n_vocab, err);
        if (b->targets[i] >= n_vocab) return bad_row(i, "target", b->targets[i], n_vocab, err);
        if (!(b->weights[i] >= 0.0f && isfinite(b->weights[i]))) {
            return bnt_fail(err, BANTAM_ERR_INVALID,
                            "weight of row %" PRIu32 ": expected 0 or more, found %g", i,
                            (double)b->weights[i]);
        }
        counts = counts || b->weights[i] > 0.0f;
    }
    if (!counts) return bnt_fail(err, BANTAM_ERR_INVALID, "no row of the batch has a weight");
    return check_sequences(net, b, err);
}

bantam_status bnt_net_learn(bnt_net *net, const bnt_batch *batch, double grad_share,
                            double *loss, bantam_error *err)
{
    const bnt_config *const c = &net->model->config;
    const bnt_net_goal goal = {.learns = true, .grad_share = grad_share};
    embedding e = {net, batch};
    if (net->options.learns == BNT_LEARNS_NOTHING) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "the net was opened to learn nothing");
    }
    const bantam_status status = check_batch(net, batch, err);
    if (status) return status;

    bnt_net_forward(net, batch);
    *loss = bnt_net_head(net, batch, &goal);
    for (uint32_t i = c->n_layers; i-- > 0;) {
        const int lowest = i == 0 ? net->lowest : -1;
        /* The last layer's trace is still there. */
        if (net->options.recompute && i + 1 < c->n_layers) bnt_net_recompute(net, batch, i);
        if (feed_forward(net, batch->n_rows, i, lowest)) attention(net, batch, i, lowest);
    }
    if (net->g_embed) {
        bnt_pool_run(net->pool, embed_columns, &e,
                     (c->n_embd + EMBED_COLUMNS - 1) / EMBED_COLUMNS);
    }
    return bnt_model_check(net->model, err);
}

bantam_status bnt_net_loss(bnt_net *net, const bnt_batch *batch, double *loss, float *per_row,
                           bantam_error *err)
{
    const bnt_net_goal goal = {.per_row = per_row};
    const bantam_status status = check_batch(net, batch, err);
    if (status) return status;

    bnt_net_forward(net, batch);
    *loss = bnt_net_head(net, batch, &goal);
    return bnt_model_check(net->model, err);
}
