/* rms_norm_ref.c - root mean square normalization (Zhang and Sennrich, 2019). */
#include <math.h>

#include "kernel/ref/ref.h"

void bnt_rms_norm_f32_ref(float *out, const float *x, const float *w, size_t n, float eps)
{
    const float mean = bnt_dot_f32_ref(x, x, n) / (float)n;
    const float scale = 1.0f / sqrtf(mean + eps);

    for (size_t i = 0; i < n; i++) {
        out[i] = x[i] * scale * w[i];
    }
}
