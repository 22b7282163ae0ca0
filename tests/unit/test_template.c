/* test_template.c - text and statements: white space, branches, loops, assignments, macros;
 * then limits, threads, and memory that runs out.
 */
#include "template_cases.h"

#include "base/mem.h"

#include <pthread.h>

static void white_space_is_trimmed_as_hugging_face_sets_it_up(void **state)
{
    static const template_case cases[] = {
        {"{% if true %}\n a\n{% endif %}\nb", " a\nb"},
        {"a\n  {% if true %}\n  b\n  {% endif %}\nc\n", "a\n  b\nc"},
        {"a   {% if true %}   \nb{% endif %}   \nc", "a      \nb   \nc"},
        {"x\n\n{%- set a=1 %}\n\ny", "x\ny"},
        {"x\n\n{% set a=1 -%}\n\ny", "x\n\ny"},
        {"\n{{ n }}\n\n", "\n3\n"},
        {"{{ n }}\n", "3"},
        {"\t{% if true %}\tx\t{% endif %}\t\n", "\tx\t\t"},
        {"\302\240{% if true %}x{% endif %}\302\240\n", "x\302\240"},
        {"{% if true +%}\na\n{%- endif +%}\nb", "\na\nb"},
        {"  {%+ if true %}a{% endif %}", "  a"},
        {"{%- for i in l %}\n  {{- i }}\n{%- endfor %}\n", "312"},
        {"{% for i in l %}\n  {{ i }}\n  {% if i == 1 %}\n    one\n  {% endif %}\n{% endfor "
         "%}\nend\n",
         "  3\n  1\n    one\n  2\nend"},
        {"{%if true%}a{%endif%}", "a"},
        {"{%-if true-%} a {%-endif-%} b", "ab"},
        {"{{-n-}} x", "3x"},
        {"{{n}}{{-n}}", "33"},
        {"x {{+ n }} y", "x 3 y"},
        {"  {% set a %}\n  x\n  {% endset %}\n[{{ a }}]", "[  x\n]"},
        {"{% set a = [\n 1,\n 2\n] %}{{ a }}", "[1, 2]"},
        {"{{\n n\n}}", "3"},
        {"   {{ n }}", "   3"},
        {"a\r\nb\rc\r\n{% if true %}\r\nd{% endif %}\r\n", "a\nb\nc\nd"},
        {"\n\n\n", "\n\n"},
        {"\n", ""},
        {"", ""},
        {"no tags at all", "no tags at all"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void comments_leave_nothing_behind(void **state)
{
    static const template_case cases[] = {
        {"a{# x #}\nb", "ab"},
        {"a{# x #} \nb", "a \nb"},
        {"{# a #}{# b #}\n{# c #}\nx", "x"},
        {" {# a #} {# b #}\nx", " x"},
        {"a\n  {#- c #}\nb", "ab"},
        {"a\n  {# c -#}\n\n b", "a\nb"},
        {"a\n  {#+ c #}\nb\n  {# c +#}\nc", "a\n  b\n\nc"},
        {"{#-#}a{##}b", "ab"},
        {"a{# {{ n }} {% if %} #}b", "ab"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void raw_blocks_keep_what_is_in_them(void **state)
{
    static const template_case cases[] = {
        {"{% raw %}{{ x }} {% if %}{# #}{% endraw %}", "{{ x }} {% if %}{# #}"},
        {"a {%- raw %} b {% endraw -%} c", "a b c"},
        {"  {% raw %}\nx\n  {% endraw %}\ny", "\nx\ny"},
        {"  {%+ raw %}x{% endraw +%}\ny", "  x\ny"},
        {"{% raw %}\n{% endraw %}\n", "\n"},
        {"a{% raw -%}  \n b {{ {%- endraw %} c", "ab {{ c"},
        {"{% raw %}{% endraw %}x", "x"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void delimiters_inside_of_expressions_do_not_end_them(void **state)
{
    static const template_case cases[] = {
        {"{{ '{{' }}{{ '%}' }}{{ \"}}\" }}", "{{%}}}"},
        {"{{ {'a':{'b':1}}}}", "{'a': {'b': 1}}"},
        {"{{ {'a':{'b':1}}.a.b }}", "1"},
        {"{{ [1,{'x':[2]}] }}", "[1, {'x': [2]}]"},
        {"{% set x = '%}' %}{{ x }}", "%}"},
        {"{ {{ n }} }", "{ 3 }"},
        {"{", "{"},
        {"a{", "a{"},
        {"{}", "{}"},
        {"{{ 7 % 4 }}", "3"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void branches_are_chosen(void **state)
{
    static const template_case cases[] = {
        {"{% if n == 3 %}a{% elif n == 4 %}b{% else %}c{% endif %}", "a"},
        {"{% if n == 4 %}a{% elif n == 3 %}b{% else %}c{% endif %}", "b"},
        {"{% if nope %}a{% elif nothing %}b{% else %}c{% endif %}", "c"},
        {"{% if nope %}a{% endif %}", ""},
        {"{% if n %}{% if nope %}a{% else %}b{% endif %}c{% endif %}", "bc"},
        {"{% if n and not nope or s %}y{% endif %}", "y"},
        {"{% if n: %}x{% endif %}", "x"},
        {"{% if 1, 2 %}t{% endif %}", "t"},
        {"{% if '' %}a{% elif 0 %}b{% elif [] %}c{% elif {} %}d{% elif 0.0 %}e{% else %}f{% "
         "endif %}",
         "f"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void loops_go_over_everything_that_can_be_iterated(void **state)
{
    static const template_case cases[] = {
        {"{% for i in l %}{{ i }},{% endfor %}", "3,1,2,"},
        {"{% for i in [] %}{{ i }}{% else %}none{% endfor %}", "none"},
        {"{% for i in l %}{{ i }}{% else %}none{% endfor %}", "312"},
        {"{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}",
         "a=1;b=[1, 2];items=5;_x=7;"},
        {"{% for (k, v) in d|dictsort %}{{ k }}={{ v }};{% endfor %}",
         "_x=7;a=1;b=[1, 2];items=5;"},
        {"{% for a, (b, c) in [(1, (2, 3)), (4, (5, 6))] %}{{ a }}{{ b }}{{ c }};{% endfor %}",
         "123;456;"},
        {"{% for c in 'a\303\251b' %}[{{ c }}]{% endfor %}", "[a][\303\251][b]"},
        {"{% for k in d %}{{ k }}{% endfor %}", "abitems_x"},
        {"{% for i in nope %}{{ i }}{% else %}E{% endfor %}", "E"},
        {"{% for i in 1, 2, 3 %}{{ i }}{% endfor %}", "123"},
        {"{% for i in range(3) %}{{ i }}{% endfor %}", "012"},
        {"{% for i in l|map('string') %}{{ i ~ '!' }}{% endfor %}", "3!1!2!"},
        {"{% for i in l: %}{{ i }}{% endfor %}", "312"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void loop_tells_where_it_is(void **state)
{
    static const template_case cases[] = {
        {"{% for i in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ "
         "loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ "
         "loop.depth0 }};{% endfor %}",
         "1032TrueFalse310;2121FalseFalse310;3210FalseTrue310;"},
        {"{% for i in l %}{{ loop.previtem }}<{{ i }}>{{ loop.nextitem }};{% endfor %}",
         "<3>1;3<1>2;1<2>;"},
        {"{% for i in l %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }};{% "
         "endfor %}",
         "FalseTrue;TrueTrue;TrueFalse;"},
        {"{% for i in l %}{{ loop.cycle('x', 'y') }}{% endfor %}", "xyx"},
        {"{% for i in [1, 1, 2, 2, 1] %}{{ loop.changed(i) }},{% endfor %}",
         "True,False,True,False,True,"},
        {"{% for i in l %}{% for j in l %}{{ loop.index }}{% endfor %}{{ loop.index }};{% "
         "endfor %}",
         "1231;1232;1233;"},
        {"{% for i in l %}{% set outer = loop %}{% for j in [1] %}{{ outer.index }}{% endfor "
         "%}{% endfor %}",
         "123"},
        {"{% for i in l %}{{ loop['index'] }}{% endfor %}", "123"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void a_filtered_loop_sees_only_what_it_chose(void **state)
{
    static const template_case cases[] = {
        {"{% for i in l if i > 1 %}{{ loop.index }}/{{ loop.length }}:{{ i }}{{ loop.last "
         "}};{% endfor %}",
         "1/2:3False;2/2:2True;"},
        {"{% for i in l if i > 100 %}{{ i }}{% else %}none{% endfor %}", "none"},
        {"{% for k, v in d.items() if v is number %}{{ k }}{% endfor %}", "aitems_x"},
        {"{% for i in l if i is odd %}{{ loop.previtem }}{{ i }}{% endfor %}", "331"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void break_and_continue_leave_what_is_open(void **state)
{
    static const template_case cases[] = {
        {"{% for i in range(10) %}{% if i == 3 %}{% continue %}{% endif %}{% if i == 6 %}{% "
         "break %}{% endif %}{{ i }}{% else %}E{% endfor %}",
         "01245"},
        {"{% for i in [1, 2] %}{% for j in [1, 2, 3] %}{% if j == 2 %}{% break %}{% endif %}{{ "
         "i }}{{ j }};{% endfor %}{{ loop.index }}{% endfor %}",
         "11;121;2"},
        {"{% for i in range(5) %}{% with a = i %}{% if a == 3 %}{% break %}{% endif %}{% "
         "continue %}{% endwith %}{% endfor %}{{ a }}z",
         "z"},
        {"{% for i in range(4) %}a{% set x %}b{% filter upper %}c{% if i > 2 %}{% break %}{% "
         "else %}{% continue %}{% endif %}{% endfilter %}{% endset %}{{ x }}{% endfor %}z",
         "aaaaz"},
        {"{% set y %}1{% for i in range(4) %}a{% set x %}b{% if i > 1 %}{% break %}{% endif "
         "%}{% endset %}{{ x }}{% endfor %}z{% endset %}{{ y }}",
         "1ababaz"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void assignments_stay_in_their_scope(void **state)
{
    static const template_case cases[] = {
        {"{% set a = 1 %}{{ a }}{% if true %}{% set a = 2 %}{% endif %}{{ a }}{% for i in [1] "
         "%}{{ a }}{% set a = 3 %}{{ a }}{% endfor %}{{ a }}",
         "12232"},
        {"{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (a, b) = (b, a) %}{{ a }}{{ b }}", "1221"},
        {"{% set a = 1, 2 %}{{ a }}", "(1, 2)"},
        {"{% set s = 'shadow' %}{{ s }}{% for s in l %}{{ s }}{% endfor %}{{ s }}",
         "shadow312shadow"},
        {"{% for i in l %}{% set x = i %}{% endfor %}{{ x is defined }}", "False"},
        {"{% for i in l %}{{ x }}{% set x = i %}{% endfor %}", ""},
        {"{% with a = 1, b = n %}{{ a }}{{ b }}{% set c = 5 %}{{ c }}{% endwith %}{{ a }}{{ c "
         "}}",
         "135"},
        {"{% set a = 9 %}{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}", "199"},
        {"{% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q }}", "1"},
        {"{% set x = nope %}{{ x is defined }}", "False"},
        {"{% set n = n + 1 %}{{ n }}", "4"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void namespaces_carry_values_out_of_loops(void **state)
{
    static const template_case cases[] = {
        {"{% set ns = namespace(x=1) %}{% for i in l %}{% set ns.x = ns.x + i %}{% endfor %}{{ "
         "ns.x }}",
         "7"},
        {"{% set ns = namespace() %}{% set ns.foo = [1] %}{{ ns.foo }}{{ ns.bar }}|{{ ns.bar "
         "is defined }}",
         "[1]|False"},
        {"{% set ns = namespace(a=[]) %}{% for i in l %}{% set ns.a = ns.a + [i] %}{% endfor "
         "%}{{ ns.a }}{% set q = ns.a %}{% set ns.a = ns.a + [9] %}{{ q }}{{ ns.a }}{{ q + [8] "
         "}}{{ ns.a }}",
         "[3, 1, 2][3, 1, 2][3, 1, 2, 9][3, 1, 2, 8][3, 1, 2, 9]"},
        {"{% set ns = namespace(t='') %}{% for i in range(200) %}{% set ns.t = ns.t ~ 'ab' "
         "%}{% set u1 = ns.t ~ 'X' %}{% set u2 = ns.t ~ 'Y' %}{% if i % 50 == 0 %}{{ u1[-3:] "
         "}}{{ u2[-3:] }}{% endif %}{% endfor %}{{ ns.t|length }}",
         "abXabYabXabYabXabYabXabY400"},
        {"{{ namespace(a=1) }}", "<Namespace {'a': 1}>"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void blocks_of_text_become_values(void **state)
{
    static const template_case cases[] = {
        {"{% set a %}hello {{ n }}{% endset %}[{{ a }}]", "[hello 3]"},
        {"{% set a | upper | replace('L', '*') %}hello {{ n }}{% endset %}[{{ a }}]",
         "[HE**O 3]"},
        {"{% set a %}{% set b = 1 %}x{% endset %}{{ b }}{{ a }}", "x"},
        {"{% filter upper %}abc{{ s }}{% endfilter %}", "ABCHELLO WORLD"},
        {"{% filter replace('a', 'b')|upper %}abc{{ s }}{% endfilter %}", "BBCHELLO WORLD"},
        {"{% filter indent(2) %}\na\nb\n{% endfilter %}", "a\n  b\n"},
        {"{% set x %}a{% for i in [1, 2, 3] %}{% set y %}b{{ i }}{% endset %}{{ y }}{% endfor "
         "%}{% endset %}{{ x }}",
         "ab1b2b3"},
        {"{% generation %}abc{% set gg = 1 %}{% endgeneration %}{{ gg }}", "abc"},
        {"{% print n, s %}", "3Hello World"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void macros_take_arguments_as_python_functions_do(void **state)
{
    static const template_case cases[] = {
        {"{% macro m(a, b=2, c='x') %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ m(1) }}{{ m(1, "
         "3) }}{{ m(1, c=5) }}{{ m(a=7) }}{{ m() }}",
         "[12x][13x][125][72x][2x]"},
        {"{% macro m(a, b=a) %}[{{ a }}{{ b }}]{% endmacro %}{{ m(1) }}{{ m(1, 3) }}",
         "[11][13]"},
        {"{% macro m(a) %}{{ a is defined }}{% endmacro %}{{ m() }}{{ m(1) }}", "FalseTrue"},
        {"{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=3) }}{{ m() }}",
         "(1, 2){'x': 3}(){}"},
        {"{% macro m(a, b=2, c=3) %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ m(*[1, 5]) }}{{ "
         "m(1, *[7]) }}{{ m(*[1], c=9) }}{{ m(**{'a': 1, 'c': 4}) }}{{ m(*'xy') }}",
         "[153][173][129][124][xy3]"},
        {"{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(m(*[4]), *[m(5)], "
         "**{'z': m(6)}) }}",
         "4(){}('5(){}',){'z': '6(){}'}"},
        {"{% macro m() %}  x  {% endmacro %}{{ m()|trim }}|{{ m() ~ 1 }}|{{ m() is string "
         "}}|{{ m()|length }}",
         "x|  x  1|True|5"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void macros_see_what_is_around_them(void **state)
{
    static const template_case cases[] = {
        {"{% set ns = namespace(m=none) %}{% for i in [1, 2] %}{% macro m() %}[{{ i }}{{ q "
         "}}{{ loop.index }}]{% endmacro %}{% set q = i * 10 %}{% if loop.first %}{% set ns.m "
         "= m %}{% endif %}{{ ns.m() }}{% endfor %}",
         "[1101][2202]"},
        {"{% macro fact(k) %}{% if k > 1 %}{{ k }}*{{ fact(k - 1) }}{% else %}1{% endif %}{% "
         "endmacro %}{{ fact(5) }}",
         "5*4*3*2*1"},
        {"{% macro a(x) %}{{ b(x) }}{% endmacro %}{% macro b(x) %}<{{ x }}>{% endmacro %}{{ "
         "a(3) }}",
         "<3>"},
        {"{% macro m() %}{{ later }}{% endmacro %}{% set later = 5 %}{{ m() }}{% set later = 6 "
         "%}{{ m() }}",
         "56"},
        {"{% for i in l %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}", "312"},
        {"{% macro m() %}{% set q = 5 %}{{ q }}{% endmacro %}{{ m() }}{{ q }}", "5"},
        {"{%- macro outer() -%}{%- macro inner(v) -%}({{ v }}){%- endmacro -%}{{ inner(1) "
         "}}{%- endmacro -%}{{ outer() }}",
         "(1)"},
        {"{% macro m(x) %}{% for i in x %}{{ i }}{% if i is iterable %}{{ m(i) }}{% endif %}{% "
         "endfor %}{% endmacro %}{{ m([1, [2, [3]]]) }}",
         "1[2, [3]]2[3]3"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void call_blocks_hand_their_body_to_a_macro(void **state)
{
    static const template_case cases[] = {
        {"{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}in {{ n }}{% endcall %}",
         "<in 3>"},
        {"{% macro m(l) %}{% for i in l %}<{{ caller(i) }}>{% endfor %}{% endmacro %}{% "
         "call(x) m(l) %}{{ x }}!{% endcall %}",
         "<3!><1!><2!>"},
        {"{% macro m(l) %}{{ caller(1) }}{% endmacro %}{% call(x, y=5) m(l) %}{{ x }}{{ y }}{% "
         "endcall %}",
         "15"},
        {"{% macro m() %}{{ caller is defined }}{% if caller %}{{ caller() }}{% endif %}{% "
         "endmacro %}{{ m() }}{% call m() %}z{% endcall %}",
         "FalseTruez"},
        {"{% macro m(a, b=2) %}[{{ a }}{{ b }}{{ caller() }}]{% endmacro %}{% call m(*[1]) "
         "%}x{% endcall %}",
         "[12x]"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void iterators_are_read_once_and_views_again_and_again(void **state)
{
    static const template_case cases[] = {
        {"{% set m = l|map('string') %}{{ m|list }}{{ m|list }}", "['3', '1', '2'][]"},
        {"{% set it = l|select('odd') %}{% for i in it %}{{ loop.length }}{{ loop.last }}{% "
         "endfor %}{% for i in it %}x{% endfor %}",
         "2False2True"},
        {"{% set v = d.items() %}{{ v|length }}{% for k in v %}{{ k }}{% endfor %}{{ v[0] "
         "}}|{{ (v|list)[0] }}",
         "4('a', 1)('b', [1, 2])('items', 5)('_x', 7)|('a', 1)"},
        {"{% for g in rows|groupby('n') %}{{ g.grouper }}:{{ g.list|length }};{% endfor %}",
         "a:1;x:1;Y:1;"},
        {"{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current "
         "}}{% set _ = c.reset() %}{{ c.next() }}",
         "ababa"},
        {"{% set j = joiner() %}{% for i in l %}{{ j() }}{{ i }}{% endfor %}", "3, 1, 2"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void bad_syntax_is_refused_with_its_line(void **state)
{
    static const template_case cases[] = {
        {"a\n\n{{ }}", "line 3: expected an expression, found '}}'"},
        {"{{ 1 2 }}", "expected '}}', found '2'"},
        {"{{ 1 + }}", "expected an expression"},
        {"{{ (1 }}", "expected ')'"},
        {"{{ [1 }}", "expected ']'"},
        {"{{ {1 }}", "expected ':'"},
        {"{{ {1: 2 }}", "expected '}}'"},
        {"{{ 'abc }}", "a string is never closed"},
        {"{{ a..b }}", "expected a name or number"},
        {"{{ a[] }}", "expected a subscript"},
        {"{{ a|  }}", "expected the name of a filter"},
        {"{{ a is }}", "expected the name of a filter or test"},
        {"{{ 1 not 2 }}", "expected '}}', found 'not'"},
        {"{{ f(a=1, 2) }}", "a positional argument after a named one"},
        {"{{ f(*[1], 2) }}", "after *"},
        {"{{ f(,) }}", "expected an expression"},
        {"{{ 5 if }}", "expected an expression"},
        {"{{ @ }}", "does not belong in a tag"},
        {"{{ a = b }}", "expected '}}', found '='"},
        {"{{ n", "a tag is never closed"},
        {"{% if n", "a tag is never closed"},
        {"\n{# abc", "line 2: a comment is never closed"},
        {"{% raw %}abc", "a raw block is never closed"},
        {"{% if n %}\n\n",
         "the template ends inside the block of line 1, expected elif else endif"},
        {"{% for i in l %}", "expected else endfor"},
        {"{% endif %}", "unexpected tag 'endif'"},
        {"{% else %}", "unexpected tag 'else'"},
        {"{% if n %}{% else %}{% else %}{% endif %}", "unexpected tag 'else'"},
        {"{% foo %}", "unexpected tag 'foo'"},
        {"{% 5 %}", "expected the name of a tag"},
        {"{% for x %}{% endfor %}", "expected 'in'"},
        {"{% set 5 = 1 %}", "expected a name, found '5'"},
        {"{% set true = 1 %}", "expected a name, found 'true'"},
        {"{% set a b %}", "expected '%}', found 'b'"},
        {"{% macro m %}{% endmacro %}", "expected '('"},
        {"{% macro m(a=1, b) %}{% endmacro %}", "a parameter without default after one with"},
        {"{% call 5 %}{% endcall %}", "call needs the call of a macro"},
        {"{% call m() if n else m() %}{% endcall %}", "call needs the call of a macro"},
        {"{% break %}", "break or continue outside of a loop"},
        {"{% for i in l %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}",
         "outside of a loop"},
        {"{{ x is defined is defined }}", "cannot be chained"},
        {"{{ '\\N{DASH}' }}", "an escape that stands for nothing"},
        {"{{ '\\ud800' }}", "an escape that stands for nothing"},
        {"{{ 012 }}", "expected a number"},
        {"{{ 0x }}", "expected a number"},
    };
    (void)state;
    CHECK_FAILURES(cases, BANTAM_ERR_FORMAT);
}

static void statements_beyond_the_subset_are_named(void **state)
{
    static const template_case cases[] = {
        {"{% include 'x' %}", "line 1: 'include' is not supported"},
        {"{% extends 'x' %}", "'extends'"},
        {"{% import 'x' as y %}", "'import'"},
        {"{% from 'x' import y %}", "'from'"},
        {"{% block a %}{% endblock %}", "'block'"},
        {"{% do l.append(1) %}", "'do'"},
        {"{% autoescape true %}{% endautoescape %}", "'autoescape'"},
        {"{% trans %}{% endtrans %}", "'trans'"},
        {"{% for i in l recursive %}{% endfor %}", "recursive loops"},
        {"{% for i in l %}{{ loop(l) }}{% endfor %}", "recursive loops"},
        {"{{ l[1, 2] }}", "subscripts with commas"},
    };
    (void)state;
    CHECK_FAILURES(cases, BANTAM_ERR_UNSUPPORTED);
}

static void statements_that_fail_name_their_line(void **state)
{
    static const template_case cases[] = {
        {"\n{% for a, b in [(1, 2, 3)] %}{% endfor %}",
         "line 2: expected 2 values to unpack, found 3"},
        {"{% for i in nothing %}{% endfor %}", "'NoneType' object is not iterable"},
        {"{% set a, b = [1] %}", "expected 2 values to unpack, found 1"},
        {"{% set d.x = 5 %}", "attributes can be set on namespaces only, not on 'dict'"},
        {"{% set zz.x = 5 %}", "'zz' is undefined"},
        {"{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}",
         "macro 'm' takes at most 1 arguments, found 2"},
        {"{% macro m(a) %}{% endmacro %}{{ m(b=2) }}", "takes no argument 'b'"},
        {"{% macro m(a) %}{% endmacro %}{{ m(1, a=2) }}", "argument 'a' is given twice"},
        {"{% macro m() %}x{% endmacro %}{% call m() %}z{% endcall %}",
         "takes no argument 'caller'"},
        {"{% macro m(a) %}{{ a.x }}{% endmacro %}{{ m() }}", "parameter 'a' was not provided"},
        {"{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}", "'caller' is undefined"},
        {"{{ range(**5) }}", "arguments behind ** must be a dict"},
        {"{{ range(*5) }}", "'int' object is not iterable"},
    };
    (void)state;
    CHECK_FAILURES(cases, BANTAM_ERR_INVALID);
}

/* ---- exceptions, limits, threads, memory ---------------------------------------------------
 */

static void an_exception_of_the_template_is_the_whole_message(void **state)
{
    static const char source[] =
        "{% if n %}\n{{ raise_exception('roles must ' ~ 'alternate') }}{% endif %}";
    json_t *const variables = case_json(case_variables);
    bantam_error err = {0};
    bnt_buf out;

    (void)state;
    bnt_buf_init(&out, 100);
    assert_int_equal(case_render(source, sizeof source - 1, variables, NULL, &out, &err),
                     BANTAM_ERR_INVALID);
    assert_string_equal(err.message, "roles must alternate");
    assert_int_equal(out.size, 0);
    bnt_buf_deinit(&out);
    json_decref(variables);
}

static bantam_status render_text(const char *source, const char *variables,
                                 const bnt_template_limits *limits, char *text, size_t size,
                                 bantam_error *err)
{
    json_t *const v = variables ? case_json(variables) : NULL;
    bnt_buf out;
    bnt_buf_init(&out, size - 1);
    const bantam_status status = case_render(source, strlen(source), v, limits, &out, err);
    if (out.size) memcpy(text, out.data, out.size);
    text[out.size] = '\0';
    bnt_buf_deinit(&out);
    json_decref(v);
    return status;
}

static void variables_may_be_absent_and_hide_functions(void **state)
{
    char text[100];
    bantam_error err = {0};

    (void)state;
    assert_int_equal(render_text("a{{ x }}b", NULL, NULL, text, sizeof text, &err), BANTAM_OK);
    assert_string_equal(text, "ab");
    assert_int_equal(render_text("{{ range }}{{ n }}",
                                 "{\"range\": 5, \"n\": 9223372036854775807}", NULL, text,
                                 sizeof text, &err),
                     BANTAM_OK);
    assert_string_equal(text, "59223372036854775807");
    assert_int_equal(render_text("{{ x['a\\x00b'] }}|{{ x.y }}", "{\"x\": {\"y\": 1.0}}", NULL,
                                 text, sizeof text, &err),
                     BANTAM_OK);
    assert_string_equal(text, "|1.0");
}

static void without_a_time_the_clock_is_read(void **state)
{
    char text[100];
    bantam_error err = {0};

    (void)state;
    assert_int_equal(
        render_text("{{ strftime_now('%Y')|int > 2023 }}", NULL, NULL, text, sizeof text, &err),
        BANTAM_OK);
    assert_string_equal(text, "True");
}

static void dates_are_right_far_from_today(void **state)
{
    static const struct {
        int64_t now;
        const char *expected;
    } cases[] = {{-1, "1969-12-31 23:59:59 Wed 365"},
                 {951782400, "2000-02-29 00:00:00 Tue 060"},
                 {978220800, "2000-12-31 00:00:00 Sun 366"},
                 {4107542400, "2100-03-01 00:00:00 Mon 060"},
                 {253402300799, "9999-12-31 23:59:59 Fri 365"},
                 {-62135596800, "0001-01-01 00:00:00 Mon 001"}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const bnt_template_limits limits = {.now = cases[i].now};
        char text[100];
        bantam_error err = {0};
        assert_int_equal(render_text("{{ strftime_now('%Y-%m-%d %H:%M:%S %a %j') }}", NULL,
                                     &limits, text, sizeof text, &err),
                         BANTAM_OK);
        assert_string_equal(text, cases[i].expected);
    }
}

static void a_limit_that_is_reached_is_full(void **state)
{
    static const char loop[] = "{% for i in range(1000) %}{{ i }}{% endfor %}";
    const bnt_template_limits few_steps = {.steps = 500}, few_bytes = {.bytes = 2000};
    const bnt_template_limits enough = {.steps = 20000, .bytes = 100000};
    char text[8192];
    bantam_error err = {0};

    (void)state;
    assert_int_equal(render_text(loop, NULL, &few_steps, text, sizeof text, &err),
                     BANTAM_ERR_FULL);
    assert_string_equal(err.message, "line 1: more than 500 steps");
    assert_int_equal(render_text(loop, NULL, &few_bytes, text, sizeof text, &err),
                     BANTAM_ERR_FULL);
    assert_string_equal(err.message, "line 1: the values need more than 2000 bytes");
    assert_int_equal(render_text(loop, NULL, &enough, text, sizeof text, &err), BANTAM_OK);
    assert_int_equal(strlen(text), 10 + 90 * 2 + 900 * 3);
    /* The caller's buffer is a limit too. */
    assert_int_equal(render_text(loop, NULL, NULL, text, 100, &err), BANTAM_ERR_FULL);
    assert_non_null(strstr(err.message, "the output is longer than 99 bytes"));
}

/* What is added to a string or list in a loop costs in proportion to what is added. */
static void growing_values_cost_what_they_grow_by(void **state)
{
    const bnt_template_limits limits = {.bytes = 2 << 20};
    char text[100];
    bantam_error err = {0};

    (void)state;
    assert_int_equal(
        render_text("{% set ns = namespace(s='', l=[]) %}{% for i in range(3000) %}"
                    "{% set ns.s = ns.s + 'twenty letters or so' %}"
                    "{% set ns.l = ns.l + [i] %}{% endfor %}"
                    "{{ ns.s|length }} {{ ns.l|length }} {{ ns.l[2999] }}",
                    NULL, &limits, text, sizeof text, &err),
        BANTAM_OK);
    assert_string_equal(text, "60000 3000 2999");
}

/* ---- threads ---- */

static const char long_source[] =
    "{% macro show(m, depth=0) %}{{ m.role|upper }}: {{ m.content|trim }}"
    "{% if depth < 3 %}{{ show(m, depth + 1) }}{% endif %}{% endmacro %}"
    "{% set ns = namespace(n=0, all='') %}"
    "{% for m in messages if m.role != 'tool' %}{% set ns.n = ns.n + 1 %}"
    "{% set ns.all = ns.all ~ show(m) ~ loop.index %}{% endfor %}"
    "{% set x %}{{ tools|tojson(indent=2) }}{% endset %}"
    "{{ ns.all }}{{ x }}{{ 'grüße'|upper }}{{ [1, 'a', {'é': none}] }}{{ '%05.2f'|format(ns.n) "
    "}}"
    "{{ messages|map(attribute='role')|unique|sort|join(',') }}{{ strftime_now('%Y') }}";
static const char long_variables[] = "{\"messages\": [{\"role\": \"user\", \"content\": \" hi "
                                     "\"}, {\"role\": \"tool\", \"content\": \"\"},"
                                     " {\"role\": \"assistant\", \"content\": \"\\u00e9\"}], "
                                     "\"tools\": [{\"a\": {\"b\": [1, 2.5, null]}}]}";

typedef struct job {
    const bnt_template *t;
    const json_t *variables;
    char text[4096];
    bantam_status status;
} job;

static void *render_often(void *argument)
{
    job *const j = argument;
    const bnt_template_limits limits = {.now = CASE_NOW};

    for (int i = 0; i < 50 && !j->status; i++) {
        bnt_buf out;
        bnt_buf_init(&out, sizeof j->text - 1);
        j->status = bnt_template_render(j->t, j->variables, &limits, &out, NULL);
        if (out.size) memcpy(j->text, out.data, out.size);
        j->text[out.size] = '\0';
        bnt_buf_deinit(&out);
    }
    return NULL;
}

static void a_template_may_be_rendered_by_several_threads(void **state)
{
    json_t *const variables = case_json(long_variables);
    bnt_template *t = NULL;
    pthread_t threads[3];
    static job jobs[3];

    (void)state;
    assert_int_equal(bnt_template_parse(&t, long_source, sizeof long_source - 1, NULL),
                     BANTAM_OK);
    for (int i = 0; i < 3; i++) {
        jobs[i].t = t;
        jobs[i].variables = variables;
        assert_int_equal(pthread_create(&threads[i], NULL, render_often, &jobs[i]), 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(jobs[i].status, BANTAM_OK);
        assert_string_equal(jobs[i].text, jobs[0].text);
    }
    assert_non_null(strstr(jobs[0].text, "USER: hiUSER: hiUSER: hiUSER: hi1ASSISTANT: é"));
    assert_non_null(
        strstr(jobs[0].text, "GRÜSSE[1, 'a', {'é': None}]02.00assistant,tool,user2024"));
    bnt_template_close(t);
    json_decref(variables);
}

/* ---- memory ---- */

static void no_failed_allocation_is_more_than_an_error(void **state)
{
    json_t *const variables = case_json(long_variables);
    const int64_t live = bnt_mem_live();
    bool done = false;
    uint64_t n = 0;

    (void)state;
    for (; !done && n < 10000; n++) {
        bantam_error err = {0};
        bnt_buf out;
        bnt_buf_init(&out, 1 << 20);
        bnt_mem_fail_after(n);
        const bantam_status status =
            case_render(long_source, sizeof long_source - 1, variables, NULL, &out, &err);
        bnt_mem_fail_after(UINT64_MAX);
        done = !status;
        if (!done) assert_int_equal(status, BANTAM_ERR_NOMEM);
        if (!done) assert_int_equal(out.size, 0);
        bnt_buf_deinit(&out);
        assert_int_equal(bnt_mem_live(), live);
    }
    assert_true(done);
    assert_true(n > 20);
    json_decref(variables);
}

static void closing_nothing_is_allowed(void **state)
{
    (void)state;
    bnt_template_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(white_space_is_trimmed_as_hugging_face_sets_it_up),
        cmocka_unit_test(comments_leave_nothing_behind),
        cmocka_unit_test(raw_blocks_keep_what_is_in_them),
        cmocka_unit_test(delimiters_inside_of_expressions_do_not_end_them),
        cmocka_unit_test(branches_are_chosen),
        cmocka_unit_test(loops_go_over_everything_that_can_be_iterated),
        cmocka_unit_test(loop_tells_where_it_is),
        cmocka_unit_test(a_filtered_loop_sees_only_what_it_chose),
        cmocka_unit_test(break_and_continue_leave_what_is_open),
        cmocka_unit_test(assignments_stay_in_their_scope),
        cmocka_unit_test(namespaces_carry_values_out_of_loops),
        cmocka_unit_test(blocks_of_text_become_values),
        cmocka_unit_test(macros_take_arguments_as_python_functions_do),
        cmocka_unit_test(macros_see_what_is_around_them),
        cmocka_unit_test(call_blocks_hand_their_body_to_a_macro),
        cmocka_unit_test(iterators_are_read_once_and_views_again_and_again),
        cmocka_unit_test(bad_syntax_is_refused_with_its_line),
        cmocka_unit_test(statements_beyond_the_subset_are_named),
        cmocka_unit_test(statements_that_fail_name_their_line),
        cmocka_unit_test(an_exception_of_the_template_is_the_whole_message),
        cmocka_unit_test(variables_may_be_absent_and_hide_functions),
        cmocka_unit_test(without_a_time_the_clock_is_read),
        cmocka_unit_test(dates_are_right_far_from_today),
        cmocka_unit_test(a_limit_that_is_reached_is_full),
        cmocka_unit_test(growing_values_cost_what_they_grow_by),
        cmocka_unit_test(a_template_may_be_rendered_by_several_threads),
        cmocka_unit_test(no_failed_allocation_is_more_than_an_error),
        cmocka_unit_test(closing_nothing_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
