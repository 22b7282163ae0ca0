/* rope_ref.c - rotary position embedding of one head (Su et al., 2021), both pairings. */
#include <math.h>

#include "kernel/ref/ref.h"

static void rotate(float *a, float *b, float cos, float sin)
{
    const float x = *a, y = *b;
    *a = fmaf(-y, sin, x * cos);
    *b = fmaf(x, sin, y * cos);
}

void bnt_rope_adjacent_f32_ref(float *x, const float *cos, const float *sin, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        rotate(&x[2 * i], &x[2 * i + 1], cos[i], sin[i]);
    }
}

void bnt_rope_halves_f32_ref(float *x, const float *cos, const float *sin, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        rotate(&x[i], &x[i + n / 2], cos[i], sin[i]);
    }
}
