/* Tests of train/net*.c: adapters that learn beside frozen matrices. Their gradients against
 * finite differences in double arithmetic, whatever they are attached to; frozen matrices of
 * every kind of storage against the same values as floats, bit by bit. */
#include "net_mirror.h"

#include "model/weights.h"
#include "quant/tile.h"

enum { RANK = 3 };
static const float SCALE = 1.5f;
static const uint32_t lengths[] = {6, 1, 4, 0};

static const bnt_net_options adapting = {
    .learns = BNT_LEARNS_ADAPTER, .rank = RANK, .scale = 1.5f, .targets = BNT_TARGET_ALL};

/* B is 0 at first, and then A has no gradient. */
static void fill_factors(const bnt_net *net)
{
    bnt_rng rng;
    bnt_rng_seed(&rng, 11);
    for (size_t i = 0; i < bnt_net_n_params(net); i++) {
        const bnt_param *const p = bnt_net_param(net, i);
        for (size_t j = 0; j < p->n; j++) {
            p->w[j] = (float)(0.3 * bnt_rng_normal(&rng));
        }
    }
}

/* ---- gradients --------------------------------------------------------------------------- */

static void check_targets(const bnt_config *shape, unsigned targets, bool recompute)
{
    const bnt_config c = rig_config(*shape);
    bnt_pool *const pool = rig_pool(2);
    bnt_model *const model = rig_model(&c, 20 + targets);
    bnt_net_options o = adapting;
    o.targets = targets;
    o.recompute = recompute;
    bnt_net *const net = rig_net(model, pool, o);
    rig_batch b;
    mirror m;
    unsigned n_targets = 0;
    for (unsigned rest = targets; rest; rest &= rest - 1) {
        n_targets++;
    }
    assert_int_equal(bnt_net_n_params(net), 2 * n_targets * c.n_layers);
    fill_factors(net);
    mirror_open(&m, model);
    mirror_adapt(&m, net, RANK, (double)SCALE);
    rig_batch_fill(&b, c.n_vocab, lengths);
    const double loss = rig_learn(net, &b.batch, 1.0);
    assert_true(fabs(loss - mirror_loss(&m, &b.batch, NULL)) < 1e-5);
    check_gradients(&m, net, &b.batch, targets == BNT_TARGET_ALL ? 12 : 5);
    mirror_close(&m);
    bnt_net_close(net);
    bnt_net_model_free(model);
    bnt_pool_close(pool);
}

/* Each alone is also the lowest that learns, below which nothing is computed. */
static void gradients_of_each_target_are_slopes_of_the_loss(void **state)
{
    (void)state;
    const bnt_config silu = {.tied = true};
    const bnt_config relu = {.act = BNT_ACT_RELU, .pairing = BNT_PAIR_HALVES, .rope_dims = 4};
    for (unsigned i = 0; i < 7; i++) {
        check_targets(i % 2 ? &relu : &silu, 1u << i, i == 3);
    }
}

static void gradients_of_targets_together_are_slopes_of_the_loss(void **state)
{
    (void)state;
    static const unsigned some[] = {BNT_TARGET_ALL, BNT_TARGET_Q | BNT_TARGET_V,
                                    BNT_TARGET_K | BNT_TARGET_UP | BNT_TARGET_DOWN};
    const bnt_config silu = {
        .n_layers = 3, .window_tokens = 3, .windowed = {true, false, true}};
    const bnt_config relu = {.tied = true, .act = BNT_ACT_RELU, .pairing = BNT_PAIR_HALVES};
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
        check_targets(&silu, some[i], false);
        check_targets(&relu, some[i], true);
    }
}

/* ---- the beginning -------------------------------------------------------------------------
 */

static void an_adapter_begins_as_nothing(void **state)
{
    (void)state;
    const bnt_config c = rig_config((bnt_config){.n_embd = 24});
    bnt_pool *const pool = rig_pool(1);
    bnt_model *const model = rig_model(&c, 5);
    bnt_net *const net = rig_net(model, pool, adapting);
    bnt_net *const plain =
        rig_net(model, pool, (bnt_net_options){.learns = BNT_LEARNS_NOTHING});
    rig_batch b;
    double loss = 0.0, expected = 0.0;
    rig_batch_fill(&b, c.n_vocab, lengths);
    assert_int_equal(bnt_net_loss(net, &b.batch, &loss, NULL, NULL), BANTAM_OK);
    assert_int_equal(bnt_net_loss(plain, &b.batch, &expected, NULL, NULL), BANTAM_OK);
    assert_true(loss == expected);
    assert_int_equal(bnt_net_n_params(plain), 0);
    for (size_t i = 0; i < bnt_net_n_params(net); i += 2) {
        const bnt_param *const p = bnt_net_param(net, i);
        const bnt_param *const q = bnt_net_param(net, i + 1);
        const double bound = 1.0 / sqrt((double)p->columns);
        const double most = (double)rig_largest(p->w, p->n);
        assert_int_equal(p->rows, RANK);
        assert_int_equal(q->columns, RANK);
        assert_true(p->decays && q->decays);
        assert_true(p->factor == BNT_FACTOR_A && q->factor == BNT_FACTOR_B);
        assert_int_equal(p->layer * BNT_PLACES + p->place, i / 2); /* all places have one */
        assert_int_equal(q->layer * BNT_PLACES + q->place, i / 2);
        assert_string_equal(p->name + strlen(p->name) - 7, ".lora_a");
        assert_string_equal(q->name + strlen(q->name) - 7, ".lora_b");
        /* 30 values or more: all below half the bound has a chance of 2^-30. */
        assert_true(most <= bound && most > bound / 2.0);
        for (size_t j = 0; j < q->n; j++) {
            assert_true(q->w[j] == 0.0f);
        }
    }
    assert_string_equal(bnt_net_param(net, 0)->name, "blk.0.attn_q.weight.lora_a");
    assert_string_equal(bnt_net_param(net, 27)->name, "blk.1.ffn_down.weight.lora_b");
    bnt_net_close(net);
    bnt_net_close(plain);
    bnt_net_model_free(model);
    bnt_pool_close(pool);
}

/* ---- frozen matrices as they are stored
 * ------------------------------------------------------ */

/* Any bits are codes; scales and mins are small numbers. */
static void random_blocks(bnt_rng *rng, const bnt_type *type, uint8_t *out, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        out[i] = (uint8_t)bnt_rng_u64(rng);
    }
    for (size_t at = 0; at < bytes; at += type->block_bytes) {
        uint8_t *const block = out + at;
        switch ((int)type->id) {
        case BNT_TYPE_Q6_K:
            block[209] = 0x0B;
            break;
        case BNT_TYPE_Q2_K:
            block[81] = 0x0B;
            block[83] = 0x0C;
            break;
        case BNT_TYPE_Q3_K:
            block[109] = 0x0B;
            break;
        case BNT_TYPE_Q5_1:
            block[1] = 0x1C;
            block[3] = 0x9C;
            break;
        case BNT_TYPE_Q4_K:
        case BNT_TYPE_Q5_K:
            block[1] = 0x0B;
            block[3] = 0x0C;
            break;
        default:
            block[1] = 0x1C;
            break;
        }
    }
}

/* Rows of floats as a type stores them, or random values where it has no encoder; R16 types
 * through the type they are made of. The caller frees data. */
static bnt_matrix stored(const bnt_matrix *w, bnt_type_id id, bnt_rng *rng)
{
    const bnt_type *const type = bnt_type_find((uint32_t)id);
    const bool own = type->tile && type->tile->source == id;
    const bnt_type *const plain = type->tile && !own ? bnt_type_find(type->tile->source) : type;
    uint64_t bytes = 0, plain_bytes = 0;
    assert_true(bnt_type_bytes(type, w->rows, w->columns, &bytes));
    assert_true(bnt_type_bytes(plain, w->rows, w->columns, &plain_bytes));
    uint8_t *const data = bnt_calloc(1, (size_t)bytes);
    uint8_t *const rows = bnt_calloc(1, (size_t)plain_bytes);
    const float *const floats = (const float *)(const void *)w->data;
    bnt_matrix out = {type, data, w->rows, w->columns, 0};
    assert_non_null(data);
    assert_non_null(rows);
    out.row_bytes = (size_t)bytes / bnt_matrix_strips(type, w->rows);
    const size_t row_bytes = (size_t)plain_bytes / w->rows;
    if (!own && plain->encode) plain->encode(floats, rows, (size_t)w->rows * w->columns);
    if (!own && !plain->encode) random_blocks(rng, plain, rows, (size_t)plain_bytes);
    for (uint32_t r = 0; r < w->rows && type->tile; r += BNT_TILE_ROWS) {
        uint8_t *const group = data + r / BNT_TILE_ROWS * out.row_bytes;
        const uint32_t n = w->rows - r < BNT_TILE_ROWS ? w->rows - r : BNT_TILE_ROWS;
        if (own) {
            bnt_tile_encode(type, floats + (size_t)r * w->columns, n, w->columns, NULL, group);
        } else {
            bnt_tile_interleave(type, rows + r * row_bytes, row_bytes, n, w->columns, group);
        }
    }
    if (!type->tile) memcpy(data, rows, (size_t)bytes);
    bnt_free(rows);
    return out;
}

/* The values of a stored matrix in place of a float one's. */
static void decode_into(const bnt_matrix *from, const bnt_matrix *to)
{
    float *const out = (float *)(void *)to->data;
    for (uint32_t r = 0; r < from->rows; r++) {
        bnt_type_decode_row(from->type, from->data, from->columns, r,
                            out + (size_t)r * from->columns);
    }
}

enum { N_MATRICES = 9, EMBD = 256, WIDE = 96 };

/* Types of embedding, head, q, k, v, o, gate, up, down. The K types need 256 columns, which o
 * and down do not have. */
static const bnt_type_id mixes[][N_MATRICES] = {
    {BNT_TYPE_Q8_0, BNT_TYPE_B4, BNT_TYPE_B4, BNT_TYPE_Q4_0, BNT_TYPE_Q4_K, BNT_TYPE_B4,
     BNT_TYPE_F16, BNT_TYPE_Q6_K, BNT_TYPE_Q4_0},
    {BNT_TYPE_B8, BNT_TYPE_Q6_K_R16, BNT_TYPE_Q4_0_R16, BNT_TYPE_Q4_K_R16, BNT_TYPE_Q5_K_R16,
     BNT_TYPE_Q4_0_R16, BNT_TYPE_Q6_K_R16, BNT_TYPE_B8, BNT_TYPE_Q8_0_R16},
    {BNT_TYPE_F16, BNT_TYPE_F32, BNT_TYPE_BF16, BNT_TYPE_F32, BNT_TYPE_Q5_1, BNT_TYPE_IQ4_NL,
     BNT_TYPE_Q3_K, BNT_TYPE_Q2_K, BNT_TYPE_F32}};

static void learn_bits(const bnt_model *model, float **gradients, double *loss, size_t *n)
{
    bnt_pool *const pool = rig_pool(2);
    bnt_net *const net = rig_net(model, pool, adapting);
    rig_batch b;
    rig_batch_fill(&b, model->config.n_vocab, lengths);
    fill_factors(net);
    *loss = rig_learn(net, &b.batch, 1.0);
    *gradients = rig_gradients(net, n);
    bnt_net_close(net);
    bnt_pool_close(pool);
}

static void frozen_matrices_count_as_the_values_they_store(void **state)
{
    (void)state;
    const bnt_config shape = {.n_layers = 1,
                              .n_embd = EMBD,
                              .n_heads = 3,
                              .n_kv_heads = 1,
                              .head_dim = WIDE / 3,
                              .n_ffn = WIDE,
                              .n_vocab = 37};
    const bnt_config c = rig_config(shape);
    for (size_t mix = 0; mix < sizeof mixes / sizeof mixes[0]; mix++) {
        bnt_model *const floats = rig_model(&c, 30), *const model = rig_model(&c, 30);
        const uint8_t *own[N_MATRICES];
        float *expected = NULL, *found = NULL;
        double expected_loss = 0.0, loss = 0.0;
        bnt_rng rng;
        size_t n = 0;
        bnt_rng_seed(&rng, 31);
        for (size_t i = 0; i < N_MATRICES; i++) {
            bnt_matrix *const w = bnt_weights_at(model, i);
            own[i] = w->data;
            *w = stored(w, mixes[mix][i], &rng);
            decode_into(w, bnt_weights_at(floats, i));
        }
        learn_bits(floats, &expected, &expected_loss, &n);
        learn_bits(model, &found, &loss, &n);
        assert_true(isfinite(loss) && loss == expected_loss);
        assert_memory_equal(found, expected, n * sizeof *found);
        for (size_t i = 0; i < N_MATRICES; i++) {
            bnt_matrix *const w = bnt_weights_at(model, i);
            bnt_free((void *)w->data);
            w->data = own[i];
        }
        free(expected);
        free(found);
        bnt_net_model_free(floats);
        bnt_net_model_free(model);
    }
}

/* Floats of a file may lie at any address. Matrices of more rows than are decoded at a time. */
static void frozen_floats_may_lie_anywhere(void **state)
{
    (void)state;
    const bnt_config c = rig_config((bnt_config){.n_layers = 1, .n_vocab = 1100});
    bnt_model *const model = rig_model(&c, 30);
    float *expected = NULL, *found = NULL;
    double expected_loss = 0.0, loss = 0.0;
    size_t n = 0;
    learn_bits(model, &expected, &expected_loss, &n);
    const bnt_matrix head = model->head;
    const size_t bytes = (size_t)head.rows * head.row_bytes;
    uint8_t *const odd = malloc(bytes + 1);
    assert_non_null(odd);
    memcpy(odd + 1, head.data, bytes);
    model->head.data = odd + 1;
    learn_bits(model, &found, &loss, &n);
    assert_true(loss == expected_loss);
    assert_memory_equal(found, expected, n * sizeof *found);
    free(odd);
    free(expected);
    free(found);
    bnt_net_model_free(model);
}

/* ---- the same bits ----------------------------------------------------------------------- */

static void threads_and_recomputing_change_no_bit(void **state)
{
    (void)state;
    static const uint32_t some[] = {66, 3, 30, 0};
    static const struct {
        uint32_t threads;
        bool recompute;
    } runs[] = {{1, false}, {2, false}, {3, true}, {1, true}};
    const bnt_config shape = {.tied = true,
                              .n_layers = 3,
                              .n_embd = 64,
                              .n_heads = 4,
                              .n_kv_heads = 2,
                              .head_dim = 16,
                              .n_ffn = 96,
                              .n_vocab = 300};
    const bnt_config c = rig_config(shape);
    bnt_model *const model = rig_model(&c, 5);
    const bnt_matrix floats = model->layers[1].up;
    bnt_rng rng;
    float *expected = NULL;
    bnt_rng_seed(&rng, 1);
    model->layers[1].up = stored(&floats, BNT_TYPE_B4, &rng);
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        bnt_pool *const pool = rig_pool(runs[i].threads);
        bnt_net_options o = adapting;
        o.recompute = runs[i].recompute;
        bnt_net *const net = rig_net(model, pool, o);
        rig_batch b;
        size_t n = 0;
        fill_factors(net);
        rig_batch_fill(&b, c.n_vocab, some);
        rig_learn(net, &b.batch, 1.0);
        float *const found = rig_gradients(net, &n);
        if (i == 0) {
            expected = found;
        } else {
            assert_memory_equal(found, expected, n * sizeof *found);
            free(found);
        }
        bnt_net_close(net);
        bnt_pool_close(pool);
    }
    free(expected);
    bnt_free((void *)model->layers[1].up.data);
    model->layers[1].up = floats;
    bnt_net_model_free(model);
}

/* ---- memory ------------------------------------------------------------------------------ */

static void an_adapters_net_takes_what_is_said_at_once(void **state)
{
    (void)state;
    const bnt_config c = rig_config((bnt_config){.n_layers = 2});
    bnt_pool *const pool = rig_pool(2);
    bnt_model *const model = rig_model(&c, 6);
    bnt_net_options o = adapting;
    o.max_rows = RIG_ROWS;
    o.max_sequence = RIG_ROWS;
    o.recompute = true;
    const int64_t before = bnt_mem_live_bytes();
    bnt_net *net = NULL;
    uint64_t n = 0;
    do {
        bnt_mem_fail_after(n++);
        const bantam_status status = bnt_net_open(&net, model, pool, &o, NULL);
        assert_int_equal(status, net ? BANTAM_OK : BANTAM_ERR_NOMEM);
        if (!net) assert_int_equal(bnt_mem_live_bytes(), before);
    } while (!net && n < 100);
    bnt_mem_fail_after(UINT64_MAX);
    assert_non_null(net);
    assert_int_equal(bnt_mem_live_bytes() - before, bnt_net_cost(model, &o, 2));
    const uint64_t taken = bnt_mem_allocations();
    rig_batch b;
    rig_batch_fill(&b, c.n_vocab, lengths);
    rig_learn(net, &b.batch, 1.0);
    assert_int_equal(bnt_mem_allocations(), taken);
    bnt_net_close(net);
    bnt_net_model_free(model);
    bnt_pool_close(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_of_each_target_are_slopes_of_the_loss),
        cmocka_unit_test(gradients_of_targets_together_are_slopes_of_the_loss),
        cmocka_unit_test(an_adapter_begins_as_nothing),
        cmocka_unit_test(frozen_matrices_count_as_the_values_they_store),
        cmocka_unit_test(frozen_floats_may_lie_anywhere),
        cmocka_unit_test(threads_and_recomputing_change_no_bit),
        cmocka_unit_test(an_adapters_net_takes_what_is_said_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
