/* walk.c - one layer at a time over many short texts, with the cache of a single one. */
#include "session/walk.h"

#include "base/checked.h"
#include "base/mem.h"

#include <string.h>

/* A model of one full layer has the cache that every layer of a text in turn writes from its
 * start: texts are shorter than they are wide windows, and a window is kept by attention
 * itself. */
static bnt_config one_layer(const bnt_config *config)
{
    bnt_config one = *config;
    one.n_layers = 1;
    one.window_tokens = 0;
    one.windowed[0] = false;
    return one;
}

/* Whatever types come to stand in the model's place. */
static size_t scratch_bytes(const bnt_model *model, uint32_t sequence, uint32_t n_threads)
{
    bnt_model any = *model;
    any.forms = BNT_FORM_TILES | BNT_FORM_FLOATS | BNT_FORM_DECODED;
    return bnt_forward_cost(&any, sequence, sequence, n_threads);
}

size_t bnt_walk_cost(const bnt_model *model, size_t n_tokens, uint32_t sequence,
                     uint32_t n_threads)
{
    const bnt_config one = one_layer(&model->config);
    const size_t row = model->config.n_embd * sizeof(float);
    size_t cache = 0;

    if (!bnt_cache_cost(&one, BANTAM_KV_F32, sequence, sequence, &cache)) return SIZE_MAX;
    return (n_tokens / sequence * sequence + sequence) * row + cache +
           scratch_bytes(model, sequence, n_threads) +
           model->config.n_layers * sizeof(bnt_kv_layer);
}

typedef struct embedding {
    bnt_walk *walk;
    const uint32_t *tokens;
} embedding;

static void embed_token(void *context, size_t t, uint32_t thread)
{
    const embedding *const e = context;
    const bnt_matrix *const w = &e->walk->model->embed;
    (void)thread;
    bnt_type_decode_row(w->type, w->data, w->columns, e->tokens[t],
                        e->walk->states + t * w->columns);
}

static bantam_status take(bnt_walk *w, uint32_t n_threads, bantam_error *err)
{
    const bnt_config *const c = &w->model->config;
    const bnt_config one = one_layer(c);
    const size_t row = c->n_embd * sizeof(float);

    bantam_status status =
        bnt_cache_init(&w->cache, &one, BANTAM_KV_F32, w->sequence, w->sequence, err);
    if (!status) {
        const size_t bytes = scratch_bytes(w->model, w->sequence, n_threads);
        status = bnt_arena_init(&w->scratch, bytes, err);
    }
    if (status) return status;
    w->states = bnt_calloc(w->n_tokens, row);
    w->text = bnt_calloc(w->sequence, row);
    w->kv = w->cache.kv;
    w->kv.layers = bnt_calloc(c->n_layers, sizeof *w->kv.layers);
    if (!w->states || !w->text || !w->kv.layers) {
        return bnt_fail(err, BANTAM_ERR_NOMEM,
                        "out of memory for the states of %u tokens of calibration text",
                        (unsigned)w->n_tokens);
    }
    for (uint32_t i = 0; i < c->n_layers; i++) {
        w->kv.layers[i] = w->cache.kv.layers[0];
    }
    return BANTAM_OK;
}

bantam_status bnt_walk_begin(bnt_walk *w, bnt_model *model, bnt_pool *pool,
                             const uint32_t *tokens, size_t n_tokens, uint32_t sequence,
                             bantam_error *err)
{
    *w = (bnt_walk){.model = model, .pool = pool, .sequence = sequence};
    if (sequence < 2 || n_tokens < sequence || n_tokens > UINT32_MAX) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "calibration text: expected at least %u tokens, found %zu",
                        (unsigned)sequence, n_tokens);
    }
    w->n_tokens = (uint32_t)(n_tokens / sequence * sequence);
    const bantam_status status = take(w, bnt_pool_threads(pool), err);
    if (status) {
        bnt_walk_end(w);
        return status;
    }
    embedding e = {w, tokens};
    bnt_pool_run(pool, embed_token, &e, w->n_tokens);
    return BANTAM_OK;
}

void bnt_walk_end(bnt_walk *w)
{
    bnt_free(w->kv.layers);
    bnt_cache_deinit(&w->cache);
    bnt_arena_deinit(&w->scratch);
    bnt_free(w->states);
    bnt_free(w->text);
    *w = (bnt_walk){0};
}

static bantam_status go(bnt_walk *w, uint32_t layer, bool stay, bnt_tap_fn tap, void *user,
                        bantam_error *err)
{
    const size_t values = (size_t)w->sequence * w->model->config.n_embd;
    bantam_status status = BANTAM_OK;
    const bnt_forward f = {.model = w->model,
                           .kv = &w->kv,
                           .pool = w->pool,
                           .scratch = &w->scratch,
                           .tap = tap,
                           .user = user};
    for (uint32_t t = 0; !status && t < w->n_tokens / w->sequence; t++) {
        float *const states = w->states + t * values;
        float *const x = stay ? w->text : states;
        if (stay) memcpy(x, states, values * sizeof *x);
        status = bnt_pulse_ask(&w->pulse, err);
        if (!status) status = bnt_forward_layer(&f, layer, x, w->sequence, err);
    }
    return status;
}

bantam_status bnt_walk_look(bnt_walk *w, uint32_t layer, bnt_tap_fn tap, void *user,
                            bantam_error *err)
{
    return go(w, layer, true, tap, user, err);
}

bantam_status bnt_walk_step(bnt_walk *w, uint32_t layer, bnt_tap_fn tap, void *user,
                            bantam_error *err)
{
    return go(w, layer, false, tap, user, err);
}
