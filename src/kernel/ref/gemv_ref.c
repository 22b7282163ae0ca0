/* gemv_ref.c - a matrix of any interleaved type times quantized tokens.
 *
 * Row by row and block by block: the row's codes of a block are taken out of the tile, and each
 * token adds its product to y by the rule of the type in kernel.h.
 */
#include <math.h>

#include "base/f16.h"
#include "kernel/ref/ref.h"

/* The layouts drawn in tile.h. */
static const bnt_tile layouts[BNT_TILES] = {
    [BNT_TILE_B4] = {32, 16, 0, 256, 0, BNT_TYPE_B4},
    [BNT_TILE_B3] = {32, 16, 0, 128, 64, BNT_TYPE_B3},
    [BNT_TILE_B2] = {32, 16, 0, 128, 0, BNT_TYPE_B2},
    [BNT_TILE_B8] = {32, 0, 0, 512, 0, BNT_TYPE_B8},
    [BNT_TILE_B6] = {32, 16, 0, 256, 128, BNT_TYPE_B6},
    [BNT_TILE_B5] = {32, 16, 0, 256, 64, BNT_TYPE_B5},
    [BNT_TILE_Q4_0] = {0, 32, 0, 256, 0, BNT_TYPE_Q4_0},
    [BNT_TILE_Q8_0] = {0, 32, 0, 512, 0, BNT_TYPE_Q8_0},
    [BNT_TILE_Q4_K] = {64, 16, 16, 256, 0, BNT_TYPE_Q4_K},
    [BNT_TILE_Q5_K] = {64, 16, 16, 256, 64, BNT_TYPE_Q5_K},
    [BNT_TILE_Q6_K] = {32, 32, 0, 256, 128, BNT_TYPE_Q6_K},
};

/* One row's part of one block of a group. */
typedef struct block {
    const uint8_t *head;                          /* the block's section of the head */
    const uint8_t *scales, *mins, *lines, *highs; /* sections of its tile */
    uint32_t n_spans, row;
    int8_t code[BNT_TILE_BLOCK]; /* signed as the rule of the type wants them */
} block;

/* One token's part of a block. */
typedef struct part {
    const int8_t *q;
    const int32_t *sum32;
    float dx;
} part;

static float half_at(const uint8_t *p, uint32_t i)
{
    return bnt_f16_to_f32((uint16_t)(p[2 * i] | p[2 * i + 1] << 8));
}

/* ---- codes out of a tile ---- */

static int zero_of(bnt_tile_index type)
{
    static const int zeros[BNT_TILES] = {
        [BNT_TILE_B6] = 32, [BNT_TILE_B5] = 16,  [BNT_TILE_B4] = 8,    [BNT_TILE_B3] = 4,
        [BNT_TILE_B2] = 2,  [BNT_TILE_Q4_0] = 8, [BNT_TILE_Q6_K] = 32,
    };
    return zeros[type];
}

/* A span of 2-bit codes and the third bit of B3. */
static void take_span2(bnt_tile_index type, const uint8_t *lines, const uint8_t *high,
                       uint32_t row, int8_t code[32])
{
    for (uint32_t c = 0; c < 32; c++) {
        const uint32_t at = 4 * row + c % 4;
        int bits = lines[64 * (c / 16) + at] >> (c % 16 / 4 * 2) & 3;
        if (type == BNT_TILE_B3) bits |= (high[at] >> (c / 4) & 1) << 2;
        code[c] = (int8_t)(bits - zero_of(type));
    }
}

/* A span of 4-bit codes and their high bits, where the type has them. */
static void take_span4(bnt_tile_index type, const uint8_t *lines, const uint8_t *high,
                       uint32_t row, int8_t code[32])
{
    for (uint32_t c = 0; c < 16; c++) {
        const uint32_t j = c / 4, at = 4 * row + c % 4;
        int low = lines[64 * j + at] & 15, top = lines[64 * j + at] >> 4;
        if (layouts[type].high_bytes == 64) {
            low |= (high[at] >> j & 1) << 4;
            top |= (high[at] >> (4 + j) & 1) << 4;
        } else if (layouts[type].high_bytes == 128) {
            low |= (high[at] >> (2 * j) & 3) << 4;
            top |= (high[64 + at] >> (2 * j) & 3) << 4;
        }
        code[c] = (int8_t)(low - zero_of(type));
        code[16 + c] = (int8_t)(top - zero_of(type));
    }
}

static void take_span8(const uint8_t *lines, uint32_t row, int8_t code[32])
{
    for (uint32_t c = 0; c < 32; c++) {
        memcpy(&code[c], &lines[64 * (c / 4) + 4 * row + c % 4], 1);
    }
}

static void take_codes(bnt_tile_index type, block *b)
{
    const bnt_tile *const layout = &layouts[type];
    for (uint32_t s = 0; s < b->n_spans; s++) {
        const uint8_t *const lines = b->lines + s * layout->code_bytes;
        const uint8_t *const high = b->highs + s * layout->high_bytes;
        if (type == BNT_TILE_B8 || type == BNT_TILE_Q8_0) {
            take_span8(lines, b->row, b->code + 32 * s);
        } else if (type == BNT_TILE_B3 || type == BNT_TILE_B2) {
            take_span2(type, lines, high, b->row, b->code + 32 * s);
        } else {
            take_span4(type, lines, high, b->row, b->code + 32 * s);
        }
    }
}

static block block_at(bnt_tile_index type, const uint8_t *group, uint32_t columns, uint32_t i,
                      uint32_t row)
{
    const bnt_tile *const t = &layouts[type];
    const uint32_t left = columns - i * BNT_TILE_BLOCK;
    const uint32_t n = left < BNT_TILE_BLOCK ? left / BNT_TILE_SPAN : BNT_TILE_SPANS;
    const uint8_t *const tile =
        group + bnt_tile_head_bytes(t, columns) + i * bnt_tile_bytes(t, BNT_TILE_SPANS);
    block b = {
        .head = group + i * t->head_bytes,
        .scales = tile,
        .mins = tile + bnt_tile_mins_at(t, n),
        .lines = tile + bnt_tile_codes_at(t, n),
        .highs = tile + bnt_tile_high_at(t, n),
        .n_spans = n,
        .row = row,
    };
    take_codes(type, &b);
    return b;
}

/* ---- the rules: y with one block added ---- */

static int32_t dot_of(const int8_t *code, const int8_t *q, uint32_t n)
{
    int32_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        sum += code[i] * q[i];
    }
    return sum;
}

/* B4, B3 and B2. */
static float add_scaled(const block *b, const part *x, float y)
{
    int32_t total = 0;
    for (uint32_t s = 0; s < b->n_spans; s++) {
        const int scale = (int8_t)b->scales[16 * s + b->row];
        total += scale * dot_of(b->code + 32 * s, x->q + 32 * s, 32);
    }
    return fmaf((float)total, half_at(b->head, b->row) * x->dx, y);
}

static float add_b8(const block *b, const part *x, float y)
{
    const int32_t total = dot_of(b->code, x->q, 32 * b->n_spans);
    return fmaf((float)total, half_at(b->head, b->row) * x->dx, y);
}

/* B6 and B5. */
static float add_spans(const block *b, const part *x, float y)
{
    const float d = half_at(b->head, b->row);
    float t = 0.0f;
    for (uint32_t s = 0; s < b->n_spans; s++) {
        const int32_t dot = dot_of(b->code + 32 * s, x->q + 32 * s, 32);
        t = fmaf((float)dot, d * (float)(int8_t)b->scales[16 * s + b->row], t);
    }
    return fmaf(t, x->dx, y);
}

/* Q4_0 and Q8_0. */
static float add_plain(const block *b, const part *x, float y)
{
    float t = 0.0f;
    for (uint32_t s = 0; s < b->n_spans; s++) {
        const int32_t dot = dot_of(b->code + 32 * s, x->q + 32 * s, 32);
        t = fmaf((float)dot, half_at(b->scales + 32 * s, b->row), t);
    }
    return fmaf(t, x->dx, y);
}

/* Q4_K and Q5_K. */
static float add_mins(const block *b, const part *x, float y)
{
    const float d = half_at(b->head, b->row), dmin = half_at(b->head + 32, b->row);
    float t = 0.0f;
    int32_t mins = 0;
    for (uint32_t s = 0; s < b->n_spans; s++) {
        const int32_t dot = dot_of(b->code + 32 * s, x->q + 32 * s, 32);
        t = fmaf((float)dot, d * (float)b->scales[16 * s + b->row], t);
        mins += b->mins[32 * (s / 2) + 2 * b->row + s % 2] * x->sum32[s];
    }
    t = fmaf((float)mins, -dmin, t);
    return fmaf(t, x->dx, y);
}

static float add_q6_k(const block *b, const part *x, float y)
{
    const float d = half_at(b->head, b->row);
    float t = 0.0f;
    for (uint32_t h = 0; h < 2 * b->n_spans; h++) {
        const int32_t dot = dot_of(b->code + 16 * h, x->q + 16 * h, 16);
        t = fmaf((float)dot, d * (float)(int8_t)b->scales[16 * h + b->row], t);
    }
    return fmaf(t, x->dx, y);
}

typedef float (*add_fn)(const block *b, const part *x, float y);

static const add_fn add_block[BNT_TILES] = {
    [BNT_TILE_B4] = add_scaled,  [BNT_TILE_B3] = add_scaled,  [BNT_TILE_B2] = add_scaled,
    [BNT_TILE_B8] = add_b8,      [BNT_TILE_B6] = add_spans,   [BNT_TILE_B5] = add_spans,
    [BNT_TILE_Q4_0] = add_plain, [BNT_TILE_Q8_0] = add_plain, [BNT_TILE_Q4_K] = add_mins,
    [BNT_TILE_Q5_K] = add_mins,  [BNT_TILE_Q6_K] = add_q6_k,
};

/* ---- groups, rows, tokens ---- */

/* y of one row: entry t * y_stride for token t. */
static void multiply_row(bnt_tile_index type, const uint8_t *group, uint32_t row,
                         const bnt_acts *x, float *y, size_t y_stride)
{
    const size_t n_blocks = bnt_tile_blocks(x->columns);
    for (uint32_t t = 0; t < x->n_tokens; t++) {
        y[t * y_stride] = 0.0f;
    }
    for (uint32_t i = 0; i < n_blocks; i++) {
        const block b = block_at(type, group, x->columns, i, row);
        for (uint32_t t = 0; t < x->n_tokens; t++) {
            const part p = {
                .q = x->q + t * bnt_acts_stride(x->columns) + (size_t)i * BNT_TILE_BLOCK,
                .sum32 = x->sum32 + (size_t)t * (x->columns / 32) + (size_t)i * BNT_TILE_SPANS,
                .dx = x->d[t * n_blocks + i],
            };
            y[t * y_stride] = add_block[type](&b, &p, y[t * y_stride]);
        }
    }
}

static void multiply(bnt_tile_index type, const uint8_t *groups, size_t group_bytes,
                     uint32_t n_groups, const bnt_acts *x, float *y, size_t y_stride)
{
    for (uint32_t g = 0; g < n_groups; g++) {
        for (uint32_t row = 0; row < BNT_TILE_ROWS; row++) {
            multiply_row(type, groups + g * group_bytes, row, x, y + BNT_TILE_ROWS * g + row,
                         y_stride);
        }
    }
}

#define GEMV(name, type)                                                                       \
    static void name(const uint8_t *groups, size_t group_bytes, uint32_t n_groups,             \
                     const bnt_acts *x, float *y, size_t y_stride)                             \
    {                                                                                          \
        multiply(type, groups, group_bytes, n_groups, x, y, y_stride);                         \
    }
GEMV(gemv_b4, BNT_TILE_B4)
GEMV(gemv_b3, BNT_TILE_B3)
GEMV(gemv_b2, BNT_TILE_B2)
GEMV(gemv_b8, BNT_TILE_B8)
GEMV(gemv_b6, BNT_TILE_B6)
GEMV(gemv_b5, BNT_TILE_B5)
GEMV(gemv_q4_0, BNT_TILE_Q4_0)
GEMV(gemv_q8_0, BNT_TILE_Q8_0)
GEMV(gemv_q4_k, BNT_TILE_Q4_K)
GEMV(gemv_q5_k, BNT_TILE_Q5_K)
GEMV(gemv_q6_k, BNT_TILE_Q6_K)

const bnt_gemv_fn bnt_gemv_ref[BNT_TILES] = {
    [BNT_TILE_B4] = gemv_b4,     [BNT_TILE_B3] = gemv_b3,     [BNT_TILE_B2] = gemv_b2,
    [BNT_TILE_B8] = gemv_b8,     [BNT_TILE_B6] = gemv_b6,     [BNT_TILE_B5] = gemv_b5,
    [BNT_TILE_Q4_0] = gemv_q4_0, [BNT_TILE_Q8_0] = gemv_q8_0, [BNT_TILE_Q4_K] = gemv_q4_k,
    [BNT_TILE_Q5_K] = gemv_q5_k, [BNT_TILE_Q6_K] = gemv_q6_k,
};
