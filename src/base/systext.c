/* systext.c - small text files of the system, read whole and without a word
 * where they are not there: who asks has another way, or knows what to do
 * without an answer. */
#include "base/systext.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool bnt_systext_read(const char *path, char text[BNT_SYSTEXT_BYTES])
{
    size_t size = 0;
    text[0] = '\0';
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    while (size < BNT_SYSTEXT_BYTES - 1) {
        const ssize_t n = read(fd, text + size, BNT_SYSTEXT_BYTES - 1 - size);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        size += (size_t)n;
    }
    close(fd);
    text[size] = '\0';
    return size > 0;
}

bool bnt_systext_read_in(const char *folder, const char *name, char text[BNT_SYSTEXT_BYTES])
{
    char path[BNT_SYSTEXT_PATH + 64];
    const int n = snprintf(path, sizeof path, "%s/%s", folder, name);

    text[0] = '\0';
    return n >= 0 && (size_t)n < sizeof path && bnt_systext_read(path, text);
}

bool bnt_systext_number(const char *text, uint64_t *out)
{
    while (*text == ' ' || *text == '\t') {
        text++;
    }
    if (*text < '0' || *text > '9') return false;
    errno = 0;
    const unsigned long long n = strtoull(text, NULL, 10);
    if (errno) return false;
    *out = n;
    return true;
}

const char *bnt_systext_after(const char *text, const char *key)
{
    const size_t size = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (strncmp(line, key, size) == 0) return line + size;
    }
    return NULL;
}
