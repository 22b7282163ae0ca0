/* kernel.h - the inner loops, and the contract every version of one keeps.
 *
 * Order of sums. A dot product over n values keeps 16 partial sums: value i is added to sum
 * i mod 16, in order of i, product rounded before it is added (no fused multiply-add). The
 * partial sums s are added as a tree: s[j] += s[j + 8], then + 4, + 2, + 1. The order does not
 * depend on how many rows or tokens are computed together, so neither do the bits.
 *
 * Quantized rows are decoded to float, block by block, before they enter a sum.
 *
 * Kernels know no threads and no memory. Pointers need no more than their type's alignment.
 */
#ifndef BNT_KERNEL_KERNEL_H
#define BNT_KERNEL_KERNEL_H
#include "quant/tensor.h"

typedef struct bnt_kernels {
    const char *name; /* "ref" */

    /* sum of a[i] * b[i] for i in [0, n), in the order stated above. */
    float (*dot_f32)(const float *a, const float *b, size_t n);

    /* y[i] += scale * x[i], product rounded first. */
    void (*axpy_f32)(float *y, float scale, const float *x, size_t n);

    /* out[i] = x[i] / sqrt(mean(x^2) + eps) * w[i]; the mean by dot_f32's order. out may be x.
     */
    void (*rms_norm_f32)(float *out, const float *x, const float *w, size_t n, float eps);

    /* out[i] = act(gate[i]) * up[i]. silu(x) = x / (1 + exp(-x)) with bnt_expf. */
    void (*gate_silu_f32)(float *out, const float *gate, const float *up, size_t n);
    void (*gate_relu_f32)(float *out, const float *gate, const float *up, size_t n);

    /* x[i] = exp(x[i] - max); returns their sum in dot_f32's order. */
    float (*exp_sum_f32)(float *x, float max, size_t n);

    /* Rotates pairs of one head: x[a], x[b] = x[a] c - x[b] s, x[a] s + x[b] c, products
     * rounded first, for the n / 2 pairs. adjacent: a = 2i, b = 2i + 1; halves: a = i, b = i +
     * n / 2. */
    void (*rope_adjacent_f32)(float *x, const float *cos, const float *sin, size_t n);
    void (*rope_halves_f32)(float *x, const float *cos, const float *sin, size_t n);
} bnt_kernels;

/* Fills in the table with the best versions that flags (of base/cpu.h) allow; C for flags 0. */
void bnt_kernels_init(bnt_kernels *k, unsigned flags);

/* exp(x) in float: relative error at most 2 ulp over the range where the result is normal, 0
 * below -87.3 and +infinity above 88.7; NaN gives NaN. The same bits on every system. */
float bnt_expf(float x);

#endif
