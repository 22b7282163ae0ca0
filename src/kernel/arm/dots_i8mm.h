/* dots_i8mm.h - dots of a span with SMMLA: two rows by eight columns against two tokens, for 2
 * and 4 tokens.
 *
 * Two lines side by side hold eight columns; pairs of rows are zipped out of them, before their
 * halves are taken apart where that is all the unpacking there is.
 *
 * Empty for compilers that are not told to use the instruction.
 */
#ifndef BNT_KERNEL_ARM_DOTS_I8MM_H
#define BNT_KERNEL_ARM_DOTS_I8MM_H
#if defined(__ARM_FEATURE_MATMUL_INT8)
#include "kernel/arm/tile_arm.h"

#define BNT_DOTS_ARM  1
#define FEWEST_TOKENS 2

/* [half][pair of tokens][quarter][pair of rows]: of each pair of rows r0 t0, r0 t1, r1 t0, r1
 * t1. */
typedef struct dots {
    int32x4_t v[2][4][4][2];
} dots;

/* Quarters of the rows that fit the registers at once. */
INLINE int quarters_of(const bnt_tile_index kind, const int n_tokens)
{
    return has_halves(kind) && n_tokens == 4 ? 1 : 2;
}

INLINE int32x4_t start_pair(const int32_t start[4], const int pair)
{
    const int32x4_t a = vdupq_n_s32(start[2 * pair]), b = vdupq_n_s32(start[2 * pair + 1]);
    return vzip1q_s32(a, b);
}

INLINE void dots_begin(const bnt_tile_index kind, const int T, const int Q,
                       const int32_t start[2][4], dots *acc)
{
    EACH(h, 1 + has_halves(kind)) {
        EACH(p, T / 2) {
            EACH(q, Q) {
                acc->v[h][p][q][0] = start_pair(start[h], p);
                acc->v[h][p][q][1] = acc->v[h][p][q][0];
            }
        }
    }
}

/* Eight columns of two rows: of rows 0 and 1 of a quarter, of rows 2 and 3. */
typedef struct row_pairs {
    int8x16_t v[2];
} row_pairs;

INLINE row_pairs zip_lines(int8x16_t a, int8x16_t b)
{
    const int32x4_t left = vreinterpretq_s32_s8(a), right = vreinterpretq_s32_s8(b);
    const row_pairs z = {{vreinterpretq_s8_s32(vzip1q_s32(left, right)),
                          vreinterpretq_s8_s32(vzip2q_s32(left, right))}};
    return z;
}

/* Whether a code is half of a byte, and no more. */
INLINE bool is_plain(const bnt_tile_index kind)
{
    return bnt_layouts_arm[kind].code_bytes == 256 && !bnt_layouts_arm[kind].high_bytes;
}

/* Two lines a, b: columns in low halves (or the first lines) and in high halves. */
INLINE void pairs_of_bytes(const uint8_t *a, const uint8_t *b, row_pairs *lo, row_pairs *hi)
{
    const row_pairs z =
        zip_lines(vreinterpretq_s8_u8(vld1q_u8(a)), vreinterpretq_s8_u8(vld1q_u8(b)));
    EACH(i, 2) {
        const uint8x16_t bytes = vreinterpretq_u8_s8(z.v[i]);
        lo->v[i] = vreinterpretq_s8_u8(vandq_u8(bytes, vdupq_n_u8(15)));
        hi->v[i] = vreinterpretq_s8_u8(vshrq_n_u8(bytes, 4));
    }
}

/* Eight columns of two tokens. */
INLINE int8x16_t token_pair(const int8_t *const x[4], const int pair, const int column)
{
    return vcombine_s8(vld1_s8(x[2 * pair] + column), vld1_s8(x[2 * pair + 1] + column));
}

#define LINES(J, K)                                                                            \
    EACH(q, Q) {                                                                               \
        if (is_plain(kind)) {                                                                  \
            pairs_of_bytes(codes + 64 * J + 16 * q, codes + 64 * K + 16 * q, &lo, &hi);        \
        } else {                                                                               \
            const bnt_weights_arm a = fetch_##J(kind, codes + 16 * q, bits[q]);                \
            const bnt_weights_arm b = fetch_##K(kind, codes + 16 * q, bits[q]);                \
            lo = zip_lines(a.lo, b.lo);                                                        \
            hi = zip_lines(a.hi, b.hi);                                                        \
        }                                                                                      \
        EACH(p, T / 2) {                                                                       \
            const int8x16_t xl = token_pair(x, p, 4 * J), xh = token_pair(x, p, 16 + 4 * J);   \
            EACH(i, 2) {                                                                       \
                acc->v[0][p][q][i] = vmmlaq_s32(acc->v[0][p][q][i], lo.v[i], xl);              \
                acc->v[half][p][q][i] = vmmlaq_s32(acc->v[half][p][q][i], hi.v[i], xh);        \
                if (crowded) IN_ORDER(acc->v[half][p][q][i]);                                  \
            }                                                                                  \
        }                                                                                      \
    }                                                                                          \
    EACH(p, T / 2) {                                                                           \
        EACH(q, Q) {                                                                           \
            if (crowded) break;                                                                \
            IN_ORDER(acc->v[half][p][q][0]);                                                   \
            IN_ORDER(acc->v[half][p][q][1]);                                                   \
        }                                                                                      \
    }

/* x: the span's 32 columns of each token. */
INLINE void dots_span(const bnt_tile_index kind, const int T, const int Q, const uint8_t *codes,
                      const uint8_t *high, const int8_t *const x[4], dots *acc)
{
    const bool half = has_halves(kind), crowded = T == 4 && !is_plain(kind);
    bnt_high_arm bits[4];
    row_pairs lo, hi;
    EACH(q, Q) {
        bits[q] = load_high(kind, high + 16 * q);
    }
    LINES(0, 1)
    LINES(2, 3)
}
#undef LINES

INLINE void dots_end(const bnt_tile_index kind, const int T, const int Q,
                     const int32_t start[2][4], const dots *acc, int32x4_t sums[2][4][4])
{
    (void)start; /* they are in the sums */
    EACH(h, 1 + has_halves(kind)) {
        EACH(p, T / 2) {
            EACH(q, Q) {
                const int32x4_t a = acc->v[h][p][q][0], b = acc->v[h][p][q][1];
                sums[h][2 * p][q] = vuzp1q_s32(a, b);
                sums[h][2 * p + 1][q] = vuzp2q_s32(a, b);
            }
        }
    }
}

#endif
#endif
