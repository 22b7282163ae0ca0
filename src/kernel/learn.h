/* learn.h - the inner loops of training, and the contract every version of one keeps.
 *
 * As in kernel.h all versions give the same bits: the order of every sum is fixed here, a
 * multiply-add that is written fma rounds once. Buffers are float-aligned and are read and
 * written exactly where stated; sizes may be 0 unless said otherwise.
 */
#ifndef BNT_KERNEL_LEARN_H
#define BNT_KERNEL_LEARN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BNT_MAX_MATMUL_ROWS = 16, BNT_MAX_MATMUL_COLUMNS = 64 };

/* One step of AdamW (Loshchilov and Hutter, arXiv 1711.05101), the same for all weights. */
typedef struct bnt_adamw {
    float rate;             /* of this step */
    float beta1, beta2;     /* of the two averages */
    float epsilon, decay;   /* decay: rate * decay * w is taken away */
    float unbias1, unbias2; /* 1 / (1 - beta^step), in double, rounded to float */
    float grad_scale;       /* gradients are multiplied by it first: clipping */
} bnt_adamw;

typedef struct bnt_learn_kernels {
    const char *name; /* of the set in use: "ref", "avx2", ... */

    /* A tile of C = A B. a holds matmul_rows values for each of k steps, b matmul_columns of
     * them: a[s * matmul_rows + i] and b[s * matmul_columns + j], padding finite; b is
     * 64-aligned. For i < m <= matmul_rows and j < n <= matmul_columns:
     *
     *   c[i * c_stride + j] = fma(a[s][i], b[s][j], c[i][j]) for s = 0 ... k - 1 in order
     *
     * beginning with c as it is where add, else with 0. So a product may be cut along k
     * without changing a bit. */
    void (*matmul)(const float *a, const float *b, size_t k, float *c, size_t c_stride,
                   uint32_t m, uint32_t n, bool add);
    uint32_t matmul_rows, matmul_columns;

    /* Writes such operands, panels of them one after the other, from a matrix whose rows are
     * stride floats apart. With width = matmul_rows for pack_a, matmul_columns for pack_b, out
     * is (ceil(n / width), k, width), and for s < k and i < n
     *
     *   out[i / width][s][i % width] = x[s * stride + i], or x[i * stride + s] where turned
     *
     * The rest of the last panel is +0. */
    void (*pack_a)(float *out, const float *x, size_t stride, size_t n, size_t k, bool turned);
    void (*pack_b)(float *out, const float *x, size_t stride, size_t n, size_t k, bool turned);

    /* What the gate h = act(gate) * up gives back, s = 1 / (1 + exp(-gate)), exp = bnt_expf:
     *   silu:  up' = dh * (gate * s);   gate' = (dh * up) * (s * fma(gate, 1 - s, 1))
     *   relu:  gate > 0: up' = dh * gate, gate' = dh * up; else both 0
     * d_gate and d_up are written; either may be dh, gate or up. */
    void (*gate_silu_grad)(float *d_gate, float *d_up, const float *dh, const float *gate,
                           const float *up, size_t n);
    void (*gate_relu_grad)(float *d_gate, float *d_up, const float *dh, const float *gate,
                           const float *up, size_t n);

    /* What one row y = (x * scale) * w of rms_norm_f32 gives back to x, scale as there:
     *   g = dot_f32 of dy[i] * w[i] and x[i];  c = g * scale * scale * scale / n
     *   dx[i] = fma(-c, x[i], fma(dy[i] * w[i], scale, dx[i]))
     * and to w:
     *   dw[i] = fma(dy[i], x[i] * scale, dw[i]). */
    void (*rms_norm_grad)(float *dx, const float *x, const float *w, const float *dy, size_t n,
                          float eps);
    void (*rms_norm_weight_grad)(float *dw, const float *x, const float *dy, size_t n,
                                 float eps);

    /* What probabilities p = softmax(scale * s) give back to s, in place of what came to p:
     *   g = dot_f32 of p and dp;  dp[i] = (p[i] * (dp[i] - g)) * scale. */
    void (*softmax_grad)(float *dp, const float *p, float scale, size_t n);

    /* One step for n weights, g = gradient * grad_scale:
     *   m = fma(1 - beta1, g, beta1 * m);   v = fma((1 - beta2) * g, g, beta2 * v)
     *   u = (m * unbias1) / (sqrt(v * unbias2) + epsilon)
     *   w = fma(-rate, u, w - (rate * decay) * w). */
    void (*adamw)(float *w, float *m, float *v, const float *gradient, size_t n,
                  const bnt_adamw *step);

    /* The sum of squares as dot_f32 adds. */
    float (*square_sum)(const float *x, size_t n);
} bnt_learn_kernels;

/* Fills in the table with the best versions that flags (of base/cpu.h) allow; C for flags 0. */
void bnt_learn_kernels_init(bnt_learn_kernels *k, unsigned flags);

#endif
