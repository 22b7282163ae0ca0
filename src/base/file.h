/* file.h - paths, whole files, and files that appear whole or not at all. */
#ifndef BNT_BASE_FILE_H
#define BNT_BASE_FILE_H
#include "base/buf.h"

typedef enum bnt_file_kind {
    BNT_FILE_ABSENT,
    BNT_FILE_REGULAR,
    BNT_FILE_FOLDER,
    BNT_FILE_OTHER
} bnt_file_kind;

/* Follows links; a link that leads nowhere is absent. */
bnt_file_kind bnt_file_kind_of(const char *path);
/* Whether anything has that name, a link that leads nowhere too: where a file may be left out,
 * a broken link is not its absence. */
bool bnt_file_is_there(const char *path);
/* Whether two paths lead to one file, by whatever links. */
bool bnt_file_is_same(const char *path, const char *other);

/* Appends a regular file's bytes to buf; BANTAM_ERR_FORMAT when it is longer than buf->max
 * allows. Messages begin with the path. */
bantam_status bnt_file_read(const char *path, bnt_buf *buf, bantam_error *err);

/* dir + "/" + name, NUL-terminated, owned by the caller (bnt_free). NULL when out of memory. */
char *bnt_path_join(const char *dir, const char *name);
/* The last component, without trailing slashes; borrowed from path. */
bantam_text bnt_path_name(const char *path);
/* The folder that a path lies in, NUL-terminated, owned by the caller (bnt_free). NULL when out
 * of memory. */
char *bnt_path_folder(const char *path);
/* Copies a path with its NUL into capacity bytes; BANTAM_ERR_FULL where it does not fit. */
bantam_status bnt_path_put(const char *found, char *path, size_t capacity, bantam_error *err);
/* True for a plain name inside a folder: not empty, no '/', no NUL, not "." or "..", at most
 * 255 bytes. */
bool bnt_path_is_plain(bantam_text name);

/* Names in a folder, sorted bytewise, "." and ".." left out. *names is one block owned by the
 * caller (bnt_free). At most max_names are read; more is BANTAM_ERR_FORMAT. */
bantam_status bnt_file_list(const char *dir, size_t max_names, char ***names, size_t *n_names,
                            bantam_error *err);

/* ---- writing: temporary file in the same folder, fsync, rename, fsync of the folder ---- */

typedef struct bnt_save bnt_save;

bantam_status bnt_save_begin(bnt_save **out, const char *path, bantam_error *err);
/* Lets nobody but the user read what will be written, whatever the umask. */
void bnt_save_private(bnt_save *save);
/* The same with a temporary file of a known name in path's folder, which may be there already:
 * bnt_save_resume() says how many of its bytes stay. Nothing of it has changed before that.
 * BANTAM_ERR_IO where another save of that name is under way, in this process or another. */
bantam_status bnt_save_begin_at(bnt_save **out, const char *path, const char *temp,
                                bantam_error *err);
/* Keeps the first `size` bytes of the temporary file and goes on behind them. Once, before the
 * first byte. False, and failed, where it has fewer. */
bool bnt_save_resume(bnt_save *save, uint64_t size);
/* Whether abort, and a commit that fails, leave the temporary file where it is. */
void bnt_save_keep(bnt_save *save, bool keep);
/* What was put so far is in the file when this returns, and on the disk. */
void bnt_save_sync(bnt_save *save);
/* Buffered. Failure is sticky and reported by commit. */
void bnt_save_put(bnt_save *save, const void *data, size_t size);
uint64_t bnt_save_offset(const bnt_save *save);

/* In place of bnt_save_put(), for large files written in any order: reserve gives the file its
 * size and takes the room on the disk, where the file system can, so that a full disk is known
 * before the work. False, and failed, where there is no room. */
bool bnt_save_reserve(bnt_save *save, uint64_t size);
/* Writes inside the reserved size, from any number of threads. Returns 0 or an errno, which the
 * caller hands to bnt_save_fail() when the threads are done. */
int bnt_save_write_at(const bnt_save *save, uint64_t offset, const void *data, size_t size);
void bnt_save_fail(bnt_save *save, int reason); /* an errno */
/* Lets the disk begin with what was written so far, so that commit has less to wait for. */
void bnt_save_hurry(const bnt_save *save);

/* True once a write has failed, so that long writers can stop early. */
bool bnt_save_failed(const bnt_save *save);
/* Takes save: it is closed whether this succeeds or not. On failure the old file, if any, is
 * untouched and the temporary one is removed. */
bantam_status bnt_save_commit(bnt_save *save, bantam_error *err);
void bnt_save_abort(bnt_save *save); /* accepts NULL */

#endif
