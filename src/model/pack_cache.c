/* pack_cache.c - packed weights in a file.
 *
 *     bytes   what
 *     8       "BNTCACHE"
 *     4       version of this layout and of those in quant/tile.h
 *     4       number of files of the model
 *     4       number of packed matrices
 *     4       0
 *     8       where the packed bytes begin: a multiple of 4096
 *     8       size of this file
 *     32      digest of the model's matrices as its files have them
 *     24 each file of the model: size, inode, time of its last change in ns
 *     40 each matrix: type, rows, columns, 0 (4 bytes each); offset from where the packed bytes
 *             begin, bytes, digest of samples of them (8 bytes each)
 *     8       checksum of everything before
 *     ...     zeros
 *     ...     matrices, each a multiple of 64 bytes
 *
 * Numbers are little-endian. All of this but the samples' digests follows from the model, so
 * nothing is parsed: what the head must be is written down and compared. The packed bytes are
 * not read as a whole when a model is opened; first, middle and last line of every matrix are.
 * That finds files that are not complete. Other bytes that changed would be other weights: a
 * checksum of a gigabyte is not worth the time at every start, as it is not for the model
 * itself.
 */
#include "model/pack_parts.h"

#include "base/checked.h"
#include "base/mem.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum {
    VERSION = 1,
    FIXED_BYTES = 72,
    FILE_BYTES = 24,
    MATRIX_BYTES = 40,
    CHECKSUM_BYTES = 8,
    DATA_ALIGN = 4096,
    MAX_HEAD = 1 << 20 /* limits.h allows 1024 files and 3586 matrices */
};

/* ---- numbers ----------------------------------------------------------------------------- */

static void put_uint(bnt_buf *b, uint64_t value, size_t bytes)
{
    char le[8];
    for (size_t i = 0; i < bytes; i++) {
        le[i] = (char)(unsigned char)(value >> (8 * i));
    }
    bnt_buf_put(b, le, bytes);
}

static uint64_t get_u64(const uint8_t *data)
{
    uint64_t value = 0;
    for (size_t i = 0; i < 8; i++) {
        value |= (uint64_t)data[i] << (8 * i);
    }
    return value;
}

/* Every step is one-to-one, so that no single changed byte goes unseen. */
static uint64_t checksum(uint64_t sum, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        sum = (sum ^ data[i]) * 0x9E3779B97F4A7C15u;
        sum ^= sum >> 32;
    }
    return sum;
}

/* ---- the head ---------------------------------------------------------------------------- */

static uint64_t head_bytes(const bnt_packing *p)
{
    return FIXED_BYTES + FILE_BYTES * (uint64_t)bnt_archive_n_files(p->model->archive) +
           MATRIX_BYTES * (uint64_t)p->n_items + CHECKSUM_BYTES;
}

uint64_t bnt_pack_cache_bytes(const bnt_packing *p, uint64_t *data_at)
{
    *data_at = (head_bytes(p) + DATA_ALIGN - 1) & ~(uint64_t)(DATA_ALIGN - 1);
    return *data_at + p->bytes; /* list_items() keeps bytes below 2^63 */
}

/* Where the digest of an item's samples stands. */
static uint64_t digest_at(const bnt_packing *p, size_t index)
{
    return FIXED_BYTES + FILE_BYTES * (uint64_t)bnt_archive_n_files(p->model->archive) +
           MATRIX_BYTES * (uint64_t)index + 32;
}

static void put_files(const bnt_packing *p, bnt_buf *head)
{
    const bnt_archive *const a = p->model->archive;
    for (size_t i = 0; i < bnt_archive_n_files(a); i++) {
        bnt_map_stamp stamp = {0};
        (void)bnt_map_stamp_of(bnt_archive_file_map(a, i), &stamp);
        put_uint(head, stamp.size, 8);
        put_uint(head, stamp.inode, 8);
        put_uint(head, stamp.modified_ns, 8);
    }
}

/* The head as it must be. The digests of samples are those of the items, or, where a file was
 * read, those that stand in it. */
static void put_head(const bnt_packing *p, const uint8_t *read, bnt_buf *head)
{
    uint64_t data_at;
    const uint64_t size = bnt_pack_cache_bytes(p, &data_at);

    bnt_buf_puts(head, "BNTCACHE");
    put_uint(head, VERSION, 4);
    put_uint(head, bnt_archive_n_files(p->model->archive), 4);
    put_uint(head, p->n_items, 4);
    put_uint(head, 0, 4);
    put_uint(head, data_at, 8);
    put_uint(head, size, 8);
    bnt_buf_put(head, p->source, sizeof p->source);
    put_files(p, head);
    for (size_t i = 0; i < p->n_items; i++) {
        const bnt_pack_item *const item = &p->items[i];
        put_uint(head, (uint64_t)item->type->id, 4);
        put_uint(head, item->matrix->rows, 4);
        put_uint(head, item->matrix->columns, 4);
        put_uint(head, 0, 4);
        put_uint(head, item->offset, 8);
        put_uint(head, item->bytes, 8);
        put_uint(head,
                 read ? get_u64(read + digest_at(p, i))
                      : checksum(i, item->samples[0], sizeof item->samples),
                 8);
    }
    if (!head->failed) {
        put_uint(head, checksum(VERSION, (const uint8_t *)head->data, head->size), 8);
    }
}

/* ---- reading ----------------------------------------------------------------------------- */

/* Who may write to a model's cache: who may write to the model, or is the system. */
static bool is_trusted(const bnt_packing *p, const bnt_map *map)
{
    bnt_map_stamp cache, model;
    if (!bnt_map_stamp_of(map, &cache) ||
        !bnt_map_stamp_of(bnt_archive_file_map(p->model->archive, 0), &model)) {
        return false;
    }
    return cache.owner == (uint32_t)geteuid() || cache.owner == model.owner || !cache.owner;
}

static bool samples_hold(const bnt_packing *p, const uint8_t *file, uint64_t data_at)
{
    for (size_t i = 0; i < p->n_items; i++) {
        const bnt_pack_item *const item = &p->items[i];
        const uint8_t *const data = file + data_at + item->offset;
        uint64_t sum = i;
        for (size_t s = 0; s < BNT_PACK_SAMPLES; s++) {
            sum = checksum(sum, data + bnt_pack_sample_at(item, s), BNT_PACK_SAMPLE_BYTES);
        }
        if (sum != get_u64(file + digest_at(p, i))) return false;
    }
    return true;
}

static bool is_ours(const bnt_packing *p, const bnt_map *map)
{
    const uint8_t *const file = bnt_map_data(map);
    uint64_t data_at;
    bnt_buf head;

    if (bnt_map_size(map) != bnt_pack_cache_bytes(p, &data_at) || !is_trusted(p, map)) {
        return false;
    }
    bnt_buf_init(&head, MAX_HEAD);
    put_head(p, file, &head);
    const bool same = !head.failed && memcmp(head.data, file, head.size) == 0;
    bnt_buf_deinit(&head);
    return same && samples_hold(p, file, data_at) && !bnt_map_check(map);
}

bnt_map *bnt_pack_cache_open(const bnt_packing *p, const char *path)
{
    bnt_map *map = NULL;
    if (bnt_map_open(&map, path, NULL)) return NULL;
    if (is_ours(p, map)) return map;
    bnt_map_close(map);
    return NULL;
}

/* ---- writing ----------------------------------------------------------------------------- */

/* The head goes in last: the file is nothing before. files is what put_files() gave when the
 * work began. */
static bantam_status finish(bnt_packing *p, bnt_save *save, const bnt_buf *files,
                            bantam_error *err)
{
    bnt_buf head;
    bantam_status status = BANTAM_OK;

    bnt_buf_init(&head, MAX_HEAD);
    put_head(p, NULL, &head);
    status = bnt_buf_status(&head, "the head of a cache file", err);
    if (!status && memcmp(head.data + FIXED_BYTES, files->data, files->size) != 0) {
        status = bnt_fail(err, BANTAM_ERR_IO, "%s: the file was changed while it was read",
                          bnt_archive_path(p->model->archive));
    }
    if (!status) bnt_save_fail(save, bnt_save_write_at(save, 0, head.data, head.size));
    bnt_buf_deinit(&head);
    return status;
}

static bantam_status write_all(bnt_packing *p, bnt_save *save, bantam_error *err)
{
    bnt_pack_sink sink = {.save = save};
    const uint64_t bytes = bnt_pack_cache_bytes(p, &sink.data_at);
    bnt_buf files;

    if (!bnt_save_reserve(save, bytes)) return BANTAM_OK;
    bnt_buf_init(&files, MAX_HEAD);
    put_files(p, &files);
    bantam_status status = bnt_buf_status(&files, "the head of a cache file", err);
    if (!status) status = bnt_pack_run(p, sink, err);
    if (!status && !bnt_save_failed(save)) status = finish(p, save, &files, err);
    bnt_buf_deinit(&files);
    return status;
}

bantam_status bnt_pack_cache_make(bnt_packing *p, const char *path, bnt_map **out,
                                  bantam_error *why, bantam_error *err)
{
    bnt_save *save = NULL;

    *out = NULL;
    bantam_status status = bnt_save_begin(&save, path, why);
    if (status == BANTAM_ERR_NOMEM) return bnt_fail(err, status, "%s: out of memory", path);
    if (status) return BANTAM_OK;

    status = write_all(p, save, err);
    if (status) {
        bnt_save_abort(save);
        return status;
    }
    if (bnt_save_commit(save, why)) return BANTAM_OK;
    *out = bnt_pack_cache_open(p, path);
    if (!*out) bnt_fail(why, BANTAM_ERR_IO, "%s: cannot be read back", path);
    return BANTAM_OK;
}
