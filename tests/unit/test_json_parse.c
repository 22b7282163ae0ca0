/* What is JSON and what is not, and what is left when memory runs out while it is read. */
#include "base/json.h"
#include "base/mem.h"
#include "support.h"

#include <locale.h>
#include <math.h>

static json_t *parse(const char *text, size_t size)
{
    json_t *value;
    bantam_error err;
    char *const exact = malloc(size ? size : 1); /* so that a sanitizer sees reads past it */
    assert_non_null(exact);
    memcpy(exact, text, size);
    if (bnt_json_parse(&value, exact, size, &err))
        fail_msg("%.*s: %s", (int)size, text, err.message);
    free(exact);
    return value;
}

static void refuse(const char *text, size_t size)
{
    json_t *value = (json_t *)(uintptr_t)1;
    bantam_error err = {0};
    if (bnt_json_parse(&value, text, size, &err) != BANTAM_ERR_FORMAT) {
        fail_msg("%.*s is taken for json", (int)size, text);
    }
    assert_null(value);
    assert_ptr_equal(strstr(err.message, "json line "), err.message);
}

static void whole_numbers_of_64_bits_are_exact(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        json_int_t value;
    } good[] = {{"0", 0},
                {"-0", 0},
                {"7", 7},
                {"-120", -120},
                {"9223372036854775807", INT64_MAX},
                {"-9223372036854775808", INT64_MIN},
                {"9223372036854775799", 9223372036854775799}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        json_t *const v = parse(good[i].text, strlen(good[i].text));
        assert_true(json_is_integer(v));
        assert_true(json_integer_value(v) == good[i].value);
        json_decref(v);
    }
}

static void other_numbers_are_reals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } good[] = {{"1.5", 1.5},
                {"-0.25", -0.25},
                {"1e3", 1000.0},
                {"1E+3", 1000.0},
                {"12.5e-1", 1.25},
                {"0.0", 0.0},
                {"9223372036854775808", 9223372036854775808.0},
                {"-9223372036854775809", -9223372036854775809.0},
                {"1000000000000000019884624838656", 1e30},
                {"1e-400", 0.0},
                {"1.7976931348623157e308", 1.7976931348623157e308}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        json_t *const v = parse(good[i].text, strlen(good[i].text));
        assert_true(json_is_real(v));
        assert_true(json_real_value(v) == good[i].value);
        json_decref(v);
    }
    char digits[1100];
    memset(digits, '1', sizeof digits);
    refuse(digits, sizeof digits);
    refuse(digits, 1024); /* beyond any double, but read */
    memcpy(digits, "0.", 2);
    json_decref(parse(digits, 1024));
}

/* The host may have set any locale; a file has a point. */
static void the_locale_of_the_host_changes_nothing(void **state)
{
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "de_DE", "fr_FR.UTF-8", "C.UTF-8", "C"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!setlocale(LC_NUMERIC, names[i])) continue;
        json_t *const v = parse("[-2.5e1]", 8);
        assert_true(json_real_value(json_array_get(v, 0)) == -25.0);
        json_decref(v);
    }
    setlocale(LC_NUMERIC, "C");
}

static void strings_come_out_as_their_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *value;
        size_t size;
    } good[] = {{"\"\"", "", 0},
                {"\"a b\"", "a b", 3},
                {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8},
                {"\"\\u0041\\u00e9\\u20AC\"", "A\xC3\xA9\xE2\x82\xAC", 6},
                {"\"x\\uD83d\\ude00y\"", "x\xF0\x9F\x98\x80y", 6},
                {"\"\\u0000\"", "\0", 1},
                {"\"\xF0\x9F\x98\x80\x7F\"", "\xF0\x9F\x98\x80\x7F", 5}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        json_t *const v = parse(good[i].text, strlen(good[i].text));
        const bantam_text t = bnt_json_text(v);
        assert_int_equal(t.size, good[i].size);
        if (t.size) assert_memory_equal(t.data, good[i].value, t.size);
        json_decref(v);
    }
}

static void what_is_nearly_json_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "nul",
        "nulll",
        "True",
        "tru",
        "NaN",
        "Infinity",
        "-",
        "+1",
        "01",
        "-01",
        "1.",
        ".5",
        "1e",
        "1e+",
        "1.e3",
        "0x10",
        "1_0",
        "1e309",
        "-1e400",
        "1 2",
        "1,",
        "'a'",
        "a",
        "[",
        "]",
        "[}",
        "{]",
        "[1 2]",
        "[1,]",
        "[,1]",
        "[,]",
        "[1,,2]",
        "[]]",
        "[1]]",
        "{",
        "}",
        "{,}",
        "{a:1}",
        "{'a':1}",
        "{1:1}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":1 \"b\":2}",
        "{\"a\"::1}",
        "{\"a\":1,\"a\":1}",
        "{\"a\":1,\"\\u0061\":1}",
        "{\"a\\u0000\":1}",
        "{\"a\":1}}",
        "{}{}",
        "[]{}",
        "//\n1",
        "/**/1",
        "\"a",
        "\"a\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\ud800\"",
        "\"\\ud800x\"",
        "\"\\ud800\\u0041\"",
        "\"\\ude00\"",
        "\"a\nb\"",
        "\"\t\"",
        "\"\x01\"",
        "\"\xFF\"",
        "\"\xC0\x80\"",
        "\"\xED\xA0\x80\"",
        "\"\xE2\x82\"",
        "\xFE\xFF",
        "\302\2401",
        "\f1",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        refuse(bad[i], strlen(bad[i]));
    }
    refuse("1\0", 2);
    refuse("\0", 1);
    refuse("\"a\0\"", 4);
    refuse("\"\\\0\"", 4);
}

/* ---- memory ------------------------------------------------------------------------------ */

static struct {
    long n, fail_at;
    bool for_ever;
    long live;
} heap;

static void *counted(size_t size)
{
    const long i = heap.n++;
    if (i == heap.fail_at || (heap.for_ever && i > heap.fail_at)) return NULL;
    heap.live++;
    return malloc(size);
}

static void returned(void *at)
{
    if (at) heap.live--;
    free(at);
}

/* An allocation of Jansson that fails is out of memory and nothing else: not a file that is
 * broken, not a string that is shorter, not the end of the process. */
static void an_allocation_that_fails_is_out_of_memory(void **state)
{
    (void)state;
    static const char text[] =
        "{\"a name that is longer than any buffer begins with\":"
        "\"a text that is longer \\u0041 than any \\n buffer begins with, and longer still\","
        "\"n\":[1,2.5,true,null,{\"x\":{}},[[\"\"]],-3],\"b\":1,\"c\":2,\"d\":3,\"e\":4,\"f\":"
        "5,"
        "\"g\":6,\"h\":7,\"i\":8,\"j\":9,\"k\":10}";
    json_t *const whole = parse(text, sizeof text - 1);
    json_set_alloc_funcs(counted, returned);
    for (int turn = 0; turn < 2; turn++) {
        bantam_status status;
        long k = 0;
        do {
            json_t *value;
            bantam_error err;
            heap.n = heap.live = 0;
            heap.fail_at = k++;
            heap.for_ever = turn == 1;
            status = bnt_json_parse(&value, text, sizeof text - 1, &err);
            if (status) {
                assert_int_equal(status, BANTAM_ERR_NOMEM);
                assert_null(value);
            } else {
                assert_true(json_equal(whole, value));
            }
            json_decref(value);
            assert_int_equal(heap.live, 0);
        } while (heap.n > heap.fail_at && k < 1000);
        assert_int_equal(status, BANTAM_OK);
        assert_true(k > 30);
    }
    json_set_alloc_funcs(malloc, free);
    json_decref(whole);

    uint64_t n = 0;
    bantam_status status;
    do { /* the buffers are the library's own */
        json_t *value;
        const int64_t live = bnt_mem_live();
        bnt_mem_fail_after(n++);
        status = bnt_json_parse(&value, text, sizeof text - 1, NULL);
        bnt_mem_fail_after(UINT64_MAX);
        assert_int_equal(status, value ? BANTAM_OK : BANTAM_ERR_NOMEM);
        json_decref(value);
        assert_int_equal(bnt_mem_live(), live);
    } while (status && n < 100);
    assert_true(n > 1);
}

static bantam_status parse_but(const char *text, json_t **value, bnt_json_list *list,
                               bantam_error *err)
{
    return bnt_json_parse_but(value, text, strlen(text), "o", "i", list, err);
}

/* The steps through a list as one text: strings as they are, others as a sign. */
static void spell(bnt_json_list *list, char *out)
{
    for (;;) {
        bantam_text text = {0};
        bool lent = false;
        const bnt_json_step step = bnt_json_list_next(list, &text, &lent);
        assert_true(step != BNT_JSON_NOMEM);
        if (step == BNT_JSON_TEXT) {
            const bool inside = text.data >= list->data && text.data < list->data + list->size;
            assert_int_equal(lent, !inside);
            out += sprintf(out, "%.*s;", (int)text.size, text.data);
        } else {
            static const char signs[] = ".?<>!";
            *out++ = signs[step];
        }
        if (step == BNT_JSON_END || step == BNT_JSON_OTHER) break;
    }
    *out = '\0';
}

static void a_list_that_is_left_out_can_be_read(void **state)
{
    (void)state;
    static const struct {
        const char *text, *steps;
        uint64_t n;
    } cases[] = {
        {"{\"o\":{\"i\":[\"a b\",\"c d\"]}}", "a b;c d;.", 2},
        {"{\"o\":{\"k\":{\"i\":[7]},\"i\" : [ ] , \"z\":[1]},\"p\":{\"i\":[8]}}", ".", 0},
        {"{\"o\":{\"i\":[\n [\"a\",\"b\"] ,\t[\"\\u0041\", \"\\\"]\"] ]}}", "<a;b;><A;\"];>.",
         2},
        {"{\"o\":{\"i\":[\"a\",3,\"b\"]}}", "a;!", 3},
        {"{\"o\":{\"i\":[[[\"a\"]],{\"i\":[2]}]}}", "<!", 2},
        {"{\"o\":{\"i\":[{\"a\":1,\"a\":2},null]}}", "!", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *value;
        bnt_json_list list;
        char steps[256];
        bantam_error err = {0};
        if (parse_but(cases[i].text, &value, &list, &err)) fail_msg("%s", err.message);
        const json_t *const in = json_object_get(json_object_get(value, "o"), "i");
        assert_true(json_is_array(in) && json_array_size(in) == 0);
        assert_non_null(list.data);
        assert_true(list.n == cases[i].n);
        spell(&list, steps);
        assert_string_equal(steps, cases[i].steps);
        bnt_json_list_end(&list);
        json_decref(value);
    }
}

static void lists_elsewhere_are_built(void **state)
{
    (void)state;
    static const char *const texts[] = {"{\"o\":{\"i\":{\"o\":[1]}}}",
                                        "[{\"i\":[1]}]",
                                        "{\"p\":{\"i\":[1]}}",
                                        "{\"i\":[1]}",
                                        "{\"o\":[[1]]}",
                                        "{\"p\":{\"o\":{\"i\":[1]}}}",
                                        "{\"o\":{\"ii\":[1],\"\":[1]}}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        json_t *value, *same;
        bnt_json_list list;
        assert_int_equal(parse_but(texts[i], &value, &list, NULL), BANTAM_OK);
        assert_int_equal(bnt_json_parse(&same, texts[i], strlen(texts[i]), NULL), BANTAM_OK);
        assert_true(json_equal(value, same));
        assert_null(list.data);
        bnt_json_list_end(&list);
        json_decref(value);
        json_decref(same);
    }
}

static void a_list_is_held_against_the_grammar(void **state)
{
    (void)state;
    static const char *const lists[] = {"[1,]",      "[,1]",       "[1 2]",        "[\"a]",
                                        "[\"\\x\"]", "[\"\xFF\"]", "[01]",         "[1e999]",
                                        "[{\"a\"}]", "[{1}]",      "[{\"a\":1]",   "[tru]",
                                        "[\"\n\"]",  "[[}",        "[\"\\ud800\"]"};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        char text[128];
        json_t *value;
        bnt_json_list list;
        bantam_error err = {0};
        snprintf(text, sizeof text, "{\"o\":{\"i\":%s}}", lists[i]);
        if (parse_but(text, &value, &list, &err) != BANTAM_ERR_FORMAT) fail_msg("%s", text);
        assert_null(value);
        assert_null(list.data);
        for (size_t cut = 0; cut < strlen(text); cut++) {
            assert_int_equal(bnt_json_parse_but(&value, text, cut, "o", "i", &list, NULL),
                             BANTAM_ERR_FORMAT);
        }
    }
}

/* Quotes, escapes and controls at each place of texts around whole words of 8 bytes. */
static void strings_end_where_their_quote_is(void **state)
{
    (void)state;
    for (size_t size = 0; size < 30; size++) {
        for (size_t at = 0; at < size; at++) {
            for (int byte = 0; byte < 256; byte++) {
                char text[40] = {0};
                json_t *value;
                memset(text, 'a', size + 2);
                text[0] = text[size + 1] = '"';
                text[1 + at] = (char)byte;
                const bantam_status status = bnt_json_parse(&value, text, size + 2, NULL);
                const bool plain = byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
                if (plain != !status && !(byte == '\\' && at + 1 < size)) {
                    fail_msg("byte %d at %zu of %zu", byte, at, size);
                }
                if (plain) assert_int_equal(json_string_length(value), size);
                if (byte == '\\') assert_int_equal(status, BANTAM_ERR_FORMAT); /* \a, or \" */
                json_decref(value);
            }
        }
    }
}

/* Time in proportion to the size, whatever the text is made of. */
static void large_texts_are_read_in_one_go(void **state)
{
    (void)state;
    static const char *const pieces[] = {"1,", "\"a\",", "[],", "\"\\n\\u00e9\",",
                                         "{\"a\":[1]},"};
    enum { N = 200000 };
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        const size_t size = strlen(pieces[i]);
        char *const text = malloc(N * size + 2);
        assert_non_null(text);
        text[0] = '[';
        for (size_t k = 0; k < N; k++) {
            memcpy(text + 1 + k * size, pieces[i], size);
        }
        text[N * size] = ']'; /* for the last comma */
        json_t *value;
        assert_int_equal(bnt_json_parse(&value, text, N * size + 1, NULL), BANTAM_OK);
        assert_int_equal(json_array_size(value), N);
        json_decref(value);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers_of_64_bits_are_exact),
        cmocka_unit_test(other_numbers_are_reals),
        cmocka_unit_test(the_locale_of_the_host_changes_nothing),
        cmocka_unit_test(strings_come_out_as_their_bytes),
        cmocka_unit_test(what_is_nearly_json_is_refused),
        cmocka_unit_test(an_allocation_that_fails_is_out_of_memory),
        cmocka_unit_test(a_list_that_is_left_out_can_be_read),
        cmocka_unit_test(lists_elsewhere_are_built),
        cmocka_unit_test(a_list_is_held_against_the_grammar),
        cmocka_unit_test(strings_end_where_their_quote_is),
        cmocka_unit_test(large_texts_are_read_in_one_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
