/* cli_examples.c - files of texts with labels; see cli_examples.h. */
#include "cli_examples.h"

#include "cli_args.h"
#include "cli_out.h"
#include "cli_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct reader {
    const char *path;
    const bantam_text *labels; /* (n_labels) */
    size_t n_labels, line;     /* the line counts from 1 */
    bool json;
} reader;

static bool is(bantam_text text, const char *word)
{
    return text.size == strlen(word) && memcmp(text.data, word, text.size) == 0;
}

/* The number of a label by its name, else as a number; false where it is neither. */
static bool find_label(const reader *r, bantam_text name, uint32_t *out)
{
    char digits[16];
    uint64_t number;

    for (size_t i = 0; i < r->n_labels; i++) {
        if (name.size != r->labels[i].size) continue;
        if (memcmp(name.data, r->labels[i].data, name.size) != 0) continue;
        *out = (uint32_t)i;
        return true;
    }
    if (!name.size || name.size >= sizeof digits) return false;
    memcpy(digits, name.data, name.size);
    digits[name.size] = '\0';
    if (!cli_read_whole(digits, 0, r->n_labels - 1, &number)) return false;
    *out = (uint32_t)number;
    return true;
}

static int bad_label(const reader *r, bantam_text name)
{
    cli_buf all = {0};

    for (size_t i = 0; i < r->n_labels; i++) {
        if (i) cli_buf_add(&all, ", ", 2);
        cli_buf_add(&all, r->labels[i].data, r->labels[i].size);
    }
    const int status =
        cli_fail_with(BANTAM_ERR_INVALID, "%s: line %zu: label '%.*s': expected one of %.*s",
                      r->path, r->line, name.size > 80 ? 80 : (int)name.size, name.data,
                      all.size > 400 ? 400 : (int)all.size, all.data);
    cli_buf_free(&all);
    return status;
}

/* A line of text, tab, label. *skip: it is a header. */
static int read_tsv(const reader *r, bantam_text line, bantam_label_example *out, bool *skip)
{
    size_t tab = line.size;

    while (tab > 0 && line.data[tab - 1] != '\t') {
        tab--;
    }
    if (!tab) {
        return cli_fail_with(BANTAM_ERR_INVALID,
                             "%s: line %zu: expected a text, a tab and a label, found no tab",
                             r->path, r->line);
    }
    const bantam_text label = {line.data + tab, line.size - tab};
    out->text = (bantam_text){line.data, tab - 1};
    if (find_label(r, label, &out->label)) return 0;
    *skip = r->line == 1 && is(label, "label");
    return *skip ? 0 : bad_label(r, label);
}

/* The text of an object takes the place of its line, which it is never longer than: an escape
 * has more bytes than the character that it stands for. */
static int read_object(const reader *r, char *line, size_t size, bantam_label_example *out)
{
    json_error_t where;
    json_t *const root = json_loadb(line, size, JSON_REJECT_DUPLICATES, &where);
    const json_t *const text = json_object_get(root, "text");
    const json_t *const label = json_object_get(root, "label");
    char digits[32];
    int status = 0;

    if (!root) {
        return cli_fail_with(BANTAM_ERR_INVALID, "%s: line %zu: no JSON: %s", r->path, r->line,
                             where.text);
    }
    if (!json_is_string(text) || (!json_is_string(label) && !json_is_integer(label))) {
        status = cli_fail_with(BANTAM_ERR_INVALID,
                               "%s: line %zu: expected {\"text\":STRING,\"label\":STRING}",
                               r->path, r->line);
    } else {
        bantam_text name = {json_string_value(label), json_string_length(label)};
        if (json_is_integer(label)) {
            name.size = (size_t)snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT,
                                         json_integer_value(label));
            name.data = digits;
        }
        if (!find_label(r, name, &out->label)) status = bad_label(r, name);
        out->text = (bantam_text){line, json_string_length(text)};
        memcpy(line, json_string_value(text), out->text.size);
    }
    json_decref(root);
    return status;
}

static bool is_blank(bantam_text line)
{
    size_t i = 0;

    while (i < line.size && (line.data[i] == ' ' || line.data[i] == '\t')) {
        i++;
    }
    return i == line.size;
}

/* Reads a line into the next of the examples. */
static int read_line(const reader *r, char *line, size_t size, cli_examples *out)
{
    bantam_label_example e = {.text = {NULL, 0}};
    bool skip = false;

    if (size && line[size - 1] == '\r') size--;
    if (is_blank((bantam_text){line, size})) return 0;
    const int status = r->json ? read_object(r, line, size, &e)
                               : read_tsv(r, (bantam_text){line, size}, &e, &skip);
    if (status || skip) return status;
    if ((out->n & (out->n - 1)) == 0) {
        out->items = cli_grow(out->items, out->n ? 2 * out->n : 1, sizeof *out->items);
    }
    out->items[out->n++] = e;
    return 0;
}

int cli_examples_read(cli_examples *out, const char *path, const bantam_text *labels,
                      size_t n_labels)
{
    reader r = {.path = path, .labels = labels, .n_labels = n_labels};
    bantam_error err = {0};
    int status = 0;

    *out = (cli_examples){0};
    if (cli_read_file(path, &out->bytes, &err)) return cli_fail(&err);
    char *const data = out->bytes.data;
    const size_t size = out->bytes.size;
    r.json = cli_ends_with(path, ".jsonl") || (size && *data == '{');
    for (size_t at = 0; at < size && !status;) {
        const char *const newline = memchr(data + at, '\n', size - at);
        const size_t end = newline ? (size_t)(newline - data) : size;
        r.line++;
        status = read_line(&r, data + at, end - at, out);
        at = end + 1;
    }
    if (!status && !out->n) {
        status = cli_fail_with(BANTAM_ERR_INVALID, "%s: expected texts with labels, found none",
                               path);
    }
    if (status) cli_examples_free(out);
    return status;
}

void cli_examples_free(cli_examples *examples)
{
    free(examples->items);
    cli_buf_free(&examples->bytes);
    *examples = (cli_examples){0};
}
