/* template_tests.c - what can stand behind `is`, and in select() and its like. */
#include "template/template_builtin.h"

#include "template/template_ops.h"
#include "template/template_print.h"

#include <math.h>

#define TEST(name)                                                                             \
    static bnt_tv test_##name(bnt_render *r, bnt_tv self, const bnt_tv *a,                     \
                              const bnt_tv_args *args)
#define UNUSED (void)r, (void)self, (void)a, (void)args

static bnt_tv type_is(bnt_tv v, bnt_tv_type type)
{
    return bnt_tv_bool(v.type == type);
}

TEST(defined)
{
    UNUSED;
    return bnt_tv_bool(!bnt_tv_is_undefined(self));
}

TEST(undefined)
{
    UNUSED;
    return type_is(self, BNT_TV_UNDEFINED);
}

TEST(none)
{
    UNUSED;
    return type_is(self, BNT_TV_NONE);
}

TEST(boolean)
{
    UNUSED;
    return type_is(self, BNT_TV_BOOL);
}

TEST(true)
{
    UNUSED;
    return bnt_tv_bool(self.type == BNT_TV_BOOL && self.u.i);
}

TEST(false)
{
    UNUSED;
    return bnt_tv_bool(self.type == BNT_TV_BOOL && !self.u.i);
}

TEST(integer)
{
    UNUSED;
    return type_is(self, BNT_TV_INT);
}

TEST(float)
{
    UNUSED;
    return type_is(self, BNT_TV_FLOAT);
}

TEST(number)
{
    UNUSED;
    return bnt_tv_bool(bnt_tv_is_number(self));
}

TEST(string)
{
    UNUSED;
    return type_is(self, BNT_TV_STRING);
}

TEST(mapping)
{
    UNUSED;
    return type_is(self, BNT_TV_DICT);
}

/* What has a length and subscripts; Jinja's undefined has both. */
TEST(sequence)
{
    UNUSED;
    return bnt_tv_bool(self.type == BNT_TV_STRING || self.type == BNT_TV_LIST ||
                       self.type == BNT_TV_TUPLE || self.type == BNT_TV_DICT ||
                       self.type == BNT_TV_RANGE || self.type == BNT_TV_UNDEFINED);
}

TEST(iterable)
{
    const bnt_tv sequence = test_sequence(r, self, a, args);
    return bnt_tv_bool(sequence.u.i || self.type == BNT_TV_VIEW ||
                       self.type == BNT_TV_ITERATOR || self.type == BNT_TV_LOOP);
}

/* Calling an undefined value fails, but its class can be called. */
TEST(callable)
{
    UNUSED;
    return bnt_tv_bool(self.type == BNT_TV_MACRO || self.type == BNT_TV_FUNCTION ||
                       self.type == BNT_TV_METHOD || self.type == BNT_TV_JOINER ||
                       self.type == BNT_TV_LOOP || self.type == BNT_TV_UNDEFINED);
}

TEST(escaped)
{
    UNUSED;
    return bnt_tv_bool(false); /* autoescaping is off and nothing is marked */
}

static bnt_tv remainder_is(bnt_render *r, bnt_tv v, bnt_tv divisor, int64_t wanted)
{
    const bnt_tv rest = bnt_tv_binary(r, BNT_TV_MOD, v, divisor);
    return bnt_tv_bool(!r->status && bnt_tv_equal(r, rest, bnt_tv_int(wanted)));
}

TEST(odd)
{
    UNUSED;
    return remainder_is(r, self, bnt_tv_int(2), 1);
}

TEST(even)
{
    UNUSED;
    return remainder_is(r, self, bnt_tv_int(2), 0);
}

TEST(divisibleby)
{
    UNUSED;
    return remainder_is(r, self, a[0], 0);
}

TEST(eq)
{
    UNUSED;
    return bnt_tv_binary(r, BNT_TV_EQ, self, a[0]);
}

TEST(ne)
{
    UNUSED;
    return bnt_tv_binary(r, BNT_TV_NE, self, a[0]);
}

TEST(lt)
{
    UNUSED;
    return bnt_tv_binary(r, BNT_TV_LT, self, a[0]);
}

TEST(le)
{
    UNUSED;
    return bnt_tv_binary(r, BNT_TV_LE, self, a[0]);
}

TEST(gt)
{
    UNUSED;
    return bnt_tv_binary(r, BNT_TV_GT, self, a[0]);
}

TEST(ge)
{
    UNUSED;
    return bnt_tv_binary(r, BNT_TV_GE, self, a[0]);
}

TEST(in)
{
    UNUSED;
    return bnt_tv_binary(r, BNT_TV_IN, self, a[0]);
}

/* Identity of what Python shares: small values by value, the rest by place. */
TEST(sameas)
{
    UNUSED;
    if (self.type != a[0].type) return bnt_tv_bool(false);
    if (self.type == BNT_TV_LIST || self.type == BNT_TV_TUPLE || self.type == BNT_TV_DICT ||
        self.type == BNT_TV_NAMESPACE) {
        return bnt_tv_bool(self.u.l == a[0].u.l);
    }
    return bnt_tv_bool(bnt_tv_equal(r, self, a[0]));
}

TEST(lower)
{
    const bnt_tv s = bnt_tv_to_str(r, self);
    return r->status ? s : bnt_str_islower_method(r, s, a, args);
}

TEST(upper)
{
    const bnt_tv s = bnt_tv_to_str(r, self);
    return r->status ? s : bnt_str_isupper_method(r, s, a, args);
}

TEST(filter)
{
    UNUSED;
    return bnt_tv_bool(self.type == BNT_TV_STRING &&
                       bnt_builtin_find(bnt_filters, bnt_tv_text(self)));
}

TEST(test)
{
    UNUSED;
    return bnt_tv_bool(self.type == BNT_TV_STRING &&
                       bnt_builtin_find(bnt_tests, bnt_tv_text(self)));
}

const bnt_tv_builtin bnt_tests[] = {
    {"defined", test_defined, "", 0},    {"undefined", test_undefined, "", 0},
    {"none", test_none, "", 0},          {"boolean", test_boolean, "", 0},
    {"true", test_true, "", 0},          {"false", test_false, "", 0},
    {"integer", test_integer, "", 0},    {"float", test_float, "", 0},
    {"number", test_number, "", 0},      {"string", test_string, "", 0},
    {"mapping", test_mapping, "", 0},    {"sequence", test_sequence, "", 0},
    {"iterable", test_iterable, "", 0},  {"callable", test_callable, "", 0},
    {"escaped", test_escaped, "", 0},    {"odd", test_odd, "", 0},
    {"even", test_even, "", 0},          {"divisibleby", test_divisibleby, "num", 1},
    {"eq", test_eq, "other", 1},         {"equalto", test_eq, "other", 1},
    {"==", test_eq, "other", 1},         {"ne", test_ne, "other", 1},
    {"!=", test_ne, "other", 1},         {"lt", test_lt, "other", 1},
    {"lessthan", test_lt, "other", 1},   {"<", test_lt, "other", 1},
    {"le", test_le, "other", 1},         {"<=", test_le, "other", 1},
    {"gt", test_gt, "other", 1},         {"greaterthan", test_gt, "other", 1},
    {">", test_gt, "other", 1},          {"ge", test_ge, "other", 1},
    {">=", test_ge, "other", 1},         {"in", test_in, "seq", 1},
    {"sameas", test_sameas, "other", 1}, {"lower", test_lower, "", 0},
    {"upper", test_upper, "", 0},        {"filter", test_filter, "", 0},
    {"test", test_test, "", 0},          {NULL, NULL, NULL, 0},
};
