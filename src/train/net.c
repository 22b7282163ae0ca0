/* net.c - a net opened: what learns is found and named, and all memory is taken at once.
 *
 * Gradients lie in the order of the parameters, so that those of matrices which are multiplied
 * as one lie as these do. Adapters keep the factors A of one input together. */
#include "train/net.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "base/rng.h"
#include "model/rope.h"
#include "train/net_parts.h"

enum {
    LOGITS = 1 << 20,      /* as many at a time as stay in the caches, */
    HEAD_ROWS_LEAST = 128, /* but rows enough to be worth a frozen head's decoding */
    HEAD_ROWS_MOST = 1024
};

/* The matrices of a layer that each linear layer has; bit i of targets is place i. */
static const struct {
    uint32_t first, n;
} linears[BNT_NET_LINEARS] = {
    {BNT_PLACE_Q, 3}, {BNT_PLACE_O, 1}, {BNT_PLACE_GATE, 2}, {BNT_PLACE_DOWN, 1}};

static bool has_adapter(const bnt_net *net, uint32_t place)
{
    return net->options.learns == BNT_LEARNS_ADAPTER && (net->options.targets >> place & 1u);
}

/* Columns of the low rows of a linear layer. */
static uint32_t low_width(const bnt_net *net, uint32_t linear)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < linears[linear].n; i++) {
        n += has_adapter(net, linears[linear].first + i) ? net->options.rank : 0;
    }
    return n;
}

/* ---- counting ------------------------------------------------------------------------------
 */

static size_t count_params(const bnt_net *net)
{
    const bnt_config *const c = &net->model->config;
    size_t n = 0;
    switch (net->options.learns) {
    case BNT_LEARNS_ALL: /* embedding, last norm, head; matrices and two norms of each layer */
        return (c->tied ? 2u : 3u) + (size_t)c->n_layers * (BNT_PLACES + 2);
    case BNT_LEARNS_ADAPTER:
        for (uint32_t i = 0; i < BNT_PLACES; i++) {
            n += has_adapter(net, i) ? 2 : 0;
        }
        return n * c->n_layers;
    case BNT_LEARNS_NOTHING:
        break;
    }
    return 0;
}

/* The model is in memory, so its weights can be counted; factors are fewer than 2^31 rows and
 * columns times a rank of at most BNT_MAX_RANK. */
static uint64_t count_learning(const bnt_net *net)
{
    const bnt_model *const m = net->model;
    const bnt_config *const c = &m->config;
    uint64_t n = 0;
    for (uint32_t l = 0; l < c->n_layers; l++) {
        for (uint32_t i = 0; i < BNT_PLACES; i++) {
            const bnt_matrix *const w = bnt_layer_matrix(&m->layers[l], (bnt_place)i);
            if (net->options.learns == BNT_LEARNS_ALL) n += (uint64_t)w->rows * w->columns;
            if (has_adapter(net, i)) n += ((uint64_t)w->rows + w->columns) * net->options.rank;
        }
    }
    if (net->options.learns == BNT_LEARNS_ALL) {
        n += (2 * (uint64_t)c->n_layers + 1) * c->n_embd;
        n += (c->tied ? 1u : 2u) * (uint64_t)c->n_vocab * c->n_embd;
    }
    return n;
}

/* ---- memory ------------------------------------------------------------------------------ */

static bool learns(const bnt_net *net)
{
    return net->options.learns != BNT_LEARNS_NOTHING;
}

static void take_trace(bnt_taker *t, const bnt_net *net, bnt_trace *out)
{
    const bnt_config *const c = &net->model->config;
    const size_t n = net->options.max_rows;
    bnt_trace own = {.normed = bnt_take_floats(t, n, c->n_embd),
                     .qkv = bnt_take_floats(t, n, net->qkv),
                     .max = bnt_take_floats(t, n, c->n_heads),
                     .share = bnt_take_floats(t, n, c->n_heads),
                     .a = bnt_take_floats(t, n, net->heads),
                     .mid = bnt_take_floats(t, n, c->n_embd),
                     .normed_mid = bnt_take_floats(t, n, c->n_embd),
                     .gate_up = bnt_take_floats(t, n, 2 * (size_t)c->n_ffn),
                     .h = bnt_take_floats(t, n, c->n_ffn)};
    for (uint32_t i = 0; i < BNT_NET_LINEARS; i++) {
        own.low[i] = bnt_take_floats(t, n, low_width(net, i));
    }
    if (out) *out = own;
}

static void take_work(bnt_taker *t, const bnt_net *net, bnt_net_work *out)
{
    const size_t longest = net->options.max_sequence;
    const size_t padded = (longest + 15) & ~(size_t)15;
    bnt_net_work own = {.pack = bnt_take(t, 1, bnt_matmul_pack_bytes(&net->learn)),
                        .scores = bnt_take_floats(t, BNT_NET_QUERIES, padded)};
    if (learns(net)) {
        own.d_scores = bnt_take_floats(t, BNT_NET_QUERIES, padded);
        own.dk = bnt_take_floats(t, longest, net->model->config.head_dim);
        own.dv = bnt_take_floats(t, longest, net->model->config.head_dim);
    }
    if (out) *out = own;
}

/* What the way back needs beyond the traces. */
static void take_gradients(bnt_taker *t, bnt_net *net)
{
    const bnt_config *const c = &net->model->config;
    const size_t n = net->options.max_rows;
    uint32_t low = 0;
    for (uint32_t i = 0; i < BNT_NET_LINEARS; i++) {
        if (low_width(net, i) > low) low = low_width(net, i);
    }
    net->dx = bnt_take_floats(t, n, c->n_embd);
    net->d_normed = bnt_take_floats(t, n, c->n_embd);
    net->d_wide = bnt_take_floats(t, n, c->n_ffn > net->heads ? c->n_ffn : net->heads);
    net->d_low = bnt_take_floats(t, n, low);
    net->gradients = bnt_take_floats(t, net->n_learning, 1);
    if (net->options.learns == BNT_LEARNS_ALL) {
        net->partial = bnt_take_floats(t, bnt_net_blocks(net->options.max_rows), c->n_embd);
    } else {
        net->factors = bnt_take_floats(t, net->n_learning, 1);
    }
}

static void take_all(bnt_taker *t, bnt_net *net)
{
    const bnt_config *const c = &net->model->config;
    const size_t n = net->options.max_rows;
    const size_t angles = c->rope_dims / 2;

    net->layers = bnt_take(t, c->n_layers, sizeof *net->layers);
    net->params = bnt_take(t, net->n_params, sizeof *net->params);
    net->inputs = bnt_take_floats(t, net->n_inputs * n, c->n_embd);
    net->traces = bnt_take(t, net->n_traces, sizeof *net->traces);
    for (uint32_t i = 0; i < net->n_traces && !t->failed; i++) {
        take_trace(t, net, net->traces ? &net->traces[i] : NULL);
    }
    net->cosines = bnt_take_floats(t, net->options.max_sequence, angles);
    net->sines = bnt_take_floats(t, net->options.max_sequence, angles);
    net->minus_sines = bnt_take_floats(t, net->options.max_sequence, angles);
    net->work = bnt_take(t, net->n_threads, sizeof *net->work);
    for (uint32_t i = 0; i < net->n_threads && !t->failed; i++) {
        take_work(t, net, net->work ? &net->work[i] : NULL);
    }
    net->strip = bnt_take_floats(t, net->strip_floats, 1);
    net->live = bnt_take(t, n, sizeof *net->live);
    net->shares = bnt_take_floats(t, n, 1);
    net->losses = bnt_take(t, n, sizeof *net->losses);
    net->final = bnt_take_floats(t, n, c->n_embd);
    net->logits = bnt_take_floats(t, net->head_rows, c->n_vocab);
    if (learns(net)) take_gradients(t, net);
}

/* Every number that the memory depends on. */
static void measure(bnt_net *net, const bnt_model *model, const bnt_net_options *options,
                    uint32_t n_threads)
{
    const bnt_config *const c = &model->config;
    *net = (bnt_net){.model = model, .options = *options, .n_threads = n_threads};
    bnt_learn_kernels_init(&net->learn, bnt_cpu_flags());
    if (net->options.max_sequence > options->max_rows) {
        net->options.max_sequence = options->max_rows;
    }
    net->heads = c->n_heads * c->head_dim;
    net->kv = c->n_kv_heads * c->head_dim;
    net->qkv = net->heads + 2 * net->kv;
    net->n_params = count_params(net);
    const uint64_t n_learning = count_learning(net);
    net->n_learning = n_learning < SIZE_MAX ? (size_t)n_learning : SIZE_MAX;
    net->n_inputs = learns(net) ? c->n_layers + 1 : 1;
    net->n_traces = learns(net) && !options->recompute ? c->n_layers : 1;
    net->strip_floats = bnt_net_strip_floats(model);

    uint32_t rows = LOGITS / c->n_vocab;
    if (rows < HEAD_ROWS_LEAST) rows = HEAD_ROWS_LEAST;
    if (rows > HEAD_ROWS_MOST) rows = HEAD_ROWS_MOST;
    net->head_rows = rows < options->max_rows ? rows : options->max_rows;
}

size_t bnt_net_cost(const bnt_model *model, const bnt_net_options *options, uint32_t n_threads)
{
    bnt_net net;
    bnt_taker t = {0};
    measure(&net, model, options, n_threads);
    take_all(&t, &net);
    size_t cost = 0;
    const size_t fixed = sizeof net + bnt_matmul_bytes(&net.learn, n_threads);
    return bnt_add_size(bnt_taker_cost(&t), fixed, &cost) ? cost : SIZE_MAX;
}

/* ---- what learns ------------------------------------------------------------------------- */

/* Parameters and their gradients, handed out in order. */
typedef struct giving {
    bnt_net *net;
    size_t n_params, n_gradients, n_factors;
} giving;

static bnt_param *add_param(giving *v, float *w, float *g, uint32_t rows, uint32_t columns)
{
    bnt_param *const p = &v->net->params[v->n_params++];
    *p = (bnt_param){.w = w,
                     .g = g,
                     .n = (size_t)rows * columns,
                     .rows = rows,
                     .columns = columns,
                     .decays = rows > 1,
                     .place = BNT_PLACES};
    return p;
}

/* A weight of the model's own memory, and the gradient it gets. */
static bnt_param *learn_weight(giving *v, const float *w, uint32_t rows, uint32_t columns)
{
    float *const g = v->net->gradients + v->n_gradients;
    v->n_gradients += (size_t)rows * columns;
    return add_param(v, (float *)w, g, rows, columns);
}

/* A weight outside of the layers. */
static float *learn_outside(giving *v, const float *w, uint32_t rows, const char *name)
{
    bnt_param *const p = learn_weight(v, w, rows, v->net->model->config.n_embd);
    snprintf(p->name, sizeof p->name, "%s", name);
    return p->g;
}

static void name_in_layer(bnt_param *p, uint32_t layer, const char *suffix, const char *end)
{
    p->layer = layer;
    snprintf(p->name, sizeof p->name, "%s%" PRIu32 ".%s%s", bnt_names_at(0)->layer, layer,
             suffix, end);
}

static void name_matrix(bnt_param *p, uint32_t layer, bnt_place place, const char *end)
{
    p->place = place;
    name_in_layer(p, layer, bnt_names_at(0)->matrices[place], end);
}

/* Factors B follow all factors A of their linear layer; the parameters alternate. */
static void learn_factors(giving *v, bnt_net_linear *l, uint32_t layer, uint32_t first)
{
    bnt_net *const net = v->net;
    const uint32_t rank = net->options.rank;
    float *a = net->factors + v->n_factors, *ga = net->gradients + v->n_factors;
    const size_t of_a = (size_t)l->low * l->columns;
    size_t at_b = of_a, at_a = 0;

    l->a = a;
    l->ga = ga;
    for (uint32_t i = 0; i < l->n_parts; i++) {
        bnt_net_part *const part = &l->parts[i];
        const bnt_place place = (bnt_place)(first + i);
        if (!has_adapter(net, place)) continue;
        part->b = a + at_b;
        part->gb = ga + at_b;
        bnt_param *const of_rank = add_param(v, a + at_a, ga + at_a, rank, l->columns);
        name_matrix(of_rank, layer, place, ".lora_a");
        bnt_param *const of_rows = add_param(v, part->b, part->gb, part->w->rows, rank);
        name_matrix(of_rows, layer, place, ".lora_b");
        of_rows->factor = BNT_FACTOR_B;
        at_a += (size_t)rank * l->columns;
        at_b += (size_t)rank * part->w->rows;
    }
    v->n_factors += at_b;
}

/* Parts that are floats one behind the other are one matrix. */
static const float *joined(const bnt_net_linear *l)
{
    const float *const first = bnt_net_floats(l->parts[0].w);
    for (uint32_t i = 1; i < l->n_parts && first; i++) {
        const bnt_matrix *const w = l->parts[i].w;
        const uint8_t *const expected =
            l->parts[0].w->data + (size_t)l->parts[i].at * l->columns * sizeof(float);
        if (!bnt_net_floats(w) || w->data != expected) return NULL;
    }
    return first;
}

static void add_part(bnt_net_linear *l, const bnt_matrix *w, uint32_t low)
{
    l->parts[l->n_parts++] = (bnt_net_part){.w = w, .at = l->rows, .low_at = l->low};
    l->rows += w->rows;
    l->columns = w->columns;
    l->low += low;
}

static void open_layer(giving *v, uint32_t index)
{
    bnt_net *const net = v->net;
    const bnt_layer *const from = &net->model->layers[index];
    bnt_net_layer *const to = &net->layers[index];
    *to = (bnt_net_layer){.attn_norm = from->attn_norm, .ffn_norm = from->ffn_norm};

    for (uint32_t i = 0; i < BNT_NET_LINEARS; i++) {
        bnt_net_linear *const l = &to->linears[i];
        for (uint32_t j = 0; j < linears[i].n; j++) {
            const bnt_place place = (bnt_place)(linears[i].first + j);
            add_part(l, bnt_layer_matrix(from, place),
                     has_adapter(net, place) ? net->options.rank : 0);
        }
        l->floats = joined(l);
        if (l->low) learn_factors(v, l, index, linears[i].first);
    }
}

/* A norm, and the linear layers that follow it. */
static float *learn_half(giving *v, uint32_t index, const float *norm, const char *norm_suffix,
                         uint32_t first, uint32_t end)
{
    bnt_net *const net = v->net;
    bnt_param *const p = learn_weight(v, norm, 1, net->model->config.n_embd);
    name_in_layer(p, index, norm_suffix, "");
    for (uint32_t i = first; i < end; i++) {
        bnt_net_linear *const l = &net->layers[index].linears[i];
        l->g = net->gradients + v->n_gradients;
        for (uint32_t j = 0; j < l->n_parts; j++) {
            const bnt_matrix *const w = l->parts[j].w;
            name_matrix(learn_weight(v, bnt_net_floats(w), w->rows, w->columns), index,
                        (bnt_place)(linears[i].first + j), "");
        }
    }
    return p->g;
}

static void learn_all(giving *v)
{
    bnt_net *const net = v->net;
    const bnt_model *const m = net->model;
    const bnt_config *const c = &m->config;
    const bnt_names *const names = bnt_names_at(0);

    net->g_embed = learn_outside(v, bnt_net_floats(&m->embed), c->n_vocab, names->embed);
    for (uint32_t i = 0; i < c->n_layers; i++) {
        bnt_net_layer *const l = &net->layers[i];
        l->g_attn_norm =
            learn_half(v, i, l->attn_norm, names->attn_norm, BNT_NET_QKV, BNT_NET_O + 1);
        l->g_ffn_norm =
            learn_half(v, i, l->ffn_norm, names->ffn_norm, BNT_NET_GATE_UP, BNT_NET_DOWN + 1);
    }
    net->g_output_norm = learn_outside(v, m->output_norm, 1, names->output_norm);
    net->head.g = net->g_embed;
    if (c->tied) return;
    net->head.g = learn_outside(v, bnt_net_floats(&m->head), c->n_vocab, names->head);
}

/* Factors B begin as 0, so that an adapter begins as nothing. */
static void first_factors(bnt_net *net)
{
    bnt_rng rng;
    bnt_rng_seed(&rng, net->options.seed);
    memset(net->factors, 0, net->n_learning * sizeof *net->factors);
    for (size_t i = 0; i < net->n_params; i += 2) {
        const bnt_param *const a = &net->params[i];
        const double bound = 1.0 / sqrt((double)a->columns);
        for (size_t j = 0; j < a->n; j++) {
            a->w[j] = (float)(bound * (2.0 * bnt_rng_f64(&rng) - 1.0));
        }
    }
}

static void find_lowest(bnt_net *net)
{
    net->lowest = -1;
    for (int i = 0; i < BNT_NET_LINEARS && net->options.learns == BNT_LEARNS_ADAPTER; i++) {
        net->lowest = i;
        if (low_width(net, (uint32_t)i)) return;
    }
}

/* ---- open and close ------------------------------------------------------------------------
 */

static bantam_status check_adapter(const bnt_net_options *o, bantam_error *err)
{
    if (o->rank < 1 || o->rank > BNT_MAX_RANK) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "rank of an adapter: expected 1 to %d, found %" PRIu32, BNT_MAX_RANK,
                        o->rank);
    }
    if (!isfinite(o->scale)) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "scale of an adapter: expected a number, found %g", (double)o->scale);
    }
    if (o->targets < 1 || o->targets > BNT_TARGET_ALL) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "targets of an adapter: expected 1 to %d, found %u", BNT_TARGET_ALL,
                        o->targets);
    }
    return BANTAM_OK;
}

static bantam_status check_options(const bnt_model *m, const bnt_net_options *o,
                                   bantam_error *err)
{
    const bantam_rope rope = m->config.int8_rope;
    if (o->max_rows < 1 || o->max_sequence < 1) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "rows of a batch and of a sequence: expected 1 or more, found %" PRIu32
                        " and %" PRIu32,
                        o->max_rows, o->max_sequence);
    }
    if (rope == BANTAM_ROPE_CALL || rope == BANTAM_ROPE_TABLE) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "the rounded rope of 8 bits cannot be trained: open the model with the "
                        "float form");
    }
    if (m->config.down_hadamard) {
        return bnt_fail(
            err, BANTAM_ERR_UNSUPPORTED,
            "a model that rotates what its down matrices multiply cannot be trained "
            "or adapted: take the one it was made of");
    }
    return o->learns == BNT_LEARNS_ADAPTER ? check_adapter(o, err) : BANTAM_OK;
}

/* Whatever learns is floats of bnt_net_model_new(). */
static bantam_status check_own(const bnt_net *net, bantam_error *err)
{
    const bnt_model *const m = net->model;
    bool own = !m->archive && bnt_net_floats(&m->embed) && bnt_net_floats(&m->head);
    for (uint32_t i = 0; i < m->config.n_layers; i++) {
        for (uint32_t j = 0; j < BNT_NET_LINEARS; j++) {
            own = own && net->layers[i].linears[j].floats;
        }
    }
    if (own) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_INVALID,
                    "only a model made in memory can learn as a whole, not one of a file");
}

static bantam_status link(bnt_net *net, bantam_error *err)
{
    const bnt_model *const m = net->model;
    const bnt_span call = {0, net->options.max_sequence};
    const size_t n_angles = (size_t)call.n * (m->config.rope_dims / 2);
    giving v = {.net = net};

    for (uint32_t i = 0; i < m->config.n_layers; i++) {
        open_layer(&v, i);
    }
    add_part(&net->head, &m->head, 0);
    net->head.floats = joined(&net->head);
    find_lowest(net);
    bnt_rope_fill(net->cosines, net->sines, m, 0, call.n, call);
    for (size_t i = 0; i < n_angles; i++) {
        net->minus_sines[i] = -net->sines[i];
    }
    if (net->options.learns == BNT_LEARNS_ALL) {
        const bantam_status status = check_own(net, err);
        if (status) return status;
        learn_all(&v);
    }
    if (net->options.learns == BNT_LEARNS_ADAPTER) first_factors(net);
    bnt_net_clear_gradients(net);
    return BANTAM_OK;
}

bantam_status bnt_net_open(bnt_net **out, const bnt_model *model, bnt_pool *pool,
                           const bnt_net_options *options, bantam_error *err)
{
    *out = NULL;
    bantam_status status = check_options(model, options, err);
    if (status) return status;
    bnt_net *const net = bnt_alloc(sizeof *net);
    if (!net) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a net");

    measure(net, model, options, bnt_pool_threads(pool));
    net->pool = pool;
    bnt_taker t = {0};
    take_all(&t, net);
    status = bnt_arena_init(&net->arena, bnt_taker_cost(&t), err);
    if (!status) status = bnt_matmul_init(&net->mm, &net->learn, pool, err);
    if (status) goto fail;

    t = (bnt_taker){.arena = &net->arena};
    take_all(&t, net);
    status = link(net, err);
    if (status) goto fail;
    *out = net;
    return BANTAM_OK;

fail:
    bnt_net_close(net);
    return status;
}

void bnt_net_close(bnt_net *net)
{
    if (!net) return;
    bnt_matmul_deinit(&net->mm);
    bnt_arena_deinit(&net->arena);
    bnt_free(net);
}

size_t bnt_net_n_params(const bnt_net *net)
{
    return net->n_params;
}

const bnt_param *bnt_net_param(const bnt_net *net, size_t index)
{
    return &net->params[index];
}

void bnt_net_clear_gradients(bnt_net *net)
{
    if (net->gradients) memset(net->gradients, 0, net->n_learning * sizeof *net->gradients);
}
