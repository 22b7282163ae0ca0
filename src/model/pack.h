/* pack.h - weights that kernels can use as they lie.
 *
 * Matrices of GGUF's block types are interleaved (quant/tile.h) once, by all cores, into a
 * cache file that later opens of the model only map, or into memory. No value changes and no
 * other bits come out of a pass. The cache file is a file like any other: what stands in it is
 * held against the model before a byte of it is used, and anything else than the cache of this
 * very model is made anew without a word.
 *
 * Where it lies:
 *
 *     MODEL.gguf.bantam-cache           beside the model, where that folder can be written to
 *     DIR/MODEL.gguf-HASH.bantam-cache  else; also for a model that is reached through a link,
 *                                       as in the hub cache
 *
 * DIR is BANTAM_CACHE, else XDG_CACHE_HOME/bantam, else ~/.cache/bantam. With BANTAM_CACHE set
 * every cache file goes there; BANTAM_CACHE=off makes none. The files in DIR together stay
 * below BANTAM_CACHE_MAX (16G); those not used for the longest time go first. Weights of less
 * than BANTAM_CACHE_MIN (16M) are packed faster than a file is found, and no file is made that
 * would fill the disk. Sizes are numbers of bytes, or end in K, M, G, T: powers of 1024.
 */
#ifndef BNT_MODEL_PACK_H
#define BNT_MODEL_PACK_H
#include "base/kept.h"
#include "model/model.h"

typedef struct bnt_pack bnt_pack;

typedef struct bnt_pack_options {
    bool no_cache;               /* into memory; no file is looked for, none is made */
    bantam_progress_fn progress; /* may be NULL; in packed bytes. false stops the packing */
    void *user;
} bnt_pack_options;

/* Replaces every matrix of model that has an interleaved form. options may be NULL. On failure
 * the model is as it was: BANTAM_ERR_NOMEM, BANTAM_ERR_CANCELLED, or BANTAM_ERR_IO where the
 * model's own file was cut or changed meanwhile. That there is no place for a cache file is no
 * failure. */
bantam_status bnt_model_pack(bnt_model *model, const bnt_pack_options *options,
                             bantam_error *err);
void bnt_pack_close(bnt_pack *pack); /* accepts NULL */

/* For a model that is only described and planned with: every matrix that would be packed gets
 * the type and size that packing would give it, and no data. no_cache as above. */
void bnt_pack_pretend(bnt_model *model, bool no_cache);

/* Borrowed until the pack is closed. */
const uint8_t *bnt_pack_source(const bnt_pack *pack); /* bnt_model_digest() before packing */
const char *bnt_pack_path(const bnt_pack *pack);      /* of the cache file; NULL: in memory */
const char *bnt_pack_note(const bnt_pack *pack); /* why none could be made; NULL: no reason */

/* BANTAM_ERR_IO once the cache file was cut under us. */
bantam_status bnt_pack_check(const bnt_pack *pack, bantam_error *err);

/* ---- cache files removed ---- */

/* Those of one model, wherever they may lie; path as the model is opened. The model need not be
 * there any more. */
bantam_status bnt_pack_remove(const char *path, bnt_removed_fn fn, void *user,
                              bantam_error *err);
/* All in the shared folder. */
bantam_status bnt_pack_remove_all(bnt_removed_fn fn, void *user, bantam_error *err);

#endif
