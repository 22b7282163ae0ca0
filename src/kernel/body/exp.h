/* exp.h - bnt_expf for 16 lanes, and what is made of it: softmax sums and a gate. */
#ifndef BNT_KERNEL_BODY_EXP_H
#define BNT_KERNEL_BODY_EXP_H
#include <math.h>

#include "kernel/kernel.h"
#ifdef BNT_LANES

/* The operations of bnt_expf in its order. What lies outside its range is computed like the
 * rest and then replaced; a NaN stays one by itself. */
static inline vf lanes_exp(vf x)
{
    const vf shifter = vf_set1(12582912.0f); /* 1.5 * 2^23 */
    const vf k = vf_sub(vf_add(vf_mul(x, vf_set1(1.44269504f)), shifter), shifter);
    vf r = vf_fma(k, vf_set1(-0.693359375f), x);
    r = vf_fma(k, vf_set1(2.12194440e-4f), r);

    vf p = vf_set1(1.0f / 5040.0f);
    p = vf_fma(p, r, vf_set1(1.0f / 720.0f));
    p = vf_fma(p, r, vf_set1(1.0f / 120.0f));
    p = vf_fma(p, r, vf_set1(1.0f / 24.0f));
    p = vf_fma(p, r, vf_set1(1.0f / 6.0f));
    p = vf_fma(p, r, vf_set1(0.5f));
    p = vf_fma(vf_mul(p, r), r, r);
    p = vf_add(p, vf_set1(1.0f));

    p = vf_exp2_scale(p, k);
    p = vf_where_gt(x, vf_set1(88.7f), vf_set1(INFINITY), p);
    return vf_where_gt(vf_set1(-87.3f), x, vf_zero(), p);
}

static float exp_sum_f32(float *x, float max, size_t n)
{
    const vf m = vf_set1(max);
    vf s = vf_zero();
    for (; n >= 16; n -= 16, x += 16) {
        const vf e = lanes_exp(vf_sub(vf_load(x), m));
        vf_store(x, e);
        s = vf_add(s, e);
    }
    if (n) {
        const vf e = lanes_exp(vf_sub(vf_load_n(x, n), m));
        vf_store_n(x, e, n);
        s = vf_first(n, vf_add(s, e), s);
    }
    return vf_sum(s);
}

/* The numbers of lanes of 16 positions from `at` on that lie below `end`. */
static inline size_t lanes_below(uint32_t end, uint32_t at)
{
    if (end <= at) return 0;
    return end - at < 16 ? end - at : 16;
}

static void softmax64(float *s, uint32_t begin, uint32_t end, float *max, float *sum)
{
    const vf lowest = vf_set1(-INFINITY);
    vf m = lowest, total = vf_zero();
    for (uint32_t i = 0; i < BNT_CHUNK_POSITIONS; i += 16) {
        const vf x = vf_first(lanes_below(end, i), vf_load(s + i), lowest);
        m = vf_max(vf_first(lanes_below(begin, i), lowest, x), m);
    }
    *max = vf_largest(m);
    m = vf_set1(*max);
    for (uint32_t i = 0; i < BNT_CHUNK_POSITIONS; i += 16) {
        const vf e = lanes_exp(vf_sub(vf_load(s + i), m));
        const vf x = vf_first(lanes_below(end, i), e, vf_zero());
        const vf p = vf_first(lanes_below(begin, i), vf_zero(), x);
        vf_store(s + i, p);
        total = vf_add(total, p);
    }
    *sum = vf_sum(total);
}

static inline vf silu_times(vf gate, vf up)
{
    const vf below = vf_add(vf_set1(1.0f), lanes_exp(vf_neg(gate)));
    return vf_mul(vf_div(gate, below), up);
}

static void gate_silu_f32(float *out, const float *gate, const float *up, size_t n)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        vf_store(out + i, silu_times(vf_load(gate + i), vf_load(up + i)));
    }
    if (i < n) {
        const size_t left = n - i;
        const vf y = silu_times(vf_load_n(gate + i, left), vf_load_n(up + i, left));
        vf_store_n(out + i, y, left);
    }
}

#endif
#endif
