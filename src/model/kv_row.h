/* kv_row.h - one row of the cache: head_dim values of one position and head, in the cache's
 * type. See forward.h for the layout. */
#ifndef BNT_MODEL_KV_ROW_H
#define BNT_MODEL_KV_ROW_H
#include "model/forward.h"

/* head_dim rounded up to whole blocks of 32: the floats that encoding reads and decoding
 * writes. */
static inline size_t bnt_kv_padded(uint32_t head_dim)
{
    return ((size_t)head_dim + 31) & ~(size_t)31;
}

/* row (padded) is x (head_dim), then zeros. Both may be used for any type. */
void bnt_kv_encode(bantam_kv type, uint8_t *out, const float *row, uint32_t head_dim);
void bnt_kv_decode(bantam_kv type, float *row, const uint8_t *data, uint32_t head_dim);

#endif
