/* test_template_values.c - expressions: literals, operators, members, and how values print. */
#include "template_cases.h"

static void literals_print_as_python_prints_them(void **state)
{
    static const template_case cases[] = {
        {"{{ 1 }}", "1"},
        {"{{ -5 }}", "-5"},
        {"{{ 1_000 }}", "1000"},
        {"{{ 0x1F }}", "31"},
        {"{{ 0b101 }}", "5"},
        {"{{ 0o17 }}", "15"},
        {"{{ 1.5 }}", "1.5"},
        {"{{ 1e3 }}", "1000.0"},
        {"{{ 1.5e-7 }}", "1.5e-07"},
        {"{{ 1e16 }}", "1e+16"},
        {"{{ 1e15 }}", "1000000000000000.0"},
        {"{{ 0.1 + 0.2 }}", "0.30000000000000004"},
        {"{{ 1 / 3 }}", "0.3333333333333333"},
        {"{{ 5e-324 }}", "5e-324"},
        {"{{ -0.0 }}", "-0.0"},
        {"{{ 123456789012345680.0 }}", "1.2345678901234568e+17"},
        {"{{ true }}", "True"},
        {"{{ True }}", "True"},
        {"{{ false }}", "False"},
        {"{{ none }}", "None"},
        {"{{ None }}", "None"},
        {"{{ 'a' \"b\" 'c' }}", "abc"},
        {"{{ [1, 'a', none, 1.5, true] }}", "[1, 'a', None, 1.5, True]"},
        {"{{ (1,) }}", "(1,)"},
        {"{{ (1, 2) }}", "(1, 2)"},
        {"{{ () }}", "()"},
        {"{{ [] }}", "[]"},
        {"{{ {} }}", "{}"},
        {"{{ {'a': 1, 'b': [1]} }}", "{'a': 1, 'b': [1]}"},
        {"{{ {1: 2, none: 3, 1.5: 2} }}", "{1: 2, None: 3, 1.5: 2}"},
        {"{{ {'a': 1, 'a': 2} }}", "{'a': 2}"},
        {"{{ [1, 2,] }}", "[1, 2]"},
        {"{{ 1, 2 }}", "(1, 2)"},
        {"{{ [[1, [2]], (3,)] }}", "[[1, [2]], (3,)]"},
        {"{{ [undefined_name] }}", "[Undefined]"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void strings_take_the_escapes_of_python(void **state)
{
    static const template_case cases[] = {
        {"{{ \"\\x41\\u00e9\\U0001F600\\101\\n\" }}", "A\303\251\360\237\230\200A\n"},
        {"{{ \"a\\qb\" }}", "a\\qb"},
        {"{{ 'it\\'s' }}", "it's"},
        {"{{ \"\\\\\" }}", "\\"},
        {"{{ \"tab\\there\" }}", "tab\there"},
        {"{{ \"a\\\nb\" }}", "ab"},
        {"{{ ['\\x00', '\\x7f', '\\n\\t\\r', '\\\\', '\\'', '\\\"', '\\'\\\"'] }}",
         "['\\x00', '\\x7f', '\\n\\t\\r', '\\\\', \"'\", '\"', '\\'\"']"},
        {"{{ ['\303\251', '\346\227\245', '\\u00a0', '\\u200b', '\360\237\230\200'] }}",
         "['\303\251', '\346\227\245', '\\xa0', '\\u200b', '\360\237\230\200']"},
        {"{{ '\\a\\b\\f\\v'|length }}", "4"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void whole_numbers_divide_toward_minus_infinity(void **state)
{
    static const template_case cases[] = {
        {"{{ 7 // 2 }}", "3"},
        {"{{ -7 // 2 }}", "-4"},
        {"{{ 7 // -2 }}", "-4"},
        {"{{ 7 % 3 }}", "1"},
        {"{{ -7 % 3 }}", "2"},
        {"{{ 7 % -3 }}", "-2"},
        {"{{ 7.0 // 2 }}", "3.0"},
        {"{{ -7.5 % 2 }}", "0.5"},
        {"{{ 7.5 % -2 }}", "-0.5"},
        {"{{ 7 / 2 }}", "3.5"},
        {"{{ 6 / 2 }}", "3.0"},
        {"{{ 2 ** 10 }}", "1024"},
        {"{{ 2 ** -1 }}", "0.5"},
        {"{{ 0 ** 0 }}", "1"},
        {"{{ (-1) ** 1000001 }}", "-1"},
        {"{{ (-2) ** 63 }}", "-9223372036854775808"},
        {"{{ 2 ** 62 }}", "4611686018427387904"},
        {"{{ 9223372036854775807 }}", "9223372036854775807"},
        {"{{ -9223372036854775807 - 1 }}", "-9223372036854775808"},
        {"{{ 10 ** 18 }}", "1000000000000000000"},
        {"{{ yes + 1 }}", "2"},
        {"{{ yes * 2 }}", "2"},
        {"{{ -yes }}", "-1"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void operators_bind_as_in_jinja(void **state)
{
    static const template_case cases[] = {
        {"{{ 1 + 2 * 3 }}", "7"},
        {"{{ (1 + 2) * 3 }}", "9"},
        {"{{ 2 ** 3 ** 2 }}", "64"},
        {"{{ -2 ** 2 }}", "4"},
        {"{{ 'a' ~ 1 ~ none ~ true }}", "a1NoneTrue"},
        {"{{ not 1 == 2 }}", "True"},
        {"{{ 1 < 2 < 3 }}", "True"},
        {"{{ 1 < 3 < 2 }}", "False"},
        {"{{ 3 > 2 >= 2 }}", "True"},
        {"{{ 1 == 1 != 2 }}", "True"},
        {"{{ 1 < 2 == true }}", "False"},
        {"{{ not not 0 }}", "False"},
        {"{{ 1 if true else 2 }}", "1"},
        {"{{ 1 if 0 else 2 if 0 else 3 }}", "3"},
        {"{{ (1 if false else 2) if true else 3 }}", "2"},
        {"{{ [1 if n else 2, 3 if nope else 4] }}", "[1, 4]"},
        {"{{ n is odd ~ 'x' }}", "Truex"},
        {"{{ -n|abs }}", "3"},
        {"{{ - - n }}", "3"},
        {"{{ --n }}", "3"},
        {"{{ 2 * -3 }}", "-6"},
        {"{{ 'a' if n in l and not nope else 'b' }}", "a"},
        {"{{ 1 if 0 }}", ""},
        {"{{ 1 or 2 and 0 }}", "1"},
        {"{{ 0 or 'x' }}", "x"},
        {"{{ none or 0 }}", "0"},
        {"{{ 1 and 2 }}", "2"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void strings_lists_and_tuples_add_and_repeat(void **state)
{
    static const template_case cases[] = {
        {"{{ 'a' + 'b' }}", "ab"},
        {"{{ 'ab' * 3 }}", "ababab"},
        {"{{ 3 * 'ab' }}", "ababab"},
        {"{{ 'a' * -1 }}", ""},
        {"{{ [3] + [1] }}", "[3, 1]"},
        {"{{ [1] * 3 }}", "[1, 1, 1]"},
        {"{{ (1, 2) + (3,) }}", "(1, 2, 3)"},
        {"{{ (1,) * 2 }}", "(1, 1)"},
        {"{{ ['a'] + ls }}", "['a', 'b', 'A', 'c']"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void values_compare_as_in_python(void **state)
{
    static const template_case cases[] = {
        {"{{ 1 == 1.0 }}", "True"},
        {"{{ 1 == true }}", "True"},
        {"{{ '1' == 1 }}", "False"},
        {"{{ [1] == [1.0] }}", "True"},
        {"{{ (1,) == [1] }}", "False"},
        {"{{ {'a': 1} == {'a': 1.0} }}", "True"},
        {"{{ none == false }}", "False"},
        {"{{ nope == nada }}", "True"},
        {"{{ nope == none }}", "False"},
        {"{{ nope != 1 }}", "True"},
        {"{{ 'a' < 'b' }}", "True"},
        {"{{ 'Z' < 'a' }}", "True"},
        {"{{ [1, 2] < [1, 3] }}", "True"},
        {"{{ [1] < [1, 0] }}", "True"},
        {"{{ (1, 2) >= (1,) }}", "True"},
        {"{{ 9007199254740993 == 9007199254740992.0 }}", "False"},
        {"{{ 9007199254740993 > 9007199254740992.0 }}", "True"},
        {"{{ range(3) == range(0, 3, 1) }}", "True"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void in_looks_into_every_container(void **state)
{
    static const template_case cases[] = {
        {"{{ 1 in [1, 2] }}", "True"},
        {"{{ 1.0 in [1] }}", "True"},
        {"{{ 'a' in 'abc' }}", "True"},
        {"{{ '' in 'abc' }}", "True"},
        {"{{ 'x' not in 'abc' }}", "True"},
        {"{{ 'a' in d }}", "True"},
        {"{{ 1 in d }}", "False"},
        {"{{ 1 in (1, 2) }}", "True"},
        {"{{ nope in [1] }}", "False"},
        {"{{ 1 in nope }}", "False"},
        {"{{ 'b' in d.keys() }}", "True"},
        {"{{ 3 in range(5) }}", "True"},
        {"{{ '\303\266' in 'sch\303\266n' }}", "True"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void members_are_found_by_name_and_by_subscript(void **state)
{
    static const template_case cases[] = {
        {"{{ d.a }}", "1"},
        {"{{ d['a'] }}", "1"},
        {"{{ d.b[1] }}", "2"},
        {"{{ d.b.0 }}", "1"},
        {"{{ nest.a.b.c[1] }}", "20"},
        {"{{ nest['a'].b['c'][-1] }}", "20"},
        {"{{ d.items is defined }}", "True"},
        {"{{ d['items'] }}", "5"},
        {"{{ d.items()|length }}", "4"},
        {"{{ d._x }}", "7"},
        {"{{ d['_x'] }}", "7"},
        {"{{ d.zz }}", ""},
        {"{{ d['zz'] }}", ""},
        {"{{ d.zz is defined }}", "False"},
        {"{{ s[0] }}", "H"},
        {"{{ s[-1] }}", "d"},
        {"{{ s[100] }}", ""},
        {"{{ u[0] }}", "\303\274"},
        {"{{ u[4] }}", "\346\227\245"},
        {"{{ u[-1] }}", "\303\237"},
        {"{{ l[5] }}", ""},
        {"{{ l['x'] }}", ""},
        {"{{ l[none] }}", ""},
        {"{{ nothing.x }}", ""},
        {"{{ n.x }}", ""},
        {"{{ range(10)[3] }}", "3"},
        {"{{ range(10)[-1] }}", "9"},
        {"{{ rows[1].n }}", "Y"},
        {"{{ (1, 2)[1] }}", "2"},
        {"{{ 'abc'[1] }}", "b"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void slices_are_those_of_python(void **state)
{
    static const template_case cases[] = {
        {"{{ s[1:3] }}", "el"},
        {"{{ s[:3] }}", "Hel"},
        {"{{ s[3:] }}", "lo World"},
        {"{{ s[::2] }}", "HloWrd"},
        {"{{ s[::-1] }}", "dlroW olleH"},
        {"{{ s[-3:] }}", "rld"},
        {"{{ s[10:2:-2] }}", "drWo"},
        {"{{ s[5:1] }}", ""},
        {"{{ u[4:6] }}", "\346\227\245\346\234\254"},
        {"{{ u[::-1] }}", "\303\237 \346\234\254\346\227\245 \303\257n\303\274"},
        {"{{ u[:-1] }}", "\303\274n\303\257 \346\227\245\346\234\254 "},
        {"{{ l[1:] }}", "[1, 2]"},
        {"{{ l[::-1] }}", "[2, 1, 3]"},
        {"{{ l[:-1] }}", "[3, 1]"},
        {"{{ l[5:] }}", "[]"},
        {"{{ l[-100:2] }}", "[3, 1]"},
        {"{{ (1, 2, 3)[1:] }}", "(2, 3)"},
        {"{{ range(10)[2:5] }}", "range(2, 5)"},
        {"{{ range(5)[::-1]|list }}", "[4, 3, 2, 1, 0]"},
        {"{{ range(10)[2:5] }}", "range(2, 5)"},
        {"{{ l[n - 2:n] }}", "[1, 2]"},
        {"{{ l[:1] + l[2:] }}", "[3, 2]"},
        {"{{ '\346\227\245\346\234\254\350\252\236'[1:] }}", "\346\234\254\350\252\236"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void the_functions_of_jinja_are_there(void **state)
{
    static const template_case cases[] = {
        {"{{ range(3) }}", "range(0, 3)"},
        {"{{ range(5, 1, -2)|list }}", "[5, 3]"},
        {"{{ range(0)|list }}", "[]"},
        {"{{ dict(a=1, b=2) }}", "{'a': 1, 'b': 2}"},
        {"{{ dict({'a': 1}, b=2) }}", "{'a': 1, 'b': 2}"},
        {"{{ dict([('a', 1)]) }}", "{'a': 1}"},
        {"{{ namespace(a=1).a }}", "1"},
        {"{{ namespace({'a': 1}).a }}", "1"},
        {"{{ cycler(1, 2).next() }}", "1"},
        {"{{ joiner('x')() }}", ""},
        {"{{ range(*[1, 4])|list }}", "[1, 2, 3]"},
        {"{{ dict(**{'a': 1}) }}", "{'a': 1}"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void an_undefined_value_is_nothing_until_it_is_used(void **state)
{
    static const template_case cases[] = {
        {"{{ nope }}", ""},
        {"{{ nope ~ 'x' }}", "x"},
        {"{{ nope|length }}", "0"},
        {"{{ nope|list }}", "[]"},
        {"{{ nope|string }}", ""},
        {"{{ [nope|default('z')] }}", "['z']"},
        {"{{ nope or 'x' }}", "x"},
        {"{{ not nope }}", "True"},
        {"{{ 'y' if nope else 'n' }}", "n"},
        {"{{ nope is undefined }}", "True"},
        {"{{ nope|join(',') }}", ""},
        {"{{ nope|upper }}", ""},
        {"{{ d.zz|default(1) }}", "1"},
        {"{{ (1 if false) is defined }}", "False"},
        {"{{ nope in [nope] }}", "True"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void what_python_refuses_is_an_error_that_says_why(void **state)
{
    static const template_case cases[] = {
        {"{{ 1 + 'a' }}", "line 1: unsupported operand types for +: 'int' and 'str'"},
        {"{{ 'a' + 1 }}", "'str' and 'int'"},
        {"\n\n{{ nope.x }}", "line 3: 'nope' is undefined"},
        {"{{ nope + 1 }}", "'nope' is undefined"},
        {"{{ nope < 1 }}", "'nope' is undefined"},
        {"{{ nope() }}", "'nope' is undefined"},
        {"{{ d.zz.y }}", "'dict object' has no attribute 'zz'"},
        {"{{ l[7].x }}", "'list object' has no such element"},
        {"{{ s.foo() }}", "'str object' has no attribute 'foo'"},
        {"{{ 1 < 'a' }}", "'<' not supported between instances of 'int' and 'str'"},
        {"{{ none < 1 }}", "'NoneType' and 'int'"},
        {"{{ 1 in 'abc' }}", "needs a string on its left"},
        {"{{ 1 in none }}", "'NoneType' object is not iterable"},
        {"{{ 1 in 5 }}", "'int' object is not iterable"},
        {"{{ 5() }}", "'int' object is not callable"},
        {"{{ d.a() }}", "'int' object is not callable"},
        {"{{ -s }}", "bad operand type for unary -: 'str'"},
        {"{{ 1 // 0 }}", "division by zero"},
        {"{{ 1 % 0 }}", "division by zero"},
        {"{{ 1 / 0 }}", "division by zero"},
        {"{{ 1.0 // 0 }}", "division by zero"},
        {"{{ 0 ** -1 }}", "division by zero"},
        {"{{ 10.0 ** 400 }}", "too large"},
        {"{{ n[1:] }}", "'int' object cannot be sliced"},
        {"{{ s['a':] }}", "slice indices must be integers"},
        {"{{ s[::0] }}", "slice step cannot be zero"},
        {"{{ {[1]: 2} }}", "unhashable type: 'list'"},
        {"{{ [1] in d }}", "unhashable type: 'list'"},
        {"{{ (1 if false) + 1 }}", "inline if without else"},
        {"{{ range(2.5) }}", "must be an integer, found 'float'"},
        {"{{ dict([1]) }}", "'int' object is not iterable"},
        {"{{ dict([[1]]) }}", "expected 2"},
    };
    (void)state;
    CHECK_FAILURES(cases, BANTAM_ERR_INVALID);
}

static void a_result_beyond_64_bits_is_an_error_and_no_other_number(void **state)
{
    static const template_case cases[] = {
        {"{{ 9223372036854775807 + 1 }}", "does not fit in 64 bits"},
        {"{{ -9223372036854775807 - 2 }}", "does not fit"},
        {"{{ big * 2 }}", "does not fit"},
        {"{{ big * -4 }}", "does not fit"},
        {"{{ 2 ** 63 }}", "does not fit"},
        {"{{ 10 ** 19 }}", "does not fit"},
        {"{{ 3 ** 1000000000000 }}", "does not fit"},
        {"{{ (-9223372036854775807 - 1) // -1 }}", "does not fit"},
        {"{{ -(-9223372036854775807 - 1) }}", "does not fit"},
        {"{{ (-9223372036854775807 - 1)|abs }}", "does not fit"},
        {"{{ 1e20|int }}", "does not fit"},
        {"{{ '99999999999999999999'|int }}", "does not fit"},
    };
    (void)state;
    CHECK_FAILURES(cases, BANTAM_ERR_INVALID);
}

static void attributes_with_two_underscores_are_refused(void **state)
{
    static const template_case cases[] = {
        {"{{ ''.__class__ }}", "'__class__' is not allowed"},
        {"{{ ''.__class__.__mro__ }}", "'__class__' is not allowed"},
        {"{{ ''['__class__'] }}", "'__class__' is not allowed"},
        {"{{ cycler.__init__.__globals__ }}", "'__init__' is not allowed"},
        {"{{ (1).__add__ }}", "'__add__' is not allowed"},
        {"{{ [s]|map(attribute='__class__')|list }}", "'__class__' is not allowed"},
    };
    (void)state;
    CHECK_FAILURES(cases, BANTAM_ERR_INVALID);
}

static void what_python_has_and_this_interpreter_lacks_is_named(void **state)
{
    static const template_case cases[] = {
        {"{{ s.encode() }}", "'encode' of 'str' is not supported"},
        {"{{ n.bit_length() }}", "'bit_length' of 'int'"},
        {"{{ l.sort() }}", "'sort' of 'list'"},
        {"{{ (-8) ** 0.5 }}", "complex numbers"},
        {"{{ range }}", "a 'function' object cannot be printed"},
        {"{{ s.upper }}", "a 'method' object cannot be printed"},
        {"{{ l|map('string') }}", "a 'generator' object cannot be printed"},
        {"{{ 9223372036854775808 }}", "does not fit in 64 bits"},
        {"{{ s|nope }}", "unknown filter 'nope'"},
        {"\n{{ s is nope }}", "line 2: unknown test 'nope'"},
        {"{{ self }}", "'self' is not supported"},
        {"{{ lipsum() }}", "lipsum is not supported"},
    };
    (void)state;
    CHECK_FAILURES(cases, BANTAM_ERR_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_print_as_python_prints_them),
        cmocka_unit_test(strings_take_the_escapes_of_python),
        cmocka_unit_test(whole_numbers_divide_toward_minus_infinity),
        cmocka_unit_test(operators_bind_as_in_jinja),
        cmocka_unit_test(strings_lists_and_tuples_add_and_repeat),
        cmocka_unit_test(values_compare_as_in_python),
        cmocka_unit_test(in_looks_into_every_container),
        cmocka_unit_test(members_are_found_by_name_and_by_subscript),
        cmocka_unit_test(slices_are_those_of_python),
        cmocka_unit_test(the_functions_of_jinja_are_there),
        cmocka_unit_test(an_undefined_value_is_nothing_until_it_is_used),
        cmocka_unit_test(what_python_refuses_is_an_error_that_says_why),
        cmocka_unit_test(a_result_beyond_64_bits_is_an_error_and_no_other_number),
        cmocka_unit_test(attributes_with_two_underscores_are_refused),
        cmocka_unit_test(what_python_has_and_this_interpreter_lacks_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
