/* test_exp.c - the exponential of the reference kernels against the C library's in double. */
#include "support.h"

#include <math.h>

#include "base/f16.h"
#include "kernel/kernel.h"

static void the_error_stays_within_two_units_in_the_last_place(void **state)
{
    (void)state;
    double worst = 0.0;
    for (double x = -87.2; x < 88.7; x += 0.00037) {
        const float in = (float)x;
        const double exact = exp((double)in);
        const float rounded = (float)exact;
        const double ulp = (double)(nextafterf(rounded, INFINITY) - rounded);
        worst = fmax(worst, fabs((double)bnt_expf(in) - exact) / ulp);
    }
    assert_true(worst <= 2.0);
}

static void special_values_are_as_stated(void **state)
{
    (void)state;
    assert_true(bnt_expf(0.0f) == 1.0f);
    assert_true(bnt_expf(-INFINITY) == 0.0f);
    assert_true(bnt_expf(-1000.0f) == 0.0f);
    assert_true(isinf(bnt_expf(INFINITY)));
    assert_true(isinf(bnt_expf(89.0f)));
    assert_true(isnan(bnt_expf(NAN)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_error_stays_within_two_units_in_the_last_place),
        cmocka_unit_test(special_values_are_as_stated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
