/* cli_line.c - lines from a user; see cli_line.h.
 *
 * Editing and history are libedit's. Where the command is built without it
 * (BANTAM_WITHOUT_LIBEDIT) a terminal is read like a pipe, with a prompt.
 */
#include "cli_line.h"

#include "cli_out.h"
#include "cli_signal.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef BANTAM_WITHOUT_LIBEDIT
#include <histedit.h>
#include <signal.h>
#endif

enum { LONGEST_LINE = 64 << 20, REMEMBERED = 500 };

struct cli_line {
    bool terminal;
    const char *prompt;
#ifndef BANTAM_WITHOUT_LIBEDIT
    EditLine *editor;
    History *history;
#endif
};

#ifndef BANTAM_WITHOUT_LIBEDIT
static char *show_prompt(EditLine *editor)
{
    cli_line *line = NULL;

    el_get(editor, EL_CLIENTDATA, &line);
    return (char *)(uintptr_t)line->prompt; /* libedit does not write to it */
}

/* Reads one character for libedit, which itself would read on after a signal: Ctrl-C has to end
 * the line. Bytes are gathered into one character of the user's encoding by mbrtowc(). */
static int read_character(EditLine *editor, wchar_t *out)
{
    mbstate_t state;

    (void)editor;
    memset(&state, 0, sizeof state);
    for (;;) {
        char byte;
        const ssize_t n = read(STDIN_FILENO, &byte, 1);
        if (n <= 0) {
            if (n < 0 && !cli_signal_caught()) continue; /* a window that changed its size */
            return n < 0 ? -1 : 0;
        }
        const size_t length = mbrtowc(out, &byte, 1, &state);
        if (length == (size_t)-2) continue;
        if (length == (size_t)-1) {
            memset(&state, 0, sizeof state);
            continue;
        }
        return 1;
    }
}

static void open_editor(cli_line *line)
{
    HistEvent event;

    setlocale(LC_CTYPE, ""); /* for the width of characters; numbers stay as they are in C */
    line->editor = el_init("bantam", stdin, cli_out_is_terminal() ? stdout : stderr, stderr);
    line->history = history_init();
    if (!line->editor || !line->history) return;
    history(line->history, &event, H_SETSIZE, REMEMBERED);
    history(line->history, &event, H_SETUNIQUE, 1);
    el_set(line->editor, EL_CLIENTDATA, line);
    el_set(line->editor, EL_PROMPT, show_prompt);
    el_set(line->editor, EL_EDITOR, "emacs");
    el_set(line->editor, EL_HIST, history, line->history);
    el_set(line->editor, EL_GETCFN, read_character);
}

static cli_line_result edit(cli_line *line, cli_buf *out)
{
    HistEvent event;
    int n = 0;
    const char *text = el_gets(line->editor, &n);

    if (cli_signal_caught()) {
        /* libedit leaves the terminal in its own mode when a read fails. */
        el_reset(line->editor);
        el_set(line->editor, EL_PREP_TERM, 0);
        return CLI_LINE_INTERRUPTED;
    }
    if (!text || n <= 0) return CLI_LINE_END;
    size_t size = (size_t)n;
    if (text[size - 1] == '\n') size--;
    cli_buf_add(out, text, size);
    if (size > 0) history(line->history, &event, H_ENTER, text);
    return CLI_LINE_READ;
}
#endif

cli_line *cli_line_open(void)
{
    cli_line *line = cli_grow(NULL, 1, sizeof *line);

    memset(line, 0, sizeof *line);
    line->terminal = isatty(STDIN_FILENO) != 0;
#ifndef BANTAM_WITHOUT_LIBEDIT
    if (line->terminal) open_editor(line);
#endif
    return line;
}

void cli_line_close(cli_line *line)
{
    if (!line) return;
#ifndef BANTAM_WITHOUT_LIBEDIT
    if (line->editor) el_end(line->editor);
    if (line->history) history_end(line->history);
#endif
    free(line);
}

bool cli_line_is_terminal(const cli_line *line)
{
    return line->terminal;
}

/* A line of any length up to the limit; the rest of a longer one is dropped and said to be. */
static cli_line_result read_plainly(cli_buf *out)
{
    bool dropped = false;
    int c;

    while ((c = getc(stdin)) != EOF && c != '\n') {
        if (out->size == LONGEST_LINE) {
            dropped = true;
            continue;
        }
        *cli_buf_reserve(out, 1) = (char)c;
        out->size++;
    }
    if (cli_signal_caught()) return CLI_LINE_INTERRUPTED;
    if (dropped) cli_note("a line of more than %d MiB was cut", LONGEST_LINE >> 20);
    return c == EOF && out->size == 0 ? CLI_LINE_END : CLI_LINE_READ;
}

cli_line_result cli_line_read(cli_line *line, const char *prompt, cli_buf *out)
{
    out->size = 0;
    line->prompt = prompt;
    cli_flush();
#ifndef BANTAM_WITHOUT_LIBEDIT
    if (line->editor && line->history) return edit(line, out);
#endif
    if (line->terminal) {
        fputs(prompt, stderr);
        fflush(stderr);
    }
    return read_plainly(out);
}
