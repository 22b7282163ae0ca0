/* Tests of train/net*.c: whole models that learn. Every gradient against finite differences in
 * double arithmetic, the loss against the library's own forward pass, the same bits for any
 * number of threads and with activations made again, and what is refused. Adapters have
 * test_net_adapter.c. */
#include "forward_rig.h"
#include "net_mirror.h"
#include "tiny_model.h"

static const bnt_net_options all = {.learns = BNT_LEARNS_ALL};

/* ---- gradients --------------------------------------------------------------------------- */

static const bnt_config shapes[] = {
    {.tied = true},
    {.tied = false, .act = BNT_ACT_RELU, .pairing = BNT_PAIR_HALVES},
    {.tied = true,
     .n_layers = 3,
     .n_heads = 2,
     .n_kv_heads = 1,
     .head_dim = 8,
     .rope_dims = 4,
     .pairing = BNT_PAIR_HALVES,
     .window_tokens = 3,
     .windowed = {false, true, true}},
    {.tied = false,
     .n_layers = 1,
     .n_heads = 3,
     .n_kv_heads = 3,
     .head_dim = 4,
     .rope_dims = 2,
     .act = BNT_ACT_RELU,
     .query_scale_beta = 0.5,
     .query_scale_original = 2},
    {.tied = true, .scaling = BNT_ROPE_LINEAR, .scale_factor = 3.0},
    {.tied = true,
     .pairing = BNT_PAIR_HALVES,
     .scaling = BNT_ROPE_YARN,
     .scale_factor = 4.0,
     .original_context_tokens = 8,
     .beta_fast = 32.0,
     .beta_slow = 1.0,
     .attention_factor = 1.3},
    {.tied = true,
     .scaling = BNT_ROPE_LLAMA3,
     .scale_factor = 8.0,
     .low_freq_factor = 1.0,
     .high_freq_factor = 4.0,
     .original_context_tokens = 16}};
enum { N_SHAPES = sizeof shapes / sizeof shapes[0] };

static const uint32_t lengths[] = {5, 1, 4, 0};

static void every_gradient_is_the_slope_of_the_loss(void **state)
{
    (void)state;
    bnt_pool *const pool = rig_pool(2);
    for (size_t i = 0; i < N_SHAPES; i++) {
        const bnt_config c = rig_config(shapes[i]);
        bnt_model *const model = rig_model(&c, 10 + i);
        bnt_net *const net = rig_net(model, pool, all);
        rig_batch b;
        mirror m;
        mirror_open(&m, model);
        rig_batch_fill(&b, c.n_vocab, lengths);
        const double loss = rig_learn(net, &b.batch, 1.0);
        assert_true(fabs(loss - mirror_loss(&m, &b.batch, NULL)) < 1e-5);
        check_gradients(&m, net, &b.batch, i == 0 ? 40 : 10);
        mirror_close(&m);
        bnt_net_close(net);
        bnt_net_model_free(model);
    }
    bnt_pool_close(pool);
}

/* More queries than are looked at in one go, more keys than a window. */
static void gradients_hold_over_many_blocks_of_rows(void **state)
{
    (void)state;
    static const uint32_t long_ones[] = {70, 66, 0};
    const bnt_config shape = {.tied = true,
                              .n_layers = 2,
                              .n_embd = 6,
                              .n_heads = 2,
                              .n_kv_heads = 1,
                              .head_dim = 4,
                              .n_ffn = 5,
                              .n_vocab = 9,
                              .window_tokens = 67,
                              .windowed = {true, false}};
    const bnt_config c = rig_config(shape);
    bnt_pool *const pool = rig_pool(2);
    bnt_model *const model = rig_model(&c, 3);
    bnt_net *const net = rig_net(model, pool, all);
    rig_batch b;
    mirror m;
    mirror_open(&m, model);
    rig_batch_fill(&b, c.n_vocab, long_ones);
    rig_learn(net, &b.batch, 1.0);
    check_gradients(&m, net, &b.batch, 2);
    mirror_close(&m);
    bnt_net_close(net);
    bnt_net_model_free(model);
    bnt_pool_close(pool);
}

static void near_all(const float *found, const float *expected, size_t n)
{
    const double largest = (double)rig_largest(expected, n);
    assert_true(largest > 0.0);
    for (size_t i = 0; i < n; i++) {
        const double off = fabs((double)found[i] - (double)expected[i]);
        assert_true(off <= 1e-5 * largest);
    }
}

/* Two batches with their shares are one: also where the head takes its rows in several goes,
 * which it does for so large a vocabulary. */
static void shares_of_a_step_add_up(void **state)
{
    (void)state;
    static const uint32_t both[] = {75, 75, 0}, one[] = {75, 0};
    const bnt_config shape = {.tied = true,
                              .n_layers = 1,
                              .n_embd = 4,
                              .n_heads = 1,
                              .n_kv_heads = 1,
                              .head_dim = 2,
                              .n_ffn = 3,
                              .n_vocab = 8200};
    const bnt_config c = rig_config(shape);
    bnt_pool *const pool = rig_pool(2);
    bnt_model *const model = rig_model(&c, 3);
    bnt_net *const net = rig_net(model, pool, all);
    rig_batch whole, first, second;
    double sums[2] = {0.0, 0.0};
    size_t n = 0;

    rig_batch_fill(&whole, c.n_vocab, both);
    rig_batch_fill(&first, c.n_vocab, one);
    rig_batch_fill(&second, c.n_vocab, one);
    memcpy(second.tokens, whole.tokens + 75, 75 * sizeof *second.tokens);
    memcpy(second.targets, whole.targets + 75, 75 * sizeof *second.targets);
    memcpy(second.weights, whole.weights + 75, 75 * sizeof *second.weights);
    for (int i = 0; i < 75; i++) {
        sums[0] += (double)first.weights[i];
        sums[1] += (double)second.weights[i];
    }
    const double share = sums[0] / (sums[0] + sums[1]);
    const double loss = rig_learn(net, &whole.batch, 1.0);
    float *const expected = rig_gradients(net, &n);
    bnt_net_clear_gradients(net);
    const double parts = share * rig_learn(net, &first.batch, share) +
                         (1.0 - share) * rig_learn(net, &second.batch, 1.0 - share);
    float *const found = rig_gradients(net, &n);
    assert_true(fabs(loss - parts) < 1e-6);
    near_all(found, expected, n);
    free(expected);
    free(found);
    bnt_net_close(net);
    bnt_net_model_free(model);
    bnt_pool_close(pool);
}

/* ---- the loss ---------------------------------------------------------------------------- */

/* -ln p(target) out of a row of logits. */
static double loss_of(const float *logits, uint32_t n_vocab, uint32_t target)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < n_vocab; i++) {
        sum += exp((double)logits[i]);
    }
    return log(sum) - (double)logits[target];
}

static void the_loss_is_that_of_the_librarys_own_pass(void **state)
{
    (void)state;
    enum { N = 90 };
    static const uint32_t one[] = {N, 0};
    const char *const path = tiny_path("net.gguf");
    const tiny_pair window[] = {tiny_u32("llama.attention.sliding_window", 16), {0}};
    const tiny_pair relu[] = {tiny_bool("phonelm.rope.int8", false), {0}};
    const tiny_spec specs[] = {{.n_heads = 6, .n_kv_heads = 2, .head_dim = 10},
                               {.pairs = window, .n_layers = 3, .untied = true},
                               {.arch = "phonelm", .pairs = relu, .n_ffn = 70}};
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        rig r;
        rig_batch b;
        float rows[N];
        double loss = 0.0, sum = 0.0, weights = 0.0;
        bantam_error err;
        tiny_write(path, &specs[i]);
        rig_open(&r, path, (rig_options){.rope = BANTAM_ROPE_FLOAT});
        const uint32_t n_vocab = r.model->config.n_vocab;
        float *const logits = malloc((size_t)N * n_vocab * sizeof *logits);
        assert_non_null(logits);
        bnt_net *const net =
            rig_net(r.model, r.pool, (bnt_net_options){.learns = BNT_LEARNS_NOTHING});
        rig_batch_fill(&b, n_vocab, one);
        if (bnt_net_loss(net, &b.batch, &loss, rows, &err)) fail_msg("%s", err.message);
        rig_feed(&r, b.tokens, N, 0, logits, true);
        for (size_t t = 0; t < N; t++) {
            const double expected = loss_of(logits + t * n_vocab, n_vocab, b.targets[t]);
            assert_true(fabs((double)rows[t] - expected) < 1e-4);
            sum += (double)b.weights[t] * expected;
            weights += (double)b.weights[t];
        }
        assert_true(fabs(loss - sum / weights) < 1e-4);
        free(logits);
        bnt_net_close(net);
        rig_close(&r);
    }
    unlink(path);
}

static void rows_that_are_masked_have_a_loss_too_but_no_say(void **state)
{
    (void)state;
    const bnt_config c = rig_config(shapes[0]);
    bnt_pool *const pool = rig_pool(1);
    bnt_model *const model = rig_model(&c, 4);
    bnt_net *const net = rig_net(model, pool, all);
    rig_batch b;
    mirror m;
    float found[RIG_ROWS];
    double expected[RIG_ROWS], with = 0.0, without = 0.0;
    mirror_open(&m, model);
    rig_batch_fill(&b, c.n_vocab, lengths);
    mirror_loss(&m, &b.batch, expected);
    assert_int_equal(bnt_net_loss(net, &b.batch, &with, found, NULL), BANTAM_OK);
    assert_int_equal(bnt_net_loss(net, &b.batch, &without, NULL, NULL), BANTAM_OK);
    assert_memory_equal(&with, &without, sizeof with);
    for (uint32_t i = 0; i < b.batch.n_rows; i++) {
        assert_true(fabs((double)found[i] - expected[i]) < 1e-5);
    }
    const double learned = rig_learn(net, &b.batch, 1.0);
    assert_memory_equal(&learned, &without, sizeof without);
    mirror_close(&m);
    bnt_net_close(net);
    bnt_net_model_free(model);
    bnt_pool_close(pool);
}

/* ---- the same bits ----------------------------------------------------------------------- */

static void threads_and_recomputing_change_no_bit(void **state)
{
    (void)state;
    static const uint32_t some[] = {66, 3, 30, 0};
    static const struct {
        uint32_t threads;
        bool recompute;
    } runs[] = {{1, false}, {2, false}, {3, false}, {1, true}, {3, true}};
    const bnt_config shape = {.tied = true,
                              .n_layers = 3,
                              .n_embd = 64,
                              .n_heads = 4,
                              .n_kv_heads = 2,
                              .head_dim = 16,
                              .n_ffn = 80,
                              .n_vocab = 300,
                              .window_tokens = 20,
                              .windowed = {false, true, false}};
    const bnt_config c = rig_config(shape);
    float *expected = NULL;
    double loss = 0.0;
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        bnt_pool *const pool = rig_pool(runs[i].threads);
        bnt_model *const model = rig_model(&c, 5);
        bnt_net *const net = rig_net(
            model, pool,
            (bnt_net_options){.learns = BNT_LEARNS_ALL, .recompute = runs[i].recompute});
        rig_batch b;
        size_t n = 0;
        rig_batch_fill(&b, c.n_vocab, some);
        const double found_loss = rig_learn(net, &b.batch, 1.0);
        float *const found = rig_gradients(net, &n);
        if (i == 0) {
            expected = found;
            loss = found_loss;
        } else {
            assert_memory_equal(found, expected, n * sizeof *found);
            assert_memory_equal(&found_loss, &loss, sizeof loss);
            free(found);
        }
        bnt_net_close(net);
        bnt_net_model_free(model);
        bnt_pool_close(pool);
    }
    free(expected);
}

/* ---- memory ------------------------------------------------------------------------------ */

static void every_failed_allocation_is_reported(void **state)
{
    (void)state;
    const bnt_config c = rig_config(shapes[1]);
    const bnt_net_options o = {.learns = BNT_LEARNS_ALL, .max_rows = 20, .max_sequence = 20};
    bnt_pool *const pool = rig_pool(2);
    const int64_t live = bnt_mem_live();
    bnt_model *model = NULL;
    bnt_net *net = NULL;
    bantam_error err;
    uint64_t n = 0;
    do {
        bnt_mem_fail_after(n++);
        const bantam_status status = bnt_net_model_new(&model, &c, 1, &err);
        assert_int_equal(status, model ? BANTAM_OK : BANTAM_ERR_NOMEM);
        if (!model) assert_int_equal(bnt_mem_live(), live);
    } while (!model && n < 100);
    assert_non_null(model);
    const int64_t with_model = bnt_mem_live();
    n = 0;
    do {
        bnt_mem_fail_after(n++);
        const bantam_status status = bnt_net_open(&net, model, pool, &o, &err);
        assert_int_equal(status, net ? BANTAM_OK : BANTAM_ERR_NOMEM);
        if (!net) assert_int_equal(bnt_mem_live(), with_model);
    } while (!net && n < 100);
    bnt_mem_fail_after(UINT64_MAX);
    assert_non_null(net);
    bnt_net_close(net);
    bnt_net_close(NULL);
    bnt_net_model_free(model);
    bnt_net_model_free(NULL);
    assert_int_equal(bnt_mem_live(), live);
    bnt_pool_close(pool);
}

static void a_net_costs_what_is_said_and_learning_nothing_more(void **state)
{
    (void)state;
    const bnt_config c = rig_config(shapes[2]);
    bnt_pool *const pool = rig_pool(2);
    bnt_model *const model = rig_model(&c, 6);
    size_t costs[3] = {0};
    for (int i = 0; i < 3; i++) {
        const bnt_net_options o = {.learns = i < 2 ? BNT_LEARNS_ALL : BNT_LEARNS_NOTHING,
                                   .recompute = i == 1,
                                   .max_rows = RIG_ROWS,
                                   .max_sequence = 40};
        const int64_t before = bnt_mem_live_bytes();
        bnt_net *const net = rig_net(model, pool, o);
        rig_batch b;
        double loss = 0.0;
        costs[i] = bnt_net_cost(model, &o, 2);
        assert_int_equal(bnt_mem_live_bytes() - before, costs[i]);
        const uint64_t taken = bnt_mem_allocations();
        rig_batch_fill(&b, c.n_vocab, lengths);
        if (i < 2) rig_learn(net, &b.batch, 1.0);
        assert_int_equal(bnt_net_loss(net, &b.batch, &loss, NULL, NULL), BANTAM_OK);
        assert_int_equal(bnt_mem_allocations(), taken);
        bnt_net_close(net);
    }
    assert_true(costs[1] < costs[0]);
    assert_true(costs[2] < costs[1]);
    bnt_net_model_free(model);
    bnt_pool_close(pool);
}

/* ---- models in memory ----------------------------------------------------------------------
 */

static void a_new_model_has_the_deviations_it_should(void **state)
{
    (void)state;
    const bnt_config shape = {.n_layers = 2, .n_embd = 64, .n_ffn = 128, .n_vocab = 200};
    const bnt_config c = rig_config(shape);
    bnt_model *m = NULL, *same = NULL;
    assert_int_equal(bnt_net_model_new(&m, &c, 7, NULL), BANTAM_OK);
    assert_int_equal(bnt_net_model_new(&same, &c, 7, NULL), BANTAM_OK);
    const struct {
        const bnt_matrix *w, *same;
        double expected;
    } matrices[] = {{&m->embed, &same->embed, 0.02},
                    {&m->head, &same->head, 0.02},
                    {&m->layers[1].q, &same->layers[1].q, 0.02},
                    {&m->layers[0].up, &same->layers[0].up, 0.02},
                    {&m->layers[1].o, &same->layers[1].o, 0.01},
                    {&m->layers[0].down, &same->layers[0].down, 0.01}};
    for (size_t i = 0; i < sizeof matrices / sizeof matrices[0]; i++) {
        const bnt_matrix *const w = matrices[i].w;
        const float *const x = (const float *)(const void *)w->data;
        const size_t n = (size_t)w->rows * w->columns;
        double sum = 0.0;
        for (size_t j = 0; j < n; j++) {
            sum += (double)x[j] * (double)x[j];
        }
        /* Of 1500 values or more: the estimate is within a tenth by five deviations. */
        assert_true(fabs(sqrt(sum / (double)n) / matrices[i].expected - 1.0) < 0.1);
        assert_memory_equal(w->data, matrices[i].same->data, n * sizeof *x);
    }
    for (size_t i = 0; i < 5 * 64; i++) {
        assert_true(m->floats[i] == 1.0f);
    }
    assert_ptr_not_equal(m->embed.data, m->head.data);
    assert_int_equal(m->n_params,
                     2 * 200 * 64 + 2 * (2 * 24 * 64 + 2 * 12 * 64 + 3 * 128 * 64) + 5 * 64);
    assert_int_equal(bnt_model_check(m, NULL), BANTAM_OK);
    bnt_net_model_free(m);
    bnt_net_model_free(same);
}

static void parameters_have_the_names_and_shapes_of_files(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t rows, columns;
        bnt_place place;
    } expected[] = {{"token_embd.weight", 17, 10, BNT_PLACES},
                    {"blk.0.attn_norm.weight", 1, 10, BNT_PLACES},
                    {"blk.0.attn_q.weight", 12, 10, BNT_PLACE_Q},
                    {"blk.0.attn_k.weight", 12, 10, BNT_PLACE_K},
                    {"blk.0.attn_v.weight", 12, 10, BNT_PLACE_V},
                    {"blk.0.attn_output.weight", 10, 12, BNT_PLACE_O},
                    {"blk.0.ffn_norm.weight", 1, 10, BNT_PLACES},
                    {"blk.0.ffn_gate.weight", 13, 10, BNT_PLACE_GATE},
                    {"blk.0.ffn_up.weight", 13, 10, BNT_PLACE_UP},
                    {"blk.0.ffn_down.weight", 10, 13, BNT_PLACE_DOWN},
                    {"output_norm.weight", 1, 10, BNT_PLACES},
                    {"output.weight", 17, 10, BNT_PLACES}};
    const bnt_config c = rig_config(shapes[3]);
    bnt_pool *const pool = rig_pool(1);
    bnt_model *const model = rig_model(&c, 8);
    bnt_net *const net = rig_net(model, pool, all);
    assert_int_equal(bnt_net_n_params(net), sizeof expected / sizeof expected[0]);
    for (size_t i = 0; i < bnt_net_n_params(net); i++) {
        const bnt_param *const p = bnt_net_param(net, i);
        assert_string_equal(p->name, expected[i].name);
        assert_int_equal(p->rows, expected[i].rows);
        assert_int_equal(p->columns, expected[i].columns);
        assert_int_equal(p->n, expected[i].rows * expected[i].columns);
        assert_int_equal(p->decays, expected[i].rows > 1);
        assert_int_equal(p->layer, 0);
        assert_int_equal(p->place, expected[i].place);
        for (size_t j = 0; j < p->n; j++) {
            assert_true(p->g[j] == 0.0f);
        }
    }
    assert_ptr_equal(bnt_net_param(net, 2)->w, model->layers[0].q.data);
    assert_ptr_equal(bnt_net_param(net, 11)->w, model->head.data);
    bnt_net_close(net);
    bnt_net_model_free(model);
    bnt_pool_close(pool);
}

/* ---- what is refused -----------------------------------------------------------------------
 */

static void configs_that_make_no_model_are_refused(void **state)
{
    (void)state;
    bnt_config bad[6];
    for (size_t i = 0; i < 6; i++) {
        bad[i] = rig_config(shapes[0]);
    }
    bad[0].n_layers = 0;
    bad[1].n_kv_heads = 3;
    bad[2].rope_dims = 8;
    bad[3].n_vocab = 0;
    bad[4].attention_factor = 0.0;
    bad[5].norm_eps = 0.0f;
    for (size_t i = 0; i < 6; i++) {
        bnt_model *m = NULL;
        bantam_error err;
        assert_int_equal(bnt_net_model_new(&m, &bad[i], 1, &err), BANTAM_ERR_FORMAT);
        assert_null(m);
    }
}

static void options_that_cannot_be_are_refused(void **state)
{
    (void)state;
    const bnt_net_options good = {.learns = BNT_LEARNS_ADAPTER,
                                  .rank = 2,
                                  .scale = 1.0f,
                                  .targets = 1,
                                  .max_rows = 4,
                                  .max_sequence = 4};
    bnt_net_options bad[7];
    for (size_t i = 0; i < 7; i++) {
        bad[i] = good;
    }
    bad[0].rank = 0;
    bad[1].rank = 1025;
    bad[2].targets = 0;
    bad[3].targets = 128;
    bad[4].scale = NAN;
    bad[5].max_rows = 0;
    bad[6].max_sequence = 0;
    const bnt_config c = rig_config(shapes[0]);
    bnt_pool *const pool = rig_pool(1);
    bnt_model *const model = rig_model(&c, 8);
    bnt_net *net = NULL;
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(bnt_net_open(&net, model, pool, &bad[i], NULL), BANTAM_ERR_INVALID);
        assert_null(net);
    }
    model->config.int8_rope = BANTAM_ROPE_TABLE;
    assert_int_equal(bnt_net_open(&net, model, pool, &good, NULL), BANTAM_ERR_UNSUPPORTED);
    bnt_net_model_free(model);
    bnt_pool_close(pool);
}

static void a_model_of_a_file_does_not_learn_as_a_whole(void **state)
{
    (void)state;
    const char *const path = tiny_path("file.gguf");
    const tiny_spec spec = {.n_layers = 1};
    const bnt_net_options o = {.learns = BNT_LEARNS_ALL, .max_rows = 4, .max_sequence = 4};
    bnt_net *net = NULL;
    rig r;
    tiny_write(path, &spec);
    rig_open(&r, path, (rig_options){.threads = 1});
    assert_int_equal(bnt_net_open(&net, r.model, r.pool, &o, NULL), BANTAM_ERR_INVALID);
    assert_null(net);
    rig_close(&r);
    unlink(path);
}

/* Changes one thing of a good batch. */
static void spoil(rig_batch *b, int what)
{
    switch (what) {
    case 0:
        b->tokens[3] = 17;
        break;
    case 1:
        b->targets[9] = 17;
        break;
    case 2:
        b->weights[2] = -1.0f;
        break;
    case 3:
        b->weights[2] = NAN;
        break;
    case 4:
        memset(b->weights, 0, sizeof b->weights);
        break;
    case 5:
        b->sequences[1].first = 4;
        break;
    case 6:
        b->sequences[2].n = 5;
        break;
    case 7:
        b->sequences[2].n = 3;
        break;
    case 8:
        b->sequences[1].n = 0;
        break;
    case 9:
        b->batch.n_rows = 0;
        break;
    case 10:
        b->batch.n_sequences = 2;
        break;
    default:
        b->sequences[0] = (bnt_sequence){0, 10}; /* longer than stated */
        b->batch.n_sequences = 1;
        break;
    }
}

static void batches_that_cannot_be_are_refused(void **state)
{
    (void)state;
    const bnt_config c = rig_config(shapes[0]);
    bnt_pool *const pool = rig_pool(1);
    bnt_model *const model = rig_model(&c, 8);
    bnt_net *const net =
        rig_net(model, pool,
                (bnt_net_options){.learns = BNT_LEARNS_ALL, .max_rows = 10, .max_sequence = 5});
    bnt_net *const idle = rig_net(model, pool, (bnt_net_options){.learns = BNT_LEARNS_NOTHING});
    rig_batch b;
    double loss = 0.0;
    for (int i = 0; i < 12; i++) {
        bantam_error err = {0};
        rig_batch_fill(&b, c.n_vocab, lengths);
        spoil(&b, i);
        assert_int_equal(bnt_net_learn(net, &b.batch, 1.0, &loss, &err), BANTAM_ERR_INVALID);
        assert_int_equal(bnt_net_loss(net, &b.batch, &loss, NULL, &err), BANTAM_ERR_INVALID);
        assert_true(err.message[0] != '\0');
    }
    rig_batch_fill(&b, c.n_vocab, lengths);
    assert_int_equal(bnt_net_learn(idle, &b.batch, 1.0, &loss, NULL), BANTAM_ERR_INVALID);
    assert_int_equal(bnt_net_learn(net, &b.batch, 1.0, &loss, NULL), BANTAM_OK);
    bnt_net_close(net);
    bnt_net_close(idle);
    bnt_net_model_free(model);
    bnt_pool_close(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_gradient_is_the_slope_of_the_loss),
        cmocka_unit_test(gradients_hold_over_many_blocks_of_rows),
        cmocka_unit_test(shares_of_a_step_add_up),
        cmocka_unit_test(the_loss_is_that_of_the_librarys_own_pass),
        cmocka_unit_test(rows_that_are_masked_have_a_loss_too_but_no_say),
        cmocka_unit_test(threads_and_recomputing_change_no_bit),
        cmocka_unit_test(every_failed_allocation_is_reported),
        cmocka_unit_test(a_net_costs_what_is_said_and_learning_nothing_more),
        cmocka_unit_test(a_new_model_has_the_deviations_it_should),
        cmocka_unit_test(parameters_have_the_names_and_shapes_of_files),
        cmocka_unit_test(configs_that_make_no_model_are_refused),
        cmocka_unit_test(options_that_cannot_be_are_refused),
        cmocka_unit_test(a_model_of_a_file_does_not_learn_as_a_whole),
        cmocka_unit_test(batches_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
