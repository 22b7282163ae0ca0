/* test_pattern.c - patterns over any bytes. */
#include "base/mem.h"
#include "base/rng.h"
#include "specs.h"
#include "support.h"
#include "token/pattern.h"

#define LLAMA3                                                                                 \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"                  \
    " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

/* All matches of a pattern as start, end, start, end, ... */
static size_t find_all(const bnt_pattern *pattern, bantam_text text, size_t *out)
{
    bnt_matcher matcher;
    bnt_subject subject;
    bantam_error err = {0};
    size_t n = 0, from = 0;
    bool found = true;
    assert_int_equal(bnt_matcher_init(&matcher, text.size, &err), BANTAM_OK);
    bnt_subject_init(&subject, text, false);
    while (from <= text.size) {
        if (bnt_pattern_find(pattern, &matcher, &subject, from, &found, &out[n], &out[n + 1],
                             &err)) {
            fail_msg("%s", err.message);
        }
        if (!found) break;
        from = out[n + 1] > from ? out[n + 1] : from + 1;
        n += 2;
    }
    bnt_matcher_deinit(&matcher);
    return n;
}

static size_t random_text(bnt_rng *rng, char *text, size_t most)
{
    static const char *const units[] = {
        "a",        "B",    " ",    "\n",           "7",
        "'s",       "!",    "\xFF", "\xC3\xA9",     "\xE6\xBC\xA2",
        "\xCC\x80", "\xE2", "\r",   "\xE3\x80\x80", "\xC2\xBD"};
    size_t size = 0;
    while (size + 8 < most) {
        const char *unit = units[bnt_rng_below(rng, 15)];
        /* Now and then a run that does not fit the first window. */
        size_t n = 1 + bnt_rng_below(rng, 4);
        if (bnt_rng_below(rng, 40) == 0) n = bnt_rng_below(rng, 3000);
        for (; n > 0 && size + 8 < most; n--) {
            memcpy(text + size, unit, strlen(unit));
            size += strlen(unit);
        }
    }
    return size;
}

static void machine_code_and_interpreter_agree(void **state)
{
    (void)state;
    enum { SIZE = 20000 };
    static char text[SIZE];
    static size_t fast[2 * SIZE + 4], slow[2 * SIZE + 4];
    bnt_pattern pattern;
    bnt_rng rng;
    bnt_rng_seed(&rng, 3);
    assert_int_equal(bnt_pattern_compile(&pattern, text_of(LLAMA3), "p", NULL), BANTAM_OK);
    const bool jit = pattern.jit;
    for (int i = 0; i < 20; i++) {
        const bantam_text t = {text, random_text(&rng, text, SIZE)};
        pattern.jit = jit;
        const size_t n_fast = find_all(&pattern, t, fast);
        pattern.jit = false;
        const size_t n_slow = find_all(&pattern, t, slow);
        assert_int_equal(n_fast, n_slow);
        assert_memory_equal(fast, slow, n_fast * sizeof fast[0]);
        assert_true(n_fast > 100);
    }
    bnt_pattern_free(&pattern);
}

static void a_pattern_that_needs_more_stack_than_machine_code_has_still_matches(void **state)
{
    (void)state;
    enum { N = 20000 };
    char *text = malloc(N);
    size_t at[4];
    bnt_pattern pattern;
    assert_non_null(text);
    memset(text, 'a', N);
    assert_int_equal(bnt_pattern_compile(&pattern, text_of("^(?:(a)|b)+$"), "p", NULL),
                     BANTAM_OK);
    const bantam_text t = {text, N};
    assert_int_equal(find_all(&pattern, t, at), 2);
    assert_int_equal(at[0], 0);
    assert_int_equal(at[1], N);
    bnt_pattern_free(&pattern);
    free(text);
}

static void looking_back_sees_what_was_matched_before(void **state)
{
    (void)state;
    bnt_pattern pattern;
    size_t at[16];
    assert_int_equal(bnt_pattern_compile(&pattern, text_of("(?<=a)b"), "p", NULL), BANTAM_OK);
    assert_int_equal(find_all(&pattern,
                              text_of("abb\xFF"
                                      "bab"),
                              at),
                     4);
    assert_int_equal(at[0], 1);
    assert_int_equal(at[2], 6);
    bnt_pattern_free(&pattern);
}

static void characters_are_stepped_over_in_both_directions(void **state)
{
    (void)state;
    const bantam_text t = text_of("a\xC3\xA9\xE6\xBC\xA2\xF0\x9F\x99\x82\xFF\x80\xE6\xBC");
    static const size_t starts[] = {0, 1, 3, 6, 10, 11, 12, 13, 14};
    for (size_t i = 0; i + 1 < sizeof starts / sizeof starts[0]; i++) {
        assert_int_equal(bnt_text_after(t, starts[i]), starts[i + 1]);
        assert_int_equal(bnt_text_before(t, starts[i + 1]), starts[i]);
    }
}

static void matches_that_go_backwards_are_refused(void **state)
{
    (void)state;
    bnt_pattern pattern;
    bnt_matcher matcher;
    bnt_subject subject;
    bool found;
    size_t start, end;
    /* PCRE2 may refuse it itself. */
    if (bnt_pattern_compile(&pattern, text_of("(?=ab\\K)"), "p", NULL)) return;
    assert_int_equal(bnt_matcher_init(&matcher, 4, NULL), BANTAM_OK);
    bnt_subject_init(&subject, text_of("abab"), false);
    assert_int_equal(
        bnt_pattern_find(&pattern, &matcher, &subject, 0, &found, &start, &end, NULL),
        BANTAM_ERR_FORMAT);
    bnt_matcher_deinit(&matcher);
    bnt_pattern_free(&pattern);
}

static void every_failed_allocation_is_reported(void **state)
{
    (void)state;
    const int64_t live = bnt_mem_live();
    bantam_status status;
    uint64_t n = 0;
    do {
        bnt_pattern pattern;
        bantam_error err = {0};
        bnt_mem_fail_after(n++);
        status = bnt_pattern_compile(&pattern, text_of(LLAMA3), "p", &err);
        assert_true(status == BANTAM_OK || status == BANTAM_ERR_NOMEM);
        assert_int_equal(err.status, status);
        bnt_pattern_free(&pattern);
        assert_int_equal(bnt_mem_live(), live);
    } while (status && n < 100);
    bnt_mem_fail_after(UINT64_MAX);
    assert_int_equal(status, BANTAM_OK);
    assert_true(n > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(machine_code_and_interpreter_agree),
        cmocka_unit_test(a_pattern_that_needs_more_stack_than_machine_code_has_still_matches),
        cmocka_unit_test(looking_back_sees_what_was_matched_before),
        cmocka_unit_test(characters_are_stepped_over_in_both_directions),
        cmocka_unit_test(matches_that_go_backwards_are_refused),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
