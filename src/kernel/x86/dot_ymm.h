/* dot_ymm.h - what AVX2 and AVX-VNNI share of the words of body/gemv.h: a register of 8 rows.
 *
 * Products of codes are in dot_avx2.h and dot_avxvnni.h. Empty for compilers that are not told
 * to use these instructions.
 */
#ifndef BNT_KERNEL_X86_DOT_YMM_H
#define BNT_KERNEL_X86_DOT_YMM_H
#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#define GEMV_ROWS        8
#define GEMV_GROUPS_1    1
#define GEMV_GROUPS_2    1
#define GEMV_GROUPS_4    1
#define GEMV_GROUPS_MORE 1

typedef __m256i ri;
typedef __m256 rf;
typedef __m256i rb;
typedef const int8_t *rx;

static inline rf rf_zero(void)
{
    return _mm256_setzero_ps();
}

static inline rf rf_load(const float *p)
{
    return _mm256_loadu_ps(p);
}

static inline void rf_store(float *p, rf a)
{
    _mm256_storeu_ps(p, a);
}

static inline rf rf_half(const void *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}

static inline rf rf_set(const float *p)
{
    return _mm256_broadcast_ss(p);
}

static inline rf rf_mul(rf a, rf b)
{
    return _mm256_mul_ps(a, b);
}

static inline rf rf_fma(rf a, rf b, rf c)
{
    return _mm256_fmadd_ps(a, b, c);
}

static inline rf rf_fnma(rf a, rf b, rf c)
{
    return _mm256_fnmadd_ps(a, b, c);
}

static inline rf rf_int(ri a)
{
    return _mm256_cvtepi32_ps(a);
}

static inline ri ri_zero(void)
{
    return _mm256_setzero_si256();
}

static inline ri ri_set(const int32_t *p)
{
    return _mm256_set1_epi32(*p);
}

static inline ri ri_add(ri a, ri b)
{
    return _mm256_add_epi32(a, b);
}

static inline ri ri_s8(const void *p)
{
    return _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p));
}

static inline ri ri_u8(const void *p)
{
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
}

static inline rb rb_load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

static inline rb rb_low(rb a)
{
    return _mm256_and_si256(a, _mm256_set1_epi8(15));
}

/* Words of 16 bits are shifted; the mask clears what crossed into the neighboring byte. */
static inline rb rb_high(rb a)
{
    return _mm256_and_si256(_mm256_srli_epi16(a, 4), _mm256_set1_epi8(15));
}

static inline rb rb_or(rb a, rb b)
{
    return _mm256_or_si256(a, b);
}

#define rb_up(a, n, mask)   _mm256_and_si256(_mm256_slli_epi16(a, n), _mm256_set1_epi8(mask))
#define rb_down(a, n, mask) _mm256_and_si256(_mm256_srli_epi16(a, n), _mm256_set1_epi8(mask))

static inline rx rx_load(const int8_t *p)
{
    return p;
}

/* Four columns of a token, for every row. */
static inline ri rx_four(rx x, int j)
{
    int32_t four;
    memcpy(&four, x + 4 * j, sizeof four);
    return _mm256_set1_epi32(four);
}

/* A sum that is finished before anything later is read. Compilers that reorder a chain of
 * additions, or bring the loads of many products forward, hold more than 16 registers do. */
static inline __m256i kept(__m256i sum)
{
    __asm__ volatile("" : "+x"(sum) : : "memory");
    return sum;
}

#endif
#endif
