/* tile.c - interleaved matrices as floats again, row by row.
 *
 * The layout is drawn in tile.h. tile_interleave.c makes it out of GGUF's types, tile_encode.c
 * out of floats; the kernels compute with it as it is.
 */
#include "quant/tile.h"
#include "quant/block.h"

enum { SPAN = BNT_TILE_SPAN };

/* One row's share of a span. */
typedef struct row_span {
    int codes[BNT_TILE_SPAN]; /* as stored, high bits put in place */
    float scale[2];           /* of columns 0..15 and 16..31, d already in it */
    float offset;             /* dmin * min */
} row_span;

static float half_at(const uint8_t *p)
{
    return bnt_f16_to_f32((uint16_t)(p[0] | p[1] << 8));
}

static void read_codes4(const uint8_t *lines, uint32_t row, int *codes)
{
    for (int i = 0; i < BNT_TILE_SPAN / 2; i++) {
        const uint8_t byte = lines[BNT_TILE_LINE * (i / 4) + 4 * (int)row + i % 4];
        codes[i] = byte & 15;
        codes[i + 16] = byte >> 4;
    }
}

static void read_codes2(const uint8_t *lines, uint32_t row, int *codes)
{
    for (int i = 0; i < BNT_TILE_SPAN; i++) {
        const uint8_t byte = lines[BNT_TILE_LINE * (i / 16) + 4 * (int)row + i % 4];
        codes[i] = byte >> (i % 16 / 4 * 2) & 3;
    }
}

static void read_codes8(const uint8_t *lines, uint32_t row, int *codes)
{
    for (int i = 0; i < BNT_TILE_SPAN; i++) {
        codes[i] = (int8_t)lines[BNT_TILE_LINE * (i / 4) + 4 * (int)row + i % 4];
    }
}

/* bits: 1 of Q5_K, B5 and B3, in one line, or 2 of Q6_K and B6, in two; they go to bit `to`. */
static void add_high(const uint8_t *lines, uint32_t row, int bits, int to, int *codes)
{
    for (int i = 0; i < BNT_TILE_SPAN; i++) {
        const int line = bits == 2 ? i / 16 : 0;
        const int shift = bits == 2 ? i % 16 / 4 * 2 : i / 4;
        const int byte = lines[BNT_TILE_LINE * line + 4 * (int)row + i % 4];
        codes[i] |= (byte >> shift & ((1 << bits) - 1)) << to;
    }
}

/* Span s of a tile; head is where the block's share of the head begins. */
static void read_span(const bnt_tile *t, const uint8_t *head, const uint8_t *tile,
                      size_t n_spans, size_t s, uint32_t row, row_span *out)
{
    const uint8_t *const scales = tile + s * t->scale_bytes;
    const uint8_t *const codes = tile + bnt_tile_codes_at(t, n_spans) + s * t->code_bytes;
    const uint8_t *const high = tile + bnt_tile_high_at(t, n_spans) + s * t->high_bytes;
    const float d = t->head_bytes ? half_at(head + 2 * row) : 0.0f;

    out->offset = 0.0f;
    switch (t->source) {
    case BNT_TYPE_B8:
        out->scale[0] = d;
        break;
    case BNT_TYPE_Q4_0:
    case BNT_TYPE_Q8_0:
        out->scale[0] = half_at(scales + 2 * row);
        break;
    case BNT_TYPE_Q4_K:
    case BNT_TYPE_Q5_K: {
        const uint8_t *const mins = tile + bnt_tile_mins_at(t, n_spans) + s / 2 * 32;
        out->scale[0] = d * (float)scales[row];
        out->offset = half_at(head + 32 + 2 * row) * (float)mins[2 * row + s % 2];
        break;
    }
    default: /* B6 to B2, Q6_K */
        out->scale[0] = d * (float)(int8_t)scales[row];
        break;
    }
    out->scale[1] = out->scale[0];
    if (t->source == BNT_TYPE_Q6_K) out->scale[1] = d * (float)(int8_t)scales[16 + row];

    if (t->code_bytes == 512) {
        read_codes8(codes, row, out->codes);
    } else if (t->code_bytes == 256) {
        read_codes4(codes, row, out->codes);
    } else {
        read_codes2(codes, row, out->codes);
    }
    if (t->high_bytes) {
        const int to = t->code_bytes == 256 ? 4 : 2;
        add_high(high, row, t->high_bytes == 128 ? 2 : 1, to, out->codes);
    }
}

/* What is taken from a stored code before it is scaled. */
static int code_bias(const bnt_tile *t)
{
    switch (t->source) {
    case BNT_TYPE_B4:
    case BNT_TYPE_Q4_0:
        return 8;
    case BNT_TYPE_B3:
        return 4;
    case BNT_TYPE_B2:
        return 2;
    case BNT_TYPE_B5:
        return 16;
    case BNT_TYPE_B6:
    case BNT_TYPE_Q6_K:
        return 32;
    default:
        return 0;
    }
}

void bnt_tile_decode_row(const bnt_type *type, const uint8_t *group, uint32_t row,
                         size_t columns, float *out)
{
    const bnt_tile *const t = type->tile;
    const bool has_mins = t->min_bytes != 0;
    const int bias = code_bias(t);
    const uint8_t *tile = group + bnt_tile_head_bytes(t, columns);

    for (size_t b = 0; b < bnt_tile_blocks(columns); b++) {
        const size_t left = columns - b * BNT_TILE_BLOCK, spans = bnt_tile_columns(left) / SPAN;
        const size_t n_spans = spans < BNT_TILE_SPANS ? spans : BNT_TILE_SPANS;
        const uint8_t *const head = group + b * t->head_bytes;

        for (size_t s = 0; s < n_spans; s++) {
            row_span span;
            read_span(t, head, tile, n_spans, s, row, &span);
            for (size_t i = 0; i < SPAN && SPAN * s + i < left; i++) {
                const float value = span.scale[i / 16] * (float)(span.codes[i] - bias);
                *out++ = has_mins ? value - span.offset : value;
            }
        }
        tile += bnt_tile_bytes(t, n_spans);
    }
}
