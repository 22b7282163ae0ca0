/* pack_parts.h - a packing under way, as pack.c, pack_cache.c and pack_place.c share it. */
#ifndef BNT_MODEL_PACK_PARTS_H
#define BNT_MODEL_PACK_PARTS_H
#include "base/file.h"
#include "base/map.h"
#include "model/pack.h"

enum { BNT_PACK_SAMPLES = 3, BNT_PACK_SAMPLE_BYTES = 64 };

/* One matrix to be packed. Pieces of some groups are tasks of the pool. */
typedef struct bnt_pack_item {
    bnt_matrix *matrix;   /* of the model, as the file has it until all is done */
    const bnt_type *type; /* its interleaved form */
    size_t group_bytes;
    uint32_t n_groups, task_groups;
    uint64_t offset, bytes; /* among all packed bytes; offset is a multiple of 64 */
    size_t first_task;
    uint8_t samples[BNT_PACK_SAMPLES][BNT_PACK_SAMPLE_BYTES]; /* of the packed bytes */
} bnt_pack_item;

typedef struct bnt_packing {
    bnt_model *model;
    const bnt_pack_options *options;
    bnt_pack_item *items; /* (n_items) owns */
    size_t n_items, n_tasks;
    size_t piece_bytes; /* of the largest task */
    uint64_t bytes;     /* of all items */
    uint8_t source[32]; /* bnt_model_digest() */
} bnt_packing;

/* Where the samples of an item lie among its bytes. */
uint64_t bnt_pack_sample_at(const bnt_pack_item *item, size_t index);

/* Where packed bytes go: to memory, or into a file from data_at on. */
typedef struct bnt_pack_sink {
    uint8_t *memory; /* (bytes) 64-aligned; NULL: the file */
    bnt_save *save;
    uint64_t data_at;
} bnt_pack_sink;

/* Interleaves everything and fills in the samples. A file that cannot be written is no failure
 * here: it is kept in sink.save. */
bantam_status bnt_pack_run(bnt_packing *p, bnt_pack_sink sink, bantam_error *err);

/* ---- the cache file: pack_cache.c ---- */

/* The size of the cache file, and where the packed bytes begin in it. */
uint64_t bnt_pack_cache_bytes(const bnt_packing *p, uint64_t *data_at);

/* Maps the cache file at path if it is that of this model as it is now; else NULL. */
bnt_map *bnt_pack_cache_open(const bnt_packing *p, const char *path);

/* Makes it and maps it. Where that failed for a reason of the place alone, the result is
 * BANTAM_OK, *out is NULL and *why tells the reason. */
bantam_status bnt_pack_cache_make(bnt_packing *p, const char *path, bnt_map **out,
                                  bantam_error *why, bantam_error *err);

/* ---- where it lies: pack_place.c ---- */

typedef struct bnt_pack_place {
    char *path;   /* owns, as all */
    char *folder; /* path lies in it */
    bool shared;
} bnt_pack_place;

typedef struct bnt_pack_places {
    bnt_pack_place at[2]; /* the better one first */
    size_t n;             /* 0: BANTAM_CACHE says off */
} bnt_pack_places;

/* all: for removing, whatever BANTAM_CACHE allows. */
bantam_status bnt_pack_places_find(bnt_pack_places *out, const char *model_path, bool all,
                                   bantam_error *err);
void bnt_pack_places_free(bnt_pack_places *places);

/* Makes the place ready for a file of that size: its folder made, older caches removed where
 * they are too many. False, and *why, where the file should not be made. */
bool bnt_pack_place_ready(const bnt_pack_place *place, uint64_t bytes, bantam_error *why);

/* The file was used: it is the last to be removed. */
void bnt_pack_place_used(const bnt_pack_place *place);

/* Weights of less are packed into memory. */
uint64_t bnt_pack_least_bytes(void);

#endif
