/* dots_dotprod.h - dots of a span with SDOT by lane: four columns of a token against four rows
 * by four columns of weights, without any copy of the activations.
 *
 * Empty for compilers that are not told to use the instruction.
 */
#ifndef BNT_KERNEL_ARM_DOTS_DOTPROD_H
#define BNT_KERNEL_ARM_DOTS_DOTPROD_H
#if defined(__ARM_FEATURE_DOTPROD)
#include "kernel/arm/tile_arm.h"

#define BNT_DOTS_ARM  1
#define FEWEST_TOKENS 1

/* [half][token][quarter]: sums of rows 4 quarter to 4 quarter + 3. The second half is used
 * where each half of a span has its own sum. */
typedef struct dots {
    int32x4_t v[2][4][4];
} dots;

/* Quarters of the rows that fit the registers at once. */
INLINE int quarters_of(const bnt_tile_index kind, const int n_tokens)
{
    if (has_halves(kind)) return n_tokens == 4 ? 1 : 2;
    return n_tokens == 1 && !has_five_bits(kind) && !has_six_bits(kind) ? 4 : 2;
}

INLINE void dots_begin(const bnt_tile_index kind, const int T, const int Q,
                       const int32_t start[2][4], dots *acc)
{
    EACH(t, T) {
        EACH(q, Q) {
            acc->v[0][t][q] = vdupq_n_s32(start[0][t]);
            if (has_halves(kind)) acc->v[1][t][q] = vdupq_n_s32(start[1][t]);
        }
    }
}

#define LINE(J)                                                                                \
    EACH(q, Q) {                                                                               \
        const bnt_weights_arm w = fetch_##J(kind, codes + 16 * q, bits[q]);                    \
        EACH(t, T) {                                                                           \
            if (low) acc->v[0][t][q] = vdotq_laneq_s32(acc->v[0][t][q], w.lo, lo[t], J);       \
            if (top) acc->v[half][t][q] = vdotq_laneq_s32(acc->v[half][t][q], w.hi, hi[t], J); \
        }                                                                                      \
    }                                                                                          \
    EACH(t, T) {                                                                               \
        EACH(q, Q)                                                                             \
            IN_ORDER(acc->v[top ? half : 0][t][q]);                                            \
    }

/* The columns of the low halves of bytes, of the high halves, or both. */
INLINE void add_lines(const bnt_tile_index kind, const int T, const int Q, const bool low,
                      const bool top, const uint8_t *codes, const uint8_t *high,
                      const int8_t *const x[4], dots *acc)
{
    const int half = has_halves(kind);
    int8x16_t lo[4], hi[4];
    bnt_high_arm bits[4];
    EACH(t, T) {
        if (low) lo[t] = vld1q_s8(x[t]);
        if (top) hi[t] = vld1q_s8(x[t] + 16);
    }
    EACH(q, Q) {
        bits[q] = load_high(kind, high + 16 * q);
    }
    LINE(0)
    LINE(1)
    LINE(2)
    LINE(3)
}

/* x: the span's 32 columns of each token. Where registers are scarce they are taken in two
 * halves, and lines read twice. */
INLINE void dots_span(const bnt_tile_index kind, const int T, const int Q, const uint8_t *codes,
                      const uint8_t *high, const int8_t *const x[4], dots *acc)
{
    if (T == 4 || (T == 2 && has_halves(kind))) {
        add_lines(kind, T, Q, true, false, codes, high, x, acc);
        add_lines(kind, T, Q, false, true, codes, high, x, acc);
    } else {
        add_lines(kind, T, Q, true, true, codes, high, x, acc);
    }
}

INLINE void dots_end(const bnt_tile_index kind, const int T, const int Q,
                     const int32_t start[2][4], const dots *acc, int32x4_t sums[2][4][4])
{
    (void)start; /* they are in the sums */
    EACH(h, 1 + has_halves(kind)) {
        EACH(t, T) {
            EACH(q, Q) {
                sums[h][t][q] = acc->v[h][t][q];
            }
        }
    }
}

#undef LINE
#endif
#endif
