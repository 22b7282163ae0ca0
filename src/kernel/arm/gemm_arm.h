/* gemm_arm.h - the body of a GEMM on Arm, for every type.
 *
 * The groups of one call are unpacked to signed bytes, a panel of strips of 8 rows, in the
 * order the set's tiles read; tokens are packed likewise. A tile multiplies one strip by one
 * block of packed tokens, block by block of columns, and keeps its sums in a few hundred bytes
 * of floats until they are written to y. For B4, B3 and B2, code and scale of a span make
 * one byte: a block is one sum of whole numbers, as for B8.
 *
 * Before this file a set defines
 *
 *   PACK_TOKENS, PANEL_GROUPS   of the table
 *   SCALE_LANES                 how often a row's scale stands in a panel: 1 or 2
 *   token_block                 what a packed block of tokens has for a block of columns
 *   put_codes, put_scales, put_mins            into a panel
 *   pack_codes, pack_block                     into a packed block of tokens
 *   add_block                                  a panel's block times a block of tokens
 *   put_tile                                   a tile into y
 */
#ifndef BNT_KERNEL_ARM_GEMM_ARM_H
#define BNT_KERNEL_ARM_GEMM_ARM_H
#if defined(PACK_TOKENS)
#include "kernel/arm/gemm_panel_arm.h"

/* ---- panels ---- */

/* What each of four rows' bytes is multiplied by: scales of rows 4 q to 4 q + 3 of 16. */
INLINE int8x16_t spread_scales(int8x16_t scales, uint32_t q)
{
    static const uint8_t place[16] = {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3};
    return vqtbl1q_s8(scales, vaddq_u8(vld1q_u8(place), vdupq_n_u8((uint8_t)(4 * q))));
}

#define PUT_LINE(J)                                                                            \
    do {                                                                                       \
        const bnt_weights_arm w = fetch_##J(kind, b->codes + span + 16 * q, high);             \
        v[J] = vmulq_s8(vsubq_s8(w.lo, zero), factor);                                         \
        v[4 + J] = vmulq_s8(vsubq_s8(w.hi, zero), factor);                                     \
    } while (0)

/* Rows 4 q to 4 q + 3 of span s, to the panel of their strip. */
INLINE void unpack_quarter(const bnt_tile_index kind, const bnt_block_arm *b, uint32_t s,
                           uint32_t q, panel_block *out)
{
    const bnt_tile *const layout = &bnt_layouts_arm[kind];
    const size_t span = (size_t)s * layout->code_bytes;
    const bnt_high_arm high = load_high(kind, b->high + s * layout->high_bytes + 16 * q);
    const int8x16_t zero = vdupq_n_s8((int8_t)zero_of(kind));
    int8x16_t factor = vdupq_n_s8(1), v[8];
    if (has_whole_scales(kind)) {
        factor = spread_scales(vreinterpretq_s8_u8(vld1q_u8(b->scales + 16 * s)), q);
    }
    PUT_LINE(0);
    PUT_LINE(1);
    PUT_LINE(2);
    PUT_LINE(3);
    put_codes(out->codes + s * SPAN_CODES, q % 2, v);
}

/* The scales of a span, for both strips. */
INLINE void unpack_scales(const bnt_tile_index kind, const bnt_block_arm *b, uint32_t s,
                          const float32x4_t d[4], panel_block *const out[2])
{
    const int n = 1 + has_halves(kind);
    const uint8_t *const scales = b->scales + s * bnt_layouts_arm[kind].scale_bytes;
    for (int h = 0; h < n; h++) {
        float32x4_t v[4];
        load_scales(kind, scales, h, 4, d, v);
        EACH(q, 4) {
            put_scales(out[q / 2]->scales[s * (uint32_t)n + (uint32_t)h], q % 2, v[q]);
        }
    }
}

/* One block of a group, to the panels of its two strips. */
INLINE void unpack_block(const bnt_tile_index kind, const bnt_block_arm *b,
                         panel_block *const out[2])
{
    float32x4_t d[4], dmin[4];
    if (bnt_layouts_arm[kind].head_bytes) load_halves(b->head, 4, d);
    for (uint32_t s = 0; s < b->n_spans; s++) {
        for (uint32_t q = 0; q < 4; q++) {
            unpack_quarter(kind, b, s, q, out[q / 2]);
        }
        if (!is_whole(kind)) unpack_scales(kind, b, s, d, out);
    }
    if (has_mins(kind)) load_halves(b->head + 32, 4, dmin);
    EACH(q, 4) {
        if (is_whole(kind)) put_scales(out[q / 2]->scales[0], q % 2, d[q]);
        if (has_mins(kind)) put_scales(out[q / 2]->minus_dmin, q % 2, vnegq_f32(dmin[q]));
    }
    if (has_mins(kind)) {
        put_mins(out[0], b->mins);
        put_mins(out[1], b->mins + 16);
    }
}

/* ---- tokens ---- */

typedef struct packed {
    const int8_t *codes;
    const token_block *blocks;
} packed;

static size_t packed_bytes(uint32_t columns)
{
    const size_t n_blocks = bnt_tile_blocks(columns);
    return bnt_tile_padded((size_t)PACK_TOKENS * columns + n_blocks * sizeof(token_block));
}

INLINE packed packed_at(const uint8_t *block, uint32_t columns)
{
    const packed p = {
        .codes = (const int8_t *)block,
        .blocks = (const token_block *)(const void *)(block + (size_t)PACK_TOKENS * columns),
    };
    return p;
}

static void pack(const bnt_acts *x, uint8_t *block)
{
    const uint32_t n_blocks = (uint32_t)bnt_tile_blocks(x->columns);
    uint8_t *const infos = block + (size_t)PACK_TOKENS * x->columns;
    pack_codes(x, (int8_t *)block);
    for (uint32_t i = 0; i < n_blocks; i++) {
        token_block info;
        memset(&info, 0, sizeof info);
        for (uint32_t t = 0; t < x->n_tokens; t++) {
            const int32_t *const sums =
                x->sum32 + (size_t)t * (x->columns / 32) + (size_t)i * BNT_TILE_SPANS;
            const uint32_t left = x->columns / 32 - i * BNT_TILE_SPANS;
            const uint32_t n = left < BNT_TILE_SPANS ? left : BNT_TILE_SPANS;
            pack_block(&info, t, x->d[(size_t)t * n_blocks + i], sums, n);
        }
        memcpy(infos + i * sizeof info, &info, sizeof info);
    }
    const size_t used = (size_t)PACK_TOKENS * x->columns + n_blocks * sizeof(token_block);
    memset(block + used, 0, packed_bytes(x->columns) - used);
}

/* ---- the product ---- */

enum { PANEL_STRIPS = 2 * PANEL_GROUPS, STRIP_ROWS = 8 };

static size_t gemm_work(uint32_t columns)
{
    return PANEL_STRIPS * bnt_tile_blocks(columns) * sizeof(panel_block);
}

/* One strip times one block of tokens. */
INLINE void multiply_strip(const bnt_tile_index kind, const panel_block *w, const packed *x,
                           uint32_t columns, uint32_t n_tokens, float *y, size_t y_stride)
{
    float tile[PACK_TOKENS * STRIP_ROWS] __attribute__((aligned(64)));
    memset(tile, 0, sizeof tile);
    for (uint32_t c = 0, i = 0; c < columns; c += BNT_TILE_BLOCK, i++) {
        const uint32_t left = columns - c;
        const uint32_t n_spans = left < BNT_TILE_BLOCK ? left / BNT_TILE_SPAN : BNT_TILE_SPANS;
        add_block(kind, &w[i], n_spans, x->codes + (size_t)c * PACK_TOKENS, &x->blocks[i],
                  n_tokens, tile);
    }
    put_tile(tile, n_tokens, y, y_stride);
}

typedef void (*unpack_fn)(const uint8_t *group, uint32_t columns, panel_block *out);
typedef void (*strip_fn)(const panel_block *w, const packed *x, uint32_t columns,
                         uint32_t n_tokens, float *y, size_t y_stride);

static void multiply(unpack_fn unpack, strip_fn strip, const uint8_t *groups,
                     size_t group_bytes, uint32_t n_groups, const bnt_packed *x, float *y,
                     size_t y_stride, void *work)
{
    const size_t n_blocks = bnt_tile_blocks(x->columns), x_bytes = packed_bytes(x->columns);
    panel_block *const panel = work;
    for (uint32_t g = 0; g < n_groups; g++) {
        unpack(groups + g * group_bytes, x->columns, panel + 2 * g * n_blocks);
    }
    for (uint32_t t = 0, b = 0; t < x->n_tokens; t += PACK_TOKENS, b++) {
        const packed tokens = packed_at(x->blocks + b * x_bytes, x->columns);
        const uint32_t left = x->n_tokens - t, n = left < PACK_TOKENS ? left : PACK_TOKENS;
        for (uint32_t s = 0; s < 2 * n_groups; s++) {
            strip(panel + s * n_blocks, &tokens, x->columns, n,
                  y + t * y_stride + (size_t)s * STRIP_ROWS, y_stride);
        }
    }
}

#define GEMM(name, kind)                                                                       \
    static void name##_unpack(const uint8_t *group, uint32_t columns, panel_block *out)        \
    {                                                                                          \
        const uint32_t n_blocks = (uint32_t)bnt_tile_blocks(columns);                          \
        for (uint32_t i = 0; i < n_blocks; i++) {                                              \
            const bnt_block_arm b = locate(kind, group, columns, i);                           \
            panel_block *const both[2] = {out + i, out + n_blocks + i};                        \
            unpack_block(kind, &b, both);                                                      \
        }                                                                                      \
    }                                                                                          \
    static void name##_strip(const panel_block *w, const packed *x, uint32_t columns,          \
                             uint32_t n_tokens, float *y, size_t y_stride)                     \
    {                                                                                          \
        multiply_strip(kind, w, x, columns, n_tokens, y, y_stride);                            \
    }                                                                                          \
    static void name(const uint8_t *groups, size_t group_bytes, uint32_t n_groups,             \
                     const bnt_packed *x, float *y, size_t y_stride, void *work)               \
    {                                                                                          \
        multiply(name##_unpack, name##_strip, groups, group_bytes, n_groups, x, y, y_stride,   \
                 work);                                                                        \
    }
GEMM(gemm_b4, BNT_TILE_B4)
GEMM(gemm_b3, BNT_TILE_B3)
GEMM(gemm_b2, BNT_TILE_B2)
GEMM(gemm_b8, BNT_TILE_B8)
GEMM(gemm_b6, BNT_TILE_B6)
GEMM(gemm_b5, BNT_TILE_B5)
GEMM(gemm_q4_0, BNT_TILE_Q4_0)
GEMM(gemm_q8_0, BNT_TILE_Q8_0)
GEMM(gemm_q4_k, BNT_TILE_Q4_K)
GEMM(gemm_q5_k, BNT_TILE_Q5_K)
GEMM(gemm_q6_k, BNT_TILE_Q6_K)

static void put_gemm(bnt_kernels *k)
{
    static const bnt_gemm_fn all[BNT_TILES] = {
        [BNT_TILE_B4] = gemm_b4,     [BNT_TILE_B3] = gemm_b3,     [BNT_TILE_B2] = gemm_b2,
        [BNT_TILE_B8] = gemm_b8,     [BNT_TILE_B6] = gemm_b6,     [BNT_TILE_B5] = gemm_b5,
        [BNT_TILE_Q4_0] = gemm_q4_0, [BNT_TILE_Q8_0] = gemm_q8_0, [BNT_TILE_Q4_K] = gemm_q4_k,
        [BNT_TILE_Q5_K] = gemm_q5_k, [BNT_TILE_Q6_K] = gemm_q6_k,
    };
    memcpy(k->gemm, all, sizeof all);
    k->pack_tokens = PACK_TOKENS;
    k->panel_groups = PANEL_GROUPS;
    k->packed_bytes = packed_bytes;
    k->pack = pack;
    k->gemm_work = gemm_work;
}

#endif
#endif
