/* test_template_filters.c - filters and tests. */
#include "template_cases.h"

static void json_is_written_as_hugging_face_writes_it(void **state)
{
    static const template_case cases[] = {
        {"{{ d|tojson }}", "{\"a\": 1, \"b\": [1, 2], \"items\": 5, \"_x\": 7}"},
        {"{{ d|tojson(indent=2) }}",
         "{\n  \"a\": 1,\n  \"b\": [\n    1,\n    2\n  ],\n  \"items\": 5,\n  \"_x\": 7\n}"},
        {"{{ l|tojson(indent=1) }}", "[\n 3,\n 1,\n 2\n]"},
        {"{{ []|tojson(indent=2) }}", "[]"},
        {"{{ {}|tojson(indent=4) }}", "{}"},
        {"{{ {'b': 1, 'a': {'z': [1, {'q': none}]}}|tojson(sort_keys=true, indent=4) }}",
         "{\n    \"a\": {\n        \"z\": [\n            1,\n            {\n                "
         "\"q\": null\n            }\n        ]\n    },\n    \"b\": 1\n}"},
        {"{{ d|tojson(separators=(',', ':')) }}", "{\"a\":1,\"b\":[1,2],\"items\":5,\"_x\":7}"},
        {"{{ d|tojson(indent='\\t') }}",
         "{\n\t\"a\": 1,\n\t\"b\": [\n\t\t1,\n\t\t2\n\t],\n\t\"items\": 5,\n\t\"_x\": 7\n}"},
        {"{{ [1.0, 1e100, none, true]|tojson }}", "[1.0, 1e+100, null, true]"},
        {"{{ html|tojson }}", "\"<a href=\\\"x\\\">'&'</a>\""},
        {"{{ 'x\"y\\\\\\n\\t\\x01\\x7f/'|tojson }}", "\"x\\\"y\\\\\\n\\t\\u0001\177/\""},
        {"{{ '\303\251\360\237\230\200'|tojson }}", "\"\303\251\360\237\230\200\""},
        {"{{ '\303\251\360\237\230\200'|tojson(ensure_ascii=true) }}",
         "\"\\u00e9\\ud83d\\ude00\""},
        {"{{ '\303\251'|tojson(true) }}", "\"\\u00e9\""},
        {"{{ {1: 2, none: 1, true: 0, 2.5: 3}|tojson }}",
         "{\"1\": 0, \"null\": 1, \"2.5\": 3}"},
        {"{{ (1, 2)|tojson }}", "[1, 2]"},
        {"{{ u|tojson }}", "\"\303\274n\303\257 \346\227\245\346\234\254 \303\237\""},
        {"{{ 'inf'|float|tojson }}", "Infinity"},
        {"{{ rows|tojson }}",
         "[{\"n\": \"x\", \"v\": 2}, {\"n\": \"Y\", \"v\": 1}, {\"n\": \"a\"}]"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void text_filters_take_any_value(void **state)
{
    static const template_case cases[] = {
        {"{{ s|upper }}", "HELLO WORLD"},
        {"{{ s|lower }}", "hello world"},
        {"{{ 5|upper }}", "5"},
        {"{{ none|upper }}", "NONE"},
        {"{{ u|upper }}", "\303\234N\303\217 \346\227\245\346\234\254 SS"},
        {"{{ 'hELLO wORLD foo-bar (baz) [x]'|title }}", "Hello World Foo-Bar (Baz) [X]"},
        {"{{ 'hELLO'|capitalize }}", "Hello"},
        {"{{ '  a '|trim }}", "a"},
        {"{{ 'xxaxx'|trim('x') }}", "a"},
        {"{{ 5|trim }}", "5"},
        {"{{ s|replace('o', '0') }}", "Hell0 W0rld"},
        {"{{ s|replace('o', '0', 1) }}", "Hell0 World"},
        {"{{ 5|replace(5, 6) }}", "6"},
        {"{{ 5|string }}", "5"},
        {"{{ none|string }}", "None"},
        {"{{ l|string }}", "[3, 1, 2]"},
        {"{{ 'a'|list }}", "['a']"},
        {"{{ '\346\227\245\346\234\254'|list }}", "['\346\227\245', '\346\234\254']"},
        {"{{ d|list }}", "['a', 'b', 'items', '_x']"},
        {"{{ html|escape }}", "&lt;a href=&#34;x&#34;&gt;&#39;&amp;&#39;&lt;/a&gt;"},
        {"{{ html|e }}", "&lt;a href=&#34;x&#34;&gt;&#39;&amp;&#39;&lt;/a&gt;"},
        {"{{ html|safe }}", "<a href=\"x\">'&'</a>"},
        {"{{ d|tojson|safe + '<' }}", "{\"a\": 1, \"b\": [1, 2], \"items\": 5, \"_x\": 7}<"},
        {"{{ 'foo bar baz qux'|truncate(9) }}", "foo..."},
        {"{{ 'foo bar baz qux'|truncate(9, true) }}", "foo ba..."},
        {"{{ 'foo bar baz qux'|truncate(11) }}", "foo bar baz qux"},
        {"{{ 'foo bar baz qux'|truncate(11, false, '...', 0) }}", "foo bar..."},
        {"{{ 'foobarbazqux'|truncate(5, leeway=0) }}", "fo..."},
        {"{{ 'a b  c_d \303\251-f'|wordcount }}", "5"},
        {"{{ 'abc'|center(9) }}", "   abc   "},
        {"{{ 'a b/c?d=\303\251&'|urlencode }}", "a%20b/c%3Fd%3D%C3%A9%26"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void indent_is_that_of_jinja(void **state)
{
    static const template_case cases[] = {
        {"{{ 'a\\nb\\n\\nc'|indent }}", "a\n    b\n\n    c"},
        {"{{ 'a\\nb'|indent(2, true) }}", "  a\n  b"},
        {"{{ 'a\\n\\nb'|indent(2, blank=true) }}", "a\n  \n  b"},
        {"{{ 'a\\nb\\n'|indent(2) }}", "a\n  b\n"},
        {"{{ ''|indent(2, true) }}", "  "},
        {"{{ 'a\\nb'|indent('> ') }}", "a\n> b"},
        {"{{ 'a\\nb'|indent(width=3, first=true) }}", "   a\n   b"},
        {"{{ 'a\\n'|indent(2, false, true) }}", "a\n  "},
        {"{{ 'a\\r\\nb'|indent(1) }}", "a\n b"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void numbers_are_read_and_rounded(void **state)
{
    static const template_case cases[] = {
        {"{{ '5'|int }}", "5"},
        {"{{ '5.7'|int }}", "5"},
        {"{{ 'abc'|int }}", "0"},
        {"{{ 'abc'|int(9) }}", "9"},
        {"{{ '0x1f'|int(base=16) }}", "31"},
        {"{{ '1f'|int(base=16) }}", "31"},
        {"{{ 5.9|int }}", "5"},
        {"{{ -5.9|int }}", "-5"},
        {"{{ yes|int }}", "1"},
        {"{{ none|int }}", "0"},
        {"{{ ' 42 '|int }}", "42"},
        {"{{ '1_000'|int }}", "1000"},
        {"{{ '1e3'|int }}", "1000"},
        {"{{ l|int }}", "0"},
        {"{{ '5.5'|float }}", "5.5"},
        {"{{ 'abc'|float }}", "0.0"},
        {"{{ 'abc'|float(1.5) }}", "1.5"},
        {"{{ 3|float }}", "3.0"},
        {"{{ 'inf'|float }}", "inf"},
        {"{{ ' 1.5e3 '|float }}", "1500.0"},
        {"{{ '-Infinity'|float }}", "-inf"},
        {"{{ 5|abs }}", "5"},
        {"{{ -5.5|abs }}", "5.5"},
        {"{{ 2.5|round }}", "2.0"},
        {"{{ 3.5|round }}", "4.0"},
        {"{{ 2.675|round(2) }}", "2.67"},
        {"{{ 42.55|round(1, 'floor') }}", "42.5"},
        {"{{ 42.55|round(0, 'ceil') }}", "43.0"},
        {"{{ 5|round }}", "5"},
        {"{{ 1.005|round(2) }}", "1.0"},
        {"{{ -2.5|round }}", "-2.0"},
        {"{{ 1e20|round }}", "1e+20"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void sequences_are_sorted_stably(void **state)
{
    static const template_case cases[] = {
        {"{{ l|sort }}", "[1, 2, 3]"},
        {"{{ l|sort(reverse=true) }}", "[3, 2, 1]"},
        {"{{ ls|sort }}", "['A', 'b', 'c']"},
        {"{{ ls|sort(case_sensitive=true) }}", "['A', 'b', 'c']"},
        {"{{ rows|sort(attribute='n')|map(attribute='n')|join(',') }}", "a,x,Y"},
        {"{{ rows[:2]|sort(attribute='v') }}", "[{'n': 'Y', 'v': 1}, {'n': 'x', 'v': 2}]"},
        {"{{ ['b', 'B', 'a', 'A']|sort }}", "['a', 'A', 'b', 'B']"},
        {"{{ ['b', 'B', 'a', 'A']|sort(reverse=true) }}", "['b', 'B', 'a', 'A']"},
        {"{{ [[2, 1], [1, 2]]|sort }}", "[[1, 2], [2, 1]]"},
        {"{{ d|dictsort }}", "[('_x', 7), ('a', 1), ('b', [1, 2]), ('items', 5)]"},
        {"{{ {'b': 1, 'A': 3, 'c': 2}|dictsort }}", "[('A', 3), ('b', 1), ('c', 2)]"},
        {"{{ {'b': 1, 'A': 3}|dictsort(true) }}", "[('A', 3), ('b', 1)]"},
        {"{{ {'b': 1, 'A': 3}|dictsort(by='value') }}", "[('b', 1), ('A', 3)]"},
        {"{{ {'b': 1, 'A': 3}|dictsort(reverse=true) }}", "[('b', 1), ('A', 3)]"},
        {"{{ range(20)|sort(reverse=true)|join(' ') }}",
         "19 18 17 16 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1 0"},
        {"{{ rows|groupby('n')|list }}",
         "[('a', [{'n': 'a'}]), ('x', [{'n': 'x', 'v': 2}]), ('Y', [{'n': 'Y', 'v': 1}])]"},
        {"{{ rows|groupby('v', default=2)|map('first')|list }}", "[1, 2]"},
        {"{{ [1, 2, 1, 'a', 'A']|unique|list }}", "[1, 2, 'a']"},
        {"{{ [1, 2, 1, 'a', 'A']|unique(true)|list }}", "[1, 2, 'a', 'A']"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void sequences_are_summed_up(void **state)
{
    static const template_case cases[] = {
        {"{{ l|sum }}", "6"},
        {"{{ l|sum(start=10) }}", "16"},
        {"{{ rows[:2]|sum(attribute='v') }}", "3"},
        {"{{ l|min }}", "1"},
        {"{{ l|max }}", "3"},
        {"{{ ls|min }}", "A"},
        {"{{ ls|max(case_sensitive=true) }}", "c"},
        {"{{ []|min }}", ""},
        {"{{ rows[:2]|max(attribute='v') }}", "{'n': 'x', 'v': 2}"},
        {"{{ l|first }}", "3"},
        {"{{ l|last }}", "2"},
        {"{{ []|first }}", ""},
        {"{{ s|first }}", "H"},
        {"{{ u|last }}", "\303\237"},
        {"{{ d|first }}", "a"},
        {"{{ l|length }}", "3"},
        {"{{ s|length }}", "11"},
        {"{{ u|count }}", "8"},
        {"{{ d|length }}", "4"},
        {"{{ range(7)|length }}", "7"},
        {"{{ l|join }}", "312"},
        {"{{ l|join(',') }}", "3,1,2"},
        {"{{ l|join(d='-') }}", "3-1-2"},
        {"{{ rows|join(',', attribute='n') }}", "x,Y,a"},
        {"{{ [none, 1, 'a', nope]|join('|') }}", "None|1|a|"},
        {"{{ 'abc'|join(',') }}", "a,b,c"},
        {"{{ l|reverse|list }}", "[2, 1, 3]"},
        {"{{ u|reverse }}", "\303\237 \346\234\254\346\227\245 \303\257n\303\274"},
        {"{{ l|list }}", "[3, 1, 2]"},
        {"{{ l|batch(2)|list }}", "[[3, 1], [2]]"},
        {"{{ l|batch(2, 0)|list }}", "[[3, 1], [2, 0]]"},
        {"{{ l|slice(2)|list }}", "[[3, 1], [2]]"},
        {"{{ range(7)|slice(3)|list }}", "[[0, 1, 2], [3, 4], [5, 6]]"},
        {"{{ range(7)|slice(3, 'x')|list }}", "[[0, 1, 2], [3, 4, 'x'], [5, 6, 'x']]"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void map_applies_a_filter_or_takes_an_attribute(void **state)
{
    static const template_case cases[] = {
        {"{{ l|map('string')|list }}", "['3', '1', '2']"},
        {"{{ ls|map('upper')|join }}", "BAC"},
        {"{{ ls|map('replace', 'A', 'Z')|list }}", "['b', 'Z', 'c']"},
        {"{{ rows|map(attribute='n')|list }}", "['x', 'Y', 'a']"},
        {"{{ rows|map(attribute='v', default=0)|list }}", "[2, 1, 0]"},
        {"{{ [nest]|map(attribute='a.b.c')|list }}", "[[10, 20]]"},
        {"{{ [[1, 2], [3, 4]]|map(attribute=1)|list }}", "[2, 4]"},
        {"{{ [[1, 2], [3, 4]]|map(attribute='0')|list }}", "[1, 3]"},
        {"{{ [[1, 2], [3]]|map('map', 'string')|map('list')|list }}", "[['1', '2'], ['3']]"},
        {"{{ nothing|map('upper')|list }}", "[]"},
        {"{{ nope|map('upper')|list }}", "[]"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void select_and_reject_choose_by_a_test(void **state)
{
    static const template_case cases[] = {
        {"{{ l|select('odd')|list }}", "[3, 1]"},
        {"{{ l|reject('odd')|list }}", "[2]"},
        {"{{ l|select('gt', 1)|list }}", "[3, 2]"},
        {"{{ [0, 1, '', none]|select|list }}", "[1]"},
        {"{{ [0, 1, '']|reject|list }}", "[0, '']"},
        {"{{ l|select('in', [1, 9])|list }}", "[1]"},
        {"{{ rows|selectattr('v')|list }}", "[{'n': 'x', 'v': 2}, {'n': 'Y', 'v': 1}]"},
        {"{{ rows|selectattr('v', 'defined')|list }}",
         "[{'n': 'x', 'v': 2}, {'n': 'Y', 'v': 1}]"},
        {"{{ rows|selectattr('v', 'equalto', 2)|list }}", "[{'n': 'x', 'v': 2}]"},
        {"{{ rows|rejectattr('v', '==', 2)|list }}", "[{'n': 'Y', 'v': 1}, {'n': 'a'}]"},
        {"{{ rows|selectattr('n', 'in', ['x', 'a'])|map(attribute='n')|list }}", "['x', 'a']"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void a_generator_is_true_and_is_read_once(void **state)
{
    static const template_case cases[] = {
        {"{{ 'y' if l|select('gt', 100) else 'n' }}", "y"},
        {"{{ 'y' if l|select('gt', 100)|list else 'n' }}", "n"},
        {"{{ l|map('string') is iterable }}", "True"},
        {"{{ l|map('string') is sequence }}", "False"},
        {"{{ l|map('string')|first }}", "3"},
        {"{{ (l|map('string'))[0] }}", ""},
        {"{{ l|reverse|first }}", "2"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void defaults_stand_in_for_what_is_missing(void **state)
{
    static const template_case cases[] = {
        {"{{ nope|default('z') }}", "z"},        {"{{ nope|d('z') }}", "z"},
        {"{{ none|default('z') }}", "None"},     {"{{ none|default('z', true) }}", "z"},
        {"{{ ''|default('z', true) }}", "z"},    {"{{ 0|default(5, boolean=true) }}", "5"},
        {"{{ s|default('z') }}", "Hello World"}, {"{{ nope|default }}", ""},
        {"{{ d.zz|default(1) }}", "1"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void tests_tell_the_kinds_of_values_apart(void **state)
{
    static const template_case cases[] = {
        {"{{ [s is defined, n is defined, f is defined, yes is defined, nothing is defined, l "
         "is defined, d is defined, nope is defined] }}",
         "[True, True, True, True, True, True, True, False]"},
        {"{{ [s is undefined, n is undefined, f is undefined, yes is undefined, nothing is "
         "undefined, l is undefined, d is undefined, nope is undefined] }}",
         "[False, False, False, False, False, False, False, True]"},
        {"{{ [s is none, n is none, f is none, yes is none, nothing is none, l is none, d is "
         "none, nope is none] }}",
         "[False, False, False, False, True, False, False, False]"},
        {"{{ [s is string, n is string, f is string, yes is string, nothing is string, l is "
         "string, d is string, nope is string] }}",
         "[True, False, False, False, False, False, False, False]"},
        {"{{ [s is number, n is number, f is number, yes is number, nothing is number, l is "
         "number, d is number, nope is number] }}",
         "[False, True, True, True, False, False, False, False]"},
        {"{{ [s is integer, n is integer, f is integer, yes is integer, nothing is integer, l "
         "is integer, d is integer, nope is integer] }}",
         "[False, True, False, False, False, False, False, False]"},
        {"{{ [s is float, n is float, f is float, yes is float, nothing is float, l is float, "
         "d is float, nope is float] }}",
         "[False, False, True, False, False, False, False, False]"},
        {"{{ [s is boolean, n is boolean, f is boolean, yes is boolean, nothing is boolean, l "
         "is boolean, d is boolean, nope is boolean] }}",
         "[False, False, False, True, False, False, False, False]"},
        {"{{ [s is mapping, n is mapping, f is mapping, yes is mapping, nothing is mapping, l "
         "is mapping, d is mapping, nope is mapping] }}",
         "[False, False, False, False, False, False, True, False]"},
        {"{{ [s is sequence, n is sequence, f is sequence, yes is sequence, nothing is "
         "sequence, l is sequence, d is sequence, nope is sequence] }}",
         "[True, False, False, False, False, True, True, True]"},
        {"{{ [s is iterable, n is iterable, f is iterable, yes is iterable, nothing is "
         "iterable, l is iterable, d is iterable, nope is iterable] }}",
         "[True, False, False, False, False, True, True, True]"},
        {"{{ [s is callable, n is callable, f is callable, yes is callable, nothing is "
         "callable, l is callable, d is callable, nope is callable] }}",
         "[False, False, False, False, False, False, False, True]"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void tests_compare_and_count(void **state)
{
    static const template_case cases[] = {
        {"{{ n is odd }}", "True"},
        {"{{ n is even }}", "False"},
        {"{{ n is divisibleby 3 }}", "True"},
        {"{{ n is divisibleby(2) }}", "False"},
        {"{{ n is eq 3 }}", "True"},
        {"{{ n is equalto(3) }}", "True"},
        {"{{ n is ne 3 }}", "False"},
        {"{{ n is lt 4 }}", "True"},
        {"{{ n is ge 3 }}", "True"},
        {"{{ n is greaterthan 2 }}", "True"},
        {"{{ n is in [1, 3] }}", "True"},
        {"{{ n is not in [1] }}", "True"},
        {"{{ n is not none }}", "True"},
        {"{{ not n is none }}", "True"},
        {"{{ 'ABC' is upper }}", "True"},
        {"{{ 'abc' is lower }}", "True"},
        {"{{ n is sameas 3 }}", "True"},
        {"{{ none is sameas none }}", "True"},
        {"{{ [1] is sameas [1] }}", "False"},
        {"{{ true is true }}", "True"},
        {"{{ 1 is true }}", "False"},
        {"{{ false is false }}", "True"},
        {"{{ s is escaped }}", "False"},
        {"{{ 'upper' is filter }}", "True"},
        {"{{ 'nope' is filter }}", "False"},
        {"{{ 'odd' is test }}", "True"},
        {"{{ n is divisibleby 3 and yes }}", "True"},
        {"{{ range is callable }}", "True"},
        {"{{ nope is not defined and n is defined }}", "True"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void filters_refuse_what_they_cannot_take(void **state)
{
    static const template_case cases[] = {
        {"{{ 5|length }}", "object of type 'int' has no length"},
        {"{{ none|length }}", "'NoneType' has no length"},
        {"{{ l|select('odd')|length }}", "'generator' has no length"},
        {"{{ l|map('string')|last }}", "not reversible"},
        {"{{ nope|tojson }}", "Undefined is not JSON serializable"},
        {"{{ d.items()|tojson }}", "not JSON serializable"},
        {"{{ {(1, 2): 3}|tojson }}", "keys of JSON must be strings or numbers, found 'tuple'"},
        {"{{ rows|map(attribute='v')|sum }}", "has no attribute 'v'"},
        {"{{ nope|int }}", "'nope' is undefined"},
        {"{{ 'a'|abs }}", "bad operand type"},
        {"{{ 'foo bar'|truncate(2) }}", "truncate"},
        {"{{ [1, 'a']|sort }}", "'<' not supported"},
        {"{{ 5|join }}", "'int' object is not iterable"},
        {"{{ 5|indent }}", "must be a string, found 'int'"},
        {"{{ 5|items }}", "needs a mapping, found 'int'"},
        {"{{ l|map }}", "map needs the name"},
        {"{{ [[1]]|unique|list }}", "unhashable type"},
        {"{{ '%s'|format(1, 2) }}", "not all arguments"},
        {"{{ l|tojson(separators=(',',)) }}", "separators must be 2 strings, found 1"},
        {"{{ s|upper(1) }}", "upper takes at most 0 arguments"},
        {"{{ l|batch(0)|list }}", "must be positive"},
        {"{{ 'a' is odd }}", "not all arguments"},
    };
    (void)state;
    CHECK_FAILURES(cases, BANTAM_ERR_INVALID);
}

static void unknown_names_of_filters_and_tests_are_refused(void **state)
{
    static const template_case cases[] = {
        {"a\nb\n{{ 1|foo }}", "line 3: unknown filter 'foo'"},
        {"{{ l|map('foo')|list }}", "unknown filter 'foo'"},
        {"{{ l|select('foo')|list }}", "unknown test 'foo'"},
        {"{% if false %}{{ 1|foo }}{% endif %}", "unknown filter 'foo'"},
        {"{{ l|random }}", "unknown filter 'random'"},
        {"{{ l is foo(1) }}", "unknown test 'foo'"},
        {"{{ rows|sort(attribute='n,v') }}", "several attributes"},
    };
    (void)state;
    CHECK_FAILURES(cases, BANTAM_ERR_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_written_as_hugging_face_writes_it),
        cmocka_unit_test(text_filters_take_any_value),
        cmocka_unit_test(indent_is_that_of_jinja),
        cmocka_unit_test(numbers_are_read_and_rounded),
        cmocka_unit_test(sequences_are_sorted_stably),
        cmocka_unit_test(sequences_are_summed_up),
        cmocka_unit_test(map_applies_a_filter_or_takes_an_attribute),
        cmocka_unit_test(select_and_reject_choose_by_a_test),
        cmocka_unit_test(a_generator_is_true_and_is_read_once),
        cmocka_unit_test(defaults_stand_in_for_what_is_missing),
        cmocka_unit_test(tests_tell_the_kinds_of_values_apart),
        cmocka_unit_test(tests_compare_and_count),
        cmocka_unit_test(filters_refuse_what_they_cannot_take),
        cmocka_unit_test(unknown_names_of_filters_and_tests_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
