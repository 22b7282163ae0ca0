/* lowrank.h - what adapters add to the products of a pass.
 *
 * To each value y[r] of a finished product W x come, adapter by adapter and rank by rank,
 *
 *     t[k] = (the dot product of A's row k and x, as dot_f32 adds) * strength
 *     y[r] = fma(t[k], B[r][k], y[r])
 *
 * where x are the floats that W's own input is made of and strength is scale * alpha / rank. t
 * belongs to one token, so that neither the batch nor the threads change a bit.
 *
 * Ranks are taken in slices: as many as the kernel that mixes values takes at once.
 */
#ifndef BNT_MODEL_LOWRANK_H
#define BNT_MODEL_LOWRANK_H
#include "model/pass.h"

enum { BNT_SLICE_RANKS = BNT_CHUNK_POSITIONS };

/* Some ranks of one adapter's correction of one product. */
typedef struct bnt_slice {
    const bnt_matrix *w; /* whose product is corrected */
    const bnt_lora *lora;
    float strength;
    bool halves; /* what is read */
    size_t value_bytes;
    uint32_t first, n; /* ranks */
    float *t;          /* (tokens, BNT_SLICE_RANKS), borrowed from the pass */
} bnt_slice;

/* The most slices that any call of bnt_linear() has: what a pass takes memory for. */
size_t bnt_lowrank_most(const bnt_adapter_use *uses, uint32_t n_uses);

/* Lists, in p->slices, what corrects these products of n_tokens; how many. */
uint32_t bnt_lowrank_find(const bnt_pass *p, const bnt_product *products, size_t n_products,
                          uint32_t n_tokens);

/* t of n ranks of the slice, from rank `from` on, and of n_tokens from token `first` on. x is
 * that of the first of these: (n_tokens, columns). */
typedef struct bnt_lowrank_part {
    uint32_t from, n, first, n_tokens;
} bnt_lowrank_part;
void bnt_lowrank_project(const bnt_pass *p, const bnt_slice *slice, bnt_lowrank_part part,
                         const float *x);

/* Corrects n rows of the slice's product, from row `row` on, of n_tokens. y (n_tokens, stride)
 * begins with that row. */
void bnt_lowrank_add(const bnt_pass *p, const bnt_slice *slice, uint32_t row, uint32_t n,
                     uint32_t n_tokens, float *y, size_t stride);

#endif
