/* Messages: escaped, cut at a character, put together from inside out. */
#include "base/error.h"
#include "support.h"

static void a_message_carries_its_status(void **state)
{
    (void)state;
    bantam_error err = {0};
    assert_int_equal(bnt_fail(&err, BANTAM_ERR_FORMAT, "rows: expected %d, found %d", 3, 4),
                     BANTAM_ERR_FORMAT);
    assert_int_equal(err.status, BANTAM_ERR_FORMAT);
    assert_string_equal(err.message, "rows: expected 3, found 4");
}

static void no_error_struct_is_fine(void **state)
{
    (void)state;
    assert_int_equal(bnt_fail(NULL, BANTAM_ERR_IO, "x"), BANTAM_ERR_IO);
    assert_int_equal(bnt_fail_within(NULL, BANTAM_ERR_NOMEM, "x"), BANTAM_ERR_NOMEM);
}

static void controls_and_broken_utf8_are_escaped(void **state)
{
    (void)state;
    bantam_error err;
    bnt_fail(&err, BANTAM_ERR_FORMAT, "a\x1b[31m\n\x7f \xff\xfe \xc3\xa9 \xc2\x9b %s",
             "\xe2\x82");
    assert_string_equal(err.message, "a\\x1b[31m\\x0a\\x7f \\xff\\xfe \xc3\xa9 \\xc2\\x9b "
                                     "\\xe2\\x82");
}

static void a_long_message_is_cut_at_a_character(void **state)
{
    (void)state;
    bantam_error err;
    char text[2000];
    for (size_t lead = 0; lead < 3; lead++) { /* every place of the cut in a 3-byte character */
        memset(text, 'a', lead);
        for (size_t i = lead; i + 3 < sizeof text; i += 3) {
            memcpy(text + i, "\xe2\x82\xac", 4);
        }
        bnt_fail(&err, BANTAM_ERR_IO, "%s", text);
        const size_t size = strlen(err.message);
        assert_true(size < sizeof err.message && size > sizeof err.message - 4);
        assert_int_equal((size - lead) % 3, 0);
        assert_memory_equal(err.message, text, size);
    }
    memset(text, '\n', sizeof text - 1); /* grows fourfold */
    text[sizeof text - 1] = '\0';
    bnt_fail(&err, BANTAM_ERR_IO, "%s", text);
    assert_int_equal(strlen(err.message), (sizeof err.message - 1) / 4 * 4);
}

static void layers_put_text_before_it(void **state)
{
    (void)state;
    bantam_error err;
    bnt_fail(&err, BANTAM_ERR_FORMAT, "bad\n");
    assert_int_equal(bnt_fail_within(&err, BANTAM_ERR_IO, "%s: ", "a\tb"), BANTAM_ERR_FORMAT);
    assert_string_equal(err.message, "a\\x09b: bad\\x0a");

    /* The message itself may be an argument. */
    bnt_fail(&err, BANTAM_ERR_IO, "<%s>", err.message);
    assert_string_equal(err.message, "<a\\x09b: bad\\x0a>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_carries_its_status),
        cmocka_unit_test(no_error_struct_is_fine),
        cmocka_unit_test(controls_and_broken_utf8_are_escaped),
        cmocka_unit_test(a_long_message_is_cut_at_a_character),
        cmocka_unit_test(layers_put_text_before_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
