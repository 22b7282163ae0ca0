/* kept.h - folders of files that are kept while there is room, and may go at any time.
 *
 * Cache files of weights and saved beginnings of prompts lie in such folders. A file's time of
 * last change is that of its last use: the times of last access that systems keep are not to be
 * relied on. Several processes may use a folder at once; a file that another has removed is no
 * failure.
 */
#ifndef BNT_BASE_KEPT_H
#define BNT_BASE_KEPT_H
#include "bantam/bantam.h"

typedef struct bnt_kept_folder {
    const char *path;
    const char *suffix;     /* of the files that are counted, listed and removed */
    uint64_t max_bytes;     /* of all of them together */
    const char *max_is_for; /* the setting that says so, for messages */
} bnt_kept_folder;

typedef struct bnt_kept {
    char *path; /* owns */
    uint64_t bytes;
    int64_t used; /* seconds since 1970 */
    int64_t used_ns;
} bnt_kept;

typedef struct bnt_kept_list {
    bnt_kept *files; /* (n) owns; the one not used for the longest time first */
    size_t n;
    uint64_t bytes;
} bnt_kept_list;

/* Called for every file that was removed. */
typedef void (*bnt_removed_fn)(void *user, const char *path, uint64_t bytes);

/* A folder that is not there has no files. What a killed process was writing a day ago is
 * removed on the way. */
bantam_status bnt_kept_list_read(bnt_kept_list *out, const bnt_kept_folder *folder,
                                 bantam_error *err);
void bnt_kept_list_free(bnt_kept_list *list);

/* Makes the folder where it is missing (mode 0700) and removes what was not used for the
 * longest time until bytes more are within the limit. A file at path does not count: the new
 * one takes its place. False, and why, where they cannot be. */
bool bnt_kept_make_room(const bnt_kept_folder *folder, const char *path, uint64_t bytes,
                        bantam_error *why);
/* Whether a file of that size can be written into the folder without filling the disk. */
bool bnt_kept_fits_disk(const char *folder, const char *path, uint64_t bytes,
                        bantam_error *why);

void bnt_kept_used(const char *path);
/* Says so to fn. That there is none is no failure. */
bantam_status bnt_kept_remove(const char *path, bnt_removed_fn fn, void *user,
                              bantam_error *err);
/* All of a folder. */
bantam_status bnt_kept_remove_all(const bnt_kept_folder *folder, bnt_removed_fn fn, void *user,
                                  bantam_error *err);

/* ---- settings ---- */

/* A variable of the environment; NULL where it is not set or empty. */
const char *bnt_kept_setting(const char *name);
/* A number with K, M, G or T behind it, or none. Anything else is the fallback. */
uint64_t bnt_kept_size_setting(const char *name, uint64_t fallback);

/* The folder of this user's caches, owned by the caller (bnt_free): BANTAM_CACHE, else
 * XDG_CACHE_HOME/bantam, else ~/.cache/bantam; NULL where no variable says where it could be.
 * own: BANTAM_CACHE names it. off: BANTAM_CACHE says that no files are wanted. */
bantam_status bnt_kept_home(char **out, bool *own, bool *off, bantam_error *err);

#endif
