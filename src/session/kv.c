/* kv.c - sizes and places of the cache, and which windowed rows are still there.
 *
 * Writing position q into a windowed layer costs the row of q - slots and no other that is
 * still wanted: after a step back only positions from there on are written. So `low`, raised
 * with every write and never lowered, is all there is to remember.
 */
#include "session/kv.h"
#include "base/checked.h"
#include "base/mem.h"

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

static uint32_t slots_of(const bnt_config *config, uint32_t layer, uint32_t context,
                         uint32_t batch)
{
    if (!bnt_cache_windowed(config, layer)) return context;
    const uint64_t slots = (uint64_t)bnt_cache_window(config) + batch;
    return slots < context ? (uint32_t)slots : context;
}

/* Bytes of the keys, or values, of one layer, rounded up so that the next begins aligned. */
static bool layer_bytes(const bnt_config *config, bantam_kv type, uint32_t slots, size_t *bytes)
{
    uint64_t n = 0;

    if (!bnt_mul_u64(bnt_kv_row_bytes(type, config->head_dim), config->n_kv_heads, &n) ||
        !bnt_mul_u64(n, slots, &n) || !bnt_align_up(n, 64, &n) || n > SIZE_MAX) {
        return false;
    }
    *bytes = (size_t)n;
    return true;
}

bool bnt_cache_cost(const bnt_config *config, bantam_kv type, uint32_t context, uint32_t batch,
                    size_t *bytes)
{
    size_t total = 0;

    for (uint32_t i = 0; i < config->n_layers; i++) {
        size_t layer = 0;
        if (!layer_bytes(config, type, slots_of(config, i, context, batch), &layer) ||
            !bnt_add_size(total, layer, &total) || !bnt_add_size(total, layer, &total)) {
            return false;
        }
    }
    *bytes = total;
    return true;
}

bantam_status bnt_cache_init(bnt_cache *c, const bnt_config *config, bantam_kv type,
                             uint32_t context, uint32_t batch, bantam_error *err)
{
    size_t bytes = 0;

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
    c->slot_bytes = c->kv.row_bytes * config->n_kv_heads;
    c->n_layers = config->n_layers;
    c->window = bnt_cache_window(config);
    c->slots = context;

    uint8_t *at = c->block;
    for (uint32_t i = 0; i < config->n_layers; i++) {
        bnt_kv_layer *const layer = &c->kv.layers[i];
        layer->slots = slots_of(config, i, context, batch);
        if (bnt_cache_windowed(config, i)) c->slots = layer->slots;
        if (!layer_bytes(config, type, layer->slots, &bytes)) break; /* proved by the cost */
        layer->k = at;
        layer->v = at + bytes;
        at += 2 * bytes;
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

uint8_t *bnt_cache_at(const bnt_cache *c, uint32_t layer, uint32_t pos, bool v)
{
    const bnt_kv_layer *const l = &c->kv.layers[layer];
    return (v ? l->v : l->k) + (size_t)(pos % l->slots) * c->slot_bytes;
}
