/* plain_markdown.c - Markdown as plain text: line by line, then mark by mark; see plain.h.
 *
 * The commonest forms are known: headings, lists, quotes, fences, tables, rules, links, images,
 * emphasis, code, footnotes, definitions of links, a header of YAML, and HTML in between.
 */
#include "task/plain.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (uint8_t)c >= 0x80;
}

static bantam_text rest(bantam_text text, size_t at)
{
    return (bantam_text){text.data + at, text.size - at};
}

/* ---- inside of a line -------------------------------------------------------------------- */

enum { MAX_LINK = 1024 }; /* bytes that a link's text or address is looked for in */

/* Where the bracket that closes the one at text[at] is, which may hold others; 0 for none. */
static size_t closing_of(bantam_text text, size_t at, char open, char close)
{
    const size_t limit = text.size - at < MAX_LINK ? text.size : at + MAX_LINK;
    unsigned depth = 0;

    for (size_t i = at; i < limit; i++) {
        if (text.data[i] == '\\') {
            i++;
        } else if (text.data[i] == open) {
            depth++;
        } else if (text.data[i] == close && --depth == 0) {
            return i;
        }
    }
    return 0;
}

/* A link's address behind its text: "(http://...)" or "[name]"; its size, or 0. */
static size_t address_size(bantam_text text)
{
    size_t end = 0;

    if (text.size && *text.data == '(') end = closing_of(text, 0, '(', ')');
    if (text.size && *text.data == '[') end = closing_of(text, 0, '[', ']');
    return end ? end + 1 : 0;
}

/* How far emphasis, code or strike-through marks go: one to three of a kind. */
static size_t marks(bantam_text line, size_t at)
{
    const char c = line.data[at];
    size_t n = 0;

    while (n < 4 && at + n < line.size && line.data[at + n] == c) {
        n++;
    }
    const bool before = at > 0 && is_word(line.data[at - 1]);
    const bool after = at + n < line.size && is_word(line.data[at + n]);
    if (c == '`') return n;
    if (c == '~') return n == 2 ? n : 0;
    if (c == '_' && before && after) return 0; /* a_name */
    if (n > 3) return 0;
    /* A mark touches what it marks; "2 * 3" does not. */
    const bool spaced_before = at == 0 || is_blank(line.data[at - 1]);
    const bool spaced_after = at + n == line.size || is_blank(line.data[at + n]);
    return spaced_before && spaced_after ? 0 : n;
}

/* What has no text of its own at line[at]: its size, or 0. What it stands for is put out. */
static size_t put_mark(bnt_buf *out, bantam_text line, size_t at)
{
    const bantam_text here = rest(line, at);
    char name[BNT_TAG_NAME];
    bool closing;

    switch (*here.data) {
    case '\\':
        if (here.size < 2 || is_word(here.data[1]) || is_blank(here.data[1])) return 0;
        bnt_buf_putc(out, here.data[1]);
        return 2;
    case '&':
        return bnt_put_entity(out, here);
    case '<':
        return bnt_read_tag(here, name, &closing);
    case '*':
    case '_':
    case '`':
    case '~':
        return marks(line, at);
    case '!':
        return here.size > 1 && here.data[1] == '[' ? 1 : 0;
    default:
        return 0;
    }
}

/* Link texts end where their brackets do: these are left out when they are come to. One place
 * is enough, an outer link's bracket being the later one. */
static void put_inline(bnt_buf *out, bantam_text line)
{
    size_t link_end = 0; /* of the innermost link's text; 0: in none */

    for (size_t at = 0; at < line.size && !out->failed;) {
        const char c = line.data[at];
        size_t size = put_mark(out, line, at);
        if (!size && c == '[') {
            const size_t end = closing_of(line, at, '[', ']');
            if (end && at + 1 < line.size && line.data[at + 1] == '^') {
                size = end + 1 - at; /* a footnote */
            } else if (end && address_size(rest(line, end + 1))) {
                link_end = end;
                size = 1;
            }
        } else if (!size && c == ']' && at == link_end) {
            size = 1 + address_size(rest(line, at + 1));
            link_end = 0;
        }
        if (!size) bnt_buf_putc(out, c);
        at += size ? size : 1;
    }
}

/* ---- lines ------------------------------------------------------------------------------- */

static bantam_text trim(bantam_text line)
{
    while (line.size && is_blank(*line.data)) {
        line = rest(line, 1);
    }
    while (line.size && is_blank(line.data[line.size - 1])) {
        line.size--;
    }
    return line;
}

/* Whether the line has nothing but these characters, and three of the first or more. */
static bool is_rule(bantam_text line, const char *of)
{
    size_t n = 0;

    for (size_t i = 0; i < line.size; i++) {
        if (!strchr(of, line.data[i]) || !line.data[i]) return false;
        n += line.data[i] == *of;
    }
    return n >= 3;
}

static bool is_fence(bantam_text line, char c)
{
    return line.size >= 3 && line.data[0] == c && line.data[1] == c && line.data[2] == c;
}

/* "- ", "* ", "+ ", "12. ", "3) ": bytes up to the item's text; 0 where it is no item. */
static size_t item_mark(bantam_text line)
{
    size_t at = 0;

    while (at < line.size && at < 9 && line.data[at] >= '0' && line.data[at] <= '9') {
        at++;
    }
    const char *const after = at ? ".)" : "-*+";
    if (at + 1 >= line.size || !strchr(after, line.data[at]) || !line.data[at]) return 0;
    return is_blank(line.data[at + 1]) ? at + 2 : 0;
}

/* "[name]: address" */
static bool is_definition(bantam_text line)
{
    if (line.size < 5 || *line.data != '[') return false;
    const size_t end = closing_of(line, 0, '[', ']');
    return end && end + 1 < line.size && line.data[end + 1] == ':';
}

/* A row of a table: its cells, parted by spaces. */
static void put_row(bnt_buf *out, bantam_text line)
{
    size_t from = 1;

    if (is_rule(line, "-|: ")) return;
    for (size_t at = 1; at <= line.size; at++) {
        if (at < line.size && line.data[at] != '|') continue;
        put_inline(out, trim((bantam_text){line.data + from, at - from}));
        bnt_buf_putc(out, ' ');
        from = at + 1;
        if (from > line.size) break;
    }
    bnt_end_line(out, 1);
}

typedef struct reader {
    bnt_buf *out;
    char fence; /* that the code we are in began with; 0: in no code */
} reader;

static void put_line(reader *r, bantam_text line)
{
    bool own = false; /* a paragraph of its own */

    line = trim(line);
    if (r->fence) {
        if (is_fence(line, r->fence)) r->fence = 0;
        return;
    }
    while (line.size && *line.data == '>') {
        line = trim(rest(line, 1));
    }
    if (is_fence(line, '`') || is_fence(line, '~')) {
        r->fence = *line.data;
        bnt_end_line(r->out, 2);
        return;
    }
    if (line.size == 0 || is_rule(line, "=") || is_rule(line, "- ") || is_rule(line, "* ") ||
        is_rule(line, "_ ")) {
        bnt_end_line(r->out, 2);
        return;
    }
    if (is_definition(line)) return;
    if (*line.data == '|') {
        put_row(r->out, line);
        return;
    }
    while (line.size && *line.data == '#') {
        line = rest(line, 1);
        own = true;
    }
    const size_t mark = own ? 0 : item_mark(line);
    if (own || mark) bnt_end_line(r->out, 2);
    put_inline(r->out, trim(rest(line, mark)));
    bnt_end_line(r->out, own ? 2 : 1);
}

static size_t line_size(bantam_text text)
{
    const char *const end = memchr(text.data, '\n', text.size);
    return end ? (size_t)(end - text.data) : text.size;
}

/* The header of YAML that some programs put before a text: its size, 0 where there is none. */
static size_t header_size(bantam_text text)
{
    size_t at = text.size ? line_size(text) : 0;

    if (at >= text.size || !is_rule(trim((bantam_text){text.data, at}), "-")) return 0;
    for (at++; at < text.size;) {
        const size_t size = line_size(rest(text, at));
        const bool end = is_rule(trim((bantam_text){text.data + at, size}), "-");
        at += size + 1;
        if (end) return at < text.size ? at : text.size;
    }
    return 0;
}

void bnt_put_markdown(bnt_buf *out, bantam_text markdown)
{
    reader r = {.out = out};

    for (size_t at = header_size(markdown); at < markdown.size && !out->failed;) {
        const size_t size = line_size(rest(markdown, at));
        put_line(&r, (bantam_text){markdown.data + at, size});
        at += size + 1;
    }
}
