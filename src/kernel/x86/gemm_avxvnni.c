/* gemm_avxvnni.c - GEMM in AVX-VNNI: tiles of 16 rows, and of 6 or 3 tokens. */
#include "kernel/x86/simd_avx2.h"
#include "kernel/x86/x86.h"

#define GEMM_TILE_GROUPS  1
#define GEMM_PANEL_GROUPS 2
#define GEMM_LANES        8

#define GEMM_SECOND(p, part, n) ((p)[0].part + 8 * (n))

typedef __m256i gi;
typedef __m256 gf;

static inline gi gi_load(const void *p)
{
    return _mm256_load_si256(p);
}

/* Four bytes in every lane. */
static inline gi gi_spread(const void *p)
{
    int32_t four;
    memcpy(&four, p, sizeof(four));
    return _mm256_set1_epi32(four);
}

static inline gi gi_zero(void)
{
    return _mm256_setzero_si256();
}

/* sum += four products of bytes, w without sign. As an instruction of its own: for the
 * intrinsic gcc 12 copies sums to and fro. */
static inline gi gi_dot(gi sum, gi w, gi q)
{
    __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(w), "x"(q));
    return sum;
}

/* sum += two products of int16. */
static inline gi gi_dot_pairs(gi sum, gi m, gi pairs)
{
    __asm__("%{vex%} vpdpwssd %2, %1, %0" : "+x"(sum) : "x"(m), "x"(pairs));
    return sum;
}

static inline gf gf_load(const float *p)
{
    return _mm256_load_ps(p);
}

static inline void gf_store(float *p, gf a)
{
    _mm256_store_ps(p, a);
}

static inline gf gf_spread(const float *p)
{
    return _mm256_set1_ps(*p);
}

static inline gf gf_zero(void)
{
    return _mm256_setzero_ps();
}

static inline gf gf_mul(gf a, gf b)
{
    return _mm256_mul_ps(a, b);
}

static inline gf gf_fma(gf a, gf b, gf c)
{
    return _mm256_fmadd_ps(a, b, c);
}

static inline gf gf_from_gi(gi a)
{
    return _mm256_cvtepi32_ps(a);
}

#include "kernel/x86/gemm_micro_vnni.h"

GEMM_WHOLE(whole6, GEMM_EACH6)
GEMM_SPANS(span3, GEMM_EACH3, 32, GEMM_NO_OPERANDS, GEMM_NO_MINS)
GEMM_SPANS(mins3, GEMM_EACH3, 32, GEMM_MIN_OPERANDS, GEMM_MINS)
GEMM_SPANS(half3, GEMM_EACH3, 16, GEMM_NO_OPERANDS, GEMM_NO_MINS)

GEMM_MULTIPLY(multiply_whole, whole6, 6)
GEMM_MULTIPLY(multiply_spans, span3, 3)
GEMM_MULTIPLY(multiply_mins, mins3, 3)
GEMM_MULTIPLY(multiply_halves, half3, 3)

#include "kernel/x86/gemm_table.h"

static const gemm_kind kinds[BNT_TILES] = {
    [BNT_TILE_B4] = {GEMM_TYPE_B4, multiply_whole, 1},
    [BNT_TILE_B8] = {GEMM_TYPE_B8, multiply_whole, 1},
    [BNT_TILE_Q4_0] = {GEMM_TYPE_Q4_0, multiply_spans, 8},
    [BNT_TILE_Q8_0] = {GEMM_TYPE_Q8_0, multiply_spans, 8},
    [BNT_TILE_Q4_K] = {GEMM_TYPE_Q4_K, multiply_mins, 8},
    [BNT_TILE_Q5_K] = {GEMM_TYPE_Q5_K, multiply_mins, 8},
    [BNT_TILE_Q6_K] = {GEMM_TYPE_Q6_K, multiply_halves, 16},
};

GEMM_TABLE(bnt_gemm_avxvnni, gemm_pack_vnni)
