/* dots_neon.h - dots of a span without SDOT: products of bytes, added up in 16 bits while they
 * fit.
 *
 * A code of up to 4 bits times |x| <= 127 is at most 1905, one of 5 bits 3937, one of 6 bits
 * 8001: a whole span of 4 or 5 bits (8 products to a lane) and half a span of 6 bits (4
 * products) stay below 2^15. Of signed bytes two products do: 2 * 128 * 127.
 */
#ifndef BNT_KERNEL_ARM_DOTS_NEON_H
#define BNT_KERNEL_ARM_DOTS_NEON_H
#if defined(__aarch64__)
#include "kernel/arm/tile_arm.h"

#define BNT_DOTS_ARM  1
#define FEWEST_TOKENS 1

/* [token][quarter][pair of rows]: four sums of each of two rows in 16 bits, or two sums of each
 * in 32 bits; and the four rows' sums of the first half of a span. */
typedef struct dots {
    int16x8_t few[4][4][2];
    int32x4_t many[4][4][2];
    int32x4_t first_half[4][4];
} dots;

/* Quarters of the rows that fit the registers at once. */
INLINE int quarters_of(const bnt_tile_index kind, const int n_tokens)
{
    if (n_tokens == 4) return 1;
    if (n_tokens == 2) return has_five_bits(kind) || kind == BNT_TILE_B3 ? 1 : 2;
    return has_six_bits(kind) || kind == BNT_TILE_B3 ? 2 : 4;
}

INLINE void dots_begin(const bnt_tile_index kind, const int T, const int Q,
                       const int32_t start[2][4], dots *acc)
{
    (void)start; /* added at the end */
    if (has_fields(kind)) return;
    EACH(t, T) {
        EACH(q, Q) {
            acc->many[t][q][0] = vdupq_n_s32(0);
            acc->many[t][q][1] = vdupq_n_s32(0);
        }
    }
}

/* Four columns of a token, for each of four rows. */
#define SPREAD(x, J) vreinterpretq_s8_s32(vdupq_laneq_s32(vreinterpretq_s32_s8(x), J))

/* Four columns of a token at p, which is 4-aligned. */
INLINE int8x16_t load_spread(const int8_t *p)
{
    return vreinterpretq_s8_s32(vld1q_dup_s32((const int32_t *)(const void *)p));
}

/* sum[0..1] += w x, or = where first. */
INLINE void multiply_few(int8x16_t w, int8x16_t x, const bool first, int16x8_t sum[2])
{
    if (first) {
        sum[0] = vmull_s8(vget_low_s8(w), vget_low_s8(x));
        sum[1] = vmull_high_s8(w, x);
    } else {
        sum[0] = vmlal_s8(sum[0], vget_low_s8(w), vget_low_s8(x));
        sum[1] = vmlal_high_s8(sum[1], w, x);
    }
}

/* Both halves of the columns in one go: two products. */
INLINE void multiply_many(bnt_weights_arm w, int8x16_t lo, int8x16_t hi, int32x4_t sum[2])
{
    int16x8_t two[2];
    multiply_few(w.lo, lo, true, two);
    multiply_few(w.hi, hi, false, two);
    sum[0] = vpadalq_s16(sum[0], two[0]);
    sum[1] = vpadalq_s16(sum[1], two[1]);
}

#define LINE(J)                                                                                \
    EACH(q, Q) {                                                                               \
        const bnt_weights_arm w = fetch_##J(kind, codes + 16 * q, bits[q]);                    \
        EACH(t, T) {                                                                           \
            const int8x16_t lo = late ? load_spread(x[t] + 4 * J) : SPREAD(left[t], J);        \
            const int8x16_t hi = late ? load_spread(x[t] + 16 + 4 * J) : SPREAD(right[t], J);  \
            const bool first = J == 0 && (low || half);                                        \
            if (low) multiply_few(w.lo, lo, first, acc->few[t][q]);                            \
            if (top) multiply_few(w.hi, hi, first && !low, acc->few[t][q]);                    \
            if (crowded) ORDER_FEW(t, q);                                                      \
        }                                                                                      \
    }                                                                                          \
    EACH(t, T) {                                                                               \
        EACH(q, Q) {                                                                           \
            if (!crowded) ORDER_FEW(t, q);                                                     \
        }                                                                                      \
    }
#define ORDER_FEW(t, q)                                                                        \
    do {                                                                                       \
        IN_ORDER(acc->few[t][q][0]);                                                           \
        IN_ORDER(acc->few[t][q][1]);                                                           \
    } while (0)

/* The columns of the low halves of bytes, of the high halves, or both. */
INLINE void add_lines(const bnt_tile_index kind, const int T, const int Q, const bool low,
                      const bool top, const uint8_t *codes, const uint8_t *high,
                      const int8_t *const x[4], dots *acc)
{
    const bool half = has_six_bits(kind), crowded = half || has_five_bits(kind);
    const bool late = crowded && T == 4; /* no room for the tokens */
    int8x16_t left[4], right[4];
    bnt_high_arm bits[4];
    EACH(t, T) {
        left[t] = vld1q_s8(x[t]);
        right[t] = vld1q_s8(x[t] + 16);
    }
    EACH(q, Q) {
        bits[q] = load_high(kind, high + 16 * q);
    }
    LINE(0)
    LINE(1)
    LINE(2)
    LINE(3)
}
#undef LINE

#define LINE(J)                                                                                \
    EACH(q, Q) {                                                                               \
        const bnt_weights_arm w = fetch_##J(BNT_TILE_B8, codes + 16 * q, none);                \
        EACH(t, T) {                                                                           \
            const int8x16_t lo = T == 4 ? load_spread(x[t] + 4 * J) : SPREAD(left[t], J);      \
            const int8x16_t hi =                                                               \
                T == 4 ? load_spread(x[t] + 16 + 4 * J) : SPREAD(right[t], J);                 \
            multiply_many(w, lo, hi, acc->many[t][q]);                                         \
            IN_ORDER(acc->many[t][q][0]);                                                      \
            IN_ORDER(acc->many[t][q][1]);                                                      \
        }                                                                                      \
    }

/* Four tokens would take too many registers: they are loaded as they are needed. */
INLINE void add_byte_lines(const int T, const int Q, const uint8_t *codes,
                           const int8_t *const x[4], dots *acc)
{
    const bnt_high_arm none = load_high(BNT_TILE_B8, codes);
    int8x16_t left[4], right[4];
    EACH(t, T) {
        left[t] = vld1q_s8(x[t]);
        right[t] = vld1q_s8(x[t] + 16);
    }
    LINE(0)
    LINE(1)
    LINE(2)
    LINE(3)
}
#undef LINE

INLINE int32x4_t sum_few(const int16x8_t few[2])
{
    return vpaddq_s32(vpaddlq_s16(few[0]), vpaddlq_s16(few[1]));
}

/* x: the span's 32 columns of each token. Where registers are scarce they are taken in two
 * halves, and lines read twice. */
INLINE void dots_span(const bnt_tile_index kind, const int T, const int Q, const uint8_t *codes,
                      const uint8_t *high, const int8_t *const x[4], dots *acc)
{
    if (!has_fields(kind)) {
        add_byte_lines(T, Q, codes, x, acc);
    } else if (T == 4 || has_six_bits(kind)) {
        add_lines(kind, T, Q, true, false, codes, high, x, acc);
        EACH(t, T) {
            EACH(q, Q) {
                if (has_six_bits(kind)) acc->first_half[t][q] = sum_few(acc->few[t][q]);
            }
        }
        add_lines(kind, T, Q, false, true, codes, high, x, acc);
    } else {
        add_lines(kind, T, Q, true, true, codes, high, x, acc);
    }
}

/* The four rows' sums of half h of a span, or of all of it. */
INLINE int32x4_t end_sum(const bnt_tile_index kind, const dots *acc, const int h, const int t,
                         const int q)
{
    if (!has_fields(kind)) return vpaddq_s32(acc->many[t][q][0], acc->many[t][q][1]);
    if (has_halves(kind) && h == 0) return acc->first_half[t][q];
    const int32x4_t sum = sum_few(acc->few[t][q]);
    return kind == BNT_TILE_B6 ? vaddq_s32(acc->first_half[t][q], sum) : sum;
}

INLINE void dots_end(const bnt_tile_index kind, const int T, const int Q,
                     const int32_t start[2][4], const dots *acc, int32x4_t sums[2][4][4])
{
    EACH(h, 1 + has_halves(kind)) {
        EACH(t, T) {
            EACH(q, Q) {
                sums[h][t][q] =
                    vaddq_s32(end_sum(kind, acc, h, t, q), vdupq_n_s32(start[h][t]));
            }
        }
    }
}

#undef SPREAD
#undef ORDER_FEW
#endif
#endif
