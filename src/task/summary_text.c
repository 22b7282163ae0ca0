/* summary_text.c - how a summary is laid out: paragraphs, points, a headline; see summary.h. */
#include "task/summary.h"

#include <string.h>

static void put_words(bnt_buf *out, bantam_text text)
{
    bool space = false;
    size_t length;

    for (size_t at = 0; at < text.size; at += length) {
        if (bnt_is_space_at(text, at, &length)) {
            space = true;
            continue;
        }
        if (space) bnt_buf_putc(out, ' ');
        space = false;
        bnt_buf_put(out, text.data + at, length);
    }
}

static void begin_item(bnt_buf *out, bantam_summary_style style)
{
    const bool bullets = style == BANTAM_SUMMARY_BULLETS;

    if (out->size > 0) bnt_buf_putc(out, bullets ? '\n' : ' ');
    if (bullets) bnt_buf_puts(out, "- ");
}

void bnt_put_item(bnt_buf *out, bantam_summary_style style, bantam_text item)
{
    begin_item(out, style);
    put_words(out, item);
}

/* Behind the last comma, semicolon, colon or dash in the second half; 0 where there is none. */
static size_t clause_end(bantam_text text)
{
    for (size_t at = text.size; at > text.size / 2; at--) {
        const char c = text.data[at - 1];
        if (c == ',' || c == ';' || c == ':') return at - 1;
        if (c == '-' && at > 1 && text.data[at - 2] == ' ') return at - 2;
    }
    return 0;
}

void bnt_put_cut_item(bnt_buf *out, bantam_summary_style style, bantam_text item,
                      size_t n_words)
{
    bantam_text cut = {item.data, bnt_first_words(item, n_words)};

    if (bnt_count_words(item) <= n_words) {
        bnt_put_item(out, style, item);
        return;
    }
    const size_t clause = clause_end(cut);
    if (clause) cut.size = clause;
    begin_item(out, style);
    put_words(out, cut);
    bnt_buf_puts(out, "...");
}

/* ---- what a model wrote -------------------------------------------------------------------
 */

/* Bytes of "- ", "* ", "+ ", "2. ", "2) " or a bullet at the start of a line; 0 for none. */
static size_t list_mark(bantam_text line)
{
    static const char bullet[] = "\xE2\x80\xA2";
    size_t at = 0;

    if (line.size > 3 && memcmp(line.data, bullet, 3) == 0) return 3;
    while (at < line.size && at < 3 && line.data[at] >= '0' && line.data[at] <= '9') {
        at++;
    }
    if (at + 1 >= line.size || line.data[at + 1] != ' ') return 0;
    const char c = line.data[at];
    return (at ? c == '.' || c == ')' : c == '-' || c == '*' || c == '+') ? at + 2 : 0;
}

static bantam_text trim(bantam_text text)
{
    size_t length;

    while (text.size && bnt_is_space_at(text, 0, &length)) {
        text = (bantam_text){text.data + length, text.size - length};
    }
    while (text.size && bnt_is_space_at(text, text.size - 1, &length)) {
        text.size--;
    }
    return text;
}

typedef struct fitting {
    bnt_buf *out;
    bantam_summary_style style;
    size_t wanted, words;
} fitting;

/* False where no more fits. */
static bool put_fitting(fitting *f, bantam_text item)
{
    const size_t n = bnt_count_words(item);

    if (n == 0) return true;
    if (f->words + n > bnt_most_words(f->wanted)) {
        if (f->words == 0) bnt_put_cut_item(f->out, f->style, item, f->wanted);
        return false;
    }
    bnt_put_item(f->out, f->style, item);
    f->words += n;
    return f->words < f->wanted && f->style != BANTAM_SUMMARY_HEADLINE;
}

/* A line of a list is one point; any other line is its sentences. */
static bool put_line(fitting *f, bantam_text line)
{
    bnt_sentence s;

    line = trim(line);
    const size_t mark = list_mark(line);
    line = trim((bantam_text){line.data + mark, line.size - mark});
    if (f->style == BANTAM_SUMMARY_HEADLINE || (mark && f->style == BANTAM_SUMMARY_BULLETS)) {
        return put_fitting(f, line);
    }
    for (size_t at = 0; bnt_sentence_next(line, at, &s); at += s.size) {
        if (!put_fitting(f, s.trimmed)) return false;
    }
    return true;
}

void bnt_put_fitted(bnt_buf *out, bantam_summary_style style, bantam_text written,
                    size_t n_words)
{
    fitting f = {.out = out, .style = style, .wanted = n_words};

    for (size_t at = 0; at < written.size;) {
        const bantam_text rest = {written.data + at, written.size - at};
        const char *const end = memchr(rest.data, '\n', rest.size);
        const size_t size = end ? (size_t)(end - rest.data) : rest.size;
        if (!put_line(&f, (bantam_text){rest.data, size})) return;
        at += size + 1;
    }
}
