/* Tests of model/linear.c: products against double arithmetic for every stored type, and the
 * same bits however rows of x and threads are shared out. */
#include "base/rng.h"
#include "model/pass.h"

#include "support.h"

#include <float.h>
#include <math.h>

enum { COLUMNS = 256, ROWS = 67, TOKENS = 9, MAX_THREADS = 3 };

typedef struct bench {
    bnt_model model;
    bnt_pass pass;
    float x[TOKENS * COLUMNS];
    float rows[ROWS * COLUMNS];             /* as decoded */
    uint8_t stored[ROWS * COLUMNS * 4 + 1]; /* at an odd address for F32 */
    float work[MAX_THREADS * COLUMNS];
} bench;

static void bench_open(bench *b, uint32_t n_threads)
{
    memset(b, 0, sizeof *b);
    bnt_kernels_init(&b->model.kernels, 0);
    b->pass.model = &b->model;
    b->pass.work = b->work;
    b->pass.work_floats = COLUMNS;
    assert_int_equal(bnt_pool_open(&b->pass.pool, n_threads, NULL), BANTAM_OK);
    bnt_rng rng;
    bnt_rng_seed(&rng, 7);
    for (size_t i = 0; i < TOKENS * COLUMNS; i++) {
        b->x[i] = (float)bnt_rng_normal(&rng);
    }
    for (size_t i = 0; i < ROWS * COLUMNS; i++) {
        b->rows[i] = (float)bnt_rng_normal(&rng);
    }
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

static void check(const bench *b, const float *y)
{
    for (size_t t = 0; t < TOKENS; t++) {
        for (size_t r = 0; r < ROWS; r++) {
            double sum = 0.0;
            double magnitude = 0.0;
            for (size_t i = 0; i < COLUMNS; i++) {
                const double term =
                    (double)b->rows[r * COLUMNS + i] * (double)b->x[t * COLUMNS + i];
                sum += term;
                magnitude += fabs(term);
            }
            const double bound = (COLUMNS + 4) * (double)FLT_EPSILON * magnitude;
            assert_true(fabs((double)y[t * ROWS + r] - sum) <= bound);
        }
    }
}

static void every_type_multiplies_as_its_decoded_rows_do(void **state)
{
    (void)state;
    const bnt_type_id ids[] = {BNT_TYPE_F32,  BNT_TYPE_F16,    BNT_TYPE_BF16,  BNT_TYPE_Q8_0,
                               BNT_TYPE_Q4_0, BNT_TYPE_Q4_1,   BNT_TYPE_Q5_0,  BNT_TYPE_Q5_1,
                               BNT_TYPE_Q2_K, BNT_TYPE_Q3_K,   BNT_TYPE_Q4_K,  BNT_TYPE_Q5_K,
                               BNT_TYPE_Q6_K, BNT_TYPE_IQ4_NL, BNT_TYPE_IQ4_XS};
    bench *const b = malloc(sizeof *b);
    assert_non_null(b);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        for (size_t shift = 0; shift < 2; shift++) {
            float y[TOKENS * ROWS];
            bench_open(b, 1);
            const bnt_matrix w = store(b, ids[i], shift);
            bnt_linear(&b->pass, b->x, TOKENS, &(bnt_product){&w, y}, 1);
            check(b, y);
            bnt_pool_close(b->pass.pool);
        }
    }
    free(b);
}

static void rows_threads_and_company_change_no_bit(void **state)
{
    (void)state;
    float alone[TOKENS * ROWS];
    bench *const b = malloc(sizeof *b);
    assert_non_null(b);
    for (uint32_t n_threads = 1; n_threads <= MAX_THREADS; n_threads++) {
        bench_open(b, n_threads);
        const bnt_matrix w = store(b, BNT_TYPE_Q4_0, 0);
        if (n_threads == 1) {
            for (uint32_t t = 0; t < TOKENS; t++) {
                const bnt_product one = {&w, alone + t * ROWS};
                bnt_linear(&b->pass, b->x + t * COLUMNS, 1, &one, 1);
            }
        }
        float y[3][TOKENS * ROWS];
        bnt_matrix few = w;
        few.rows = 3;
        const bnt_product three[] = {{&few, y[0]}, {&w, y[1]}, {&w, y[2]}};
        bnt_linear(&b->pass, b->x, TOKENS, three, 3);
        assert_memory_equal(y[1], alone, sizeof alone);
        assert_memory_equal(y[2], alone, sizeof alone);
        for (size_t t = 0; t < TOKENS; t++) {
            assert_memory_equal(y[0] + t * 3, alone + t * ROWS, 3 * sizeof(float));
        }
        bnt_pool_close(b->pass.pool);
    }
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_multiplies_as_its_decoded_rows_do),
        cmocka_unit_test(rows_threads_and_company_change_no_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
