/* float.c - the types that store each value by itself: F32, F16, BF16.
 *
 * Files are little-endian and promise no alignment, so values are assembled from bytes.
 */
#include "quant/block.h"

static uint16_t get_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static void put_u16(uint8_t *p, uint16_t bits)
{
    p[0] = (uint8_t)bits;
    p[1] = (uint8_t)(bits >> 8);
}

void bnt_f32_decode(const void *src, float *dst, size_t n)
{
    memcpy(dst, src, n * sizeof *dst);
}

void bnt_f32_encode(const float *src, void *dst, size_t n)
{
    memcpy(dst, src, n * sizeof *src);
}

void bnt_f16_decode(const void *src, float *dst, size_t n)
{
    const uint8_t *const p = src;
    for (size_t i = 0; i < n; i++) {
        dst[i] = bnt_f16_to_f32(get_u16(p + 2 * i));
    }
}

void bnt_f16_encode(const float *src, void *dst, size_t n)
{
    uint8_t *const p = dst;
    for (size_t i = 0; i < n; i++) {
        put_u16(p + 2 * i, bnt_f32_to_f16(src[i]));
    }
}

void bnt_bf16_decode(const void *src, float *dst, size_t n)
{
    const uint8_t *const p = src;
    for (size_t i = 0; i < n; i++) {
        dst[i] = bnt_bf16_to_f32(get_u16(p + 2 * i));
    }
}

void bnt_bf16_encode(const float *src, void *dst, size_t n)
{
    uint8_t *const p = dst;
    for (size_t i = 0; i < n; i++) {
        put_u16(p + 2 * i, bnt_f32_to_bf16(src[i]));
    }
}
