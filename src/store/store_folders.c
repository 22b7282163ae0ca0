/* store_folders.c - folders of the store: where they are, made, put in place and taken away. */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* renameat2 */
#endif
#include "store/store.h"

#include "base/file.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MAX_DEPTH = 8 /* of folders in a model's; the store itself makes two at most */
};

static bantam_status no_memory(bantam_error *err)
{
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a path");
}

static bantam_status failed(const char *path, const char *what, bantam_error *err)
{
    return bnt_fail(err, BANTAM_ERR_IO, "%s: %s: %s", path, what, strerror(errno));
}

/* ---- where ------------------------------------------------------------------------------- */

bantam_status bnt_store_folder(char **out, bantam_error *err)
{
    static const char *const roots[][2] = {{"BANTAM_HOME", "models"},
                                           {"XDG_DATA_HOME", "bantam/models"},
                                           {"HOME", ".local/share/bantam/models"}};
    *out = NULL;
    for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++) {
        const char *const root = getenv(roots[i][0]);
        if (!root || !*root) continue;
        /* A relative XDG folder is to be ignored, says its definition. */
        if (roots[i][0][0] == 'X' && *root != '/') continue;
        *out = bnt_path_join(root, roots[i][1]);
        return *out ? BANTAM_OK : no_memory(err);
    }
    return BANTAM_OK;
}

void bnt_store_key(const char *repository, const char *form, char out[BNT_STORE_KEY_BYTES])
{
    const size_t org = strcspn(repository, "/");

    snprintf(out, BNT_STORE_KEY_BYTES, "%.*s--%s%s%s", (int)org, repository,
             repository[org] ? repository + org + 1 : "", *form ? "--" : "", form);
}

/* ---- made -------------------------------------------------------------------------------- */

bantam_status bnt_store_make_folders(const char *path, bantam_error *err)
{
    char *const part = bnt_strdup(path, strlen(path));
    bantam_status status = BANTAM_OK;

    if (!part) return no_memory(err);
    for (char *at = part + 1; !status; at++) {
        const char kept = *at;
        if (kept && kept != '/') continue;
        *at = '\0';
        if (mkdir(part, 0777) && errno != EEXIST) {
            status = failed(part, "cannot make this folder", err);
        }
        *at = kept;
        if (!kept) break;
    }
    bnt_free(part);
    if (!status && bnt_file_kind_of(path) != BNT_FILE_FOLDER) {
        status = bnt_fail(err, BANTAM_ERR_IO, "%s: expected a folder", path);
    }
    return status;
}

bantam_status bnt_store_stage(const char *models, const char *key, char **out,
                              bantam_error *err)
{
    char name[BNT_STORE_KEY_BYTES + 8];

    snprintf(name, sizeof name, ".part--%s", key);
    *out = bnt_path_join(models, name);
    if (!*out) return no_memory(err);
    const bantam_status status = bnt_store_make_folders(*out, err);
    if (status) {
        bnt_free(*out);
        *out = NULL;
    }
    return status;
}

/* ---- taken away -------------------------------------------------------------------------- */

static int remove_in(int parent, const char *name, int depth);

/* Everything in an open folder; closes it. Returns 0 or an errno. depth is below MAX_DEPTH, so
 * that this calls itself no deeper. */
static int remove_content(int fd, int depth)
{
    DIR *const dir = fdopendir(fd);
    const struct dirent *entry;
    int reason = 0;

    if (!dir) {
        reason = errno;
        close(fd);
        return reason;
    }
    while (!reason && (errno = 0, entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        reason = remove_in(dirfd(dir), entry->d_name, depth);
    }
    if (!reason) reason = errno;
    closedir(dir);
    return reason;
}

static int remove_in(int parent, const char *name, int depth)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT) return 0;
    if (errno != EISDIR && errno != EPERM) return errno;
    if (depth >= MAX_DEPTH) return ELOOP;
    const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return errno;
    const int reason = remove_content(fd, depth + 1);
    if (reason) return reason;
    return unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : errno;
}

bantam_status bnt_store_remove_tree(const char *path, bantam_error *err)
{
    errno = remove_in(AT_FDCWD, path, 0);
    return errno ? failed(path, "cannot remove it", err) : BANTAM_OK;
}

/* ---- put in place ------------------------------------------------------------------------ */

static void sync_folder(const char *path)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    (void)fsync(fd); /* some file systems offer none */
    close(fd);
}

/* Lets two folders change their names in one step. Returns 0 or an errno. */
static int exchange(const char *a, const char *b)
{
#if defined(__linux__) && defined(RENAME_EXCHANGE)
    return renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) ? errno : 0;
#else
    (void)a;
    (void)b;
    return ENOSYS;
#endif
}

/* Where a model is in place already: exchanged for the new one, which stands for a moment under
 * no name where the system cannot do that in one step. */
static bantam_status replace(const char *models, const char *key, const char *stage,
                             const char *target, bantam_error *err)
{
    char name[BNT_STORE_KEY_BYTES + 8];

    if (exchange(stage, target) == 0) return bnt_store_remove_tree(stage, err);
    snprintf(name, sizeof name, ".gone--%s", key);
    char *const gone = bnt_path_join(models, name);
    if (!gone) return no_memory(err);
    bantam_status status = bnt_store_remove_tree(gone, err);
    if (!status && rename(target, gone)) status = failed(target, "cannot rename it", err);
    if (!status && rename(stage, target)) {
        status = failed(stage, "cannot rename it", err);
        (void)rename(gone, target);
    }
    if (!status) status = bnt_store_remove_tree(gone, err);
    bnt_free(gone);
    return status;
}

bantam_status bnt_store_install(const char *models, const char *key, const char *stage,
                                bantam_error *err)
{
    char *const target = bnt_path_join(models, key);
    bantam_status status = BANTAM_OK;

    if (!target) return no_memory(err);
    sync_folder(stage);
    if (rename(stage, target)) {
        if (errno == EEXIST || errno == ENOTEMPTY) {
            status = replace(models, key, stage, target, err);
        } else {
            status = failed(target, "cannot put the model in place", err);
        }
    }
    if (!status) sync_folder(models);
    bnt_free(target);
    return status;
}
