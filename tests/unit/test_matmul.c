/* test_matmul.c - products of matrices against sums in double, and against themselves: the bits
 * may depend neither on threads, nor on cuts, nor on the set of instructions.
 */
#include "support.h"

#include <float.h>
#include <math.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "base/rng.h"
#include "linalg/matmul.h"

enum { POOLS = 3, PAD = 3 };

static bnt_pool *pools[POOLS];
static bnt_learn_kernels sets[3]; /* C, what is best here, and a lesser set */
static bnt_rng rng;

static int setup(void **state)
{
    (void)state;
    bnt_learn_kernels_init(&sets[0], 0);
    bnt_learn_kernels_init(&sets[1], bnt_cpu_flags());
    bnt_learn_kernels_init(&sets[2], bnt_cpu_flags() & (BNT_CPU_AVX2 | BNT_CPU_NEON));
    for (uint32_t i = 0; i < POOLS; i++) {
        if (bnt_pool_open(&pools[i], i + 1, NULL) != BANTAM_OK) return -1;
    }
    bnt_rng_seed(&rng, 7);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < POOLS; i++) {
        bnt_pool_close(pools[i]);
    }
    return 0;
}

/* A matrix of random numbers in memory of exactly its size, seen by rows or by columns. */
typedef struct matrix {
    float *data;
    bnt_view view;
} matrix;

static float *random_floats(size_t n)
{
    float *const x = malloc((n ? n : 1) * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < n; i++) {
        x[i] = (float)bnt_rng_normal(&rng);
    }
    return x;
}

static matrix make_matrix(size_t rows, size_t columns, size_t pad, bool transposed)
{
    const size_t lines = transposed ? columns : rows, line = transposed ? rows : columns;
    matrix a = {.data = random_floats(lines && line ? (lines - 1) * (line + pad) + line : 0)};
    a.view = (bnt_view){a.data, transposed ? 1 : line + pad, transposed ? line + pad : 1};
    return a;
}

static float at(const bnt_view *v, size_t i, size_t j)
{
    return v->data[i * v->row + j * v->column];
}

typedef struct shape {
    size_t m, n, k;
} shape;

/* C as it stood before, then the product; what lies between its rows must stay. */
static float *make_c(const shape *s, size_t stride)
{
    float *const c = malloc((s->m * stride + 1) * sizeof *c);
    assert_non_null(c);
    for (size_t i = 0; i < s->m * stride; i++) {
        c[i] = (float)(i % 17) - 8.0f;
    }
    return c;
}

static void assert_product(const shape *s, const bnt_view *a, const bnt_view *b, const float *c,
                           size_t stride, bool add)
{
    for (size_t i = 0; i < s->m; i++) {
        for (size_t j = 0; j < stride; j++) {
            const double before = (double)((i * stride + j) % 17) - 8.0;
            double want = j < s->n && !add ? 0.0 : before, size = fabs(want);
            for (size_t t = 0; j < s->n && t < s->k; t++) {
                const double term = (double)at(a, i, t) * (double)at(b, t, j);
                want += term;
                size += fabs(term);
            }
            const double bound = ((double)s->k + 1.0) * (double)FLT_EPSILON * size;
            if (fabs((double)c[i * stride + j] - want) > bound) {
                fail_msg("%zu x %zu x %zu%s: element (%zu, %zu) is %g, not %g", s->m, s->n,
                         s->k, add ? ", added" : "", i, j, (double)c[i * stride + j], want);
            }
        }
    }
}

static void run_threads(const bnt_learn_kernels *set, int pool, const shape *s, bnt_view a,
                        bnt_view b, float *c, size_t stride, bool add)
{
    bnt_matmul mm;
    assert_int_equal(bnt_matmul_init(&mm, set, pools[pool], NULL), BANTAM_OK);
    assert_int_equal(mm.work_bytes, bnt_matmul_bytes(set, (uint32_t)pool + 1));
    bnt_matmul_run(&mm, a, b, s->m, s->n, s->k, c, stride, add);
    bnt_matmul_deinit(&mm);
}

static void run_here(const bnt_learn_kernels *set, const shape *s, bnt_view a, bnt_view b,
                     float *c, size_t stride, bool add)
{
    void *const pack = bnt_alloc(bnt_matmul_pack_bytes(set));
    assert_non_null(pack);
    bnt_matmul_here(set, pack, a, b, s->m, s->n, s->k, c, stride, add);
    bnt_free(pack);
}

/* One shape and one way to lie in memory: near the sums in double, and the same bits from every
 * set of instructions and any number of threads. */
static void check_shape(shape s, bool turn_a, bool turn_b, bool add, bool reference_too)
{
    const size_t pad = add ? PAD : 0, stride = s.n + (turn_a ? PAD : 0);
    const matrix a = make_matrix(s.m, s.k, pad, turn_a), b = make_matrix(s.k, s.n, pad, turn_b);
    const size_t bytes = s.m * stride * sizeof(float);
    float *const want = make_c(&s, stride);

    run_threads(&sets[1], 0, &s, a.view, b.view, want, stride, add);
    assert_product(&s, &a.view, &b.view, want, stride, add);
    for (int way = 0; way < POOLS + 1; way++) {
        float *const c = make_c(&s, stride);
        if (way == POOLS) {
            run_here(&sets[1], &s, a.view, b.view, c, stride, add);
        } else if (way == 0 && reference_too) {
            run_threads(&sets[0], 1, &s, a.view, b.view, c, stride, add);
        } else {
            run_threads(&sets[way == 2 ? 2 : 1], way, &s, a.view, b.view, c, stride, add);
        }
        if (bytes) assert_memory_equal(c, want, bytes);
        free(c);
    }
    free(want);
    free(a.data);
    free(b.data);
}

static void check_every_way(shape s, bool reference_too)
{
    for (int i = 0; i < 8; i++) {
        check_shape(s, i & 1, i & 2, i & 4, reference_too && (i == 0 || i == 7));
    }
}

/* ---- tests ---- */

static void a_product_worked_out_by_hand(void **state)
{
    (void)state;
    static const float a[] = {1, 2, 3, 4, 5, 6}, b[] = {1, 0, -1, 2, 10, 100};
    static const float product[] = {29, 304, 59, 610}, both[] = {30, 305, 60, 611};
    const shape s = {2, 2, 3};
    float c[4] = {7, 7, 7, 7};
    for (int i = 0; i < 2; i++) {
        run_here(&sets[i], &s, (bnt_view){a, 3, 1}, (bnt_view){b, 2, 1}, c, 2, false);
        assert_memory_equal(c, product, sizeof c);
        for (int j = 0; j < 4; j++) {
            c[j] = 1.0f;
        }
        run_threads(&sets[i], 1, &s, (bnt_view){a, 3, 1}, (bnt_view){b, 2, 1}, c, 2, true);
        assert_memory_equal(c, both, sizeof c);
    }
    /* The same numbers as columns: A = (1 3 5; 2 4 6), B = (1 2; 0 10; -1 100)'s rows. */
    run_here(&sets[1], &s, (bnt_view){a, 1, 2}, (bnt_view){b, 1, 3}, c, 2, false);
    static const float columns[] = {1 * 1 + 3 * 0 + 5 * -1, 1 * 2 + 3 * 10 + 5 * 100,
                                    2 * 1 + 4 * 0 + 6 * -1, 2 * 2 + 4 * 10 + 6 * 100};
    assert_memory_equal(c, columns, sizeof c);
}

static void sums_are_chains_in_order_of_k(void **state)
{
    (void)state;
    /* 2^24 + 1 + 1 is 2^24 from left to right; 1 + 1 + 2^24 is more. Far beyond one packed
     * part of k, so that cuts lie between. */
    enum { K = 3 * BNT_MATMUL_DEEP + 5 };
    float ones[K], x[K];
    for (int i = 0; i < K; i++) {
        ones[i] = 1.0f;
        x[i] = i == 0 ? 16777216.0f : 1.0f;
    }
    const shape s = {1, 1, K};
    float c = 0.0f;
    for (int i = 0; i < 2; i++) {
        run_here(&sets[i], &s, (bnt_view){x, K, 1}, (bnt_view){ones, 1, 1}, &c, 1, false);
        assert_true(c == 16777216.0f);
        x[0] = 1.0f, x[K - 1] = 16777216.0f;
        run_threads(&sets[i], 2, &s, (bnt_view){x, K, 1}, (bnt_view){ones, 1, 1}, &c, 1, false);
        assert_true(c == 16777216.0f + (float)(K / 2 * 2));
        x[0] = 16777216.0f, x[K - 1] = 1.0f;
    }
}

static void products_are_multiplied_and_added_with_one_rounding(void **state)
{
    (void)state;
    const float odd = 1.0f + 0x1p-12f; /* its square has one bit more than a float */
    const shape s = {1, 1, 1};
    for (int i = 0; i < 2; i++) {
        float c = -(1.0f + 0x1p-11f);
        run_here(&sets[i], &s, (bnt_view){&odd, 1, 1}, (bnt_view){&odd, 1, 1}, &c, 1, true);
        assert_true(c == 0x1p-24f);
    }
}

static void small_shapes_of_every_size_have_the_right_product(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 3, 5, 7, 8, 13, 17};
    enum { SIZES = sizeof sizes / sizeof sizes[0] };
    for (size_t i = 0; i < SIZES * SIZES * SIZES; i++) {
        const shape s = {sizes[i % SIZES], sizes[i / SIZES % SIZES], sizes[i / SIZES / SIZES]};
        check_shape(s, i & 1, i & 2, i & 4, true);
        check_shape(s, i & 2, i & 4, i & 1, false);
    }
    for (size_t n = 18; n <= 70; n++) { /* past the widest tile */
        check_shape((shape){n % 19 + 1, n, 6}, n & 1, n & 2, n & 4, true);
        check_shape((shape){n, n % 7 + 1, 5}, n & 2, n & 1, n & 4, true);
    }
}

static void empty_shapes_write_zeros_or_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        check_every_way((shape){i & 1 ? 3 : 0, i & 2 ? 5 : 0, i & 4 ? 4 : 0}, true);
    }
}

static void shapes_past_every_block_have_the_right_product(void **state)
{
    (void)state;
    static const shape shapes[] = {
        {37, 41, 2 * BNT_MATMUL_DEEP + 35}, /* parts of k of unequal size */
        {13, 550, BNT_MATMUL_DEEP + 1},     /* blocks of columns */
        {11, 35, 4500},                     /* blocks of steps: more than one packed B */
        {700, 29, 19},                      /* tasks of several tiles */
        {1, 300, 1000},
        {300, 1, 1000},
        {64, 64, 65},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        check_every_way(shapes[i], true);
    }
}

static void a_product_may_be_cut_along_k_by_its_caller(void **state)
{
    (void)state;
    const shape whole = {20, 33, 300}, first = {20, 33, 77}, second = {20, 33, 223};
    const matrix a = make_matrix(20, 300, 0, false), b = make_matrix(300, 33, 0, false);
    float c[20 * 33], parts[20 * 33];
    run_here(&sets[1], &whole, a.view, b.view, c, 33, false);
    run_here(&sets[1], &first, a.view, b.view, parts, 33, false);
    const bnt_view rest_a = {a.data + 77, 300, 1}, rest_b = {b.data + 77 * 33, 33, 1};
    run_here(&sets[1], &second, rest_a, rest_b, parts, 33, true);
    assert_memory_equal(c, parts, sizeof c);
    free(a.data);
    free(b.data);
}

static void no_memory_is_told_and_leaves_nothing(void **state)
{
    (void)state;
    bantam_error err;
    bnt_matmul mm;
    const int64_t live = bnt_mem_live();
    bnt_mem_fail_after(0);
    assert_int_equal(bnt_matmul_init(&mm, &sets[1], pools[0], &err), BANTAM_ERR_NOMEM);
    bnt_mem_fail_after(UINT64_MAX);
    assert_null(mm.work);
    bnt_matmul_deinit(&mm);
    assert_int_equal(bnt_mem_live(), live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_product_worked_out_by_hand),
        cmocka_unit_test(sums_are_chains_in_order_of_k),
        cmocka_unit_test(products_are_multiplied_and_added_with_one_rounding),
        cmocka_unit_test(small_shapes_of_every_size_have_the_right_product),
        cmocka_unit_test(empty_shapes_write_zeros_or_nothing),
        cmocka_unit_test(shapes_past_every_block_have_the_right_product),
        cmocka_unit_test(a_product_may_be_cut_along_k_by_its_caller),
        cmocka_unit_test(no_memory_is_told_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
