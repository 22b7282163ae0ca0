/* A hash table from bytes to numbers. */
#include "base/mem.h"
#include "base/table.h"
#include "support.h"

#include <time.h>

enum { MANY = 100000, WIDTH = 12 };

/* Puts and finds keys[0..n); returns the processor time it took. */
static double fill_and_search(bnt_table *table, char (*names)[WIDTH], uint32_t n)
{
    struct timespec start, end;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t found;
        const bantam_text key = {names[i], strlen(names[i])};
        assert_int_equal(bnt_table_put(table, key, i * 2, &found, NULL), BANTAM_OK);
        assert_true(found == BNT_TABLE_NONE);
    }
    for (uint32_t i = 0; i < n; i++) {
        char copy[WIDTH];
        memcpy(copy, names[i], WIDTH);
        const bantam_text key = {copy, strlen(copy)}, longer = {copy, key.size + 1};
        if (bnt_table_find(table, key) != i * 2) fail_msg("%s", copy);
        if (bnt_table_find(table, longer) != BNT_TABLE_NONE) fail_msg("%s and a NUL", copy);
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    assert_int_equal(table->n_used, n);
    return (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) * 1e-9;
}

static void keys_are_found_with_their_values_in_linear_time(void **state)
{
    (void)state;
    char(*names)[WIDTH] = malloc(MANY * WIDTH);
    bnt_table few = {0}, many = {0};
    for (uint32_t i = 0; i < MANY; i++) {
        snprintf(names[i], WIDTH, "k%u", (unsigned)i);
    }
    const double of_few = fill_and_search(&few, names, MANY / 10);
    const double of_many = fill_and_search(&many, names, MANY);
    assert_true(of_many < 50 * of_few); /* ten times as much; quadratic: a hundred times */
    bnt_table_deinit(&few);
    bnt_table_deinit(&many);
    assert_true(bnt_table_find(&many, (bantam_text){"k1", 2}) == BNT_TABLE_NONE);
    free(names);
}

static void a_key_put_twice_keeps_its_first_value(void **state)
{
    (void)state;
    bnt_table table = {0};
    uint32_t found;
    const bantam_text key = {"a", 1}, empty = {NULL, 0};
    bnt_table_put(&table, key, 1, NULL, NULL);
    bnt_table_put(&table, key, 2, &found, NULL);
    assert_int_equal(found, 1);
    assert_int_equal(bnt_table_find(&table, key), 1);
    assert_true(bnt_table_find(&table, empty) == BNT_TABLE_NONE);
    bnt_table_put(&table, empty, 3, &found, NULL);
    assert_true(found == BNT_TABLE_NONE);
    assert_int_equal(bnt_table_find(&table, (bantam_text){"", 0}), 3);
    assert_int_equal(table.n_used, 2);
    bnt_table_deinit(&table);
}

static void room_asked_for_is_there(void **state)
{
    (void)state;
    static const char bytes[1000] = {0}; /* keys differ by length alone */
    for (size_t n = 0; n < 1000; n += 37) {
        bnt_table table;
        assert_int_equal(bnt_table_init(&table, n, NULL), BANTAM_OK);
        bnt_mem_fail_after(0);
        for (size_t i = 0; i < n; i++) {
            const bantam_text key = {bytes, i};
            assert_int_equal(bnt_table_put(&table, key, (uint32_t)i, NULL, NULL), BANTAM_OK);
        }
        bnt_mem_fail_after(UINT64_MAX);
        bnt_table_deinit(&table);
    }
}

static void a_failed_growth_changes_nothing(void **state)
{
    (void)state;
    static const char bytes[100] = {0};
    bnt_table table = {0};
    bantam_error err;
    uint32_t found;
    bnt_mem_fail_after(0);
    assert_int_equal(bnt_table_put(&table, (bantam_text){bytes, 1}, 1, &found, &err),
                     BANTAM_ERR_NOMEM);
    bnt_mem_fail_after(1);
    size_t n = 0;
    while (!bnt_table_put(&table, (bantam_text){bytes, n}, (uint32_t)n, &found, &err)) {
        n++;
    }
    bnt_mem_fail_after(UINT64_MAX);
    assert_int_equal(table.n_used, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(bnt_table_find(&table, (bantam_text){bytes, i}), i);
    }
    assert_int_equal(bnt_table_put(&table, (bantam_text){bytes, n}, 7, &found, &err), 0);
    assert_int_equal(bnt_table_init(&(bnt_table){0}, SIZE_MAX / 2, &err), BANTAM_ERR_NOMEM);
    bnt_table_deinit(&table);
}

static void every_table_has_its_own_secret(void **state)
{
    (void)state;
    bnt_table a, b;
    assert_int_equal(bnt_table_init(&a, 1, NULL), BANTAM_OK);
    assert_int_equal(bnt_table_init(&b, 1, NULL), BANTAM_OK);
    assert_true(a.secret != b.secret);
    bnt_table_deinit(&a);
    bnt_table_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_found_with_their_values_in_linear_time),
        cmocka_unit_test(a_key_put_twice_keeps_its_first_value),
        cmocka_unit_test(room_asked_for_is_there),
        cmocka_unit_test(a_failed_growth_changes_nothing),
        cmocka_unit_test(every_table_has_its_own_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
