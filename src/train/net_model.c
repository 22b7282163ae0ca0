/* net_model.c - a model in memory that nothing has trained yet: floats, in the order that the
 * products of a net want them. What lies side by side here (q, k, v; gate, up) is multiplied as
 * one matrix there. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "base/rng.h"
#include "model/rope.h"
#include "model/weights.h"
#include "train/net.h"

/* The model is the first member: bnt_model_close() frees the whole. */
typedef struct own_model {
    bnt_model model;
    float *matrices; /* owns */
} own_model;

/* Matrices are placed one after the other; a group that is multiplied as one begins at a
 * multiple of 64 bytes. Without a base the floats are only counted. */
typedef struct placing {
    float *base;
    size_t used;
    bool failed;
} placing;

static void align(placing *p)
{
    uint64_t used = p->used;
    if (!bnt_align_up(p->used, 16, &used) || used > SIZE_MAX) p->failed = true;
    p->used = (size_t)used;
}

static void place(placing *p, bnt_matrix *w, uint32_t rows, uint32_t columns)
{
    size_t n = 0;
    *w = (bnt_matrix){.type = bnt_type_find(BNT_TYPE_F32),
                      .data = p->base ? (uint8_t *)(p->base + p->used) : NULL,
                      .rows = rows,
                      .columns = columns,
                      .row_bytes = columns * sizeof(float)};
    if (!bnt_mul_size(rows, columns, &n) || !bnt_add_size(p->used, n, &p->used)) {
        p->failed = true;
    }
}

static void place_layer(placing *p, const bnt_config *c, bnt_layer *l)
{
    const uint32_t heads = c->n_heads * c->head_dim, kv = c->n_kv_heads * c->head_dim;
    align(p);
    place(p, &l->q, heads, c->n_embd);
    place(p, &l->k, kv, c->n_embd);
    place(p, &l->v, kv, c->n_embd);
    align(p);
    place(p, &l->o, c->n_embd, heads);
    align(p);
    place(p, &l->gate, c->n_ffn, c->n_embd);
    place(p, &l->up, c->n_ffn, c->n_embd);
    align(p);
    place(p, &l->down, c->n_embd, c->n_ffn);
}

static void place_all(placing *p, bnt_model *m)
{
    const bnt_config *const c = &m->config;
    place(p, &m->embed, c->n_vocab, c->n_embd);
    m->head = m->embed;
    if (!c->tied) {
        align(p);
        place(p, &m->head, c->n_vocab, c->n_embd);
    }
    for (uint32_t i = 0; i < c->n_layers && !p->failed; i++) {
        place_layer(p, c, &m->layers[i]);
    }
}

/* ---- memory ------------------------------------------------------------------------------ */

static bantam_status take_memory(own_model *o, bantam_error *err)
{
    bnt_model *const m = &o->model;
    const bnt_config *const c = &m->config;
    const size_t n_norms = (2 * (size_t)c->n_layers + 1) * c->n_embd;
    placing p = {0};

    m->layers = bnt_calloc(c->n_layers, sizeof *m->layers);
    m->inv_freq = bnt_calloc(c->rope_dims / 2, sizeof *m->inv_freq);
    m->floats = bnt_calloc(n_norms, sizeof *m->floats);
    if (m->layers) place_all(&p, m);
    if (p.failed) p.used = SIZE_MAX;
    if (m->layers && m->inv_freq && m->floats) {
        o->matrices = bnt_calloc_large(p.used, sizeof *o->matrices);
    }
    if (!o->matrices) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a model of %zu weights",
                        p.used);
    }
    p = (placing){.base = o->matrices};
    place_all(&p, m);
    return BANTAM_OK;
}

/* ---- first values --------------------------------------------------------------------------
 */

typedef struct filling {
    bnt_model *model;
    bnt_rng rng;
} filling;

static bool ends_in_stream(const bnt_model *m, const bnt_matrix *w)
{
    for (uint32_t i = 0; i < m->config.n_layers; i++) {
        if (w == &m->layers[i].o || w == &m->layers[i].down) return true;
    }
    return false;
}

static void fill(void *user, const bnt_matrix *w)
{
    filling *const f = user;
    bnt_model *const m = f->model;
    const size_t n = (size_t)w->rows * w->columns;
    const double halves = 2.0 * (double)m->config.n_layers;
    const double deviation = ends_in_stream(m, w) ? 0.02 / sqrt(halves) : 0.02;
    float *const out = (float *)(void *)w->data; /* our own memory */

    for (size_t i = 0; i < n; i++) {
        out[i] = (float)(deviation * bnt_rng_normal(&f->rng));
    }
    m->n_params += n;
    m->weight_bytes += n * sizeof *out;
}

static void fill_norms(bnt_model *m)
{
    const size_t width = m->config.n_embd;
    const size_t n = (2 * (size_t)m->config.n_layers + 1) * width;
    for (size_t i = 0; i < n; i++) {
        m->floats[i] = 1.0f;
    }
    for (uint32_t i = 0; i < m->config.n_layers; i++) {
        m->layers[i].attn_norm = m->floats + 2 * i * width;
        m->layers[i].ffn_norm = m->layers[i].attn_norm + width;
    }
    m->output_norm = m->floats + n - width;
    m->n_params += n;
    m->weight_bytes += n * sizeof *m->floats;
}

/* ---- open and close ------------------------------------------------------------------------
 */

static bantam_status settle(bnt_config *c, bantam_error *err)
{
    if (c->int8_rope == BANTAM_ROPE_DEFAULT) c->int8_rope = BANTAM_ROPE_FLOAT;
    /* Files without one have 1; a 0 that nobody set would turn nothing. */
    if (!(c->attention_factor > 0.0 && isfinite(c->attention_factor))) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "rope attention factor: expected a positive number, found %g",
                        c->attention_factor);
    }
    return bnt_config_settle(c, err);
}

bantam_status bnt_net_model_new(bnt_model **out, const bnt_config *config, uint64_t seed,
                                bantam_error *err)
{
    *out = NULL;
    own_model *const o = bnt_calloc(1, sizeof *o);
    if (!o) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a model");

    bnt_model *const m = &o->model;
    m->config = *config;
    m->embed_copied = true;
    bantam_status status = settle(&m->config, err);
    if (!status) status = take_memory(o, err);
    if (!status) status = bnt_rope_frequencies(m->inv_freq, &m->config, NULL, err);
    if (status) {
        bnt_net_model_free(m);
        return status;
    }
    filling f = {.model = m};
    bnt_rng_seed(&f.rng, seed);
    bnt_weights_each(m, fill, &f);
    fill_norms(m);
    bnt_weights_survey(m);
    bnt_kernels_init(&m->kernels, bnt_cpu_flags());
    *out = m;
    return BANTAM_OK;
}

void bnt_net_model_free(bnt_model *model)
{
    if (!model) return;
    own_model *const o = (own_model *)(void *)model;
    bnt_free(o->matrices);
    bnt_model_close(model);
}
