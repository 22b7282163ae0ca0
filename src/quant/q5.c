/* q5.c - five bits a value: Q5_0, Q5_1, Q5_K. */
#include "quant/block.h"

/* Code i of a block of 32 in the order of q4_0, with its fifth bit from high. */
static int code5(const uint8_t q[16], const uint8_t high[4], int i)
{
    const int nibble = i < 16 ? q[i] & 15 : q[i - 16] >> 4;
    return nibble | (high[i / 8] >> (i % 8) & 1) << 4;
}

void bnt_q5_0_decode(const void *src, float *dst, size_t n)
{
    const bnt_q5_0 *block = src;
    for (size_t b = 0; b < n / BNT_BLOCK; b++, block++) {
        const float d = bnt_half_get(block->d);
        for (int i = 0; i < BNT_BLOCK; i++) {
            *dst++ = (float)(code5(block->q, block->high, i) - 16) * d;
        }
    }
}

void bnt_q5_1_decode(const void *src, float *dst, size_t n)
{
    const bnt_q5_1 *block = src;
    for (size_t b = 0; b < n / BNT_BLOCK; b++, block++) {
        const float d = bnt_half_get(block->d), m = bnt_half_get(block->m);
        for (int i = 0; i < BNT_BLOCK; i++) {
            *dst++ = (float)code5(block->q, block->high, i) * d + m;
        }
    }
}

void bnt_q5_k_decode(const void *src, float *dst, size_t n)
{
    const bnt_q5_k *block = src;
    for (size_t b = 0; b < n / BNT_SUPER_BLOCK; b++, block++) {
        const float d = bnt_half_get(block->d), dmin = bnt_half_get(block->dmin);
        for (int group = 0; group < 8; group++) {
            int scale, min;
            bnt_k_scale_min(block->scales, group, &scale, &min);
            const float step = d * (float)scale, offset = dmin * (float)min;
            for (int l = 0; l < 32; l++) {
                const uint8_t byte = block->q[32 * (group / 2) + l];
                const int nibble = group % 2 ? byte >> 4 : byte & 15;
                const int code = nibble | (block->high[l] >> group & 1) << 4;
                *dst++ = step * (float)code - offset;
            }
        }
    }
}
