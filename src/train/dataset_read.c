/* dataset_read.c - files of texts, record by record. What a record becomes is others'. */
#include "train/dataset_parts.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const char SEPARATOR[] = "<|endoftext|>";
static const double LEAST_WEIGHT = 1e-6, MOST_WEIGHT = 1e6;

static bool has_objects(const char *path)
{
    const bantam_text name = bnt_text_of(path);
    return bnt_text_ends_with(name, ".jsonl") || bnt_text_ends_with(name, ".ndjson") ||
           bnt_text_ends_with(name, ".json");
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bantam_text trimmed(bantam_text t)
{
    while (t.size && is_space(t.data[t.size - 1])) {
        t.size--;
    }
    while (t.size && is_space(t.data[0])) {
        t.data++;
        t.size--;
    }
    return t;
}

/* The line that begins at `at`, without its end; *next is where the one behind it begins. */
static bantam_text line_at(bantam_text whole, size_t at, size_t *next)
{
    const char *const start = whole.data + at;
    const char *const end = memchr(start, '\n', whole.size - at);
    bantam_text line = {start, end ? (size_t)(end - start) : whole.size - at};

    *next = at + line.size + (end ? 1 : 0);
    if (line.size && line.data[line.size - 1] == '\r') line.size--;
    return line;
}

/* ---- texts ------------------------------------------------------------------------------- */

static bantam_status read_text(bantam_text whole, bnt_record_fn fn, void *user,
                               bnt_record *record, bantam_error *err)
{
    bantam_status status = BANTAM_OK;
    size_t start = 0;
    uint64_t line = 1;

    record->line = 1;
    for (size_t at = 0; !status && start < whole.size;) {
        size_t next = whole.size, end = whole.size;
        bool separates = false;
        if (at < whole.size) {
            const bantam_text l = line_at(whole, at, &next);
            separates = l.size == sizeof SEPARATOR - 1 &&
                        memcmp(l.data, SEPARATOR, sizeof SEPARATOR - 1) == 0;
            end = at;
            line++;
        }
        if (separates || at >= whole.size) {
            record->text = trimmed((bantam_text){whole.data + start, end - start});
            record->offset = next;
            if (record->text.size) status = fn(user, record, err);
            start = next;
            if (!status) record->line = line;
        }
        at = next;
    }
    return status;
}

/* ---- objects ----------------------------------------------------------------------------- */

static bantam_status read_weight(const json_t *object, bnt_record *record, bantam_error *err)
{
    double weight = 1.0;
    const bantam_status status = bnt_json_f64(object, "weight", &weight, err);

    if (status) return status;
    if (weight != 0.0 && !(weight >= LEAST_WEIGHT && weight <= MOST_WEIGHT)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "weight: expected 0 or %g to %g, found %g",
                        LEAST_WEIGHT, MOST_WEIGHT, weight);
    }
    record->weight = (float)weight;
    return BANTAM_OK;
}

static bantam_status wants_string(const json_t *object, const char *key, bantam_text *out,
                                  bantam_error *err)
{
    const json_t *const value = json_object_get(object, key);

    *out = bnt_json_text(value);
    if (out->data) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_FORMAT, "%s: expected a string, found %s", key,
                    value ? "something else" : "nothing");
}

static bantam_status read_object(const json_t *object, bnt_record *record, bantam_error *err)
{
    if (!json_is_object(object)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "expected a JSON object");
    }
    bantam_status status = read_weight(object, record, err);
    if (status) return status;
    if (json_object_get(object, "messages")) {
        record->variables = object;
        return BANTAM_OK;
    }
    if (json_object_get(object, "text")) {
        return wants_string(object, "text", &record->text, err);
    }
    if (json_object_get(object, "prompt") || json_object_get(object, "completion")) {
        status = wants_string(object, "prompt", &record->prompt, err);
        return status ? status : wants_string(object, "completion", &record->completion, err);
    }
    return bnt_fail(err, BANTAM_ERR_FORMAT,
                    "expected \"text\", \"messages\", or \"prompt\" and \"completion\"");
}

static bantam_status read_objects(bantam_text whole, bnt_record_fn fn, void *user,
                                  bnt_record *record, bantam_error *err)
{
    bantam_status status = BANTAM_OK;
    uint64_t number = 0;

    for (size_t at = 0; !status && at < whole.size;) {
        const bantam_text line = line_at(whole, at, &at);
        json_t *object;

        *record = (bnt_record){.line = ++number, .offset = at};
        if (!trimmed(line).size) continue;
        status = bnt_json_parse(&object, line.data, line.size, err);
        if (status) break;
        status = read_object(object, record, err);
        if (!status) status = fn(user, record, err);
        json_decref(object);
    }
    return status;
}

bantam_status bnt_records_read(const char *path, bnt_record_fn fn, void *user,
                               bantam_error *err)
{
    bnt_record record = {.weight = 1.0f};
    bnt_map *map;
    bantam_status status = bnt_map_open(&map, path, err);

    if (status) return status;
    const bantam_text whole = {(const char *)bnt_map_data(map), bnt_map_size(map)};
    status = has_objects(path) ? read_objects(whole, fn, user, &record, err)
                               : read_text(whole, fn, user, &record, err);
    const bool cut = bnt_map_check(map);
    bnt_map_close(map);
    if (cut)
        return bnt_fail(err, BANTAM_ERR_IO, "%s: the file was cut while it was read", path);
    if (!status || status == BANTAM_ERR_CANCELLED) return status;
    return bnt_fail_within(err, status, "%s: line %" PRIu64 ": ", path, record.line);
}

uint64_t bnt_records_bytes(const char *path)
{
    bnt_map *map;
    uint64_t bytes = 0;

    if (!bnt_map_open(&map, path, NULL)) {
        bytes = bnt_map_size(map);
        bnt_map_close(map);
    }
    return bytes;
}

/* ---- texts for a vocabulary -------------------------------------------------------------- */

typedef struct gatherer {
    bnt_buf bytes;
    size_t *ends; /* owns; of each text in bytes */
    size_t n, capacity;
    size_t full; /* where the bytes of this file end */
} gatherer;

static bantam_status gather(gatherer *g, bantam_text text, bantam_error *err)
{
    if (!text.size) return BANTAM_OK;
    if (g->n == g->capacity) {
        const size_t want = g->capacity ? 2 * g->capacity : 256;
        size_t *const ends = bnt_realloc(g->ends, want, sizeof *ends);
        if (!ends) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for texts");
        g->ends = ends;
        g->capacity = want;
    }
    bnt_buf_put(&g->bytes, text.data, text.size);
    g->ends[g->n++] = g->bytes.size;
    return bnt_buf_status(&g->bytes, "texts", err);
}

static bantam_status gather_record(void *user, const bnt_record *record, bantam_error *err)
{
    gatherer *const g = user;
    size_t i;
    json_t *message;

    if (g->bytes.size >= g->full) return BANTAM_OK;
    bantam_text text = record->text;
    if (text.size > g->full - g->bytes.size) text.size = g->full - g->bytes.size;
    bantam_status status = gather(g, text, err);
    if (!status) status = gather(g, record->prompt, err);
    if (!status) status = gather(g, record->completion, err);
    json_array_foreach(json_object_get(record->variables, "messages"), i, message)
    {
        if (!status)
            status = gather(g, bnt_json_text(json_object_get(message, "content")), err);
    }
    return status;
}

bantam_status bnt_texts_read(bnt_texts *out, const bnt_data_file *files, size_t n_files,
                             uint64_t max_bytes, bantam_error *err)
{
    gatherer g = {0};
    bantam_status status = BANTAM_OK;

    *out = (bnt_texts){0};
    bnt_buf_init(&g.bytes, SIZE_MAX / 4);
    for (size_t i = 0; !status && i < n_files; i++) {
        g.full = g.bytes.size + (max_bytes < SIZE_MAX / 4 ? (size_t)max_bytes : SIZE_MAX / 4);
        status = bnt_records_read(files[i].path, gather_record, &g, err);
    }
    if (!status) {
        out->items = bnt_calloc(g.n ? g.n : 1, sizeof *out->items);
        if (!out->items) status = bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for texts");
    }
    if (status) {
        bnt_buf_deinit(&g.bytes);
    } else {
        out->n = g.n;
        out->bytes = g.bytes.data;
        for (size_t i = 0, start = 0; i < g.n; start = g.ends[i++]) {
            out->items[i] = (bantam_text){g.bytes.data + start, g.ends[i] - start};
        }
    }
    bnt_free(g.ends);
    return status;
}

void bnt_texts_free(bnt_texts *texts)
{
    bnt_free(texts->items);
    bnt_free(texts->bytes);
    *texts = (bnt_texts){0};
}
