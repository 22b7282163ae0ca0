/* template_builtin.h - filters, tests, functions and methods: how they are found and called.
 *
 * A builtin is a row of a table: its name, its parameters and a C function. Arguments are
 * matched with parameters before the function is called, so that it finds each at its place,
 * BNT_TV_ABSENT where it was not given.
 */
#ifndef BNT_TEMPLATE_BUILTIN_H
#define BNT_TEMPLATE_BUILTIN_H
#include "template/template_value.h"

enum { BNT_TV_MAX_PARAMS = 6, BNT_TV_MAX_ARGS = 32 };

/* The arguments of one call; borrowed from the caller's stack. */
typedef struct bnt_tv_args {
    const bnt_tv *pos;
    size_t n_pos;
    const bnt_tv *named; /* name, value, name, value ... */
    size_t n_named;      /* pairs */
} bnt_tv_args;

/* self is the filtered or tested value, or the one whose method this is. a holds the arguments
 * in the order of the parameters; args is what they were made from. */
typedef bnt_tv bnt_tv_fn(bnt_render *r, bnt_tv self, const bnt_tv *a, const bnt_tv_args *args);

typedef struct bnt_tv_builtin {
    const char *name;
    bnt_tv_fn *fn;
    const char *params; /* names with spaces between them; "*" leaves the matching to fn */
    int n_required;
} bnt_tv_builtin;

/* Matches arguments with parameters and calls. */
bnt_tv bnt_builtin_call(bnt_render *r, const bnt_tv_builtin *b, bnt_tv self,
                        const bnt_tv_args *args);

/* NULL where there is none of this name. Tables end with a NULL name. */
const bnt_tv_builtin *bnt_builtin_find(const bnt_tv_builtin *table, bantam_text name);

extern const bnt_tv_builtin bnt_filters[], bnt_tests[], bnt_functions[];

/* Methods of a type; an empty table for types without. */
const bnt_tv_builtin *bnt_methods_of(bnt_tv_type type);
extern const bnt_tv_builtin bnt_string_methods[];

/* True for attributes that Python's type has and this interpreter lacks. */
bool bnt_method_is_known(bnt_tv_type type, bantam_text name);

/* ---- arguments ---- */

static inline bool bnt_arg_given(bnt_tv v)
{
    return v.type != BNT_TV_ABSENT;
}
/* False, and a failure that names what, where v is no whole number. */
bool bnt_arg_int(bnt_render *r, bnt_tv v, const char *what, int64_t *out);
/* As bnt_arg_int, for strings; an undefined value is not one. */
bool bnt_arg_str(bnt_render *r, bnt_tv v, const char *what, bnt_tv_str **out);

/* ---- parts that several builtins share ---- */

/* Position of needle in hay from byte `from` on, SIZE_MAX where it is not. */
size_t bnt_text_find(bnt_render *r, bantam_text hay, bantam_text needle, size_t from);
/* Part of s without characters of set, or without white space where set is NULL, at its start
 * (left) and end (right). */
bnt_tv bnt_str_strip(bnt_render *r, bnt_tv s, const bnt_tv_str *set, bool left, bool right);
bnt_tv bnt_str_map_case(bnt_render *r, bnt_tv s, bool upper);
bnt_tv bnt_str_capitalize(bnt_render *r, bnt_tv s);
bnt_tv bnt_str_replace(bnt_render *r, bnt_tv s, bnt_tv old, bnt_tv with, int64_t count);
bnt_tv bnt_str_lines(bnt_render *r, bnt_tv s, bool keep_ends);
bnt_tv bnt_str_center(bnt_render *r, bnt_tv s, int64_t width, bnt_tv fill, int align);
/* `format % arguments`: a tuple, a dictionary or one value. */
bnt_tv bnt_str_percent(bnt_render *r, bnt_tv format, bnt_tv arguments);
bnt_tv bnt_str_format(bnt_render *r, bnt_tv format, const bnt_tv_args *args);
bnt_tv bnt_str_time(bnt_render *r, int64_t seconds, bnt_tv format);
bool bnt_tv_read_int(const bnt_tv_str *s, int64_t base, int64_t *out, bool *too_large);
/* item and attr as Jinja's attribute= argument names them: "a.b", 0, "a.0.b". */
bnt_tv bnt_tv_path(bnt_render *r, bnt_tv v, bnt_tv path);

bnt_tv_fn bnt_str_upper_method, bnt_str_lower_method, bnt_str_title_method,
    bnt_str_capitalize_method, bnt_str_swapcase_method, bnt_str_center_method,
    bnt_str_ljust_method, bnt_str_rjust_method, bnt_str_zfill_method, bnt_str_isalpha_method,
    bnt_str_isdigit_method, bnt_str_isalnum_method, bnt_str_islower_method,
    bnt_str_isupper_method, bnt_str_isspace_method;
bnt_tv_fn bnt_filter_map, bnt_filter_select, bnt_filter_reject, bnt_filter_selectattr,
    bnt_filter_rejectattr, bnt_filter_sort, bnt_filter_dictsort, bnt_filter_unique,
    bnt_filter_min, bnt_filter_max, bnt_filter_sum, bnt_filter_join, bnt_filter_first,
    bnt_filter_last, bnt_filter_list, bnt_filter_reverse, bnt_filter_batch, bnt_filter_slice,
    bnt_filter_items, bnt_filter_groupby, bnt_filter_length;

#endif
