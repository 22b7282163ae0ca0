/* tile_interleave.c - rows of GGUF's types, 16 at a time, into the layout of tile.h.
 *
 * Scales, mins and codes are moved as whole numbers; nothing is computed with them.
 */
#include "quant/block.h"
#include "quant/tile.h"

enum { SPAN = BNT_TILE_SPAN };

/* Where one row's bytes of one span go. */
typedef struct place {
    uint8_t *head, *scales, *mins, *codes, *high; /* mins: of the pair of spans */
    size_t row;
} place;

static void put_half(uint8_t *section, size_t row, bnt_half h)
{
    memcpy(section + 2 * row, h.byte, sizeof h.byte);
}

/* The low halves of 32 codes in file order. */
static void put_codes4(const place *p, const uint8_t codes[SPAN])
{
    for (size_t j = 0; j < 4; j++) {
        uint8_t *const to = p->codes + BNT_TILE_LINE * j + 4 * p->row;
        for (size_t i = 0; i < 4; i++) {
            to[i] = (uint8_t)((codes[4 * j + i] & 15) | (codes[16 + 4 * j + i] & 15) << 4);
        }
    }
}

static void put_high1(const place *p, const uint8_t codes[SPAN])
{
    uint8_t *const to = p->high + 4 * p->row;
    for (size_t i = 0; i < 4; i++) {
        unsigned bits = 0;
        for (size_t j = 0; j < 8; j++) {
            bits |= (codes[4 * j + i] >> 4 & 1u) << j;
        }
        to[i] = (uint8_t)bits;
    }
}

static void put_high2(const place *p, const uint8_t codes[SPAN])
{
    for (size_t line = 0; line < 2; line++) {
        uint8_t *const to = p->high + BNT_TILE_LINE * line + 4 * p->row;
        for (size_t i = 0; i < 4; i++) {
            unsigned bits = 0;
            for (size_t j = 0; j < 4; j++) {
                bits |= (codes[16 * line + 4 * j + i] >> 4 & 3u) << (2 * j);
            }
            to[i] = (uint8_t)bits;
        }
    }
}

static void put_q4_0(const place *p, const bnt_q4_0 *block)
{
    put_half(p->scales, p->row, block->d);
    for (size_t j = 0; j < 4; j++) { /* the nibbles lie as a line has them */
        memcpy(p->codes + BNT_TILE_LINE * j + 4 * p->row, block->q + 4 * j, 4);
    }
}

static void put_q8_0(const place *p, const bnt_q8_0 *block)
{
    put_half(p->scales, p->row, block->d);
    for (size_t j = 0; j < 8; j++) {
        memcpy(p->codes + BNT_TILE_LINE * j + 4 * p->row, block->q + 4 * j, 4);
    }
}

static void put_scale_min(const place *p, const uint8_t scales[12], int s)
{
    int scale, min;
    bnt_k_scale_min(scales, s, &scale, &min);
    p->scales[p->row] = (uint8_t)scale;
    p->mins[2 * p->row + (size_t)s % 2] = (uint8_t)min;
}

static void put_q4_k(const place *p, const bnt_q4_k *block, int s)
{
    uint8_t codes[SPAN];
    for (int i = 0; i < SPAN; i++) {
        codes[i] = (uint8_t)(block->q[32 * (s / 2) + i] >> (4 * (s % 2)) & 15);
    }
    put_half(p->head, p->row, block->d);
    put_half(p->head + 32, p->row, block->dmin);
    put_scale_min(p, block->scales, s);
    put_codes4(p, codes);
}

static void put_q5_k(const place *p, const bnt_q5_k *block, int s)
{
    uint8_t codes[SPAN];
    for (int i = 0; i < SPAN; i++) {
        const int low = block->q[32 * (s / 2) + i] >> (4 * (s % 2)) & 15;
        codes[i] = (uint8_t)(low | (block->high[i] >> s & 1) << 4);
    }
    put_half(p->head, p->row, block->d);
    put_half(p->head + 32, p->row, block->dmin);
    put_scale_min(p, block->scales, s);
    put_codes4(p, codes);
    put_high1(p, codes);
}

static void put_q6_k(const place *p, const bnt_q6_k *block, int s)
{
    const int half = s / 4, quarter = s % 4;
    uint8_t codes[SPAN];
    for (int i = 0; i < SPAN; i++) {
        const int low = block->low[64 * half + 32 * (quarter & 1) + i] >> (quarter & 2) * 2;
        const int top = block->high[32 * half + i] >> (2 * quarter) & 3;
        codes[i] = (uint8_t)((low & 15) | top << 4);
    }
    put_half(p->head, p->row, block->d);
    p->scales[p->row] = (uint8_t)block->scales[2 * s];
    p->scales[16 + p->row] = (uint8_t)block->scales[2 * s + 1];
    put_codes4(p, codes);
    put_high2(p, codes);
}

/* Span s of block b of a row. The plain types have a block of their own for each span. */
static void put_span(const bnt_tile *t, const place *p, const uint8_t *row, size_t b, size_t s)
{
    switch (t->source) {
    case BNT_TYPE_Q4_0:
        put_q4_0(p, (const bnt_q4_0 *)row + BNT_TILE_SPANS * b + s);
        break;
    case BNT_TYPE_Q8_0:
        put_q8_0(p, (const bnt_q8_0 *)row + BNT_TILE_SPANS * b + s);
        break;
    case BNT_TYPE_Q4_K:
        put_q4_k(p, (const bnt_q4_k *)row + b, (int)s);
        break;
    case BNT_TYPE_Q5_K:
        put_q5_k(p, (const bnt_q5_k *)row + b, (int)s);
        break;
    case BNT_TYPE_Q6_K:
        put_q6_k(p, (const bnt_q6_k *)row + b, (int)s);
        break;
    default: /* B4 and B8 are made of floats */
        break;
    }
}

void bnt_tile_interleave(const bnt_type *type, const uint8_t *rows, size_t row_bytes,
                         uint32_t n_rows, size_t columns, uint8_t *out)
{
    const bnt_tile *const t = type->tile;
    uint8_t *tile = out + bnt_tile_head_bytes(t, columns);

    memset(out, 0, bnt_tile_group_bytes(t, columns));
    for (size_t b = 0; b < bnt_tile_blocks(columns); b++) {
        const size_t left = (columns - b * BNT_TILE_BLOCK) / BNT_TILE_SPAN;
        const size_t n_spans = left < BNT_TILE_SPANS ? left : BNT_TILE_SPANS;

        for (size_t s = 0; s < n_spans; s++) {
            place p = {
                .head = out + b * t->head_bytes,
                .scales = tile + s * t->scale_bytes,
                .mins = tile + bnt_tile_mins_at(t, n_spans) + s / 2 * 32,
                .codes = tile + bnt_tile_codes_at(t, n_spans) + s * t->code_bytes,
                .high = tile + bnt_tile_high_at(t, n_spans) + s * t->high_bytes,
            };
            for (p.row = 0; p.row < n_rows; p.row++) {
                put_span(t, &p, rows + p.row * row_bytes, b, s);
            }
        }
        tile += bnt_tile_bytes(t, n_spans);
    }
}
