/* file.c - paths, folders, and files that appear whole or not at all. */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* fallocate, sync_file_range */
#endif
#include "base/file.h"
#include "base/checked.h"
#include "base/clock.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- paths ---- */

bnt_file_kind bnt_file_kind_of(const char *path)
{
    struct stat st;
    if (stat(path, &st)) return BNT_FILE_ABSENT;
    if (S_ISREG(st.st_mode)) return BNT_FILE_REGULAR;
    if (S_ISDIR(st.st_mode)) return BNT_FILE_FOLDER;
    return BNT_FILE_OTHER;
}

bool bnt_file_is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

bool bnt_file_is_same(const char *path, const char *other)
{
    struct stat a, b;
    return !stat(path, &a) && !stat(other, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

char *bnt_path_join(const char *dir, const char *name)
{
    const size_t n_dir = strlen(dir), n_name = strlen(name);
    char *path = bnt_alloc(n_dir + n_name + 2);
    if (!path) return NULL;
    memcpy(path, dir, n_dir);
    path[n_dir] = '/';
    memcpy(path + n_dir + 1, name, n_name + 1);
    return path;
}

bantam_text bnt_path_name(const char *path)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/') {
        end--;
    }
    size_t start = end;
    while (start > 0 && path[start - 1] != '/') {
        start--;
    }
    const bantam_text name = {path + start, end - start};
    return name;
}

char *bnt_path_folder(const char *path)
{
    const bantam_text name = bnt_path_name(path);
    size_t size = (size_t)(name.data - path);
    if (size == 0) return bnt_strdup(".", 1);
    while (size > 1 && path[size - 1] == '/') {
        size--;
    }
    return bnt_strdup(path, size);
}

bantam_status bnt_path_put(const char *found, char *path, size_t capacity, bantam_error *err)
{
    const size_t size = strlen(found) + 1;

    if (size > capacity) {
        return bnt_fail(err, BANTAM_ERR_FULL, "a path of %zu bytes where %zu have room", size,
                        capacity);
    }
    memcpy(path, found, size);
    return BANTAM_OK;
}

bool bnt_path_is_plain(bantam_text name)
{
    enum { MAX_NAME = 255 }; /* of every file system in use */
    if (!name.size || name.size > MAX_NAME || memchr(name.data, '/', name.size) ||
        memchr(name.data, 0, name.size)) {
        return false;
    }
    return name.data[0] != '.' || !(name.size == 1 || (name.size == 2 && name.data[1] == '.'));
}

/* ---- reading ---- */

static int open_for_reading(const char *path, int flags)
{
    int fd;
    do { /* O_NONBLOCK: opening a FIFO would wait for its writer */
        fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | flags);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

/* Appends what fd gives until its end. expected is only a hint: files of /proc and /sys call
 * themselves empty, and any file may grow. */
static bantam_status read_all(int fd, size_t expected, bnt_buf *buf)
{
    enum { STEP = 64 << 10 };
    size_t step = expected < SIZE_MAX ? expected + 1 : expected; /* one more shows the end */
    for (;;) {
        const size_t room = buf->max - buf->size;
        const size_t wanted = step < room ? step : room;
        char extra;
        char *at = wanted ? bnt_buf_extend(buf, wanted) : &extra;
        if (!at) return BANTAM_ERR_NOMEM;

        ssize_t got;
        do {
            got = read(fd, at, wanted ? wanted : 1);
        } while (got < 0 && errno == EINTR);
        if (!wanted && got > 0) return BANTAM_ERR_FORMAT;
        if (wanted) buf->size -= wanted - (got > 0 ? (size_t)got : 0);
        if (got < 0) return BANTAM_ERR_IO;
        if (got == 0) return BANTAM_OK;
        step = step > (size_t)got + STEP ? step - (size_t)got : STEP;
    }
}

bantam_status bnt_file_read(const char *path, bnt_buf *buf, bantam_error *err)
{
    if (buf->failed) return bnt_buf_status(buf, path, err);
    const size_t before = buf->size;
    struct stat st = {0};
    bantam_status status = BANTAM_ERR_IO;

    const int fd = open_for_reading(path, 0);
    if (fd >= 0 && fstat(fd, &st) == 0) {
        if (!S_ISREG(st.st_mode)) {
            close(fd);
            return bnt_fail(err, BANTAM_ERR_IO, "%s: expected a regular file, found %s", path,
                            S_ISDIR(st.st_mode) ? "a folder" : "a device, pipe or socket");
        }
        /* Refused before the first byte is read, where the size is known. */
        const bool too_long = (uintmax_t)st.st_size > buf->max - before;
        status = too_long ? BANTAM_ERR_FORMAT : read_all(fd, (size_t)st.st_size, buf);
    }
    const int reason = errno;
    if (fd >= 0) close(fd);
    if (!status) return BANTAM_OK;

    buf->size = before;
    buf->failed = BANTAM_OK;
    if (status == BANTAM_ERR_IO) return bnt_fail(err, status, "%s: %s", path, strerror(reason));
    if (status == BANTAM_ERR_NOMEM) return bnt_fail(err, status, "%s: out of memory", path);
    return bnt_fail(err, status, "%s: longer than %zu bytes", path, buf->max - before);
}

/* ---- folders ---- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Appends the names to text, each with its NUL. */
static bantam_status gather_names(DIR *dir, size_t max_names, bnt_buf *text, size_t *n,
                                  const char *path, bantam_error *err)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry && errno) {
            return bnt_fail(err, BANTAM_ERR_IO, "%s: %s", path, strerror(errno));
        }
        if (!entry) return bnt_buf_status(text, path, err);
        const char *const name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
        if (*n == max_names) {
            return bnt_fail(err, BANTAM_ERR_FORMAT, "%s: more than %zu files in the folder",
                            path, max_names);
        }
        bnt_buf_put(text, name, strlen(name) + 1);
        (*n)++;
    }
}

bantam_status bnt_file_list(const char *dir, size_t max_names, char ***names, size_t *n_names,
                            bantam_error *err)
{
    bnt_buf text;
    size_t n = 0, table_bytes = 0, bytes;
    bnt_buf_init(&text, SIZE_MAX / 4);
    *names = NULL;
    *n_names = 0;

    const int fd = open_for_reading(dir, O_DIRECTORY);
    DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
    if (!stream) {
        const int reason = errno;
        if (fd >= 0) close(fd);
        return bnt_fail(err, BANTAM_ERR_IO, "%s: %s", dir, strerror(reason));
    }
    bantam_status status = gather_names(stream, max_names, &text, &n, dir, err);
    closedir(stream);

    /* The pointers, then the texts they point to. */
    char **list = NULL;
    if (!status) {
        if (bnt_mul_size(n, sizeof *list, &table_bytes) &&
            bnt_add_size(table_bytes, text.size, &bytes)) {
            list = bnt_alloc(bytes);
        }
        if (!list) status = bnt_fail(err, BANTAM_ERR_NOMEM, "%s: out of memory", dir);
    }
    if (!status) {
        char *at = (char *)list + table_bytes;
        if (text.size) memcpy(at, text.data, text.size);
        for (size_t i = 0; i < n; i++) {
            list[i] = at;
            at += strlen(at) + 1;
        }
        if (n) qsort(list, n, sizeof *list, compare_names);
        *names = list;
        *n_names = n;
    }
    bnt_buf_deinit(&text);
    return status;
}

/* ---- writing ---- */

enum { SAVE_BUFFER = 256 << 10 };

struct bnt_save {
    int fd;           /* owns */
    int failed;       /* errno of the first failure; 0: none */
    char *path;       /* owns */
    char *dir;        /* owns */
    char *temp;       /* owns; NULL before the temporary file exists */
    bool known, kept; /* temp was named by the caller; it stays after a failure */
    uint64_t written; /* bytes handed to the system */
    size_t n_held;
    uint8_t held[SAVE_BUFFER];
};

/* Creates a file of a new name in save->dir. The mode is that of any new file: the system takes
 * the umask off. The name does not grow with the target's, which may be as long as a name can
 * be. */
static bantam_status create_temp(bnt_save *save, bantam_error *err)
{
    char name[48];
    for (uint64_t turn = 0; turn < 100; turn++) {
        const uint64_t unique = (bnt_clock_ns() ^ (uint64_t)(uintptr_t)save << 24) + turn;
        snprintf(name, sizeof name, ".bantam-%lx-%016llx.tmp", (unsigned long)getpid(),
                 (unsigned long long)unique);
        char *temp = bnt_path_join(save->dir, name);
        if (!temp) return bnt_fail(err, BANTAM_ERR_NOMEM, "%s: out of memory", save->path);
        do {
            save->fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0666);
        } while (save->fd < 0 && errno == EINTR);
        if (save->fd >= 0) {
            save->temp = temp;
            return BANTAM_OK;
        }
        const int reason = errno;
        bnt_free(temp);
        errno = reason;
        if (errno != EEXIST) break;
    }
    return bnt_fail(err, BANTAM_ERR_IO, "%s: cannot create a file in this folder: %s",
                    save->path, strerror(errno));
}

/* Whether the name still leads to the open file: who held the lock before may have put it in
 * place in between. */
static bool is_still(const char *path, const struct stat *opened)
{
    struct stat now;
    return lstat(path, &now) == 0 && now.st_dev == opened->st_dev &&
           now.st_ino == opened->st_ino;
}

/* Opens save->temp, which may be there, for this save alone. */
static bantam_status take_temp(bnt_save *save, bantam_error *err)
{
    const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK;
    struct stat st;

    for (int turn = 0; turn < 10; turn++) {
        do {
            save->fd = open(save->temp, flags, 0666);
        } while (save->fd < 0 && errno == EINTR);
        if (save->fd < 0 || fstat(save->fd, &st)) break;
        if (!S_ISREG(st.st_mode)) {
            return bnt_fail(err, BANTAM_ERR_IO, "%s: expected a regular file or none",
                            save->temp);
        }
        if (flock(save->fd, LOCK_EX | LOCK_NB)) {
            if (errno != EWOULDBLOCK) break;
            return bnt_fail(err, BANTAM_ERR_IO, "%s: somebody is writing it already",
                            save->temp);
        }
        if (is_still(save->temp, &st)) return BANTAM_OK;
        close(save->fd);
        save->fd = -1;
    }
    return bnt_fail(err, BANTAM_ERR_IO, "%s: %s", save->temp, strerror(errno));
}

static bantam_status begin_save(bnt_save **out, const char *path, const char *temp,
                                bantam_error *err)
{
    *out = NULL;
    const size_t size = strlen(path);
    if (!size || path[size - 1] == '/') {
        return bnt_fail(err, BANTAM_ERR_IO, "%s: expected the name of a file", path);
    }
    const bnt_file_kind kind = bnt_file_kind_of(path);
    if (kind == BNT_FILE_FOLDER || kind == BNT_FILE_OTHER) {
        return bnt_fail(err, BANTAM_ERR_IO, "%s: expected a regular file or none, found %s",
                        path,
                        kind == BNT_FILE_FOLDER ? "a folder" : "a device, pipe or socket");
    }
    bnt_save *save = bnt_calloc(1, sizeof *save);
    if (!save) return bnt_fail(err, BANTAM_ERR_NOMEM, "%s: out of memory", path);
    save->fd = -1;
    save->path = bnt_strdup(path, size);
    save->dir = bnt_path_folder(path);

    if (temp) save->temp = bnt_strdup(temp, strlen(temp));
    save->known = save->kept = temp != NULL;

    bantam_status status;
    if (!save->path || !save->dir || (temp && !save->temp)) {
        status = bnt_fail(err, BANTAM_ERR_NOMEM, "%s: out of memory", path);
    } else {
        status = temp ? take_temp(save, err) : create_temp(save, err);
    }
    if (status) {
        bnt_save_abort(save);
        return status;
    }
    *out = save;
    return BANTAM_OK;
}

void bnt_save_private(bnt_save *save)
{
    if (fchmod(save->fd, S_IRUSR | S_IWUSR)) bnt_save_fail(save, errno);
}

bantam_status bnt_save_begin(bnt_save **out, const char *path, bantam_error *err)
{
    return begin_save(out, path, NULL, err);
}

bantam_status bnt_save_begin_at(bnt_save **out, const char *path, const char *temp,
                                bantam_error *err)
{
    return begin_save(out, path, temp, err);
}

bool bnt_save_resume(bnt_save *save, uint64_t size)
{
    struct stat st;
    if (fstat(save->fd, &st)) {
        bnt_save_fail(save, errno);
    } else if ((uint64_t)st.st_size < size) {
        bnt_save_fail(save, EIO);
    } else if (ftruncate(save->fd, (off_t)size) || lseek(save->fd, (off_t)size, SEEK_SET) < 0) {
        bnt_save_fail(save, errno);
    }
    save->written = size;
    return !save->failed;
}

void bnt_save_keep(bnt_save *save, bool keep)
{
    save->kept = keep;
}

/* A write past the process's limit for file sizes raises SIGXFSZ, which kills by default. */
static bool within_limit(const bnt_save *save, size_t size)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) || limit.rlim_cur == RLIM_INFINITY) return true;
    return save->written <= limit.rlim_cur && size <= limit.rlim_cur - save->written;
}

static void write_out(bnt_save *save, const uint8_t *data, size_t size)
{
    if (!save->failed && !within_limit(save, size)) save->failed = EFBIG;
    while (size && !save->failed) {
        const size_t most = (size_t)1 << 30; /* some systems refuse 2 GiB at once */
        const ssize_t n = write(save->fd, data, size < most ? size : most);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            save->failed = n < 0 ? errno : ENOSPC;
            return;
        }
        data += n;
        size -= (size_t)n;
        save->written += (uint64_t)n;
    }
}

static void flush_held(bnt_save *save)
{
    write_out(save, save->held, save->n_held);
    save->n_held = 0;
}

void bnt_save_put(bnt_save *save, const void *data, size_t size)
{
    if (!size || save->failed) return;
    if (size > SAVE_BUFFER - save->n_held) flush_held(save);
    if (size >= SAVE_BUFFER) {
        write_out(save, data, size);
    } else if (!save->failed) {
        memcpy(save->held + save->n_held, data, size);
        save->n_held += size;
    }
}

/* File systems that cannot sync say EINVAL. */
static void sync_file(bnt_save *save)
{
    if (!save->failed && fsync(save->fd) && errno != EINVAL && errno != ENOSYS) {
        save->failed = errno;
    }
}

void bnt_save_sync(bnt_save *save)
{
    flush_held(save);
    sync_file(save);
}

uint64_t bnt_save_offset(const bnt_save *save)
{
    return save->written + save->n_held;
}

/* Blocks of the disk for the whole file, or its size alone where the file system has no way to
 * take blocks beforehand. Returns an errno. */
static int take_room(int fd, off_t size)
{
#ifdef __linux__
    int reason;
    do {
        reason = fallocate(fd, 0, 0, size) ? errno : 0;
    } while (reason == EINTR);
    if (reason != EOPNOTSUPP && reason != ENOSYS) return reason;
#endif
    return ftruncate(fd, size) ? errno : 0;
}

bool bnt_save_reserve(bnt_save *save, uint64_t size)
{
    if (save->failed || size > INT64_MAX || !within_limit(save, (size_t)size)) {
        bnt_save_fail(save, EFBIG);
        return false;
    }
    const int reason = size ? take_room(save->fd, (off_t)size) : 0;
    bnt_save_fail(save, reason);
    save->written = size;
    return !reason;
}

int bnt_save_write_at(const bnt_save *save, uint64_t offset, const void *data, size_t size)
{
    const uint8_t *at = data;
    while (size) {
        const size_t most = (size_t)1 << 30;
        const ssize_t n = pwrite(save->fd, at, size < most ? size : most, (off_t)offset);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n < 0 ? errno : ENOSPC;
        at += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return 0;
}

void bnt_save_hurry(const bnt_save *save)
{
#ifdef __linux__
    (void)sync_file_range(save->fd, 0, 0, SYNC_FILE_RANGE_WRITE); /* does not wait */
#else
    (void)save;
#endif
}

void bnt_save_fail(bnt_save *save, int reason)
{
    if (!save->failed) save->failed = reason;
}

bool bnt_save_failed(const bnt_save *save)
{
    return save->failed != 0;
}

/* The file is in place by now and its bytes are on the disk. A folder that cannot be synced
 * (some file systems offer none) can only bring the old file back after a power cut, whole, so
 * that this is no failure of the save. */
static void sync_folder(const char *dir)
{
    const int fd = open_for_reading(dir, O_DIRECTORY);
    if (fd < 0) return;
    (void)fsync(fd);
    close(fd);
}

bantam_status bnt_save_commit(bnt_save *save, bantam_error *err)
{
    bnt_save_sync(save);
    /* A file of a known name is closed after the rename: closing gives up its lock, and who
     * waits for that would find it under the old name. */
    if (!save->known) {
        if (close(save->fd) && errno != EINTR && !save->failed) save->failed = errno;
        save->fd = -1;
    }
    if (!save->failed && rename(save->temp, save->path)) save->failed = errno;
    if (save->failed) {
        const bantam_status status = bnt_fail(err, BANTAM_ERR_IO, "%s: cannot write: %s",
                                              save->path, strerror(save->failed));
        bnt_save_abort(save);
        return status;
    }
    sync_folder(save->dir);
    bnt_free(save->temp); /* the name is gone; abort has nothing to remove */
    save->temp = NULL;
    bnt_save_abort(save);
    return BANTAM_OK;
}

void bnt_save_abort(bnt_save *save)
{
    if (!save) return;
    /* One of a known name is this save's as long as it is open. */
    const bool own = !save->known || (save->fd >= 0 && !save->kept);
    if (save->temp && own) unlink(save->temp);
    if (save->fd >= 0) close(save->fd);
    bnt_free(save->temp);
    bnt_free(save->dir);
    bnt_free(save->path);
    bnt_free(save);
}
