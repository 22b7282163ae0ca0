/* kv_row.c - one row of the cache, encoded and decoded. Which rows are kept is the session's.
 */
#include "model/kv_row.h"

#include "base/f16.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 32, BLOCK_BYTES = 2 + BLOCK };

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

static void put_u16(uint8_t *out, uint16_t value)
{
    memcpy(out, &value, sizeof value);
}

static uint16_t get_u16(const uint8_t *data)
{
    uint16_t value;
    memcpy(&value, data, sizeof value);
    return value;
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

static void decode_block(float *x, const uint8_t *data)
{
    const float scale = bnt_f16_to_f32(get_u16(data));
    for (int i = 0; i < BLOCK; i++) {
        x[i] = scale * (float)(int8_t)data[2 + i];
    }
}

void bnt_kv_encode(bantam_kv type, uint8_t *out, const float *row, uint32_t head_dim)
{
    switch (type) {
    case BANTAM_KV_F32:
        memcpy(out, row, 4 * (size_t)head_dim);
        return;
    case BANTAM_KV_Q8:
        for (size_t b = 0; b < bnt_kv_padded(head_dim) / BLOCK; b++) {
            encode_block(out + b * BLOCK_BYTES, row + b * BLOCK);
        }
        return;
    case BANTAM_KV_F16:
    case BANTAM_KV_DEFAULT:
        for (uint32_t i = 0; i < head_dim; i++) {
            put_u16(out + 2 * i, bnt_f32_to_f16(row[i]));
        }
        return;
    }
}

void bnt_kv_decode(bantam_kv type, float *row, const uint8_t *data, uint32_t head_dim)
{
    switch (type) {
    case BANTAM_KV_F32:
        memcpy(row, data, 4 * (size_t)head_dim);
        return;
    case BANTAM_KV_Q8:
        for (size_t b = 0; b < bnt_kv_padded(head_dim) / BLOCK; b++) {
            decode_block(row + b * BLOCK, data + b * BLOCK_BYTES);
        }
        return;
    case BANTAM_KV_F16:
    case BANTAM_KV_DEFAULT:
        for (uint32_t i = 0; i < head_dim; i++) {
            row[i] = bnt_f16_to_f32(get_u16(data + 2 * i));
        }
        return;
    }
}
