/* template_letters.c - case, width and kind of the characters of strings.
 */
#include "template/template_builtin.h"

#include "base/utf8.h"
#include "template/template_print.h"
#include "template/template_unicode.h"

static void put_code(bnt_render *r, uint32_t code)
{
    char bytes[4];
    bnt_buf_put(&r->text, bytes, bnt_utf8_encode(code, bytes));
}

/* Sharp s is the one letter of common text whose upper case is two letters; at the start of a
 * word the second of them stays small. */
static void put_upper(bnt_render *r, uint32_t code, bool initial)
{
    if (code == 0xDF) {
        bnt_buf_puts(&r->text, initial ? "Ss" : "SS");
    } else {
        put_code(r, bnt_char_upper(r, code));
    }
}

/* Whether the character of n bytes at `at` ends a word. Sigma has a second lower case there. */
static bool ends_word(bnt_render *r, bantam_text t, size_t at, size_t n)
{
    uint32_t code;

    if (!at) return false;
    bnt_char_last(t.data, at, &code);
    if (code == BNT_UTF8_BAD || !bnt_char_is(r, code, BNT_CHAR_ALPHA)) return false;
    if (at + n == t.size) return true;
    bnt_utf8_decode(t.data + at + n, t.size - at - n, &code);
    return code == BNT_UTF8_BAD || !bnt_char_is(r, code, BNT_CHAR_ALPHA);
}

typedef enum case_mode {
    CASE_UPPER,
    CASE_LOWER,
    CASE_TITLE,
    CASE_CAPITAL,
    CASE_SWAP
} case_mode;

static bnt_tv change_case(bnt_render *r, bnt_tv s, case_mode mode)
{
    const bantam_text t = bnt_tv_text(s);
    const size_t mark = bnt_text_begin(r);
    bool inside = false; /* a word, or the text, has begun */
    uint32_t code;

    for (size_t at = 0, n; at < t.size && !r->status; at += n) {
        n = bnt_utf8_decode(t.data + at, t.size - at, &code);
        if (code == BNT_UTF8_BAD) {
            bnt_buf_putc(&r->text, t.data[at]);
            continue;
        }
        bool upper = mode == CASE_UPPER || !inside;
        if (mode == CASE_LOWER) upper = false;
        if (mode == CASE_SWAP) upper = bnt_char_is(r, code, BNT_CHAR_LOWER);
        if (!upper && code == 0x3A3 && ends_word(r, t, at, n)) {
            put_code(r, 0x3C2);
        } else if (upper) {
            put_upper(r, code, mode == CASE_TITLE || mode == CASE_CAPITAL);
        } else {
            put_code(r, bnt_char_lower(r, code));
        }
        inside = mode == CASE_CAPITAL ||
                 (mode == CASE_TITLE && bnt_char_is(r, code, BNT_CHAR_ALPHA));
    }
    return bnt_text_end(r, mark);
}

bnt_tv bnt_str_map_case(bnt_render *r, bnt_tv s, bool upper)
{
    return change_case(r, s, upper ? CASE_UPPER : CASE_LOWER);
}

bnt_tv bnt_str_capitalize(bnt_render *r, bnt_tv s)
{
    return change_case(r, s, CASE_CAPITAL);
}

bnt_tv bnt_str_upper_method(bnt_render *r, bnt_tv self, const bnt_tv *a,
                            const bnt_tv_args *args)
{
    (void)a;
    (void)args;
    return change_case(r, self, CASE_UPPER);
}

bnt_tv bnt_str_lower_method(bnt_render *r, bnt_tv self, const bnt_tv *a,
                            const bnt_tv_args *args)
{
    (void)a;
    (void)args;
    return change_case(r, self, CASE_LOWER);
}

bnt_tv bnt_str_title_method(bnt_render *r, bnt_tv self, const bnt_tv *a,
                            const bnt_tv_args *args)
{
    (void)a;
    (void)args;
    return change_case(r, self, CASE_TITLE);
}

bnt_tv bnt_str_capitalize_method(bnt_render *r, bnt_tv self, const bnt_tv *a,
                                 const bnt_tv_args *args)
{
    (void)a;
    (void)args;
    return change_case(r, self, CASE_CAPITAL);
}

bnt_tv bnt_str_swapcase_method(bnt_render *r, bnt_tv self, const bnt_tv *a,
                               const bnt_tv_args *args)
{
    (void)a;
    (void)args;
    return change_case(r, self, CASE_SWAP);
}

/* align: -1 text at the left, 1 at the right, 0 in the middle as str.center puts it. */
bnt_tv bnt_str_center(bnt_render *r, bnt_tv s, int64_t width, bnt_tv fill, int align)
{
    const size_t n = bnt_tv_chars(r, s.u.s), mark = bnt_text_begin(r);
    bnt_tv_str *pad = NULL;

    if (bnt_arg_given(fill) && !bnt_arg_str(r, fill, "the fill character", &pad)) return s;
    if (pad && bnt_tv_chars(r, pad) != 1) {
        return bnt_tv_fail(r, BANTAM_ERR_INVALID, "the fill character must be one character");
    }
    if (width <= 0 || (uint64_t)width <= n) return s;
    const uint64_t gap = (uint64_t)width - n;
    if (gap > r->bytes_left || !bnt_render_work(r, gap / 16)) {
        bnt_render_charge(r, UINT64_MAX);
        return s;
    }
    const uint64_t left = align < 0   ? 0
                          : align > 0 ? gap
                                      : gap / 2 + (gap & (uint64_t)width & 1);
    for (uint64_t i = 0; i <= gap; i++) {
        if (i == left) bnt_tv_put_str(r, s);
        if (i < gap) bnt_buf_put(&r->text, pad ? pad->data : " ", pad ? pad->size : 1);
    }
    return bnt_text_end(r, mark);
}

static bnt_tv justify(bnt_render *r, bnt_tv self, const bnt_tv *a, int align)
{
    int64_t width;
    if (!bnt_arg_int(r, a[0], "the width", &width)) return self;
    return bnt_str_center(r, self, width, a[1], align);
}

bnt_tv bnt_str_center_method(bnt_render *r, bnt_tv self, const bnt_tv *a,
                             const bnt_tv_args *args)
{
    (void)args;
    return justify(r, self, a, 0);
}

bnt_tv bnt_str_ljust_method(bnt_render *r, bnt_tv self, const bnt_tv *a,
                            const bnt_tv_args *args)
{
    (void)args;
    return justify(r, self, a, -1);
}

bnt_tv bnt_str_rjust_method(bnt_render *r, bnt_tv self, const bnt_tv *a,
                            const bnt_tv_args *args)
{
    (void)args;
    return justify(r, self, a, 1);
}

bnt_tv bnt_str_zfill_method(bnt_render *r, bnt_tv self, const bnt_tv *a,
                            const bnt_tv_args *args)
{
    const bantam_text s = bnt_tv_text(self);
    const size_t sign = s.size && (s.data[0] == '-' || s.data[0] == '+'),
                 mark = bnt_text_begin(r);
    int64_t width;

    (void)args;
    if (!bnt_arg_int(r, a[0], "zfill: the width", &width)) return self;
    const bnt_tv digits = bnt_tv_borrow(r, s.data + sign, s.size - sign);
    if (r->status) return self;
    const bnt_tv padded =
        bnt_str_center(r, digits, width - (int64_t)sign, bnt_tv_literal(r, "0"), 1);
    if (r->status || !sign) return padded;
    bnt_buf_putc(&r->text, s.data[0]);
    bnt_tv_put_str(r, padded);
    return bnt_text_end(r, mark);
}

/* ---- questions ---- */

/* True where s is not empty and every character is of the class. */
static bnt_tv all_are(bnt_render *r, bnt_tv s, bnt_char_class class)
{
    const bantam_text t = bnt_tv_text(s);
    uint32_t code;

    for (size_t at = 0, n; at < t.size; at += n) {
        n = bnt_utf8_decode(t.data + at, t.size - at, &code);
        if (code == BNT_UTF8_BAD || !bnt_char_is(r, code, class)) return bnt_tv_bool(false);
    }
    bnt_render_work(r, t.size / 64);
    return bnt_tv_bool(t.size > 0);
}

/* True where some letter has the case and none has the other. */
static bnt_tv has_case(bnt_render *r, bnt_tv s, bnt_char_class wanted)
{
    const bnt_char_class other = wanted == BNT_CHAR_LOWER ? BNT_CHAR_UPPER : BNT_CHAR_LOWER;
    const bantam_text t = bnt_tv_text(s);
    bool some = false;
    uint32_t code;

    bnt_render_work(r, t.size / 64);
    for (size_t at = 0, n; at < t.size; at += n) {
        n = bnt_utf8_decode(t.data + at, t.size - at, &code);
        if (code == BNT_UTF8_BAD) continue;
        if (bnt_char_is(r, code, other)) return bnt_tv_bool(false);
        some = some || bnt_char_is(r, code, wanted);
    }
    return bnt_tv_bool(some);
}

bnt_tv bnt_str_isalpha_method(bnt_render *r, bnt_tv self, const bnt_tv *a,
                              const bnt_tv_args *args)
{
    (void)a;
    (void)args;
    return all_are(r, self, BNT_CHAR_ALPHA);
}

bnt_tv bnt_str_isdigit_method(bnt_render *r, bnt_tv self, const bnt_tv *a,
                              const bnt_tv_args *args)
{
    (void)a;
    (void)args;
    return all_are(r, self, BNT_CHAR_DIGIT);
}

bnt_tv bnt_str_isalnum_method(bnt_render *r, bnt_tv self, const bnt_tv *a,
                              const bnt_tv_args *args)
{
    (void)a;
    (void)args;
    return all_are(r, self, BNT_CHAR_ALNUM);
}

bnt_tv bnt_str_islower_method(bnt_render *r, bnt_tv self, const bnt_tv *a,
                              const bnt_tv_args *args)
{
    (void)a;
    (void)args;
    return has_case(r, self, BNT_CHAR_LOWER);
}

bnt_tv bnt_str_isupper_method(bnt_render *r, bnt_tv self, const bnt_tv *a,
                              const bnt_tv_args *args)
{
    (void)a;
    (void)args;
    return has_case(r, self, BNT_CHAR_UPPER);
}

bnt_tv bnt_str_isspace_method(bnt_render *r, bnt_tv self, const bnt_tv *a,
                              const bnt_tv_args *args)
{
    (void)a;
    (void)args;
    const bnt_tv rest = bnt_str_strip(r, self, NULL, true, false);
    return bnt_tv_bool(self.u.s->size && rest.type == BNT_TV_STRING && !rest.u.s->size);
}
