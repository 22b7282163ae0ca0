/* cli_out.h - what the command says: results on standard output, the rest on standard error.
 *
 * Text out of files and models goes to a terminal with its control characters written as \x1b,
 * and to a pipe as it is. A failed write is remembered and reported once, by cli_done().
 */
#ifndef BANTAM_CLI_OUT_H
#define BANTAM_CLI_OUT_H
#include "bantam/bantam.h"

#include <jansson.h>

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_INTERRUPTED = 130 };

/* Makes sure that descriptors 0 to 2 are taken, so that no model and no result is ever opened
 * as one of them, and finds out which are terminals. */
void cli_out_start(void);

/* From now on the command ends where Jansson gets no memory, which Jansson itself does not
 * always notice. Not for commands that have a file to clean up. */
void cli_out_strict(void);

/* How messages are to be given from now on: "bantam run", whether failures are also JSON, and
 * whether notes are wanted. */
void cli_out_mode(const char *who, bool json, bool quiet, bool verbose);

bool cli_out_is_terminal(void); /* standard output */
bool cli_err_is_terminal(void); /* standard error, and notes are wanted */

/* Bytes as they are. */
void cli_put(const char *data, size_t size);
/* Text that is not ours: escaped on a terminal. */
void cli_put_text(bantam_text text);
void cli_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* One object and a newline. Takes the value. */
void cli_put_json(json_t *value);
/* What a command that makes a file says of it: its path and size. */
void cli_put_made(const char *path, bool json);
/* 0 where there is no such file. */
double cli_file_bytes(const char *path);
/* Hands over what was put so far. False where that failed. */
bool cli_flush(void);

/* The last call of a command: flushes, says what went wrong with standard output if anything
 * did, and returns the exit status. A reader that went away needs no message. */
int cli_done(int status);

/* Say what went wrong, on one line. They return CLI_FAILED (CLI_INTERRUPTED for
 * BANTAM_ERR_CANCELLED) and CLI_USAGE. */
int cli_fail(const bantam_error *err);
int cli_fail_with(bantam_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int cli_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Out of memory: says so and ends the process with CLI_FAILED. */
_Noreturn void cli_out_of_memory(void);

/* Remarks on standard error: one line each; -q silences notes, -v wakes the verbose ones. */
void cli_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void cli_verbose(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Lines of an interactive command, as they are. */
void cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A line that is rewritten in place on a terminal, and a note elsewhere. */
void cli_progress_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A percentage that is rewritten in place, on a terminal only. total 0 wipes it. */
void cli_progress(const char *what, uint64_t done, uint64_t total);

/* A JSON string of any bytes: what is not UTF-8 becomes U+FFFD. */
json_t *cli_json_text(bantam_text text);
/* A JSON number, null for what JSON cannot say (an infinity). */
json_t *cli_json_real(double value);

#endif
