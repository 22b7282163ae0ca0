/* register.h - words for one register, in 256 or in 512 bits.
 *
 * The words of lanes.h take 16 rows, whatever the registers; products of codes are written for
 * one register, because sets of 16 registers must take half of a group's rows to keep their
 * sums in them. body/gemv.h says what the words mean. Who includes this file defines REG_BITS,
 * 256 or 512, and is compiled for a set that has them:
 *
 *   ri, rf, rb     int32, floats, bytes          REG_LANES  how many of the first two
 *   REG            the constraint of a register in asm
 */
#ifndef BNT_KERNEL_X86_REGISTER_H
#define BNT_KERNEL_X86_REGISTER_H
#ifdef REG_BITS /* as the bodies: empty without a set */
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#define REG_LANES (REG_BITS / 32)

/* An operation on registers; bits as integers; what lies in memory as half and quarter of a
 * register's bytes. */
#if REG_BITS == 512
#define REG               "v"
#define REG_OP(name)      _mm512_##name
#define REG_BITS_OP(name) _mm512_##name##_si512
#define REG_LOAD(p)       _mm512_loadu_si512(p)
#define REG_HALF(p)       _mm256_loadu_si256((const __m256i *)(p))
#define REG_QUARTER(p)    _mm_loadu_si128((const __m128i *)(p))
typedef __m512i ri;
typedef __m512 rf;
#else
#define REG               "x"
#define REG_OP(name)      _mm256_##name
#define REG_BITS_OP(name) _mm256_##name##_si256
#define REG_LOAD(p)       _mm256_loadu_si256((const __m256i *)(p))
#define REG_HALF(p)       _mm_loadu_si128((const __m128i *)(p))
#define REG_QUARTER(p)    _mm_loadl_epi64((const __m128i *)(p))
typedef __m256i ri;
typedef __m256 rf;
#endif
typedef ri rb;

/* ---- floats ---- */

static inline rf rf_zero(void)
{
    return REG_OP(setzero_ps)();
}

static inline rf rf_load(const float *p)
{
    return REG_OP(loadu_ps)(p);
}

static inline void rf_store(float *p, rf a)
{
    REG_OP(storeu_ps)(p, a);
}

static inline rf rf_half(const void *p)
{
    return REG_OP(cvtph_ps)(REG_HALF(p));
}

static inline rf rf_set(const float *p)
{
    return REG_OP(set1_ps)(*p);
}

static inline rf rf_add(rf a, rf b)
{
    return REG_OP(add_ps)(a, b);
}

static inline rf rf_mul(rf a, rf b)
{
    return REG_OP(mul_ps)(a, b);
}

static inline rf rf_fma(rf a, rf b, rf c)
{
    return REG_OP(fmadd_ps)(a, b, c);
}

static inline rf rf_fnma(rf a, rf b, rf c)
{
    return REG_OP(fnmadd_ps)(a, b, c);
}

static inline rf rf_int(ri a)
{
    return REG_OP(cvtepi32_ps)(a);
}

/* ---- whole numbers ---- */

static inline ri ri_zero(void)
{
    return REG_BITS_OP(setzero)();
}

static inline ri ri_load(const void *p)
{
    return REG_LOAD(p);
}

static inline ri ri_set(const int32_t *p)
{
    return REG_OP(set1_epi32)(*p);
}

/* Four bytes in every lane. */
static inline ri ri_spread(const void *p)
{
    int32_t four;
    memcpy(&four, p, sizeof four);
    return REG_OP(set1_epi32)(four);
}

static inline ri ri_add(ri a, ri b)
{
    return REG_OP(add_epi32)(a, b);
}

static inline ri ri_s8(const void *p)
{
    return REG_OP(cvtepi8_epi32)(REG_QUARTER(p));
}

static inline ri ri_u8(const void *p)
{
    return REG_OP(cvtepu8_epi32)(REG_QUARTER(p));
}

/* ---- bytes ---- */

static inline rb rb_load(const void *p)
{
    return REG_LOAD(p);
}

static inline rb rb_set(uint8_t byte)
{
    return REG_OP(set1_epi8)((char)byte);
}

static inline rb rb_and(rb a, rb b)
{
    return REG_BITS_OP(and)(a, b);
}

static inline rb rb_or(rb a, rb b)
{
    return REG_BITS_OP(or)(a, b);
}

static inline rb rb_xor(rb a, rb b)
{
    return REG_BITS_OP(xor)(a, b);
}

/* Words of 16 bits are shifted; the mask clears what crossed into the neighboring byte. */
#define rb_up(a, n, mask)   rb_and(REG_OP(slli_epi16)(a, n), rb_set(mask))
#define rb_down(a, n, mask) rb_and(REG_OP(srli_epi16)(a, n), rb_set(mask))

static inline rb rb_low(rb a)
{
    return rb_and(a, rb_set(15));
}

static inline rb rb_high(rb a)
{
    return rb_down(a, 4, 15);
}

/* ---- columns of a token ---- */

typedef const int8_t *rx;

static inline rx rx_load(const int8_t *p)
{
    return p;
}

/* Four columns, for every row. */
static inline ri rx_four(rx x, int j)
{
    return ri_spread(x + 4 * j);
}

/* A sum that is computed where it stands. Compilers that bring the products of many lines
 * forward hold more than 32 registers do; to 16 also the loads of many products are too much,
 * and a chain of additions that is reordered. */
static inline ri kept(ri sum)
{
#if REG_BITS == 512
    __asm__("" : "+v"(sum));
#else
    __asm__ volatile("" : "+x"(sum) : : "memory");
#endif
    return sum;
}

#endif
#endif
