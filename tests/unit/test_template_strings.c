/* test_template_strings.c - the methods of str, list and dict, and text made after patterns. */
#include "template_cases.h"

static void case_is_changed_in_every_script(void **state)
{
    static const template_case cases[] = {
        {"{{ s.upper() }}", "HELLO WORLD"},
        {"{{ s.lower() }}", "hello world"},
        {"{{ s.swapcase() }}", "hELLO wORLD"},
        {"{{ 'hello wORLD 1st they\\'re'.title() }}", "Hello World 1St They'Re"},
        {"{{ 'hELLO wORLD'.capitalize() }}", "Hello world"},
        {"{{ u.upper() }}", "\303\234N\303\217 \346\227\245\346\234\254 SS"},
        {"{{ u.lower() }}", "\303\274n\303\257 \346\227\245\346\234\254 \303\237"},
        {"{{ u.title() }}", "\303\234n\303\257 \346\227\245\346\234\254 Ss"},
        {"{{ u.capitalize() }}", "\303\234n\303\257 \346\227\245\346\234\254 \303\237"},
        {"{{ '\303\200\303\211\303\216 \320\226\320\251 \316\221\316\222\316\223'.lower() }}",
         "\303\240\303\251\303\256 \320\266\321\211 \316\261\316\262\316\263"},
        {"{{ '\303\240\303\251\303\256 \320\266\321\211 \316\261\316\262\316\263\316\271 "
         "\302\265'.upper() }}",
         "\303\200\303\211\303\216 \320\226\320\251 \316\221\316\222\316\223\316\231 \316\234"},
        {"{{ '\316\237\316\224\316\237\316\243 \316\243\316\221\316\243'.lower() }}",
         "\316\277\316\264\316\277\317\202 \317\203\316\261\317\202"},
        {"{{ '\305\211'.lower() }}", "\305\211"},
        {"{{ '\342\205\267 \342\223\220 \317\202 \305\277'.upper() }}",
         "\342\205\247 \342\222\266 \316\243 S"},
        {"{{ '\346\227\245\346\234\254'.upper() }}", "\346\227\245\346\234\254"},
        {"{{ ''.upper() }}", ""},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void white_space_and_characters_are_stripped(void **state)
{
    static const template_case cases[] = {
        {"{{ '[' ~ ws.strip() ~ ']' }}", "[a b]"},
        {"{{ '[' ~ ws.lstrip() ~ ']' }}", "[a b \n ]"},
        {"{{ '[' ~ ws.rstrip() ~ ']' }}", "[  \t a b]"},
        {"{{ s.strip('Hd') }}", "ello Worl"},
        {"{{ s.lstrip('Hel') }}", "o World"},
        {"{{ s.rstrip('dl') }}", "Hello Wor"},
        {"{{ '\\u00a0\\u2003x\\u3000'.strip() }}", "x"},
        {"{{ '\303\251\303\251a\303\251'.strip('\303\251') }}", "a"},
        {"{{ 'abc'.strip('') }}", "abc"},
        {"{{ '   '.strip() }}", ""},
        {"{{ 'xyx'.strip('x') }}", "y"},
        {"{{ 'abc'.strip(none) }}", "abc"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void text_is_split_and_joined(void **state)
{
    static const template_case cases[] = {
        {"{{ s.split() }}", "['Hello', 'World']"},
        {"{{ ws.split() }}", "['a', 'b']"},
        {"{{ '  '.split() }}", "[]"},
        {"{{ ''.split() }}", "[]"},
        {"{{ ''.split(',') }}", "['']"},
        {"{{ 'a,b,,c'.split(',') }}", "['a', 'b', '', 'c']"},
        {"{{ s.split('o', 1) }}", "['Hell', ' World']"},
        {"{{ s.split('l', maxsplit=1) }}", "['He', 'lo World']"},
        {"{{ ws.split(none, 1) }}", "['a', 'b \\n ']"},
        {"{{ ws.rsplit(none, 1) }}", "['  \\t a', 'b']"},
        {"{{ 'a b c'.rsplit(' ', 1) }}", "['a b', 'c']"},
        {"{{ 'a--b--c'.split('--') }}", "['a', 'b', 'c']"},
        {"{{ 'a--b--c'.rsplit('--', 1) }}", "['a--b', 'c']"},
        {"{{ 'a b'.split(none, 0) }}", "['a b']"},
        {"{{ ml.splitlines() }}", "['a', 'b', 'c', '', 'd']"},
        {"{{ ml.splitlines(true) }}", "['a\\n', 'b\\r\\n', 'c\\n', '\\n', 'd']"},
        {"{{ 'a\\u2028b\\x0bc'.splitlines() }}", "['a', 'b', 'c']"},
        {"{{ '-'.join(['a', 'b']) }}", "a-b"},
        {"{{ ''.join('abc') }}", "abc"},
        {"{{ ','.join(d) }}", "a,b,items,_x"},
        {"{{ 'a,b,c'.partition(',') }}", "('a', ',', 'b,c')"},
        {"{{ 'a,b,c'.rpartition(',') }}", "('a,b', ',', 'c')"},
        {"{{ 'abc'.partition('x') }}", "('abc', '', '')"},
        {"{{ 'abc'.rpartition('x') }}", "('', '', 'abc')"},
        {"{{ '\346\227\245\346\234\254 \350\252\236'.split(' ') }}",
         "['\346\227\245\346\234\254', '\350\252\236']"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void parts_of_text_are_found(void **state)
{
    static const template_case cases[] = {
        {"{{ s.startswith('He') }}", "True"},
        {"{{ s.startswith(('x', 'He')) }}", "True"},
        {"{{ s.startswith('W', 6) }}", "True"},
        {"{{ s.endswith('ld') }}", "True"},
        {"{{ s.endswith('lo', 0, 5) }}", "True"},
        {"{{ s.find('o') }}", "4"},
        {"{{ s.find('o', 5) }}", "7"},
        {"{{ s.find('o', 5, 6) }}", "-1"},
        {"{{ s.rfind('o') }}", "7"},
        {"{{ s.find('zz') }}", "-1"},
        {"{{ s.index('W') }}", "6"},
        {"{{ s.rindex('l') }}", "9"},
        {"{{ s.count('l') }}", "3"},
        {"{{ s.count('') }}", "12"},
        {"{{ 'aaaa'.count('aa') }}", "2"},
        {"{{ u.find('\346\227\245') }}", "4"},
        {"{{ u.index('\346\234\254') }}", "5"},
        {"{{ u.rfind('\303\237') }}", "7"},
        {"{{ 'abc'.find('') }}", "0"},
        {"{{ 'aab'.find('ab') }}", "1"},
        {"{{ 'abc'.removeprefix('a') }}", "bc"},
        {"{{ 'abc'.removesuffix('c') }}", "ab"},
        {"{{ 'abc'.removesuffix('x') }}", "abc"},
        {"{{ 'ababab'.rfind('ab') }}", "4"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void text_is_replaced_and_padded(void **state)
{
    static const template_case cases[] = {
        {"{{ s.replace('l', 'L') }}", "HeLLo WorLd"},
        {"{{ s.replace('l', 'L', 1) }}", "HeLlo World"},
        {"{{ s.replace('l', '') }}", "Heo Word"},
        {"{{ 'abc'.replace('', '-') }}", "-a-b-c-"},
        {"{{ '\303\251a'.replace('', '-') }}", "-\303\251-a-"},
        {"{{ s.replace('zz', 'y') }}", "Hello World"},
        {"{{ s.replace('l', 'L', 0) }}", "Hello World"},
        {"{{ 'aaa'.replace('aa', 'b') }}", "ba"},
        {"{{ 'abc'.center(10) ~ '|' }}", "   abc    |"},
        {"{{ 'abc'.center(6) ~ '|' }}", " abc  |"},
        {"{{ 'abcd'.center(7, '*') }}", "**abcd*"},
        {"{{ 'abc'.ljust(6) ~ '|' }}", "abc   |"},
        {"{{ 'abc'.rjust(6, '0') }}", "000abc"},
        {"{{ '\346\227\245\346\234\254'.center(6, '*') }}", "**\346\227\245\346\234\254**"},
        {"{{ '-5'.zfill(4) }}", "-005"},
        {"{{ '5'.zfill(3) }}", "005"},
        {"{{ 'abc'.zfill(2) }}", "abc"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void questions_about_characters_are_answered(void **state)
{
    static const template_case cases[] = {
        {"{{ 'abc'.isalpha() }}", "True"},
        {"{{ 'ab1'.isalpha() }}", "False"},
        {"{{ ''.isalpha() }}", "False"},
        {"{{ '\303\251\346\227\245'.isalpha() }}", "True"},
        {"{{ '12'.isdigit() }}", "True"},
        {"{{ '\302\262'.isdigit() }}", "True"},
        {"{{ '\331\243'.isdigit() }}", "True"},
        {"{{ '1.2'.isdigit() }}", "False"},
        {"{{ 'a1'.isalnum() }}", "True"},
        {"{{ ' \\t'.isspace() }}", "True"},
        {"{{ ''.isspace() }}", "False"},
        {"{{ 'ab'.islower() }}", "True"},
        {"{{ 'aB'.islower() }}", "False"},
        {"{{ '12'.islower() }}", "False"},
        {"{{ 'AB1'.isupper() }}", "True"},
        {"{{ '\303\211'.isupper() }}", "True"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void percent_formats_as_in_python(void **state)
{
    static const template_case cases[] = {
        {"{{ '%d' % 5 }}", "5"},
        {"{{ '%s %s' % ('a', 1) }}", "a 1"},
        {"{{ '%5d|' % 5 }}", "    5|"},
        {"{{ '%-5d|' % 5 }}", "5    |"},
        {"{{ '%05d' % -5 }}", "-0005"},
        {"{{ '%+d' % 5 }}", "+5"},
        {"{{ '% d' % 5 }}", " 5"},
        {"{{ '%.2f' % 1.005 }}", "1.00"},
        {"{{ '%8.3f' % 3.14159 }}", "   3.142"},
        {"{{ '%x' % 255 }}", "ff"},
        {"{{ '%X' % 255 }}", "FF"},
        {"{{ '%#x' % 255 }}", "0xff"},
        {"{{ '%o' % 8 }}", "10"},
        {"{{ '%e' % 12345.678 }}", "1.234568e+04"},
        {"{{ '%g' % 0.0001 }}", "0.0001"},
        {"{{ '%s' % none }}", "None"},
        {"{{ '%r' % 'a' }}", "'a'"},
        {"{{ '%5s|' % 'a' }}", "    a|"},
        {"{{ '%-5s|' % 'a' }}", "a    |"},
        {"{{ '%.2s' % 'abc' }}", "ab"},
        {"{{ '%%' % () }}", "%"},
        {"{{ '%d' % 1.9 }}", "1"},
        {"{{ '%(a)d %(b)s' % {'a': 1, 'b': 2} }}", "1 2"},
        {"{{ '%s' % [1, 2] }}", "[1, 2]"},
        {"{{ '%5.1f%%' % 99.55 }}", " 99.5%"},
        {"{{ '%s-%d'|format('a', 5) }}", "a-5"},
        {"{{ '%(a)s'|format(a=3) }}", "3"},
        {"{{ '\303\251%s' % '\303\274' }}", "\303\251\303\274"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void format_fills_in_fields(void **state)
{
    static const template_case cases[] = {
        {"{{ '{} {}'.format(1, 'a') }}", "1 a"},
        {"{{ '{0} {1} {0}'.format(1, 2) }}", "1 2 1"},
        {"{{ '{a}'.format(a=5) }}", "5"},
        {"{{ '{{}}'.format() }}", "{}"},
        {"{{ '{:>5}'.format('a') }}", "    a"},
        {"{{ '{:<5}|'.format('a') }}", "a    |"},
        {"{{ '{:^5}|'.format('a') }}", "  a  |"},
        {"{{ '{:05d}'.format(42) }}", "00042"},
        {"{{ '{:.2f}'.format(3.14159) }}", "3.14"},
        {"{{ '{:*^9}'.format('mid') }}", "***mid***"},
        {"{{ '{!r}'.format('a') }}", "'a'"},
        {"{{ '{:x}'.format(255) }}", "ff"},
        {"{{ '{:+}'.format(5) }}", "+5"},
        {"{{ '{:>8.3f}'.format(2.5) }}", "   2.500"},
        {"{{ '{:.1%}'.format(0.256) }}", "25.6%"},
        {"{{ '{:5}|'.format(42) }}", "   42|"},
        {"{{ '{:.2}'.format('abc') }}", "ab"},
        {"{{ '{}'.format(none) }}", "None"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void dates_are_written_in_english_whatever_the_locale(void **state)
{
    static const template_case cases[] = {
        {"{{ strftime_now('%Y-%m-%d') }}", "2024-03-05"},
        {"{{ strftime_now('%d %b %Y') }}", "05 Mar 2024"},
        {"{{ strftime_now('%H:%M:%S') }}", "07:08:09"},
        {"{{ strftime_now('%A, %d %B %Y') }}", "Tuesday, 05 March 2024"},
        {"{{ strftime_now('%a %j %p %I %y') }}", "Tue 065 AM 07 24"},
        {"{{ strftime_now('%e|%-d|%-m|%-H') }}", " 5|5|3|7"},
        {"{{ strftime_now('%F %T %D') }}", "2024-03-05 07:08:09 03/05/24"},
        {"{{ strftime_now('%c') }}", "Tue Mar  5 07:08:09 2024"},
        {"{{ strftime_now('100%%') }}", "100%"},
        {"{{ strftime_now('') }}", ""},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void lists_and_dictionaries_have_their_methods(void **state)
{
    static const template_case cases[] = {
        {"{{ l.index(1) }}", "1"},
        {"{{ l.count(3) }}", "1"},
        {"{{ (1, 2, 1).count(1) }}", "2"},
        {"{{ d.get('a') }}", "1"},
        {"{{ d.get('z') }}", "None"},
        {"{{ d.get('z', 5) }}", "5"},
        {"{{ d.keys() }}", "dict_keys(['a', 'b', 'items', '_x'])"},
        {"{{ d.values() }}", "dict_values([1, [1, 2], 5, 7])"},
        {"{{ d.items() }}", "dict_items([('a', 1), ('b', [1, 2]), ('items', 5), ('_x', 7)])"},
        {"{{ d.keys()|list }}", "['a', 'b', 'items', '_x']"},
        {"{{ d.items()|list }}", "[('a', 1), ('b', [1, 2]), ('items', 5), ('_x', 7)]"},
        {"{{ d.values()|list }}", "[1, [1, 2], 5, 7]"},
        {"{{ d.items()|length }}", "4"},
        {"{{ d.copy() == d }}", "True"},
        {"{{ 'a' in d.keys() }}", "True"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

/* Hugging Face's sandbox forbids these; templates written for other runtimes use them. */
static void lists_and_dictionaries_can_be_changed(void **state)
{
    static const template_case cases[] = {
        {"{% set a = [1] %}{% set _ = a.append(2) %}{{ a }}", "[1, 2]"},
        {"{% set a = [1] %}{% set b = a + [2] %}{% set _ = a.append(3) %}{{ a }}{{ b }}",
         "[1, 3][1, 2]"},
        {"{% set a = [1, 2] %}{% set b = a[:1] %}{% set _ = b.append(3) %}{{ a }}{{ b }}",
         "[1, 2][1, 3]"},
        {"{% set a = [1] %}{% set _ = a.extend((2, 3)) %}{% set _ = a.insert(0, 0) %}{{ a }}",
         "[0, 1, 2, 3]"},
        {"{% set a = [1, 2, 3] %}{{ a.pop() }}{{ a.pop(0) }}{{ a }}", "31[2]"},
        {"{% set a = [1, 2, 1] %}{% set _ = a.remove(1) %}{% set _ = a.reverse() %}{{ a }}",
         "[1, 2]"},
        {"{% set a = [1] %}{% set b = a.copy() %}{% set _ = a.clear() %}{{ a }}{{ b }}",
         "[][1]"},
        {"{% set a = {} %}{% set _ = a.update({'x': 1}, y=2) %}{{ a }}", "{'x': 1, 'y': 2}"},
        {"{% set a = {'x': 1} %}{{ a.pop('x') }}{{ a.pop('x', 9) }}{{ a }}", "19{}"},
        {"{% set a = {} %}{{ a.setdefault('x', 1) }}{{ a.setdefault('x', 2) }}{{ a }}",
         "11{'x': 1}"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void wrong_arguments_are_errors(void **state)
{
    static const template_case cases[] = {
        {"{{ s.split('') }}", "empty separator"},
        {"{{ s.split(1) }}", "must be a string, found 'int'"},
        {"{{ s.index('zz') }}", "substring not found"},
        {"{{ '-'.join([1]) }}", "item 0 must be a string, found 'int'"},
        {"{{ s.upper(1) }}", "upper takes at most 0 arguments, found 1"},
        {"{{ s.replace('a') }}", "replace needs 2 arguments, argument 2 is missing"},
        {"{{ s.split(seq=1) }}", "argument 'seq' is not known"},
        {"{{ s.split('a', sep='b') }}", "argument 'sep' is given twice"},
        {"{{ l.index(99) }}", "not in the list"},
        {"{{ l.pop(7) }}", "index out of range"},
        {"{{ d.pop('zz') }}", "not in the dictionary"},
        {"{{ d.get([1]) }}", "unhashable type"},
        {"{{ '%d' % 'a' }}", "a number is required, found 'str'"},
        {"{{ '%s' % () }}", "not enough arguments"},
        {"{{ '%s' % (1, 2) }}", "not all arguments converted"},
        {"{{ '%(z)s' % {'a': 1} }}", "no key 'z'"},
        {"{{ '%' % 1 }}", "incomplete format"},
        {"{{ '{}'.format() }}", "no argument for field"},
        {"{{ '{'.format() }}", "expected '}'"},
        {"{{ '}'.format() }}", "single '}'"},
        {"{{ s.center(9, 'ab') }}", "must be one character"},
        {"{{ strftime_now('%') }}", "incomplete format"},
    };
    (void)state;
    CHECK_FAILURES(cases, BANTAM_ERR_INVALID);
}

static void patterns_beyond_the_subset_are_named(void **state)
{
    static const template_case cases[] = {
        {"{{ strftime_now('%Q') }}", "'%Q' is not supported"},
        {"{{ '%c' % 'a' }}", "not supported"},
        {"{{ '{0.x}'.format(d) }}", "field '0.x' is not supported"},
        {"{{ '{:,}'.format(5) }}", "not supported"},
        {"{{ '{:{}}'.format(5, 6) }}", "nested format fields"},
    };
    (void)state;
    CHECK_FAILURES(cases, BANTAM_ERR_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_is_changed_in_every_script),
        cmocka_unit_test(white_space_and_characters_are_stripped),
        cmocka_unit_test(text_is_split_and_joined),
        cmocka_unit_test(parts_of_text_are_found),
        cmocka_unit_test(text_is_replaced_and_padded),
        cmocka_unit_test(questions_about_characters_are_answered),
        cmocka_unit_test(percent_formats_as_in_python),
        cmocka_unit_test(format_fills_in_fields),
        cmocka_unit_test(dates_are_written_in_english_whatever_the_locale),
        cmocka_unit_test(lists_and_dictionaries_have_their_methods),
        cmocka_unit_test(lists_and_dictionaries_can_be_changed),
        cmocka_unit_test(wrong_arguments_are_errors),
        cmocka_unit_test(patterns_beyond_the_subset_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
