/* tile_pick.h - rows of interleaved matrices put together anew, bit by bit. */
#ifndef BNT_QUANT_TILE_PICK_H
#define BNT_QUANT_TILE_PICK_H
#include "quant/tile.h"

/* Makes one group out of any rows of a matrix of columns columns: rows (n_rows, 1 to 16) are
 * their numbers in it. Rows that are not given are zero. type is one of the types of files, and
 * group is bnt_tile_group_bytes() long. No value changes. */
void bnt_tile_pick(const bnt_type *type, const uint8_t *matrix, size_t columns,
                   const uint32_t *rows, uint32_t n_rows, uint8_t *group);

#endif
