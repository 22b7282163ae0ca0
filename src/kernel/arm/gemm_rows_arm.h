/* gemm_rows_arm.h - panels and tokens of sets whose sums are four rows of one token: four
 * columns of 8 rows lie side by side, scales and tiles are in the order of rows.
 */
#ifndef BNT_KERNEL_ARM_GEMM_ROWS_ARM_H
#define BNT_KERNEL_ARM_GEMM_ROWS_ARM_H
#if defined(PACK_TOKENS)
#define SCALE_LANES 1
#include "kernel/arm/gemm_panel_arm.h"

typedef struct token_block {
    float dx[PACK_TOKENS];
    int16_t sums[PACK_TOKENS][BNT_TILE_SPANS];
} token_block;

/* v: four columns each of the rows of quarter q of the strip. */
INLINE void put_codes(int8_t *span, uint32_t q, const int8x16_t v[8])
{
    EACH8(c, 8) {
        vst1q_s8(span + 32 * c + 16 * q, v[c]);
    }
}

INLINE void put_scales(float *scales, int q, float32x4_t v)
{
    vst1q_f32(scales + 4 * q, v);
}

/* As 16-bit numbers (spans, 8). mins: pairs of spans, (16 rows, 2) each, from the strip's first
 * row. Behind those of a short block lie its codes; the tokens' sums are zeros there. */
INLINE void put_mins(panel_block *out, const uint8_t *mins)
{
    for (int p = 0; p < BNT_TILE_SPANS / 2; p++) {
        const uint8x8x2_t m = vld2_u8(mins + 32 * p);
        vst1q_u8(out->mins + 32 * p, vreinterpretq_u8_u16(vmovl_u8(m.val[0])));
        vst1q_u8(out->mins + 32 * p + 16, vreinterpretq_u8_u16(vmovl_u8(m.val[1])));
    }
}

/* Token t's part of a block of n spans. */
static void pack_block(token_block *out, uint32_t t, float dx, const int32_t *sum32, uint32_t n)
{
    out->dx[t] = dx;
    for (uint32_t s = 0; s < n; s++) {
        out->sums[t][s] = (int16_t)sum32[s];
    }
}

static void put_tile(const float *tile, uint32_t n_tokens, float *y, size_t y_stride)
{
    for (uint32_t t = 0; t < n_tokens; t++) {
        memcpy(y + t * y_stride, tile + 8 * t, 8 * sizeof *y);
    }
}

#endif
#endif
