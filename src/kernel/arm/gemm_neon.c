/* gemm_neon.c - a matrix of any interleaved type times many tokens, in plain NEON: tiles of 8
 * rows by 4 tokens, or of 4 by 4 where each span has a scale.
 *
 * Panels hold four columns of 8 rows side by side; packed tokens hold four columns of 4 tokens,
 * each of which is spread over a register as it is needed. Products of eight columns are added
 * two by two in 16 bits, which 2 * 128 * 127 fit, and then to two sums a row in 32 bits.
 */
#include "kernel/arm/arm.h"

#define PACK_TOKENS  4
#define PANEL_GROUPS 2
#include "kernel/arm/gemm_rows_arm.h"

enum { STEP = 4 * PACK_TOKENS }; /* bytes of 4 columns of packed tokens */

static void pack_codes(const bnt_acts *x, int8_t *out)
{
    const size_t stride = bnt_acts_stride(x->columns);
    for (size_t c = 0; c < x->columns; c += 16, out += 4 * STEP) {
        int32x4x4_t v;
        EACH(t, 4) {
            v.val[t] = vdupq_n_s32(0);
            if ((uint32_t)t < x->n_tokens) {
                v.val[t] = vreinterpretq_s32_s8(vld1q_s8(x->q + (size_t)t * stride + c));
            }
        }
        vst4q_s32((int32_t *)(void *)out, v);
    }
}

/* ---- tiles ---- */

/* Token T of Q quarters of rows: columns a and b. */
#define TOKEN(T)                                                                               \
    do {                                                                                       \
        const int8x16_t xa = vreinterpretq_s8_s32(vdupq_laneq_s32(a, T));                      \
        const int8x16_t xb = vreinterpretq_s8_s32(vdupq_laneq_s32(b, T));                      \
        EACH(q, Q) {                                                                           \
            int16x8_t two = vmull_s8(vget_low_s8(wa[q]), vget_low_s8(xa));                     \
            two = vmlal_s8(two, vget_low_s8(wb[q]), vget_low_s8(xb));                          \
            acc[T][q][0] = vpadalq_s16(acc[T][q][0], two);                                     \
            two = vmlal_high_s8(vmull_high_s8(wa[q], xa), wb[q], xb);                          \
            acc[T][q][1] = vpadalq_s16(acc[T][q][1], two);                                     \
            IN_ORDER(acc[T][q][0]);                                                            \
            IN_ORDER(acc[T][q][1]);                                                            \
        }                                                                                      \
    } while (0)

/* Eight columns of 4 tokens. */
INLINE void add_columns(const int Q, const int8_t *codes, const int8_t *x,
                        int32x4_t acc[4][2][2])
{
    const int32x4_t a = vreinterpretq_s32_s8(vld1q_s8(x));
    const int32x4_t b = vreinterpretq_s32_s8(vld1q_s8(x + STEP));
    int8x16_t wa[2], wb[2];
    EACH(q, Q) {
        wa[q] = vld1q_s8(codes + 16 * q);
        wb[q] = vld1q_s8(codes + 32 + 16 * q);
    }
    TOKEN(0);
    TOKEN(1);
    TOKEN(2);
    TOKEN(3);
}

/* A block of one sum: tile (tokens, 8 rows) with it added. */
MICRO void gemm_micro_whole(const panel_block *w, uint32_t n_spans, const int8_t *x,
                            const token_block *b, float *tile)
{
    const int8_t *codes = w->codes, *const end = codes + n_spans * SPAN_CODES;
    int32x4_t acc[4][2][2];
    EACH(t, 4) {
        EACH(q, 2) {
            acc[t][q][0] = vdupq_n_s32(0);
            acc[t][q][1] = acc[t][q][0];
        }
    }
    for (; codes < end; codes += SPAN_CODES / 4, x += 2 * STEP) {
        add_columns(2, codes, x, acc);
    }
    EACH(t, 4) {
        EACH(q, 2) {
            float *const y = tile + 8 * t + 4 * q;
            const float32x4_t scale = vmulq_n_f32(vld1q_f32(w->scales[0] + 4 * q), b->dx[t]);
            const int32x4_t sum = vpaddq_s32(acc[t][q][0], acc[t][q][1]);
            vst1q_f32(y, vfmaq_f32(vld1q_f32(y), vcvtq_f32_s32(sum), scale));
        }
    }
}

#define SPAN_MINS(S)                                                                           \
    do {                                                                                       \
        const int16x4_t m = vreinterpret_s16_u8(vld1_u8(mins + 16 * S));                       \
        EACH(t, 4) {                                                                           \
            sum[t] = vmlal_laneq_s16(sum[t], m, sums[t], S);                                   \
        }                                                                                      \
    } while (0)

/* part (4 tokens) less dmin times the sum of minimums, of four rows. */
INLINE void add_mins(const uint8_t *mins, const float *minus_dmin, const token_block *b,
                     float32x4_t part[4])
{
    int32x4_t sum[4];
    int16x8_t sums[4];
    EACH(t, 4) {
        sums[t] = vld1q_s16(b->sums[t]);
        sum[t] = vdupq_n_s32(0);
    }
    SPAN_MINS(0);
    SPAN_MINS(1);
    SPAN_MINS(2);
    SPAN_MINS(3);
    SPAN_MINS(4);
    SPAN_MINS(5);
    SPAN_MINS(6);
    SPAN_MINS(7);
    EACH(t, 4) {
        part[t] = vfmaq_f32(part[t], vcvtq_f32_s32(sum[t]), vld1q_f32(minus_dmin));
    }
}

/* A block whose spans, or half spans, have their scales: quarter q of the rows. */
INLINE void add_spans(const bool halves, const bool mins, const panel_block *w,
                      uint32_t n_spans, const int8_t *x, const token_block *b, const int q,
                      float *tile)
{
    const int8_t *codes = w->codes + 16 * q, *const end = codes + n_spans * SPAN_CODES;
    const float *scale = w->scales[0] + 4 * q;
    float32x4_t part[4];
    EACH(t, 4) {
        part[t] = vdupq_n_f32(0);
    }
    while (codes < end) {
        int32x4_t acc[4][2][2];
        EACH(t, 4) {
            acc[t][0][0] = vdupq_n_s32(0);
            acc[t][0][1] = acc[t][0][0];
        }
        EACH(i, halves ? 2 : 4) {
            add_columns(1, codes, x, acc);
            codes += SPAN_CODES / 4;
            x += 2 * STEP;
        }
        const float32x4_t s = vld1q_f32(scale);
        EACH(t, 4) {
            const int32x4_t sum = vpaddq_s32(acc[t][0][0], acc[t][0][1]);
            part[t] = vfmaq_f32(part[t], vcvtq_f32_s32(sum), s);
        }
        scale += SCALE_WIDTH;
    }
    if (mins) add_mins(w->mins + 8 * q, w->minus_dmin + 4 * q, b, part);
    EACH(t, 4) {
        float *const y = tile + 8 * t + 4 * q;
        vst1q_f32(y, vfmaq_n_f32(vld1q_f32(y), part[t], b->dx[t]));
    }
}

#define SPAN_TILE(name, halves, mins)                                                          \
    MICRO void gemm_micro_##name(const panel_block *w, uint32_t n_spans, const int8_t *x,      \
                                 const token_block *b, float *tile)                            \
    {                                                                                          \
        for (int q = 0; q < 2; q++) {                                                          \
            add_spans(halves, mins, w, n_spans, x, b, q, tile);                                \
        }                                                                                      \
    }
SPAN_TILE(span, false, false)
SPAN_TILE(span_mins, false, true)
SPAN_TILE(half, true, false)

INLINE void add_block(const bnt_tile_index kind, const panel_block *w, uint32_t n_spans,
                      const int8_t *x, const token_block *b, uint32_t n_tokens, float *tile)
{
    (void)n_tokens; /* missing ones are zeros */
    if (is_whole(kind)) {
        gemm_micro_whole(w, n_spans, x, b, tile);
    } else if (has_halves(kind)) {
        gemm_micro_half(w, n_spans, x, b, tile);
    } else if (has_mins(kind)) {
        gemm_micro_span_mins(w, n_spans, x, b, tile);
    } else {
        gemm_micro_span(w, n_spans, x, b, tile);
    }
}

#include "kernel/arm/gemm_arm.h"

void bnt_gemm_neon(bnt_kernels *k)
{
    put_gemm(k);
}
