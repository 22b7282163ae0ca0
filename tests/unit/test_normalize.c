/* test_normalize.c - prepend, replace, strip. */
#include "base/mem.h"
#include "specs.h"
#include "support.h"
#include "token/normalize.h"

static bantam_status run(const bnt_spec *spec, bantam_text text, size_t max, char *out,
                         size_t *size, bantam_error *err)
{
    bnt_normalizer normalizer;
    bnt_matcher matcher = {0};
    bnt_buf buffers[2];
    bantam_text got = {0};
    for (int i = 0; i < 2; i++) {
        bnt_buf_init(&buffers[i], max);
    }
    bantam_status status = bnt_normalizer_open(&normalizer, spec, err);
    if (!status) status = bnt_matcher_init(&matcher, text.size, err);
    if (!status) status = bnt_normalizer_run(&normalizer, &matcher, text, buffers, &got, err);
    if (!status) {
        *size = got.size;
        if (got.size) memcpy(out, got.data, got.size);
    }
    for (int i = 0; i < 2; i++) {
        bnt_buf_deinit(&buffers[i]);
    }
    bnt_matcher_deinit(&matcher);
    bnt_normalizer_close(&normalizer);
    return status;
}

static void expect(const bnt_spec *spec, const char *text, const char *expected)
{
    char got[1024];
    size_t size = 0;
    bantam_error err = {0};
    if (run(spec, text_of(text), sizeof got, got, &size, &err)) fail_msg("%s", err.message);
    assert_int_equal(size, strlen(expected));
    assert_memory_equal(got, expected, size);
}

static bnt_normal_step replace(const char *pattern, bool regex, const char *content)
{
    return (bnt_normal_step){.op = BNT_NORMAL_REPLACE,
                             .pattern = text_of(pattern),
                             .regex = regex,
                             .content = text_of(content)};
}

static void without_steps_a_text_stays_as_it_is(void **state)
{
    (void)state;
    bnt_spec spec;
    bnt_spec_init(&spec);
    expect(&spec, " a\xFF", " a\xFF");
    expect(&spec, "", "");
}

static void steps_run_in_order(void **state)
{
    (void)state;
    bnt_spec spec;
    bnt_spec_init(&spec);
    spec.normal[0] = (bnt_normal_step){.op = BNT_NORMAL_PREPEND, .content = text_of("_")};
    spec.normal[1] = replace(" ", false, "_");
    spec.normal[2] = replace("__", false, "=");
    spec.n_normal = 3;
    expect(&spec, "a b", "_a_b");
    expect(&spec, " a  b ", "=a=b_");
    expect(&spec, "   ", "==");
    expect(&spec, "", "");
}

static void patterns_replace_every_match(void **state)
{
    (void)state;
    bnt_spec spec;
    bnt_spec_init(&spec);
    spec.normal[0] = replace("\\s+", true, "-");
    spec.n_normal = 1;
    expect(&spec, " a \n\tb\xE3\x80\x80\xFF c", "-a-b-\xFF-c");
    spec.normal[0] = replace("x*", true, "-");
    expect(&spec, "ab", "-a-b-");
    spec.normal[0] = replace("(?=b)", true, "-");
    expect(&spec, "abab", "a-ba-b");
}

static void plain_patterns_are_not_read_as_regular_expressions(void **state)
{
    (void)state;
    bnt_spec spec;
    bnt_spec_init(&spec);
    spec.normal[0] = replace(".", false, "");
    spec.n_normal = 1;
    expect(&spec, "a.b..", "ab");
    spec.normal[0] = replace("aab", false, "X");
    expect(&spec, "aaaab aab a", "aaX X a");
}

static void white_space_is_stripped_at_the_sides_asked_for(void **state)
{
    (void)state;
    const char *text = " \n\xC2\xA0 a b\xE3\x80\x80\t";
    bnt_spec spec;
    bnt_spec_init(&spec);
    spec.n_normal = 1;
    spec.normal[0] = (bnt_normal_step){.op = BNT_NORMAL_STRIP, .left = true};
    expect(&spec, text, "a b\xE3\x80\x80\t");
    spec.normal[0] = (bnt_normal_step){.op = BNT_NORMAL_STRIP, .right = true};
    expect(&spec, text, " \n\xC2\xA0 a b");
    spec.normal[0] = (bnt_normal_step){.op = BNT_NORMAL_STRIP, .left = true, .right = true};
    expect(&spec, text, "a b");
    expect(&spec, " \n ", "");
    expect(&spec, "\xC2\xA0\x80 ", "\x80");
}

static void a_text_that_grows_too_long_is_refused(void **state)
{
    (void)state;
    bnt_spec spec;
    char out[64];
    size_t size;
    bantam_error err;
    bnt_spec_init(&spec);
    spec.n_normal = BNT_SPEC_MAX_STEPS;
    for (uint32_t i = 0; i < spec.n_normal; i++) {
        spec.normal[i] = replace("a", false, "aa");
    }
    assert_int_equal(run(&spec, text_of("a"), 64, out, &size, &err), BANTAM_ERR_FULL);
    assert_non_null(strstr(err.message, "normalized"));
}

static void patterns_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    bnt_spec spec;
    char out[64], large[300];
    size_t size;
    memset(large, 'a', sizeof large);
    large[299] = '\0';
    const bnt_normal_step bad[] = {replace("", false, "x"), replace("(", true, "x"),
                                   replace(large, false, "x")};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        bnt_spec_init(&spec);
        spec.normal[0] = bad[i];
        spec.n_normal = 1;
        assert_int_equal(run(&spec, text_of("a"), 64, out, &size, NULL), BANTAM_ERR_FORMAT);
    }
    spec.n_normal = BNT_SPEC_MAX_STEPS + 1;
    assert_int_equal(run(&spec, text_of("a"), 64, out, &size, NULL), BANTAM_ERR_FORMAT);
}

static void every_failed_allocation_is_reported(void **state)
{
    (void)state;
    bnt_spec spec;
    char out[64];
    size_t size;
    bantam_status status;
    uint64_t n = 0;
    bnt_spec_init(&spec);
    spec.normal[0] = replace("a", true, "b");
    spec.normal[1] = replace("b", false, "c");
    spec.n_normal = 2;
    const int64_t live = bnt_mem_live();
    do {
        bnt_mem_fail_after(n++);
        status = run(&spec, text_of("ab"), 64, out, &size, NULL);
        assert_true(status == BANTAM_OK || status == BANTAM_ERR_NOMEM);
        assert_int_equal(bnt_mem_live(), live);
    } while (status && n < 100);
    bnt_mem_fail_after(UINT64_MAX);
    assert_int_equal(status, BANTAM_OK);
    assert_true(n > 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_steps_a_text_stays_as_it_is),
        cmocka_unit_test(steps_run_in_order),
        cmocka_unit_test(patterns_replace_every_match),
        cmocka_unit_test(plain_patterns_are_not_read_as_regular_expressions),
        cmocka_unit_test(white_space_is_stripped_at_the_sides_asked_for),
        cmocka_unit_test(a_text_that_grows_too_long_is_refused),
        cmocka_unit_test(patterns_that_make_no_sense_are_refused),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
