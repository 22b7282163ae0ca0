/* gemv_arm.h - the body of a GEMV on Arm, for every type and for 1, 2 and 4 tokens at once.
 *
 * A set includes its dots_*.h and then this file, which defines gemv_b4 to gemv_q6_k. The dots
 * of a span are the set's; scales, minimums and the floats of kernel.h's rules are the same for
 * all. Groups are read four at a time, block by block: four streams of memory side by side.
 * What is unpacked serves up to four tokens, and the tile of a block stays in the first cache
 * for the others.
 */
#ifndef BNT_KERNEL_ARM_GEMV_ARM_H
#define BNT_KERNEL_ARM_GEMV_ARM_H
#if defined(BNT_DOTS_ARM)
#include "kernel/arm/tile_arm.h"

/* What a block of up to four tokens is: pointers to the token's part of it. Where fewer tokens
 * count than a function works on, the last one stands for the others. */
typedef struct tokens {
    const int8_t *q[4];
    const int32_t *sum32[4], *sum16[4];
    float dx[4];
    uint32_t n;
    int32_t *mins; /* (4, 16): see block_mins */
} tokens;

INLINE tokens tokens_at(const bnt_acts *x, uint32_t first, uint32_t n, uint32_t block,
                        int32_t *mins)
{
    const size_t stride = bnt_acts_stride(x->columns), n_blocks = bnt_tile_blocks(x->columns);
    tokens k = {.n = n, .mins = mins};
    for (uint32_t i = 0; i < 4; i++) {
        const size_t t = first + (i < n ? i : n - 1);
        k.q[i] = x->q + t * stride + (size_t)block * BNT_TILE_BLOCK;
        k.sum32[i] = x->sum32 + t * (x->columns / 32) + (size_t)block * BNT_TILE_SPANS;
        k.sum16[i] = x->sum16 + t * (x->columns / 16) + (size_t)block * 2 * BNT_TILE_SPANS;
        k.dx[i] = x->d[t * n_blocks + block];
    }
    return k;
}

/* The sums of rows 4 (r + q), q < Q, for T tokens. */
typedef struct sums {
    int32x4_t whole[4][4];
    float32x4_t part[4][4];
} sums;

/* ---- one span ---- */

/* Where the dots of span s start: what the codes' zero adds up to, and the bits of the number
 * that makes floats of them. */
INLINE void span_start(const bnt_tile_index kind, const int T, const tokens *x, uint32_t s,
                       int32_t start[2][4])
{
    const int32_t base = is_whole(kind) ? 0 : BNT_MAGIC_BITS;
    EACH(t, T) {
        start[0][t] = base;
        start[1][t] = base;
        if (has_halves(kind)) {
            start[0][t] = base - zero_of(kind) * x->sum16[t][2 * s];
            start[1][t] = base - zero_of(kind) * x->sum16[t][2 * s + 1];
        } else if (zero_of(kind)) {
            start[0][t] = base - zero_of(kind) * x->sum32[t][s];
        }
    }
}

/* scales: of the span, from the first row wanted. */
INLINE void add_span(const bnt_tile_index kind, const int T, const int Q, const uint8_t *scales,
                     const float32x4_t d[4], int32x4_t dot[2][4][4], sums *y)
{
    if (has_whole_scales(kind)) {
        int32x4_t s[4];
        load_bytes(scales, Q, true, s);
        EACH(t, T) {
            EACH(q, Q) {
                y->whole[t][q] = vmlaq_s32(y->whole[t][q], dot[0][t][q], s[q]);
            }
        }
        return;
    }
    EACH(h, 1 + has_halves(kind)) {
        float32x4_t s[4];
        load_scales(kind, scales, h, Q, d, s);
        EACH(t, T) {
            EACH(q, Q) {
                y->part[t][q] = vfmaq_f32(y->part[t][q], magic_float(dot[h][t][q]), s[q]);
            }
        }
    }
}

/* ---- minimums ---- */

/* A block's sums over spans as 16-bit numbers, which they fit: 32 * 127. */
INLINE int16x8_t narrow_sums(const int32_t *sum32, uint32_t n_spans)
{
    if (n_spans == BNT_TILE_SPANS) {
        return vcombine_s16(vmovn_s32(vld1q_s32(sum32)), vmovn_s32(vld1q_s32(sum32 + 4)));
    }
    int16_t few[BNT_TILE_SPANS] = {0};
    for (uint32_t s = 0; s < n_spans; s++) {
        few[s] = (int16_t)sum32[s];
    }
    return vld1q_s16(few);
}

/* Adds the products of two spans: minimums are pairs row by row, sums the same pair all along.
 * Behind the minimums of a short block lie its codes, and the sums are zeros. */
#define MINS_PAIR(P)                                                                           \
    do {                                                                                       \
        const int16x8_t m = vreinterpretq_s16_u16(vmovl_u8(vld1_u8(mins + 32 * P)));           \
        const int16x8_t two = vreinterpretq_s16_s32(vdupq_laneq_s32(pairs, P));                \
        low = vmlal_s16(low, vget_low_s16(m), vget_low_s16(two));                              \
        high = vmlal_high_s16(high, m, two);                                                   \
    } while (0)

/* Sums of m * sum32 over a block, for 16 rows of n tokens: kept in memory while the span loop
 * has the registers. */
MICRO void block_mins(const bnt_block_arm *b, const tokens *x, uint32_t n)
{
    for (uint32_t t = 0; t < n; t++) {
        const int32x4_t pairs = vreinterpretq_s32_s16(narrow_sums(x->sum32[t], b->n_spans));
        for (uint32_t q = 0; q < 4; q++) {
            const uint8_t *const mins = b->mins + 8 * q;
            int32x4_t low = vdupq_n_s32(0), high = low;
            MINS_PAIR(0);
            MINS_PAIR(1);
            MINS_PAIR(2);
            MINS_PAIR(3);
            vst1q_s32(x->mins + 16 * t + 4 * q, vpaddq_s32(low, high));
        }
    }
}

/* r: the first quarter wanted. */
INLINE void add_mins(const int T, const int Q, const bnt_block_arm *b, const tokens *x,
                     const int r, sums *y)
{
    float32x4_t dmin[4];
    load_halves(b->head + 32 + 8 * r, Q, dmin);
    EACH(t, T) {
        EACH(q, Q) {
            const int32_t *const mins = x->mins + 16 * t + 4 * (r + q);
            y->part[t][q] =
                vfmaq_f32(y->part[t][q], vcvtq_f32_s32(vld1q_s32(mins)), vnegq_f32(dmin[q]));
        }
    }
}

/* ---- one block ---- */

/* y of the block's rows with the block added. */
INLINE void add_block_sums(const bnt_tile_index kind, const int T, const int Q, const tokens *x,
                           const float32x4_t d[4], const sums *sum, float *y, size_t y_stride)
{
    EACH(t, T) {
        if (t && (uint32_t)t >= x->n) return;
        EACH(q, Q) {
            float *const at = y + (size_t)t * y_stride + 4 * q;
            const float32x4_t value =
                is_whole(kind) ? vcvtq_f32_s32(sum->whole[t][q]) : sum->part[t][q];
            const float32x4_t scale =
                is_whole(kind) ? vmulq_n_f32(d[q], x->dx[t]) : vdupq_n_f32(x->dx[t]);
            vst1q_f32(at, vfmaq_f32(vld1q_f32(at), value, scale));
        }
    }
}

/* Quarters r to r + Q - 1 of one block. */
INLINE void add_quarters(const bnt_tile_index kind, const int T, const int Q,
                         const bnt_block_arm *b, const tokens *x, const int r, float *y,
                         size_t y_stride)
{
    const bnt_tile *const layout = &bnt_layouts_arm[kind];
    const bool kept = kind == BNT_TILE_B8; /* dots go on from span to span */
    const uint32_t scale_quarter = layout->scale_bytes == 32 && !has_halves(kind) ? 8 : 4;
    const uint8_t *codes = b->codes + 16 * r, *high = b->high + 16 * r;
    const uint8_t *scales = b->scales + scale_quarter * (uint32_t)r;
    const int8_t *q[4] = {x->q[0], x->q[1], x->q[2], x->q[3]};
    int32_t start[2][4] = {{0}};
    int32x4_t dot[2][4][4];
    float32x4_t d[4];
    sums sum;
    dots acc;

    EACH(t, T) {
        EACH(i, Q) {
            sum.whole[t][i] = vdupq_n_s32(0);
            sum.part[t][i] = vdupq_n_f32(0);
        }
    }
    if (kept) dots_begin(kind, T, Q, start, &acc);
    for (uint32_t s = 0; s < b->n_spans; s++) {
        if (!kept) {
            span_start(kind, T, x, s, start);
            dots_begin(kind, T, Q, start, &acc);
        }
        dots_span(kind, T, Q, codes, high, q, &acc);
        if (!kept) {
            dots_end(kind, T, Q, start, &acc, dot);
            /* Read again for each span: registers are dearer. */
            if (layout->head_bytes && !is_whole(kind)) load_halves(b->head + 8 * r, Q, d);
            add_span(kind, T, Q, scales, d, dot, &sum);
        }
        codes += layout->code_bytes;
        high += layout->high_bytes;
        scales += layout->scale_bytes;
        EACH(t, T) {
            q[t] += BNT_TILE_SPAN;
        }
    }
    if (kept) {
        dots_end(kind, T, Q, start, &acc, dot);
        memcpy(sum.whole, dot[0], sizeof sum.whole);
    }
    if (is_whole(kind)) load_halves(b->head + 8 * r, Q, d);
    if (has_mins(kind)) add_mins(T, Q, b, x, r, &sum);
    add_block_sums(kind, T, Q, x, d, &sum, y + 4 * r, y_stride);
}

typedef void (*micro_fn)(const bnt_block_arm *b, const tokens *x, float *y, size_t y_stride);

/* ---- groups, blocks, tokens ---- */

enum { STREAMS = 4 };

/* micro: for 1, 2 and 4 tokens. */
static void multiply(const bnt_tile_index kind, const micro_fn micro[3], const uint8_t *groups,
                     size_t group_bytes, uint32_t n_groups, const bnt_acts *x, float *y,
                     size_t y_stride)
{
    const uint32_t n_blocks = (uint32_t)bnt_tile_blocks(x->columns);
    int32_t mins[4 * BNT_TILE_ROWS];
    for (uint32_t t = 0; t < x->n_tokens; t++) {
        memset(y + t * y_stride, 0, (size_t)n_groups * BNT_TILE_ROWS * sizeof *y);
    }
    for (uint32_t g = 0; g < n_groups; g += STREAMS) {
        const uint32_t end = n_groups - g < STREAMS ? n_groups : g + STREAMS;
        for (uint32_t i = 0; i < n_blocks; i++) {
            for (uint32_t t = 0; t < x->n_tokens; t += 4) {
                const uint32_t left = x->n_tokens - t, n = left < 4 ? left : 4;
                const tokens k = tokens_at(x, t, n, i, mins);
                for (uint32_t j = g; j < end; j++) {
                    const bnt_block_arm b =
                        locate(kind, groups + j * group_bytes, x->columns, i);
                    micro[n > 2 ? 2 : n - 1](
                        &b, &k, y + t * y_stride + (size_t)j * BNT_TILE_ROWS, y_stride);
                }
            }
        }
    }
}

#define MICRO_KERNEL(name, kind, T)                                                            \
    MICRO void name##_micro_##T(const bnt_block_arm *b, const tokens *x, float *y,             \
                                size_t y_stride)                                               \
    {                                                                                          \
        const int n = quarters_of(kind, T);                                                    \
        if (has_mins(kind)) block_mins(b, x, T);                                               \
        if (n == 4) {                                                                          \
            add_quarters(kind, T, 4, b, x, 0, y, y_stride);                                    \
            return;                                                                            \
        }                                                                                      \
        for (int r = 0; r < 4; r += n) {                                                       \
            add_quarters(kind, T, n, b, x, r, y, y_stride);                                    \
        }                                                                                      \
    }

#if FEWEST_TOKENS == 1
#define MICRO_KERNEL_ONE(name, kind) MICRO_KERNEL(name, kind, 1)
#define MICRO_ONE(name)              name##_micro_1
#else
#define MICRO_KERNEL_ONE(name, kind)
#define MICRO_ONE(name) name##_micro_2
#endif

#define GEMV(name, kind)                                                                       \
    MICRO_KERNEL_ONE(name, kind)                                                               \
    MICRO_KERNEL(name, kind, 2)                                                                \
    MICRO_KERNEL(name, kind, 4)                                                                \
    static void name(const uint8_t *groups, size_t group_bytes, uint32_t n_groups,             \
                     const bnt_acts *x, float *y, size_t y_stride)                             \
    {                                                                                          \
        static const micro_fn micro[3] = {MICRO_ONE(name), name##_micro_2, name##_micro_4};    \
        multiply(kind, micro, groups, group_bytes, n_groups, x, y, y_stride);                  \
    }
GEMV(gemv_b4, BNT_TILE_B4)
GEMV(gemv_b3, BNT_TILE_B3)
GEMV(gemv_b2, BNT_TILE_B2)
GEMV(gemv_b8, BNT_TILE_B8)
GEMV(gemv_b6, BNT_TILE_B6)
GEMV(gemv_b5, BNT_TILE_B5)
GEMV(gemv_q4_0, BNT_TILE_Q4_0)
GEMV(gemv_q8_0, BNT_TILE_Q8_0)
GEMV(gemv_q4_k, BNT_TILE_Q4_K)
GEMV(gemv_q5_k, BNT_TILE_Q5_K)
GEMV(gemv_q6_k, BNT_TILE_Q6_K)

#endif
#endif
