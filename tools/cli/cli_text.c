/* cli_text.c - bytes that grow, UTF-8, whole files; see cli_text.h. */
#include "cli_text.h"

#include "cli_out.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LONGEST_READ = 256 << 20, CHUNK = 64 << 10 };

static bantam_status fail(bantam_error *err, bantam_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bantam_status fail(bantam_error *err, bantam_status status, const char *format, ...)
{
    va_list args;

    err->status = status;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return status;
}

void *cli_grow(void *old, size_t n, size_t size)
{
    if (n > SIZE_MAX / size) cli_out_of_memory();
    void *now = realloc(old, n * size > 0 ? n * size : 1);
    if (!now) cli_out_of_memory();
    return now;
}

char *cli_buf_reserve(cli_buf *buf, size_t more)
{
    if (more > SIZE_MAX / 2 - buf->size) cli_out_of_memory();
    if (buf->size + more > buf->capacity) {
        size_t capacity = buf->capacity ? buf->capacity : 256;
        while (capacity < buf->size + more)
            capacity *= 2;
        buf->data = cli_grow(buf->data, capacity, 1);
        buf->capacity = capacity;
    }
    return buf->data + buf->size;
}

void cli_buf_add(cli_buf *buf, const char *data, size_t size)
{
    if (size == 0) return;
    memcpy(cli_buf_reserve(buf, size), data, size);
    buf->size += size;
}

void cli_buf_free(cli_buf *buf)
{
    free(buf->data);
    *buf = (cli_buf){0};
}

size_t cli_utf8_next(const char *data, size_t size, uint32_t *c)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *)data;

    *c = 0;
    if (size == 0) return 0;
    if (p[0] < 0x80) {
        *c = p[0];
        return 1;
    }
    const size_t n = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    if (p[0] < 0xC2 || p[0] > 0xF4 || n > size) return 0;

    uint32_t code = p[0] & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xC0) != 0x80) return 0;
        code = code << 6 | (p[i] & 0x3Fu);
    }
    if (code < least[n] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return 0;
    *c = code;
    return n;
}

bantam_status cli_read_file(const char *path, cli_buf *out, bantam_error *err)
{
    const bool is_stdin = strcmp(path, "-") == 0;
    const char *name = is_stdin ? "standard input" : path;
    const int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    bantam_status status = BANTAM_OK;

    *out = (cli_buf){0};
    if (fd < 0) return fail(err, BANTAM_ERR_IO, "cannot open %s: %s", path, strerror(errno));
    for (;;) {
        const ssize_t n = read(fd, cli_buf_reserve(out, CHUNK), CHUNK);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            status = fail(err, BANTAM_ERR_IO, "cannot read %s: %s", name, strerror(errno));
            break;
        }
        if (n == 0) break;
        out->size += (size_t)n;
        if (out->size > LONGEST_READ) {
            status = fail(err, BANTAM_ERR_FULL, "%s is longer than %d MiB", name,
                          LONGEST_READ >> 20);
            break;
        }
    }
    if (!is_stdin) close(fd);
    if (status) cli_buf_free(out);
    return status;
}

static bool write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        const ssize_t n = write(fd, data, size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        data += n;
        size -= (size_t)n;
    }
    return true;
}

/* Closes the descriptor also where writing failed; errno is that of the first failure. */
static bool write_and_close(int fd, const char *data, size_t size, bool sync)
{
    const bool written = write_all(fd, data, size) && (!sync || fsync(fd) == 0);
    const int why = errno;
    const bool closed = close(fd) == 0;

    if (!written) errno = why;
    return written && closed;
}

bantam_status cli_write_file(const char *path, const char *data, size_t size, bantam_error *err)
{
    struct stat st;
    char beside[PATH_MAX];

    if (strcmp(path, "-") == 0) {
        cli_put(data, size);
        return BANTAM_OK;
    }
    const bool exists = stat(path, &st) == 0;
    if (exists && !S_ISREG(st.st_mode)) {
        const int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || !write_and_close(fd, data, size, false)) {
            return fail(err, BANTAM_ERR_IO, "cannot write %s: %s", path, strerror(errno));
        }
        return BANTAM_OK;
    }
    const int length = snprintf(beside, sizeof beside, "%s.part%ld", path, (long)getpid());
    if (length < 0 || (size_t)length >= sizeof beside) {
        return fail(err, BANTAM_ERR_INVALID, "the name of the file to write is too long");
    }
    const int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        return fail(err, BANTAM_ERR_IO, "cannot create %s: %s", path, strerror(errno));
    }
    if (!write_and_close(fd, data, size, true) || rename(beside, path) != 0) {
        const int why = errno;
        unlink(beside);
        return fail(err, BANTAM_ERR_IO, "cannot write %s: %s", path, strerror(why));
    }
    return BANTAM_OK;
}

bool cli_ends_with(const char *path, const char *end)
{
    const size_t n = strlen(path), m = strlen(end);
    return n >= m && strcmp(path + n - m, end) == 0;
}
