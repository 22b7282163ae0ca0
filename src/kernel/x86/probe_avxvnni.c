/* probe_avxvnni.c - the peak of AVX-VNNI: VPDPBUSD on 32 bytes. */
#include "kernel/probe.h"

#include <immintrin.h>

#define STEP(sum) sum = _mm256_dpbusd_avx_epi32(sum, u, s)

/* Twelve sums: more than latency times ports of any processor that has it. */
uint64_t bnt_probe_int8_avxvnni(uint32_t n_rounds, uint32_t *sink)
{
    __m256i u = _mm256_set1_epi8(3), s = _mm256_set1_epi8(-2);
    __m256i a = s, b = u, c = s, d = u, e = s, f = u, g = s, h = u, i = s, j = u, k = s, l = u;
    __asm__ volatile("" : "+x"(u), "+x"(s));
    __asm__ volatile(""
                     : "+x"(a), "+x"(b), "+x"(c), "+x"(d), "+x"(e), "+x"(f), "+x"(g), "+x"(h),
                       "+x"(i), "+x"(j), "+x"(k), "+x"(l)); /* no two are known to be alike */
    for (uint32_t n = 0; n < n_rounds; n++) {
        STEP(a);
        STEP(b);
        STEP(c);
        STEP(d);
        STEP(e);
        STEP(f);
        STEP(g);
        STEP(h);
        STEP(i);
        STEP(j);
        STEP(k);
        STEP(l);
        __asm__ volatile("" : "+x"(u)); /* keeps rounds apart */
    }
    a = _mm256_add_epi32(_mm256_add_epi32(a, b), _mm256_add_epi32(c, d));
    e = _mm256_add_epi32(_mm256_add_epi32(e, f), _mm256_add_epi32(g, h));
    i = _mm256_add_epi32(_mm256_add_epi32(i, j), _mm256_add_epi32(k, l));
    a = _mm256_add_epi32(_mm256_add_epi32(a, e), i);
    *sink = (uint32_t)_mm256_extract_epi32(a, 0);
    return (uint64_t)n_rounds * 12 * 32 * 2;
}
