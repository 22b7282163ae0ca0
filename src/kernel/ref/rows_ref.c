/* rows_ref.c - rows of plain floats, whole or half, times tokens of floats. */
#include <math.h>

#include "base/f16.h"
#include "kernel/ref/ref.h"

/* Weight i of a row, of any alignment. */
typedef float (*weight_fn)(const uint8_t *row, size_t i);

static float weight_f32(const uint8_t *row, size_t i)
{
    float w;
    memcpy(&w, row + 4 * i, sizeof w);
    return w;
}

static uint16_t bits16(const uint8_t *row, size_t i)
{
    uint16_t bits;
    memcpy(&bits, row + 2 * i, sizeof bits);
    return bits;
}

static float weight_f16(const uint8_t *row, size_t i)
{
    return bnt_f16_to_f32(bits16(row, i));
}

static float weight_bf16(const uint8_t *row, size_t i)
{
    return bnt_bf16_to_f32(bits16(row, i));
}

static float dot_row(weight_fn weight, const uint8_t *row, const float *x, size_t n)
{
    float s[16] = {0};
    for (size_t i = 0; i < n; i++) {
        s[i % 16] = fmaf(weight(row, i), x[i], s[i % 16]);
    }
    return bnt_sum16_ref(s);
}

static void multiply(weight_fn weight, const bnt_rows *w, const float *x, size_t x_stride,
                     uint32_t n_tokens, float *y, size_t y_stride)
{
    for (uint32_t r = 0; r < w->n_rows; r++) {
        const uint8_t *const row = w->data + r * w->row_bytes;
        for (uint32_t t = 0; t < n_tokens; t++) {
            y[t * y_stride + r] = dot_row(weight, row, x + t * x_stride, w->columns);
        }
    }
}

void bnt_rows_f32_ref(const bnt_rows *w, const float *x, size_t x_stride, uint32_t n_tokens,
                      float *y, size_t y_stride)
{
    multiply(weight_f32, w, x, x_stride, n_tokens, y, y_stride);
}

void bnt_rows_f16_ref(const bnt_rows *w, const float *x, size_t x_stride, uint32_t n_tokens,
                      float *y, size_t y_stride)
{
    multiply(weight_f16, w, x, x_stride, n_tokens, y, y_stride);
}

void bnt_rows_bf16_ref(const bnt_rows *w, const float *x, size_t x_stride, uint32_t n_tokens,
                       float *y, size_t y_stride)
{
    multiply(weight_bf16, w, x, x_stride, n_tokens, y, y_stride);
}
