/* template_value.c - making, walking, measuring and comparing values.
 *
 * Walks into values inside values are recursive and stop at BNT_TV_MAX_DEPTH, which bounds the
 * stack whatever a template builds. How values print is in template_print.c, what operators do
 * with them in template_ops.c.
 */
#include "template/template_value.h"

#include "base/utf8.h"

#include <math.h>

const char *bnt_tv_type_name(bnt_tv_type type)
{
    static const char *const names[] = {
        "absent", "Undefined", "NoneType", "bool",   "int",    "float",     "str",
        "list",   "tuple",     "dict",     "range",  "view",   "generator", "Namespace",
        "loop",   "Macro",     "function", "method", "Cycler", "Joiner"};
    return names[type];
}

/* ---- strings ---- */

bnt_tv bnt_tv_borrow(bnt_render *r, const char *data, size_t size)
{
    bnt_tv_str *const s = bnt_render_alloc(r, 1, sizeof *s);
    if (!s) return bnt_tv_undefined(BNT_TV_NO_ELSE, BNT_TV_NONE, NULL);

    *s = (bnt_tv_str){.data = data, .size = size, .chars = size ? BNT_TV_UNCOUNTED : 0};
    return (bnt_tv){.type = BNT_TV_STRING, .u.s = s};
}

bnt_tv bnt_text_end(bnt_render *r, size_t mark)
{
    if (r->text.failed) {
        /* The text is bounded by the same number as the values are. */
        if (r->text.failed == BANTAM_ERR_NOMEM) bnt_render_no_memory(r);
        bnt_render_charge(r, UINT64_MAX);
    }
    const size_t size = r->text.size - mark;
    char *const data = bnt_render_alloc(r, size, 1);
    if (!data || !bnt_render_work(r, size / 64)) {
        return bnt_tv_undefined(BNT_TV_NO_ELSE, BNT_TV_NONE, NULL);
    }
    if (size) memcpy(data, r->text.data + mark, size);
    r->text.size = mark;
    return bnt_tv_borrow(r, data, size);
}

size_t bnt_tv_chars(bnt_render *r, bnt_tv_str *s)
{
    if (s->chars != BNT_TV_UNCOUNTED) return s->chars;

    size_t n = 0;
    uint32_t code;
    bnt_render_work(r, s->size / 64);
    for (size_t at = 0; at < s->size; n++) {
        at += (unsigned char)s->data[at] < 0x80
                  ? 1
                  : bnt_utf8_decode(s->data + at, s->size - at, &code);
    }
    s->chars = n;
    return n;
}

size_t bnt_tv_char_offset(bnt_render *r, bnt_tv_str *s, size_t index)
{
    const size_t n = bnt_tv_chars(r, s);
    if (n == s->size) return index;
    if (index >= n) return s->size;

    size_t at = 0;
    uint32_t code;
    bnt_render_work(r, index / 64);
    for (size_t i = 0; i < index; i++) {
        at += bnt_utf8_decode(s->data + at, s->size - at, &code);
    }
    return at;
}

/* ---- lists ---- */

bnt_tv bnt_tv_new_list(bnt_render *r, bnt_tv_type type, size_t capacity)
{
    bnt_tv_list *const l = bnt_render_alloc(r, 1, sizeof *l);
    bnt_tv_tail *const tail = bnt_render_alloc(r, 1, sizeof *tail);
    bnt_tv *const items = bnt_render_alloc(r, capacity, sizeof *items);
    if (!l || !tail || !items) return bnt_tv_undefined(BNT_TV_NO_ELSE, BNT_TV_NONE, NULL);

    *tail = (bnt_tv_tail){.capacity = capacity};
    *l = (bnt_tv_list){.items = items, .tail = tail};
    return (bnt_tv){.type = (uint8_t)type, .u.l = l};
}

bnt_tv bnt_tv_share_list(bnt_render *r, bnt_tv_type type, const bnt_tv *items, size_t n,
                         bnt_tv_tail *tail)
{
    bnt_tv_list *const l = bnt_render_alloc(r, 1, sizeof *l);
    if (!l) return bnt_tv_undefined(BNT_TV_NO_ELSE, BNT_TV_NONE, NULL);

    *l = (bnt_tv_list){.items = (bnt_tv *)(uintptr_t)items, .n = n, .tail = tail};
    return (bnt_tv){.type = (uint8_t)type, .u.l = l};
}

static void fetch_list(bnt_render *r, bnt_tv_list *l)
{
    if (!l->json) return;

    bnt_tv *const items = bnt_render_alloc(r, l->n, sizeof *items);
    if (!items || !bnt_render_work(r, l->n / 16)) {
        l->n = 0;
        return;
    }
    for (size_t i = 0; i < l->n; i++) {
        items[i] = bnt_tv_from_json(r, json_array_get(l->json, i));
    }
    l->items = items;
    l->json = NULL;
}

/* Room for one more item behind the last, in place where nobody else has used it. */
static bool grow_list(bnt_render *r, bnt_tv_list *l)
{
    if (l->tail && l->tail->used == l->n && l->n < l->tail->capacity) return true;

    const size_t capacity = l->n < 4 ? 8 : 2 * l->n;
    bnt_tv_tail *const tail = bnt_render_alloc(r, 1, sizeof *tail);
    bnt_tv *const items = bnt_render_alloc(r, capacity, sizeof *items);
    if (!tail || !items || !bnt_render_work(r, l->n / 16)) return false;

    if (l->n) memcpy(items, l->items, l->n * sizeof *items);
    *tail = (bnt_tv_tail){l->n, capacity};
    l->items = items;
    l->tail = tail;
    return true;
}

void bnt_tv_push(bnt_render *r, bnt_tv list, bnt_tv item)
{
    if (r->status) return;
    bnt_tv_list *const l = list.u.l;
    fetch_list(r, l);
    if (!grow_list(r, l)) return;
    l->items[l->n++] = item;
    l->tail->used = l->n;
}

const bnt_tv *bnt_tv_items(bnt_render *r, bnt_tv v, size_t *n)
{
    *n = 0;
    if (r->status) return NULL;
    fetch_list(r, v.u.l);
    *n = v.u.l->n;
    return v.u.l->items;
}

/* ---- dictionaries ---- */

bnt_tv bnt_tv_new_dict(bnt_render *r)
{
    bnt_tv_dict *const d = bnt_render_alloc(r, 1, sizeof *d);
    if (!d) return bnt_tv_undefined(BNT_TV_NO_ELSE, BNT_TV_NONE, NULL);

    *d = (bnt_tv_dict){0};
    return (bnt_tv){.type = BNT_TV_DICT, .u.d = d};
}

static void fetch_dict(bnt_render *r, bnt_tv_dict *d)
{
    if (!d->json) return;

    const size_t n = d->n;
    bnt_tv_entry *const entries = bnt_render_alloc(r, n, sizeof *entries);
    d->n = 0;
    if (!entries || !bnt_render_work(r, n / 16)) return;

    /* Jansson's iterators do not change the object, but its functions are not const. */
    json_t *const json = (json_t *)(uintptr_t)d->json;
    for (void *it = json_object_iter(json); it; it = json_object_iter_next(json, it)) {
        bnt_tv_entry *const e = &entries[d->n++];
        e->key = bnt_tv_borrow(r, json_object_iter_key(it), json_object_iter_key_len(it));
        e->value = bnt_tv_from_json(r, json_object_iter_value(it));
    }
    d->entries = entries;
    d->capacity = n;
    d->json = NULL;
}

bnt_tv_entry *bnt_tv_entries(bnt_render *r, bnt_tv v, size_t *n)
{
    *n = 0;
    if (r->status) return NULL;
    fetch_dict(r, v.u.d);
    if (r->status) return NULL;
    *n = v.u.d->n;
    return v.u.d->entries;
}

static bool hashable(bnt_render *r, bnt_tv key, int depth)
{
    if (key.type == BNT_TV_TUPLE && depth < BNT_TV_MAX_DEPTH) {
        size_t n;
        const bnt_tv *const items = bnt_tv_items(r, key, &n);
        for (size_t i = 0; i < n; i++) {
            if (!hashable(r, items[i], depth + 1)) return false;
        }
        return true;
    }
    return key.type != BNT_TV_LIST && key.type != BNT_TV_DICT && key.type != BNT_TV_TUPLE;
}

bool bnt_tv_check_key(bnt_render *r, bnt_tv key)
{
    if (r->status) return false;
    if (hashable(r, key, 0)) return true;
    bnt_tv_fail(r, BANTAM_ERR_INVALID, "unhashable type: '%s'", bnt_tv_type_name(key.type));
    return false;
}

bnt_tv *bnt_tv_find(bnt_render *r, bnt_tv dict, bnt_tv key)
{
    size_t n;
    bnt_tv_entry *const entries = bnt_tv_entries(r, dict, &n);
    if (!bnt_render_work(r, n / 16)) return NULL;

    for (size_t i = 0; i < n; i++) {
        const bnt_tv k = entries[i].key;
        if (k.type == BNT_TV_STRING && key.type == BNT_TV_STRING) {
            const bnt_tv_str *const a = k.u.s, *const b = key.u.s;
            if (a->size != b->size || (a->size && memcmp(a->data, b->data, a->size))) continue;
            return &entries[i].value;
        }
        if (k.type != BNT_TV_STRING && bnt_tv_equal(r, k, key)) return &entries[i].value;
    }
    return NULL;
}

void bnt_tv_set(bnt_render *r, bnt_tv dict, bnt_tv key, bnt_tv value)
{
    if (!bnt_tv_check_key(r, key)) return;
    bnt_tv *const old = bnt_tv_find(r, dict, key);
    if (old) {
        *old = value;
        return;
    }
    bnt_tv_dict *const d = dict.u.d;
    if (r->status) return;
    if (d->n == d->capacity) {
        const size_t capacity = d->n < 4 ? 4 : 2 * d->n;
        bnt_tv_entry *const entries = bnt_render_alloc(r, capacity, sizeof *entries);
        if (!entries) return;
        if (d->n) memcpy(entries, d->entries, d->n * sizeof *entries);
        d->entries = entries;
        d->capacity = capacity;
    }
    d->entries[d->n++] = (bnt_tv_entry){key, value};
}

void bnt_tv_remove(bnt_render *r, bnt_tv dict, size_t index)
{
    size_t n;
    bnt_tv_entry *const entries = bnt_tv_entries(r, dict, &n);
    if (index >= n || !bnt_render_work(r, n / 16)) return;
    memmove(entries + index, entries + index + 1, (n - index - 1) * sizeof *entries);
    dict.u.d->n--;
}

/* ---- JSON ---- */

static bnt_tv list_from_json(bnt_render *r, const json_t *json)
{
    bnt_tv_list *const l = bnt_render_alloc(r, 1, sizeof *l);
    if (!l) return bnt_tv_none();
    *l = (bnt_tv_list){.n = json_array_size(json), .json = json};
    return (bnt_tv){.type = BNT_TV_LIST, .u.l = l};
}

bnt_tv bnt_tv_from_json(bnt_render *r, const json_t *json)
{
    switch (json ? json_typeof(json) : JSON_NULL) {
    case JSON_OBJECT: {
        const bnt_tv v = bnt_tv_new_dict(r);
        if (v.type == BNT_TV_DICT) {
            v.u.d->n = json_object_size(json);
            v.u.d->json = json;
        }
        return v;
    }
    case JSON_ARRAY:
        return list_from_json(r, json);
    case JSON_STRING:
        return bnt_tv_borrow(r, json_string_value(json), json_string_length(json));
    case JSON_INTEGER:
        return bnt_tv_int(json_integer_value(json));
    case JSON_REAL:
        return bnt_tv_float(json_real_value(json));
    case JSON_TRUE:
        return bnt_tv_bool(true);
    case JSON_FALSE:
        return bnt_tv_bool(false);
    case JSON_NULL:
        break;
    }
    return bnt_tv_none();
}

/* ---- undefined ---- */

bnt_tv bnt_tv_use_undefined(bnt_render *r, bnt_tv v)
{
    const bantam_text name = v.u.s ? bnt_tv_text(v) : (bantam_text){0};

    switch ((bnt_tv_reason)v.id) {
    case BNT_TV_NO_NAME:
        return bnt_tv_fail(r, BANTAM_ERR_INVALID, "'%.*s' is undefined", BNT_TEXT_ARG(name));
    case BNT_TV_NO_ATTR:
        return bnt_tv_fail(r, BANTAM_ERR_INVALID, "'%s object' has no attribute '%.*s'",
                           bnt_tv_type_name(v.sub), BNT_TEXT_ARG(name));
    case BNT_TV_NO_ITEM:
        return bnt_tv_fail(r, BANTAM_ERR_INVALID, "'%s object' has no such element",
                           bnt_tv_type_name(v.sub));
    case BNT_TV_NO_PARAM:
        return bnt_tv_fail(r, BANTAM_ERR_INVALID, "parameter '%.*s' was not provided",
                           BNT_TEXT_ARG(name));
    case BNT_TV_NO_ELSE:
        return bnt_tv_fail(r, BANTAM_ERR_INVALID,
                           "an inline if without else was false, its value is undefined");
    case BNT_TV_EMPTY:
        break;
    }
    return bnt_tv_fail(r, BANTAM_ERR_INVALID, "the sequence was empty");
}

/* ---- iterating and measuring ---- */

static bool seq_of_string(bnt_render *r, bnt_tv_str *s, bnt_tv_seq *out)
{
    const size_t n = bnt_tv_chars(r, s);
    bnt_tv *const items = bnt_render_alloc(r, n, sizeof *items);
    if (!items || !bnt_render_work(r, n / 16)) return false;

    size_t at = 0;
    uint32_t code;
    for (size_t i = 0; i < n && !r->status; i++) {
        const size_t size = bnt_utf8_decode(s->data + at, s->size - at, &code);
        items[i] = bnt_tv_borrow(r, s->data + at, size);
        at += size;
    }
    *out = (bnt_tv_seq){.items = items, .n = n};
    return !r->status;
}

static bool seq_of_keys(bnt_render *r, bnt_tv v, bnt_tv_seq *out)
{
    size_t n;
    const bnt_tv_entry *const entries = bnt_tv_entries(r, v, &n);
    bnt_tv *const items = bnt_render_alloc(r, n, sizeof *items);
    if (!items || !bnt_render_work(r, n / 16)) return false;

    for (size_t i = 0; i < n; i++) {
        items[i] = entries[i].key;
    }
    *out = (bnt_tv_seq){.items = items, .n = n};
    return true;
}

bool bnt_tv_seq_of(bnt_render *r, bnt_tv v, bnt_tv_seq *out)
{
    static const bnt_tv nothing;

    *out = (bnt_tv_seq){.items = &nothing};
    if (r->status) return false;
    switch (v.type) {
    case BNT_TV_UNDEFINED:
        return true;
    case BNT_TV_STRING:
        return seq_of_string(r, v.u.s, out);
    case BNT_TV_DICT:
        return seq_of_keys(r, v, out);
    case BNT_TV_RANGE:
        *out = (bnt_tv_seq){.n = v.u.r->n, .start = v.u.r->start, .step = v.u.r->step};
        return true;
    case BNT_TV_LIST:
    case BNT_TV_TUPLE:
    case BNT_TV_VIEW:
    case BNT_TV_ITERATOR: {
        const bnt_tv *const items = bnt_tv_items(r, v, &out->n);
        if (items) out->items = items + v.u.l->at;
        out->n -= v.u.l->at;
        if (v.type == BNT_TV_ITERATOR) v.u.l->at = v.u.l->n;
        return !r->status;
    }
    default:
        bnt_tv_fail(r, BANTAM_ERR_INVALID, "'%s' object is not iterable",
                    bnt_tv_type_name(v.type));
        return false;
    }
}

bool bnt_tv_length(bnt_render *r, bnt_tv v, size_t *n)
{
    *n = 0;
    switch (v.type) {
    case BNT_TV_UNDEFINED:
        return true;
    case BNT_TV_STRING:
        *n = bnt_tv_chars(r, v.u.s);
        return true;
    case BNT_TV_LIST:
    case BNT_TV_TUPLE:
    case BNT_TV_VIEW:
        *n = v.u.l->n;
        return true;
    case BNT_TV_DICT:
        *n = v.u.d->n;
        return true;
    case BNT_TV_RANGE:
        *n = v.u.r->n;
        return true;
    case BNT_TV_LOOP:
        *n = v.u.loop->seq.n;
        return true;
    default:
        bnt_tv_fail(r, BANTAM_ERR_INVALID, "object of type '%s' has no length",
                    bnt_tv_type_name(v.type));
        return false;
    }
}

bool bnt_tv_truth(bnt_tv v)
{
    switch (v.type) {
    case BNT_TV_ABSENT:
    case BNT_TV_UNDEFINED:
    case BNT_TV_NONE:
        return false;
    case BNT_TV_BOOL:
    case BNT_TV_INT:
        return v.u.i != 0;
    case BNT_TV_FLOAT:
        return v.u.f != 0.0;
    case BNT_TV_STRING:
        return v.u.s->size != 0;
    case BNT_TV_LIST:
    case BNT_TV_TUPLE:
    case BNT_TV_VIEW:
        return v.u.l->n != 0;
    case BNT_TV_DICT:
        return v.u.d->n != 0;
    case BNT_TV_RANGE:
        return v.u.r->n != 0;
    case BNT_TV_LOOP:
        return v.u.loop->seq.n != 0;
    default:
        return true;
    }
}

double bnt_tv_number(bnt_tv v)
{
    return v.type == BNT_TV_FLOAT ? v.u.f : (double)v.u.i;
}

/* ---- comparing ---- */

/* Exact, unlike a comparison of doubles: 2^53 + 1 is not 2^53. */
static bnt_tv_order order_int_float(int64_t i, double f)
{
    if (isnan(f)) return BNT_TV_UNORDERED;
    if (f >= 0x1p63) return BNT_TV_LESS;
    if (f < -0x1p63) return BNT_TV_GREATER;

    const int64_t whole = (int64_t)f; /* toward zero, in range */
    if (i != whole) return i < whole ? BNT_TV_LESS : BNT_TV_GREATER;
    const double rest = f - (double)whole;
    if (rest == 0.0) return BNT_TV_SAME;
    return rest > 0.0 ? BNT_TV_LESS : BNT_TV_GREATER;
}

static bnt_tv_order order_numbers(bnt_tv a, bnt_tv b)
{
    if (a.type == BNT_TV_FLOAT && b.type == BNT_TV_FLOAT) {
        if (isnan(a.u.f) || isnan(b.u.f)) return BNT_TV_UNORDERED;
        if (a.u.f < b.u.f) return BNT_TV_LESS;
        return a.u.f > b.u.f ? BNT_TV_GREATER : BNT_TV_SAME;
    }
    if (b.type == BNT_TV_FLOAT) return order_int_float(a.u.i, b.u.f);
    if (a.type == BNT_TV_FLOAT) {
        const bnt_tv_order o = order_int_float(b.u.i, a.u.f);
        if (o == BNT_TV_LESS) return BNT_TV_GREATER;
        return o == BNT_TV_GREATER ? BNT_TV_LESS : o;
    }
    if (a.u.i < b.u.i) return BNT_TV_LESS;
    return a.u.i > b.u.i ? BNT_TV_GREATER : BNT_TV_SAME;
}

/* Bytewise, which for UTF-8 is the order of code points. */
static bnt_tv_order order_strings(bnt_render *r, const bnt_tv_str *a, const bnt_tv_str *b)
{
    const size_t n = a->size < b->size ? a->size : b->size;
    const int c = n ? memcmp(a->data, b->data, n) : 0;

    bnt_render_work(r, n / 64);
    if (c) return c < 0 ? BNT_TV_LESS : BNT_TV_GREATER;
    if (a->size == b->size) return BNT_TV_SAME;
    return a->size < b->size ? BNT_TV_LESS : BNT_TV_GREATER;
}

static bool equal(bnt_render *r, bnt_tv a, bnt_tv b, int depth);

static bool equal_lists(bnt_render *r, bnt_tv a, bnt_tv b, int depth)
{
    size_t na, nb;
    const bnt_tv *const x = bnt_tv_items(r, a, &na);
    const bnt_tv *const y = bnt_tv_items(r, b, &nb);

    if (na != nb || !bnt_render_work(r, 1 + na / 8)) return false;
    for (size_t i = 0; i < na; i++) {
        if (!equal(r, x[i], y[i], depth + 1)) return false;
    }
    return true;
}

static bool equal_dicts(bnt_render *r, bnt_tv a, bnt_tv b, int depth)
{
    size_t na, nb;
    const bnt_tv_entry *const x = bnt_tv_entries(r, a, &na);

    bnt_tv_entries(r, b, &nb);
    if (na != nb || !bnt_render_work(r, 1 + na / 8)) return false;
    for (size_t i = 0; i < na; i++) {
        const bnt_tv *const other = bnt_tv_find(r, b, x[i].key);
        if (!other || !equal(r, x[i].value, *other, depth + 1)) return false;
    }
    return true;
}

static bool equal_ranges(const bnt_tv_range *a, const bnt_tv_range *b)
{
    return a->n == b->n && (!a->n || a->start == b->start) && (a->n < 2 || a->step == b->step);
}

static bool equal(bnt_render *r, bnt_tv a, bnt_tv b, int depth)
{
    if (r->status) return false;
    if (depth > BNT_TV_MAX_DEPTH) {
        bnt_tv_fail(r, BANTAM_ERR_FULL, "values are nested deeper than %d", BNT_TV_MAX_DEPTH);
        return false;
    }
    if (bnt_tv_is_number(a) && bnt_tv_is_number(b)) return order_numbers(a, b) == BNT_TV_SAME;
    if (a.type != b.type) return false;
    switch (a.type) {
    case BNT_TV_UNDEFINED:
    case BNT_TV_NONE:
        return true;
    case BNT_TV_STRING:
        return a.u.s->size == b.u.s->size && order_strings(r, a.u.s, b.u.s) == BNT_TV_SAME;
    case BNT_TV_LIST:
    case BNT_TV_TUPLE:
        return a.u.l == b.u.l || equal_lists(r, a, b, depth);
    case BNT_TV_DICT:
        return a.u.d == b.u.d || equal_dicts(r, a, b, depth);
    case BNT_TV_RANGE:
        return equal_ranges(a.u.r, b.u.r);
    case BNT_TV_FUNCTION:
        return a.id == b.id;
    case BNT_TV_METHOD:
        return a.id == b.id && a.sub == b.sub && a.u.i == b.u.i;
    default: /* the same object or not; all of them are pointers */
        return a.u.l == b.u.l;
    }
}

bool bnt_tv_equal(bnt_render *r, bnt_tv a, bnt_tv b)
{
    return equal(r, a, b, 0);
}

static bnt_tv_order compare(bnt_render *r, bnt_tv a, bnt_tv b, const char *op, int depth)
{
    if (a.type == BNT_TV_UNDEFINED || b.type == BNT_TV_UNDEFINED) {
        bnt_tv_use_undefined(r, a.type == BNT_TV_UNDEFINED ? a : b);
        return BNT_TV_UNORDERED;
    }
    if (bnt_tv_is_number(a) && bnt_tv_is_number(b)) return order_numbers(a, b);
    if (a.type == BNT_TV_STRING && b.type == BNT_TV_STRING) {
        return order_strings(r, a.u.s, b.u.s);
    }
    const bool lists = a.type == BNT_TV_LIST || a.type == BNT_TV_TUPLE;
    if (a.type != b.type || !lists || depth > BNT_TV_MAX_DEPTH) {
        bnt_tv_fail(r, BANTAM_ERR_INVALID,
                    "'%s' not supported between instances of '%s' and '%s'", op,
                    bnt_tv_type_name(a.type), bnt_tv_type_name(b.type));
        return BNT_TV_UNORDERED;
    }
    size_t na, nb;
    const bnt_tv *const x = bnt_tv_items(r, a, &na);
    const bnt_tv *const y = bnt_tv_items(r, b, &nb);
    for (size_t i = 0; i < na && i < nb && bnt_render_work(r, 1); i++) {
        if (!equal(r, x[i], y[i], depth + 1)) return compare(r, x[i], y[i], op, depth + 1);
    }
    if (na == nb) return BNT_TV_SAME;
    return na < nb ? BNT_TV_LESS : BNT_TV_GREATER;
}

bnt_tv_order bnt_tv_compare(bnt_render *r, bnt_tv a, bnt_tv b, const char *op)
{
    return r->status ? BNT_TV_UNORDERED : compare(r, a, b, op, 0);
}
