/* kv.c - sizes and places of the cache, and which windowed rows are still there.
 *
 * Writing position q into a windowed layer costs the row of q - slots and no other that is
 * still wanted: after a step back only positions from there on are written. So `low`, raised
 * with every write and never lowered, is all there is to remember.
 */
#include "session/kv.h"
#include "base/checked.h"
#include "base/mem.h"
#include "model/kv_row.h"

#include <inttypes.h>
#include <string.h>

uint32_t bnt_cache_window(const bnt_config *config)
{
    if (config->int8_rope == BANTAM_ROPE_CALL) return 0;
    for (uint32_t i = 0; i < config->n_layers; i++) {
        if (config->windowed[i]) return config->window_tokens;
    }
    return 0;
}

/* Whole blocks of keys; whole chunks of attention where later positions come round again. */
static uint32_t slots_of(const bnt_config *config, uint32_t layer, uint32_t context,
                         uint32_t batch)
{
    enum { KEYS = BNT_KEY_POSITIONS, CHUNK = BNT_CHUNK_POSITIONS };
    const uint64_t whole_blocks = ((uint64_t)context + KEYS - 1) / KEYS * KEYS;
    const uint64_t all = whole_blocks > UINT32_MAX ? UINT32_MAX / KEYS * KEYS : whole_blocks;
    if (bnt_cache_windowed(config, layer)) {
        const uint64_t slots = (uint64_t)bnt_cache_window(config) + batch;
        const uint64_t whole = (slots + CHUNK - 1) / CHUNK * CHUNK;
        if (whole < all) return (uint32_t)whole;
    }
    return (uint32_t)all;
}

static bool align(uint64_t n, size_t *bytes)
{
    if (!bnt_align_up(n, 64, &n) || n > SIZE_MAX) return false;
    *bytes = (size_t)n;
    return true;
}

/* Bytes of the keys and of the values of one layer, each rounded up so that what follows begins
 * aligned. */
static bool layer_bytes(const bnt_config *config, bantam_kv type, uint32_t slots, size_t *keys,
                        size_t *values)
{
    uint64_t k = 0, v = 0;

    return bnt_mul_u64(bnt_kv_block_bytes(type, config->head_dim), config->n_kv_heads, &k) &&
           bnt_mul_u64(k, slots / BNT_KEY_POSITIONS, &k) && align(k, keys) &&
           bnt_mul_u64(bnt_kv_row_bytes(type, config->head_dim), config->n_kv_heads, &v) &&
           bnt_mul_u64(v, slots, &v) && align(v, values);
}

bool bnt_cache_cost(const bnt_config *config, bantam_kv type, uint32_t context, uint32_t batch,
                    size_t *bytes)
{
    size_t total = 0;

    for (uint32_t i = 0; i < config->n_layers; i++) {
        size_t keys = 0, values = 0;
        if (!layer_bytes(config, type, slots_of(config, i, context, batch), &keys, &values) ||
            !bnt_add_size(total, keys, &total) || !bnt_add_size(total, values, &total)) {
            return false;
        }
    }
    *bytes = total;
    return true;
}

bantam_status bnt_cache_init(bnt_cache *c, const bnt_config *config, bantam_kv type,
                             uint32_t context, uint32_t batch, bantam_error *err)
{
    size_t bytes = 0, keys = 0, values = 0;

    memset(c, 0, sizeof *c);
    if (bnt_cache_cost(config, type, context, batch, &bytes)) c->block = bnt_alloc(bytes);
    c->kv.layers = bnt_calloc(config->n_layers, sizeof *c->kv.layers);
    if (!c->block || !c->kv.layers) {
        bnt_cache_deinit(c);
        return bnt_fail(err, BANTAM_ERR_NOMEM,
                        "out of memory for the keys and values of %" PRIu32 " positions",
                        context);
    }
    c->kv.type = type;
    c->kv.row_bytes = bnt_kv_row_bytes(type, config->head_dim);
    c->kv.block_bytes = bnt_kv_block_bytes(type, config->head_dim);
    c->slot_bytes = c->kv.row_bytes * config->n_kv_heads;
    c->n_layers = config->n_layers;
    c->n_kv_heads = config->n_kv_heads;
    c->head_dim = config->head_dim;
    c->window = bnt_cache_window(config);
    c->slots = context;

    uint8_t *at = c->block;
    for (uint32_t i = 0; i < config->n_layers; i++) {
        bnt_kv_layer *const layer = &c->kv.layers[i];
        layer->slots = slots_of(config, i, context, batch);
        if (bnt_cache_windowed(config, i)) c->slots = layer->slots;
        /* Proved by the cost. */
        if (!layer_bytes(config, type, layer->slots, &keys, &values)) break;
        layer->k = at;
        layer->v = at + keys;
        at += keys + values;
    }
    return BANTAM_OK;
}

void bnt_cache_deinit(bnt_cache *c)
{
    bnt_free(c->block);
    bnt_free(c->kv.layers);
    memset(c, 0, sizeof *c);
}

uint32_t bnt_cache_need(const bnt_cache *c, uint32_t pos)
{
    /* Position pos sees pos - window + 1 and what follows. */
    return c->window && pos >= c->window ? pos - c->window + 1 : 0;
}

bool bnt_cache_ready(const bnt_cache *c, uint32_t pos)
{
    return !c->window || !pos || c->low <= bnt_cache_need(c, pos);
}

void bnt_cache_touch(bnt_cache *c, uint32_t end)
{
    if (end > c->slots && c->low < end - c->slots) c->low = end - c->slots;
}

void bnt_cache_get(const bnt_cache *c, uint32_t layer, uint32_t pos, bool v, uint8_t *rows)
{
    const bnt_kv_layer *const l = &c->kv.layers[layer];
    const uint32_t slot = pos % l->slots;

    for (uint32_t head = 0; head < c->n_kv_heads; head++, rows += c->kv.row_bytes) {
        if (v) {
            memcpy(rows, bnt_kv_value_row(&c->kv, l, head, slot), c->kv.row_bytes);
        } else {
            bnt_kv_get_key(c->kv.type, bnt_kv_key_block(&c->kv, l, head, slot),
                           slot % BNT_KEY_POSITIONS, rows, c->head_dim);
        }
    }
}

void bnt_cache_put(bnt_cache *c, uint32_t layer, uint32_t pos, bool v, const uint8_t *rows)
{
    const bnt_kv_layer *const l = &c->kv.layers[layer];
    const uint32_t slot = pos % l->slots;

    for (uint32_t head = 0; head < c->n_kv_heads; head++, rows += c->kv.row_bytes) {
        if (v) {
            memcpy(bnt_kv_value_row(&c->kv, l, head, slot), rows, c->kv.row_bytes);
        } else {
            bnt_kv_put_key(c->kv.type, bnt_kv_key_block(&c->kv, l, head, slot),
                           slot % BNT_KEY_POSITIONS, rows, c->head_dim);
        }
    }
}
