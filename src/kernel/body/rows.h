/* rows.h - rows of plain floats, whole or half, times tokens of floats.
 *
 * One token is bound by memory: four distant rows are read side by side, so that four streams
 * are under way. Many tokens are bound by multiply-adds: a tile of TILE_DEEP rows and
 * TILE_WIDE tokens keeps its sums in registers, and tokens are taken in blocks that stay in the
 * second-level cache while all rows pass over them.
 *
 * Tiles are functions of their own, with every count but the columns a constant: compilers then
 * keep each sum in its register.
 */
#ifndef BNT_KERNEL_BODY_ROWS_H
#define BNT_KERNEL_BODY_ROWS_H
#include "kernel/kernel.h"
#ifdef BNT_LANES

enum {
    ROWS_AHEAD = 1024,             /* bytes that memory is asked for in advance */
    ROWS_TOKEN_BYTES = 384 * 1024, /* of a block of tokens */
    ROWS_STREAMS = 4
};

typedef enum rows_form { ROWS_F32, ROWS_F16, ROWS_BF16, ROWS_FORMS } rows_form;

/* A few rows, row_bytes apart, times a few tokens. */
typedef struct rows_tile {
    const uint8_t *w;
    size_t row_bytes, columns;
    const float *x;
    size_t x_stride;
    float *y;
    size_t y_step, y_stride; /* between rows, between tokens */
} rows_tile;

typedef void (*rows_tile_fn)(const rows_tile *t);

#define ROWS_INLINE static inline __attribute__((always_inline))

ROWS_INLINE vf rows_weights(rows_form form, const uint8_t *w, size_t column)
{
    if (form == ROWS_F32) return vf_load((const float *)(const void *)(w + 4 * column));
    if (form == ROWS_F16) return vf_load_f16(w + 2 * column);
    return vf_load_bf16(w + 2 * column);
}

ROWS_INLINE vf rows_weights_n(rows_form form, const uint8_t *w, size_t column, size_t n)
{
    if (form == ROWS_F32) return vf_load_n((const float *)(const void *)(w + 4 * column), n);
    if (form == ROWS_F16) return vf_load_f16_n(w + 2 * column, n);
    return vf_load_bf16_n(w + 2 * column, n);
}

ROWS_INLINE void rows_multiply(const rows_tile *t, rows_form form, const int rows,
                               const int tokens, const bool ahead)
{
    const uint8_t *const w = t->w;
    const float *const x = t->x;
    const size_t row_bytes = t->row_bytes, x_stride = t->x_stride, columns = t->columns;
    const size_t width = form == ROWS_F32 ? 4 : 2;
    vf s[4][6], v[4];
    size_t c = 0;

    for (int r = 0; r < rows; r++) {
        for (int k = 0; k < tokens; k++) {
            s[r][k] = vf_zero();
        }
    }
    for (; c + 16 <= columns; c += 16) {
        for (int r = 0; r < rows; r++) {
            v[r] = rows_weights(form, w + (size_t)r * row_bytes, c);
            if (ahead) lanes_prefetch(w + (size_t)r * row_bytes + width * c + ROWS_AHEAD);
        }
        for (int k = 0; k < tokens; k++) {
            const vf xk = vf_load(x + (size_t)k * x_stride + c);
            for (int r = 0; r < rows; r++) {
                s[r][k] = vf_fma(v[r], xk, s[r][k]);
            }
        }
    }
    if (c < columns) {
        const size_t n = columns - c;
        for (int r = 0; r < rows; r++) {
            v[r] = rows_weights_n(form, w + (size_t)r * row_bytes, c, n);
        }
        /* Sums without a value add +0 times -0, which does not even change a zero's sign. */
        for (int k = 0; k < tokens; k++) {
            const vf xk = vf_load_n(x + (size_t)k * x_stride + c, n);
            const vf padded = vf_first(n, xk, vf_set1(-0.0f));
            for (int r = 0; r < rows; r++) {
                s[r][k] = vf_fma(v[r], padded, s[r][k]);
            }
        }
    }
    for (int r = 0; r < rows; r++) {
        for (int k = 0; k < tokens; k++) {
            t->y[(size_t)k * t->y_stride + (size_t)r * t->y_step] = vf_sum(s[r][k]);
        }
    }
}

#define ROWS_TILE(name, form, rows, tokens, ahead)                                             \
    static __attribute__((noinline)) void name(const rows_tile *t)                             \
    {                                                                                          \
        rows_multiply(t, form, rows, tokens, ahead);                                           \
    }
#define ROWS_TILES(name, form)                                                                 \
    ROWS_TILE(name##_streams, form, ROWS_STREAMS, 1, true)                                     \
    ROWS_TILE(name##_1x1, form, 1, 1, true)                                                    \
    ROWS_TILE(name##_1x2, form, 1, 2, true)                                                    \
    ROWS_TILE(name##_1x3, form, 1, 3, true)                                                    \
    ROWS_TILE(name##_deep_x1, form, TILE_DEEP, 1, true)                                        \
    ROWS_TILE(name##_deep_x2, form, TILE_DEEP, 2, true)                                        \
    ROWS_TILE(name##_deep_x3, form, TILE_DEEP, 3, true)

ROWS_TILES(rows_f32, ROWS_F32)
ROWS_TILES(rows_f16, ROWS_F16)
ROWS_TILES(rows_bf16, ROWS_BF16)

#if TILE_WIDE == 6
#define ROWS_WIDE_TILES(name, form)                                                            \
    ROWS_TILE(name##_1x4, form, 1, 4, false)                                                   \
    ROWS_TILE(name##_1x6, form, 1, 6, false)                                                   \
    ROWS_TILE(name##_deep_x4, form, TILE_DEEP, 4, false)                                       \
    ROWS_TILE(name##_deep_x6, form, TILE_DEEP, 6, false)

ROWS_WIDE_TILES(rows_f32, ROWS_F32)
ROWS_WIDE_TILES(rows_f16, ROWS_F16)
ROWS_WIDE_TILES(rows_bf16, ROWS_BF16)
#define ROWS_BY_WIDTH(name)                                                                    \
    {                                                                                          \
        NULL, name##x1, name##x2, name##x3, name##x4, NULL, name##x6                           \
    }
#else
#define ROWS_BY_WIDTH(name)                                                                    \
    {                                                                                          \
        NULL, name##x1, name##x2, name##x3                                                     \
    }
#endif

/* By form, by TILE_DEEP rows or one, by tokens. */
static const rows_tile_fn rows_tiles[ROWS_FORMS][2][TILE_WIDE + 1] = {
    {ROWS_BY_WIDTH(rows_f32_deep_), ROWS_BY_WIDTH(rows_f32_1)},
    {ROWS_BY_WIDTH(rows_f16_deep_), ROWS_BY_WIDTH(rows_f16_1)},
    {ROWS_BY_WIDTH(rows_bf16_deep_), ROWS_BY_WIDTH(rows_bf16_1)},
};
static const rows_tile_fn rows_streams[ROWS_FORMS] = {rows_f32_streams, rows_f16_streams,
                                                      rows_bf16_streams};

/* One token: rows i, i + quarter, ... together; each of the four streams goes on in memory. */
static void rows_one_token(const bnt_rows *w, rows_form form, const float *x, float *y)
{
    const size_t quarter = w->n_rows / ROWS_STREAMS;
    rows_tile t = {
        .w = w->data,
        .row_bytes = quarter * w->row_bytes,
        .columns = w->columns,
        .x = x,
        .y = y,
        .y_step = quarter,
    };
    for (size_t r = 0; r < quarter; r++, t.w += w->row_bytes, t.y++) {
        rows_streams[form](&t);
    }
    for (size_t r = quarter * ROWS_STREAMS; r < w->n_rows; r++) {
        t.w = w->data + r * w->row_bytes;
        t.y = y + r;
        rows_tiles[form][1][1](&t);
    }
}

/* A block of tokens: groups of rows one after the other, for each all tokens. */
static void rows_block(const bnt_rows *w, rows_form form, const float *x, size_t x_stride,
                       uint32_t n_tokens, float *y, size_t y_stride)
{
    rows_tile t = {
        .row_bytes = w->row_bytes,
        .columns = w->columns,
        .x_stride = x_stride,
        .y_step = 1,
        .y_stride = y_stride,
    };
    uint32_t rows;
    for (uint32_t r = 0; r < w->n_rows; r += rows) {
        rows = w->n_rows - r >= TILE_DEEP ? TILE_DEEP : 1;
        t.w = w->data + r * w->row_bytes;
        uint32_t tokens;
        for (uint32_t k = 0; k < n_tokens; k += tokens) {
            tokens = tile_width(n_tokens - k);
            t.x = x + k * x_stride;
            t.y = y + k * y_stride + r;
            rows_tiles[form][rows == 1][tokens](&t);
        }
    }
}

static void rows_times(const bnt_rows *w, rows_form form, const float *x, size_t x_stride,
                       uint32_t n_tokens, float *y, size_t y_stride)
{
    if (n_tokens == 1) {
        rows_one_token(w, form, x, y);
        return;
    }
    const size_t fit = ROWS_TOKEN_BYTES / (sizeof(float) * (w->columns + (size_t)16));
    const uint32_t most = fit < TILE_WIDE ? TILE_WIDE : (uint32_t)(fit - fit % TILE_WIDE);
    uint32_t n;
    for (uint32_t k = 0; k < n_tokens; k += n) {
        n = n_tokens - k < most ? n_tokens - k : most;
        rows_block(w, form, x + k * x_stride, x_stride, n, y + k * y_stride, y_stride);
    }
}

#define ROWS(name, form)                                                                       \
    static void name(const bnt_rows *w, const float *x, size_t x_stride, uint32_t n_tokens,    \
                     float *y, size_t y_stride)                                                \
    {                                                                                          \
        rows_times(w, form, x, x_stride, n_tokens, y, y_stride);                               \
    }
ROWS(rows_f32, ROWS_F32)
ROWS(rows_f16, ROWS_F16)
ROWS(rows_bf16, ROWS_BF16)

static void put_rows(bnt_kernels *k)
{
    k->rows_f32 = rows_f32;
    k->rows_f16 = rows_f16;
    k->rows_bf16 = rows_bf16;
}

#endif
#endif
