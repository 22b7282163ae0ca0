/* train_rig.h - a net of a few hundred weights, and batches of a text that repeats itself. */
#ifndef BNT_TESTS_TRAIN_RIG_H
#define BNT_TESTS_TRAIN_RIG_H
#include "support.h"

#include "model/arch.h"
#include "train/run.h"

enum { RIG_VOCAB = 16, RIG_ROWS = 24, RIG_SEQUENCE = 8 };

typedef struct train_rig {
    bnt_config config;
    bnt_model *model;
    bnt_pool *pool;
    bnt_net *net;
    uint32_t tokens[RIG_ROWS], targets[RIG_ROWS];
    float weights[RIG_ROWS];
    bnt_sequence sequences[RIG_ROWS / RIG_SEQUENCE];
} train_rig;

static inline bnt_config rig_config(uint32_t n_layers)
{
    const bantam_text name = {"llama", 5};
    return (bnt_config){
        .arch = bnt_arch_of_gguf(name),
        .architecture = name,
        .n_layers = n_layers,
        .n_embd = 16,
        .n_heads = 2,
        .n_kv_heads = 1,
        .head_dim = 8,
        .n_ffn = 24,
        .n_vocab = RIG_VOCAB,
        .context_tokens = 64,
        .norm_eps = 1e-5f,
        .tied = true,
        .pairing = BNT_PAIR_ADJACENT,
        .rope_dims = 8,
        .rope_base = 10000.0,
        .scale_factor = 1.0,
        .attention_factor = 1.0,
        .int8_rope = BANTAM_ROPE_FLOAT,
    };
}

static inline void rig_open(train_rig *r, uint32_t n_layers, uint32_t n_threads)
{
    const bnt_net_options o = {
        .learns = BNT_LEARNS_ALL, .max_rows = RIG_ROWS, .max_sequence = RIG_SEQUENCE};
    bantam_error err = {0};

    memset(r, 0, sizeof *r);
    r->config = rig_config(n_layers);
    if (bnt_net_model_new(&r->model, &r->config, 5, &err)) fail_msg("%s", err.message);
    if (bnt_pool_open(&r->pool, n_threads, &err)) fail_msg("%s", err.message);
    if (bnt_net_open(&r->net, r->model, r->pool, &o, &err)) fail_msg("%s", err.message);
}

static inline void rig_close(train_rig *r)
{
    bnt_net_close(r->net);
    bnt_pool_close(r->pool);
    bnt_net_model_free(r->model);
    memset(r, 0, sizeof *r);
}

/* A bnt_batch_fn: three sequences of a text in which each token follows from the one before,
 * all eight of its tokens being as frequent. */
static inline bantam_status rig_batch(void *source, uint64_t step, bnt_batch *out,
                                      bantam_error *err)
{
    static const uint32_t next[8] = {3, 6, 5, 1, 0, 4, 7, 2};
    train_rig *const r = source;

    (void)err;
    for (uint32_t s = 0; s < RIG_ROWS / RIG_SEQUENCE; s++) {
        uint32_t token = (uint32_t)(step * 3 + s) % 8;
        r->sequences[s] = (bnt_sequence){s * RIG_SEQUENCE, RIG_SEQUENCE};
        for (uint32_t i = s * RIG_SEQUENCE; i < (s + 1) * RIG_SEQUENCE; i++) {
            r->tokens[i] = token;
            token = next[token];
            r->targets[i] = token;
            r->weights[i] = 1.0f;
        }
    }
    *out = (bnt_batch){.tokens = r->tokens,
                       .targets = r->targets,
                       .weights = r->weights,
                       .n_rows = RIG_ROWS,
                       .sequences = r->sequences,
                       .n_sequences = RIG_ROWS / RIG_SEQUENCE};
    return BANTAM_OK;
}

static inline bnt_run_options rig_options(train_rig *r, uint64_t steps)
{
    bnt_run_options o;

    bnt_run_options_init(&o);
    o.steps = steps;
    o.warmup_steps = 4;
    o.rate = 1e-2;
    o.final_rate = 1e-3;
    o.seed = 9;
    o.checkpoint_seconds = 0.0;
    o.batch = rig_batch;
    o.source = r;
    return o;
}

static inline size_t rig_n_weights(const train_rig *r)
{
    size_t n = 0;
    for (size_t i = 0; i < bnt_net_n_params(r->net); i++) {
        n += bnt_net_param(r->net, i)->n;
    }
    return n;
}

/* All weights, one behind the other; the caller frees. */
static inline float *rig_weights(const train_rig *r)
{
    float *const out = malloc(rig_n_weights(r) * sizeof *out);
    size_t at = 0;

    assert_non_null(out);
    for (size_t i = 0; i < bnt_net_n_params(r->net); i++) {
        const bnt_param *const p = bnt_net_param(r->net, i);
        memcpy(out + at, p->w, p->n * sizeof *out);
        at += p->n;
    }
    return out;
}

#endif
