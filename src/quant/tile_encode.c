/* tile_encode.c - floats to the project's own types: the nearest codes of the grids that grid.c
 * chooses, and their bytes as tile.h draws them.
 */
#include "quant/tile.h"

#include "quant/block.h"
#include "quant/grid.h"

enum { ROWS = BNT_TILE_ROWS, SPAN = BNT_TILE_SPAN, BLOCK = BNT_TILE_BLOCK };

/* The four low bits of a span's codes: rows are BLOCK apart. `low` becomes 0. */
static void put_codes4(const int8_t *codes, int low, uint8_t *lines)
{
    for (int r = 0; r < ROWS; r++, codes += BLOCK) {
        for (int c = 0; c < SPAN / 2; c++) {
            const int both = ((codes[c] - low) & 15) | ((codes[c + SPAN / 2] - low) & 15) << 4;
            lines[BNT_TILE_LINE * (c / 4) + 4 * r + c % 4] = (uint8_t)both;
        }
    }
}

/* The two low bits of a span's codes; the lines are zeros. */
static void put_codes2(const int8_t *codes, int low, uint8_t *lines)
{
    for (int r = 0; r < ROWS; r++, codes += BLOCK) {
        for (int c = 0; c < SPAN; c++) {
            const int bits = (codes[c] - low) & 3;
            lines[BNT_TILE_LINE * (c / 16) + 4 * r + c % 4] |=
                (uint8_t)(bits << (c % 16 / 4 * 2));
        }
    }
}

/* What a span's codes have above bit `from`: a bit in one line, or two in two; they are zeros.
 */
static void put_high(const int8_t *codes, int low, int from, int bits, uint8_t *lines)
{
    const int columns = SPAN / bits; /* of a line */

    for (int r = 0; r < ROWS; r++, codes += BLOCK) {
        for (int c = 0; c < SPAN; c++) {
            lines[BNT_TILE_LINE * (c / columns) + 4 * r + c % 4] |=
                (uint8_t)((codes[c] - low) >> from << (c % columns / 4 * bits));
        }
    }
}

static void put_codes8(const int8_t *codes, uint8_t *lines)
{
    for (int r = 0; r < ROWS; r++, codes += BLOCK) {
        for (int c = 0; c < SPAN; c++) {
            lines[BNT_TILE_LINE * (c / 4) + 4 * r + c % 4] = (uint8_t)codes[c];
        }
    }
}

void bnt_grid_store(const bnt_type *type, const bnt_grid *grid, const int8_t *codes,
                    size_t columns, size_t block, uint8_t *group)
{
    const bnt_tile *const t = type->tile;
    const size_t n_spans = (size_t)grid->n_spans, head_end = (block + 1) * t->head_bytes;
    const size_t head_bytes = bnt_tile_head_bytes(t, columns);
    uint8_t *const tile = group + head_bytes + block * bnt_tile_bytes(t, BNT_TILE_SPANS);

    for (int r = 0; r < ROWS; r++) {
        const bnt_half h = bnt_half_make(grid->d[r]);
        memcpy(group + block * t->head_bytes + 2 * r, h.byte, sizeof h.byte);
    }
    if (block + 1 == bnt_tile_blocks(columns)) {
        memset(group + head_end, 0, head_bytes - head_end);
    }
    memset(tile, 0, bnt_tile_bytes(t, n_spans));
    for (size_t s = 0; s < n_spans; s++, codes += SPAN) {
        uint8_t *const lines = tile + bnt_tile_codes_at(t, n_spans) + s * t->code_bytes;
        if (t->scale_bytes) memcpy(tile + s * t->scale_bytes, grid->s[s], ROWS);
        if (t->code_bytes == 512) {
            put_codes8(codes, lines);
        } else if (t->code_bytes == 256) {
            put_codes4(codes, grid->low, lines);
        } else {
            put_codes2(codes, grid->low, lines);
        }
        if (t->high_bytes) {
            put_high(codes, grid->low, t->code_bytes == 256 ? 4 : 2,
                     (int)t->high_bytes / BNT_TILE_LINE,
                     tile + bnt_tile_high_at(t, n_spans) + s * t->high_bytes);
        }
    }
}

/* Nearest codes of rows (n_rows, n_columns), stride apart; missing columns have the code 0, and
 * missing rows a step of 0, and any code. */
static void take_nearest(const bnt_grid *g, const float *rows, size_t stride, uint32_t n_rows,
                         uint32_t n_columns, int8_t *codes)
{
    for (uint32_t r = 0; r < ROWS; r++) {
        const float *const from = rows + (r < n_rows ? r : 0) * stride;
        for (uint32_t c = 0; c < BLOCK; c++) {
            codes[r * BLOCK + c] =
                c < n_columns ? (int8_t)bnt_grid_code(g, (int)c / SPAN, (int)r, from[c]) : 0;
        }
    }
}

void bnt_tile_encode(const bnt_type *type, const float *rows, uint32_t n_rows, size_t columns,
                     const float *weights, uint8_t *out)
{
    int8_t codes[ROWS * BLOCK];
    bnt_grid grid;

    for (size_t at = 0; at < columns; at += BLOCK) {
        const uint32_t n = columns - at < BLOCK ? (uint32_t)(columns - at) : BLOCK;
        bnt_grid_choose(type, rows + at, columns, n_rows, n, weights ? weights + at : NULL,
                        &grid);
        take_nearest(&grid, rows + at, columns, n_rows, n, codes);
        bnt_grid_store(type, &grid, codes, columns, at / BLOCK, out);
    }
}
