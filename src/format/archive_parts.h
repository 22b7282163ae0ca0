/* archive_parts.h - what archive.c and hf_folder.c share: an archive being put together. */
#ifndef BNT_FORMAT_ARCHIVE_PARTS_H
#define BNT_FORMAT_ARCHIVE_PARTS_H
#include "base/map.h"
#include "base/table.h"
#include "format/archive.h"
#include "format/packed.h"
#include "format/safetensors.h"

/* One file of weights: gguf or safetensors, the other NULL. */
typedef struct bnt_part {
    char *path; /* owns all four */
    bnt_map *map;
    bnt_gguf *gguf;
    bnt_safetensors *safetensors;
    size_t first_tensor; /* in the archive's order */
} bnt_part;

struct bnt_archive {
    char *path;     /* owns */
    bool is_folder; /* path names a folder */
    char format[16];
    uint64_t bytes;
    bnt_part *parts; /* (n_parts), owns */
    size_t n_parts, part_capacity;
    json_t *config; /* owns */

    const bnt_tensor **tensors; /* (n_tensors), owns the table */
    size_t n_tensors;
    bnt_table names;
    bnt_packed *packed; /* owns; NULL: every tensor lies in a file as it is */
};

/* Maps and parses one file and adds it. Messages begin with its path. */
bantam_status bnt_archive_add(bnt_archive *archive, const char *path, bantam_error *err);

/* Makes one table of the tensors of all parts. Call once, after the last part. */
bantam_status bnt_archive_index(bnt_archive *archive, bantam_error *err);

/* Reads a Hugging Face folder: config.json and the parts, indexed. */
bantam_status bnt_hf_folder_read(bnt_archive *archive, bantam_error *err);

#endif
