/* q4.c - four bits a value: Q4_0, Q4_1, Q4_K, IQ4_NL, IQ4_XS. */
#include <math.h>

#include "quant/block.h"

/* The sixteen levels of the IQ4 types, denser around zero; part of the format. */
static const int8_t iq4_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                      1,    13,   25,  38,  53,  69,  89,  113};

/* Code i of a block of 32: the low nibbles first, then the high ones. */
static int code4(const uint8_t q[16], int i)
{
    return i < 16 ? q[i] & 15 : q[i - 16] >> 4;
}

void bnt_q4_0_decode(const void *src, float *dst, size_t n)
{
    const bnt_q4_0 *block = src;
    for (size_t b = 0; b < n / BNT_BLOCK; b++, block++) {
        const float d = bnt_half_get(block->d);
        for (int i = 0; i < BNT_BLOCK; i++) {
            *dst++ = (float)(code4(block->q, i) - 8) * d;
        }
    }
}

/* The value largest in magnitude becomes code 0, that is -8 steps: a scale of either sign uses
 * the one level more that the negative side has. */
void bnt_q4_0_encode(const float *src, void *dst, size_t n)
{
    bnt_q4_0 *block = dst;
    for (size_t b = 0; b < n / BNT_BLOCK; b++, block++) {
        const float *const x = src + b * BNT_BLOCK;
        float extreme = 0.0f;
        for (int i = 0; i < BNT_BLOCK; i++) {
            if (fabsf(x[i]) > fabsf(extreme)) extreme = x[i];
        }
        const float d = extreme / -8.0f;
        const float inverse = d != 0.0f ? 1.0f / d : 0.0f;
        int codes[BNT_BLOCK];
        for (int i = 0; i < BNT_BLOCK; i++) {
            const float level = x[i] * inverse + 8.5f;
            codes[i] = level >= 15.0f ? 15 : level > 0.0f ? (int)level : 0;
        }
        block->d = bnt_half_make(d);
        for (int i = 0; i < 16; i++) {
            block->q[i] = (uint8_t)(codes[i] | codes[i + 16] << 4);
        }
    }
}

void bnt_q4_1_decode(const void *src, float *dst, size_t n)
{
    const bnt_q4_1 *block = src;
    for (size_t b = 0; b < n / BNT_BLOCK; b++, block++) {
        const float d = bnt_half_get(block->d), m = bnt_half_get(block->m);
        for (int i = 0; i < BNT_BLOCK; i++) {
            *dst++ = (float)code4(block->q, i) * d + m;
        }
    }
}

void bnt_q4_k_decode(const void *src, float *dst, size_t n)
{
    const bnt_q4_k *block = src;
    for (size_t b = 0; b < n / BNT_SUPER_BLOCK; b++, block++) {
        const float d = bnt_half_get(block->d), dmin = bnt_half_get(block->dmin);
        for (int group = 0; group < 8; group++) {
            int scale, min;
            bnt_k_scale_min(block->scales, group, &scale, &min);
            const float step = d * (float)scale, offset = dmin * (float)min;
            for (int l = 0; l < 32; l++) {
                const uint8_t byte = block->q[32 * (group / 2) + l];
                *dst++ = step * (float)(group % 2 ? byte >> 4 : byte & 15) - offset;
            }
        }
    }
}

void bnt_iq4_nl_decode(const void *src, float *dst, size_t n)
{
    const bnt_iq4_nl *block = src;
    for (size_t b = 0; b < n / BNT_BLOCK; b++, block++) {
        const float d = bnt_half_get(block->d);
        for (int i = 0; i < BNT_BLOCK; i++) {
            *dst++ = d * (float)iq4_values[code4(block->q, i)];
        }
    }
}

void bnt_iq4_xs_decode(const void *src, float *dst, size_t n)
{
    const bnt_iq4_xs *block = src;
    for (size_t b = 0; b < n / BNT_SUPER_BLOCK; b++, block++) {
        const float d = bnt_half_get(block->d);
        const int high = block->scales_high[0] | block->scales_high[1] << 8;
        for (int group = 0; group < 8; group++) {
            const int low = block->scales_low[group / 2] >> (4 * (group % 2)) & 15;
            const float step = d * (float)((low | (high >> (2 * group) & 3) << 4) - 32);
            for (int i = 0; i < 32; i++) {
                *dst++ = step * (float)iq4_values[code4(block->q + 16 * group, i)];
            }
        }
    }
}
