/* tile.h - matrices interleaved by 16 rows: the form that integer kernels read in place.
 *
 * A matrix (rows, columns) is cut into groups of 16 rows, the last one padded with zero rows.
 * Columns are cut into blocks of 256, blocks into spans of 32; the last block of a row may be
 * short, any number of spans (576, 960 and 6816 columns end so). Rows of B types are a multiple
 * of 4: a last span that they do not fill holds weights of zero behind them. One group of rows
 * is contiguous:
 *
 *     head | tile of block 0 | tile of block 1 | ...
 *
 * The head holds what there is once per block and row: for each block the head section of its
 * type. A tile of n spans (8, fewer in a short block) is scales, then codes, then high bits.
 * Each section of a tile, and the head as a whole, begins at a multiple of 64 bytes and is
 * padded with zeros to one.
 *
 *   codes, 4 bits: per span four lines of 64 bytes; byte 4 r + i of line j holds, for row r,
 *     column 4 j + i of the span in its low half and column 16 + 4 j + i in its high half
 *   codes, 8 bits: per span eight lines of 64 bytes; byte 4 r + i of line j is row r, column
 *     4 j + i of the span
 *   codes, 2 bits: per span two lines of 64 bytes; of byte 4 r + i, bits 2 j and 2 j + 1 are,
 * for row r, column 4 j + i of the span (first line) or 16 + 4 j + i (second line)
 *
 *   type        head, per block            scales, per span              codes    high bits
 *   B6          fp16 d[16]                 int8 s[16]                    4 bits   2 bits
 *   B5          fp16 d[16]                 int8 s[16]                    4 bits   1 bit
 *   B4          fp16 d[16]                 int8 s[16], |s| <= 15         4 bits   -
 *   B3          fp16 d[16]                 int8 s[16], |s| <= 31         2 bits   1 bit
 *   B2          fp16 d[16]                 int8 s[16], |s| <= 63         2 bits   -
 *   B8          fp16 d[16]                 -                             8 bits   -
 *   Q4_0_R16    -                          fp16 s[16]                    4 bits   -
 *   Q8_0_R16    -                          fp16 s[16]                    8 bits   -
 *   Q4_K_R16    fp16 d[16], fp16 dmin[16]  uint8 s[16]; mins, see below  4 bits   -
 *   Q5_K_R16    fp16 d[16], fp16 dmin[16]  uint8 s[16]; mins, see below  4 bits   1 bit
 *   Q6_K_R16    fp16 d[16]                 int8 s[2][16]                 4 bits   2 bits
 *
 *   mins: a second section of scales: for each two spans uint8 m[16][2], row by row the min of
 *     the first and of the second (whole blocks only, so spans come in pairs)
 *   high bits of Q5_K, B5, B3: per span one line; of byte 4 r + i, bit j is the highest bit of
 * the code (bit 4, of B3 bit 2) at column 4 j + i and bit 4 + j that of column 16 + 4 j + i
 *   high bits of Q6_K, B6: per span two lines; of byte 4 r + i, bits 2 j and 2 j + 1 are bits 4
 * and 5 of the code at column 4 j + i (first line) or 16 + 4 j + i (second line) s[2][16] of
 * Q6_K: of columns 0..15 of the span, then of columns 16..31
 *
 * The value of a weight, c being its code as stored:
 *
 *   B8  d c, c signed    B6  d s (c - 32)        B5  d s (c - 16)
 *   B4  d s (c - 8)      B3  d s (c - 4)         B2  d s (c - 2)
 *   Q4_0  s (c - 8)      Q8_0  s c, c signed     Q6_K  d s (c - 32)
 *   Q4_K, Q5_K  d s c - dmin m
 *
 * B8, B6, B5, B4, B3 and B2 are this project's own file types: 8.0625, 6.3125, 5.3125, 4.3125,
 * 3.3125 and 2.3125 bits a weight in an even number of whole blocks. Of B4, B3 and B2 s times a
 * code less its zero fits int8, so that a block is summed in whole numbers; weights of a
 * hostile file with a larger |s| give other bits in each instruction set, and nothing worse. B5
 * and B6, of which that would leave scales of three and four values, are summed span by span.
 * The R16 types hold the same numbers as the GGUF types they are named after; they live in
 * memory and in cache files, never in a file given to others.
 */
#ifndef BNT_QUANT_TILE_H
#define BNT_QUANT_TILE_H
#include "quant/type.h"

enum {
    BNT_TILE_ROWS = 16,   /* rows of a group */
    BNT_TILE_BLOCK = 256, /* columns of a block */
    BNT_TILE_SPAN = 32,   /* columns of a span */
    BNT_TILE_SPANS = 8,   /* spans of a whole block */
    BNT_TILE_LINE = 64    /* bytes of a line, and the alignment of sections */
};

typedef struct bnt_tile {
    uint32_t head_bytes;  /* per block: 0, 32 or 64 */
    uint32_t scale_bytes; /* per span, without mins: 0, 16 or 32 */
    uint32_t min_bytes;   /* per span: 0 or 16 */
    uint32_t code_bytes;  /* per span: 128, 256 or 512 */
    uint32_t high_bytes;  /* per span: 0, 64 or 128 */
    bnt_type_id source;   /* the GGUF type it is made of; its own number for B types */
} bnt_tile;

/* Whether a type is one that no file given to others holds. */
static inline bool bnt_tile_is_private(const bnt_type *type)
{
    return type->tile && type->tile->source != type->id;
}

static inline size_t bnt_tile_padded(size_t bytes)
{
    return (bytes + BNT_TILE_LINE - 1) & ~(size_t)(BNT_TILE_LINE - 1);
}

/* The columns of whole spans that a row takes. */
static inline size_t bnt_tile_columns(size_t columns)
{
    return (columns + BNT_TILE_SPAN - 1) & ~(size_t)(BNT_TILE_SPAN - 1);
}

/* Blocks of a row, and bytes of a group's head. */
static inline size_t bnt_tile_blocks(size_t columns)
{
    return (columns + BNT_TILE_BLOCK - 1) / BNT_TILE_BLOCK;
}
static inline size_t bnt_tile_head_bytes(const bnt_tile *t, size_t columns)
{
    return bnt_tile_padded(bnt_tile_blocks(columns) * t->head_bytes);
}

/* Where the sections of a tile of n_spans spans lie, from its first byte. */
static inline size_t bnt_tile_mins_at(const bnt_tile *t, size_t n_spans)
{
    return bnt_tile_padded(n_spans * t->scale_bytes);
}
static inline size_t bnt_tile_codes_at(const bnt_tile *t, size_t n_spans)
{
    return bnt_tile_mins_at(t, n_spans) + bnt_tile_padded(n_spans * t->min_bytes);
}
static inline size_t bnt_tile_high_at(const bnt_tile *t, size_t n_spans)
{
    return bnt_tile_codes_at(t, n_spans) + n_spans * t->code_bytes;
}
static inline size_t bnt_tile_bytes(const bnt_tile *t, size_t n_spans)
{
    return bnt_tile_high_at(t, n_spans) + n_spans * t->high_bytes;
}

/* Bytes of one group of 16 rows. columns have passed bnt_type_bytes().
 */
static inline size_t bnt_tile_group_bytes(const bnt_tile *t, size_t columns)
{
    const size_t wide = bnt_tile_columns(columns);
    const size_t whole = wide / BNT_TILE_BLOCK, rest = wide % BNT_TILE_BLOCK;
    return bnt_tile_head_bytes(t, columns) + whole * bnt_tile_bytes(t, BNT_TILE_SPANS) +
           (rest ? bnt_tile_bytes(t, rest / BNT_TILE_SPAN) : 0);
}

/* The interleaved form of a type of a file (B types are their own), or NULL where there is
 * none: its rows are decoded. */
const bnt_type *bnt_tile_type_of(const bnt_type *source);

/* Interleaves one group: n_rows (1 to 16) rows of the source type, row_bytes apart, become
 * bnt_tile_group_bytes() bytes at out (64-aligned). No value changes. type is an R16 type. */
void bnt_tile_interleave(const bnt_type *type, const uint8_t *rows, size_t row_bytes,
                         uint32_t n_rows, size_t columns, uint8_t *out);

/* Quantizes one group to a B type: rows (n_rows, columns) of finite floats become the
 * nearest codes of the grids (grid.h) that are chosen for them, each error weighted by weights
 * (columns) where not NULL. */
void bnt_tile_encode(const bnt_type *type, const float *rows, uint32_t n_rows, size_t columns,
                     const float *weights, uint8_t *out);

/* One row (0 to 15) of a group as floats: the value formulas above, d s rounded to float first
 * where both occur. */
void bnt_tile_decode_row(const bnt_type *type, const uint8_t *group, uint32_t row,
                         size_t columns, float *out);

#endif
