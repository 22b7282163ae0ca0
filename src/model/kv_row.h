/* kv_row.h - the keys and values of one position and head in the cache's type. kernel.h draws
 * the layouts; forward.h says where the blocks and rows of a layer lie.
 *
 * A row is also how a saved state holds keys: head_dim values, f32, f16 or blocks of 32 as
 * Q8_0 or Q4_0.
 */
#ifndef BNT_MODEL_KV_ROW_H
#define BNT_MODEL_KV_ROW_H
#include "model/forward.h"

/* head_dim rounded up to whole blocks of 32: the floats that encoding reads. */
static inline size_t bnt_kv_padded(uint32_t head_dim)
{
    return ((size_t)head_dim + 31) & ~(size_t)31;
}

/* Bytes of one row, and of a block of 16 keys. */
size_t bnt_kv_row_bytes(bantam_kv type, uint32_t head_dim);
size_t bnt_kv_block_bytes(bantam_kv type, uint32_t head_dim);

/* The type's place in the kernel tables. */
bnt_kv_form bnt_kv_form_of(bantam_kv type);

/* Where the key block and the value row of one slot and head lie. */
static inline uint8_t *bnt_kv_key_block(const bnt_kv *kv, const bnt_kv_layer *layer,
                                        uint32_t head, uint32_t slot)
{
    const size_t blocks = layer->slots / BNT_KEY_POSITIONS;
    return layer->k + (head * blocks + slot / BNT_KEY_POSITIONS) * kv->block_bytes;
}
static inline uint8_t *bnt_kv_value_row(const bnt_kv *kv, const bnt_kv_layer *layer,
                                        uint32_t head, uint32_t slot)
{
    return layer->v + ((size_t)head * layer->slots + slot) * kv->row_bytes;
}

/* x is (padded): head_dim values, then zeros. */
void bnt_kv_encode(bantam_kv type, uint8_t *row, const float *x, uint32_t head_dim);

/* One key of a block, 0 to 15, from and to a row. */
void bnt_kv_put_key(bantam_kv type, uint8_t *block, uint32_t i, const uint8_t *row,
                    uint32_t head_dim);
void bnt_kv_get_key(bantam_kv type, const uint8_t *block, uint32_t i, uint8_t *row,
                    uint32_t head_dim);

#endif
