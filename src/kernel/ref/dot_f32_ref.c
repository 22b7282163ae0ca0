/* dot_f32_ref.c - dot product and scaled addition. */
#include "kernel/ref/ref.h"

enum { LANES = 16 };

float bnt_sum16_ref(float s[16])
{
    for (int half = LANES / 2; half > 0; half /= 2) {
        for (int j = 0; j < half; j++) {
            s[j] += s[j + half];
        }
    }
    return s[0];
}

float bnt_dot_f32_ref(const float *a, const float *b, size_t n)
{
    float s[LANES] = {0};
    size_t i = 0;

    for (; i + LANES <= n; i += LANES) {
        for (size_t j = 0; j < LANES; j++) {
            s[j] += a[i + j] * b[i + j];
        }
    }
    for (size_t j = 0; i + j < n; j++) {
        s[j] += a[i + j] * b[i + j];
    }
    return bnt_sum16_ref(s);
}

void bnt_axpy_f32_ref(float *y, float scale, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] += scale * x[i];
    }
}
