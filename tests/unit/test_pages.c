/* Large memory in whole pages, and mapped files let go of. */
#include "base/map.h"
#include "base/pages.h"
#include "temp_folder.h"

#include <sys/mman.h>

static void pages_are_zeros_and_can_be_written(void **state)
{
    enum { SIZE = (5 << 20) + 13 };
    (void)state;
    uint8_t *const pages = bnt_pages_alloc(SIZE);
    assert_non_null(pages);
    assert_int_equal((uintptr_t)pages % (uintptr_t)sysconf(_SC_PAGESIZE), 0);
    for (size_t i = 0; i < SIZE; i += 4099) {
        assert_int_equal(pages[i], 0);
        pages[i] = 7;
    }
    assert_int_equal(pages[4099], 7);
    bnt_pages_free(pages, SIZE);
    bnt_pages_free(NULL, 0);
}

static void what_cannot_be_had_is_null(void **state)
{
    (void)state;
    assert_null(bnt_pages_alloc(0));
    assert_null(bnt_pages_alloc(SIZE_MAX));
    assert_null(bnt_pages_alloc(SIZE_MAX / 4));
}

static bool is_resident(const uint8_t *data, size_t page)
{
    FILE *const f = fopen("/proc/self/pagemap", "rb");
    uint64_t entry = 0;
    if (!f) return false;
    const bool read = fseek(f, (long)((uintptr_t)data / page * 8), SEEK_SET) == 0 &&
                      fread(&entry, 8, 1, f) == 1;
    fclose(f);
    return read && entry >> 63;
}

static void a_file_let_go_of_reads_the_same_again(void **state)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), size = 6 * page + 17;
    uint8_t *const bytes = malloc(size);
    temp_folder t;
    bnt_map *map;

    (void)state;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(i * 31 >> 3);
    }
    temp_make(&t);
    temp_write(&t, "f", bytes, size);
    assert_int_equal(bnt_map_open(&map, temp_path(&t, "f"), NULL), BANTAM_OK);
    const uint8_t *const data = bnt_map_data(map);
    assert_memory_equal(data, bytes, size);
    const bool seen = is_resident(data + 2 * page, page); /* not every system tells */

    bnt_pages_release(data + 1, 1);               /* no whole page */
    bnt_pages_release(data + page - 1, 4 * page); /* pages 1 to 3 whole */
    if (seen) {
        assert_true(is_resident(data, page));
        assert_false(is_resident(data + page, page));
        assert_false(is_resident(data + 3 * page, page));
        assert_true(is_resident(data + 4 * page, page));
    }
    assert_memory_equal(data, bytes, size);
    bnt_map_close(map);
    temp_remove(&t);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_zeros_and_can_be_written),
        cmocka_unit_test(what_cannot_be_had_is_null),
        cmocka_unit_test(a_file_let_go_of_reads_the_same_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
