/* gguf_write.c - a GGUF file of version 3, put together.
 *
 * Pairs and the tensor table are collected in memory; the first byte of data writes them out,
 * for then their number is known. The data of every tensor, the last included, is filled up to
 * the alignment, because readers exist that take the data section in one piece.
 *
 * What a bnt_gguf_writer_open() began lies in a temporary file until commit.
 */
#include "format/gguf_write.h"

#include "base/checked.h"
#include "base/f16.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/text.h"
#include "format/grow.h"
#include "quant/tile.h"

#include <inttypes.h>
#include <string.h>

#define ALIGNMENT_KEY "general.alignment" /* its metadata key */

enum { DEFAULT_ALIGNMENT = 32, VERSION = 3, HEADER_BYTES = 4 + 4 + 8 + 8 };

/* More than any tokenizer needs; a stop for a caller that lost count. */
static const size_t MAX_HEAD_BYTES = (size_t)1 << 30;

typedef struct declared {
    const char *name;
    uint64_t bytes;
} declared;

struct bnt_gguf_writer {
    bnt_save *save; /* owns */
    bantam_error error;
    bantam_status failed;

    bnt_buf pairs, infos; /* as they will stand in the file */
    uint64_t n_pairs;
    uint32_t alignment;    /* of tensor data */
    bnt_table keys, names; /* of owned copies in texts */
    char **texts;          /* (n_texts), owns both */
    size_t n_texts, text_capacity;

    declared *tensors; /* (n_tensors), owns */
    size_t n_tensors, tensor_capacity;
    uint64_t data_bytes; /* of all declared tensors, each with its fill */

    bool begun;     /* the head is written */
    size_t current; /* the tensor whose turn it is */
    uint64_t given; /* bytes it got */
};

/* ---- failure ----------------------------------------------------------------------------- */

/* The first failure is kept; later calls do nothing. */
static void keep(bnt_gguf_writer *w, bantam_status status)
{
    if (!w->failed) w->failed = status;
}

static void fail_nomem(bnt_gguf_writer *w)
{
    keep(w, bnt_fail(&w->error, BANTAM_ERR_NOMEM, "out of memory for a gguf file's head"));
}

bool bnt_gguf_writer_failed(const bnt_gguf_writer *w)
{
    return w->failed || bnt_save_failed(w->save);
}

/* ---- open and close ---------------------------------------------------------------------- */

static void free_all(bnt_gguf_writer *w)
{
    bnt_buf_deinit(&w->pairs);
    bnt_buf_deinit(&w->infos);
    bnt_table_deinit(&w->keys);
    bnt_table_deinit(&w->names);
    for (size_t i = 0; i < w->n_texts; i++) {
        bnt_free(w->texts[i]);
    }
    bnt_free(w->texts);
    bnt_free(w->tensors);
    bnt_free(w);
}

bantam_status bnt_gguf_writer_open(bnt_gguf_writer **out, const char *path, bantam_error *err)
{
    return bnt_gguf_writer_open_at(out, path, NULL, err);
}

bantam_status bnt_gguf_writer_open_at(bnt_gguf_writer **out, const char *path, const char *temp,
                                      bantam_error *err)
{
    *out = NULL;
    bnt_gguf_writer *const w = (bnt_gguf_writer *)bnt_calloc(1, sizeof *w);
    if (!w) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a gguf file");

    bnt_buf_init(&w->pairs, MAX_HEAD_BYTES);
    bnt_buf_init(&w->infos, MAX_HEAD_BYTES);
    w->alignment = DEFAULT_ALIGNMENT;
    const bantam_status status = temp ? bnt_save_begin_at(&w->save, path, temp, err)
                                      : bnt_save_begin(&w->save, path, err);
    if (status) {
        free_all(w);
        return status;
    }
    *out = w;
    return BANTAM_OK;
}

void bnt_gguf_writer_abort(bnt_gguf_writer *w)
{
    if (!w) return;
    bnt_save_abort(w->save);
    free_all(w);
}

/* ---- bytes ------------------------------------------------------------------------------- */

/* Little-endian, whatever the machine. */
static void put_uint(bnt_buf *b, uint64_t value, size_t bytes)
{
    char *const to = (char *)bnt_buf_extend(b, bytes);
    if (!to) return;
    for (size_t i = 0; i < bytes; i++) {
        to[i] = (char)(unsigned char)(value >> (8 * i));
    }
}

static void put_text(bnt_buf *b, bantam_text text)
{
    put_uint(b, text.size, 8);
    bnt_buf_put(b, text.data, text.size);
}

/* A copy that lives as long as the writer. NULL after a failure. */
static const char *copy_text(bnt_gguf_writer *w, bantam_text text)
{
    char **const texts =
        (char **)bnt_grow(w->texts, &w->text_capacity, w->n_texts, sizeof *texts);
    if (texts) w->texts = texts;
    char *const copy = texts ? bnt_strdup(text.data, text.size) : NULL;
    if (!copy) {
        fail_nomem(w);
        return NULL;
    }
    w->texts[w->n_texts++] = copy;
    return copy;
}

/* Enters a key or tensor name. Returns the writer's copy, NULL after a failure. */
static const char *enter(bnt_gguf_writer *w, bnt_table *table, const char *what, size_t max,
                         bantam_text name)
{
    uint32_t found;

    if (!name.size || name.size > max) {
        keep(w, bnt_fail(&w->error, BANTAM_ERR_INVALID,
                         "a %s has 1 to %zu bytes, \"%.*s\" has %zu", what, max,
                         BNT_TEXT_ARG(name), name.size));
        return NULL;
    }
    const char *const copy = copy_text(w, name);
    if (!copy) return NULL;
    const bantam_text key = {copy, name.size};
    const bantam_status status =
        bnt_table_put(table, key, (uint32_t)w->n_texts, &found, &w->error);
    keep(w, status);
    if (!status && found != BNT_TABLE_NONE) {
        keep(w, bnt_fail(&w->error, BANTAM_ERR_INVALID, "%s %.*s is given twice", what,
                         BNT_TEXT_ARG(name)));
    }
    return w->failed ? NULL : copy;
}

/* ---- metadata ---------------------------------------------------------------------------- */

/* Key and type. False after a failure, and where the head is already written. */
static bool begin_pair(bnt_gguf_writer *w, bantam_text key, bnt_gguf_type type)
{
    if (w->failed) return false;
    if (w->begun || bnt_text_is(key, ALIGNMENT_KEY)) {
        keep(w, bnt_fail(&w->error, BANTAM_ERR_INVALID,
                         w->begun ? "key %.*s comes after tensor data"
                                  : "key %.*s is the writer's own",
                         BNT_TEXT_ARG(key)));
        return false;
    }
    if (!enter(w, &w->keys, "key", BNT_MAX_KEY, key)) return false;
    put_text(&w->pairs, key);
    put_uint(&w->pairs, (uint64_t)type, 4);
    w->n_pairs++;
    return true;
}

static bool begin_named(bnt_gguf_writer *w, const char *key, bnt_gguf_type type)
{
    const bantam_text text = {key, strlen(key)};
    return begin_pair(w, text, type);
}

static bool begin_array(bnt_gguf_writer *w, const char *key, bnt_gguf_type element, size_t n)
{
    if (!begin_named(w, key, BNT_GGUF_ARRAY)) return false;
    put_uint(&w->pairs, (uint64_t)element, 4);
    put_uint(&w->pairs, n, 8);
    return true;
}

void bnt_gguf_put_u32(bnt_gguf_writer *w, const char *key, uint32_t value)
{
    if (begin_named(w, key, BNT_GGUF_U32)) put_uint(&w->pairs, value, 4);
}

void bnt_gguf_put_u64(bnt_gguf_writer *w, const char *key, uint64_t value)
{
    if (begin_named(w, key, BNT_GGUF_U64)) put_uint(&w->pairs, value, 8);
}

void bnt_gguf_put_f32(bnt_gguf_writer *w, const char *key, float value)
{
    if (begin_named(w, key, BNT_GGUF_F32)) put_uint(&w->pairs, bnt_f32_to_bits(value), 4);
}

void bnt_gguf_put_bool(bnt_gguf_writer *w, const char *key, bool value)
{
    if (begin_named(w, key, BNT_GGUF_BOOL)) put_uint(&w->pairs, value ? 1 : 0, 1);
}

void bnt_gguf_put_text(bnt_gguf_writer *w, const char *key, bantam_text value)
{
    if (begin_named(w, key, BNT_GGUF_STRING)) put_text(&w->pairs, value);
}

void bnt_gguf_put_texts(bnt_gguf_writer *w, const char *key, const bantam_text *values,
                        size_t n)
{
    if (!begin_array(w, key, BNT_GGUF_STRING, n)) return;
    for (size_t i = 0; i < n; i++) {
        put_text(&w->pairs, values[i]);
    }
}

void bnt_gguf_put_f32s(bnt_gguf_writer *w, const char *key, const float *values, size_t n)
{
    if (!begin_array(w, key, BNT_GGUF_F32, n)) return;
    for (size_t i = 0; i < n; i++) {
        put_uint(&w->pairs, bnt_f32_to_bits(values[i]), 4);
    }
}

void bnt_gguf_put_i32s(bnt_gguf_writer *w, const char *key, const int32_t *values, size_t n)
{
    if (!begin_array(w, key, BNT_GGUF_I32, n)) return;
    for (size_t i = 0; i < n; i++) {
        put_uint(&w->pairs, (uint32_t)values[i], 4);
    }
}

void bnt_gguf_put_u32s(bnt_gguf_writer *w, const char *key, const uint32_t *values, size_t n)
{
    if (!begin_array(w, key, BNT_GGUF_U32, n)) return;
    for (size_t i = 0; i < n; i++) {
        put_uint(&w->pairs, values[i], 4);
    }
}

void bnt_gguf_put_bools(bnt_gguf_writer *w, const char *key, const bool *values, size_t n)
{
    if (!begin_array(w, key, BNT_GGUF_BOOL, n)) return;
    for (size_t i = 0; i < n; i++) {
        put_uint(&w->pairs, values[i] ? 1 : 0, 1);
    }
}

void bnt_gguf_put_pair(bnt_gguf_writer *w, const bnt_gguf_pair *pair)
{
    if (bnt_text_is(pair->key, ALIGNMENT_KEY)) return;
    if (!begin_pair(w, pair->key, pair->type)) return;
    if (pair->type == BNT_GGUF_ARRAY) put_uint(&w->pairs, (uint64_t)pair->element, 4);
    if (pair->type == BNT_GGUF_ARRAY || pair->type == BNT_GGUF_STRING) {
        put_uint(&w->pairs, pair->length, 8);
    }
    bnt_buf_put(&w->pairs, pair->data, (size_t)pair->bytes);
}

void bnt_gguf_align(bnt_gguf_writer *w, uint32_t alignment)
{
    const bantam_text key = bnt_text_of(ALIGNMENT_KEY);
    const bool sound = alignment >= DEFAULT_ALIGNMENT && alignment <= BNT_MAX_ALIGNMENT &&
                       !(alignment & (alignment - 1));

    if (w->failed) return;
    if (!sound || w->n_tensors || w->begun) {
        keep(w, bnt_fail(&w->error, BANTAM_ERR_INVALID,
                         "alignment %" PRIu32 ": expected a power of two from %d to %d, before "
                         "the first tensor",
                         alignment, (int)DEFAULT_ALIGNMENT, (int)BNT_MAX_ALIGNMENT));
        return;
    }
    if (!enter(w, &w->keys, "key", BNT_MAX_KEY, key)) return;
    put_text(&w->pairs, key);
    put_uint(&w->pairs, BNT_GGUF_U32, 4);
    put_uint(&w->pairs, alignment, 4);
    w->n_pairs++;
    w->alignment = alignment;
}

/* ---- tensors ----------------------------------------------------------------------------- */

/* Bytes of a tensor of this shape; false after a failure. */
static bool size_tensor(bnt_gguf_writer *w, bantam_text name, const bnt_type *type,
                        uint32_t n_dims, const uint64_t *dims, uint64_t *bytes)
{
    uint64_t rows = 1;
    bool sound = n_dims >= 1 && n_dims <= BNT_MAX_DIMS;

    for (uint32_t i = 0; sound && i < n_dims; i++) {
        if (!dims[i]) sound = false;
        if (i && !bnt_mul_u64(rows, dims[i], &rows)) sound = false;
    }
    if (type->tile && w->alignment < BNT_TILE_LINE) {
        keep(w, bnt_fail(&w->error, BANTAM_ERR_INVALID,
                         "tensor %.*s: type %s needs an alignment of %d", BNT_TEXT_ARG(name),
                         type->name, (int)BNT_TILE_LINE));
        return false;
    }
    if (sound && bnt_type_bytes(type, rows, dims[0], bytes)) return true;
    keep(w, bnt_fail(&w->error, BANTAM_ERR_INVALID,
                     "tensor %.*s: no shape for %s: %" PRIu32 " dimensions, rows of %" PRIu64,
                     BNT_TEXT_ARG(name), type->name, n_dims, n_dims ? dims[0] : 0));
    return false;
}

void bnt_gguf_declare(bnt_gguf_writer *w, bantam_text name, const bnt_type *type,
                      uint32_t n_dims, const uint64_t *dims)
{
    uint64_t bytes, end;

    if (w->failed) return;
    if (w->begun) {
        keep(w, bnt_fail(&w->error, BANTAM_ERR_INVALID,
                         "tensor %.*s is declared after tensor data", BNT_TEXT_ARG(name)));
        return;
    }
    if (!size_tensor(w, name, type, n_dims, dims, &bytes)) return;
    if (!bnt_align_up(bytes, w->alignment, &end) || !bnt_add_u64(end, w->data_bytes, &end)) {
        keep(w, bnt_fail(&w->error, BANTAM_ERR_INVALID, "tensor %.*s: the file exceeds 64 bits",
                         BNT_TEXT_ARG(name)));
        return;
    }
    const char *const copy = enter(w, &w->names, "tensor", BNT_MAX_TENSOR_NAME, name);
    if (!copy) return;
    declared *const tensors =
        (declared *)bnt_grow(w->tensors, &w->tensor_capacity, w->n_tensors, sizeof *tensors);
    if (!tensors) {
        fail_nomem(w);
        return;
    }
    w->tensors = tensors;
    w->tensors[w->n_tensors++] = (declared){copy, bytes};

    put_text(&w->infos, name);
    put_uint(&w->infos, n_dims, 4);
    for (uint32_t i = 0; i < n_dims; i++) {
        put_uint(&w->infos, dims[i], 8);
    }
    put_uint(&w->infos, (uint64_t)type->id, 4);
    put_uint(&w->infos, w->data_bytes, 8);
    w->data_bytes = end;
}

/* Bytes from the end of the table to the data. Both heaps stay below MAX_HEAD_BYTES. */
static uint64_t head_fill(const bnt_gguf_writer *w)
{
    const uint64_t head = HEADER_BYTES + (uint64_t)w->pairs.size + w->infos.size;
    return (w->alignment - head % w->alignment) % w->alignment;
}

uint64_t bnt_gguf_writer_total(const bnt_gguf_writer *w)
{
    return HEADER_BYTES + (uint64_t)w->pairs.size + w->infos.size + head_fill(w) +
           w->data_bytes;
}

void bnt_gguf_digest_head(const bnt_gguf_writer *w, bnt_digest *d)
{
    bnt_digest_put(d, w->pairs.data, w->pairs.size);
    bnt_digest_put(d, w->infos.data, w->infos.size);
}

static void put_fill(bnt_gguf_writer *w, uint64_t bytes)
{
    static const char zeros[DEFAULT_ALIGNMENT];
    while (bytes) {
        const size_t n = bytes < sizeof zeros ? (size_t)bytes : sizeof zeros;
        bnt_save_put(w->save, zeros, n);
        bytes -= n;
    }
}

/* Writes everything that stands before the data. */
static void begin_data(bnt_gguf_writer *w)
{
    bnt_buf head;

    w->begun = true;
    keep(w, bnt_buf_status(&w->pairs, "gguf metadata", &w->error));
    if (!w->failed) keep(w, bnt_buf_status(&w->infos, "gguf tensor table", &w->error));
    if (w->failed) return;

    bnt_buf_init(&head, HEADER_BYTES);
    bnt_buf_put(&head, "GGUF", 4);
    put_uint(&head, VERSION, 4);
    put_uint(&head, w->n_tensors, 8);
    put_uint(&head, w->n_pairs, 8);
    keep(w, bnt_buf_status(&head, "gguf header", &w->error));
    if (!w->failed) {
        bnt_save_put(w->save, head.data, head.size);
        bnt_save_put(w->save, w->pairs.data, w->pairs.size);
        bnt_save_put(w->save, w->infos.data, w->infos.size);
        put_fill(w, head_fill(w));
    }
    bnt_buf_deinit(&head);
}

static uint64_t padded(const bnt_gguf_writer *w, uint64_t bytes)
{
    return bytes + (w->alignment - bytes % w->alignment) % w->alignment;
}

void bnt_gguf_resume(bnt_gguf_writer *w, size_t n_done)
{
    uint64_t offset = bnt_gguf_writer_total(w) - w->data_bytes;
    if (bnt_gguf_writer_failed(w)) return;
    for (size_t i = 0; i < n_done; i++) {
        offset += padded(w, w->tensors[i].bytes);
    }
    w->begun = n_done > 0;
    w->current = n_done;
    bnt_save_resume(w->save, n_done ? offset : 0);
}

uint64_t bnt_gguf_sync(bnt_gguf_writer *w)
{
    bnt_save_sync(w->save);
    return bnt_save_offset(w->save);
}

void bnt_gguf_keep(bnt_gguf_writer *w, bool keep)
{
    bnt_save_keep(w->save, keep);
}

void bnt_gguf_put_data(bnt_gguf_writer *w, const void *data, size_t size)
{
    if (!w->begun && !w->failed) begin_data(w);
    if (w->failed || !size) return;
    if (w->current == w->n_tensors) {
        keep(w, bnt_fail(&w->error, BANTAM_ERR_INVALID,
                         "%zu bytes of data after the last tensor", size));
        return;
    }
    const declared *const t = &w->tensors[w->current];
    if (size > t->bytes - w->given) {
        keep(w, bnt_fail(&w->error, BANTAM_ERR_INVALID,
                         "tensor %s: given %zu bytes where %" PRIu64 " are missing", t->name,
                         size, t->bytes - w->given));
        return;
    }
    bnt_save_put(w->save, data, size);
    w->given += size;
    if (w->given == t->bytes) {
        put_fill(w, (w->alignment - t->bytes % w->alignment) % w->alignment);
        w->current++;
        w->given = 0;
    }
}

bantam_status bnt_gguf_writer_commit(bnt_gguf_writer *w, bantam_error *err)
{
    if (!w->begun && !w->failed) begin_data(w);
    /* Data that did not fit on the disk is missing, too: commit tells that reason. */
    if (!bnt_gguf_writer_failed(w) && w->current != w->n_tensors) {
        const declared *const t = &w->tensors[w->current];
        keep(w, bnt_fail(&w->error, BANTAM_ERR_INVALID,
                         "tensor %s: expected %" PRIu64 " bytes, given %" PRIu64, t->name,
                         t->bytes, w->given));
    }
    bantam_status status = w->failed;
    if (status) {
        if (err) *err = w->error;
        bnt_save_abort(w->save);
    } else {
        status = bnt_save_commit(w->save, err);
    }
    free_all(w);
    return status;
}
