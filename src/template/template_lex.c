/* template_lex.c - where text ends and tags begin, and what stands in tags.
 *
 * As Jinja does with trim_blocks and lstrip_blocks: one newline after a statement or comment is
 * dropped, and so is white space between the start of a line and a statement or comment. `-`
 * beside a delimiter drops all white space there, `+` keeps it. Errors name the line.
 */
#include "template/template_lex.h"

#include "base/utf8.h"
#include "template/template_unicode.h"

#include <inttypes.h>
#include <string.h>

static void fail(bnt_lexer *lexer, const char *what)
{
    if (!lexer->status) {
        lexer->status =
            bnt_fail(lexer->err, BANTAM_ERR_FORMAT, "line %" PRIu32 ": %s", lexer->line, what);
    }
    lexer->at = lexer->end;
}

static void advance(bnt_lexer *lexer, const char *to)
{
    while (lexer->at < to) {
        const char *const newline = memchr(lexer->at, '\n', (size_t)(to - lexer->at));
        if (!newline) break;
        lexer->line++;
        lexer->at = newline + 1;
    }
    lexer->at = to;
}

static bool looking_at(const char *p, const char *end, const char *text)
{
    const size_t size = strlen(text);
    return (size_t)(end - p) >= size && !memcmp(p, text, size);
}

static const char *skip_space(const char *p, const char *end)
{
    uint32_t code;
    while (p < end) {
        const size_t n = bnt_utf8_decode(p, (size_t)(end - p), &code);
        if (code == BNT_UTF8_BAD || !bnt_char_is_space(code)) break;
        p += n;
    }
    return p;
}

size_t bnt_lex_prepare(char *source, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < size; i++) {
        if (source[i] == '\r') {
            source[n++] = '\n';
            if (i + 1 < size && source[i + 1] == '\n') i++;
        } else {
            source[n++] = source[i];
        }
    }
    return n && source[n - 1] == '\n' ? n - 1 : n;
}

/* ---- outside of tags ---- */

/* The next "{%", "{{" or "{#"; the end where there is none. */
static const char *find_tag(const char *p, const char *end)
{
    while (p < end) {
        p = memchr(p, '{', (size_t)(end - p));
        if (!p || end - p < 2) return end;
        if (p[1] == '%' || p[1] == '{' || p[1] == '#') return p;
        p++;
    }
    return end;
}

/* Where the text from `text` on ends, once the white space before the tag is dropped. */
static const char *text_end(const bnt_lexer *lexer, const char *text, const char *tag)
{
    const char sign = tag + 2 < lexer->end ? tag[2] : '\0';
    const char *end = tag;
    uint32_t code;

    if (sign == '-') {
        while (end > text) {
            const size_t n = bnt_char_last(text, (size_t)(end - text), &code);
            if (code == BNT_UTF8_BAD || !bnt_char_is_space(code)) break;
            end -= n;
        }
        return end;
    }
    if (sign == '+' || tag[1] == '{') return tag;
    while (end > text && end[-1] != '\n') {
        end--;
    }
    if (end == text && text > lexer->start && text[-1] != '\n') return tag;
    return skip_space(end, tag) == tag ? end : tag;
}

/* Behind the end of a statement or comment and what is dropped after it. p is at its end sign,
 * if it has one, or at its closing delimiter. NULL where it does not end here. */
static const char *after_end(const char *p, const char *end, const char *closing)
{
    if (p < end && *p == '+' && looking_at(p + 1, end, closing)) return p + 3;
    if (p < end && *p == '-' && looking_at(p + 1, end, closing)) return skip_space(p + 3, end);
    if (!looking_at(p, end, closing)) return NULL;
    p += 2;
    return p < end && *p == '\n' ? p + 1 : p;
}

static void skip_comment(bnt_lexer *lexer)
{
    const char *p = lexer->at + 2, *const end = lexer->end;
    if (p < end && (*p == '-' || *p == '+')) p++;

    for (; p < end; p++) {
        const char *const after = after_end(p, end, "#}");
        if (!after) continue;
        advance(lexer, after);
        return;
    }
    fail(lexer, "a comment is never closed");
}

/* Behind "{%", its sign, and the word; NULL where something else stands there. */
static const char *match_word(const char *p, const char *end, const char *word)
{
    p += 2;
    if (p < end && (*p == '-' || *p == '+')) p++;
    p = skip_space(p, end);
    if (!looking_at(p, end, word)) return NULL;
    return skip_space(p + strlen(word), end);
}

/* Behind the opening tag of a raw block, NULL where lexer->at is not at one. Unlike other
 * statements it keeps the newline that follows. */
static const char *after_raw(const bnt_lexer *lexer)
{
    const char *const p = match_word(lexer->at, lexer->end, "raw");
    if (!p) return NULL;
    if (looking_at(p, lexer->end, "-%}")) return skip_space(p + 3, lexer->end);
    return looking_at(p, lexer->end, "%}") ? p + 2 : NULL;
}

static void set_token(bnt_lexer *lexer, bnt_lex_type type, const char *to)
{
    lexer->token = (bnt_lexeme){type, lexer->line, lexer->at, (size_t)(to - lexer->at)};
    advance(lexer, to);
}

/* Reads a raw block as text; false where it is empty. */
static bool read_raw(bnt_lexer *lexer, const char *text)
{
    advance(lexer, text);
    for (const char *p = text; p < lexer->end; p++) {
        p = find_tag(p, lexer->end);
        if (p == lexer->end) break;
        const char *const word = p[1] == '%' ? match_word(p, lexer->end, "endraw") : NULL;
        const char *const after = word ? after_end(word, lexer->end, "%}") : NULL;
        if (!after) continue;
        set_token(lexer, BNT_LEX_DATA, text_end(lexer, text, p));
        advance(lexer, after);
        return lexer->token.size > 0;
    }
    fail(lexer, "a raw block is never closed");
    return false;
}

static void next_outside(bnt_lexer *lexer)
{
    while (!lexer->status) {
        const char *const tag = find_tag(lexer->at, lexer->end);
        const char *const end = tag < lexer->end ? text_end(lexer, lexer->at, tag) : tag;
        if (end > lexer->at) {
            set_token(lexer, BNT_LEX_DATA, end);
            advance(lexer, tag);
            return;
        }
        advance(lexer, tag);
        if (tag == lexer->end) break;
        if (tag[1] == '#') {
            skip_comment(lexer);
            continue;
        }
        const char *const raw = tag[1] == '%' ? after_raw(lexer) : NULL;
        if (raw) {
            if (read_raw(lexer, raw)) return;
            continue;
        }
        const bool sign = tag + 2 < lexer->end && (tag[2] == '-' || tag[2] == '+');
        const bool statement = tag[1] == '%';
        lexer->mode = statement ? BNT_LEX_END : BNT_LEX_VAR_END;
        lexer->n_open = 0;
        set_token(lexer, statement ? BNT_LEX_BEGIN : BNT_LEX_VAR_BEGIN, tag + 2 + sign);
        return;
    }
    set_token(lexer, BNT_LEX_EOF, lexer->at);
}

/* ---- inside of tags ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (unsigned char)c >= 0x80;
}

/* Behind digits with single underscores between them; p where there is none. */
static const char *skip_digits(const char *p, const char *end)
{
    while (p < end && (is_digit(*p) || (*p == '_' && p + 1 < end && is_digit(p[1])))) {
        p++;
    }
    return p;
}

static void read_number(bnt_lexer *lexer)
{
    const char *const start = lexer->at, *const end = lexer->end;
    const char *p = skip_digits(start, end);
    bool is_float = false;

    if (*start == '0' && p == start + 1 && p < end && strchr("xXoObB", *p) && *p) {
        p++;
        while (p < end && is_word(*p)) {
            p++;
        }
        set_token(lexer, BNT_LEX_INTEGER, p);
        return;
    }
    /* After a point comes a subscript: x.0.1 has no fraction in it. */
    if (start == lexer->start || start[-1] != '.') {
        if (end - p > 1 && *p == '.' && is_digit(p[1])) {
            p = skip_digits(p + 1, end);
            is_float = true;
        }
        if (p < end && (*p == 'e' || *p == 'E')) {
            const char *q = p + 1;
            if (q < end && (*q == '+' || *q == '-')) q++;
            if (q < end && is_digit(*q)) {
                p = skip_digits(q, end);
                is_float = true;
            }
        }
    }
    set_token(lexer, is_float ? BNT_LEX_FLOAT : BNT_LEX_INTEGER, p);
}

static void read_string(bnt_lexer *lexer)
{
    const char quote = *lexer->at;
    for (const char *p = lexer->at + 1; p < lexer->end; p++) {
        if (*p == '\\') {
            p++;
        } else if (*p == quote) {
            set_token(lexer, BNT_LEX_STRING, p + 1);
            return;
        }
    }
    fail(lexer, "a string is never closed");
}

static void read_operator(bnt_lexer *lexer)
{
    static const char *const operators[] = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/",
                                            "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                            ">",  "<",  "=",  ".",  ":",  "|",  ","};
    const size_t n = sizeof operators / sizeof *operators;
    size_t i = 0;

    while (i < n && !looking_at(lexer->at, lexer->end, operators[i])) {
        i++;
    }
    if (i == n) {
        fail(lexer, "a character that does not belong in a tag");
        return;
    }
    const bnt_lex_type type = (bnt_lex_type)(BNT_LEX_FLOORDIV + i);
    if (type == BNT_LEX_LBRACKET || type == BNT_LEX_LPAREN || type == BNT_LEX_LBRACE) {
        lexer->n_open++;
    } else if (type == BNT_LEX_RBRACKET || type == BNT_LEX_RPAREN || type == BNT_LEX_RBRACE) {
        lexer->n_open -= lexer->n_open > 0;
    }
    set_token(lexer, type, lexer->at + strlen(operators[i]));
}

/* Behind the end of the tag, NULL where it does not end here. */
static const char *after_tag(const bnt_lexer *lexer)
{
    if (lexer->n_open) return NULL;
    if (lexer->mode == BNT_LEX_END) return after_end(lexer->at, lexer->end, "%}");
    if (looking_at(lexer->at, lexer->end, "-}}")) return skip_space(lexer->at + 3, lexer->end);
    return looking_at(lexer->at, lexer->end, "}}") ? lexer->at + 2 : NULL;
}

static void next_inside(bnt_lexer *lexer)
{
    const char *const space = skip_space(lexer->at, lexer->end);

    /* A sign that ends the tag may stand behind white space, but only there. */
    advance(lexer, space);
    const char *const after = after_tag(lexer);
    if (after) {
        set_token(lexer, lexer->mode, after);
        lexer->mode = BNT_LEX_DATA;
        return;
    }
    if (lexer->at == lexer->end) {
        fail(lexer, "a tag is never closed");
    } else if (is_digit(*lexer->at)) {
        read_number(lexer);
    } else if (is_word(*lexer->at)) {
        const char *p = lexer->at;
        while (p < lexer->end && is_word(*p)) {
            p++;
        }
        set_token(lexer, BNT_LEX_NAME, p);
    } else if (*lexer->at == '\'' || *lexer->at == '"') {
        read_string(lexer);
    } else {
        read_operator(lexer);
    }
}

void bnt_lex_next(bnt_lexer *lexer)
{
    if (!lexer->status) {
        if (lexer->mode == BNT_LEX_DATA) {
            next_outside(lexer);
        } else {
            next_inside(lexer);
        }
    }
    if (lexer->status) lexer->token.type = BNT_LEX_EOF;
}

void bnt_lex_begin(bnt_lexer *lexer, const char *source, size_t size, bantam_error *err)
{
    *lexer = (bnt_lexer){.start = source,
                         .at = source,
                         .end = source + size,
                         .line = 1,
                         .mode = BNT_LEX_DATA,
                         .err = err};
    bnt_lex_next(lexer);
}

/* ---- string escapes ---- */

/* The number that at most `most` digits at *p make up; false without a digit. */
static bool read_code(const char **p, const char *end, int most, uint32_t base, uint32_t *out)
{
    int n = 0;
    *out = 0;
    for (; n < most && *p < end; n++, (*p)++) {
        const char c = (char)(**p | 0x20);
        const uint32_t digit = is_digit(**p)          ? (uint32_t)(**p - '0')
                               : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10
                                                      : 99;
        if (digit >= base) break;
        *out = *out * base + digit;
    }
    return n == most || (base == 8 && n > 0);
}

/* One escape; *p is behind the backslash. */
static bool unescape_one(const char **p, const char *end, char **out)
{
    static const char names[] = "\\'\"abfnrtv", values[] = "\\'\"\a\b\f\n\r\t\v";
    const char c = **p;
    uint32_t code;

    const char *const name = c ? strchr(names, c) : NULL;
    if (name || c == '\n') { /* a line end behind a backslash is nothing at all */
        if (name) *(*out)++ = values[name - names];
        (*p)++;
        return true;
    }
    if (c >= '0' && c <= '7') {
        if (!read_code(p, end, 3, 8, &code)) return false;
    } else if (c == 'x' || c == 'u' || c == 'U') {
        (*p)++;
        if (!read_code(p, end, c == 'x' ? 2 : c == 'u' ? 4 : 8, 16, &code)) return false;
    } else if (c == 'N') {
        return false;
    } else { /* a backslash that escapes nothing stands for itself */
        *(*out)++ = '\\';
        return true;
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return false;
    *out += bnt_utf8_encode(code, *out);
    return true;
}

bool bnt_lex_unescape(const bnt_lexeme *token, char *out, size_t *size)
{
    const char *p = token->data + 1, *const end = token->data + token->size - 1;
    char *to = out;

    while (p < end) {
        if (*p != '\\') {
            *to++ = *p++;
            continue;
        }
        p++;
        if (!unescape_one(&p, end, &to)) return false;
    }
    *size = (size_t)(to - out);
    return true;
}
