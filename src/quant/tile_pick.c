/* tile_pick.c - rows of interleaved matrices put together anew.
 *
 * Each section of a group is a sequence of lists with an item for each of 16 rows: two bytes in
 * the head, one of scales, four in the lines of codes and of high bits.
 */
#include "quant/tile_pick.h"

#include <assert.h>
#include <string.h>

/* A row of a group. */
typedef struct place {
    size_t at; /* of a section, in bytes */
    uint32_t row;
} place;

static void copy_lists(uint8_t *group, place to, const uint8_t *source, place from,
                       size_t n_bytes, size_t item)
{
    const size_t list = BNT_TILE_ROWS * item;

    for (size_t at = 0; at < n_bytes; at += list) {
        memcpy(group + to.at + at + to.row * item, source + from.at + at + from.row * item,
               item);
    }
}

static void copy_row(const bnt_tile *t, size_t columns, const uint8_t *source,
                     uint32_t from_row, uint8_t *group, uint32_t to_row)
{
    const size_t n_blocks = bnt_tile_blocks(columns);
    place from = {0, from_row}, to = {0, to_row};

    copy_lists(group, to, source, from, n_blocks * t->head_bytes, 2);
    size_t at = bnt_tile_head_bytes(t, columns);
    for (size_t b = 0; b < n_blocks; b++) {
        const size_t left = bnt_tile_columns(columns) / BNT_TILE_SPAN - b * BNT_TILE_SPANS;
        const size_t n = left < BNT_TILE_SPANS ? left : BNT_TILE_SPANS;
        from.at = to.at = at;
        copy_lists(group, to, source, from, n * t->scale_bytes, 1);
        from.at = to.at = at + bnt_tile_codes_at(t, n);
        copy_lists(group, to, source, from, n * t->code_bytes, 4);
        from.at = to.at = at + bnt_tile_high_at(t, n);
        copy_lists(group, to, source, from, n * t->high_bytes, 4);
        at += bnt_tile_bytes(t, n);
    }
}

void bnt_tile_pick(const bnt_type *type, const uint8_t *matrix, size_t columns,
                   const uint32_t *rows, uint32_t n_rows, uint8_t *group)
{
    const size_t bytes = bnt_tile_group_bytes(type->tile, columns);

    assert(!bnt_tile_is_private(type));
    memset(group, 0, bytes);
    for (uint32_t r = 0; r < n_rows; r++) {
        const uint8_t *const source = matrix + rows[r] / BNT_TILE_ROWS * bytes;
        copy_row(type->tile, columns, source, rows[r] % BNT_TILE_ROWS, group, r);
    }
}
