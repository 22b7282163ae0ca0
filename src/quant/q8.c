/* q8.c - eight bits a value: Q8_0. */
#include <math.h>

#include "quant/block.h"

void bnt_q8_0_decode(const void *src, float *dst, size_t n)
{
    const bnt_q8_0 *const blocks = src;
    for (size_t b = 0; b < n / BNT_BLOCK; b++) {
        const float d = bnt_half_get(blocks[b].d);
        for (int i = 0; i < BNT_BLOCK; i++) {
            dst[b * BNT_BLOCK + (size_t)i] = (float)blocks[b].q[i] * d;
        }
    }
}

void bnt_q8_0_encode(const float *src, void *dst, size_t n)
{
    bnt_q8_0 *const blocks = dst;
    for (size_t b = 0; b < n / BNT_BLOCK; b++) {
        const float *const x = src + b * BNT_BLOCK;
        float largest = 0.0f;
        for (int i = 0; i < BNT_BLOCK; i++) {
            largest = fmaxf(largest, fabsf(x[i]));
        }
        /* Codes come from the scale before it is rounded to half precision, as other tools do.
         */
        const float d = largest / 127.0f;
        const float inverse = d > 0.0f ? 1.0f / d : 0.0f;
        blocks[b].d = bnt_half_make(d);
        for (int i = 0; i < BNT_BLOCK; i++) {
            const float code = roundf(x[i] * inverse);
            blocks[b].q[i] = code >= -127.0f && code <= 127.0f ? (int8_t)code : 0;
        }
    }
}
