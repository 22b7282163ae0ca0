/* test_pretokenize.c - texts cut into pieces. */
#include "base/mem.h"
#include "base/rng.h"
#include "specs.h"
#include "support.h"
#include "token/pretokenize.h"

#define GPT2                                                                                   \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

/* Cuts text and checks the pieces; `expected` has them with '|' between. */
static void expect(const bnt_spec *spec, const char *data, size_t size, const char *expected)
{
    bnt_splitter splitter;
    bnt_cutting cutting;
    bnt_matcher matcher;
    bantam_error err = {0};
    const bantam_text text = {data, size};
    char *got = malloc(2 * size + 256);
    size_t n = 0;
    assert_non_null(got);
    if (bnt_splitter_open(&splitter, spec, &err)) fail_msg("%s", err.message);
    assert_int_equal(bnt_matcher_init(&matcher, size, &err), BANTAM_OK);
    assert_int_equal(bnt_cutting_init(&cutting, &splitter, &err), BANTAM_OK);
    bnt_cutting_begin(&cutting, text);
    for (;;) {
        bantam_text piece;
        if (bnt_cutting_next(&cutting, &matcher, &piece, &err)) fail_msg("%s", err.message);
        if (piece.size == 0) break;
        if (n) got[n++] = '|';
        memcpy(got + n, piece.data, piece.size);
        n += piece.size;
    }
    got[n] = '\0';
    bnt_cutting_deinit(&cutting);
    bnt_matcher_deinit(&matcher);
    bnt_splitter_close(&splitter);
    assert_string_equal(got, expected);
    free(got);
}

static void expect_one(const char *pattern, bnt_split_behavior behavior, bool invert,
                       const char *text, const char *expected)
{
    bnt_spec spec;
    bnt_spec_init(&spec);
    spec_split(&spec, pattern, behavior);
    spec.split[0].invert = invert;
    expect(&spec, text, strlen(text), expected);
}

/* The expected rows are those of the examples in the documentation of Hugging Face's
 * tokenizers, "the-final--countdown" split at "-". */
static void behaviors_are_those_of_hugging_face(void **state)
{
    (void)state;
    const char *text = "the-final--countdown";
    expect_one("-", BNT_SPLIT_REMOVED, false, text, "the|final|countdown");
    expect_one("-", BNT_SPLIT_ISOLATED, false, text, "the|-|final|-|-|countdown");
    expect_one("-", BNT_SPLIT_MERGED_WITH_PREVIOUS, false, text, "the-|final-|-|countdown");
    expect_one("-", BNT_SPLIT_MERGED_WITH_NEXT, false, text, "the|-final|-|-countdown");
    expect_one("-", BNT_SPLIT_CONTIGUOUS, false, text, "the|-|final|--|countdown");
}

static void inversion_makes_matches_of_what_lies_between(void **state)
{
    (void)state;
    expect_one("[a-z]+", BNT_SPLIT_REMOVED, true, "ab12cd!", "ab|cd");
    expect_one("[a-z]", BNT_SPLIT_REMOVED, true, "ab12cd!", "a|b|c|d");
    expect_one("[a-z]+", BNT_SPLIT_ISOLATED, true, "ab12cd!", "ab|12|cd|!");
    expect_one("[a-z]", BNT_SPLIT_CONTIGUOUS, true, "ab12cd!", "ab|12|cd|!");
    expect_one("[a-z]+", BNT_SPLIT_MERGED_WITH_PREVIOUS, true, "ab12cd!", "ab12|cd!");
    expect_one("[a-z]+", BNT_SPLIT_MERGED_WITH_NEXT, true, "12cd!", "12cd|!");
}

static void matches_at_the_ends_are_cut_too(void **state)
{
    (void)state;
    expect_one("-", BNT_SPLIT_ISOLATED, false, "-a-", "-|a|-");
    expect_one("-", BNT_SPLIT_REMOVED, false, "--", "");
    expect_one("-", BNT_SPLIT_MERGED_WITH_PREVIOUS, false, "-a", "-|a");
    expect_one("-", BNT_SPLIT_MERGED_WITH_NEXT, false, "a-", "a|-");
    expect_one("x", BNT_SPLIT_ISOLATED, false, "abc", "abc");
    expect_one("x", BNT_SPLIT_ISOLATED, false, "", "");
}

static void empty_matches_cut_without_taking_anything(void **state)
{
    (void)state;
    expect_one("(?=[A-Z])", BNT_SPLIT_ISOLATED, false, "aBcDE", "a|Bc|D|E");
    expect_one("x*", BNT_SPLIT_ISOLATED, false, "axxb", "a|xx|b");
    /* Just behind a match an empty one does not count: "xx" goes with what follows it. */
    expect_one("x*", BNT_SPLIT_MERGED_WITH_NEXT, false, "axxb", "a|xxb");
    expect_one("", BNT_SPLIT_ISOLATED, false, "a\xC3\xA9z", "a|\xC3\xA9|z");
    expect_one("$", BNT_SPLIT_ISOLATED, false, "ab", "ab");
}

/* By the rules of the pattern: contractions, words with one space before them, numbers, the
 * rest; of several spaces before a word the last belongs to it. */
static void the_pattern_of_gpt2_cuts_as_it_says(void **state)
{
    (void)state;
    expect_one(GPT2, BNT_SPLIT_ISOLATED, false, "I'll  go, it's 42\n\n  x!",
               "I|'ll| | go|,| it|'s| 42|\n\n | x|!");
    expect_one(GPT2, BNT_SPLIT_ISOLATED, false, "\xC3\xA9t\xC3\xA9 \xD9\xA3\xE2\x85\xA3",
               "\xC3\xA9t\xC3\xA9| \xD9\xA3\xE2\x85\xA3");
    expect_one(GPT2, BNT_SPLIT_ISOLATED, false, "a  ", "a|  ");
}

static void steps_cut_the_pieces_of_the_steps_before(void **state)
{
    (void)state;
    bnt_spec spec;
    bnt_spec_init(&spec);
    spec_split(&spec, "\\p{N}", BNT_SPLIT_ISOLATED);
    spec_split(&spec, GPT2, BNT_SPLIT_ISOLATED);
    const char *text = "a 12  b\xC2\xBD";
    expect(&spec, text, strlen(text), "a| |1|2| | b|\xC2\xBD");
}

static void a_prefix_is_put_before_a_text_that_lacks_it(void **state)
{
    (void)state;
    bnt_spec spec;
    bnt_spec_init(&spec);
    spec_split(&spec, "-", BNT_SPLIT_REMOVED);
    spec.split[spec.n_split++] =
        (bnt_split_step){.op = BNT_SPLIT_PREFIX, .content = text_of(" ")};
    spec_split(&spec, "[a-z]+", BNT_SPLIT_ISOLATED);
    expect(&spec, "ab- cd-", 7, " |ab| |cd");
}

static void bytes_that_are_not_utf8_end_what_a_pattern_sees(void **state)
{
    (void)state;
    expect_one("\\p{L}+", BNT_SPLIT_ISOLATED, false, "ab\xFF\xC3 cd\x80",
               "ab|\xFF\xC3 |cd|\x80");
    expect_one(GPT2, BNT_SPLIT_ISOLATED, false, "\xE2\x96x", "\xE2\x96|x");
    /* Two spaces before a bad byte: nothing follows them that the pattern could see. */
    expect_one(GPT2, BNT_SPLIT_ISOLATED, false, "a  \xFF", "a|  |\xFF");
    expect_one(GPT2, BNT_SPLIT_ISOLATED, false, "\xFF\xFE", "\xFF\xFE");
    expect_one(".", BNT_SPLIT_REMOVED, false, "a\xFFz\xC3", "\xFF|\xC3");
    expect_one("(?=z)", BNT_SPLIT_ISOLATED, false, "a\xFFz\xC3", "a\xFF|z\xC3");
    expect_one("$", BNT_SPLIT_ISOLATED, false, "a\xFFz", "a|\xFFz");
}

/* Words of every length around the windows that patterns are matched in. */
static void long_pieces_stay_whole(void **state)
{
    (void)state;
    enum { MOST = 20000 };
    static const char *const units[] = {"a", "\xC3\xA9", "\xE6\xBC\xA2", "\xF0\x90\x90\x80"};
    char *text = malloc(4 * MOST + 16), *expected = malloc(4 * MOST + 32);
    bnt_rng rng;
    assert_non_null(text);
    assert_non_null(expected);
    bnt_rng_seed(&rng, 7);
    for (int i = 0; i < 60; i++) {
        const char *unit = units[i % 4];
        const size_t n =
            (i < 40 ? 1000u : 4000u) + bnt_rng_below(&rng, i < 40 ? 50 : MOST - 4000);
        size_t size = 0;
        text[size++] = '1';
        for (size_t k = 0; k < n; k++) {
            memcpy(text + size, unit, strlen(unit));
            size += strlen(unit);
        }
        memcpy(text + size, "  !", 3);
        expected[0] = '1';
        expected[1] = '|';
        memcpy(expected + 2, text + 1, size - 1);
        memcpy(expected + 1 + size, "| | !", 6);
        text[size + 3] = '\0';
        expect_one(GPT2, BNT_SPLIT_ISOLATED, false, text, expected);
    }
    free(text);
    free(expected);
}

static void a_match_far_away_is_found(void **state)
{
    (void)state;
    enum { N = 5000 };
    char text[N + 3], expected[N + 5];
    memset(text, 'a', N);
    memcpy(text + N, "7b", 3);
    memset(expected, 'a', N);
    memcpy(expected + N, "|7|b", 5);
    expect_one("\\p{N}", BNT_SPLIT_ISOLATED, false, text, expected);
}

static bantam_status run(const char *pattern, const char *data, size_t size, bantam_error *err)
{
    bnt_spec spec;
    bnt_splitter splitter;
    bnt_cutting cutting;
    bnt_matcher matcher;
    bnt_spec_init(&spec);
    spec_split(&spec, pattern, BNT_SPLIT_ISOLATED);
    bantam_status status = bnt_splitter_open(&splitter, &spec, err);
    if (status) return status;
    assert_int_equal(bnt_matcher_init(&matcher, size, NULL), BANTAM_OK);
    assert_int_equal(bnt_cutting_init(&cutting, &splitter, NULL), BANTAM_OK);
    const bantam_text text = {data, size};
    bantam_text piece = {"", 1};
    bnt_cutting_begin(&cutting, text);
    while (!status && piece.size) {
        status = bnt_cutting_next(&cutting, &matcher, &piece, err);
    }
    bnt_cutting_deinit(&cutting);
    bnt_matcher_deinit(&matcher);
    bnt_splitter_close(&splitter);
    return status;
}

static void patterns_that_explode_are_stopped(void **state)
{
    (void)state;
    static const char *const patterns[] = {"(a+)+$", "(?:(?:a*)*)*b", "(a|aa)+$", "(?:a|a)*b"};
    enum { N = 100000 };
    char *text = malloc(N);
    assert_non_null(text);
    memset(text, 'a', N);
    text[N - 1] = '!';
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        bantam_error err = {0};
        const bantam_status status = run(patterns[i], text, N, &err);
        if (status) assert_int_equal(status, BANTAM_ERR_FULL);
    }
    bantam_error err = {0};
    assert_int_equal(run("(a+)+$", text, N, &err), BANTAM_ERR_FULL);
    assert_non_null(strstr(err.message, "too many steps"));
    free(text);
}

/* Each match looks at all that follows: quadratic, but with few steps for any one of them. */
static void patterns_that_look_too_far_are_stopped(void **state)
{
    (void)state;
    enum { N = 400000 };
    char *text = malloc(N);
    bantam_error err = {0};
    assert_non_null(text);
    memset(text, ' ', N);
    assert_int_equal(run("\\s*x|.", text, N, &err), BANTAM_ERR_FULL);
    free(text);
}

static void patterns_that_do_not_compile_are_refused(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "(",        "a{1000000000}",           "[z-a]", "\\p{Nope}", "\\C",
        "(?<=a+)b", "((a{1000}){1000}){1000}", "\xFF"};
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        bantam_error err = {0};
        assert_int_equal(run(patterns[i], "a", 1, &err), BANTAM_ERR_FORMAT);
        assert_non_null(strstr(err.message, "split pattern 0"));
    }
    char *groups = malloc(100001);
    assert_non_null(groups);
    memset(groups, '(', 50000);
    memset(groups + 50000, ')', 50000);
    groups[100000] = '\0';
    assert_int_equal(run(groups, "a", 1, NULL), BANTAM_ERR_FORMAT);
    free(groups);
}

static void too_many_steps_are_refused(void **state)
{
    (void)state;
    bnt_spec spec;
    bnt_splitter splitter;
    bnt_spec_init(&spec);
    spec.n_split = BNT_SPEC_MAX_STEPS + 1;
    assert_int_equal(bnt_splitter_open(&splitter, &spec, NULL), BANTAM_ERR_FORMAT);
}

static void every_failed_allocation_is_reported(void **state)
{
    (void)state;
    bnt_spec spec;
    bnt_spec_init(&spec);
    spec_split(&spec, "\\p{N}", BNT_SPLIT_ISOLATED);
    spec.split[spec.n_split++] =
        (bnt_split_step){.op = BNT_SPLIT_PREFIX, .content = text_of(" ")};
    const int64_t live = bnt_mem_live();
    bantam_status status;
    uint64_t n = 0;
    do {
        bnt_splitter splitter = {0};
        bnt_cutting cutting = {0};
        bnt_matcher matcher = {0};
        bantam_text piece = {"", 1};
        bantam_error err = {0};
        bnt_mem_fail_after(n++);
        status = bnt_splitter_open(&splitter, &spec, &err);
        if (!status) status = bnt_matcher_init(&matcher, 3, &err);
        if (!status) status = bnt_cutting_init(&cutting, &splitter, &err);
        if (!status) bnt_cutting_begin(&cutting, text_of("a1b"));
        while (!status && piece.size) {
            status = bnt_cutting_next(&cutting, &matcher, &piece, &err);
        }
        assert_int_equal(err.status, status);
        assert_true(status == BANTAM_OK || status == BANTAM_ERR_NOMEM);
        bnt_cutting_deinit(&cutting);
        bnt_matcher_deinit(&matcher);
        bnt_splitter_close(&splitter);
        assert_int_equal(bnt_mem_live(), live);
    } while (status && n < 100);
    bnt_mem_fail_after(UINT64_MAX);
    assert_int_equal(status, BANTAM_OK);
    assert_true(n > 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(behaviors_are_those_of_hugging_face),
        cmocka_unit_test(inversion_makes_matches_of_what_lies_between),
        cmocka_unit_test(matches_at_the_ends_are_cut_too),
        cmocka_unit_test(empty_matches_cut_without_taking_anything),
        cmocka_unit_test(the_pattern_of_gpt2_cuts_as_it_says),
        cmocka_unit_test(steps_cut_the_pieces_of_the_steps_before),
        cmocka_unit_test(a_prefix_is_put_before_a_text_that_lacks_it),
        cmocka_unit_test(bytes_that_are_not_utf8_end_what_a_pattern_sees),
        cmocka_unit_test(long_pieces_stay_whole),
        cmocka_unit_test(a_match_far_away_is_found),
        cmocka_unit_test(patterns_that_explode_are_stopped),
        cmocka_unit_test(patterns_that_look_too_far_are_stopped),
        cmocka_unit_test(patterns_that_do_not_compile_are_refused),
        cmocka_unit_test(too_many_steps_are_refused),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
