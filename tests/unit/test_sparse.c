/* Zeros in place of weights: cases computed by hand, the pattern in every row, and losses in
 * the order that the papers promise. */
#include "compress/sparse.h"

#include <math.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "base/rng.h"
#include "support.h"

enum { ROWS = 37, COLUMNS = 352, TOKENS = 400 };

static const bnt_sparsity pairs = {.pairs = true}, half = {.share = 0.5};

typedef struct rig {
    bnt_learn_kernels kernels;
    bnt_pool *pool;
    bnt_matmul mm;
} rig;

static void open_rig(rig *r, uint32_t n_threads)
{
    bantam_error err = {0};
    bnt_learn_kernels_init(&r->kernels, bnt_cpu_flags());
    if (bnt_pool_open(&r->pool, n_threads, &err)) fail_msg("%s", err.message);
    if (bnt_matmul_init(&r->mm, &r->kernels, r->pool, &err)) fail_msg("%s", err.message);
}

static void close_rig(rig *r)
{
    bnt_matmul_deinit(&r->mm);
    bnt_pool_close(r->pool);
}

static bnt_rng rng;

static int setup(void **state)
{
    (void)state;
    bnt_rng_seed(&rng, 19);
    return 0;
}

static void fill(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        x[i] = (float)bnt_rng_normal(&rng);
    }
}

/* ---- by hand ----------------------------------------------------------------------------- */

static void choose(const bnt_sparsity *s, const float *rows, uint32_t n_rows, size_t n,
                   const float *costs, uint8_t *keep)
{
    rig r;
    open_rig(&r, 2);
    assert_int_equal(bnt_sparse_choose(r.pool, s, rows, n_rows, n, costs, keep, NULL),
                     BANTAM_OK);
    close_rig(&r);
}

static void magnitude_takes_the_smallest_weights(void **state)
{
    static const float w[2][8] = {{3, -1, 2, -4, 1, 1, -1, 1}, {0, 5, 6, 7, -8, 0.5f, 9, -10}};
    static const uint8_t two[2][8] = {{1, 0, 0, 1, 1, 1, 0, 0}, {0, 0, 1, 1, 0, 0, 1, 1}};
    /* 0.4 of 8 is 3.2 weights: three of each row, of equals the last. */
    static const uint8_t three[2][8] = {{1, 1, 1, 1, 1, 0, 0, 0}, {0, 0, 1, 1, 1, 0, 1, 1}};
    const bnt_sparsity share = {.share = 0.4};
    uint8_t keep[2][8];
    (void)state;

    choose(&pairs, &w[0][0], 2, 8, NULL, &keep[0][0]);
    assert_memory_equal(keep, two, sizeof two);
    choose(&share, &w[0][0], 2, 8, NULL, &keep[0][0]);
    assert_memory_equal(keep, three, sizeof three);
}

/* |w| times the norm of the inputs: 3 * 1, 1 * 5, 2 * 2, 4 * 0.5. */
static void wanda_takes_those_that_say_least(void **state)
{
    static const float w[4] = {3, -1, 2, -4}, squares[4] = {1, 25, 4, 0.25f};
    static const uint8_t want[4] = {0, 1, 1, 0};
    uint8_t keep[4];
    (void)state;

    choose(&pairs, w, 1, 4, squares, keep);
    assert_memory_equal(keep, want, sizeof want);
    choose(&half, w, 1, 4, squares, keep);
    assert_memory_equal(keep, want, sizeof want);
}

static void feedback_of(bnt_feedback *f, rig *r, const double *h, size_t n, size_t unit)
{
    float *const sums = bnt_calloc(n, n * sizeof *sums);
    assert_non_null(sums);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i; j < n; j++) {
            sums[i * n + j] = (float)h[i * n + j];
        }
    }
    assert_int_equal(bnt_feedback_init(f, &r->mm, sums, n, unit, NULL), BANTAM_OK);
}

static void solve(const double *h, size_t n, const bnt_sparsity *s, bool chooses,
                  const float *rows, uint32_t n_rows, uint32_t sweeps, uint32_t n_threads,
                  uint8_t *keep, float *values, bnt_rounded *result)
{
    float *const work = malloc(n_rows * n * sizeof *work);
    bnt_feedback f;
    rig r;

    assert_non_null(work);
    memcpy(work, rows, n_rows * n * sizeof *work);
    open_rig(&r, n_threads);
    feedback_of(&f, &r, h, n, s->pairs ? BNT_SPARSE_GROUP : 1);
    assert_int_equal(bnt_sparse_solve(&f, &r.mm, s, chooses, work, n_rows, sweeps, keep, values,
                                      result, NULL),
                     BANTAM_OK);
    bnt_feedback_deinit(&f);
    close_rig(&r);
    free(work);
}

/* Columns 0 and 1 share 0.9 of what they say, the others nothing; the damped diagonal is 1. So
 * column 0 costs 1 - 0.81 = 0.19 of its square where column 1 may make up for it, by 0.9 of its
 * weight. Of w = 1.2, 1, 1.1, 0.5 magnitude takes columns 1 and 3 away, for 1 + 0.25. SparseGPT
 * takes 0 and 3, for 0.19 * 1.44 + 0.25, and column 1 becomes 1 + 0.9 * 1.2. */
static void sparsegpt_takes_what_others_make_up_for(void **state)
{
    static const float w[4] = {1.2f, 1.0f, 1.1f, 0.5f};
    static const double want[4] = {0.0, 2.08, 1.1, 0.0};
    double h[16] = {0};
    (void)state;

    for (size_t i = 0; i < 4; i++) {
        h[i * 5] = 1.0 / 1.01; /* 1 % of the mean is added */
    }
    h[1] = 0.9;
    for (int i = 0; i < 4; i++) {
        uint8_t keep[4];
        float values[4];
        bnt_rounded result;
        solve(h, 4, i % 2 ? &half : &pairs, true, w, 1, i < 2 ? 0 : 3, 1, keep, values,
              &result);
        for (size_t c = 0; c < 4; c++) {
            assert_int_equal(keep[c], want[c] != 0.0);
            assert_true(fabs((double)values[c] - want[c]) < 1e-5);
        }
        assert_true(fabs(result.loss - (0.19 * 1.44 + 0.25)) < 1e-5);
        assert_true(fabs(result.error - (1.44 + 1.08 * 1.08 + 0.25)) < 1e-5);
    }
}

/* Columns 0 and 1 as before, but 1 - 0.9 * 1 is nothing: what one would be missed for the other
 * takes back, and both can go for 0.19. Looked at one by one they cost 0.19 + 0.81, more than
 * columns 0 and 3 do, 0.19 + 0.64. */
static void sparsegpt_takes_what_cancels(void **state)
{
    static const float w[4] = {1.0f, -0.9f, 0.8f, 0.8f};
    static const uint8_t want[4] = {0, 0, 1, 1};
    double h[16] = {0};
    uint8_t keep[4];
    float values[4];
    bnt_rounded result;
    (void)state;

    for (size_t i = 0; i < 4; i++) {
        h[i * 5] = 1.0 / 1.01;
    }
    h[1] = 0.9;
    solve(h, 4, &pairs, true, w, 1, 0, 1, keep, values, &result);
    assert_memory_equal(keep, want, sizeof want);
    assert_true(values[2] == w[2] && values[3] == w[3] && fabs(result.loss - 0.19) < 1e-5);
}

/* With columns 1 and 3 gone all the same, column 0 makes up for column 1 in a sweep only: it
 * was chosen before it. */
static void a_sweep_finds_what_weights_before_can_do(void **state)
{
    static const float w[4] = {1.2f, 1.0f, 1.1f, 0.5f};
    uint8_t keep[4] = {1, 0, 1, 0};
    double h[16] = {0};
    float values[4];
    bnt_rounded result;
    (void)state;

    for (size_t i = 0; i < 4; i++) {
        h[i * 5] = 1.0 / 1.01;
    }
    h[1] = 0.9;
    solve(h, 4, &pairs, false, w, 1, 0, 1, keep, values, &result);
    assert_true(values[0] == w[0] && values[1] == 0.0f && fabs(result.loss - 1.25) < 1e-5);
    solve(h, 4, &pairs, false, w, 1, 1, 1, keep, values, &result);
    assert_true(fabs((double)values[0] - 2.1) < 1e-5 && values[1] == 0.0f);
    assert_true(fabs(result.loss - (0.19 + 0.25)) < 1e-5);
}

/* ---- at random --------------------------------------------------------------------------- */

/* Sums of products of inputs that share six directions, some columns far louder. */
static double *correlated(void)
{
    enum { DIRECTIONS = 6 };
    static float mix[DIRECTIONS * COLUMNS], own[COLUMNS], hidden[DIRECTIONS];
    static double x[COLUMNS];
    double *const h = calloc((size_t)COLUMNS * COLUMNS, sizeof *h);

    assert_non_null(h);
    fill(mix, DIRECTIONS * COLUMNS);
    for (int t = 0; t < TOKENS; t++) {
        fill(own, COLUMNS);
        fill(hidden, DIRECTIONS);
        for (int c = 0; c < COLUMNS; c++) {
            x[c] = 0.7 * (double)own[c];
            for (int d = 0; d < DIRECTIONS; d++) {
                x[c] += 0.3 * (double)(hidden[d] * mix[d * COLUMNS + c]);
            }
            x[c] *= c % 11 == 0 ? 4.0 : 1.0;
        }
        for (int i = 0; i < COLUMNS; i++) {
            for (int j = 0; j < COLUMNS; j++) {
                h[i * COLUMNS + j] += x[i] * x[j];
            }
        }
    }
    return h;
}

/* tr(dW h dW^T) */
static double loss_of(const double *h, const float *rows, const float *values)
{
    double loss = 0.0;
    for (size_t r = 0; r < ROWS; r++) {
        const size_t at = r * COLUMNS;
        for (size_t i = 0; i < COLUMNS; i++) {
            double sum = 0.0;
            for (size_t j = 0; j < COLUMNS; j++) {
                sum += h[i * COLUMNS + j] * ((double)rows[at + j] - (double)values[at + j]);
            }
            loss += ((double)rows[at + i] - (double)values[at + i]) * sum;
        }
    }
    return loss;
}

static void check_pattern(const bnt_sparsity *s, const uint8_t *keep, const float *values)
{
    for (size_t r = 0; r < ROWS; r++) {
        size_t zeros = 0, group = 0;
        for (size_t c = 0; c < COLUMNS; c++) {
            const size_t at = r * COLUMNS + c;
            assert_true(keep[at] || values[at] == 0.0f);
            zeros += !keep[at];
            group = c % 4 ? group + keep[at] : keep[at];
            if (s->pairs) assert_true(group <= 2);
        }
        assert_int_equal(zeros, bnt_sparse_zeros(s, COLUMNS));
    }
}

static void keep_only(const float *rows, const uint8_t *keep, float *values)
{
    for (size_t i = 0; i < (size_t)ROWS * COLUMNS; i++) {
        values[i] = keep[i] ? rows[i] : 0.0f;
    }
}

static void losses_fall_from_magnitude_to_wanda_to_sparsegpt(void **state)
{
    static float rows[ROWS * COLUMNS], values[ROWS * COLUMNS], squares[COLUMNS];
    static uint8_t keep[ROWS * COLUMNS];
    const bnt_sparsity third = {.share = 0.3};
    const bnt_sparsity *const all[] = {&pairs, &half, &third};
    double *const h = correlated();
    (void)state;

    fill(rows, ROWS * COLUMNS);
    for (size_t c = 0; c < COLUMNS; c++) {
        squares[c] = (float)h[c * (COLUMNS + 1)];
    }
    for (size_t i = 0; i < 3; i++) {
        double last = INFINITY;
        bnt_rounded result;
        for (int wanda = 0; wanda < 2; wanda++) {
            choose(all[i], rows, ROWS, COLUMNS, wanda ? squares : NULL, keep);
            keep_only(rows, keep, values);
            check_pattern(all[i], keep, values);
            const double loss = loss_of(h, rows, values);
            assert_true(loss < last);
            last = loss;
        }
        const double wanda = last;
        /* Wanda's zeros with the others healed, then zeros chosen on the way; and sweeps. */
        solve(h, COLUMNS, all[i], false, rows, ROWS, 4, 1, keep, values, &result);
        check_pattern(all[i], keep, values);
        assert_true(loss_of(h, rows, values) < 0.8 * wanda);
        for (uint32_t sweeps = 0; sweeps < 4; sweeps += 3) {
            solve(h, COLUMNS, all[i], true, rows, ROWS, sweeps, 1, keep, values, &result);
            check_pattern(all[i], keep, values);
            const double loss = loss_of(h, rows, values);
            assert_true(loss < last);
            /* What is claimed is under the damped sums. */
            assert_true(result.loss >= loss && result.loss <= 2.0 * loss);
            last = loss;
        }
    }
    free(h);
}

/* The lowest scores by looking through all of them again and again. */
static void any_share_takes_exactly_the_lowest(void **state)
{
    enum { N = 97 };
    static float w[N];
    uint8_t keep[N], want[N];
    (void)state;

    for (int round = 0; round < 40; round++) {
        const bnt_sparsity s = {.share = 0.025 * round + 0.01};
        for (size_t i = 0; i < N; i++) {
            w[i] = (float)bnt_rng_below(&rng, round % 2 ? 9 : 10000); /* few values, or many */
        }
        memset(want, 1, sizeof want);
        for (size_t n = bnt_sparse_zeros(&s, N); n > 0; n--) {
            size_t best = N;
            for (size_t i = 0; i < N; i++) {
                if (want[i] && (best == N || w[i] <= w[best])) best = i;
            }
            want[best] = 0;
        }
        choose(&s, w, 1, N, NULL, keep);
        assert_memory_equal(keep, want, sizeof want);
    }
}

static void threads_change_no_bit(void **state)
{
    static float rows[ROWS * COLUMNS], values[2][ROWS * COLUMNS];
    static uint8_t keep[2][ROWS * COLUMNS];
    double *const h = correlated();
    bnt_rounded results[2];
    (void)state;

    fill(rows, ROWS * COLUMNS);
    for (int i = 0; i < 2; i++) {
        const bnt_sparsity *const s = i ? &pairs : &half;
        for (uint32_t t = 0; t < 2; t++) {
            solve(h, COLUMNS, s, true, rows, ROWS, 2, 1 + 2 * t, keep[t], values[t],
                  &results[t]);
        }
        assert_memory_equal(keep[0], keep[1], sizeof keep[0]);
        assert_memory_equal(values[0], values[1], sizeof values[0]);
        assert_true(results[0].loss == results[1].loss && results[0].error == results[1].error);
    }
    free(h);
}

static void no_allocation_is_lost(void **state)
{
    enum { N = 8 };
    static const float w[N] = {1, 2, 3, 4, 5, 6, 7, 8};
    double h[N * N] = {0};
    float rows[N], values[N];
    uint8_t keep[N];
    bnt_rounded result;
    bnt_feedback f;
    rig r;
    (void)state;

    for (size_t i = 0; i < N; i++) {
        h[i * (N + 1)] = 1.0;
    }
    open_rig(&r, 1);
    feedback_of(&f, &r, h, N, 1);
    const int64_t before = bnt_mem_live();
    bantam_status status;
    uint64_t n = 0;
    do {
        memcpy(rows, w, sizeof rows);
        bnt_mem_fail_after(n++);
        status =
            bnt_sparse_solve(&f, &r.mm, &half, true, rows, 1, 1, keep, values, &result, NULL);
        bnt_mem_fail_after(UINT64_MAX);
        assert_int_equal(bnt_mem_live(), before);
    } while (status == BANTAM_ERR_NOMEM && n < 100);
    assert_int_equal(status, BANTAM_OK);
    assert_true(n > 3);
    bnt_feedback_deinit(&f);
    close_rig(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(magnitude_takes_the_smallest_weights),
        cmocka_unit_test(wanda_takes_those_that_say_least),
        cmocka_unit_test(sparsegpt_takes_what_others_make_up_for),
        cmocka_unit_test(sparsegpt_takes_what_cancels),
        cmocka_unit_test(a_sweep_finds_what_weights_before_can_do),
        cmocka_unit_test(losses_fall_from_magnitude_to_wanda_to_sparsegpt),
        cmocka_unit_test(any_share_takes_exactly_the_lowest),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(no_allocation_is_lost),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
