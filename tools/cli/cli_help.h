/* cli_help.h - the text of --help, from the table. */
#ifndef BANTAM_CLI_HELP_H
#define BANTAM_CLI_HELP_H
#include "cli_table.h"

#include <stdbool.h>
#include <stdio.h>

void cli_help_all(FILE *f);
void cli_help_command(FILE *f, const cli_command *command);

/* An option as it is written: "-t, --threads N". Truncated to the capacity. */
const char *cli_option_spelling(const cli_option *option, char *text, size_t capacity);

/* Writes words with lines of at most `width` columns, each line after the first behind `indent`
 * spaces. `column` is where the first word goes. An empty line in the text stays one. */
void cli_wrap(FILE *f, const char *text, int indent, int column, int width);

#endif
