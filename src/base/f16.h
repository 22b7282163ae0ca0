/* f16.h - half precision and bfloat16, to and from float.
 *
 * Conversions to 16 bits round to nearest, ties to even, and keep infinities and NaN. Plain
 * integer arithmetic, so that every system gives the same bits.
 */
#ifndef BNT_BASE_F16_H
#define BNT_BASE_F16_H
#include <stdint.h>
#include <string.h>

static inline float bnt_f32_from_bits(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static inline uint32_t bnt_f32_to_bits(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static inline float bnt_f16_to_f32(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
    const uint32_t rest = h & 0x7FFFu;

    if (rest >= 0x7C00u) { /* infinity and NaN */
        return bnt_f32_from_bits(sign | 0x7F800000u | ((rest & 0x3FFu) << 13));
    }
    if (rest >= 0x0400u) { /* normal: the exponent bias grows by 112 */
        return bnt_f32_from_bits(sign | ((rest << 13) + (112u << 23)));
    }
    /* Subnormal: rest * 2^-24, exact in a float. */
    return bnt_f32_from_bits(sign | bnt_f32_to_bits((float)rest * 0x1p-24f));
}

static inline uint16_t bnt_f32_to_f16(float f)
{
    const uint32_t bits = bnt_f32_to_bits(f);
    const uint32_t sign = (bits >> 16) & 0x8000u;
    const uint32_t rest = bits & 0x7FFFFFFFu;

    if (rest > 0x7F800000u) return (uint16_t)(sign | 0x7E00u);  /* NaN */
    if (rest >= 0x477FF000u) return (uint16_t)(sign | 0x7C00u); /* rounds to 2^16 or more */
    if (rest >= 0x38800000u) {                                  /* 2^-14: normal in half */
        const uint32_t odd = (rest >> 13) & 1u;
        return (uint16_t)(sign | ((rest - (112u << 23) + 0xFFFu + odd) >> 13));
    }
    /* Subnormal: adding 0.5 shifts the value so that the float's own rounding does the work. */
    const float shifted = bnt_f32_from_bits(rest) + 0.5f;
    return (uint16_t)(sign | (bnt_f32_to_bits(shifted) - bnt_f32_to_bits(0.5f)));
}

static inline float bnt_bf16_to_f32(uint16_t b)
{
    return bnt_f32_from_bits((uint32_t)b << 16);
}

static inline uint16_t bnt_f32_to_bf16(float f)
{
    const uint32_t bits = bnt_f32_to_bits(f);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return (uint16_t)((bits >> 16) | 0x0040u);
    return (uint16_t)((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

#endif
