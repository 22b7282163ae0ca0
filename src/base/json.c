/* json.c - Jansson with limits and messages. */
#include "base/json.h"
#include "base/limits.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Line and column (in bytes) of data[at], both from 1. */
static void locate(const char *data, size_t at, size_t *line, size_t *column)
{
    *line = 1;
    size_t start = 0;
    for (size_t i = 0; i < at; i++) {
        if (data[i] == '\n') {
            (*line)++;
            start = i + 1;
        }
    }
    *column = at - start + 1;
}

/* Index of the bracket that goes too deep; size where none does. Text that is not JSON gives
 * some answer, at no risk: Jansson reports what is wrong with it. */
static size_t find_too_deep(const char *data, size_t size)
{
    int depth = 0;
    for (size_t i = 0; i < size; i++) {
        const char c = data[i];
        if (c == '"') {
            for (i++; i < size && data[i] != '"'; i++) {
                if (data[i] == '\\') i++;
            }
        } else if (c == '[' || c == '{') {
            if (++depth > BNT_MAX_JSON_DEPTH) return i;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    return size;
}

/* Appends data with "e0" behind every whole number of 19 digits or more, which makes it a real:
 * Jansson's integers have 64 bits, and files of tokenizers write 10^30 for "no limit". */
static void put_widened(bnt_buf *out, const char *data, size_t size)
{
    size_t i = 0, kept = 0;
    while (i < size) {
        const char c = data[i];
        if (c == '"') {
            for (i++; i < size && data[i] != '"'; i++) {
                if (data[i] == '\\') i++;
            }
            i++;
            continue;
        }
        if (c < '0' || c > '9') {
            i++;
            continue;
        }
        const size_t start = i;
        while (i < size && data[i] >= '0' && data[i] <= '9') {
            i++;
        }
        const bool whole = (start == 0 || data[start - 1] != '.') &&
                           (i == size || (data[i] != '.' && (data[i] | 32) != 'e'));
        if (i - start < 19 || !whole) continue;
        bnt_buf_put(out, data + kept, i - kept);
        bnt_buf_puts(out, "e0");
        kept = i;
    }
    if (size > kept) bnt_buf_put(out, data + kept, size - kept);
}

static json_t *parse(const char *data, size_t size, json_error_t *e)
{
    return json_loadb(size ? data : "", size,
                      JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, e);
}

bantam_status bnt_json_parse(json_t **out, const char *data, size_t size, bantam_error *err)
{
    *out = NULL;
    if (size > BNT_MAX_JSON_BYTES) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "json: %zu bytes, at most %d are read", size,
                        BNT_MAX_JSON_BYTES);
    }
    if (size >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "json line 1 column 1: expected a value, found a byte order mark");
    }
    const size_t deep = find_too_deep(data, size);
    if (deep < size) {
        size_t line, column;
        locate(data, deep, &line, &column);
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "json line %zu column %zu: nested deeper than %d", line, column,
                        BNT_MAX_JSON_DEPTH);
    }
    bantam_status failed = BANTAM_OK;
    json_error_t e;
    *out = parse(data, size, &e);
    if (!*out && json_error_code(&e) == json_error_numeric_overflow) {
        bnt_buf wider;
        bnt_buf_init(&wider, 2 * (size_t)BNT_MAX_JSON_BYTES);
        put_widened(&wider, data, size);
        failed = wider.failed;
        if (!failed) *out = parse(wider.data, wider.size, &e);
        bnt_buf_deinit(&wider);
    }
    if (*out) return BANTAM_OK;
    if (failed == BANTAM_ERR_NOMEM || json_error_code(&e) == json_error_out_of_memory) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %zu bytes of json", size);
    }
    return bnt_fail(err, BANTAM_ERR_FORMAT, "json line %d column %d: %s", e.line, e.column,
                    e.text);
}

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
