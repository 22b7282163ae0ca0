/* cli_text.h - bytes that grow, UTF-8, and whole files in memory. */
#ifndef BANTAM_CLI_TEXT_H
#define BANTAM_CLI_TEXT_H
#include "bantam/bantam.h"

/* Bytes that grow. A zeroed one is empty. Growing ends the process where there is no memory. */
typedef struct cli_buf {
    char *data;
    size_t size, capacity;
} cli_buf;

/* Room for `more` bytes after the ones there are; returns where they go. */
char *cli_buf_reserve(cli_buf *buf, size_t more);
void cli_buf_add(cli_buf *buf, const char *data, size_t size);
void cli_buf_free(cli_buf *buf);

/* As realloc() of n items; ends the process where there is no memory. */
void *cli_grow(void *old, size_t n, size_t size);

/* Length of the character at the start of data, and its code point; 0 where the bytes there are
 * not UTF-8. */
size_t cli_utf8_next(const char *data, size_t size, uint32_t *c);

/* Reads all of a file, "-" for standard input. At most 256 MiB: more is BANTAM_ERR_FULL. */
bantam_status cli_read_file(const char *path, cli_buf *out, bantam_error *err);

/* Writes a file whole or not at all: to a new file beside it that takes its name at the end.
 * What is not a regular file (a device, a pipe) is written directly; "-" is standard output. */
bantam_status cli_write_file(const char *path, const char *data, size_t size,
                             bantam_error *err);

/* Whether a path ends so: ".jsonl". */
bool cli_ends_with(const char *path, const char *end);

#endif
