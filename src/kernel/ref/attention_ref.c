/* attention_ref.c - queries against a chunk of cached keys, and the mix of its values.
 *
 * Each form of the cache has one function that reads a number of a key block and one that reads
 * a number of a value row; all else is written once.
 */
#include <math.h>

#include "base/f16.h"
#include "kernel/ref/ref.h"

enum { POSITIONS = BNT_KEY_POSITIONS, CHUNK = BNT_CHUNK_POSITIONS };

static float f32_at(const uint8_t *p, size_t i)
{
    float x;
    memcpy(&x, p + 4 * i, sizeof x);
    return x;
}

static float f16_at(const uint8_t *p, size_t i)
{
    uint16_t bits;
    memcpy(&bits, p + 2 * i, sizeof bits);
    return bnt_f16_to_f32(bits);
}

static float code_at(const uint8_t *p, size_t i)
{
    int8_t code;
    memcpy(&code, p + i, sizeof code);
    return (float)code;
}

static float half_code_at(const uint8_t *p, size_t i, bool high)
{
    return (float)((high ? p[i] >> 4 : p[i] & 15) - 8);
}

/* Dimension d of position j of a block of keys. */
static float key_at(bnt_kv_form form, const uint8_t *block, uint32_t head_dim, uint32_t d,
                    uint32_t j)
{
    const size_t at = (size_t)d * POSITIONS + j;
    if (form == BNT_KV_FORM_F32) return f32_at(block, at);
    if (form == BNT_KV_FORM_F16) return f16_at(block, at);
    const size_t scale = (size_t)(d / 32) * POSITIONS + j;
    if (form == BNT_KV_FORM_Q8) {
        return f16_at(block + (size_t)head_dim * POSITIONS, scale) * code_at(block, at);
    }
    return f16_at(block + (size_t)(head_dim + 1) / 2 * POSITIONS, scale) *
           half_code_at(block, (size_t)d / 2 * POSITIONS + j, d % 2);
}

/* Dimension d of a row of values. */
static float value_at(bnt_kv_form form, const uint8_t *row, uint32_t d)
{
    if (form == BNT_KV_FORM_F32) return f32_at(row, d);
    if (form == BNT_KV_FORM_F16) return f16_at(row, d);
    if (form == BNT_KV_FORM_Q8) {
        const uint8_t *const block = row + (size_t)(d / 32) * 34;
        return f16_at(block, 0) * code_at(block + 2, d % 32);
    }
    const uint8_t *const block = row + (size_t)(d / 32) * 18;
    return f16_at(block, 0) * half_code_at(block + 2, d % 16, d % 32 >= 16);
}

/* What scores are made from: one form's keys of one kv head. */
typedef struct keys {
    bnt_kv_form form;
    const uint8_t *data;
    size_t block_bytes;
    uint32_t n_blocks, head_dim;
} keys;

static void score(keys k, const float *q, size_t q_stride, uint32_t n_q, float scale,
                  float *scores)
{
    for (uint32_t i = 0; i < n_q; i++) {
        for (uint32_t j = 0; j < k.n_blocks * POSITIONS; j++) {
            const uint8_t *const block = k.data + j / POSITIONS * k.block_bytes;
            float sum = 0.0f;
            for (uint32_t d = 0; d < k.head_dim; d++) {
                sum = fmaf(q[i * q_stride + d],
                           key_at(k.form, block, k.head_dim, d, j % POSITIONS), sum);
            }
            scores[i * CHUNK + j] = scale * sum;
        }
    }
}

static void expand_keys(keys k, float *out)
{
    for (uint32_t b = 0; b < k.n_blocks; b++) {
        for (uint32_t d = 0; d < k.head_dim; d++) {
            for (uint32_t j = 0; j < POSITIONS; j++) {
                *out++ = key_at(k.form, k.data + b * k.block_bytes, k.head_dim, d, j);
            }
        }
    }
}

/* Rows of values of one kv head, of positions begin to end. */
typedef struct values {
    bnt_kv_form form;
    const uint8_t *data; /* the row of position 0 */
    size_t row_bytes;
    uint32_t begin, end, head_dim;
} values;

static void mix(values v, const float *p, uint32_t n_q, float *out, size_t out_stride)
{
    for (uint32_t i = 0; i < n_q; i++) {
        for (uint32_t j = v.begin; j < v.end; j++) {
            for (uint32_t d = 0; d < v.head_dim; d++) {
                float *const o = &out[i * out_stride + d];
                *o = fmaf(p[i * CHUNK + j], value_at(v.form, v.data + j * v.row_bytes, d), *o);
            }
        }
    }
}

static void expand_values(values v, float *out)
{
    for (uint32_t j = v.begin; j < v.end; j++) {
        for (uint32_t d = 0; d < v.head_dim; d++) {
            *out++ = value_at(v.form, v.data + j * v.row_bytes, d);
        }
    }
}

#define FORM(name, form)                                                                       \
    static void scores_##name(const uint8_t *data, size_t block_bytes, uint32_t n_blocks,      \
                              const float *q, size_t q_stride, uint32_t n_q,                   \
                              uint32_t head_dim, float scale, float *scores)                   \
    {                                                                                          \
        const keys k = {form, data, block_bytes, n_blocks, head_dim};                          \
        score(k, q, q_stride, n_q, scale, scores);                                             \
    }                                                                                          \
    static void mix_##name(const uint8_t *data, size_t row_bytes, uint32_t begin,              \
                           uint32_t end, const float *p, uint32_t n_q, uint32_t head_dim,      \
                           float *out, size_t out_stride)                                      \
    {                                                                                          \
        const values v = {form, data, row_bytes, begin, end, head_dim};                        \
        mix(v, p, n_q, out, out_stride);                                                       \
    }                                                                                          \
    void bnt_expand_keys_##name##_ref(const uint8_t *data, size_t block_bytes,                 \
                                      uint32_t n_blocks, uint32_t head_dim, float *out)        \
    {                                                                                          \
        const keys k = {form, data, block_bytes, n_blocks, head_dim};                          \
        expand_keys(k, out);                                                                   \
    }                                                                                          \
    void bnt_expand_values_##name##_ref(const uint8_t *data, size_t row_bytes,                 \
                                        uint32_t n_positions, uint32_t head_dim, float *out)   \
    {                                                                                          \
        const values v = {form, data, row_bytes, 0, n_positions, head_dim};                    \
        expand_values(v, out);                                                                 \
    }
FORM(f32, BNT_KV_FORM_F32)
FORM(f16, BNT_KV_FORM_F16)
FORM(q8, BNT_KV_FORM_Q8)
FORM(q4, BNT_KV_FORM_Q4)

const bnt_scores_fn bnt_scores_ref[BNT_KV_FORMS] = {scores_f32, scores_f16, scores_q8,
                                                    scores_q4};
const bnt_mix_fn bnt_mix_ref[BNT_KV_FORMS] = {mix_f32, mix_f16, mix_q8, mix_q4};
