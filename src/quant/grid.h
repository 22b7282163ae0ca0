/* grid.h - the two halves of encoding an interleaved type: which values a block can hold, and
 * the bytes of the values that were chosen.
 *
 * Between the two a method of quantization may choose codes by itself; bnt_tile_encode() takes
 * the nearest. Types are the B types of tile.h.
 */
#ifndef BNT_QUANT_GRID_H
#define BNT_QUANT_GRID_H
#include "quant/tile.h"

/* The values that one block, of up to 256 columns of a group of 16 rows, can hold: step[s][r] *
 * c in span s of row r, for the codes c = low, ..., high. */
typedef struct bnt_grid {
    int n_spans;
    int low, high;                                /* -8, 7 of B4; -127, 127 of B8 */
    float step[BNT_TILE_SPANS][BNT_TILE_ROWS];    /* of either sign */
    float inverse[BNT_TILE_SPANS][BNT_TILE_ROWS]; /* 1 / step, 0 where the step is 0 */

    /* What is stored of it: step = d * s, in float; s is 1 where the type has no scales. */
    float d[BNT_TILE_ROWS]; /* halves */
    int8_t s[BNT_TILE_SPANS][BNT_TILE_ROWS];
} bnt_grid;

/* Chooses the grid of one block of rows (n_rows, n_columns), finite floats, stride apart; 1 to
 * 16 rows, 1 to 256 columns; what they leave of the last span counts as zeros. For types with
 * scales these and d are searched to lower the squared error of the nearest codes, that of each
 * column weighted by weights (n_columns) where not NULL. Steps of missing rows are 0. */
void bnt_grid_choose(const bnt_type *type, const float *rows, size_t stride, uint32_t n_rows,
                     uint32_t n_columns, const float *weights, bnt_grid *out);

/* The code whose value is nearest to x, which is finite, in a span and row of the grid; the
 * even one of two. */
static inline int bnt_grid_code(const bnt_grid *g, int span, int row, float x)
{
    /* Added to a float below 2^22 and taken away again it leaves the nearest whole number. */
    const float whole = 12582912.0f, low = (float)g->low, high = (float)g->high;
    const float exact = x * g->inverse[span][row];
    const float raised = exact > low ? exact : low;
    const float limited = raised < high ? raised : high;
    return (int)((limited + whole) - whole);
}

/* Writes one block: codes of the grid (16, 256) row by row, of a short block the first columns
 * of each row. group is 64-aligned, of `columns` columns, and gets what block `block` has in
 * the head, and its tile; the last block also fills up the head with zeros. */
void bnt_grid_store(const bnt_type *type, const bnt_grid *grid, const int8_t *codes,
                    size_t columns, size_t block, uint8_t *group);

#endif
