/* q2.c - two and three bits a value: Q2_K, Q3_K. */
#include "quant/block.h"

/* The two bits of value i of a super-block, see bnt_q2_k. */
static int code2(const uint8_t q[64], int i)
{
    const int half = i / 128, plane = i % 128 / 32, l = i % 32;
    return q[32 * half + l] >> (2 * plane) & 3;
}

void bnt_q2_k_decode(const void *src, float *dst, size_t n)
{
    const bnt_q2_k *block = src;
    for (size_t b = 0; b < n / BNT_SUPER_BLOCK; b++, block++) {
        const float d = bnt_half_get(block->d), dmin = bnt_half_get(block->dmin);
        for (int i = 0; i < BNT_SUPER_BLOCK; i++) {
            const uint8_t scale = block->scales[i / 16];
            const float step = d * (float)(scale & 15), offset = dmin * (float)(scale >> 4);
            *dst++ = step * (float)code2(block->q, i) - offset;
        }
    }
}

static int q3_scale(const uint8_t scales[12], int group)
{
    const int low = group < 8 ? scales[group] & 15 : scales[group - 8] >> 4;
    return low | (scales[8 + group % 4] >> (2 * (group / 4)) & 3) << 4;
}

void bnt_q3_k_decode(const void *src, float *dst, size_t n)
{
    const bnt_q3_k *block = src;
    for (size_t b = 0; b < n / BNT_SUPER_BLOCK; b++, block++) {
        const float d = bnt_half_get(block->d);
        for (int i = 0; i < BNT_SUPER_BLOCK; i++) {
            const float step = d * (float)(q3_scale(block->scales, i / 16) - 32);
            const int third = block->high[i % 32] >> (i / 32) & 1;
            *dst++ = step * (float)((code2(block->q, i) | third << 2) - 4);
        }
    }
}
