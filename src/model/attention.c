/* attention.c - keys and values into the cache, and what each query sees there.
 *
 * The result of one query is defined chunk by chunk. Positions are cut at multiples of 64. A
 * chunk has its own largest score m, its own sum s of exp(score - m), and its own weighted
 * values w; chunks are merged in order of position:
 *
 *     M' = max(M, m)    S' = S exp(M - M') + s exp(m - M')    W' likewise,   at last W / S
 *
 * So the bits depend on what a query sees and on nothing else: not on the batch, not on which
 * thread computes it, not on how the cache arranges its slots. Queries read keys and values
 * back from the cache also where this very pass has stored them, because rounding to the
 * cache's type must not depend on where a batch begins.
 *
 * A task is one kv head and up to 16 tokens: the rows of a chunk are decoded once for all of
 * them and for all query heads of the group.
 */
#include "model/attention.h"

#include "model/kv_row.h"
#include "model/pass.h"
#include "model/rope.h"

#include <math.h>
#include <string.h>

enum { CHUNK = BNT_ATTENTION_CHUNK, TOKENS = BNT_ATTENTION_TOKENS };

/* ---- turning and storing ----------------------------------------------------------------- */

typedef struct storing {
    const bnt_pass *pass;
    const bnt_kv_layer *cache;
} storing;

static void turn(const bnt_pass *p, float *x, uint32_t n_heads, size_t t)
{
    const bnt_config *const c = &p->model->config;
    const float *const cosines = p->cosines + t * (c->rope_dims / 2);
    const float *const sines = p->sines + t * (c->rope_dims / 2);
    for (uint32_t head = 0; head < n_heads; head++) {
        float *const values = x + (size_t)head * c->head_dim;
        switch (c->pairing) {
        case BNT_PAIR_ADJACENT:
            p->model->kernels.rope_adjacent_f32(values, cosines, sines, c->rope_dims);
            break;
        case BNT_PAIR_HALVES:
            p->model->kernels.rope_halves_f32(values, cosines, sines, c->rope_dims);
            break;
        }
    }
}

static void store(const bnt_pass *p, uint8_t *rows, const float *x, uint32_t slot, float *work)
{
    const bnt_config *const c = &p->model->config;
    const size_t padding = bnt_kv_padded(c->head_dim) - c->head_dim;
    memset(work + c->head_dim, 0, padding * sizeof *work);
    for (uint32_t head = 0; head < c->n_kv_heads; head++) {
        const size_t row = (size_t)slot * c->n_kv_heads + head;
        memcpy(work, x + (size_t)head * c->head_dim, c->head_dim * sizeof *work);
        bnt_kv_encode(p->kv->type, rows + row * p->kv->row_bytes, work, c->head_dim);
    }
}

static void turn_and_store_token(void *context, size_t t, uint32_t thread)
{
    const storing *const s = context;
    const bnt_pass *const p = s->pass;
    const bnt_config *const c = &p->model->config;
    const uint32_t pos = p->pos + (uint32_t)t;
    const uint32_t slot = pos % s->cache->slots;
    const size_t n_q = (size_t)c->n_heads * c->head_dim;
    const size_t n_kv = (size_t)c->n_kv_heads * c->head_dim;
    float *const work = bnt_pass_work(p, thread);

    turn(p, p->q + t * n_q, c->n_heads, t);
    turn(p, p->k + t * n_kv, c->n_kv_heads, t);
    const float scale = bnt_rope_query_scale(c, pos);
    if (scale != 1.0f) {
        for (size_t i = 0; i < n_q; i++) {
            p->q[t * n_q + i] *= scale;
        }
    }
    store(p, s->cache->k, p->k + t * n_kv, slot, work);
    store(p, s->cache->v, p->v + t * n_kv, slot, work);
}

void bnt_turn_and_store(const bnt_pass *p, uint32_t layer)
{
    storing s = {p, &p->kv->layers[layer]};
    bnt_pass_run(p, turn_and_store_token, &s, p->n);
}

/* ---- attending --------------------------------------------------------------------------- */

typedef struct attending {
    const bnt_pass *pass;
    const bnt_kv_layer *cache;
    uint32_t window; /* 0: everything before is seen */
    uint32_t group;  /* query heads of one kv head */
    float scale;     /* of scores */
} attending;

/* One thread's decoded chunk. */
typedef struct chunk {
    float *keys, *values; /* (64, stride) */
    float *scores;        /* (64) */
    float *part;          /* (stride) */
    size_t stride;
    uint32_t first; /* position of the first row */
} chunk;

static chunk chunk_in(float *work, uint32_t head_dim)
{
    const size_t stride = bnt_kv_padded(head_dim);
    chunk c = {.keys = work, .stride = stride};
    c.values = c.keys + CHUNK * stride;
    c.scores = c.values + CHUNK * stride;
    c.part = c.scores + CHUNK;
    return c;
}

/* The first position that a query at pos sees. */
static uint32_t first_seen(const attending *a, uint32_t pos)
{
    return a->window && pos >= a->window ? pos - a->window + 1 : 0;
}

static void load(const attending *a, chunk *c, uint32_t kv_head, uint32_t begin, uint32_t end)
{
    const bnt_kv *const kv = a->pass->kv;
    const bnt_config *const config = &a->pass->model->config;
    c->first = begin;
    for (uint32_t pos = begin; pos < end; pos++) {
        const size_t slot = pos % a->cache->slots;
        const size_t at = (slot * config->n_kv_heads + kv_head) * kv->row_bytes;
        const size_t row = (pos - begin) * c->stride;
        bnt_kv_decode(kv->type, c->keys + row, a->cache->k + at, config->head_dim);
        bnt_kv_decode(kv->type, c->values + row, a->cache->v + at, config->head_dim);
    }
}

/* One query over the rows [begin, end) of a chunk, merged into its result so far: out
 * (head_dim), max and sum. */
static void attend_chunk(const attending *a, const chunk *c, const float *q, uint32_t begin,
                         uint32_t end, float *out, float *max, float *sum)
{
    const bnt_kernels *const kernels = &a->pass->model->kernels;
    const size_t head_dim = a->pass->model->config.head_dim;
    const size_t n = end - begin;
    const float *const keys = c->keys + (begin - c->first) * c->stride;
    const float *const values = c->values + (begin - c->first) * c->stride;

    float m = -INFINITY;
    for (size_t j = 0; j < n; j++) {
        c->scores[j] = kernels->dot_f32(q, keys + j * c->stride, head_dim) * a->scale;
        if (c->scores[j] > m) m = c->scores[j];
    }
    const float s = kernels->exp_sum_f32(c->scores, m, n);
    memset(c->part, 0, head_dim * sizeof *c->part);
    for (size_t j = 0; j < n; j++) {
        kernels->axpy_f32(c->part, c->scores[j], values + j * c->stride, head_dim);
    }
    const float both = m > *max ? m : *max;
    const float before = bnt_expf(*max - both);
    const float now = bnt_expf(m - both);
    for (size_t i = 0; i < head_dim; i++) {
        out[i] = out[i] * before + c->part[i] * now;
    }
    *sum = *sum * before + s * now;
    *max = both;
}

/* All queries of one group and token over one loaded chunk, of which they may see a part. */
static void attend_token(const attending *a, const chunk *c, uint32_t kv_head, uint32_t t,
                         uint32_t begin, uint32_t end)
{
    const bnt_pass *const p = a->pass;
    const bnt_config *const config = &p->model->config;
    const uint32_t pos = p->pos + t;
    const uint32_t first = first_seen(a, pos);
    if (begin < first) begin = first;
    if (end > pos + 1) end = pos + 1;
    if (begin >= end) return;

    for (uint32_t g = 0; g < a->group; g++) {
        const size_t head = (size_t)t * config->n_heads + (size_t)kv_head * a->group + g;
        attend_chunk(a, c, p->q + head * config->head_dim, begin, end,
                     p->a + head * config->head_dim, &p->maxima[head], &p->sums[head]);
    }
}

static void begin_heads(const attending *a, uint32_t kv_head, uint32_t t)
{
    const bnt_pass *const p = a->pass;
    const size_t head_dim = p->model->config.head_dim;
    const size_t head = (size_t)t * p->model->config.n_heads + (size_t)kv_head * a->group;
    memset(p->a + head * head_dim, 0, a->group * head_dim * sizeof *p->a);
    for (size_t g = head; g < head + a->group; g++) {
        p->maxima[g] = -INFINITY;
        p->sums[g] = 0.0f;
    }
}

static void end_heads(const attending *a, uint32_t kv_head, uint32_t t)
{
    const bnt_pass *const p = a->pass;
    const size_t head_dim = p->model->config.head_dim;
    const size_t head = (size_t)t * p->model->config.n_heads + (size_t)kv_head * a->group;
    for (size_t g = head; g < head + a->group; g++) {
        const float inverse = 1.0f / p->sums[g];
        for (size_t i = 0; i < head_dim; i++) {
            p->a[g * head_dim + i] *= inverse;
        }
    }
}

static void attend_task(void *context, size_t task, uint32_t thread)
{
    const attending *const a = context;
    const bnt_pass *const p = a->pass;
    const uint32_t n_kv_heads = p->model->config.n_kv_heads;
    const uint32_t kv_head = (uint32_t)(task % n_kv_heads);
    const uint32_t t_begin = (uint32_t)(task / n_kv_heads) * TOKENS;
    const uint32_t t_end = p->n - t_begin > TOKENS ? t_begin + TOKENS : p->n;
    const uint32_t first = first_seen(a, p->pos + t_begin);
    const uint32_t past = p->pos + t_end;
    chunk c = chunk_in(bnt_pass_work(p, thread), p->model->config.head_dim);

    for (uint32_t t = t_begin; t < t_end; t++) {
        begin_heads(a, kv_head, t);
    }
    for (uint32_t begin = first; begin < past;) {
        const uint32_t left = CHUNK - begin % CHUNK;
        const uint32_t end = past - begin > left ? begin + left : past;
        load(a, &c, kv_head, begin, end);
        for (uint32_t t = t_begin; t < t_end; t++) {
            attend_token(a, &c, kv_head, t, begin, end);
        }
        begin = end;
    }
    for (uint32_t t = t_begin; t < t_end; t++) {
        end_heads(a, kv_head, t);
    }
}

void bnt_attend(const bnt_pass *p, uint32_t layer)
{
    const bnt_config *const c = &p->model->config;
    attending a = {.pass = p,
                   .cache = &p->kv->layers[layer],
                   .window = c->windowed[layer] ? c->window_tokens : 0,
                   .group = c->n_heads / c->n_kv_heads,
                   .scale = (float)(1.0 / sqrt((double)c->head_dim))};
    const size_t n_blocks = ((size_t)p->n + TOKENS - 1) / TOKENS;
    bnt_pass_run(p, attend_task, &a, n_blocks * c->n_kv_heads);
}
