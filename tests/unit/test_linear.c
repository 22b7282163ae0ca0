/* Tests of model/linear.c: products against double arithmetic for every stored type, and the
 * same bits however rows of x and threads are shared out. */
#include "base/rng.h"
#include "model/pass.h"

#include "support.h"

#include <float.h>
#include <math.h>

enum { COLUMNS = 256, WIDE = 300, ROWS = 67, TOKENS = 40, MAX_THREADS = 3 };

typedef struct bench {
    bnt_model model;
    bnt_pass pass;
    bnt_arena arena;
    float x[TOKENS * COLUMNS];
    float rows[ROWS * COLUMNS];             /* as decoded */
    uint8_t stored[ROWS * COLUMNS * 4 + 1]; /* at an odd address for F32 */
    _Alignas(64) uint8_t tiles[(ROWS + 16) * COLUMNS * 2];
} bench;

static void bench_open(bench *b, uint32_t n_threads)
{
    memset(b, 0, sizeof *b);
    bnt_config *const c = &b->model.config;
    c->n_embd = COLUMNS;
    c->n_ffn = WIDE;
    c->n_heads = c->n_kv_heads = 4;
    c->head_dim = c->rope_dims = COLUMNS / 4;
    bnt_kernels_init(&b->model.kernels, 0);
    b->model.forms = BNT_FORM_TILES | BNT_FORM_FLOATS | BNT_FORM_DECODED;
    b->pass.model = &b->model;
    b->pass.n = TOKENS;
    assert_int_equal(bnt_pool_open(&b->pass.pool, n_threads, NULL), BANTAM_OK);
    const size_t cost = bnt_forward_cost(&b->model, TOKENS, 1, n_threads);
    assert_int_equal(bnt_arena_init(&b->arena, cost, NULL), BANTAM_OK);
    assert_true(bnt_pass_take(&b->pass, n_threads, &b->arena));
    bnt_rng rng;
    bnt_rng_seed(&rng, 7);
    for (size_t i = 0; i < TOKENS * COLUMNS; i++) {
        b->x[i] = (float)bnt_rng_normal(&rng);
    }
    for (size_t i = 0; i < ROWS * COLUMNS; i++) {
        b->rows[i] = (float)bnt_rng_normal(&rng);
    }
}

static void bench_close(bench *b)
{
    bnt_pool_close(b->pass.pool);
    bnt_arena_deinit(&b->arena);
}

static void multiply(const bench *b, const float *x, uint32_t n, const bnt_matrix *w, float *y)
{
    const bnt_input in = {.x = x, .n = n, .columns = COLUMNS};
    const bnt_product product = {.w = w, .y = y};
    bnt_linear(&b->pass, &in, &product, 1);
}

static bnt_matrix store(bench *b, bnt_type_id id, size_t shift)
{
    const bnt_type *const type = bnt_type_find(id);
    uint64_t bytes = 0;
    assert_non_null(type);
    assert_true(bnt_type_bytes(type, ROWS, COLUMNS, &bytes));
    uint8_t *const w_bytes = b->stored + shift;
    const bnt_matrix w = {type, w_bytes, ROWS, COLUMNS, (size_t)(bytes / ROWS)};
    /* Where there is no encoder, any bytes below 0x40 make finite scales. */
    bnt_rng rng;
    bnt_rng_seed(&rng, id);
    for (size_t i = 0; i < bytes; i++) {
        w_bytes[i] = (uint8_t)(bnt_rng_u64(&rng) & 0x3F);
    }
    for (size_t r = 0; r < ROWS; r++) {
        uint8_t *const row = w_bytes + r * w.row_bytes;
        if (type->encode) type->encode(b->rows + r * COLUMNS, row, COLUMNS);
        type->decode(row, b->rows + r * COLUMNS, COLUMNS);
    }
    return w;
}

/* The same numbers interleaved; the matrix itself where its type has no such form. */
static bnt_matrix interleave(bench *b, const bnt_matrix *w)
{
    bnt_matrix tiles = *w;
    tiles.type = bnt_tile_type_of(w->type);
    if (!tiles.type) return *w;
    tiles.row_bytes = bnt_tile_group_bytes(tiles.type->tile, COLUMNS);
    tiles.data = b->tiles;
    for (uint32_t r = 0; r < ROWS; r += 16) {
        bnt_tile_interleave(tiles.type, w->data + r * w->row_bytes, w->row_bytes,
                            ROWS - r < 16 ? ROWS - r : 16, COLUMNS,
                            b->tiles + r / 16 * tiles.row_bytes);
    }
    return tiles;
}

/* The sum of w x, or of |w| |x|; x all ones where it is NULL. */
static double add_up(const float *w, const float *x, bool magnitudes)
{
    double sum = 0.0;
    for (size_t i = 0; i < COLUMNS; i++) {
        const double term = (double)w[i] * (x ? (double)x[i] : 1.0);
        sum += magnitudes ? fabs(term) : term;
    }
    return sum;
}

static float largest(const float *x)
{
    float most = 0.0f;
    for (size_t i = 0; i < COLUMNS; i++) {
        if (x[i] > most) most = x[i];
        if (-x[i] > most) most = -x[i];
    }
    return most;
}

/* Within the rounding of float sums; interleaved types also round x to max / 127 by block. */
static void check(const bench *b, const float *y, uint32_t n, bool rounded)
{
    for (size_t t = 0; t < n; t++) {
        const double max = (double)largest(b->x + t * COLUMNS);
        for (size_t r = 0; r < ROWS; r++) {
            const float *const w = b->rows + r * COLUMNS;
            const float *const x = b->x + t * COLUMNS;
            const double sum = add_up(w, x, false);
            double bound = (COLUMNS + 4) * (double)FLT_EPSILON * add_up(w, x, true);
            if (rounded) bound += (0.5 + 1e-3) * max / 127.0 * add_up(w, NULL, true);
            assert_true(fabs((double)y[t * ROWS + r] - sum) <= bound);
        }
    }
}

static const bnt_type_id ids[] = {BNT_TYPE_F32,  BNT_TYPE_F16,    BNT_TYPE_BF16,  BNT_TYPE_Q8_0,
                                  BNT_TYPE_Q4_0, BNT_TYPE_Q4_1,   BNT_TYPE_Q5_0,  BNT_TYPE_Q5_1,
                                  BNT_TYPE_Q2_K, BNT_TYPE_Q3_K,   BNT_TYPE_Q4_K,  BNT_TYPE_Q5_K,
                                  BNT_TYPE_Q6_K, BNT_TYPE_IQ4_NL, BNT_TYPE_IQ4_XS};
enum { N_IDS = sizeof ids / sizeof ids[0] };

static void every_type_multiplies_as_its_decoded_rows_do(void **state)
{
    (void)state;
    bench *const b = malloc(sizeof *b);
    assert_non_null(b);
    for (size_t i = 0; i < N_IDS; i++) {
        for (size_t shift = 0; shift < 2; shift++) {
            float y[TOKENS * ROWS];
            bench_open(b, 1);
            const bnt_matrix w = store(b, ids[i], shift);
            const bnt_matrix tiles = interleave(b, &w);
            for (uint32_t n = 1; n <= TOKENS; n += 13) {
                multiply(b, b->x, n, &w, y);
                check(b, y, n, false);
                multiply(b, b->x, n, &tiles, y);
                check(b, y, n, tiles.type->tile);
            }
            bench_close(b);
        }
    }
    free(b);
}

/* B types of rows that end inside of a span. */
static void rows_of_any_width_multiply_as_their_decoded_rows_do(void **state)
{
    (void)state;
    static const char *const names[] = {"B8", "B6", "B5", "B4", "B3", "B2"};
    static const uint32_t widths[] = {4, 44, 172, 260, WIDE};
    enum { FEW_ROWS = 21, FEW_TOKENS = 27 };
    bench *const b = malloc(sizeof *b);
    assert_non_null(b);
    bench_open(b, 2);
    for (size_t i = 0; i < 6 * 5; i++) {
        const uint32_t n = widths[i / 6];
        bnt_matrix w = {bnt_type_named(names[i % 6]), b->tiles, FEW_ROWS, n, 0};
        w.row_bytes = bnt_tile_group_bytes(w.type->tile, n);
        bnt_tile_encode(w.type, b->rows, 16, n, NULL, b->tiles);
        bnt_tile_encode(w.type, b->rows + 16 * n, FEW_ROWS - 16, n, NULL,
                        b->tiles + w.row_bytes);
        for (uint32_t n_tokens = 1; n_tokens <= FEW_TOKENS; n_tokens += 13) {
            const bnt_input in = {.x = b->x, .n = n_tokens, .columns = n};
            float y[FEW_TOKENS * FEW_ROWS], row[WIDE];
            const bnt_product product = {.w = &w, .y = y};
            bnt_linear(&b->pass, &in, &product, 1);
            for (size_t k = 0; k < n_tokens * FEW_ROWS; k++) {
                const float *const x = b->x + k / FEW_ROWS * n;
                double sum = 0.0, sizes = 0.0, most = 0.0;
                bnt_type_decode_row(w.type, w.data, n, k % FEW_ROWS, row);
                for (uint32_t c = 0; c < n; c++) {
                    sum += (double)row[c] * (double)x[c];
                    sizes += fabs((double)row[c]);
                    most = fmax(most, fabs((double)x[c]));
                }
                /* Codes of x are off by half a step at most. */
                assert_true(fabs((double)y[k] - sum) <= 0.505 * most / 127.0 * sizes);
            }
        }
    }
    bench_close(b);
    free(b);
}

static void tokens_threads_and_company_change_no_bit(void **state)
{
    (void)state;
    float alone[TOKENS * ROWS];
    bench *const b = malloc(sizeof *b);
    assert_non_null(b);
    for (size_t i = 0; i < N_IDS; i++) {
        for (uint32_t n_threads = 1; n_threads <= MAX_THREADS; n_threads++) {
            bench_open(b, n_threads);
            const bnt_matrix stored = store(b, ids[i], 0);
            const bnt_matrix w = interleave(b, &stored);
            for (uint32_t t = 0; t < TOKENS && n_threads == 1; t++) {
                multiply(b, b->x + t * COLUMNS, 1, &w, alone + t * ROWS);
            }
            float y[3][TOKENS * ROWS];
            bnt_matrix few = w;
            few.rows = 3;
            for (uint32_t n = 2; n <= TOKENS; n += n < 18 ? 5 : 9) {
                const bnt_input in = {.x = b->x, .n = n, .columns = COLUMNS};
                const bnt_product three[] = {
                    {.w = &few, .y = y[0]}, {.w = &w, .y = y[1]}, {.w = &w, .y = y[2]}};
                bnt_linear(&b->pass, &in, three, 3);
                assert_memory_equal(y[1], alone, n * ROWS * sizeof(float));
                assert_memory_equal(y[2], alone, n * ROWS * sizeof(float));
                for (size_t t = 0; t < n; t++) {
                    assert_memory_equal(y[0] + t * 3, alone + t * ROWS, 3 * sizeof(float));
                }
            }
            bench_close(b);
        }
    }
    free(b);
}

static void products_are_added_and_gated(void **state)
{
    (void)state;
    float y[TOKENS * ROWS], sum[TOKENS * ROWS], gated[TOKENS * ROWS];
    bench *const b = malloc(sizeof *b);
    assert_non_null(b);
    bench_open(b, 2);
    const bnt_matrix w = store(b, BNT_TYPE_F16, 0);
    for (uint32_t n = 1; n <= TOKENS; n += 13) {
        const bnt_input in = {.x = b->x, .n = n, .columns = COLUMNS};
        const bnt_product add = {.w = &w, .y = sum, .end = BNT_END_ADD};
        const bnt_product gate = {.w = &w, .up = &w, .y = gated, .end = BNT_END_GATE};
        multiply(b, b->x, n, &w, y);
        for (size_t i = 0; i < n * ROWS; i++) {
            sum[i] = (float)i;
        }
        bnt_linear(&b->pass, &in, &add, 1);
        bnt_linear(&b->pass, &in, &gate, 1);
        for (size_t i = 0; i < n * ROWS; i++) {
            const double x = (double)y[i];
            assert_true(sum[i] == (float)i + y[i]);
            assert_true(fabs((double)gated[i] - x * x / (1.0 + exp(-x))) <= 1e-5 * (1 + x * x));
        }
    }
    bench_close(b);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_multiplies_as_its_decoded_rows_do),
        cmocka_unit_test(rows_of_any_width_multiply_as_their_decoded_rows_do),
        cmocka_unit_test(tokens_threads_and_company_change_no_bit),
        cmocka_unit_test(products_are_added_and_gated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
