/* acts_ref.c - a token's values as whole numbers, and tokens packed for the GEMM.
 *
 * A packed block holds the four arrays of bnt_acts one after the other, each for all four
 * tokens; tokens that are not there are zeros.
 */
#include <math.h>

#include "base/f16.h"
#include "kernel/ref/ref.h"

/* Quantizes one block of n columns. */
static void quantize_block(const float *x, uint32_t n, int8_t *q, float *d)
{
    uint32_t bits = 0; /* of the largest |x|: floats without sign order as their bits do */
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t size = bnt_f32_to_bits(x[i]) & 0x7FFFFFFFu;
        if (size > bits) bits = size;
    }
    const float max = bnt_f32_from_bits(bits);
    memset(q, 0, n);
    *d = 0.0f;
    if (bits >= 0x7F800000u) {
        *d = NAN;
    } else if (max >= 0x1p-100f) {
        const float factor = 127.0f / max;
        *d = max / 127.0f;
        for (uint32_t i = 0; i < n; i++) {
            q[i] = (int8_t)rintf(x[i] * factor);
        }
    }
}

static int32_t sum_of(const int8_t *q, uint32_t n)
{
    int32_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        sum += q[i];
    }
    return sum;
}

void bnt_quantize_ref(const float *x, uint32_t columns, int8_t *q, float *d, int32_t *sum32,
                      int32_t *sum16)
{
    for (uint32_t c = 0; c < columns; c += BNT_TILE_BLOCK) {
        const uint32_t left = columns - c, n = left < BNT_TILE_BLOCK ? left : BNT_TILE_BLOCK;
        quantize_block(x + c, n, q + c, d + c / BNT_TILE_BLOCK);
    }
    memset(q + columns, 0, bnt_acts_stride(columns) - columns);
    for (uint32_t c = 0; c < columns; c += 16) {
        sum16[c / 16] = sum_of(q + c, 16);
    }
    for (uint32_t c = 0; c < columns; c += 32) {
        sum32[c / 32] = sum_of(q + c, 32);
    }
}

/* Bytes that one token takes in each part of a packed block. */
typedef struct parts {
    size_t q, d, sum32, sum16;
} parts;

static parts parts_of(uint32_t columns)
{
    const parts p = {
        .q = bnt_acts_stride(columns),
        .d = bnt_tile_blocks(columns) * sizeof(float),
        .sum32 = columns / 32 * sizeof(int32_t),
        .sum16 = columns / 16 * sizeof(int32_t),
    };
    return p;
}

size_t bnt_packed_bytes_ref(uint32_t columns)
{
    const parts p = parts_of(columns);
    return bnt_tile_padded(BNT_PACK_TOKENS_REF * (p.q + p.d + p.sum32 + p.sum16));
}

bnt_acts bnt_unpack_ref(const uint8_t *block, uint32_t n_tokens, uint32_t columns)
{
    const parts p = parts_of(columns);
    const uint8_t *const d = block + BNT_PACK_TOKENS_REF * p.q;
    const uint8_t *const sum32 = d + BNT_PACK_TOKENS_REF * p.d;
    const uint8_t *const sum16 = sum32 + BNT_PACK_TOKENS_REF * p.sum32;
    const bnt_acts x = {
        .n_tokens = n_tokens,
        .columns = columns,
        .q = (const int8_t *)block,
        .d = (const float *)(const void *)d,
        .sum32 = (const int32_t *)(const void *)sum32,
        .sum16 = (const int32_t *)(const void *)sum16,
    };
    return x;
}

void bnt_pack_ref(const bnt_acts *x, uint8_t *block)
{
    const parts p = parts_of(x->columns);
    const struct {
        const void *from;
        size_t token_bytes;
    } part[] = {{x->q, p.q}, {x->d, p.d}, {x->sum32, p.sum32}, {x->sum16, p.sum16}};

    memset(block, 0, bnt_packed_bytes_ref(x->columns));
    for (int i = 0; i < 4; i++) {
        if (part[i].token_bytes) memcpy(block, part[i].from, x->n_tokens * part[i].token_bytes);
        block += BNT_PACK_TOKENS_REF * part[i].token_bytes;
    }
}

size_t bnt_gemm_work_ref(uint32_t columns)
{
    (void)columns;
    return 0;
}
