/* kept.c - which files may stay, by their last use, and what is removed. */
#include "base/kept.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#ifndef PATH_MAX
#define PATH_MAX 4096
#endif

static const char temp_prefix[] = ".bantam-", temp_suffix[] = ".tmp";

enum { MAX_FILES = 1 << 16 /* in a folder */ };

/* What a killed process leaves behind is removed when nobody can be writing to it any more. */
static const int64_t stale_seconds = 24 * 60 * 60;

/* Of a file system that is left free: a twentieth, but no more than this. */
static const uint64_t most_left_free = (uint64_t)1 << 30;

/* ---- settings ---------------------------------------------------------------------------- */

const char *bnt_kept_setting(const char *name)
{
    const char *const value = getenv(name);
    return value && *value ? value : NULL;
}

uint64_t bnt_kept_size_setting(const char *name, uint64_t fallback)
{
    static const char units[] = "KMGT";
    const char *const text = bnt_kept_setting(name);
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

bantam_status bnt_kept_home(char **out, bool *own, bool *off, bantam_error *err)
{
    const char *const cache = bnt_kept_setting("BANTAM_CACHE");
    const char *const xdg = bnt_kept_setting("XDG_CACHE_HOME");
    const char *const home = bnt_kept_setting("HOME");

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

static bool has_ends(const char *name, const char *first, const char *last)
{
    const size_t n = strlen(name), n_first = strlen(first), n_last = strlen(last);
    return n > n_first + n_last && strncmp(name, first, n_first) == 0 &&
           strcmp(name + n - n_last, last) == 0;
}

/* ---- the files of a folder -------------------------------------------------------------- */

void bnt_kept_list_free(bnt_kept_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        bnt_free(l->files[i].path);
    }
    bnt_free(l->files);
    *l = (bnt_kept_list){0};
}

static int compare_use(const void *a, const void *b)
{
    const bnt_kept *const x = a, *const y = b;
    if (x->used != y->used) return x->used < y->used ? -1 : 1;
    return (x->used_ns > y->used_ns) - (x->used_ns < y->used_ns);
}

/* Notes the file where it is a cache, removes it where it is somebody's abandoned work. */
static bool look_at(bnt_kept_list *l, const bnt_kept_folder *folder, const char *name)
{
    const bool temp = has_ends(name, temp_prefix, temp_suffix);
    struct stat st;

    if (!temp && !has_ends(name, "", folder->suffix)) return true;
    char *const path = bnt_path_join(folder->path, name);
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
    l->files[l->n++] = (bnt_kept){path, (uint64_t)st.st_size, st.st_mtime, ns};
    l->bytes += (uint64_t)st.st_size;
    return true;
}

bantam_status bnt_kept_list_read(bnt_kept_list *out, const bnt_kept_folder *folder,
                                 bantam_error *err)
{
    char **names = NULL;
    size_t n = 0;

    *out = (bnt_kept_list){0};
    if (bnt_file_kind_of(folder->path) != BNT_FILE_FOLDER) return BANTAM_OK;
    bantam_status status = bnt_file_list(folder->path, MAX_FILES, &names, &n, err);
    if (!status && n) {
        bool ok = (out->files = bnt_calloc(n, sizeof *out->files)) != NULL;
        for (size_t i = 0; i < n && ok; i++) {
            ok = look_at(out, folder, names[i]);
        }
        if (!ok) status = bnt_fail(err, BANTAM_ERR_NOMEM, "%s: out of memory", folder->path);
    }
    bnt_free((void *)names);
    if (status) bnt_kept_list_free(out);
    if (out->n) qsort(out->files, out->n, sizeof *out->files, compare_use);
    return status;
}

void bnt_kept_used(const char *path)
{
    (void)utimensat(AT_FDCWD, path, NULL, 0);
}

/* ---- room ------------------------------------------------------------------------------- */

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

bool bnt_kept_make_room(const bnt_kept_folder *folder, const char *path, uint64_t bytes,
                        bantam_error *why)
{
    const uint64_t max = folder->max_bytes;
    bnt_kept_list l;

    make_folder(folder->path);
    if (bytes > max) {
        bnt_fail(why, BANTAM_ERR_FULL, "%s: %" PRIu64 " bytes are needed, %s allows %" PRIu64,
                 path, bytes, folder->max_is_for, max);
        return false;
    }
    if (bnt_kept_list_read(&l, folder, why)) return false;
    for (size_t i = 0; i < l.n; i++) {
        if (strcmp(l.files[i].path, path) == 0) l.bytes -= l.files[i].bytes;
    }
    for (size_t i = 0; i < l.n && l.bytes > max - bytes; i++) {
        const bnt_kept *const file = &l.files[i];
        if (strcmp(file->path, path) != 0 && !unlink(file->path)) l.bytes -= file->bytes;
    }
    bnt_kept_list_free(&l);
    return true;
}

bool bnt_kept_fits_disk(const char *folder, const char *path, uint64_t bytes, bantam_error *why)
{
    struct statvfs fs;

    if (access(folder, W_OK) || statvfs(folder, &fs)) {
        bnt_fail(why, BANTAM_ERR_IO, "%s: %s", path, strerror(errno));
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
             path, bytes, available, left_free);
    return false;
}

/* ---- removing --------------------------------------------------------------------------- */

bantam_status bnt_kept_remove(const char *path, bnt_removed_fn fn, void *user,
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

bantam_status bnt_kept_remove_all(const bnt_kept_folder *folder, bnt_removed_fn fn, void *user,
                                  bantam_error *err)
{
    bnt_kept_list l;

    bantam_status status = bnt_kept_list_read(&l, folder, err);
    for (size_t i = 0; i < l.n && !status; i++) {
        status = bnt_kept_remove(l.files[i].path, fn, user, err);
    }
    bnt_kept_list_free(&l);
    return status;
}
