/* mini.c - texts in memory for the programs of bantam-mini; see mini.h. */
#include "mini.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILE = 1 << 30 };

void mini_die(const char *format, ...)
{
    va_list args;

    fputs("mini: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

static void *grab(size_t size)
{
    void *const p = malloc(size ? size : 1);
    if (!p) mini_die("out of memory");
    return p;
}

char *mini_read(const char *path, size_t *size)
{
    bantam_error err = {0};
    bnt_buf buf;

    bnt_buf_init(&buf, MAX_FILE);
    if (bnt_file_read(path, &buf, &err)) mini_die("%s", err.message);
    *size = buf.size;
    bnt_buf_putc(&buf, '\0');
    if (buf.failed) mini_die("%s: out of memory", path);
    return buf.data;
}

FILE *mini_create(const char *path)
{
    FILE *const f = fopen(path, "wb");
    if (!f) mini_die("%s: %s", path, strerror(errno));
    return f;
}

void mini_close(FILE *file, const char *path)
{
    const bool failed = ferror(file);
    if (fclose(file) || failed) mini_die("%s: could not be written", path);
}

uint64_t mini_number(const char *text, const char *what)
{
    char *end;
    errno = 0;
    const unsigned long long n = strtoull(text, &end, 10);
    if (errno || end == text || *end || *text == '-') {
        mini_die("%s: expected a number, found %s", what, text);
    }
    return n;
}

/* ---- texts ------------------------------------------------------------------------------- */

bantam_text mini_trimmed(const char *data, size_t size)
{
    while (size && isspace((unsigned char)*data)) {
        data++;
        size--;
    }
    while (size && isspace((unsigned char)data[size - 1])) {
        size--;
    }
    return (bantam_text){data, size};
}

/* The parts of a file between marks; empty ones are left out. */
static mini_texts split(const char *path, const char *mark, bool trims)
{
    mini_texts out = {0};
    size_t size, room = 0;
    const char *at = mini_read(path, &size);
    const char *const file_end = at + size;

    while (at < file_end) {
        const char *const found = strstr(at, mark);
        const char *const end = found ? found : file_end;
        const bantam_text part = trims ? mini_trimmed(at, (size_t)(end - at))
                                       : (bantam_text){at, (size_t)(end - at)};
        if (part.size) {
            if (out.n == room) {
                room = room ? 2 * room : 1024;
                out.items = realloc(out.items, room * sizeof *out.items);
                if (!out.items) mini_die("%s: out of memory", path);
            }
            out.items[out.n++] = part;
        }
        at = found ? end + strlen(mark) : file_end;
    }
    return out;
}

mini_texts mini_documents(const char *path)
{
    return split(path, MINI_SEPARATOR, true);
}

mini_texts mini_lines(const char *path)
{
    return split(path, "\n", false);
}

bantam_text mini_squeeze(bantam_text text)
{
    char *const out = grab(text.size + 1);
    size_t n = 0;

    for (size_t i = 0; i < text.size; i++) {
        const bool space = isspace((unsigned char)text.data[i]) != 0;
        if (!space) {
            out[n++] = text.data[i];
        } else if (n && out[n - 1] != ' ') {
            out[n++] = ' ';
        }
    }
    if (n && out[n - 1] == ' ') n--;
    out[n] = '\0';
    return (bantam_text){out, n};
}

bantam_text mini_plain(bantam_text text)
{
    static const char *const pairs[][2] = {{"\xE2\x80\x9C", "\""},  {"\xE2\x80\x9D", "\""},
                                           {"\xE2\x80\x98", "'"},   {"\xE2\x80\x99", "'"},
                                           {"\xE2\x80\x93", "-"},   {"\xE2\x80\x94", "-"},
                                           {"\xE2\x80\xA6", "..."}, {"\xC2\xA0", " "}};
    char *const out = grab(text.size + 1);
    size_t n = 0;

    for (size_t i = 0; i < text.size;) {
        const size_t left = text.size - i;
        size_t k = 0;
        if (!((unsigned char)text.data[i] & 0x80)) {
            out[n++] = text.data[i++];
            continue;
        }
        while (k < sizeof pairs / sizeof pairs[0] &&
               (left < strlen(pairs[k][0]) ||
                memcmp(text.data + i, pairs[k][0], strlen(pairs[k][0])) != 0)) {
            k++;
        }
        if (k == sizeof pairs / sizeof pairs[0]) {
            free(out);
            return (bantam_text){NULL, 0};
        }
        const size_t width = strlen(pairs[k][1]);
        memcpy(out + n, pairs[k][1], width);
        n += width;
        i += strlen(pairs[k][0]);
    }
    out[n] = '\0';
    return (bantam_text){out, n};
}

/* ---- sets -------------------------------------------------------------------------------- */

uint64_t mini_hash(const char *data, size_t size)
{
    uint64_t h = 0xCBF29CE484222325u; /* FNV-1a */
    for (size_t i = 0; i < size; i++) {
        h = (h ^ (unsigned char)data[i]) * 0x100000001B3u;
    }
    h ^= h >> 32;
    return h ? h : 1; /* 0 marks an empty place */
}

/* Where a value stands, or would. */
static size_t place_of(const mini_set *set, uint64_t value)
{
    size_t i = (size_t)(value * 0x9E3779B97F4A7C15u) & (set->capacity - 1);
    while (set->items[i] && set->items[i] != value) {
        i = (i + 1) & (set->capacity - 1);
    }
    return i;
}

bool mini_set_has(const mini_set *set, uint64_t value)
{
    return set->capacity && set->items[place_of(set, value)] == value;
}

static void grow(mini_set *set)
{
    const mini_set old = *set;
    set->capacity = old.capacity ? 2 * old.capacity : 4096;
    set->items = calloc(set->capacity, sizeof *set->items);
    if (!set->items) mini_die("out of memory");
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.items[i]) set->items[place_of(set, old.items[i])] = old.items[i];
    }
    free(old.items);
}

bool mini_set_add(mini_set *set, uint64_t value)
{
    if (2 * (set->n + 1) > set->capacity) grow(set);
    const size_t i = place_of(set, value);
    if (set->items[i]) return false;
    set->items[i] = value;
    set->n++;
    return true;
}

void mini_set_stretches(mini_set *set, bantam_text text, size_t width)
{
    for (size_t i = 0; i + width <= text.size; i++) {
        mini_set_add(set, mini_hash(text.data + i, width));
    }
}

bool mini_set_shares(const mini_set *set, bantam_text text, size_t width)
{
    for (size_t i = 0; i + width <= text.size; i++) {
        if (mini_set_has(set, mini_hash(text.data + i, width))) return true;
    }
    return false;
}

/* ---- sentences and items ----------------------------------------------------------------- */

bantam_text mini_sentence(bantam_text *rest)
{
    const bantam_text all = mini_trimmed(rest->data, rest->size);
    size_t n = 0;

    while (n < all.size && !strchr(".!?", all.data[n])) {
        n++;
    }
    while (n < all.size && strchr(".!?\"", all.data[n])) {
        n++;
    }
    *rest = (bantam_text){all.data + n, all.size - n};
    return (bantam_text){all.data, n};
}

void mini_put_chat(FILE *file, bantam_text user, bantam_text assistant, double weight)
{
    bnt_buf line;

    bnt_buf_init(&line, MAX_FILE);
    bnt_buf_puts(&line, "{\"messages\":[{\"role\":\"user\",\"content\":");
    bnt_json_put_string(&line, user.data, user.size);
    bnt_buf_puts(&line, "},{\"role\":\"assistant\",\"content\":");
    bnt_json_put_string(&line, assistant.data, assistant.size);
    bnt_buf_puts(&line, "}]");
    if (weight < 1.0 || weight > 1.0) bnt_buf_printf(&line, ",\"weight\":%g", weight);
    bnt_buf_puts(&line, "}\n");
    if (line.failed) mini_die("out of memory for an item");
    fwrite(line.data, 1, line.size, file);
    bnt_buf_deinit(&line);
}
