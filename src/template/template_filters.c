/* template_filters.c - the table of filters, and those that work on text and numbers.
 *
 * A value that is no string is filtered as str(value), as in Jinja. Filters over sequences are
 * in template_sequence.c.
 */
#include "template/template_builtin.h"

#include "base/utf8.h"
#include "template/template_ops.h"
#include "template/template_print.h"
#include "template/template_unicode.h"

#include <math.h>

#define FILTER(name)                                                                           \
    static bnt_tv filter_##name(bnt_render *r, bnt_tv self, const bnt_tv *a,                   \
                                const bnt_tv_args *args)

/* self as a string, in place; false after a failure. */
static bool to_text(bnt_render *r, bnt_tv *self)
{
    *self = bnt_tv_to_str(r, *self);
    return !r->status;
}

/* ---- text ---- */

FILTER(trim)
{
    bnt_tv_str *set = NULL;
    (void)args;
    if (!to_text(r, &self)) return self;
    if (bnt_arg_given(a[0]) && a[0].type != BNT_TV_NONE &&
        !bnt_arg_str(r, a[0], "trim: the argument", &set)) {
        return self;
    }
    return bnt_str_strip(r, self, set, true, true);
}

FILTER(upper)
{
    (void)a;
    (void)args;
    return to_text(r, &self) ? bnt_str_map_case(r, self, true) : self;
}

FILTER(lower)
{
    (void)a;
    (void)args;
    return to_text(r, &self) ? bnt_str_map_case(r, self, false) : self;
}

FILTER(capitalize)
{
    (void)a;
    (void)args;
    return to_text(r, &self) ? bnt_str_capitalize(r, self) : self;
}

static void put_title_word(bnt_render *r, const char *data, size_t size)
{
    uint32_t code;
    if (!size) return;
    const size_t n = bnt_utf8_decode(data, size, &code);
    const bnt_tv first = bnt_tv_borrow(r, data, n);
    const bnt_tv rest = bnt_tv_borrow(r, data + n, size - n);
    if (!r->status) bnt_tv_put_str(r, bnt_str_map_case(r, first, true));
    if (!r->status) bnt_tv_put_str(r, bnt_str_map_case(r, rest, false));
}

/* Unlike str.title, words begin after white space, hyphens and opening brackets only. */
FILTER(title)
{
    (void)a;
    (void)args;
    if (!to_text(r, &self)) return self;

    const bantam_text t = bnt_tv_text(self);
    const size_t mark = bnt_text_begin(r);
    size_t begin = 0;
    uint32_t code;
    for (size_t at = 0, n; at <= t.size && !r->status; at += n) {
        n = at < t.size ? bnt_utf8_decode(t.data + at, t.size - at, &code) : 1;
        const bool between = at == t.size || bnt_char_is_space(code) ||
                             (code && code < 0x80 && strchr("-({[<", (int)code));
        if (!between) continue;
        put_title_word(r, t.data + begin, at - begin);
        if (at < t.size) bnt_buf_put(&r->text, t.data + at, n);
        begin = at + n;
    }
    return bnt_text_end(r, mark);
}

FILTER(replace)
{
    int64_t count = -1;
    (void)args;
    bnt_tv old = a[0], with = a[1];
    if (!to_text(r, &self) || !to_text(r, &old) || !to_text(r, &with)) return self;
    if (bnt_arg_given(a[2]) && a[2].type != BNT_TV_NONE &&
        !bnt_arg_int(r, a[2], "replace: count", &count)) {
        return self;
    }
    return bnt_str_replace(r, self, old, with, count);
}

FILTER(string)
{
    (void)a;
    (void)args;
    return bnt_tv_to_str(r, self);
}

FILTER(escape)
{
    (void)a;
    (void)args;
    if (!to_text(r, &self)) return self;

    static const char special[] = "&<>'\"";
    static const char *const names[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    const bantam_text t = bnt_tv_text(self);
    const size_t mark = bnt_text_begin(r);
    for (size_t i = 0; i < t.size; i++) {
        const char *const at = t.data[i] ? strchr(special, t.data[i]) : NULL;
        if (at) {
            bnt_buf_puts(&r->text, names[at - special]);
        } else {
            bnt_buf_putc(&r->text, t.data[i]);
        }
    }
    return bnt_text_end(r, mark);
}

FILTER(indent)
{
    const bool first = bnt_arg_given(a[1]) && bnt_tv_truth(a[1]);
    const bool blank = bnt_arg_given(a[2]) && bnt_tv_truth(a[2]);
    int64_t width = 4;
    size_t n;

    bnt_tv_str *unused;
    (void)args;
    if (!bnt_arg_str(r, self, "indent: the value", &unused)) return self;
    bnt_tv pad = a[0];
    if (pad.type != BNT_TV_STRING) {
        if (bnt_arg_given(pad) && !bnt_arg_int(r, pad, "indent: the width", &width)) {
            return self;
        }
        pad = bnt_tv_binary(r, BNT_TV_MUL, bnt_tv_literal(r, " "), bnt_tv_int(width));
    }
    const bnt_tv lines = bnt_str_lines(r, self, false);
    if (r->status) return self;
    const bnt_tv *const items = bnt_tv_items(r, lines, &n);
    const size_t mark = bnt_text_begin(r);
    for (size_t i = 0; i < n || i == 0; i++) { /* an empty text is one empty line */
        const bool empty = i >= n || !items[i].u.s->size;
        if (i) bnt_buf_putc(&r->text, '\n');
        if (i ? blank || !empty : first) bnt_tv_put_str(r, pad);
        if (i < n) bnt_tv_put_str(r, items[i]);
    }
    /* A text that ends in a line break has an empty last line, which splitlines drops. (Jinja
     * appends a newline to see it, which a carriage return at the end swallows.) */
    const bantam_text t = bnt_tv_text(self);
    uint32_t code = 0;
    if (t.size) bnt_char_last(t.data, t.size, &code);
    if (t.size && code != '\r' && code != BNT_UTF8_BAD && bnt_char_is_line_end(code)) {
        bnt_buf_putc(&r->text, '\n');
        if (blank) bnt_tv_put_str(r, pad);
    }
    return bnt_text_end(r, mark);
}

FILTER(truncate)
{
    int64_t length = 255, leeway = 5;
    bnt_tv end = bnt_arg_given(a[2]) ? a[2] : bnt_tv_literal(r, "...");
    bnt_tv_str *unused;

    (void)args;
    if (bnt_tv_is_undefined(self) || !bnt_arg_str(r, self, "truncate: the value", &unused) ||
        !bnt_arg_str(r, end, "truncate: end", &unused)) {
        return self;
    }
    if (bnt_arg_given(a[0]) && !bnt_arg_int(r, a[0], "truncate: length", &length)) return self;
    if (bnt_arg_given(a[3]) && a[3].type != BNT_TV_NONE &&
        !bnt_arg_int(r, a[3], "truncate: leeway", &leeway)) {
        return self;
    }
    const int64_t n = (int64_t)bnt_tv_chars(r, self.u.s),
                  tail = (int64_t)bnt_tv_chars(r, end.u.s);
    if (length < tail || leeway < 0) {
        return bnt_tv_fail(r, BANTAM_ERR_INVALID, "truncate: length and leeway are too small");
    }
    if (n - leeway <= length) return self;
    bnt_tv cut = bnt_tv_substring(r, self, 0, (size_t)(length - tail));
    if (r->status) return self;
    if (!bnt_arg_given(a[1]) || !bnt_tv_truth(a[1])) { /* back to the last space */
        size_t size = cut.u.s->size;
        while (size > 0 && cut.u.s->data[size - 1] != ' ') {
            size--;
        }
        if (size) cut = bnt_tv_borrow(r, cut.u.s->data, size - 1);
    }
    return bnt_tv_binary(r, BNT_TV_CONCAT, cut, end);
}

FILTER(wordcount)
{
    (void)a;
    (void)args;
    if (!to_text(r, &self)) return self;

    const bantam_text t = bnt_tv_text(self);
    int64_t n = 0;
    bool inside = false;
    uint32_t code;
    for (size_t at = 0, size; at < t.size && bnt_render_work(r, at % 64 == 0); at += size) {
        size = bnt_utf8_decode(t.data + at, t.size - at, &code);
        const bool word =
            code != BNT_UTF8_BAD && (code == '_' || bnt_char_is(r, code, BNT_CHAR_ALNUM));
        n += word && !inside;
        inside = word;
    }
    return bnt_tv_int(n);
}

FILTER(center)
{
    int64_t width = 80;
    (void)args;
    if (!to_text(r, &self)) return self;
    if (bnt_arg_given(a[0]) && !bnt_arg_int(r, a[0], "center: the width", &width)) return self;
    return bnt_str_center(r, self, width, (bnt_tv){0}, 0);
}

FILTER(urlencode)
{
    static const char hex[] = "0123456789ABCDEF";
    (void)a;
    (void)args;
    if (self.type != BNT_TV_STRING && !bnt_tv_is_number(self)) {
        return bnt_tv_fail(r, BANTAM_ERR_UNSUPPORTED, "urlencode of '%s' is not supported",
                           bnt_tv_type_name(self.type));
    }
    if (!to_text(r, &self)) return self;
    const bantam_text t = bnt_tv_text(self);
    const size_t mark = bnt_text_begin(r);
    for (size_t i = 0; i < t.size; i++) {
        const unsigned char c = (unsigned char)t.data[i];
        const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                           (c >= 'a' && c <= 'z') || (c && strchr("_.-~/", c));
        if (plain) {
            bnt_buf_putc(&r->text, (char)c);
        } else {
            bnt_buf_putc(&r->text, '%');
            bnt_buf_putc(&r->text, hex[c >> 4]);
            bnt_buf_putc(&r->text, hex[c & 15]);
        }
    }
    return bnt_text_end(r, mark);
}

FILTER(format)
{
    (void)a;
    if (!to_text(r, &self)) return self;
    if (args->n_pos && args->n_named) {
        return bnt_tv_fail(r, BANTAM_ERR_INVALID,
                           "format takes positional or named arguments, not both");
    }
    bnt_tv values =
        args->n_named ? bnt_tv_new_dict(r) : bnt_tv_new_list(r, BNT_TV_TUPLE, args->n_pos);
    for (size_t i = 0; i < args->n_pos && !r->status; i++) {
        bnt_tv_push(r, values, args->pos[i]);
    }
    for (size_t i = 0; i < args->n_named && !r->status; i++) {
        bnt_tv_set(r, values, args->named[2 * i], args->named[2 * i + 1]);
    }
    return r->status ? self : bnt_str_percent(r, self, values);
}

/* ---- JSON ---- */

/* The two strings of a separators argument. */
static bool separators(bnt_render *r, bnt_tv v, bnt_tv_json *how)
{
    bnt_tv_seq seq;
    bnt_tv_str *item, *key;

    if (!bnt_tv_seq_of(r, v, &seq)) return false;
    if (seq.n != 2) {
        bnt_tv_fail(r, BANTAM_ERR_INVALID, "tojson: separators must be 2 strings, found %zu",
                    seq.n);
        return false;
    }
    if (!bnt_arg_str(r, bnt_tv_seq_at(&seq, 0), "tojson: a separator", &item)) return false;
    if (!bnt_arg_str(r, bnt_tv_seq_at(&seq, 1), "tojson: a separator", &key)) return false;
    how->item_separator = item;
    how->key_separator = key;
    return true;
}

FILTER(tojson)
{
    bnt_tv_json how = {.ascii = bnt_arg_given(a[0]) && bnt_tv_truth(a[0]),
                       .sort_keys = bnt_arg_given(a[3]) && bnt_tv_truth(a[3])};
    const size_t mark = bnt_text_begin(r);
    int64_t indent;

    (void)args;
    if (a[1].type == BNT_TV_STRING) {
        how.indented = true;
        how.indent = bnt_tv_text(a[1]);
    } else if (bnt_arg_given(a[1]) && a[1].type != BNT_TV_NONE) {
        if (!bnt_arg_int(r, a[1], "tojson: indent", &indent)) return self;
        const bnt_tv pad =
            bnt_tv_binary(r, BNT_TV_MUL, bnt_tv_literal(r, " "), bnt_tv_int(indent));
        if (r->status) return self;
        how.indented = true;
        how.indent = bnt_tv_text(pad);
    }
    if (bnt_arg_given(a[2]) && a[2].type != BNT_TV_NONE && !separators(r, a[2], &how)) {
        return self;
    }
    bnt_tv_put_json(r, self, &how);
    return bnt_text_end(r, mark);
}

/* ---- numbers ---- */

/* A number as Python's float() reads it from text. */
static bool read_float(bnt_render *r, bnt_tv s, double *out)
{
    const bnt_tv plain = bnt_str_strip(r, s, NULL, true, true);
    if (r->status) return false;

    const bantam_text t = bnt_tv_text(plain);
    char lower[16] = {0};
    for (size_t i = 0; i < t.size && i < sizeof lower - 1; i++) {
        const char c = t.data[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    const bool sign = lower[0] == '-' || lower[0] == '+';
    const char *const name = lower + sign;
    const bool infinite = !strcmp(name, "inf") || !strcmp(name, "infinity");
    if (infinite || !strcmp(name, "nan")) {
        *out = infinite ? (lower[0] == '-' ? -INFINITY : INFINITY) : NAN;
        return true;
    }
    char digits[100];
    size_t n = 0;
    for (size_t i = 0; i < t.size; i++) {
        const bool inside = i > 0 && i + 1 < t.size && t.data[i - 1] >= '0' &&
                            t.data[i - 1] <= '9' && t.data[i + 1] >= '0' &&
                            t.data[i + 1] <= '9';
        if (t.data[i] == '_' && inside) continue;
        if (n == sizeof digits) return false;
        digits[n++] = t.data[i];
    }
    return bnt_tv_float_read(digits, n, out);
}

static bnt_tv whole(bnt_render *r, double f)
{
    if (isnan(f)) return bnt_tv_fail(r, BANTAM_ERR_INVALID, "int: not a number");
    if (!(fabs(f) < 0x1p63)) {
        return bnt_tv_fail(r, BANTAM_ERR_INVALID, "int: the number does not fit in 64 bits");
    }
    return bnt_tv_int((int64_t)f);
}

FILTER(int)
{
    const bnt_tv fallback = bnt_arg_given(a[0]) ? a[0] : bnt_tv_int(0);
    int64_t base = 10, value;
    bool too_large;
    double f;

    (void)args;
    if (bnt_arg_given(a[1]) && !bnt_arg_int(r, a[1], "int: the base", &base)) return self;
    if (base != 0 && (base < 2 || base > 36)) return fallback;
    if (bnt_tv_is_undefined(self)) return bnt_tv_use_undefined(r, self);
    if (bnt_tv_is_integral(self)) return bnt_tv_int(self.u.i);
    if (self.type == BNT_TV_FLOAT) return isnan(self.u.f) ? fallback : whole(r, self.u.f);
    if (self.type != BNT_TV_STRING) return fallback;
    const bnt_tv plain = bnt_str_strip(r, self, NULL, true, true);
    if (r->status) return self;
    if (bnt_tv_read_int(plain.u.s, base, &value, &too_large)) {
        if (!too_large) return bnt_tv_int(value);
        return bnt_tv_fail(r, BANTAM_ERR_INVALID, "int: the number does not fit in 64 bits");
    }
    if (!read_float(r, self, &f) || isnan(f)) return fallback;
    return whole(r, f);
}

FILTER(float)
{
    double f;
    (void)args;
    if (bnt_tv_is_undefined(self)) return bnt_tv_use_undefined(r, self);
    if (bnt_tv_is_number(self)) return bnt_tv_float(bnt_tv_number(self));
    if (self.type == BNT_TV_STRING && read_float(r, self, &f)) return bnt_tv_float(f);
    return bnt_arg_given(a[0]) ? a[0] : bnt_tv_float(0.0);
}

FILTER(abs)
{
    (void)a;
    (void)args;
    if (self.type == BNT_TV_FLOAT) return bnt_tv_float(fabs(self.u.f));
    if (bnt_tv_is_integral(self) && self.u.i >= 0) return bnt_tv_int(self.u.i);
    return bnt_tv_sign(r, self, true);
}

/* The nearest number with so many decimals, ties to even, by way of its decimal text. */
static double round_common(double f, int precision)
{
    char text[512];
    double out;

    if (!isfinite(f) || precision > 100) return f;
    if (!bnt_tv_float_fixed(f, 'f', precision, text, sizeof text)) return f;
    return bnt_tv_float_read(text, strlen(text), &out) ? out : f;
}

FILTER(round)
{
    int64_t precision = 0;
    const bool ceiling = bnt_arg_given(a[1]) && bnt_tv_says(a[1], "ceil");
    const bool floored = bnt_arg_given(a[1]) && bnt_tv_says(a[1], "floor");

    (void)args;
    if (bnt_arg_given(a[0]) && !bnt_arg_int(r, a[0], "round: the precision", &precision)) {
        return self;
    }
    if (bnt_arg_given(a[1]) && !ceiling && !floored && !bnt_tv_says(a[1], "common")) {
        return bnt_tv_fail(r, BANTAM_ERR_INVALID,
                           "round: method must be common, ceil or floor");
    }
    if (!bnt_tv_is_number(self)) return bnt_tv_sign(r, self, false);
    if (precision < 0 || precision > 300) {
        return bnt_tv_fail(r, BANTAM_ERR_UNSUPPORTED,
                           "round: the precision must be from 0 to 300");
    }
    if (ceiling || floored) {
        const double scale = pow(10.0, (double)precision), f = bnt_tv_number(self) * scale;
        return bnt_tv_float((ceiling ? ceil(f) : floor(f)) / scale);
    }
    if (bnt_tv_is_integral(self)) return bnt_tv_int(self.u.i);
    return bnt_tv_float(round_common(self.u.f, (int)precision));
}

/* ---- any value ---- */

FILTER(default)
{
    const bool by_truth = bnt_arg_given(a[1]) && bnt_tv_truth(a[1]);
    (void)args;
    if (!bnt_tv_is_undefined(self) && (!by_truth || bnt_tv_truth(self))) return self;
    return bnt_arg_given(a[0]) ? a[0] : bnt_tv_literal(r, "");
}

const bnt_tv_builtin bnt_filters[] = {
    {"abs", filter_abs, "", 0},
    {"batch", bnt_filter_batch, "linecount fill_with", 1},
    {"capitalize", filter_capitalize, "", 0},
    {"center", filter_center, "width", 0},
    {"count", bnt_filter_length, "", 0},
    {"d", filter_default, "default_value boolean", 0},
    {"default", filter_default, "default_value boolean", 0},
    {"dictsort", bnt_filter_dictsort, "case_sensitive by reverse", 0},
    {"e", filter_escape, "", 0},
    {"escape", filter_escape, "", 0},
    {"first", bnt_filter_first, "", 0},
    {"float", filter_float, "default", 0},
    {"forceescape", filter_escape, "", 0},
    {"format", filter_format, "*", 0},
    {"groupby", bnt_filter_groupby, "attribute default case_sensitive", 1},
    {"indent", filter_indent, "width first blank", 0},
    {"int", filter_int, "default base", 0},
    {"items", bnt_filter_items, "", 0},
    {"join", bnt_filter_join, "d attribute", 0},
    {"last", bnt_filter_last, "", 0},
    {"length", bnt_filter_length, "", 0},
    {"list", bnt_filter_list, "", 0},
    {"lower", filter_lower, "", 0},
    {"map", bnt_filter_map, "*", 0},
    {"max", bnt_filter_max, "case_sensitive attribute", 0},
    {"min", bnt_filter_min, "case_sensitive attribute", 0},
    {"reject", bnt_filter_reject, "*", 0},
    {"rejectattr", bnt_filter_rejectattr, "*", 0},
    {"replace", filter_replace, "old new count", 2},
    {"reverse", bnt_filter_reverse, "", 0},
    {"round", filter_round, "precision method", 0},
    {"safe", filter_string, "", 0},
    {"select", bnt_filter_select, "*", 0},
    {"selectattr", bnt_filter_selectattr, "*", 0},
    {"slice", bnt_filter_slice, "slices fill_with", 1},
    {"sort", bnt_filter_sort, "reverse case_sensitive attribute", 0},
    {"string", filter_string, "", 0},
    {"sum", bnt_filter_sum, "attribute start", 0},
    {"title", filter_title, "", 0},
    {"tojson", filter_tojson, "ensure_ascii indent separators sort_keys", 0},
    {"trim", filter_trim, "chars", 0},
    {"truncate", filter_truncate, "length killwords end leeway", 0},
    {"unique", bnt_filter_unique, "case_sensitive attribute", 0},
    {"upper", filter_upper, "", 0},
    {"urlencode", filter_urlencode, "", 0},
    {"wordcount", filter_wordcount, "", 0},
    {NULL, NULL, NULL, 0},
};
