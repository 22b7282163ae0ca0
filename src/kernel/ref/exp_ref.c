/* exp_ref.c - the exponential, and what is made of it: softmax sums and gates.
 *
 * exp(x) = 2^k exp(r) with k = round(x / ln 2) and |r| <= ln 2 / 2 (Cody and Waite: ln 2 is
 * subtracted in two parts, the first exact for every k here). exp(r) is a polynomial of degree
 * 6 whose error is below 2^-26 on that range. No fused multiply-add and no library call, so
 * every system computes the same bits.
 */
#include "base/f16.h"
#include "kernel/kernel.h"
#include "kernel/ref/ref.h"

float bnt_expf(float x)
{
    if (x > 88.7f) return bnt_f32_from_bits(0x7F800000u); /* infinity */
    if (x < -87.3f) return 0.0f;
    if (x != x) return x;

    /* Adding and taking away 1.5 * 2^23 rounds to the nearest whole number. */
    const float shifter = 12582912.0f;
    const float k = (x * 1.44269504f + shifter) - shifter;
    const float r = (x - k * 0.693359375f) - k * -2.12194440e-4f;

    float p = 1.0f / 5040.0f;
    p = p * r + 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r * r + r + 1.0f;

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

void bnt_gate_silu_f32_ref(float *out, const float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = gate[i] / (1.0f + bnt_expf(-gate[i])) * up[i];
    }
}

void bnt_gate_relu_f32_ref(float *out, const float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = (gate[i] > 0.0f ? gate[i] : 0.0f) * up[i];
    }
}
