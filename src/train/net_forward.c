/* net_forward.c - the pass from tokens to the last layer's output, which leaves a trace of each
 * layer behind. It computes what model/forward.c does, for whole sequences and without a cache;
 * the head and the loss are net_loss.c's. */
#include "train/net_parts.h"

/* ---- row by row -------------------------------------------------------------------------- */

typedef struct embedding {
    const bnt_matrix *w;
    const uint32_t *tokens;
    float *x;
    uint32_t n;
} embedding;

static void embed_rows(void *context, size_t task, uint32_t thread)
{
    const embedding *const e = context;
    const uint32_t end = bnt_net_block_end(task, e->n);
    (void)thread;
    for (uint32_t i = (uint32_t)task * BNT_NET_ROWS; i < end; i++) {
        bnt_type_decode_row(e->w->type, e->w->data, e->w->columns, e->tokens[i],
                            e->x + (size_t)i * e->w->columns);
    }
}

/* x += residual where there is one; out = norm(x) * w. */
typedef struct norming {
    const bnt_model *model;
    float *x;
    const float *residual;
    const float *w;
    float *out;
    uint32_t n;
} norming;

static void norm_rows(void *context, size_t task, uint32_t thread)
{
    const norming *const s = context;
    const bnt_kernels *const kernels = &s->model->kernels;
    const size_t width = s->model->config.n_embd;
    const uint32_t end = bnt_net_block_end(task, s->n);
    (void)thread;
    for (size_t i = task * BNT_NET_ROWS; i < end; i++) {
        float *const x = s->x + i * width;
        if (s->residual) kernels->add_f32(x, s->residual + i * width, width);
        kernels->rms_norm_f32(s->out + i * width, x, s->w, width, s->model->config.norm_eps);
    }
}

static void norm(bnt_net *net, float *x, const float *residual, const float *w, float *out,
                 uint32_t n)
{
    norming s = {net->model, x, residual, w, out, n};
    bnt_pool_run(net->pool, norm_rows, &s, bnt_net_blocks(n));
}

typedef struct gating {
    const bnt_model *model;
    const float *gate_up;
    float *h;
    uint32_t n;
} gating;

static void gate_rows(void *context, size_t task, uint32_t thread)
{
    const gating *const s = context;
    const bnt_kernels *const kernels = &s->model->kernels;
    const size_t width = s->model->config.n_ffn;
    const bool relu = s->model->config.act == BNT_ACT_RELU;
    const uint32_t end = bnt_net_block_end(task, s->n);
    (void)thread;
    for (size_t i = task * BNT_NET_ROWS; i < end; i++) {
        const float *const gate = s->gate_up + 2 * i * width;
        float *const h = s->h + i * width;
        if (relu) {
            kernels->gate_relu_f32(h, gate, gate + width, width);
        } else {
            kernels->gate_silu_f32(h, gate, gate + width, width);
        }
    }
}

/* ---- layers ------------------------------------------------------------------------------ */

/* From the layer's input, to which residual is added first, up to h. */
static void run_layer(bnt_net *net, const bnt_batch *batch, uint32_t index,
                      const float *residual)
{
    const bnt_net_layer *const layer = &net->layers[index];
    const bnt_net_linear *const l = layer->linears;
    const bnt_trace *const t = bnt_net_trace(net, index);
    const uint32_t n = batch->n_rows;
    float *const x = bnt_net_input(net, index);
    gating gates = {net->model, t->gate_up, t->h, n};

    norm(net, x, residual, layer->attn_norm, t->normed, n);
    bnt_net_linear_forward(net, &l[BNT_NET_QKV], t->normed, n, t->qkv, t->low[BNT_NET_QKV]);
    bnt_net_attend(net, batch, index);
    bnt_net_linear_forward(net, &l[BNT_NET_O], t->a, n, t->mid, t->low[BNT_NET_O]);
    norm(net, t->mid, x, layer->ffn_norm, t->normed_mid, n);
    bnt_net_linear_forward(net, &l[BNT_NET_GATE_UP], t->normed_mid, n, t->gate_up,
                           t->low[BNT_NET_GATE_UP]);
    bnt_pool_run(net->pool, gate_rows, &gates, bnt_net_blocks(n));
}

void bnt_net_forward(bnt_net *net, const bnt_batch *batch)
{
    const uint32_t n_layers = net->model->config.n_layers;
    embedding e = {&net->model->embed, batch->tokens, bnt_net_input(net, 0), batch->n_rows};

    bnt_pool_run(net->pool, embed_rows, &e, bnt_net_blocks(batch->n_rows));
    for (uint32_t i = 0; i < n_layers; i++) {
        const bnt_trace *const t = bnt_net_trace(net, i);
        run_layer(net, batch, i, i ? bnt_net_trace(net, i - 1)->mid : NULL);
        bnt_net_linear_forward(net, &net->layers[i].linears[BNT_NET_DOWN], t->h, batch->n_rows,
                               bnt_net_input(net, i + 1), t->low[BNT_NET_DOWN]);
    }
}

void bnt_net_recompute(bnt_net *net, const bnt_batch *batch, uint32_t layer)
{
    const bnt_trace *const t = bnt_net_trace(net, layer);
    run_layer(net, batch, layer, NULL);
    bnt_net_linear_low(net, &net->layers[layer].linears[BNT_NET_DOWN], t->h, batch->n_rows,
                       t->low[BNT_NET_DOWN]);
}
