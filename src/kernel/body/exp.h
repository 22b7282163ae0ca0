/* exp.h - what is made of the exponential, 16 lanes wide: softmax sums and a gate. */
#ifndef BNT_KERNEL_BODY_EXP_H
#define BNT_KERNEL_BODY_EXP_H
#include <math.h>

#include "kernel/body/exp_lanes.h"
#include "kernel/kernel.h"
#ifdef BNT_LANES

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

/* 16 scores from `at` on; outside of what is seen, `outside`. */
static inline vf seen_lanes(bnt_seen seen, uint32_t at, vf scores, vf outside)
{
    const vf x = vf_first(lanes_below(seen.end, at), scores, outside);
    return vf_first(lanes_below(seen.begin, at), outside, x);
}

static inline bool sees_all(bnt_seen seen)
{
    return seen.begin == 0 && seen.end == BNT_CHUNK_POSITIONS;
}

static void softmax_max(const float *s, const bnt_seen *seen, uint32_t n, bnt_softmax *out)
{
    const vf lowest = vf_set1(-INFINITY);
    for (uint32_t i = 0; i < n; i++, s += BNT_CHUNK_POSITIONS) {
        const bool all = sees_all(seen[i]);
        vf m = lowest;
        for (uint32_t at = 0; at < BNT_CHUNK_POSITIONS; at += 16) {
            const vf x = vf_load(s + at);
            m = vf_max(all ? x : seen_lanes(seen[i], at, x, lowest), m);
        }
        out[i].max = vf_largest(m);
    }
}

static void softmax_exp(float *s, uint32_t n, const bnt_softmax *out)
{
    for (uint32_t i = 0; i < n; i++, s += BNT_CHUNK_POSITIONS) {
        const vf max = vf_set1(out[i].max);
        for (int half = 0; half < BNT_CHUNK_POSITIONS; half += 16 * EXP_VECTORS) {
            vf x[EXP_VECTORS];
            TILE_LOOP
            for (int v = 0; v < EXP_VECTORS; v++) {
                x[v] = vf_sub(vf_load(s + half + 16 * v), max);
            }
            lanes_exps(x, EXP_VECTORS, true);
            TILE_LOOP
            for (int v = 0; v < EXP_VECTORS; v++) {
                vf_store(s + half + 16 * v, x[v]);
            }
        }
    }
}

static void softmax_sum(float *s, const bnt_seen *seen, uint32_t n, bnt_softmax *out)
{
    for (uint32_t i = 0; i < n; i++, s += BNT_CHUNK_POSITIONS) {
        const bool all = sees_all(seen[i]);
        vf total = vf_zero();
        for (uint32_t at = 0; at < BNT_CHUNK_POSITIONS; at += 16) {
            vf x = vf_load(s + at);
            if (!all) {
                x = seen_lanes(seen[i], at, x, vf_zero());
                vf_store(s + at, x);
            }
            total = vf_add(total, x);
        }
        out[i].sum = vf_sum(total);
    }
}

/* The steps of a row wait for each other, but one step of many rows does not. */
static void softmax64(float *s, const bnt_seen *seen, uint32_t n, bnt_softmax *out)
{
    softmax_max(s, seen, n, out);
    softmax_exp(s, n, out);
    softmax_sum(s, seen, n, out);
}

static inline vf silu_times(vf gate, vf exp_neg, vf up)
{
    return vf_mul(vf_div(gate, vf_add(vf_set1(1.0f), exp_neg)), up);
}

/* Two vectors at a time: calls are for a panel's 32 rows. */
static void gate_silu_f32(float *out, const float *gate, const float *up, size_t n)
{
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        vf x[2] = {vf_neg(vf_load(gate + i)), vf_neg(vf_load(gate + i + 16))};
        lanes_exps(x, 2, false);
        const vf a = silu_times(vf_load(gate + i), x[0], vf_load(up + i));
        const vf b = silu_times(vf_load(gate + i + 16), x[1], vf_load(up + i + 16));
        vf_store(out + i, a);
        vf_store(out + i + 16, b);
    }
    for (; i < n; i += 16) {
        const size_t left = n - i < 16 ? n - i : 16;
        const vf x = vf_load_n(gate + i, left);
        const vf y = silu_times(x, lanes_exp(vf_neg(x)), vf_load_n(up + i, left));
        vf_store_n(out + i, y, left);
    }
}

#endif
#endif
