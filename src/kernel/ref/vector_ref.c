/* vector_ref.c - what is done to one vector of floats, or two: sums, norms, scaling, rounding.
 */
#include <math.h>

#include "base/f16.h"
#include "kernel/ref/ref.h"

float bnt_sum16_ref(float s[16])
{
    for (int half = 8; half > 0; half /= 2) {
        for (int j = 0; j < half; j++) {
            s[j] += s[j + half];
        }
    }
    return s[0];
}

float bnt_dot_f32_ref(const float *a, const float *b, size_t n)
{
    float s[16] = {0};
    for (size_t i = 0; i < n; i++) {
        s[i % 16] = fmaf(a[i], b[i], s[i % 16]);
    }
    return bnt_sum16_ref(s);
}

void bnt_add_f32_ref(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] += x[i];
    }
}

void bnt_scale_f32_ref(float *y, float a, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] *= a;
    }
}

void bnt_blend_f32_ref(float *out, const float *part, float a, float b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = fmaf(part[i], b, out[i] * a);
    }
}

/* Root mean square normalization (Zhang and Sennrich, 2019). */
void bnt_rms_norm_f32_ref(float *out, const float *x, const float *w, size_t n, float eps)
{
    const float mean = bnt_dot_f32_ref(x, x, n) / (float)n;
    const float scale = 1.0f / sqrtf(mean + eps);

    for (size_t i = 0; i < n; i++) {
        out[i] = x[i] * scale * w[i];
    }
}

void bnt_gate_relu_f32_ref(float *out, const float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = (gate[i] > 0.0f ? gate[i] : 0.0f) * up[i];
    }
}

float bnt_max_f32_ref(const float *x, size_t n)
{
    float max = x[0];
    for (size_t i = 1; i < n; i++) {
        if (x[i] > max) max = x[i];
    }
    return max;
}

void bnt_hadamard_f32_ref(float *x, size_t n, float scale)
{
    for (size_t half = 1; half < n; half *= 2) {
        for (size_t i = 0; i < n; i++) {
            if (i & half) continue;
            const float a = x[i], b = x[i + half];
            x[i] = a + b;
            x[i + half] = a - b;
        }
    }
    bnt_scale_f32_ref(x, scale, n);
}

void bnt_f32_to_f16_ref(uint16_t *out, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = bnt_f32_to_f16(x[i]);
    }
}
