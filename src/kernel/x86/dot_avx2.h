/* dot_avx2.h - the words of body/gemv.h in AVX2: a register of 8 rows.
 *
 * VPMADDUBSW adds two products of an unsigned and a signed byte in 16 bits and would saturate;
 * what follows keeps every sum of 16 bits in range. Empty for compilers that are not told to
 * use these instructions.
 */
#ifndef BNT_KERNEL_X86_DOT_AVX2_H
#define BNT_KERNEL_X86_DOT_AVX2_H
#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)

#define GEMV_ROWS        8
#define GEMV_GROUPS_1    1
#define GEMV_GROUPS_2    1
#define GEMV_GROUPS_4    1
#define GEMV_GROUPS_MORE 1

#define REG_BITS 256
#include "kernel/x86/register.h"

/* ---- codes below 16: two sums of 16 bits for each row ----
 *
 * A sum takes 16 columns of a span: at most 16 * 15 * 127 = 30480. Of -8 * (sum of all 32 q),
 * each of the two gets one half: with h, k being the sums of its own and of the other columns,
 * it ends as (its products with codes - 8) + 8 h - 4 (h + k), at most 16 * 8 * 127 + 4 * 32 *
 * 127 = 32512; smaller zeros end at less. Sums on the way may wrap. */

typedef __m256i rs;

/* start is even, as all zeros are. */
static inline int32_t rs_word(int32_t start)
{
    return (int32_t)(((uint32_t)(start / 2) & 0xFFFFu) * 0x10001u);
}

static inline rs rs_start(const int32_t *word)
{
    return ri_set(word);
}

static inline rs rs_zero(void)
{
    return _mm256_setzero_si256();
}

static inline rs rs_dot(rs sum, rb codes, rx x, int j)
{
    return kept(_mm256_add_epi16(sum, _mm256_maddubs_epi16(codes, rx_four(x, j))));
}

static inline ri rs_sum(rs sum)
{
    return _mm256_madd_epi16(sum, _mm256_set1_epi16(1));
}

/* The scale of a row twice, in 16 bits. */
static inline ri rs_scale(const void *p)
{
    const __m256i twice = _mm256_setr_epi8(0, 1, 0, 1, 4, 5, 4, 5, 8, 9, 8, 9, 12, 13, 12, 13,
                                           0, 1, 0, 1, 4, 5, 4, 5, 8, 9, 8, 9, 12, 13, 12, 13);
    return _mm256_shuffle_epi8(ri_s8(p), twice);
}

static inline ri rs_scaled(ri acc, rs sum, ri scale)
{
    return _mm256_add_epi32(acc, _mm256_madd_epi16(sum, scale));
}

/* ---- signed codes: the sign goes to q, which is never -128; 2 * 128 * 127 fits ---- */

typedef struct {
    __m256i size, code;
} rc;

enum { GEMV_OFFSET8 = 0 };

static inline rc rc_load(const void *p)
{
    const __m256i code = rb_load(p);
    return (rc){_mm256_abs_epi8(code), code};
}

static inline ri ri_start8(const int32_t *word)
{
    (void)word;
    return ri_zero();
}

static inline ri ri_dot8(ri acc, rc c, rx x, int j)
{
    const __m256i q = _mm256_sign_epi8(rx_four(x, j), c.code);
    const __m256i pairs = _mm256_maddubs_epi16(c.size, q);
    return kept(_mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1))));
}

/* ---- codes below 64: 4 * 63 * 127 = 32004 fits ---- */

static inline ri ri_dot2(ri acc, rb a, rx x, int j, rb b, rx z, int k)
{
    const __m256i both = _mm256_add_epi16(_mm256_maddubs_epi16(a, rx_four(x, j)),
                                          _mm256_maddubs_epi16(b, rx_four(z, k)));
    return kept(_mm256_add_epi32(acc, _mm256_madd_epi16(both, _mm256_set1_epi16(1))));
}

static inline ri ri_pairs(ri acc, const void *p, const int32_t *word)
{
    const __m256i pairs = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)p));
    return _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, ri_set(word)));
}

#endif
#endif
