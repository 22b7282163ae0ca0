/* cli_jsonl.h - files of JSON lines, an object each. */
#ifndef BANTAM_CLI_JSONL_H
#define BANTAM_CLI_JSONL_H
#include <jansson.h>

/* Reads a file of JSON lines, "-" for standard input, and hands each object with its line's
 * number to fn, which returns an exit status. Empty lines are passed over. */
typedef int (*cli_line_fn)(void *user, const json_t *object, size_t line);
int cli_read_lines(const char *path, cli_line_fn fn, void *user);

#endif
