/* test_ref_learn.c - the reference kernels of training, which judge all others, by means that
 * are not theirs: numbers worked out by hand, and derivatives of the forward formulas in
 * double, taken from differences.
 */
#include "support.h"

#include <math.h>

#include "base/rng.h"
#include "kernel/learn.h"

enum { N = 19 };

static const double STEP = 1e-5; /* of differences: their error is about its square */

static bnt_learn_kernels k;
static bnt_rng rng;

static int setup(void **state)
{
    (void)state;
    bnt_learn_kernels_init(&k, 0);
    bnt_rng_seed(&rng, 3);
    return 0;
}

static void fill(float *x, double scale)
{
    for (int i = 0; i < N; i++) {
        x[i] = (float)(scale * bnt_rng_normal(&rng));
    }
}

static void assert_close(float got, double want, double bound)
{
    if (!(fabs((double)got - want) <= bound)) fail_msg("%g, not %g", (double)got, want);
}

/* How a scalar function of N numbers changes with number i. */
typedef double (*scalar_fn)(const double *x, const void *rest);

static double slope(scalar_fn f, const float *x, int i, const void *rest)
{
    double v[N];
    for (int j = 0; j < N; j++) {
        v[j] = (double)x[j];
    }
    v[i] += STEP;
    const double above = f(v, rest);
    v[i] -= 2.0 * STEP;
    return (above - f(v, rest)) / (2.0 * STEP);
}

/* ---- gates ---- */

static double silu(double x)
{
    return x / (1.0 + exp(-x));
}

static void a_silu_gate_gives_back_its_derivatives(void **state)
{
    (void)state;
    float gate[N], up[N], dh[N], d_gate[N], d_up[N];
    for (int turn = 0; turn < 50; turn++) {
        fill(gate, 3.0);
        fill(up, 1.0);
        fill(dh, 1.0);
        k.gate_silu_grad(d_gate, d_up, dh, gate, up, N);
        for (int i = 0; i < N; i++) {
            const double x = (double)gate[i], h = (double)dh[i], u = (double)up[i];
            const double d = (silu(x + STEP) - silu(x - STEP)) / (2.0 * STEP);
            assert_close(d_up[i], h * silu(x), 1e-6 * (1.0 + fabs(h * x)));
            assert_close(d_gate[i], h * u * d, 1e-6 * (1.0 + fabs(h * u)));
        }
    }
}

static void far_gates_are_open_or_shut(void **state)
{
    (void)state;
    const float gate[4] = {200.0f, -200.0f, 30.0f, 0.0f}, up[4] = {3, 3, 3, 3};
    const float dh[4] = {2, 2, 2, 2};
    float d_gate[4], d_up[4];
    k.gate_silu_grad(d_gate, d_up, dh, gate, up, 4);
    assert_true(d_gate[0] == 6.0f && d_up[0] == 400.0f);
    assert_true(d_gate[1] == 0.0f && d_up[1] == 0.0f);
    assert_close(d_gate[2], 6.0, 1e-6);
    assert_true(d_gate[3] == 3.0f && d_up[3] == 0.0f); /* half of dh up */
}

static void a_relu_gate_gives_back_what_it_lets_through(void **state)
{
    (void)state;
    const float gate[5] = {2.0f, -2.0f, 0.0f, -0.0f, 0x1p-140f}, up[5] = {3, 3, 3, 3, 3};
    const float dh[5] = {5, 5, 5, 5, 5};
    const float want_gate[5] = {15, 0, 0, 0, 15}, want_up[5] = {10, 0, 0, 0, 5 * 0x1p-140f};
    float d_gate[5], d_up[5];
    k.gate_relu_grad(d_gate, d_up, dh, gate, up, 5);
    assert_memory_equal(d_gate, want_gate, sizeof d_gate);
    assert_memory_equal(d_up, want_up, sizeof d_up);
}

static void gates_may_write_where_they_read(void **state)
{
    (void)state;
    float gate[N], up[N], dh[N], d_gate[N], d_up[N];
    fill(gate, 1.0);
    fill(up, 1.0);
    fill(dh, 1.0);
    k.gate_silu_grad(d_gate, d_up, dh, gate, up, N);
    k.gate_silu_grad(up, gate, dh, gate, up, N); /* crosswise */
    assert_memory_equal(up, d_gate, sizeof up);
    assert_memory_equal(gate, d_up, sizeof gate);
}

/* ---- norms ---- */

typedef struct norm_rest {
    const float *w, *dy;
} norm_rest;

/* sum of dy times the norm of x: its slopes are what comes back to x. */
static double norm_times_dy(const double *x, const void *rest)
{
    const norm_rest *const r = rest;
    double mean = 0.0, sum = 0.0;
    for (int i = 0; i < N; i++) {
        mean += x[i] * x[i] / N;
    }
    for (int i = 0; i < N; i++) {
        sum += (double)r->dy[i] * x[i] / sqrt(mean + 1e-2) * (double)r->w[i];
    }
    return sum;
}

static void a_norm_adds_its_derivatives_to_what_is_there(void **state)
{
    (void)state;
    float x[N], w[N], dy[N], dx[N], dw[N];
    for (int turn = 0; turn < 50; turn++) {
        fill(x, turn % 2 ? 0.05 : 2.0); /* epsilon counts, or hardly */
        fill(w, 1.0);
        fill(dy, 1.0);
        for (int i = 0; i < N; i++) {
            dx[i] = 100.0f;
            dw[i] = -100.0f;
        }
        k.rms_norm_grad(dx, x, w, dy, N, 1e-2f);
        k.rms_norm_weight_grad(dw, x, dy, N, 1e-2f);
        double mean = 0.0;
        for (int i = 0; i < N; i++) {
            mean += (double)x[i] * (double)x[i] / N;
        }
        for (int i = 0; i < N; i++) {
            const norm_rest rest = {w, dy};
            const double y = (double)x[i] / sqrt(mean + 1e-2);
            assert_close(dx[i], 100.0 + slope(norm_times_dy, x, i, &rest), 1e-4);
            assert_close(dw[i], -100.0 + (double)dy[i] * y, 1e-4);
        }
    }
}

/* ---- softmax ---- */

/* sum of dp times softmax(0.3 s). */
static double softmax_times_dp(const double *s, const void *rest)
{
    const float *const dp = rest;
    double sum = 0.0, total = 0.0;
    for (int i = 0; i < N; i++) {
        sum += exp(0.3 * s[i]);
    }
    for (int i = 0; i < N; i++) {
        total += (double)dp[i] * exp(0.3 * s[i]) / sum;
    }
    return total;
}

static void a_softmax_gives_back_its_derivatives(void **state)
{
    (void)state;
    float s[N], p[N], dp[N], ds[N];
    for (int turn = 0; turn < 50; turn++) {
        double sum = 0.0;
        fill(s, 3.0);
        fill(dp, 1.0);
        for (int i = 0; i < N; i++) {
            sum += exp(0.3 * (double)s[i]);
        }
        for (int i = 0; i < N; i++) {
            p[i] = (float)(exp(0.3 * (double)s[i]) / sum);
            ds[i] = dp[i];
        }
        k.softmax_grad(ds, p, 0.3f, N);
        for (int i = 0; i < N; i++) {
            assert_close(ds[i], slope(softmax_times_dp, s, i, dp), 1e-6);
        }
    }
}

/* ---- steps ---- */

static void a_step_worked_out_by_hand(void **state)
{
    (void)state;
    const bnt_adamw step = {.rate = 0.25f,
                            .beta1 = 0.5f,
                            .beta2 = 0.75f,
                            .epsilon = 1.0f,
                            .decay = 0.5f,
                            .unbias1 = 2.0f,
                            .unbias2 = 1.0f,
                            .grad_scale = 0.5f};
    float w[2] = {8.0f, 8.0f}, m[2] = {1.0f, 0.0f}, v[2] = {4.0f, 0.0f};
    const float gradient[2] = {4.0f, 0.0f};
    k.adamw(w, m, v, gradient, 2, &step);
    assert_true(m[0] == 1.5f);  /* 0.5 * 2 + 0.5 * 1 */
    assert_true(v[0] == 4.0f);  /* 0.25 * 2 * 2 + 0.75 * 4 */
    assert_true(w[0] == 6.75f); /* 8 - 0.125 * 8 - 0.25 * (1.5 * 2) / (sqrt(4) + 1) */
    assert_true(m[1] == 0.0f && v[1] == 0.0f && w[1] == 7.0f); /* decay alone */
}

static void steps_follow_the_paper(void **state)
{
    (void)state;
    float w[N], m[N] = {0}, v[N] = {0}, gradient[N];
    double wd[N], md[N] = {0}, vd[N] = {0};
    fill(w, 1.0);
    for (int i = 0; i < N; i++) {
        wd[i] = (double)w[i];
    }
    for (int t = 1; t <= 30; t++) {
        const double unbias1 = 1.0 / (1.0 - pow(0.9, t)), unbias2 = 1.0 / (1.0 - pow(0.99, t));
        const bnt_adamw step = {0.01f, 0.9f,           0.99f,          1e-8f,
                                0.1f,  (float)unbias1, (float)unbias2, 2.0f};
        fill(gradient, 1.0);
        k.adamw(w, m, v, gradient, N, &step);
        for (int i = 0; i < N; i++) {
            const double g = 2.0 * (double)gradient[i];
            md[i] = 0.9 * md[i] + 0.1 * g;
            vd[i] = 0.99 * vd[i] + 0.01 * g * g;
            wd[i] -= 0.01 * (md[i] * unbias1 / (sqrt(vd[i] * unbias2) + 1e-8) + 0.1 * wd[i]);
        }
    }
    for (int i = 0; i < N; i++) {
        assert_close(w[i], wd[i], 1e-5);
    }
}

static void squares_are_summed_in_sixteen_parts(void **state)
{
    (void)state;
    /* 2^24 + 1 + 1: ones that meet it one by one are lost, those that meet first are not. */
    float x[33] = {0};
    assert_true(k.square_sum(x, 0) == 0.0f);
    x[0] = 4096.0f, x[16] = 1.0f, x[32] = 1.0f;
    assert_true(k.square_sum(x, 33) == 16777216.0f);
    x[16] = x[32] = 0.0f, x[1] = x[3] = 1.0f;
    assert_true(k.square_sum(x, 33) == 16777218.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_silu_gate_gives_back_its_derivatives),
        cmocka_unit_test(far_gates_are_open_or_shut),
        cmocka_unit_test(a_relu_gate_gives_back_what_it_lets_through),
        cmocka_unit_test(gates_may_write_where_they_read),
        cmocka_unit_test(a_norm_adds_its_derivatives_to_what_is_there),
        cmocka_unit_test(a_softmax_gives_back_its_derivatives),
        cmocka_unit_test(a_step_worked_out_by_hand),
        cmocka_unit_test(steps_follow_the_paper),
        cmocka_unit_test(squares_are_summed_in_sixteen_parts),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
