/* learn_ref.c - the inner loops of training in plain C, one operation after the other in the
 * order that learn.h states.
 */
#include "kernel/ref/learn_ref.h"

#include <math.h>
#include <string.h>

#include "kernel/ref/ref.h"

enum { ROWS = 4, COLUMNS = 16 }; /* of a tile */

static void matmul(const float *a, const float *b, size_t k, float *c, size_t c_stride,
                   uint32_t m, uint32_t n, bool add)
{
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            float sum = add ? c[i * c_stride + j] : 0.0f;
            for (size_t s = 0; s < k; s++) {
                sum = fmaf(a[s * ROWS + i], b[s * COLUMNS + j], sum);
            }
            c[i * c_stride + j] = sum;
        }
    }
}

static void pack(float *out, const float *x, size_t stride, size_t n, size_t k, bool turned,
                 size_t width)
{
    for (size_t first = 0; first < n; first += width) {
        for (size_t s = 0; s < k; s++) {
            for (size_t i = first; i < first + width; i++) {
                *out++ = i >= n ? 0.0f : turned ? x[i * stride + s] : x[s * stride + i];
            }
        }
    }
}

static void pack_a(float *out, const float *x, size_t stride, size_t n, size_t k, bool turned)
{
    pack(out, x, stride, n, k, turned, ROWS);
}

static void pack_b(float *out, const float *x, size_t stride, size_t n, size_t k, bool turned)
{
    pack(out, x, stride, n, k, turned, COLUMNS);
}

static void gate_silu_grad(float *d_gate, float *d_up, const float *dh, const float *gate,
                           const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const float g = gate[i], h = dh[i], u = up[i];
        const float s = 1.0f / (1.0f + bnt_expf(-g));
        d_up[i] = h * (g * s);
        d_gate[i] = (h * u) * (s * fmaf(g, 1.0f - s, 1.0f));
    }
}

static void gate_relu_grad(float *d_gate, float *d_up, const float *dh, const float *gate,
                           const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const float g = gate[i], h = dh[i], u = up[i];
        d_up[i] = g > 0.0f ? h * g : 0.0f;
        d_gate[i] = g > 0.0f ? h * u : 0.0f;
    }
}

static float norm_scale(const float *x, size_t n, float eps)
{
    const float mean = bnt_dot_f32_ref(x, x, n) / (float)n;
    return 1.0f / sqrtf(mean + eps);
}

static void rms_norm_grad(float *dx, const float *x, const float *w, const float *dy, size_t n,
                          float eps)
{
    const float scale = norm_scale(x, n, eps);
    float s[16] = {0};
    for (size_t i = 0; i < n; i++) {
        s[i % 16] = fmaf(dy[i] * w[i], x[i], s[i % 16]);
    }
    const float c = bnt_sum16_ref(s) * scale * scale * scale / (float)n;
    for (size_t i = 0; i < n; i++) {
        dx[i] = fmaf(-c, x[i], fmaf(dy[i] * w[i], scale, dx[i]));
    }
}

static void rms_norm_weight_grad(float *dw, const float *x, const float *dy, size_t n,
                                 float eps)
{
    const float scale = norm_scale(x, n, eps);
    for (size_t i = 0; i < n; i++) {
        dw[i] = fmaf(dy[i], x[i] * scale, dw[i]);
    }
}

static void softmax_grad(float *dp, const float *p, float scale, size_t n)
{
    const float g = bnt_dot_f32_ref(p, dp, n);
    for (size_t i = 0; i < n; i++) {
        dp[i] = (p[i] * (dp[i] - g)) * scale;
    }
}

static void adamw(float *w, float *m, float *v, const float *gradient, size_t n,
                  const bnt_adamw *step)
{
    const float rest1 = 1.0f - step->beta1, rest2 = 1.0f - step->beta2;
    const float decay = step->rate * step->decay;
    for (size_t i = 0; i < n; i++) {
        const float g = gradient[i] * step->grad_scale;
        m[i] = fmaf(rest1, g, step->beta1 * m[i]);
        v[i] = fmaf(rest2 * g, g, step->beta2 * v[i]);
        const float u = (m[i] * step->unbias1) / (sqrtf(v[i] * step->unbias2) + step->epsilon);
        w[i] = fmaf(-step->rate, u, w[i] - decay * w[i]);
    }
}

static float square_sum(const float *x, size_t n)
{
    return bnt_dot_f32_ref(x, x, n);
}

void bnt_learn_ref(bnt_learn_kernels *k)
{
    *k = (bnt_learn_kernels){
        .name = "ref",
        .matmul = matmul,
        .matmul_rows = ROWS,
        .matmul_columns = COLUMNS,
        .pack_a = pack_a,
        .pack_b = pack_b,
        .gate_silu_grad = gate_silu_grad,
        .gate_relu_grad = gate_relu_grad,
        .rms_norm_grad = rms_norm_grad,
        .rms_norm_weight_grad = rms_norm_weight_grad,
        .softmax_grad = softmax_grad,
        .adamw = adamw,
        .square_sum = square_sum,
    };
}
