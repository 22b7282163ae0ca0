/* attend.h - queries against a chunk of cached keys, and the mix of its values.
 *
 * Both are tiles of accumulators: scores of a few queries and key blocks, outputs of a few
 * queries and 16 dimensions each. A key or value is turned to float once for all queries of a
 * tile and stays in a register. Tiles are functions of their own, with the numbers of queries
 * and vectors as constants: compilers then keep each sum in its register.
 *
 * Few queries are bound by memory: half and byte forms ask for the place in the next chunk that
 * corresponds to the one being read, since chunks of a head follow one another in the cache.
 */
#ifndef BNT_KERNEL_BODY_ATTEND_H
#define BNT_KERNEL_BODY_ATTEND_H
#include "kernel/body/tiles.h"
#include "kernel/kernel.h"
#ifdef BNT_LANES

#define ATTEND_INLINE static inline __attribute__((always_inline))

enum { ATTEND_VALUES_AHEAD = 32 }; /* rows that memory is asked for in advance */

/* Turning halves and bytes into floats takes registers too, and serves few queries: many get
 * their keys and values expanded first. */
static inline uint32_t attend_width(bnt_kv_form form, uint32_t n)
{
    return tile_width(n, form == BNT_KV_FORM_F32 ? 6 : 4);
}

/* ---- scores ------------------------------------------------------------------------------ */

typedef struct score_tile {
    const uint8_t *keys;
    size_t block_bytes, chunk_bytes;
    uint32_t head_dim;
    const float *q;
    size_t q_stride;
    float scale;
    float *scores;
} score_tile;

typedef void (*score_tile_fn)(const score_tile *t);

/* 16 codes of four bits, the low or the high halves of bytes, times their scales. High halves
 * count sixteen times; a sixteenth of a scale is exact, and so nothing is rounded that low
 * halves do not round. */
ATTEND_INLINE vf attend_halves(const uint8_t *bytes, bool high, vf scale)
{
    const vi codes = vi_and(vi_load_u8(bytes), vi_set1(high ? 240 : 15));
    const vf whole = vf_from_vi(vi_sub(codes, vi_set1(high ? 128 : 8)));
    return vf_mul(high ? vf_mul(scale, vf_set1(0.0625f)) : scale, whole);
}

/* Whether 32 dimensions share a scale, and where a block of keys has its scales. */
ATTEND_INLINE bool attend_scaled(bnt_kv_form form)
{
    return form == BNT_KV_FORM_Q8 || form == BNT_KV_FORM_Q4;
}
ATTEND_INLINE const uint8_t *attend_key_scales(bnt_kv_form form, const uint8_t *block,
                                               size_t head_dim)
{
    return block + 16 * (form == BNT_KV_FORM_Q8 ? head_dim : (head_dim + 1) / 2);
}

/* 16 keys at one dimension; scale as forms with scales need it. */
ATTEND_INLINE vf attend_keys(bnt_kv_form form, const uint8_t *block, size_t d, vf scale)
{
    if (form == BNT_KV_FORM_F32) return vf_load((const float *)(const void *)(block + 64 * d));
    if (form == BNT_KV_FORM_F16) return vf_load_f16(block + 32 * d);
    if (form == BNT_KV_FORM_Q4) return attend_halves(block + 16 * (d / 2), d % 2, scale);
    return vf_mul(scale, vf_load_i8(block + 16 * d));
}

/* Dimensions d to end for all sums; those of forms with scales share one. */
ATTEND_INLINE void score_span(const score_tile *t, vf (*s)[4], bnt_kv_form form, const int n_q,
                              const int n_blocks, size_t d, size_t end)
{
    const size_t block_bytes = t->block_bytes, q_stride = t->q_stride;
    const uint8_t *const keys = t->keys;
    const float *const q = t->q;
    vf scale[4];

    TILE_LOOP
    for (int b = 0; b < n_blocks; b++) {
        const uint8_t *const block = keys + (size_t)b * block_bytes;
        scale[b] = attend_scaled(form)
                       ? vf_load_f16(attend_key_scales(form, block, t->head_dim) + d / 32 * 32)
                       : vf_zero();
    }
    for (; d < end; d++) {
        vf key[4];
        TILE_LOOP
        for (int b = 0; b < n_blocks; b++) {
            const uint8_t *const block = keys + (size_t)b * block_bytes;
            key[b] = vf_keep(attend_keys(form, block, d, scale[b]));
            if (form == BNT_KV_FORM_F16) lanes_prefetch(block + t->chunk_bytes + 32 * d);
            if (form == BNT_KV_FORM_Q8) lanes_prefetch(block + t->chunk_bytes + 16 * d);
            if (form == BNT_KV_FORM_Q4) lanes_prefetch(block + t->chunk_bytes + 8 * d);
        }
        TILE_LOOP
        for (int i = 0; i < n_q; i++) {
            const vf x = vf_set1(q[(size_t)i * q_stride + d]);
            TILE_LOOP
            for (int b = 0; b < n_blocks; b++) {
                s[i][b] = vf_fma(x, key[b], s[i][b]);
            }
        }
    }
}

ATTEND_INLINE void score(const score_tile *t, bnt_kv_form form, const int n_q,
                         const int n_blocks)
{
    const size_t head_dim = t->head_dim;
    vf s[TILE_COLUMNS][4];

    TILE_LOOP
    for (int i = 0; i < n_q; i++) {
        TILE_LOOP
        for (int b = 0; b < n_blocks; b++) {
            s[i][b] = vf_zero();
        }
    }
    if (attend_scaled(form)) {
        for (size_t d = 0; d < head_dim; d += 32) {
            score_span(t, s, form, n_q, n_blocks, d, d + 32 < head_dim ? d + 32 : head_dim);
        }
    } else {
        score_span(t, s, form, n_q, n_blocks, 0, head_dim);
    }
    TILE_LOOP
    for (int i = 0; i < n_q; i++) {
        TILE_LOOP
        for (int b = 0; b < n_blocks; b++) {
            vf_store(t->scores + i * BNT_CHUNK_POSITIONS + b * 16,
                     vf_mul(vf_set1(t->scale), s[i][b]));
        }
    }
}

/* ---- mix --------------------------------------------------------------------------------- */

typedef struct mix_tile {
    const uint8_t *values; /* the row of position 0 */
    size_t row_bytes;
    uint32_t begin, end;
    uint32_t dim, n; /* the first dimension, and how many of a vector that is cut */
    const float *p;
    float *out;
    size_t out_stride;
} mix_tile;

typedef void (*mix_tile_fn)(const mix_tile *t);

/* The scale of a value's dimension d, as forms with scales need it. */
ATTEND_INLINE vf attend_scale(bnt_kv_form form, const uint8_t *row, size_t d)
{
    if (form == BNT_KV_FORM_Q4) return vf_set1_f16(row + d / 32 * 18);
    return form == BNT_KV_FORM_Q8 ? vf_set1_f16(row + d / 32 * 34) : vf_zero();
}

/* 16 dimensions of a value from d on, a multiple of 16. */
ATTEND_INLINE vf attend_values(bnt_kv_form form, const uint8_t *row, size_t d, vf scale)
{
    if (form == BNT_KV_FORM_F32) return vf_load((const float *)(const void *)(row + 4 * d));
    if (form == BNT_KV_FORM_F16) return vf_load_f16(row + 2 * d);
    if (form == BNT_KV_FORM_Q4) {
        return attend_halves(row + d / 32 * 18 + 2, d % 32 != 0, scale);
    }
    return vf_mul(scale, vf_load_i8(row + d / 32 * 34 + 2 + d % 32));
}

ATTEND_INLINE vf attend_values_n(bnt_kv_form form, const uint8_t *row, size_t d, size_t n,
                                 vf scale)
{
    if (form == BNT_KV_FORM_F32) {
        return vf_load_n((const float *)(const void *)(row + 4 * d), n);
    }
    if (form == BNT_KV_FORM_F16) return vf_load_f16_n(row + 2 * d, n);
    return attend_values(form, row, d, scale); /* blocks are padded */
}

ATTEND_INLINE void mix(const mix_tile *t, bnt_kv_form form, const int n_q, const int n_vectors,
                       const bool cut)
{
    const float *const p = t->p;
    const size_t dim = t->dim, n = t->n;
    vf o[TILE_COLUMNS][4];

    TILE_LOOP
    for (int i = 0; i < n_q; i++) {
        const float *const out = t->out + (size_t)i * t->out_stride + dim;
        TILE_LOOP
        for (int v = 0; v < n_vectors; v++) {
            o[i][v] = cut ? vf_load_n(out, n) : vf_load(out + v * 16);
        }
    }
    for (size_t j = t->begin; j < t->end; j++) {
        const uint8_t *const row = t->values + j * t->row_bytes;
        vf value[4], scale = vf_zero();
        TILE_LOOP
        for (int v = 0; v < n_vectors; v++) {
            /* A tile of several vectors begins at a multiple of 32: two share a scale. */
            const size_t d = dim + (size_t)v * 16;
            if (v % 2 == 0) scale = attend_scale(form, row, d);
            value[v] = cut ? attend_values_n(form, row, d, n, scale)
                           : attend_values(form, row, d, scale);
        }
        if (form != BNT_KV_FORM_F32) {
            const uint8_t *const next = row + ATTEND_VALUES_AHEAD * t->row_bytes;
            lanes_prefetch(next + (form == BNT_KV_FORM_F16  ? 2 * dim
                                   : form == BNT_KV_FORM_Q8 ? dim
                                                            : dim / 2));
            if (form == BNT_KV_FORM_F16 && n_vectors > 2) lanes_prefetch(next + 2 * dim + 64);
        }
        TILE_LOOP
        for (int i = 0; i < n_q; i++) {
            const vf x = vf_set1(p[(size_t)i * BNT_CHUNK_POSITIONS + j]);
            TILE_LOOP
            for (int v = 0; v < n_vectors; v++) {
                o[i][v] = vf_fma(x, value[v], o[i][v]);
            }
        }
    }
    TILE_LOOP
    for (int i = 0; i < n_q; i++) {
        float *const out = t->out + (size_t)i * t->out_stride + dim;
        TILE_LOOP
        for (int v = 0; v < n_vectors; v++) {
            if (cut) {
                vf_store_n(out, o[i][v], n);
            } else {
                vf_store(out + v * 16, o[i][v]);
            }
        }
    }
}

/* ---- the tiles of each form -------------------------------------------------------------- */

#define ATTEND_TILE(name, form, n_q, n_vectors)                                                \
    static                                                                                     \
        __attribute__((noinline)) void score_##name##_##n_q##x##n_vectors(const score_tile *t) \
    {                                                                                          \
        score(t, form, n_q, n_vectors);                                                        \
    }                                                                                          \
    static __attribute__((noinline)) void mix_##name##_##n_q##x##n_vectors(const mix_tile *t)  \
    {                                                                                          \
        mix(t, form, n_q, n_vectors, false);                                                   \
    }

/* A vector that is cut is rare: head_dim no multiple of 16. One query at a time will do. */
#define ATTEND_CUT(name, form)                                                                 \
    static __attribute__((noinline)) void mix_##name##_cut(const mix_tile *t)                  \
    {                                                                                          \
        mix(t, form, 1, 1, true);                                                              \
    }

#define ATTEND_SINGLE_TILES(name, form)                                                        \
    ATTEND_TILE(name, form, 1, 1)                                                              \
    ATTEND_TILE(name, form, 2, 1)                                                              \
    ATTEND_TILE(name, form, 3, 1)                                                              \
    ATTEND_TILE(name, form, 4, 1)                                                              \
    ATTEND_CUT(name, form)

#if TILE_IS_LARGE
#define ATTEND_DEEP_TILES(name, form)                                                          \
    ATTEND_TILE(name, form, 1, 4)                                                              \
    ATTEND_TILE(name, form, 2, 4)                                                              \
    ATTEND_TILE(name, form, 3, 4)                                                              \
    ATTEND_TILE(name, form, 4, 4)
#define ATTEND_DEEP(name, widest)                                                              \
    {                                                                                          \
        NULL, name##_1x4, name##_2x4, name##_3x4, name##_4x4, NULL, widest                     \
    }
#else
#define ATTEND_DEEP_TILES(name, form)                                                          \
    ATTEND_TILE(name, form, 1, 2)                                                              \
    ATTEND_TILE(name, form, 2, 2)
#define ATTEND_DEEP(name, widest)                                                              \
    {                                                                                          \
        NULL, name##_1x2, name##_2x2, name##_3x1, name##_4x1, NULL, widest                     \
    }
#endif
#define ATTEND_SINGLE(name, widest)                                                            \
    {                                                                                          \
        NULL, name##_1x1, name##_2x1, name##_3x1, name##_4x1, NULL, widest                     \
    }

ATTEND_SINGLE_TILES(f32, BNT_KV_FORM_F32)
ATTEND_SINGLE_TILES(f16, BNT_KV_FORM_F16)
ATTEND_SINGLE_TILES(q8, BNT_KV_FORM_Q8)
ATTEND_SINGLE_TILES(q4, BNT_KV_FORM_Q4)
ATTEND_DEEP_TILES(f32, BNT_KV_FORM_F32)
ATTEND_DEEP_TILES(f16, BNT_KV_FORM_F16)
ATTEND_DEEP_TILES(q8, BNT_KV_FORM_Q8)
ATTEND_DEEP_TILES(q4, BNT_KV_FORM_Q4)
ATTEND_TILE(f32, BNT_KV_FORM_F32, 6, 1)
#if TILE_IS_LARGE
ATTEND_TILE(f32, BNT_KV_FORM_F32, 6, 4)
#define ATTEND_WIDEST(name) name##_6x4
#else
#define ATTEND_WIDEST(name) name##_6x1
#endif

/* By form and number of queries: tiles of tile_vectors, and of one vector. */
static const score_tile_fn score_deep[BNT_KV_FORMS][TILE_COLUMNS + 1] = {
    ATTEND_DEEP(score_f32, ATTEND_WIDEST(score_f32)),
    ATTEND_DEEP(score_f16, NULL),
    ATTEND_DEEP(score_q8, NULL),
    ATTEND_DEEP(score_q4, NULL),
};
static const score_tile_fn score_single[BNT_KV_FORMS][TILE_COLUMNS + 1] = {
    ATTEND_SINGLE(score_f32, score_f32_6x1),
    ATTEND_SINGLE(score_f16, NULL),
    ATTEND_SINGLE(score_q8, NULL),
    ATTEND_SINGLE(score_q4, NULL),
};
static const mix_tile_fn mix_deep[BNT_KV_FORMS][TILE_COLUMNS + 1] = {
    ATTEND_DEEP(mix_f32, ATTEND_WIDEST(mix_f32)),
    ATTEND_DEEP(mix_f16, NULL),
    ATTEND_DEEP(mix_q8, NULL),
    ATTEND_DEEP(mix_q4, NULL),
};
static const mix_tile_fn mix_single[BNT_KV_FORMS][TILE_COLUMNS + 1] = {
    ATTEND_SINGLE(mix_f32, mix_f32_6x1),
    ATTEND_SINGLE(mix_f16, NULL),
    ATTEND_SINGLE(mix_q8, NULL),
    ATTEND_SINGLE(mix_q4, NULL),
};
static const mix_tile_fn mix_cut[BNT_KV_FORMS] = {mix_f32_cut, mix_f16_cut, mix_q8_cut,
                                                  mix_q4_cut};

static inline void score_all(bnt_kv_form form, score_tile *t, uint32_t n_q, uint32_t n_blocks)
{
    const uint8_t *const keys = t->keys;
    float *const scores = t->scores;
    const float *const q = t->q;
    uint32_t width;

    t->chunk_bytes = n_blocks * t->block_bytes;
    for (uint32_t i = 0; i < n_q; i += width) {
        width = attend_width(form, n_q - i);
        t->q = q + i * t->q_stride;
        const uint32_t deep = tile_vectors[width];
        uint32_t b = 0;
        for (; b + deep <= n_blocks; b += deep) {
            t->keys = keys + b * t->block_bytes;
            t->scores = scores + i * BNT_CHUNK_POSITIONS + b * 16;
            score_deep[form][width](t);
        }
        for (; b < n_blocks; b++) {
            t->keys = keys + b * t->block_bytes;
            t->scores = scores + i * BNT_CHUNK_POSITIONS + b * 16;
            score_single[form][width](t);
        }
    }
}

static inline void mix_all(bnt_kv_form form, mix_tile *t, uint32_t n_q, uint32_t head_dim)
{
    const float *const p = t->p;
    float *const out = t->out;
    uint32_t width;

    for (uint32_t i = 0; i < n_q; i += width) {
        width = attend_width(form, n_q - i);
        t->p = p + i * BNT_CHUNK_POSITIONS;
        t->out = out + i * t->out_stride;
        const uint32_t deep = 16 * tile_vectors[width];
        t->dim = 0;
        for (; t->dim + deep <= head_dim; t->dim += deep) {
            mix_deep[form][width](t);
        }
        for (; t->dim + 16 <= head_dim; t->dim += 16) {
            mix_single[form][width](t);
        }
        t->n = head_dim - t->dim;
        for (uint32_t k = 0; t->n && k < width; k++) {
            t->p = p + (i + k) * BNT_CHUNK_POSITIONS;
            t->out = out + (i + k) * t->out_stride;
            mix_cut[form](t);
        }
    }
}

/* ---- expansion --------------------------------------------------------------------------- */

static inline void expand_block(bnt_kv_form form, const uint8_t *block, uint32_t head_dim,
                                float *out)
{
    vf scale = vf_zero();
    for (size_t d = 0; d < head_dim; d++) {
        if (attend_scaled(form) && d % 32 == 0) {
            scale = vf_load_f16(attend_key_scales(form, block, head_dim) + d);
        }
        vf_store(out + 16 * d, attend_keys(form, block, d, scale));
    }
}

static inline void expand_row(bnt_kv_form form, const uint8_t *row, uint32_t head_dim,
                              float *out)
{
    size_t d = 0;
    for (; d + 16 <= head_dim; d += 16) {
        vf_store(out + d, attend_values(form, row, d, attend_scale(form, row, d)));
    }
    if (d < head_dim) {
        const vf scale = attend_scale(form, row, d);
        vf_store_n(out + d, attend_values_n(form, row, d, head_dim - d, scale), head_dim - d);
    }
}

/* ---- the entries of the table ------------------------------------------------------------ */

#define ATTEND(name, form)                                                                     \
    static void scores_##name(const uint8_t *keys, size_t block_bytes, uint32_t n_blocks,      \
                              const float *q, size_t q_stride, uint32_t n_q,                   \
                              uint32_t head_dim, float scale, float *scores)                   \
    {                                                                                          \
        score_tile t = {.keys = keys,                                                          \
                        .block_bytes = block_bytes,                                            \
                        .head_dim = head_dim,                                                  \
                        .q = q,                                                                \
                        .q_stride = q_stride,                                                  \
                        .scale = scale,                                                        \
                        .scores = scores};                                                     \
        score_all(form, &t, n_q, n_blocks);                                                    \
    }                                                                                          \
    static void mix_##name(const uint8_t *values, size_t row_bytes, uint32_t begin,            \
                           uint32_t end, const float *p, uint32_t n_q, uint32_t head_dim,      \
                           float *out, size_t out_stride)                                      \
    {                                                                                          \
        mix_tile t = {.values = values,                                                        \
                      .row_bytes = row_bytes,                                                  \
                      .begin = begin,                                                          \
                      .end = end,                                                              \
                      .p = p,                                                                  \
                      .out = out,                                                              \
                      .out_stride = out_stride};                                               \
        mix_all(form, &t, n_q, head_dim);                                                      \
    }                                                                                          \
    static void expand_keys_##name(const uint8_t *keys, size_t block_bytes, uint32_t n_blocks, \
                                   uint32_t head_dim, float *out)                              \
    {                                                                                          \
        for (size_t b = 0; b < n_blocks; b++) {                                                \
            expand_block(form, keys + b * block_bytes, head_dim, out + b * 16 * head_dim);     \
        }                                                                                      \
    }                                                                                          \
    static void expand_values_##name(const uint8_t *values, size_t row_bytes,                  \
                                     uint32_t n_positions, uint32_t head_dim, float *out)      \
    {                                                                                          \
        for (size_t j = 0; j < n_positions; j++) {                                             \
            expand_row(form, values + j * row_bytes, head_dim, out + j * head_dim);            \
        }                                                                                      \
    }
ATTEND(f32, BNT_KV_FORM_F32)
ATTEND(f16, BNT_KV_FORM_F16)
ATTEND(q8, BNT_KV_FORM_Q8)
ATTEND(q4, BNT_KV_FORM_Q4)

static void put_attend(bnt_kernels *k)
{
    const bnt_scores_fn scores[BNT_KV_FORMS] = {scores_f32, scores_f16, scores_q8, scores_q4};
    const bnt_mix_fn mixes[BNT_KV_FORMS] = {mix_f32, mix_f16, mix_q8, mix_q4};
    memcpy(k->scores, scores, sizeof scores);
    memcpy(k->mix, mixes, sizeof mixes);
    k->expand_keys[BNT_KV_FORM_F32] = expand_keys_f32;
    k->expand_keys[BNT_KV_FORM_F16] = expand_keys_f16;
    k->expand_keys[BNT_KV_FORM_Q8] = expand_keys_q8;
    k->expand_keys[BNT_KV_FORM_Q4] = expand_keys_q4;
    k->expand_values[BNT_KV_FORM_F32] = expand_values_f32;
    k->expand_values[BNT_KV_FORM_F16] = expand_values_f16;
    k->expand_values[BNT_KV_FORM_Q8] = expand_values_q8;
    k->expand_values[BNT_KV_FORM_Q4] = expand_values_q4;
}

#endif
#endif
