/* simd_avx512.h - the words of body/lanes.h in AVX-512 F, BW, VL and DQ: a vector is one zmm
 * register.
 *
 * Empty for compilers that are not told to use these instructions.
 */
#ifndef BNT_KERNEL_X86_SIMD_AVX512_H
#define BNT_KERNEL_X86_SIMD_AVX512_H
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) &&                  \
    defined(__AVX512DQ__)
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BNT_LANES 1
#define TILE_WIDE 6
#define TILE_DEEP 4

#include "kernel/body/lanes.h"

typedef __m512 vf;
typedef __m512i vi;
typedef __m512i vb;

static inline __mmask16 lanes_mask(size_t n)
{
    return (__mmask16)((1u << n) - 1u);
}

/* ---- floats from and to memory ---------------------------------------------------------- */

static inline vf vf_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

static inline void vf_store(float *p, vf a)
{
    _mm512_storeu_ps(p, a);
}

static inline vf vf_load_n(const float *p, size_t n)
{
    return _mm512_maskz_loadu_ps(lanes_mask(n), p);
}

static inline void vf_store_n(float *p, vf a, size_t n)
{
    _mm512_mask_storeu_ps(p, lanes_mask(n), a);
}

static inline vf vf_load_f16(const void *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}

static inline vf vf_load_f16_n(const void *p, size_t n)
{
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(lanes_mask(n), p));
}

static inline vf bf16_wide(__m256i h)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16));
}

static inline vf vf_load_bf16(const void *p)
{
    return bf16_wide(_mm256_loadu_si256((const __m256i *)p));
}

static inline vf vf_load_bf16_n(const void *p, size_t n)
{
    return bf16_wide(_mm256_maskz_loadu_epi16(lanes_mask(n), p));
}

static inline vi vi_load_i8(const void *p)
{
    return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p));
}

static inline vi vi_load_u8(const void *p)
{
    return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));
}

static inline vf vf_load_i8(const void *p)
{
    return _mm512_cvtepi32_ps(vi_load_i8(p));
}

static inline vf vf_load_i8_n(const void *p, size_t n)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(lanes_mask(n), p)));
}

static inline vf vf_set1_f16(const void *p)
{
    int16_t h;
    memcpy(&h, p, sizeof h);
    return _mm512_cvtph_ps(_mm256_set1_epi16(h));
}

static inline vf vf_load_twice(const float *p)
{
    const __m512 x = _mm512_castps256_ps512(_mm256_loadu_ps(p));
    return _mm512_permutexvar_ps(
        _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7), x);
}

/* The instruction keeps the upper bits of a NaN; the contract wants one NaN. */
static inline __m256i half_of(vf a)
{
    const __m256i h =
        _mm512_maskz_cvtps_ph(lanes_mask(16), a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __m256i quiet = _mm256_or_si256(_mm256_and_si256(h, _mm256_set1_epi16((short)0x8000)),
                                          _mm256_set1_epi16(0x7E00));
    return _mm256_mask_mov_epi16(h, _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), quiet);
}

static inline void vf_store_f16(void *p, vf a)
{
    _mm256_storeu_si256((__m256i *)p, half_of(a));
}

static inline void vf_store_f16_n(void *p, vf a, size_t n)
{
    _mm256_mask_storeu_epi16(p, lanes_mask(n), half_of(a));
}

/* The four registers hold lanes 0, 4, 8, 12 of all, then 1, 5, 9, 13 and so on. */
#define TURN_LANE(p, step, part, columns)                                                      \
    do {                                                                                       \
        _mm_storeu_ps((p) + (4 * (part)) * (step),                                             \
                      _mm512_extractf32x4_ps((columns)[0], part));                             \
        _mm_storeu_ps((p) + (4 * (part) + 1) * (step),                                         \
                      _mm512_extractf32x4_ps((columns)[1], part));                             \
        _mm_storeu_ps((p) + (4 * (part) + 2) * (step),                                         \
                      _mm512_extractf32x4_ps((columns)[2], part));                             \
        _mm_storeu_ps((p) + (4 * (part) + 3) * (step),                                         \
                      _mm512_extractf32x4_ps((columns)[3], part));                             \
    } while (0)

static inline void vf_turn4(float *p, size_t step, vf a, vf b, vf c, vf d)
{
    const __m512d low = _mm512_castps_pd(_mm512_unpacklo_ps(a, b));
    const __m512d high = _mm512_castps_pd(_mm512_unpackhi_ps(a, b));
    const __m512d low2 = _mm512_castps_pd(_mm512_unpacklo_ps(c, d));
    const __m512d high2 = _mm512_castps_pd(_mm512_unpackhi_ps(c, d));
    const __m512 columns[4] = {_mm512_castpd_ps(_mm512_unpacklo_pd(low, low2)),
                               _mm512_castpd_ps(_mm512_unpackhi_pd(low, low2)),
                               _mm512_castpd_ps(_mm512_unpacklo_pd(high, high2)),
                               _mm512_castpd_ps(_mm512_unpackhi_pd(high, high2))};
    TURN_LANE(p, step, 0, columns);
    TURN_LANE(p, step, 1, columns);
    TURN_LANE(p, step, 2, columns);
    TURN_LANE(p, step, 3, columns);
}

#define TURN_PAIRS(p, step, part, low, high)                                                   \
    do {                                                                                       \
        const __m128 l = _mm512_extractf32x4_ps(low, part);                                    \
        const __m128 h = _mm512_extractf32x4_ps(high, part);                                   \
        _mm_storel_pi((__m64 *)(void *)((p) + (4 * (part)) * (step)), l);                      \
        _mm_storeh_pi((__m64 *)(void *)((p) + (4 * (part) + 1) * (step)), l);                  \
        _mm_storel_pi((__m64 *)(void *)((p) + (4 * (part) + 2) * (step)), h);                  \
        _mm_storeh_pi((__m64 *)(void *)((p) + (4 * (part) + 3) * (step)), h);                  \
    } while (0)

static inline void vf_turn2(float *p, size_t step, vf a, vf b)
{
    const __m512 low = _mm512_unpacklo_ps(a, b), high = _mm512_unpackhi_ps(a, b);
    TURN_PAIRS(p, step, 0, low, high);
    TURN_PAIRS(p, step, 1, low, high);
    TURN_PAIRS(p, step, 2, low, high);
    TURN_PAIRS(p, step, 3, low, high);
}

/* ---- floats ------------------------------------------------------------------------------ */

static inline vf vf_zero(void)
{
    return _mm512_setzero_ps();
}

static inline vf vf_set1(float x)
{
    return _mm512_set1_ps(x);
}

static inline vf vf_add(vf a, vf b)
{
    return _mm512_add_ps(a, b);
}

static inline vf vf_sub(vf a, vf b)
{
    return _mm512_sub_ps(a, b);
}

static inline vf vf_mul(vf a, vf b)
{
    return _mm512_mul_ps(a, b);
}

static inline vf vf_div(vf a, vf b)
{
    return _mm512_div_ps(a, b);
}

static inline vf vf_sqrt(vf a)
{
    return _mm512_sqrt_ps(a);
}

static inline vf vf_max(vf a, vf b)
{
    return _mm512_max_ps(a, b);
}

static inline vf vf_fma(vf a, vf b, vf c)
{
    return _mm512_fmadd_ps(a, b, c);
}

static inline vf vf_fnma(vf a, vf b, vf c)
{
    return _mm512_fnmadd_ps(a, b, c);
}

static inline vf vf_neg(vf a)
{
    return _mm512_xor_ps(a, vf_set1(-0.0f));
}

static inline vf vf_swap_pairs(vf a)
{
    return _mm512_permute_ps(a, _MM_SHUFFLE(2, 3, 0, 1));
}

static inline vf vf_swap_twos(vf a)
{
    return _mm512_permute_ps(a, _MM_SHUFFLE(1, 0, 3, 2));
}

static inline vf vf_swap_fours(vf a)
{
    return _mm512_shuffle_f32x4(a, a, _MM_SHUFFLE(2, 3, 0, 1));
}

static inline vf vf_swap_eights(vf a)
{
    return _mm512_shuffle_f32x4(a, a, _MM_SHUFFLE(1, 0, 3, 2));
}

static inline vf vf_where_gt(vf a, vf b, vf x, vf y)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_GT_OQ), y, x);
}

static inline vf vf_first(size_t n, vf a, vf b)
{
    return _mm512_mask_blend_ps(lanes_mask(n), b, a);
}

/* Exact wherever the result is normal, so the same bits as two multiplications. */
static inline vf vf_exp2_scale(vf a, vf k)
{
    return _mm512_scalef_ps(a, k);
}

static inline vf vf_in_registers(vf a)
{
    __asm__("" : "+v"(a));
    return a;
}
#define vf_keep(x) vf_in_registers(x)

static inline float vf_sum(vf a)
{
    const __m256 s8 = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    const __m128 s4 = _mm_add_ps(_mm256_castps256_ps128(s8), _mm256_extractf128_ps(s8, 1));
    const __m128 s2 = _mm_add_ps(s4, _mm_movehl_ps(s4, s4));
    return _mm_cvtss_f32(_mm_add_ss(s2, _mm_movehdup_ps(s2)));
}

static inline float vf_largest(vf a)
{
    const __m256 s8 = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    const __m128 s4 = _mm_max_ps(_mm256_castps256_ps128(s8), _mm256_extractf128_ps(s8, 1));
    const __m128 s2 = _mm_max_ps(s4, _mm_movehl_ps(s4, s4));
    return _mm_cvtss_f32(_mm_max_ss(s2, _mm_movehdup_ps(s2)));
}

/* ---- whole numbers ----------------------------------------------------------------------- */

static inline vi vi_zero(void)
{
    return _mm512_setzero_si512();
}

static inline vi vi_set1(int32_t x)
{
    return _mm512_set1_epi32(x);
}

static inline vi vi_load(const int32_t *p)
{
    return _mm512_loadu_si512(p);
}

static inline void vi_store(int32_t *p, vi a)
{
    _mm512_storeu_si512(p, a);
}

static inline vi vi_add(vi a, vi b)
{
    return _mm512_add_epi32(a, b);
}

static inline vi vi_sub(vi a, vi b)
{
    return _mm512_sub_epi32(a, b);
}

static inline vi vi_mul(vi a, vi b)
{
    return _mm512_mullo_epi32(a, b);
}

static inline vi vi_and(vi a, vi b)
{
    return _mm512_and_si512(a, b);
}

static inline vi vi_max(vi a, vi b)
{
    return _mm512_max_epi32(a, b);
}

#define vi_shl(x, n) _mm512_slli_epi32(x, n)

static inline void vi_store_i8(void *p, vi a)
{
    _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(a));
}

static inline int32_t vi_largest(vi a)
{
    const __m256i s8 =
        _mm256_max_epi32(_mm512_castsi512_si256(a), _mm512_extracti64x4_epi64(a, 1));
    __m128i s = _mm_max_epi32(_mm256_castsi256_si128(s8), _mm256_extracti128_si256(s8, 1));
    s = _mm_max_epi32(s, _mm_shuffle_epi32(s, _MM_SHUFFLE(1, 0, 3, 2)));
    s = _mm_max_epi32(s, _mm_shuffle_epi32(s, _MM_SHUFFLE(2, 3, 0, 1)));
    return _mm_cvtsi128_si32(s);
}

/* Eight sums of two lanes each. */
static inline __m256i fold_lanes(vi a)
{
    return _mm256_add_epi32(_mm512_castsi512_si256(a), _mm512_extracti64x4_epi64(a, 1));
}

static inline void vi_sum4(int32_t *out, vi a, vi b, vi c, vi d)
{
    const __m256i ab = _mm256_hadd_epi32(fold_lanes(a), fold_lanes(b));
    const __m256i cd = _mm256_hadd_epi32(fold_lanes(c), fold_lanes(d));
    const __m256i all = _mm256_hadd_epi32(ab, cd);
    _mm_storeu_si128((__m128i *)(void *)out, _mm_add_epi32(_mm256_castsi256_si128(all),
                                                           _mm256_extracti128_si256(all, 1)));
}

/* ---- between the two --------------------------------------------------------------------- */

static inline vf vf_from_vi(vi a)
{
    return _mm512_cvtepi32_ps(a);
}

static inline vi vi_round(vf a)
{
    return _mm512_cvtps_epi32(a);
}

static inline vi vi_bits(vf a)
{
    return _mm512_castps_si512(a);
}

static inline vf vf_bits(vi a)
{
    return _mm512_castsi512_ps(a);
}

/* ---- bytes ------------------------------------------------------------------------------- */

static inline vb vb_load(const void *p)
{
    return _mm512_loadu_si512(p);
}

static inline vb vb_set1(uint8_t x)
{
    return _mm512_set1_epi8((char)x);
}

static inline vb vb_and(vb a, vb b)
{
    return _mm512_and_si512(a, b);
}

static inline vb vb_or(vb a, vb b)
{
    return _mm512_or_si512(a, b);
}

static inline vb vb_xor(vb a, vb b)
{
    return _mm512_xor_si512(a, b);
}

/* Words of 16 bits are shifted; the mask clears what crossed into the neighboring byte. */
#define vb_bits(x, n, mask) vb_and(_mm512_srli_epi16(x, n), vb_set1(mask))
#define vb_lift(x, n, mask) _mm512_slli_epi16(vb_and(x, vb_set1(mask)), n)

static inline vb vb_low(vb a)
{
    return vb_and(a, vb_set1(15));
}

static inline vb vb_high(vb a)
{
    return vb_bits(a, 4, 15);
}

static inline vi vi_from_vb(vb a)
{
    return a;
}

static inline vb vb_from_vi(vi a)
{
    return a;
}

#endif
#endif
