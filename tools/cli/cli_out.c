/* cli_out.c - standard output and standard error; see cli_out.h.
 *
 * This is the one file of the command with state of its own, because a process has one standard
 * output.
 */
#include "cli_out.h"

#include "cli_text.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MESSAGE = 1024 };

static struct {
    const char *who;
    bool json, quiet, verbose;
    bool out_terminal, err_terminal;
    bool progress; /* a percentage stands on the terminal */
    bool reported; /* a failure has had its line on standard error */
    int failed;    /* errno of the first write that failed */
} out = {.who = "bantam"};

void cli_out_start(void)
{
    /* A closed standard output becomes one that cannot be written, so that the loss shows. */
    for (int fd = 0; fd < 3; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
            (void)!open("/dev/null", fd == 2 ? O_WRONLY : O_RDONLY);
        }
    }
    out.out_terminal = isatty(STDOUT_FILENO) != 0;
    /* Progress is written over itself, which a terminal that calls itself dumb cannot do. */
    const char *terminal = getenv("TERM");
    out.err_terminal = isatty(STDERR_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
}

static void *json_memory(size_t size)
{
    void *const at = malloc(size);
    if (!at) cli_out_of_memory();
    return at;
}

void cli_out_strict(void)
{
    json_set_alloc_funcs(json_memory, free);
}

void cli_out_mode(const char *who, bool json, bool quiet, bool verbose)
{
    out.who = who;
    out.json = json;
    out.quiet = quiet;
    out.verbose = verbose;
}

bool cli_out_is_terminal(void)
{
    return out.out_terminal;
}

bool cli_err_is_terminal(void)
{
    return out.err_terminal && !out.quiet;
}

void cli_put(const char *data, size_t size)
{
    if (size == 0 || out.failed) return;
    errno = 0;
    if (fwrite(data, 1, size, stdout) != size) out.failed = errno ? errno : EIO;
}

/* Writes text with control characters and broken UTF-8 as \x1b; tabs stay, newlines where they
 * are wanted. */
static void put_escaped(FILE *f, bantam_text text, bool newlines)
{
    for (size_t at = 0; at < text.size;) {
        uint32_t c;
        const size_t n = cli_utf8_next(text.data + at, text.size - at, &c);
        const bool plain = n > 0 && (c >= 0xA0 || (c >= 0x20 && c < 0x7F) || c == '\t' ||
                                     (c == '\n' && newlines));

        if (plain) {
            fwrite(text.data + at, 1, n, f);
            at += n;
            continue;
        }
        fprintf(f, "\\x%02x", n > 0 ? (unsigned)c : (unsigned)(unsigned char)text.data[at]);
        at += n > 0 ? n : 1;
    }
}

void cli_put_text(bantam_text text)
{
    if (!out.out_terminal) {
        cli_put(text.data, text.size);
        return;
    }
    if (text.size == 0 || out.failed) return;
    errno = 0;
    put_escaped(stdout, text, true);
    if (ferror(stdout)) out.failed = errno ? errno : EIO;
}

void cli_printf(const char *format, ...)
{
    va_list args;

    if (out.failed) return;
    errno = 0;
    va_start(args, format);
    if (vfprintf(stdout, format, args) < 0) out.failed = errno ? errno : EIO;
    va_end(args);
}

void cli_put_json(json_t *value)
{
    if (!value) cli_out_of_memory();
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!text) cli_out_of_memory();
    cli_put(text, strlen(text));
    cli_put("\n", 1);
    free(text);
    json_decref(value);
}

double cli_file_bytes(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (double)st.st_size : 0.0;
}

void cli_put_made(const char *path, bool json)
{
    const double bytes = cli_file_bytes(path);

    if (json) {
        cli_put_json(json_pack("{s:o,s:I}", "path",
                               cli_json_text((bantam_text){path, strlen(path)}), "bytes",
                               (json_int_t)bytes));
    }
    cli_verbose("wrote %s, %.1f MB", path, bytes / 1e6);
}

bool cli_flush(void)
{
    errno = 0;
    /* The mark of the stream tells of text that did not come through cli_put(). */
    if ((fflush(stdout) != 0 || ferror(stdout)) && !out.failed) {
        out.failed = errno ? errno : EIO;
    }
    return out.failed == 0;
}

/* One line on standard error. */
static void say(const char *message)
{
    if (out.progress) cli_progress("", 0, 0);
    fprintf(stderr, "%s: ", out.who);
    put_escaped(stderr, (bantam_text){message, strlen(message)}, false);
    fputc('\n', stderr);
}

int cli_done(int status)
{
    if (out.progress) cli_progress("", 0, 0);
    if (cli_flush()) return status;
    if (out.failed != EPIPE) {
        char message[MESSAGE];
        snprintf(message, sizeof message, "cannot write to standard output: %s",
                 strerror(out.failed));
        say(message);
    }
    return status == CLI_OK ? CLI_FAILED : status;
}

/* The failure on standard error and, where that was asked for, as JSON. */
static void report(const char *code, const char *message)
{
    say(message);
    out.reported = true;
    if (!out.json) return;
    cli_put_json(json_pack("{s:{s:s,s:o}}", "error", "code", code, "message",
                           cli_json_text((bantam_text){message, strlen(message)})));
    cli_flush();
}

int cli_fail(const bantam_error *err)
{
    if (err->status == BANTAM_ERR_CANCELLED) return CLI_INTERRUPTED;
    report(bantam_status_name(err->status), err->message);
    return CLI_FAILED;
}

int cli_fail_with(bantam_status status, const char *format, ...)
{
    char message[MESSAGE];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    report(bantam_status_name(status), message);
    return CLI_FAILED;
}

int cli_usage(const char *format, ...)
{
    char message[MESSAGE];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    report("invalid", message);
    return CLI_USAGE;
}

_Noreturn void cli_out_of_memory(void)
{
    if (!out.reported) fprintf(stderr, "%s: out of memory\n", out.who);
    if (out.json) {
        printf("{\"error\":{\"code\":\"nomem\",\"message\":\"out of memory\"}}\n");
    }
    exit(CLI_FAILED);
}

void cli_note(const char *format, ...)
{
    char message[MESSAGE];
    va_list args;

    if (out.quiet) return;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    say(message);
}

void cli_verbose(const char *format, ...)
{
    char message[MESSAGE];
    va_list args;

    if (!out.verbose) return;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    say(message);
}

void cli_say(const char *format, ...)
{
    char message[MESSAGE];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    put_escaped(stderr, (bantam_text){message, strlen(message)}, true);
    fputc('\n', stderr);
}

void cli_progress(const char *what, uint64_t done, uint64_t total)
{
    if (!cli_err_is_terminal()) return;
    if (total == 0) {
        if (out.progress) fputs("\r\x1b[K", stderr);
        out.progress = false;
    } else {
        const double share = 100.0 * (double)done / (double)total;
        fprintf(stderr, "\r%s %.0f %%", what, share);
        out.progress = true;
    }
    fflush(stderr);
}

void cli_progress_line(const char *format, ...)
{
    char message[MESSAGE];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (!cli_err_is_terminal()) {
        cli_note("%s", message);
        return;
    }
    fputs("\r", stderr);
    put_escaped(stderr, (bantam_text){message, strlen(message)}, false);
    fputs("\x1b[K", stderr);
    fflush(stderr);
    out.progress = true;
}

json_t *cli_json_text(bantam_text text)
{
    json_t *value = json_stringn(text.data ? text.data : "", text.size);
    if (value) return value;

    /* Every byte may become the three of U+FFFD. */
    cli_buf whole = {0};
    for (size_t at = 0; at < text.size;) {
        uint32_t c;
        const size_t n = cli_utf8_next(text.data + at, text.size - at, &c);
        if (n > 0)
            cli_buf_add(&whole, text.data + at, n);
        else
            cli_buf_add(&whole, "\xEF\xBF\xBD", 3);
        at += n > 0 ? n : 1;
    }
    value = json_stringn(whole.data ? whole.data : "", whole.size);
    cli_buf_free(&whole);
    if (!value) cli_out_of_memory();
    return value;
}

json_t *cli_json_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}
