/* tile_arm.h - what the integer kernels of all Arm sets share: where the sections of a block
 * lie and how weights come out of its lines.
 *
 * A q register holds four rows by four columns, a quarter of a line. The lane numbers and shift
 * counts of instructions must be literal even without optimization, so the four lines of a span
 * are four functions, made by one macro. `kind` is a constant wherever these are inlined.
 *
 * Empty for other processors.
 */
#ifndef BNT_KERNEL_ARM_TILE_ARM_H
#define BNT_KERNEL_ARM_TILE_ARM_H
#if defined(__aarch64__)
#include <arm_neon.h>
#include <string.h>

#include "kernel/kernel.h"

#define INLINE static inline __attribute__((always_inline))
#define MICRO  static __attribute__((noinline)) /* keeps its name, for the scripts that look */

/* For i from 0 to n - 1, n at most 4 or 8: a loop over registers, whose arrays become registers
 * only when it is unrolled. (Clang 14 keeps arrays that were indexed in loops of one round in
 * memory; here all are of four or eight, some of which do nothing.) */
#define EACH(i, n)  _Pragma("GCC unroll 4") for (int i = 0; i < 4; i++) if (i < (n))
#define EACH8(i, n) _Pragma("GCC unroll 8") for (int i = 0; i < 8; i++) if (i < (n))

/* Compilers like to load and unpack everything a loop needs at its top, and then run out of
 * registers. What v needs is computed before this, no load after it moves up. */
#define IN_ORDER(v) __asm__ volatile("" : "+w"(v) : : "memory")

/* Of large tiles Clang needs to be told of every sum; GCC then moves some of them about. */
#if defined(__clang__)
enum { ALL_IN_ORDER = 1 };
#else
enum { ALL_IN_ORDER = 0 };
#endif

/* The layouts drawn in tile.h. */
static const bnt_tile bnt_layouts_arm[BNT_TILES] = {
    [BNT_TILE_B4] = {32, 16, 0, 256, 0, BNT_TYPE_B4},
    [BNT_TILE_B3] = {32, 16, 0, 128, 64, BNT_TYPE_B3},
    [BNT_TILE_B2] = {32, 16, 0, 128, 0, BNT_TYPE_B2},
    [BNT_TILE_B8] = {32, 0, 0, 512, 0, BNT_TYPE_B8},
    [BNT_TILE_B6] = {32, 16, 0, 256, 128, BNT_TYPE_B6},
    [BNT_TILE_B5] = {32, 16, 0, 256, 64, BNT_TYPE_B5},
    [BNT_TILE_Q4_0] = {0, 32, 0, 256, 0, BNT_TYPE_Q4_0},
    [BNT_TILE_Q8_0] = {0, 32, 0, 512, 0, BNT_TYPE_Q8_0},
    [BNT_TILE_Q4_K] = {64, 16, 16, 256, 0, BNT_TYPE_Q4_K},
    [BNT_TILE_Q5_K] = {64, 16, 16, 256, 64, BNT_TYPE_Q5_K},
    [BNT_TILE_Q6_K] = {32, 32, 0, 256, 128, BNT_TYPE_Q6_K},
};

/* Whether codes have less than eight bits, and no sign. */
INLINE bool has_fields(const bnt_tile_index kind)
{
    return kind != BNT_TILE_B8 && kind != BNT_TILE_Q8_0;
}

/* Whether all bits, or all but the highest, of a code are a quarter of a byte. */
INLINE bool has_quarters(const bnt_tile_index kind)
{
    return kind == BNT_TILE_B3 || kind == BNT_TILE_B2;
}

/* Whether spans have scales that are whole numbers, with which a block is one sum. */
INLINE bool has_whole_scales(const bnt_tile_index kind)
{
    return kind == BNT_TILE_B4 || has_quarters(kind);
}

/* Whether codes are half a byte and one bit, or half a byte and two. */
INLINE bool has_five_bits(const bnt_tile_index kind)
{
    return kind == BNT_TILE_Q5_K || kind == BNT_TILE_B5;
}
INLINE bool has_six_bits(const bnt_tile_index kind)
{
    return kind == BNT_TILE_Q6_K || kind == BNT_TILE_B6;
}

/* Whether a block is summed in whole numbers. */
INLINE bool is_whole(const bnt_tile_index kind)
{
    return has_whole_scales(kind) || kind == BNT_TILE_B8;
}

INLINE bool has_mins(const bnt_tile_index kind)
{
    return kind == BNT_TILE_Q4_K || kind == BNT_TILE_Q5_K;
}

/* Whether each half of a span has its scale. */
INLINE bool has_halves(const bnt_tile_index kind)
{
    return kind == BNT_TILE_Q6_K;
}

/* What a stored code counts from. */
INLINE int zero_of(const bnt_tile_index kind)
{
    if (has_six_bits(kind)) return 32;
    if (kind == BNT_TILE_B5) return 16;
    if (kind == BNT_TILE_B3) return 4;
    if (kind == BNT_TILE_B2) return 2;
    return kind == BNT_TILE_B4 || kind == BNT_TILE_Q4_0 ? 8 : 0;
}

/* One block of a group. */
typedef struct bnt_block_arm {
    const uint8_t *head, *scales, *mins, *codes, *high;
    uint32_t n_spans;
} bnt_block_arm;

INLINE bnt_block_arm locate(const bnt_tile_index kind, const uint8_t *group, uint32_t columns,
                            uint32_t i)
{
    const bnt_tile *const t = &bnt_layouts_arm[kind];
    const uint32_t left = columns - i * BNT_TILE_BLOCK;
    const uint32_t n = left < BNT_TILE_BLOCK ? left / BNT_TILE_SPAN : BNT_TILE_SPANS;
    const uint8_t *const tile =
        group + bnt_tile_head_bytes(t, columns) + (size_t)i * bnt_tile_bytes(t, BNT_TILE_SPANS);
    const bnt_block_arm b = {
        .head = group + (size_t)i * t->head_bytes,
        .scales = tile,
        .mins = tile + bnt_tile_mins_at(t, n),
        .codes = tile + bnt_tile_codes_at(t, n),
        .high = tile + bnt_tile_high_at(t, n),
        .n_spans = n,
    };
    return b;
}

/* ---- weights ---- */

/* Four rows of line j of a span: columns 4 j to 4 j + 3 and 16 + 4 j to 16 + 4 j + 3. Codes of
 * up to 6 bits are as stored, without their zero. */
typedef struct bnt_weights_arm {
    int8x16_t lo, hi;
} bnt_weights_arm;

/* The high bits of four rows of a span: one vector for five bits and B3, two for six bits. */
typedef struct bnt_high_arm {
    uint8x16_t v[2];
} bnt_high_arm;

INLINE bnt_high_arm load_high(const bnt_tile_index kind, const uint8_t *high)
{
    bnt_high_arm h = {{vdupq_n_u8(0), vdupq_n_u8(0)}};
    if (bnt_layouts_arm[kind].high_bytes) h.v[0] = vld1q_u8(high);
    if (has_six_bits(kind)) h.v[1] = vld1q_u8(high + 64);
    return h;
}

/* Bit J, and bit 4 + J, moved to bit 4; bits 2 J and 2 J + 1 to bits 4 and 5. */
#define ONE_LOW_0(h)  vshlq_n_u8(h, 4)
#define ONE_LOW_1(h)  vshlq_n_u8(h, 3)
#define ONE_LOW_2(h)  vshlq_n_u8(h, 2)
#define ONE_LOW_3(h)  vshlq_n_u8(h, 1)
#define ONE_TOP_0(h)  (h)
#define ONE_TOP_1(h)  vshrq_n_u8(h, 1)
#define ONE_TOP_2(h)  vshrq_n_u8(h, 2)
#define ONE_TOP_3(h)  vshrq_n_u8(h, 3)
#define TWO_BITS_0(h) vshlq_n_u8(h, 4)
#define TWO_BITS_1(h) vshlq_n_u8(h, 2)
#define TWO_BITS_2(h) (h)
#define TWO_BITS_3(h) vshrq_n_u8(h, 2)
/* Bits 2 J and 2 J + 1 moved to bits 0 and 1; bit J, and bit 4 + J, to bit 2. */
#define QUARTER_0(h)   (h)
#define QUARTER_1(h)   vshrq_n_u8(h, 2)
#define QUARTER_2(h)   vshrq_n_u8(h, 4)
#define QUARTER_3(h)   vshrq_n_u8(h, 6)
#define THIRD_LOW_0(h) vshlq_n_u8(h, 2)
#define THIRD_LOW_1(h) vshlq_n_u8(h, 1)
#define THIRD_LOW_2(h) (h)
#define THIRD_LOW_3(h) vshrq_n_u8(h, 1)
#define THIRD_TOP_0(h) vshrq_n_u8(h, 2)
#define THIRD_TOP_1(h) vshrq_n_u8(h, 3)
#define THIRD_TOP_2(h) vshrq_n_u8(h, 4)
#define THIRD_TOP_3(h) vshrq_n_u8(h, 5)

/* codes is the span's first line, at the four rows wanted. */
#define FETCH_QUARTERS(J)                                                                      \
    INLINE bnt_weights_arm fetch_quarters_##J(const bnt_tile_index kind, const uint8_t *codes, \
                                              const bnt_high_arm high)                         \
    {                                                                                          \
        const uint8x16_t three = vdupq_n_u8(3), four = vdupq_n_u8(4);                          \
        uint8x16_t lo = vandq_u8(QUARTER_##J(vld1q_u8(codes)), three);                         \
        uint8x16_t hi = vandq_u8(QUARTER_##J(vld1q_u8(codes + 64)), three);                    \
        if (kind == BNT_TILE_B3) {                                                             \
            lo = vbslq_u8(four, THIRD_LOW_##J(high.v[0]), lo);                                 \
            hi = vbslq_u8(four, THIRD_TOP_##J(high.v[0]), hi);                                 \
        }                                                                                      \
        const bnt_weights_arm w = {vreinterpretq_s8_u8(lo), vreinterpretq_s8_u8(hi)};          \
        return w;                                                                              \
    }
FETCH_QUARTERS(0)
FETCH_QUARTERS(1)
FETCH_QUARTERS(2)
FETCH_QUARTERS(3)

#define FETCH(J)                                                                               \
    INLINE bnt_weights_arm fetch_##J(const bnt_tile_index kind, const uint8_t *codes,          \
                                     const bnt_high_arm high)                                  \
    {                                                                                          \
        if (has_quarters(kind)) return fetch_quarters_##J(kind, codes, high);                  \
        const uint8x16_t line = vld1q_u8(codes + 64 * J);                                      \
        bnt_weights_arm w;                                                                     \
        if (!has_fields(kind)) {                                                               \
            w.lo = vreinterpretq_s8_u8(line);                                                  \
            w.hi = vreinterpretq_s8_u8(vld1q_u8(codes + 64 * (J + 4)));                        \
            return w;                                                                          \
        }                                                                                      \
        uint8x16_t lo = vandq_u8(line, vdupq_n_u8(15)), hi = vshrq_n_u8(line, 4);              \
        if (has_five_bits(kind)) {                                                             \
            lo = vbslq_u8(vdupq_n_u8(0x10), ONE_LOW_##J(high.v[0]), lo);                       \
            hi = vbslq_u8(vdupq_n_u8(0x10), ONE_TOP_##J(high.v[0]), hi);                       \
        } else if (has_six_bits(kind)) {                                                       \
            lo = vbslq_u8(vdupq_n_u8(0x30), TWO_BITS_##J(high.v[0]), lo);                      \
            hi = vbslq_u8(vdupq_n_u8(0x30), TWO_BITS_##J(high.v[1]), hi);                      \
        }                                                                                      \
        w.lo = vreinterpretq_s8_u8(lo);                                                        \
        w.hi = vreinterpretq_s8_u8(hi);                                                        \
        return w;                                                                              \
    }
FETCH(0)
FETCH(1)
FETCH(2)
FETCH(3)

/* ---- scales ---- */

INLINE float32x4_t halves_low(uint8x16_t v)
{
    return vcvt_f32_f16(vreinterpret_f16_u8(vget_low_u8(v)));
}

INLINE float32x4_t halves_high(uint8x16_t v)
{
    return vcvt_high_f32_f16(vreinterpretq_f16_u8(v));
}

/* n (1, 2 or 4) quarters of rows: 4 n fp16 numbers. */
INLINE void load_halves(const uint8_t *p, const int n, float32x4_t out[4])
{
    if (n == 1) {
        out[0] = vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p)));
        return;
    }
    for (int i = 0; i < n; i += 2) {
        const uint8x16_t v = vld1q_u8(p + 8 * i);
        out[i] = halves_low(v);
        out[i + 1] = halves_high(v);
    }
}

/* 4 n bytes as whole numbers, signed or not. */
INLINE void load_bytes(const uint8_t *p, const int n, const bool is_signed, int32x4_t out[4])
{
    uint8x16_t v = vdupq_n_u8(0);
    if (n == 4) {
        v = vld1q_u8(p);
    } else if (n == 2) {
        v = vcombine_u8(vld1_u8(p), vdup_n_u8(0));
    } else {
        uint32_t four;
        memcpy(&four, p, sizeof four);
        v = vreinterpretq_u8_u32(vdupq_n_u32(four));
    }
    const int16x8_t a = is_signed ? vmovl_s8(vreinterpret_s8_u8(vget_low_u8(v)))
                                  : vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(v)));
    out[0] = vmovl_s16(vget_low_s16(a));
    if (n == 1) return;
    out[1] = vmovl_high_s16(a);
    if (n == 2) return;
    const int16x8_t b = is_signed ? vmovl_high_s8(vreinterpretq_s8_u8(v))
                                  : vreinterpretq_s16_u16(vmovl_high_u8(v));
    out[2] = vmovl_s16(vget_low_s16(b));
    out[3] = vmovl_high_s16(b);
}

/* The scales of a span (half 0) or of a half span as floats, times d where the type has both.
 * scales and d are those of the first row wanted. */
INLINE void load_scales(const bnt_tile_index kind, const uint8_t *scales, const int half,
                        const int n, const float32x4_t d[4], float32x4_t out[4])
{
    if (kind == BNT_TILE_Q4_0 || kind == BNT_TILE_Q8_0) {
        load_halves(scales, n, out);
        return;
    }
    int32x4_t s[4];
    load_bytes(scales + 16 * half, n, !has_mins(kind), s);
    EACH(i, n) {
        out[i] = vmulq_f32(d[i], vcvtq_f32_s32(s[i]));
    }
}

/* ---- whole numbers as floats ----
 *
 * 1.5 * 2^23 plus a number below 2^22 has that number in its low bits: sums that start from its
 * bits become floats by one subtraction, which more pipes can do than conversions. */
enum { BNT_MAGIC_BITS = 0x4B400000 };

INLINE float32x4_t magic_float(int32x4_t v)
{
    return vsubq_f32(vreinterpretq_f32_s32(v), vdupq_n_f32(12582912.0f));
}

#endif
#endif
