/* gemv_i8mm.c - a matrix of any interleaved type times up to 16 tokens, with SMMLA; one token
 * alone is SDOT's.
 */
#include "kernel/arm/arm.h"

#include "kernel/arm/dots_i8mm.h"

#include "kernel/arm/gemv_arm.h"

#define ROUTE(name, kind)                                                                      \
    static void name##_any(const uint8_t *groups, size_t group_bytes, uint32_t n_groups,       \
                           const bnt_acts *x, float *y, size_t y_stride)                       \
    {                                                                                          \
        const bnt_gemv_fn gemv = x->n_tokens == 1 ? bnt_gemv_dotprod[kind] : name;             \
        gemv(groups, group_bytes, n_groups, x, y, y_stride);                                   \
    }
ROUTE(gemv_b4, BNT_TILE_B4)
ROUTE(gemv_b3, BNT_TILE_B3)
ROUTE(gemv_b2, BNT_TILE_B2)
ROUTE(gemv_b8, BNT_TILE_B8)
ROUTE(gemv_b6, BNT_TILE_B6)
ROUTE(gemv_b5, BNT_TILE_B5)
ROUTE(gemv_q4_0, BNT_TILE_Q4_0)
ROUTE(gemv_q8_0, BNT_TILE_Q8_0)
ROUTE(gemv_q4_k, BNT_TILE_Q4_K)
ROUTE(gemv_q5_k, BNT_TILE_Q5_K)
ROUTE(gemv_q6_k, BNT_TILE_Q6_K)

const bnt_gemv_fn bnt_gemv_i8mm[BNT_TILES] = {
    [BNT_TILE_B4] = gemv_b4_any,     [BNT_TILE_B3] = gemv_b3_any,
    [BNT_TILE_B2] = gemv_b2_any,     [BNT_TILE_B8] = gemv_b8_any,
    [BNT_TILE_B6] = gemv_b6_any,     [BNT_TILE_B5] = gemv_b5_any,
    [BNT_TILE_Q4_0] = gemv_q4_0_any, [BNT_TILE_Q8_0] = gemv_q8_0_any,
    [BNT_TILE_Q4_K] = gemv_q4_k_any, [BNT_TILE_Q5_K] = gemv_q5_k_any,
    [BNT_TILE_Q6_K] = gemv_q6_k_any,
};
