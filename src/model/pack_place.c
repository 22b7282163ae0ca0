/* pack_place.c - folders for cache files, how much may lie in them, and what is removed.
 *
 * pack.h says where a cache file lies. The name in the shared folder has a hash of the model's
 * real path, so that models of one name do not take turns.
 */
#include "model/pack_parts.h"

#include "base/kept.h"
#include "base/mem.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#ifndef PATH_MAX
#define PATH_MAX 4096
#endif

static const char suffix[] = ".bantam-cache";

enum {
    MAX_NAME = 255, /* of every file system in use */
    KEPT_NAME = 100 /* of a model's name in the shared folder */
};

static const uint64_t default_max = (uint64_t)16 << 30, default_least = (uint64_t)16 << 20;

/* ---- settings ---------------------------------------------------------------------------- */

uint64_t bnt_pack_least_bytes(void)
{
    return bnt_kept_size_setting("BANTAM_CACHE_MIN", default_least);
}

/* The caches of the shared folder. */
static bnt_kept_folder shared_at(const char *folder)
{
    return (bnt_kept_folder){folder, suffix,
                             bnt_kept_size_setting("BANTAM_CACHE_MAX", default_max),
                             "BANTAM_CACHE_MAX"};
}

/* ---- names ------------------------------------------------------------------------------- */

static uint64_t hash(const char *text)
{
    uint64_t h = 0xCBF29CE484222325u; /* FNV-1a */
    for (; *text; text++) {
        h = (h ^ (unsigned char)*text) * 0x100000001B3u;
    }
    return h;
}

/* The hash of the real path. A model that is gone may have left its folder behind. */
static bool hash_path(const char *path, uint64_t *out)
{
    char real[PATH_MAX];

    if (realpath(path, real)) {
        *out = hash(real);
        return true;
    }
    char *const folder = bnt_path_folder(path);
    if (!folder) return false;
    const bantam_text name = bnt_path_name(path);
    char *const whole =
        bnt_path_join(realpath(folder, real) ? real : folder, name.data); /* ends with path */
    if (whole) *out = hash(whole);
    bnt_free(whole);
    bnt_free(folder);
    return whole != NULL;
}

static bool is_link(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

/* ---- the places of one model ------------------------------------------------------------- */

static bool add_beside(bnt_pack_places *out, const char *model_path)
{
    bnt_pack_place *const place = &out->at[out->n++];
    const bantam_text name = bnt_path_name(model_path);
    char full[MAX_NAME + 1];

    snprintf(full, sizeof full, "%.*s%s", (int)name.size, name.data, suffix);
    place->folder = bnt_path_folder(model_path);
    place->path = place->folder ? bnt_path_join(place->folder, full) : NULL;
    return place->path != NULL;
}

/* Takes folder. */
static bool add_shared(bnt_pack_places *out, char *folder, const char *model_path)
{
    bnt_pack_place *const place = &out->at[out->n++];
    const bantam_text name = bnt_path_name(model_path);
    char full[MAX_NAME + 1];
    uint64_t h = 0;

    place->folder = folder;
    place->shared = true;
    if (!hash_path(model_path, &h)) return false;
    snprintf(full, sizeof full, "%.*s-%016" PRIx64 "%s",
             name.size < KEPT_NAME ? (int)name.size : KEPT_NAME, name.data, h, suffix);
    place->path = bnt_path_join(folder, full);
    return place->path != NULL;
}

bantam_status bnt_pack_places_find(bnt_pack_places *out, const char *model_path, bool all,
                                   bantam_error *err)
{
    char *folder = NULL;
    bool own, off, ok = true;

    *out = (bnt_pack_places){0};
    const bantam_status status = bnt_kept_home(&folder, &own, &off, err);
    if (status) return status;
    if (off && !all) {
        bnt_free(folder);
        return BANTAM_OK;
    }
    const bool fits = bnt_path_name(model_path).size + strlen(suffix) <= MAX_NAME;
    if (fits && (all || (!own && !is_link(model_path)))) ok = add_beside(out, model_path);
    if (folder) {
        ok = add_shared(out, folder, model_path) && ok;
    }
    if (ok) return BANTAM_OK;
    bnt_pack_places_free(out);
    return bnt_fail(err, BANTAM_ERR_NOMEM, "%s: out of memory", model_path);
}

void bnt_pack_places_free(bnt_pack_places *places)
{
    for (size_t i = 0; i < places->n; i++) {
        bnt_free(places->at[i].path);
        bnt_free(places->at[i].folder);
    }
    *places = (bnt_pack_places){0};
}

void bnt_pack_place_used(const bnt_pack_place *place)
{
    if (place->shared) bnt_kept_used(place->path);
}

bool bnt_pack_place_ready(const bnt_pack_place *place, uint64_t bytes, bantam_error *why)
{
    const bnt_kept_folder folder = shared_at(place->folder);

    if (place->shared && !bnt_kept_make_room(&folder, place->path, bytes, why)) return false;
    return bnt_kept_fits_disk(place->folder, place->path, bytes, why);
}

/* ---- removing ---------------------------------------------------------------------------- */

/* The path that the cache of a model is named after: a set of shards is named after its first,
 * whichever one is given. Owned by the caller. */
static bantam_status named_after(const char *path, char **out, bantam_error *err)
{
    bnt_archive *archive = NULL;
    const char *name = path;

    if (bnt_archive_open(&archive, path, NULL) == BANTAM_OK &&
        bnt_archive_n_files(archive) > 0) {
        name = bnt_archive_file_path(archive, 0);
    }
    *out = bnt_strdup(name, strlen(name));
    bnt_archive_close(archive);
    return *out ? BANTAM_OK : bnt_fail(err, BANTAM_ERR_NOMEM, "%s: out of memory", path);
}

bantam_status bnt_pack_remove(const char *path, bnt_removed_fn fn, void *user,
                              bantam_error *err)
{
    bnt_pack_places places = {0};
    char *name = NULL;

    bantam_status status = named_after(path, &name, err);
    if (!status) status = bnt_pack_places_find(&places, name, true, err);
    for (size_t i = 0; i < places.n && !status; i++) {
        status = bnt_kept_remove(places.at[i].path, fn, user, err);
    }
    bnt_pack_places_free(&places);
    bnt_free(name);
    return status;
}

bantam_status bnt_pack_remove_all(bnt_removed_fn fn, void *user, bantam_error *err)
{
    char *path = NULL;
    bool own, off;

    bantam_status status = bnt_kept_home(&path, &own, &off, err);
    if (!status && path) {
        const bnt_kept_folder folder = shared_at(path);
        status = bnt_kept_remove_all(&folder, fn, user, err);
    }
    bnt_free(path);
    return status;
}
