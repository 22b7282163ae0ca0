/* template_print.h - values as text: str(), repr() and JSON. */
#ifndef BNT_TEMPLATE_PRINT_H
#define BNT_TEMPLATE_PRINT_H
#include "template/template_value.h"

/* Appends to r->text. */
void bnt_tv_put_str(bnt_render *r, bnt_tv v);
void bnt_tv_put_repr(bnt_render *r, bnt_tv v);

/* json.dumps(). A NULL separator is Python's default for the indent chosen. */
typedef struct bnt_tv_json {
    bool ascii, sort_keys;
    bool indented;
    bantam_text indent; /* of one level */
    const bnt_tv_str *item_separator, *key_separator;
} bnt_tv_json;
void bnt_tv_put_json(bnt_render *r, bnt_tv v, const bnt_tv_json *how);

/* str(v): v itself where it is a string. */
bnt_tv bnt_tv_to_str(bnt_render *r, bnt_tv v);

/* The shortest digits that read back as f, as Python's repr() writes them. */
enum { BNT_FLOAT_TEXT = 40 };
size_t bnt_tv_float_text(double f, char text[BNT_FLOAT_TEXT]);

/* Reads a decimal number that is all of text: digits with an optional point and exponent. The
 * locale plays no part in it. */
bool bnt_tv_float_read(const char *text, size_t size, double *out);

/* C's %e, %f or %g, with a point in every locale; NUL-terminated. False when capacity is too
 * small. */
bool bnt_tv_float_fixed(double f, char format, int precision, char *text, size_t capacity);

#endif
