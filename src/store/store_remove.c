/* store_remove.c - models taken away: out of the store, the hub cache and plain folders.
 *
 * Out of the store and the cache goes a model's whole folder. From a plain folder only files go
 * that are known to belong to a model, and the folder when nothing else is left in it.
 */
#include "store/store.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "format/locate.h"
#include "format/shards.h"

#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef PATH_MAX
#define PATH_MAX 4096
#endif

enum { MAX_FILES = 1 << 16 };

typedef struct removal {
    bantam_removed_fn fn; /* may be NULL */
    void *user;
} removal;

static bantam_status no_memory(bantam_error *err)
{
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a path");
}

static void tell(const removal *r, const char *path, uint64_t bytes)
{
    if (r->fn) r->fn(r->user, bnt_text_of(path), bytes);
}

static uint64_t file_bytes(const char *path)
{
    struct stat st;
    return lstat(path, &st) || st.st_size < 0 ? 0 : (uint64_t)st.st_size;
}

/* Removes one file and tells of it. */
static bantam_status remove_file(const removal *r, const char *path, bantam_error *err)
{
    const uint64_t bytes = file_bytes(path);

    if (unlink(path)) {
        return bnt_fail(err, BANTAM_ERR_IO, "%s: cannot remove it: %s", path, strerror(errno));
    }
    tell(r, path, bytes);
    return BANTAM_OK;
}

/* ---- folders of models ------------------------------------------------------------------- */

/* Sum of the files right in a folder. */
static uint64_t folder_bytes(const char *folder)
{
    char **names = NULL;
    size_t n = 0;
    uint64_t sum = 0;

    if (bnt_file_list(folder, MAX_FILES, &names, &n, NULL)) return 0;
    for (size_t i = 0; i < n; i++) {
        char *const path = bnt_path_join(folder, names[i]);
        if (path && bnt_file_kind_of(path) == BNT_FILE_REGULAR) sum += file_bytes(path);
        bnt_free(path);
    }
    bnt_free((void *)names);
    return sum;
}

/* Takes a folder away under another name first, so that the model is gone at once and whole. */
static bantam_status remove_folder(const removal *r, const char *parent, const char *name,
                                   uint64_t bytes, bantam_error *err)
{
    char gone_name[NAME_MAX + 16];
    bantam_status status = BANTAM_OK;
    char *const path = bnt_path_join(parent, name);

    snprintf(gone_name, sizeof gone_name, ".gone--%s", name);
    char *const gone = bnt_path_join(parent, gone_name);
    if (!path || !gone) status = no_memory(err);
    if (!status) status = bnt_store_remove_tree(gone, err);
    if (!status && rename(path, gone)) {
        status =
            bnt_fail(err, BANTAM_ERR_IO, "%s: cannot remove it: %s", path, strerror(errno));
    }
    if (!status) status = bnt_store_remove_tree(gone, err);
    if (!status) tell(r, path, bytes);
    bnt_free(gone);
    bnt_free(path);
    return status;
}

/* ---- the store --------------------------------------------------------------------------- */

/* What an unfinished download has left. */
static bantam_status remove_stage(const removal *r, const char *models, const bnt_named *named,
                                  bool *removed, bantam_error *err)
{
    char key[BNT_STORE_KEY_BYTES], name[BNT_STORE_KEY_BYTES + 8];

    bnt_store_key(named->repository, named->form, key);
    snprintf(name, sizeof name, ".part--%s", key);
    char *const path = bnt_path_join(models, name);
    if (!path) return no_memory(err);
    bantam_status status = BANTAM_OK;
    if (bnt_file_kind_of(path) == BNT_FILE_FOLDER) {
        const uint64_t bytes = folder_bytes(path);
        status = bnt_store_remove_tree(path, err);
        *removed = !status;
        if (!status) tell(r, path, bytes);
    }
    bnt_free(path);
    return status;
}

static bantam_status remove_stored(const removal *r, const bnt_named *named, bool *removed,
                                   bantam_error *err)
{
    bnt_store store;
    const bnt_stored *s = NULL;
    char *models = NULL;

    *removed = false;
    bantam_status status = bnt_store_folder(&models, err);
    if (status || !models) return status;
    status = bnt_store_read(&store, err);
    if (!status) status = bnt_store_find(&store, named, &s, err);
    if (!status && s && !named->file && strcasecmp(s->form, named->form) != 0) {
        status = bnt_fail(err, BANTAM_ERR_IO, "%s: not on this machine; there is %s",
                          named->name, s->name);
    }
    if (!status && s) {
        const char *const key = strrchr(s->folder, '/') + 1;
        status = remove_folder(r, models, key, s->bytes, err);
        *removed = !status;
    }
    if (!status) status = remove_stage(r, models, named, removed, err);
    bnt_store_close(&store);
    bnt_free(models);
    return status;
}

/* ---- the hub cache ----------------------------------------------------------------------- */

/* One file of a snapshot: the link, and the blob it leads to, where that lies in the same
 * repository. */
static bantam_status remove_linked(const removal *r, const char *repository, const char *path,
                                   bantam_error *err)
{
    char whole[PATH_MAX], real[PATH_MAX];
    bantam_status status = BANTAM_OK;

    if (realpath(repository, whole) && realpath(path, real)) {
        const size_t n = strlen(whole);
        if (strncmp(real, whole, n) == 0 && real[n] == '/' && !bnt_file_is_same(path, whole)) {
            struct stat st;
            const bool link = lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
            if (link) status = remove_file(r, real, err);
        }
    }
    return status ? status : remove_file(&(removal){NULL, NULL}, path, err);
}

/* A gguf file with all its shards. repository is where the hub cache keeps them; NULL: they are
 * plain files. */
static bantam_status remove_gguf(const removal *r, const char *path, const char *repository,
                                 bantam_error *err)
{
    bnt_shard_name shard;
    bantam_status status = BANTAM_OK;

    if (!bnt_shard_name_read(bnt_path_name(path), &shard)) {
        return repository ? remove_linked(r, repository, path, err) : remove_file(r, path, err);
    }
    for (uint32_t i = 1; i <= shard.count && !status; i++) {
        char *const part = bnt_shard_path(path, &shard, i);
        if (!part) return no_memory(err);
        if (bnt_file_is_there(part)) {
            status = repository ? remove_linked(r, repository, part, err)
                                : remove_file(r, part, err);
        }
        bnt_free(part);
    }
    return status;
}

static bantam_status remove_from_hub(const removal *r, const char *name, bool *removed,
                                     bantam_error *err)
{
    const char *file = NULL;
    char *folder = NULL, path[PATH_MAX];

    *removed = false;
    bantam_status status = bnt_hub_repository(name, &folder, &file, err);
    if (!status && folder && file) {
        status = bnt_locate(name, path, sizeof path, err);
        if (!status) status = remove_gguf(r, path, folder, err);
        *removed = !status;
    } else if (!status && folder) {
        char *const blobs = bnt_path_join(folder, "blobs");
        const uint64_t bytes = blobs ? folder_bytes(blobs) : 0;
        char *const slash = strrchr(folder, '/');
        *slash = '\0';
        status = remove_folder(r, folder, slash + 1, bytes, err);
        *removed = !status;
        bnt_free(blobs);
    }
    bnt_free(folder);
    return status;
}

/* ---- plain files and folders ------------------------------------------------------------- */

/* Whether a file is one that pull fetches, or that belongs to what it fetches. */
static bool is_of_model(const char *name)
{
    char pattern[64];

    if (strcmp(name, bnt_store_manifest) == 0) return true;
    for (const char *at = bnt_registry_files; *at;) {
        const size_t n = strcspn(at, " ");
        snprintf(pattern, sizeof pattern, "%.*s", (int)n, at);
        if (fnmatch(pattern, name, FNM_PERIOD) == 0) return true;
        at += n + strspn(at + n, " ");
    }
    return false;
}

static bantam_status remove_plain_folder(const removal *r, const char *folder,
                                         bantam_error *err)
{
    char **names = NULL;
    size_t n = 0, n_weights = 0;
    bool config = false;

    bantam_status status = bnt_file_list(folder, MAX_FILES, &names, &n, err);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], "config.json") == 0) config = true;
        if (bnt_text_ends_with(bnt_text_of(names[i]), ".safetensors")) n_weights++;
    }
    if (!status && (!config || !n_weights)) {
        status =
            bnt_fail(err, BANTAM_ERR_INVALID,
                     "%s: expected a model's folder, with config.json and safetensors", folder);
    }
    for (size_t i = 0; i < n && !status; i++) {
        if (!is_of_model(names[i])) continue;
        char *const path = bnt_path_join(folder, names[i]);
        status = path ? remove_file(r, path, err) : no_memory(err);
        bnt_free(path);
    }
    if (!status) (void)rmdir(folder); /* stays where something else is in it */
    bnt_free((void *)names);
    return status;
}

static bantam_status remove_path(const removal *r, const char *path, bantam_error *err)
{
    switch (bnt_file_kind_of(path)) {
    case BNT_FILE_FOLDER:
        return remove_plain_folder(r, path, err);
    case BNT_FILE_REGULAR:
        if (bnt_text_ends_with(bnt_text_of(path), ".gguf")) {
            return remove_gguf(r, path, NULL, err);
        }
        return bnt_fail(err, BANTAM_ERR_INVALID, "%s: expected a .gguf file", path);
    case BNT_FILE_ABSENT:
        return bnt_fail(err, BANTAM_ERR_IO, "%s: no such file or folder", path);
    default:
        return bnt_fail(err, BANTAM_ERR_INVALID, "%s: expected a file or folder", path);
    }
}

bantam_status bnt_store_remove(const char *name, bantam_removed_fn fn, void *user,
                               bantam_error *err)
{
    const removal r = {fn, user};
    bnt_named named;
    bantam_error why = {0};
    bool removed = false;

    if (bnt_is_model_path(name) || bnt_file_kind_of(name) != BNT_FILE_ABSENT) {
        return remove_path(&r, name, err);
    }
    bantam_status status = bnt_registry_find(name, &named, &why);
    if (status && strchr(name, ':')) return bnt_fail(err, status, "%s", why.message);
    /* What no registry knows may still lie in the hub cache under that name. */
    status = status ? BANTAM_OK : remove_stored(&r, &named, &removed, err);
    if (status || removed) return status;

    if (!named.made) {
        const bool table = bnt_registry_claims(name);
        status = remove_from_hub(&r, table ? named.repository : name, &removed, err);
        if (status || removed) return status;
    }
    return bnt_fail(err, BANTAM_ERR_IO, "%s: not on this machine", name);
}
