/* Inverses in double precision, held against the matrix they are of; and products taken. */
#include "linalg/inverse.h"

#include <math.h>

#include "base/rng.h"
#include "support.h"

enum { MOST = 200 };

static bnt_rng rng;

static double next(void)
{
    return bnt_rng_normal(&rng);
}

static bnt_pool *open_pool(uint32_t n_threads)
{
    bnt_pool *pool;
    assert_int_equal(bnt_pool_open(&pool, n_threads, NULL), BANTAM_OK);
    return pool;
}

/* Sums of products of random rows, and a little on the diagonal. */
static void fill(double *a, size_t n)
{
    static double x[MOST];
    memset(a, 0, n * n * sizeof *a);
    for (size_t t = 0; t < n; t++) {
        for (size_t i = 0; i < n; i++) {
            x[i] = next();
        }
        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; j < n; j++) {
                a[i * n + j] += x[i] * x[j];
            }
        }
    }
    for (size_t i = 0; i < n; i++) {
        a[i * (n + 1)] += 0.5;
    }
}

/* Sizes below, at and past the blocks of 64. */
static void a_matrix_times_its_inverse_is_one(void **state)
{
    static const size_t sizes[] = {1, 2, 17, 64, 65, 130, MOST};
    static double a[MOST * MOST], given[MOST * MOST], work[1 << 16];
    bnt_pool *const pool = open_pool(2);
    (void)state;

    bnt_rng_seed(&rng, 3);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const size_t n = sizes[s];
        fill(given, n);
        for (size_t i = 0; i < n * n; i++) {
            a[i] = i % n < i / n ? (double)NAN : given[i]; /* not to be looked at */
        }
        assert_true(bnt_invert_work(n) <= sizeof work / sizeof *work);
        assert_true(bnt_invert(pool, a, n, work));
        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; j < n; j++) {
                double sum = 0.0;
                for (size_t k = 0; k < n; k++) {
                    sum += given[i * n + k] * a[k * n + j];
                }
                assert_true(fabs(sum - (i == j ? 1.0 : 0.0)) < 1e-9);
                assert_true(a[i * n + j] == a[j * n + i]);
            }
        }
    }
    bnt_pool_close(pool);
}

/* [2 1; 1 1] becomes [1 -1; -1 2], and [1 2; 2 1] has an eigenvalue of -1. */
static void small_ones_by_hand_and_what_is_not_positive_definite(void **state)
{
    double a[4] = {2, 1, 1, 1}, b[4] = {1, 2, 2, 1}, c[4] = {(double)NAN, 0, 0, 1},
           work[1 << 13];
    bnt_pool *const pool = open_pool(1);
    (void)state;

    assert_true(bnt_invert(pool, a, 2, work));
    assert_true(a[0] == 1.0 && a[1] == -1.0 && a[2] == -1.0 && a[3] == 2.0);
    assert_false(bnt_invert(pool, b, 2, work));
    assert_false(bnt_invert(pool, c, 2, work));
    bnt_pool_close(pool);
}

/* Past every tile, and only above the diagonal where that is all that is asked for. */
static void products_are_taken_from_every_element(void **state)
{
    enum { ROWS = 37, COLUMNS = 1100, DEPTH = 67 };
    static double a[2][ROWS * COLUMNS], was[ROWS * COLUMNS], from[DEPTH * COLUMNS];
    static double factors[DEPTH * ROWS];
    (void)state;

    for (size_t i = 0; i < ROWS * COLUMNS; i++) {
        was[i] = next();
    }
    for (size_t i = 0; i < DEPTH * COLUMNS; i++) {
        from[i] = next();
    }
    for (size_t i = 0; i < DEPTH * ROWS; i++) {
        factors[i] = next();
    }
    for (int upper = 0; upper < 2; upper++) {
        for (uint32_t threads = 0; threads < 2; threads++) {
            bnt_pool *const pool = open_pool(1 + 2 * threads);
            memcpy(a[threads], was, sizeof was);
            bnt_take_products(pool, &(bnt_taking){.a = a[threads],
                                                  .rows = ROWS,
                                                  .columns = COLUMNS,
                                                  .stride = COLUMNS,
                                                  .factors = factors,
                                                  .factor_row = 1,
                                                  .factor_step = ROWS,
                                                  .from = from,
                                                  .depth = DEPTH,
                                                  .upper = upper});
            bnt_pool_close(pool);
        }
        assert_memory_equal(a[0], a[1], sizeof a[0]);
        for (size_t i = 0; i < ROWS; i++) {
            for (size_t j = 0; j < COLUMNS; j++) {
                double want = was[i * COLUMNS + j];
                for (size_t k = 0; k < DEPTH && (!upper || j >= i); k++) {
                    want -= factors[k * ROWS + i] * from[k * COLUMNS + j];
                }
                assert_true(fabs(a[0][i * COLUMNS + j] - want) < 1e-11);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_matrix_times_its_inverse_is_one),
        cmocka_unit_test(small_ones_by_hand_and_what_is_not_positive_definite),
        cmocka_unit_test(products_are_taken_from_every_element),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
