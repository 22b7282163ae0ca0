/* block.h - how each number type lies in memory, drawn.
 *
 * All blocks have alignment 1 and are laid over file bytes as they are; their sizes are
 * asserted. Halves are IEEE binary16, little-endian. "lo" and "hi" are the nibbles of a byte.
 */
#ifndef BNT_QUANT_BLOCK_H
#define BNT_QUANT_BLOCK_H
#include <stddef.h>
#include <stdint.h>

#include "base/f16.h"

enum {
    BNT_BLOCK = 32,       /* values in a block of the plain types */
    BNT_SUPER_BLOCK = 256 /* values in a block of the K and IQ4_XS types */
};

typedef struct bnt_half {
    uint8_t byte[2];
} bnt_half;

static inline float bnt_half_get(bnt_half h)
{
    return bnt_f16_to_f32((uint16_t)(h.byte[0] | h.byte[1] << 8));
}

static inline bnt_half bnt_half_make(float value)
{
    const uint16_t bits = bnt_f32_to_f16(value);
    const bnt_half h = {{(uint8_t)bits, (uint8_t)(bits >> 8)}};
    return h;
}

/* value i = (code i - 8) * d; codes: lo of q[i] for i < 16, hi of q[i - 16] from 16 on. */
typedef struct bnt_q4_0 {
    bnt_half d;
    uint8_t q[16];
} bnt_q4_0;

/* value i = code i * d + m; codes as in q4_0. */
typedef struct bnt_q4_1 {
    bnt_half d, m;
    uint8_t q[16];
} bnt_q4_1;

/* value i = (code i - 16) * d; the low four bits of a code as in q4_0, the fifth is bit i of
 * the 32-bit number high. */
typedef struct bnt_q5_0 {
    bnt_half d;
    uint8_t high[4];
    uint8_t q[16];
} bnt_q5_0;

/* value i = code i * d + m; codes as in q5_0. */
typedef struct bnt_q5_1 {
    bnt_half d, m;
    uint8_t high[4];
    uint8_t q[16];
} bnt_q5_1;

/* value i = q[i] * d. */
typedef struct bnt_q8_0 {
    bnt_half d;
    int8_t q[32];
} bnt_q8_0;

/* 16 groups of 16 values; value = code * d * (lo of scales[group]) - dmin * (hi of it).
 * Codes of 2 bits: byte l of each half block's 32 bytes holds values l, l + 32, l + 64, l + 96
 * of that half, from its low bits up. */
typedef struct bnt_q2_k {
    uint8_t scales[16];
    uint8_t q[64];
    bnt_half d, dmin;
} bnt_q2_k;

/* 16 groups of 16 values; value = (code - 4) * d * (scale of the group - 32). The low two bits
 * of a code lie as in q2_k; its third is bit (value / 32) of high[value % 32]. The 6-bit scale
 * of group g: low four bits in scales[g % 8] (lo for g < 8, else hi), high two in bits 2 (g /
 * 4) of scales[8 + g % 4]. */
typedef struct bnt_q3_k {
    uint8_t high[32];
    uint8_t q[64];
    uint8_t scales[12];
    bnt_half d;
} bnt_q3_k;

/* 8 groups of 32 values; value = code * d * scale - dmin * min, scale and min of 6 bits:
 *   group g < 4:  scale = scales[g] & 63, min = scales[g + 4] & 63
 *   group g >= 4: scale = lo of scales[g + 4] | top two bits of scales[g - 4] << 4
 *                 min   = hi of scales[g + 4] | top two bits of scales[g] << 4
 * Each 32 bytes of q hold one pair of groups: the even one in lo, the odd one in hi. */
typedef struct bnt_q4_k {
    bnt_half d, dmin;
    uint8_t scales[12];
    uint8_t q[128];
} bnt_q4_k;

/* As q4_k, with a fifth bit of group g in bit g of high[value % 32]. */
typedef struct bnt_q5_k {
    bnt_half d, dmin;
    uint8_t scales[12];
    uint8_t high[32];
    uint8_t q[128];
} bnt_q5_k;

/* 16 groups of 16 values; value = (code - 32) * d * scales[group]. In each half of 128 values,
 * with l = 0 .. 31: the low four bits of values l, l + 32, l + 64, l + 96 are lo of low[l], lo
 * of low[l + 32], hi of low[l], hi of low[l + 32]; their high two bits are in high[l], from its
 * low bits up. */
typedef struct bnt_q6_k {
    uint8_t low[128];
    uint8_t high[64];
    int8_t scales[16];
    bnt_half d;
} bnt_q6_k;

/* value i = iq4_values[code i] * d; codes as in q4_0. */
typedef struct bnt_iq4_nl {
    bnt_half d;
    uint8_t q[16];
} bnt_iq4_nl;

/* 8 groups of 32 values; value = iq4_values[code] * d * (scale - 32). The 6-bit scale of
 * group g: low four bits in scales_low[g / 2] (lo for even g), high two in bits 2 g of
 * scales_high. Codes of a group as in q4_0, in 16 bytes. */
typedef struct bnt_iq4_xs {
    bnt_half d;
    uint8_t scales_high[2];
    uint8_t scales_low[4];
    uint8_t q[128];
} bnt_iq4_xs;

_Static_assert(sizeof(bnt_q4_0) == 18, "q4_0");
_Static_assert(sizeof(bnt_q4_1) == 20, "q4_1");
_Static_assert(sizeof(bnt_q5_0) == 22, "q5_0");
_Static_assert(sizeof(bnt_q5_1) == 24, "q5_1");
_Static_assert(sizeof(bnt_q8_0) == 34, "q8_0");
_Static_assert(sizeof(bnt_q2_k) == 84, "q2_k");
_Static_assert(sizeof(bnt_q3_k) == 110, "q3_k");
_Static_assert(sizeof(bnt_q4_k) == 144, "q4_k");
_Static_assert(sizeof(bnt_q5_k) == 176, "q5_k");
_Static_assert(sizeof(bnt_q6_k) == 210, "q6_k");
_Static_assert(sizeof(bnt_iq4_nl) == 18, "iq4_nl");
_Static_assert(sizeof(bnt_iq4_xs) == 136, "iq4_xs");

/* Codes and coders, one file per width: q2.c (2 and 3 bits), q4.c, q5.c, q6.c, q8.c, float.c.
 * n is a multiple of the type's block. */
void bnt_f32_decode(const void *src, float *dst, size_t n);
void bnt_f32_encode(const float *src, void *dst, size_t n);
void bnt_f16_decode(const void *src, float *dst, size_t n);
void bnt_f16_encode(const float *src, void *dst, size_t n);
void bnt_bf16_decode(const void *src, float *dst, size_t n);
void bnt_bf16_encode(const float *src, void *dst, size_t n);
void bnt_q4_0_decode(const void *src, float *dst, size_t n);
void bnt_q4_0_encode(const float *src, void *dst, size_t n);
void bnt_q4_1_decode(const void *src, float *dst, size_t n);
void bnt_q5_0_decode(const void *src, float *dst, size_t n);
void bnt_q5_1_decode(const void *src, float *dst, size_t n);
void bnt_q8_0_decode(const void *src, float *dst, size_t n);
void bnt_q8_0_encode(const float *src, void *dst, size_t n);
void bnt_q2_k_decode(const void *src, float *dst, size_t n);
void bnt_q3_k_decode(const void *src, float *dst, size_t n);
void bnt_q4_k_decode(const void *src, float *dst, size_t n);
void bnt_q5_k_decode(const void *src, float *dst, size_t n);
void bnt_q6_k_decode(const void *src, float *dst, size_t n);
void bnt_iq4_nl_decode(const void *src, float *dst, size_t n);
void bnt_iq4_xs_decode(const void *src, float *dst, size_t n);

/* The searching encoders: search_flat.c, search_k.c, search_q6.c. See encode_for in type.h. */
void bnt_q4_0_encode_for(const float *src, const float *weights, void *dst, size_t n);
void bnt_q8_0_encode_for(const float *src, const float *weights, void *dst, size_t n);
void bnt_q4_k_encode(const float *src, void *dst, size_t n);
void bnt_q4_k_encode_for(const float *src, const float *weights, void *dst, size_t n);
void bnt_q5_k_encode(const float *src, void *dst, size_t n);
void bnt_q5_k_encode_for(const float *src, const float *weights, void *dst, size_t n);
void bnt_q6_k_encode(const float *src, void *dst, size_t n);
void bnt_q6_k_encode_for(const float *src, const float *weights, void *dst, size_t n);
void bnt_iq4_nl_encode(const float *src, void *dst, size_t n);
void bnt_iq4_nl_encode_for(const float *src, const float *weights, void *dst, size_t n);

/* Scale and minimum of one of the 8 groups of q4_k and q5_k. */
static inline void bnt_k_scale_min(const uint8_t scales[12], int group, int *scale, int *min)
{
    if (group < 4) {
        *scale = scales[group] & 63;
        *min = scales[group + 4] & 63;
    } else {
        *scale = (scales[group + 4] & 15) | (scales[group - 4] >> 6) << 4;
        *min = scales[group + 4] >> 4 | (scales[group] >> 6) << 4;
    }
}

#endif
