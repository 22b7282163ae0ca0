/* gemm_i8mm.c - a matrix of any interleaved type times many tokens, with SMMLA: tiles of 8 rows
 * by 8 tokens, or by 4 where each span has a scale.
 *
 * Everything is in pairs: a register of a panel is eight columns of two rows, one of packed
 * tokens eight columns of two tokens, and sums are r0 t0, r0 t1, r1 t0, r1 t1 until the tile is
 * written to y. Scales stand twice for that, r0 r0 r1 r1, and those of tokens t0 t1 t0 t1.
 */
#include "kernel/arm/arm.h"

#define PACK_TOKENS  8
#define PANEL_GROUPS 4
#define SCALE_LANES  2
#include "kernel/arm/gemm_panel_arm.h"

enum { PAIRS = PACK_TOKENS / 2, STEP = 16 * PAIRS }; /* bytes of 8 columns of packed tokens */

/* Sums over spans are 128 times one signed byte plus another, not negative: two SMMLA each. */
typedef struct token_block {
    float dx[PAIRS][4];
    int8_t high[PAIRS][2][BNT_TILE_SPANS];
    int8_t low[PAIRS][2][BNT_TILE_SPANS];
} token_block;

/* ---- panels and tokens ---- */

/* v: four columns each of the rows of quarter q of the strip. */
INLINE void put_codes(int8_t *span, uint32_t q, const int8x16_t v[8])
{
    EACH(c, 4) {
        const int32x4_t a = vreinterpretq_s32_s8(v[2 * c]);
        const int32x4_t b = vreinterpretq_s32_s8(v[2 * c + 1]);
        vst1q_s8(span + 64 * c + 32 * q, vreinterpretq_s8_s32(vzip1q_s32(a, b)));
        vst1q_s8(span + 64 * c + 32 * q + 16, vreinterpretq_s8_s32(vzip2q_s32(a, b)));
    }
}

INLINE void put_scales(float *scales, int q, float32x4_t v)
{
    vst1q_f32(scales + 8 * q, vzip1q_f32(v, v));
    vst1q_f32(scales + 8 * q + 4, vzip2q_f32(v, v));
}

/* As (8 rows, spans). mins: pairs of spans, (16 rows, 2) each, from the strip's first row.
 * Behind those of a short block lie its codes; the tokens' sums are zeros there. */
INLINE void put_mins(panel_block *out, const uint8_t *mins)
{
    uint16x8x4_t m;
    EACH(p, 4) {
        m.val[p] = vreinterpretq_u16_u8(vld1q_u8(mins + 32 * p));
    }
    vst4q_u16((uint16_t *)(void *)out->mins, m);
}

INLINE int64x2_t columns_of(const bnt_acts *x, uint32_t t, size_t c)
{
    if (t >= x->n_tokens) return vdupq_n_s64(0);
    return vreinterpretq_s64_s8(vld1q_s8(x->q + t * bnt_acts_stride(x->columns) + c));
}

static void pack_codes(const bnt_acts *x, int8_t *out)
{
    for (size_t c = 0; c < x->columns; c += 16, out += 2 * STEP) {
        for (uint32_t p = 0; p < PAIRS; p++) {
            const int64x2_t a = columns_of(x, 2 * p, c), b = columns_of(x, 2 * p + 1, c);
            vst1q_s8(out + 16 * p, vreinterpretq_s8_s64(vzip1q_s64(a, b)));
            vst1q_s8(out + STEP + 16 * p, vreinterpretq_s8_s64(vzip2q_s64(a, b)));
        }
    }
}

/* Token t's part of a block of n spans. */
static void pack_block(token_block *out, uint32_t t, float dx, const int32_t *sum32, uint32_t n)
{
    out->dx[t / 2][t % 2] = dx;
    out->dx[t / 2][2 + t % 2] = dx;
    for (uint32_t s = 0; s < n; s++) {
        /* |sum| <= 32 * 127; moved up so that the division rounds down. */
        const int32_t high = (sum32[s] + 128 * 128) / 128 - 128;
        out->high[t / 2][t % 2][s] = (int8_t)high;
        out->low[t / 2][t % 2][s] = (int8_t)(sum32[s] - 128 * high);
    }
}

/* ---- tiles ---- */

/* Eight columns of P pairs of tokens. */
INLINE void add_columns(const int P, const int8_t *codes, const int8_t *x, int32x4_t acc[4][4])
{
    int8x16_t w[4];
    EACH(r, 4) {
        w[r] = vld1q_s8(codes + 16 * r);
    }
    EACH(p, P) {
        const int8x16_t v = vld1q_s8(x + 16 * p);
        EACH(r, 4) {
            acc[p][r] = vmmlaq_s32(acc[p][r], w[r], v);
        }
        if (p % 2) IN_ORDER(acc[p][0]);
    }
}

/* A block of one sum: tile (pairs of tokens, pairs of rows, 4) with it added. */
INLINE void add_whole(const int P, const panel_block *w, uint32_t n_spans, const int8_t *x,
                      const token_block *b, float *tile)
{
    const int8_t *codes = w->codes, *const end = codes + n_spans * SPAN_CODES;
    int32x4_t acc[4][4];
    EACH(p, P) {
        EACH(r, 4) {
            acc[p][r] = vdupq_n_s32(0);
        }
    }
    for (; codes < end; codes += SPAN_CODES / 2, x += 2 * STEP) {
        add_columns(P, codes, x, acc);
        add_columns(P, codes + SPAN_CODES / 4, x + STEP, acc);
    }
    EACH(p, P) {
        const float32x4_t dx = vld1q_f32(b->dx[p]);
        EACH(r, 4) {
            float *const y = tile + 16 * p + 4 * r;
            const float32x4_t scale = vmulq_f32(vld1q_f32(w->scales[0] + 4 * r), dx);
            vst1q_f32(y, vfmaq_f32(vld1q_f32(y), vcvtq_f32_s32(acc[p][r]), scale));
        }
    }
}

/* part (2 pairs of tokens, 4 pairs of rows) less dmin times the sum of minimums. */
INLINE void add_mins(const panel_block *w, const token_block *b, uint32_t first,
                     float32x4_t part[2][4])
{
    EACH(p, 2) {
        const int8x16_t high = vld1q_s8(b->high[first + (uint32_t)p][0]);
        const int8x16_t low = vld1q_s8(b->low[first + (uint32_t)p][0]);
        EACH(r, 4) {
            const uint8x16_t m = vld1q_u8(w->mins + 16 * r);
            const int32x4_t sum = vshlq_n_s32(vusmmlaq_s32(vdupq_n_s32(0), m, high), 7);
            part[p][r] = vfmaq_f32(part[p][r], vcvtq_f32_s32(vusmmlaq_s32(sum, m, low)),
                                   vld1q_f32(w->minus_dmin + 4 * r));
        }
    }
}

/* A block whose spans, or half spans, have their scales: 2 pairs of tokens from pair first. */
INLINE void add_spans(const bool halves, const bool mins, const panel_block *w,
                      uint32_t n_spans, const int8_t *x, const token_block *b, uint32_t first,
                      float *tile)
{
    const int8_t *codes = w->codes, *const end = codes + n_spans * SPAN_CODES;
    const float *scale = w->scales[0];
    float32x4_t part[2][4];
    x += 16 * first;
    EACH(p, 2) {
        EACH(r, 4) {
            part[p][r] = vdupq_n_f32(0);
        }
    }
    while (codes < end) {
        int32x4_t acc[4][4];
        EACH(p, 2) {
            EACH(r, 4) {
                acc[p][r] = vdupq_n_s32(BNT_MAGIC_BITS);
            }
        }
        EACH(i, halves ? 2 : 4) {
            add_columns(2, codes, x, acc);
            codes += SPAN_CODES / 4;
            x += STEP;
        }
        EACH(r, 4) {
            const float32x4_t s = vld1q_f32(scale + 4 * r);
            EACH(p, 2) {
                part[p][r] = vfmaq_f32(part[p][r], magic_float(acc[p][r]), s);
            }
        }
        scale += SCALE_WIDTH;
    }
    if (mins) add_mins(w, b, first, part);
    EACH(p, 2) {
        const float32x4_t dx = vld1q_f32(b->dx[first + (uint32_t)p]);
        EACH(r, 4) {
            float *const y = tile + 16 * (first + (uint32_t)p) + 4 * r;
            vst1q_f32(y, vfmaq_f32(vld1q_f32(y), part[p][r], dx));
        }
    }
}

#define WHOLE_TILE(P)                                                                          \
    MICRO void gemm_micro_whole_##P(const panel_block *w, uint32_t n_spans, const int8_t *x,   \
                                    const token_block *b, float *tile)                         \
    {                                                                                          \
        add_whole(P, w, n_spans, x, b, tile);                                                  \
    }
WHOLE_TILE(2)
WHOLE_TILE(4)

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
        (n_tokens > 4 ? gemm_micro_whole_4 : gemm_micro_whole_2)(w, n_spans, x, b, tile);
        return;
    }
    for (uint32_t t = 0; t < n_tokens; t += 4) {
        if (has_halves(kind)) {
            gemm_micro_half(w, n_spans, x, b, t / 2, tile);
        } else if (has_mins(kind)) {
            gemm_micro_span_mins(w, n_spans, x, b, t / 2, tile);
        } else {
            gemm_micro_span(w, n_spans, x, b, t / 2, tile);
        }
    }
}

static void put_tile(const float *tile, uint32_t n_tokens, float *y, size_t y_stride)
{
    for (uint32_t t = 0; t < n_tokens; t++) {
        for (uint32_t q = 0; q < 2; q++) {
            const float *const pairs = tile + 16 * (t / 2) + 8 * q;
            const float32x4_t a = vld1q_f32(pairs), b = vld1q_f32(pairs + 4);
            vst1q_f32(y + t * y_stride + 4 * q, t % 2 ? vuzp2q_f32(a, b) : vuzp1q_f32(a, b));
        }
    }
}

#include "kernel/arm/gemm_arm.h"

void bnt_gemm_i8mm(bnt_kernels *k)
{
    put_gemm(k);
}
