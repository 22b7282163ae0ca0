/* test_calibrate.c - probabilities against their formulas, fits against slopes
 * of the loss that are taken here by differences, and figures calculated by
 * hand. */
#include "task/calibrate.h"

#include "base/mem.h"
#include "base/rng.h"
#include "support.h"

#include <math.h>

static void near_to(double got, double want, double within)
{
    if (!(fabs(got - want) <= within)) fail_msg("got %.12g, expected %.12g", got, want);
}

static void softmax_is_the_share_of_exponentials(void **state)
{
    double z[3] = {log(1.0), log(2.0), log(5.0)};
    double large[2] = {1e300, -1e300}, none[2] = {-INFINITY, -INFINITY};
    (void)state;

    bnt_softmax(z, 3);
    near_to(z[0], 0.125, 1e-15);
    near_to(z[1], 0.25, 1e-15);
    near_to(z[2], 0.625, 1e-15);
    bnt_softmax(large, 2);
    near_to(large[0], 1.0, 0.0);
    near_to(large[1], 0.0, 0.0);
    bnt_softmax(none, 2);
    near_to(none[0], 0.5, 0.0);
}

/* With 0.7 the odds at the edge are 7/3, and m = 7/6 + sqrt(49/36 + 2) = 3. */
static void the_band_is_as_wide_as_its_probability_says(void **state)
{
    bnt_calibration c;
    double p[3];
    (void)state;

    near_to(exp(bnt_band_width(0.7)), 3.0, 1e-12);
    for (double edge = 0.51; edge < 0.995; edge += 0.04) {
        const double width = bnt_band_width(edge), s[2] = {log(edge), log(1.0 - edge)};
        near_to(bnt_band_probability(width), edge, 1e-12);
        bnt_calibration_init(&c, 2, true, width);
        bnt_calibration_apply(&c, s, p);
        near_to(p[0], p[2], 1e-12); /* at the edge both are as likely */
        near_to(p[0] + p[1] + p[2], 1.0, 1e-12);
        assert_true(p[1] < p[0]);
    }
    /* Narrower than ln 2 it is never the likeliest. */
    near_to(bnt_band_probability(log(1.5)), 0.5, 0.0);
}

/* The penalized loss, written down anew. */
static double loss_of(const bnt_calibration *c, const bnt_calibration *start,
                      const bnt_scored *data)
{
    const double off = c->scale - start->scale, wide = c->width - start->width;
    double loss = 0.5 * off * off;

    if (c->band) {
        const double b = c->bias[0] - c->bias[1] - start->bias[0] + start->bias[1];
        loss += 0.5 * b * b + 0.5 * wide * wide;
    }
    for (size_t i = 0; i < c->k && !c->band; i++) {
        loss += 0.5 * (c->bias[i] - start->bias[i]) * (c->bias[i] - start->bias[i]);
    }
    for (size_t i = 0; i < data->n; i++) {
        double p[4];
        if (data->fold && data->fold[i] == data->left_out) continue;
        bnt_calibration_apply(c, data->scores + i * c->k, p);
        loss -= log(p[data->truth[i]]);
    }
    return loss;
}

/* At the least loss it is flat in every direction, and higher a little way off.
 */
static void check_least(const bnt_calibration *c, const bnt_calibration *start,
                        const bnt_scored *data, double *parameter)
{
    const double least = loss_of(c, start, data), at = *parameter, step = 1e-4;

    *parameter = at + step;
    const double above = loss_of(c, start, data);
    *parameter = at - step;
    const double below = loss_of(c, start, data);
    *parameter = at;
    near_to((above - below) / (2.0 * step), 0.0, 1e-5);
    assert_true(above > least && below > least);
}

enum { N = 300 };

static void make_scores(double *scores, size_t k, uint64_t seed)
{
    bnt_rng rng;
    bnt_rng_seed(&rng, seed);
    for (size_t i = 0; i < N * k; i++) {
        scores[i] = 2.0 * bnt_rng_normal(&rng) - 3.0;
    }
}

static void draw(const bnt_calibration *from, const double *scores, uint32_t *truth,
                 uint64_t seed)
{
    bnt_rng rng;
    bnt_rng_seed(&rng, seed);
    for (size_t i = 0; i < N; i++) {
        double p[4], u = bnt_rng_f64(&rng);
        bnt_calibration_apply(from, scores + i * from->k, p);
        truth[i] = 0;
        while (truth[i] + 1 < bnt_calibration_classes(from) && u >= p[truth[i]]) {
            u -= p[truth[i]++];
        }
    }
}

static void a_fit_has_the_least_loss(void **state)
{
    double scores[N * 3];
    uint32_t truth[N];
    bnt_calibration start, c;
    const bnt_scored data = {.scores = scores, .truth = truth, .n = N};
    (void)state;

    make_scores(scores, 3, 1);
    bnt_calibration_init(&start, 3, false, 1.0);
    c = start;
    c.scale = 0.4;
    c.bias[1] = 1.5;
    draw(&c, scores, truth, 2);
    c = start;
    assert_int_equal(bnt_calibration_fit(&c, &data, NULL), BANTAM_OK);
    check_least(&c, &start, &data, &c.scale);
    for (int i = 0; i < 3; i++) {
        check_least(&c, &start, &data, &c.bias[i]);
    }
    /* It finds what the labels were drawn by. */
    near_to(c.scale, 0.4, 0.12);
    near_to(c.bias[1] - c.bias[0], 1.5, 0.5);
    near_to(c.width, 1.0, 0.0);
}

static void a_band_is_fitted_too(void **state)
{
    double scores[N * 2];
    uint32_t truth[N];
    bnt_calibration start, c;
    const bnt_scored data = {.scores = scores, .truth = truth, .n = N};
    (void)state;

    make_scores(scores, 2, 3);
    bnt_calibration_init(&start, 2, true, log(3.0));
    c = start;
    c.scale = 1.3;
    c.bias[0] = 0.5;
    c.width = 2.0;
    draw(&c, scores, truth, 4);
    c = start;
    assert_int_equal(bnt_calibration_fit(&c, &data, NULL), BANTAM_OK);
    check_least(&c, &start, &data, &c.scale);
    check_least(&c, &start, &data, &c.bias[0]);
    check_least(&c, &start, &data, &c.width);
    near_to(c.scale, 1.3, 0.3);
    near_to(c.bias[0] - c.bias[1], 0.5, 0.5);
    near_to(c.width, 2.0, 0.4);

    /* Without an example in the band nothing tells its width. */
    for (int i = 0; i < N; i++) {
        if (truth[i] == 2) truth[i] = 0;
    }
    c = start;
    assert_int_equal(bnt_calibration_fit(&c, &data, NULL), BANTAM_OK);
    near_to(c.width, log(3.0), 0.0);
    check_least(&c, &start, &data, &c.scale);
}

static void a_fold_that_is_left_out_says_nothing(void **state)
{
    double scores[N * 2];
    uint32_t truth[N];
    uint8_t fold[N];
    bnt_calibration start, some, all;
    (void)state;

    make_scores(scores, 2, 5);
    bnt_calibration_init(&start, 2, false, 1.0);
    draw(&start, scores, truth, 6);
    for (int i = 0; i < N; i++) {
        fold[i] = i >= N / 2;
    }
    const bnt_scored parts = {scores, truth, N, fold, 1};
    const bnt_scored half = {.scores = scores, .truth = truth, .n = N / 2};
    some = all = start;
    assert_int_equal(bnt_calibration_fit(&some, &parts, NULL), BANTAM_OK);
    assert_int_equal(bnt_calibration_fit(&all, &half, NULL), BANTAM_OK);
    assert_memory_equal(&some, &all, sizeof some);
}

static void hopeless_scores_do_not_break_a_fit(void **state)
{
    double scores[8] = {-1e4, 0, -1e4, 0, 0, -1e4, 0, -1e4};
    const uint32_t wrong[4] = {0, 0, 1, 1};
    const bnt_scored data = {.scores = scores, .truth = wrong, .n = 4};
    bnt_calibration c;
    double p[2];
    (void)state;

    bnt_calibration_init(&c, 2, false, 1.0);
    assert_int_equal(bnt_calibration_fit(&c, &data, NULL), BANTAM_OK);
    bnt_calibration_apply(&c, scores, p);
    assert_true(c.scale > 0.0 && isfinite(c.scale) && isfinite(p[0]));
}

static void a_fit_without_memory_says_so(void **state)
{
    const double scores[2] = {0, 1};
    const uint32_t truth[1] = {0};
    const bnt_scored data = {.scores = scores, .truth = truth, .n = 1};
    bnt_calibration c;
    (void)state;

    bnt_calibration_init(&c, 2, false, 1.0);
    bnt_mem_fail_after(0);
    assert_int_equal(bnt_calibration_fit(&c, &data, NULL), BANTAM_ERR_NOMEM);
    bnt_mem_fail_after(UINT64_MAX);
    near_to(c.scale, 1.0, 0.0);
}

/* Twenty answers are two groups of ten. The low ones say 0.5 and 6 are right:
 * |5 - 6| = 1; the high ones say 0.9 and 7 are right: |9 - 7| = 2. (1 + 2) / 20
 * = 0.15. */
static void the_calibration_error_is_that_of_groups_of_one_size(void **state)
{
    double p[20], error;
    bool right[20];
    (void)state;

    for (int i = 0; i < 20; i++) {
        const bool high = i % 2;
        p[i] = high ? 0.9 : 0.5;
        right[i] = i / 2 < (high ? 7 : 6);
    }
    assert_int_equal(bantam_calibration_error(p, right, 20, &error, NULL), BANTAM_OK);
    near_to(error, 0.15, 1e-12);
    /* One group: |5 * 0.5 + 4 * 0.9 - 9| / 9. */
    assert_int_equal(bantam_calibration_error(p, right, 9, &error, NULL), BANTAM_OK);
    near_to(error, (9.0 - 6.1) / 9.0, 1e-12);
    assert_int_equal(bantam_calibration_error(p, right, 0, &error, NULL), BANTAM_ERR_INVALID);
    bnt_mem_fail_after(0);
    assert_int_equal(bantam_calibration_error(p, right, 20, &error, NULL), BANTAM_ERR_NOMEM);
    bnt_mem_fail_after(UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(softmax_is_the_share_of_exponentials),
        cmocka_unit_test(the_band_is_as_wide_as_its_probability_says),
        cmocka_unit_test(a_fit_has_the_least_loss),
        cmocka_unit_test(a_band_is_fitted_too),
        cmocka_unit_test(a_fold_that_is_left_out_says_nothing),
        cmocka_unit_test(hopeless_scores_do_not_break_a_fit),
        cmocka_unit_test(a_fit_without_memory_says_so),
        cmocka_unit_test(the_calibration_error_is_that_of_groups_of_one_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
