/* gemm_panel_arm.h - the form weights take for a GEMM: one block of columns of 8 rows.
 *
 * Codes are signed bytes, 256 of each span, in the order of the set. A set defines SCALE_LANES
 * before.
 */
#ifndef BNT_KERNEL_ARM_GEMM_PANEL_ARM_H
#define BNT_KERNEL_ARM_GEMM_PANEL_ARM_H
#if defined(SCALE_LANES)
#include "kernel/arm/tile_arm.h"

enum { SPAN_CODES = 8 * BNT_TILE_SPAN, SCALE_WIDTH = 8 * SCALE_LANES };

typedef struct panel_block {
    int8_t codes[BNT_TILE_SPANS * SPAN_CODES];
    /* Of the block where it is one sum, of spans, or of half spans. */
    float scales[2 * BNT_TILE_SPANS][SCALE_WIDTH];
    float minus_dmin[SCALE_WIDTH];
    uint8_t mins[16 * BNT_TILE_SPANS]; /* in the order of the set */
} __attribute__((aligned(64))) panel_block;

#endif
#endif
