/* Random numbers, the same on every machine. */
#include "base/rng.h"
#include "support.h"

#include <math.h>

/* Outputs that other implementations of the two published algorithms give. */
static void the_generators_are_the_published_ones(void **state)
{
    (void)state;
    static const uint64_t splitmix[] = {
        UINT64_C(6457827717110365317), UINT64_C(3203168211198807973),
        UINT64_C(9817491932198370423), UINT64_C(4593380528125082431)};
    static const uint64_t xoshiro[] = {11520,
                                       0,
                                       1509978240,
                                       UINT64_C(1215971899390074240),
                                       UINT64_C(1216172134540287360),
                                       UINT64_C(607988272756665600),
                                       UINT64_C(16172922978634559625),
                                       UINT64_C(8476171486693032832),
                                       UINT64_C(10595114339597558777),
                                       UINT64_C(2904607092377533576)};
    bnt_rng rng;
    bnt_rng_seed(&rng, 1234567);
    for (size_t i = 0; i < 4; i++) {
        assert_true(rng.s[i] == splitmix[i]);
    }
    rng = (bnt_rng){{1, 2, 3, 4}};
    for (size_t i = 0; i < 10; i++) {
        assert_true(bnt_rng_u64(&rng) == xoshiro[i]);
    }
}

static void fractions_are_below_one_and_even(void **state)
{
    (void)state;
    bnt_rng rng;
    uint32_t bins[16] = {0};
    bnt_rng_seed(&rng, 7);
    for (int i = 0; i < 160000; i++) {
        const double x = bnt_rng_f64(&rng);
        assert_true(x >= 0 && x < 1);
        bins[(size_t)(x * 16)]++;
    }
    for (size_t i = 0; i < 16; i++) { /* deviation of a bin is 97 */
        assert_true(bins[i] > 9500 && bins[i] < 10500);
    }
}

static void numbers_below_n_are_unbiased(void **state)
{
    (void)state;
    bnt_rng rng;
    bnt_rng_seed(&rng, 9);
    uint32_t bins[6] = {0};
    for (int i = 0; i < 60000; i++) {
        bins[bnt_rng_below(&rng, 6)]++;
    }
    for (size_t i = 0; i < 6; i++) {
        assert_true(bins[i] > 9500 && bins[i] < 10500);
    }
    /* With n = 3/4 of 2^64 plain remainders would fall into the lowest third in half of the
     * draws. */
    const uint64_t n = UINT64_C(3) << 62;
    int low = 0;
    for (int i = 0; i < 30000; i++) {
        low += bnt_rng_below(&rng, n) < n / 3;
    }
    assert_true(low > 9500 && low < 10500);
    assert_true(bnt_rng_below(&rng, 1) == 0);
}

static void normal_numbers_have_their_moments(void **state)
{
    (void)state;
    enum { N = 200000 };
    bnt_rng rng;
    double m1 = 0, m2 = 0, m4 = 0, inside = 0;
    bnt_rng_seed(&rng, 3);
    for (int i = 0; i < N; i++) {
        const double x = bnt_rng_normal(&rng);
        m1 += x;
        m2 += x * x;
        m4 += x * x * x * x;
        inside += fabs(x) < 1;
    }
    assert_true(fabs(m1 / N) < 0.01);
    assert_true(fabs(m2 / N - 1) < 0.015);
    assert_true(fabs(m4 / N - 3) < 0.15);
    assert_true(fabs(inside / N - erf(sqrt(0.5))) < 0.005);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_generators_are_the_published_ones),
        cmocka_unit_test(fractions_are_below_one_and_even),
        cmocka_unit_test(numbers_below_n_are_unbiased),
        cmocka_unit_test(normal_numbers_have_their_moments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
