/* probe_dotprod.c - the peak of SDOT on 16 bytes. */
#include "kernel/probe.h"

#include <arm_neon.h>

#define STEP(sum) sum = vdotq_s32(sum, x, y)

/* Sixteen sums: latency times ports of the widest cores. */
uint64_t bnt_probe_int8_dotprod(uint32_t n_rounds, uint32_t *sink)
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
        __asm__ volatile("" : "+w"(x)); /* keeps rounds apart */
    }
    a = vaddq_s32(vaddq_s32(vaddq_s32(a, b), vaddq_s32(c, d)),
                  vaddq_s32(vaddq_s32(e, f), vaddq_s32(g, h)));
    i = vaddq_s32(vaddq_s32(vaddq_s32(i, j), vaddq_s32(k, l)),
                  vaddq_s32(vaddq_s32(m, o), vaddq_s32(p, q)));
    *sink = (uint32_t)vaddvq_s32(vaddq_s32(a, i));
    return (uint64_t)n_rounds * 16 * 16 * 2;
}
