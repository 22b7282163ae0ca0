/* gemm_dotprod.c - a matrix of any interleaved type times many tokens, with SDOT by lane: tiles
 * of 8 rows by 8 tokens, or by 4 where each span has a scale.
 *
 * Panels hold four columns of 8 rows side by side; packed tokens hold 16 columns of 8 tokens,
 * so that a register is four columns four times over.
 */
#include "kernel/arm/arm.h"

#define PACK_TOKENS  8
#define PANEL_GROUPS 2
#include "kernel/arm/gemm_rows_arm.h"

enum { STEP = 16 * PACK_TOKENS }; /* bytes of 16 columns of packed tokens */

static void pack_codes(const bnt_acts *x, int8_t *out)
{
    const size_t stride = bnt_acts_stride(x->columns);
    for (size_t c = 0; c < x->columns; c += 16) {
        for (uint32_t t = 0; t < PACK_TOKENS; t++, out += 16) {
            vst1q_s8(out, t < x->n_tokens ? vld1q_s8(x->q + t * stride + c) : vdupq_n_s8(0));
        }
    }
}

/* ---- tiles ---- */

#define COLUMNS(J)                                                                             \
    EACH(q, 2) {                                                                               \
        const int8x16_t w = vld1q_s8(codes + 32 * J + 16 * q);                                 \
        EACH8(t, T) {                                                                          \
            acc[t][q] = vdotq_laneq_s32(acc[t][q], w, v[t], J);                                \
        }                                                                                      \
    }                                                                                          \
    EACH8(t, T) {                                                                              \
        IN_ORDER(acc[t][1]);                                                                   \
        if (ALL_IN_ORDER) IN_ORDER(acc[t][0]);                                                 \
    }

/* 16 columns of T tokens. */
INLINE void add_columns(const int T, const int8_t *codes, const int8_t *x, int32x4_t acc[8][2])
{
    int8x16_t v[8];
    EACH8(t, T) {
        v[t] = vld1q_s8(x + 16 * t);
    }
    COLUMNS(0)
    COLUMNS(1)
    COLUMNS(2)
    COLUMNS(3)
}

/* A block of one sum: tile (tokens, 8 rows) with it added. */
INLINE void add_whole(const int T, const panel_block *w, uint32_t n_spans, const int8_t *x,
                      const float *dx, float *tile)
{
    const int8_t *codes = w->codes, *const end = codes + n_spans * SPAN_CODES;
    int32x4_t acc[8][2];
    EACH8(t, T) {
        acc[t][0] = vdupq_n_s32(0);
        acc[t][1] = acc[t][0];
    }
    for (; codes < end; codes += SPAN_CODES, x += 2 * STEP) {
        add_columns(T, codes, x, acc);
        add_columns(T, codes + SPAN_CODES / 2, x + STEP, acc);
    }
    EACH8(t, T) {
        EACH(q, 2) {
            float *const y = tile + 8 * t + 4 * q;
            const float32x4_t scale = vmulq_n_f32(vld1q_f32(w->scales[0] + 4 * q), dx[t]);
            vst1q_f32(y, vfmaq_f32(vld1q_f32(y), vcvtq_f32_s32(acc[t][q]), scale));
        }
    }
}

#define SPAN_MINS(S)                                                                           \
    do {                                                                                       \
        const int16x8_t m = vreinterpretq_s16_u8(vld1q_u8(w->mins + 16 * S));                  \
        EACH(t, 4) {                                                                           \
            sum[t][0] = vmlal_laneq_s16(sum[t][0], vget_low_s16(m), sums[t], S);               \
            sum[t][1] = vmlal_high_laneq_s16(sum[t][1], m, sums[t], S);                        \
        }                                                                                      \
    } while (0)

/* part (4 tokens, 2 quarters) less dmin times the sum of minimums. */
INLINE void add_mins(const panel_block *w, const int16_t (*token_sums)[BNT_TILE_SPANS],
                     float32x4_t part[4][2])
{
    int32x4_t sum[4][2];
    int16x8_t sums[4];
    EACH(t, 4) {
        sums[t] = vld1q_s16(token_sums[t]);
        sum[t][0] = vdupq_n_s32(0);
        sum[t][1] = sum[t][0];
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
        EACH(q, 2) {
            part[t][q] = vfmaq_f32(part[t][q], vcvtq_f32_s32(sum[t][q]),
                                   vld1q_f32(w->minus_dmin + 4 * q));
        }
    }
}

/* A block whose spans, or half spans, have their scales: 4 tokens from token first. */
INLINE void add_spans(const bool halves, const bool mins, const panel_block *w,
                      uint32_t n_spans, const int8_t *x, const token_block *b, uint32_t first,
                      float *tile)
{
    const int8_t *codes = w->codes, *const end = codes + n_spans * SPAN_CODES;
    const float *scale = w->scales[0];
    float32x4_t part[4][2];
    x += 16 * first;
    EACH(t, 4) {
        part[t][0] = vdupq_n_f32(0);
        part[t][1] = part[t][0];
    }
    while (codes < end) {
        int32x4_t acc[8][2];
        EACH(t, 4) {
            acc[t][0] = vdupq_n_s32(BNT_MAGIC_BITS);
            acc[t][1] = acc[t][0];
        }
        EACH(i, halves ? 1 : 2) {
            add_columns(4, codes, x, acc);
            codes += SPAN_CODES / 2;
            x += STEP;
        }
        EACH(q, 2) {
            const float32x4_t s = vld1q_f32(scale + 4 * q);
            EACH(t, 4) {
                part[t][q] = vfmaq_f32(part[t][q], magic_float(acc[t][q]), s);
            }
        }
        scale += SCALE_WIDTH;
    }
    if (mins) add_mins(w, b->sums + first, part);
    EACH(t, 4) {
        EACH(q, 2) {
            float *const y = tile + 8 * (first + (uint32_t)t) + 4 * q;
            vst1q_f32(y, vfmaq_n_f32(vld1q_f32(y), part[t][q], b->dx[first + (uint32_t)t]));
        }
    }
}

#define WHOLE_TILE(T)                                                                          \
    MICRO void gemm_micro_whole_##T(const panel_block *w, uint32_t n_spans, const int8_t *x,   \
                                    const float *dx, float *tile)                              \
    {                                                                                          \
        add_whole(T, w, n_spans, x, dx, tile);                                                 \
    }
WHOLE_TILE(4)
WHOLE_TILE(8)

#define SPAN_TILE(name, halves, mins)                                                          \
    MICRO void gemm_micro_##name(const panel_block *w, uint32_t n_spans, const int8_t *x,      \
                                 const token_block *b, uint32_t first, float *tile)            \
    {                                                                                          \
        add_spans(halves, mins, w, n_spans, x, b, first, tile);                                \
    }
SPAN_TILE(span, false, false)
SPAN_TILE(span_mins, false, true)
SPAN_TILE(half, true, false)

INLINE void add_block(const bnt_tile_index kind, const panel_block *w, uint32_t n_spans,
                      const int8_t *x, const token_block *b, uint32_t n_tokens, float *tile)
{
    if (is_whole(kind)) {
        (n_tokens > 4 ? gemm_micro_whole_8 : gemm_micro_whole_4)(w, n_spans, x, b->dx, tile);
        return;
    }
    for (uint32_t t = 0; t < n_tokens; t += 4) {
        if (has_halves(kind)) {
            gemm_micro_half(w, n_spans, x, b, t, tile);
        } else if (has_mins(kind)) {
            gemm_micro_span_mins(w, n_spans, x, b, t, tile);
        } else {
            gemm_micro_span(w, n_spans, x, b, t, tile);
        }
    }
}

#include "kernel/arm/gemm_arm.h"

void bnt_gemm_dotprod(bnt_kernels *k)
{
    put_gemm(k);
}
