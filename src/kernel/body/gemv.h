/* gemv.h - few tokens times interleaved weights: the frame, and the words its tiles are
 * written in.
 *
 * Weights are read once, from memory, and that is what a product of few tokens costs. Groups of
 * rows follow each other in memory, so walking one at a time is one stream of bytes, walking
 * two or four side by side as many streams; always those bytes are asked for that all streams
 * together need 8.5 KB later. The arithmetic is in gemv_tile.h: for each type one function each
 * for 1, 2, 4 and more tokens, which adds the products of whole groups to y. The last takes
 * each tile again for every four tokens, while it lies in L1. For 3 tokens one is computed
 * twice.
 *
 * Tiles are not written in the words of lanes.h but in words of one register, because sets of
 * 16 registers must take half of a group's rows to keep four tokens in registers. A set's
 * dot_*.h defines these words (those marked * may be macros; J, K, n are literals):
 *
 *   GEMV_ROWS      rows of a register: 16, 8 or 4
 *   GEMV_GROUPS_1, _2, _4, _MORE  groups walked side by side with 1, 2, 4 and more tokens (four
 *                  at a time): 1, 2 or 4. Two sums for each group and token of a function are
 *                  in registers, and about six operands. Several groups share the loads of a
 *                  token's columns, but one stream is read faster than two on most processors.
 *
 *   ri             GEMV_ROWS int32           rf  GEMV_ROWS floats
 *   rb             the bytes of GEMV_ROWS rows in a line: four codes of each
 *   rs             sums of products of q and codes below 16, in a form of the set's own
 *   rc             as rb: signed codes prepared for ri_dot8
 *   rx             16 columns of a token
 *
 *   rf  rf_zero()  rf_load(p)  rf_half(p) from halves  rf_set(const float *)  rf_int(ri)
 *   rf  rf_mul(a, b)  rf_fma(a, b, c)  rf_fnma(a, b, c) = c - a b      rf_store(p, rf)
 *   ri  ri_zero()  ri_add(a, b)  ri_set(const int32_t *)
 *   ri  ri_s8(p)  ri_u8(p)              from signed, unsigned bytes
 *   rb  rb_load(p)  rb_low(a) = a & 15  rb_high(a) = a >> 4 & 15  rb_or(a, b)
 *   rb  rb_up(a, n, mask) *             (a << n) & mask
 *   rb  rb_down(a, n, mask) *           (a >> n) & mask
 *   rx  rx_load(p)
 *
 *   int32_t rs_word(int32_t start)      what rs_start wants to know of what a span starts with
 *   rs  rs_start(const int32_t *word)   start
 *   rs  rs_zero()
 *   rs  rs_dot(s, a, x, J) *            s + products with columns 4 J ... 4 J + 3 of x; at most
 *                                       a span's products go into one s
 *   ri  rs_sum(s)                       the sums
 *   ri  rs_scale(p)                     signed bytes as factors of rs_scaled
 *   ri  rs_scaled(acc, s, scale)        acc + sum * scale, for sums begun by rs_start
 *
 *   GEMV_OFFSET8                        products of ri_dot8 are too large by -GEMV_OFFSET8
 * times the sum of q ri  ri_start8(const int32_t *word)  the word, which is GEMV_OFFSET8 * sum
 *   rc  rc_load(p)
 *   ri  ri_dot8(acc, c, x, J) *         acc + products
 *   ri  ri_dot2(acc, a, x, J, b, z, K) *  acc + products of codes a below 64 with x, b with z
 *   ri  ri_pairs(acc, p, const int32_t *word)  acc + for each row p[2 r] * low half + p[2 r +
 * 1]
 *                                       * high half of word; p unsigned bytes, halves signed
 */
#ifndef BNT_KERNEL_BODY_GEMV_H
#define BNT_KERNEL_BODY_GEMV_H
#ifdef GEMV_ROWS
#include <string.h>

#include "kernel/kernel.h"

enum {
    GEMV_PARTS = 16 / GEMV_ROWS,
    GEMV_AHEAD = 136 * BNT_TILE_LINE /* bytes that all streams together ask ahead */
};

/* What the tokens bring to one block of columns. Token by token, q, d, sums and y lie their
 * stride apart. */
typedef struct gemv_block {
    uint32_t n_tokens;
    uint32_t n_spans, n_left; /* spans of this block, and of all that are left with it */
    const int8_t *q;
    size_t q_stride;
    const float *d;
    size_t d_stride;
    const int32_t *sums; /* of q over spans, or over half spans; block_sums to a block */
    size_t sums_stride, block_sums;
    const int32_t *tail; /* the sums of a last short block, each token's padded to 16 */
    size_t y_stride;
} gemv_block;

/* A tile of each group that is walked, group_bytes apart. */
typedef struct gemv_place {
    uint32_t n_groups;
    const uint8_t *tile, *head;
    float *y;
    size_t group_bytes, tile_bytes, head_bytes; /* of a group, of a block */
    /* Bytes from a tile to the end of its stream's part, and from there to the next part. */
    size_t left, jump;
} gemv_place;

/* Adds the products of the groups to y, from the given tile to the last. */
typedef void (*gemv_walk_fn)(const gemv_block *b, const gemv_place *p);

/* Where there are fewer groups or tokens than a function has room for, n of them, it computes
 * the last one again ... */
static inline size_t gemv_there(uint32_t n, int i)
{
    return i == 0 ? 0 : (uint32_t)i < n ? (size_t)i : n - 1;
}

/* ... and does not write it. */
static inline bool gemv_padding(const gemv_block *b, const gemv_place *p, int g, int t)
{
    return (g && (uint32_t)g >= p->n_groups) || (t && (uint32_t)t >= b->n_tokens);
}

/* Where in a stream, from its tile, the bytes lie that come `distance` after `at`. */
static inline size_t gemv_ahead(const gemv_place *p, size_t at, size_t distance)
{
    return at + distance + (at + distance < p->left ? 0 : p->jump);
}

static inline void gemv_count(gemv_block *b)
{
    b->n_spans = BNT_TILE_SPANS;
    if (b->n_left < BNT_TILE_SPANS) {
        b->n_spans = b->n_left;
        b->sums = b->tail;
        b->sums_stride = 16;
    }
}

/* To the next tokens. */
static inline void gemv_skip(gemv_block *b, gemv_place *p, uint32_t n)
{
    b->n_tokens -= n;
    b->q += n * b->q_stride;
    b->d += n * b->d_stride;
    b->sums += n * b->sums_stride;
    p->y += n * b->y_stride;
}

/* To the next block; false after the last one. */
static inline bool gemv_advance(gemv_block *b, gemv_place *p)
{
    if (b->n_left <= BNT_TILE_SPANS) return false;
    b->n_left -= BNT_TILE_SPANS;
    b->q += BNT_TILE_BLOCK;
    b->d++;
    b->sums += b->block_sums;
    gemv_count(b);
    p->tile += p->tile_bytes;
    p->head += p->head_bytes;
    p->left -= p->tile_bytes;
    return true;
}

/* ---- what the sums of a token's spans start with: words made once for a block ---- */

/* Of n sums of codes that `zero` is taken from; word: rs_word, or nothing for plain numbers. */
#define GEMV_STARTS(name, n, word, zero)                                                       \
    static inline void name(const int32_t *restrict sums, int32_t *restrict words)             \
    {                                                                                          \
        for (int i = 0; i < (n); i++) {                                                        \
            words[i] = word(-(zero)*sums[i]);                                                  \
        }                                                                                      \
    }
GEMV_STARTS(gemv_starts2, 8, rs_word, 2)
GEMV_STARTS(gemv_starts3, 8, rs_word, 4)
GEMV_STARTS(gemv_starts4, 8, rs_word, 8)
GEMV_STARTS(gemv_starts5, 8, , 16)
GEMV_STARTS(gemv_starts6, 8, , 32)
GEMV_STARTS(gemv_starts6_half, 16, , 32)
GEMV_STARTS(gemv_starts8, 8, , -GEMV_OFFSET8)

/* Two spans in 16 bits each: |sum| <= 32 * 127. */
static inline void gemv_starts_two(const int32_t *restrict sums, int32_t *restrict words)
{
    for (int i = 0; i < 4; i++) {
        const uint32_t low = (uint32_t)sums[2 * i] & 0xFFFFu;
        words[i] = (int32_t)(low | (uint32_t)sums[2 * i + 1] << 16);
    }
}

/* ---- the functions ---- */

#define GEMV_NAME3(name, tokens, passes) name##_##tokens##x##passes
#define GEMV_NAME2(name, tokens, passes) GEMV_NAME3(name, tokens, passes)
#define GEMV_NAME(name)                  GEMV_NAME2(name, TOKENS, PASSES)

#define PASSES 1
#define TOKENS 1
#define GROUPS GEMV_GROUPS_1
#include "kernel/body/gemv_tile.h"
#undef TOKENS
#undef GROUPS
#define TOKENS 2
#define GROUPS GEMV_GROUPS_2
#include "kernel/body/gemv_tile.h"
#undef TOKENS
#undef GROUPS
#define TOKENS 4
#define GROUPS GEMV_GROUPS_4
#include "kernel/body/gemv_tile.h"
#undef PASSES
#undef GROUPS
#define PASSES 2
#define GROUPS GEMV_GROUPS_MORE
#include "kernel/body/gemv_tile.h"
#undef PASSES
#undef TOKENS
#undef GROUPS

typedef struct gemv_type {
    bnt_tile layout;
    bool halves;          /* sums of half spans are wanted */
    gemv_walk_fn walk[4]; /* for 1, 2, 4 and more tokens */
} gemv_type;

#define GEMV_WALKS(type)                                                                       \
    {                                                                                          \
        walk_##type##_1x1, walk_##type##_2x1, walk_##type##_4x1, walk_##type##_4x2             \
    }

static const gemv_type gemv_types[BNT_TILES] = {
    [BNT_TILE_B4] = {{32, 16, 0, 256, 0, BNT_TYPE_B4}, false, GEMV_WALKS(b4)},
    [BNT_TILE_B3] = {{32, 16, 0, 128, 64, BNT_TYPE_B3}, false, GEMV_WALKS(b3)},
    [BNT_TILE_B2] = {{32, 16, 0, 128, 0, BNT_TYPE_B2}, false, GEMV_WALKS(b2)},
    [BNT_TILE_B8] = {{32, 0, 0, 512, 0, BNT_TYPE_B8}, false, GEMV_WALKS(b8)},
    [BNT_TILE_B6] = {{32, 16, 0, 256, 128, BNT_TYPE_B6}, false, GEMV_WALKS(b6)},
    [BNT_TILE_B5] = {{32, 16, 0, 256, 64, BNT_TYPE_B5}, false, GEMV_WALKS(b5)},
    [BNT_TILE_Q4_0] = {{0, 32, 0, 256, 0, BNT_TYPE_Q4_0}, false, GEMV_WALKS(q4_0)},
    [BNT_TILE_Q8_0] = {{0, 32, 0, 512, 0, BNT_TYPE_Q8_0}, false, GEMV_WALKS(q8_0)},
    [BNT_TILE_Q4_K] = {{64, 16, 16, 256, 0, BNT_TYPE_Q4_K}, false, GEMV_WALKS(q4_k)},
    [BNT_TILE_Q5_K] = {{64, 16, 16, 256, 64, BNT_TYPE_Q5_K}, false, GEMV_WALKS(q5_k)},
    [BNT_TILE_Q6_K] = {{32, 32, 0, 256, 128, BNT_TYPE_Q6_K}, true, GEMV_WALKS(q6_k)},
};

/* ---- groups and tokens ---- */

/* Asks for `bytes` bytes of each of n streams, beginning at p. */
static void gemv_ask(const uint8_t *p, size_t bytes, uint32_t n, size_t group_bytes)
{
    for (size_t at = 0; at < bytes; at += BNT_TILE_LINE) {
        for (uint32_t g = 0; g < n; g++) {
            __builtin_prefetch(p + g * group_bytes + at, 0, 3);
        }
    }
}

/* The sums of the spans that no whole block holds. */
static void gemv_tail(const gemv_block *b, int32_t tail[BNT_GEMV_TOKENS][16])
{
    const size_t block = BNT_TILE_SPANS, n = b->n_left % block * b->block_sums / block;
    const int32_t *const from = b->sums + b->n_left / block * b->block_sums;
    for (size_t t = 0; t < b->n_tokens; t++) {
        for (size_t i = 0; i < 16; i++) {
            tail[t][i] = i < n ? from[t * b->sums_stride + i] : 0;
        }
    }
}

static void gemv_run(const gemv_type *type, const uint8_t *groups, size_t group_bytes,
                     uint32_t n_groups, const bnt_acts *x, float *y, size_t y_stride)
{
    static const uint32_t groups_of[4] = {GEMV_GROUPS_1, GEMV_GROUPS_2, GEMV_GROUPS_4,
                                          GEMV_GROUPS_MORE};
    const bnt_tile *const layout = &type->layout;
    const size_t head_bytes = bnt_tile_head_bytes(layout, x->columns);
    const size_t tile_bytes = bnt_tile_bytes(layout, BNT_TILE_SPANS);
    const size_t sums = type->halves ? 2 : 1;
    const uint32_t size = x->n_tokens > 4 ? 3 : x->n_tokens > 2 ? 2 : x->n_tokens - 1;
    const uint32_t n = groups_of[size];
    const size_t ahead = GEMV_AHEAD / n;
    int32_t tail[BNT_GEMV_TOKENS][16];
    gemv_block b = {
        .n_tokens = x->n_tokens,
        .n_left = x->columns / BNT_TILE_SPAN,
        .q = x->q,
        .q_stride = bnt_acts_stride(x->columns),
        .d = x->d,
        .d_stride = bnt_tile_blocks(x->columns),
        .sums = type->halves ? x->sum16 : x->sum32,
        .sums_stride = sums * (x->columns / BNT_TILE_SPAN),
        .block_sums = sums * BNT_TILE_SPANS,
        .tail = tail[0],
        .y_stride = y_stride,
    };
    gemv_place p = {
        .tile = groups + head_bytes,
        .head = groups,
        .y = y,
        .group_bytes = group_bytes,
        .tile_bytes = tile_bytes,
        .head_bytes = layout->head_bytes,
        .left = group_bytes - head_bytes,
    };
    gemv_tail(&b, tail);
    gemv_count(&b);
    gemv_ask(groups, ahead, n_groups < n ? n_groups : n, group_bytes); /* nothing else does */
    for (uint32_t g = 0; g < n_groups; g += n) {
        p.n_groups = n_groups - g;
        p.jump = p.n_groups > n ? (n - 1) * group_bytes : (size_t)0 - ahead;
        const uint32_t rows = BNT_TILE_ROWS * (p.n_groups < n ? p.n_groups : n);
        for (uint32_t t = 0; t < x->n_tokens; t++) {
            memset(p.y + t * y_stride, 0, rows * sizeof *y);
        }
        gemv_ask(p.head + ahead, p.n_groups > n ? head_bytes : 0, n, group_bytes);
        if (b.n_left) type->walk[size](&b, &p);
        p.tile += n * group_bytes;
        p.head += n * group_bytes;
        p.y += n * BNT_TILE_ROWS;
    }
}

#define GEMV(name, place)                                                                      \
    static void name(const uint8_t *groups, size_t group_bytes, uint32_t n_groups,             \
                     const bnt_acts *x, float *y, size_t y_stride)                             \
    {                                                                                          \
        gemv_run(&gemv_types[place], groups, group_bytes, n_groups, x, y, y_stride);           \
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

/* The table of a set, for its .c file, by place of the type. */
#define GEMV_TABLE                                                                             \
    {                                                                                          \
        [BNT_TILE_B4] = gemv_b4, [BNT_TILE_B3] = gemv_b3, [BNT_TILE_B2] = gemv_b2,             \
        [BNT_TILE_B8] = gemv_b8, [BNT_TILE_B6] = gemv_b6, [BNT_TILE_B5] = gemv_b5,             \
        [BNT_TILE_Q4_0] = gemv_q4_0, [BNT_TILE_Q8_0] = gemv_q8_0, [BNT_TILE_Q4_K] = gemv_q4_k, \
        [BNT_TILE_Q5_K] = gemv_q5_k, [BNT_TILE_Q6_K] = gemv_q6_k,                              \
    }

#endif
#endif
