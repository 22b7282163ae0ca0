/* kv_row.c - one position of the cache: rounding to the cache's type, and keys in and out of
 * the blocks where 16 of them lie side by side. Which positions are kept is the session's. */
#include "model/kv_row.h"

#include "base/f16.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 32, BLOCK_BYTES = 2 + BLOCK, KEYS = BNT_KEY_POSITIONS };

size_t bnt_kv_row_bytes(bantam_kv type, uint32_t head_dim)
{
    switch (type) {
    case BANTAM_KV_F32:
        return 4 * (size_t)head_dim;
    case BANTAM_KV_Q8:
        return bnt_kv_padded(head_dim) / BLOCK * BLOCK_BYTES;
    case BANTAM_KV_F16:
    case BANTAM_KV_DEFAULT:
        break;
    }
    return 2 * (size_t)head_dim;
}

size_t bnt_kv_block_bytes(bantam_kv type, uint32_t head_dim)
{
    if (type == BANTAM_KV_Q8) {
        return KEYS * ((size_t)head_dim + 2 * bnt_kv_padded(head_dim) / BLOCK);
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

/* 32 values as int8 times max / 127. A block with a value that is infinite, not a number or
 * beyond what the half-precision scale holds becomes not-a-number as a whole: broken weights
 * stay visible in the logits. */
static void encode_block(uint8_t *out, const float *x)
{
    static const uint16_t not_a_number = 0x7E00;
    float max = 0.0f;
    bool sound = true;
    for (int i = 0; i < BLOCK; i++) {
        sound = sound && isfinite(x[i]);
        if (fabsf(x[i]) > max) max = fabsf(x[i]);
    }
    const float scale = max / 127.0f;
    const uint16_t stored = bnt_f32_to_f16(scale);
    sound = sound && isfinite(bnt_f16_to_f32(stored));

    /* Of a subnormal maximum the reciprocal would be infinite; such a block rounds to zero. */
    const float inverse = sound && scale >= 0x1p-125f ? 1.0f / scale : 0.0f;
    put_u16(out, sound ? stored : not_a_number);
    for (int i = 0; i < BLOCK; i++) {
        const int q = sound ? (int)roundf(x[i] * inverse) : 1;
        out[2 + i] = (uint8_t)(int8_t)q;
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
            encode_block(row + b * BLOCK_BYTES, x + b * BLOCK);
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
 * 32 dimensions behind all codes. */
static size_t scale_at(uint32_t head_dim, size_t span, uint32_t i)
{
    return KEYS * (size_t)head_dim + (span * KEYS + i) * 2;
}

static void put_q8(uint8_t *block, uint32_t i, const uint8_t *row, uint32_t head_dim)
{
    for (size_t s = 0; s < bnt_kv_padded(head_dim) / BLOCK; s++) {
        const uint8_t *const from = row + s * BLOCK_BYTES;
        memcpy(block + scale_at(head_dim, s, i), from, 2);
        for (size_t d = 0; d < BLOCK && s * BLOCK + d < head_dim; d++) {
            block[(s * BLOCK + d) * KEYS + i] = from[2 + d];
        }
    }
}

static void get_q8(const uint8_t *block, uint32_t i, uint8_t *row, uint32_t head_dim)
{
    for (size_t s = 0; s < bnt_kv_padded(head_dim) / BLOCK; s++) {
        uint8_t *const to = row + s * BLOCK_BYTES;
        memset(to, 0, BLOCK_BYTES);
        memcpy(to, block + scale_at(head_dim, s, i), 2);
        for (size_t d = 0; d < BLOCK && s * BLOCK + d < head_dim; d++) {
            to[2 + d] = block[(s * BLOCK + d) * KEYS + i];
        }
    }
}

void bnt_kv_put_key(bantam_kv type, uint8_t *block, uint32_t i, const uint8_t *row,
                    uint32_t head_dim)
{
    if (type == BANTAM_KV_Q8) {
        put_q8(block, i, row, head_dim);
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
    const size_t width = bnt_kv_row_bytes(type, 1);
    for (size_t d = 0; d < head_dim; d++) {
        memcpy(row + d * width, block + (d * KEYS + i) * width, width);
    }
}
