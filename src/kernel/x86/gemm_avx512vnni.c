/* gemm_avx512vnni.c - GEMM in AVX-512 VNNI: tiles of 32 rows, and of 12 or 6 tokens. */
#include "kernel/x86/simd_avx512.h"
#include "kernel/x86/x86.h"

#define GEMM_TILE_GROUPS  2
#define GEMM_PANEL_GROUPS 2
#define GEMM_LANES        16

#define GEMM_SECOND(p, part, n) ((p)[1].part)

typedef __m512i gi;
typedef __m512 gf;

static inline gi gi_load(const void *p)
{
    return _mm512_load_si512(p);
}

/* Four bytes in every lane. */
static inline gi gi_spread(const void *p)
{
    int32_t four;
    memcpy(&four, p, sizeof(four));
    return _mm512_set1_epi32(four);
}

static inline gi gi_zero(void)
{
    return _mm512_setzero_si512();
}

/* sum += four products of bytes, w without sign. As an instruction of its own: for the
 * intrinsic gcc 12 copies sums to and fro. */
static inline gi gi_dot(gi sum, gi w, gi q)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(w), "v"(q));
    return sum;
}

/* sum += two products of int16. */
static inline gi gi_dot_pairs(gi sum, gi m, gi pairs)
{
    __asm__("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(m), "v"(pairs));
    return sum;
}

static inline gf gf_load(const float *p)
{
    return _mm512_load_ps(p);
}

static inline void gf_store(float *p, gf a)
{
    _mm512_store_ps(p, a);
}

static inline gf gf_spread(const float *p)
{
    return _mm512_set1_ps(*p);
}

static inline gf gf_zero(void)
{
    return _mm512_setzero_ps();
}

static inline gf gf_mul(gf a, gf b)
{
    return _mm512_mul_ps(a, b);
}

static inline gf gf_fma(gf a, gf b, gf c)
{
    return _mm512_fmadd_ps(a, b, c);
}

static inline gf gf_from_gi(gi a)
{
    return _mm512_cvtepi32_ps(a);
}

#include "kernel/x86/gemm_micro_vnni.h"

GEMM_WHOLE(whole12, GEMM_EACH12)
GEMM_WHOLE(whole8, GEMM_EACH8)
GEMM_WHOLE(whole4, GEMM_EACH4)
GEMM_SPANS(span6, GEMM_EACH6, 32, GEMM_NO_OPERANDS, GEMM_NO_MINS)
GEMM_SPANS(mins6, GEMM_EACH6, 32, GEMM_MIN_OPERANDS, GEMM_MINS)
GEMM_SPANS(half6, GEMM_EACH6, 16, GEMM_NO_OPERANDS, GEMM_NO_MINS)

static void multiply_whole(const gemm_panel *p, const gemm_tokens *x, uint32_t columns,
                           uint32_t n_tokens, float *tile)
{
    if (n_tokens > 8) {
        whole12(p, x, columns, tile);
    } else if (n_tokens > 4) {
        whole8(p, x, columns, tile);
    } else {
        whole4(p, x, columns, tile);
    }
}

GEMM_MULTIPLY(multiply_spans, span6, 6)
GEMM_MULTIPLY(multiply_mins, mins6, 6)
GEMM_MULTIPLY(multiply_halves, half6, 6)

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

GEMM_TABLE(bnt_gemm_avx512vnni, gemm_pack_vnni)
