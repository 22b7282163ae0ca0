/* pack_place.c - folders for cache files, how much may lie in them, and what is removed.
 *
 * pack.h says where a cache file lies. The name in the shared folder has a hash of the model's
 * real path, so that models of one name do not take turns. A file's time of last change is that
 * of its last use: the times of last access that systems keep are not to be relied on.
 */
#include "model/pack_parts.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#ifndef PATH_MAX
#define PATH_MAX 4096
#endif

static const char suffix[] = ".bantam-cache";
static const char temp_prefix[] = ".bantam-", temp_suffix[] = ".tmp";

enum {
    MAX_FILES = 1 << 16, /* in a folder */
    MAX_NAME = 255,      /* of every file system in use */
    KEPT_NAME = 100      /* of a model's name in the shared folder */
};

/* What a killed process leaves behind is removed when nobody can be writing to it any more. */
static const int64_t stale_seconds = 24 * 60 * 60;

static const uint64_t default_max = (uint64_t)16 << 30, default_least = (uint64_t)16 << 20;

/* Of a file system that is left free: a twentieth, but no more than this. */
static const uint64_t most_left_free = (uint64_t)1 << 30;

/* ---- settings ---------------------------------------------------------------------------- */

static const char *setting(const char *name)
{
    const char *const value = getenv(name);
    return value && *value ? value : NULL;
}

/* A number with K, M, G or T behind it, or none. Anything else is the default. */
static uint64_t size_setting(const char *name, uint64_t fallback)
{
    static const char units[] = "KMGT";
    const char *const text = setting(name);
    uint64_t value = 0;

    if (!text || *text < '0' || *text > '9') return fallback;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        const uint64_t digit = (uint64_t)(*at - '0');
        if (value > (UINT64_MAX - digit) / 10) return fallback;
        value = value * 10 + digit;
    }
    const char *const unit = *at ? strchr(units, *at) : NULL;
    if (*at && (!unit || at[1])) return fallback;
    for (const char *u = units; unit && u <= unit; u++) {
        if (value > UINT64_MAX >> 10) return fallback;
        value <<= 10;
    }
    return value;
}

uint64_t bnt_pack_least_bytes(void)
{
    return size_setting("BANTAM_CACHE_MIN", default_least);
}

/* The shared folder, owned by the caller: NULL where no variable says where it could be. own:
 * BANTAM_CACHE names it. off: no cache files are wanted. */
static bantam_status shared_folder(char **out, bool *own, bool *off, bantam_error *err)
{
    const char *const cache = setting("BANTAM_CACHE");
    const char *const xdg = setting("XDG_CACHE_HOME");
    const char *const home = setting("HOME");

    *out = NULL;
    *off = cache && strcmp(cache, "off") == 0;
    *own = cache && !*off;
    if (*own) {
        *out = bnt_strdup(cache, strlen(cache));
    } else if (xdg && *xdg == '/') { /* a relative one is to be ignored, says its definition */
        *out = bnt_path_join(xdg, "bantam");
    } else if (home) {
        *out = bnt_path_join(home, ".cache/bantam");
    } else {
        return BANTAM_OK;
    }
    return *out ? BANTAM_OK : bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a path");
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

static bool has_ends(const char *name, const char *first, const char *last)
{
    const size_t n = strlen(name), n_first = strlen(first), n_last = strlen(last);
    return n > n_first + n_last && strncmp(name, first, n_first) == 0 &&
           strcmp(name + n - n_last, last) == 0;
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
    const bantam_status status = shared_folder(&folder, &own, &off, err);
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
    if (place->shared) (void)utimensat(AT_FDCWD, place->path, NULL, 0);
}

/* ---- the shared folder's files ----------------------------------------------------------- */

typedef struct cached {
    char *path; /* owns */
    uint64_t bytes;
    int64_t used; /* seconds since 1970 */
    int64_t used_ns;
} cached;

typedef struct cached_list {
    cached *files; /* (n) owns */
    size_t n;
    uint64_t bytes;
} cached_list;

static void free_list(cached_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        bnt_free(l->files[i].path);
    }
    bnt_free(l->files);
    *l = (cached_list){0};
}

static int compare_use(const void *a, const void *b)
{
    const cached *const x = a, *const y = b;
    if (x->used != y->used) return x->used < y->used ? -1 : 1;
    return (x->used_ns > y->used_ns) - (x->used_ns < y->used_ns);
}

/* Notes the file where it is a cache, removes it where it is somebody's abandoned work. */
static bool look_at(cached_list *l, const char *folder, const char *name)
{
    const bool temp = has_ends(name, temp_prefix, temp_suffix);
    struct stat st;

    if (!temp && !has_ends(name, "", suffix)) return true;
    char *const path = bnt_path_join(folder, name);
    if (!path) return false;
    if (lstat(path, &st) || !S_ISREG(st.st_mode) || temp) {
        if (temp && st.st_mtime < bnt_clock_seconds() - stale_seconds) (void)unlink(path);
        bnt_free(path);
        return true;
    }
#ifdef __APPLE__
    const long ns = st.st_mtimespec.tv_nsec;
#else
    const long ns = st.st_mtim.tv_nsec;
#endif
    l->files[l->n++] = (cached){path, (uint64_t)st.st_size, st.st_mtime, ns};
    l->bytes += (uint64_t)st.st_size;
    return true;
}

/* The caches of a folder, the one not used for the longest time first. */
static bantam_status list_caches(cached_list *out, const char *folder, bantam_error *err)
{
    char **names = NULL;
    size_t n = 0;

    *out = (cached_list){0};
    if (bnt_file_kind_of(folder) != BNT_FILE_FOLDER) return BANTAM_OK;
    bantam_status status = bnt_file_list(folder, MAX_FILES, &names, &n, err);
    if (!status && n) {
        bool ok = (out->files = bnt_calloc(n, sizeof *out->files)) != NULL;
        for (size_t i = 0; i < n && ok; i++) {
            ok = look_at(out, folder, names[i]);
        }
        if (!ok) status = bnt_fail(err, BANTAM_ERR_NOMEM, "%s: out of memory", folder);
    }
    bnt_free((void *)names);
    if (status) free_list(out);
    if (out->n) qsort(out->files, out->n, sizeof *out->files, compare_use);
    return status;
}

/* Removes what was not used for the longest time until bytes more are within the limit. A file
 * at path does not count: the new one takes its place. */
static bool make_room(const bnt_pack_place *place, uint64_t bytes, bantam_error *why)
{
    const uint64_t max = size_setting("BANTAM_CACHE_MAX", default_max);
    cached_list l;

    if (bytes > max) {
        bnt_fail(why, BANTAM_ERR_FULL,
                 "%s: %" PRIu64 " bytes are needed, BANTAM_CACHE_MAX allows %" PRIu64,
                 place->path, bytes, max);
        return false;
    }
    if (list_caches(&l, place->folder, why)) return false;
    for (size_t i = 0; i < l.n; i++) {
        if (strcmp(l.files[i].path, place->path) == 0) l.bytes -= l.files[i].bytes;
    }
    for (size_t i = 0; i < l.n && l.bytes > max - bytes; i++) {
        const cached *const file = &l.files[i];
        if (strcmp(file->path, place->path) != 0 && !unlink(file->path)) l.bytes -= file->bytes;
    }
    free_list(&l);
    return true;
}

/* Makes a folder and those above it. */
static void make_folder(const char *folder)
{
    char path[PATH_MAX];
    const size_t n = strlen(folder);

    if (bnt_file_is_there(folder) || n >= sizeof path) return;
    memcpy(path, folder, n + 1);
    for (size_t i = 1; i < n; i++) {
        if (path[i] != '/') continue;
        path[i] = '\0';
        (void)mkdir(path, 0700);
        path[i] = '/';
    }
    (void)mkdir(path, 0700);
}

bool bnt_pack_place_ready(const bnt_pack_place *place, uint64_t bytes, bantam_error *why)
{
    struct statvfs fs;

    if (place->shared) {
        make_folder(place->folder);
        if (!make_room(place, bytes, why)) return false;
    }
    if (access(place->folder, W_OK) || statvfs(place->folder, &fs)) {
        bnt_fail(why, BANTAM_ERR_IO, "%s: %s", place->path, strerror(errno));
        return false;
    }
    const uint64_t unit = fs.f_frsize ? fs.f_frsize : fs.f_bsize;
    const uint64_t twentieth = (uint64_t)fs.f_blocks * unit / 20;
    const uint64_t left_free = twentieth < most_left_free ? twentieth : most_left_free;
    const uint64_t available = (uint64_t)fs.f_bavail * unit;
    if (available >= left_free && bytes <= available - left_free) return true;
    bnt_fail(why, BANTAM_ERR_FULL,
             "%s: %" PRIu64 " bytes are needed, %" PRIu64
             " are free on the disk, of which %" PRIu64 " are left alone",
             place->path, bytes, available, left_free);
    return false;
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

static bantam_status remove_file(const char *path, bnt_removed_fn fn, void *user,
                                 bantam_error *err)
{
    struct stat st;
    if (lstat(path, &st) || !S_ISREG(st.st_mode)) return BANTAM_OK;
    if (unlink(path)) {
        if (errno == ENOENT) return BANTAM_OK; /* somebody else was faster */
        return bnt_fail(err, BANTAM_ERR_IO, "%s: cannot remove: %s", path, strerror(errno));
    }
    fn(user, path, (uint64_t)st.st_size);
    return BANTAM_OK;
}

bantam_status bnt_pack_remove(const char *path, bnt_removed_fn fn, void *user,
                              bantam_error *err)
{
    bnt_pack_places places = {0};
    char *name = NULL;

    bantam_status status = named_after(path, &name, err);
    if (!status) status = bnt_pack_places_find(&places, name, true, err);
    for (size_t i = 0; i < places.n && !status; i++) {
        status = remove_file(places.at[i].path, fn, user, err);
    }
    bnt_pack_places_free(&places);
    bnt_free(name);
    return status;
}

bantam_status bnt_pack_remove_all(bnt_removed_fn fn, void *user, bantam_error *err)
{
    cached_list l = {0};
    char *folder = NULL;
    bool own, off;

    bantam_status status = shared_folder(&folder, &own, &off, err);
    if (!status && folder) status = list_caches(&l, folder, err);
    for (size_t i = 0; i < l.n && !status; i++) {
        status = remove_file(l.files[i].path, fn, user, err);
    }
    free_list(&l);
    bnt_free(folder);
    return status;
}
