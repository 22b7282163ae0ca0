/* gemv.h - few tokens times interleaved weights: the frame, and the words its tiles are
 * written in.
 *
 * Weights are read once, from memory, and that is what a product of few tokens costs: so they
 * are read as one stream, or where a processor likes that better as four, from four groups of
 * rows walked side by side, and always the bytes are asked for that come four tiles later. The
 * arithmetic is in gemv_tile.h: one function for each type and number of tokens, which adds the
 * products of whole groups to y. With 3 tokens the function for 4 computes one of them twice.
 *
 * Tiles are not written in the words of lanes.h but in words of one register, because sets of
 * 16 registers must take half of a group's rows to keep four tokens in registers. A set's
 * dot_*.h defines these words (those marked * may be macros; J, K, n are literals):
 *
 *   GEMV_ROWS      rows of a register: 16, 8 or 4
 *   GEMV_TOKENS    the most tokens of one function, 4 or 8: it keeps two sums of each in
 *                  registers, and about six operands
 *   GEMV_STREAMS   1, or 4 where functions that walk four groups are wanted too
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
 *   int32_t rs_word(int32_t sum)        what rs_start wants to know of the sum of a span's q
 *   rs  rs_start(const int32_t *word)   -8 * sum
 *   rs  rs_zero()
 *   rs  rs_dot(s, a, x, J) *            s + products with columns 4 J ... 4 J + 3 of x; a span
 *   ri  rs_sum(s)                       the sums
 *   ri  rs_scale(p)                     signed bytes as factors of rs_scaled
 *   ri  rs_scaled(acc, s, scale)        acc + sum * scale, for sums begun by rs_start
 *
 *   GEMV_OFFSET8                        a product with codes as rc has them is too small by
 *                                       this times the sum of q
 *   rc  rc_load(p)
 *   ri  ri_start8(const int32_t *word)  the word, which is GEMV_OFFSET8 * sum
 *   ri  ri_dot8(acc, c, x, J) *         acc + products of codes
 *   ri  ri_dot2(acc, a, x, J, b, z, K) * acc + products of codes a below 64 with x and b with z
 *   ri  ri_pairs(acc, p, const int32_t *word)  acc + for each row p[2 r] * low half + p[2 r +
 * 1]
 *                                       * high half of word; p unsigned bytes, halves signed
 */
#ifndef BNT_KERNEL_BODY_GEMV_H
#define BNT_KERNEL_BODY_GEMV_H
#include <string.h>

#include "kernel/kernel.h"

enum {
    GEMV_PARTS = 16 / GEMV_ROWS,
    GEMV_AHEAD = 4 /* tiles: how far ahead all streams together ask for bytes */
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
    b->n_spans = b->n_left < BNT_TILE_SPANS ? b->n_left : BNT_TILE_SPANS;
}

/* To the next block; false after the last one. */
static inline bool gemv_advance(gemv_block *b, gemv_place *p)
{
    if (b->n_left <= BNT_TILE_SPANS) return false;
    b->n_left -= BNT_TILE_SPANS;
    gemv_count(b);
    b->q += BNT_TILE_BLOCK;
    b->d++;
    b->sums += b->block_sums;
    p->tile += p->tile_bytes;
    p->head += p->head_bytes;
    p->left -= p->tile_bytes;
    return true;
}

/* ---- what the sums of a token's spans start with ----
 *
 * Words for n spans, made once for a block. The case of whole blocks stands by itself for
 * compilers to make vectors of it. */

#define GEMV_STARTS(name, count, full, word)                                                   \
    static inline void name(const int32_t *sums, size_t n, int32_t *words)                     \
    {                                                                                          \
        if (n == BNT_TILE_SPANS) {                                                             \
            for (size_t i = 0; i < (full); i++) {                                              \
                words[i] = word;                                                               \
            }                                                                                  \
        } else {                                                                               \
            for (size_t i = 0; i < (count); i++) {                                             \
                words[i] = word;                                                               \
            }                                                                                  \
        }                                                                                      \
    }

/* The sums of two spans in 16 bits each: |sum| <= 32 * 127. */
static inline int32_t gemv_two(int32_t a, int32_t b)
{
    return (int32_t)(((uint32_t)a & 0xFFFFu) | (uint32_t)b << 16);
}

GEMV_STARTS(gemv_starts4, n, 8, rs_word(sums[i]))
GEMV_STARTS(gemv_starts8, n, 8, GEMV_OFFSET8 *sums[i])
GEMV_STARTS(gemv_starts_half, 2 * n, 16, -32 * sums[i])
GEMV_STARTS(gemv_starts_two, n / 2, 4, gemv_two(sums[2 * i], sums[2 * i + 1]))

/* ---- the functions ---- */

#define GEMV_NAME2(name, tokens, groups) name##_##tokens##_##groups
#define GEMV_NAME(name, tokens, groups)  GEMV_NAME2(name, tokens, groups)

#define GROUPS 1
#define TOKENS 1
#include "kernel/body/gemv_tile.h"
#undef TOKENS
#define TOKENS 2
#include "kernel/body/gemv_tile.h"
#undef TOKENS
#define TOKENS 4
#include "kernel/body/gemv_tile.h"
#undef TOKENS
#if GEMV_TOKENS == 8
#define TOKENS 8
#include "kernel/body/gemv_tile.h"
#undef TOKENS
#endif
#undef GROUPS

typedef struct gemv_type {
    bnt_tile layout;
    bool halves;          /* sums of half spans are wanted */
    gemv_walk_fn walk[4]; /* for 1, 2, 4 and 8 tokens */
} gemv_type;

#if GEMV_TOKENS == 8
#define GEMV_WALKS(type)                                                                       \
    {                                                                                          \
        walk_##type##_1_1, walk_##type##_2_1, walk_##type##_4_1, walk_##type##_8_1             \
    }
#else
#define GEMV_WALKS(type)                                                                       \
    {                                                                                          \
        walk_##type##_1_1, walk_##type##_2_1, walk_##type##_4_1, NULL                          \
    }
#endif

static const gemv_type gemv_types[BNT_TILES] = {
    [BNT_TILE_B4] = {{32, 16, 0, 256, 0, BNT_TYPE_B4}, false, GEMV_WALKS(b4)},
    [BNT_TILE_B8] = {{32, 0, 0, 512, 0, BNT_TYPE_B8}, false, GEMV_WALKS(b8)},
    [BNT_TILE_Q4_0] = {{0, 32, 0, 256, 0, BNT_TYPE_Q4_0}, false, GEMV_WALKS(q4_0)},
    [BNT_TILE_Q8_0] = {{0, 32, 0, 512, 0, BNT_TYPE_Q8_0}, false, GEMV_WALKS(q8_0)},
    [BNT_TILE_Q4_K] = {{64, 16, 16, 256, 0, BNT_TYPE_Q4_K}, false, GEMV_WALKS(q4_k)},
    [BNT_TILE_Q5_K] = {{64, 16, 16, 256, 64, BNT_TYPE_Q5_K}, false, GEMV_WALKS(q5_k)},
    [BNT_TILE_Q6_K] = {{32, 32, 0, 256, 128, BNT_TYPE_Q6_K}, true, GEMV_WALKS(q6_k)},
};

/* ---- groups and tokens ---- */

/* One group times all tokens. From the second function on the group lies in L2. */
static void gemv_tokens(const gemv_type *type, gemv_block b, gemv_place p, uint32_t n_tokens)
{
    for (uint32_t left = n_tokens; left; left -= b.n_tokens) {
        b.n_tokens = left < GEMV_TOKENS ? left : GEMV_TOKENS;
        type->walk[b.n_tokens > 4 ? 3 : b.n_tokens > 2 ? 2 : b.n_tokens - 1](&b, &p);
        b.q += b.n_tokens * b.q_stride;
        b.d += b.n_tokens * b.d_stride;
        b.sums += b.n_tokens * b.sums_stride;
        p.y += b.n_tokens * b.y_stride;
    }
}

static void gemv_run(const gemv_type *type, const uint8_t *groups, size_t group_bytes,
                     uint32_t n_groups, const bnt_acts *x, float *y, size_t y_stride)
{
    const bnt_tile *const layout = &type->layout;
    const size_t head_bytes = bnt_tile_head_bytes(layout, x->columns);
    const size_t tile_bytes = bnt_tile_bytes(layout, BNT_TILE_SPANS);
    const size_t sums = type->halves ? 2 : 1, all_bytes = n_groups * group_bytes;
    gemv_block b = {
        .n_left = x->columns / BNT_TILE_SPAN,
        .q = x->q,
        .q_stride = bnt_acts_stride(x->columns),
        .d = x->d,
        .d_stride = bnt_tile_blocks(x->columns),
        .sums = type->halves ? x->sum16 : x->sum32,
        .sums_stride = sums * (x->columns / BNT_TILE_SPAN),
        .block_sums = sums * BNT_TILE_SPANS,
        .y_stride = y_stride,
    };
    gemv_place p = {
        .n_groups = 1,
        .tile = groups + head_bytes,
        .head = groups,
        .y = y,
        .group_bytes = group_bytes,
        .tile_bytes = tile_bytes,
        .head_bytes = layout->head_bytes,
        .left = all_bytes - head_bytes,
        .jump = (size_t)0 - GEMV_AHEAD * tile_bytes,
    };
    gemv_count(&b);
    for (uint32_t t = 0; t < x->n_tokens; t++) {
        memset(y + t * y_stride, 0, (size_t)n_groups * BNT_TILE_ROWS * sizeof *y);
    }
    if (!b.n_left) return;
    for (uint32_t g = 0; g < n_groups; g++) {
        gemv_tokens(type, b, p, x->n_tokens);
        p.tile += group_bytes;
        p.head += group_bytes;
        p.left -= group_bytes;
        p.y += BNT_TILE_ROWS;
    }
}

#define GEMV(name, place)                                                                      \
    static void name(const uint8_t *groups, size_t group_bytes, uint32_t n_groups,             \
                     const bnt_acts *x, float *y, size_t y_stride)                             \
    {                                                                                          \
        gemv_run(&gemv_types[place], groups, group_bytes, n_groups, x, y, y_stride);           \
    }
GEMV(gemv_b4, BNT_TILE_B4)
GEMV(gemv_b8, BNT_TILE_B8)
GEMV(gemv_q4_0, BNT_TILE_Q4_0)
GEMV(gemv_q8_0, BNT_TILE_Q8_0)
GEMV(gemv_q4_k, BNT_TILE_Q4_K)
GEMV(gemv_q5_k, BNT_TILE_Q5_K)
GEMV(gemv_q6_k, BNT_TILE_Q6_K)

/* The table of a set, for its .c file. */
#define GEMV_TABLE                                                                             \
    {                                                                                          \
        [BNT_TILE_B4] = gemv_b4, [BNT_TILE_B8] = gemv_b8, [BNT_TILE_Q4_0] = gemv_q4_0,         \
        [BNT_TILE_Q8_0] = gemv_q8_0, [BNT_TILE_Q4_K] = gemv_q4_k, [BNT_TILE_Q5_K] = gemv_q5_k, \
        [BNT_TILE_Q6_K] = gemv_q6_k,                                                           \
    }

#endif
