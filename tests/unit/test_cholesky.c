/* U D U^T: known matrices, products that come back, and what has no factor. */
#include "linalg/cholesky.h"

#include <math.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "base/rng.h"
#include "support.h"

static bnt_pool *pools[2];
static bnt_learn_kernels kernels;

static int setup(void **state)
{
    (void)state;
    bnt_learn_kernels_init(&kernels, bnt_cpu_flags());
    return bnt_pool_open(&pools[0], 1, NULL) || bnt_pool_open(&pools[1], 3, NULL) ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    bnt_pool_close(pools[0]);
    bnt_pool_close(pools[1]);
    return 0;
}

static bantam_status factor(float *h, size_t n, int pool)
{
    bnt_matmul mm;
    assert_int_equal(bnt_matmul_init(&mm, &kernels, pools[pool], NULL), BANTAM_OK);
    const bantam_status status = bnt_cholesky(&mm, h, n, NULL);
    bnt_matmul_deinit(&mm);
    return status;
}

/* By hand: U = [1 2 -1; 0 1 3; 0 0 1], D = diag(4, 2, 5). */
static void a_small_matrix_has_the_factors_it_was_made_of(void **state)
{
    (void)state;
    float h[9] = {4 + 4 * 2 + 5, 2 * 2 - 3 * 5, -5, NAN, 2 + 9 * 5, 15, NAN, NAN, 5};
    static const float want[9] = {4, 2, -1, 0, 2, 3, 0, 0, 5};
    assert_int_equal(factor(h, 3, 0), BANTAM_OK);
    for (int i = 0; i < 3; i++) {
        for (int j = i; j < 3; j++) {
            assert_true(fabsf(h[3 * i + j] - want[3 * i + j]) < 1e-5f);
        }
        for (int j = 0; j < i; j++) {
            assert_true(isnan(h[3 * i + j])); /* below the diagonal nothing is touched */
        }
    }
}

/* X^T X of random rows, and some more on the diagonal. */
static float *random_matrix(size_t n, uint64_t seed)
{
    bnt_rng rng;
    bnt_rng_seed(&rng, seed);
    float *const x = malloc((n + 3) * n * sizeof *x), *const h = malloc(n * n * sizeof *h);
    assert_true(x && h);
    for (size_t i = 0; i < (n + 3) * n; i++) {
        x[i] = (float)bnt_rng_normal(&rng);
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            double sum = i == j ? (double)n / 4 : 0.0;
            for (size_t k = 0; k < n + 3; k++) {
                sum += (double)x[k * n + i] * (double)x[k * n + j];
            }
            h[i * n + j] = (float)sum;
        }
    }
    free(x);
    return h;
}

static void factors_multiply_to_the_matrix(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 17, 127, 128, 129, 300};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const size_t n = sizes[s];
        float *const h = random_matrix(n, n), *const u = malloc(n * n * sizeof *u);
        float *const other = malloc(n * n * sizeof *other);
        assert_true(u && other);
        memcpy(u, h, n * n * sizeof *u);
        memcpy(other, h, n * n * sizeof *u);
        assert_int_equal(factor(u, n, 0), BANTAM_OK);
        assert_int_equal(factor(other, n, 1), BANTAM_OK);
        assert_memory_equal(u, other, n * n * sizeof *u); /* whatever the threads */
        for (size_t i = 0; i < n; i++) {
            for (size_t j = i; j < n; j++) {
                double sum = 0.0;
                for (size_t k = j; k < n; k++) {
                    const double a = k == i ? 1.0 : (double)u[i * n + k];
                    const double b = k == j ? 1.0 : (double)u[j * n + k];
                    sum += a * b * (double)u[k * n + k];
                }
                assert_true(fabs(sum - (double)h[i * n + j]) < 1e-5 * (double)n);
            }
        }
        free(h);
        free(u);
        free(other);
    }
}

static void what_is_not_positive_definite_is_refused(void **state)
{
    (void)state;
    float flat[4] = {1, 1, 1, 1}, negative[4] = {1, 0, 0, -1}, nan[1] = {NAN}, zero[1] = {0};
    assert_int_equal(factor(flat, 2, 0), BANTAM_ERR_UNSUPPORTED);
    assert_int_equal(factor(negative, 2, 0), BANTAM_ERR_UNSUPPORTED);
    assert_int_equal(factor(nan, 1, 0), BANTAM_ERR_UNSUPPORTED);
    assert_int_equal(factor(zero, 1, 0), BANTAM_ERR_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_matrix_has_the_factors_it_was_made_of),
        cmocka_unit_test(factors_multiply_to_the_matrix),
        cmocka_unit_test(what_is_not_positive_definite_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
