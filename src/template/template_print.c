/* template_print.c - str(), repr() and json.dumps() of values.
 *
 * C's number formats follow the locale of the process and Python's do not: whatever stands
 * where the point should be is replaced here.
 */
#include "template/template_print.h"

#include "base/utf8.h"
#include "template/template_unicode.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- numbers ---- */

/* The bytes that separate the fraction in this process's locale, "." or "," mostly. */
static size_t decimal_point(char point[8])
{
    char half[16];
    const int n = snprintf(half, sizeof half, "%.1f", 0.5);
    const size_t size = n > 2 && n < 10 ? (size_t)n - 2 : 1;
    memcpy(point, n > 2 ? half + 1 : ".", size);
    return size;
}

/* Puts a point in place of the locale's separator. */
static void use_point(char *text)
{
    char point[8];
    const size_t size = decimal_point(point);
    if (size == 1 && point[0] == '.') return;

    for (char *p = text; *p; p++) {
        if (strncmp(p, point, size)) continue;
        *p = '.';
        memmove(p + 1, p + size, strlen(p + size) + 1);
        return;
    }
}

bool bnt_tv_float_fixed(double f, char format, int precision, char *text, size_t capacity)
{
    int n = -1;
    if (format == 'e') n = snprintf(text, capacity, "%.*e", precision, f);
    if (format == 'f') n = snprintf(text, capacity, "%.*f", precision, f);
    if (format == 'g') n = snprintf(text, capacity, "%.*g", precision, f);
    if (n < 0 || (size_t)n >= capacity) return false;
    use_point(text);
    return true;
}

bool bnt_tv_float_read(const char *text, size_t size, double *out)
{
    char local[128], point[8];
    const size_t point_size = decimal_point(point);
    size_t n = 0;

    if (!size || size > sizeof local - sizeof point) return false;
    for (size_t i = 0; i < size; i++) {
        if (!strchr("0123456789.eE+-", text[i]) || !text[i]) return false;
        if (text[i] == '.') {
            memcpy(local + n, point, point_size);
            n += point_size;
        } else {
            local[n++] = text[i];
        }
        if (n > sizeof local - sizeof point) return false;
    }
    local[n] = '\0';
    char *end;
    *out = strtod(local, &end);
    return end == local + n;
}

size_t bnt_tv_float_text(double f, char text[BNT_FLOAT_TEXT])
{
    if (isnan(f) || isinf(f)) {
        const char *const name = isnan(f) ? "nan" : f > 0 ? "inf" : "-inf";
        return (size_t)snprintf(text, BNT_FLOAT_TEXT, "%s", name);
    }
    /* d.ddde[+-]XX with the fewest digits that give f back. Seventeen always do. */
    char digits[BNT_FLOAT_TEXT];
    double back;
    for (int n = 0; n < 17; n++) {
        bnt_tv_float_fixed(f, 'e', n, digits, sizeof digits);
        if (bnt_tv_float_read(digits, strlen(digits), &back) && back == f) break;
    }
    char *const e = strchr(digits, 'e');
    const int exponent = atoi(e + 1);
    *e = '\0';
    char *out = text;
    const char *in = digits;
    if (*in == '-') *out++ = *in++;

    if (exponent < -4 || exponent >= 16) {
        return (size_t)(out - text) + (size_t)snprintf(out, 32, "%se%c%02d", in,
                                                       exponent < 0 ? '-' : '+', abs(exponent));
    }
    /* Write the digits without their point, then the point where it belongs. */
    char plain[24];
    int n = 0;
    for (; *in; in++) {
        if (*in != '.') plain[n++] = *in;
    }
    if (exponent < 0) {
        *out++ = '0';
        *out++ = '.';
        for (int i = -1; i > exponent; i--) {
            *out++ = '0';
        }
        for (int i = 0; i < n; i++) {
            *out++ = plain[i];
        }
    } else {
        for (int i = 0; i < n || i <= exponent; i++) {
            if (i == exponent + 1) *out++ = '.';
            *out++ = i < n ? plain[i] : '0';
        }
        if (n <= exponent + 1) {
            *out++ = '.';
            *out++ = '0';
        }
    }
    *out = '\0';
    return (size_t)(out - text);
}

/* ---- str and repr ---- */

static void put_repr_string(bnt_render *r, const bnt_tv_str *s)
{
    const char quote =
        memchr(s->data, '\'', s->size) && !memchr(s->data, '"', s->size) ? '"' : '\'';
    uint32_t code;

    bnt_buf_putc(&r->text, quote);
    for (size_t at = 0, size; at < s->size; at += size) {
        size = bnt_utf8_decode(s->data + at, s->size - at, &code);
        if (code == BNT_UTF8_BAD) {
            bnt_buf_putc(&r->text, s->data[at]);
        } else if (code == (uint32_t)quote || code == '\\') {
            bnt_buf_putc(&r->text, '\\');
            bnt_buf_putc(&r->text, (char)code);
        } else if (code == '\n' || code == '\r' || code == '\t') {
            bnt_buf_putc(&r->text, '\\');
            bnt_buf_putc(&r->text, code == '\n' ? 'n' : code == '\r' ? 'r' : 't');
        } else if (bnt_char_is(r, code, BNT_CHAR_PRINTABLE)) {
            bnt_buf_put(&r->text, s->data + at, size);
        } else if (code < 0x100) {
            bnt_buf_printf(&r->text, "\\x%02" PRIx32, code);
        } else if (code < 0x10000) {
            bnt_buf_printf(&r->text, "\\u%04" PRIx32, code);
        } else {
            bnt_buf_printf(&r->text, "\\U%08" PRIx32, code);
        }
    }
    bnt_buf_putc(&r->text, quote);
}

static void put_repr(bnt_render *r, bnt_tv v, int depth);

static void put_members(bnt_render *r, bnt_tv v, int depth)
{
    size_t n;
    const bnt_tv *const items = bnt_tv_items(r, v, &n);
    const bool tuple = v.type == BNT_TV_TUPLE;

    bnt_buf_putc(&r->text, tuple ? '(' : '[');
    for (size_t i = 0; i < n && bnt_render_work(r, 1); i++) {
        if (i) bnt_buf_puts(&r->text, ", ");
        put_repr(r, items[i], depth + 1);
    }
    if (tuple && n == 1) bnt_buf_putc(&r->text, ',');
    bnt_buf_putc(&r->text, tuple ? ')' : ']');
}

static void put_entries(bnt_render *r, bnt_tv v, int depth)
{
    size_t n;
    const bnt_tv_entry *const entries = bnt_tv_entries(r, v, &n);

    bnt_buf_putc(&r->text, '{');
    for (size_t i = 0; i < n && bnt_render_work(r, 1); i++) {
        if (i) bnt_buf_puts(&r->text, ", ");
        put_repr(r, entries[i].key, depth + 1);
        bnt_buf_puts(&r->text, ": ");
        put_repr(r, entries[i].value, depth + 1);
    }
    bnt_buf_putc(&r->text, '}');
}

static void put_range(bnt_render *r, const bnt_tv_range *range)
{
    bnt_buf_printf(&r->text, "range(%" PRId64 ", %" PRId64, range->start, range->stop);
    if (range->step != 1) bnt_buf_printf(&r->text, ", %" PRId64, range->step);
    bnt_buf_putc(&r->text, ')');
}

static void put_view(bnt_render *r, bnt_tv v, int depth)
{
    static const char *const names[] = {"dict_keys(", "dict_values(", "dict_items("};
    bnt_buf_puts(&r->text, names[v.sub]);
    put_members(r, v, depth);
    bnt_buf_putc(&r->text, ')');
}

static void put_scalar(bnt_render *r, bnt_tv v)
{
    char number[BNT_FLOAT_TEXT];

    switch (v.type) {
    case BNT_TV_NONE:
        bnt_buf_puts(&r->text, "None");
        break;
    case BNT_TV_BOOL:
        bnt_buf_puts(&r->text, v.u.i ? "True" : "False");
        break;
    case BNT_TV_INT:
        bnt_buf_printf(&r->text, "%" PRId64, v.u.i);
        break;
    case BNT_TV_FLOAT:
        bnt_buf_put(&r->text, number, bnt_tv_float_text(v.u.f, number));
        break;
    default: /* Python would print an address */
        bnt_tv_fail(r, BANTAM_ERR_UNSUPPORTED, "a '%s' object cannot be printed",
                    bnt_tv_type_name(v.type));
    }
}

static void put_repr(bnt_render *r, bnt_tv v, int depth)
{
    if (depth > BNT_TV_MAX_DEPTH) {
        bnt_tv_fail(r, BANTAM_ERR_FULL, "values are nested deeper than %d", BNT_TV_MAX_DEPTH);
        return;
    }
    switch (v.type) {
    case BNT_TV_UNDEFINED:
        bnt_buf_puts(&r->text, "Undefined");
        break;
    case BNT_TV_STRING:
        put_repr_string(r, v.u.s);
        break;
    case BNT_TV_LIST:
    case BNT_TV_TUPLE:
        put_members(r, v, depth);
        break;
    case BNT_TV_DICT:
        put_entries(r, v, depth);
        break;
    case BNT_TV_NAMESPACE:
        bnt_buf_puts(&r->text, "<Namespace ");
        put_entries(r, v, depth);
        bnt_buf_putc(&r->text, '>');
        break;
    case BNT_TV_RANGE:
        put_range(r, v.u.r);
        break;
    case BNT_TV_VIEW:
        put_view(r, v, depth);
        break;
    default:
        put_scalar(r, v);
    }
}

void bnt_tv_put_repr(bnt_render *r, bnt_tv v)
{
    put_repr(r, v, 0);
}

void bnt_tv_put_str(bnt_render *r, bnt_tv v)
{
    if (v.type == BNT_TV_STRING) {
        bnt_buf_put(&r->text, v.u.s->data, v.u.s->size);
    } else if (v.type != BNT_TV_UNDEFINED) {
        put_repr(r, v, 0);
    }
}

bnt_tv bnt_tv_to_str(bnt_render *r, bnt_tv v)
{
    if (v.type == BNT_TV_STRING) return v;
    const size_t mark = bnt_text_begin(r);
    bnt_tv_put_str(r, v);
    return bnt_text_end(r, mark);
}

/* ---- JSON ---- */

static void put_json_code(bnt_render *r, uint32_t code)
{
    if (code >= 0x10000) {
        put_json_code(r, 0xD800 + ((code - 0x10000) >> 10));
        code = 0xDC00 + ((code - 0x10000) & 0x3FF);
    }
    bnt_buf_printf(&r->text, "\\u%04" PRIx32, code);
}

static void put_json_string(bnt_render *r, const bnt_tv_str *s, bool ascii)
{
    static const char named[] = "\"\\\n\r\t\b\f", letters[] = "\"\\nrtbf";
    size_t begin = 0; /* of what is not yet written */

    bnt_buf_putc(&r->text, '"');
    for (size_t at = 0; at < s->size;) {
        const unsigned char c = (unsigned char)s->data[at];
        uint32_t code = c;
        size_t size = 1;
        if (c >= 0x20 && c != '"' && c != '\\' && (c < 0x80 || !ascii)) {
            at++;
            continue;
        }
        if (c >= 0x80) size = bnt_utf8_decode(s->data + at, s->size - at, &code);
        bnt_buf_put(&r->text, s->data + begin, at - begin);
        const char *const name = c ? strchr(named, c) : NULL;
        if (name) {
            bnt_buf_putc(&r->text, '\\');
            bnt_buf_putc(&r->text, letters[name - named]);
        } else {
            put_json_code(r, code == BNT_UTF8_BAD ? 0xFFFD : code);
        }
        at += size;
        begin = at;
    }
    bnt_buf_put(&r->text, s->data + begin, s->size - begin);
    bnt_buf_putc(&r->text, '"');
}

static void new_line(bnt_render *r, const bnt_tv_json *how, int depth)
{
    if (!how->indented) return;
    bnt_buf_putc(&r->text, '\n');
    for (int i = 0; i < depth; i++) {
        bnt_buf_put(&r->text, how->indent.data, how->indent.size);
    }
}

static void put_separator(bnt_render *r, const bnt_tv_json *how)
{
    if (how->item_separator) {
        bnt_buf_put(&r->text, how->item_separator->data, how->item_separator->size);
    } else {
        bnt_buf_puts(&r->text, how->indented ? "," : ", ");
    }
}

static void put_json(bnt_render *r, bnt_tv v, const bnt_tv_json *how, int depth);

static void put_json_list(bnt_render *r, bnt_tv v, const bnt_tv_json *how, int depth)
{
    size_t n;
    const bnt_tv *const items = bnt_tv_items(r, v, &n);

    bnt_buf_putc(&r->text, '[');
    for (size_t i = 0; i < n && bnt_render_work(r, 1); i++) {
        if (i) put_separator(r, how);
        new_line(r, how, depth + 1);
        put_json(r, items[i], how, depth + 1);
    }
    if (n) new_line(r, how, depth);
    bnt_buf_putc(&r->text, ']');
}

static void put_json_key(bnt_render *r, bnt_tv key, const bnt_tv_json *how)
{
    if (key.type == BNT_TV_STRING) {
        put_json_string(r, key.u.s, how->ascii);
    } else if (key.type == BNT_TV_NONE || bnt_tv_is_number(key)) {
        bnt_buf_putc(&r->text, '"');
        put_json(r, key, how, 0);
        bnt_buf_putc(&r->text, '"');
    } else {
        bnt_tv_fail(r, BANTAM_ERR_INVALID,
                    "keys of JSON must be strings or numbers, found '%s'",
                    bnt_tv_type_name(key.type));
    }
    if (how->key_separator) {
        bnt_buf_put(&r->text, how->key_separator->data, how->key_separator->size);
    } else {
        bnt_buf_puts(&r->text, ": ");
    }
}

/* A copy of the entries in order of their keys; insertion sort, because dictionaries that a
 * template prints are small, and each comparison is a step. */
static const bnt_tv_entry *sorted(bnt_render *r, const bnt_tv_entry *entries, size_t n)
{
    bnt_tv_entry *const copy = bnt_render_alloc(r, n, sizeof *copy);
    if (!copy) return NULL;
    for (size_t i = 0; i < n; i++) {
        size_t at = i;
        for (; at > 0 && bnt_render_work(r, 1); at--) {
            if (bnt_tv_compare(r, copy[at - 1].key, entries[i].key, "<") != BNT_TV_GREATER) {
                break;
            }
            copy[at] = copy[at - 1];
        }
        copy[at] = entries[i];
    }
    return r->status ? NULL : copy;
}

static void put_json_dict(bnt_render *r, bnt_tv v, const bnt_tv_json *how, int depth)
{
    size_t n;
    const bnt_tv_entry *entries = bnt_tv_entries(r, v, &n);
    if (how->sort_keys) entries = sorted(r, entries, n);
    if (!entries) n = 0;

    bnt_buf_putc(&r->text, '{');
    for (size_t i = 0; i < n && bnt_render_work(r, 1); i++) {
        if (i) put_separator(r, how);
        new_line(r, how, depth + 1);
        put_json_key(r, entries[i].key, how);
        put_json(r, entries[i].value, how, depth + 1);
    }
    if (n) new_line(r, how, depth);
    bnt_buf_putc(&r->text, '}');
}

static void put_json(bnt_render *r, bnt_tv v, const bnt_tv_json *how, int depth)
{
    if (depth > BNT_TV_MAX_DEPTH) {
        bnt_tv_fail(r, BANTAM_ERR_FULL, "values are nested deeper than %d", BNT_TV_MAX_DEPTH);
        return;
    }
    switch (v.type) {
    case BNT_TV_NONE:
        bnt_buf_puts(&r->text, "null");
        break;
    case BNT_TV_BOOL:
        bnt_buf_puts(&r->text, v.u.i ? "true" : "false");
        break;
    case BNT_TV_FLOAT:
        if (isfinite(v.u.f)) {
            put_scalar(r, v);
        } else {
            bnt_buf_puts(&r->text, isnan(v.u.f) ? "NaN" : v.u.f > 0 ? "Infinity" : "-Infinity");
        }
        break;
    case BNT_TV_INT:
        put_scalar(r, v);
        break;
    case BNT_TV_STRING:
        put_json_string(r, v.u.s, how->ascii);
        break;
    case BNT_TV_LIST:
    case BNT_TV_TUPLE:
        put_json_list(r, v, how, depth);
        break;
    case BNT_TV_DICT:
        put_json_dict(r, v, how, depth);
        break;
    default:
        bnt_tv_fail(r, BANTAM_ERR_INVALID, "object of type %s is not JSON serializable",
                    bnt_tv_type_name(v.type));
    }
}

void bnt_tv_put_json(bnt_render *r, bnt_tv v, const bnt_tv_json *how)
{
    put_json(r, v, how, 0);
}
