/* gemm_micro_vnni.h - micro-kernels for sets that have VPDPBUSD, whatever the width of
 * registers.
 *
 * A tile is two registers of rows wide: two groups of 16 rows or the halves of one. Each line
 * of its panels is read once and multiplied by one token's four codes after the other, spread
 * over a register. Types that are summed over whole blocks keep two sums a token; of those
 * whose sums become floats span by span, two sums and two floats.
 *
 * Everything is spelled out with a variable for each register, as compilers leave no array in
 * registers. Before it includes this file, a set defines these words, of which gi is a register
 * of int32 and gf one of floats:
 *
 *   GEMM_LANES               lanes of a register, 16 or 8
 *   GEMM_SECOND(p, part, n)  where of panels p the tile's second register begins in `part`,
 *                            whose rows take n elements each
 *   gi_load  gi_spread  gi_zero  gi_dot  gi_dot_pairs
 *   gf_load  gf_store  gf_spread  gf_zero  gf_mul  gf_fma  gf_from_gi
 */
#ifndef BNT_KERNEL_X86_GEMM_MICRO_VNNI_H
#define BNT_KERNEL_X86_GEMM_MICRO_VNNI_H
#include "kernel/x86/gemm_vnni.h"

#ifdef BNT_LANES /* as the bodies: empty without a set */

enum {
    GEMM_LINE = 64,                               /* bytes of four columns in a panel */
    GEMM_STEP = 4 * GEMM_TOKENS,                  /* and in packed tokens */
    GEMM_ENTRY = GEMM_TOKENS * (int)sizeof(float) /* bytes of one number for each token */
};

#define GEMM_EACH3(m)  m(0) m(1) m(2)
#define GEMM_EACH4(m)  GEMM_EACH3(m) m(3)
#define GEMM_EACH6(m)  GEMM_EACH4(m) m(4) m(5)
#define GEMM_EACH8(m)  GEMM_EACH6(m) m(6) m(7)
#define GEMM_EACH12(m) GEMM_EACH8(m) m(8) m(9) m(10) m(11)

/* y = fma(a, b, y) */
static inline void gemm_add_product(float *y, gf a, gf b)
{
    gf_store(y, gf_fma(a, b, gf_load(y)));
}

/* Of token t: sums a, b of the tile's first and second rows, floats ta, tb. */
#define GEMM_SUMS(t)  gi a##t, b##t;
#define GEMM_START(t) a##t = b##t = gi_spread(start + 4 * t);
#define GEMM_ZERO(t)  a##t = b##t = gi_zero();
#define GEMM_DOT(t, i)                                                                         \
    q = gi_spread(x + GEMM_STEP * i + 4 * t);                                                  \
    a##t = gi_dot(a##t, wa, q);                                                                \
    b##t = gi_dot(b##t, wb, q);
#define GEMM_DOT0(t) GEMM_DOT(t, 0)
#define GEMM_DOT1(t) GEMM_DOT(t, 1)
#define GEMM_DOT2(t) GEMM_DOT(t, 2)
#define GEMM_DOT3(t) GEMM_DOT(t, 3)
/* Four columns of all tokens, sixteen, thirty-two. */
#define GEMM_COLUMNS4(each, i)                                                                 \
    wa = gi_load(pa + GEMM_LINE * i);                                                          \
    wb = gi_load(pb + GEMM_LINE * i);                                                          \
    each(GEMM_DOT##i)
#define GEMM_COLUMNS16(each)                                                                   \
    GEMM_COLUMNS4(each, 0)                                                                     \
    GEMM_COLUMNS4(each, 1)                                                                     \
    GEMM_COLUMNS4(each, 2)                                                                     \
    GEMM_COLUMNS4(each, 3)                                                                     \
    pa += 4 * GEMM_LINE, pb += 4 * GEMM_LINE, x += 4 * GEMM_STEP
#define GEMM_COLUMNS32(each)                                                                   \
    GEMM_COLUMNS16(each);                                                                      \
    GEMM_COLUMNS16(each)

/* What every micro-kernel reads, and the columns of the next block. */
#define GEMM_OPERANDS                                                                          \
    const uint8_t *pa = p[0].codes, *pb = GEMM_SECOND(p, codes, 4);                            \
    const uint8_t *x = tokens->codes, *start = tokens->start;                                  \
    const float *sa = p[0].scales, *sb = GEMM_SECOND(p, scales, 1), *d = tokens->d
#define GEMM_NEXT_BLOCK                                                                        \
    uint32_t left = columns < BNT_TILE_BLOCK ? columns : (uint32_t)BNT_TILE_BLOCK;             \
    columns -= left

/* ---- one sum for a block ----------------------------------------------------------------- */

#define GEMM_BLOCK_TO_Y(t)                                                                     \
    dx = gf_spread(d + t);                                                                     \
    gemm_add_product(y + GEMM_TILE_ROWS * t, gf_from_gi(a##t), gf_mul(da, dx));                \
    gemm_add_product(y + GEMM_TILE_ROWS * t + GEMM_LANES, gf_from_gi(b##t), gf_mul(db, dx));

#define GEMM_WHOLE(name, each)                                                                 \
    GEMM_MICRO void name(const gemm_panel *p, const gemm_tokens *tokens, uint32_t columns,     \
                         float *y)                                                             \
    {                                                                                          \
        GEMM_OPERANDS;                                                                         \
        while (columns) {                                                                      \
            GEMM_NEXT_BLOCK;                                                                   \
            gi wa, wb, q;                                                                      \
            each(GEMM_SUMS) each(GEMM_START);                                                  \
            for (; left; left -= 16) {                                                         \
                GEMM_COLUMNS16(each);                                                          \
            }                                                                                  \
            const gf da = gf_load(sa), db = gf_load(sb);                                       \
            gf dx;                                                                             \
            each(GEMM_BLOCK_TO_Y);                                                             \
            GEMM_KEEP_STORED();                                                                \
            sa += 16, sb += 16, d += GEMM_TOKENS, start += GEMM_ENTRY;                         \
        }                                                                                      \
    }

/* ---- a sum for each span, or half of one ------------------------------------------------- */

#define GEMM_FLOATS(t) gf ta##t = gf_zero(), tb##t = ta##t;
#define GEMM_SUM_TO_FLOAT(t)                                                                   \
    ta##t = gf_fma(gf_from_gi(a##t), fa, ta##t);                                               \
    tb##t = gf_fma(gf_from_gi(b##t), fb, tb##t);
#define GEMM_FLOAT_TO_Y(t)                                                                     \
    dx = gf_spread(d + t);                                                                     \
    gemm_add_product(y + GEMM_TILE_ROWS * t, ta##t, dx);                                       \
    gemm_add_product(y + GEMM_TILE_ROWS * t + GEMM_LANES, tb##t, dx);

/* The mins of a block of eight spans, multiplied by pairs of sums. */
#define GEMM_MIN(t)                                                                            \
    q = gi_spread(pairs + 2 * t);                                                              \
    a##t = gi_dot_pairs(a##t, wa, q);                                                          \
    b##t = gi_dot_pairs(b##t, wb, q);
#define GEMM_MINS(each)                                                                        \
    each(GEMM_ZERO);                                                                           \
    for (int i = 0; i < BNT_TILE_SPANS / 2; i++) {                                             \
        wa = gi_load(ma), wb = gi_load(mb);                                                    \
        each(GEMM_MIN);                                                                        \
        ma += 32, mb += 32, pairs += 2 * GEMM_TOKENS;                                          \
    }                                                                                          \
    fa = gf_load(na), fb = gf_load(nb);                                                        \
    each(GEMM_SUM_TO_FLOAT);                                                                   \
    na += 16, nb += 16
#define GEMM_MIN_OPERANDS                                                                      \
    const int16_t *ma = p[0].mins, *mb = GEMM_SECOND(p, mins, 2), *pairs = tokens->pairs;      \
    const float *na = p[0].extra, *nb = GEMM_SECOND(p, extra, 1)
#define GEMM_NO_MINS(each)
#define GEMM_NO_OPERANDS

/* width: columns of a sum, 16 or 32. */
#define GEMM_SPANS(name, each, width, min_operands, mins)                                      \
    GEMM_MICRO void name(const gemm_panel *p, const gemm_tokens *tokens, uint32_t columns,     \
                         float *y)                                                             \
    {                                                                                          \
        GEMM_OPERANDS;                                                                         \
        min_operands;                                                                          \
        while (columns) {                                                                      \
            GEMM_NEXT_BLOCK;                                                                   \
            gi wa, wb, q;                                                                      \
            gf fa, fb, dx;                                                                     \
            each(GEMM_SUMS) each(GEMM_FLOATS);                                                 \
            for (; left; left -= width) {                                                      \
                each(GEMM_START);                                                              \
                GEMM_COLUMNS##width(each);                                                     \
                fa = gf_load(sa), fb = gf_load(sb);                                            \
                each(GEMM_SUM_TO_FLOAT);                                                       \
                sa += 16, sb += 16, start += GEMM_ENTRY;                                       \
            }                                                                                  \
            mins(each);                                                                        \
            each(GEMM_FLOAT_TO_Y);                                                             \
            GEMM_KEEP_STORED();                                                                \
            d += GEMM_TOKENS;                                                                  \
        }                                                                                      \
    }

#endif
#endif
