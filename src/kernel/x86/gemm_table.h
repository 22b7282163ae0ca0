/* gemm_table.h - what a set puts into the table of kernels: a gemm for each type, out of the
 * set's kinds[], which stands before this file is included, and the functions of packed tokens.
 */
#ifndef BNT_KERNEL_X86_GEMM_TABLE_H
#define BNT_KERNEL_X86_GEMM_TABLE_H
#include "kernel/x86/gemm_x86.h"

#ifdef BNT_LANES /* as the bodies: empty without a set */

/* A kind's first two parts. */
#define GEMM_TYPE_B4   {32, 16, 0, 256, 0, BNT_TYPE_B4}, gemm_unpack_b4
#define GEMM_TYPE_B3   {32, 16, 0, 128, 64, BNT_TYPE_B3}, gemm_unpack_b3
#define GEMM_TYPE_B2   {32, 16, 0, 128, 0, BNT_TYPE_B2}, gemm_unpack_b2
#define GEMM_TYPE_B8   {32, 0, 0, 512, 0, BNT_TYPE_B8}, gemm_unpack_b8
#define GEMM_TYPE_B6   {32, 16, 0, 256, 128, BNT_TYPE_B6}, gemm_unpack_b6
#define GEMM_TYPE_B5   {32, 16, 0, 256, 64, BNT_TYPE_B5}, gemm_unpack_b5
#define GEMM_TYPE_Q4_0 {0, 32, 0, 256, 0, BNT_TYPE_Q4_0}, gemm_unpack_q4_0
#define GEMM_TYPE_Q8_0 {0, 32, 0, 512, 0, BNT_TYPE_Q8_0}, gemm_unpack_q8_0
#define GEMM_TYPE_Q4_K {64, 16, 16, 256, 0, BNT_TYPE_Q4_K}, gemm_unpack_q4_k
#define GEMM_TYPE_Q5_K {64, 16, 16, 256, 64, BNT_TYPE_Q5_K}, gemm_unpack_q5_k
#define GEMM_TYPE_Q6_K {32, 32, 0, 256, 128, BNT_TYPE_Q6_K}, gemm_unpack_q6_k

#define GEMM_OF(name, place)                                                                   \
    static void name(const uint8_t *groups, size_t group_bytes, uint32_t n_groups,             \
                     const bnt_packed *x, float *y, size_t y_stride, void *work)               \
    {                                                                                          \
        gemm_run(&kinds[place], groups, group_bytes, n_groups, x, y, y_stride, work);          \
    }

/* enter: the function that enters them. */
#define GEMM_TABLE(enter, pack_fn)                                                             \
    GEMM_OF(gemm_b4, BNT_TILE_B4)                                                              \
    GEMM_OF(gemm_b3, BNT_TILE_B3)                                                              \
    GEMM_OF(gemm_b2, BNT_TILE_B2)                                                              \
    GEMM_OF(gemm_b8, BNT_TILE_B8)                                                              \
    GEMM_OF(gemm_b6, BNT_TILE_B6)                                                              \
    GEMM_OF(gemm_b5, BNT_TILE_B5)                                                              \
    GEMM_OF(gemm_q4_0, BNT_TILE_Q4_0)                                                          \
    GEMM_OF(gemm_q8_0, BNT_TILE_Q8_0)                                                          \
    GEMM_OF(gemm_q4_k, BNT_TILE_Q4_K)                                                          \
    GEMM_OF(gemm_q5_k, BNT_TILE_Q5_K)                                                          \
    GEMM_OF(gemm_q6_k, BNT_TILE_Q6_K)                                                          \
    void enter(bnt_kernels *k)                                                                 \
    {                                                                                          \
        k->gemm[BNT_TILE_B4] = gemm_b4;                                                        \
        k->gemm[BNT_TILE_B3] = gemm_b3;                                                        \
        k->gemm[BNT_TILE_B2] = gemm_b2;                                                        \
        k->gemm[BNT_TILE_B8] = gemm_b8;                                                        \
        k->gemm[BNT_TILE_B6] = gemm_b6;                                                        \
        k->gemm[BNT_TILE_B5] = gemm_b5;                                                        \
        k->gemm[BNT_TILE_Q4_0] = gemm_q4_0;                                                    \
        k->gemm[BNT_TILE_Q8_0] = gemm_q8_0;                                                    \
        k->gemm[BNT_TILE_Q4_K] = gemm_q4_k;                                                    \
        k->gemm[BNT_TILE_Q5_K] = gemm_q5_k;                                                    \
        k->gemm[BNT_TILE_Q6_K] = gemm_q6_k;                                                    \
        k->pack_tokens = GEMM_TOKENS;                                                          \
        k->panel_groups = GEMM_PANEL_GROUPS;                                                   \
        k->packed_bytes = gemm_packed_bytes;                                                   \
        k->pack = pack_fn;                                                                     \
        k->gemm_work = gemm_work_bytes;                                                        \
    }

#endif
#endif
