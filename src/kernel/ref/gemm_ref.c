/* gemm_ref.c - the product for many tokens: packed block by packed block, as a GEMV has it. */
#include "kernel/ref/ref.h"

static void multiply(bnt_gemv_fn gemv, const uint8_t *groups, size_t group_bytes,
                     uint32_t n_groups, const bnt_packed *x, float *y, size_t y_stride)
{
    const size_t packed_bytes = bnt_packed_bytes_ref(x->columns);
    const uint8_t *block = x->blocks;
    for (uint32_t t = 0; t < x->n_tokens; t += BNT_PACK_TOKENS_REF, block += packed_bytes) {
        const uint32_t left = x->n_tokens - t;
        const bnt_acts acts = bnt_unpack_ref(
            block, left < BNT_PACK_TOKENS_REF ? left : BNT_PACK_TOKENS_REF, x->columns);
        gemv(groups, group_bytes, n_groups, &acts, y + t * y_stride, y_stride);
    }
}

#define GEMM(name, type)                                                                       \
    static void name(const uint8_t *groups, size_t group_bytes, uint32_t n_groups,             \
                     const bnt_packed *x, float *y, size_t y_stride, void *work)               \
    {                                                                                          \
        (void)work;                                                                            \
        multiply(bnt_gemv_ref[type], groups, group_bytes, n_groups, x, y, y_stride);           \
    }
GEMM(gemm_b4, BNT_TILE_B4)
GEMM(gemm_b3, BNT_TILE_B3)
GEMM(gemm_b2, BNT_TILE_B2)
GEMM(gemm_b8, BNT_TILE_B8)
GEMM(gemm_b6, BNT_TILE_B6)
GEMM(gemm_b5, BNT_TILE_B5)
GEMM(gemm_q4_0, BNT_TILE_Q4_0)
GEMM(gemm_q8_0, BNT_TILE_Q8_0)
GEMM(gemm_q4_k, BNT_TILE_Q4_K)
GEMM(gemm_q5_k, BNT_TILE_Q5_K)
GEMM(gemm_q6_k, BNT_TILE_Q6_K)

const bnt_gemm_fn bnt_gemm_ref[BNT_TILES] = {
    [BNT_TILE_B4] = gemm_b4,     [BNT_TILE_B3] = gemm_b3,     [BNT_TILE_B2] = gemm_b2,
    [BNT_TILE_B8] = gemm_b8,     [BNT_TILE_B6] = gemm_b6,     [BNT_TILE_B5] = gemm_b5,
    [BNT_TILE_Q4_0] = gemm_q4_0, [BNT_TILE_Q8_0] = gemm_q8_0, [BNT_TILE_Q4_K] = gemm_q4_k,
    [BNT_TILE_Q5_K] = gemm_q5_k, [BNT_TILE_Q6_K] = gemm_q6_k,
};
