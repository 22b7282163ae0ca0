/* test_spec.c - the memory of a tokenizer description. */
#include "support.h"

#include "base/mem.h"
#include "token/spec.h"

static void an_initialized_spec_has_no_tokens_and_no_ids(void **state)
{
    (void)state;
    bnt_spec s;
    memset(&s, 0xA5, sizeof s);
    bnt_spec_init(&s);
    assert_int_equal(s.n_tokens, 0);
    assert_null(s.tokens);
    assert_int_equal(s.bos, BANTAM_NO_TOKEN);
    assert_int_equal(s.eos, BANTAM_NO_TOKEN);
    assert_int_equal(s.unk, BANTAM_NO_TOKEN);
    assert_int_equal(s.pad, BANTAM_NO_TOKEN);
    assert_string_equal(s.pre_name, "");
    bnt_spec_deinit(&s);
}

static void blocks_of_all_sizes_are_cleared_aligned_and_apart(void **state)
{
    (void)state;
    enum { N = 2000 };
    static unsigned char *blocks[N];
    static size_t sizes[N];
    const int64_t live = bnt_mem_live();
    bnt_spec s;

    bnt_spec_init(&s);
    for (size_t i = 0; i < N; i++) {
        sizes[i] = i % 97 == 96 ? 100000 : i % 130;
        blocks[i] = bnt_spec_alloc(&s, sizes[i], 1);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % 16, 0);
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(blocks[i][k], 0);
        memset(blocks[i], (int)(i % 251) + 1, sizes[i]);
    }
    for (size_t i = 0; i < N; i++) {
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(blocks[i][k], i % 251 + 1);
    }
    bnt_spec_deinit(&s);
    assert_int_equal(bnt_mem_live(), live);
    assert_null(s.blocks);
}

static void products_that_wrap_are_refused(void **state)
{
    (void)state;
    bnt_spec s;
    bnt_spec_init(&s);
    assert_null(bnt_spec_alloc(&s, SIZE_MAX / 2, 3));
    assert_null(bnt_spec_alloc(&s, 1, SIZE_MAX - 4));
    assert_null(bnt_spec_alloc(&s, SIZE_MAX, 1));
    bnt_spec_deinit(&s);
}

static void copies_hold_what_they_were_given(void **state)
{
    (void)state;
    bnt_spec s;
    char text[] = "a\0b";

    bnt_spec_init(&s);
    const bantam_text copy = bnt_spec_copy(&s, text, 3);
    text[0] = 'x';
    assert_int_equal(copy.size, 3);
    assert_memory_equal(copy.data, "a\0b", 3);
    const bantam_text none = bnt_spec_copy(&s, NULL, 0);
    assert_non_null(none.data);
    assert_int_equal(none.size, 0);
    bnt_spec_deinit(&s);
}

static void stops_are_a_set_with_a_limit(void **state)
{
    (void)state;
    bnt_spec s;
    bnt_spec_init(&s);
    bnt_spec_add_stop(&s, BANTAM_NO_TOKEN);
    assert_int_equal(s.n_stops, 0);
    bnt_spec_add_stop(&s, 7);
    bnt_spec_add_stop(&s, 0);
    bnt_spec_add_stop(&s, 7);
    assert_int_equal(s.n_stops, 2);
    assert_int_equal(s.stops[0], 7);
    assert_int_equal(s.stops[1], 0);
    for (uint32_t i = 100; i < 200; i++)
        bnt_spec_add_stop(&s, i);
    assert_int_equal(s.n_stops, 32);
    bnt_spec_deinit(&s);
}

static void a_failed_allocation_leaves_the_spec_usable(void **state)
{
    (void)state;
    bnt_spec s;
    bnt_spec_init(&s);
    bnt_mem_fail_after(0);
    assert_null(bnt_spec_alloc(&s, 1, 1));
    assert_null(bnt_spec_copy(&s, "abc", 3).data);
    bnt_mem_fail_after(UINT64_MAX);
    assert_non_null(bnt_spec_alloc(&s, 1, 1));
    bnt_spec_deinit(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_initialized_spec_has_no_tokens_and_no_ids),
        cmocka_unit_test(blocks_of_all_sizes_are_cleared_aligned_and_apart),
        cmocka_unit_test(products_that_wrap_are_refused),
        cmocka_unit_test(copies_hold_what_they_were_given),
        cmocka_unit_test(stops_are_a_set_with_a_limit),
        cmocka_unit_test(a_failed_allocation_leaves_the_spec_usable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
