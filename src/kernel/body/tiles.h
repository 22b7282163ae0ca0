/* tiles.h - the shapes that tiles of accumulators take: 1, 2, 3, 4 or 6 columns (queries or
 * tokens), each some vectors deep, so that sums and operands together fit the registers.
 *
 * Where 24 vectors fit, every tile is four deep: an operand loaded serves six sums or four.
 * Where six fit, depth only fills narrow tiles, which else would wait for their own additions.
 */
#ifndef BNT_KERNEL_BODY_TILES_H
#define BNT_KERNEL_BODY_TILES_H
#include <stdint.h>

#include "kernel/body/lanes.h"
#ifdef BNT_LANES

enum { TILE_COLUMNS = 6 }; /* of the widest tile */

#if TILE_WIDE * TILE_DEEP >= 24
#define TILE_IS_LARGE 1
static const uint32_t tile_vectors[TILE_COLUMNS + 1] = {0, 4, 4, 4, 4, 0, 4};
#else
#define TILE_IS_LARGE 0
static const uint32_t tile_vectors[TILE_COLUMNS + 1] = {0, 2, 2, 1, 1, 0, 1};
#endif

/* Before a loop over a tile's columns or vectors. Only when all of them are unrolled can each
 * sum have a register; compilers stop at sizes that tiles go beyond. */
#if defined(__clang__)
#define TILE_LOOP _Pragma("clang loop unroll(full)")
#else
#define TILE_LOOP _Pragma("GCC unroll 8")
#endif

/* GCC folds a load into each multiply-add that uses it, and an x86 tile then waits for loads.
 * What several sums use is therefore kept in registers. */
#ifndef vf_keep
#define vf_keep(x) (x)
#endif

/* How wide the next tile is where n columns (n >= 1) are left and the widest tile has `most`, 6
 * or 4: cut so that no narrow rest remains where two even tiles do. */
static inline uint32_t tile_width(uint32_t n, uint32_t most)
{
    if (most == 6 && (n == 6 || n > 8)) return 6;
    if (n == 4 || n > 6) return 4;
    if (n == 6) return 3;
    return n < 3 ? n : 3;
}

#endif
#endif
