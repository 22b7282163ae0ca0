/* Tests of model/attention.c and kv_row.c: softmax attention against double arithmetic, for
 * every cache type, windows and groups; and the law that batches and threads change no bit. */
#include "base/f16.h"
#include "base/rng.h"
#include "model/attention.h"
#include "model/kv_row.h"
#include "model/pass.h"
#include "model/rope.h"

#include "support.h"

#include <float.h>
#include <math.h>

enum { POSITIONS = 603, MAX_HEADS = 6, MAX_DIM = 48 };

typedef struct shape {
    uint32_t n_heads, n_kv_heads, head_dim, window;
    bantam_kv type;
} shape;

typedef struct bench {
    bnt_model model;
    bnt_kv kv;
    bnt_kv_layer layer;
    double inv_freq[MAX_DIM / 2];
    float *q, *k, *v; /* (POSITIONS, heads*hd), (POSITIONS, kv*hd): given */
    float *turned;    /* (POSITIONS, heads*hd): q after rope */
    float *a;         /* (POSITIONS, heads*hd): the result */
} bench;

static float *randoms(size_t n, uint64_t seed)
{
    float *const x = malloc(n * sizeof *x);
    bnt_rng rng;
    assert_non_null(x);
    bnt_rng_seed(&rng, seed);
    for (size_t i = 0; i < n; i++) {
        x[i] = (float)bnt_rng_normal(&rng);
    }
    return x;
}

static void bench_open(bench *b, shape s, uint32_t slots)
{
    memset(b, 0, sizeof *b);
    bnt_config *const c = &b->model.config;
    c->n_layers = 1;
    c->n_heads = s.n_heads;
    c->n_kv_heads = s.n_kv_heads;
    c->head_dim = c->rope_dims = s.head_dim;
    c->rope_base = 1000.0;
    c->attention_factor = 1.0;
    c->int8_rope = BANTAM_ROPE_FLOAT;
    c->window_tokens = s.window;
    c->windowed[0] = s.window > 0;
    b->model.inv_freq = b->inv_freq;
    bnt_kernels_init(&b->model.kernels, 0);
    assert_int_equal(bnt_rope_frequencies(b->inv_freq, c, NULL, NULL), BANTAM_OK);

    const size_t row_bytes = bnt_kv_row_bytes(s.type, s.head_dim);
    const size_t block_bytes = bnt_kv_block_bytes(s.type, s.head_dim);
    const size_t bytes = (size_t)slots * s.n_kv_heads * row_bytes;
    const size_t key_bytes = (size_t)slots / 16 * s.n_kv_heads * block_bytes;
    b->layer =
        (bnt_kv_layer){aligned_alloc(64, (key_bytes + 63) / 64 * 64), malloc(bytes), slots};
    assert_non_null(b->layer.k);
    assert_non_null(b->layer.v);
    memset(b->layer.k, 0xFF, key_bytes);
    memset(b->layer.v, 0xFF, bytes);
    b->kv = (bnt_kv){s.type, row_bytes, block_bytes, &b->layer};

    const size_t n_q = (size_t)POSITIONS * s.n_heads * s.head_dim;
    const size_t n_kv = (size_t)POSITIONS * s.n_kv_heads * s.head_dim;
    b->q = randoms(n_q, 1);
    b->k = randoms(n_kv, 2);
    b->v = randoms(n_kv, 3);
    b->turned = malloc(n_q * sizeof *b->turned);
    b->a = malloc(n_q * sizeof *b->a);
    assert_non_null(b->turned);
    assert_non_null(b->a);
}

static void bench_close(bench *b)
{
    free(b->layer.k);
    free(b->layer.v);
    free(b->q);
    free(b->k);
    free(b->v);
    free(b->turned);
    free(b->a);
}

/* All positions, in batches. */
/* Feeds the positions in batches; a batch of one is a decode, whose parts are merged. */
static void bench_run(bench *b, uint32_t batch, uint32_t n_threads)
{
    const bnt_config *const c = &b->model.config;
    const size_t n_q = (size_t)c->n_heads * c->head_dim;
    const size_t n_kv = (size_t)c->n_kv_heads * c->head_dim;
    bnt_pool *pool = NULL;
    bnt_arena arena;
    assert_int_equal(bnt_pool_open(&pool, n_threads, NULL), BANTAM_OK);
    const size_t cost = bnt_forward_cost(&b->model, batch, POSITIONS, n_threads);
    assert_int_equal(bnt_arena_init(&arena, cost, NULL), BANTAM_OK);
    for (uint32_t pos = 0, n = 0; pos < POSITIONS; pos += n) {
        n = POSITIONS - pos < batch ? POSITIONS - pos : batch;
        bnt_pass p = {.model = &b->model, .kv = &b->kv, .pool = pool, .n = n, .pos = pos};
        bnt_arena_reset(&arena, 0);
        assert_true(bnt_pass_take(&p, n_threads, &arena));
        memcpy(p.q, b->q + pos * n_q, n * n_q * sizeof(float));
        memcpy(p.k, b->k + pos * n_kv, n * n_kv * sizeof(float));
        memcpy(p.v, b->v + pos * n_kv, n * n_kv * sizeof(float));
        bnt_rope_fill(p.cosines, p.sines, p.model, pos, n, (bnt_span){pos, n});
        if (!p.decode) bnt_store_kv(&p, 0);
        bnt_attend(&p, 0);
        if (p.decode) bnt_attention_merge(&p, bnt_attention_segments(&p, 0), p.a);
        memcpy(b->a + pos * n_q, p.a, n * n_q * sizeof(float));

        memcpy(b->turned + pos * n_q, b->q + pos * n_q, n * n_q * sizeof(float));
        for (size_t i = 0; i < (size_t)n * c->n_heads; i++) {
            const size_t pair = i / c->n_heads * (c->rope_dims / 2);
            float *const q = b->turned + pos * n_q + i * c->head_dim;
            if (c->pairing == BNT_PAIR_ADJACENT) {
                b->model.kernels.rope_adjacent_f32(q, p.cosines + pair, p.sines + pair,
                                                   c->rope_dims);
            } else {
                b->model.kernels.rope_halves_f32(q, p.cosines + pair, p.sines + pair,
                                                 c->rope_dims);
            }
        }
    }
    bnt_arena_deinit(&arena);
    bnt_pool_close(pool);
}

/* A row of the cache as floats. */
static void decode(bantam_kv type, float *x, const uint8_t *row, uint32_t head_dim)
{
    for (uint32_t i = 0; i < head_dim; i++) {
        const uint8_t *const block = row + i / 32 * (type == BANTAM_KV_Q8 ? 34 : 18);
        const uint8_t *const byte = &block[2 + i % 16]; /* of four bits */
        uint16_t half = 0;
        switch (type) {
        case BANTAM_KV_F32:
            memcpy(&x[i], row + 4 * i, 4);
            break;
        case BANTAM_KV_Q8:
            memcpy(&half, block, 2);
            x[i] = bnt_f16_to_f32(half) * (float)(int8_t)block[2 + i % 32];
            break;
        case BANTAM_KV_Q4:
            memcpy(&half, block, 2);
            x[i] = bnt_f16_to_f32(half) * (float)((i % 32 < 16 ? *byte & 15 : *byte >> 4) - 8);
            break;
        default:
            memcpy(&half, row + 2 * i, 2);
            x[i] = bnt_f16_to_f32(half);
            break;
        }
    }
}

/* The definition, in double, from what the cache holds. */
static void attend_slowly(const bench *b, uint32_t pos, uint32_t head, double *out)
{
    const bnt_config *const c = &b->model.config;
    const float *const q = b->turned + ((size_t)pos * c->n_heads + head) * c->head_dim;
    const uint32_t kv_head = head / (c->n_heads / c->n_kv_heads);
    double total = 0.0;
    for (uint32_t i = 0; i < c->head_dim; i++) {
        out[i] = 0.0;
    }
    for (uint32_t j = 0; j <= pos; j++) {
        if (c->window_tokens && pos - j >= c->window_tokens) continue;
        const size_t slot = j % b->layer.slots;
        const size_t block = kv_head * (b->layer.slots / 16) + slot / 16;
        float k[64], v[64];
        uint8_t row[256];
        bnt_kv_get_key(b->kv.type, b->layer.k + block * b->kv.block_bytes, slot % 16, row,
                       c->head_dim);
        decode(b->kv.type, k, row, c->head_dim);
        decode(b->kv.type, v,
               b->layer.v + (kv_head * (size_t)b->layer.slots + slot) * b->kv.row_bytes,
               c->head_dim);
        double score = 0.0;
        for (uint32_t i = 0; i < c->head_dim; i++) {
            score += (double)q[i] * (double)k[i];
        }
        const double e = exp(score / sqrt((double)c->head_dim));
        total += e;
        for (uint32_t i = 0; i < c->head_dim; i++) {
            out[i] += e * (double)v[i];
        }
    }
    for (uint32_t i = 0; i < c->head_dim; i++) {
        out[i] /= total;
    }
}

static const shape shapes[] = {
    {4, 2, 16, 0, BANTAM_KV_F32},  {6, 2, 48, 0, BANTAM_KV_F16}, {3, 3, 10, 0, BANTAM_KV_Q8},
    {4, 1, 16, 16, BANTAM_KV_F32}, {6, 2, 40, 0, BANTAM_KV_Q4},  {2, 1, 10, 30, BANTAM_KV_Q4},
    {2, 2, 32, 70, BANTAM_KV_Q8},  {2, 1, 24, 1, BANTAM_KV_F16}, {6, 3, 40, 64, BANTAM_KV_F32},
};
enum { N_SHAPES = sizeof shapes / sizeof shapes[0] };

static void every_query_sees_what_the_formula_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SHAPES; i++) {
        bench b;
        bench_open(&b, shapes[i], 608);
        bench_run(&b, 50, 2);
        const bnt_config *const c = &b.model.config;
        for (uint32_t pos = 0; pos < POSITIONS; pos++) {
            for (uint32_t head = 0; head < c->n_heads; head++) {
                double expected[MAX_DIM];
                attend_slowly(&b, pos, head, expected);
                const size_t at = ((size_t)pos * c->n_heads + head) * c->head_dim;
                for (uint32_t d = 0; d < c->head_dim; d++) {
                    assert_true(fabs(expected[d] - (double)b.a[at + d]) < 5e-6);
                }
            }
        }
        bench_close(&b);
    }
}

static void batches_threads_and_slots_change_no_bit(void **state)
{
    (void)state;
    static const struct {
        uint32_t batch, n_threads;
    } runs[] = {{1, 1}, {7, 2}, {16, 3}, {32, 1}, {33, 5}, {603, 2}};
    for (size_t i = 0; i < N_SHAPES; i++) {
        float *expected = NULL;
        const size_t bytes = (size_t)POSITIONS * shapes[i].n_heads * shapes[i].head_dim * 4;
        for (size_t r = 0; r < sizeof runs / sizeof runs[0]; r++) {
            bench b;
            /* A windowed layer keeps no more than its window and the batch. */
            const uint32_t slots =
                shapes[i].window ? (shapes[i].window + runs[r].batch + 63) / 64 * 64 : 608;
            bench_open(&b, shapes[i], slots);
            bench_run(&b, runs[r].batch, runs[r].n_threads);
            if (!expected) {
                expected = malloc(bytes);
                assert_non_null(expected);
                memcpy(expected, b.a, bytes);
            }
            assert_memory_equal(b.a, expected, bytes);
            bench_close(&b);
        }
        free(expected);
    }
}

static void a_window_of_one_sees_its_own_value(void **state)
{
    (void)state;
    bench b;
    bench_open(&b, (shape){2, 2, 16, 1, BANTAM_KV_F32}, 64);
    bench_run(&b, 16, 1);
    assert_memory_equal(b.a, b.v, (size_t)POSITIONS * 2 * 16 * sizeof(float));
    bench_close(&b);
}

static void rows_take_the_bytes_their_type_needs(void **state)
{
    (void)state;
    assert_int_equal(bnt_kv_row_bytes(BANTAM_KV_F32, 160), 640);
    assert_int_equal(bnt_kv_row_bytes(BANTAM_KV_F16, 160), 320);
    assert_int_equal(bnt_kv_row_bytes(BANTAM_KV_Q8, 160), 170);
    assert_int_equal(bnt_kv_row_bytes(BANTAM_KV_Q8, 64), 68);
    assert_int_equal(bnt_kv_row_bytes(BANTAM_KV_Q8, 16), 34);
    assert_int_equal(bnt_kv_row_bytes(BANTAM_KV_Q8, 33), 68);
    assert_int_equal(bnt_kv_block_bytes(BANTAM_KV_F32, 160), 16 * 640);
    assert_int_equal(bnt_kv_block_bytes(BANTAM_KV_F16, 160), 16 * 320);
    assert_int_equal(bnt_kv_block_bytes(BANTAM_KV_Q8, 64), 16 * 68);
    assert_int_equal(bnt_kv_block_bytes(BANTAM_KV_Q8, 33), 16 * (33 + 2 * 2));
    assert_int_equal(bnt_kv_row_bytes(BANTAM_KV_Q4, 64), 36);
    assert_int_equal(bnt_kv_row_bytes(BANTAM_KV_Q4, 33), 36);
    assert_int_equal(bnt_kv_block_bytes(BANTAM_KV_Q4, 64), 16 * 36);
    assert_int_equal(bnt_kv_block_bytes(BANTAM_KV_Q4, 33), 16 * (17 + 2 * 2));
}

static void eight_bit_rows_keep_values_to_half_a_step(void **state)
{
    (void)state;
    float row[64] = {0};
    float back[64];
    uint8_t data[68];
    bnt_rng rng;
    bnt_rng_seed(&rng, 5);
    for (int i = 0; i < 50; i++) {
        row[i] = (float)bnt_rng_normal(&rng);
    }
    bnt_kv_encode(BANTAM_KV_Q8, data, row, 50);
    decode(BANTAM_KV_Q8, back, data, 50);
    for (int block = 0; block < 2; block++) {
        float max = 0.0f;
        for (int i = 0; i < 32; i++) {
            max = fmaxf(max, fabsf(row[32 * block + i]));
        }
        for (int i = 32 * block; i < 32 * block + 32 && i < 50; i++) {
            /* Half a step, and the scale's own rounding to half precision. */
            assert_true(fabsf(row[i] - back[i]) <= max / 127.0f * 0.5f + max * 0x1p-11f);
        }
    }
    for (int i = 50; i < 64; i++) {
        assert_int_equal(data[i / 32 * 34 + 2 + i % 32], 0);
    }
}

/* One step is an eighth of the largest value. On its side the last code is a whole step off the
 * end, on the other side the seventh reaches it: so a value is off by half a step, or by one
 * where only -8 is beyond the codes. */
static void four_bit_rows_keep_values_to_a_step(void **state)
{
    (void)state;
    float row[64] = {0}, back[64];
    uint8_t data[36];
    bnt_rng rng;
    bnt_rng_seed(&rng, 6);
    for (int turn = 0; turn < 200; turn++) {
        for (int i = 0; i < 50; i++) {
            row[i] = (float)bnt_rng_normal(&rng);
        }
        bnt_kv_encode(BANTAM_KV_Q4, data, row, 50);
        decode(BANTAM_KV_Q4, back, data, 64);
        for (int block = 0; block < 2; block++) {
            float max = 0.0f;
            double error = 0.0, energy = 0.0;
            for (int i = 32 * block; i < 32 * block + 32; i++) {
                max = fmaxf(max, fabsf(row[i]));
            }
            for (int i = 32 * block; i < 32 * block + 32; i++) {
                const double off = (double)row[i] - (double)back[i];
                assert_true(fabs(off) <= (double)max * (1.0 / 7.0 + 0x1p-10));
                error += off * off;
                energy += (double)row[i] * (double)row[i];
            }
            /* Uniform error of a step of max / 7: a twelfth of its square each. */
            const double step = (double)max / 7.0;
            assert_true(error < 32 * step * step / 12 * 2.5 && error < energy);
        }
        for (int i = 50; i < 64; i++) {
            assert_true(back[i] == 0.0f);
        }
    }
}

static void broken_values_stay_visible_in_the_cache(void **state)
{
    (void)state;
    const float bad[] = {NAN, INFINITY, -INFINITY, FLT_MAX};
    float row[32] = {0};
    float back[32];
    uint8_t data[128];
    for (size_t i = 0; i < 4; i++) {
        row[3] = bad[i];
        bnt_kv_encode(BANTAM_KV_Q8, data, row, 32);
        decode(BANTAM_KV_Q8, back, data, 32);
        assert_true(isnan(back[3]));
        bnt_kv_encode(BANTAM_KV_Q4, data, row, 32);
        decode(BANTAM_KV_Q4, back, data, 32);
        assert_true(isnan(back[3]));
        bnt_kv_encode(BANTAM_KV_F16, data, row, 32);
        decode(BANTAM_KV_F16, back, data, 32);
        assert_true(!isfinite(back[3]));
    }
    /* Subnormals and zeros are no reason for alarm. */
    for (int i = 0; i < 32; i++) {
        row[i] = i % 2 ? 0x1p-140f : 0.0f;
    }
    bnt_kv_encode(BANTAM_KV_Q8, data, row, 32);
    decode(BANTAM_KV_Q8, back, data, 32);
    for (int i = 0; i < 32; i++) {
        assert_true(back[i] == 0.0f);
    }
    bnt_kv_encode(BANTAM_KV_Q4, data, row, 32);
    decode(BANTAM_KV_Q4, back, data, 32);
    for (int i = 0; i < 32; i++) {
        assert_true(back[i] == 0.0f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_query_sees_what_the_formula_says),
        cmocka_unit_test(batches_threads_and_slots_change_no_bit),
        cmocka_unit_test(a_window_of_one_sees_its_own_value),
        cmocka_unit_test(rows_take_the_bytes_their_type_needs),
        cmocka_unit_test(eight_bit_rows_keep_values_to_half_a_step),
        cmocka_unit_test(four_bit_rows_keep_values_to_a_step),
        cmocka_unit_test(broken_values_stay_visible_in_the_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
