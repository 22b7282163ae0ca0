/* kv_row.c - one position of the cache: rounding to the cache's type, and keys in and out of
 * the blocks where 16 of them lie side by side. Which positions are kept is the session's. */
#include "model/kv_row.h"

#include "base/f16.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 32, Q8_BYTES = 2 + BLOCK, Q4_BYTES = 2 + BLOCK / 2, KEYS = BNT_KEY_POSITIONS };

size_t bnt_kv_row_bytes(bantam_kv type, uint32_t head_dim)
{
    switch (type) {
    case BANTAM_KV_F32:
        return 4 * (size_t)head_dim;
    case BANTAM_KV_Q8:
        return bnt_kv_padded(head_dim) / BLOCK * Q8_BYTES;
    case BANTAM_KV_Q4:
        return bnt_kv_padded(head_dim) / BLOCK * Q4_BYTES;
    case BANTAM_KV_F16:
    case BANTAM_KV_DEFAULT:
        break;
    }
    return 2 * (size_t)head_dim;
}

/* Of a block of keys that has scales: its codes, a byte for one or for two dimensions. */
static size_t code_bytes(bantam_kv type, uint32_t head_dim)
{
    return KEYS * (type == BANTAM_KV_Q8 ? head_dim : ((size_t)head_dim + 1) / 2);
}

size_t bnt_kv_block_bytes(bantam_kv type, uint32_t head_dim)
{
    if (type == BANTAM_KV_Q8 || type == BANTAM_KV_Q4) {
        return code_bytes(type, head_dim) + KEYS * 2 * bnt_kv_padded(head_dim) / BLOCK;
    }
    return KEYS * bnt_kv_row_bytes(type, head_dim);
}

bnt_kv_form bnt_kv_form_of(bantam_kv type)
{
    switch (type) {
    case BANTAM_KV_F32:
        return BNT_KV_FORM_F32;
    case BANTAM_KV_Q8:
        return BNT_KV_FORM_Q8;
    case BANTAM_KV_Q4:
        return BNT_KV_FORM_Q4;
    case BANTAM_KV_F16:
    case BANTAM_KV_DEFAULT:
        break;
    }
    return BNT_KV_FORM_F16;
}

static void put_u16(uint8_t *out, uint16_t value)
{
    memcpy(out, &value, sizeof value);
}

/* How 32 values are scaled. A block with a value that is infinite, not a number or beyond what
 * the half-precision scale holds becomes not-a-number as a whole, all codes 1: broken weights
 * stay visible in the logits. */
typedef struct scaling {
    uint16_t stored;
    float inverse; /* 0: all codes are zero */
    bool sound;
} scaling;

/* The value of largest size, with its sign; NaN where one is not finite. */
static float largest(const float *x)
{
    float max = 0.0f;
    for (int i = 0; i < BLOCK; i++) {
        if (!isfinite(x[i])) return NAN;
        if (fabsf(x[i]) > fabsf(max)) max = x[i];
    }
    return max;
}

/* Of a subnormal scale the reciprocal would be infinite; such a block rounds to zero. */
static scaling scale_by(float scale)
{
    static const uint16_t not_a_number = 0x7E00;
    const uint16_t stored = bnt_f32_to_f16(scale);
    if (!isfinite(bnt_f16_to_f32(stored))) return (scaling){not_a_number, 0.0f, false};
    return (scaling){stored, fabsf(scale) >= 0x1p-125f ? 1.0f / scale : 0.0f, true};
}

/* int8 times max / 127. */
static void encode_q8(uint8_t *out, const float *x)
{
    const scaling s = scale_by(fabsf(largest(x)) / 127.0f);

    put_u16(out, s.stored);
    for (int i = 0; i < BLOCK; i++) {
        const int q = s.sound ? (int)roundf(x[i] * s.inverse) : 1;
        out[2 + i] = (uint8_t)(int8_t)q;
    }
}

static int code_of(const scaling *s, float x)
{
    const int q = (int)roundf(x * s->inverse);
    return q < -8 ? -8 : q > 7 ? 7 : q;
}

static float squared_error(const scaling *s, const float *x)
{
    const float scale = bnt_f16_to_f32(s->stored);
    float sum = 0.0f;
    for (int i = 0; i < BLOCK; i++) {
        const float off = x[i] - scale * (float)code_of(s, x[i]);
        sum += off * off;
    }
    return sum;
}

/* -8 ... 7 times a scale of either sign, under which the largest value is -8 or -7, whichever
 * is better for all. */
static void encode_q4(uint8_t *out, const float *x)
{
    const float max = largest(x);
    const scaling eight = scale_by(max / -8.0f), seven = scale_by(max / -7.0f);
    const bool both = eight.sound && seven.sound;
    const scaling s =
        both && squared_error(&seven, x) < squared_error(&eight, x) ? seven : eight;

    put_u16(out, s.stored);
    for (int i = 0; i < BLOCK / 2; i++) {
        const int low = s.sound ? code_of(&s, x[i]) : 1;
        const int high = s.sound ? code_of(&s, x[i + BLOCK / 2]) : 1;
        out[2 + i] = (uint8_t)((low + 8) | (high + 8) << 4);
    }
}

void bnt_kv_encode(bantam_kv type, uint8_t *row, const float *x, uint32_t head_dim)
{
    switch (type) {
    case BANTAM_KV_F32:
        memcpy(row, x, 4 * (size_t)head_dim);
        return;
    case BANTAM_KV_Q8:
        for (size_t b = 0; b < bnt_kv_padded(head_dim) / BLOCK; b++) {
            encode_q8(row + b * Q8_BYTES, x + b * BLOCK);
        }
        return;
    case BANTAM_KV_Q4:
        for (size_t b = 0; b < bnt_kv_padded(head_dim) / BLOCK; b++) {
            encode_q4(row + b * Q4_BYTES, x + b * BLOCK);
        }
        return;
    case BANTAM_KV_F16:
    case BANTAM_KV_DEFAULT:
        for (uint32_t i = 0; i < head_dim; i++) {
            put_u16(row + 2 * i, bnt_f32_to_f16(x[i]));
        }
        return;
    }
}

/* Where the parts of key i lie: value d of it at d * KEYS * width, in a q8 block the scale of
 * 32 dimensions behind all codes, in a q4 block likewise, two dimensions in a byte. */
static size_t scale_at(bantam_kv type, uint32_t head_dim, size_t span, uint32_t i)
{
    return code_bytes(type, head_dim) + (span * KEYS + i) * 2;
}

static void put_q8(uint8_t *block, uint32_t i, const uint8_t *row, uint32_t head_dim)
{
    for (size_t s = 0; s < bnt_kv_padded(head_dim) / BLOCK; s++) {
        const uint8_t *const from = row + s * Q8_BYTES;
        memcpy(block + scale_at(BANTAM_KV_Q8, head_dim, s, i), from, 2);
        for (size_t d = 0; d < BLOCK && s * BLOCK + d < head_dim; d++) {
            block[(s * BLOCK + d) * KEYS + i] = from[2 + d];
        }
    }
}

static void get_q8(const uint8_t *block, uint32_t i, uint8_t *row, uint32_t head_dim)
{
    for (size_t s = 0; s < bnt_kv_padded(head_dim) / BLOCK; s++) {
        uint8_t *const to = row + s * Q8_BYTES;
        memset(to, 0, Q8_BYTES);
        memcpy(to, block + scale_at(BANTAM_KV_Q8, head_dim, s, i), 2);
        for (size_t d = 0; d < BLOCK && s * BLOCK + d < head_dim; d++) {
            to[2 + d] = block[(s * BLOCK + d) * KEYS + i];
        }
    }
}

/* The four bits of dimension d in a row, and in a block. */
static uint8_t *row_byte(uint8_t *row, size_t d)
{
    return row + d / BLOCK * Q4_BYTES + 2 + d % (BLOCK / 2);
}
static unsigned half_of(uint8_t byte, bool high)
{
    return high ? byte >> 4 : byte & 15u;
}
static void put_half(uint8_t *byte, bool high, unsigned code)
{
    *byte = (uint8_t)(high ? (*byte & 15u) | code << 4 : (*byte & 240u) | code);
}

static void put_q4(uint8_t *block, uint32_t i, const uint8_t *row, uint32_t head_dim)
{
    for (size_t s = 0; s < bnt_kv_padded(head_dim) / BLOCK; s++) {
        memcpy(block + scale_at(BANTAM_KV_Q4, head_dim, s, i), row + s * Q4_BYTES, 2);
    }
    for (size_t d = 0; d < head_dim; d++) {
        const uint8_t byte = row[d / BLOCK * Q4_BYTES + 2 + d % (BLOCK / 2)];
        put_half(&block[d / 2 * KEYS + i], d % 2, half_of(byte, d % BLOCK >= BLOCK / 2));
    }
}

/* Padding counts as zero. */
static void get_q4(const uint8_t *block, uint32_t i, uint8_t *row, uint32_t head_dim)
{
    for (size_t s = 0; s < bnt_kv_padded(head_dim) / BLOCK; s++) {
        memcpy(row + s * Q4_BYTES, block + scale_at(BANTAM_KV_Q4, head_dim, s, i), 2);
        memset(row + s * Q4_BYTES + 2, 0x88, BLOCK / 2);
    }
    for (size_t d = 0; d < head_dim; d++) {
        const unsigned code = half_of(block[d / 2 * KEYS + i], d % 2);
        put_half(row_byte(row, d), d % BLOCK >= BLOCK / 2, code);
    }
}

void bnt_kv_put_key(bantam_kv type, uint8_t *block, uint32_t i, const uint8_t *row,
                    uint32_t head_dim)
{
    if (type == BANTAM_KV_Q8) {
        put_q8(block, i, row, head_dim);
        return;
    }
    if (type == BANTAM_KV_Q4) {
        put_q4(block, i, row, head_dim);
        return;
    }
    if (type == BANTAM_KV_F32) {
        for (size_t d = 0; d < head_dim; d++) {
            memcpy(block + (d * KEYS + i) * 4, row + d * 4, 4);
        }
        return;
    }
    for (size_t d = 0; d < head_dim; d++) {
        memcpy(block + (d * KEYS + i) * 2, row + d * 2, 2);
    }
}

void bnt_kv_get_key(bantam_kv type, const uint8_t *block, uint32_t i, uint8_t *row,
                    uint32_t head_dim)
{
    if (type == BANTAM_KV_Q8) {
        get_q8(block, i, row, head_dim);
        return;
    }
    if (type == BANTAM_KV_Q4) {
        get_q4(block, i, row, head_dim);
        return;
    }
    const size_t width = bnt_kv_row_bytes(type, 1);
    for (size_t d = 0; d < head_dim; d++) {
        memcpy(row + d * width, block + (d * KEYS + i) * width, width);
    }
}
