/* search_flat.c - Q4_0, Q8_0 and IQ4_NL by search: blocks of 32 values with one scale, which
 * search.c finds for eight blocks at a time.
 */
#include "quant/search.h"

static const bnt_levels q4_0 = {
    .halves = true,
    .both_signs = true,
    .low = -8.0f,
    .high = 7.0f,
    .n_tops = 11,
    .tops = {8.0f, 5.8f, 6.3f, 6.7f, 7.1f, 7.4f, 7.7f, 8.3f, 8.7f, 9.2f, 9.8f}};

static const bnt_levels q8_0 = {
    .halves = true,
    .low = -127.0f,
    .high = 127.0f,
    .n_tops = 8,
    .tops = {127.0f, 124.0f, 125.0f, 125.7f, 126.3f, 126.7f, 127.3f, 127.6f}};

static const bnt_levels iq4_nl = {.uneven = true,
                                  .halves = true,
                                  .both_signs = true,
                                  .n_tops = 14,
                                  .tops = {127.0f, 113.0f, 84.0f, 89.0f, 95.0f, 100.0f, 104.0f,
                                           108.0f, 117.0f, 122.0f, 132.0f, 138.0f, 145.0f,
                                           154.0f}};

/* ---- bytes: a block is the half and the codes, in all three types ------------------------ */

enum { HALF = sizeof(bnt_half) };

static void put_nibbles(const bnt_search *s, int lane, const bnt_levels *levels, float d,
                        uint8_t *block)
{
    const int zero = levels->uneven ? 0 : 8;
    const float inverse = bnt_inverse(d);

    for (int i = 0; i < 16; i++) {
        const int low = zero + bnt_search_code(levels, s->x[i][lane] * inverse);
        const int high = zero + bnt_search_code(levels, s->x[i + 16][lane] * inverse);
        block[HALF + i] = (uint8_t)(low | high << 4);
    }
}

static void put_bytes(const bnt_search *s, int lane, const bnt_levels *levels, float d,
                      uint8_t *block)
{
    const float inverse = bnt_inverse(d);
    for (int i = 0; i < BNT_BLOCK; i++) {
        block[HALF + i] = (uint8_t)(int8_t)bnt_search_code(levels, s->x[i][lane] * inverse);
    }
}

/* ---- blocks ------------------------------------------------------------------------------ */

static void encode_found(const bnt_type *type, const bnt_levels *levels, const float *src,
                         const float *weights, uint8_t *blocks, size_t n)
{
    const size_t n_blocks = n / BNT_BLOCK;

    for (size_t at = 0; at < n_blocks; at += BNT_LANES) {
        const int n_lanes = n_blocks - at < BNT_LANES ? (int)(n_blocks - at) : BNT_LANES;
        const size_t first = at * BNT_BLOCK;
        bnt_search s;
        bnt_scales best;

        bnt_search_take(&s, src + first, weights ? weights + first : NULL, BNT_BLOCK, n_lanes);
        bnt_search_scales(&s, levels, &best);
        for (int l = 0; l < n_lanes; l++, blocks += type->block_bytes) {
            const bnt_half half = bnt_half_make(best.d[l]);
            memcpy(blocks, half.byte, HALF);
            if (type->id == BNT_TYPE_Q8_0) {
                put_bytes(&s, l, levels, best.d[l], blocks);
            } else {
                put_nibbles(&s, l, levels, best.d[l], blocks);
            }
        }
    }
}

static void encode(bnt_type_id id, const bnt_levels *levels, const float *src,
                   const float *weights, void *dst, size_t n)
{
    const bnt_type *const type = bnt_type_find((uint32_t)id);

    encode_found(type, levels, src, weights, dst, n);
    bnt_search_keep_plain(type, src, weights, dst, n);
}

void bnt_q4_0_encode_for(const float *src, const float *weights, void *dst, size_t n)
{
    encode(BNT_TYPE_Q4_0, &q4_0, src, weights, dst, n);
}

void bnt_q8_0_encode_for(const float *src, const float *weights, void *dst, size_t n)
{
    encode(BNT_TYPE_Q8_0, &q8_0, src, weights, dst, n);
}

void bnt_iq4_nl_encode(const float *src, void *dst, size_t n)
{
    encode_found(bnt_type_find(BNT_TYPE_IQ4_NL), &iq4_nl, src, NULL, dst, n);
}

void bnt_iq4_nl_encode_for(const float *src, const float *weights, void *dst, size_t n)
{
    if (weights) {
        encode(BNT_TYPE_IQ4_NL, &iq4_nl, src, weights, dst, n);
    } else {
        bnt_iq4_nl_encode(src, dst, n);
    }
}
