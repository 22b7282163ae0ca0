/* dot_avx512vnni.h - the words of body/gemv.h in AVX-512 VNNI: a register of 16 rows.
 *
 * VPDPBUSD adds four products of an unsigned and a signed byte to 32 bits. Empty for compilers
 * that are not told to use these instructions.
 */
#ifndef BNT_KERNEL_X86_DOT_AVX512VNNI_H
#define BNT_KERNEL_X86_DOT_AVX512VNNI_H
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) &&                  \
    defined(__AVX512DQ__) && defined(__AVX512VNNI__)
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#define GEMV_ROWS        16
#define GEMV_GROUPS_1    1
#define GEMV_GROUPS_2    1
#define GEMV_GROUPS_4    1
#define GEMV_GROUPS_MORE 2

typedef __m512i ri;
typedef __m512 rf;
typedef __m512i rb;
typedef const int8_t *rx;

static inline rf rf_zero(void)
{
    return _mm512_setzero_ps();
}

static inline rf rf_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

static inline void rf_store(float *p, rf a)
{
    _mm512_storeu_ps(p, a);
}

static inline rf rf_half(const void *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}

static inline rf rf_set(const float *p)
{
    return _mm512_set1_ps(*p);
}

static inline rf rf_mul(rf a, rf b)
{
    return _mm512_mul_ps(a, b);
}

static inline rf rf_fma(rf a, rf b, rf c)
{
    return _mm512_fmadd_ps(a, b, c);
}

static inline rf rf_fnma(rf a, rf b, rf c)
{
    return _mm512_fnmadd_ps(a, b, c);
}

static inline rf rf_int(ri a)
{
    return _mm512_cvtepi32_ps(a);
}

static inline ri ri_zero(void)
{
    return _mm512_setzero_si512();
}

static inline ri ri_set(const int32_t *p)
{
    return _mm512_set1_epi32(*p);
}

static inline ri ri_add(ri a, ri b)
{
    return _mm512_add_epi32(a, b);
}

static inline ri ri_s8(const void *p)
{
    return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p));
}

static inline ri ri_u8(const void *p)
{
    return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));
}

static inline rb rb_load(const void *p)
{
    return _mm512_loadu_si512(p);
}

static inline rb rb_low(rb a)
{
    return _mm512_and_si512(a, _mm512_set1_epi8(15));
}

/* Words of 16 bits are shifted; the mask clears what crossed into the neighboring byte. */
static inline rb rb_high(rb a)
{
    return _mm512_and_si512(_mm512_srli_epi16(a, 4), _mm512_set1_epi8(15));
}

static inline rb rb_or(rb a, rb b)
{
    return _mm512_or_si512(a, b);
}

#define rb_up(a, n, mask)   _mm512_and_si512(_mm512_slli_epi16(a, n), _mm512_set1_epi8(mask))
#define rb_down(a, n, mask) _mm512_and_si512(_mm512_srli_epi16(a, n), _mm512_set1_epi8(mask))

static inline rx rx_load(const int8_t *p)
{
    return p;
}

/* Four columns of a token, for every row. */
static inline ri rx_four(rx x, int j)
{
    int32_t four;
    memcpy(&four, x + 4 * j, sizeof four);
    return _mm512_set1_epi32(four);
}

/* A sum that is computed where it stands: compilers that bring the products of many lines
 * forward hold more than 32 registers do. */
static inline __m512i kept(__m512i sum)
{
    __asm__("" : "+v"(sum));
    return sum;
}

/* ---- codes below 16 ---- */

typedef __m512i rs;

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
    return _mm512_setzero_si512();
}

static inline rs rs_dot(rs sum, rb codes, rx x, int j)
{
    return _mm512_dpbusd_epi32(sum, codes, rx_four(x, j));
}

static inline ri rs_sum(rs sum)
{
    return sum;
}

/* The scale in the low half of a row, 0 in the high one: a sum fits 16 bits, 32 * 8 * 127 =
 * 32512, so its low half times the scale is the product. */
static inline ri rs_scale(const void *p)
{
    return _mm512_and_si512(ri_s8(p), _mm512_set1_epi32(0xFFFF));
}

static inline ri rs_scaled(ri acc, rs sum, ri scale)
{
    return _mm512_dpwssd_epi32(acc, sum, scale);
}

/* ---- signed codes become unsigned by adding 128 ---- */

typedef __m512i rc;

enum { GEMV_OFFSET8 = -128 };

static inline rc rc_load(const void *p)
{
    return _mm512_xor_si512(rb_load(p), _mm512_set1_epi8(-128));
}

static inline ri ri_start8(const int32_t *word)
{
    return ri_set(word);
}

static inline ri ri_dot8(ri acc, rc c, rx x, int j)
{
    return kept(_mm512_dpbusd_epi32(acc, c, rx_four(x, j)));
}

/* ---- codes below 64 ---- */

static inline ri ri_dot2(ri acc, rb a, rx x, int j, rb b, rx z, int k)
{
    acc = kept(_mm512_dpbusd_epi32(acc, a, rx_four(x, j)));
    return kept(_mm512_dpbusd_epi32(acc, b, rx_four(z, k)));
}

static inline ri ri_pairs(ri acc, const void *p, const int32_t *word)
{
    const __m512i pairs = _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)p));
    return _mm512_dpwssd_epi32(acc, pairs, ri_set(word));
}

#endif
#endif
