/* gemv_neon.c - a matrix of any interleaved type times up to 16 tokens, in plain NEON. */
#include "kernel/arm/arm.h"

#include "kernel/arm/dots_neon.h"

#include "kernel/arm/gemv_arm.h"

const bnt_gemv_fn bnt_gemv_neon[BNT_TILES] = {
    [BNT_TILE_B4] = gemv_b4,     [BNT_TILE_B3] = gemv_b3,     [BNT_TILE_B2] = gemv_b2,
    [BNT_TILE_B8] = gemv_b8,     [BNT_TILE_B6] = gemv_b6,     [BNT_TILE_B5] = gemv_b5,
    [BNT_TILE_Q4_0] = gemv_q4_0, [BNT_TILE_Q8_0] = gemv_q8_0, [BNT_TILE_Q4_K] = gemv_q4_k,
    [BNT_TILE_Q5_K] = gemv_q5_k, [BNT_TILE_Q6_K] = gemv_q6_k,
};
