/* One block handed out from its start. */
#include "base/arena.h"
#include "base/mem.h"
#include "support.h"

static void blocks_are_aligned_and_apart(void **state)
{
    (void)state;
    bnt_arena arena = {0};
    size_t total = 0;
    for (size_t i = 0; i < 20; i++) {
        total += bnt_arena_cost(i, 12);
    }
    assert_int_equal(bnt_arena_init(&arena, total, NULL), BANTAM_OK);
    uint8_t *end = arena.base;
    for (size_t i = 0; i < 20; i++) {
        uint8_t *p = bnt_arena_alloc(&arena, i, 12);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        assert_true(p >= end);
        memset(p, (int)i, i * 12);
        end = p + i * 12;
    }
    assert_int_equal(arena.used, total); /* the cost is exact */
    assert_null(bnt_arena_alloc(&arena, 1, 1));
    bnt_arena_deinit(&arena);
    bnt_arena_deinit(&arena);
}

static void a_mark_gives_back_what_came_after(void **state)
{
    (void)state;
    bnt_arena arena;
    assert_int_equal(bnt_arena_init(&arena, 1024, NULL), BANTAM_OK);
    bnt_arena_alloc(&arena, 100, 1);
    const size_t mark = bnt_arena_mark(&arena);
    void *first = bnt_arena_alloc(&arena, 100, 1);
    bnt_arena_alloc(&arena, 300, 1);
    bnt_arena_reset(&arena, mark);
    assert_ptr_equal(bnt_arena_alloc(&arena, 10, 1), first);
    bnt_arena_deinit(&arena);
}

static void what_wraps_or_does_not_fit_is_refused(void **state)
{
    (void)state;
    bnt_arena arena = {0};
    bantam_error err;
    assert_null(bnt_arena_alloc(&arena, 0, 1)); /* a closed arena has nothing to give */
    assert_int_equal(bnt_arena_cost(SIZE_MAX / 2, 3), SIZE_MAX);
    assert_int_equal(bnt_arena_cost(SIZE_MAX - 10, 1), SIZE_MAX);
    assert_int_equal(bnt_arena_init(&arena, 256, NULL), BANTAM_OK);
    assert_null(bnt_arena_alloc(&arena, SIZE_MAX / 2 + 1, 2));
    assert_null(bnt_arena_alloc(&arena, SIZE_MAX, 1));
    assert_null(bnt_arena_alloc(&arena, 257, 1));
    assert_int_equal(arena.used, 0);
    bnt_arena_deinit(&arena);

    bnt_mem_fail_after(0);
    assert_int_equal(bnt_arena_init(&arena, 256, &err), BANTAM_ERR_NOMEM);
    bnt_mem_fail_after(UINT64_MAX);
    assert_string_equal(err.message, "out of memory for 256 bytes of scratch");
    bnt_arena_deinit(&arena);
}

/* What one piece of work takes: 3 rows of 5 floats, 7 numbers, nothing. */
static void take_some(bnt_taker *t, float **rows, uint64_t **numbers)
{
    *rows = bnt_take_floats(t, 3, 5);
    *numbers = bnt_take(t, 7, sizeof **numbers);
    (void)bnt_take(t, 0, 8);
}

static void what_was_counted_is_what_is_taken(void **state)
{
    (void)state;
    bnt_arena arena;
    bnt_taker t = {0};
    float *rows;
    uint64_t *numbers;

    take_some(&t, &rows, &numbers);
    assert_null(rows);
    assert_null(numbers);
    assert_int_equal(bnt_taker_cost(&t), 64 + 64); /* 60 and 56 bytes, each rounded up */
    assert_int_equal(bnt_arena_init(&arena, bnt_taker_cost(&t), NULL), BANTAM_OK);
    t = (bnt_taker){.arena = &arena};
    take_some(&t, &rows, &numbers);
    assert_false(t.failed);
    assert_ptr_equal(rows, arena.base);
    assert_ptr_equal(numbers, arena.base + 64);
    assert_int_equal(arena.used, arena.size);
    bnt_arena_deinit(&arena);
}

static void a_taker_that_failed_once_has_failed(void **state)
{
    (void)state;
    bnt_arena arena;
    bnt_taker t = {0};

    (void)bnt_take_floats(&t, SIZE_MAX / 2, 3); /* the count of floats wraps, */
    assert_int_equal(bnt_taker_cost(&t), SIZE_MAX);
    t = (bnt_taker){0};
    (void)bnt_take_floats(&t, SIZE_MAX / 4, 1); /* the bytes of one block do, rounded up, */
    assert_true(t.failed);
    t = (bnt_taker){0};
    (void)bnt_take(&t, SIZE_MAX / 2 + 1, 1); /* and the sum of two. */
    assert_false(t.failed);
    (void)bnt_take(&t, SIZE_MAX / 2 + 1, 1);
    assert_true(t.failed);

    assert_int_equal(bnt_arena_init(&arena, 64, NULL), BANTAM_OK);
    t = (bnt_taker){.arena = &arena};
    assert_null(bnt_take_floats(&t, 17, 1));
    assert_non_null(bnt_take_floats(&t, 16, 1)); /* there is room, but something is missing */
    assert_true(t.failed);
    bnt_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_and_apart),
        cmocka_unit_test(a_mark_gives_back_what_came_after),
        cmocka_unit_test(what_wraps_or_does_not_fit_is_refused),
        cmocka_unit_test(what_was_counted_is_what_is_taken),
        cmocka_unit_test(a_taker_that_failed_once_has_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
