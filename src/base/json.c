/* json.c - JSON written, and values looked at. Reading is json_parse.c's. */
#include "base/json.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Controls are written as escapes, C1 ones and DEL too: JSON allows them as they are, but a
 * terminal would obey them. */
static void put_character(bnt_buf *out, const char *bytes, size_t length, uint32_t code)
{
    switch (code) {
    case '"':
        bnt_buf_puts(out, "\\\"");
        return;
    case '\\':
        bnt_buf_puts(out, "\\\\");
        return;
    case '\b':
        bnt_buf_puts(out, "\\b");
        return;
    case '\f':
        bnt_buf_puts(out, "\\f");
        return;
    case '\n':
        bnt_buf_puts(out, "\\n");
        return;
    case '\r':
        bnt_buf_puts(out, "\\r");
        return;
    case '\t':
        bnt_buf_puts(out, "\\t");
        return;
    default:
        break;
    }
    if (code < 0x20 || (code >= 0x7F && code <= 0x9F)) {
        bnt_buf_printf(out, "\\u%04" PRIx32, code);
    } else {
        bnt_buf_put(out, bytes, length);
    }
}

void bnt_json_put_string(bnt_buf *out, const char *data, size_t size)
{
    size_t length;
    bnt_buf_putc(out, '"');
    for (size_t i = 0; i < size; i += length) {
        uint32_t code;
        length = bnt_utf8_decode(data + i, size - i, &code);
        if (code != BNT_UTF8_BAD) {
            put_character(out, data + i, length, code);
            continue;
        }
        /* A bad run is cleaned as a whole, so that one maximal sequence gives one U+FFFD. */
        size_t end = i + 1;
        while (end < size && ((uint8_t)data[end] & 0xC0) == 0x80) {
            end++;
        }
        length = end - i;
        bnt_utf8_put_clean(out, data + i, length);
    }
    bnt_buf_putc(out, '"');
}

/* The member, or NULL where it is absent or null. */
static int put_dump(const char *data, size_t size, void *out)
{
    bnt_buf_put(out, data, size);
    return 0;
}

void bnt_json_put(bnt_buf *out, const json_t *value, size_t flags)
{
    if (json_dump_callback(value, put_dump, out, flags | JSON_ENCODE_ANY) && !out->failed) {
        out->failed = BANTAM_ERR_NOMEM;
    }
}

static const json_t *member(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

bantam_status bnt_json_u32(const json_t *object, const char *key, uint32_t *out,
                           bantam_error *err)
{
    const json_t *value = member(object, key);
    if (!value) return BANTAM_OK;
    if (!json_is_number(value)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "%s: expected a whole number", key);
    }
    if (json_is_integer(value)) {
        const json_int_t n = json_integer_value(value);
        if (n < 0 || n > (json_int_t)UINT32_MAX) {
            return bnt_fail(err, BANTAM_ERR_FORMAT,
                            "%s: expected 0 to %" PRIu32 ", found %" JSON_INTEGER_FORMAT, key,
                            UINT32_MAX, n);
        }
        *out = (uint32_t)n;
        return BANTAM_OK;
    }
    /* Some writers put 32.0 for 32. */
    const double x = json_real_value(value);
    if (!(x >= 0 && x <= (double)UINT32_MAX) || x != floor(x)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "%s: expected a whole number, found %g", key,
                        x);
    }
    *out = (uint32_t)x;
    return BANTAM_OK;
}

bantam_status bnt_json_f64(const json_t *object, const char *key, double *out,
                           bantam_error *err)
{
    const json_t *value = member(object, key);
    if (!value) return BANTAM_OK;
    if (!json_is_number(value)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "%s: expected a number", key);
    }
    *out = json_number_value(value);
    return BANTAM_OK;
}

bantam_status bnt_json_bool(const json_t *object, const char *key, bool *out, bantam_error *err)
{
    const json_t *value = member(object, key);
    if (!value) return BANTAM_OK;
    if (!json_is_boolean(value)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "%s: expected true or false", key);
    }
    *out = json_is_true(value);
    return BANTAM_OK;
}
