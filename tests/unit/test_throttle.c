/* test_throttle.c - the controller that keeps to a temperature, alone and on a simulated chip.
 */
#include "support.h"

#include "../../tools/cli/cli_throttle.c"

/* A chip that lies at `idle` degrees without work and `rise` above it under full load, and
 * comes near to that by a factor of e in `lag` seconds. Its sensor shows whole degrees. */
typedef struct chip {
    double idle, rise, lag, celsius;
} chip;

static double run_chip(chip *c, double limit, double seconds, double *hottest, double *mean)
{
    static const double step = 0.5;
    const int n = (int)(seconds / step);
    double share = 1.0, shown = floor(c->celsius);

    *hottest = c->celsius;
    *mean = 0.0;
    for (int i = 0; i < n; i++) {
        c->celsius += (c->idle + c->rise * share - c->celsius) * (1.0 - exp(-step / c->lag));
        const double now = floor(c->celsius);
        share = cli_throttle(share, now, now - shown, limit, step);
        assert_true(share > 0.0 && share <= 1.0);
        shown = now;
        *hottest = fmax(*hottest, c->celsius);
        if (i >= n / 2) *mean += c->celsius / (n - n / 2);
    }
    return share;
}

static void a_cool_machine_computes_all_the_time(void **state)
{
    chip c = {40.0, 25.0, 20.0, 40.0};
    double hottest, mean;
    (void)state;
    assert_true(run_chip(&c, 70.0, 600.0, &hottest, &mean) == 1.0);
}

static void a_hot_one_settles_at_the_limit(void **state)
{
    static const double lags[] = {5.0, 20.0, 60.0, 180.0}, rises[] = {40.0, 60.0};
    (void)state;
    for (size_t l = 0; l < 4; l++) {
        for (size_t r = 0; r < 2; r++) {
            chip c = {35.0, rises[r], lags[l], 35.0};
            double hottest, mean;
            const double share = run_chip(&c, 65.0, 1800.0, &hottest, &mean);
            /* In balance the share is what keeps the limit: (65 - 35) of the rise. */
            assert_true(fabs(share - 30.0 / rises[r]) < 0.1);
            assert_true(fabs(mean - 65.5) < 1.5);
            assert_true(hottest < 65.0 + 6.0);
        }
    }
}

static void one_that_begins_too_hot_comes_down(void **state)
{
    chip c = {35.0, 50.0, 30.0, 85.0};
    double hottest, mean;
    (void)state;
    run_chip(&c, 60.0, 900.0, &hottest, &mean);
    assert_true(fabs(mean - 60.5) < 1.5);
    assert_true(hottest < 86.0);
}

static void a_limit_that_cannot_be_kept_leaves_a_little_work(void **state)
{
    chip c = {80.0, 20.0, 20.0, 80.0};
    double hottest, mean;
    (void)state;
    const double share = run_chip(&c, 50.0, 600.0, &hottest, &mean);
    assert_true(share > 0.0 && share < 0.05);
}

static void a_sensor_that_falls_silent_changes_nothing(void **state)
{
    (void)state;
    assert_true(cli_throttle(0.3, NAN, NAN, 70.0, 0.5) == 0.3);
    assert_true(cli_throttle(0.3, 80.0, NAN, 70.0, 0.5) == 0.3);
    assert_true(cli_throttle(0.3, 70.0, 0.0, 70.0, 0.5) == 0.3);
}

static void hotter_is_slower_and_cooler_is_faster(void **state)
{
    (void)state;
    for (double t = 60.0; t < 80.0; t += 1.0) {
        assert_true(cli_throttle(0.5, t + 1.0, 0.0, 70.0, 0.5) <
                    cli_throttle(0.5, t, 0.0, 70.0, 0.5));
        assert_true(cli_throttle(0.5, t, 1.0, 70.0, 0.5) <
                    cli_throttle(0.5, t, 0.0, 70.0, 0.5));
    }
    assert_true(cli_throttle(0.5, 1e6, 1e6, 70.0, 1e6) > 0.24); /* one look, one half */
    assert_true(cli_throttle(0.5, -1e6, -1e6, 70.0, 1e6) == 1.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cool_machine_computes_all_the_time),
        cmocka_unit_test(a_hot_one_settles_at_the_limit),
        cmocka_unit_test(one_that_begins_too_hot_comes_down),
        cmocka_unit_test(a_limit_that_cannot_be_kept_leaves_a_little_work),
        cmocka_unit_test(a_sensor_that_falls_silent_changes_nothing),
        cmocka_unit_test(hotter_is_slower_and_cooler_is_faster),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
