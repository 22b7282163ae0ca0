/* simd_avx2.h - the words of body/lanes.h in AVX2, FMA and F16C: a vector is two ymm registers.
 *
 * Empty for compilers that are not told to use these instructions.
 */
#ifndef BNT_KERNEL_X86_SIMD_AVX2_H
#define BNT_KERNEL_X86_SIMD_AVX2_H
#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BNT_LANES 1
#define TILE_WIDE 3
#define TILE_DEEP 2

#include "kernel/body/lanes.h"

typedef struct {
    __m256 a, b;
} vf;
typedef struct {
    __m256i a, b;
} vi;
typedef struct {
    __m256i a, b;
} vb;

/* Applies a two-operand intrinsic to both halves. */
#define VF_BOTH(op, x, y) ((vf){op((x).a, (y).a), op((x).b, (y).b)})
#define VI_BOTH(op, x, y) ((vi){op((x).a, (y).a), op((x).b, (y).b)})
#define VB_BOTH(op, x, y) ((vb){op((x).a, (y).a), op((x).b, (y).b)})

/* All bits set in the lanes below n. */
static inline vi lanes_mask(size_t n)
{
    const __m256i bound = _mm256_set1_epi32((int)n);
    const __m256i first = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i second = _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15);
    return (vi){_mm256_cmpgt_epi32(bound, first), _mm256_cmpgt_epi32(bound, second)};
}

/* ---- floats from and to memory ---------------------------------------------------------- */

static inline vf vf_load(const float *p)
{
    return (vf){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}

static inline void vf_store(float *p, vf a)
{
    _mm256_storeu_ps(p, a.a);
    _mm256_storeu_ps(p + 8, a.b);
}

static inline vf vf_load_n(const float *p, size_t n)
{
    const vi mask = lanes_mask(n);
    return (vf){_mm256_maskload_ps(p, mask.a), _mm256_maskload_ps(p + 8, mask.b)};
}

static inline void vf_store_n(float *p, vf a, size_t n)
{
    const vi mask = lanes_mask(n);
    _mm256_maskstore_ps(p, mask.a, a.a);
    _mm256_maskstore_ps(p + 8, mask.b, a.b);
}

static inline vf vf_load_f16(const void *p)
{
    const __m128i *const h = p;
    return (vf){_mm256_cvtph_ps(_mm_loadu_si128(h)), _mm256_cvtph_ps(_mm_loadu_si128(h + 1))};
}

static inline vf vf_load_f16_n(const void *p, size_t n)
{
    uint16_t h[16] = {0};
    memcpy(h, p, 2 * n);
    return vf_load_f16(h);
}

static inline vf vf_load_bf16(const void *p)
{
    const __m128i *const h = p;
    const __m256i a = _mm256_cvtepu16_epi32(_mm_loadu_si128(h));
    const __m256i b = _mm256_cvtepu16_epi32(_mm_loadu_si128(h + 1));
    return (vf){_mm256_castsi256_ps(_mm256_slli_epi32(a, 16)),
                _mm256_castsi256_ps(_mm256_slli_epi32(b, 16))};
}

static inline vf vf_load_bf16_n(const void *p, size_t n)
{
    uint16_t h[16] = {0};
    memcpy(h, p, 2 * n);
    return vf_load_bf16(h);
}

static inline vi vi_load_i8(const void *p)
{
    const uint8_t *const bytes = p;
    return (vi){
        _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)bytes)),
        _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(bytes + 8)))};
}

static inline vi vi_load_u8(const void *p)
{
    const uint8_t *const bytes = p;
    return (vi){
        _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)bytes)),
        _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(bytes + 8)))};
}

static inline vf vf_from_vi(vi a)
{
    return (vf){_mm256_cvtepi32_ps(a.a), _mm256_cvtepi32_ps(a.b)};
}

static inline vf vf_load_i8(const void *p)
{
    return vf_from_vi(vi_load_i8(p));
}

static inline vf vf_load_i8_n(const void *p, size_t n)
{
    int8_t bytes[16] = {0};
    memcpy(bytes, p, n);
    return vf_load_i8(bytes);
}

static inline vf vf_set1_f16(const void *p)
{
    int16_t h;
    memcpy(&h, p, sizeof h);
    const __m256 x = _mm256_cvtph_ps(_mm_set1_epi16(h));
    return (vf){x, x};
}

static inline vf vf_load_twice(const float *p)
{
    const __m256 x = _mm256_loadu_ps(p);
    const __m256 low = _mm256_unpacklo_ps(x, x), high = _mm256_unpackhi_ps(x, x);
    return (vf){_mm256_permute2f128_ps(low, high, 0x20),
                _mm256_permute2f128_ps(low, high, 0x31)};
}

/* The instruction keeps the upper bits of a NaN; the contract wants one NaN. */
static inline __m128i half_of(__m256 a)
{
    const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(a, a, _CMP_UNORD_Q));
    const __m128i nan16 =
        _mm_packs_epi32(_mm256_castsi256_si128(nan), _mm256_extracti128_si256(nan, 1));
    const __m128i h = _mm256_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __m128i quiet =
        _mm_or_si128(_mm_and_si128(h, _mm_set1_epi16((short)0x8000)), _mm_set1_epi16(0x7E00));
    return _mm_blendv_epi8(h, quiet, nan16);
}

static inline void vf_store_f16(void *p, vf a)
{
    __m128i *const h = p;
    _mm_storeu_si128(h, half_of(a.a));
    _mm_storeu_si128(h + 1, half_of(a.b));
}

static inline void vf_store_f16_n(void *p, vf a, size_t n)
{
    uint16_t h[16];
    vf_store_f16(h, a);
    memcpy(p, h, 2 * n);
}

/* Four columns of four rows, and those that lie four lanes further. */
static inline void turn_columns(float *p, size_t step, __m256 columns)
{
    _mm_storeu_ps(p, _mm256_castps256_ps128(columns));
    _mm_storeu_ps(p + 4 * step, _mm256_extractf128_ps(columns, 1));
}

static inline void turn4_half(float *p, size_t step, __m256 a, __m256 b, __m256 c, __m256 d)
{
    const __m256d low = _mm256_castps_pd(_mm256_unpacklo_ps(a, b));
    const __m256d high = _mm256_castps_pd(_mm256_unpackhi_ps(a, b));
    const __m256d low2 = _mm256_castps_pd(_mm256_unpacklo_ps(c, d));
    const __m256d high2 = _mm256_castps_pd(_mm256_unpackhi_ps(c, d));
    turn_columns(p, step, _mm256_castpd_ps(_mm256_unpacklo_pd(low, low2)));
    turn_columns(p + step, step, _mm256_castpd_ps(_mm256_unpackhi_pd(low, low2)));
    turn_columns(p + 2 * step, step, _mm256_castpd_ps(_mm256_unpacklo_pd(high, high2)));
    turn_columns(p + 3 * step, step, _mm256_castpd_ps(_mm256_unpackhi_pd(high, high2)));
}

static inline void vf_turn4(float *p, size_t step, vf a, vf b, vf c, vf d)
{
    turn4_half(p, step, a.a, b.a, c.a, d.a);
    turn4_half(p + 8 * step, step, a.b, b.b, c.b, d.b);
}

static inline void turn_pair(float *p, size_t step, __m128 pairs)
{
    _mm_storel_pi((__m64 *)(void *)p, pairs);
    _mm_storeh_pi((__m64 *)(void *)(p + step), pairs);
}

static inline void turn2_half(float *p, size_t step, __m256 a, __m256 b)
{
    const __m256 low = _mm256_unpacklo_ps(a, b), high = _mm256_unpackhi_ps(a, b);
    turn_pair(p, step, _mm256_castps256_ps128(low));
    turn_pair(p + 2 * step, step, _mm256_castps256_ps128(high));
    turn_pair(p + 4 * step, step, _mm256_extractf128_ps(low, 1));
    turn_pair(p + 6 * step, step, _mm256_extractf128_ps(high, 1));
}

static inline void vf_turn2(float *p, size_t step, vf a, vf b)
{
    turn2_half(p, step, a.a, b.a);
    turn2_half(p + 8 * step, step, a.b, b.b);
}

/* ---- floats ------------------------------------------------------------------------------ */

static inline vf vf_zero(void)
{
    return (vf){_mm256_setzero_ps(), _mm256_setzero_ps()};
}

static inline vf vf_set1(float x)
{
    return (vf){_mm256_set1_ps(x), _mm256_set1_ps(x)};
}

static inline vf vf_add(vf a, vf b)
{
    return VF_BOTH(_mm256_add_ps, a, b);
}

static inline vf vf_sub(vf a, vf b)
{
    return VF_BOTH(_mm256_sub_ps, a, b);
}

static inline vf vf_mul(vf a, vf b)
{
    return VF_BOTH(_mm256_mul_ps, a, b);
}

static inline vf vf_div(vf a, vf b)
{
    return VF_BOTH(_mm256_div_ps, a, b);
}

static inline vf vf_sqrt(vf a)
{
    return (vf){_mm256_sqrt_ps(a.a), _mm256_sqrt_ps(a.b)};
}

static inline vf vf_max(vf a, vf b)
{
    return VF_BOTH(_mm256_max_ps, a, b);
}

static inline vf vf_fma(vf a, vf b, vf c)
{
    return (vf){_mm256_fmadd_ps(a.a, b.a, c.a), _mm256_fmadd_ps(a.b, b.b, c.b)};
}

static inline vf vf_fnma(vf a, vf b, vf c)
{
    return (vf){_mm256_fnmadd_ps(a.a, b.a, c.a), _mm256_fnmadd_ps(a.b, b.b, c.b)};
}

static inline vf vf_neg(vf a)
{
    const vf sign = vf_set1(-0.0f);
    return VF_BOTH(_mm256_xor_ps, a, sign);
}

static inline vf vf_swap_pairs(vf a)
{
    return (vf){_mm256_permute_ps(a.a, _MM_SHUFFLE(2, 3, 0, 1)),
                _mm256_permute_ps(a.b, _MM_SHUFFLE(2, 3, 0, 1))};
}

static inline vf vf_swap_twos(vf a)
{
    return (vf){_mm256_permute_ps(a.a, _MM_SHUFFLE(1, 0, 3, 2)),
                _mm256_permute_ps(a.b, _MM_SHUFFLE(1, 0, 3, 2))};
}

static inline vf vf_swap_fours(vf a)
{
    return (vf){_mm256_permute2f128_ps(a.a, a.a, 1), _mm256_permute2f128_ps(a.b, a.b, 1)};
}

static inline vf vf_swap_eights(vf a)
{
    return (vf){a.b, a.a};
}

static inline vf vf_where_gt(vf a, vf b, vf x, vf y)
{
    return (vf){_mm256_blendv_ps(y.a, x.a, _mm256_cmp_ps(a.a, b.a, _CMP_GT_OQ)),
                _mm256_blendv_ps(y.b, x.b, _mm256_cmp_ps(a.b, b.b, _CMP_GT_OQ))};
}

static inline vf vf_first(size_t n, vf a, vf b)
{
    const vi mask = lanes_mask(n);
    return (vf){_mm256_blendv_ps(b.a, a.a, _mm256_castsi256_ps(mask.a)),
                _mm256_blendv_ps(b.b, a.b, _mm256_castsi256_ps(mask.b))};
}

/* 2^k in two factors, so that neither leaves the range: k / 2 towards zero, and the rest. */
static inline __m256 exp2_scale_half(__m256 a, __m256 k)
{
    const __m256i whole = _mm256_cvtps_epi32(k), bias = _mm256_set1_epi32(127);
    const __m256i part =
        _mm256_srai_epi32(_mm256_add_epi32(whole, _mm256_srli_epi32(whole, 31)), 1);
    const __m256i rest = _mm256_sub_epi32(whole, part);
    const __m256i scale = _mm256_slli_epi32(_mm256_add_epi32(part, bias), 23);
    const __m256i more = _mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23);
    return _mm256_mul_ps(_mm256_mul_ps(a, _mm256_castsi256_ps(scale)),
                         _mm256_castsi256_ps(more));
}

static inline vf vf_exp2_scale(vf a, vf k)
{
    return VF_BOTH(exp2_scale_half, a, k);
}

static inline vf vf_in_registers(vf a)
{
    __asm__("" : "+x"(a.a), "+x"(a.b));
    return a;
}
#define vf_keep(x) vf_in_registers(x)

static inline float vf_sum(vf a)
{
    const __m256 s8 = _mm256_add_ps(a.a, a.b);
    const __m128 s4 = _mm_add_ps(_mm256_castps256_ps128(s8), _mm256_extractf128_ps(s8, 1));
    const __m128 s2 = _mm_add_ps(s4, _mm_movehl_ps(s4, s4));
    return _mm_cvtss_f32(_mm_add_ss(s2, _mm_movehdup_ps(s2)));
}

static inline float vf_largest(vf a)
{
    const __m256 s8 = _mm256_max_ps(a.a, a.b);
    const __m128 s4 = _mm_max_ps(_mm256_castps256_ps128(s8), _mm256_extractf128_ps(s8, 1));
    const __m128 s2 = _mm_max_ps(s4, _mm_movehl_ps(s4, s4));
    return _mm_cvtss_f32(_mm_max_ss(s2, _mm_movehdup_ps(s2)));
}

/* ---- whole numbers ----------------------------------------------------------------------- */

static inline vi vi_zero(void)
{
    return (vi){_mm256_setzero_si256(), _mm256_setzero_si256()};
}

static inline vi vi_set1(int32_t x)
{
    return (vi){_mm256_set1_epi32(x), _mm256_set1_epi32(x)};
}

static inline vi vi_load(const int32_t *p)
{
    return (vi){_mm256_loadu_si256((const __m256i *)(const void *)p),
                _mm256_loadu_si256((const __m256i *)(const void *)(p + 8))};
}

static inline void vi_store(int32_t *p, vi a)
{
    _mm256_storeu_si256((__m256i *)(void *)p, a.a);
    _mm256_storeu_si256((__m256i *)(void *)(p + 8), a.b);
}

static inline vi vi_add(vi a, vi b)
{
    return VI_BOTH(_mm256_add_epi32, a, b);
}

static inline vi vi_sub(vi a, vi b)
{
    return VI_BOTH(_mm256_sub_epi32, a, b);
}

static inline vi vi_mul(vi a, vi b)
{
    return VI_BOTH(_mm256_mullo_epi32, a, b);
}

static inline vi vi_and(vi a, vi b)
{
    return VI_BOTH(_mm256_and_si256, a, b);
}

static inline vi vi_max(vi a, vi b)
{
    return VI_BOTH(_mm256_max_epi32, a, b);
}

#define vi_shl(x, n) ((vi){_mm256_slli_epi32((x).a, n), _mm256_slli_epi32((x).b, n)})

static inline void vi_store_i8(void *p, vi a)
{
    const __m256i words = _mm256_packs_epi32(a.a, a.b); /* 0-3 8-11 | 4-7 12-15 */
    const __m128i bytes =
        _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128((__m128i *)p, _mm_shuffle_epi32(bytes, _MM_SHUFFLE(3, 1, 2, 0)));
}

static inline int32_t vi_largest(vi a)
{
    const __m256i s8 = _mm256_max_epi32(a.a, a.b);
    __m128i s = _mm_max_epi32(_mm256_castsi256_si128(s8), _mm256_extracti128_si256(s8, 1));
    s = _mm_max_epi32(s, _mm_shuffle_epi32(s, _MM_SHUFFLE(1, 0, 3, 2)));
    s = _mm_max_epi32(s, _mm_shuffle_epi32(s, _MM_SHUFFLE(2, 3, 0, 1)));
    return _mm_cvtsi128_si32(s);
}

static inline void vi_sum4(int32_t *out, vi a, vi b, vi c, vi d)
{
    const __m256i ab =
        _mm256_hadd_epi32(_mm256_add_epi32(a.a, a.b), _mm256_add_epi32(b.a, b.b));
    const __m256i cd =
        _mm256_hadd_epi32(_mm256_add_epi32(c.a, c.b), _mm256_add_epi32(d.a, d.b));
    const __m256i all = _mm256_hadd_epi32(ab, cd);
    _mm_storeu_si128((__m128i *)(void *)out, _mm_add_epi32(_mm256_castsi256_si128(all),
                                                           _mm256_extracti128_si256(all, 1)));
}

/* ---- between the two --------------------------------------------------------------------- */

static inline vi vi_round(vf a)
{
    return (vi){_mm256_cvtps_epi32(a.a), _mm256_cvtps_epi32(a.b)};
}

static inline vi vi_bits(vf a)
{
    return (vi){_mm256_castps_si256(a.a), _mm256_castps_si256(a.b)};
}

static inline vf vf_bits(vi a)
{
    return (vf){_mm256_castsi256_ps(a.a), _mm256_castsi256_ps(a.b)};
}

/* ---- bytes ------------------------------------------------------------------------------- */

static inline vb vb_load(const void *p)
{
    const __m256i *const line = p;
    return (vb){_mm256_loadu_si256(line), _mm256_loadu_si256(line + 1)};
}

static inline vb vb_set1(uint8_t x)
{
    return (vb){_mm256_set1_epi8((char)x), _mm256_set1_epi8((char)x)};
}

static inline vb vb_and(vb a, vb b)
{
    return VB_BOTH(_mm256_and_si256, a, b);
}

static inline vb vb_or(vb a, vb b)
{
    return VB_BOTH(_mm256_or_si256, a, b);
}

static inline vb vb_xor(vb a, vb b)
{
    return VB_BOTH(_mm256_xor_si256, a, b);
}

/* Words of 16 bits are shifted; the mask clears what crossed into the neighboring byte. */
#define vb_bits(x, n, mask)                                                                    \
    vb_and((vb){_mm256_srli_epi16((x).a, n), _mm256_srli_epi16((x).b, n)}, vb_set1(mask))

static inline vb vb_slli(vb a, const int n)
{
    return (vb){_mm256_slli_epi16(a.a, n), _mm256_slli_epi16(a.b, n)};
}

#define vb_lift(x, n, mask) vb_slli(vb_and(x, vb_set1(mask)), n)

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
    return (vi){a.a, a.b};
}

static inline vb vb_from_vi(vi a)
{
    return (vb){a.a, a.b};
}

#endif
#endif
