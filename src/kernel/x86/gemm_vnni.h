/* gemm_vnni.h - panels and packed tokens for sets that have VPDPBUSD, which multiplies bytes
 * without sign by bytes with one.
 *
 * A panel holds the code with its sign, plus 128: as that goes into each sum of products, the
 * sum starts at -128 times the sum of the token's codes. Of B4, B3 and B2 it holds s times the
 * code less its zero, which fits.
 */
#ifndef BNT_KERNEL_X86_GEMM_VNNI_H
#define BNT_KERNEL_X86_GEMM_VNNI_H
#define GEMM_RAISE(zero) (128 - (zero))
#define GEMM_FLIP        128
#define GEMM_SUMS_B6     1
#include "kernel/x86/gemm_panel.h"

#ifdef BNT_LANES /* as the bodies: empty without a set */

/* ---- packed tokens ---- */

/* Sums of q (count, 12) become what sums of products start with. */
static inline void gemm_put_starts(uint8_t *sums, size_t count)
{
    for (size_t at = 0; at < count * GEMM_ENTRY; at += 16) {
        const __m128i times128 = _mm_slli_epi32(gemm_sums_at(sums + at), 7);
        gemm_sums_put(sums + at, _mm_sub_epi32(_mm_setzero_si128(), times128));
    }
}

/* Starts of blocks out of those of spans. */
static inline void gemm_add_spans(const uint8_t *starts, size_t n_spans, uint8_t *out)
{
    for (size_t i = 0; i < n_spans; i++, starts += GEMM_ENTRY) {
        uint8_t *const block = out + i / BNT_TILE_SPANS * GEMM_ENTRY;
        for (size_t at = 0; at < GEMM_ENTRY; at += 16) {
            const __m128i start = gemm_sums_at(starts + at);
            gemm_sums_put(block + at, i % BNT_TILE_SPANS
                                          ? _mm_add_epi32(gemm_sums_at(block + at), start)
                                          : start);
        }
    }
}

static inline void gemm_pack_vnni(const bnt_acts *x, uint8_t *block)
{
    const gemm_sections s = gemm_sections_of(x->columns);
    const size_t spans = x->columns / BNT_TILE_SPAN;

    gemm_pack_tokens(x, block);
    gemm_pack_rows(x->sum16, 2 * spans * sizeof(int32_t), x->n_tokens, 2 * spans,
                   block + s.half);
    gemm_put_starts(block + s.half, 2 * spans);
    gemm_put_starts(block + s.span, spans);
    gemm_add_spans(block + s.span, spans, block + s.block);
}

/* ---- panels ---- */

/* The four bytes of a lane times s, plus 128 - zero * s for each, lie in 0 ... 255: one
 * multiplication serves them all. */
#define GEMM_PUT_SCALED(j, codes4)                                                             \
    gemm_put(line + 64 * (j), vi_add(vi_mul(vi_from_vb(codes4), s), zeros))
#define GEMM_SPAN_4(put)                                                                       \
    do {                                                                                       \
        for (int j = 0; j < 4; j++) {                                                          \
            const vb two = vb_load(codes + 64 * j);                                            \
            put(j, vb_low(two));                                                               \
            put(j + 4, vb_high(two));                                                          \
        }                                                                                      \
    } while (0)

/* A type whose spans have a scale in whole numbers; span: as above, of its codes. */
#define GEMM_UNPACK_SCALED(name, span, code_bytes, high_bytes, zero)                           \
    static inline void name(const bnt_tile *layout, const uint8_t *head, const uint8_t *tile,  \
                            size_t n_spans, const gemm_panel *out)                             \
    {                                                                                          \
        const uint8_t *codes = tile + bnt_tile_codes_at(layout, n_spans);                      \
        const uint8_t *highs = tile + bnt_tile_high_at(layout, n_spans);                       \
        uint8_t *line = out->codes;                                                            \
                                                                                               \
        vf_store(out->scales, vf_load_f16(head));                                              \
        for (size_t i = 0; i < n_spans; i++, line += 512) {                                    \
            const vi s = vi_load_i8(tile + 16 * i);                                            \
            const vi none = vi_sub(vi_set1(128), vi_mul(s, vi_set1(zero)));                    \
            const vi zeros = vi_mul(none, vi_set1(0x01010101));                                \
            span(GEMM_PUT_SCALED);                                                             \
            codes += code_bytes, highs += high_bytes;                                          \
        }                                                                                      \
    }
GEMM_UNPACK_SCALED(gemm_unpack_b4, GEMM_SPAN_4, 256, 0, 8)
GEMM_UNPACK_SCALED(gemm_unpack_b3, GEMM_SPAN_3, 128, 64, 4)
GEMM_UNPACK_SCALED(gemm_unpack_b2, GEMM_SPAN_2, 128, 0, 2)

#endif
#endif
