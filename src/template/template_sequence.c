/* template_sequence.c - filters over sequences: map, select, sort, join and their like.
 *
 * Where Jinja returns a generator an iterator is returned here: true even when empty, without
 * length, and empty after it has been read once.
 */
#include "template/template_builtin.h"

#include "base/utf8.h"
#include "template/template_ops.h"
#include "template/template_print.h"

/* ---- attributes by name ---- */

static bnt_tv path_part(bnt_render *r, bantam_text part)
{
    const bnt_tv name = bnt_tv_borrow(r, part.data, part.size);
    int64_t index;
    bool too_large;

    if (r->status || !part.size) return name;
    for (size_t i = 0; i < part.size; i++) {
        if (part.data[i] < '0' || part.data[i] > '9') return name;
    }
    return bnt_tv_read_int(name.u.s, 10, &index, &too_large) && !too_large ? bnt_tv_int(index)
                                                                           : name;
}

bnt_tv bnt_tv_path(bnt_render *r, bnt_tv v, bnt_tv path)
{
    if (path.type != BNT_TV_STRING) return bnt_tv_item(r, v, path);

    const bantam_text t = bnt_tv_text(path);
    for (size_t at = 0; at <= t.size && bnt_render_work(r, 1);) {
        const char *const dot = memchr(t.data + at, '.', t.size - at);
        const size_t end = dot ? (size_t)(dot - t.data) : t.size;
        const bnt_tv part = path_part(r, (bantam_text){t.data + at, end - at});
        if (r->status) break;
        v = bnt_tv_item(r, v, part);
        at = end + 1;
    }
    return v;
}

/* The member that an `attribute` argument names, fallback where it is undefined. */
static bnt_tv member(bnt_render *r, bnt_tv v, bnt_tv attribute, bnt_tv fallback)
{
    if (!bnt_arg_given(attribute) || attribute.type == BNT_TV_NONE) return v;
    const bnt_tv found = bnt_tv_path(r, v, attribute);
    return bnt_tv_is_undefined(found) && bnt_arg_given(fallback) ? fallback : found;
}

/* What a value is compared by: strings without case unless asked for. */
static bnt_tv sort_key(bnt_render *r, bnt_tv v, bnt_tv attribute, bnt_tv fallback,
                       bool case_sensitive)
{
    const bnt_tv key = member(r, v, attribute, fallback);
    if (r->status || case_sensitive || key.type != BNT_TV_STRING) return key;
    return bnt_str_map_case(r, key, false);
}

static bool flag(bnt_tv v)
{
    return bnt_arg_given(v) && bnt_tv_truth(v);
}

/* ---- map, select and reject ---- */

static bnt_tv named_arg(const bnt_tv_args *args, const char *name)
{
    for (size_t i = 0; i < args->n_named; i++) {
        if (bnt_tv_says(args->named[2 * i], name)) return args->named[2 * i + 1];
    }
    return (bnt_tv){0};
}

/* The rows of value, none where it is false, and a new iterator for the results. */
static bool begin(bnt_render *r, bnt_tv value, bnt_tv_seq *seq, bnt_tv *out)
{
    *seq = (bnt_tv_seq){0};
    *out = bnt_tv_new_list(r, BNT_TV_ITERATOR, 0);
    if (r->status) return false;
    return !bnt_tv_truth(value) || bnt_tv_seq_of(r, value, seq);
}

/* The filter or test that the argument at `first` names. */
static const bnt_tv_builtin *named_builtin(bnt_render *r, const bnt_tv_builtin *table,
                                           const bnt_tv_args *args, size_t first,
                                           const char *kind, bnt_tv_args *rest)
{
    bnt_tv_str *name;

    if (!bnt_arg_str(r, args->pos[first], "the name of a filter or test", &name)) return NULL;
    const bantam_text text = {name->data, name->size};
    const bnt_tv_builtin *const b = bnt_builtin_find(table, text);
    if (!b) {
        bnt_tv_fail(r, BANTAM_ERR_UNSUPPORTED, "unknown %s '%.*s'", kind, BNT_TEXT_ARG(text));
    }
    *rest = *args;
    rest->pos += first + 1;
    rest->n_pos -= first + 1;
    return b;
}

bnt_tv bnt_filter_map(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    const bnt_tv attribute = named_arg(args, "attribute"),
                 fallback = named_arg(args, "default");
    const bnt_tv_builtin *filter = NULL;
    bnt_tv_args rest;
    bnt_tv_seq seq;
    bnt_tv out;

    (void)a;
    if (args->n_pos) {
        filter = named_builtin(r, bnt_filters, args, 0, "filter", &rest);
        if (!filter) return self;
    } else if (!bnt_arg_given(attribute) ||
               args->n_named > (bnt_arg_given(fallback) ? 2u : 1u)) {
        return bnt_tv_fail(r, BANTAM_ERR_INVALID,
                           "map needs the name of a filter or attribute=");
    }
    if (!begin(r, self, &seq, &out)) return self;
    for (size_t i = 0; i < seq.n && bnt_render_work(r, 1); i++) {
        const bnt_tv v = bnt_tv_seq_at(&seq, i);
        bnt_tv_push(r, out,
                    filter ? bnt_builtin_call(r, filter, v, &rest)
                           : member(r, v, attribute, fallback));
    }
    return out;
}

/* Items for which the test, of the item or of its attribute, says `wanted`. */
static bnt_tv choose(bnt_render *r, bnt_tv self, const bnt_tv_args *args, bool by_attribute,
                     bool wanted)
{
    const size_t first = by_attribute ? 1 : 0;
    const bnt_tv_builtin *test = NULL;
    bnt_tv_args rest;
    bnt_tv_seq seq;
    bnt_tv out;

    if (args->n_pos < first) {
        return bnt_tv_fail(r, BANTAM_ERR_INVALID, "selectattr needs the name of an attribute");
    }
    if (args->n_pos > first) {
        test = named_builtin(r, bnt_tests, args, first, "test", &rest);
        if (!test) return self;
    }
    if (!begin(r, self, &seq, &out)) return self;
    for (size_t i = 0; i < seq.n && bnt_render_work(r, 1); i++) {
        const bnt_tv item = bnt_tv_seq_at(&seq, i);
        const bnt_tv v = by_attribute ? bnt_tv_path(r, item, args->pos[0]) : item;
        if (r->status) break;
        const bnt_tv says = test ? bnt_builtin_call(r, test, v, &rest) : v;
        if (bnt_tv_truth(says) == wanted) bnt_tv_push(r, out, item);
    }
    return out;
}

bnt_tv bnt_filter_select(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    (void)a;
    return choose(r, self, args, false, true);
}

bnt_tv bnt_filter_reject(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    (void)a;
    return choose(r, self, args, false, false);
}

bnt_tv bnt_filter_selectattr(bnt_render *r, bnt_tv self, const bnt_tv *a,
                             const bnt_tv_args *args)
{
    (void)a;
    return choose(r, self, args, true, true);
}

bnt_tv bnt_filter_rejectattr(bnt_render *r, bnt_tv self, const bnt_tv *a,
                             const bnt_tv_args *args)
{
    (void)a;
    return choose(r, self, args, true, false);
}

/* ---- sorting ---- */

typedef struct keyed {
    bnt_tv key, item;
} keyed;

/* Merge sort from the bottom up: stable in both directions, as Python's is. Returns the sorted
 * array, which is rows or spare, or NULL after a failure. */
static keyed *merge_sort(bnt_render *r, keyed *rows, keyed *spare, size_t n, bool reverse)
{
    const bnt_tv_order wrong = reverse ? BNT_TV_LESS : BNT_TV_GREATER;

    for (size_t width = 1; width < n; width *= 2) {
        for (size_t start = 0; start < n; start += 2 * width) {
            const size_t middle = start + width < n ? start + width : n;
            const size_t end = middle + width < n ? middle + width : n;
            size_t left = start, right = middle;
            for (size_t to = start; to < end; to++) {
                bool take_right = left == middle;
                if (left < middle && right < end) {
                    if (!bnt_render_work(r, 1)) return NULL;
                    take_right =
                        bnt_tv_compare(r, rows[left].key, rows[right].key, "<") == wrong;
                }
                spare[to] = rows[take_right ? right++ : left++];
            }
        }
        keyed *const t = rows;
        rows = spare;
        spare = t;
    }
    return r->status ? NULL : rows;
}

typedef struct sort_options {
    bnt_tv attribute, fallback;
    bool case_sensitive, reverse;
} sort_options;

/* The members of value in order; their number is in *n. NULL after a failure. */
static keyed *sort_rows(bnt_render *r, bnt_tv value, const sort_options *o, size_t *n)
{
    bnt_tv_seq seq;

    *n = 0;
    if (!bnt_tv_seq_of(r, value, &seq)) return NULL;
    keyed *const rows = bnt_render_alloc(r, seq.n, sizeof *rows);
    keyed *const spare = bnt_render_alloc(r, seq.n, sizeof *spare);
    if (!rows || !spare) return NULL;
    for (size_t i = 0; i < seq.n && bnt_render_work(r, 1); i++) {
        rows[i].item = bnt_tv_seq_at(&seq, i);
        rows[i].key = sort_key(r, rows[i].item, o->attribute, o->fallback, o->case_sensitive);
    }
    if (r->status) return NULL;
    *n = seq.n;
    return merge_sort(r, rows, spare, seq.n, o->reverse);
}

static bnt_tv list_of_rows(bnt_render *r, const keyed *rows, size_t n)
{
    const bnt_tv out = bnt_tv_new_list(r, BNT_TV_LIST, rows ? n : 0);
    for (size_t i = 0; rows && i < n && !r->status; i++) {
        bnt_tv_push(r, out, rows[i].item);
    }
    return out;
}

bnt_tv bnt_filter_sort(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    const sort_options o = {a[2], {0}, flag(a[1]), flag(a[0])};
    size_t n;

    (void)args;
    if (a[2].type == BNT_TV_STRING && memchr(a[2].u.s->data, ',', a[2].u.s->size)) {
        return bnt_tv_fail(r, BANTAM_ERR_UNSUPPORTED,
                           "sort by several attributes is not supported");
    }
    const keyed *const rows = sort_rows(r, self, &o, &n);
    return list_of_rows(r, rows, n);
}

bnt_tv bnt_filter_dictsort(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    const bool by_value = bnt_arg_given(a[1]) && bnt_tv_says(a[1], "value");
    const bnt_tv_args none = {0};
    sort_options o = {bnt_tv_int(by_value), {0}, flag(a[0]), flag(a[2])};
    size_t n;

    (void)args;
    if (bnt_arg_given(a[1]) && !by_value && !bnt_tv_says(a[1], "key")) {
        return bnt_tv_fail(r, BANTAM_ERR_INVALID, "dictsort: by must be 'key' or 'value'");
    }
    if (bnt_tv_is_undefined(self)) return bnt_tv_use_undefined(r, self);
    const bnt_tv items = bnt_filter_items(r, self, a, &none);
    if (r->status) return self;
    const keyed *const rows = sort_rows(r, items, &o, &n);
    return list_of_rows(r, rows, n);
}

bnt_tv bnt_filter_groupby(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    const sort_options o = {a[0], a[1], flag(a[2]), false};
    size_t n;

    (void)args;
    const keyed *const rows = sort_rows(r, self, &o, &n);
    const bnt_tv out = bnt_tv_new_list(r, BNT_TV_LIST, 0);
    for (size_t i = 0; rows && i < n && !r->status;) {
        const bnt_tv members = bnt_tv_new_list(r, BNT_TV_LIST, 0);
        bnt_tv pair = bnt_tv_new_list(r, BNT_TV_TUPLE, 2);
        const size_t first = i;
        if (r->status) break;
        while (i < n && bnt_render_work(r, 1) &&
               bnt_tv_equal(r, rows[i].key, rows[first].key)) {
            bnt_tv_push(r, members, rows[i++].item);
        }
        if (i == first) i++; /* not a number: a key that does not equal itself */
        pair.sub = BNT_TV_GROUP;
        bnt_tv_push(r, pair, member(r, rows[first].item, a[0], a[1]));
        bnt_tv_push(r, pair, members);
        bnt_tv_push(r, out, pair);
    }
    return out;
}

bnt_tv bnt_filter_unique(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    bnt_tv_seq seq;
    const bnt_tv out = bnt_tv_new_list(r, BNT_TV_ITERATOR, 0);
    const bnt_tv keys = bnt_tv_new_list(r, BNT_TV_LIST, 0);

    (void)args;
    if (!bnt_tv_seq_of(r, self, &seq)) return self;
    for (size_t i = 0; i < seq.n && bnt_render_work(r, 1); i++) {
        const bnt_tv item = bnt_tv_seq_at(&seq, i);
        const bnt_tv key = sort_key(r, item, a[1], (bnt_tv){0}, flag(a[0]));
        if (!bnt_tv_check_key(r, key)) break;
        if (bnt_tv_truth(bnt_tv_binary(r, BNT_TV_IN, key, keys))) continue;
        bnt_tv_push(r, keys, key);
        bnt_tv_push(r, out, item);
    }
    return out;
}

static bnt_tv extreme(bnt_render *r, bnt_tv self, const bnt_tv *a, bnt_tv_order better)
{
    bnt_tv_seq seq;
    bnt_tv best = bnt_tv_undefined(BNT_TV_EMPTY, BNT_TV_NONE, NULL), best_key = best;

    if (!bnt_tv_seq_of(r, self, &seq)) return self;
    for (size_t i = 0; i < seq.n && bnt_render_work(r, 1); i++) {
        const bnt_tv item = bnt_tv_seq_at(&seq, i);
        const bnt_tv key = sort_key(r, item, a[1], (bnt_tv){0}, flag(a[0]));
        if (i && bnt_tv_compare(r, key, best_key, "<") != better) continue;
        best = item;
        best_key = key;
    }
    return best;
}

bnt_tv bnt_filter_min(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    (void)args;
    return extreme(r, self, a, BNT_TV_LESS);
}

bnt_tv bnt_filter_max(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    (void)args;
    return extreme(r, self, a, BNT_TV_GREATER);
}

/* ---- the rest ---- */

bnt_tv bnt_filter_sum(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    bnt_tv_seq seq;
    bnt_tv sum = bnt_arg_given(a[1]) ? a[1] : bnt_tv_int(0);

    (void)args;
    if (!bnt_tv_seq_of(r, self, &seq)) return self;
    for (size_t i = 0; i < seq.n && bnt_render_work(r, 1); i++) {
        sum = bnt_tv_binary(r, BNT_TV_ADD, sum,
                            member(r, bnt_tv_seq_at(&seq, i), a[0], (bnt_tv){0}));
    }
    return sum;
}

bnt_tv bnt_filter_join(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    const size_t mark = bnt_text_begin(r);
    bnt_tv_seq seq;

    (void)args;
    if (!bnt_tv_seq_of(r, self, &seq)) return self;
    for (size_t i = 0; i < seq.n && bnt_render_work(r, 1); i++) {
        const bnt_tv v = member(r, bnt_tv_seq_at(&seq, i), a[1], (bnt_tv){0});
        if (i && bnt_arg_given(a[0])) bnt_tv_put_str(r, a[0]);
        if (!r->status) bnt_tv_put_str(r, v);
    }
    return bnt_text_end(r, mark);
}

bnt_tv bnt_filter_first(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    bnt_tv_seq seq;

    (void)a;
    (void)args;
    if (self.type == BNT_TV_STRING && self.u.s->size) return bnt_tv_substring(r, self, 0, 1);
    if (!bnt_tv_seq_of(r, self, &seq)) return self;
    return seq.n ? bnt_tv_seq_at(&seq, 0) : bnt_tv_undefined(BNT_TV_EMPTY, BNT_TV_NONE, NULL);
}

bnt_tv bnt_filter_last(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    bnt_tv_seq seq;

    (void)a;
    (void)args;
    if (self.type == BNT_TV_ITERATOR) {
        return bnt_tv_fail(r, BANTAM_ERR_INVALID, "'generator' object is not reversible");
    }
    if (!bnt_tv_seq_of(r, self, &seq)) return self;
    return seq.n ? bnt_tv_seq_at(&seq, seq.n - 1)
                 : bnt_tv_undefined(BNT_TV_EMPTY, BNT_TV_NONE, NULL);
}

bnt_tv bnt_filter_list(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    bnt_tv_seq seq;

    (void)a;
    (void)args;
    if (!bnt_tv_seq_of(r, self, &seq)) return self;
    const bnt_tv out = bnt_tv_new_list(r, BNT_TV_LIST, seq.n);
    for (size_t i = 0; i < seq.n && bnt_render_work(r, i % 16 == 0); i++) {
        bnt_tv_push(r, out, bnt_tv_seq_at(&seq, i));
    }
    return out;
}

bnt_tv bnt_filter_reverse(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    bnt_tv_seq seq;

    (void)a;
    (void)args;
    if (self.type == BNT_TV_STRING) {
        return bnt_tv_slice(r, self, bnt_tv_none(), bnt_tv_none(), bnt_tv_int(-1));
    }
    if (self.type == BNT_TV_ITERATOR) {
        return bnt_tv_fail(r, BANTAM_ERR_INVALID, "'generator' object is not reversible");
    }
    if (!bnt_tv_seq_of(r, self, &seq)) return self;
    const bnt_tv out = bnt_tv_new_list(r, BNT_TV_ITERATOR, seq.n);
    for (size_t i = seq.n; i > 0 && bnt_render_work(r, i % 16 == 0); i--) {
        bnt_tv_push(r, out, bnt_tv_seq_at(&seq, i - 1));
    }
    return out;
}

/* n items from *at on as a list, filled up to `full` where fill is given and not none. */
static bnt_tv piece(bnt_render *r, const bnt_tv_seq *seq, size_t *at, size_t n, size_t full,
                    bnt_tv fill)
{
    const bnt_tv out = bnt_tv_new_list(r, BNT_TV_LIST, 0);
    size_t i = 0;

    for (; i < n && *at < seq->n && bnt_render_work(r, 1); i++) {
        bnt_tv_push(r, out, bnt_tv_seq_at(seq, (*at)++));
    }
    if (!bnt_arg_given(fill) || fill.type == BNT_TV_NONE) return out;
    for (; i < full && bnt_render_work(r, 1); i++) {
        bnt_tv_push(r, out, fill);
    }
    return out;
}

bnt_tv bnt_filter_batch(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    bnt_tv_seq seq;
    int64_t n;
    size_t at = 0;

    (void)args;
    if (!bnt_arg_int(r, a[0], "batch: the count", &n) || !bnt_tv_seq_of(r, self, &seq)) {
        return self;
    }
    if (n < 1) return bnt_tv_fail(r, BANTAM_ERR_INVALID, "batch: the count must be positive");
    const bnt_tv out = bnt_tv_new_list(r, BNT_TV_ITERATOR, 0);
    while (at < seq.n && !r->status) {
        bnt_tv_push(r, out, piece(r, &seq, &at, (size_t)n, (size_t)n, a[1]));
    }
    return out;
}

bnt_tv bnt_filter_slice(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    bnt_tv_seq seq;
    int64_t n;
    size_t at = 0;

    (void)args;
    if (!bnt_arg_int(r, a[0], "slice: the count", &n) || !bnt_tv_seq_of(r, self, &seq)) {
        return self;
    }
    if (n < 1) return bnt_tv_fail(r, BANTAM_ERR_INVALID, "slice: the count must be positive");
    const size_t size = seq.n / (size_t)n, longer = seq.n % (size_t)n;
    const bnt_tv out = bnt_tv_new_list(r, BNT_TV_ITERATOR, 0);
    for (size_t i = 0; i < (size_t)n && bnt_render_work(r, 1); i++) {
        const size_t count = size + (i < longer);
        bnt_tv_push(r, out, piece(r, &seq, &at, count, size + 1, a[1]));
    }
    return out;
}

bnt_tv bnt_filter_length(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    size_t n;

    (void)a;
    (void)args;
    return bnt_tv_length(r, self, &n) ? bnt_tv_int((int64_t)n) : self;
}
