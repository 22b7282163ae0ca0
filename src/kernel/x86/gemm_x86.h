/* gemm_x86.h - what the GEMMs of all sets of x86 share: how tokens are packed, what a panel is,
 * and the walk over columns, tokens and rows.
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
 *   GEMM_TILE_GROUPS   groups of rows in a tile of its micro-kernels, 1 or 2
 *   GEMM_PANEL_GROUPS  groups that a call should get
 */
#ifndef BNT_KERNEL_X86_GEMM_X86_H
#define BNT_KERNEL_X86_GEMM_X86_H
#include <immintrin.h>
#include <string.h>

#include "kernel/kernel.h"

#ifdef BNT_LANES /* as the bodies: empty without a set */

/* Micro-kernels take all registers: each is a function of its own, never a copy for constant
 * arguments, in which gcc gives registers away. */
#if defined(__clang__)
#define GEMM_MICRO static __attribute__((noinline))
#else
#define GEMM_MICRO static __attribute__((noipa))
#endif

/* Keeps floats of a tile that have been stored from being held in registers for later. */
#define GEMM_KEEP_STORED() __asm__ volatile("" ::: "memory")

enum {
    GEMM_TOKENS = 12, /* of a packed block */
    GEMM_CHUNK = 4096 /* columns that are unpacked at a time */
};

/* ---- packed tokens -----------------------------------------------------------------------
 *
 * Sections, each at a multiple of 64 bytes. Tokens that are not there are zeros.
 *
 *   codes   int8 (columns / 4, 12, 4): four columns of the 12 tokens side by side
 *   d       float (blocks, 12)
 *   start   4 bytes (blocks, 12), then (spans, 12), then (half spans, 12): what a sum of
 *           products begins with, so that codes without sign give the sum of signed ones
 *   pairs   int16 (spans / 2, 12, 2): sums of q over two spans, to be multiplied by mins
 */
typedef struct gemm_sections {
    size_t d, block, span, half, pairs, bytes;
} gemm_sections;

static inline gemm_sections gemm_sections_of(size_t columns)
{
    const size_t blocks = bnt_tile_blocks(columns), spans = columns / BNT_TILE_SPAN;
    const size_t entry = sizeof(int32_t) * GEMM_TOKENS;
    gemm_sections s;
    s.d = columns * GEMM_TOKENS;
    s.block = s.d + bnt_tile_padded(blocks * entry);
    s.span = s.block + bnt_tile_padded(blocks * entry);
    s.half = s.span + bnt_tile_padded(spans * entry);
    s.pairs = s.half + bnt_tile_padded(2 * spans * entry);
    s.bytes = s.pairs + bnt_tile_padded((spans + 1) / 2 * entry);
    return s;
}

static inline size_t gemm_packed_bytes(uint32_t columns)
{
    return gemm_sections_of(columns).bytes;
}

/* What a micro-kernel reads of a packed block: the chunk's part of each section, from the first
 * token that it multiplies. */
typedef struct gemm_tokens {
    const uint8_t *codes, *start;
    const float *d;
    const int16_t *pairs;
} gemm_tokens;

/* Four rows of `count` 32-bit numbers, n_rows (0 to 4) of them there, become columns of out,
 * whose rows hold 12. */
static inline void gemm_pack_four(const uint8_t *rows, size_t row_bytes, uint32_t n_rows,
                                  size_t count, uint8_t *out)
{
    const __m128i zero = _mm_setzero_si128();
    const size_t entry = sizeof(int32_t) * GEMM_TOKENS;
    size_t i = 0;

    for (; i + 4 <= count; i += 4, rows += 16, out += 4 * entry) {
        const __m128i *const p = (const __m128i *)(const void *)rows;
        const __m128i *const p1 = (const __m128i *)(const void *)(rows + row_bytes);
        const __m128i *const p2 = (const __m128i *)(const void *)(rows + 2 * row_bytes);
        const __m128i *const p3 = (const __m128i *)(const void *)(rows + 3 * row_bytes);
        const __m128i a = n_rows > 0 ? _mm_loadu_si128(p) : zero;
        const __m128i b = n_rows > 1 ? _mm_loadu_si128(p1) : zero;
        const __m128i c = n_rows > 2 ? _mm_loadu_si128(p2) : zero;
        const __m128i d = n_rows > 3 ? _mm_loadu_si128(p3) : zero;
        const __m128i ab = _mm_unpacklo_epi32(a, b), cd = _mm_unpacklo_epi32(c, d);
        const __m128i ab2 = _mm_unpackhi_epi32(a, b), cd2 = _mm_unpackhi_epi32(c, d);
        _mm_storeu_si128((__m128i *)(void *)out, _mm_unpacklo_epi64(ab, cd));
        _mm_storeu_si128((__m128i *)(void *)(out + entry), _mm_unpackhi_epi64(ab, cd));
        _mm_storeu_si128((__m128i *)(void *)(out + 2 * entry), _mm_unpacklo_epi64(ab2, cd2));
        _mm_storeu_si128((__m128i *)(void *)(out + 3 * entry), _mm_unpackhi_epi64(ab2, cd2));
    }
    for (; i < count; i++, rows += 4, out += entry) {
        for (uint32_t r = 0; r < 4; r++) {
            if (r < n_rows)
                memcpy(out + 4 * r, rows + r * row_bytes, 4);
            else
                memset(out + 4 * r, 0, 4);
        }
    }
}

/* Rows of 32-bit numbers, one a token, become the columns of a section. */
static inline void gemm_pack_rows(const void *rows, size_t row_bytes, uint32_t n_rows,
                                  size_t count, uint8_t *out)
{
    const uint8_t *const first = rows;
    for (uint32_t r = 0; r < GEMM_TOKENS; r += 4) {
        const uint32_t left = n_rows > r ? n_rows - r : 0;
        gemm_pack_four(left ? first + r * row_bytes : first, row_bytes, left < 4 ? left : 4,
                       count, out + 4 * r);
    }
}

/* Codes, d and pairs, which are the same for all sets. */
static inline void gemm_pack_tokens(const bnt_acts *x, uint8_t *block)
{
    const gemm_sections s = gemm_sections_of(x->columns);
    const size_t blocks = bnt_tile_blocks(x->columns), spans = x->columns / BNT_TILE_SPAN;
    uint8_t *const pairs = block + s.pairs;

    gemm_pack_rows(x->q, bnt_acts_stride(x->columns), x->n_tokens, x->columns / 4, block);
    gemm_pack_rows(x->d, blocks * sizeof(float), x->n_tokens, blocks, block + s.d);
    memset(pairs, 0, s.bytes - s.pairs);
    for (uint32_t t = 0; t < x->n_tokens; t++) {
        for (size_t i = 0; i < spans; i++) {
            const int16_t sum = (int16_t)x->sum32[t * spans + i];
            memcpy(pairs + i / 2 * 4 * GEMM_TOKENS + 4 * t + i % 2 * 2, &sum, sizeof(sum));
        }
    }
}

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

/* Adds the product of a chunk to tile (12, 16 GEMM_TILE_GROUPS), of which n_tokens rows count:
 * p has GEMM_TILE_GROUPS panels. */
typedef void (*gemm_tile_fn)(const gemm_panel *p, const gemm_tokens *x, uint32_t columns,
                             uint32_t n_tokens, float *tile);

/* A gemm_tile_fn of a micro-kernel for n tokens at a time. */
#define GEMM_MULTIPLY(name, micro, n)                                                          \
    static void name(const gemm_panel *p, const gemm_tokens *x, uint32_t columns,              \
                     uint32_t n_tokens, float *tile)                                           \
    {                                                                                          \
        for (uint32_t t = 0; t < n_tokens; t += n) {                                           \
            const gemm_tokens part = {x->codes + 4 * t, x->start + 4 * t, x->d + t,            \
                                      x->pairs + 2 * t};                                       \
            micro(p, &part, columns, tile + GEMM_TILE_ROWS * t);                               \
        }                                                                                      \
    }

typedef struct gemm_kind {
    bnt_tile layout;
    gemm_unpack_fn unpack;
    gemm_tile_fn multiply;
    uint32_t sums; /* of whole numbers in a block: 1, of its spans 8, of half spans 16 */
} gemm_kind;

enum {
    GEMM_TILE_ROWS = GEMM_TILE_GROUPS * BNT_TILE_ROWS,
    GEMM_TILE_BYTES = GEMM_TOKENS * GEMM_TILE_ROWS * 4
};

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

/* The part of a packed block that begins at column c. */
static inline gemm_tokens gemm_tokens_at(const uint8_t *block, const gemm_sections *s,
                                         uint32_t sums, size_t c)
{
    const size_t entry = sizeof(int32_t) * GEMM_TOKENS, b = c / BNT_TILE_BLOCK;
    const size_t start = sums == 1 ? s->block : sums == 8 ? s->span : s->half;
    const gemm_tokens x = {
        .codes = block + c * GEMM_TOKENS,
        .start = block + start + b * sums * entry,
        .d = (const float *)(const void *)(block + s->d + b * entry),
        .pairs = (const int16_t *)(const void *)(block + s->pairs + b * 4 * entry),
    };
    return x;
}

/* What each tile begins with, and where it goes: n_groups groups of rows of n_tokens tokens. */
static inline void gemm_tile_load(float *tile, const float *y, size_t y_stride,
                                  uint32_t n_tokens, uint32_t n_groups, bool zero)
{
    for (uint32_t t = 0; t < GEMM_TOKENS; t++) {
        for (uint32_t g = 0; g < GEMM_TILE_GROUPS; g++) {
            const bool here = !zero && t < n_tokens && g < n_groups;
            vf_store(tile + t * GEMM_TILE_ROWS + 16 * g,
                     here ? vf_load(y + t * y_stride + 16 * g) : vf_zero());
        }
    }
}

static inline void gemm_tile_store(const float *tile, float *y, size_t y_stride,
                                   uint32_t n_tokens, uint32_t n_groups)
{
    for (uint32_t t = 0; t < n_tokens; t++) {
        for (uint32_t g = 0; g < n_groups; g++) {
            vf_store(y + t * y_stride + 16 * g, vf_load(tile + t * GEMM_TILE_ROWS + 16 * g));
        }
    }
}

/* One packed block of tokens times all panels, for n columns from c on. */
static inline void gemm_add_block(const gemm_kind *k, const gemm_panel *panels,
                                  uint32_t n_groups, const gemm_tokens *x, uint32_t n_tokens,
                                  bool first, uint32_t n, float *y, size_t y_stride,
                                  float *tile)
{
    for (uint32_t g = 0; g < n_groups; g += GEMM_TILE_GROUPS) {
        const uint32_t left = n_groups - g;
        /* Where the last tile lacks a group, it multiplies one twice. */
        const gemm_panel p[2] = {panels[g], panels[left > 1 ? g + 1 : g]};
        const uint32_t n_here = left < GEMM_TILE_GROUPS ? left : (uint32_t)GEMM_TILE_GROUPS;
        float *const out = y + BNT_TILE_ROWS * g;
        gemm_tile_load(tile, out, y_stride, n_tokens, n_here, first);
        k->multiply(p, x, n, n_tokens, tile);
        gemm_tile_store(tile, out, y_stride, n_tokens, n_here);
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
    float *const tile = work;
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
            gemm_add_block(k, panels, n_groups, &part, left < GEMM_TOKENS ? left : GEMM_TOKENS,
                           c == 0, n, y + t * y_stride, y_stride, tile);
        }
        c += n;
    } while (c < x->columns);
}

#endif
#endif
