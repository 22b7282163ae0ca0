/* template_unicode.h - what Python's string methods ask about characters.
 *
 * ASCII is answered here; the rest comes from PCRE2's Unicode tables, through patterns that are
 * compiled when a rendering first needs them.
 */
#ifndef BNT_TEMPLATE_UNICODE_H
#define BNT_TEMPLATE_UNICODE_H
#include "template/template_memory.h"

typedef enum bnt_char_class {
    BNT_CHAR_ALPHA,
    BNT_CHAR_DIGIT,
    BNT_CHAR_ALNUM,
    BNT_CHAR_LOWER,
    BNT_CHAR_UPPER,
    BNT_CHAR_PRINTABLE,
    BNT_N_CHAR_CLASSES
} bnt_char_class;

/* code is a Unicode scalar value. False after a failure, for instance of memory. */
bool bnt_char_is(bnt_render *r, uint32_t code, bnt_char_class class);
uint32_t bnt_char_upper(bnt_render *r, uint32_t code);
uint32_t bnt_char_lower(bnt_render *r, uint32_t code);

/* str.isspace() and str.splitlines(). */
bool bnt_char_is_space(uint32_t code);
bool bnt_char_is_line_end(uint32_t code);

/* The last character of data[0..size), size > 0: its length in bytes. */
size_t bnt_char_last(const char *data, size_t size, uint32_t *code);

void bnt_unicode_close(struct bnt_unicode *u); /* accepts NULL */

#endif
