/* probe_avx512vnni.c - the peak of AVX-512: VPDPBUSD on 64 bytes, FMA on 16 floats. */
#include "kernel/probe.h"

#include <immintrin.h>

#define STEP(sum) sum = _mm512_dpbusd_epi32(sum, u, s)

/* Twelve sums: more than latency times ports of any processor that has it. */
uint64_t bnt_probe_int8_avx512vnni(uint32_t n_rounds, uint32_t *sink)
{
    __m512i u = _mm512_set1_epi8(3), s = _mm512_set1_epi8(-2);
    __m512i a = s, b = u, c = s, d = u, e = s, f = u, g = s, h = u, i = s, j = u, k = s, l = u;
    __asm__ volatile("" : "+v"(u), "+v"(s));
    __asm__ volatile(""
                     : "+v"(a), "+v"(b), "+v"(c), "+v"(d), "+v"(e), "+v"(f), "+v"(g), "+v"(h),
                       "+v"(i), "+v"(j), "+v"(k), "+v"(l)); /* no two are known to be alike */
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
        __asm__ volatile("" : "+v"(u)); /* keeps rounds apart */
    }
    a = _mm512_add_epi32(_mm512_add_epi32(a, b), _mm512_add_epi32(c, d));
    e = _mm512_add_epi32(_mm512_add_epi32(e, f), _mm512_add_epi32(g, h));
    i = _mm512_add_epi32(_mm512_add_epi32(i, j), _mm512_add_epi32(k, l));
    a = _mm512_add_epi32(_mm512_add_epi32(a, e), i);
    *sink = (uint32_t)_mm_cvtsi128_si32(_mm512_castsi512_si128(a));
    return (uint64_t)n_rounds * 12 * 64 * 2;
}

#define FMA(sum) sum = _mm512_fmadd_ps(x, y, sum)

uint64_t bnt_probe_fp32_avx512vnni(uint32_t n_rounds, uint32_t *sink)
{
    __m512 x = _mm512_set1_ps(0.5f), y = _mm512_set1_ps(0x1p-20f);
    __m512 a = x, b = y, c = x, d = y, e = x, f = y, g = x, h = y, i = x, j = y, k = x, l = y;
    __asm__ volatile("" : "+v"(x), "+v"(y));
    __asm__ volatile(""
                     : "+v"(a), "+v"(b), "+v"(c), "+v"(d), "+v"(e), "+v"(f), "+v"(g), "+v"(h),
                       "+v"(i), "+v"(j), "+v"(k), "+v"(l)); /* no two are known to be alike */
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
        __asm__ volatile("" : "+v"(x)); /* keeps rounds apart */
    }
    a = _mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d));
    e = _mm512_add_ps(_mm512_add_ps(e, f), _mm512_add_ps(g, h));
    i = _mm512_add_ps(_mm512_add_ps(i, j), _mm512_add_ps(k, l));
    a = _mm512_add_ps(_mm512_add_ps(a, e), i);
    *sink = (uint32_t)_mm_cvtss_f32(_mm512_castps512_ps128(a));
    return (uint64_t)n_rounds * 12 * 16 * 2;
}
