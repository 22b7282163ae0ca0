/* edit.c - a changed list of a source's tensors, and the file it makes; see edit.h. The
 * metadata are edit_pairs.c's. */
#include "compress/edit.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "compress/edit_parts.h"
#include "model/arch.h"
#include "quant/tile_pick.h"

enum { SLICE_BYTES = 1 << 20 }; /* copied between two looks at the caller */

/* ---- the list
 * ----------------------------------------------------------------------------
 */

/* Tensors of layers are named as GGUF names them, whatever the source is.
 * Returns what follows the number and its dot, NULL for a tensor of no layer.
 */
static const char *read_layer(const char *name, uint32_t n_layers, uint32_t *layer)
{
    const char *const prefix = bnt_names_at(0)->layer;
    const size_t n = strlen(prefix);
    char *end = NULL;

    if (strncmp(name, prefix, n) != 0 || name[n] < '0' || name[n] > '9') return NULL;
    const unsigned long number = strtoul(name + n, &end, 10);
    if (*end != '.' || number >= n_layers) return NULL;
    *layer = (uint32_t)number;
    return end + 1;
}

bantam_status bnt_edit_init(bnt_edit *e, const bnt_source *source, const bnt_config *config,
                            bantam_error *err)
{
    *e = (bnt_edit){.source = source, .original = config, .config = *config};
    e->tensors = bnt_calloc(source->n_tensors, sizeof *e->tensors);
    if (!e->tensors) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %zu tensors",
                        source->n_tensors);
    }
    e->n_tensors = source->n_tensors;
    for (size_t i = 0; i < e->n_tensors; i++) {
        bnt_edit_tensor *const t = &e->tensors[i];
        t->from = &source->tensors[i];
        memcpy(t->name, t->from->name, sizeof t->name);
        memcpy(t->dims, t->from->dims, sizeof t->dims);
        t->in_layer = read_layer(t->name, config->n_layers, &t->layer) != NULL;
    }
    for (uint32_t l = 0; l < config->n_layers; l++) {
        e->kept[l] = l;
    }
    return BANTAM_OK;
}

void bnt_edit_deinit(bnt_edit *e)
{
    for (size_t i = 0; i < e->n_tensors; i++) {
        bnt_free(e->tensors[i].rows);
        bnt_free(e->tensors[i].columns);
        bnt_free(e->tensors[i].data);
    }
    bnt_free(e->tensors);
    *e = (bnt_edit){0};
}

bnt_edit_tensor *bnt_edit_find(bnt_edit *e, const char *name)
{
    for (size_t i = 0; i < e->n_tensors; i++) {
        if (strcmp(e->tensors[i].from->name, name) == 0) return &e->tensors[i];
    }
    return NULL;
}

bnt_edit_tensor *bnt_edit_matrix(bnt_edit *e, uint32_t layer, bnt_place place)
{
    const bnt_names *const names = bnt_names_at(0);
    char name[BNT_MAX_TENSOR_NAME + 1];

    snprintf(name, sizeof name, "%s%u.%s", names->layer, (unsigned)layer,
             names->matrices[place]);
    return bnt_edit_find(e, name);
}

void bnt_edit_drop_layers(bnt_edit *e, const bool *dropped)
{
    uint32_t number[BNT_MAX_LAYERS], n = 0, layer;

    for (uint32_t l = 0; l < e->original->n_layers; l++) {
        if (dropped[l]) continue;
        e->kept[n] = l;
        e->config.windowed[n] = e->original->windowed[l];
        number[l] = n++;
    }
    e->config.n_layers = n;
    for (size_t i = 0; i < e->n_tensors; i++) {
        bnt_edit_tensor *const t = &e->tensors[i];
        if (!t->in_layer) continue;
        t->gone = dropped[t->layer];
        if (t->gone) continue;
        const char *const suffix = read_layer(t->from->name, e->original->n_layers, &layer);
        /* The new number has no more digits than the old one. */
        snprintf(t->name, sizeof t->name, "%s%u.%s", bnt_names_at(0)->layer,
                 (unsigned)number[t->layer], suffix);
    }
}

/* ---- changes
 * -----------------------------------------------------------------------------
 */

static uint32_t *copy_list(const uint32_t *list, uint32_t n)
{
    uint32_t *const copy = list ? bnt_calloc(n, sizeof *copy) : NULL;
    if (copy) memcpy(copy, list, n * sizeof *copy);
    return copy;
}

bantam_status bnt_edit_pick(bnt_edit_tensor *t, const uint32_t *rows, uint32_t n_rows,
                            const uint32_t *columns, uint32_t n_columns, bantam_error *err)
{
    uint32_t *const own_rows = copy_list(rows, n_rows);
    uint32_t *const own_columns = copy_list(columns, n_columns);

    if ((rows && !own_rows) || (columns && !own_columns)) {
        bnt_free(own_rows);
        bnt_free(own_columns);
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for the rows of tensor %s",
                        t->name);
    }
    bnt_free(t->rows);
    bnt_free(t->columns);
    t->rows = own_rows;
    t->columns = own_columns;
    t->dims[0] = columns ? n_columns : t->from->dims[0];
    t->dims[1] = rows ? n_rows : t->from->dims[1];
    return BANTAM_OK;
}

/* What F16, and scales that are F16, can hold. */
static bool holds(const bnt_type *type, const float *values, size_t n)
{
    const float most =
        type->id == BNT_TYPE_F32 || type->id == BNT_TYPE_BF16 ? FLT_MAX : 65504.0f;

    for (size_t i = 0; i < n; i++) {
        if (!(fabsf(values[i]) <= most)) return false;
    }
    return true;
}

bantam_status bnt_edit_replace(const bnt_edit *e, bnt_edit_tensor *t, float *values,
                               bantam_error *err)
{
    const bnt_type *const kept = bnt_edit_type(e, t);
    const bnt_type *const type = kept->encode ? kept : bnt_type_find(BNT_TYPE_F16);
    const size_t n = (size_t)t->dims[0], n_rows = (size_t)t->dims[1];
    uint64_t bytes = 0;

    if (!holds(type, values, n * n_rows)) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "tensor %s: what was computed for it does not fit into type %s",
                        t->name, type->name);
    }
    bnt_type_bytes(type, n_rows, n, &bytes);
    uint8_t *const data = bnt_alloc((size_t)bytes);
    if (!data) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for tensor %s", t->name);
    }
    const size_t row_bytes = (size_t)bytes / n_rows;
    for (size_t r = 0; r < n_rows; r++) {
        type->encode(values + r * n, data + r * row_bytes, n);
        type->decode(data + r * row_bytes, values + r * n, n);
    }
    bnt_free(t->data);
    t->data = data;
    t->type = type;
    return BANTAM_OK;
}

/* Rows are picked as they are; where columns are, a row is encoded anew. */
const bnt_type *bnt_edit_type(const bnt_edit *e, const bnt_edit_tensor *t)
{
    const bnt_type *const own = t->from->type, *const half = bnt_type_find(BNT_TYPE_F16);

    if (t->data) return t->type;
    if (t->from->n_dims != 2) return own;
    const bnt_type *want = e->type;
    if (!want) want = (t->columns || t->replaced) && own->block_values > 1 ? half : own;
    return t->dims[0] % want->block_values ? half : want;
}

/* ---- data
 * --------------------------------------------------------------------------------
 */

typedef struct writing {
    const bnt_edit *edit;
    bnt_gguf_writer *w;
    bantam_progress_fn progress;
    void *user;
    uint64_t written, total;
    float *row, *picked; /* owns: of the source's widest tensor */
    uint8_t *encoded;    /* owns */
} writing;

static bantam_status tell(const writing *w, uint64_t done, bantam_error *err)
{
    if (!w->progress || w->progress(w->user, done, w->total)) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_CANCELLED, "stopped");
}

static bantam_status put_bytes(writing *w, const uint8_t *data, uint64_t bytes,
                               bantam_error *err)
{
    bantam_status status = BANTAM_OK;

    for (uint64_t at = 0; !status && at < bytes && !bnt_gguf_writer_failed(w->w);) {
        const size_t n = bytes - at < SLICE_BYTES ? (size_t)(bytes - at) : SLICE_BYTES;
        bnt_gguf_put_data(w->w, data + at, n);
        at += n;
        w->written += n;
        status = tell(w, w->written, err);
    }
    return status;
}

/* Row r of the file, whose type is `to`, of bytes. */
static void put_row(writing *w, const bnt_edit_tensor *t, const bnt_type *to, uint64_t r,
                    size_t bytes)
{
    const bnt_source_tensor *const from = t->from;
    const uint64_t own = t->rows ? t->rows[r] : r;
    const float *values = w->row;

    if (from->type == to && !t->columns && bnt_source_is_stored(from)) {
        bnt_gguf_put_data(w->w, from->data + bnt_source_row(from, own) * bytes, bytes);
        return;
    }
    bnt_source_decode(from, own, w->row);
    if (t->columns) {
        for (uint64_t c = 0; c < t->dims[0]; c++) {
            w->picked[c] = w->row[t->columns[c]];
        }
        values = w->picked;
    }
    to->encode(values, w->encoded, (size_t)t->dims[0]);
    bnt_gguf_put_data(w->w, w->encoded, bytes);
}

/* Rows of an interleaved tensor that become rows of another, 16 at a time. */
static bantam_status put_groups(writing *w, const bnt_edit_tensor *t, bantam_error *err)
{
    const bnt_source_tensor *const from = t->from;
    const size_t columns = (size_t)t->dims[0];
    const size_t bytes = bnt_tile_group_bytes(from->type->tile, columns);
    uint8_t *const group = bnt_alloc(bytes);
    bantam_status status = BANTAM_OK;

    if (!group) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for tensor %s", t->name);
    for (uint64_t r = 0; !status && r < t->dims[1]; r += BNT_TILE_ROWS) {
        const uint64_t left = t->dims[1] - r;
        bnt_tile_pick(from->type, from->data, columns, t->rows + r,
                      left < BNT_TILE_ROWS ? (uint32_t)left : BNT_TILE_ROWS, group);
        status = put_bytes(w, group, bytes, err);
    }
    bnt_free(group);
    return status;
}

static uint64_t n_rows_of(const bnt_edit_tensor *t)
{
    return t->rows ? t->dims[1] : bnt_source_rows(t->from);
}

static bantam_status put_tensor(writing *w, const bnt_edit_tensor *t, bantam_error *err)
{
    const bnt_type *const to = bnt_edit_type(w->edit, t);
    const bool changed = t->rows || t->columns || t->from->type != to || t->from->head_dim ||
                         !bnt_source_is_stored(t->from);
    const uint64_t n_rows = n_rows_of(t);
    bantam_status status = BANTAM_OK;
    uint64_t bytes = 0;

    /* Both were computed when the tensor was declared. */
    bnt_type_bytes(to, n_rows, t->dims[0], &bytes);
    if (t->data) return put_bytes(w, t->data, bytes, err);
    if (!changed) return put_bytes(w, t->from->data, bytes, err);
    if (to->tile) return put_groups(w, t, err);
    const size_t row_bytes = (size_t)(bytes / n_rows);
    status = bnt_source_begin(t->from, err);
    for (uint64_t r = 0; !status && r < n_rows && !bnt_gguf_writer_failed(w->w); r++) {
        put_row(w, t, to, r, row_bytes);
        w->written += row_bytes;
        if (r % 1024 == 0) status = tell(w, w->written, err);
    }
    return status;
}

static void declare(const writing *w)
{
    bool interleaved = false;
    for (size_t i = 0; i < w->edit->n_tensors; i++) {
        const bnt_edit_tensor *const t = &w->edit->tensors[i];
        interleaved = interleaved || (!t->gone && bnt_edit_type(w->edit, t)->tile);
    }
    if (interleaved) bnt_gguf_align(w->w, BNT_TILE_LINE);
    for (size_t i = 0; i < w->edit->n_tensors; i++) {
        const bnt_edit_tensor *const t = &w->edit->tensors[i];
        if (t->gone) continue;
        bnt_gguf_declare(w->w, bnt_text_of(t->name), bnt_edit_type(w->edit, t), t->from->n_dims,
                         t->dims);
    }
}

static bantam_status put_tensors(writing *w, bantam_error *err)
{
    uint64_t widest = 1;
    for (size_t i = 0; i < w->edit->n_tensors; i++) {
        const uint64_t n = w->edit->tensors[i].from->dims[0];
        if (n > widest) widest = n;
    }
    w->row = bnt_calloc((size_t)widest, sizeof *w->row);
    w->picked = bnt_calloc((size_t)widest, sizeof *w->picked);
    w->encoded = bnt_calloc((size_t)widest, sizeof *w->row);
    if (!w->row || !w->picked || !w->encoded) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for rows of %llu values",
                        (unsigned long long)widest);
    }
    declare(w);
    w->total = bnt_gguf_writer_total(w->w);
    bantam_status status = BANTAM_OK;
    for (size_t i = 0; !status && i < w->edit->n_tensors; i++) {
        bnt_edit_tensor *const t = &w->edit->tensors[i];
        const bool made = t->replaced && w->edit->make;
        if (t->gone) continue;
        if (made && !t->data) status = w->edit->make(w->edit->user, t, err);
        if (!status) status = put_tensor(w, t, err);
        if (!made) continue;
        bnt_free(t->data);
        t->data = NULL;
    }
    return status ? status : tell(w, w->total, err);
}

bantam_status bnt_edit_write(const bnt_edit *e, const char *out, bantam_progress_fn progress,
                             void *user, bantam_error *err)
{
    writing w = {.edit = e, .progress = progress, .user = user};

    bantam_status status = bnt_gguf_writer_open(&w.w, out, err);
    if (status) return status;
    status = bnt_edit_put_pairs(e, w.w, err);
    if (!status) status = put_tensors(&w, err);
    if (!status) status = bnt_archive_check(e->source->archive, err);
    if (!status && e->judge) status = e->judge(e->user, err);
    if (!status) {
        status = bnt_gguf_writer_commit(w.w, err);
        w.w = NULL;
    }
    bnt_gguf_writer_abort(w.w);
    bnt_free(w.row);
    bnt_free(w.picked);
    bnt_free(w.encoded);
    return status;
}
