/* test_added.c - names of added tokens in a text. */
#include "base/mem.h"
#include "base/rng.h"
#include "specs.h"
#include "support.h"
#include "token/added.h"

enum { MAX_NAMES = 64 };

/* Writes what a search gives as "gap<token>gap<token>gap". */
static bantam_status run(const bnt_added *added, bantam_text text, char *out, bantam_error *err)
{
    bnt_added_search search = {0};
    bnt_matcher matcher = {0};
    uint32_t token = 0;
    bantam_status status = bnt_matcher_init(&matcher, text.size, err);
    if (!status) status = bnt_added_begin(&search, added, text, err);
    while (!status && token != BANTAM_NO_TOKEN) {
        bantam_text gap;
        status = bnt_added_next(&search, &matcher, &gap, &token, err);
        if (status) break;
        if (gap.size) memcpy(out, gap.data, gap.size);
        out += gap.size;
        if (token != BANTAM_NO_TOKEN) out += sprintf(out, "<%u>", (unsigned)token);
    }
    *out = '\0';
    bnt_added_end(&search);
    bnt_matcher_deinit(&matcher);
    return status;
}

/* names ends in NULL; name i is token i with flags. */
static void expect(const char *const *names, uint8_t flags, const char *text,
                   const char *expected)
{
    bnt_added_name list[MAX_NAMES];
    bnt_added added;
    char got[4096];
    uint32_t n = 0;
    for (; names[n]; n++) {
        list[n] = (bnt_added_name){text_of(names[n]), n, flags};
    }
    assert_int_equal(bnt_added_open(&added, list, n, NULL), BANTAM_OK);
    assert_int_equal(run(&added, text_of(text), got, NULL), BANTAM_OK);
    assert_string_equal(got, expected);
    bnt_added_close(&added);
}

static void names_are_found_where_they_stand(void **state)
{
    (void)state;
    static const char *const names[] = {"[A]", "[B]", NULL};
    expect(names, 0, "[A]x[B][B] y", "<0>x<1><1> y");
    expect(names, 0, "[[A]]", "[<0>]");
    expect(names, 0, "none", "none");
    expect(names, 0, "", "");
    static const char *const none[] = {NULL};
    expect(none, 0, "[A]", "[A]");
}

static void the_longest_name_at_the_leftmost_place_counts(void **state)
{
    (void)state;
    static const char *const names[] = {"ab", "abcd", "bcdef", "cd", "b", NULL};
    expect(names, 0, "abcdef", "<1>ef");
    expect(names, 0, "abcef", "<0>cef");
    expect(names, 0, "xbcdef", "x<2>");
    expect(names, 0, "xbcde", "x<4><3>e");
    expect(names, 0, "bcd", "<4><3>");
}

static void of_equal_names_the_lowest_token_counts(void **state)
{
    (void)state;
    static const char *const names[] = {"b", "a", "a", "a", NULL};
    expect(names, 0, "ab", "<1><0>");
}

static void white_space_beside_a_name_belongs_to_it_where_asked_for(void **state)
{
    (void)state;
    static const char *const names[] = {"<m>", NULL};
    const char *text = "a \n<m>\xE3\x80\x80 <m> b";
    expect(names, 0, text, "a \n<0>\xE3\x80\x80 <0> b");
    expect(names, BNT_ADDED_LSTRIP, text, "a<0><0> b");
    expect(names, BNT_ADDED_RSTRIP, text, "a \n<0><0>b");
    expect(names, BNT_ADDED_LSTRIP | BNT_ADDED_RSTRIP, text, "a<0><0>b");
    expect(names, BNT_ADDED_LSTRIP | BNT_ADDED_RSTRIP, "  <m>  ", "<0>");
}

static void white_space_inside_a_name_that_was_swallowed_is_gone(void **state)
{
    (void)state;
    static const char *const names[] = {"<m>", " x", NULL};
    expect(names, BNT_ADDED_RSTRIP, "<m>  x x", "<0>x<1>");
}

static void names_inside_words_are_passed_over_where_asked_for(void **state)
{
    (void)state;
    static const char *const names[] = {"cat", "at", NULL};
    expect(names, BNT_ADDED_WORD,
           "cat cats a-cat catcat \xC3\xA9"
           "cat cat",
           "<0> cats a-<0> catcat \xC3\xA9"
           "cat <0>");
    expect(names, BNT_ADDED_WORD, "cat_ cat9 cat\xFF", "cat_ cat9 <0>\xFF");
    /* What a name that does not count covers is not searched again. */
    expect(names, BNT_ADDED_WORD, "xcat", "xcat");
}

static void bytes_of_any_value_are_found(void **state)
{
    (void)state;
    static const char *const names[] = {"\xFF\xFE", "\xC3\xA9", "\x80", NULL};
    expect(names, 0, "\xC3\xA9\xFF\xFE\xFF\x80", "<1><0>\xFF<2>");
}

/* By the words of the contract: at each place the longest name that starts there. */
static size_t naive(const bnt_added_name *names, size_t n, bantam_text text, char *out)
{
    const char *const begin = out;
    for (size_t at = 0; at < text.size;) {
        size_t best = SIZE_MAX;
        for (size_t i = 0; i < n; i++) {
            const bantam_text name = names[i].text;
            if (name.size > text.size - at ||
                memcmp(name.data, text.data + at, name.size) != 0) {
                continue;
            }
            const bool better =
                best == SIZE_MAX || name.size > names[best].text.size ||
                (name.size == names[best].text.size && names[i].token < names[best].token);
            if (better) best = i;
        }
        if (best == SIZE_MAX) {
            *out++ = text.data[at++];
        } else {
            out += sprintf(out, "<%u>", (unsigned)names[best].token);
            at += names[best].text.size;
        }
    }
    *out = '\0';
    return (size_t)(out - begin);
}

static void search_agrees_with_its_definition(void **state)
{
    (void)state;
    enum { SIZE = 200000 };
    char *text = malloc(SIZE), *got = malloc(5 * SIZE), *expected = malloc(5 * SIZE);
    bnt_rng rng;
    bnt_rng_seed(&rng, 11);
    assert_non_null(text);
    assert_non_null(got);
    assert_non_null(expected);
    for (int turn = 0; turn < 200; turn++) {
        char bytes[MAX_NAMES][12];
        bnt_added_name names[MAX_NAMES];
        bnt_added added;
        const size_t n = 1 + bnt_rng_below(&rng, MAX_NAMES);
        const unsigned variety = 1 + (unsigned)bnt_rng_below(&rng, 4);
        for (size_t i = 0; i < n; i++) {
            const size_t size = 1 + bnt_rng_below(&rng, 12);
            for (size_t k = 0; k < size; k++) {
                bytes[i][k] = (char)('a' + bnt_rng_below(&rng, variety));
            }
            names[i] = (bnt_added_name){{bytes[i], size}, (uint32_t)i, 0};
        }
        /* The last ones are longer than a window. */
        const size_t size = turn < 197 ? bnt_rng_below(&rng, 300) : SIZE;
        for (size_t k = 0; k < size; k++) {
            text[k] = (char)('a' + bnt_rng_below(&rng, variety + 1));
        }
        const bantam_text t = {text, size};
        naive(names, n, t, expected);
        assert_int_equal(bnt_added_open(&added, names, n, NULL), BANTAM_OK);
        assert_int_equal(run(&added, t, got, NULL), BANTAM_OK);
        assert_string_equal(got, expected);
        bnt_added_close(&added);
    }
    free(text);
    free(got);
    free(expected);
}

/* Names of 60,000 equal letters that nearly match everywhere: a search that tried each place
 * anew would take minutes. */
static void texts_made_to_nearly_match_take_no_longer(void **state)
{
    (void)state;
    enum { NAME = 60000, SIZE = 1000000 };
    char *name = malloc(NAME), *other = malloc(NAME), *text = malloc(SIZE);
    char *got = malloc(SIZE + 64);
    bnt_added added;
    assert_true(name && other && text && got);
    memset(name, 'a', NAME);
    memset(other, 'a', NAME);
    memset(text, 'a', SIZE);
    name[0] = 'b';
    other[NAME - 1] = 'b';
    bnt_added_name names[] = {{{name, NAME}, 0, 0}, {{other, NAME}, 1, 0}};
    const bantam_text t = {text, SIZE};
    assert_int_equal(bnt_added_open(&added, names, 2, NULL), BANTAM_OK);
    assert_int_equal(run(&added, t, got, NULL), BANTAM_OK);
    assert_int_equal(strlen(got), SIZE);
    text[SIZE / 2] = 'b';
    assert_int_equal(run(&added, t, got, NULL), BANTAM_OK);
    assert_int_equal(strlen(got), SIZE - NAME + 3);
    assert_memory_equal(got + SIZE / 2 - NAME + 1, "<1>a", 4);
    bnt_added_close(&added);
    free(name);
    free(other);
    free(text);
    free(got);
}

static void every_failed_allocation_is_reported(void **state)
{
    (void)state;
    const int64_t live = bnt_mem_live();
    bantam_status status;
    uint64_t n = 0;
    do {
        bnt_added_name names[] = {{text_of("<a>"), 0, BNT_ADDED_WORD},
                                  {text_of("<b>"), 1, BNT_ADDED_LSTRIP}};
        bnt_added added;
        char got[64];
        bnt_mem_fail_after(n++);
        status = bnt_added_open(&added, names, 2, NULL);
        if (!status) status = run(&added, text_of("x<a> <b>"), got, NULL);
        assert_true(status == BANTAM_OK || status == BANTAM_ERR_NOMEM);
        bnt_added_close(&added);
        assert_int_equal(bnt_mem_live(), live);
    } while (status && n < 100);
    bnt_mem_fail_after(UINT64_MAX);
    assert_int_equal(status, BANTAM_OK);
    assert_true(n > 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_where_they_stand),
        cmocka_unit_test(the_longest_name_at_the_leftmost_place_counts),
        cmocka_unit_test(of_equal_names_the_lowest_token_counts),
        cmocka_unit_test(white_space_beside_a_name_belongs_to_it_where_asked_for),
        cmocka_unit_test(white_space_inside_a_name_that_was_swallowed_is_gone),
        cmocka_unit_test(names_inside_words_are_passed_over_where_asked_for),
        cmocka_unit_test(bytes_of_any_value_are_found),
        cmocka_unit_test(search_agrees_with_its_definition),
        cmocka_unit_test(texts_made_to_nearly_match_take_no_longer),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
