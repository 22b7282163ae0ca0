/* template_ops.h - operators, subscripts and attributes. */
#ifndef BNT_TEMPLATE_OPS_H
#define BNT_TEMPLATE_OPS_H
#include "template/template_value.h"

typedef enum bnt_tv_op {
    BNT_TV_ADD,
    BNT_TV_SUB,
    BNT_TV_MUL,
    BNT_TV_DIV,
    BNT_TV_FLOORDIV,
    BNT_TV_MOD,
    BNT_TV_POW,
    BNT_TV_CONCAT, /* ~ */
    BNT_TV_EQ,
    BNT_TV_NE,
    BNT_TV_LT,
    BNT_TV_LE,
    BNT_TV_GT,
    BNT_TV_GE,
    BNT_TV_IN,
    BNT_TV_NOT_IN
} bnt_tv_op;

bnt_tv bnt_tv_binary(bnt_render *r, bnt_tv_op op, bnt_tv a, bnt_tv b);
bnt_tv bnt_tv_sign(bnt_render *r, bnt_tv v, bool negative); /* +v, -v */

/* v[key]: the member first, a method of that name after it. v.name: the other way round.
 * Undefined where there is neither. */
bnt_tv bnt_tv_item(bnt_render *r, bnt_tv v, bnt_tv key);
bnt_tv bnt_tv_attr(bnt_render *r, bnt_tv v, bnt_tv_str *name);
/* v[start:stop:step], each a number or none. */
bnt_tv bnt_tv_slice(bnt_render *r, bnt_tv v, bnt_tv start, bnt_tv stop, bnt_tv step);
/* Part of a string, by characters. */
bnt_tv bnt_tv_substring(bnt_render *r, bnt_tv s, size_t first, size_t n);

/* namespace.name = value */
void bnt_tv_set_attr(bnt_render *r, bnt_tv v, bnt_tv_str *name, bnt_tv value);

#endif
