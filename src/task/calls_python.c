/* calls_python.c - calls in Python's words, turned into JSON.
 *
 * The text is gone over once, token by token: quotes, numbers and the three names become
 * JSON's, tuples become arrays, trailing commas fall away. What brackets are open is kept on a
 * small stack; whether keys and values stand where they should is left to the JSON parser after
 * it.
 */
#include "task/calls.h"

#include "base/utf8.h"

#include <string.h>

typedef struct scan {
    const char *data;
    size_t size, at;
    bnt_buf *out;
    bantam_error *err;
    bool droidcall; /* quotes have no escapes, and resultN is the result of call N */
} scan;

static bantam_status bad(const scan *s, const char *what)
{
    return bnt_fail(s->err, BANTAM_ERR_FORMAT, "byte %zu: %s", s->at, what);
}

/* The next byte that is no white space; 0 at the end. */
static char peek(scan *s)
{
    while (s->at < s->size && bnt_calls_space(s->data[s->at]))
        s->at++;
    return s->at < s->size ? s->data[s->at] : '\0';
}

static bool more(scan *s)
{
    peek(s);
    return s->at < s->size;
}

static bool take(scan *s, char c)
{
    if (!more(s) || s->data[s->at] != c) return false;
    s->at++;
    return true;
}

/* ---- strings ----------------------------------------------------------------------------- */

static uint32_t hex(const scan *s, size_t at, size_t n)
{
    uint32_t value = 0;
    if (at > s->size || n > s->size - at) return UINT32_MAX;
    for (size_t i = 0; i < n; i++) {
        const char c = s->data[at + i];
        const char *const digits = "0123456789abcdef";
        const char *const found = memchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c, 16);
        if (!found) return UINT32_MAX;
        value = value << 4 | (uint32_t)(found - digits);
    }
    return value;
}

/* The character of \x, \u or \U, whose n digits begin at s->at; two halves of a pair as JSON
 * writes them are one. */
static bantam_status put_code(scan *s, size_t n, bnt_buf *text)
{
    char bytes[4];
    uint32_t code = hex(s, s->at, n);

    s->at += n;
    if (n == 4 && code >= 0xD800 && code < 0xDC00 && s->size - s->at > 6 &&
        s->data[s->at] == '\\' && s->data[s->at + 1] == 'u') {
        const uint32_t low = hex(s, s->at + 2, 4);
        if (low >= 0xDC00 && low < 0xE000) {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            s->at += 6;
        }
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return bad(s, "no character");
    bnt_buf_put(text, bytes, bnt_utf8_encode(code, bytes));
    return BANTAM_OK;
}

/* What stands behind a backslash; an escape that Python does not know stays as it is. */
static bantam_status put_escape(scan *s, bnt_buf *text)
{
    static const char names[] = "ntrbfva0\\'\"/";
    static const char values[] = "\n\t\r\b\f\v\a\0\\'\"/";
    const char c = s->data[s->at++];
    const char *const known = memchr(names, c, sizeof names - 1);

    if (c == 'x') return put_code(s, 2, text);
    if (c == 'u') return put_code(s, 4, text);
    if (c == 'U') return put_code(s, 8, text);
    if (c == '\n') return BANTAM_OK;
    if (!known) bnt_buf_putc(text, '\\');
    bnt_buf_putc(text, known ? values[known - names] : c);
    return BANTAM_OK;
}

/* The quote at s->at opens a string. */
static bantam_status put_string(scan *s)
{
    const char quote = s->data[s->at++];
    bantam_status status = BANTAM_OK;
    bnt_buf text;

    bnt_buf_init(&text, BNT_CALLS_MAX_BYTES);
    while (!status) {
        if (s->at == s->size) {
            status = bad(s, "a string has no end");
            break;
        }
        const char c = s->data[s->at++];
        if (c == quote) break;
        if (c == '\\' && s->at < s->size) {
            status = put_escape(s, &text);
        } else {
            bnt_buf_putc(&text, c);
        }
    }
    if (!status) status = bnt_buf_status(&text, "a string", s->err);
    if (!status) bnt_json_put_string(s->out, text.data, text.size);
    bnt_buf_deinit(&text);
    return status;
}

/* Whether an argument ends at `at`, behind its quote: another one follows, or the call ends. */
static bool ends_argument(const scan *s, size_t at)
{
    scan look = *s;

    look.at = at;
    if (take(&look, ')')) {
        while (look.at < s->size && (s->data[look.at] == ' ' || s->data[look.at] == '\r'))
            look.at++;
        return look.at == s->size || s->data[look.at] == '\n' || s->data[look.at] == '$';
    }
    if (!take(&look, ',')) return false;
    const char first = peek(&look);
    const size_t name = look.at;
    while (look.at < s->size && bnt_calls_word(s->data[look.at]))
        look.at++;
    return bnt_calls_word(first) && look.at > name && take(&look, '=');
}

/* DroidCall's strings have no escapes: the quote that ends one is the first that an argument
 * can end with. */
static bantam_status put_raw_string(scan *s)
{
    const size_t begin = ++s->at;
    for (; s->at < s->size; s->at++) {
        if (s->data[s->at] != '"' || !ends_argument(s, s->at + 1)) continue;
        bnt_json_put_string(s->out, s->data + begin, s->at - begin);
        s->at++;
        return BANTAM_OK;
    }
    return bad(s, "a string has no end");
}

/* ---- words ------------------------------------------------------------------------------- */

static bool is_word(const char *word, size_t n, const char *what)
{
    return strlen(what) == n && memcmp(word, what, n) == 0;
}

static bool is_digit(const char *word, size_t n, size_t at)
{
    return at < n && word[at] >= '0' && word[at] <= '9';
}

/* A number as JSON has it: without a plus, digits on both sides of a point, no underscores,
 * which Python has between two digits. What else is no number JSON's parser refuses. */
static bantam_status put_number(scan *s, const char *word, size_t n)
{
    const size_t begin = word[0] == '+' || word[0] == '-';

    if (word[0] == '-') bnt_buf_putc(s->out, '-');
    if (!is_digit(word, n, begin) &&
        !(begin < n && word[begin] == '.' && is_digit(word, n, begin + 1))) {
        return bad(s, "expected a number");
    }
    if (word[begin] == '.') bnt_buf_putc(s->out, '0');
    for (size_t i = begin; i < n; i++) {
        if (word[i] == '_' && is_digit(word, n, i - 1) && is_digit(word, n, i + 1)) continue;
        bnt_buf_putc(s->out, word[i]);
        if (word[i] == '.' && !is_digit(word, n, i + 1)) bnt_buf_putc(s->out, '0');
    }
    return BANTAM_OK;
}

/* Behind a word that is none: what Python makes of it is for a program, not for a reader. */
static bantam_status no_value(scan *s)
{
    const char next = s->at < s->size ? s->data[s->at] : '\0';

    if (next == '(') return bad(s, "expected a value, not a call inside a call");
    if (next == '"' || next == '\'')
        return bad(s, "expected a value, not a string with a prefix");
    return bad(s, "expected a value, not a name");
}

static bantam_status put_word(scan *s)
{
    static const char *const words[][2] = {{"True", "true"},   {"False", "false"},
                                           {"None", "null"},   {"true", "true"},
                                           {"false", "false"}, {"null", "null"}};
    const char *const word = s->data + s->at;
    size_t n = 0;

    while (s->at + n < s->size && (bnt_calls_word(word[n]) || strchr("+-.", word[n])) &&
           word[n])
        n++;
    if (n == 0) return bad(s, "expected a value");
    s->at += n;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!is_word(word, n, words[i][0])) continue;
        bnt_buf_puts(s->out, words[i][1]);
        return BANTAM_OK;
    }
    if (s->droidcall && n > 6 && memcmp(word, "result", 6) == 0) {
        for (size_t i = 6; i < n; i++) {
            if (word[i] < '0' || word[i] > '9') return bad(s, "expected a value");
        }
        bnt_buf_puts(s->out, "\"#");
        bnt_buf_put(s->out, word + 6, n - 6);
        bnt_buf_putc(s->out, '"');
        return BANTAM_OK;
    }
    if (!strchr("+-.0123456789", word[0])) return no_value(s);
    return put_number(s, word, n);
}

/* ---- values and calls -------------------------------------------------------------------- */

typedef struct level {
    char closes; /* the bracket that does */
    bool values, commas;
} level;

/* One bracket; what is open is on the stack, as the bracket that closes it. */
static bantam_status put_bracket(scan *s, char c, level *stack, size_t *depth)
{
    s->at++;
    if (c == '(' || c == '[' || c == '{') {
        if (*depth == BNT_CALLS_MAX_DEPTH) return bad(s, "too many brackets inside each other");
        stack[(*depth)++] = (level){.closes = c == '(' ? ')' : c == '[' ? ']' : '}'};
        bnt_buf_putc(s->out, c == '{' ? '{' : '[');
        return BANTAM_OK;
    }
    if (*depth == 0 || stack[--*depth].closes != c) {
        return bad(s, "a bracket that none opened");
    }
    if (c == ')' && stack[*depth].values && !stack[*depth].commas) {
        return bad(s, "expected a tuple: a value alone has a comma behind it");
    }
    bnt_buf_putc(s->out, c == '}' ? '}' : ']');
    return BANTAM_OK;
}

/* One value, however many brackets it has. */
static bantam_status put_value(scan *s)
{
    level stack[BNT_CALLS_MAX_DEPTH];
    size_t depth = 0;
    bool comma = false; /* one that is not written yet: it may be the last */
    bantam_status status = BANTAM_OK;

    do {
        const char c = peek(s);
        const bool closes = c == ')' || c == ']' || c == '}';
        if (comma && !closes) bnt_buf_putc(s->out, ',');
        comma = false;
        if (depth > 0 && c == ',') stack[depth - 1].commas = true;
        if (depth > 0 && !closes && c != ',') stack[depth - 1].values = true;
        if (c == '\0') {
            return bad(s, "a value has no end");
        } else if (closes || c == '(' || c == '[' || c == '{') {
            status = put_bracket(s, c, stack, &depth);
        } else if (c == '"' && s->droidcall && depth == 0) {
            status = put_raw_string(s);
        } else if (c == '"' || c == '\'') {
            status = put_string(s);
        } else if (depth > 0 && (c == ',' || c == ':')) {
            s->at++;
            comma = c == ',';
            if (!comma) bnt_buf_putc(s->out, ':');
        } else {
            status = put_word(s);
        }
    } while (!status && depth > 0);
    return status;
}

static bantam_status put_name(scan *s, bool dots, const char *what)
{
    peek(s);
    const size_t begin = s->at;
    while (s->at < s->size && (bnt_calls_word(s->data[s->at]) ||
                               (dots && (s->data[s->at] == '.' || s->data[s->at] == '-'))))
        s->at++;
    if (s->at == begin) return bad(s, what);
    bnt_json_put_string(s->out, s->data + begin, s->at - begin);
    return BANTAM_OK;
}

/* name(argument=value, ...) */
static bantam_status put_call(scan *s)
{
    bnt_buf_puts(s->out, "{\"name\":");
    bantam_status status = put_name(s, true, "expected the name of a function");
    if (!status && !take(s, '(')) status = bad(s, "expected ( after the name of a function");
    bnt_buf_puts(s->out, ",\"arguments\":{");
    for (size_t n = 0; !status && !take(s, ')'); n++) {
        if (n > 0 && !take(s, ',')) return bad(s, "expected , or ) after an argument");
        if (n > 0 && take(s, ')')) break;
        if (n > 0) bnt_buf_putc(s->out, ',');
        status = put_name(s, false, "expected the name of an argument");
        if (!status && !take(s, '=')) status = bad(s, "expected = after an argument's name");
        bnt_buf_putc(s->out, ':');
        if (!status) status = put_value(s);
    }
    bnt_buf_puts(s->out, "}");
    return status;
}

bantam_status bnt_json_from_python(bantam_text text, bnt_buf *out, bantam_error *err)
{
    scan s = {.data = text.data, .size = text.size, .out = out, .err = err};
    const bantam_status status = put_value(&s);
    return !status && more(&s) ? bad(&s, "more than a value") : status;
}

bantam_status bnt_calls_from_python(bantam_text text, bnt_buf *out, bantam_error *err)
{
    scan s = {.data = text.data, .size = text.size, .out = out, .err = err};
    bantam_status status = BANTAM_OK;

    if (!take(&s, '[')) return bad(&s, "expected [");
    bnt_buf_putc(out, '[');
    for (size_t n = 0; !status && !take(&s, ']'); n++) {
        if (n > 0 && !take(&s, ',')) return bad(&s, "expected , or ] after a call");
        if (n > 0) bnt_buf_putc(out, ',');
        status = put_call(&s);
        bnt_buf_putc(out, '}');
    }
    bnt_buf_putc(out, ']');
    if (!status && more(&s)) status = bad(&s, "more than a list of calls");
    return status;
}

bantam_status bnt_calls_from_droidcall(bantam_text text, size_t *n_read, bnt_buf *out,
                                       bantam_error *err)
{
    scan s = {.data = text.data, .size = text.size, .out = out, .err = err, .droidcall = true};
    bantam_status status = BANTAM_OK;

    bnt_buf_putc(out, '[');
    for (size_t n = 0; !status && more(&s) && !take(&s, '$'); n++) {
        const size_t begin = s.at;
        while (s.at < s.size && bnt_calls_word(s.data[s.at]))
            s.at++;
        const bantam_text id = {s.data + begin, s.at - begin};
        if (id.size < 7 || memcmp(id.data, "result", 6) != 0 || !take(&s, '=')) {
            return bad(&s, "expected result, a number and =");
        }
        if (n > 0) bnt_buf_putc(out, ',');
        status = put_call(&s);
        bnt_buf_puts(out, ",\"id\":");
        bnt_json_put_string(out, id.data, id.size);
        bnt_buf_putc(out, '}');
    }
    bnt_buf_putc(out, ']');
    *n_read = s.at;
    return status;
}
