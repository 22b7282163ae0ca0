/* archive.c - one table of tensors over all files of a model.
 *
 * Files are told apart by sniff.c, taken apart by gguf_read.c and safetensors.c, found in
 * folders by hf_folder.c. Here they are held together: mapped, added one after the other, and
 * their tensors entered into one table, in which a name may stand once.
 */
#include "format/archive.h"

#include "base/file.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/pages.h"
#include "format/archive_parts.h"
#include "format/builtin.h"
#include "format/grow.h"
#include "format/shards.h"
#include "format/sniff.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- parts ------------------------------------------------------------------------------- */

static void close_part(bnt_part *part)
{
    bnt_gguf_close(part->gguf);
    bnt_safetensors_close(part->safetensors);
    bnt_map_close(part->map);
    bnt_free(part->path);
}

static void close_parts(bnt_archive *a)
{
    for (size_t i = 0; i < a->n_parts; i++) {
        close_part(&a->parts[i]);
    }
    a->n_parts = 0;
    a->bytes = 0;
}

static bantam_status parse_part(bnt_part *part, bantam_error *err)
{
    const uint8_t *const data = bnt_map_data(part->map);
    const size_t size = bnt_map_size(part->map);
    bnt_container container;

    bantam_status status = bnt_sniff(data, size, &container, err);
    if (!status && container == BNT_CONTAINER_GGUF) {
        status = bnt_gguf_parse(&part->gguf, data, size, err);
    } else if (!status) {
        status = bnt_safetensors_parse(&part->safetensors, data, size, err);
    }
    /* A file cut while it was parsed reads as zeros, and the parser's complaint about them
     * would mislead. */
    if (bnt_map_damaged(part->map)) {
        bnt_gguf_close(part->gguf);
        bnt_safetensors_close(part->safetensors);
        part->gguf = NULL;
        part->safetensors = NULL;
        status = bnt_fail(err, BANTAM_ERR_IO, "the file was cut while it was read");
    }
    return status;
}

bantam_status bnt_archive_add(bnt_archive *a, const char *path, bantam_error *err)
{
    bnt_part part = {0};
    bantam_status status;

    bnt_part *const parts =
        (bnt_part *)bnt_grow(a->parts, &a->part_capacity, a->n_parts, sizeof *parts);
    if (parts) a->parts = parts;
    part.path = parts ? bnt_strdup(path, strlen(path)) : NULL;
    if (!part.path) return bnt_fail(err, BANTAM_ERR_NOMEM, "%s: out of memory", path);

    status = bnt_builtin_map(&part.map, path, err);
    if (!status) {
        status = parse_part(&part, err);
        if (status) bnt_fail_within(err, status, "%s: ", path);
    }
    if (status) {
        close_part(&part);
        return status;
    }
    a->bytes += bnt_map_size(part.map);
    a->parts[a->n_parts++] = part;
    return BANTAM_OK;
}

static size_t part_tensors(const bnt_part *part)
{
    return part->gguf ? bnt_gguf_n_tensors(part->gguf)
                      : bnt_safetensors_n_tensors(part->safetensors);
}

static const bnt_tensor *part_tensor(const bnt_part *part, size_t index)
{
    return part->gguf ? bnt_gguf_tensor_at(part->gguf, index)
                      : bnt_safetensors_tensor_at(part->safetensors, index);
}

static bantam_status enter_tensor(bnt_archive *a, const bnt_part *part, const bnt_tensor *t,
                                  bantam_error *err)
{
    uint32_t found;
    const bantam_status status =
        bnt_table_put(&a->names, t->name, (uint32_t)a->n_tensors, &found, err);

    if (status) return status;
    if (found != BNT_TABLE_NONE) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "%s: tensor %.*s stands in another file too",
                        part->path, BNT_TEXT_ARG(t->name));
    }
    a->tensors[a->n_tensors++] = t;
    return BANTAM_OK;
}

bantam_status bnt_archive_index(bnt_archive *a, bantam_error *err)
{
    size_t n = 0;

    for (size_t i = 0; i < a->n_parts; i++) {
        n += part_tensors(&a->parts[i]); /* all are in memory */
    }
    if (n >= BNT_TABLE_NONE) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "%s: %zu tensors are too many", a->path, n);
    }
    a->tensors = (const bnt_tensor **)bnt_calloc(n, sizeof(const bnt_tensor *));
    if (!a->tensors) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "%s: out of memory for %zu tensors", a->path, n);
    }
    bantam_status status = bnt_table_init(&a->names, n, err);
    for (size_t i = 0; i < a->n_parts && !status; i++) {
        bnt_part *const part = &a->parts[i];
        part->first_tensor = a->n_tensors;
        for (size_t j = 0; j < part_tensors(part) && !status; j++) {
            status = enter_tensor(a, part, part_tensor(part, j), err);
        }
    }
    return status;
}

/* ---- gguf in several files --------------------------------------------------------------- */

/* A key of a shard that must be there and have this value. */
static bantam_status expect_u32(const bnt_part *part, const char *key, uint32_t expected,
                                bantam_error *err)
{
    uint32_t found = UINT32_MAX;
    const bantam_status status = bnt_gguf_u32(part->gguf, key, &found, err);

    if (status) return bnt_fail_within(err, status, "%s: ", part->path);
    if (found == expected) return BANTAM_OK;
    if (!bnt_gguf_find(part->gguf, key)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "%s: key %s is absent, expected %" PRIu32,
                        part->path, key, expected);
    }
    return bnt_fail(err, BANTAM_ERR_FORMAT, "%s: key %s: expected %" PRIu32 ", found %" PRIu32,
                    part->path, key, expected, found);
}

static bantam_status add_shard(bnt_archive *a, const bnt_shard_name *shard, uint32_t number,
                               bantam_error *err)
{
    char *const path = bnt_shard_path(a->path, shard, number);
    bantam_status status = BANTAM_OK;

    if (!path) return bnt_fail(err, BANTAM_ERR_NOMEM, "%s: out of memory", a->path);
    if (bnt_file_kind_of(path) == BNT_FILE_ABSENT) {
        status = bnt_fail(err, BANTAM_ERR_IO, "%s: shard %" PRIu32 " of %" PRIu32 " is missing",
                          path, number, shard->count);
    }
    if (!status) status = bnt_archive_add(a, path, err);
    if (!status && !a->parts[a->n_parts - 1].gguf) {
        status = bnt_fail(err, BANTAM_ERR_FORMAT, "%s: expected a gguf shard", path);
    }
    bnt_free(path);
    if (status) return status;

    const bnt_part *const part = &a->parts[a->n_parts - 1];
    status = expect_u32(part, "split.count", shard->count, err);
    return status ? status : expect_u32(part, "split.no", number - 1, err);
}

/* Opens the whole set that the one part belongs to, its first shard first. */
static bantam_status add_set(bnt_archive *a, uint32_t count, bantam_error *err)
{
    bnt_shard_name shard;
    uint32_t stated;

    if (count > BNT_MAX_SHARDS) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "%s: key split.count: %" PRIu32 " files, at most %d are read", a->path,
                        count, BNT_MAX_SHARDS);
    }
    if (!bnt_shard_name_read(bnt_path_name(a->path), &shard) || shard.count != count) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "%s: key split.count is %" PRIu32
                        ", but the file is not named NAME-00001-of-%05" PRIu32 ".gguf",
                        a->path, count, count);
    }
    bantam_status status = expect_u32(&a->parts[0], "split.no", shard.number - 1, err);
    if (status) return status;

    close_parts(a);
    for (uint32_t i = 1; i <= count && !status; i++) {
        status = add_shard(a, &shard, i, err);
    }
    if (!status) status = bnt_archive_index(a, err);
    if (status) return status;
    if (!bnt_gguf_find(a->parts[0].gguf, "split.tensors.count")) return BANTAM_OK;
    stated = (uint32_t)a->n_tensors;
    return expect_u32(&a->parts[0], "split.tensors.count", stated, err);
}

static bantam_status open_file(bnt_archive *a, bantam_error *err)
{
    uint32_t count = 0;

    bantam_status status = bnt_archive_add(a, a->path, err);
    if (status) return status;
    const bnt_gguf *const gguf = a->parts[0].gguf;
    if (!gguf) return bnt_archive_index(a, err);

    status = bnt_gguf_u32(gguf, "split.count", &count, err);
    if (status) return bnt_fail_within(err, status, "%s: ", a->path);
    return count > 1 ? add_set(a, count, err) : bnt_archive_index(a, err);
}

/* ---- open and close ---------------------------------------------------------------------- */

bantam_status bnt_archive_open(bnt_archive **out, const char *path, bantam_error *err)
{
    bantam_status status;

    *out = NULL;
    bnt_archive *const a = (bnt_archive *)bnt_calloc(1, sizeof *a);
    if (!a) return bnt_fail(err, BANTAM_ERR_NOMEM, "%s: out of memory", path);
    a->path = bnt_strdup(path, strlen(path));
    if (!a->path) {
        status = bnt_fail(err, BANTAM_ERR_NOMEM, "%s: out of memory", path);
        goto fail;
    }
    a->is_folder = bnt_file_kind_of(path) == BNT_FILE_FOLDER;
    status = a->is_folder ? bnt_hf_folder_read(a, err) : open_file(a, err);
    if (!status && a->config) {
        status = bnt_packed_find(&a->packed, a, err);
        if (status) bnt_fail_within(err, status, "%s: ", path);
    }
    if (status) goto fail;

    const bnt_gguf *const gguf = bnt_archive_gguf(a);
    if (gguf) {
        snprintf(a->format, sizeof a->format, "gguf v%" PRIu32, bnt_gguf_version(gguf));
    } else {
        snprintf(a->format, sizeof a->format, "safetensors");
    }
    *out = a;
    return BANTAM_OK;

fail:
    bnt_archive_close(a);
    return status;
}

void bnt_archive_close(bnt_archive *a)
{
    if (!a) return;
    bnt_packed_close(a->packed);
    close_parts(a);
    bnt_free(a->parts);
    bnt_table_deinit(&a->names);
    bnt_free((void *)a->tensors);
    json_decref(a->config);
    bnt_free(a->path);
    bnt_free(a);
}

/* ---- what it holds ----------------------------------------------------------------------- */

const char *bnt_archive_path(const bnt_archive *a)
{
    return a->path;
}

const char *bnt_archive_folder(const bnt_archive *a)
{
    return a->is_folder ? a->path : NULL;
}

const char *bnt_archive_format(const bnt_archive *a)
{
    return a->format;
}

uint64_t bnt_archive_bytes(const bnt_archive *a)
{
    return a->bytes;
}

const bnt_gguf *bnt_archive_gguf(const bnt_archive *a)
{
    return a->n_parts ? a->parts[0].gguf : NULL;
}

const json_t *bnt_archive_config(const bnt_archive *a)
{
    return a->config;
}

size_t bnt_archive_n_files(const bnt_archive *a)
{
    return a->n_parts;
}

const char *bnt_archive_file_path(const bnt_archive *a, size_t index)
{
    return index < a->n_parts ? a->parts[index].path : NULL;
}

const bnt_map *bnt_archive_file_map(const bnt_archive *a, size_t index)
{
    return index < a->n_parts ? a->parts[index].map : NULL;
}

size_t bnt_archive_n_tensors(const bnt_archive *a)
{
    return a->n_tensors;
}

const bnt_tensor *bnt_archive_tensor_at(const bnt_archive *a, size_t index)
{
    return index < a->n_tensors ? a->tensors[index] : NULL;
}

const bnt_tensor *bnt_archive_find(const bnt_archive *a, const char *name)
{
    const bantam_text text = {name, strlen(name)};
    const uint32_t at = bnt_table_find(&a->names, text);

    return at == BNT_TABLE_NONE ? NULL : a->tensors[at];
}

bantam_status bnt_archive_check(const bnt_archive *a, bantam_error *err)
{
    for (size_t i = 0; i < a->n_parts; i++) {
        if (bnt_map_damaged(a->parts[i].map)) {
            return bnt_fail(err, BANTAM_ERR_IO, "%s: the file was cut while it was in use",
                            a->parts[i].path);
        }
    }
    return BANTAM_OK;
}

bantam_status bnt_archive_unpack(const bnt_archive *a, bantam_error *err)
{
    return a->packed ? bnt_packed_unpack(a->packed, err) : BANTAM_OK;
}

void bnt_archive_release(const bnt_archive *a, const uint8_t *data, uint64_t bytes)
{
    for (size_t i = 0; a && i < a->n_parts; i++) {
        const uint8_t *const file = bnt_map_data(a->parts[i].map);
        const size_t size = bnt_map_size(a->parts[i].map);
        bnt_map_stamp stamp; /* what has none is no file's */
        if (data < file || data >= file + size || !bnt_map_stamp_of(a->parts[i].map, &stamp)) {
            continue;
        }
        const size_t left = size - (size_t)(data - file);
        bnt_pages_release(data, bytes < left ? (size_t)bytes : left);
    }
}
