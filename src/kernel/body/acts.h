/* acts.h - a token's values as whole numbers: the quantization of kernel.h, 16 lanes wide. */
#ifndef BNT_KERNEL_BODY_ACTS_H
#define BNT_KERNEL_BODY_ACTS_H
#include <math.h>

#include "base/f16.h"
#include "kernel/kernel.h"
#ifdef BNT_LANES

/* The bits of the largest |x|; n is a multiple of 32. */
static inline uint32_t largest_bits(const float *x, uint32_t n)
{
    const vi mask = vi_set1(0x7FFFFFFF);
    vi a = vi_zero(), b = a;
    for (uint32_t i = 0; i < n; i += 32) {
        a = vi_max(a, vi_and(vi_bits(vf_load(x + i)), mask));
        b = vi_max(b, vi_and(vi_bits(vf_load(x + i + 16)), mask));
    }
    return (uint32_t)vi_largest(vi_max(a, b));
}

/* 16 codes. */
static inline vi put_codes(const float *x, vf factor, int8_t *q)
{
    const vi codes = vi_round(vf_mul(vf_load(x), factor));
    vi_store_i8(q, codes);
    return codes;
}

/* The codes of one block, and their sums; n is a multiple of 32. */
static inline void put_block(const float *x, uint32_t n, float factor, int8_t *q,
                             int32_t *sum32, int32_t *sum16)
{
    const vf f = vf_set1(factor);
    int32_t sums[4];
    uint32_t i = 0;
    for (; i + 64 <= n; i += 64) {
        const vi a = put_codes(x + i, f, q + i), b = put_codes(x + i + 16, f, q + i + 16);
        const vi c = put_codes(x + i + 32, f, q + i + 32);
        vi_sum4(sums, a, b, c, put_codes(x + i + 48, f, q + i + 48));
        memcpy(sum16 + i / 16, sums, sizeof sums);
        sum32[i / 32] = sums[0] + sums[1];
        sum32[i / 32 + 1] = sums[2] + sums[3];
    }
    if (i < n) {
        const vi a = put_codes(x + i, f, q + i), b = put_codes(x + i + 16, f, q + i + 16);
        vi_sum4(sums, a, b, a, b);
        memcpy(sum16 + i / 16, sums, sizeof sums / 2);
        sum32[i / 32] = sums[0] + sums[1];
    }
}

static void quantize(const float *x, uint32_t columns, int8_t *q, float *d, int32_t *sum32,
                     int32_t *sum16)
{
    for (uint32_t c = 0; c < columns; c += BNT_TILE_BLOCK, d++) {
        const uint32_t left = columns - c, n = left < BNT_TILE_BLOCK ? left : BNT_TILE_BLOCK;
        const uint32_t bits = largest_bits(x + c, n);
        const float max = bnt_f32_from_bits(bits);
        if (bits >= 0x7F800000u || max < 0x1p-100f) {
            *d = bits >= 0x7F800000u ? NAN : 0.0f;
            memset(q + c, 0, n);
            memset(sum32 + c / 32, 0, n / 32 * sizeof *sum32);
            memset(sum16 + c / 16, 0, n / 16 * sizeof *sum16);
            continue;
        }
        *d = max / 127.0f;
        put_block(x + c, n, 127.0f / max, q + c, sum32 + c / 32, sum16 + c / 16);
    }
    memset(q + columns, 0, bnt_acts_stride(columns) - columns);
}

#endif
#endif
