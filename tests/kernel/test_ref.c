/* test_ref.c - the reference kernels against their formulas in double, and their order of sums.
 */
#include "support.h"

#include <float.h>
#include <math.h>

#include "base/rng.h"
#include "kernel/kernel.h"

enum { MOST = 100 };

static bnt_kernels k;
static float a[MOST], b[MOST];

static int setup(void **state)
{
    bnt_rng rng;
    (void)state;
    bnt_kernels_init(&k, 0);
    bnt_rng_seed(&rng, 42);
    for (int i = 0; i < MOST; i++) {
        a[i] = (float)bnt_rng_normal(&rng);
        b[i] = (float)bnt_rng_normal(&rng);
    }
    return 0;
}

static void a_dot_product_is_right_for_every_tail(void **state)
{
    (void)state;
    for (size_t n = 0; n <= MOST; n++) {
        double want = 0.0, size = 0.0;
        for (size_t i = 0; i < n; i++) {
            want += (double)a[i] * (double)b[i];
            size += fabs((double)a[i] * (double)b[i]);
        }
        assert_true(fabs((double)k.dot_f32(a, b, n) - want) <=
                    ((double)n + 4.0) * (double)FLT_EPSILON * size);
    }
}

/* The contract's own words: value i goes to sum i mod 16, sums are added as a tree. */
static void a_dot_product_adds_in_the_stated_order(void **state)
{
    (void)state;
    for (size_t n = 0; n <= MOST; n++) {
        volatile float s[16] = {0};
        for (size_t i = 0; i < n; i++) {
            const volatile float product = a[i] * b[i];
            s[i % 16] = s[i % 16] + product;
        }
        for (int half = 8; half; half /= 2) {
            for (int j = 0; j < half; j++) {
                s[j] = s[j] + s[j + half];
            }
        }
        const float want = s[0], got = k.dot_f32(a, b, n);
        assert_memory_equal(&want, &got, sizeof want);
    }
}

static void a_norm_has_mean_square_one(void **state)
{
    float out[MOST];
    (void)state;
    double square = 0.0;
    for (int i = 0; i < MOST; i++) {
        square += (double)a[i] * (double)a[i];
    }
    k.rms_norm_f32(out, a, b, MOST, 1e-5f);
    for (int i = 0; i < MOST; i++) {
        const double want = (double)a[i] / sqrt(square / MOST + 1e-5) * (double)b[i];
        assert_true(fabs((double)out[i] - want) <= 1e-5 * fabs(want) + 1e-30);
    }
    memcpy(out, a, sizeof out);
    k.rms_norm_f32(out, out, b, MOST, 1e-5f);
    assert_true(
        fabs((double)out[7] - (double)a[7] / sqrt(square / MOST + 1e-5) * (double)b[7]) < 1e-5);
}

static void gates_are_what_their_names_say(void **state)
{
    float out[MOST];
    (void)state;
    k.gate_silu_f32(out, a, b, MOST);
    for (int i = 0; i < MOST; i++) {
        const double want = (double)a[i] / (1.0 + exp(-(double)a[i])) * (double)b[i];
        assert_true(fabs((double)out[i] - want) <= 1e-6 * fabs(want) + 1e-30);
    }
    k.gate_relu_f32(out, a, b, MOST);
    for (int i = 0; i < MOST; i++) {
        assert_true(out[i] == (a[i] > 0.0f ? a[i] * b[i] : 0.0f * b[i]));
    }
    const float large[2] = {-200.0f, 200.0f}, one[2] = {1.0f, 1.0f};
    k.gate_silu_f32(out, large, one, 2);
    assert_true(out[0] == 0.0f && out[1] == 200.0f);
}

static void a_softmax_sum_fits_its_terms(void **state)
{
    (void)state;
    for (size_t n = 1; n <= MOST; n++) {
        float x[MOST];
        double sum = 0.0;
        memcpy(x, a, sizeof x);
        const float got = k.exp_sum_f32(x, 3.0f, n);
        for (size_t i = 0; i < n; i++) {
            assert_true(x[i] == bnt_expf(a[i] - 3.0f));
            sum += (double)x[i];
        }
        assert_true(fabs((double)got - sum) <= 1e-5 * sum);
    }
}

static void rotations_keep_length_and_turn_by_the_angle(void **state)
{
    (void)state;
    float cosines[8], sines[8], x[16], y[16];
    for (int i = 0; i < 8; i++) {
        cosines[i] = (float)cos(0.3 * i);
        sines[i] = (float)sin(0.3 * i);
    }
    memcpy(x, a, sizeof x);
    k.rope_adjacent_f32(x, cosines, sines, 16);
    memcpy(y, a, sizeof y);
    k.rope_halves_f32(y, cosines, sines, 16);
    for (int i = 0; i < 8; i++) {
        const double t = 0.3 * i;
        assert_true(fabs((double)x[2 * i] -
                         ((double)a[2 * i] * cos(t) - (double)a[2 * i + 1] * sin(t))) < 1e-6);
        assert_true(fabs((double)x[2 * i + 1] -
                         ((double)a[2 * i] * sin(t) + (double)a[2 * i + 1] * cos(t))) < 1e-6);
        assert_true(fabs((double)y[i] - ((double)a[i] * cos(t) - (double)a[i + 8] * sin(t))) <
                    1e-6);
        assert_true(fabs((double)y[i + 8] -
                         ((double)a[i] * sin(t) + (double)a[i + 8] * cos(t))) < 1e-6);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dot_product_is_right_for_every_tail),
        cmocka_unit_test(a_dot_product_adds_in_the_stated_order),
        cmocka_unit_test(a_norm_has_mean_square_one),
        cmocka_unit_test(gates_are_what_their_names_say),
        cmocka_unit_test(a_softmax_sum_fits_its_terms),
        cmocka_unit_test(rotations_keep_length_and_turn_by_the_angle),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
