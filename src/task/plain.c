/* plain.c - HTML as plain text, and which format a text has; see plain.h. Markdown is read in
 * plain_markdown.c.
 */
#include "task/plain.h"

#include "base/utf8.h"

#include <string.h>

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Whether the text begins with a word in small letters, whatever its own letters are. */
static bool begins(bantam_text text, const char *word)
{
    const size_t size = strlen(word);

    if (text.size < size) return false;
    for (size_t i = 0; i < size; i++) {
        if (lower(text.data[i]) != word[i]) return false;
    }
    return true;
}

static bantam_text rest(bantam_text text, size_t at)
{
    return (bantam_text){text.data + at, text.size - at};
}

/* ---- formats ----------------------------------------------------------------------------- */

static bool ends(bantam_text name, const char *ending)
{
    const size_t size = strlen(ending);

    return name.size > size && begins(rest(name, name.size - size), ending);
}

bantam_text_format bnt_text_format(bantam_text name, bantam_text text)
{
    size_t at = begins(text, "\xEF\xBB\xBF") ? 3 : 0;

    if (ends(name, ".html") || ends(name, ".htm") || ends(name, ".xhtml")) {
        return BANTAM_TEXT_HTML;
    }
    if (ends(name, ".md") || ends(name, ".markdown")) return BANTAM_TEXT_MARKDOWN;
    while (at < text.size && is_blank(text.data[at])) {
        at++;
    }
    const bantam_text start = rest(text, at);
    if (begins(start, "<!doctype html") || begins(start, "<html") || begins(start, "<head") ||
        begins(start, "<body")) {
        return BANTAM_TEXT_HTML;
    }
    return BANTAM_TEXT_PLAIN;
}

void bnt_put_plain(bnt_buf *out, bantam_text text, bantam_text_format format)
{
    bnt_buf read;

    if (begins(text, "\xEF\xBB\xBF")) text = rest(text, 3);
    if (format == BANTAM_TEXT_PLAIN) {
        bnt_utf8_put_clean(out, text.data, text.size);
    } else {
        bnt_buf_init(&read, out->max);
        if (format == BANTAM_TEXT_HTML) {
            bnt_put_html(&read, text);
        } else {
            bnt_put_markdown(&read, text);
        }
        if (read.failed) {
            out->failed = read.failed;
        } else {
            bnt_utf8_put_clean(out, read.data, read.size);
        }
        bnt_buf_deinit(&read);
    }
    for (size_t i = 0; i < out->size; i++) {
        if (out->data[i] == '\0') out->data[i] = ' ';
    }
}

/* ---- entities ---------------------------------------------------------------------------- */

static const struct {
    const char *name;
    uint32_t code;
} entities[] = {{"amp;", '&'},       {"lt;", '<'},       {"gt;", '>'},       {"quot;", '"'},
                {"apos;", '\''},     {"nbsp;", ' '},     {"ndash;", 0x2013}, {"mdash;", 0x2014},
                {"hellip;", 0x2026}, {"lsquo;", 0x2018}, {"rsquo;", 0x2019}, {"sbquo;", 0x201A},
                {"ldquo;", 0x201C},  {"rdquo;", 0x201D}, {"bdquo;", 0x201E}, {"laquo;", 0xAB},
                {"raquo;", 0xBB},    {"bull;", 0x2022},  {"middot;", 0xB7},  {"copy;", 0xA9},
                {"reg;", 0xAE},      {"trade;", 0x2122}, {"deg;", 0xB0},     {"plusmn;", 0xB1},
                {"times;", 0xD7},    {"divide;", 0xF7},  {"frac12;", 0xBD},  {"euro;", 0x20AC},
                {"pound;", 0xA3},    {"yen;", 0xA5},     {"cent;", 0xA2},    {"sect;", 0xA7},
                {"para;", 0xB6},     {"shy;", 0xAD},     {"ensp;", ' '},     {"emsp;", ' '},
                {"thinsp;", ' '},    {"Auml;", 0xC4},    {"auml;", 0xE4},    {"Ouml;", 0xD6},
                {"ouml;", 0xF6},     {"Uuml;", 0xDC},    {"uuml;", 0xFC},    {"szlig;", 0xDF},
                {"agrave;", 0xE0},   {"aacute;", 0xE1},  {"acirc;", 0xE2},   {"atilde;", 0xE3},
                {"aring;", 0xE5},    {"aelig;", 0xE6},   {"ccedil;", 0xE7},  {"egrave;", 0xE8},
                {"eacute;", 0xE9},   {"ecirc;", 0xEA},   {"euml;", 0xEB},    {"igrave;", 0xEC},
                {"iacute;", 0xED},   {"icirc;", 0xEE},   {"iuml;", 0xEF},    {"ntilde;", 0xF1},
                {"ograve;", 0xF2},   {"oacute;", 0xF3},  {"ocirc;", 0xF4},   {"otilde;", 0xF5},
                {"oslash;", 0xF8},   {"ugrave;", 0xF9},  {"uacute;", 0xFA},  {"ucirc;", 0xFB},
                {"Eacute;", 0xC9},   {"Agrave;", 0xC0},  {"Ccedil;", 0xC7},  {"oelig;", 0x153}};

static void put_code(bnt_buf *out, uint32_t code)
{
    char bytes[4];

    if (code == 0xAD) return; /* where a word may be hyphenated */
    if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) code = 0xFFFD;
    bnt_buf_put(out, bytes, bnt_utf8_encode(code, bytes));
}

/* "&#8212;" or "&#x2014;", the number of at most eight digits. */
static size_t put_number(bnt_buf *out, bantam_text text)
{
    const uint32_t base = text.size > 2 && lower(text.data[2]) == 'x' ? 16 : 10;
    const size_t first = base == 16 ? 3 : 2;
    uint64_t code = 0;
    size_t at = first;

    for (; at < text.size && at < first + 8; at++) {
        const char c = lower(text.data[at]);
        const uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                               : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                                                      : 99;
        if (digit >= base) break;
        code = code * base + digit; /* below 16^8 */
    }
    if (at == first || at >= text.size || text.data[at] != ';') return 0;
    put_code(out, code > 0x10FFFF ? 0 : (uint32_t)code);
    return at + 1;
}

size_t bnt_put_entity(bnt_buf *out, bantam_text text)
{
    if (text.size < 3 || text.data[0] != '&') return 0;
    if (text.data[1] == '#') return put_number(out, text);
    for (size_t i = 0; i < sizeof entities / sizeof entities[0]; i++) {
        const size_t size = strlen(entities[i].name);
        if (text.size > size && memcmp(text.data + 1, entities[i].name, size) == 0) {
            put_code(out, entities[i].code);
            return size + 1;
        }
    }
    return 0;
}

/* ---- tags -------------------------------------------------------------------------------- */

/* Where `what` ends behind text[at], or the end of the text. */
static size_t find_behind(bantam_text text, size_t at, const char *what)
{
    const size_t size = strlen(what);

    for (; at + size <= text.size; at++) {
        if (begins(rest(text, at), what)) return at + size;
    }
    return text.size;
}

size_t bnt_read_tag(bantam_text text, char name[BNT_TAG_NAME], bool *closing)
{
    size_t at = 1, n = 0;
    char quote = 0;

    name[0] = '\0';
    *closing = false;
    if (text.size < 2 || text.data[0] != '<') return 0;
    if (begins(text, "<!--")) return find_behind(text, 4, "-->");
    if (begins(text, "<![cdata[")) return find_behind(text, 9, "]]>");
    *closing = text.data[1] == '/';
    at += *closing;
    const char first = at < text.size ? lower(text.data[at]) : 0;
    if (!(first >= 'a' && first <= 'z') && first != '!' && first != '?') return 0;
    for (; at < text.size && n + 1 < BNT_TAG_NAME; at++) {
        const char c = lower(text.data[at]);
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')) break;
        name[n++] = c;
    }
    name[n] = '\0';
    for (; at < text.size; at++) {
        const char c = text.data[at];
        if (quote) {
            if (c == quote) quote = 0;
        } else if (c == '>') {
            return at + 1;
        } else if ((c == '"' || c == '\'') && text.data[at - 1] == '=') {
            quote = c;
        }
    }
    return text.size;
}

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names; names++) {
        if (strcmp(name, *names) == 0) return true;
    }
    return false;
}

/* What is left out whole, up to its own end tag. */
static const char *const hidden[] = {"script", "style",    "noscript", "template", "svg",
                                     "math",   "textarea", "select",   "iframe",   "object",
                                     "pre",    "title",    "button",   NULL};
/* What begins and ends a paragraph. */
static const char *const blocks[] = {
    "p",     "div",    "h1",         "h2",      "h3",      "h4",      "h5",    "h6",
    "ul",    "ol",     "li",         "dl",      "dt",      "dd",      "table", "caption",
    "hr",    "body",   "blockquote", "article", "main",    "header",  "nav",   "footer",
    "aside", "figure", "figcaption", "section", "form",    "thead",   "tbody", "address",
    "html",  "head",   "fieldset",   "legend",  "details", "summary", NULL};
static const char *const lines[] = {"br", "tr", "option", NULL};
static const char *const cells[] = {"td", "th", NULL};

void bnt_end_line(bnt_buf *out, unsigned n_lines)
{
    size_t end = out->size;
    unsigned there = 0;

    while (end > 0 && is_blank(out->data[end - 1])) {
        there += out->data[--end] == '\n';
    }
    if (end == 0) return;
    out->size = end;
    for (unsigned i = 0; i < (there > n_lines ? there : n_lines); i++) {
        bnt_buf_putc(out, '\n');
    }
}

/* White space of any kind and amount is one space. */
static void put_space(bnt_buf *out)
{
    if (out->size > 0 && !is_blank(out->data[out->size - 1])) bnt_buf_putc(out, ' ');
}

/* Where a hidden element ends whose begin tag ends at text[at]. */
static size_t skip_hidden(bantam_text text, size_t at, const char *name)
{
    char end[BNT_TAG_NAME + 2] = "</", found[BNT_TAG_NAME];
    bool closing;

    memcpy(end + 2, name, strlen(name) + 1);
    at = find_behind(text, at, end);
    if (at == text.size) return at;
    at -= strlen(end);
    return at + bnt_read_tag(rest(text, at), found, &closing);
}

void bnt_put_html(bnt_buf *out, bantam_text html)
{
    char name[BNT_TAG_NAME];
    bool closing;

    for (size_t at = 0; at < html.size && !out->failed;) {
        const bantam_text here = rest(html, at);
        size_t size = bnt_read_tag(here, name, &closing);
        if (size) {
            at += size;
            if (is_one_of(name, blocks)) {
                bnt_end_line(out, 2);
            } else if (is_one_of(name, lines)) {
                bnt_end_line(out, 1);
            } else if (is_one_of(name, cells)) {
                put_space(out);
            } else if (!closing && html.data[at - 2] != '/' && is_one_of(name, hidden)) {
                at = skip_hidden(html, at, name);
            }
            continue;
        }
        size = bnt_put_entity(out, here);
        if (!size && is_blank(*here.data)) put_space(out);
        if (!size && !is_blank(*here.data)) bnt_buf_putc(out, *here.data);
        at += size ? size : 1;
    }
}
