/* template_value.h - the values that templates compute with.
 *
 * A value is 16 bytes and is passed by copy; what does not fit is in the heap of its rendering
 * or belongs to the template or to the JSON that was passed in, and lives as long as the
 * rendering. Strings do not change. Lists and dictionaries made from JSON fetch their members
 * when they are first looked at: use the functions below, not the fields.
 */
#ifndef BNT_TEMPLATE_VALUE_H
#define BNT_TEMPLATE_VALUE_H
#include "base/json.h"
#include "template/template_memory.h"

#include <string.h>

enum { BNT_TV_MAX_DEPTH = 100 }; /* of values inside values, where they are walked through */

typedef enum bnt_tv_type {
    BNT_TV_ABSENT, /* no value at all: an argument not given, a name not yet looked up */
    BNT_TV_UNDEFINED,
    BNT_TV_NONE,
    BNT_TV_BOOL,
    BNT_TV_INT,
    BNT_TV_FLOAT,
    BNT_TV_STRING,
    BNT_TV_LIST,
    BNT_TV_TUPLE,
    BNT_TV_DICT,
    BNT_TV_RANGE,
    BNT_TV_VIEW,     /* what keys(), values() and items() return: a list without indices */
    BNT_TV_ITERATOR, /* what map() and its like return: true, without length, read once */
    BNT_TV_NAMESPACE,
    BNT_TV_LOOP,
    BNT_TV_MACRO,
    BNT_TV_FUNCTION,
    BNT_TV_METHOD, /* of the value in u, whose type is in sub */
    BNT_TV_CYCLER,
    BNT_TV_JOINER
} bnt_tv_type;

/* Why a value is undefined, for messages. */
typedef enum bnt_tv_reason {
    BNT_TV_NO_NAME,  /* u.s is the name */
    BNT_TV_NO_ATTR,  /* u.s is the attribute, sub the type of its owner */
    BNT_TV_NO_ITEM,  /* sub is the type of the owner */
    BNT_TV_NO_PARAM, /* u.s is the parameter */
    BNT_TV_NO_ELSE,  /* an inline if that was false */
    BNT_TV_EMPTY     /* the first or last of nothing */
} bnt_tv_reason;

enum { BNT_TV_KEYS, BNT_TV_VALUES, BNT_TV_ITEMS }; /* sub of a view */
enum { BNT_TV_GROUP = 1 }; /* sub of a tuple that groupby made, with named members */

/* Room behind the newest sharer of a growing string or list. `a + b` writes b behind a where a
 * ends at `used`, so that a loop which adds to a string or list is not quadratic. */
typedef struct bnt_tv_tail {
    size_t used, capacity; /* bytes or items from the start of the block */
} bnt_tv_tail;

#define BNT_TV_UNCOUNTED SIZE_MAX

typedef struct bnt_tv_str {
    const char *data;
    size_t size;
    size_t chars; /* code points; BNT_TV_UNCOUNTED until asked for */
    bnt_tv_tail *tail;
} bnt_tv_str;

typedef struct bnt_tv_list bnt_tv_list;
typedef struct bnt_tv_dict bnt_tv_dict; /* dictionaries and namespaces */
typedef struct bnt_tv_range bnt_tv_range;
typedef struct bnt_tv_loop bnt_tv_loop;
typedef struct bnt_tv_macro bnt_tv_macro;
typedef struct bnt_tv_cycler bnt_tv_cycler; /* cyclers and joiners */

typedef struct bnt_tv {
    uint8_t type; /* bnt_tv_type */
    uint8_t sub;
    uint16_t id; /* which method or function; bnt_tv_reason */
    union {
        int64_t i; /* also of a bool: 0 or 1 */
        double f;
        bnt_tv_str *s;
        bnt_tv_list *l; /* lists, tuples, views, iterators */
        bnt_tv_dict *d;
        bnt_tv_range *r;
        bnt_tv_loop *loop;
        const bnt_tv_macro *macro;
        bnt_tv_cycler *cycler;
    } u;
} bnt_tv;

typedef struct bnt_tv_entry {
    bnt_tv key, value;
} bnt_tv_entry;

struct bnt_tv_list {
    bnt_tv *items;
    size_t n;
    bnt_tv_tail *tail;
    const json_t *json; /* members not yet fetched from here */
    size_t at;          /* of an iterator: how many are read */
};

struct bnt_tv_dict {
    bnt_tv_entry *entries; /* in order of insertion */
    size_t n, capacity;
    const json_t *json;
};

struct bnt_tv_range {
    int64_t start, stop, step;
    size_t n;
};

/* Members in order, of anything that can be iterated over. */
typedef struct bnt_tv_seq {
    const bnt_tv *items; /* NULL for a range */
    size_t n;
    int64_t start, step;
} bnt_tv_seq;

/* `loop` inside a for. What the evaluator needs to leave it is in the evaluator's own part. */
struct bnt_tv_loop {
    bnt_tv_seq seq;
    size_t at; /* index of the current item */
    bnt_tv last_changed;
};

struct bnt_tv_cycler {
    bnt_tv *items;
    size_t n, at;
    bnt_tv separator; /* of a joiner; at is then 1 after its first use */
};

/* ---- making values ---- */

static inline bnt_tv bnt_tv_none(void)
{
    const bnt_tv v = {.type = BNT_TV_NONE};
    return v;
}
static inline bnt_tv bnt_tv_bool(bool b)
{
    const bnt_tv v = {.type = BNT_TV_BOOL, .u.i = b};
    return v;
}
static inline bnt_tv bnt_tv_int(int64_t i)
{
    const bnt_tv v = {.type = BNT_TV_INT, .u.i = i};
    return v;
}
static inline bnt_tv bnt_tv_float(double f)
{
    const bnt_tv v = {.type = BNT_TV_FLOAT, .u.f = f};
    return v;
}
static inline bnt_tv bnt_tv_undefined(bnt_tv_reason reason, bnt_tv_type owner, bnt_tv_str *name)
{
    const bnt_tv v = {
        .type = BNT_TV_UNDEFINED, .sub = (uint8_t)owner, .id = (uint16_t)reason, .u.s = name};
    return v;
}

/* What a builtin returns after a failure: writes it and gives an undefined value. */
#define bnt_tv_fail(r, ...)                                                                    \
    (bnt_render_fail((r), __VA_ARGS__), bnt_tv_undefined(BNT_TV_NO_ELSE, BNT_TV_NONE, NULL))

/* A string that borrows data, which lives as long as the rendering. */
bnt_tv bnt_tv_borrow(bnt_render *r, const char *data, size_t size);
static inline bnt_tv bnt_tv_literal(bnt_render *r, const char *text)
{
    return bnt_tv_borrow(r, text, strlen(text));
}

/* Text under construction: begin, append to r->text, end. Pairs nest. */
static inline size_t bnt_text_begin(const bnt_render *r)
{
    return r->text.size;
}
bnt_tv bnt_text_end(bnt_render *r, size_t mark);

bnt_tv bnt_tv_new_list(bnt_render *r, bnt_tv_type type, size_t capacity);
/* A list over the n items of another, which what is pushed never touches. With that one's tail
 * (or NULL) pushing continues in place where the other ends. */
bnt_tv bnt_tv_share_list(bnt_render *r, bnt_tv_type type, const bnt_tv *items, size_t n,
                         bnt_tv_tail *tail);
void bnt_tv_push(bnt_render *r, bnt_tv list, bnt_tv item);
bnt_tv bnt_tv_new_dict(bnt_render *r);
/* Fails for what Python cannot hash, which can be no key. */
bool bnt_tv_check_key(bnt_render *r, bnt_tv key);
void bnt_tv_set(bnt_render *r, bnt_tv dict, bnt_tv key, bnt_tv value);
/* json must outlive the rendering and not change. */
bnt_tv bnt_tv_from_json(bnt_render *r, const json_t *json);

/* ---- looking at values ---- */

const char *bnt_tv_type_name(bnt_tv_type type); /* as Python names it */

static inline bool bnt_tv_is_undefined(bnt_tv v)
{
    return v.type == BNT_TV_UNDEFINED;
}
static inline bool bnt_tv_is_integral(bnt_tv v)
{
    return v.type == BNT_TV_INT || v.type == BNT_TV_BOOL;
}
static inline bool bnt_tv_is_number(bnt_tv v)
{
    return bnt_tv_is_integral(v) || v.type == BNT_TV_FLOAT;
}
static inline bantam_text bnt_tv_text(bnt_tv v) /* of a string */
{
    const bantam_text t = {v.u.s->data, v.u.s->size};
    return t;
}
static inline bool bnt_tv_says(bnt_tv v, const char *text)
{
    return v.type == BNT_TV_STRING && v.u.s->size == strlen(text) &&
           !memcmp(v.u.s->data, text, v.u.s->size);
}
double bnt_tv_number(bnt_tv v); /* of a number */

/* Fails with what the undefined value stands for, "'x' is undefined" for instance. */
bnt_tv bnt_tv_use_undefined(bnt_render *r, bnt_tv v);

/* Members of lists, tuples and views. */
const bnt_tv *bnt_tv_items(bnt_render *r, bnt_tv v, size_t *n);
/* Members of dictionaries and namespaces. */
bnt_tv_entry *bnt_tv_entries(bnt_render *r, bnt_tv v, size_t *n);
/* A member's value, NULL where key is absent or cannot be one. */
bnt_tv *bnt_tv_find(bnt_render *r, bnt_tv dict, bnt_tv key);
void bnt_tv_remove(bnt_render *r, bnt_tv dict, size_t index);

/* Anything that can be iterated over; reading an iterator empties it. Fails for the rest. */
bool bnt_tv_seq_of(bnt_render *r, bnt_tv v, bnt_tv_seq *out);
static inline bnt_tv bnt_tv_seq_at(const bnt_tv_seq *seq, size_t i)
{
    return seq->items ? seq->items[i] : bnt_tv_int(seq->start + (int64_t)i * seq->step);
}

/* len(); fails for what has none. */
bool bnt_tv_length(bnt_render *r, bnt_tv v, size_t *n);
size_t bnt_tv_chars(bnt_render *r, bnt_tv_str *s);
/* Byte where character `index` of s begins; index is at most the number of characters. */
size_t bnt_tv_char_offset(bnt_render *r, bnt_tv_str *s, size_t index);

bool bnt_tv_truth(bnt_tv v);
bool bnt_tv_equal(bnt_render *r, bnt_tv a, bnt_tv b);

typedef enum bnt_tv_order {
    BNT_TV_LESS,
    BNT_TV_SAME,
    BNT_TV_GREATER,
    BNT_TV_UNORDERED /* not a number, or the rendering has failed */
} bnt_tv_order;

/* Fails where Python has no order between these types; op is for its message. */
bnt_tv_order bnt_tv_compare(bnt_render *r, bnt_tv a, bnt_tv b, const char *op);

#endif
