/* The built-in model's name, and memory that passes for a mapped file. */
#include "base/mem.h"
#include "format/archive.h"
#include "format/builtin.h"
#include "support.h"

#include <unistd.h>

/* This program refers to no bytes of a model. */
static void a_program_of_lower_floors_is_without_the_model(void **state)
{
    bnt_map *map;
    bantam_error err;

    (void)state;
    assert_false(bnt_builtin_is(BNT_BUILTIN_NAME));
    assert_false(bnt_builtin_is("another"));
    assert_int_equal(bnt_builtin_map(&map, "/nowhere/" BNT_BUILTIN_NAME, &err), BANTAM_ERR_IO);
    assert_null(map);
}

static void wrapped_memory_is_borrowed_and_never_damaged(void **state)
{
    static const char bytes[] = "some bytes";
    bnt_map_stamp stamp;
    bnt_map *map;
    uint64_t n = 0;

    (void)state;
    do {
        bnt_mem_fail_after(n++);
        const bantam_status status = bnt_map_wrap(&map, bytes, sizeof bytes, NULL);
        assert_int_equal(status, map ? BANTAM_OK : BANTAM_ERR_NOMEM);
    } while (!map && n < 10);
    bnt_mem_fail_after(UINT64_MAX);
    assert_int_equal(n, 2);
    assert_ptr_equal(bnt_map_data(map), bytes);
    assert_int_equal(bnt_map_size(map), sizeof bytes);
    assert_false(bnt_map_stamp_of(map, &stamp));
    assert_false(bnt_map_damaged(map));
    assert_false(bnt_map_check(map));
    bnt_map_close(map);
    assert_string_equal(bytes, "some bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_of_lower_floors_is_without_the_model),
        cmocka_unit_test(wrapped_memory_is_borrowed_and_never_damaged),
    };
    return cmocka_run_group_tests_name("builtin", tests, NULL, NULL);
}
