/* Rounding with feedback: never worse than rounding each weight by itself where inputs are
 * correlated, no better where they are not, and the same bits whatever the threads. */
#include "compress/gptq.h"

#include <math.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "base/rng.h"
#include "quant/tile.h"
#include "support.h"

enum { ROWS = 40, COLUMNS = 352, TOKENS = 400 };

static bnt_pool *pools[2];
static bnt_learn_kernels kernels;
static bnt_rng rng;

static int setup(void **state)
{
    (void)state;
    bnt_learn_kernels_init(&kernels, bnt_cpu_flags());
    bnt_rng_seed(&rng, 11);
    return bnt_pool_open(&pools[0], 1, NULL) || bnt_pool_open(&pools[1], 3, NULL) ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    bnt_pool_close(pools[0]);
    bnt_pool_close(pools[1]);
    return 0;
}

static float *random_floats(size_t n)
{
    float *const x = malloc(n * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < n; i++) {
        x[i] = (float)bnt_rng_normal(&rng);
    }
    return x;
}

/* Sums of products of inputs that share a few directions; `shared` of their variance is
 * common. */
static double *correlated(double shared)
{
    enum { DIRECTIONS = 6 };
    double *const h = calloc((size_t)COLUMNS * COLUMNS, sizeof *h);
    float *const mix = random_floats((size_t)DIRECTIONS * COLUMNS);
    double x[COLUMNS];
    assert_non_null(h);
    for (int t = 0; t < TOKENS; t++) {
        float *const hidden = random_floats(DIRECTIONS), *const own = random_floats(COLUMNS);
        for (int c = 0; c < COLUMNS; c++) {
            x[c] = sqrt(1.0 - shared) * (double)own[c];
            for (int d = 0; d < DIRECTIONS; d++) {
                x[c] += sqrt(shared / DIRECTIONS) * (double)(hidden[d] * mix[d * COLUMNS + c]);
            }
            x[c] *= 1.0 + (c % 37 == 0 ? 5.0 : 0.0); /* outliers */
        }
        for (int i = 0; i < COLUMNS; i++) {
            for (int j = 0; j < COLUMNS; j++) {
                h[i * COLUMNS + j] += x[i] * x[j];
            }
        }
        free(hidden);
        free(own);
    }
    free(mix);
    return h;
}

static double *identity(void)
{
    double *const h = calloc((size_t)COLUMNS * COLUMNS, sizeof *h);
    assert_non_null(h);
    for (size_t i = 0; i < COLUMNS; i++) {
        h[i * (COLUMNS + 1)] = 1.0;
    }
    return h;
}

/* The sum of e h e^T over rows, and of e^2. */
static double loss_of(const double *h, const float *rows, const bnt_type *type,
                      const uint8_t *groups, double *error)
{
    double loss = 0.0;
    float again[COLUMNS];
    double e[COLUMNS];
    *error = 0.0;
    for (size_t r = 0; r < ROWS; r++) {
        bnt_type_decode_row(type, groups, COLUMNS, r, again);
        for (size_t c = 0; c < COLUMNS; c++) {
            e[c] = (double)rows[r * COLUMNS + c] - (double)again[c];
            *error += e[c] * e[c];
        }
        for (size_t i = 0; i < COLUMNS; i++) {
            double sum = 0.0;
            for (size_t j = 0; j < COLUMNS; j++) {
                sum += h[i * COLUMNS + j] * e[j];
            }
            loss += e[i] * sum;
        }
    }
    return loss;
}

static size_t bytes_of(const bnt_type *type)
{
    return (ROWS + 15) / 16 * bnt_tile_group_bytes(type->tile, COLUMNS);
}

static uint8_t *nearest(const bnt_type *type, const float *rows)
{
    const size_t group = bnt_tile_group_bytes(type->tile, COLUMNS);
    uint8_t *const out = bnt_calloc(1, bytes_of(type));
    assert_non_null(out);
    for (uint32_t r = 0; r < ROWS; r += 16) {
        bnt_tile_encode(type, rows + r * COLUMNS, ROWS - r < 16 ? ROWS - r : 16, COLUMNS, NULL,
                        out + r / 16 * group);
    }
    return out;
}

static void feedback_of(bnt_feedback *f, bnt_matmul *mm, const double *h)
{
    float *const sums = bnt_calloc((size_t)COLUMNS * COLUMNS, sizeof *sums);
    assert_non_null(sums);
    for (size_t i = 0; i < COLUMNS; i++) {
        for (size_t j = i; j < COLUMNS; j++) {
            sums[i * COLUMNS + j] = (float)h[i * COLUMNS + j];
        }
    }
    bantam_error err;
    if (bnt_feedback_init(f, mm, sums, COLUMNS, 1, &err)) fail_msg("%s", err.message);
}

static uint8_t *rounded(const bnt_type *type, const double *h, const float *rows, int pool,
                        uint32_t sweeps, bnt_rounded *result)
{
    bnt_matmul mm;
    bnt_feedback f;
    float *const work = malloc((size_t)ROWS * COLUMNS * sizeof *work);
    uint8_t *const out = bnt_calloc(1, bytes_of(type));
    assert_true(work && out);
    assert_int_equal(bnt_matmul_init(&mm, &kernels, pools[pool], NULL), BANTAM_OK);
    feedback_of(&f, &mm, h);
    memcpy(work, rows, (size_t)ROWS * COLUMNS * sizeof *work);
    assert_int_equal(bnt_gptq_round(&f, &mm, type, work, ROWS, sweeps, out, result, NULL),
                     BANTAM_OK);
    free(work);
    bnt_feedback_deinit(&f);
    bnt_matmul_deinit(&mm);
    return out;
}

static void feedback_beats_the_nearest_codes_on_correlated_inputs(void **state)
{
    (void)state;
    static const char *const types[] = {"B4", "B8", "B6", "B5", "B3", "B2"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const bnt_type *const type = bnt_type_named(types[i]);
        for (int round = 0; round < 3; round++) {
            float *const rows = random_floats((size_t)ROWS * COLUMNS);
            double *const h = correlated(0.2 + 0.3 * round), error;
            uint8_t *const plain = nearest(type, rows);
            double last = loss_of(h, rows, type, plain, &error);
            for (uint32_t sweeps = 0; sweeps < 4; sweeps += 3) {
                bnt_rounded result;
                uint8_t *const out = rounded(type, h, rows, 0, sweeps, &result);
                const double loss = loss_of(h, rows, type, out, &error);
                assert_true(loss <= last);
                /* What is claimed is under the damped sums, and errors are as they are. */
                assert_true(result.loss >= loss && result.loss <= 2.0 * loss);
                assert_true(fabs(result.error - error) <= 1e-4 * error);
                last = loss;
                bnt_free(out);
            }
            bnt_free(plain);
            free(rows);
            free(h);
        }
    }
}

static void unrelated_inputs_leave_the_nearest_codes(void **state)
{
    (void)state;
    const bnt_type *const type = bnt_type_named("B4");
    float *const rows = random_floats((size_t)ROWS * COLUMNS);
    double *const h = identity(), error;
    uint8_t *const plain = nearest(type, rows);
    const double before = loss_of(h, rows, type, plain, &error);
    for (uint32_t sweeps = 0; sweeps < 2; sweeps++) {
        bnt_rounded result;
        uint8_t *const out = rounded(type, h, rows, 0, sweeps, &result);
        const double loss = loss_of(h, rows, type, out, &error);
        assert_true(fabs(loss - before) <= 1e-6 * before);
        assert_true(fabs(result.error - before) <= 1e-4 * before);
        bnt_free(out);
    }
    bnt_free(plain);
    free(rows);
    free(h);
}

static void threads_change_no_bit_of_what_is_rounded(void **state)
{
    (void)state;
    const bnt_type *const type = bnt_type_named("B4");
    float *const rows = random_floats((size_t)ROWS * COLUMNS);
    double *const h = correlated(0.5);
    bnt_rounded one, three;
    uint8_t *const a = rounded(type, h, rows, 0, 2, &one);
    uint8_t *const b = rounded(type, h, rows, 1, 2, &three);
    assert_memory_equal(a, b, bytes_of(type));
    assert_true(one.loss == three.loss && one.error == three.error);
    bnt_free(a);
    bnt_free(b);
    free(rows);
    free(h);
}

/* Columns that were always zero, and sums that only more damping makes positive. */
static void sums_without_a_factor_are_damped(void **state)
{
    (void)state;
    const bnt_type *const type = bnt_type_named("B4");
    float *const rows = random_floats((size_t)ROWS * COLUMNS);
    double *const h = calloc((size_t)COLUMNS * COLUMNS, sizeof *h), error;
    bnt_rounded result;
    assert_non_null(h);
    uint8_t *out = rounded(type, h, rows, 0, 1, &result);
    assert_true(isfinite(result.loss));
    bnt_free(out);
    for (size_t i = 0; i < COLUMNS; i++) {
        for (size_t j = 0; j < COLUMNS; j++) {
            h[i * COLUMNS + j] = i == j ? 1.0 : 1.002; /* eigenvalues 1 + 351 * 1.002, -0.002 */
        }
    }
    out = rounded(type, h, rows, 0, 1, &result);
    assert_true(isfinite(loss_of(h, rows, type, out, &error)));
    assert_true(error < 0.05 * ROWS * COLUMNS);
    bnt_free(out);

    bnt_matmul mm;
    bnt_feedback f;
    bantam_error err;
    float *const sums = bnt_calloc(4, sizeof *sums);
    assert_non_null(sums);
    sums[0] = NAN;
    assert_int_equal(bnt_matmul_init(&mm, &kernels, pools[0], NULL), BANTAM_OK);
    assert_int_equal(bnt_feedback_init(&f, &mm, sums, 2, 1, &err), BANTAM_ERR_UNSUPPORTED);
    assert_null(f.hessian);
    bnt_matmul_deinit(&mm);
    free(rows);
    free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(feedback_beats_the_nearest_codes_on_correlated_inputs),
        cmocka_unit_test(unrelated_inputs_leave_the_nearest_codes),
        cmocka_unit_test(threads_change_no_bit_of_what_is_rounded),
        cmocka_unit_test(sums_without_a_factor_are_damped),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
