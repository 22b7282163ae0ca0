/* kv.h - the memory of one session's keys and values.
 *
 * One block holds all layers, in the layout model/forward.h states. A layer that sees
 * everything has a slot for each position of the context. A windowed one has window + batch
 * slots, which later positions use again; so after a step back its rows may be gone, and
 * whoever goes on from there computes them anew first.
 */
#ifndef BNT_SESSION_KV_H
#define BNT_SESSION_KV_H
#include "model/forward.h"

typedef struct bnt_cache {
    bnt_kv kv;         /* owns kv.layers */
    uint8_t *block;    /* owns the rows */
    size_t slot_bytes; /* of the keys, or the values, of one position in one layer */
    uint32_t n_layers, n_kv_heads, head_dim;
    uint32_t window; /* of the windowed layers, 0 where there are none */
    uint32_t slots;  /* of the windowed layers */
    uint32_t low;    /* windowed layers hold no row of a position below it */
} bnt_cache;

/* Bytes of the block for this model; false where they cannot be addressed. */
bool bnt_cache_cost(const bnt_config *config, bantam_kv type, uint32_t context, uint32_t batch,
                    size_t *bytes);

/* type is not DEFAULT, batch at most context. A zeroed cache is a valid closed one. */
bantam_status bnt_cache_init(bnt_cache *c, const bnt_config *config, bantam_kv type,
                             uint32_t context, uint32_t batch, bantam_error *err);
void bnt_cache_deinit(bnt_cache *c);

/* The model's window where some layers keep only that: 0 otherwise. PhoneLM's `call` rope makes
 * keys depend on how the text was fed, so that they cannot be computed anew; its layers keep
 * everything. */
uint32_t bnt_cache_window(const bnt_config *config);
/* Whether this layer keeps only its window. */
static inline bool bnt_cache_windowed(const bnt_config *config, uint32_t layer)
{
    return bnt_cache_window(config) && config->windowed[layer];
}

/* The first position that windowed layers must hold to go on at pos. */
uint32_t bnt_cache_need(const bnt_cache *c, uint32_t pos);
/* Whether everything is there to go on at pos. */
bool bnt_cache_ready(const bnt_cache *c, uint32_t pos);
/* Says that positions up to end, not included, are being written. */
void bnt_cache_touch(bnt_cache *c, uint32_t end);
/* Keys (values where v) of one position, out of the cache and into it: slot_bytes bytes,
 * (n_kv_heads, row_bytes), each head a row as model/kv_row.h has it. */
void bnt_cache_get(const bnt_cache *c, uint32_t layer, uint32_t pos, bool v, uint8_t *rows);
void bnt_cache_put(bnt_cache *c, uint32_t layer, uint32_t pos, bool v, const uint8_t *rows);

#endif
