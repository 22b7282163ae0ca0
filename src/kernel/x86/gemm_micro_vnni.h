/* gemm_micro_vnni.h - micro-kernels for sets that have VPDPBUSD, whatever the width of
 * registers.
 *
 * A tile is two registers of rows wide: two groups of 16 rows or the halves of one. Each line
 * of its panels is read once and multiplied by one token's four codes after the other, spread
 * over a register. Types that are summed over whole blocks keep two sums a token; of those
 * whose sums become floats span by span, two sums and two floats.
 *
 * Everything is spelled out with a variable for each register, as compilers leave no array in
 * registers. Before it includes this file, a set defines REG_BITS for register.h and
 *
 *   GEMM_SECOND(p, part, n)  where of panels p the tile's second register begins in `part`,
 *                            whose rows take n elements each
 *
 * Behind it stand its GEMM_WHOLE micro-kernels with a multiply_whole() of them, and
 * GEMM_REST_VNNI() for all else.
 */
#ifndef BNT_KERNEL_X86_GEMM_MICRO_VNNI_H
#define BNT_KERNEL_X86_GEMM_MICRO_VNNI_H
#include "kernel/x86/gemm_vnni.h"

#ifdef BNT_LANES /* as the bodies: empty without a set */
#include "kernel/x86/register.h"

enum {
    GEMM_LINE = 64,             /* bytes of four columns in a panel */
    GEMM_STEP = 4 * GEMM_TOKENS /* and in packed tokens */
};

#define GEMM_EACH3(m)  m(0) m(1) m(2)
#define GEMM_EACH4(m)  GEMM_EACH3(m) m(3)
#define GEMM_EACH6(m)  GEMM_EACH4(m) m(4) m(5)
#define GEMM_EACH8(m)  GEMM_EACH6(m) m(6) m(7)
#define GEMM_EACH12(m) GEMM_EACH8(m) m(8) m(9) m(10) m(11)

#if REG_BITS == 512
#define GEMM_VEX ""
#else
#define GEMM_VEX "%{vex%} " /* an assembler would take the form that AVX-512 brings */
#endif

/* sum += four products of bytes, w without sign. As an instruction of its own: for the
 * intrinsic gcc 12 copies sums to and fro. */
static inline ri gemm_dot(ri sum, ri w, ri q)
{
    __asm__(GEMM_VEX "vpdpbusd %2, %1, %0" : "+" REG(sum) : REG(w), REG(q));
    return sum;
}

/* sum += two products of int16. */
static inline ri gemm_dot_pairs(ri sum, ri m, ri pairs)
{
    __asm__(GEMM_VEX "vpdpwssd %2, %1, %0" : "+" REG(sum) : REG(m), REG(pairs));
    return sum;
}

/* y = fma(a, b, x) */
static inline void gemm_add_product(float *y, rf a, rf b, const float *x)
{
    rf_store(y, rf_fma(a, b, rf_load(x)));
}

/* Of token t: sums a, b of the tile's first and second rows, floats ta, tb. */
#define GEMM_SUMS(t)  ri a##t, b##t;
#define GEMM_START(t) a##t = b##t = ri_spread(start + 4 * t);
#define GEMM_ZERO(t)  a##t = b##t = ri_zero();
#define GEMM_DOT(t, i)                                                                         \
    q = ri_spread(x + GEMM_STEP * i + 4 * t);                                                  \
    a##t = gemm_dot(a##t, wa, q);                                                              \
    b##t = gemm_dot(b##t, wb, q);
#define GEMM_DOT0(t) GEMM_DOT(t, 0)
#define GEMM_DOT1(t) GEMM_DOT(t, 1)
#define GEMM_DOT2(t) GEMM_DOT(t, 2)
#define GEMM_DOT3(t) GEMM_DOT(t, 3)
/* Four columns of all tokens, sixteen, thirty-two. */
#define GEMM_COLUMNS4(each, i)                                                                 \
    wa = ri_load(pa + GEMM_LINE * i);                                                          \
    wb = ri_load(pb + GEMM_LINE * i);                                                          \
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
    dx = rf_set(d + t);                                                                        \
    gemm_add_product(to, rf_int(a##t), rf_mul(da, dx), from);                                  \
    gemm_add_product(to + REG_LANES, rf_int(b##t), rf_mul(db, dx), from + REG_LANES);          \
    GEMM_FLOATS_NEXT_TOKEN;

#define GEMM_WHOLE(name, each)                                                                 \
    GEMM_MICRO void name(const gemm_panel *p, const gemm_tokens *tokens, uint32_t columns,     \
                         const gemm_floats *f)                                                 \
    {                                                                                          \
        GEMM_OPERANDS;                                                                         \
        GEMM_FLOATS_BEGIN(f);                                                                  \
        while (columns) {                                                                      \
            GEMM_NEXT_BLOCK;                                                                   \
            GEMM_FLOATS_BLOCK(f, columns == 0);                                                \
            ri wa, wb, q;                                                                      \
            each(GEMM_SUMS) each(GEMM_START);                                                  \
            for (; left; left -= 16) {                                                         \
                GEMM_COLUMNS16(each);                                                          \
            }                                                                                  \
            const rf da = rf_load(sa), db = rf_load(sb);                                       \
            rf dx;                                                                             \
            each(GEMM_BLOCK_TO_Y);                                                             \
            GEMM_KEEP_STORED();                                                                \
            GEMM_FLOATS_NEXT_BLOCK(f);                                                         \
            sa += 16, sb += 16, d += GEMM_TOKENS, start += GEMM_ENTRY;                         \
        }                                                                                      \
    }

/* ---- a sum for each span, or half of one ------------------------------------------------- */

#define GEMM_FLOATS(t) rf ta##t = rf_zero(), tb##t = ta##t;
#define GEMM_SUM_TO_FLOAT(t)                                                                   \
    ta##t = rf_fma(rf_int(a##t), fa, ta##t);                                                   \
    tb##t = rf_fma(rf_int(b##t), fb, tb##t);
#define GEMM_FLOAT_TO_Y(t)                                                                     \
    dx = rf_set(d + t);                                                                        \
    gemm_add_product(to, ta##t, dx, from);                                                     \
    gemm_add_product(to + REG_LANES, tb##t, dx, from + REG_LANES);                             \
    GEMM_FLOATS_NEXT_TOKEN;

/* The mins of a block of eight spans, multiplied by pairs of sums. */
#define GEMM_MIN(t)                                                                            \
    q = ri_spread(pairs + 2 * t);                                                              \
    a##t = gemm_dot_pairs(a##t, wa, q);                                                        \
    b##t = gemm_dot_pairs(b##t, wb, q);
#define GEMM_MINS(each)                                                                        \
    each(GEMM_ZERO);                                                                           \
    for (int i = 0; i < BNT_TILE_SPANS / 2; i++) {                                             \
        wa = ri_load(ma), wb = ri_load(mb);                                                    \
        each(GEMM_MIN);                                                                        \
        ma += 32, mb += 32, pairs += 2 * GEMM_TOKENS;                                          \
    }                                                                                          \
    fa = rf_load(na), fb = rf_load(nb);                                                        \
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
                         const gemm_floats *f)                                                 \
    {                                                                                          \
        GEMM_OPERANDS;                                                                         \
        GEMM_FLOATS_BEGIN(f);                                                                  \
        min_operands;                                                                          \
        while (columns) {                                                                      \
            GEMM_NEXT_BLOCK;                                                                   \
            GEMM_FLOATS_BLOCK(f, columns == 0);                                                \
            ri wa, wb, q;                                                                      \
            rf fa, fb, dx;                                                                     \
            each(GEMM_SUMS) each(GEMM_FLOATS);                                                 \
            for (; left; left -= width) {                                                      \
                each(GEMM_START);                                                              \
                GEMM_COLUMNS##width(each);                                                     \
                fa = rf_load(sa), fb = rf_load(sb);                                            \
                each(GEMM_SUM_TO_FLOAT);                                                       \
                sa += 16, sb += 16, start += GEMM_ENTRY;                                       \
            }                                                                                  \
            mins(each);                                                                        \
            each(GEMM_FLOAT_TO_Y);                                                             \
            GEMM_KEEP_STORED();                                                                \
            GEMM_FLOATS_NEXT_BLOCK(f);                                                         \
            d += GEMM_TOKENS;                                                                  \
        }                                                                                      \
    }

/* ---- what a set has of all this ---------------------------------------------------------- */

#include "kernel/x86/gemm_table.h"

/* Micro-kernels of n tokens (`each` runs over them) for all types that have a sum for each span
 * or half span, and the table, entered by `enter`. */
#define GEMM_REST_VNNI(enter, each, n)                                                         \
    GEMM_SPANS(spans, each, 32, GEMM_NO_OPERANDS, GEMM_NO_MINS)                                \
    GEMM_SPANS(mins, each, 32, GEMM_MIN_OPERANDS, GEMM_MINS)                                   \
    GEMM_SPANS(halves, each, 16, GEMM_NO_OPERANDS, GEMM_NO_MINS)                               \
    GEMM_MULTIPLY(multiply_spans, spans, n)                                                    \
    GEMM_MULTIPLY(multiply_mins, mins, n)                                                      \
    GEMM_MULTIPLY(multiply_halves, halves, n)                                                  \
    static const gemm_kind kinds[BNT_TILES] = {                                                \
        [BNT_TILE_B4] = {GEMM_TYPE_B4, multiply_whole, 1},                                     \
        [BNT_TILE_B3] = {GEMM_TYPE_B3, multiply_whole, 1},                                     \
        [BNT_TILE_B2] = {GEMM_TYPE_B2, multiply_whole, 1},                                     \
        [BNT_TILE_B8] = {GEMM_TYPE_B8, multiply_whole, 1},                                     \
        [BNT_TILE_B6] = {GEMM_TYPE_B6, multiply_spans, 8},                                     \
        [BNT_TILE_B5] = {GEMM_TYPE_B5, multiply_spans, 8},                                     \
        [BNT_TILE_Q4_0] = {GEMM_TYPE_Q4_0, multiply_spans, 8},                                 \
        [BNT_TILE_Q8_0] = {GEMM_TYPE_Q8_0, multiply_spans, 8},                                 \
        [BNT_TILE_Q4_K] = {GEMM_TYPE_Q4_K, multiply_mins, 8},                                  \
        [BNT_TILE_Q5_K] = {GEMM_TYPE_Q5_K, multiply_mins, 8},                                  \
        [BNT_TILE_Q6_K] = {GEMM_TYPE_Q6_K, multiply_halves, 16},                               \
    };                                                                                         \
    GEMM_TABLE(enter, gemm_pack_vnni)

#endif
#endif
