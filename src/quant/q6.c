/* q6.c - six bits a value: Q6_K. */
#include "quant/block.h"

void bnt_q6_k_decode(const void *src, float *dst, size_t n)
{
    const bnt_q6_k *block = src;
    for (size_t b = 0; b < n / BNT_SUPER_BLOCK; b++, block++) {
        const float d = bnt_half_get(block->d);
        for (int i = 0; i < BNT_SUPER_BLOCK; i++) {
            const int half = i / 128, quarter = i % 128 / 32, l = i % 32;
            const uint8_t low = block->low[64 * half + 32 * (quarter & 1) + l];
            const int nibble = quarter < 2 ? low & 15 : low >> 4;
            const int top = block->high[32 * half + l] >> (2 * quarter) & 3;
            const int code = (nibble | top << 4) - 32;
            *dst++ = d * (float)block->scales[i / 16] * (float)code;
        }
    }
}
