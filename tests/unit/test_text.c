/* test_text.c - texts compared, empty ones and those without data among them. */
#include "base/text.h"
#include "support.h"

static const bantam_text none = {NULL, 0};

static void texts_are_the_same_by_their_bytes_alone(void **state)
{
    const char zero[3] = {'a', 0, 'b'}, other[3] = {'a', 0, 'c'};

    (void)state;
    assert_true(bnt_text_same((bantam_text){"abc", 2}, (bantam_text){"abd", 2}));
    assert_false(bnt_text_same((bantam_text){"abc", 3}, (bantam_text){"abd", 3}));
    assert_false(bnt_text_same((bantam_text){"abc", 2}, (bantam_text){"abc", 3}));
    assert_false(bnt_text_same((bantam_text){zero, 3}, (bantam_text){other, 3}));
    assert_true(bnt_text_same(none, none));
    assert_true(bnt_text_same(none, (bantam_text){"abc", 0}));
    assert_false(bnt_text_same(none, (bantam_text){"abc", 1}));
}

static void a_text_is_a_string_of_its_length(void **state)
{
    (void)state;
    assert_int_equal(bnt_text_of("abc").size, 3);
    assert_int_equal(bnt_text_of(NULL).size, 0);
    assert_non_null(bnt_text_of(NULL).data);
    assert_true(bnt_text_is((bantam_text){"abcd", 3}, "abc"));
    assert_false(bnt_text_is((bantam_text){"abc", 2}, "abc"));
    assert_false(bnt_text_is((bantam_text){"abc", 3}, "ab"));
    assert_false(bnt_text_is((bantam_text){"abc", 3}, NULL));
    assert_true(bnt_text_is(none, ""));
    assert_false(bnt_text_is(none, NULL));
    assert_false(bnt_text_is(none, "a"));
}

static void starts_and_ends_fit_into_the_text(void **state)
{
    const bantam_text text = bnt_text_of("model.gguf");

    (void)state;
    assert_true(bnt_text_starts_with(text, "model"));
    assert_false(bnt_text_starts_with(text, "odel"));
    assert_true(bnt_text_ends_with(text, ".gguf"));
    assert_false(bnt_text_ends_with(text, ".ggu"));
    assert_true(bnt_text_starts_with(text, "model.gguf") &&
                bnt_text_ends_with(text, "model.gguf"));
    assert_false(bnt_text_starts_with(text, "model.ggufs"));
    assert_false(bnt_text_ends_with(text, "a model.gguf"));
    assert_true(bnt_text_starts_with(none, "") && bnt_text_ends_with(none, ""));
    assert_false(bnt_text_starts_with(none, "a") || bnt_text_ends_with(none, "a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_the_same_by_their_bytes_alone),
        cmocka_unit_test(a_text_is_a_string_of_its_length),
        cmocka_unit_test(starts_and_ends_fit_into_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
