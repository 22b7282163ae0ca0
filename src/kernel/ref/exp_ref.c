/* exp_ref.c - the exponential, and what is made of it: softmax sums and a gate.
 *
 * exp(x) = 2^k exp(r) with k = round(x / ln 2) and |r| <= ln 2 / 2 (Cody and Waite: ln 2 is
 * subtracted in two parts, the first exact for every k here). exp(r) is its Taylor polynomial
 * of degree 7, whose error is below 2^-27 on that range. No library call but fmaf, which rounds
 * once everywhere, so every system computes the same bits.
 */
#include <math.h>

#include "base/f16.h"
#include "kernel/ref/ref.h"

float bnt_expf(float x)
{
    if (x > 88.7f) return bnt_f32_from_bits(0x7F800000u); /* infinity */
    if (x < -87.3f) return 0.0f;
    if (x != x) return x;

    /* Adding and taking away 1.5 * 2^23 rounds to the nearest whole number. */
    const float shifter = 12582912.0f;
    const float k = (x * 1.44269504f + shifter) - shifter;
    float r = fmaf(k, -0.693359375f, x);
    r = fmaf(k, 2.12194440e-4f, r);

    float p = 1.0f / 5040.0f;
    p = fmaf(p, r, 1.0f / 720.0f);
    p = fmaf(p, r, 1.0f / 120.0f);
    p = fmaf(p, r, 1.0f / 24.0f);
    p = fmaf(p, r, 1.0f / 6.0f);
    p = fmaf(p, r, 0.5f);
    p = fmaf(p * r, r, r);
    p = p + 1.0f;

    /* k is -126 to 128: 2^k in two factors, so that 2^128 does not become infinity too early.
     */
    const int exponent = (int)k, part = exponent / 2;
    const float scale = bnt_f32_from_bits((uint32_t)(part + 127) << 23);
    const float rest = bnt_f32_from_bits((uint32_t)(exponent - part + 127) << 23);
    return p * scale * rest;
}

float bnt_exp_sum_f32_ref(float *x, float max, size_t n)
{
    float s[16] = {0};
    for (size_t i = 0; i < n; i++) {
        x[i] = bnt_expf(x[i] - max);
        s[i % 16] += x[i];
    }
    return bnt_sum16_ref(s);
}

static bnt_softmax softmax_row(float *s, bnt_seen seen)
{
    float partial[16] = {0};
    const bool some = seen.begin < seen.end;
    const float max = some ? bnt_max_f32_ref(s + seen.begin, seen.end - seen.begin) : -INFINITY;
    for (uint32_t i = 0; i < BNT_CHUNK_POSITIONS; i++) {
        s[i] = i >= seen.begin && i < seen.end ? bnt_expf(s[i] - max) : 0.0f;
        partial[i % 16] += s[i];
    }
    return (bnt_softmax){max, bnt_sum16_ref(partial)};
}

void bnt_softmax64_ref(float *s, const bnt_seen *seen, uint32_t n, bnt_softmax *out)
{
    for (uint32_t i = 0; i < n; i++) {
        out[i] = softmax_row(s + (size_t)i * BNT_CHUNK_POSITIONS, seen[i]);
    }
}

void bnt_gate_silu_f32_ref(float *out, const float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = gate[i] / (1.0f + bnt_expf(-gate[i])) * up[i];
    }
}
