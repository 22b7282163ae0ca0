/* archive.h - a model as it lies on disk, whatever its container.
 *
 * One object for a GGUF file with all its shards, a safetensors file, and a Hugging Face folder
 * with its config.json, index and shards. It owns the mappings; tensors and texts that it gives
 * out are borrowed until it is closed.
 */
#ifndef BNT_FORMAT_ARCHIVE_H
#define BNT_FORMAT_ARCHIVE_H
#include "base/json.h"
#include "base/map.h"
#include "format/gguf.h"

typedef struct bnt_archive bnt_archive;

/* path: a GGUF file (any shard of a set opens the whole set), a .safetensors file, or a folder
 * with config.json. The container is told by the bytes, not by the name. Folders without
 * weights open too (a tokenizer may be all that is wanted); they have no tensors. Messages
 * begin with the path of the file at fault. */
bantam_status bnt_archive_open(bnt_archive **out, const char *path, bantam_error *err);
void bnt_archive_close(bnt_archive *archive); /* accepts NULL */

const char *bnt_archive_path(const bnt_archive *archive);   /* as opened */
const char *bnt_archive_folder(const bnt_archive *archive); /* NULL for a single file */
const char *bnt_archive_format(const bnt_archive *archive); /* "gguf v3", "safetensors" */
uint64_t bnt_archive_bytes(const bnt_archive *archive);     /* of all weight files */

/* The first shard's metadata; NULL for safetensors. */
const bnt_gguf *bnt_archive_gguf(const bnt_archive *archive);
/* config.json; NULL for GGUF and single files. Borrowed. */
const json_t *bnt_archive_config(const bnt_archive *archive);

/* The files of weights in their order; a set of shards has several. Borrowed. */
size_t bnt_archive_n_files(const bnt_archive *archive);
const char *bnt_archive_file_path(const bnt_archive *archive, size_t index);
const bnt_map *bnt_archive_file_map(const bnt_archive *archive, size_t index);

size_t bnt_archive_n_tensors(const bnt_archive *archive);
const bnt_tensor *bnt_archive_tensor_at(const bnt_archive *archive, size_t index);
/* By name, in constant time. NULL where absent. */
const bnt_tensor *bnt_archive_find(const bnt_archive *archive, const char *name);

/* Gives tensors that lie packed in their files (packed.h) values in memory; nothing to do for
 * most archives, and the second time. Before that such tensors have no data. */
bantam_status bnt_archive_unpack(const bnt_archive *archive, bantam_error *err);
/* Lets the system take back the pages of bytes of a mapped file; they are read again when they
 * are needed. Bytes that lie in memory alone stay, and all do where archive is NULL. */
void bnt_archive_release(const bnt_archive *archive, const uint8_t *data, uint64_t bytes);

/* BANTAM_ERR_IO once any mapped file was cut under us. */
bantam_status bnt_archive_check(const bnt_archive *archive, bantam_error *err);

#endif
