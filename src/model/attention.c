/* attention.c - what each query sees in the cache.
 *
 * The result of one query is defined in three steps over absolute positions:
 *
 *   chunk    64 positions from a multiple of 64: scores q k / sqrt(head_dim), their largest m,
 *            the sum s of exp(score - m), the values w weighted by it
 *   segment  256 positions: its chunks in order
 *   all      the segments in order, at last W / S
 *
 * where taking on the next chunk or segment is
 *
 *     M' = max(M, m)   S' = S exp(M - M') + s exp(m - M')   W' likewise   from M = -infinity
 *
 * So the bits depend on what a query sees and on nothing else: not on the batch, not on which
 * thread computes it, not on how the cache arranges its slots. Segments are what the threads
 * of a decode share out. Queries read keys and values back from the cache also where this very
 * pass has stored them, because rounding to the cache's type must not depend on where a batch
 * begins.
 */
#include "model/attention.h"

#include "model/kv_row.h"
#include "model/pass.h"
#include "model/rope.h"

#include <math.h>
#include <string.h>

enum { CHUNK = BNT_ATTENTION_CHUNK, SEGMENT = BNT_ATTENTION_SEGMENT };

/* Query rows over one kv head, and their results. A row is one query head of one token. */
typedef struct rows {
    uint32_t kv_head;
    uint32_t t_begin, t_end; /* tokens; each has `group` rows, head by head */
    uint32_t n;
    float *q;             /* (n, head_dim) */
    float *keys, *values; /* a chunk as floats: (head_dim, 16) x 4, (64, head_dim) */
    float *scores;        /* (n, 64) */
    float *part;          /* (n, head_dim) of a chunk */
    float *segment;       /* (n, head_dim) of a segment */
    float *all;           /* (n, head_dim) */
    /* M and S of results under way; W lie above. (n); empty where the sum is 0. */
    bnt_softmax *of_chunk, *of_segment, *of_all;
    bnt_seen *seen; /* (n) of a chunk */
    float *factors; /* (2 n) */
} rows;

typedef struct attending {
    const bnt_pass *pass;
    const bnt_kv_layer *cache;
    bnt_kv_form form;
    uint32_t window; /* 0: everything before is seen */
    uint32_t group;  /* query heads of one kv head */
    uint32_t tokens; /* that one task takes */
    uint32_t first;  /* segment that the first token sees */
    float scale;     /* of scores */
} attending;

/* ---- memory --------------------------------------------------------------------------------
 */

static uint32_t tokens_of_task(const bnt_config *c)
{
    const uint32_t group = c->n_heads / c->n_kv_heads;
    return group < BNT_ATTENTION_ROWS ? BNT_ATTENTION_ROWS / group : 1;
}

size_t bnt_attention_work(const bnt_config *c)
{
    const size_t n = (size_t)tokens_of_task(c) * (c->n_heads / c->n_kv_heads);
    return bnt_kv_padded(c->head_dim) + 4 * n * c->head_dim + 2 * CHUNK * (size_t)c->head_dim +
           n * CHUNK + 10 * n;
}

size_t bnt_attention_parts(const bnt_config *c, uint32_t n_positions)
{
    const size_t n_segments = ((size_t)n_positions + SEGMENT - 1) / SEGMENT;
    return n_segments * c->n_heads * (c->head_dim + 2);
}

static rows rows_in(const attending *a, float *work, uint32_t n)
{
    const bnt_config *const c = &a->pass->model->config;
    const size_t dim = c->head_dim;
    rows r = {.n = n, .q = work + bnt_kv_padded(c->head_dim)};
    r.keys = r.q + n * dim;
    r.values = r.keys + CHUNK * dim;
    r.scores = r.values + CHUNK * dim;
    r.part = r.scores + n * CHUNK;
    r.segment = r.part + n * dim;
    r.all = r.segment + n * dim;
    r.of_chunk = (bnt_softmax *)(void *)(r.all + n * dim);
    r.of_segment = r.of_chunk + n;
    r.of_all = r.of_segment + n;
    r.seen = (bnt_seen *)(void *)(r.of_all + n);
    r.factors = (float *)(void *)(r.seen + n);
    return r;
}

/* ---- turning and storing -------------------------------------------------------------------
 */

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

/* n_heads query heads of token t, turned and scaled, to out. */
static void turn_queries(const bnt_pass *p, uint32_t t, uint32_t head, uint32_t n_heads,
                         float *out)
{
    const bnt_config *const c = &p->model->config;
    const size_t n = (size_t)n_heads * c->head_dim;
    const float scale = bnt_rope_query_scale(c, p->pos + t);

    memcpy(out, p->q + ((size_t)t * c->n_heads + head) * c->head_dim, n * sizeof *out);
    turn(p, out, n_heads, t);
    if (scale != 1.0f) p->model->kernels.scale_f32(out, scale, n);
}

/* x (head_dim) as a row of the cache's type. padded is room for the padded floats. */
static void encode(const bnt_pass *p, uint8_t *row, const float *x, float *padded)
{
    const uint32_t dim = p->model->config.head_dim;
    if (p->kv->type == BANTAM_KV_F16) {
        p->model->kernels.f32_to_f16((uint16_t *)(void *)row, x, dim);
        return;
    }
    memset(padded + dim, 0, (bnt_kv_padded(dim) - dim) * sizeof *padded);
    memcpy(padded, x, dim * sizeof *padded);
    bnt_kv_encode(p->kv->type, row, padded, dim);
}

/* Turns the key of token t and one head and stores it and its value. work: (2 padded). */
static void store(const bnt_pass *p, const bnt_kv_layer *l, uint32_t head, uint32_t t,
                  float *work)
{
    const bnt_config *const c = &p->model->config;
    const size_t at = ((size_t)t * c->n_kv_heads + head) * c->head_dim;
    const uint32_t slot = (p->pos + t) % l->slots;
    uint8_t *const row = (uint8_t *)(work + bnt_kv_padded(c->head_dim));
    float *const key = p->k + at;

    turn(p, key, 1, t);
    encode(p, row, key, work);
    bnt_kv_put_key(p->kv->type, bnt_kv_key_block(p->kv, l, head, slot),
                   slot % BNT_KEY_POSITIONS, row, c->head_dim);
    encode(p, row, p->v + at, work);
    memcpy(bnt_kv_value_row(p->kv, l, head, slot), row, p->kv->row_bytes);
}

/* What tasks over the tokens of one text or several begin with. */
typedef struct texts {
    const bnt_pass *pass;
    uint32_t layer;
} texts;

static const bnt_share by_token = {1, 1};

static void store_token(void *context, size_t t, uint32_t thread)
{
    const texts *const all = context;
    const bnt_pass one = bnt_pass_find(all->pass, by_token, &t);
    const bnt_kv_layer *const cache = &one.kv->layers[all->layer];
    for (uint32_t head = 0; head < one.model->config.n_kv_heads; head++) {
        store(&one, cache, head, (uint32_t)t, one.work[thread].attention);
    }
}

void bnt_store_kv(const bnt_pass *p, uint32_t layer)
{
    texts all = {p, layer};
    bnt_pass_run(p, store_token, &all, p->n);
}

/* ---- chunks --------------------------------------------------------------------------------
 */

/* The first position that a query at pos sees. */
static uint32_t first_seen(const attending *a, uint32_t pos)
{
    return a->window && pos >= a->window ? pos - a->window + 1 : 0;
}

/* n rows take on the next part of what they see: totals[i] and w (n, dim) go on by next[i] and
 * part (n, dim). factors is room for 2 n. Rows whose next part is empty stay as they are. */
static void take_on(const bnt_kernels *kernels, bnt_softmax *totals, float *w,
                    const bnt_softmax *next, const float *part, uint32_t n, size_t dim,
                    float *factors)
{
    for (uint32_t i = 0; i < n; i++) {
        const float both = next[i].max > totals[i].max ? next[i].max : totals[i].max;
        factors[2 * i] = totals[i].max - both;
        factors[2 * i + 1] = next[i].max - both;
        if (next[i].sum != 0.0f) totals[i].max = both;
    }
    kernels->exp_sum_f32(factors, 0.0f, 2 * (size_t)n);
    for (uint32_t i = 0; i < n; i++) {
        const float before = factors[2 * i], now = factors[2 * i + 1];
        if (next[i].sum == 0.0f) continue;
        kernels->blend_f32(w + i * dim, part + i * dim, before, now, dim);
        totals[i].sum = fmaf(next[i].sum, now, totals[i].sum * before);
    }
}

static void begin_rows(bnt_softmax *s, float *w, uint32_t n, size_t dim)
{
    memset(w, 0, n * dim * sizeof *w);
    for (uint32_t i = 0; i < n; i++) {
        s[i] = (bnt_softmax){.max = -INFINITY, .sum = 0.0f};
    }
}

/* The keys and values of a chunk as a kernel reads them. */
typedef struct chunk {
    bnt_kv_form form;
    const uint8_t *keys, *values;
    size_t block_bytes, row_bytes;
    uint32_t position; /* of its first row */
    uint32_t n;        /* positions that any row sees, counted from there */
} chunk;

/* In the cache; or, where more rows share it than its types are worth decoding for, as floats.
 */
static chunk chunk_at(const attending *a, const rows *r, uint32_t position, uint32_t end)
{
    enum { WORTH_EXPANDING = 12 };
    const bnt_pass *const p = a->pass;
    const bnt_kernels *const kernels = &p->model->kernels;
    const uint32_t dim = p->model->config.head_dim;
    const uint32_t slot = position % a->cache->slots;
    chunk c = {.form = a->form,
               .keys = bnt_kv_key_block(p->kv, a->cache, r->kv_head, slot),
               .values = bnt_kv_value_row(p->kv, a->cache, r->kv_head, slot),
               .block_bytes = p->kv->block_bytes,
               .row_bytes = p->kv->row_bytes,
               .position = position,
               .n = end - position < CHUNK ? end - position : CHUNK};
    if (r->n < WORTH_EXPANDING || a->form == BNT_KV_FORM_F32) {
        /* The values are asked for while the scores are computed. */
        for (size_t at = 0; at < c.n * c.row_bytes; at += 64) {
            __builtin_prefetch(c.values + at);
        }
        return c;
    }

    const uint32_t n_blocks = (c.n + BNT_KEY_POSITIONS - 1) / BNT_KEY_POSITIONS;
    kernels->expand_keys[a->form](c.keys, c.block_bytes, n_blocks, dim, r->keys);
    kernels->expand_values[a->form](c.values, c.row_bytes, c.n, dim, r->values);
    c.form = BNT_KV_FORM_F32;
    c.keys = (const uint8_t *)r->keys;
    c.values = (const uint8_t *)r->values;
    c.block_bytes = BNT_KEY_POSITIONS * dim * sizeof(float);
    c.row_bytes = dim * sizeof(float);
    return c;
}

/* What token t sees of a chunk. */
static bnt_seen seen_of(const attending *a, const chunk *c, uint32_t t)
{
    const uint32_t pos = a->pass->pos + t;
    const uint32_t first = first_seen(a, pos);
    bnt_seen s = {first > c->position ? first - c->position : 0, 0};
    if (pos >= c->position) s.end = pos + 1 - c->position < c->n ? pos + 1 - c->position : c->n;
    return s;
}

/* w (n, dim) += the values of the chunk that each row sees, in order of position. What all
 * rows see is done together. */
static void mix(const attending *a, const rows *r, const chunk *c, float *w)
{
    const uint32_t dim = a->pass->model->config.head_dim;
    const bnt_mix_fn fn = a->pass->model->kernels.mix[c->form];
    uint32_t begin = 0, end = c->n;
    for (uint32_t t = r->t_begin; t < r->t_end; t++) {
        const bnt_seen s = seen_of(a, c, t);
        if (s.begin > begin) begin = s.begin;
        if (s.end < end) end = s.end;
    }
    for (uint32_t t = r->t_begin; begin > 0 && t < r->t_end; t++) {
        const bnt_seen s = seen_of(a, c, t);
        const size_t row = (size_t)(t - r->t_begin) * a->group;
        const uint32_t stop = s.end < begin ? s.end : begin;
        if (s.begin >= stop) continue;
        fn(c->values, c->row_bytes, s.begin, stop, r->scores + row * CHUNK, a->group, dim,
           w + row * dim, dim);
    }
    if (begin < end) {
        fn(c->values, c->row_bytes, begin, end, r->scores, r->n, dim, w, dim);
    }
    for (uint32_t t = r->t_begin; t < r->t_end; t++) {
        const bnt_seen s = seen_of(a, c, t);
        const size_t row = (size_t)(t - r->t_begin) * a->group;
        const uint32_t from = end > begin ? end : begin;
        const uint32_t start = s.begin > from ? s.begin : from;
        if (start >= s.end) continue;
        fn(c->values, c->row_bytes, start, s.end, r->scores + row * CHUNK, a->group, dim,
           w + row * dim, dim);
    }
}

/* All rows over one chunk: M and S to `of`, W to w. */
static void attend_chunk(const attending *a, const rows *r, const chunk *c, bnt_softmax *of,
                         float *w)
{
    const bnt_kernels *const kernels = &a->pass->model->kernels;
    const uint32_t dim = a->pass->model->config.head_dim;
    const uint32_t n_blocks = (c->n + BNT_KEY_POSITIONS - 1) / BNT_KEY_POSITIONS;

    kernels->scores[c->form](c->keys, c->block_bytes, n_blocks, r->q, dim, r->n, dim, a->scale,
                             r->scores);
    for (uint32_t i = 0; i < r->n; i++) {
        r->seen[i] = seen_of(a, c, r->t_begin + i / a->group);
    }
    kernels->softmax64(r->scores, r->seen, r->n, of);
    memset(w, 0, (size_t)r->n * dim * sizeof *w);
    mix(a, r, c, w);
}

/* The chunks of [begin, end), which lie in one segment: M and S to `of`, W to w. */
static void attend_segment(const attending *a, const rows *r, uint32_t begin, uint32_t end,
                           bnt_softmax *of, float *w)
{
    const bnt_kernels *const kernels = &a->pass->model->kernels;
    const uint32_t dim = a->pass->model->config.head_dim, first = begin - begin % CHUNK;

    for (uint32_t at = first; at < end; at += CHUNK) {
        const chunk c = chunk_at(a, r, at, end);
        if (at == first) {
            attend_chunk(a, r, &c, of, w);
            continue;
        }
        attend_chunk(a, r, &c, r->of_chunk, r->part);
        take_on(kernels, of, w, r->of_chunk, r->part, r->n, dim, r->factors);
    }
}

static attending attending_of(const bnt_pass *p, uint32_t layer)
{
    const bnt_config *const c = &p->model->config;
    attending a = {.pass = p,
                   .cache = &p->kv->layers[layer],
                   .form = bnt_kv_form_of(p->kv->type),
                   .window = c->windowed[layer] ? c->window_tokens : 0,
                   .group = c->n_heads / c->n_kv_heads,
                   .tokens = tokens_of_task(c),
                   .scale = (float)(1.0 / sqrt((double)c->head_dim))};
    a.first = first_seen(&a, p->pos) / SEGMENT;
    return a;
}

/* ---- many tokens: a task is one kv head and a few tokens, over all they see
 * ------------------ */

static bnt_share share_of(const bnt_pass *p)
{
    const bnt_config *const c = &p->model->config;
    return (bnt_share){tokens_of_task(c), c->n_kv_heads};
}

static void attend_tokens(void *context, size_t task, uint32_t thread)
{
    const texts *const all = context;
    const bnt_pass one = bnt_pass_find(all->pass, share_of(all->pass), &task), *const p = &one;
    const attending its = attending_of(p, all->layer), *const a = &its;
    const bnt_config *const config = &p->model->config;
    const bnt_kernels *const kernels = &p->model->kernels;
    const size_t dim = config->head_dim;
    const uint32_t n_blocks = (p->n + a->tokens - 1) / a->tokens;
    /* The last tokens see most: they come first, so that no thread ends long after the others.
     */
    const uint32_t block = n_blocks - 1 - (uint32_t)(task / config->n_kv_heads);
    const uint32_t t_begin = block * a->tokens;
    const uint32_t t_end = p->n - t_begin > a->tokens ? t_begin + a->tokens : p->n;
    rows r = rows_in(a, p->work[thread].attention, (t_end - t_begin) * a->group);
    r.kv_head = (uint32_t)(task % config->n_kv_heads);
    r.t_begin = t_begin;
    r.t_end = t_end;

    if (p->decode) store(p, a->cache, r.kv_head, 0, r.keys);
    for (uint32_t t = t_begin; t < t_end; t++) {
        turn_queries(p, t, r.kv_head * a->group, a->group,
                     r.q + (size_t)(t - t_begin) * a->group * dim);
    }
    const uint32_t past = p->pos + t_end, first = first_seen(a, p->pos + t_begin);
    for (uint32_t begin = first; begin < past;) {
        const uint32_t left = SEGMENT - begin % SEGMENT;
        const uint32_t end = past - begin > left ? begin + left : past;
        if (begin == first) {
            attend_segment(a, &r, begin, end, r.of_all, r.all);
        } else {
            attend_segment(a, &r, begin, end, r.of_segment, r.segment);
            take_on(kernels, r.of_all, r.all, r.of_segment, r.segment, r.n, dim, r.factors);
        }
        begin = end;
    }
    for (uint32_t i = 0; i < r.n; i++) {
        const size_t head = (size_t)(t_begin + i / a->group) * config->n_heads +
                            (size_t)r.kv_head * a->group + i % a->group;
        kernels->scale_f32(r.all + i * dim, 1.0f / r.of_all[i].sum, dim);
        memcpy(p->a + head * dim, r.all + i * dim, dim * sizeof *p->a);
    }
}

/* ---- one token: a task is one kv head and one segment
 * ---------------------------------------- */

/* A part: W (head_dim), M, S of one segment and query head. */
static float *part_of(const bnt_pass *p, uint32_t segment, uint32_t head)
{
    const bnt_config *const c = &p->model->config;
    return p->parts + ((size_t)segment * c->n_heads + head) * (c->head_dim + 2);
}

static void attend_part(void *context, size_t task, uint32_t thread)
{
    const attending *const a = context;
    const bnt_pass *const p = a->pass;
    const bnt_config *const config = &p->model->config;
    const size_t dim = config->head_dim;
    const uint32_t segment = a->first + (uint32_t)(task / config->n_kv_heads);
    const uint32_t first = first_seen(a, p->pos);
    const uint32_t begin = segment * SEGMENT > first ? segment * SEGMENT : first;
    const uint32_t end = p->pos + 1 - begin > SEGMENT - begin % SEGMENT
                             ? begin + (SEGMENT - begin % SEGMENT)
                             : p->pos + 1;
    rows r = rows_in(a, p->work[thread].attention, a->group);
    r.kv_head = (uint32_t)(task % config->n_kv_heads);
    r.t_end = 1;

    turn_queries(p, 0, r.kv_head * a->group, a->group, r.q);
    if (end == p->pos + 1) store(p, a->cache, r.kv_head, 0, r.keys);
    attend_segment(a, &r, begin, end, r.of_segment, r.segment);
    for (uint32_t i = 0; i < a->group; i++) {
        float *const part = part_of(p, segment - a->first, r.kv_head * a->group + i);
        memcpy(part, r.segment + i * dim, dim * sizeof *part);
        part[dim] = r.of_segment[i].max;
        part[dim + 1] = r.of_segment[i].sum;
    }
}

uint32_t bnt_attention_segments(const bnt_pass *p, uint32_t layer)
{
    if (!p->decode || p->n_strands) return 0;
    const attending a = attending_of(p, layer);
    return p->pos / SEGMENT + 1 - a.first;
}

void bnt_attend(const bnt_pass *p, uint32_t layer)
{
    const uint32_t n_segments = bnt_attention_segments(p, layer);
    texts all = {p, layer};

    if (n_segments) {
        attending a = attending_of(p, layer);
        bnt_pass_run(p, attend_part, &a, (size_t)n_segments * p->model->config.n_kv_heads);
        return;
    }
    bnt_pass_run(p, attend_tokens, &all, bnt_pass_tasks(p, share_of(p)));
}

void bnt_attention_merge(const bnt_pass *p, uint32_t n_segments, float *out)
{
    const bnt_config *const c = &p->model->config;
    const bnt_kernels *const kernels = &p->model->kernels;
    const size_t dim = c->head_dim;

    for (uint32_t head = 0; head < c->n_heads; head++) {
        float *const w = out + head * dim;
        bnt_softmax total;
        begin_rows(&total, w, 1, dim);
        for (uint32_t s = 0; s < n_segments; s++) {
            const float *const part = part_of(p, s, head);
            const bnt_softmax next = {part[dim], part[dim + 1]};
            float factors[2];
            take_on(kernels, &total, w, &next, part, 1, dim, factors);
        }
        kernels->scale_f32(w, 1.0f / total.sum, dim);
    }
}
