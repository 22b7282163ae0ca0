/* gemm_x86.h - what the GEMMs of all sets of x86 share beside packed tokens (gemm_pack.h): what
 * a panel is, and the walk over columns, tokens and rows.
 *
 * A call unpacks its groups once, each to a panel of one byte a weight, and then multiplies
 * every packed token by it, a tile of rows and tokens at a time: its sums of whole numbers stay
 * in registers, its floats in the first cache. Columns go in chunks, so that panels and a block
 * of tokens stay in the second cache whatever the width of the matrix; y itself carries the
 * sums from chunk to chunk.
 *
 * What a set adds: its form of panels (gemm_panel.h), the micro-kernels, what the sums of a
 * packed block start with, and before it includes this file
 *
 *   REG_BITS           of its registers, for register.h
 *   GEMM_TILE_GROUPS   groups of rows in a tile of its micro-kernels, 1 or 2
 *   GEMM_PANEL_GROUPS  groups that a call should get
 */
#ifndef BNT_KERNEL_X86_GEMM_X86_H
#define BNT_KERNEL_X86_GEMM_X86_H
#include <immintrin.h>
#include <string.h>

#include "kernel/kernel.h"

#ifdef BNT_LANES /* as the bodies: empty without a set */
#include "kernel/x86/gemm_pack.h"

/* Micro-kernels take all registers: each is a function of its own, never a copy for constant
 * arguments, in which gcc gives registers away. */
#if defined(__clang__)
#define GEMM_MICRO static __attribute__((noinline))
#else
#define GEMM_MICRO static __attribute__((noipa))
#endif

/* Keeps floats of a tile that have been stored from being held in registers for later. */
#define GEMM_KEEP_STORED() __asm__ volatile("" ::: "memory")

enum { GEMM_CHUNK = 4096 /* columns that are unpacked at a time */ };

/* ---- panels ------------------------------------------------------------------------------
 *
 * One group of rows, unpacked for a chunk of columns.
 */
typedef struct gemm_panel {
    uint8_t *codes; /* (columns / 4, 16 rows, 4), in the form that the set wants */
    float *scales;  /* (blocks, sums, 16): one for each sum of whole numbers */
    int16_t *mins;  /* (blocks, 4, 16, 2) */
    float *extra;   /* (blocks, 16): -dmin, or what the set puts there */
} gemm_panel;

static inline size_t gemm_panel_bytes(size_t columns)
{
    const size_t blocks = bnt_tile_blocks(columns < GEMM_CHUNK ? columns : GEMM_CHUNK);
    const size_t codes = (size_t)16 * BNT_TILE_BLOCK;
    return blocks * (codes + (16 + 4 + 1) * BNT_TILE_LINE);
}

/* Panel g of those in memory, each of panel_bytes for blocks blocks. */
static inline gemm_panel gemm_panel_at(uint8_t *memory, size_t panel_bytes, size_t blocks,
                                       uint32_t g)
{
    uint8_t *const codes = memory + g * panel_bytes;
    uint8_t *const scales = codes + blocks * 16 * BNT_TILE_BLOCK;
    uint8_t *const mins = scales + blocks * 16 * BNT_TILE_LINE;
    const gemm_panel p = {
        .codes = codes,
        .scales = (float *)(void *)scales,
        .mins = (int16_t *)(void *)mins,
        .extra = (float *)(void *)(mins + blocks * 4 * BNT_TILE_LINE),
    };
    return p;
}

/* ---- the walk ---------------------------------------------------------------------------- */

/* Unpacks one block: head is its part of the group's head, and out what belongs to it. */
typedef void (*gemm_unpack_fn)(const bnt_tile *layout, const uint8_t *head, const uint8_t *tile,
                               size_t n_spans, const gemm_panel *out);

enum {
    GEMM_TILE_ROWS = GEMM_TILE_GROUPS * BNT_TILE_ROWS,
    GEMM_TILE_BYTES = GEMM_TOKENS * GEMM_TILE_ROWS * 4
};

/* The sums of a tile on their way from block to block of columns: rows of GEMM_TILE_ROWS
 * floats, one a token. The first block adds to what lies at `from`, the last one leaves them at
 * `to`, in between they lie in `tile`. */
typedef struct gemm_floats {
    const float *from;
    float *to, *tile;
    size_t from_step, to_step; /* from token to token */
} gemm_floats;

static inline gemm_floats gemm_floats_at(const gemm_floats *f, uint32_t token, uint32_t row)
{
    const gemm_floats at = {f->from + token * f->from_step + row,
                            f->to + token * f->to_step + row,
                            f->tile + token * GEMM_TILE_ROWS + row, f->from_step, f->to_step};
    return at;
}

/* Where the next of several blocks takes its sums from, and where to. */
#define GEMM_FLOATS_BEGIN(f)                                                                   \
    const float *next_from = (f)->from;                                                        \
    size_t from_step = (f)->from_step
#define GEMM_FLOATS_BLOCK(f, last)                                                             \
    const float *from = next_from;                                                             \
    float *to = (last) ? (f)->to : (f)->tile;                                                  \
    const size_t to_step = (last) ? (f)->to_step : (size_t)GEMM_TILE_ROWS
#define GEMM_FLOATS_NEXT_TOKEN    from += from_step, to += to_step
#define GEMM_FLOATS_NEXT_BLOCK(f) next_from = (f)->tile, from_step = GEMM_TILE_ROWS

/* Adds the product of a chunk, of n_tokens tokens, or up to 12 beyond them where f is a tile: p
 * has GEMM_TILE_GROUPS panels. */
typedef void (*gemm_tile_fn)(const gemm_panel *p, const gemm_tokens *x, uint32_t columns,
                             uint32_t n_tokens, const gemm_floats *f);

/* A gemm_tile_fn of a micro-kernel for n tokens at a time. */
#define GEMM_MULTIPLY(name, micro, n)                                                          \
    static void name(const gemm_panel *p, const gemm_tokens *x, uint32_t columns,              \
                     uint32_t n_tokens, const gemm_floats *f)                                  \
    {                                                                                          \
        for (uint32_t t = 0; t < n_tokens; t += n) {                                           \
            const gemm_tokens part = {x->codes + 4 * t, x->start + 4 * t, x->d + t,            \
                                      x->pairs + 2 * t};                                       \
            const gemm_floats floats = gemm_floats_at(f, t, 0);                                \
            micro(p, &part, columns, &floats);                                                 \
        }                                                                                      \
    }

typedef struct gemm_kind {
    bnt_tile layout;
    gemm_unpack_fn unpack;
    gemm_tile_fn multiply;
    uint32_t sums; /* of whole numbers in a block: 1, of its spans 8, of half spans 16 */
} gemm_kind;

static inline size_t gemm_work_bytes(uint32_t columns)
{
    return GEMM_TILE_BYTES + GEMM_PANEL_GROUPS * gemm_panel_bytes(columns);
}

/* Unpacks n columns from column c on; columns is the width of the matrix. */
static inline void gemm_unpack_group(const gemm_kind *k, const uint8_t *group, size_t columns,
                                     size_t c, size_t n, const gemm_panel *out)
{
    const uint8_t *const tiles = group + bnt_tile_head_bytes(&k->layout, columns);
    const size_t tile_bytes = bnt_tile_bytes(&k->layout, BNT_TILE_SPANS);
    for (size_t i = 0; i * BNT_TILE_BLOCK < n; i++) {
        const size_t b = c / BNT_TILE_BLOCK + i;
        const size_t left = (n - i * BNT_TILE_BLOCK) / BNT_TILE_SPAN;
        const gemm_panel at = {
            .codes = out->codes + i * 16 * BNT_TILE_BLOCK,
            .scales = out->scales + i * k->sums * 16,
            .mins = out->mins + i * 4 * 32,
            .extra = out->extra + i * 16,
        };
        k->unpack(&k->layout, group + b * k->layout.head_bytes, tiles + b * tile_bytes,
                  left < BNT_TILE_SPANS ? left : BNT_TILE_SPANS, &at);
    }
}

/* The floats of n_groups groups of rows of n_tokens tokens, in y and in a tile. */
static inline void gemm_tile_load(float *tile, const gemm_floats *f, uint32_t n_tokens,
                                  uint32_t n_groups)
{
    memset(tile, 0, GEMM_TILE_BYTES);
    for (uint32_t t = 0; t < n_tokens; t++) {
        memcpy(tile + t * GEMM_TILE_ROWS, f->from + t * f->from_step,
               n_groups * BNT_TILE_ROWS * sizeof *tile);
    }
}

static inline void gemm_tile_store(const float *tile, const gemm_floats *f, uint32_t n_tokens,
                                   uint32_t n_groups)
{
    for (uint32_t t = 0; t < n_tokens; t++) {
        memcpy(f->to + t * f->to_step, tile + t * GEMM_TILE_ROWS,
               n_groups * BNT_TILE_ROWS * sizeof *tile);
    }
}

/* One packed block of tokens times all panels, n columns of them. */
static inline void gemm_add_block(const gemm_kind *k, const gemm_panel *panels,
                                  uint32_t n_groups, const gemm_tokens *x, uint32_t n_tokens,
                                  uint32_t n, const gemm_floats *f)
{
    for (uint32_t g = 0; g < n_groups; g += GEMM_TILE_GROUPS) {
        const uint32_t left = n_groups - g;
        /* Where the last tile lacks a group, it multiplies one twice. */
        const gemm_panel p[2] = {panels[g], panels[left > 1 ? g + 1 : g]};
        const gemm_floats at = {f->from + (f->from_step ? BNT_TILE_ROWS * g : 0),
                                f->to + BNT_TILE_ROWS * g, f->tile, f->from_step, f->to_step};
        if (n && n_tokens == GEMM_TOKENS && left >= GEMM_TILE_GROUPS) {
            k->multiply(p, x, n, n_tokens, &at);
            continue;
        }
        const gemm_floats tile = {f->tile, f->tile, f->tile, GEMM_TILE_ROWS, GEMM_TILE_ROWS};
        const uint32_t n_here = left < GEMM_TILE_GROUPS ? left : (uint32_t)GEMM_TILE_GROUPS;
        gemm_tile_load(f->tile, &at, n_tokens, n_here);
        k->multiply(p, x, n, n_tokens, &tile);
        gemm_tile_store(f->tile, &at, n_tokens, n_here);
    }
}

/* Asks for the next panel's weights, a part with every block of tokens: a panel is read too
 * seldom for the processor to see it coming. Prefetching touches no memory that is not there.
 */
static inline void gemm_ask_ahead(const uint8_t *next, size_t bytes, uint32_t t, uint32_t n)
{
    const size_t part = bytes * GEMM_TOKENS / n / 64 * 64 + 64;
    const uint8_t *const from = next + part * (t / GEMM_TOKENS);
    for (size_t i = 0; i < part; i += 64) {
        __builtin_prefetch(from + i, 0, 2);
    }
}

/* A gemm of kernel.h. */
static inline void gemm_run(const gemm_kind *k, const uint8_t *groups, size_t group_bytes,
                            uint32_t n_groups, const bnt_packed *x, float *y, size_t y_stride,
                            void *work)
{
    const gemm_sections s = gemm_sections_of(x->columns);
    const size_t panel_bytes = gemm_panel_bytes(x->columns);
    const size_t blocks =
        bnt_tile_blocks(x->columns < GEMM_CHUNK ? x->columns : (uint32_t)GEMM_CHUNK);
    static const _Alignas(64) float zeros[GEMM_TILE_ROWS];
    gemm_panel panels[BNT_MAX_PANEL_GROUPS];
    uint32_t c = 0;

    for (uint32_t g = 0; g < n_groups; g++) {
        panels[g] = gemm_panel_at((uint8_t *)work + GEMM_TILE_BYTES, panel_bytes, blocks, g);
    }
    do {
        const uint32_t n = x->columns - c < GEMM_CHUNK ? x->columns - c : GEMM_CHUNK;
        for (uint32_t g = 0; g < n_groups; g++) {
            gemm_unpack_group(k, groups + g * group_bytes, x->columns, c, n, &panels[g]);
        }
        for (uint32_t t = 0; t < x->n_tokens; t += GEMM_TOKENS) {
            if (c + n == x->columns) {
                gemm_ask_ahead(groups + n_groups * group_bytes, n_groups * group_bytes, t,
                               x->n_tokens);
            }
            const gemm_tokens part =
                gemm_tokens_at(x->blocks + t / GEMM_TOKENS * s.bytes, &s, k->sums, c);
            const uint32_t left = x->n_tokens - t;
            float *const out = y + t * y_stride;
            const gemm_floats f = {c ? out : zeros, out, work, c ? y_stride : 0, y_stride};
            gemm_add_block(k, panels, n_groups, &part, left < GEMM_TOKENS ? left : GEMM_TOKENS,
                           n, &f);
        }
        c += n;
    } while (c < x->columns);
}

#endif
#endif
