/* probe_avx2.c - the peak of AVX2: VPMADDUBSW, VPMADDWD and VPADDD for whole numbers, FMA for
 * floats. */
#define REG_BITS 256
#include "kernel/x86/probe_x86.h"

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

PROBE_FP32(bnt_probe_fp32_avx2)
