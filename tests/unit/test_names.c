/* test_names.c - a fixed table from texts to ids. */
#include "base/limits.h"
#include "base/mem.h"
#include "support.h"
#include "token/names.h"

enum { LONGEST = 40, N_LETTERS = 3 };

/* Texts of size 1 to LONGEST that differ from a common one in a single byte, NUL among what it
 * can be: whatever part of a text the table would not look at, two of these would be one. */
static size_t make_texts(char *bytes, bantam_text *texts)
{
    size_t n = 0;
    for (size_t size = 1; size <= LONGEST; size++) {
        for (size_t at = 0; at < size; at++) {
            for (int letter = 0; letter < N_LETTERS; letter++) {
                char *const text = bytes + n * LONGEST;
                memset(text, 'x', size);
                text[at] = "\0a\xFF"[letter];
                texts[n++] = (bantam_text){text, size};
            }
        }
    }
    return n;
}

static void texts_that_differ_in_one_byte_are_different(void **state)
{
    (void)state;
    const size_t max = (size_t)LONGEST * LONGEST * N_LETTERS;
    char *const bytes = malloc(max * LONGEST);
    bantam_text *const texts = malloc(max * sizeof *texts);
    uint32_t *const ids = malloc(max * sizeof *ids), *const found = malloc(max * sizeof *ids);
    bnt_name_table names;
    const size_t n = make_texts(bytes, texts);
    for (size_t i = 0; i < n; i++) {
        ids[i] = (uint32_t)(7 * i);
    }
    assert_int_equal(bnt_names_init(&names, (uint32_t)n, NULL), BANTAM_OK);
    assert_int_equal(bnt_names_put(&names, texts, ids, n / 2), 0);
    assert_int_equal(bnt_names_put(&names, texts + n / 2, ids + n / 2, n - n / 2), 0);
    bnt_names_find_all(&names, texts, n, found);
    for (size_t i = 0; i < n; i++) {
        char copy[LONGEST + 1];
        memcpy(copy, texts[i].data, texts[i].size);
        copy[texts[i].size] = 'x';
        if (found[i] != ids[i]) fail_msg("text %zu of size %zu", i, texts[i].size);
        assert_int_equal(bnt_names_find(&names, copy, texts[i].size), ids[i]);
        memset(copy, 'x', texts[i].size);
        assert_int_equal(bnt_names_find(&names, copy, texts[i].size), BANTAM_NO_TOKEN);
    }
    bnt_names_deinit(&names);
    free(bytes);
    free(texts);
    free(ids);
    free(found);
}

static void the_first_of_equal_texts_stays_and_the_others_are_counted(void **state)
{
    (void)state;
    static const bantam_text texts[] = {{"ab", 2}, {"", 0},
                                        {"ab", 2}, {"a long enough text", 18},
                                        {"ab", 2}, {"a long enough text", 18}};
    static const uint32_t ids[] = {5, 6, 4, 3, 2, 1};
    bnt_name_table names;
    uint32_t found[6];
    assert_int_equal(bnt_names_init(&names, 6, NULL), BANTAM_OK);
    assert_int_equal(bnt_names_put(&names, texts, ids, 6), 3);
    bnt_names_find_all(&names, texts, 6, found);
    assert_int_equal(found[0], 5);
    assert_true(found[1] == BANTAM_NO_TOKEN); /* an empty text is no name */
    assert_int_equal(found[4], 5);
    assert_int_equal(found[5], 3);
    bnt_names_deinit(&names);
    bnt_names_deinit(&names);
    assert_int_equal(bnt_names_bytes(&names), 0);
    assert_true(bnt_names_find(&names, "ab", 2) == BANTAM_NO_TOKEN);
}

static void texts_beyond_the_limit_are_left_out(void **state)
{
    (void)state;
    const size_t most = BNT_MAX_TOKEN_BYTES;
    char *const bytes = calloc(3 * most, 1);
    const bantam_text texts[] = {{bytes, most}, {bytes, most + 1}, {bytes, 3 * most}};
    static const uint32_t ids[] = {1, 2, 3};
    bnt_name_table names;
    uint32_t found[3];
    assert_int_equal(bnt_names_init(&names, 3, NULL), BANTAM_OK);
    assert_int_equal(bnt_names_put(&names, texts, ids, 3), 0);
    bnt_names_find_all(&names, texts, 3, found);
    assert_int_equal(found[0], 1);
    assert_true(found[1] == BANTAM_NO_TOKEN && found[2] == BANTAM_NO_TOKEN);
    bnt_names_deinit(&names);
    free(bytes);
}

static void a_full_table_has_room_for_what_was_asked(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < 200; n++) {
        bnt_name_table names;
        assert_int_equal(bnt_names_init(&names, n, NULL), BANTAM_OK);
        for (uint32_t i = 0; i < n; i++) {
            const char *const letter = "abcdefgh";
            const char text[2] = {letter[i % 8], (char)i};
            const bantam_text t = {text, 2};
            assert_int_equal(bnt_names_put(&names, &t, &i, 1), 0);
        }
        assert_true(bnt_names_find(&names, "zz", 2) == BANTAM_NO_TOKEN);
        bnt_names_deinit(&names);
    }
}

static void out_of_memory_is_said(void **state)
{
    (void)state;
    bnt_name_table names;
    bantam_error err = {0};
    bnt_mem_fail_after(0);
    assert_int_equal(bnt_names_init(&names, 300000, &err), BANTAM_ERR_NOMEM);
    bnt_mem_fail_after(UINT64_MAX);
    assert_non_null(strstr(err.message, "300000"));
    bnt_names_deinit(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_that_differ_in_one_byte_are_different),
        cmocka_unit_test(the_first_of_equal_texts_stays_and_the_others_are_counted),
        cmocka_unit_test(texts_beyond_the_limit_are_left_out),
        cmocka_unit_test(a_full_table_has_room_for_what_was_asked),
        cmocka_unit_test(out_of_memory_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
