/* cli_line.h - lines that a user types: edited on a terminal, read plainly from a pipe. */
#ifndef BANTAM_CLI_LINE_H
#define BANTAM_CLI_LINE_H
#include "cli_text.h"

typedef struct cli_line cli_line;

typedef enum cli_line_result {
    CLI_LINE_READ,
    CLI_LINE_END,        /* end of input */
    CLI_LINE_INTERRUPTED /* Ctrl-C: what was typed is dropped */
} cli_line_result;

cli_line *cli_line_open(void);
void cli_line_close(cli_line *line); /* accepts NULL; the terminal is as it was before */

/* Whether somebody sits there, so that prompts and hints make sense. */
bool cli_line_is_terminal(const cli_line *line);

/* Reads one line into *out, without its newline. The prompt shows on a terminal only and must
 * be a constant. */
cli_line_result cli_line_read(cli_line *line, const char *prompt, cli_buf *out);

#endif
