/* template_strings.c - the methods of Python's str.
 *
 * Positions are in characters, as in Python; the work is done on bytes. Formatting is in
 * template_format.c.
 */
#include "template/template_builtin.h"

#include "base/utf8.h"
#include "template/template_ops.h"
#include "template/template_print.h"
#include "template/template_unicode.h"

/* ---- searching ---- */

size_t bnt_text_find(bnt_render *r, bantam_text hay, bantam_text needle, size_t from)
{
    if (from > hay.size || needle.size > hay.size - from) return SIZE_MAX;
    if (!needle.size) return from;

    const size_t last = hay.size - needle.size; /* where needle could begin at the latest */
    uint64_t work = 0;
    size_t found = SIZE_MAX, at = from;
    while (at <= last) {
        const char *const p = memchr(hay.data + at, needle.data[0], last - at + 1);
        if (!p) break;
        at = (size_t)(p - hay.data);
        work += 4 + needle.size;
        if (!memcmp(p, needle.data, needle.size)) {
            found = at;
            break;
        }
        /* The budget is asked on the way, because a bad needle makes this quadratic. */
        if (work > 65536) {
            if (!bnt_render_work(r, work / 64)) return SIZE_MAX;
            work = 0;
        }
        at++;
    }
    bnt_render_work(r, (work + (found == SIZE_MAX ? hay.size : found) - from) / 64);
    return found;
}

static size_t find_last(bnt_render *r, bantam_text hay, bantam_text needle)
{
    if (needle.size > hay.size) return SIZE_MAX;
    bnt_render_work(r, hay.size / 64);
    for (size_t at = hay.size - needle.size + 1; at-- > 0;) {
        if (needle.size && hay.data[at] != needle.data[0]) continue;
        if (!bnt_render_work(r, needle.size / 64)) return SIZE_MAX;
        if (!needle.size || !memcmp(hay.data + at, needle.data, needle.size)) return at;
    }
    return SIZE_MAX;
}

static bool in_set(const bnt_tv_str *set, const char *c, size_t size)
{
    uint32_t code;
    for (size_t at = 0; at < set->size;) {
        const size_t n = bnt_utf8_decode(set->data + at, set->size - at, &code);
        if (n == size && !memcmp(set->data + at, c, n)) return true;
        at += n;
    }
    return false;
}

static bantam_text strip_text(bantam_text t, const bnt_tv_str *set, bool left, bool right)
{
    uint32_t code;

    while (left && t.size) {
        const size_t n = bnt_utf8_decode(t.data, t.size, &code);
        if (set ? !in_set(set, t.data, n) : !bnt_char_is_space(code)) break;
        t.data += n;
        t.size -= n;
    }
    while (right && t.size) {
        const size_t n = bnt_char_last(t.data, t.size, &code);
        if (set ? !in_set(set, t.data + t.size - n, n) : !bnt_char_is_space(code)) break;
        t.size -= n;
    }
    return t;
}

bnt_tv bnt_str_strip(bnt_render *r, bnt_tv s, const bnt_tv_str *set, bool left, bool right)
{
    /* A set is searched for each character; long ones are paid for before. */
    if (set && set->size > 64 && !bnt_render_work(r, set->size / 64 * s.u.s->size)) return s;

    const bantam_text t = strip_text(bnt_tv_text(s), set, left, right);
    const size_t cut = s.u.s->size - t.size;
    if (!cut || !bnt_render_work(r, cut / 64)) return s;
    return bnt_tv_borrow(r, t.data, t.size);
}

static bnt_tv strip(bnt_render *r, bnt_tv self, bnt_tv chars, bool left, bool right)
{
    bnt_tv_str *set = NULL;
    if (bnt_arg_given(chars) && chars.type != BNT_TV_NONE &&
        !bnt_arg_str(r, chars, "strip: the argument", &set)) {
        return self;
    }
    return bnt_str_strip(r, self, set, left, right);
}

static bnt_tv str_strip(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    (void)args;
    return strip(r, self, a[0], true, true);
}

static bnt_tv str_lstrip(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    (void)args;
    return strip(r, self, a[0], true, false);
}

static bnt_tv str_rstrip(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    (void)args;
    return strip(r, self, a[0], false, true);
}

/* ---- splitting and joining ---- */

static void push_part(bnt_render *r, bnt_tv list, const char *data, size_t size)
{
    bnt_tv_push(r, list, bnt_tv_borrow(r, data, size));
}

static void reverse_list(bnt_tv list)
{
    bnt_tv_list *const l = list.u.l;
    for (size_t i = 0; i < l->n / 2; i++) {
        const bnt_tv t = l->items[i];
        l->items[i] = l->items[l->n - 1 - i];
        l->items[l->n - 1 - i] = t;
    }
}

/* Words between white space. What is left when max words are taken loses the white space at its
 * near end only. */
static void split_words(bnt_render *r, bantam_text s, int64_t max, bool from_right, bnt_tv out)
{
    uint32_t code;

    for (;;) {
        const size_t before = s.size;
        s = strip_text(s, NULL, !from_right, from_right);
        if (!s.size || max-- == 0) break;
        size_t n = 0; /* bytes of the word */
        while (n < s.size) {
            const size_t size = from_right ? bnt_char_last(s.data, s.size - n, &code)
                                           : bnt_utf8_decode(s.data + n, s.size - n, &code);
            if (bnt_char_is_space(code)) break;
            n += size;
        }
        push_part(r, out, from_right ? s.data + s.size - n : s.data, n);
        if (!from_right) s.data += n;
        s.size -= n;
        if (!bnt_render_work(r, (before - s.size) / 64)) return;
    }
    if (s.size) push_part(r, out, s.data, s.size);
    if (!r->status && from_right) reverse_list(out);
}

static void split_at(bnt_render *r, bantam_text s, bantam_text sep, int64_t max,
                     bool from_right, bnt_tv out)
{
    while (!r->status) {
        const size_t at = max-- == 0   ? SIZE_MAX
                          : from_right ? find_last(r, s, sep)
                                       : bnt_text_find(r, s, sep, 0);
        if (at == SIZE_MAX) break;
        if (from_right) {
            push_part(r, out, s.data + at + sep.size, s.size - at - sep.size);
            s.size = at;
        } else {
            push_part(r, out, s.data, at);
            s.data += at + sep.size;
            s.size -= at + sep.size;
        }
    }
    push_part(r, out, s.data, s.size);
    if (!r->status && from_right) reverse_list(out);
}

static bnt_tv split(bnt_render *r, bnt_tv self, const bnt_tv *a, bool from_right)
{
    int64_t max = -1;
    bnt_tv_str *sep = NULL;

    if (bnt_arg_given(a[1]) && !bnt_arg_int(r, a[1], "split: maxsplit", &max)) return self;
    if (max < 0) max = -1; /* counted down, it stays negative */
    if (bnt_arg_given(a[0]) && a[0].type != BNT_TV_NONE) {
        if (!bnt_arg_str(r, a[0], "split: the separator", &sep)) return self;
        if (!sep->size) return bnt_tv_fail(r, BANTAM_ERR_INVALID, "split: empty separator");
    }
    const bnt_tv out = bnt_tv_new_list(r, BNT_TV_LIST, 0);
    if (r->status) return out;
    if (sep) {
        split_at(r, bnt_tv_text(self), (bantam_text){sep->data, sep->size}, max, from_right,
                 out);
    } else {
        split_words(r, bnt_tv_text(self), max, from_right, out);
    }
    return out;
}

static bnt_tv str_split(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    (void)args;
    return split(r, self, a, false);
}

static bnt_tv str_rsplit(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    (void)args;
    return split(r, self, a, true);
}

static bnt_tv partition(bnt_render *r, bnt_tv self, bnt_tv separator, bool from_right)
{
    bnt_tv_str *sep;
    if (!bnt_arg_str(r, separator, "partition: the separator", &sep)) return self;
    if (!sep->size) return bnt_tv_fail(r, BANTAM_ERR_INVALID, "partition: empty separator");

    const bantam_text s = bnt_tv_text(self), t = {sep->data, sep->size};
    const size_t at = from_right ? find_last(r, s, t) : bnt_text_find(r, s, t, 0);
    const bnt_tv out = bnt_tv_new_list(r, BNT_TV_TUPLE, 3);
    const size_t left = at != SIZE_MAX ? at : from_right ? 0 : s.size;
    const size_t gap = at != SIZE_MAX ? t.size : 0;
    if (r->status) return out;
    push_part(r, out, s.data, left);
    push_part(r, out, s.data + left, gap);
    push_part(r, out, s.data + left + gap, s.size - left - gap);
    return out;
}

static bnt_tv str_partition(bnt_render *r, bnt_tv self, const bnt_tv *a,
                            const bnt_tv_args *args)
{
    (void)args;
    return partition(r, self, a[0], false);
}

static bnt_tv str_rpartition(bnt_render *r, bnt_tv self, const bnt_tv *a,
                             const bnt_tv_args *args)
{
    (void)args;
    return partition(r, self, a[0], true);
}

bnt_tv bnt_str_lines(bnt_render *r, bnt_tv s, bool keep_ends)
{
    const bnt_tv out = bnt_tv_new_list(r, BNT_TV_LIST, 0);
    const char *const data = s.u.s->data;
    const size_t size = s.u.s->size;
    size_t begin = 0;
    uint32_t code;

    if (!bnt_render_work(r, size / 64)) return out;
    for (size_t at = 0, n; at < size && !r->status; at += n) {
        n = bnt_utf8_decode(data + at, size - at, &code);
        if (!bnt_char_is_line_end(code)) continue;
        if (code == '\r' && at + 1 < size && data[at + 1] == '\n') n = 2;
        push_part(r, out, data + begin, at - begin + (keep_ends ? n : 0));
        begin = at + n;
    }
    if (begin < size) push_part(r, out, data + begin, size - begin);
    return out;
}

static bnt_tv str_splitlines(bnt_render *r, bnt_tv self, const bnt_tv *a,
                             const bnt_tv_args *args)
{
    (void)args;
    return bnt_str_lines(r, self, bnt_arg_given(a[0]) && bnt_tv_truth(a[0]));
}

static bnt_tv str_join(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    bnt_tv_seq seq;
    const size_t mark = bnt_text_begin(r);

    (void)args;
    if (!bnt_tv_seq_of(r, a[0], &seq)) return self;
    for (size_t i = 0; i < seq.n && bnt_render_work(r, 1); i++) {
        const bnt_tv v = bnt_tv_seq_at(&seq, i);
        if (v.type != BNT_TV_STRING) {
            return bnt_tv_fail(r, BANTAM_ERR_INVALID,
                               "join: item %zu must be a string, found '%s'", i,
                               bnt_tv_type_name(v.type));
        }
        if (i) bnt_tv_put_str(r, self);
        bnt_tv_put_str(r, v);
    }
    return bnt_text_end(r, mark);
}

/* ---- comparing parts ---- */

/* self[start:stop], where start and stop may be absent. */
static bool window(bnt_render *r, bnt_tv *self, const bnt_tv *a, size_t *skipped)
{
    const bnt_tv start = bnt_arg_given(a[0]) ? a[0] : bnt_tv_none();
    const bnt_tv stop = bnt_arg_given(a[1]) ? a[1] : bnt_tv_none();

    *skipped = 0;
    if (start.type == BNT_TV_NONE && stop.type == BNT_TV_NONE) return true;
    const char *const data = self->u.s->data;
    *self = bnt_tv_slice(r, *self, start, stop, bnt_tv_none());
    if (r->status) return false;
    *skipped = (size_t)(self->u.s->data - data);
    return true;
}

static bool has_end(bnt_tv self, const bnt_tv_str *end, bool at_end)
{
    const bnt_tv_str *const s = self.u.s;
    if (end->size > s->size) return false;
    return !end->size ||
           !memcmp(s->data + (at_end ? s->size - end->size : 0), end->data, end->size);
}

static bnt_tv has_any_end(bnt_render *r, bnt_tv self, const bnt_tv *a, bool at_end)
{
    size_t skipped, n;
    bnt_tv_str *end;

    if (!window(r, &self, a + 1, &skipped)) return self;
    if (a[0].type == BNT_TV_TUPLE) {
        const bnt_tv *const items = bnt_tv_items(r, a[0], &n);
        for (size_t i = 0; i < n && bnt_render_work(r, 1); i++) {
            if (!bnt_arg_str(r, items[i], "startswith: the argument", &end)) return self;
            if (has_end(self, end, at_end)) return bnt_tv_bool(true);
        }
        return bnt_tv_bool(false);
    }
    if (!bnt_arg_str(r, a[0], at_end ? "endswith: the argument" : "startswith: the argument",
                     &end)) {
        return self;
    }
    bnt_render_work(r, end->size / 64);
    return bnt_tv_bool(has_end(self, end, at_end));
}

static bnt_tv str_startswith(bnt_render *r, bnt_tv self, const bnt_tv *a,
                             const bnt_tv_args *args)
{
    (void)args;
    return has_any_end(r, self, a, false);
}

static bnt_tv str_endswith(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    (void)args;
    return has_any_end(r, self, a, true);
}

static bnt_tv remove_end(bnt_render *r, bnt_tv self, bnt_tv arg, bool at_end)
{
    bnt_tv_str *end;
    if (!bnt_arg_str(r, arg, "removeprefix: the argument", &end)) return self;
    if (!end->size || !has_end(self, end, at_end)) return self;
    return bnt_tv_borrow(r, self.u.s->data + (at_end ? 0 : end->size),
                         self.u.s->size - end->size);
}

static bnt_tv str_removeprefix(bnt_render *r, bnt_tv self, const bnt_tv *a,
                               const bnt_tv_args *args)
{
    (void)args;
    return remove_end(r, self, a[0], false);
}

static bnt_tv str_removesuffix(bnt_render *r, bnt_tv self, const bnt_tv *a,
                               const bnt_tv_args *args)
{
    (void)args;
    return remove_end(r, self, a[0], true);
}

/* Character where the argument is found, -1 where it is not. */
static int64_t find(bnt_render *r, bnt_tv self, const bnt_tv *a, bool from_right)
{
    size_t skipped;
    bnt_tv_str *needle;
    bnt_tv part = self;

    if (!bnt_arg_str(r, a[0], "find: the argument", &needle)) return -1;
    if (!window(r, &part, a + 1, &skipped)) return -1;
    const bantam_text hay = bnt_tv_text(part), text = {needle->data, needle->size};
    const size_t at = from_right ? find_last(r, hay, text) : bnt_text_find(r, hay, text, 0);
    if (at == SIZE_MAX) return -1;
    if (bnt_tv_chars(r, self.u.s) == self.u.s->size) return (int64_t)(skipped + at);
    bnt_tv_str before = {self.u.s->data, skipped + at, BNT_TV_UNCOUNTED, NULL};
    return (int64_t)bnt_tv_chars(r, &before);
}

static bnt_tv index_of(bnt_render *r, bnt_tv self, const bnt_tv *a, bool from_right)
{
    const int64_t at = find(r, self, a, from_right);
    if (at < 0) return bnt_tv_fail(r, BANTAM_ERR_INVALID, "index: substring not found");
    return bnt_tv_int(at);
}

static bnt_tv str_find(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    (void)args;
    return bnt_tv_int(find(r, self, a, false));
}

static bnt_tv str_rfind(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    (void)args;
    return bnt_tv_int(find(r, self, a, true));
}

static bnt_tv str_index(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    (void)args;
    return index_of(r, self, a, false);
}

static bnt_tv str_rindex(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    (void)args;
    return index_of(r, self, a, true);
}

static bnt_tv str_count(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    size_t skipped, at = 0;
    bnt_tv_str *needle;
    int64_t n = 0;

    (void)args;
    if (!bnt_arg_str(r, a[0], "count: the argument", &needle)) return self;
    if (!window(r, &self, a + 1, &skipped)) return self;
    if (!needle->size) return bnt_tv_int((int64_t)bnt_tv_chars(r, self.u.s) + 1);
    const bantam_text hay = bnt_tv_text(self), text = {needle->data, needle->size};
    while (!r->status && (at = bnt_text_find(r, hay, text, at)) != SIZE_MAX) {
        n++;
        at += text.size;
    }
    return bnt_tv_int(n);
}

/* ---- changing ---- */

bnt_tv bnt_str_replace(bnt_render *r, bnt_tv s, bnt_tv old, bnt_tv with, int64_t count)
{
    const bantam_text hay = bnt_tv_text(s), needle = bnt_tv_text(old);
    const size_t mark = bnt_text_begin(r);
    size_t done = 0, from = 0;

    while (count != 0 && !r->status) {
        const size_t at = bnt_text_find(r, hay, needle, from);
        if (at == SIZE_MAX) break;
        bnt_buf_put(&r->text, hay.data + done, at - done);
        bnt_tv_put_str(r, with);
        done = at + needle.size;
        from = done;
        if (!needle.size) { /* an empty needle is before every character and at the end */
            uint32_t code;
            if (at == hay.size || !bnt_render_work(r, 1)) break;
            from = at + bnt_utf8_decode(hay.data + at, hay.size - at, &code);
        }
        if (count > 0) count--;
    }
    if (!done && r->text.size == mark) return s;
    bnt_buf_put(&r->text, hay.data + done, hay.size - done);
    return bnt_text_end(r, mark);
}

static bnt_tv str_replace(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    bnt_tv_str *s;
    int64_t count = -1;

    (void)args;
    if (!bnt_arg_str(r, a[0], "replace: the text replaced", &s)) return self;
    if (!bnt_arg_str(r, a[1], "replace: the replacement", &s)) return self;
    if (bnt_arg_given(a[2]) && !bnt_arg_int(r, a[2], "replace: count", &count)) return self;
    return bnt_str_replace(r, self, a[0], a[1], count);
}

static bnt_tv str_format(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    (void)a;
    return bnt_str_format(r, self, args);
}

const bnt_tv_builtin bnt_string_methods[] = {
    {"strip", str_strip, "chars", 0},
    {"lstrip", str_lstrip, "chars", 0},
    {"rstrip", str_rstrip, "chars", 0},
    {"split", str_split, "sep maxsplit", 0},
    {"rsplit", str_rsplit, "sep maxsplit", 0},
    {"splitlines", str_splitlines, "keepends", 0},
    {"partition", str_partition, "sep", 1},
    {"rpartition", str_rpartition, "sep", 1},
    {"join", str_join, "iterable", 1},
    {"startswith", str_startswith, "prefix start end", 1},
    {"endswith", str_endswith, "suffix start end", 1},
    {"removeprefix", str_removeprefix, "prefix", 1},
    {"removesuffix", str_removesuffix, "suffix", 1},
    {"find", str_find, "sub start end", 1},
    {"rfind", str_rfind, "sub start end", 1},
    {"index", str_index, "sub start end", 1},
    {"rindex", str_rindex, "sub start end", 1},
    {"count", str_count, "sub start end", 1},
    {"replace", str_replace, "old new count", 2},
    {"upper", bnt_str_upper_method, "", 0},
    {"lower", bnt_str_lower_method, "", 0},
    {"title", bnt_str_title_method, "", 0},
    {"capitalize", bnt_str_capitalize_method, "", 0},
    {"swapcase", bnt_str_swapcase_method, "", 0},
    {"center", bnt_str_center_method, "width fillchar", 1},
    {"ljust", bnt_str_ljust_method, "width fillchar", 1},
    {"rjust", bnt_str_rjust_method, "width fillchar", 1},
    {"zfill", bnt_str_zfill_method, "width", 1},
    {"format", str_format, "*", 0},
    {"isalpha", bnt_str_isalpha_method, "", 0},
    {"isdigit", bnt_str_isdigit_method, "", 0},
    {"isalnum", bnt_str_isalnum_method, "", 0},
    {"islower", bnt_str_islower_method, "", 0},
    {"isupper", bnt_str_isupper_method, "", 0},
    {"isspace", bnt_str_isspace_method, "", 0},
    {NULL, NULL, NULL, 0},
};
