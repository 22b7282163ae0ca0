/* dot_vnni.h - products of codes and activations with VPDPBUSD, the words of body/gemv.h for
 * registers of either width.
 *
 * VPDPBUSD adds four products of an unsigned and a signed byte to 32 bits, VPDPWSSD two of
 * signed words. Who includes this file has included register.h for one of the two sets.
 */
#ifndef BNT_KERNEL_X86_DOT_VNNI_H
#define BNT_KERNEL_X86_DOT_VNNI_H
#ifdef REG_BITS /* as the bodies: empty without a set */
#include "kernel/x86/register.h"

#if REG_BITS == 512
#define DOT_BYTES(sum, a, b) _mm512_dpbusd_epi32(sum, a, b)
#define DOT_WORDS(sum, a, b) _mm512_dpwssd_epi32(sum, a, b)
#else
#define DOT_BYTES(sum, a, b) _mm256_dpbusd_avx_epi32(sum, a, b)
#define DOT_WORDS(sum, a, b) _mm256_dpwssd_avx_epi32(sum, a, b)
#endif

/* ---- codes below 16 ---- */

typedef ri rs;

static inline int32_t rs_word(int32_t start)
{
    return start;
}

static inline rs rs_start(const int32_t *word)
{
    return ri_set(word);
}

static inline rs rs_zero(void)
{
    return ri_zero();
}

static inline rs rs_dot(rs sum, rb codes, rx x, int j)
{
    return kept(DOT_BYTES(sum, codes, rx_four(x, j)));
}

static inline ri rs_sum(rs sum)
{
    return sum;
}

/* The scale in the low half of a row, 0 in the high one: a sum fits 16 bits, 32 * 8 * 127 =
 * 32512, so its low half times the scale is the product. */
static inline ri rs_scale(const void *p)
{
    return rb_and(ri_s8(p), REG_OP(set1_epi32)(0xFFFF));
}

static inline ri rs_scaled(ri acc, rs sum, ri scale)
{
    return DOT_WORDS(acc, sum, scale);
}

/* ---- signed codes become unsigned by adding 128 ---- */

typedef ri rc;

enum { GEMV_OFFSET8 = -128 };

static inline rc rc_load(const void *p)
{
    return rb_xor(rb_load(p), rb_set(128));
}

static inline ri ri_start8(const int32_t *word)
{
    return ri_set(word);
}

static inline ri ri_dot8(ri acc, rc c, rx x, int j)
{
    return kept(DOT_BYTES(acc, c, rx_four(x, j)));
}

/* ---- codes below 64 ---- */

static inline ri ri_dot2(ri acc, rb a, rx x, int j, rb b, rx z, int k)
{
    acc = kept(DOT_BYTES(acc, a, rx_four(x, j)));
    return kept(DOT_BYTES(acc, b, rx_four(z, k)));
}

static inline ri ri_pairs(ri acc, const void *p, const int32_t *word)
{
    return DOT_WORDS(acc, REG_OP(cvtepu8_epi16)(REG_HALF(p)), ri_set(word));
}

#endif
#endif
