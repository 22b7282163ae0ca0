/* test_hadamard.c - transforms against what makes a matrix one of Hadamard: all its entries
 * have one magnitude, and its rows are orthogonal. Powers of two also against Sylvester's
 * formula.
 */
#include "support.h"

#include <math.h>

#include "base/cpu.h"
#include "base/rng.h"
#include "kernel/hadamard.h"

static bnt_kernels sets[2]; /* C, and what is best here */

static int setup(void **state)
{
    (void)state;
    bnt_kernels_init(&sets[0], 0);
    bnt_kernels_init(&sets[1], bnt_cpu_flags());
    return 0;
}

typedef struct transform {
    bnt_hadamard h;
    float *room;
} transform;

static transform open_transform(uint32_t size)
{
    transform t = {.room = calloc(bnt_hadamard_floats(size) + 1, sizeof(float))};
    assert_non_null(t.room);
    assert_true(bnt_hadamard_init(&t.h, size, t.room));
    return t;
}

/* (size, size), row i of it what the transform makes of unit vector i: the matrix, transposed.
 */
static float *columns_of(uint32_t size, const bnt_kernels *kernels)
{
    transform t = open_transform(size);
    float *const all = calloc((size_t)size * size, sizeof *all);
    assert_non_null(all);
    for (uint32_t i = 0; i < size; i++) {
        all[(size_t)i * size + i] = 1.0f;
        bnt_hadamard_run(&t.h, kernels, all + (size_t)i * size, size);
    }
    free(t.room);
    return all;
}

static void check_hadamard(uint32_t size)
{
    float *const all = columns_of(size, &sets[1]);
    const double magnitude = 1.0 / sqrt((double)size);

    for (size_t i = 0; i < (size_t)size * size; i++) {
        if (fabs(fabs((double)all[i]) - magnitude) > 1e-6 * magnitude) {
            fail_msg("size %u: entry %zu is %g", size, i, (double)all[i]);
        }
    }
    for (uint32_t i = 0; i < size; i++) {
        for (uint32_t j = 0; j <= i; j++) {
            double sum = 0.0;
            for (uint32_t k = 0; k < size; k++) {
                sum += (double)all[(size_t)i * size + k] * (double)all[(size_t)j * size + k];
            }
            if (fabs(sum - (i == j)) > 1e-5) {
                fail_msg("size %u: rows %u and %u have the product %g", size, i, j, sum);
            }
        }
    }
    free(all);
}

static void rows_are_orthogonal_and_entries_alike_for_every_order_of_paley(void **state)
{
    uint32_t n = 0;
    (void)state;
    for (uint32_t m = 4; m <= 128; m += 4) {
        if (bnt_hadamard_factor(m) != m) continue; /* none, or a power of two */
        check_hadamard(m);
        n++;
    }
    /* 12, 20, 28, 36, 44, 60, 68, 76, 84, 104, 108, 124. Of 4 times an odd number 52, 92, 100
     * and 116 are missing: neither m / 2 - 1 nor m - 1 is a prime. 104 stands in for 52. */
    assert_int_equal(n, 12);
}

static void sizes_of_known_models_are_whole(void **state)
{
    static const uint32_t sizes[] = {8, 64, 80, 96, 128, 352, 576, 768, 960, 1536};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal(bnt_hadamard_size(sizes[i]), sizes[i]);
        if (sizes[i] <= 576) check_hadamard(sizes[i]);
    }
    assert_int_equal(bnt_hadamard_size(2560), 2560);
    assert_int_equal(bnt_hadamard_factor(2560), 20);
    assert_int_equal(bnt_hadamard_factor(4864), 76);
    assert_int_equal(bnt_hadamard_factor(576), 36);
    assert_int_equal(bnt_hadamard_factor(14336), 28);
    assert_int_equal(bnt_hadamard_factor(8192), 1);
}

static void other_sizes_are_cut_into_powers_of_two(void **state)
{
    (void)state;
    assert_int_equal(bnt_hadamard_size(6816), 32);
    assert_int_equal(bnt_hadamard_size(172), 4);
    assert_int_equal(bnt_hadamard_size(7), 1);
    assert_int_equal(bnt_hadamard_factor(172), 0);
    assert_int_equal(bnt_hadamard_factor(0), 0);
    bnt_hadamard h;
    assert_false(bnt_hadamard_init(&h, 172, NULL));
    assert_int_equal(h.size, 0);

    /* Two pieces of 4, each by itself. */
    transform t = open_transform(4);
    float x[8] = {1, 2, 3, 4, 0, 0, 2, 0};
    const float want[8] = {5, -1, -2, 0, 1, 1, -1, -1};
    bnt_hadamard_run(&t.h, &sets[1], x, 8);
    for (int i = 0; i < 8; i++) {
        assert_float_equal(x[i], want[i], 0.0);
    }
    free(t.room);
}

static void powers_of_two_follow_sylvester(void **state)
{
    (void)state;
    for (uint32_t size = 1; size <= 256; size *= 2) {
        float *const all = columns_of(size, &sets[1]);
        for (uint32_t i = 0; i < size; i++) {
            for (uint32_t j = 0; j < size; j++) {
                const float sign = __builtin_parity(i & j) ? -1.0f : 1.0f;
                assert_float_equal(all[i * size + j], sign / sqrtf((float)size), 1e-7);
            }
        }
        free(all);
    }
}

static void symmetric_transforms_undo_themselves(void **state)
{
    static const uint32_t sizes[] = {2, 16, 1024, 8192, 12, 36, 60, 576, 960, 1536, 4864};
    bnt_rng rng;
    (void)state;
    bnt_rng_seed(&rng, 3);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        transform t = open_transform(sizes[i]);
        float *const x = calloc(2 * (size_t)sizes[i], sizeof *x), *const y = x + sizes[i];
        assert_non_null(x);
        for (uint32_t k = 0; k < sizes[i]; k++) {
            x[k] = y[k] = (float)bnt_rng_normal(&rng);
        }
        bnt_hadamard_run(&t.h, &sets[1], y, sizes[i]);
        bnt_hadamard_run(&t.h, &sets[1], y, sizes[i]);
        for (uint32_t k = 0; k < sizes[i]; k++) {
            assert_float_equal(x[k], y[k], 2e-5);
        }
        free(x);
        free(t.room);
    }
}

/* Against sums in double over the matrix that unit vectors show. */
static void products_are_those_of_the_matrix(void **state)
{
    static const uint32_t sizes[] = {20, 44, 80, 104, 352, 256};
    bnt_rng rng;
    (void)state;
    bnt_rng_seed(&rng, 4);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const uint32_t n = sizes[i];
        transform t = open_transform(n);
        float *const all = columns_of(n, &sets[0]);
        float x[2][352], in[352];
        for (uint32_t k = 0; k < n; k++) {
            in[k] = x[0][k] = x[1][k] = (float)bnt_rng_normal(&rng);
        }
        for (int s = 0; s < 2; s++) {
            bnt_hadamard_run(&t.h, &sets[s], x[s], n);
        }
        assert_memory_equal(x[0], x[1], n * sizeof(float)); /* any set, the same bits */
        for (uint32_t r = 0; r < n; r++) {
            double sum = 0.0;
            for (uint32_t k = 0; k < n; k++) {
                sum += (double)all[(size_t)k * n + r] * (double)in[k];
            }
            assert_float_equal(x[0][r], (float)sum, 1e-5);
        }
        free(all);
        free(t.room);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_orthogonal_and_entries_alike_for_every_order_of_paley),
        cmocka_unit_test(sizes_of_known_models_are_whole),
        cmocka_unit_test(other_sizes_are_cut_into_powers_of_two),
        cmocka_unit_test(powers_of_two_follow_sylvester),
        cmocka_unit_test(symmetric_transforms_undo_themselves),
        cmocka_unit_test(products_are_those_of_the_matrix),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
