/* forward_rig.h - everything a forward pass needs, set up for a test without a session. */
#ifndef BNT_TESTS_FORWARD_RIG_H
#define BNT_TESTS_FORWARD_RIG_H
#include "support.h"

#include "base/mem.h"
#include "model/forward.h"
#include "model/kv_row.h"
#include "model/pack.h"

typedef struct rig_options {
    bantam_rope rope;
    bantam_kv kv;     /* DEFAULT: f32 */
    uint32_t context; /* 0: 256 */
    uint32_t batch;   /* 0: 256 */
    uint32_t threads; /* 0: 1 */
    bool packed;      /* weights as sessions have them: interleaved, inputs rounded */
    bool whole;       /* a slot for every position, in windowed layers too */
} rig_options;

typedef struct rig {
    bnt_archive *archive;
    bnt_model *model;
    bnt_pool *pool;
    bnt_arena scratch, memory; /* memory holds the cache */
    bnt_kv kv;
    uint32_t batch;
    bnt_forward forward;
} rig;

static inline void rig_open_cache(rig *r, uint32_t context, bool whole)
{
    const bnt_config *const c = &r->model->config;
    bantam_error err = {0};
    r->kv.row_bytes = bnt_kv_row_bytes(r->kv.type, c->head_dim);
    r->kv.block_bytes = bnt_kv_block_bytes(r->kv.type, c->head_dim);
    r->kv.layers = calloc(c->n_layers, sizeof *r->kv.layers);
    assert_non_null(r->kv.layers);
    const uint32_t all = (context + 15) / 16 * 16;
    const size_t slot_bytes = c->n_kv_heads * r->kv.row_bytes;
    const size_t block_bytes = c->n_kv_heads * r->kv.block_bytes;
    if (bnt_arena_init(&r->memory,
                       c->n_layers * (bnt_arena_cost(all / 16, block_bytes) +
                                      bnt_arena_cost(all, slot_bytes)),
                       &err)) {
        fail_msg("%s", err.message);
    }
    for (uint32_t l = 0; l < c->n_layers; l++) {
        const uint32_t ring = (c->window_tokens + r->batch + 63) / 64 * 64;
        bnt_kv_layer *const layer = &r->kv.layers[l];
        layer->slots = c->windowed[l] && !whole && ring < all ? ring : all;
        layer->k = bnt_arena_alloc(&r->memory, layer->slots / 16, block_bytes);
        layer->v = bnt_arena_alloc(&r->memory, layer->slots, slot_bytes);
        assert_non_null(layer->k);
        assert_non_null(layer->v);
        /* What no pass has written must not matter. */
        memset(layer->k, 0xFF, layer->slots / 16 * block_bytes);
        memset(layer->v, 0xFF, layer->slots * slot_bytes);
    }
}

static inline void rig_open(rig *r, const char *path, rig_options o)
{
    bantam_error err = {0};
    *r = (rig){0};
    const uint32_t threads = o.threads ? o.threads : 1;
    r->batch = o.batch ? o.batch : 256;
    r->kv.type = o.kv ? o.kv : BANTAM_KV_F32;
    if (bnt_archive_open(&r->archive, path, &err)) fail_msg("%s", err.message);
    if (bnt_model_open(&r->model, r->archive, o.rope, &err)) fail_msg("%s", err.message);
    const bnt_pack_options in_memory = {.no_cache = true};
    if (o.packed && bnt_model_pack(r->model, &in_memory, &err)) fail_msg("%s", err.message);
    if (bnt_pool_open(&r->pool, threads, &err)) fail_msg("%s", err.message);
    if (bnt_arena_init(
            &r->scratch,
            bnt_forward_cost(r->model, r->batch, o.context ? o.context : 256, threads), &err)) {
        fail_msg("%s", err.message);
    }
    rig_open_cache(r, o.context ? o.context : 256, o.whole);
    r->forward =
        (bnt_forward){.model = r->model, .kv = &r->kv, .pool = r->pool, .scratch = &r->scratch};
}

static inline void rig_close(rig *r)
{
    free(r->kv.layers);
    bnt_arena_deinit(&r->memory);
    bnt_arena_deinit(&r->scratch);
    bnt_pool_close(r->pool);
    bnt_model_close(r->model);
    bnt_archive_close(r->archive);
    *r = (rig){0};
}

/* Feeds tokens as one call in pieces of the batch; logits is (n, vocab), or (1, vocab) of the
 * last token where all is false. */
static inline void rig_feed(rig *r, const uint32_t *tokens, uint32_t n, uint32_t pos,
                            float *logits, bool all)
{
    const size_t n_vocab = r->model->config.n_vocab;
    const bnt_span call = {pos, n};
    for (uint32_t at = 0; at < n;) {
        const uint32_t piece = n - at < r->batch ? n - at : r->batch;
        const bool last = at + piece == n;
        const uint32_t rows = all ? piece : last ? 1 : 0;
        float *const out = all ? logits + at * n_vocab : logits;
        bantam_error err = {0};
        if (bnt_forward_run(&r->forward, tokens + at, piece, pos + at, call, out, rows, &err)) {
            fail_msg("%s", err.message);
        }
        at += piece;
    }
}

static inline uint32_t rig_argmax(const float *logits, uint32_t n)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++) {
        if (logits[i] > logits[best]) best = i;
    }
    return best;
}

#endif
