/* net_attention.c - causal attention over the sequences of a batch, and the way back.
 *
 * A task is one kv head of one sequence, with the query heads that share it. Scores are made
 * for some queries at a time, over the keys that any of them sees, and made again on the way
 * back: what is kept of a query is its largest score m and the share r = 1 / sum of e, with
 * e = exp(score - m). With P = r e, O = P V and dO given:
 *
 *     dV = P^T dO = e^T (r dO)     dP = dO V^T     dS = P (dP - dO . O) = e (r dP - r dO . O)
 *     dQ = dS K                    dK = dS^T Q
 *
 * so that r enters by scaling rows of dO. Queries carry the scale of the scores from where they
 * are turned, so that scores are plain products.
 */
#include <math.h>
#include <string.h>

#include "model/rope.h"
#include "train/net_parts.h"

typedef struct attending {
    const bnt_net *net;
    const bnt_batch *batch;
    const bnt_trace *trace;
    uint32_t window; /* 0: everything before is seen */
    uint32_t group;  /* query heads of one kv head */
    float *da;       /* (n, heads) on the way back */
} attending;

static attending attending_of(const bnt_net *net, const bnt_batch *batch, uint32_t layer)
{
    const bnt_config *const c = &net->model->config;
    return (attending){.net = net,
                       .batch = batch,
                       .trace = bnt_net_trace(net, layer),
                       .window = c->windowed[layer] ? c->window_tokens : 0,
                       .group = c->n_heads / c->n_kv_heads};
}

/* One head of one sequence: where row 0 of each matrix lies. */
typedef struct head {
    uint32_t n;         /* rows of the sequence */
    size_t qkv;         /* floats between rows of q, k, v */
    size_t heads;       /* floats between rows of a and da */
    size_t n_heads;     /* floats between those of max and share */
    float *q, *k, *v;   /* (n, head_dim) */
    float *a, *da;      /* (n, head_dim); da NULL on the way there */
    float *max, *share; /* (n, 1) */
} head;

static head head_of(const attending *a, uint32_t sequence, uint32_t kv_head, uint32_t query)
{
    const bnt_net *const net = a->net;
    const bnt_config *const c = &net->model->config;
    const bnt_sequence s = a->batch->sequences[sequence];
    const size_t index = (size_t)kv_head * a->group + query;
    const size_t first = s.first;
    const size_t at = first * net->heads + index * c->head_dim;
    float *const row = a->trace->qkv + first * net->qkv;
    return (head){.n = s.n,
                  .qkv = net->qkv,
                  .heads = net->heads,
                  .n_heads = c->n_heads,
                  .q = row + index * c->head_dim,
                  .k = row + net->heads + (size_t)kv_head * c->head_dim,
                  .v = row + net->heads + net->kv + (size_t)kv_head * c->head_dim,
                  .a = a->trace->a + at,
                  .da = a->da ? a->da + at : NULL,
                  .max = a->trace->max + first * c->n_heads + index,
                  .share = a->trace->share + first * c->n_heads + index};
}

/* Turns row i of a head's matrix; back where sines are negative. */
static void turn(const bnt_net *net, float *x, const float *sines, uint32_t i)
{
    const bnt_config *const c = &net->model->config;
    const bnt_kernels *const kernels = &net->model->kernels;
    const size_t at = (size_t)i * (c->rope_dims / 2);
    if (c->pairing == BNT_PAIR_ADJACENT) {
        kernels->rope_adjacent_f32(x, net->cosines + at, sines + at, c->rope_dims);
    } else {
        kernels->rope_halves_f32(x, net->cosines + at, sines + at, c->rope_dims);
    }
}

/* What queries at position i are multiplied with: the scale of scores is in it. */
static float query_scale(const bnt_config *c, uint32_t i)
{
    return (float)(1.0 / sqrt((double)c->head_dim)) * bnt_rope_query_scale(c, i);
}

/* ---- blocks of queries ---------------------------------------------------------------------
 */

/* Queries begin .. begin + n - 1 of a head against the keys that any of them sees. */
typedef struct block {
    uint32_t begin, n;
    uint32_t first, n_keys; /* of the keys */
    size_t stride;          /* floats between rows of scores */
} block;

/* The first key that query i sees. */
static uint32_t first_seen(const attending *a, uint32_t i)
{
    return a->window && i >= a->window ? i - a->window + 1 : 0;
}

static block block_at(const attending *a, const head *h, uint32_t begin)
{
    const uint32_t n = h->n - begin < BNT_NET_QUERIES ? h->n - begin : BNT_NET_QUERIES;
    const uint32_t first = first_seen(a, begin);
    const uint32_t n_keys = begin + n - first;
    return (block){begin, n, first, n_keys, ((size_t)n_keys + 15) & ~(size_t)15};
}

/* What query i of a block sees, as columns of its scores: [begin, end), never empty. */
typedef struct seen {
    uint32_t begin, end;
} seen;

static seen seen_of(const attending *a, const block *b, uint32_t i)
{
    const uint32_t position = b->begin + i;
    return (seen){first_seen(a, position) - b->first, position + 1 - b->first};
}

/* out (n, n_keys) = x (n, head_dim) of the block's rows times rows of y (n_keys, head_dim). */
static void against_keys(const attending *a, const bnt_net_work *w, const block *b,
                         bnt_view rows, const float *keys, size_t key_stride, float *out)
{
    const bnt_view columns = {keys + b->first * key_stride, 1, key_stride};
    bnt_matmul_here(&a->net->learn, w->pack, rows, columns, b->n, b->n_keys,
                    a->net->model->config.head_dim, out, b->stride, false);
}

static bnt_view rows_at(const float *x, size_t stride, uint32_t begin)
{
    return (bnt_view){x + begin * stride, stride, 1};
}

/* Nothing of a row counts but what is seen. */
static void clear_unseen(float *row, seen s, uint32_t n)
{
    memset(row, 0, s.begin * sizeof *row);
    memset(row + s.end, 0, (n - s.end) * sizeof *row);
}

static void attend_block(const attending *a, const bnt_net_work *w, const head *h,
                         const block *b)
{
    const bnt_kernels *const kernels = &a->net->model->kernels;
    const size_t dim = a->net->model->config.head_dim;

    against_keys(a, w, b, rows_at(h->q, h->qkv, b->begin), h->k, h->qkv, w->scores);
    for (uint32_t i = 0; i < b->n; i++) {
        const seen s = seen_of(a, b, i);
        float *const row = w->scores + i * b->stride;
        const size_t at = (size_t)(b->begin + i) * h->n_heads;
        h->max[at] = kernels->max_f32(row + s.begin, s.end - s.begin);
        h->share[at] = 1.0f / kernels->exp_sum_f32(row + s.begin, h->max[at], s.end - s.begin);
        clear_unseen(row, s, b->n_keys);
    }
    const bnt_view e = {w->scores, b->stride, 1};
    float *const out = h->a + b->begin * h->heads;
    bnt_matmul_here(&a->net->learn, w->pack, e, rows_at(h->v, h->qkv, b->first), b->n, dim,
                    b->n_keys, out, h->heads, false);
    for (uint32_t i = 0; i < b->n; i++) {
        kernels->scale_f32(out + i * h->heads, h->share[(b->begin + i) * h->n_heads], dim);
    }
}

static void attend_task(void *context, size_t task, uint32_t thread)
{
    const attending *const a = context;
    const bnt_net *const net = a->net;
    const bnt_config *const c = &net->model->config;
    const uint32_t sequence = (uint32_t)(task / c->n_kv_heads);
    const uint32_t kv_head = (uint32_t)(task % c->n_kv_heads);

    for (uint32_t query = 0; query < a->group; query++) {
        const head h = head_of(a, sequence, kv_head, query);
        for (uint32_t i = 0; i < h.n; i++) {
            float *const q = h.q + i * h.qkv;
            if (query == 0) turn(net, h.k + i * h.qkv, net->sines, i);
            turn(net, q, net->sines, i);
            net->model->kernels.scale_f32(q, query_scale(c, i), c->head_dim);
        }
        for (uint32_t begin = 0; begin < h.n; begin += BNT_NET_QUERIES) {
            const block b = block_at(a, &h, begin);
            attend_block(a, &net->work[thread], &h, &b);
        }
    }
}

void bnt_net_attend(bnt_net *net, const bnt_batch *batch, uint32_t layer)
{
    attending a = attending_of(net, batch, layer);
    bnt_pool_run(net->pool, attend_task, &a,
                 (size_t)batch->n_sequences * net->model->config.n_kv_heads);
}

/* ---- the way back --------------------------------------------------------------------------
 */

/* Rows of da become r dO. Returns nothing of O but what dS needs: out[i] = r dO . O. */
static void scale_da(const attending *a, const head *h, const block *b, float *out)
{
    const bnt_kernels *const kernels = &a->net->model->kernels;
    const size_t dim = a->net->model->config.head_dim;
    for (uint32_t i = 0; i < b->n; i++) {
        const size_t row = b->begin + i;
        float *const da = h->da + row * h->heads;
        kernels->scale_f32(da, h->share[row * h->n_heads], dim);
        out[i] = kernels->dot_f32(da, h->a + row * h->heads, dim);
    }
}

/* scores (n, n_keys) = e again. */
static void weigh_again(const attending *a, const bnt_net_work *w, const head *h,
                        const block *b)
{
    against_keys(a, w, b, rows_at(h->q, h->qkv, b->begin), h->k, h->qkv, w->scores);
    for (uint32_t i = 0; i < b->n; i++) {
        const seen s = seen_of(a, b, i);
        float *const row = w->scores + i * b->stride;
        const float max = h->max[(b->begin + i) * h->n_heads];
        (void)a->net->model->kernels.exp_sum_f32(row + s.begin, max, s.end - s.begin);
        clear_unseen(row, s, b->n_keys);
    }
}

/* ds[j] = e[j] * (dp[j] - sum), which is 0 where e is. */
static void score_grad(float *restrict dp, const float *restrict e, float sum, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        dp[j] = e[j] * (dp[j] - sum);
    }
}

/* dk and dv of the thread's work take on the block's part; q becomes its gradient. */
static void backward_block(const attending *a, const bnt_net_work *w, const head *h,
                           const block *b)
{
    const bnt_learn_kernels *const learn = &a->net->learn;
    const size_t dim = a->net->model->config.head_dim;
    const bnt_view e_turned = {w->scores, 1, b->stride};
    const bnt_view ds = {w->d_scores, b->stride, 1};
    const bnt_view ds_turned = {w->d_scores, 1, b->stride};
    const bnt_view q = rows_at(h->q, h->qkv, b->begin);
    const bnt_view da = rows_at(h->da, h->heads, b->begin);
    float sums[BNT_NET_QUERIES];

    scale_da(a, h, b, sums);
    weigh_again(a, w, h, b);
    bnt_matmul_here(learn, w->pack, e_turned, da, b->n_keys, dim, b->n, w->dv + b->first * dim,
                    dim, true);
    against_keys(a, w, b, da, h->v, h->qkv, w->d_scores);
    for (uint32_t i = 0; i < b->n; i++) {
        score_grad(w->d_scores + i * b->stride, w->scores + i * b->stride, sums[i], b->n_keys);
    }
    bnt_matmul_here(learn, w->pack, ds_turned, q, b->n_keys, dim, b->n, w->dk + b->first * dim,
                    dim, true);
    bnt_matmul_here(learn, w->pack, ds, rows_at(h->k, h->qkv, b->first), b->n, dim, b->n_keys,
                    h->q + b->begin * h->qkv, h->qkv, false);
}

/* Keys and values are done with: their gradients take their place. */
static void put_kv(const bnt_net *net, const bnt_net_work *w, const head *h)
{
    const size_t dim = net->model->config.head_dim;
    for (uint32_t i = 0; i < h->n; i++) {
        float *const k = h->k + i * h->qkv;
        memcpy(k, w->dk + i * dim, dim * sizeof *k);
        memcpy(h->v + i * h->qkv, w->dv + i * dim, dim * sizeof *k);
        turn(net, k, net->minus_sines, i);
    }
}

static void backward_task(void *context, size_t task, uint32_t thread)
{
    const attending *const a = context;
    const bnt_net *const net = a->net;
    const bnt_net_work *const w = &net->work[thread];
    const bnt_config *const c = &net->model->config;
    const uint32_t sequence = (uint32_t)(task / c->n_kv_heads);
    const uint32_t kv_head = (uint32_t)(task % c->n_kv_heads);
    const size_t n_values = (size_t)a->batch->sequences[sequence].n * c->head_dim;

    memset(w->dk, 0, n_values * sizeof *w->dk);
    memset(w->dv, 0, n_values * sizeof *w->dv);
    for (uint32_t query = 0; query < a->group; query++) {
        const head h = head_of(a, sequence, kv_head, query);
        for (uint32_t begin = 0; begin < h.n; begin += BNT_NET_QUERIES) {
            const block b = block_at(a, &h, begin);
            backward_block(a, w, &h, &b);
        }
        for (uint32_t i = 0; i < h.n; i++) {
            float *const q = h.q + i * h.qkv;
            net->model->kernels.scale_f32(q, query_scale(c, i), c->head_dim);
            turn(net, q, net->minus_sines, i);
        }
    }
    const head h = head_of(a, sequence, kv_head, 0);
    put_kv(net, w, &h);
}

void bnt_net_attend_backward(bnt_net *net, const bnt_batch *batch, uint32_t layer, float *da)
{
    attending a = attending_of(net, batch, layer);
    a.da = da;
    bnt_pool_run(net->pool, backward_task, &a,
                 (size_t)batch->n_sequences * net->model->config.n_kv_heads);
}
