/* simd_neon.h - the words of body/lanes.h in NEON: a vector is four q registers.
 *
 * Empty for other processors.
 */
#ifndef BNT_KERNEL_ARM_SIMD_NEON_H
#define BNT_KERNEL_ARM_SIMD_NEON_H
#if defined(__aarch64__)
#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BNT_LANES 1
#define TILE_WIDE 3
#define TILE_DEEP 2

#include "kernel/body/lanes.h"

typedef struct {
    float32x4_t a, b, c, d;
} vf;
typedef struct {
    int32x4_t a, b, c, d;
} vi;
typedef struct {
    uint8x16_t a, b, c, d;
} vb;

/* Applies an intrinsic to all four registers. */
#define V_EACH(type, op, x) ((type){op((x).a), op((x).b), op((x).c), op((x).d)})
#define V_BOTH(type, op, x, y)                                                                 \
    ((type){op((x).a, (y).a), op((x).b, (y).b), op((x).c, (y).c), op((x).d, (y).d)})

/* All bits set in the lanes below n. */
typedef struct {
    uint32x4_t a, b, c, d;
} lanes_bits;

static inline lanes_bits lanes_mask(size_t n)
{
    static const uint32_t places[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const uint32x4_t bound = vdupq_n_u32((uint32_t)n);
    return (lanes_bits){
        vcltq_u32(vld1q_u32(places), bound), vcltq_u32(vld1q_u32(places + 4), bound),
        vcltq_u32(vld1q_u32(places + 8), bound), vcltq_u32(vld1q_u32(places + 12), bound)};
}

/* ---- floats from and to memory ---------------------------------------------------------- */

/* By bytes, since rows of a file are aligned to nothing. */
static inline vf vf_load(const float *p)
{
    const uint8_t *const bytes = (const void *)p;
    return (vf){
        vreinterpretq_f32_u8(vld1q_u8(bytes)), vreinterpretq_f32_u8(vld1q_u8(bytes + 16)),
        vreinterpretq_f32_u8(vld1q_u8(bytes + 32)), vreinterpretq_f32_u8(vld1q_u8(bytes + 48))};
}

static inline void vf_store(float *p, vf a)
{
    vst1q_f32(p, a.a);
    vst1q_f32(p + 4, a.b);
    vst1q_f32(p + 8, a.c);
    vst1q_f32(p + 12, a.d);
}

static inline vf vf_load_n(const float *p, size_t n)
{
    float lanes[16] = {0};
    memcpy(lanes, p, n * sizeof *p);
    return vf_load(lanes);
}

static inline void vf_store_n(float *p, vf a, size_t n)
{
    float lanes[16];
    vf_store(lanes, a);
    memcpy(p, lanes, n * sizeof *p);
}

static inline vf vf_load_f16(const void *p)
{
    const uint8_t *const bytes = p;
    const float16x8_t low = vreinterpretq_f16_u8(vld1q_u8(bytes));
    const float16x8_t high = vreinterpretq_f16_u8(vld1q_u8(bytes + 16));
    return (vf){vcvt_f32_f16(vget_low_f16(low)), vcvt_high_f32_f16(low),
                vcvt_f32_f16(vget_low_f16(high)), vcvt_high_f32_f16(high)};
}

static inline vf vf_load_f16_n(const void *p, size_t n)
{
    uint16_t h[16] = {0};
    memcpy(h, p, 2 * n);
    return vf_load_f16(h);
}

static inline vf vf_load_bf16(const void *p)
{
    const uint8_t *const bytes = p;
    const uint16x8_t low = vreinterpretq_u16_u8(vld1q_u8(bytes));
    const uint16x8_t high = vreinterpretq_u16_u8(vld1q_u8(bytes + 16));
    return (vf){vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(low), 16)),
                vreinterpretq_f32_u32(vshll_high_n_u16(low, 16)),
                vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(high), 16)),
                vreinterpretq_f32_u32(vshll_high_n_u16(high, 16))};
}

static inline vf vf_load_bf16_n(const void *p, size_t n)
{
    uint16_t h[16] = {0};
    memcpy(h, p, 2 * n);
    return vf_load_bf16(h);
}

static inline vi vi_load_i8(const void *p)
{
    const int8x16_t v = vld1q_s8(p);
    const int16x8_t low = vmovl_s8(vget_low_s8(v)), high = vmovl_high_s8(v);
    return (vi){vmovl_s16(vget_low_s16(low)), vmovl_high_s16(low),
                vmovl_s16(vget_low_s16(high)), vmovl_high_s16(high)};
}

static inline vi vi_load_u8(const void *p)
{
    const uint8x16_t v = vld1q_u8(p);
    const int16x8_t low = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(v)));
    const int16x8_t high = vreinterpretq_s16_u16(vmovl_high_u8(v));
    return (vi){vmovl_s16(vget_low_s16(low)), vmovl_high_s16(low),
                vmovl_s16(vget_low_s16(high)), vmovl_high_s16(high)};
}

static inline vf vf_from_vi(vi a)
{
    return V_EACH(vf, vcvtq_f32_s32, a);
}

static inline vf vf_load_i8(const void *p)
{
    return vf_from_vi(vi_load_i8(p));
}

static inline vf vf_load_i8_n(const void *p, size_t n)
{
    int8_t bytes[16] = {0};
    memcpy(bytes, p, n);
    return vf_load_i8(bytes);
}

static inline vf vf_set1_f16(const void *p)
{
    uint16_t h;
    memcpy(&h, p, sizeof h);
    const float32x4_t x = vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(h)));
    return (vf){x, x, x, x};
}

static inline vf vf_load_twice(const float *p)
{
    const float32x4_t low = vld1q_f32(p), high = vld1q_f32(p + 4);
    return (vf){vzip1q_f32(low, low), vzip2q_f32(low, low), vzip1q_f32(high, high),
                vzip2q_f32(high, high)};
}

/* The instruction keeps the upper bits of a NaN; the contract wants one NaN. */
static inline uint16x4_t half_of(float32x4_t a)
{
    const uint16x4_t h = vreinterpret_u16_f16(vcvt_f16_f32(a));
    const uint16x4_t same = vmovn_u32(vceqq_f32(a, a));
    const uint16x4_t quiet = vorr_u16(vand_u16(h, vdup_n_u16(0x8000)), vdup_n_u16(0x7E00));
    return vbsl_u16(same, h, quiet);
}

static inline void vf_store_f16(void *p, vf a)
{
    uint8_t *const bytes = p;
    vst1q_u8(bytes, vreinterpretq_u8_u16(vcombine_u16(half_of(a.a), half_of(a.b))));
    vst1q_u8(bytes + 16, vreinterpretq_u8_u16(vcombine_u16(half_of(a.c), half_of(a.d))));
}

static inline void vf_store_f16_n(void *p, vf a, size_t n)
{
    uint16_t h[16];
    vf_store_f16(h, a);
    memcpy(p, h, 2 * n);
}

static inline float32x4_t turn_halves(float32x4_t a, float32x4_t b)
{
    return vreinterpretq_f32_f64(
        vzip1q_f64(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(b)));
}

static inline float32x4_t turn_halves2(float32x4_t a, float32x4_t b)
{
    return vreinterpretq_f32_f64(
        vzip2q_f64(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(b)));
}

static inline void turn4_quarter(float *p, size_t step, float32x4_t a, float32x4_t b,
                                 float32x4_t c, float32x4_t d)
{
    const float32x4_t low = vzip1q_f32(a, b), high = vzip2q_f32(a, b);
    const float32x4_t low2 = vzip1q_f32(c, d), high2 = vzip2q_f32(c, d);
    vst1q_f32(p, turn_halves(low, low2));
    vst1q_f32(p + step, turn_halves2(low, low2));
    vst1q_f32(p + 2 * step, turn_halves(high, high2));
    vst1q_f32(p + 3 * step, turn_halves2(high, high2));
}

static inline void vf_turn4(float *p, size_t step, vf a, vf b, vf c, vf d)
{
    turn4_quarter(p, step, a.a, b.a, c.a, d.a);
    turn4_quarter(p + 4 * step, step, a.b, b.b, c.b, d.b);
    turn4_quarter(p + 8 * step, step, a.c, b.c, c.c, d.c);
    turn4_quarter(p + 12 * step, step, a.d, b.d, c.d, d.d);
}

static inline void turn2_quarter(float *p, size_t step, float32x4_t a, float32x4_t b)
{
    const float32x4_t low = vzip1q_f32(a, b), high = vzip2q_f32(a, b);
    vst1_f32(p, vget_low_f32(low));
    vst1_f32(p + step, vget_high_f32(low));
    vst1_f32(p + 2 * step, vget_low_f32(high));
    vst1_f32(p + 3 * step, vget_high_f32(high));
}

static inline void vf_turn2(float *p, size_t step, vf a, vf b)
{
    turn2_quarter(p, step, a.a, b.a);
    turn2_quarter(p + 4 * step, step, a.b, b.b);
    turn2_quarter(p + 8 * step, step, a.c, b.c);
    turn2_quarter(p + 12 * step, step, a.d, b.d);
}

/* ---- floats ------------------------------------------------------------------------------ */

static inline vf vf_set1(float x)
{
    return (vf){vdupq_n_f32(x), vdupq_n_f32(x), vdupq_n_f32(x), vdupq_n_f32(x)};
}

static inline vf vf_zero(void)
{
    return vf_set1(0.0f);
}

static inline vf vf_add(vf a, vf b)
{
    return V_BOTH(vf, vaddq_f32, a, b);
}

static inline vf vf_sub(vf a, vf b)
{
    return V_BOTH(vf, vsubq_f32, a, b);
}

static inline vf vf_mul(vf a, vf b)
{
    return V_BOTH(vf, vmulq_f32, a, b);
}

static inline vf vf_div(vf a, vf b)
{
    return V_BOTH(vf, vdivq_f32, a, b);
}

static inline vf vf_sqrt(vf a)
{
    return V_EACH(vf, vsqrtq_f32, a);
}

static inline vf vf_max(vf a, vf b)
{
    return V_BOTH(vf, vmaxq_f32, a, b);
}

static inline vf vf_fma(vf a, vf b, vf c)
{
    return (vf){vfmaq_f32(c.a, a.a, b.a), vfmaq_f32(c.b, a.b, b.b), vfmaq_f32(c.c, a.c, b.c),
                vfmaq_f32(c.d, a.d, b.d)};
}

static inline vf vf_fnma(vf a, vf b, vf c)
{
    return (vf){vfmsq_f32(c.a, a.a, b.a), vfmsq_f32(c.b, a.b, b.b), vfmsq_f32(c.c, a.c, b.c),
                vfmsq_f32(c.d, a.d, b.d)};
}

static inline vf vf_neg(vf a)
{
    return V_EACH(vf, vnegq_f32, a);
}

static inline vf vf_swap_pairs(vf a)
{
    return V_EACH(vf, vrev64q_f32, a);
}

static inline vf vf_swap_twos(vf a)
{
    return (vf){vextq_f32(a.a, a.a, 2), vextq_f32(a.b, a.b, 2), vextq_f32(a.c, a.c, 2),
                vextq_f32(a.d, a.d, 2)};
}

static inline vf vf_swap_fours(vf a)
{
    return (vf){a.b, a.a, a.d, a.c};
}

static inline vf vf_swap_eights(vf a)
{
    return (vf){a.c, a.d, a.a, a.b};
}

static inline vf vf_where_gt(vf a, vf b, vf x, vf y)
{
    return (vf){
        vbslq_f32(vcgtq_f32(a.a, b.a), x.a, y.a), vbslq_f32(vcgtq_f32(a.b, b.b), x.b, y.b),
        vbslq_f32(vcgtq_f32(a.c, b.c), x.c, y.c), vbslq_f32(vcgtq_f32(a.d, b.d), x.d, y.d)};
}

static inline vf vf_first(size_t n, vf a, vf b)
{
    const lanes_bits mask = lanes_mask(n);
    return (vf){vbslq_f32(mask.a, a.a, b.a), vbslq_f32(mask.b, a.b, b.b),
                vbslq_f32(mask.c, a.c, b.c), vbslq_f32(mask.d, a.d, b.d)};
}

/* 2^k in two factors, so that neither leaves the range: k / 2 towards zero, and the rest. */
static inline float32x4_t exp2_scale_quarter(float32x4_t a, float32x4_t k)
{
    const int32x4_t whole = vcvtnq_s32_f32(k), bias = vdupq_n_s32(127);
    const int32x4_t sign = vreinterpretq_s32_u32(vshrq_n_u32(vreinterpretq_u32_s32(whole), 31));
    const int32x4_t part = vshrq_n_s32(vaddq_s32(whole, sign), 1);
    const int32x4_t rest = vsubq_s32(whole, part);
    const int32x4_t scale = vshlq_n_s32(vaddq_s32(part, bias), 23);
    const int32x4_t more = vshlq_n_s32(vaddq_s32(rest, bias), 23);
    return vmulq_f32(vmulq_f32(a, vreinterpretq_f32_s32(scale)), vreinterpretq_f32_s32(more));
}

static inline vf vf_exp2_scale(vf a, vf k)
{
    return V_BOTH(vf, exp2_scale_quarter, a, k);
}

static inline float vf_sum(vf a)
{
    const float32x4_t s4 = vaddq_f32(vaddq_f32(a.a, a.c), vaddq_f32(a.b, a.d));
    const float32x2_t s2 = vadd_f32(vget_low_f32(s4), vget_high_f32(s4));
    return vget_lane_f32(s2, 0) + vget_lane_f32(s2, 1);
}

static inline float vf_largest(vf a)
{
    return vmaxvq_f32(vmaxq_f32(vmaxq_f32(a.a, a.b), vmaxq_f32(a.c, a.d)));
}

/* ---- whole numbers ----------------------------------------------------------------------- */

static inline vi vi_set1(int32_t x)
{
    return (vi){vdupq_n_s32(x), vdupq_n_s32(x), vdupq_n_s32(x), vdupq_n_s32(x)};
}

static inline vi vi_zero(void)
{
    return vi_set1(0);
}

static inline vi vi_load(const int32_t *p)
{
    return (vi){vld1q_s32(p), vld1q_s32(p + 4), vld1q_s32(p + 8), vld1q_s32(p + 12)};
}

static inline void vi_store(int32_t *p, vi a)
{
    vst1q_s32(p, a.a);
    vst1q_s32(p + 4, a.b);
    vst1q_s32(p + 8, a.c);
    vst1q_s32(p + 12, a.d);
}

static inline vi vi_add(vi a, vi b)
{
    return V_BOTH(vi, vaddq_s32, a, b);
}

static inline vi vi_sub(vi a, vi b)
{
    return V_BOTH(vi, vsubq_s32, a, b);
}

static inline vi vi_mul(vi a, vi b)
{
    return V_BOTH(vi, vmulq_s32, a, b);
}

static inline vi vi_and(vi a, vi b)
{
    return V_BOTH(vi, vandq_s32, a, b);
}

static inline vi vi_max(vi a, vi b)
{
    return V_BOTH(vi, vmaxq_s32, a, b);
}

#define vi_shl(x, n)                                                                           \
    ((vi){vshlq_n_s32((x).a, n), vshlq_n_s32((x).b, n), vshlq_n_s32((x).c, n),                 \
          vshlq_n_s32((x).d, n)})

static inline void vi_store_i8(void *p, vi a)
{
    const int16x8_t low = vuzp1q_s16(vreinterpretq_s16_s32(a.a), vreinterpretq_s16_s32(a.b));
    const int16x8_t high = vuzp1q_s16(vreinterpretq_s16_s32(a.c), vreinterpretq_s16_s32(a.d));
    vst1q_s8(p, vuzp1q_s8(vreinterpretq_s8_s16(low), vreinterpretq_s8_s16(high)));
}

static inline int32_t vi_largest(vi a)
{
    return vmaxvq_s32(vmaxq_s32(vmaxq_s32(a.a, a.b), vmaxq_s32(a.c, a.d)));
}

/* Four sums of four lanes each. */
static inline int32x4_t fold_lanes(vi a)
{
    return vaddq_s32(vaddq_s32(a.a, a.b), vaddq_s32(a.c, a.d));
}

static inline void vi_sum4(int32_t *out, vi a, vi b, vi c, vi d)
{
    vst1q_s32(out, vpaddq_s32(vpaddq_s32(fold_lanes(a), fold_lanes(b)),
                              vpaddq_s32(fold_lanes(c), fold_lanes(d))));
}

/* ---- between the two --------------------------------------------------------------------- */

static inline vi vi_round(vf a)
{
    return V_EACH(vi, vcvtnq_s32_f32, a);
}

static inline vi vi_bits(vf a)
{
    return V_EACH(vi, vreinterpretq_s32_f32, a);
}

static inline vf vf_bits(vi a)
{
    return V_EACH(vf, vreinterpretq_f32_s32, a);
}

/* ---- bytes ------------------------------------------------------------------------------- */

static inline vb vb_load(const void *p)
{
    const uint8_t *const bytes = p;
    return (vb){vld1q_u8(bytes), vld1q_u8(bytes + 16), vld1q_u8(bytes + 32),
                vld1q_u8(bytes + 48)};
}

static inline vb vb_set1(uint8_t x)
{
    return (vb){vdupq_n_u8(x), vdupq_n_u8(x), vdupq_n_u8(x), vdupq_n_u8(x)};
}

static inline vb vb_and(vb a, vb b)
{
    return V_BOTH(vb, vandq_u8, a, b);
}

static inline vb vb_or(vb a, vb b)
{
    return V_BOTH(vb, vorrq_u8, a, b);
}

static inline vb vb_xor(vb a, vb b)
{
    return V_BOTH(vb, veorq_u8, a, b);
}

/* There is no shift to the right by nothing. */
#define SHIFT_RIGHT(x, n) ((n) ? vshrq_n_u8(x, (n) ? (n) : 1) : (x))

#define vb_bits(x, n, mask)                                                                    \
    vb_and((vb){SHIFT_RIGHT((x).a, n), SHIFT_RIGHT((x).b, n), SHIFT_RIGHT((x).c, n),           \
                SHIFT_RIGHT((x).d, n)},                                                        \
           vb_set1(mask))
#define vb_lift(x, n, mask)                                                                    \
    ((vb){vshlq_n_u8(vandq_u8((x).a, vdupq_n_u8(mask)), n),                                    \
          vshlq_n_u8(vandq_u8((x).b, vdupq_n_u8(mask)), n),                                    \
          vshlq_n_u8(vandq_u8((x).c, vdupq_n_u8(mask)), n),                                    \
          vshlq_n_u8(vandq_u8((x).d, vdupq_n_u8(mask)), n)})

static inline vb vb_low(vb a)
{
    return vb_and(a, vb_set1(15));
}

static inline vb vb_high(vb a)
{
    return (vb){vshrq_n_u8(a.a, 4), vshrq_n_u8(a.b, 4), vshrq_n_u8(a.c, 4), vshrq_n_u8(a.d, 4)};
}

static inline vi vi_from_vb(vb a)
{
    return V_EACH(vi, vreinterpretq_s32_u8, a);
}

static inline vb vb_from_vi(vi a)
{
    return V_EACH(vb, vreinterpretq_u8_s32, a);
}

#endif
#endif
