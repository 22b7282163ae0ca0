/* probe_neon.c - the peak of the baseline: SMULL, SMLAL2 and SADALP for whole numbers, FMLA for
 * floats. */
#include "kernel/probe.h"

#include <arm_neon.h>

#define STEP(sum)                                                                              \
    do {                                                                                       \
        __asm__ volatile("" : "+w"(x));                                                        \
        const int16x8_t low = vmull_s8(vget_low_s8(x), vget_low_s8(y));                        \
        sum = vpadalq_s16(sum, vmlal_high_s8(low, x, y));                                      \
    } while (0)

/* The barrier makes an operand new to the compiler, which else computes a product once. */
uint64_t bnt_probe_int8_neon(uint32_t n_rounds, uint32_t *sink)
{
    int8x16_t x = vdupq_n_s8(3), y = vdupq_n_s8(-2);
    int32x4_t a = vdupq_n_s32(0), b = vdupq_n_s32(1), c = vdupq_n_s32(2), d = vdupq_n_s32(3),
              e = vdupq_n_s32(4), f = vdupq_n_s32(5), g = vdupq_n_s32(6), h = vdupq_n_s32(7),
              i = vdupq_n_s32(8), j = vdupq_n_s32(9), k = vdupq_n_s32(10), l = vdupq_n_s32(11),
              m = vdupq_n_s32(12), q = vdupq_n_s32(13), o = vdupq_n_s32(14),
              p = vdupq_n_s32(15);
    __asm__ volatile("" : "+w"(x), "+w"(y));
    for (uint32_t n = 0; n < n_rounds; n++) {
        STEP(a);
        STEP(b);
        STEP(c);
        STEP(d);
        STEP(e);
        STEP(f);
        STEP(g);
        STEP(h);
        STEP(i);
        STEP(j);
        STEP(k);
        STEP(l);
        STEP(m);
        STEP(q);
        STEP(o);
        STEP(p);
    }
    a = vaddq_s32(vaddq_s32(vaddq_s32(a, b), vaddq_s32(c, d)),
                  vaddq_s32(vaddq_s32(e, f), vaddq_s32(g, h)));
    i = vaddq_s32(vaddq_s32(vaddq_s32(i, j), vaddq_s32(k, l)),
                  vaddq_s32(vaddq_s32(m, o), vaddq_s32(p, q)));
    *sink = (uint32_t)vaddvq_s32(vaddq_s32(a, i));
    return (uint64_t)n_rounds * 16 * 16 * 2;
}

#define FMA(sum) sum = vfmaq_f32(sum, x, y)

/* Sixteen sums: latency times ports of the widest cores. */
uint64_t bnt_probe_fp32_neon(uint32_t n_rounds, uint32_t *sink)
{
    float32x4_t x = vdupq_n_f32(0.5f), y = vdupq_n_f32(0x1p-20f);
    float32x4_t a = vdupq_n_f32(0.0f), b = vdupq_n_f32(1.0f), c = vdupq_n_f32(2.0f),
                d = vdupq_n_f32(3.0f), e = vdupq_n_f32(4.0f), f = vdupq_n_f32(5.0f),
                g = vdupq_n_f32(6.0f), h = vdupq_n_f32(7.0f), i = vdupq_n_f32(8.0f),
                j = vdupq_n_f32(9.0f), k = vdupq_n_f32(10.0f), l = vdupq_n_f32(11.0f),
                m = vdupq_n_f32(12.0f), o = vdupq_n_f32(13.0f), p = vdupq_n_f32(14.0f),
                q = vdupq_n_f32(15.0f);
    __asm__ volatile("" : "+w"(x), "+w"(y));
    for (uint32_t n = 0; n < n_rounds; n++) {
        FMA(a);
        FMA(b);
        FMA(c);
        FMA(d);
        FMA(e);
        FMA(f);
        FMA(g);
        FMA(h);
        FMA(i);
        FMA(j);
        FMA(k);
        FMA(l);
        FMA(m);
        FMA(o);
        FMA(p);
        FMA(q);
        __asm__ volatile("" : "+w"(x)); /* keeps rounds apart */
    }
    a = vaddq_f32(vaddq_f32(vaddq_f32(a, b), vaddq_f32(c, d)),
                  vaddq_f32(vaddq_f32(e, f), vaddq_f32(g, h)));
    i = vaddq_f32(vaddq_f32(vaddq_f32(i, j), vaddq_f32(k, l)),
                  vaddq_f32(vaddq_f32(m, o), vaddq_f32(p, q)));
    *sink = (uint32_t)vaddvq_f32(vaddq_f32(a, i));
    return (uint64_t)n_rounds * 16 * 4 * 2;
}
