/* gguf_value.c - what a parsed GGUF file's metadata say, by key and type.
 *
 * The type that the file states is checked before a value is looked at. Sizes were proved by
 * gguf_read.c, so that values are read here without further bounds.
 */
#include "format/gguf.h"

#include "base/cursor.h"
#include "base/json.h"
#include "base/limits.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_ELEMENTS = 8 };

static const char *type_name(bnt_gguf_type type)
{
    static const char *const names[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                        "bool", "string", "array", "u64", "i64", "f64"};
    return (size_t)type < sizeof names / sizeof names[0] ? names[type] : "?";
}

size_t bnt_gguf_type_bytes(uint32_t type)
{
    static const uint8_t bytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    return type < sizeof bytes ? bytes[type] : 0;
}

static bantam_status wrong_type(const bnt_gguf_pair *p, const char *expected, bantam_error *err)
{
    const bool array = p->type == BNT_GGUF_ARRAY;

    return bnt_fail(err, BANTAM_ERR_FORMAT, "key %.*s: expected %s, found %s%s",
                    BNT_TEXT_ARG(p->key), expected, array ? "array of " : "",
                    type_name(array ? p->element : p->type));
}

/* ---- single values ----------------------------------------------------------------------- */

static bool is_integer(bnt_gguf_type type)
{
    switch (type) {
    case BNT_GGUF_U8:
    case BNT_GGUF_I8:
    case BNT_GGUF_U16:
    case BNT_GGUF_I16:
    case BNT_GGUF_U32:
    case BNT_GGUF_I32:
    case BNT_GGUF_U64:
    case BNT_GGUF_I64:
        return true;
    case BNT_GGUF_F32:
    case BNT_GGUF_BOOL:
    case BNT_GGUF_STRING:
    case BNT_GGUF_ARRAY:
    case BNT_GGUF_F64:
        return false;
    }
    return false;
}

/* The next integer as 64 bits of two's complement; unsigned ones above INT64_MAX keep their
 * bits. */
static uint64_t take_integer(bnt_cursor *c, bnt_gguf_type type)
{
    switch (type) {
    case BNT_GGUF_U8:
        return bnt_cursor_u8(c);
    case BNT_GGUF_I8:
        return (uint64_t)(int64_t)(int8_t)bnt_cursor_u8(c);
    case BNT_GGUF_U16:
        return bnt_cursor_u16(c);
    case BNT_GGUF_I16:
        return (uint64_t)(int64_t)(int16_t)bnt_cursor_u16(c);
    case BNT_GGUF_U32:
        return bnt_cursor_u32(c);
    case BNT_GGUF_I32:
        return (uint64_t)(int64_t)(int32_t)bnt_cursor_u32(c);
    case BNT_GGUF_U64:
    case BNT_GGUF_I64:
        return bnt_cursor_u64(c);
    case BNT_GGUF_F32:
    case BNT_GGUF_BOOL:
    case BNT_GGUF_STRING:
    case BNT_GGUF_ARRAY:
    case BNT_GGUF_F64:
        break;
    }
    return 0;
}

/* Doubles beyond a float's range become infinite; the conversion alone would be undefined. */
static float narrow(double d)
{
    if (d > (double)FLT_MAX) return (float)INFINITY;
    if (d < -(double)FLT_MAX) return -(float)INFINITY;
    return (float)d;
}

static float take_float(bnt_cursor *c, bnt_gguf_type type)
{
    return type == BNT_GGUF_F64 ? narrow(bnt_cursor_f64(c)) : bnt_cursor_f32(c);
}

bantam_status bnt_gguf_u32(const bnt_gguf *gguf, const char *key, uint32_t *out,
                           bantam_error *err)
{
    const bnt_gguf_pair *const p = bnt_gguf_find(gguf, key);

    if (!p) return BANTAM_OK;
    if (!is_integer(p->type)) return wrong_type(p, "u32", err);

    bnt_cursor c = bnt_cursor_on(p->data, (size_t)p->bytes);
    const uint64_t value = take_integer(&c, p->type);
    /* A negative number has its high bits set, so that it is out of range like a large one. */
    if (value > UINT32_MAX) {
        if (p->type == BNT_GGUF_U64) {
            return bnt_fail(err, BANTAM_ERR_FORMAT,
                            "key %s: expected a number of 32 bits, found %" PRIu64, key, value);
        }
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "key %s: expected a number of 32 bits, found %" PRId64, key,
                        (int64_t)value);
    }
    *out = (uint32_t)value;
    return BANTAM_OK;
}

bantam_status bnt_gguf_f32(const bnt_gguf *gguf, const char *key, float *out, bantam_error *err)
{
    const bnt_gguf_pair *const p = bnt_gguf_find(gguf, key);

    if (!p) return BANTAM_OK;
    if (p->type != BNT_GGUF_F32 && p->type != BNT_GGUF_F64) return wrong_type(p, "f32", err);
    bnt_cursor c = bnt_cursor_on(p->data, (size_t)p->bytes);
    *out = take_float(&c, p->type);
    return BANTAM_OK;
}

bantam_status bnt_gguf_bool(const bnt_gguf *gguf, const char *key, bool *out, bantam_error *err)
{
    const bnt_gguf_pair *const p = bnt_gguf_find(gguf, key);

    if (!p) return BANTAM_OK;
    if (p->type != BNT_GGUF_BOOL) return wrong_type(p, "bool", err);
    *out = p->data[0] != 0;
    return BANTAM_OK;
}

bantam_status bnt_gguf_text(const bnt_gguf *gguf, const char *key, bantam_text *out,
                            bantam_error *err)
{
    const bnt_gguf_pair *const p = bnt_gguf_find(gguf, key);

    if (!p) return BANTAM_OK;
    if (p->type != BNT_GGUF_STRING) return wrong_type(p, "string", err);
    out->data = (const char *)p->data;
    out->size = (size_t)p->length;
    return BANTAM_OK;
}

/* ---- arrays ------------------------------------------------------------------------------ */

/* Whether elements of the found type may be read as the wanted one. */
static bool stands_for(bnt_gguf_type found, bnt_gguf_type wanted)
{
    if (found == wanted) return true;
    if (wanted == BNT_GGUF_I32) return is_integer(found);
    return wanted == BNT_GGUF_F32 && found == BNT_GGUF_F64;
}

bantam_status bnt_gguf_items_begin(const bnt_gguf *gguf, const char *key, bnt_gguf_type element,
                                   bnt_gguf_items *items, bantam_error *err)
{
    const bnt_gguf_pair *const p = bnt_gguf_find(gguf, key);

    *items = (bnt_gguf_items){0};
    if (!p) return BANTAM_OK;
    if (p->type != BNT_GGUF_ARRAY || !stands_for(p->element, element)) {
        char expected[32];
        snprintf(expected, sizeof expected, "array of %s",
                 element == BNT_GGUF_I32 ? "integers" : type_name(element));
        return wrong_type(p, expected, err);
    }
    items->pair = p;
    items->at = p->data;
    items->left = p->length;
    return BANTAM_OK;
}

/* A cursor on what is left of the array; false at its end. */
static bool items_cursor(bnt_gguf_items *items, bnt_cursor *c)
{
    if (!items->pair || !items->left) return false;
    const uint8_t *const end = items->pair->data + items->pair->bytes;
    *c = bnt_cursor_on(items->at, (size_t)(end - items->at));
    items->left--;
    return true;
}

bool bnt_gguf_next_f32(bnt_gguf_items *items, float *out)
{
    bnt_cursor c;

    if (!items_cursor(items, &c)) return false;
    *out = take_float(&c, items->pair->element);
    items->at = c.at;
    return true;
}

bool bnt_gguf_next_i64(bnt_gguf_items *items, int64_t *out)
{
    bnt_cursor c;

    /* What vocabularies have by the hundred thousand, the short way. */
    if (items->left && items->pair->element == BNT_GGUF_I32) {
        const uint8_t *const p = items->at;
        *out = (int32_t)((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
                         (uint32_t)p[3] << 24);
        items->at += 4;
        items->left--;
        return true;
    }
    if (!items_cursor(items, &c)) return false;
    *out = (int64_t)take_integer(&c, items->pair->element);
    items->at = c.at;
    return true;
}

bool bnt_gguf_next_bool(bnt_gguf_items *items, bool *out)
{
    bnt_cursor c;

    if (!items_cursor(items, &c)) return false;
    *out = bnt_cursor_u8(&c) != 0;
    items->at = c.at;
    return true;
}

/* ---- JSON -------------------------------------------------------------------------------- */

/* The shortest text that gives the same number back. digits says how many always do: 9 for a
 * float, 17 for a double. */
static void put_float(bnt_buf *out, double value, int digits, bool single)
{
    char text[40];

    if (isnan(value)) {
        bnt_buf_puts(out, "\"nan\"");
        return;
    }
    if (isinf(value)) {
        bnt_buf_puts(out, value > 0 ? "\"inf\"" : "\"-inf\"");
        return;
    }
    for (int precision = 6; precision <= digits; precision++) {
        snprintf(text, sizeof text, "%.*g", precision, value);
        const double back = strtod(text, NULL);
        if (single ? (float)back == (float)value : back == value) break;
    }
    /* The host program may have chosen a locale whose decimal point is another character, of
     * one byte or of several. */
    bool point = false;
    for (const char *p = text; *p; p++) {
        const bool plain = strchr("+-.0123456789e", *p) != NULL;
        if (plain || !point) bnt_buf_putc(out, plain ? *p : '.');
        if (!plain || *p == '.') point = true;
    }
}

static void put_scalar(bnt_buf *out, bnt_cursor *c, bnt_gguf_type type)
{
    if (type == BNT_GGUF_BOOL) {
        bnt_buf_puts(out, bnt_cursor_u8(c) ? "true" : "false");
    } else if (type == BNT_GGUF_F32) {
        put_float(out, (double)bnt_cursor_f32(c), FLT_DECIMAL_DIG, true);
    } else if (type == BNT_GGUF_F64) {
        put_float(out, bnt_cursor_f64(c), DBL_DECIMAL_DIG, false);
    } else if (type == BNT_GGUF_U64) {
        bnt_buf_printf(out, "%" PRIu64, bnt_cursor_u64(c));
    } else {
        bnt_buf_printf(out, "%" PRId64, (int64_t)take_integer(c, type));
    }
}

/* Passes over n elements. Recurses like put_value(). */
static void skip_elements(bnt_cursor *c, bnt_gguf_type type, uint64_t n)
{
    const size_t bytes = bnt_gguf_type_bytes(type);

    if (bytes) {
        bnt_cursor_take(c, n * bytes); /* proved when the file was parsed */
        return;
    }
    for (uint64_t i = 0; i < n && !c->failed; i++) {
        if (type == BNT_GGUF_STRING) {
            bnt_cursor_take(c, bnt_cursor_u64(c));
        } else {
            const bnt_gguf_type element = (bnt_gguf_type)bnt_cursor_u32(c);
            skip_elements(c, element, bnt_cursor_u64(c));
        }
    }
}

static void put_value(bnt_buf *out, bnt_cursor *c, bnt_gguf_type type);

/* Writes at most SHOWN_ELEMENTS elements from the cursor on. */
static void put_array(bnt_buf *out, bnt_cursor *c, bnt_gguf_type element, uint64_t length)
{
    const bool cut = length > SHOWN_ELEMENTS;

    if (cut) bnt_buf_printf(out, "{\"length\":%" PRIu64 ",\"first\":", length);
    bnt_buf_putc(out, '[');
    for (uint64_t i = 0; i < length && i < SHOWN_ELEMENTS; i++) {
        if (i) bnt_buf_putc(out, ',');
        put_value(out, c, element);
    }
    bnt_buf_puts(out, cut ? "]}" : "]");
}

/* Recurses into arrays in arrays, at most BNT_MAX_ARRAY_DEPTH deep: deeper files were refused.
 */
static void put_value(bnt_buf *out, bnt_cursor *c, bnt_gguf_type type)
{
    if (type == BNT_GGUF_STRING) {
        const uint64_t size = bnt_cursor_u64(c);
        const char *const text = (const char *)bnt_cursor_take(c, size);
        if (!c->failed) bnt_json_put_string(out, text, (size_t)size);
    } else if (type == BNT_GGUF_ARRAY) {
        const bnt_gguf_type element = (bnt_gguf_type)bnt_cursor_u32(c);
        const uint64_t length = bnt_cursor_u64(c);
        put_array(out, c, element, length);
        if (length > SHOWN_ELEMENTS) skip_elements(c, element, length - SHOWN_ELEMENTS);
    } else {
        put_scalar(out, c, type);
    }
}

void bnt_gguf_put_json(const bnt_gguf_pair *pair, bnt_buf *out)
{
    bnt_cursor c = bnt_cursor_on(pair->data, (size_t)pair->bytes);

    if (pair->type == BNT_GGUF_ARRAY) {
        put_array(out, &c, pair->element, pair->length);
    } else if (pair->type == BNT_GGUF_STRING) {
        bnt_json_put_string(out, (const char *)pair->data, (size_t)pair->length);
    } else {
        put_scalar(out, &c, pair->type);
    }
}
