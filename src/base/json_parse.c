/* json_parse.c - JSON that nobody vouches for, read into Jansson's values.
 *
 * Jansson's own reader takes no notice of an allocation that fails while it collects a string:
 * the string comes out short, or runs past its end, or an assertion ends the process. Its
 * values do report what fails, so that they are built here. The reader keeps the open arrays
 * and objects on a stack of its own; each is put into its parent before anything is put into
 * it, so that there is one owner, the root, at any time.
 *
 * A value is small and a vocabulary's list of merges long: millions of allocations. Such a list
 * can be left out; it is held against the grammar like the rest, and read once more later.
 */
#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"
#include "base/utf8.h"
#include "base/words.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NUMBER = 1024 /* characters; the longest double written out has 1077, nobody's */ };

typedef struct reader {
    const char *data;
    size_t size, at;
    json_t *root;                     /* owns */
    json_t *open[BNT_MAX_JSON_DEPTH]; /* borrowed from root; the innermost last */
    bool is_object[BNT_MAX_JSON_DEPTH];
    size_t depth;
    bool fresh;    /* the innermost has nothing in it yet */
    size_t key_at; /* where the last name of a member begins */

    const char *outer, *inner; /* where the list stands that is left out; NULL: nowhere */
    bnt_json_list *list;
    bool in_outer;     /* the container at depth 1 is `outer` */
    size_t list_depth; /* of the list's elements; 0 outside it */

    bnt_buf key, text; /* the name of the member to come, a string with escapes undone */
    bantam_error *err;
} reader;

/* ---- errors ------------------------------------------------------------------------------ */

/* Line and column (in bytes) of data[at], both from 1. */
static void locate(const reader *r, size_t at, size_t *line, size_t *column)
{
    size_t start = 0;
    *line = 1;
    for (size_t i = 0; i < at; i++) {
        if (r->data[i] == '\n') {
            (*line)++;
            start = i + 1;
        }
    }
    *column = at - start + 1;
}

static bantam_status fail_at(const reader *r, size_t at, const char *what)
{
    size_t line, column;
    locate(r, at, &line, &column);
    return bnt_fail(r->err, BANTAM_ERR_FORMAT, "json line %zu column %zu: %s", line, column,
                    what);
}

/* What stands at the reader is not what belongs there. */
static bantam_status fail_expected(const reader *r, const char *expected)
{
    char what[96];
    if (r->at >= r->size) {
        snprintf(what, sizeof what, "expected %s, found the end", expected);
    } else if (r->data[r->at] > 0x20 && r->data[r->at] < 0x7F) {
        snprintf(what, sizeof what, "expected %s, found %c", expected, r->data[r->at]);
    } else {
        snprintf(what, sizeof what, "expected %s, found byte 0x%02x", expected,
                 (unsigned)(uint8_t)r->data[r->at]);
    }
    return fail_at(r, r->at, what);
}

static bantam_status fail_memory(const reader *r)
{
    return bnt_fail(r->err, BANTAM_ERR_NOMEM, "out of memory for %zu bytes of json", r->size);
}

/* ---- pieces ------------------------------------------------------------------------------ */

static bool is_digit(const reader *r, size_t at)
{
    return at < r->size && r->data[at] >= '0' && r->data[at] <= '9';
}

static void skip_space(reader *r)
{
    while (r->at < r->size && (r->data[r->at] == ' ' || r->data[r->at] == '\n' ||
                               r->data[r->at] == '\r' || r->data[r->at] == '\t')) {
        r->at++;
    }
}

/* Takes c if it is next. */
static bool take(reader *r, char c)
{
    if (r->at >= r->size || r->data[r->at] != c) return false;
    r->at++;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* The four digits behind "\u"; false where they are not four. */
static bool take_hex(reader *r, uint32_t *unit)
{
    *unit = 0;
    for (int i = 0; i < 4; i++, r->at++) {
        const int digit = r->at < r->size ? hex_digit(r->data[r->at]) : -1;
        if (digit < 0) return false;
        *unit = *unit << 4 | (uint32_t)digit;
    }
    return true;
}

/* Appends the character that "\u" and what follows stand for. A half of a pair stands for none.
 */
static bantam_status put_unit(reader *r, bnt_buf *out, size_t start)
{
    uint32_t code, low;
    char bytes[4];
    if (!take_hex(r, &code)) return fail_at(r, start, "a \\u without four digits");
    if (code >= 0xD800 && code <= 0xDBFF) {
        if (!take(r, '\\') || !take(r, 'u') || !take_hex(r, &low) || low < 0xDC00 ||
            low > 0xDFFF) {
            return fail_at(r, start, "a \\u that is the first half of a pair");
        }
        code = 0x10000 + ((code - 0xD800) << 10 | (low - 0xDC00));
    } else if (code >= 0xDC00 && code <= 0xDFFF) {
        return fail_at(r, start, "a \\u that is the second half of a pair");
    }
    bnt_buf_put(out, bytes, bnt_utf8_encode(code, bytes));
    return BANTAM_OK;
}

static bantam_status put_escape(reader *r, bnt_buf *out)
{
    static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    const size_t start = r->at++;
    if (take(r, 'u')) return put_unit(r, out, start);
    const char *const name =
        r->at < r->size && r->data[r->at] ? strchr(names, r->data[r->at]) : NULL;
    if (!name) return fail_expected(r, "an escape of JSON");
    r->at++;
    bnt_buf_putc(out, bytes[name - names]);
    return BANTAM_OK;
}

/* Whether eight bytes are ASCII without controls, quotes and backslashes. A byte of x below n
 * has its high bit set in x - n times 0x01..., and only there or above another such byte: false
 * is always right, and true is right. */
static bool is_plain(const char *p)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
    const uint64_t x = bnt_load64(p);
    const uint64_t quotes = x ^ ones * '"', slashes = x ^ ones * '\\';
    return !((x | (x - ones * 0x20) | (quotes - ones) | (slashes - ones)) & highs);
}

/* Goes over what needs no escape. */
static bantam_status skip_plain(reader *r)
{
    for (;;) {
        while (r->size - r->at >= 8 && is_plain(r->data + r->at)) {
            r->at += 8;
        }
        if (r->at >= r->size) break;
        const uint8_t byte = (uint8_t)r->data[r->at];
        if (byte == '"' || byte == '\\') return BANTAM_OK;
        if (byte < 0x20) return fail_at(r, r->at, "a control character inside a string");
        uint32_t code = 0;
        const size_t length =
            byte < 0x80 ? 1 : bnt_utf8_decode(r->data + r->at, r->size - r->at, &code);
        if (code == BNT_UTF8_BAD) return fail_at(r, r->at, "a string that is not UTF-8");
        r->at += length;
    }
    return fail_expected(r, "the end of a string");
}

/* Takes a string. *out lies in the data, or in buf where there were escapes. */
static bantam_status take_string(reader *r, bnt_buf *buf, bantam_text *out)
{
    bnt_buf_clear(buf);
    bool escaped = false;
    size_t start = ++r->at;
    for (;;) {
        bantam_status status = skip_plain(r);
        if (status) return status;
        if (r->data[r->at] == '"' && !escaped) {
            *out = (bantam_text){r->data + start, r->at++ - start};
            return BANTAM_OK;
        }
        escaped = true;
        bnt_buf_put(buf, r->data + start, r->at - start);
        if (take(r, '"')) break;
        status = put_escape(r, buf);
        if (status) return status;
        start = r->at;
    }
    if (buf->failed) return fail_memory(r);
    *out = bnt_buf_text(buf);
    if (!out->data) out->data = "";
    return BANTAM_OK;
}

/* ---- numbers ----------------------------------------------------------------------------- */

/* Goes over a number as JSON writes it; *whole where it has neither fraction nor exponent. */
static bantam_status skip_number(reader *r, bool *whole)
{
    *whole = true;
    take(r, '-');
    if (!is_digit(r, r->at)) return fail_expected(r, "a digit");
    if (take(r, '0') && is_digit(r, r->at)) {
        return fail_expected(r, "a number without leading zeros");
    }
    while (is_digit(r, r->at)) {
        r->at++;
    }
    if (take(r, '.')) {
        *whole = false;
        if (!is_digit(r, r->at)) return fail_expected(r, "a digit");
        while (is_digit(r, r->at)) {
            r->at++;
        }
    }
    if (!take(r, 'e') && !take(r, 'E')) return BANTAM_OK;
    *whole = false;
    if (!take(r, '+')) take(r, '-');
    if (!is_digit(r, r->at)) return fail_expected(r, "a digit");
    while (is_digit(r, r->at)) {
        r->at++;
    }
    return BANTAM_OK;
}

/* False where it does not fit, as in the 10^30 that files of tokenizers write for "no limit".
 */
static bool integer_of(const char *text, size_t size, json_int_t *out)
{
    const bool negative = text[0] == '-';
    json_int_t n = 0;
    for (size_t i = negative; i < size; i++) {
        const int digit = text[i] - '0';
        if (n < (INT64_MIN + digit) / 10) return false;
        n = 10 * n - digit; /* downwards, because there is one number more below zero */
    }
    if (!negative && n == INT64_MIN) return false;
    *out = negative ? n : -n;
    return true;
}

/* strtod() wants the point of the locale, which is whatever the host has set. */
static double real_of(const char *text, size_t size)
{
    char number[MAX_NUMBER + 16], half[16];
    size_t n = 0;
    const int length = snprintf(half, sizeof half, "%.1f", 0.5);
    const size_t n_point = length > 2 && length < 16 ? (size_t)length - 2 : 1;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '.' && length > 2) {
            memcpy(number + n, half + 1, n_point);
            n += n_point;
        } else {
            number[n++] = text[i];
        }
    }
    number[n] = '\0';
    return strtod(number, NULL);
}

static bantam_status read_number(reader *r, json_t **out)
{
    const size_t start = r->at;
    bool whole;
    json_int_t n;
    const bantam_status status = skip_number(r, &whole);
    if (status) return status;

    const size_t size = r->at - start;
    if (size > MAX_NUMBER) return fail_at(r, start, "a number of more than 1024 characters");
    if (whole && integer_of(r->data + start, size, &n)) {
        *out = json_integer(n);
    } else {
        const double x = real_of(r->data + start, size);
        if (!isfinite(x)) return fail_at(r, start, "a number beyond any double");
        *out = json_real(x);
    }
    return *out ? BANTAM_OK : fail_memory(r);
}

/* ---- values ------------------------------------------------------------------------------ */

static bantam_status read_word(reader *r, json_t **out)
{
    static const struct {
        const char *text;
        size_t size;
    } words[] = {{"true", 4}, {"false", 5}, {"null", 4}};
    for (size_t i = 0; i < 3; i++) {
        if (r->size - r->at < words[i].size ||
            memcmp(r->data + r->at, words[i].text, words[i].size) != 0) {
            continue;
        }
        r->at += words[i].size;
        *out = i == 2 ? json_null() : json_boolean(i == 0);
        return BANTAM_OK;
    }
    return fail_expected(r, "a value");
}

/* Puts a value, which it takes, where the reader is: into the innermost, or as the root. */
static bantam_status attach(reader *r, bantam_text key, json_t *value)
{
    if (r->list_depth) {
        json_decref(value);
        return BANTAM_OK;
    }
    if (!r->depth) {
        r->root = value;
        return BANTAM_OK;
    }
    json_t *const inner = r->open[r->depth - 1];
    if (!r->is_object[r->depth - 1]) {
        return json_array_append_new(inner, value) ? fail_memory(r) : BANTAM_OK;
    }
    const size_t n = json_object_size(inner);
    if (json_object_setn_new_nocheck(inner, key.data, key.size, value)) return fail_memory(r);
    if (json_object_size(inner) == n) { /* it took the place of another one */
        char what[128];
        snprintf(what, sizeof what, "duplicate member %.*s", BNT_TEXT_ARG(key));
        return fail_at(r, r->key_at, what);
    }
    return BANTAM_OK;
}

/* Goes into a container that stands at the reader; value is NULL inside a list. */
static void enter(reader *r, bantam_text key, json_t *value)
{
    const bool is_object = r->data[r->at++] == '{';
    if (r->depth == 1) r->in_outer = is_object && bnt_text_is(key, r->outer);
    if (r->depth == 2 && r->in_outer && !is_object && !r->list_depth &&
        bnt_text_is(key, r->inner)) {
        r->list_depth = 3;
        r->list->data = r->data + r->at;
    }
    r->is_object[r->depth] = is_object;
    r->open[r->depth++] = value;
    r->fresh = true;
}

/* Leaves the innermost, whose bracket has been taken. */
static void leave(reader *r)
{
    if (r->depth == r->list_depth) {
        r->list->size = (size_t)(r->data + r->at - r->list->data);
        r->list_depth = 0;
    }
    r->depth--;
    r->fresh = false;
}

static bantam_status open_container(reader *r, bantam_text key)
{
    if (r->depth == BNT_MAX_JSON_DEPTH) {
        char what[48];
        snprintf(what, sizeof what, "nested deeper than %d", BNT_MAX_JSON_DEPTH);
        return fail_at(r, r->at, what);
    }
    json_t *value = NULL;
    if (!r->list_depth) {
        value = r->data[r->at] == '{' ? json_object() : json_array();
        if (!value) return fail_memory(r);
        const bantam_status status = attach(r, key, value);
        if (status) return status;
    }
    enter(r, key, value);
    return BANTAM_OK;
}

/* Reads one value, of an array or object only the beginning. */
static bantam_status read_value(reader *r, bantam_text key)
{
    json_t *value = NULL;
    bantam_status status;
    bantam_text text = {0};

    skip_space(r);
    const char c = r->at < r->size ? r->data[r->at] : '\0';
    if (c == '{' || c == '[') return open_container(r, key);
    if (c == '"') {
        status = take_string(r, &r->text, &text);
        if (status || r->list_depth) return status;
        value = json_stringn_nocheck(text.data, text.size);
        if (!value) return fail_memory(r);
    } else {
        status = c == '-' || is_digit(r, r->at) ? read_number(r, &value) : read_word(r, &value);
        if (status) return status;
    }
    return attach(r, key, value);
}

static bantam_status take_key(reader *r, bantam_text *key)
{
    skip_space(r);
    const size_t start = r->key_at = r->at;
    if (start >= r->size || r->data[start] != '"') return fail_expected(r, "a name in quotes");
    const bantam_status status = take_string(r, &r->key, key);
    if (status) return status;
    if (memchr(key->data, 0, key->size)) return fail_at(r, start, "a name with a NUL in it");
    skip_space(r);
    return take(r, ':') ? BANTAM_OK : fail_expected(r, ":");
}

/* One step inside the innermost: its end, or its next element or member. */
static bantam_status read_next(reader *r)
{
    const bool is_object = r->is_object[r->depth - 1];
    bantam_text key = {0};

    skip_space(r);
    if (take(r, is_object ? '}' : ']')) {
        leave(r);
        return BANTAM_OK;
    }
    if (!r->fresh && !take(r, ',')) return fail_expected(r, is_object ? ", or }" : ", or ]");
    r->fresh = false;
    if (r->depth == r->list_depth) r->list->n++;
    if (is_object) {
        const bantam_status status = take_key(r, &key);
        if (status) return status;
    }
    return read_value(r, key);
}

static bantam_status read_text(reader *r)
{
    bantam_status status = read_value(r, (bantam_text){NULL, 0});
    while (!status && r->depth) {
        status = read_next(r);
    }
    skip_space(r);
    if (!status && r->at < r->size) return fail_expected(r, "the end");
    return status;
}

bantam_status bnt_json_parse(json_t **out, const char *data, size_t size, bantam_error *err)
{
    return bnt_json_parse_but(out, data, size, NULL, NULL, NULL, err);
}

bantam_status bnt_json_parse_but(json_t **out, const char *data, size_t size, const char *outer,
                                 const char *inner, bnt_json_list *list, bantam_error *err)
{
    *out = NULL;
    if (list) *list = (bnt_json_list){0};
    if (size > BNT_MAX_JSON_BYTES) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "json: %zu bytes, at most %d are read", size,
                        BNT_MAX_JSON_BYTES);
    }
    if (size >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "json line 1 column 1: expected a value, found a byte order mark");
    }
    reader r = {
        .data = data, .size = size, .outer = outer, .inner = inner, .list = list, .err = err};
    bnt_buf_init(&r.key, BNT_MAX_JSON_BYTES);
    bnt_buf_init(&r.text, BNT_MAX_JSON_BYTES);
    const bantam_status status = read_text(&r);
    bnt_buf_deinit(&r.key);
    bnt_buf_deinit(&r.text);
    if (status) {
        json_decref(r.root);
        if (list) *list = (bnt_json_list){0};
        return status;
    }
    *out = r.root;
    return BANTAM_OK;
}

/* ---- lists ------------------------------------------------------------------------------- */

static bool is_between(char c)
{
    return c == ' ' || c == ',' || c == '\n' || c == '\r' || c == '\t';
}

/* The text has been gone over: brackets match, strings are sound, and a comma says nothing. */
bnt_json_step bnt_json_list_next(bnt_json_list *list, bantam_text *text, bool *lent)
{
    while (list->at < list->size && is_between(list->data[list->at])) {
        list->at++;
    }
    const char c = list->at < list->size ? list->data[list->at] : '\0';
    if (c == '"') {
        reader r = {.data = list->data, .size = list->size, .at = list->at};
        if (!list->text.max) bnt_buf_init(&list->text, BNT_MAX_JSON_BYTES);
        if (take_string(&r, &list->text, text)) return BNT_JSON_NOMEM;
        *lent = text->data < list->data || text->data >= list->data + list->size;
        list->at = r.at;
        return BNT_JSON_TEXT;
    }
    if (c == '[' && !list->depth) {
        list->at++;
        list->depth++;
        return BNT_JSON_OPEN;
    }
    if (c != ']') return c ? BNT_JSON_OTHER : BNT_JSON_END;
    list->at++;
    if (!list->depth) return BNT_JSON_END;
    list->depth--;
    return BNT_JSON_CLOSE;
}

void bnt_json_list_end(bnt_json_list *list)
{
    bnt_buf_deinit(&list->text);
    *list = (bnt_json_list){0};
}
