/* imatrix.c - importance files read, of both forms: see imatrix.h.
 *
 * The older form has no mark to know it by. What is not GGUF is read as such; what then does
 * not add up, to the last byte, is no importance file.
 */
#include "format/imatrix.h"

#include <float.h>
#include <inttypes.h>

#include "base/cursor.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/text.h"
#include "format/gguf.h"
#include "format/grow.h"

/* What an entry of the older form takes at least: three numbers, a name, a value. */
enum { LEAST_ENTRY = 3 * 4 + 1 + 4 };

/* i32 in files, and never negative in good ones. */
enum { MAX_I32 = INT32_MAX };

typedef struct entry {
    char *name;                /* owns */
    float *mean;               /* owns */
    const bnt_tensor *in_sum2; /* while GGUF is read: sums that await their counts */
    bnt_importance lent;
} entry;

struct bnt_imatrix {
    entry *entries; /* owns */
    size_t n_entries, capacity;
    bnt_table by_name;
    uint32_t n_chunks;
};

static bantam_status no_memory(bantam_error *err)
{
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for importances");
}

static bantam_status cut(bantam_error *err)
{
    return bnt_fail(err, BANTAM_ERR_FORMAT,
                    "not an importance file, or cut short: its entries do not fit into it");
}

/* An entry with room for n values, of which the name is not taken yet. */
static bantam_status add_entry(bnt_imatrix *m, bantam_text name, size_t n, entry **out,
                               bantam_error *err)
{
    uint32_t found = BNT_TABLE_NONE;
    entry *const grown = bnt_grow(m->entries, &m->capacity, m->n_entries, sizeof *m->entries);

    if (!grown) return no_memory(err);
    m->entries = grown;
    entry *const e = &m->entries[m->n_entries++];
    *e = (entry){.name = bnt_strdup(name.data, name.size),
                 .mean = bnt_calloc(n, sizeof *e->mean)};
    if (!e->name || !e->mean) return no_memory(err);
    e->lent = (bnt_importance){{e->name, name.size}, e->mean, n};
    const bantam_status status =
        bnt_table_put(&m->by_name, e->lent.name, (uint32_t)(m->n_entries - 1), &found, err);
    if (status) return status;
    if (found != BNT_TABLE_NONE) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "matrix %.*s stands there twice",
                        BNT_TEXT_ARG(name));
    }
    *out = e;
    return BANTAM_OK;
}

/* Divides the sums of an expert, or of all, by their count; where nothing was counted all
 * columns are equal. */
static bantam_status make_means(const entry *e, size_t first, size_t n, float count,
                                bantam_error *err)
{
    for (size_t i = first; i < first + n; i++) {
        const float mean = count > 0.0f ? e->mean[i] / count : 1.0f;
        if (!(mean >= 0.0f && mean <= FLT_MAX)) {
            return bnt_fail(err, BANTAM_ERR_FORMAT,
                            "matrix %.*s: importance %zu is %g, which no sum of squares gives",
                            BNT_TEXT_ARG(e->lent.name), i, (double)e->mean[i]);
        }
        e->mean[i] = mean;
    }
    return BANTAM_OK;
}

/* ---- the older form ---------------------------------------------------------------------- */

static bantam_status read_entry(bnt_imatrix *m, bnt_cursor *c, bantam_error *err)
{
    entry *e;

    const uint32_t name_size = bnt_cursor_u32(c);
    if (!name_size || name_size > BNT_MAX_TENSOR_NAME) return cut(err);
    const char *const name = (const char *)bnt_cursor_take(c, name_size);
    const uint32_t calls = bnt_cursor_u32(c), n = bnt_cursor_u32(c);
    if (c->failed || calls > MAX_I32 || !n || n > bnt_cursor_left(c) / sizeof(float)) {
        return cut(err);
    }
    bantam_status status = add_entry(m, (bantam_text){name, name_size}, n, &e, err);
    if (status) return status;
    for (uint32_t i = 0; i < n; i++) {
        e->mean[i] = bnt_cursor_f32(c);
    }
    return make_means(e, 0, n, calls ? (float)calls : 1.0f, err);
}

static bantam_status read_old(bnt_imatrix *m, const uint8_t *data, size_t size,
                              bantam_error *err)
{
    bnt_cursor c = bnt_cursor_on(data, size);
    const uint32_t n = bnt_cursor_u32(&c);

    if (c.failed || !n || n > bnt_cursor_left(&c) / LEAST_ENTRY) return cut(err);
    for (uint32_t i = 0; i < n; i++) {
        const bantam_status status = read_entry(m, &c, err);
        if (status) return status;
    }
    if (!bnt_cursor_left(&c)) return BANTAM_OK;
    m->n_chunks = bnt_cursor_u32(&c);
    bnt_cursor_take(&c, bnt_cursor_u32(&c));
    if (c.failed || bnt_cursor_left(&c) || m->n_chunks > MAX_I32) return cut(err);
    return BANTAM_OK;
}

/* ---- the newer form ---------------------------------------------------------------------- */

static const char sums_end[] = ".in_sum2", counts_end[] = ".counts";

/* name without the end. */
static bantam_text matrix_of(bantam_text name, const char *end)
{
    return (bantam_text){name.data, name.size - strlen(end)};
}

/* The values of a tensor; a product of dimensions that is inside the file does not wrap. */
static uint64_t values_of(const bnt_tensor *t)
{
    return t->bytes / sizeof(float);
}

static bantam_status take_sums(bnt_imatrix *m, const bnt_tensor *t, bantam_error *err)
{
    const bantam_text name = matrix_of(t->name, sums_end);
    entry *e;

    if (!name.size || !values_of(t)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "tensor %.*s: no matrix, or no values",
                        BNT_TEXT_ARG(t->name));
    }
    const bantam_status status = add_entry(m, name, (size_t)values_of(t), &e, err);
    if (status) return status;
    t->type->decode(t->data, e->mean, e->lent.n);
    e->in_sum2 = t;
    return BANTAM_OK;
}

static bantam_status take_counts(bnt_imatrix *m, const bnt_tensor *t, bantam_error *err)
{
    const uint32_t at = bnt_table_find(&m->by_name, matrix_of(t->name, counts_end));
    entry *const e = at == BNT_TABLE_NONE ? NULL : &m->entries[at];

    if (!e || !e->in_sum2) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "tensor %.*s: there are no sums to the counts",
                        BNT_TEXT_ARG(t->name));
    }
    const size_t columns = (size_t)e->in_sum2->dims[0], n_parts = e->lent.n / columns;
    if (values_of(t) != n_parts) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "tensor %.*s: expected %zu counts, found %" PRIu64,
                        BNT_TEXT_ARG(t->name), n_parts, values_of(t));
    }
    e->in_sum2 = NULL;
    for (size_t p = 0; p < n_parts; p++) {
        float count;
        t->type->decode(t->data + p * sizeof count, &count, 1);
        const bantam_status status = make_means(e, p * columns, columns, count, err);
        if (status) return status;
    }
    return BANTAM_OK;
}

/* All tensors whose names have that end, by take. */
static bantam_status take_all(bnt_imatrix *m, const bnt_gguf *g, const char *end,
                              bantam_status (*take)(bnt_imatrix *, const bnt_tensor *,
                                                    bantam_error *),
                              bantam_error *err)
{
    for (size_t i = 0; i < bnt_gguf_n_tensors(g); i++) {
        const bnt_tensor *const t = bnt_gguf_tensor_at(g, i);
        if (!bnt_text_ends_with(t->name, end)) continue;
        if (!t->type || t->type->id != BNT_TYPE_F32) {
            return bnt_fail(err, BANTAM_ERR_FORMAT, "tensor %.*s: expected F32, found %.*s",
                            BNT_TEXT_ARG(t->name), BNT_TEXT_ARG(t->type_name));
        }
        const bantam_status status = take(m, t, err);
        if (status) return status;
    }
    return BANTAM_OK;
}

static bantam_status check_kind(const bnt_gguf *g, bantam_error *err)
{
    bantam_text kind = bnt_text_of("model");
    const bantam_status status = bnt_gguf_text(g, "general.type", &kind, err);

    if (status || bnt_text_is(kind, "imatrix")) return status;
    return bnt_fail(
        err, BANTAM_ERR_FORMAT,
        "general.type: expected \"imatrix\", found \"%.*s\": not an importance file",
        BNT_TEXT_ARG(kind));
}

static bantam_status read_gguf(bnt_imatrix *m, const bnt_gguf *g, bantam_error *err)
{
    bantam_status status = check_kind(g, err);

    if (!status) status = bnt_gguf_u32(g, "imatrix.chunk_count", &m->n_chunks, err);
    if (!status) status = take_all(m, g, sums_end, take_sums, err);
    if (!status) status = take_all(m, g, counts_end, take_counts, err);
    for (size_t i = 0; !status && i < m->n_entries; i++) {
        if (!m->entries[i].in_sum2) continue;
        status = bnt_fail(err, BANTAM_ERR_FORMAT, "tensor %.*s%s is missing",
                          BNT_TEXT_ARG(m->entries[i].lent.name), counts_end);
    }
    if (!status && !m->n_entries) {
        status = bnt_fail(err, BANTAM_ERR_FORMAT, "no tensor's name ends in %s", sums_end);
    }
    return status;
}

static bantam_status read_new(bnt_imatrix *m, const uint8_t *data, size_t size,
                              bantam_error *err)
{
    bnt_gguf *g;
    bantam_status status = bnt_gguf_parse(&g, data, size, err);

    if (status) return status;
    status = read_gguf(m, g, err);
    bnt_gguf_close(g);
    return status;
}

/* ---- both -------------------------------------------------------------------------------- */

bantam_status bnt_imatrix_parse(bnt_imatrix **out, const uint8_t *data, size_t size,
                                bantam_error *err)
{
    static const char magic[] = {'G', 'G', 'U', 'F'};
    bnt_imatrix *const m = bnt_calloc(1, sizeof *m);

    *out = NULL;
    if (!m) return no_memory(err);
    const bool newer = size >= sizeof magic && !memcmp(data, magic, sizeof magic);
    const bantam_status status =
        newer ? read_new(m, data, size, err) : read_old(m, data, size, err);
    if (status) {
        bnt_imatrix_close(m);
        return status;
    }
    *out = m;
    return BANTAM_OK;
}

bantam_status bnt_imatrix_open(bnt_imatrix **out, const char *path, bantam_error *err)
{
    bnt_map *map;

    *out = NULL;
    bantam_status status = bnt_map_open(&map, path, err);
    if (status) return status;
    status = bnt_imatrix_parse(out, bnt_map_data(map), bnt_map_size(map), err);
    if (status) {
        status = bnt_fail_within(err, status, "%s: ", path);
    } else if (bnt_map_check(map)) {
        bnt_imatrix_close(*out);
        *out = NULL;
        status = bnt_fail(err, BANTAM_ERR_IO, "%s: was cut while it was read", path);
    }
    bnt_map_close(map);
    return status;
}

void bnt_imatrix_close(bnt_imatrix *m)
{
    if (!m) return;
    for (size_t i = 0; i < m->n_entries; i++) {
        bnt_free(m->entries[i].name);
        bnt_free(m->entries[i].mean);
    }
    bnt_free(m->entries);
    bnt_table_deinit(&m->by_name);
    bnt_free(m);
}

size_t bnt_imatrix_n_entries(const bnt_imatrix *m)
{
    return m->n_entries;
}

const bnt_importance *bnt_imatrix_at(const bnt_imatrix *m, size_t index)
{
    return &m->entries[index].lent;
}

const bnt_importance *bnt_imatrix_find(const bnt_imatrix *m, bantam_text name)
{
    const uint32_t at = bnt_table_find(&m->by_name, name);
    return at == BNT_TABLE_NONE ? NULL : &m->entries[at].lent;
}

uint32_t bnt_imatrix_n_chunks(const bnt_imatrix *m)
{
    return m->n_chunks;
}
