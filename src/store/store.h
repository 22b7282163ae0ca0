/* store.h - Bantam's own store of models: one folder a model, which says itself what it holds.
 *
 *     BANTAM_HOME/models/ORG--REPO/              as published
 *                       /ORG--REPO--FORM/        one gguf file, or one made here
 *                                       /bantam.json
 *                       /.part--ORG--REPO/       not finished
 *
 * BANTAM_HOME is XDG_DATA_HOME/bantam, else ~/.local/share/bantam, where it is not set. A model
 * appears under its name when all of it is there. Nothing here touches a network.
 */
#ifndef BNT_STORE_STORE_H
#define BNT_STORE_STORE_H
#include "store/registry.h"

/* ---- folders ----------------------------------------------------------------------------- */

/* The folder of all models, which may not exist; owned by the caller (bnt_free). NULL with
 * BANTAM_OK where no variable says where it could be. */
bantam_status bnt_store_folder(char **out, bantam_error *err);

enum { BNT_STORE_KEY_BYTES = 320 };

/* The name of a model's folder: "ORG--REPO--FORM". */
void bnt_store_key(const char *repository, const char *form, char out[BNT_STORE_KEY_BYTES]);

/* The folder in which a model is put together, with those above it; owned by the caller. What
 * an earlier attempt has left there stays. */
bantam_status bnt_store_stage(const char *models, const char *key, char **out,
                              bantam_error *err);

/* Makes the staged folder the model's, in one step where the system can; one that was there is
 * removed afterwards. Takes nothing. */
bantam_status bnt_store_install(const char *models, const char *key, const char *stage,
                                bantam_error *err);

/* Makes a folder and those above it. */
bantam_status bnt_store_make_folders(const char *path, bantam_error *err);

/* Removes a file or a folder with all in it; links are removed, not followed. That nothing is
 * there is no failure. */
bantam_status bnt_store_remove_tree(const char *path, bantam_error *err);

/* ---- manifests --------------------------------------------------------------------------- */

extern const char bnt_store_manifest[]; /* "bantam.json" */

typedef struct bnt_stored_file {
    const char *path;   /* below the folder */
    const char *sha256; /* in hexadecimal; empty where nobody has said it */
    uint64_t bytes;
} bnt_stored_file;

typedef struct bnt_manifest {
    const char *name, *repository, *form, *revision, *license;
    const char *open;             /* the file to open; empty: the folder itself */
    const bnt_stored_file *files; /* (n_files) */
    size_t n_files;
} bnt_manifest;

/* Writes FOLDER/bantam.json, whole or not at all. */
bantam_status bnt_store_write(const char *folder, const bnt_manifest *manifest,
                              bantam_error *err);

/* Whether the model in a folder has, by its manifest, a file of that size and hash, and the
 * file is still there in that size. */
bool bnt_store_has(const char *folder, const char *path, uint64_t bytes, const char *sha256);

/* ---- what is there ----------------------------------------------------------------------- */

typedef struct bnt_stored {
    char *folder, *path; /* owns: the model's folder, and what is to be opened */
    char name[BNT_MODEL_NAME_BYTES];
    char repository[BNT_REPOSITORY_BYTES];
    char form[BNT_FORM_BYTES];
    char revision[72];
    uint64_t bytes; /* of its weight files */
} bnt_stored;

typedef struct bnt_store {
    bnt_stored *items; /* (n), owns; in order of name */
    size_t n, capacity;
} bnt_store;

/* Reads what the store holds. A folder without a sound manifest is passed over. */
bantam_status bnt_store_read(bnt_store *out, bantam_error *err);
void bnt_store_close(bnt_store *store); /* accepts a zeroed one */

/* The model that a name means; NULL where there is none. A repository's name without a form
 * means the model as published, or else its only other form; several are
 * BANTAM_ERR_INVALID. */
bantam_status bnt_store_find(const bnt_store *store, const bnt_named *named,
                             const bnt_stored **out, bantam_error *err);

/* bantam_locate() and bantam_list_models(): the store first, then the hub cache. */
bantam_status bnt_store_locate(const char *name, char *path, size_t capacity,
                               bantam_error *err);
bantam_status bnt_store_list(bantam_list_fn fn, void *user, bantam_error *err);

/* bantam_remove_model(). */
bantam_status bnt_store_remove(const char *name, bantam_removed_fn fn, void *user,
                               bantam_error *err);

#endif
