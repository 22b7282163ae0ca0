/* test_hostile_template.c - templates that want too much, nest too deep, are cut, or are no
 * templates at all: each is one clear error, soon, in little memory and little stack.
 */
#include "cpu_time.h"
#include "template_cases.h"

#include "base/limits.h"
#include "base/mem.h"

#include <pthread.h>

/* Sanitizers widen stack frames. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                     \
    __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* Renders, and checks that it did not take long and gave back what it took. */
static bantam_status try_bytes(const char *source, size_t size, char *message)
{
    const double start = cpu_seconds();
    const int64_t live = bnt_mem_live();
    bantam_error err = {0};
    bnt_buf out;
    json_t *const variables = case_json(case_variables);

    bnt_buf_init(&out, 64 << 20);
    const bantam_status status = case_render(source, size, variables, NULL, &out, &err);
    bnt_buf_deinit(&out);
    json_decref(variables);
    assert_true(cpu_spent_at_most(2.0, start)); /* the slowest takes a tenth of a second */
    assert_int_equal(bnt_mem_live(), live);
    memcpy(message, err.message, sizeof err.message);
    return status;
}

/* before, then `part` n times, then `middle`, then `after` n times, then `end`. */
static bantam_status try_repeated(const char *before, const char *part, const char *middle,
                                  const char *after, const char *end, size_t n, char *message)
{
    const size_t size =
        strlen(before) + n * (strlen(part) + strlen(after)) + strlen(middle) + strlen(end);
    char *const source = malloc(size + 1);
    char *p = source;

    assert_non_null(source);
    p += sprintf(p, "%s", before);
    for (size_t i = 0; i < n; i++) {
        p += sprintf(p, "%s", part);
    }
    p += sprintf(p, "%s", middle);
    for (size_t i = 0; i < n; i++) {
        p += sprintf(p, "%s", after);
    }
    p += sprintf(p, "%s", end);
    const bantam_status status = try_bytes(source, size, message);
    free(source);
    return status;
}

static void check(const char *source, bantam_status wanted, const char *part)
{
    char message[sizeof((bantam_error *)0)->message];
    const bantam_status status = try_bytes(source, strlen(source), message);

    if (status != wanted || !strstr(message, part)) {
        fail_msg("%.200s\n  expected %d %s\n  found    %d %s", source, wanted, part, status,
                 message);
    }
}

#define FULL BANTAM_ERR_FULL

static void endless_work_reaches_the_step_limit(void **state)
{
    (void)state;
    check("{% for i in range(1000000000) %}{% for j in range(1000000000) %}{% endfor %}{% "
          "endfor %}",
          FULL, "range of more than 100000");
    check("{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}",
          FULL, "more than 1000000 steps");
    check("{{ ('a' * 4000000).find('a' * 2000000 ~ 'b') }}", FULL, "steps");
    check(
        "{% set s = 'a' * 4000000 %}{% for i in range(100000) %}{{ s.find('b') }}{% endfor %}",
        FULL, "steps");
    check("{% for i in range(100000) %}{% set _ = d.update({i: i}) %}{% endfor %}", FULL,
          "steps");
    check("{{ range(100000)|unique|list|length }}", FULL, "steps");
    check("{% set l = range(90000)|list %}{% for i in l %}{{ -1 in l }}{% endfor %}", FULL,
          "steps");
    check("{{ ('a' * 1000000).strip('b' * 1000000 ~ 'a') }}", FULL, "steps");
    check("{{ ('\xC3\xA9' * 2000000)|upper }}", FULL, "steps");
}

static void endless_values_reach_the_byte_limit(void **state)
{
    (void)state;
    check("{% set ns = namespace(s='A') %}{% for i in range(40) %}{% set ns.s = ns.s + ns.s %}"
          "{% endfor %}{{ ns.s }}",
          FULL, "need more than 16777216 bytes");
    check("{% set ns = namespace(s=[1]) %}{% for i in range(40) %}{% set ns.s = ns.s + ns.s %}"
          "{% endfor %}",
          FULL, "bytes");
    check("{{ 'A' * 10000000000 }}", FULL, "bytes");
    check("{{ 'A' * 10 ** 18 }}", FULL, "bytes");
    check("{{ [1] * 10 ** 18 }}", FULL, "bytes");
    check("{{ range(1000000000000) }}", FULL, "range of more than 100000");
    check("{{ 'a'.center(10 ** 12) }}", FULL, "bytes");
    check("{{ 'a'.zfill(10 ** 12) }}", FULL, "bytes");
    check("{{ 'a\nb'|indent(10 ** 12) }}", FULL, "bytes");
    check("{{ [1]|tojson(indent=10 ** 12) }}", FULL, "bytes");
    check("{{ [[[[1]]]]|tojson(indent=10 ** 6) }}", FULL, "bytes");
    check("{{ '%1000000000d' % 1 }}", FULL, "more than 65536 characters");
    check("{{ '{:1000000000}'.format(1) }}", FULL, "more than 65536 characters");
    check("{{ '%.1000000000f' % 1 }}", FULL, "more than 100 characters");
    check("{{ ('a' * 1000000)|replace('a', 'b' * 1000) }}", FULL, "bytes");
    check("{{ ('a ' * 2000000).split()|length }}", FULL, "bytes");
    check("{% for i in range(100000) %}{{ 'x' * 1000 }}{% endfor %}", FULL, "bytes");
    check("{% set x %}{% for i in range(100000) %}{{ s * 1000 }}{% endfor %}{% endset %}", FULL,
          "bytes");
    check("{{ ([('x' * 100000)] * 100000)|join }}", FULL, "bytes");
    check("{{ [1]|batch(10 ** 12, 0)|list }}", FULL, "bytes");
}

static void values_that_nest_too_deep_are_not_walked(void **state)
{
    static const char nest[] = "{% set ns = namespace(x=1, y=1) %}{% for i in range(1000) %}"
                               "{% set ns.x = [ns.x] %}{% set ns.y = [ns.y] %}{% endfor %}";
    static const char *const uses[] = {"{{ ns.x }}", "{{ ns.x|tojson }}", "{{ ns.x == ns.y }}",
                                       "{{ ns.x < ns.y }}", "{{ [ns.x]|map('string')|list }}"};
    char source[512];

    (void)state;
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++) {
        snprintf(source, sizeof source, "%s%s", nest, uses[i]);
        check(source, FULL, "nested deeper than 100");
    }
    check("{% set l = [1] %}{% set _ = l.append(l) %}{{ l }}", FULL, "nested deeper than 100");
    check("{% set l = [1] %}{% set _ = l.append(l) %}{{ l|tojson }}", FULL, "nested deeper");
    /* Two to the power of forty members, all of them the same few. */
    check("{% set ns = namespace(x=[1]) %}{% for i in range(40) %}{% set ns.x = [ns.x, ns.x] %}"
          "{% endfor %}{{ ns.x }}",
          FULL, "");
    check("{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(40) %}"
          "{% set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, ns.y] %}{% endfor %}"
          "{{ ns.x == ns.y }}",
          FULL, "steps");
}

static void macros_that_call_themselves_are_stopped(void **state)
{
    (void)state;
    check("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", FULL, "deeper than 64");
    check(
        "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
        FULL, "deeper than 64");
    check("{% macro m() %}{% call m() %}{{ caller() }}{% endcall %}{% endmacro %}{{ m() }}",
          FULL, "deeper than 64");
    check("{% macro m() %}{{ caller() }}{% call m() %}{{ m() }}{% endcall %}{% endmacro %}"
          "{% call m() %}{{ m() }}{% endcall %}",
          BANTAM_ERR_INVALID, "'caller' is undefined");
    check("{% macro m(n) %}{% set x %}{% filter upper %}{{ m(n + 1) if n < 63 }}{% endfilter %}"
          "{% endset %}{{ x }}.{% endmacro %}{{ m(0) }}",
          BANTAM_OK, "");
}

static void source_that_nests_too_deep_is_refused(void **state)
{
    static const struct {
        const char *before, *part, *middle, *after, *end;
        size_t n;
        const char *expected;
    } cases[] = {
        {"{{ ", "(", "1", ")", " }}", 100000, "nested deeper than 80"},
        {"{{ ", "(", "", "", "", 1000000, "nested deeper than 80"},
        {"{{ ", "[", "1", "]", " }}", 100000, "nested deeper than 80"},
        {"{{ ", "{1:", "1", "}", " }}", 100000, "nested deeper than 80"},
        {"{{ ", "f(", "1", ")", " }}", 100000, "nested deeper than 80"},
        {"{{ ", "a[", "1", "]", " }}", 100000, "nested deeper than 80"},
        {"{{ ", "1 if 1 else ", "1", "", " }}", 50000, "nested deeper than 80"},
        {"{{ ", "not ", "1", "", " }}", 100000, "more than 80 times not"},
        {"{{ ", "-", "1", "", " }}", 100000, "more than 16 signs"},
        {"", "{% if true %}", "x", "{% endif %}", "", 20000, "nested deeper than 80"},
        {"", "{% for i in [1] %}", "x", "{% endfor %}", "", 20000, "nested deeper than 80"},
        {"", "{% set a %}", "x", "{% endset %}", "", 20000, "nested deeper than 80"},
        {"", "{% macro m() %}", "x", "{% endmacro %}", "", 20000, "nested deeper than 80"},
        {"{% set ", "(", "a", ")", " = 1 %}", 100000, "nested deeper than 80"},
        {"{% for ", "(", "a", ")", " in l %}{% endfor %}", 100000, "nested deeper than 80"},
    };
    char message[sizeof((bantam_error *)0)->message];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const bantam_status status =
            try_repeated(cases[i].before, cases[i].part, cases[i].middle, cases[i].after,
                         cases[i].end, cases[i].n, message);
        if (status != BANTAM_ERR_UNSUPPORTED || !strstr(message, cases[i].expected)) {
            fail_msg("%s: %d %s", cases[i].part, status, message);
        }
    }
}

static void long_chains_are_no_depth(void **state)
{
    static const struct {
        const char *before, *part, *end;
        size_t n;
    } cases[] = {
        {"{{ 1", "+1", " }}", 100000},
        {"{{ 'a'", "~'b'", " }}", 20000},
        {"{{ 1", " and 1", " }}", 100000},
        {"{{ 0", " or 0", " }}", 100000},
        {"{{ 1", " < 2", " }}", 100000},
        {"{{ 'a'", "|upper", " }}", 50000},
        {"{% if false %}", "{% elif false %}", "{% endif %}", 50000},
        {"", "{{1}}", "", 200000},
        {"{{ [", "1,", "]|length }}", 100000},
        {"{# ", "{#", "#}", 100000},
    };
    char message[sizeof((bantam_error *)0)->message];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const bantam_status status = try_repeated(cases[i].before, cases[i].part, cases[i].end,
                                                  "", "", cases[i].n, message);
        if (status) fail_msg("%s: %s", cases[i].part, message);
    }
}

/* The deepest source that is accepted, of the most costly kinds. */
static void *parse_the_deepest(void *unused)
{
    static const char *const parts[][2] = {{"[", "]"}, {"f(", ")"}, {"(", ")"}, {"{1:", "}"}};
    char source[2048];

    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
        size_t accepted = 0;
        for (size_t n = 1; n <= 80; n++) {
            char *p = source + sprintf(source, "{{ ");
            for (size_t i = 0; i < n; i++) {
                p += sprintf(p, "%s", parts[k][0]);
            }
            p += sprintf(p, "1");
            for (size_t i = 0; i < n; i++) {
                p += sprintf(p, "%s", parts[k][1]);
            }
            p += sprintf(p, " }}");
            bnt_template *t = NULL;
            if (!bnt_template_parse(&t, source, (size_t)(p - source), NULL)) accepted = n;
            bnt_template_close(t);
        }
        assert_true(accepted >= 35);
    }
    return unused;
}

static void the_deepest_source_needs_little_stack(void **state)
{
    pthread_attr_t attributes;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstacksize(&attributes, SANITIZED ? 1 << 20 : 128 << 10),
                     0);
    assert_int_equal(pthread_create(&thread, &attributes, parse_the_deepest, NULL), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
}

static void numbers_that_do_not_fit_are_errors(void **state)
{
    (void)state;
    check("{{ 1 // 0 }}", BANTAM_ERR_INVALID, "division by zero");
    check("{{ 9223372036854775807 + 1 }}", BANTAM_ERR_INVALID, "64 bits");
    check("{{ 9223372036854775808 }}", BANTAM_ERR_UNSUPPORTED, "64 bits");
    check("{{ 2 ** 10 ** 10 }}", BANTAM_ERR_INVALID, "64 bits");
    check("{{ (-9223372036854775807 - 1) // -1 }}", BANTAM_ERR_INVALID, "64 bits");
    check("{{ (-9223372036854775807 - 1) % -1 }}", BANTAM_OK, "");
    check("{{ l[9223372036854775807] }}{{ l[-9223372036854775807 - 1] }}", BANTAM_OK, "");
    check("{{ s[-9223372036854775807 - 1:9223372036854775807:9223372036854775807] }}",
          BANTAM_OK, "");
    check("{{ range(-9223372036854775807, 9223372036854775807, 9223372036854775807)|list }}",
          BANTAM_OK, "");
    check("{{ range(9223372036854775806, 9223372036854775807, 9223372036854775807)[::-1] }}",
          BANTAM_OK, "");
    check("{{ range(5)[-9223372036854775807:] }}", BANTAM_OK, "");
    check("{{ 1.5|round(10 ** 12) }}", BANTAM_ERR_UNSUPPORTED, "precision");
    check("{{ 'a'|truncate(-9223372036854775807 - 1) }}", BANTAM_ERR_INVALID, "truncate");
    check("{{ 'a'|truncate(9223372036854775807, leeway=9223372036854775807) }}", BANTAM_OK, "");
    check("{{ 'abc'.split('b', -9223372036854775807 - 1) }}", BANTAM_OK, "");
    check("{{ l.insert(-9223372036854775807 - 1, 0) }}{{ l.pop(3) }}", BANTAM_OK, "");
}

static void bytes_that_are_no_template_are_refused(void **state)
{
    static const char latin[] = "{{ '\xFF\xFE' }}", nul_in_tag[] = "{{ \0 }}";
    static const char nul_in_text[] = "a\0b{{ 1 }}\0", wide[] = "\xFF\xFE{\0{\0";
    char message[sizeof((bantam_error *)0)->message];
    char *const large = calloc(1, 8 << 20);

    (void)state;
    assert_non_null(large);
    assert_int_equal(try_bytes("", 0, message), BANTAM_OK);
    assert_int_equal(try_bytes(latin, sizeof latin - 1, message), BANTAM_ERR_FORMAT);
    assert_string_equal(message, "line 1: not UTF-8");
    assert_int_equal(try_bytes(wide, sizeof wide - 1, message), BANTAM_ERR_FORMAT);
    assert_int_equal(try_bytes(nul_in_tag, sizeof nul_in_tag - 1, message), BANTAM_ERR_FORMAT);
    assert_int_equal(try_bytes(nul_in_text, sizeof nul_in_text - 1, message), BANTAM_OK);
    assert_int_equal(try_bytes(large, 8 << 20, message), BANTAM_ERR_FORMAT);
    assert_non_null(strstr(message, "longer than 1048576 bytes, found 8388608"));
    assert_int_equal(try_bytes(large, BNT_MAX_TEMPLATE_BYTES, message), BANTAM_OK);
    free(large);
    check("[1, 2]", BANTAM_OK, "");
    check("\n\n{{ \xE2\x82\xAC\xED\xA0\x80 }}", BANTAM_ERR_FORMAT, "line 3: not UTF-8");
}

static void a_template_cut_anywhere_is_refused_or_renders(void **state)
{
    static const char source[] =
        "{%- macro m(a, b='x\\n') -%}{{ a|upper ~ b }}{%- endmacro -%}{# c #}"
        "{% for k, v in d.items() if v is number %}{% set ns = namespace(x=[1, (2, 3.5e1)]) %}"
        "{% set ns.x = {'a': k[0:1:2]}['a'] %}{{ m(k, b=v) if loop.first else 'n' }}"
        "{% break %}{% else %}{% call(q) m(*[1]) %}{{ q }}{% endcall %}{% endfor %}"
        "{% filter replace('a', 'b') %}{% raw %}{{ x }}{% endraw %}{% endfilter %}\xE2\x82\xAC";
    char message[sizeof((bantam_error *)0)->message];

    (void)state;
    for (size_t cut = 0; cut < sizeof source; cut++) {
        /* A block of its own, so that a sanitizer sees a read past the end. */
        char *const copy = malloc(cut ? cut : 1);
        assert_non_null(copy);
        memcpy(copy, source, cut);
        const bantam_status status = try_bytes(copy, cut, message);
        assert_true(status == BANTAM_OK || status == BANTAM_ERR_FORMAT ||
                    status == BANTAM_ERR_UNSUPPORTED || status == BANTAM_ERR_INVALID);
        if (status) assert_non_null(strstr(message, "line 1: "));
        free(copy);
    }
    assert_int_equal(try_bytes(source, sizeof source - 1, message), BANTAM_OK);
}

static void too_many_arguments_are_refused(void **state)
{
    char message[sizeof((bantam_error *)0)->message];

    (void)state;
    assert_int_equal(try_repeated("{{ range(", "1,", "1", "", ") }}", 300, message),
                     BANTAM_ERR_UNSUPPORTED);
    assert_int_equal(
        try_repeated("{% macro m(", "a,", "a", "", ") %}{% endmacro %}", 300, message),
        BANTAM_ERR_UNSUPPORTED);
    assert_int_equal(try_repeated("{{ range(", "a=1,", "a=1", "", ") }}", 300, message),
                     BANTAM_ERR_UNSUPPORTED);
    assert_int_equal(
        try_repeated("{% with ", "a=1,", "a=1", "", " %}{% endwith %}", 300, message),
        BANTAM_ERR_UNSUPPORTED);
    check("{{ range(*range(1000)) }}", BANTAM_ERR_UNSUPPORTED, "more than 32 arguments");
    check("{{ range(*range(100000)) }}", BANTAM_ERR_UNSUPPORTED, "more than 32 arguments");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endless_work_reaches_the_step_limit),
        cmocka_unit_test(endless_values_reach_the_byte_limit),
        cmocka_unit_test(values_that_nest_too_deep_are_not_walked),
        cmocka_unit_test(macros_that_call_themselves_are_stopped),
        cmocka_unit_test(source_that_nests_too_deep_is_refused),
        cmocka_unit_test(long_chains_are_no_depth),
        cmocka_unit_test(the_deepest_source_needs_little_stack),
        cmocka_unit_test(numbers_that_do_not_fit_are_errors),
        cmocka_unit_test(bytes_that_are_no_template_are_refused),
        cmocka_unit_test(a_template_cut_anywhere_is_refused_or_renders),
        cmocka_unit_test(too_many_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
