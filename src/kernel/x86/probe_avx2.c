/* probe_avx2.c - the peak of AVX2: VPMADDUBSW, VPMADDWD and VPADDD for whole numbers, FMA for
 * floats. */
#include "kernel/probe.h"

#include <immintrin.h>

/* As written, or compilers compute the product once, and copy sums about. */
#define STEP(sum)                                                                              \
    do {                                                                                       \
        __m256i pairs;                                                                         \
        __asm__ volatile("vpmaddubsw %3, %2, %1\n\t"                                           \
                         "vpmaddwd %4, %1, %1\n\t"                                             \
                         "vpaddd %1, %0, %0"                                                   \
                         : "+x"(sum), "=&x"(pairs)                                             \
                         : "x"(u), "x"(s), "x"(ones));                                         \
    } while (0)

uint64_t bnt_probe_int8_avx2(uint32_t n_rounds, uint32_t *sink)
{
    const __m256i ones = _mm256_set1_epi16(1);
    const __m256i u = _mm256_set1_epi8(3), s = _mm256_set1_epi8(-2);
    __m256i a = ones, b = u, c = s, d = ones, e = u, f = s, g = ones, h = u;
    for (uint32_t n = 0; n < n_rounds; n++) {
        STEP(a);
        STEP(b);
        STEP(c);
        STEP(d);
        STEP(e);
        STEP(f);
        STEP(g);
        STEP(h);
    }
    a = _mm256_add_epi32(_mm256_add_epi32(a, b), _mm256_add_epi32(c, d));
    e = _mm256_add_epi32(_mm256_add_epi32(e, f), _mm256_add_epi32(g, h));
    *sink = (uint32_t)_mm256_extract_epi32(_mm256_add_epi32(a, e), 0);
    return (uint64_t)n_rounds * 8 * 32 * 2;
}

#define FMA(sum) sum = _mm256_fmadd_ps(x, y, sum)

/* Twelve sums: more than latency times ports of any processor that has AVX2. */
uint64_t bnt_probe_fp32_avx2(uint32_t n_rounds, uint32_t *sink)
{
    __m256 x = _mm256_set1_ps(0.5f), y = _mm256_set1_ps(0x1p-20f);
    __m256 a = x, b = y, c = x, d = y, e = x, f = y, g = x, h = y, i = x, j = y, k = x, l = y;
    __asm__ volatile("" : "+x"(x), "+x"(y));
    __asm__ volatile(""
                     : "+x"(a), "+x"(b), "+x"(c), "+x"(d), "+x"(e), "+x"(f), "+x"(g), "+x"(h),
                       "+x"(i), "+x"(j), "+x"(k), "+x"(l)); /* no two are known to be alike */
    for (uint32_t n = 0; n < n_rounds; n++) {
        FMA(a);
        FMA(b);
        FMA(c);
        FMA(d);
        FMA(e);
        FMA(f);
        FMA(g);
        FMA(h);
        FMA(i);
        FMA(j);
        FMA(k);
        FMA(l);
        __asm__ volatile("" : "+x"(x)); /* keeps rounds apart */
    }
    a = _mm256_add_ps(_mm256_add_ps(a, b), _mm256_add_ps(c, d));
    e = _mm256_add_ps(_mm256_add_ps(e, f), _mm256_add_ps(g, h));
    i = _mm256_add_ps(_mm256_add_ps(i, j), _mm256_add_ps(k, l));
    a = _mm256_add_ps(_mm256_add_ps(a, e), i);
    *sink = (uint32_t)_mm256_cvtss_f32(a);
    return (uint64_t)n_rounds * 12 * 8 * 2;
}
