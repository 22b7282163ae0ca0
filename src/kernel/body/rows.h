/* rows.h - rows of plain floats, whole or half, times tokens of floats.
 *
 * One token is bound by memory: four distant rows are read side by side, so that four streams
 * are under way. Many tokens are bound by multiply-adds: a tile of a few rows and
 * tokens keeps its sums in registers, and tokens are taken in blocks that stay in the
 * second-level cache while all rows pass over them.
 *
 * Tiles are functions of their own, with every count but the columns a constant: compilers then
 * keep each sum in its register.
 */
#ifndef BNT_KERNEL_BODY_ROWS_H
#define BNT_KERNEL_BODY_ROWS_H
#include "kernel/body/tiles.h"
#include "kernel/kernel.h"
#ifdef BNT_LANES

enum {
    ROWS_AHEAD = 1024,             /* bytes that memory is asked for in advance */
    ROWS_TOKEN_BYTES = 384 * 1024, /* of a block of tokens */
    ROWS_STREAMS = 4
};

#if TILE_IS_LARGE
enum { ROWS_DEPTH = 4, ROWS_WIDTH = 6 };
#else
enum { ROWS_DEPTH = 2, ROWS_WIDTH = 2 };
#endif

typedef enum rows_form { ROWS_F32, ROWS_F16, ROWS_BF16, ROWS_FORMS } rows_form;

/* A few rows, row_bytes apart, times a few tokens. The last columns, fewer than 16, come as
 * vectors of their own: weights padded with +0, tokens with -0, whose product changes no sum,
 * not even the sign of a zero. */
typedef struct rows_tile {
    const uint8_t *w;
    size_t row_bytes, columns; /* columns in whole vectors */
    const float *x;
    size_t x_stride;
    float *y;
    size_t y_step, y_stride; /* between rows, between tokens */
    size_t n_rest;
    float w_rest[4][16], x_rest[TILE_COLUMNS][16];
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

/* Adds the last columns to the sums (rows, tokens), and what is in their lanes. */
static __attribute__((noinline)) void rows_put(const rows_tile *t, const vf *sums, int rows,
                                               int tokens)
{
    for (int r = 0; r < rows; r++) {
        for (int k = 0; k < tokens; k++) {
            vf s = *sums++;
            if (t->n_rest) s = vf_fma(vf_load(t->w_rest[r]), vf_load(t->x_rest[k]), s);
            t->y[(size_t)k * t->y_stride + (size_t)r * t->y_step] = vf_sum(s);
        }
    }
}

ROWS_INLINE void rows_multiply(const rows_tile *t, rows_form form, const int rows,
                               const int tokens)
{
    const uint8_t *const w = t->w;
    const float *const x = t->x;
    const size_t row_bytes = t->row_bytes, x_stride = t->x_stride, columns = t->columns;
    const size_t width = form == ROWS_F32 ? 4 : 2;
    vf s[4][TILE_COLUMNS], v[4], sums[4 * TILE_COLUMNS];
    size_t c = 0;

    TILE_LOOP
    for (int r = 0; r < rows; r++) {
        TILE_LOOP
        for (int k = 0; k < tokens; k++) {
            s[r][k] = vf_zero();
        }
    }
    for (; c + 16 <= columns; c += 16) {
        const vf first = vf_keep(vf_load(x + c));
        TILE_LOOP
        for (int r = 0; r < rows; r++) {
            const uint8_t *const row = w + (size_t)r * row_bytes;
            if (2 * tokens <= ROWS_WIDTH) lanes_prefetch(row + width * c + ROWS_AHEAD);
            v[r] = rows_weights(form, row, c);
            if (tokens > 1) v[r] = vf_keep(v[r]);
            s[r][0] = vf_fma(v[r], first, s[r][0]);
        }
        TILE_LOOP
        for (int k = 1; k < tokens; k++) {
            const vf xk = vf_keep(vf_load(x + (size_t)k * x_stride + c));
            TILE_LOOP
            for (int r = 0; r < rows; r++) {
                s[r][k] = vf_fma(v[r], xk, s[r][k]);
            }
        }
    }
    /* A copy, so that no address of the sums above is ever taken. */
    TILE_LOOP
    for (int r = 0; r < rows; r++) {
        TILE_LOOP
        for (int k = 0; k < tokens; k++) {
            sums[r * tokens + k] = s[r][k];
        }
    }
    rows_put(t, sums, rows, tokens);
}

#define ROWS_TILE(name, form, rows, tokens)                                                    \
    static __attribute__((noinline)) void name##_##rows##x##tokens(const rows_tile *t)         \
    {                                                                                          \
        rows_multiply(t, form, rows, tokens);                                                  \
    }

#if TILE_IS_LARGE
#define ROWS_TILES(name, form)                                                                 \
    ROWS_TILE(name, form, 1, 1)                                                                \
    ROWS_TILE(name, form, 1, 2)                                                                \
    ROWS_TILE(name, form, 1, 3)                                                                \
    ROWS_TILE(name, form, 1, 4)                                                                \
    ROWS_TILE(name, form, 1, 6)                                                                \
    ROWS_TILE(name, form, 4, 1)                                                                \
    ROWS_TILE(name, form, 4, 2)                                                                \
    ROWS_TILE(name, form, 4, 3)                                                                \
    ROWS_TILE(name, form, 4, 4)                                                                \
    ROWS_TILE(name, form, 4, 6)
#define ROWS_DEEP(name)                                                                        \
    {                                                                                          \
        NULL, name##_4x1, name##_4x2, name##_4x3, name##_4x4, NULL, name##_4x6                 \
    }
#define ROWS_SINGLE(name)                                                                      \
    {                                                                                          \
        NULL, name##_1x1, name##_1x2, name##_1x3, name##_1x4, NULL, name##_1x6                 \
    }
#else
#define ROWS_TILES(name, form)                                                                 \
    ROWS_TILE(name, form, 1, 1)                                                                \
    ROWS_TILE(name, form, 1, 2)                                                                \
    ROWS_TILE(name, form, 2, 1)                                                                \
    ROWS_TILE(name, form, 2, 2)                                                                \
    ROWS_TILE(name, form, 4, 1)
#define ROWS_DEEP(name)                                                                        \
    {                                                                                          \
        NULL, name##_2x1, name##_2x2                                                           \
    }
#define ROWS_SINGLE(name)                                                                      \
    {                                                                                          \
        NULL, name##_1x1, name##_1x2                                                           \
    }
#endif

ROWS_TILES(rows_f32, ROWS_F32)
ROWS_TILES(rows_f16, ROWS_F16)
ROWS_TILES(rows_bf16, ROWS_BF16)

/* By form and tokens: tiles of ROWS_DEPTH rows, and of one. */
static const rows_tile_fn rows_deep[ROWS_FORMS][TILE_COLUMNS + 1] = {
    ROWS_DEEP(rows_f32), ROWS_DEEP(rows_f16), ROWS_DEEP(rows_bf16)};
static const rows_tile_fn rows_single[ROWS_FORMS][TILE_COLUMNS + 1] = {
    ROWS_SINGLE(rows_f32), ROWS_SINGLE(rows_f16), ROWS_SINGLE(rows_bf16)};
static const rows_tile_fn rows_streams[ROWS_FORMS] = {rows_f32_4x1, rows_f16_4x1,
                                                      rows_bf16_4x1};

static inline uint32_t rows_width(uint32_t n_tokens)
{
    if (ROWS_WIDTH == 6) return tile_width(n_tokens, 6);
    return n_tokens < ROWS_WIDTH ? n_tokens : ROWS_WIDTH;
}

static rows_tile rows_begin(const bnt_rows *w, size_t x_stride, size_t y_stride)
{
    const rows_tile t = {
        .row_bytes = w->row_bytes,
        .columns = w->columns - w->columns % 16,
        .x_stride = x_stride,
        .y_step = 1,
        .y_stride = y_stride,
        .n_rest = w->columns % 16,
    };
    return t;
}

static void rows_take(rows_tile *t, rows_form form, const uint8_t *w, uint32_t rows)
{
    t->w = w;
    for (uint32_t r = 0; t->n_rest && r < rows; r++) {
        vf_store(t->w_rest[r],
                 rows_weights_n(form, w + r * t->row_bytes, t->columns, t->n_rest));
    }
}

static void rows_take_tokens(rows_tile *t, const float *x, uint32_t tokens)
{
    t->x = x;
    for (uint32_t k = 0; t->n_rest && k < tokens; k++) {
        const vf rest = vf_load_n(x + k * t->x_stride + t->columns, t->n_rest);
        vf_store(t->x_rest[k], vf_first(t->n_rest, rest, vf_set1(-0.0f)));
    }
}

/* One token: rows i, i + quarter, ... together; each of the four streams goes on in memory. */
static void rows_one_token(const bnt_rows *w, rows_form form, const float *x, float *y)
{
    const uint32_t quarter = w->n_rows / ROWS_STREAMS;
    rows_tile t = rows_begin(w, 0, 0);

    rows_take_tokens(&t, x, 1);
    t.row_bytes = quarter * w->row_bytes;
    t.y_step = quarter;
    for (uint32_t r = 0; r < quarter; r++) {
        rows_take(&t, form, w->data + r * w->row_bytes, ROWS_STREAMS);
        t.y = y + r;
        rows_streams[form](&t);
    }
    for (uint32_t r = quarter * ROWS_STREAMS; r < w->n_rows; r++) {
        rows_take(&t, form, w->data + r * w->row_bytes, 1);
        t.y = y + r;
        rows_single[form][1](&t);
    }
}

/* A block of tokens: groups of rows one after the other, for each all tokens. */
static void rows_block(const bnt_rows *w, rows_form form, const float *x, size_t x_stride,
                       uint32_t n_tokens, float *y, size_t y_stride)
{
    rows_tile t = rows_begin(w, x_stride, y_stride);
    uint32_t rows, tokens;

    for (uint32_t r = 0; r < w->n_rows; r += rows) {
        rows = w->n_rows - r >= ROWS_DEPTH ? ROWS_DEPTH : 1;
        rows_take(&t, form, w->data + r * w->row_bytes, rows);
        for (uint32_t k = 0; k < n_tokens; k += tokens) {
            tokens = rows_width(n_tokens - k);
            rows_take_tokens(&t, x + k * x_stride, tokens);
            t.y = y + k * y_stride + r;
            (rows == 1 ? rows_single : rows_deep)[form][tokens](&t);
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
    const uint32_t most = fit < ROWS_WIDTH ? ROWS_WIDTH : (uint32_t)(fit - fit % ROWS_WIDTH);
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
