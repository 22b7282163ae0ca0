/* template_format.c - text made after a pattern: `%`, str.format and strftime, and its reverse,
 * numbers read from text.
 *
 * The parts of each pattern language that are missing are refused by name.
 */
#include "template/template_builtin.h"

#include "template/template_print.h"
#include "template/template_unicode.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* ---- one field ---- */

enum { MAX_WIDTH = 65536, MAX_PRECISION = 100, NUMBER_TEXT = 512 };

typedef struct field {
    char fill[5]; /* one character */
    char align;   /* '<' '>' '^' '=', 0 for the default of the type */
    char sign;    /* '+' ' ' or 0 */
    bool alternate;
    int width, precision; /* precision -1: none */
    char type;            /* 0 for none */
} field;

/* Digits of a number without its sign. */
static bool number_text(bnt_render *r, const field *f, bnt_tv v, char text[NUMBER_TEXT])
{
    const double x = fabs(bnt_tv_number(v));
    const uint64_t i = v.u.i < 0 ? 0 - (uint64_t)v.u.i : (uint64_t)v.u.i;
    const int precision = f->precision < 0 ? 6 : f->precision;

    switch (f->type) {
    case 'd':
        snprintf(text, NUMBER_TEXT, "%.*" PRIu64, f->precision < 0 ? 1 : f->precision, i);
        return true;
    case 'x':
        snprintf(text, NUMBER_TEXT, "%s%" PRIx64, f->alternate ? "0x" : "", i);
        return true;
    case 'X':
        snprintf(text, NUMBER_TEXT, "%s%" PRIX64, f->alternate ? "0X" : "", i);
        return true;
    case 'o':
        snprintf(text, NUMBER_TEXT, "%s%" PRIo64, f->alternate ? "0o" : "", i);
        return true;
    case 'e':
    case 'f':
    case 'g':
        return bnt_tv_float_fixed(x, f->type, precision, text, NUMBER_TEXT);
    case '%':
        if (!bnt_tv_float_fixed(x * 100, 'f', precision, text, NUMBER_TEXT - 1)) return false;
        memcpy(text + strlen(text), "%", 2);
        return true;
    default:
        bnt_tv_fail(r, BANTAM_ERR_UNSUPPORTED, "number format '%c' is not supported", f->type);
        return false;
    }
}

static void put_fill(bnt_render *r, const field *f, int64_t n)
{
    if (n > 0 && bnt_render_work(r, (uint64_t)n / 16)) {
        for (int64_t i = 0; i < n; i++) {
            bnt_buf_puts(&r->text, f->fill);
        }
    }
}

static void put_aligned(bnt_render *r, const field *f, const char *sign, bnt_tv body,
                        char align)
{
    const int64_t n = (int64_t)bnt_tv_chars(r, body.u.s) + (int64_t)strlen(sign);
    const int64_t gap = f->width > n ? f->width - n : 0;
    const int64_t left = align == '<' || align == '=' ? 0 : align == '^' ? gap / 2 : gap;

    put_fill(r, f, left);
    bnt_buf_puts(&r->text, sign);
    if (align == '=') put_fill(r, f, gap);
    bnt_tv_put_str(r, body);
    if (align != '=') put_fill(r, f, gap - left);
}

static void put_number(bnt_render *r, const field *f, bnt_tv v)
{
    char text[NUMBER_TEXT];
    const bool negative = v.type == BNT_TV_FLOAT ? signbit(v.u.f) != 0 : v.u.i < 0;
    const char sign[2] = {negative ? '-' : f->sign, '\0'};

    if (!number_text(r, f, v, text)) {
        bnt_tv_fail(r, BANTAM_ERR_UNSUPPORTED, "a number is too long to be formatted");
        return;
    }
    const bnt_tv body = bnt_tv_borrow(r, text, strlen(text));
    if (!r->status) put_aligned(r, f, sign, body, f->align ? f->align : '>');
}

static void put_text(bnt_render *r, const field *f, bnt_tv v, bool repr, char align)
{
    const size_t mark = bnt_text_begin(r);
    if (repr) {
        bnt_tv_put_repr(r, v);
    } else {
        bnt_tv_put_str(r, v);
    }
    const bnt_tv all = bnt_text_end(r, mark);
    if (r->status) return;
    const size_t n = bnt_tv_chars(r, all.u.s);
    const size_t kept =
        f->precision >= 0 && (size_t)f->precision < n ? (size_t)f->precision : n;
    const bnt_tv body = bnt_tv_borrow(r, all.u.s->data, bnt_tv_char_offset(r, all.u.s, kept));
    if (!r->status) put_aligned(r, f, "", body, align);
}

/* Digits at *p as a number that stays small. */
static bool read_small(bnt_render *r, const char **p, const char *end, int max, int *out)
{
    int n = 0;
    for (; *p < end && **p >= '0' && **p <= '9'; (*p)++) {
        n = n * 10 + (**p - '0');
        if (n > max) {
            bnt_tv_fail(r, BANTAM_ERR_FULL, "a format asks for more than %d characters", max);
            return false;
        }
    }
    *out = n;
    return true;
}

/* ---- the % operator ---- */

typedef struct percent {
    const char *at, *end;
    bnt_tv arguments;
    const bnt_tv *items; /* of a tuple, or the one argument */
    size_t n, used;
} percent;

static bool parse_flags(bnt_render *r, percent *p, field *f)
{
    *f = (field){.fill = " ", .precision = -1};
    bool zero = false;
    for (; p->at < p->end && *p->at && strchr("#0- +", *p->at); p->at++) {
        if (*p->at == '#') f->alternate = true;
        if (*p->at == '0') zero = true;
        if (*p->at == '-') f->align = '<';
        if (*p->at == '+' || (*p->at == ' ' && !f->sign)) f->sign = *p->at;
    }
    if (zero && !f->align) {
        f->align = '=';
        f->fill[0] = '0';
    }
    if (!read_small(r, &p->at, p->end, MAX_WIDTH, &f->width)) return false;
    if (p->at < p->end && *p->at == '.') {
        p->at++;
        if (!read_small(r, &p->at, p->end, MAX_PRECISION, &f->precision)) return false;
    }
    while (p->at < p->end && *p->at && strchr("hlL", *p->at)) {
        p->at++;
    }
    return true;
}

static bool next_argument(bnt_render *r, percent *p, bantam_text key, bnt_tv *out)
{
    if (key.data) {
        if (p->arguments.type != BNT_TV_DICT) {
            bnt_tv_fail(r, BANTAM_ERR_INVALID, "format requires a mapping");
            return false;
        }
        const bnt_tv *const v =
            bnt_tv_find(r, p->arguments, bnt_tv_borrow(r, key.data, key.size));
        if (v) *out = *v;
        if (!v) {
            bnt_tv_fail(r, BANTAM_ERR_INVALID, "format: no key '%.*s'", BNT_TEXT_ARG(key));
        }
        return v != NULL;
    }
    if (p->used == p->n) {
        bnt_tv_fail(r, BANTAM_ERR_INVALID, "not enough arguments for format string");
        return false;
    }
    *out = p->items[p->used++];
    return true;
}

static void put_conversion(bnt_render *r, field *f, bnt_tv v)
{
    if (f->type == 's' || f->type == 'r') {
        f->fill[0] = ' ';
        put_text(r, f, v, f->type == 'r', f->align == '<' ? '<' : '>');
        return;
    }
    if (f->type == 'i' || f->type == 'u') f->type = 'd';
    const bool whole = f->type && strchr("dxXo", f->type);
    if (!f->type || (!whole && !strchr("efg", f->type))) {
        bnt_tv_fail(r, BANTAM_ERR_UNSUPPORTED, "a conversion of this format is not supported");
    } else if (!bnt_tv_is_number(v) || (whole && f->type != 'd' && !bnt_tv_is_integral(v))) {
        bnt_tv_fail(r, BANTAM_ERR_INVALID, "%%%c format: a number is required, found '%s'",
                    f->type, bnt_tv_type_name(v.type));
    } else {
        if (whole && v.type == BNT_TV_FLOAT) {
            if (!(fabs(v.u.f) < 0x1p63)) {
                bnt_tv_fail(r, BANTAM_ERR_INVALID, "the number does not fit in 64 bits");
                return;
            }
            v = bnt_tv_int((int64_t)v.u.f);
        }
        put_number(r, f, v);
    }
}

static void put_percent(bnt_render *r, percent *p)
{
    bantam_text key = {0};
    field f;
    bnt_tv v;

    if (p->at < p->end && *p->at == '(') {
        const char *const close = memchr(p->at, ')', (size_t)(p->end - p->at));
        if (!close) {
            bnt_tv_fail(r, BANTAM_ERR_INVALID, "incomplete format key");
            return;
        }
        key = (bantam_text){p->at + 1, (size_t)(close - p->at) - 1};
        p->at = close + 1;
    }
    if (!parse_flags(r, p, &f)) return;
    if (p->at == p->end) {
        bnt_tv_fail(r, BANTAM_ERR_INVALID, "incomplete format");
        return;
    }
    f.type = *p->at++;
    if (f.type == '%') {
        bnt_buf_putc(&r->text, '%');
    } else if (next_argument(r, p, key, &v)) {
        put_conversion(r, &f, v);
    }
}

bnt_tv bnt_str_percent(bnt_render *r, bnt_tv format, bnt_tv arguments)
{
    const bantam_text t = bnt_tv_text(format);
    const size_t mark = bnt_text_begin(r);
    percent p = {t.data, t.data + t.size, arguments, &arguments, 1, 0};

    if (arguments.type == BNT_TV_TUPLE) p.items = bnt_tv_items(r, arguments, &p.n);
    while (p.at < p.end && bnt_render_work(r, 1)) {
        const char *next = memchr(p.at, '%', (size_t)(p.end - p.at));
        if (!next) next = p.end;
        bnt_buf_put(&r->text, p.at, (size_t)(next - p.at));
        p.at = next;
        if (p.at == p.end) break;
        p.at++;
        put_percent(r, &p);
    }
    /* Anything but a tuple that has subscripts passes for a mapping. */
    const bool mapping = arguments.type == BNT_TV_DICT || arguments.type == BNT_TV_LIST ||
                         arguments.type == BNT_TV_RANGE || arguments.type == BNT_TV_UNDEFINED;
    if (p.used < p.n && !mapping) {
        return bnt_tv_fail(r, BANTAM_ERR_INVALID,
                           "not all arguments converted during string formatting");
    }
    return bnt_text_end(r, mark);
}

/* ---- str.format ---- */

static bool parse_spec(bnt_render *r, const char *p, const char *end, field *f)
{
    static const char aligns[] = "<>^=";

    *f = (field){.fill = " ", .precision = -1};
    if (end - p > 1 && p[1] && strchr(aligns, p[1]) && (unsigned char)*p < 0x80) {
        f->fill[0] = *p;
        f->align = p[1];
        p += 2;
    } else if (p < end && *p && strchr(aligns, *p)) {
        f->align = *p++;
    }
    if (p < end && (*p == '+' || *p == ' ' || *p == '-')) f->sign = *p++;
    if (f->sign == '-') f->sign = 0;
    if (p < end && *p == '#') {
        f->alternate = true;
        p++;
    }
    if (p < end && *p == '0') {
        if (!f->align) {
            f->align = '=';
            f->fill[0] = '0';
        }
        p++;
    }
    if (!read_small(r, &p, end, MAX_WIDTH, &f->width)) return false;
    if (p < end && *p == '.') {
        p++;
        if (!read_small(r, &p, end, MAX_PRECISION, &f->precision)) return false;
    }
    if (p < end) f->type = *p++;
    if (p == end) return true;
    bnt_tv_fail(r, BANTAM_ERR_UNSUPPORTED, "a format specification is not supported");
    return false;
}

static void put_formatted(bnt_render *r, bnt_tv v, char conversion, bantam_text spec)
{
    field f;

    if (conversion == 'r') {
        const size_t mark = bnt_text_begin(r);
        bnt_tv_put_repr(r, v);
        v = bnt_text_end(r, mark);
    } else if (conversion) {
        v = bnt_tv_to_str(r, v);
    }
    if (r->status || !parse_spec(r, spec.data, spec.data + spec.size, &f)) return;
    const bool text = v.type == BNT_TV_STRING;
    if (!spec.size || (text && (!f.type || f.type == 's'))) {
        put_text(r, &f, v, false, f.align ? f.align : '<');
    } else if (bnt_tv_is_integral(v) && (!f.type || strchr("dxXo", f.type)) &&
               f.precision < 0) {
        if (!f.type) f.type = 'd';
        put_number(r, &f, v);
    } else if (bnt_tv_is_number(v) && f.type && strchr("efg%", f.type)) {
        put_number(r, &f, v);
    } else {
        bnt_tv_fail(r, BANTAM_ERR_UNSUPPORTED, "format '%.*s' of '%s' is not supported",
                    BNT_TEXT_ARG(spec), bnt_tv_type_name(v.type));
    }
}

/* The argument that a replacement field names; *next counts those that name none. */
static bool field_value(bnt_render *r, bantam_text name, const bnt_tv_args *args, size_t *next,
                        bnt_tv *out)
{
    const char *p = name.data;
    int index = 0;

    if (!name.size) {
        index = (int)(*next)++;
    } else if (*p >= '0' && *p <= '9') {
        if (!read_small(r, &p, name.data + name.size, BNT_TV_MAX_ARGS, &index)) return false;
    } else {
        p = name.data + name.size;
        for (size_t i = 0; i < args->n_named; i++) {
            const bantam_text key = bnt_tv_text(args->named[2 * i]);
            if (key.size != name.size || memcmp(key.data, name.data, key.size)) continue;
            *out = args->named[2 * i + 1];
            return true;
        }
        index = -1;
    }
    if (p != name.data + name.size && name.size) {
        bnt_tv_fail(r, BANTAM_ERR_UNSUPPORTED, "format field '%.*s' is not supported",
                    BNT_TEXT_ARG(name));
        return false;
    }
    if (index < 0 || (size_t)index >= args->n_pos) {
        bnt_tv_fail(r, BANTAM_ERR_INVALID, "format: no argument for field '%.*s'",
                    BNT_TEXT_ARG(name));
        return false;
    }
    *out = args->pos[index];
    return true;
}

/* One {field!conversion:spec}; *p is behind its opening brace. */
static void put_field(bnt_render *r, const char **p, const char *end, const bnt_tv_args *args,
                      size_t *next)
{
    const char *const close = memchr(*p, '}', (size_t)(end - *p));
    if (!close || memchr(*p, '{', (size_t)(close - *p))) {
        bnt_tv_fail(r, close ? BANTAM_ERR_UNSUPPORTED : BANTAM_ERR_INVALID,
                    close ? "nested format fields are not supported"
                          : "expected '}' before end of string");
        return;
    }
    bantam_text name = {*p, (size_t)(close - *p)}, spec = {close, 0};
    const char *const colon = memchr(name.data, ':', name.size);
    if (colon) {
        spec = (bantam_text){colon + 1, (size_t)(close - colon) - 1};
        name.size = (size_t)(colon - name.data);
    }
    char conversion = 0;
    if (name.size > 1 && name.data[name.size - 2] == '!') {
        conversion = name.data[name.size - 1];
        name.size -= 2;
    }
    bnt_tv v;
    if (field_value(r, name, args, next, &v)) put_formatted(r, v, conversion, spec);
    *p = close + 1;
}

bnt_tv bnt_str_format(bnt_render *r, bnt_tv format, const bnt_tv_args *args)
{
    const char *p = format.u.s->data, *const end = p + format.u.s->size;
    const size_t mark = bnt_text_begin(r);
    size_t next = 0;

    while (p < end && bnt_render_work(r, 1)) {
        size_t n = 0;
        while (p + n < end && p[n] != '{' && p[n] != '}') {
            n++;
        }
        bnt_buf_put(&r->text, p, n);
        p += n;
        if (p == end) break;
        if (end - p > 1 && p[1] == *p) {
            bnt_buf_putc(&r->text, *p);
            p += 2;
        } else if (*p++ == '}') {
            return bnt_tv_fail(r, BANTAM_ERR_INVALID, "single '}' in format string");
        } else {
            put_field(r, &p, end, args, &next);
        }
    }
    return bnt_text_end(r, mark);
}

/* ---- dates ---- */

typedef struct date {
    int64_t year;
    int month, day, hour, minute, second, weekday, yearday; /* month, day from 1; Sunday 0 */
} date;

/* The proleptic Gregorian calendar: days are counted from 1 March of year 0, so that the leap
 * day ends a year. A cycle of 400 years has 146097 days. */
static date date_of(int64_t seconds)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int64_t days = seconds / 86400, rest = seconds % 86400;
    if (rest < 0) {
        rest += 86400;
        days--;
    }
    const int64_t z = days + 719468;
    const int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    const int64_t doe = z - era * 146097;
    const int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    const int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    const int64_t mp = (5 * doy + 2) / 153; /* March is 0 */
    date d;

    d.day = (int)(doy - (153 * mp + 2) / 5 + 1);
    d.month = (int)(mp < 10 ? mp + 3 : mp - 9);
    d.year = yoe + era * 400 + (d.month <= 2);
    d.hour = (int)(rest / 3600);
    d.minute = (int)(rest / 60 % 60);
    d.second = (int)(rest % 60);
    d.weekday = (int)(((days % 7) + 11) % 7); /* 1 January 1970 was a Thursday */
    const bool leap = d.year % 4 == 0 && (d.year % 100 != 0 || d.year % 400 == 0);
    d.yearday = before[d.month - 1] + d.day + (leap && d.month > 2);
    return d;
}

/* The directives that are numbers. Flag '-' leaves leading zeros away. */
static bool put_date_number(bnt_render *r, const date *d, char what, char flag)
{
    static const char codes[] = "YymdeHIMSjwu";
    static const int widths[] = {4, 2, 2, 2, 2, 2, 2, 2, 2, 3, 1, 1};
    const int64_t values[] = {d->year,
                              d->year % 100,
                              d->month,
                              d->day,
                              d->day,
                              d->hour,
                              d->hour % 12 ? d->hour % 12 : 12,
                              d->minute,
                              d->second,
                              d->yearday,
                              d->weekday,
                              d->weekday ? d->weekday : 7};

    const char *const at = what ? strchr(codes, what) : NULL;
    if (!at) return false;
    const int64_t value = values[at - codes];
    const int width = flag == '-' ? 1 : widths[at - codes];
    if (what == 'e') {
        bnt_buf_printf(&r->text, "%*" PRId64, width, value);
    } else {
        bnt_buf_printf(&r->text, "%0*" PRId64, width, value);
    }
    return true;
}

static void put_date(bnt_render *r, const date *d, char what, char flag)
{
    static const char *const months[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    static const char *const weekdays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                           "Thursday", "Friday", "Saturday"};
    const char *text = NULL;

    if (put_date_number(r, d, what, flag)) return;
    if (what == 'B' || what == 'b' || what == 'h') text = months[d->month - 1];
    if (what == 'A' || what == 'a') text = weekdays[d->weekday];
    if (what == 'p') text = d->hour < 12 ? "AM" : "PM";
    if (what == 'Z' || what == 'z') text = ""; /* Python's datetime.now() has no zone */
    if (what == 'f') text = "000000";
    if (what == '%') text = "%";
    if (!text) {
        bnt_tv_fail(r, BANTAM_ERR_UNSUPPORTED, "strftime: '%%%c' is not supported", what);
        return;
    }
    const bool shortened = what == 'b' || what == 'h' || what == 'a';
    bnt_buf_put(&r->text, text, shortened ? 3 : strlen(text));
}

/* What the composite directives stand for. */
static const char *composite(char what)
{
    switch (what) {
    case 'F':
        return "%Y-%m-%d";
    case 'T':
    case 'X':
        return "%H:%M:%S";
    case 'D':
    case 'x':
        return "%m/%d/%y";
    case 'R':
        return "%H:%M";
    case 'c':
        return "%a %b %e %H:%M:%S %Y";
    default:
        return NULL;
    }
}

bnt_tv bnt_str_time(bnt_render *r, int64_t seconds, bnt_tv format)
{
    /* The years 1 to 9999, which Python has too. */
    if (seconds < -62135596800 || seconds > 253402300799) {
        return bnt_tv_fail(r, BANTAM_ERR_INVALID, "strftime: the time is out of range");
    }
    const date d = date_of(seconds);
    const size_t mark = bnt_text_begin(r);
    const char *p = format.u.s->data, *const end = p + format.u.s->size;

    for (; p < end && bnt_render_work(r, 1); p++) {
        if (*p != '%') {
            bnt_buf_putc(&r->text, *p);
            continue;
        }
        p++;
        const char flag = p < end && *p == '-' ? *p++ : 0;
        if (p == end) return bnt_tv_fail(r, BANTAM_ERR_INVALID, "strftime: incomplete format");
        const char *parts = composite(*p);
        if (!parts) put_date(r, &d, *p, flag);
        for (; parts && *parts; parts++) {
            if (*parts == '%') {
                put_date(r, &d, *++parts, 0);
            } else {
                bnt_buf_putc(&r->text, *parts);
            }
        }
    }
    return bnt_text_end(r, mark);
}

/* ---- numbers from text ---- */

bool bnt_tv_read_int(const bnt_tv_str *s, int64_t base, int64_t *out, bool *too_large)
{
    const char *p = s->data, *const end = p + s->size;
    uint64_t n = 0;
    bool digit = false; /* the character before was one; underscores stand between digits */

    *too_large = false;
    const bool negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+')) p++;
    if (end - p > 2 && *p == '0' && base != 10) {
        const char c = (char)(p[1] | 0x20);
        const int64_t named = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 0;
        if (named && (base == 0 || base == named)) {
            base = named;
            p += 2;
            if (*p == '_') p++;
        }
    }
    if (base == 0) base = 10;
    const uint64_t limit = (uint64_t)INT64_MAX + negative;
    for (; p < end; p++) {
        if (*p == '_' && digit && p + 1 < end) {
            digit = false;
            continue;
        }
        const char c = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
        const int64_t value = c >= '0' && c <= '9'   ? c - '0'
                              : c >= 'a' && c <= 'z' ? c - 'a' + 10
                                                     : 99;
        if (value >= base) return false;
        digit = true;
        if (*too_large || n > (limit - (uint64_t)value) / (uint64_t)base) {
            *too_large = true;
            continue;
        }
        n = n * (uint64_t)base + (uint64_t)value;
    }
    *out = (int64_t)(negative ? 0 - n : n);
    return digit;
}
