/* fma_tile.h - a tile of the product of two matrices of floats, and how its operands are
 * packed.
 *
 * All sums of a tile stay in registers: each step reads a few vectors of b and multiplies them
 * by one value of a after the other, spread over a register. Sums are spelled out with a
 * variable each, as compilers leave no array in registers. Before it includes this file, a set
 * defines the shape, the heights of tiles that it wants, and how a row is multiplied:
 *
 *   FMA_ROWS, FMA_VECTORS   the widest tile: rows, and vectors of 16 columns (1 or 2)
 *   FMA_TILES(t, vectors)   t(rows, vectors) for each height
 *   FMA_HEIGHT(m)           the least of them that is at least m
 *   FMA_LOAD<rows>          reads a's values of a step where rows are not read one by one
 *   FMA_ROW1(i)  p<i> += a[i] * b0
 *   FMA_ROW2(i)  and q<i> += a[i] * b1
 */
#ifndef BNT_KERNEL_BODY_FMA_TILE_H
#define BNT_KERNEL_BODY_FMA_TILE_H
#include <string.h>

#include "kernel/body/lanes.h"
#include "kernel/learn.h"
#ifdef BNT_LANES

#ifndef vf_keep
#define vf_keep(x) (x)
#endif

enum { FMA_COLUMNS = 16 * FMA_VECTORS };

#define FMA_EACH2(m)  m(0) m(1)
#define FMA_EACH4(m)  FMA_EACH2(m) m(2) m(3)
#define FMA_EACH6(m)  FMA_EACH4(m) m(4) m(5)
#define FMA_EACH8(m)  FMA_EACH6(m) m(6) m(7)
#define FMA_EACH12(m) FMA_EACH8(m) m(8) m(9) m(10) m(11)

/* What a row i does, for tiles of one vector and of two. */
#define FMA_SUM1(i) vf p##i;
#define FMA_SUM2(i) vf p##i, q##i;
#define FMA_GET1(i) p##i = vf_load(c + i * c_stride);
#define FMA_GET2(i)                                                                            \
    p##i = vf_load(c + i * c_stride);                                                          \
    q##i = vf_load(c + i * c_stride + 16);
#define FMA_ZERO1(i)  p##i = vf_zero();
#define FMA_ZERO2(i)  p##i = q##i = vf_zero();
#define FMA_AHEAD1(i) lanes_prefetch(c + i * c_stride);
#define FMA_AHEAD2(i)                                                                          \
    lanes_prefetch(c + i * c_stride);                                                          \
    lanes_prefetch(c + i * c_stride + 16);
#define FMA_PUT1(i) vf_store(c + i * c_stride, p##i);
#define FMA_PUT2(i)                                                                            \
    vf_store(c + i * c_stride, p##i);                                                          \
    vf_store(c + i * c_stride + 16, q##i);
#define FMA_OPERANDS1 const vf b0 = vf_keep(vf_load(b));
#define FMA_OPERANDS2                                                                          \
    const vf b0 = vf_keep(vf_load(b));                                                         \
    const vf b1 = vf_keep(vf_load(b + 16));

/* All of c's tile is read and written; what is not read at first is asked for early. */
#define FMA_TILE(rows, vectors)                                                                \
    static __attribute__((noinline)) void fma_tile_##rows##x##vectors(                         \
        const float *a, const float *b, size_t k, float *c, size_t c_stride, bool add)         \
    {                                                                                          \
        FMA_EACH##rows(FMA_SUM##vectors);                                                      \
        if (add) {                                                                             \
            FMA_EACH##rows(FMA_GET##vectors);                                                  \
        } else {                                                                               \
            FMA_EACH##rows(FMA_ZERO##vectors);                                                 \
            FMA_EACH##rows(FMA_AHEAD##vectors);                                                \
        }                                                                                      \
        for (; k; k--, a += FMA_ROWS, b += FMA_COLUMNS) {                                      \
            FMA_OPERANDS##vectors;                                                             \
            FMA_LOAD##rows;                                                                    \
            FMA_EACH##rows(FMA_ROW##vectors);                                                  \
        }                                                                                      \
        FMA_EACH##rows(FMA_PUT##vectors);                                                      \
    }

typedef void (*fma_tile_fn)(const float *a, const float *b, size_t k, float *c, size_t c_stride,
                            bool add);

#define FMA_ENTRY(rows, vectors) [rows] = fma_tile_##rows##x##vectors,

FMA_TILES(FMA_TILE, 1)
#if FMA_VECTORS == 2
FMA_TILES(FMA_TILE, 2)
#endif

/* By vectors and rows. */
static const fma_tile_fn fma_tiles[FMA_VECTORS + 1][FMA_ROWS + 1] = {
    [1] = {FMA_TILES(FMA_ENTRY, 1)},
#if FMA_VECTORS == 2
    [2] = {FMA_TILES(FMA_ENTRY, 2)},
#endif
};

static inline size_t fma_lanes(size_t n, size_t from)
{
    if (n <= from) return 0;
    return n - from < 16 ? n - from : 16;
}

/* A tile that reaches beyond c goes through one of its own. */
static __attribute__((noinline)) void fma_edge(fma_tile_fn tile, const float *a, const float *b,
                                               size_t k, float *c, size_t c_stride, uint32_t m,
                                               uint32_t n, bool add)
{
    _Alignas(64) float whole[FMA_ROWS * FMA_COLUMNS] = {0};

    for (size_t i = 0; add && i < m; i++) {
        for (size_t j = 0; j < n; j += 16) {
            vf_store(whole + i * FMA_COLUMNS + j,
                     vf_load_n(c + i * c_stride + j, fma_lanes(n, j)));
        }
    }
    tile(a, b, k, whole, FMA_COLUMNS, add);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j += 16) {
            vf_store_n(c + i * c_stride + j, vf_load(whole + i * FMA_COLUMNS + j),
                       fma_lanes(n, j));
        }
    }
}

static void matmul(const float *a, const float *b, size_t k, float *c, size_t c_stride,
                   uint32_t m, uint32_t n, bool add)
{
    if (m == 0 || n == 0) return;
    const uint32_t vectors = (n + 15) / 16, rows = FMA_HEIGHT(m);
    const fma_tile_fn tile = fma_tiles[vectors][rows];

    if (m == rows && n == 16 * vectors) {
        tile(a, b, k, c, c_stride, add);
    } else {
        fma_edge(tile, a, b, k, c, c_stride, m, n, add);
    }
}

/* ---- packing: x is turned, or lies as it is wanted -------------------------------------- */

#define FMA_INLINE static inline __attribute__((always_inline))

/* Panels side by side in rows of x that lies as it is wanted: a row's part of each, by sizes
 * the compiler knows. Several at once read whole lines of memory; strides are often such that a
 * line would be gone before the next panel wanted the rest of it. */
FMA_INLINE void fma_copy_panels(float *out, const float *x, size_t stride, size_t k,
                                const size_t width, const size_t panels)
{
    const size_t step = width * k;
    for (; k; k--, x += stride, out += width) {
        for (size_t p = 0; p < panels; p++) {
            memcpy(out + p * step, x + p * width, width * sizeof *x);
        }
    }
}

/* The last panel, n values wide. */
FMA_INLINE void fma_copy_rest(float *out, const float *x, size_t stride, size_t n, size_t k,
                              const size_t width)
{
    for (; k; k--, x += stride, out += width) {
        for (size_t j = 0; j < width; j += 16) {
            vf_store_n(out + j, vf_load_n(x + j, fma_lanes(n, j)), fma_lanes(width, j));
        }
    }
}

FMA_INLINE void fma_copy(float *out, const float *x, size_t stride, size_t n, size_t k,
                         const size_t width, const size_t panels)
{
    for (; n >= panels * width; n -= panels * width, x += panels * width) {
        fma_copy_panels(out, x, stride, k, width, panels);
        out += panels * width * k;
    }
    for (; n >= width; n -= width, x += width, out += width * k) {
        fma_copy_panels(out, x, stride, k, width, 1);
    }
    if (n) fma_copy_rest(out, x, stride, n, k, width);
}

/* Row i, as far as there is one, from column s on. */
FMA_INLINE vf fma_row(const float *x, size_t stride, size_t n, size_t i, size_t s, size_t lanes)
{
    if (i >= n) return vf_zero();
    return lanes == 16 ? vf_load(x + i * stride + s) : vf_load_n(x + i * stride + s, lanes);
}

/* Columns s to s + lanes of all rows of a panel: fours of them, then a pair. */
FMA_INLINE void fma_turn_columns(float *out, const float *x, size_t stride, size_t n, size_t s,
                                 size_t lanes, const size_t width)
{
    for (size_t i = 0; i + 4 <= width; i += 4) {
        vf_turn4(out + i, width, fma_row(x, stride, n, i, s, lanes),
                 fma_row(x, stride, n, i + 1, s, lanes), fma_row(x, stride, n, i + 2, s, lanes),
                 fma_row(x, stride, n, i + 3, s, lanes));
    }
    if (width % 4) {
        vf_turn2(out + width - 2, width, fma_row(x, stride, n, width - 2, s, lanes),
                 fma_row(x, stride, n, width - 1, s, lanes));
    }
}

FMA_INLINE void fma_turn_panel(float *out, const float *x, size_t stride, size_t n, size_t k,
                               const size_t width)
{
    size_t s = 0;
    for (; n >= width && s + 16 <= k; s += 16) {
        fma_turn_columns(out + s * width, x, stride, width, s, 16, width);
    }
    for (; s + 16 <= k; s += 16) {
        fma_turn_columns(out + s * width, x, stride, n, s, 16, width);
    }
    if (s < k) {
        float rest[16 * BNT_MAX_MATMUL_COLUMNS];
        fma_turn_columns(rest, x, stride, n, s, k - s, width);
        memcpy(out + s * width, rest, (k - s) * width * sizeof *rest);
    }
}

FMA_INLINE void fma_turn(float *out, const float *x, size_t stride, size_t n, size_t k,
                         const size_t width)
{
    for (size_t i = 0; i < n; i += width, x += width * stride, out += width * k) {
        fma_turn_panel(out, x, stride, n - i, k, width);
    }
}

static void pack_a(float *out, const float *x, size_t stride, size_t n, size_t k, bool turned)
{
    if (turned) {
        fma_turn(out, x, stride, n, k, FMA_ROWS);
    } else {
        fma_copy(out, x, stride, n, k, FMA_ROWS, 4);
    }
}

static void pack_b(float *out, const float *x, size_t stride, size_t n, size_t k, bool turned)
{
    if (turned) {
        fma_turn(out, x, stride, n, k, FMA_COLUMNS);
    } else {
        fma_copy(out, x, stride, n, k, FMA_COLUMNS, 2);
    }
}

static void put_fma_tile(bnt_learn_kernels *k)
{
    k->matmul = matmul;
    k->matmul_rows = FMA_ROWS;
    k->matmul_columns = FMA_COLUMNS;
    k->pack_a = pack_a;
    k->pack_b = pack_b;
}

#endif
#endif
