/* net_loss.c - the last norm, the head and the loss.
 *
 * Rows whose weight is 0 are left out from here on: they have no loss and give nothing back.
 * Logits exist for some rows at a time; where the net learns they become their own gradient,
 * share * (p - 1 at the target), which the head takes on at once. So a large vocabulary costs
 * no more memory than those rows.
 */
#include <math.h>
#include <string.h>

#include "train/net_parts.h"

typedef struct heading {
    bnt_net *net;
    const bnt_batch *batch;
    bool learns;
    float *x;       /* (n, embd) the last layer's output */
    uint32_t n;     /* live rows */
    uint32_t first; /* of those whose logits there are */
} heading;

/* The rows that count, and what each weighs in the gradient. Returns the sum of weights. */
static double find_live(heading *h, const bnt_net_goal *goal)
{
    const bnt_batch *const b = h->batch;
    double sum = 0.0;
    for (uint32_t i = 0; i < b->n_rows; i++) {
        sum += (double)b->weights[i];
    }
    for (uint32_t i = 0; i < b->n_rows; i++) {
        if (b->weights[i] == 0.0f && !goal->per_row) continue;
        h->net->live[h->n] = i;
        h->net->shares[h->n] = (float)((double)b->weights[i] / sum * goal->grad_share);
        h->n++;
    }
    return sum;
}

static void finish_rows(void *context, size_t task, uint32_t thread)
{
    const heading *const h = context;
    const bnt_net *const net = h->net;
    const bnt_model *const m = net->model;
    const size_t width = m->config.n_embd;
    const float *const residual = bnt_net_trace(net, m->config.n_layers - 1)->mid;
    const uint32_t end = bnt_net_block_end(task, h->n);
    (void)thread;
    for (size_t i = task * BNT_NET_ROWS; i < end; i++) {
        const size_t row = net->live[i] * width;
        m->kernels.add_f32(h->x + row, residual + row, width);
        m->kernels.rms_norm_f32(net->final + i * width, h->x + row, m->output_norm, width,
                                m->config.norm_eps);
    }
}

/* Task: one row of logits. */
static void judge_row(void *context, size_t task, uint32_t thread)
{
    const heading *const h = context;
    const bnt_net *const net = h->net;
    const bnt_kernels *const kernels = &net->model->kernels;
    const size_t n_vocab = net->model->config.n_vocab;
    const size_t i = h->first + task;
    float *const logits = net->logits + task * n_vocab;
    const uint32_t target = h->batch->targets[net->live[i]];
    (void)thread;

    const float max = kernels->max_f32(logits, n_vocab);
    const double own = (double)logits[target] - (double)max;
    const float sum = kernels->exp_sum_f32(logits, max, n_vocab);
    net->losses[i] = log((double)sum) - own;
    if (!h->learns) return;
    kernels->scale_f32(logits, net->shares[i] / sum, n_vocab);
    logits[target] -= net->shares[i];
}

static void run_chunks(heading *h)
{
    bnt_net *const net = h->net;
    const size_t width = net->model->config.n_embd;
    for (h->first = 0; h->first < h->n; h->first += net->head_rows) {
        const uint32_t left = h->n - h->first;
        const uint32_t n = left < net->head_rows ? left : net->head_rows;
        const float *const x = net->final + h->first * width;
        bnt_net_linear_forward(net, &net->head, x, n, net->logits, NULL);
        bnt_pool_run(net->pool, judge_row, h, n);
        if (!h->learns) continue;
        bnt_net_linear_backward(net, &net->head, x, NULL, net->logits, n,
                                net->d_normed + h->first * width);
    }
}

/* In order of rows. */
static double add_up(const heading *h, double weights, float *per_row)
{
    const bnt_net *const net = h->net;
    double sum = 0.0;
    for (uint32_t i = 0; i < h->n; i++) {
        const uint32_t row = net->live[i];
        const double weight = (double)h->batch->weights[row];
        if (per_row) per_row[row] = (float)net->losses[i];
        if (weight != 0.0) sum += weight * net->losses[i];
    }
    return sum / weights;
}

double bnt_net_head(bnt_net *net, const bnt_batch *batch, const bnt_net_goal *goal)
{
    const bnt_config *const c = &net->model->config;
    heading h = {.net = net,
                 .batch = batch,
                 .learns = goal->learns,
                 .x = bnt_net_input(net, c->n_layers)};
    const double weights = find_live(&h, goal);

    bnt_pool_run(net->pool, finish_rows, &h, bnt_net_blocks(h.n));
    run_chunks(&h);
    if (goal->learns) {
        const bnt_net_norm norm = {.dx = net->dx,
                                   .x = h.x,
                                   .dy = net->d_normed,
                                   .rows = net->live,
                                   .n_rows = h.n,
                                   .w = net->model->output_norm,
                                   .gw = net->g_output_norm};
        memset(net->dx, 0, (size_t)batch->n_rows * c->n_embd * sizeof *net->dx);
        bnt_net_norm_backward(net, &norm);
    }
    return add_up(&h, weights, goal->per_row);
}
