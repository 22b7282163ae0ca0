/* template_containers.c - methods of lists, tuples, dictionaries and of Jinja's own objects,
 * and the global functions.
 *
 * Lists and dictionaries may be changed here as in plain Jinja, although the sandbox that
 * Hugging Face uses forbids it: a template that never changes one renders the same.
 */
#include "template/template_builtin.h"

#include "template/template_print.h"

/* ---- lists and tuples ---- */

/* Gives the list items that nobody shares, with room for one more. */
static bool own_items(bnt_render *r, bnt_tv list)
{
    size_t n;
    const bnt_tv *const old = bnt_tv_items(r, list, &n);
    const bnt_tv copy = bnt_tv_new_list(r, BNT_TV_LIST, n + 1);
    if (r->status || !bnt_render_work(r, n / 16)) return false;
    if (n) memcpy(copy.u.l->items, old, n * sizeof *old);
    copy.u.l->n = n;
    copy.u.l->tail->used = n;
    *list.u.l = *copy.u.l;
    return true;
}

static bnt_tv list_append(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    (void)args;
    bnt_tv_push(r, self, a[0]);
    return bnt_tv_none();
}

static bnt_tv list_extend(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    bnt_tv_seq seq;

    (void)args;
    if (!bnt_tv_seq_of(r, a[0], &seq)) return self;
    for (size_t i = 0; i < seq.n && bnt_render_work(r, i % 16 == 0); i++) {
        bnt_tv_push(r, self, bnt_tv_seq_at(&seq, i));
    }
    return bnt_tv_none();
}

static bnt_tv list_insert(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    int64_t at;

    (void)args;
    if (!bnt_arg_int(r, a[0], "insert: the index", &at) || !own_items(r, self)) return self;
    bnt_tv_list *const l = self.u.l;
    const int64_t n = (int64_t)l->n;
    if (at < 0) at = at + n < 0 ? 0 : at + n;
    if (at > n) at = n;
    memmove(l->items + at + 1, l->items + at, (size_t)(n - at) * sizeof *l->items);
    l->items[at] = a[1];
    l->tail->used = ++l->n;
    return bnt_tv_none();
}

static bnt_tv take_out(bnt_render *r, bnt_tv list, size_t at)
{
    if (!own_items(r, list)) return list;
    bnt_tv_list *const l = list.u.l;
    const bnt_tv v = l->items[at];
    memmove(l->items + at, l->items + at + 1, (l->n - at - 1) * sizeof *l->items);
    l->tail->used = --l->n;
    return v;
}

static bnt_tv list_pop(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    int64_t at = -1;

    (void)args;
    if (bnt_arg_given(a[0]) && !bnt_arg_int(r, a[0], "pop: the index", &at)) return self;
    const int64_t n = (int64_t)self.u.l->n;
    if (at < 0) at += n;
    if (at < 0 || at >= n) return bnt_tv_fail(r, BANTAM_ERR_INVALID, "pop: index out of range");
    return take_out(r, self, (size_t)at);
}

/* Index of the first equal item, or SIZE_MAX and a failure. */
static size_t find_item(bnt_render *r, bnt_tv self, bnt_tv item)
{
    size_t n;
    const bnt_tv *const items = bnt_tv_items(r, self, &n);
    for (size_t i = 0; i < n && bnt_render_work(r, 1); i++) {
        if (bnt_tv_equal(r, items[i], item)) return i;
    }
    bnt_tv_fail(r, BANTAM_ERR_INVALID, "the item is not in the list");
    return SIZE_MAX;
}

static bnt_tv list_remove(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    (void)args;
    const size_t at = find_item(r, self, a[0]);
    if (at != SIZE_MAX) take_out(r, self, at);
    return bnt_tv_none();
}

static bnt_tv list_index(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    (void)args;
    return bnt_tv_int((int64_t)find_item(r, self, a[0]));
}

static bnt_tv list_count(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    size_t n;
    int64_t count = 0;
    const bnt_tv *const items = bnt_tv_items(r, self, &n);

    (void)args;
    for (size_t i = 0; i < n && bnt_render_work(r, 1); i++) {
        count += bnt_tv_equal(r, items[i], a[0]);
    }
    return bnt_tv_int(count);
}

static bnt_tv list_reverse(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    (void)a;
    (void)args;
    if (!own_items(r, self)) return self;
    bnt_tv_list *const l = self.u.l;
    for (size_t i = 0; i < l->n / 2; i++) {
        const bnt_tv t = l->items[i];
        l->items[i] = l->items[l->n - 1 - i];
        l->items[l->n - 1 - i] = t;
    }
    return bnt_tv_none();
}

static bnt_tv list_copy(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    const bnt_tv copy = bnt_tv_new_list(r, BNT_TV_LIST, 0);
    const bnt_tv arg[] = {self};

    (void)a;
    if (!r->status) list_extend(r, copy, arg, args);
    return copy;
}

static bnt_tv list_clear(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    (void)a;
    (void)args;
    const bnt_tv empty = bnt_tv_new_list(r, BNT_TV_LIST, 0);
    if (!r->status) *self.u.l = *empty.u.l;
    return bnt_tv_none();
}

static const bnt_tv_builtin list_methods[] = {
    {"append", list_append, "object", 1},
    {"extend", list_extend, "iterable", 1},
    {"insert", list_insert, "index object", 2},
    {"pop", list_pop, "index", 0},
    {"remove", list_remove, "value", 1},
    {"index", list_index, "value", 1},
    {"count", list_count, "value", 1},
    {"reverse", list_reverse, "", 0},
    {"copy", list_copy, "", 0},
    {"clear", list_clear, "", 0},
    {NULL, NULL, NULL, 0},
};

static const bnt_tv_builtin tuple_methods[] = {
    {"index", list_index, "value", 1},
    {"count", list_count, "value", 1},
    {NULL, NULL, NULL, 0},
};

/* ---- dictionaries ---- */

static bnt_tv view_of(bnt_render *r, bnt_tv dict, uint8_t kind)
{
    size_t n;
    const bnt_tv_entry *const entries = bnt_tv_entries(r, dict, &n);
    bnt_tv view = bnt_tv_new_list(r, BNT_TV_VIEW, n);

    view.sub = kind;
    for (size_t i = 0; i < n && bnt_render_work(r, i % 16 == 0); i++) {
        if (kind != BNT_TV_ITEMS) {
            bnt_tv_push(r, view, kind == BNT_TV_KEYS ? entries[i].key : entries[i].value);
            continue;
        }
        const bnt_tv pair = bnt_tv_new_list(r, BNT_TV_TUPLE, 2);
        if (r->status) break;
        bnt_tv_push(r, pair, entries[i].key);
        bnt_tv_push(r, pair, entries[i].value);
        bnt_tv_push(r, view, pair);
    }
    return view;
}

static bnt_tv dict_keys(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    (void)a;
    (void)args;
    return view_of(r, self, BNT_TV_KEYS);
}

static bnt_tv dict_values(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    (void)a;
    (void)args;
    return view_of(r, self, BNT_TV_VALUES);
}

static bnt_tv dict_items(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    (void)a;
    (void)args;
    return view_of(r, self, BNT_TV_ITEMS);
}

bnt_tv bnt_filter_items(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    (void)a;
    (void)args;
    if (bnt_tv_is_undefined(self)) return bnt_tv_new_list(r, BNT_TV_ITERATOR, 0);
    if (self.type != BNT_TV_DICT) {
        return bnt_tv_fail(r, BANTAM_ERR_INVALID, "items needs a mapping, found '%s'",
                           bnt_tv_type_name(self.type));
    }
    bnt_tv view = view_of(r, self, BNT_TV_ITEMS);
    if (view.type == BNT_TV_VIEW) view.type = BNT_TV_ITERATOR;
    return view;
}

static bnt_tv dict_get(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    (void)args;
    if (!bnt_tv_check_key(r, a[0])) return self;
    const bnt_tv *const v = bnt_tv_find(r, self, a[0]);
    if (v) return *v;
    return bnt_arg_given(a[1]) ? a[1] : bnt_tv_none();
}

static bnt_tv dict_setdefault(bnt_render *r, bnt_tv self, const bnt_tv *a,
                              const bnt_tv_args *args)
{
    const bnt_tv *const v = bnt_tv_find(r, self, a[0]);
    if (v) return *v;
    const bnt_tv value = dict_get(r, self, a, args);
    bnt_tv_set(r, self, a[0], value);
    return value;
}

static bnt_tv dict_pop(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    size_t n;

    (void)args;
    if (!bnt_tv_check_key(r, a[0])) return self;
    const bnt_tv *const v = bnt_tv_find(r, self, a[0]);
    if (!v && bnt_arg_given(a[1])) return a[1];
    if (!v) return bnt_tv_fail(r, BANTAM_ERR_INVALID, "pop: the key is not in the dictionary");
    const bnt_tv value = *v;
    const bnt_tv_entry *const entries = bnt_tv_entries(r, self, &n);
    for (size_t i = 0; i < n; i++) {
        if (&entries[i].value != v) continue;
        bnt_tv_remove(r, self, i);
        break;
    }
    return value;
}

/* Members of a mapping, or of pairs, and then the named arguments. */
static bnt_tv fill_dict(bnt_render *r, bnt_tv dict, const bnt_tv_args *args, const char *what)
{
    size_t n;
    bnt_tv_seq seq, pair;

    if (args->n_pos > 1) {
        return bnt_tv_fail(r, BANTAM_ERR_INVALID, "%s takes at most 1 argument, found %zu",
                           what, args->n_pos);
    }
    if (args->n_pos &&
        (args->pos[0].type == BNT_TV_DICT || args->pos[0].type == BNT_TV_NAMESPACE)) {
        const bnt_tv_entry *const entries = bnt_tv_entries(r, args->pos[0], &n);
        for (size_t i = 0; i < n && bnt_render_work(r, 1); i++) {
            bnt_tv_set(r, dict, entries[i].key, entries[i].value);
        }
    } else if (args->n_pos && bnt_tv_seq_of(r, args->pos[0], &seq)) {
        for (size_t i = 0; i < seq.n && bnt_render_work(r, 1); i++) {
            if (!bnt_tv_seq_of(r, bnt_tv_seq_at(&seq, i), &pair)) break;
            if (pair.n != 2) {
                return bnt_tv_fail(r, BANTAM_ERR_INVALID,
                                   "%s: element %zu has %zu members, expected 2", what, i,
                                   pair.n);
            }
            bnt_tv_set(r, dict, bnt_tv_seq_at(&pair, 0), bnt_tv_seq_at(&pair, 1));
        }
    }
    for (size_t i = 0; i < args->n_named; i++) {
        bnt_tv_set(r, dict, args->named[2 * i], args->named[2 * i + 1]);
    }
    return dict;
}

static bnt_tv dict_update(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    (void)a;
    fill_dict(r, self, args, "update");
    return bnt_tv_none();
}

static bnt_tv dict_copy(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    const bnt_tv_args from = {&self, 1, NULL, 0};
    const bnt_tv copy = bnt_tv_new_dict(r);

    (void)a;
    (void)args;
    return r->status ? copy : fill_dict(r, copy, &from, "copy");
}

static bnt_tv dict_clear(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    (void)r;
    (void)a;
    (void)args;
    *self.u.d = (bnt_tv_dict){0};
    return bnt_tv_none();
}

static const bnt_tv_builtin dict_methods[] = {
    {"keys", dict_keys, "", 0},          {"values", dict_values, "", 0},
    {"items", dict_items, "", 0},        {"get", dict_get, "key default", 1},
    {"pop", dict_pop, "key default", 1}, {"setdefault", dict_setdefault, "key default", 1},
    {"update", dict_update, "*", 0},     {"copy", dict_copy, "", 0},
    {"clear", dict_clear, "", 0},        {NULL, NULL, NULL, 0},
};

/* ---- loops, cyclers, joiners ---- */

static bnt_tv loop_cycle(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    (void)a;
    if (!args->n_pos) return bnt_tv_fail(r, BANTAM_ERR_INVALID, "cycle needs an argument");
    return args->pos[self.u.loop->at % args->n_pos];
}

static bnt_tv tuple_of(bnt_render *r, const bnt_tv_args *args)
{
    const bnt_tv tuple = bnt_tv_new_list(r, BNT_TV_TUPLE, args->n_pos);
    for (size_t i = 0; i < args->n_pos && !r->status; i++) {
        bnt_tv_push(r, tuple, args->pos[i]);
    }
    return tuple;
}

static bnt_tv loop_changed(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    const bnt_tv now = tuple_of(r, args);
    bnt_tv *const last = &self.u.loop->last_changed;

    (void)a;
    const bool changed = last->type == BNT_TV_ABSENT || !bnt_tv_equal(r, *last, now);
    *last = now;
    return bnt_tv_bool(changed);
}

static const bnt_tv_builtin loop_methods[] = {
    {"cycle", loop_cycle, "*", 0},
    {"changed", loop_changed, "*", 0},
    {NULL, NULL, NULL, 0},
};

static bnt_tv cycler_next(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    bnt_tv_cycler *const c = self.u.cycler;
    const bnt_tv v = c->items[c->at];

    (void)r;
    (void)a;
    (void)args;
    c->at = (c->at + 1) % c->n;
    return v;
}

static bnt_tv cycler_reset(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    (void)r;
    (void)a;
    (void)args;
    self.u.cycler->at = 0;
    return bnt_tv_none();
}

static const bnt_tv_builtin cycler_methods[] = {
    {"next", cycler_next, "", 0},
    {"reset", cycler_reset, "", 0},
    {NULL, NULL, NULL, 0},
};

/* ---- functions ---- */

static bnt_tv make_cycler(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    bnt_tv_cycler *const c = bnt_render_alloc(r, 1, sizeof *c);
    const bnt_tv items = tuple_of(r, args);

    (void)self;
    (void)a;
    if (!args->n_pos) return bnt_tv_fail(r, BANTAM_ERR_INVALID, "cycler needs an argument");
    if (r->status) return items;
    *c = (bnt_tv_cycler){.items = items.u.l->items, .n = args->n_pos};
    return (bnt_tv){.type = BNT_TV_CYCLER, .u.cycler = c};
}

static bnt_tv make_joiner(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    bnt_tv_cycler *const c = bnt_render_alloc(r, 1, sizeof *c);

    (void)args;
    if (!c) return self;
    *c = (bnt_tv_cycler){.separator = bnt_arg_given(a[0]) ? a[0] : bnt_tv_literal(r, ", ")};
    return (bnt_tv){.type = BNT_TV_JOINER, .u.cycler = c};
}

static bnt_tv make_dict(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    const bnt_tv dict = bnt_tv_new_dict(r);

    (void)self;
    (void)a;
    return r->status ? dict : fill_dict(r, dict, args, "dict");
}

static bnt_tv make_namespace(bnt_render *r, bnt_tv self, const bnt_tv *a,
                             const bnt_tv_args *args)
{
    bnt_tv dict = make_dict(r, self, a, args);
    if (dict.type == BNT_TV_DICT) dict.type = BNT_TV_NAMESPACE;
    return dict;
}

/* Jinja's sandbox allows ranges of this many numbers. */
enum { MAX_RANGE = 100000 };

static bnt_tv make_range(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    int64_t start = 0, stop = 0, step = 1;

    (void)self;
    if (!bnt_arg_int(r, a[0], "range: the argument", args->n_pos > 1 ? &start : &stop)) {
        return self;
    }
    if (bnt_arg_given(a[1]) && !bnt_arg_int(r, a[1], "range: the end", &stop)) return self;
    if (bnt_arg_given(a[2]) && !bnt_arg_int(r, a[2], "range: the step", &step)) return self;
    if (!step) return bnt_tv_fail(r, BANTAM_ERR_INVALID, "range: the step must not be zero");

    /* In unsigned numbers, where the distance of any two fits. */
    const uint64_t span =
        step > 0 ? (uint64_t)stop - (uint64_t)start : (uint64_t)start - (uint64_t)stop;
    const uint64_t stride = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    const bool empty = step > 0 ? start >= stop : start <= stop;
    const uint64_t n = empty ? 0 : (span - 1) / stride + 1;
    if (n > MAX_RANGE) {
        return bnt_tv_fail(r, BANTAM_ERR_FULL, "range of more than %d numbers", MAX_RANGE);
    }
    bnt_tv_range *const range = bnt_render_alloc(r, 1, sizeof *range);
    if (!range) return self;
    *range = (bnt_tv_range){.start = start, .stop = stop, .step = step, .n = (size_t)n};
    return (bnt_tv){.type = BNT_TV_RANGE, .u.r = range};
}

static bnt_tv raise_exception(bnt_render *r, bnt_tv self, const bnt_tv *a,
                              const bnt_tv_args *args)
{
    (void)args;
    const bnt_tv message = bnt_tv_to_str(r, a[0]);
    if (r->status) return self;
    /* The template's own words, without the line: they are meant for whoever calls it. */
    r->status = bnt_fail(r->err, BANTAM_ERR_INVALID, "%.*s",
                         message.u.s->size > 500 ? 500 : (int)message.u.s->size,
                         message.u.s->size ? message.u.s->data : "");
    return self;
}

static bnt_tv strftime_now(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    bnt_tv_str *format;

    (void)args;
    if (!bnt_arg_str(r, a[0], "strftime_now: the format", &format)) return self;
    return bnt_str_time(r, r->now, a[0]);
}

static bnt_tv lipsum(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args)
{
    (void)self;
    (void)a;
    (void)args;
    return bnt_tv_fail(r, BANTAM_ERR_UNSUPPORTED, "lipsum is not supported");
}

const bnt_tv_builtin bnt_functions[] = {
    {"range", make_range, "start stop step", 1},
    {"dict", make_dict, "*", 0},
    {"namespace", make_namespace, "*", 0},
    {"cycler", make_cycler, "*", 0},
    {"joiner", make_joiner, "sep", 0},
    {"raise_exception", raise_exception, "message", 1},
    {"strftime_now", strftime_now, "format", 1},
    {"lipsum", lipsum, "*", 0},
    {NULL, NULL, NULL, 0},
};

/* ---- which type has which ---- */

const bnt_tv_builtin *bnt_methods_of(bnt_tv_type type)
{
    static const bnt_tv_builtin none[] = {{NULL, NULL, NULL, 0}};

    switch (type) {
    case BNT_TV_STRING:
        return bnt_string_methods;
    case BNT_TV_LIST:
        return list_methods;
    case BNT_TV_TUPLE:
        return tuple_methods;
    case BNT_TV_DICT:
        return dict_methods;
    case BNT_TV_LOOP:
        return loop_methods;
    case BNT_TV_CYCLER:
        return cycler_methods;
    default:
        return none;
    }
}

bool bnt_method_is_known(bnt_tv_type type, bantam_text name)
{
    static const struct {
        bnt_tv_type type;
        const char *names; /* with a space before and after each */
    } missing[] = {
        {BNT_TV_STRING, " casefold encode expandtabs format_map isascii isdecimal isidentifier "
                        "isnumeric isprintable istitle maketrans translate "},
        {BNT_TV_LIST, " sort "},
        {BNT_TV_DICT, " fromkeys popitem "},
        {BNT_TV_INT, " as_integer_ratio bit_count bit_length conjugate denominator from_bytes "
                     "imag numerator real to_bytes "},
        {BNT_TV_BOOL, " as_integer_ratio bit_count bit_length conjugate denominator from_bytes "
                      "imag numerator real to_bytes "},
        {BNT_TV_FLOAT, " as_integer_ratio conjugate fromhex hex imag is_integer real "},
        {BNT_TV_RANGE, " count index start step stop "},
        {BNT_TV_VIEW, " isdisjoint mapping "},
        {BNT_TV_MACRO, " name arguments catch_kwargs catch_varargs caller "},
        {BNT_TV_ITERATOR, " close send throw "},
    };
    char padded[24];

    if (name.size > sizeof padded - 3 || memchr(name.data, '\0', name.size)) return false;
    padded[0] = ' ';
    memcpy(padded + 1, name.data, name.size);
    padded[name.size + 1] = ' ';
    padded[name.size + 2] = '\0';
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        if (missing[i].type == type && strstr(missing[i].names, padded)) return true;
    }
    return false;
}
