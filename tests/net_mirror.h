/* net_mirror.h - a forward pass and its loss in double arithmetic, written from the formulas in
 * the plainest way, and nets to hold against it.
 *
 * A mirror has every weight of a model, and of the adapters of a net, as doubles that a test
 * may change; what that does to the loss is what a gradient must say. */
#ifndef BNT_TESTS_NET_MIRROR_H
#define BNT_TESTS_NET_MIRROR_H
#include "support.h"

#include "base/mem.h"
#include "base/rng.h"
#include "train/net.h"

#include <math.h>

enum { RIG_MATRICES = 7, RIG_MAX_LAYERS = 4 };

static const char *const rig_names[RIG_MATRICES] = {
    "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"};

/* ---- the mirror -------------------------------------------------------------------------- */

typedef struct mirror_matrix {
    size_t rows, columns;
    double *w;     /* (rows, columns) */
    double *a, *b; /* (rank, columns), (rows, rank); NULL: no adapter */
} mirror_matrix;

typedef struct mirror {
    const bnt_model *model;
    mirror_matrix embed, head; /* where tied head.w is embed.w */
    mirror_matrix of[RIG_MAX_LAYERS][RIG_MATRICES];
    double *attn_norm[RIG_MAX_LAYERS], *ffn_norm[RIG_MAX_LAYERS], *output_norm;
    size_t rank;
    double scale; /* of adapters */
} mirror;

static inline double *rig_doubles(size_t n)
{
    double *const out = calloc(n ? n : 1, sizeof *out);
    assert_non_null(out);
    return out;
}

static inline double *rig_copy(const float *x, size_t n)
{
    double *const out = rig_doubles(n);
    for (size_t i = 0; i < n; i++) {
        out[i] = (double)x[i];
    }
    return out;
}

static inline mirror_matrix mirror_of_matrix(const bnt_matrix *w)
{
    const mirror_matrix m = {w->rows, w->columns, rig_doubles((size_t)w->rows * w->columns),
                             NULL, NULL};
    float *const row = malloc(w->columns * sizeof *row);
    assert_non_null(row);
    for (size_t r = 0; r < m.rows; r++) {
        bnt_type_decode_row(w->type, w->data, m.columns, r, row);
        for (size_t i = 0; i < m.columns; i++) {
            m.w[r * m.columns + i] = (double)row[i];
        }
    }
    free(row);
    return m;
}

static inline void mirror_open(mirror *m, const bnt_model *model)
{
    const bnt_config *const c = &model->config;
    *m = (mirror){.model = model};
    assert_in_range(c->n_layers, 1, RIG_MAX_LAYERS);
    m->embed = mirror_of_matrix(&model->embed);
    m->head = c->tied ? m->embed : mirror_of_matrix(&model->head);
    m->output_norm = rig_copy(model->output_norm, c->n_embd);
    for (uint32_t l = 0; l < c->n_layers; l++) {
        const bnt_layer *const from = &model->layers[l];
        for (int i = 0; i < RIG_MATRICES; i++) {
            m->of[l][i] = mirror_of_matrix(bnt_layer_matrix(from, (bnt_place)i));
        }
        m->attn_norm[l] = rig_copy(from->attn_norm, c->n_embd);
        m->ffn_norm[l] = rig_copy(from->ffn_norm, c->n_embd);
    }
}

static inline void mirror_close(mirror *m)
{
    const uint32_t n_layers = m->model->config.n_layers;
    if (!m->model->config.tied) free(m->head.w);
    free(m->embed.w);
    free(m->output_norm);
    for (uint32_t l = 0; l < n_layers; l++) {
        for (int i = 0; i < RIG_MATRICES; i++) {
            free(m->of[l][i].w);
            free(m->of[l][i].a);
            free(m->of[l][i].b);
        }
        free(m->attn_norm[l]);
        free(m->ffn_norm[l]);
    }
}

/* The doubles that stand for a parameter of a net, by its name. */
static inline double **mirror_place(mirror *m, const char *name)
{
    unsigned layer = 0;
    char what[32] = "", tail[32] = "";
    if (strcmp(name, "token_embd.weight") == 0) return &m->embed.w;
    if (strcmp(name, "output.weight") == 0) return &m->head.w;
    if (strcmp(name, "output_norm.weight") == 0) return &m->output_norm;
    assert_true(sscanf(name, "blk.%u.%31[a-z_].weight%31s", &layer, what, tail) >= 2);
    assert_true(layer < m->model->config.n_layers);
    if (strcmp(what, "attn_norm") == 0) return &m->attn_norm[layer];
    if (strcmp(what, "ffn_norm") == 0) return &m->ffn_norm[layer];
    for (int i = 0; i < RIG_MATRICES; i++) {
        if (strcmp(what, rig_names[i]) != 0) continue;
        if (strcmp(tail, ".lora_a") == 0) return &m->of[layer][i].a;
        if (strcmp(tail, ".lora_b") == 0) return &m->of[layer][i].b;
        assert_string_equal(tail, "");
        return &m->of[layer][i].w;
    }
    fail_msg("no weight is called %s", name);
    return NULL;
}

/* Takes on a net's factors. */
static inline void mirror_adapt(mirror *m, const bnt_net *net, size_t rank, double scale)
{
    m->rank = rank;
    m->scale = scale;
    for (size_t i = 0; i < bnt_net_n_params(net); i++) {
        const bnt_param *const p = bnt_net_param(net, i);
        *mirror_place(m, p->name) = rig_copy(p->w, p->n);
    }
}

/* ---- the pass in doubles -------------------------------------------------------------------
 */

/* y = W x, adapter included. */
static inline void mirror_multiply(const mirror *m, const mirror_matrix *w, const double *x,
                                   double *y)
{
    for (size_t r = 0; r < w->rows; r++) {
        y[r] = 0.0;
        for (size_t i = 0; i < w->columns; i++) {
            y[r] += w->w[r * w->columns + i] * x[i];
        }
    }
    for (size_t k = 0; k < m->rank && w->a; k++) {
        double low = 0.0;
        for (size_t i = 0; i < w->columns; i++) {
            low += w->a[k * w->columns + i] * x[i];
        }
        for (size_t r = 0; r < w->rows; r++) {
            y[r] += m->scale * w->b[r * m->rank + k] * low;
        }
    }
}

static inline void mirror_norm(const mirror *m, const double *x, const double *w, double *out)
{
    const size_t n = m->model->config.n_embd;
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += x[i] * x[i];
    }
    const double root = sqrt(sum / (double)n + (double)m->model->config.norm_eps);
    for (size_t i = 0; i < n; i++) {
        out[i] = x[i] / root * w[i];
    }
}

static inline void mirror_turn(const mirror *m, double *x, size_t position)
{
    const bnt_config *const c = &m->model->config;
    const size_t half = c->rope_dims / 2;
    for (size_t i = 0; i < half; i++) {
        double f = pow(c->rope_base, -2.0 * (double)i / (double)c->rope_dims);
        if (c->scaling == BNT_ROPE_LINEAR) f /= c->scale_factor;
        if (c->scaling == BNT_ROPE_LLAMA3 || c->scaling == BNT_ROPE_YARN) {
            f = m->model->inv_freq[i]; /* test_rope.c knows the formulas */
        }
        const double angle = (double)position * f;
        const double co = cos(angle) * c->attention_factor;
        const double si = sin(angle) * c->attention_factor;
        const bool adjacent = c->pairing == BNT_PAIR_ADJACENT;
        double *const a = x + (adjacent ? 2 * i : i);
        double *const b = adjacent ? a + 1 : a + half;
        const double before = *a;
        *a = before * co - *b * si;
        *b = before * si + *b * co;
    }
}

/* a (heads, head_dim) of row t; q, k, v (n, ...) of a sequence, turned. */
static inline void mirror_attend(const mirror *m, uint32_t layer, size_t t, const double *q,
                                 const double *k, const double *v, double *a)
{
    const bnt_config *const c = &m->model->config;
    const size_t dim = c->head_dim, group = c->n_heads / c->n_kv_heads;
    const size_t kv = c->n_kv_heads * dim;
    const size_t window = c->windowed[layer] ? c->window_tokens : 0;
    const size_t first = window && t + 1 > window ? t + 1 - window : 0;
    double *const p = rig_doubles(t + 1);
    for (size_t h = 0; h < c->n_heads; h++) {
        const size_t at = h / group * dim;
        double sum = 0.0;
        for (size_t j = first; j <= t; j++) {
            double score = 0.0;
            for (size_t d = 0; d < dim; d++) {
                score += q[h * dim + d] * k[j * kv + at + d];
            }
            p[j] = exp(score / sqrt((double)dim));
            sum += p[j];
        }
        for (size_t d = 0; d < dim; d++) {
            a[h * dim + d] = 0.0;
            for (size_t j = first; j <= t; j++) {
                a[h * dim + d] += p[j] / sum * v[j * kv + at + d];
            }
        }
    }
    free(p);
}

static inline void mirror_attention(const mirror *m, uint32_t l, size_t n, double *x)
{
    const bnt_config *const c = &m->model->config;
    const size_t embd = c->n_embd, dim = c->head_dim;
    const size_t heads = c->n_heads * dim, kv = c->n_kv_heads * dim;
    double *const q = rig_doubles(n * heads), *const k = rig_doubles(n * kv);
    double *const v = rig_doubles(n * kv), *const a = rig_doubles(heads);
    double *const in = rig_doubles(embd), *const out = rig_doubles(embd);
    for (size_t t = 0; t < n; t++) {
        mirror_norm(m, x + t * embd, m->attn_norm[l], in);
        mirror_multiply(m, &m->of[l][0], in, q + t * heads);
        mirror_multiply(m, &m->of[l][1], in, k + t * kv);
        mirror_multiply(m, &m->of[l][2], in, v + t * kv);
        for (size_t h = 0; h < c->n_heads; h++) {
            mirror_turn(m, q + t * heads + h * dim, t);
        }
        for (size_t h = 0; h < c->n_kv_heads; h++) {
            mirror_turn(m, k + t * kv + h * dim, t);
        }
        for (size_t i = 0; i < heads && c->query_scale_beta != 0.0; i++) {
            q[t * heads + i] *=
                1.0 + c->query_scale_beta * log(1.0 + (double)(t / c->query_scale_original));
        }
    }
    for (size_t t = 0; t < n; t++) {
        mirror_attend(m, l, t, q + t * heads, k, v, a);
        mirror_multiply(m, &m->of[l][3], a, out);
        for (size_t i = 0; i < embd; i++) {
            x[t * embd + i] += out[i];
        }
    }
    free(q);
    free(k);
    free(v);
    free(a);
    free(in);
    free(out);
}

static inline void mirror_feed_forward(const mirror *m, uint32_t l, double *x)
{
    const bnt_config *const c = &m->model->config;
    double *const in = rig_doubles(c->n_embd), *const out = rig_doubles(c->n_embd);
    double *const gate = rig_doubles(c->n_ffn), *const up = rig_doubles(c->n_ffn);
    mirror_norm(m, x, m->ffn_norm[l], in);
    mirror_multiply(m, &m->of[l][4], in, gate);
    mirror_multiply(m, &m->of[l][5], in, up);
    for (size_t i = 0; i < c->n_ffn; i++) {
        const double g = gate[i];
        const double act = c->act == BNT_ACT_RELU ? (g > 0.0 ? g : 0.0) : g / (1.0 + exp(-g));
        gate[i] = act * up[i];
    }
    mirror_multiply(m, &m->of[l][6], gate, out);
    for (size_t i = 0; i < c->n_embd; i++) {
        x[i] += out[i];
    }
    free(in);
    free(out);
    free(gate);
    free(up);
}

static inline double mirror_row_loss(const mirror *m, const double *x, uint32_t target)
{
    const size_t n_vocab = m->model->config.n_vocab;
    double *const in = rig_doubles(m->model->config.n_embd);
    double *const logits = rig_doubles(n_vocab);
    double sum = 0.0;
    mirror_norm(m, x, m->output_norm, in);
    mirror_multiply(m, &m->head, in, logits);
    for (size_t i = 0; i < n_vocab; i++) {
        sum += exp(logits[i]);
    }
    const double loss = log(sum) - logits[target];
    free(in);
    free(logits);
    return loss;
}

/* The weighted mean over the batch; per_row (n_rows) or NULL. */
static inline double mirror_loss(const mirror *m, const bnt_batch *b, double *per_row)
{
    const bnt_config *const c = &m->model->config;
    const size_t embd = c->n_embd;
    double sum = 0.0, weights = 0.0;
    for (uint32_t s = 0; s < b->n_sequences; s++) {
        const size_t first = b->sequences[s].first, n = b->sequences[s].n;
        double *const x = rig_doubles(n * embd);
        for (size_t t = 0; t < n; t++) {
            memcpy(x + t * embd, m->embed.w + b->tokens[first + t] * embd, embd * sizeof *x);
        }
        for (uint32_t l = 0; l < c->n_layers; l++) {
            mirror_attention(m, l, n, x);
            for (size_t t = 0; t < n; t++) {
                mirror_feed_forward(m, l, x + t * embd);
            }
        }
        for (size_t t = 0; t < n; t++) {
            const double loss = mirror_row_loss(m, x + t * embd, b->targets[first + t]);
            const double weight = (double)b->weights[first + t];
            if (per_row) per_row[first + t] = loss;
            sum += weight * loss;
            weights += weight;
        }
        free(x);
    }
    return sum / weights;
}

/* ---- gradients held against it -------------------------------------------------------------
 */

static inline float rig_largest(const float *x, size_t n)
{
    float most = 0.0f;
    for (size_t i = 0; i < n; i++) {
        if (x[i] > most) most = x[i];
        if (-x[i] > most) most = -x[i];
    }
    return most;
}

/* d loss / d w[i] by central differences: their error is of the order of step^2 times a third
 * derivative, and 1e-16 / step of rounding; both are below 1e-9 here. */
static inline double mirror_slope(const mirror *m, const bnt_batch *b, double *w, size_t i)
{
    const double step = 1e-5, before = w[i];
    w[i] = before + step;
    const double above = mirror_loss(m, b, NULL);
    w[i] = before - step;
    const double below = mirror_loss(m, b, NULL);
    w[i] = before;
    return (above - below) / (2.0 * step);
}

/* Every parameter of a net whose gradients are those of the batch; of each at most `most`
 * values, spread over it.
 *
 * A gradient is a sum of products over rows and columns, of numbers that float chains of up to
 * about 100 steps have made: relative errors of 1e-5 of the terms are the most that rounding
 * explains. Terms cancel, so that is not relative to the sum: terms are of the size of the
 * parameter's largest gradients, which is where the floor comes from. A wrong formula is wrong
 * by far more than 1e-3 somewhere. */
static inline void check_gradients(mirror *m, const bnt_net *net, const bnt_batch *b,
                                   size_t most)
{
    for (size_t i = 0; i < bnt_net_n_params(net); i++) {
        const bnt_param *const p = bnt_net_param(net, i);
        double *const w = *mirror_place(m, p->name);
        const double largest = (double)rig_largest(p->g, p->n);
        if (largest == 0.0) fail_msg("%s: no gradient at all", p->name);
        const size_t step = (p->n + most - 1) / most;
        for (size_t j = i % step; j < p->n; j += step) {
            const double expected = mirror_slope(m, b, w, j), found = (double)p->g[j];
            if (fabs(found - expected) <= 1e-3 * fabs(expected) + 1e-5 * largest) continue;
            fail_msg("%s[%zu]: expected %.9g, found %.9g", p->name, j, expected, found);
        }
    }
}

/* ---- configs, models, batches --------------------------------------------------------------
 */

/* What a test does not set: two layers, four heads over two, silu, adjacent, tied. */
static inline bnt_config rig_config(bnt_config c)
{
    if (!c.n_layers) c.n_layers = 2;
    if (!c.n_embd) c.n_embd = 10;
    if (!c.n_heads) c.n_heads = 4;
    if (!c.n_kv_heads) c.n_kv_heads = 2;
    if (!c.head_dim) c.head_dim = 6;
    if (!c.n_ffn) c.n_ffn = 13;
    if (!c.n_vocab) c.n_vocab = 17;
    if (!c.rope_dims) c.rope_dims = c.head_dim;
    c.context_tokens = 512;
    c.norm_eps = 1e-3f; /* large enough to be seen */
    if (c.rope_base == 0.0) c.rope_base = 100.0;
    if (c.scale_factor == 0.0) c.scale_factor = 1.0;
    if (c.attention_factor == 0.0) c.attention_factor = 1.0;
    return c;
}

/* A model whose weights are large enough for every part of it to matter. */
static inline bnt_model *rig_model(const bnt_config *config, uint64_t seed)
{
    bantam_error err;
    bnt_model *m = NULL;
    bnt_rng rng;
    if (bnt_net_model_new(&m, config, seed, &err)) fail_msg("%s", err.message);
    bnt_rng_seed(&rng, seed + 1);
    const bnt_config *const c = &m->config;
    for (size_t i = 0; i < (2 * (size_t)c->n_layers + 1) * c->n_embd; i++) {
        m->floats[i] = (float)(1.0 + 0.3 * bnt_rng_normal(&rng));
    }
    for (uint32_t l = 0; l <= c->n_layers; l++) {
        const bnt_layer *const from = l < c->n_layers ? &m->layers[l] : NULL;
        const bnt_matrix *const all[RIG_MATRICES] = {
            from ? &from->q : &m->embed, from ? &from->k : &m->head, from ? &from->v : NULL,
            from ? &from->o : NULL,      from ? &from->gate : NULL,  from ? &from->up : NULL,
            from ? &from->down : NULL};
        for (int i = 0; i < RIG_MATRICES && all[i]; i++) {
            float *const w = (float *)(void *)all[i]->data;
            const double size = from ? 1.2 / sqrt((double)all[i]->columns) : 0.8;
            for (size_t j = 0; j < (size_t)all[i]->rows * all[i]->columns; j++) {
                w[j] = (float)(size * bnt_rng_normal(&rng));
            }
        }
    }
    return m;
}

enum { RIG_ROWS = 160, RIG_SEQUENCES = 8 };

typedef struct rig_batch {
    bnt_batch batch;
    uint32_t tokens[RIG_ROWS], targets[RIG_ROWS];
    float weights[RIG_ROWS];
    bnt_sequence sequences[RIG_SEQUENCES];
} rig_batch;

/* Sequences of the lengths given, up to a 0; one row of five is masked. */
static inline void rig_batch_fill(rig_batch *b, uint32_t n_vocab, const uint32_t *lengths)
{
    *b = (rig_batch){0};
    bnt_batch *const out = &b->batch;
    while (lengths[out->n_sequences]) {
        b->sequences[out->n_sequences] = (bnt_sequence){out->n_rows, lengths[out->n_sequences]};
        out->n_rows += lengths[out->n_sequences++];
    }
    assert_in_range(out->n_rows, 1, RIG_ROWS);
    for (uint32_t i = 0; i < out->n_rows; i++) {
        b->tokens[i] = (i * i * 7 + i * 3 + 1) % n_vocab;
        b->targets[i] = (i * 5 + i / 3 + 2) % n_vocab;
        b->weights[i] = i % 5 == 2 ? 0.0f : 0.5f + (float)(i % 4) / 4.0f;
    }
    out->tokens = b->tokens;
    out->targets = b->targets;
    out->weights = b->weights;
    out->sequences = b->sequences;
}

/* ---- nets ----------------------------------------------------------------------------------
 */

static inline bnt_pool *rig_pool(uint32_t n_threads)
{
    bnt_pool *pool = NULL;
    assert_int_equal(bnt_pool_open(&pool, n_threads, NULL), BANTAM_OK);
    return pool;
}

static inline bnt_net *rig_net(const bnt_model *model, bnt_pool *pool, bnt_net_options o)
{
    bantam_error err;
    bnt_net *net = NULL;
    if (!o.max_rows) o.max_rows = RIG_ROWS;
    if (!o.max_sequence) o.max_sequence = RIG_ROWS;
    if (bnt_net_open(&net, model, pool, &o, &err)) fail_msg("%s", err.message);
    return net;
}

static inline double rig_learn(bnt_net *net, const bnt_batch *b, double share)
{
    bantam_error err;
    double loss = NAN;
    if (bnt_net_learn(net, b, share, &loss, &err)) fail_msg("%s", err.message);
    return loss;
}

/* All gradients one after the other; the caller frees them. */
static inline float *rig_gradients(const bnt_net *net, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < bnt_net_n_params(net); i++) {
        *n += bnt_net_param(net, i)->n;
    }
    float *const out = malloc(*n * sizeof *out);
    assert_non_null(out);
    size_t at = 0;
    for (size_t i = 0; i < bnt_net_n_params(net); i++) {
        const bnt_param *const p = bnt_net_param(net, i);
        memcpy(out + at, p->g, p->n * sizeof *out);
        at += p->n;
    }
    return out;
}

#endif
