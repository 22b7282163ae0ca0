/* dot_avxvnni.h - products of codes and activations in AVX-VNNI, the words of body/gemv.h.
 *
 * VPDPBUSD adds four products of an unsigned and a signed byte to 32 bits.
 */
#ifndef BNT_KERNEL_X86_DOT_AVXVNNI_H
#define BNT_KERNEL_X86_DOT_AVXVNNI_H
#include "kernel/x86/dot_ymm.h"
#if defined(__AVXVNNI__) && defined(__FMA__) && defined(__F16C__)

typedef __m256i rs;
typedef __m256i rc;

static inline int32_t rs_word(int32_t sum)
{
    return -8 * sum;
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
    return kept(_mm256_dpbusd_avx_epi32(sum, codes, rx_four(x, j)));
}

static inline ri rs_sum(rs sum)
{
    return sum;
}

/* The scale in the low half of a row, 0 in the high one: a sum fits 16 bits, 32 * 8 * 127 =
 * 32512, so its low half times the scale is the product. */
static inline ri rs_scale(const void *p)
{
    return _mm256_and_si256(ri_s8(p), _mm256_set1_epi32(0xFFFF));
}

static inline ri rs_scaled(ri acc, rs sum, ri scale)
{
    return _mm256_dpwssd_avx_epi32(acc, sum, scale);
}

/* Signed codes become unsigned by adding 128. */
enum { GEMV_OFFSET8 = -128 };

static inline rc rc_load(const void *p)
{
    return _mm256_xor_si256(rb_load(p), _mm256_set1_epi8(-128));
}

static inline ri ri_start8(const int32_t *word)
{
    return ri_set(word);
}

static inline ri ri_dot8(ri acc, rc c, rx x, int j)
{
    return kept(_mm256_dpbusd_avx_epi32(acc, c, rx_four(x, j)));
}

static inline ri ri_dot2(ri acc, rb a, rx x, int j, rb b, rx z, int k)
{
    acc = kept(_mm256_dpbusd_avx_epi32(acc, a, rx_four(x, j)));
    return kept(_mm256_dpbusd_avx_epi32(acc, b, rx_four(z, k)));
}

static inline ri ri_pairs(ri acc, const void *p, const int32_t *word)
{
    const __m256i pairs = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)p));
    return _mm256_dpwssd_avx_epi32(acc, pairs, ri_set(word));
}

#endif
#endif
