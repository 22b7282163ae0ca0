/* template_ops.c - what operators, subscripts and attributes mean for each type.
 *
 * Whole numbers are 64 bits wide; Python's are not, so a result that does not fit is an error
 * and never another number.
 */
#include "template/template_ops.h"

#include "base/utf8.h"
#include "template/template_builtin.h"
#include "template/template_print.h"

#include <inttypes.h>
#include <math.h>

static const char *const op_names[] = {"+",  "-",  "*", "/",  "//", "%",  "**", "~",
                                       "==", "!=", "<", "<=", ">",  ">=", "in", "not in"};

static bnt_tv overflow(bnt_render *r)
{
    return bnt_tv_fail(r, BANTAM_ERR_INVALID, "the result does not fit in 64 bits");
}

static bnt_tv zero_division(bnt_render *r)
{
    return bnt_tv_fail(r, BANTAM_ERR_INVALID, "division by zero");
}

static bnt_tv bad_operands(bnt_render *r, bnt_tv_op op, bnt_tv a, bnt_tv b)
{
    if (a.type == BNT_TV_UNDEFINED) return bnt_tv_use_undefined(r, a);
    if (b.type == BNT_TV_UNDEFINED) return bnt_tv_use_undefined(r, b);
    return bnt_tv_fail(r, BANTAM_ERR_INVALID, "unsupported operand types for %s: '%s' and '%s'",
                       op_names[op], bnt_tv_type_name(a.type), bnt_tv_type_name(b.type));
}

/* ---- whole numbers ---- */

static bool add_int(int64_t a, int64_t b, int64_t *out)
{
    if (b > 0 ? a > INT64_MAX - b : a < INT64_MIN - b) return false;
    *out = a + b;
    return true;
}

static bool sub_int(int64_t a, int64_t b, int64_t *out)
{
    if (b > 0 ? a < INT64_MIN + b : a > INT64_MAX + b) return false;
    *out = a - b;
    return true;
}

static bool mul_int(int64_t a, int64_t b, int64_t *out)
{
    if (a == -1 || b == -1) { /* the one quotient that wraps is INT64_MIN / -1 */
        const int64_t other = a == -1 ? b : a;
        if (other == INT64_MIN) return false;
        *out = -other;
        return true;
    }
    if (b && (b > 0 ? a > INT64_MAX / b || a < INT64_MIN / b
                    : a < INT64_MAX / b || a > INT64_MIN / b)) {
        return false;
    }
    *out = a * b;
    return true;
}

/* Toward minus infinity, as Python divides. b is neither 0 nor, with INT64_MIN, -1. */
static int64_t floor_div(int64_t a, int64_t b)
{
    const int64_t q = a / b;
    return a % b && (a < 0) != (b < 0) ? q - 1 : q;
}

static bnt_tv power_int(bnt_render *r, int64_t base, int64_t exponent)
{
    if (exponent < 0) {
        if (!base) return zero_division(r);
        return bnt_tv_float(pow((double)base, (double)exponent));
    }
    int64_t result = 1;
    while (exponent) {
        if (exponent & 1 && !mul_int(result, base, &result)) return overflow(r);
        exponent >>= 1;
        /* 0, 1 and -1 stay small; anything else overflows within 63 squarings. */
        if (exponent && !mul_int(base, base, &base)) return overflow(r);
    }
    return bnt_tv_int(result);
}

static bnt_tv binary_ints(bnt_render *r, bnt_tv_op op, int64_t a, int64_t b)
{
    int64_t out = 0;

    switch (op) {
    case BNT_TV_ADD:
        return add_int(a, b, &out) ? bnt_tv_int(out) : overflow(r);
    case BNT_TV_SUB:
        return sub_int(a, b, &out) ? bnt_tv_int(out) : overflow(r);
    case BNT_TV_MUL:
        return mul_int(a, b, &out) ? bnt_tv_int(out) : overflow(r);
    case BNT_TV_POW:
        return power_int(r, a, b);
    case BNT_TV_DIV:
        return b ? bnt_tv_float((double)a / (double)b) : zero_division(r);
    default:
        break;
    }
    if (!b) return zero_division(r);
    if (b == -1) { /* INT64_MIN / -1 traps on some processors, INT64_MIN % -1 too */
        if (op == BNT_TV_MOD) return bnt_tv_int(0);
        return a == INT64_MIN ? overflow(r) : bnt_tv_int(-a);
    }
    const int64_t q = floor_div(a, b);
    return bnt_tv_int(op == BNT_TV_MOD ? a - q * b : q);
}

static bnt_tv power_float(bnt_render *r, double a, double b)
{
    if (a == 0.0 && b < 0.0) return zero_division(r);
    if (a < 0.0 && isfinite(b) && b != floor(b)) {
        return bnt_tv_fail(r, BANTAM_ERR_UNSUPPORTED, "complex numbers are not supported");
    }
    const double result = pow(a, b);
    if (isinf(result) && isfinite(a) && isfinite(b)) {
        return bnt_tv_fail(r, BANTAM_ERR_INVALID, "the result is too large for a float");
    }
    return bnt_tv_float(result);
}

static bnt_tv binary_floats(bnt_render *r, bnt_tv_op op, double a, double b)
{
    switch (op) {
    case BNT_TV_ADD:
        return bnt_tv_float(a + b);
    case BNT_TV_SUB:
        return bnt_tv_float(a - b);
    case BNT_TV_MUL:
        return bnt_tv_float(a * b);
    case BNT_TV_POW:
        return power_float(r, a, b);
    default:
        break;
    }
    if (b == 0.0) return zero_division(r);
    if (op == BNT_TV_DIV) return bnt_tv_float(a / b);

    /* The remainder takes the sign of b, and the quotient is what it leaves. */
    double rest = fmod(a, b);
    if (rest != 0.0 && (rest < 0.0) != (b < 0.0)) rest += b;
    if (op == BNT_TV_MOD) return bnt_tv_float(rest == 0.0 ? copysign(0.0, b) : rest);
    const double whole = (a - rest) / b;
    const double q = floor(whole);
    return bnt_tv_float(whole - q > 0.5 ? q + 1.0 : q);
}

/* ---- strings and lists ---- */

/* Bytes of a followed by bytes of b. Where a was itself made here and nothing follows it yet,
 * b is written behind it. */
static bnt_tv concat_strings(bnt_render *r, bnt_tv a, bnt_tv b)
{
    bnt_tv_str *const x = a.u.s, *const y = b.u.s;
    bnt_tv_tail *tail = x->tail;
    const size_t size = x->size + y->size;

    if (!y->size) return a;
    if (!x->size) return b;
    if (!bnt_render_work(r, y->size / 64)) return bnt_tv_none();
    const bnt_tv v = bnt_tv_borrow(r, x->data, size);
    if (r->status) return v;

    if (!tail || tail->used != x->size || y->size > tail->capacity - x->size) {
        const size_t room = tail ? 2 * size : size + size / 4 + 16;
        tail = bnt_render_alloc(r, 1, sizeof *tail);
        char *const data = bnt_render_alloc(r, room, 1);
        if (!tail || !data || !bnt_render_work(r, x->size / 64)) return bnt_tv_none();
        memcpy(data, x->data, x->size);
        tail->capacity = room;
        v.u.s->data = data;
    }
    memcpy((char *)(uintptr_t)v.u.s->data + x->size, y->data, y->size);
    tail->used = size;
    v.u.s->tail = tail;
    if (x->chars != BNT_TV_UNCOUNTED && y->chars != BNT_TV_UNCOUNTED) {
        v.u.s->chars = x->chars + y->chars;
    }
    return v;
}

/* A list that shares a's items where it can, and ends with b's. */
static bnt_tv concat_lists(bnt_render *r, bnt_tv a, bnt_tv b)
{
    size_t na, nb;
    const bnt_tv *const x = bnt_tv_items(r, a, &na), *const y = bnt_tv_items(r, b, &nb);
    const bnt_tv out = bnt_tv_share_list(r, (bnt_tv_type)a.type, x, na, a.u.l->tail);
    if (r->status || !bnt_render_work(r, nb / 16)) return out;

    for (size_t i = 0; i < nb && !r->status; i++) {
        bnt_tv_push(r, out, y[i]);
    }
    return out;
}

static bnt_tv repeat(bnt_render *r, bnt_tv v, int64_t times)
{
    const uint64_t n = times > 0 ? (uint64_t)times : 0;
    const uint64_t room = r->bytes_left;

    if (v.type == BNT_TV_STRING) {
        const size_t mark = bnt_text_begin(r), size = v.u.s->size;
        if (size && n > room / size) {
            bnt_render_charge(r, UINT64_MAX);
            return v;
        }
        for (uint64_t i = 0; size && i < n && bnt_render_work(r, i % 16 == 0); i++) {
            bnt_buf_put(&r->text, v.u.s->data, size);
        }
        return bnt_text_end(r, mark);
    }
    size_t count;
    const bnt_tv *const items = bnt_tv_items(r, v, &count);
    const bnt_tv out = bnt_tv_new_list(r, (bnt_tv_type)v.type, 0);
    for (uint64_t k = 0; count && k < n && bnt_render_work(r, 1); k++) {
        for (size_t i = 0; i < count && !r->status; i++) {
            bnt_tv_push(r, out, items[i]);
        }
    }
    return out;
}

/* ---- membership ---- */

static bool contains(bnt_render *r, bnt_tv container, bnt_tv item)
{
    bnt_tv_seq seq;

    if (container.type == BNT_TV_STRING) {
        if (item.type == BNT_TV_STRING) {
            return bnt_text_find(r, bnt_tv_text(container), bnt_tv_text(item), 0) != SIZE_MAX;
        }
        bnt_tv_fail(r, BANTAM_ERR_INVALID,
                    "'in <string>' needs a string on its left, found '%s'",
                    bnt_tv_type_name(item.type));
        return false;
    }
    if (container.type == BNT_TV_DICT) {
        return bnt_tv_check_key(r, item) && bnt_tv_find(r, container, item);
    }
    if (!bnt_tv_seq_of(r, container, &seq)) return false;
    for (size_t i = 0; i < seq.n; i++) {
        if (i % 16 == 15 && !bnt_render_work(r, 1)) return false;
        if (bnt_tv_equal(r, bnt_tv_seq_at(&seq, i), item)) return true;
    }
    return false;
}

static bnt_tv compare(bnt_render *r, bnt_tv_op op, bnt_tv a, bnt_tv b)
{
    if (op == BNT_TV_EQ) return bnt_tv_bool(bnt_tv_equal(r, a, b));
    if (op == BNT_TV_NE) return bnt_tv_bool(!bnt_tv_equal(r, a, b));
    if (op == BNT_TV_IN) return bnt_tv_bool(contains(r, b, a));
    if (op == BNT_TV_NOT_IN) return bnt_tv_bool(!contains(r, b, a));

    const bnt_tv_order o = bnt_tv_compare(r, a, b, op_names[op]);
    switch (op) {
    case BNT_TV_LT:
        return bnt_tv_bool(o == BNT_TV_LESS);
    case BNT_TV_LE:
        return bnt_tv_bool(o == BNT_TV_LESS || o == BNT_TV_SAME);
    case BNT_TV_GT:
        return bnt_tv_bool(o == BNT_TV_GREATER);
    default:
        return bnt_tv_bool(o == BNT_TV_GREATER || o == BNT_TV_SAME);
    }
}

static bool is_sequence(bnt_tv v)
{
    return v.type == BNT_TV_STRING || v.type == BNT_TV_LIST || v.type == BNT_TV_TUPLE;
}

bnt_tv bnt_tv_binary(bnt_render *r, bnt_tv_op op, bnt_tv a, bnt_tv b)
{
    if (r->status) return a;
    if (op >= BNT_TV_EQ) return compare(r, op, a, b);
    if (op == BNT_TV_CONCAT) {
        a = bnt_tv_to_str(r, a);
        b = bnt_tv_to_str(r, b);
        return r->status ? a : concat_strings(r, a, b);
    }
    if (bnt_tv_is_integral(a) && bnt_tv_is_integral(b)) {
        return binary_ints(r, op, a.u.i, b.u.i);
    }
    if (bnt_tv_is_number(a) && bnt_tv_is_number(b)) {
        return binary_floats(r, op, bnt_tv_number(a), bnt_tv_number(b));
    }
    if (op == BNT_TV_ADD && is_sequence(a) && a.type == b.type) {
        return a.type == BNT_TV_STRING ? concat_strings(r, a, b) : concat_lists(r, a, b);
    }
    if (op == BNT_TV_MUL && is_sequence(a) && bnt_tv_is_integral(b)) return repeat(r, a, b.u.i);
    if (op == BNT_TV_MUL && is_sequence(b) && bnt_tv_is_integral(a)) return repeat(r, b, a.u.i);
    if (op == BNT_TV_MOD && a.type == BNT_TV_STRING) return bnt_str_percent(r, a, b);
    return bad_operands(r, op, a, b);
}

bnt_tv bnt_tv_sign(bnt_render *r, bnt_tv v, bool negative)
{
    if (v.type == BNT_TV_FLOAT) return bnt_tv_float(negative ? -v.u.f : v.u.f);
    if (bnt_tv_is_integral(v)) {
        if (negative && v.u.i == INT64_MIN) return overflow(r);
        return bnt_tv_int(negative ? -v.u.i : v.u.i);
    }
    if (v.type == BNT_TV_UNDEFINED) return bnt_tv_use_undefined(r, v);
    return bnt_tv_fail(r, BANTAM_ERR_INVALID, "bad operand type for unary %c: '%s'",
                       negative ? '-' : '+', bnt_tv_type_name(v.type));
}

/* ---- attributes ---- */

static bool loop_attr(bnt_tv_loop *loop, bantam_text name, bnt_tv *out)
{
    static const char *const names[] = {"index",  "index0",   "revindex", "revindex0",
                                        "first",  "last",     "length",   "depth",
                                        "depth0", "previtem", "nextitem"};
    const size_t at = loop->at, n = loop->seq.n;
    size_t which = 0;

    while (which < sizeof names / sizeof *names &&
           (strlen(names[which]) != name.size || memcmp(names[which], name.data, name.size))) {
        which++;
    }
    const int64_t numbers[] = {(int64_t)at + 1,
                               (int64_t)at,
                               (int64_t)(n - at),
                               (int64_t)(n - at) - 1,
                               at == 0,
                               at + 1 == n,
                               (int64_t)n,
                               1,
                               0};
    if (which == 4 || which == 5) {
        *out = bnt_tv_bool(numbers[which] != 0);
    } else if (which < 9) {
        *out = bnt_tv_int(numbers[which]);
    } else if (which == 9 && at > 0) {
        *out = bnt_tv_seq_at(&loop->seq, at - 1);
    } else if (which == 10 && at + 1 < n) {
        *out = bnt_tv_seq_at(&loop->seq, at + 1);
    } else if (which < 11) {
        *out = bnt_tv_undefined(BNT_TV_EMPTY, BNT_TV_LOOP, NULL);
    } else {
        return false;
    }
    return true;
}

/* Attributes that are not members: methods, and fields of the interpreter's own objects. */
static bool own_attr(bnt_render *r, bnt_tv v, bantam_text name, bnt_tv *out)
{
    if (v.type == BNT_TV_LOOP && loop_attr(v.u.loop, name, out)) return true;
    if (v.type == BNT_TV_CYCLER && name.size == 7 && !memcmp(name.data, "current", 7)) {
        *out = v.u.cycler->items[v.u.cycler->at];
        return true;
    }
    if (v.type == BNT_TV_TUPLE && v.sub == BNT_TV_GROUP) {
        const bool grouper = name.size == 7 && !memcmp(name.data, "grouper", 7);
        *out = v.u.l->items[grouper ? 0 : 1];
        if (grouper || (name.size == 4 && !memcmp(name.data, "list", 4))) return true;
    }
    const bnt_tv_builtin *const table = bnt_methods_of((bnt_tv_type)v.type);
    const bnt_tv_builtin *const method = bnt_builtin_find(table, name);
    if (method) {
        *out = v;
        out->type = BNT_TV_METHOD;
        out->sub = v.type;
        out->id = (uint16_t)(method - table);
        return true;
    }
    if (bnt_method_is_known((bnt_tv_type)v.type, name)) {
        *out = bnt_tv_fail(r, BANTAM_ERR_UNSUPPORTED, "'%.*s' of '%s' is not supported",
                           BNT_TEXT_ARG(name), bnt_tv_type_name(v.type));
        return true;
    }
    return false;
}

bnt_tv bnt_tv_attr(bnt_render *r, bnt_tv v, bnt_tv_str *name)
{
    const bantam_text text = {name->data, name->size};
    const bnt_tv key = {.type = BNT_TV_STRING, .u.s = name};
    bnt_tv out;

    if (v.type == BNT_TV_UNDEFINED) return bnt_tv_use_undefined(r, v);
    if (own_attr(r, v, text, &out)) return out;
    if (v.type == BNT_TV_DICT || v.type == BNT_TV_NAMESPACE) {
        const bnt_tv *const member = bnt_tv_find(r, v, key);
        if (member) return *member;
    }
    if (name->size > 1 && name->data[0] == '_' && name->data[1] == '_') {
        return bnt_tv_fail(r, BANTAM_ERR_INVALID, "access to attribute '%.*s' is not allowed",
                           BNT_TEXT_ARG(text));
    }
    return bnt_tv_undefined(BNT_TV_NO_ATTR, (bnt_tv_type)v.type, name);
}

void bnt_tv_set_attr(bnt_render *r, bnt_tv v, bnt_tv_str *name, bnt_tv value)
{
    if (v.type == BNT_TV_UNDEFINED) {
        bnt_tv_use_undefined(r, v);
    } else if (v.type != BNT_TV_NAMESPACE) {
        bnt_tv_fail(r, BANTAM_ERR_INVALID,
                    "attributes can be set on namespaces only, not on '%s'",
                    bnt_tv_type_name(v.type));
    } else {
        bnt_tv_set(r, v, (bnt_tv){.type = BNT_TV_STRING, .u.s = name}, value);
    }
}

/* ---- subscripts ---- */

bnt_tv bnt_tv_substring(bnt_render *r, bnt_tv s, size_t first, size_t n)
{
    const size_t begin = bnt_tv_char_offset(r, s.u.s, first);
    size_t end = s.u.s->size;
    const bool ascii = s.u.s->chars == s.u.s->size;

    if (ascii) {
        end = begin + n;
    } else if (first + n < bnt_tv_chars(r, s.u.s)) {
        end = begin;
        uint32_t code;
        for (size_t i = 0; i < n; i++) {
            end += bnt_utf8_decode(s.u.s->data + end, s.u.s->size - end, &code);
        }
    }
    const bnt_tv v = bnt_tv_borrow(r, s.u.s->data + begin, end - begin);
    if (v.type == BNT_TV_STRING) v.u.s->chars = n;
    return v;
}

/* Whether index, counted from the end where it is negative, is one of n; *at is then which. */
static bool place(int64_t index, size_t n, size_t *at)
{
    if (index < 0) index += (int64_t)n;
    if (index < 0 || (uint64_t)index >= n) return false;
    *at = (size_t)index;
    return true;
}

bnt_tv bnt_tv_item(bnt_render *r, bnt_tv v, bnt_tv key)
{
    size_t n, at;
    bnt_tv_str *const name = key.type == BNT_TV_STRING ? key.u.s : NULL;

    if (v.type == BNT_TV_UNDEFINED) return bnt_tv_use_undefined(r, v);
    if (v.type == BNT_TV_DICT) {
        const bnt_tv *const member = bnt_tv_find(r, v, key);
        if (member) return *member;
    } else if (bnt_tv_is_integral(key)) {
        if (v.type == BNT_TV_LIST || v.type == BNT_TV_TUPLE) {
            const bnt_tv *const items = bnt_tv_items(r, v, &n);
            if (place(key.u.i, n, &at)) return items[at];
        } else if (v.type == BNT_TV_STRING) {
            if (place(key.u.i, bnt_tv_chars(r, v.u.s), &at)) {
                return bnt_tv_substring(r, v, at, 1);
            }
        } else if (v.type == BNT_TV_RANGE) {
            if (place(key.u.i, v.u.r->n, &at)) {
                return bnt_tv_int(v.u.r->start + (int64_t)at * v.u.r->step);
            }
        }
    }
    if (name) return bnt_tv_attr(r, v, name);
    return bnt_tv_undefined(BNT_TV_NO_ITEM, (bnt_tv_type)v.type, NULL);
}

/* A bound of a slice, as Python clips it: between low and high. */
static bool slice_bound(bnt_render *r, bnt_tv v, int64_t n, int64_t low, int64_t high,
                        int64_t *out)
{
    if (v.type == BNT_TV_NONE) return true;
    if (!bnt_tv_is_integral(v)) {
        bnt_tv_fail(r, BANTAM_ERR_INVALID, "slice indices must be integers, found '%s'",
                    bnt_tv_type_name(v.type));
        return false;
    }
    int64_t i = v.u.i;
    if (i < 0) i += n;
    *out = i < low ? low : i > high ? high : i;
    return true;
}

static bnt_tv slice_string(bnt_render *r, bnt_tv v, int64_t from, int64_t step, size_t count)
{
    if (step == 1 || !count) return bnt_tv_substring(r, v, (size_t)from, count);

    bnt_tv_seq seq;
    const size_t mark = bnt_text_begin(r);
    if (!bnt_tv_seq_of(r, v, &seq)) return v;
    for (size_t i = 0; i < count && bnt_render_work(r, 1); i++) {
        bnt_tv_put_str(r, seq.items[from + (int64_t)i * step]);
    }
    return bnt_text_end(r, mark);
}

/* Members of a range fit in 64 bits; its end, which is only printed, wraps where it does not.
 */
static bnt_tv slice_range(bnt_render *r, bnt_tv v, int64_t from, int64_t to, int64_t step,
                          size_t count)
{
    const bnt_tv_range *const old = v.u.r;
    const uint64_t start = (uint64_t)old->start, by = (uint64_t)old->step;
    bnt_tv_range *const range = bnt_render_alloc(r, 1, sizeof *range);
    if (!range) return v;

    range->n = count;
    range->start = (int64_t)(start + (uint64_t)from * by);
    range->stop = (int64_t)(start + (uint64_t)to * by);
    range->step = (int64_t)((uint64_t)step * by);
    v.u.r = range;
    return v;
}

bnt_tv bnt_tv_slice(bnt_render *r, bnt_tv v, bnt_tv start, bnt_tv stop, bnt_tv step)
{
    size_t n = 0;
    int64_t by = 1;

    if (v.type == BNT_TV_UNDEFINED) return bnt_tv_use_undefined(r, v);
    if (!is_sequence(v) && v.type != BNT_TV_RANGE) {
        return bnt_tv_fail(r, BANTAM_ERR_INVALID, "'%s' object cannot be sliced",
                           bnt_tv_type_name(v.type));
    }
    if (!bnt_tv_length(r, v, &n)) return v;
    if (!slice_bound(r, step, 0, -INT32_MAX, INT32_MAX, &by)) return v;
    if (!by) return bnt_tv_fail(r, BANTAM_ERR_INVALID, "slice step cannot be zero");

    const int64_t length = (int64_t)n;
    const int64_t low = by < 0 ? -1 : 0, high = by < 0 ? length - 1 : length;
    int64_t from = by < 0 ? high : low, to = by < 0 ? low : high;
    if (!slice_bound(r, start, length, low, high, &from)) return v;
    if (!slice_bound(r, stop, length, low, high, &to)) return v;
    const int64_t span = by < 0 ? from - to : to - from, stride = by < 0 ? -by : by;
    const size_t count = span > 0 ? (size_t)((span + stride - 1) / stride) : 0;

    if (v.type == BNT_TV_STRING) return slice_string(r, v, from < 0 ? 0 : from, by, count);
    if (v.type == BNT_TV_RANGE) return slice_range(r, v, from, to, by, count);
    bnt_tv_seq seq;
    if (!bnt_tv_seq_of(r, v, &seq)) return v;
    if (by == 1) {
        return bnt_tv_share_list(r, (bnt_tv_type)v.type, seq.items + from, count, NULL);
    }
    const bnt_tv out = bnt_tv_new_list(r, (bnt_tv_type)v.type, count);
    if (!bnt_render_work(r, count / 16)) return out;
    for (size_t i = 0; i < count; i++) {
        bnt_tv_push(r, out, bnt_tv_seq_at(&seq, (size_t)(from + (int64_t)i * by)));
    }
    return out;
}
