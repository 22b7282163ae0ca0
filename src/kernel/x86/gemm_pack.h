/* gemm_pack.h - twelve tokens side by side, as micro-kernels read them.
 *
 * Sections, each at a multiple of 64 bytes. Tokens that are not there are zeros.
 *
 *   codes   int8 (columns / 4, 12, 4): four columns of the 12 tokens side by side
 *   d       float (blocks, 12)
 *   start   4 bytes (blocks, 12), then (spans, 12), then (half spans, 12): what a sum of
 *           products begins with, so that codes without sign give the sum of signed ones
 *   pairs   int16 (spans / 2, 12, 2): sums of q over two spans, to be multiplied by mins
 *
 * What starts hold is the sets' own.
 */
#ifndef BNT_KERNEL_X86_GEMM_PACK_H
#define BNT_KERNEL_X86_GEMM_PACK_H
#include "kernel/kernel.h"
#ifdef REG_BITS /* as the bodies: empty without a set */
#include "kernel/x86/register.h"

enum {
    GEMM_TOKENS = 12,                          /* of a packed block */
    GEMM_ENTRY = 4 * GEMM_TOKENS,              /* bytes of one number for each token */
    GEMM_TURNED = REG_LANES * (int)GEMM_ENTRY, /* of a register of numbers of each */
};

typedef struct gemm_sections {
    size_t d, block, span, half, pairs, bytes;
} gemm_sections;

static inline gemm_sections gemm_sections_of(size_t columns)
{
    const size_t blocks = bnt_tile_blocks(columns), spans = columns / BNT_TILE_SPAN;
    gemm_sections s;
    s.d = columns * GEMM_TOKENS;
    s.block = s.d + bnt_tile_padded(blocks * GEMM_ENTRY);
    s.span = s.block + bnt_tile_padded(blocks * GEMM_ENTRY);
    s.half = s.span + bnt_tile_padded(spans * GEMM_ENTRY);
    s.pairs = s.half + bnt_tile_padded(2 * spans * GEMM_ENTRY);
    s.bytes = s.pairs + bnt_tile_padded((spans + 1) / 2 * GEMM_ENTRY);
    return s;
}

static inline size_t gemm_packed_bytes(uint32_t columns)
{
    return gemm_sections_of(columns).bytes;
}

/* ---- rows become columns ----
 *
 * A quarter of a register is four numbers of a row. Of registers of four rows, quarter L of
 * `out[3 j]` gets number 4 L + j of each; with three times four rows, 12 registers hold in
 * their quarters L, one behind the other, what memory is to hold of four numbers.
 */
static inline void gemm_turn_four(const ri rows[4], ri *out)
{
    const ri ab = REG_OP(unpacklo_epi32)(rows[0], rows[1]);
    const ri cd = REG_OP(unpacklo_epi32)(rows[2], rows[3]);
    const ri ab2 = REG_OP(unpackhi_epi32)(rows[0], rows[1]);
    const ri cd2 = REG_OP(unpackhi_epi32)(rows[2], rows[3]);
    out[0] = REG_OP(unpacklo_epi64)(ab, cd);
    out[3] = REG_OP(unpackhi_epi64)(ab, cd);
    out[6] = REG_OP(unpacklo_epi64)(ab2, cd2);
    out[9] = REG_OP(unpackhi_epi64)(ab2, cd2);
}

static inline void gemm_put_turned(uint8_t *out, const ri turned[12])
{
#if REG_BITS == 512
    for (int i = 0; i < 12; i += 4, out += 64) {
        const ri *const w = turned + i;
        const ri low = _mm512_shuffle_i32x4(w[0], w[1], 0x44);
        const ri low2 = _mm512_shuffle_i32x4(w[2], w[3], 0x44);
        const ri high = _mm512_shuffle_i32x4(w[0], w[1], 0xEE);
        const ri high2 = _mm512_shuffle_i32x4(w[2], w[3], 0xEE);
        _mm512_storeu_si512(out, _mm512_shuffle_i32x4(low, low2, 0x88));
        _mm512_storeu_si512(out + 4 * GEMM_ENTRY, _mm512_shuffle_i32x4(low, low2, 0xDD));
        _mm512_storeu_si512(out + 8 * GEMM_ENTRY, _mm512_shuffle_i32x4(high, high2, 0x88));
        _mm512_storeu_si512(out + 12 * GEMM_ENTRY, _mm512_shuffle_i32x4(high, high2, 0xDD));
    }
#else
    for (int i = 0; i < 12; i += 2, out += 32) {
        const ri low = _mm256_permute2x128_si256(turned[i], turned[i + 1], 0x20);
        const ri high = _mm256_permute2x128_si256(turned[i], turned[i + 1], 0x31);
        _mm256_storeu_si256((__m256i *)(void *)out, low);
        _mm256_storeu_si256((__m256i *)(void *)(out + 4 * GEMM_ENTRY), high);
    }
#endif
}

/* Rows of 32-bit numbers, one a token, become the columns of a section. */
static inline void gemm_pack_rows(const void *rows, size_t row_bytes, uint32_t n_rows,
                                  size_t count, uint8_t *out)
{
    const uint8_t *row = rows;
    size_t i = 0;
    for (; i + REG_LANES <= count; i += REG_LANES, row += 4 * REG_LANES, out += GEMM_TURNED) {
        ri turned[12];
        for (uint32_t r = 0; r < GEMM_TOKENS; r += 4) {
            ri four[4];
            for (uint32_t k = 0; k < 4; k++) {
                four[k] = r + k < n_rows ? ri_load(row + (r + k) * row_bytes) : ri_zero();
            }
            gemm_turn_four(four, turned + r / 4);
        }
        gemm_put_turned(out, turned);
    }
    for (; i < count; i++, row += 4, out += GEMM_ENTRY) {
        for (uint32_t r = 0; r < GEMM_TOKENS; r++) {
            if (r < n_rows) {
                memcpy(out + 4 * r, row + r * row_bytes, 4);
            } else {
                memset(out + 4 * r, 0, 4);
            }
        }
    }
}

/* ---- sums ---- */

static inline __m128i gemm_sums_at(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline void gemm_sums_put(uint8_t *p, __m128i a)
{
    _mm_storeu_si128((__m128i *)(void *)p, a);
}

/* out (spans / 2, 12, 2) of sums (spans, 12), as int16: |sum| <= 32 * 127. */
static inline void gemm_pack_pairs(const uint8_t *sums, size_t n_spans, uint8_t *out)
{
    for (size_t i = 0; i < n_spans; i += 2, sums += 2 * GEMM_ENTRY, out += GEMM_ENTRY) {
        for (size_t at = 0; at < GEMM_ENTRY; at += 16) {
            const __m128i a = gemm_sums_at(sums + at);
            const __m128i b =
                i + 1 < n_spans ? gemm_sums_at(sums + GEMM_ENTRY + at) : _mm_setzero_si128();
            gemm_sums_put(out + at, _mm_blend_epi16(a, _mm_slli_epi32(b, 16), 0xAA));
        }
    }
}

/* Codes, d and pairs, which are the same for all sets, and in place of the starts of spans the
 * sums of q. */
static inline void gemm_pack_tokens(const bnt_acts *x, uint8_t *block)
{
    const gemm_sections s = gemm_sections_of(x->columns);
    const size_t blocks = bnt_tile_blocks(x->columns), spans = x->columns / BNT_TILE_SPAN;

    gemm_pack_rows(x->q, bnt_acts_stride(x->columns), x->n_tokens, x->columns / 4, block);
    gemm_pack_rows(x->d, blocks * sizeof(float), x->n_tokens, blocks, block + s.d);
    gemm_pack_rows(x->sum32, spans * sizeof(int32_t), x->n_tokens, spans, block + s.span);
    gemm_pack_pairs(block + s.span, spans, block + s.pairs);
}

/* What a micro-kernel reads of a packed block: the chunk's part of each section, from the first
 * token that it multiplies. */
typedef struct gemm_tokens {
    const uint8_t *codes, *start;
    const float *d;
    const int16_t *pairs;
} gemm_tokens;

/* The part of a packed block that begins at column c; sums: of whole numbers in a block. */
static inline gemm_tokens gemm_tokens_at(const uint8_t *block, const gemm_sections *s,
                                         uint32_t sums, size_t c)
{
    const size_t b = c / BNT_TILE_BLOCK;
    const size_t start = sums == 1 ? s->block : sums == 8 ? s->span : s->half;
    const gemm_tokens x = {
        .codes = block + c * GEMM_TOKENS,
        .start = block + start + b * sums * GEMM_ENTRY,
        .d = (const float *)(const void *)(block + s->d + b * GEMM_ENTRY),
        .pairs = (const int16_t *)(const void *)(block + s->pairs + b * 4 * GEMM_ENTRY),
    };
    return x;
}

#endif
#endif
