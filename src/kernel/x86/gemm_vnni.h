/* gemm_vnni.h - panels and packed tokens for sets that have VPDPBUSD, which multiplies bytes
 * without sign by bytes with one.
 *
 * A panel holds the code with its sign, plus 128: as that goes into each sum of products, the
 * sum starts at -128 times the sum of the token's codes. Of B4 it holds s (c - 8), which fits.
 */
#ifndef BNT_KERNEL_X86_GEMM_VNNI_H
#define BNT_KERNEL_X86_GEMM_VNNI_H
#define GEMM_RAISE(zero) (128 - (zero))
#define GEMM_FLIP        128
#include "kernel/x86/gemm_panel.h"

#ifdef BNT_LANES /* as the bodies: empty without a set */

/* ---- packed tokens ---- */

/* start of sums of q (n_tokens, count), in place of which it stands in a packed block. */
static inline void gemm_pack_starts(const int32_t *sums, uint32_t n_tokens, size_t count,
                                    uint8_t *out)
{
    gemm_pack_rows(sums, count * sizeof(int32_t), n_tokens, count, out);
    for (size_t i = 0; i < count * GEMM_TOKENS; i += 4) {
        __m128i *const p = (__m128i *)(void *)(out + 4 * i);
        const __m128i times128 = _mm_slli_epi32(_mm_loadu_si128(p), 7);
        _mm_storeu_si128(p, _mm_sub_epi32(_mm_setzero_si128(), times128));
    }
}

static inline void gemm_pack_vnni(const bnt_acts *x, uint8_t *block)
{
    const gemm_sections s = gemm_sections_of(x->columns);
    const size_t blocks = bnt_tile_blocks(x->columns), spans = x->columns / BNT_TILE_SPAN;

    gemm_pack_tokens(x, block);
    gemm_pack_starts(x->sum32, x->n_tokens, spans, block + s.span);
    gemm_pack_starts(x->sum16, x->n_tokens, 2 * spans, block + s.half);
    for (size_t i = 0; i < blocks * GEMM_TOKENS; i++) {
        const size_t b = i / GEMM_TOKENS, t = i % GEMM_TOKENS;
        int32_t sum = 0, start;
        for (size_t j = b * BNT_TILE_SPANS; j < (b + 1) * BNT_TILE_SPANS && j < spans; j++) {
            memcpy(&start, block + s.span + 4 * (j * GEMM_TOKENS + t), sizeof(start));
            sum += start;
        }
        memcpy(block + s.block + 4 * i, &sum, sizeof(sum));
    }
}

/* ---- panels ---- */

/* Four lines hold the low and the high halves of eight lines of a panel. */
static inline void gemm_unpack_b4(const bnt_tile *layout, const uint8_t *head,
                                  const uint8_t *tile, size_t n_spans, const gemm_panel *out)
{
    const uint8_t *codes = tile + bnt_tile_codes_at(layout, n_spans);
    uint8_t *line = out->codes;

    vf_store(out->scales, vf_load_f16(head));
    for (size_t i = 0; i < n_spans; i++, codes += 256, line += 512) {
        /* The four bytes of a lane times s, plus 128 - 8 s for each, lie in 0 ... 255: one
         * multiplication serves them all. */
        const vi s = vi_load_i8(tile + 16 * i);
        const vi zero = vi_mul(vi_sub(vi_set1(128), vi_shl(s, 3)), vi_set1(0x01010101));
        for (size_t j = 0; j < 4; j++) {
            const vb two = vb_load(codes + 64 * j);
            gemm_put(line + 64 * j, vi_add(vi_mul(vi_from_vb(vb_low(two)), s), zero));
            gemm_put(line + 64 * j + 256, vi_add(vi_mul(vi_from_vb(vb_high(two)), s), zero));
        }
    }
}

#endif
#endif
