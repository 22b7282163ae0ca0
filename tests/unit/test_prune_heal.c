/* Columns taken out of a matrix and the rest solved for: held against sums and eliminations in
 * double precision written out here, and against cases whose answer is known. */
#include "compress/heal.h"

#include <math.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "support.h"

enum { ROWS = 3, COLUMNS = 7, TOKENS = 40, WIDE = 160 };

typedef struct rig {
    bnt_learn_kernels kernels;
    bnt_pool *pool;
    bnt_matmul mm;
    uint64_t seed;
} rig;

static void open_rig(rig *r, uint32_t n_threads)
{
    bantam_error err = {0};

    *r = (rig){.seed = 7};
    bnt_learn_kernels_init(&r->kernels, bnt_cpu_flags());
    if (bnt_pool_open(&r->pool, n_threads, &err)) fail_msg("%s", err.message);
    if (bnt_matmul_init(&r->mm, &r->kernels, r->pool, &err)) fail_msg("%s", err.message);
}

static void close_rig(rig *r)
{
    bnt_matmul_deinit(&r->mm);
    bnt_pool_close(r->pool);
}

static float next(rig *r)
{
    r->seed = r->seed * 6364136223846793005u + 1442695040888963407u;
    return (float)(int32_t)(r->seed >> 32) / 2147483648.0f;
}

static void fill(rig *r, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = next(r);
    }
}

static void open_heal(bnt_heal *h, rig *r, size_t rows, size_t columns, size_t group)
{
    bantam_error err = {0};
    if (bnt_heal_init(h, &r->mm, rows, columns, group, &err)) fail_msg("%s", err.message);
}

static void solve(bnt_heal *h, const float *w, double damping)
{
    bantam_error err = {0};
    if (bnt_heal_solve(h, w, damping, &err)) fail_msg("%s", err.message);
}

/* What W (rows, columns) makes of n tokens. */
static void multiply(const float *w, const float *x, float *y, size_t rows, size_t columns,
                     size_t n)
{
    for (size_t t = 0; t < n; t++) {
        for (size_t r = 0; r < rows; r++) {
            double sum = 0.0;
            for (size_t c = 0; c < columns; c++) {
                sum += (double)w[r * columns + c] * (double)x[t * columns + c];
            }
            y[t * rows + r] = (float)sum;
        }
    }
}

/* a (n, n + 1): solves by elimination, the last column being the right side, which becomes the
 * answer. */
static void eliminate(double *a, size_t n)
{
    const size_t width = n + 1;
    for (size_t k = 0; k < n; k++) {
        for (size_t i = 0; i < n; i++) {
            if (i == k) continue;
            const double factor = a[i * width + k] / a[k * width + k];
            for (size_t j = k; j < width; j++) {
                a[i * width + j] -= factor * a[k * width + j];
            }
        }
    }
    for (size_t k = 0; k < n; k++) {
        a[k * width + n] /= a[k * width + k];
    }
}

/* Row `row` of argmin sum |y - W' x|^2 + d |W' - W|^2 over columns that are kept. Returns the
 * least of it, without the last term. */
static double naive_row(const float *x, const float *y, const float *w, const bool *gone,
                        double d, size_t row, double out[COLUMNS])
{
    size_t kept[COLUMNS], n = 0;
    double a[COLUMNS * (COLUMNS + 1)], error = 0.0;

    for (size_t c = 0; c < COLUMNS; c++) {
        out[c] = 0.0;
        if (!gone[c]) kept[n++] = c;
    }
    for (size_t i = 0; i < n; i++) {
        double *const line = a + i * (n + 1);
        for (size_t j = 0; j <= n; j++) {
            line[j] = j == i ? d : 0.0;
            if (j == n) line[j] = d * (double)w[row * COLUMNS + kept[i]];
            for (size_t t = 0; t < TOKENS; t++) {
                const double other =
                    j == n ? (double)y[t * ROWS + row] : (double)x[t * COLUMNS + kept[j]];
                line[j] += (double)x[t * COLUMNS + kept[i]] * other;
            }
        }
    }
    eliminate(a, n);
    for (size_t i = 0; i < n; i++) {
        out[kept[i]] = a[i * (n + 1) + n];
    }
    for (size_t t = 0; t < TOKENS; t++) {
        double made = 0.0;
        for (size_t c = 0; c < COLUMNS; c++) {
            made += out[c] * (double)x[t * COLUMNS + c];
        }
        error += (made - (double)y[t * ROWS + row]) * (made - (double)y[t * ROWS + row]);
    }
    return error;
}

/* The mean energy of inputs, which damping is a share of. */
static double mean_energy(const float *x, size_t n, size_t columns)
{
    double sum = 0.0;
    for (size_t i = 0; i < n * columns; i++) {
        sum += (double)x[i] * (double)x[i];
    }
    return sum / (double)columns;
}

static void what_is_left_is_the_least_squares_solution(void **state)
{
    static float w[ROWS * COLUMNS], x[TOKENS * COLUMNS], y[TOKENS * ROWS], got[ROWS * COLUMNS];
    const double damping = 0.03;
    bool gone[COLUMNS] = {false};
    double want[COLUMNS];
    bnt_heal h;
    rig r;
    (void)state;

    open_rig(&r, 2);
    open_heal(&h, &r, ROWS, COLUMNS, 1);
    fill(&r, w, ROWS * COLUMNS);
    fill(&r, x, TOKENS * COLUMNS);
    fill(&r, y, TOKENS * ROWS); /* not what w makes: healing goes after what is wanted */
    bnt_heal_clear(&h);
    bnt_heal_add(&h, x, y, 15);
    bnt_heal_add(&h, x + 15 * COLUMNS, y + 15 * ROWS, TOKENS - 15);
    solve(&h, w, damping);
    const double d = damping * mean_energy(x, TOKENS, COLUMNS);
    const size_t order[] = {COLUMNS, 4, 0, 6};
    for (size_t i = 0; i < 4; i++) {
        if (order[i] < COLUMNS) {
            bnt_heal_remove(&h, order[i]);
            gone[order[i]] = true;
        }
        bnt_heal_take(&h, got);
        for (size_t row = 0; row < ROWS; row++) {
            naive_row(x, y, w, gone, d, row, want);
            for (size_t c = 0; c < COLUMNS; c++) {
                assert_true(fabs((double)got[row * COLUMNS + c] - want[c]) < 1e-5);
            }
        }
    }
    bnt_heal_deinit(&h);
    close_rig(&r);
}

static void the_cheapest_column_is_the_one_whose_going_costs_least(void **state)
{
    static float w[ROWS * COLUMNS], x[TOKENS * COLUMNS], y[TOKENS * ROWS];
    bool gone[COLUMNS] = {false};
    double unused[COLUMNS];
    bnt_heal h;
    rig r;
    (void)state;

    open_rig(&r, 1);
    open_heal(&h, &r, ROWS, COLUMNS, 1);
    fill(&r, w, ROWS * COLUMNS);
    fill(&r, x, TOKENS * COLUMNS);
    for (size_t i = 0; i < TOKENS * COLUMNS; i++) {
        x[i] *= 0.2f + (float)(i % COLUMNS); /* some say far more than others */
    }
    multiply(w, x, y, ROWS, COLUMNS, TOKENS);
    bnt_heal_clear(&h);
    bnt_heal_add(&h, x, y, TOKENS);
    solve(&h, w, 1e-9);
    for (size_t n = 0; n < COLUMNS - 2; n++) {
        size_t best = COLUMNS;
        double least = 0.0;
        for (size_t c = 0; c < COLUMNS; c++) {
            double error = 0.0;
            if (gone[c]) continue;
            gone[c] = true;
            for (size_t row = 0; row < ROWS; row++) {
                error += naive_row(x, y, w, gone, 1e-9, row, unused);
            }
            gone[c] = false;
            if (best == COLUMNS || error < least) {
                least = error;
                best = c;
            }
        }
        assert_int_equal(bnt_heal_cheapest(&h), best);
        bnt_heal_remove(&h, best);
        gone[best] = true;
    }
    bnt_heal_deinit(&h);
    close_rig(&r);
}

/* What is noted of columns that went, and then worked in, against the matrix itself; and the
 * inverse's diagonal from two ways to the same columns. */
static void what_is_noted_is_what_the_matrix_has(void **state)
{
    enum { GOING = 70, N = 300 }; /* 64 are noted before they are worked in */
    static float w[ROWS * WIDE], x[N * WIDE], y[N * ROWS], got[ROWS * WIDE];
    static double diagonal[WIDE];
    bnt_heal h;
    rig r;
    (void)state;

    open_rig(&r, 2);
    open_heal(&h, &r, ROWS, WIDE, 1);
    fill(&r, w, ROWS * WIDE);
    fill(&r, x, N * WIDE);
    for (size_t i = 1; i < N * WIDE; i++) {
        x[i] += 0.7f * x[i - 1];
    }
    fill(&r, y, N * ROWS);
    for (int back = 0; back < 2; back++) {
        bnt_heal_clear(&h);
        bnt_heal_add(&h, x, y, N);
        solve(&h, w, 1e-3);
        for (size_t i = 0; i < GOING; i++) {
            bnt_heal_remove(&h, 2 * (back ? GOING - 1 - i : i));
            if (i % 23 != 22 && i + 1 < GOING) continue;
            bnt_heal_take(&h, got);
            for (size_t c = 0; c < WIDE; c++) {
                double squares = 0.0;
                for (size_t row = 0; row < ROWS; row++) {
                    squares += pow((double)got[row * WIDE + c], 2.0);
                }
                if (!h.gone[c]) assert_true(fabs(squares - h.squares[c]) < 1e-5 * squares);
            }
        }
        for (size_t c = 0; c < WIDE; c++) {
            if (back && !h.gone[c]) {
                assert_true(fabs(diagonal[c] - h.diagonal[c]) < 1e-9 * diagonal[c]);
            }
            diagonal[c] = h.diagonal[c];
        }
    }
    bnt_heal_deinit(&h);
    close_rig(&r);
}

/* Group 2 (columns 8 to 11) says what groups 0 and 1 say already. */
static void what_others_say_together_goes_first_and_leaves_no_mark(void **state)
{
    enum { GROUPED = 16, GROUP = 4 };
    static float w[ROWS * GROUPED], x[TOKENS * GROUPED], y[TOKENS * ROWS], got[ROWS * GROUPED],
        again[TOKENS * ROWS];
    bnt_heal h;
    rig r;
    (void)state;

    open_rig(&r, 2);
    open_heal(&h, &r, ROWS, GROUPED, GROUP);
    fill(&r, w, ROWS * GROUPED);
    fill(&r, x, TOKENS * GROUPED);
    for (size_t t = 0; t < TOKENS; t++) {
        float *const row = x + t * GROUPED;
        for (size_t i = 0; i < GROUP; i++) {
            row[8 + i] = 0.5f * row[i] - 0.25f * row[4 + (i + 1) % GROUP];
        }
    }
    multiply(w, x, y, ROWS, GROUPED, TOKENS);
    bnt_heal_clear(&h);
    bnt_heal_add(&h, x, y, TOKENS);
    solve(&h, w, 1e-7);
    const size_t cheapest = bnt_heal_cheapest(&h);
    assert_true(cheapest == 0 || cheapest == 4 || cheapest == 8); /* any of the three will do */
    bnt_heal_remove(&h, 8);
    bnt_heal_take(&h, got);
    for (size_t row = 0; row < ROWS; row++) {
        for (size_t i = 0; i < GROUP; i++) {
            assert_true(got[row * GROUPED + 8 + i] == 0.0f);
        }
    }
    multiply(got, x, again, ROWS, GROUPED, TOKENS);
    for (size_t i = 0; i < TOKENS * ROWS; i++) {
        assert_true(fabs((double)again[i] - (double)y[i]) < 1e-4);
    }
    bnt_heal_deinit(&h);
    close_rig(&r);
}

/* Inputs that are always zero: nothing is known of their columns, which stay. */
static void a_matrix_that_is_never_used_stays_as_it_is(void **state)
{
    static float w[ROWS * COLUMNS], x[TOKENS * COLUMNS], y[TOKENS * ROWS], got[ROWS * COLUMNS];
    bnt_heal h;
    rig r;
    (void)state;

    open_rig(&r, 1);
    open_heal(&h, &r, ROWS, COLUMNS, 1);
    fill(&r, w, ROWS * COLUMNS);
    bnt_heal_clear(&h);
    bnt_heal_add(&h, x, y, TOKENS);
    solve(&h, w, 1e-4);
    bnt_heal_take(&h, got);
    assert_memory_equal(got, w, sizeof w);
    bnt_heal_deinit(&h);
    close_rig(&r);
}

/* More columns than are inverted at a time, groups wider than go at a time. */
static void wide_matrices_have_the_same_bits_for_any_threads(void **state)
{
    enum { GROUP = 80, N = 300 };
    static float w[ROWS * WIDE], x[N * WIDE], y[N * ROWS], got[2][ROWS * WIDE], again[N * ROWS];
    (void)state;

    for (uint32_t threads = 1; threads <= 2; threads++) {
        bnt_heal h;
        rig r;
        open_rig(&r, threads == 1 ? 1 : 3);
        open_heal(&h, &r, ROWS, WIDE, GROUP);
        fill(&r, w, ROWS * WIDE);
        fill(&r, x, N * WIDE);
        for (size_t t = 0; t < N; t++) { /* the second half is the first, turned around */
            for (size_t i = 0; i < GROUP; i++) {
                x[t * WIDE + GROUP + i] = -x[t * WIDE + GROUP - 1 - i];
            }
        }
        multiply(w, x, y, ROWS, WIDE, N);
        bnt_heal_clear(&h);
        bnt_heal_add(&h, x, y, N);
        solve(&h, w, 1e-6);
        bnt_heal_remove(&h, GROUP);
        bnt_heal_take(&h, got[threads - 1]);
        bnt_heal_deinit(&h);
        close_rig(&r);
    }
    assert_memory_equal(got[0], got[1], sizeof got[0]);
    multiply(got[0], x, again, ROWS, WIDE, N);
    for (size_t i = 0; i < N * ROWS; i++) {
        assert_true(fabs((double)again[i] - (double)y[i]) < 1e-3);
    }
}

static void inputs_that_are_no_numbers_are_refused_and_no_allocation_is_lost(void **state)
{
    static float w[ROWS * COLUMNS], x[TOKENS * COLUMNS], y[TOKENS * ROWS];
    bantam_error err = {0};
    bnt_heal h = {0};
    rig r;
    (void)state;

    open_rig(&r, 1);
    const int64_t before = bnt_mem_live();
    uint64_t n = 0;
    bantam_status status;
    do {
        bnt_mem_fail_after(n++);
        status = bnt_heal_init(&h, &r.mm, ROWS, COLUMNS, 1, &err);
        bnt_mem_fail_after(UINT64_MAX);
        if (status) assert_int_equal(bnt_mem_live(), before);
    } while (status == BANTAM_ERR_NOMEM && n < 100);
    assert_int_equal(status, BANTAM_OK);
    fill(&r, x, TOKENS * COLUMNS);
    x[5] = INFINITY;
    bnt_heal_clear(&h);
    bnt_heal_add(&h, x, y, TOKENS);
    assert_int_equal(bnt_heal_solve(&h, w, 1e-4, &err), BANTAM_ERR_UNSUPPORTED);
    bnt_heal_deinit(&h);
    assert_int_equal(bnt_mem_live(), before);
    close_rig(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_is_the_least_squares_solution),
        cmocka_unit_test(the_cheapest_column_is_the_one_whose_going_costs_least),
        cmocka_unit_test(what_is_noted_is_what_the_matrix_has),
        cmocka_unit_test(what_others_say_together_goes_first_and_leaves_no_mark),
        cmocka_unit_test(a_matrix_that_is_never_used_stays_as_it_is),
        cmocka_unit_test(wide_matrices_have_the_same_bits_for_any_threads),
        cmocka_unit_test(inputs_that_are_no_numbers_are_refused_and_no_allocation_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
