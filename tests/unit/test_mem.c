/* The counted heap. */
#include "base/mem.h"
#include "support.h"

static void blocks_are_aligned_and_counted(void **state)
{
    (void)state;
    const int64_t live = bnt_mem_live(), bytes = bnt_mem_live_bytes();
    void *blocks[100];
    int64_t sum = 0;
    for (size_t i = 0; i < 100; i++) {
        blocks[i] = i % 2 ? bnt_alloc(i * 37) : bnt_calloc(i, 37);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % 64, 0);
        if (i) memset(blocks[i], 0xA5, i * 37);
        sum += (int64_t)i * 37;
    }
    assert_int_equal(bnt_mem_live() - live, 100);
    assert_int_equal(bnt_mem_live_bytes() - bytes, sum);
    for (size_t i = 0; i < 100; i++) {
        bnt_free(blocks[i]);
    }
    bnt_free(NULL);
    assert_int_equal(bnt_mem_live(), live);
    assert_int_equal(bnt_mem_live_bytes(), bytes);
}

static void cleared_blocks_are_zero(void **state)
{
    (void)state;
    for (size_t size = 1; size < 5000; size += 61) {
        uint8_t *dirty = bnt_alloc(size);
        memset(dirty, 0xFF, size);
        bnt_free(dirty);
        uint8_t *p = bnt_calloc(1, size);
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(p[i], 0);
        }
        bnt_free(p);
    }
}

static void growing_keeps_the_bytes(void **state)
{
    (void)state;
    const int64_t live = bnt_mem_live(), bytes = bnt_mem_live_bytes();
    uint8_t *p = NULL, *between[40];
    size_t n = 0;
    for (size_t step = 0; step < 40; step++) {
        const size_t grown = n + 1 + n / 2;
        p = bnt_realloc(p, grown, 1);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        for (size_t i = 0; i < n; i++) {
            if (p[i] != (uint8_t)(i * 7)) fail_msg("byte %zu changed", i);
        }
        for (size_t i = n; i < grown; i++) {
            p[i] = (uint8_t)(i * 7);
        }
        n = grown;
        if (n > 1000000) n = 1;
        between[step] = bnt_alloc(24); /* so that blocks move, and to another alignment */
    }
    p = bnt_realloc(p, 3, 1);
    assert_memory_equal(p, "\0\7\16", 3);
    assert_int_equal(bnt_mem_live_bytes() - bytes, 3 + 40 * 24);
    for (size_t step = 0; step < 40; step++) {
        bnt_free(between[step]);
    }
    bnt_free(p);
    assert_int_equal(bnt_mem_live(), live);
}

/* Sizes around those of large pages; blocks side by side must not meet. */
static void large_tables_are_clear_and_counted(void **state)
{
    (void)state;
    static const size_t sizes[] = {0,       100,     1000000, 1 << 20, 2097151, 2097152,
                                   2097153, 3145727, 3145728, 5000000, 6291456, 9000001};
    enum { N = sizeof sizes / sizeof sizes[0] };
    const int64_t live = bnt_mem_live(), bytes = bnt_mem_live_bytes();
    uint8_t *blocks[N];
    int64_t sum = 0;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < N; i++) {
            blocks[i] = bnt_calloc_large(sizes[i], 1);
            assert_non_null(blocks[i]);
            assert_int_equal((uintptr_t)blocks[i] % 64, 0);
            for (size_t k = 0; k < sizes[i]; k += 509) {
                if (blocks[i][k]) fail_msg("byte %zu of %zu is not clear", k, sizes[i]);
            }
            if (sizes[i]) memset(blocks[i], (int)i + 1, sizes[i]);
            sum += (int64_t)sizes[i];
        }
        assert_int_equal(bnt_mem_live() - live, N);
        assert_int_equal(bnt_mem_live_bytes() - bytes, sum);
        for (size_t i = 0; i < N; i++) {
            for (size_t k = 0; k < sizes[i]; k += 509) {
                if (blocks[i][k] != i + 1) fail_msg("byte %zu of %zu changed", k, sizes[i]);
            }
            if (sizes[i]) assert_int_equal(blocks[i][sizes[i] - 1], i + 1);
            sum -= (int64_t)sizes[i];
            bnt_free(blocks[i]);
        }
    }
    assert_int_equal(bnt_mem_live(), live);
    assert_int_equal(bnt_mem_live_bytes(), bytes);
}

static void large_tables_that_cannot_be_are_refused(void **state)
{
    (void)state;
    assert_null(bnt_calloc_large(SIZE_MAX / 2, 3));
    assert_null(bnt_calloc_large(SIZE_MAX, 1));
    assert_null(bnt_calloc_large(PTRDIFF_MAX, 1));
    bnt_mem_fail_after(0);
    assert_null(bnt_calloc_large(1, 4 << 20));
    bnt_mem_fail_after(UINT64_MAX);
}

static void products_that_wrap_are_refused(void **state)
{
    (void)state;
    char *p = bnt_alloc(4);
    memcpy(p, "abc", 4);
    assert_null(bnt_alloc(SIZE_MAX));
    assert_null(bnt_alloc(SIZE_MAX - 70));
    assert_null(bnt_calloc(SIZE_MAX / 8 + 2, 8));
    assert_null(bnt_realloc(p, SIZE_MAX / 4 + 2, 4));
    assert_null(bnt_strdup("", SIZE_MAX));
    assert_string_equal(p, "abc"); /* a failed growth leaves the block */
    bnt_free(p);
}

static void failures_begin_where_asked_and_end(void **state)
{
    (void)state;
    const uint64_t asked = bnt_mem_allocations();
    void *a, *b;
    bnt_mem_fail_after(2);
    a = bnt_alloc(1);
    b = bnt_realloc(NULL, 1, 1);
    assert_non_null(a);
    assert_non_null(b);
    for (int i = 0; i < 3; i++) {
        assert_null(bnt_alloc(1));
        assert_null(bnt_calloc(1, 1));
        assert_null(bnt_realloc(a, 2, 1));
        assert_null(bnt_strdup("x", 1));
    }
    bnt_mem_fail_after(UINT64_MAX);
    assert_int_equal(bnt_mem_allocations() - asked, 14);
    char *copy = bnt_strdup("xyz", 2);
    assert_string_equal(copy, "xy");
    bnt_free(copy);
    bnt_free(a);
    bnt_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_and_counted),
        cmocka_unit_test(cleared_blocks_are_zero),
        cmocka_unit_test(growing_keeps_the_bytes),
        cmocka_unit_test(large_tables_are_clear_and_counted),
        cmocka_unit_test(large_tables_that_cannot_be_are_refused),
        cmocka_unit_test(products_that_wrap_are_refused),
        cmocka_unit_test(failures_begin_where_asked_and_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
