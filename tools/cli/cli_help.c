/* cli_help.c - --help, from the table; see cli_help.h. */
#include "cli_help.h"

#include <string.h>

enum { WIDTH = 80, HELP_COLUMN = 29 };

void cli_wrap(FILE *f, const char *text, int indent, int column, int width)
{
    bool first = true;

    while (*text) {
        if (strncmp(text, "\n\n", 2) == 0) {
            fprintf(f, "\n\n%*s", indent, "");
            column = indent;
            first = true;
            text += 2;
        }
        text += strspn(text, " ");
        const int n = (int)strcspn(text, " \n");
        if (!first && column + 1 + n > width) {
            fprintf(f, "\n%*s", indent, "");
            column = indent;
            first = true;
        }
        if (!first) {
            fputc(' ', f);
            column++;
        }
        fprintf(f, "%.*s", n, text);
        column += n;
        first = false;
        text += n;
    }
    fputc('\n', f);
}

const char *cli_option_spelling(const cli_option *o, char *text, size_t capacity)
{
    if (o->letter) {
        snprintf(text, capacity, "-%c, --%s%s%s", o->letter, o->name, o->arg ? " " : "",
                 o->arg ? o->arg : "");
    } else {
        snprintf(text, capacity, "    --%s%s%s", o->name, o->arg ? " " : "",
                 o->arg ? o->arg : "");
    }
    return text;
}

/* Choices as they are given; with commas where one line does not hold them. */
static int put_choices(char *help, size_t capacity, const char *choices)
{
    const bool fits = strlen(choices) < WIDTH - HELP_COLUMN;
    int n = snprintf(help, capacity, ": ");

    for (; *choices && (size_t)n + 2 < capacity; choices++) {
        const bool parts = *choices == '|' && !fits;
        n += snprintf(help + n, capacity - (size_t)n, "%s%c", parts ? "," : "",
                      parts ? 0x20 : *choices);
    }
    return n;
}

static void put_option(FILE *f, const cli_option *o)
{
    char spelling[80], help[320];
    int column = 2 + (int)strlen(cli_option_spelling(o, spelling, sizeof spelling));
    int n = snprintf(help, sizeof help, "%s", o->help);

    if (o->choices) {
        n += put_choices(help + n, sizeof help - (size_t)n, o->choices);
    }
    if (o->fallback) snprintf(help + n, sizeof help - (size_t)n, " [%s]", o->fallback);
    fprintf(f, "  %s", spelling);
    if (column >= HELP_COLUMN) {
        fputc('\n', f);
        column = 0;
    }
    fprintf(f, "%*s", HELP_COLUMN - column, "");
    cli_wrap(f, help, HELP_COLUMN, HELP_COLUMN, WIDTH);
}

static void put_group(FILE *f, const cli_command *command, cli_group group)
{
    bool any = false;

    for (size_t i = 0; i < cli_n_options; i++) {
        const cli_option *o = &cli_options[i];
        if (o->group != group || !cli_option_listed(o, command)) continue;
        if (!any) fprintf(f, "\n%s:\n", cli_group_names[group]);
        any = true;
        put_option(f, o);
    }
}

void cli_help_command(FILE *f, const cli_command *command)
{
    fprintf(f, "usage: bantam %s [OPTIONS]%s%s\n\n", command->name, *command->args ? " " : "",
            command->args);
    cli_wrap(f, command->description, 0, 0, WIDTH);
    for (int g = 0; g < CLI_N_GROUPS; g++)
        put_group(f, command, (cli_group)g);
    fputs("\nExamples:\n", f);
    for (const cli_example *e = command->examples; e->says; e++) {
        fprintf(f, "  # %s\n  %s\n", e->says, e->line);
    }
}

void cli_help_all(FILE *f)
{
    fputs("usage: bantam COMMAND [OPTIONS] ...\n\nBantam ", f);
    cli_wrap(f, cli_about, 0, 7, WIDTH);
    fputs("\nCommands:\n", f);
    for (int i = 0; i < CLI_N_COMMANDS; i++) {
        fprintf(f, "  %-11s %-16s  %s\n", cli_commands[i].name, cli_commands[i].args,
                cli_commands[i].summary);
    }
    fputs("\nMODEL is a .gguf file, a Hugging Face folder, or a name from 'bantam list'.\n"
          "'bantam COMMAND --help' describes a command, with examples.\n"
          "\nExit status: ",
          f);
    cli_wrap(f, cli_exit_status, 0, 13, WIDTH);
}
