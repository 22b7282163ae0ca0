/* exp_lanes.h - bnt_expf for 16 lanes. */
#ifndef BNT_KERNEL_BODY_EXP_LANES_H
#define BNT_KERNEL_BODY_EXP_LANES_H
#include <math.h>

#include "kernel/body/tiles.h"
#include "kernel/kernel.h"
#ifdef BNT_LANES

/* How many vectors go through an exponential together: its steps wait for each other, and that
 * many fill the time. */
#if TILE_WIDE * TILE_DEEP >= 24
enum { EXP_VECTORS = 4 };
#else
enum { EXP_VECTORS = 2 };
#endif
#define EXP_EACH                                                                               \
    TILE_LOOP                                                                                  \
    for (int i = 0; i < n; i++)

/* The operations of bnt_expf in its order, for n vectors, a constant. What lies outside its
 * range is computed like the rest and then replaced; a NaN stays one by itself. below: no x is
 * beyond the range. */
static inline __attribute__((always_inline)) void lanes_exps(vf *x, const int n,
                                                             const bool below)
{
    const vf shifter = vf_set1(12582912.0f); /* 1.5 * 2^23 */
    vf k[EXP_VECTORS], r[EXP_VECTORS], p[EXP_VECTORS];
    EXP_EACH k[i] = vf_mul(x[i], vf_set1(1.44269504f));
    EXP_EACH k[i] = vf_add(k[i], shifter);
    EXP_EACH k[i] = vf_sub(k[i], shifter);
    EXP_EACH r[i] = vf_fma(k[i], vf_set1(-0.693359375f), x[i]);
    EXP_EACH r[i] = vf_fma(k[i], vf_set1(2.12194440e-4f), r[i]);
    EXP_EACH p[i] = vf_fma(vf_set1(1.0f / 5040.0f), r[i], vf_set1(1.0f / 720.0f));
    EXP_EACH p[i] = vf_fma(p[i], r[i], vf_set1(1.0f / 120.0f));
    EXP_EACH p[i] = vf_fma(p[i], r[i], vf_set1(1.0f / 24.0f));
    EXP_EACH p[i] = vf_fma(p[i], r[i], vf_set1(1.0f / 6.0f));
    EXP_EACH p[i] = vf_fma(p[i], r[i], vf_set1(0.5f));
    EXP_EACH p[i] = vf_mul(p[i], r[i]);
    EXP_EACH p[i] = vf_fma(p[i], r[i], r[i]);
    EXP_EACH p[i] = vf_add(p[i], vf_set1(1.0f));
    EXP_EACH p[i] = vf_exp2_scale(p[i], k[i]);
    if (!below) {
        EXP_EACH p[i] = vf_where_gt(x[i], vf_set1(88.7f), vf_set1(INFINITY), p[i]);
    }
    EXP_EACH x[i] = vf_where_gt(vf_set1(-87.3f), x[i], vf_zero(), p[i]);
}

static inline vf lanes_exp(vf x)
{
    lanes_exps(&x, 1, false);
    return x;
}

#endif
#endif
