/* docgen.c - writes the manual pages and the shell completions from the table of cli_table.h.
 *
 *     bantam-docgen man FOLDER           bantam.1, bantam-run.1, ...
 *     bantam-docgen completions FOLDER   bantam.bash, _bantam, bantam.fish
 *
 * It is run while the program is built and is not installed.
 */
#include "cli_table.h"

#include "bantam/bantam.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static FILE *create(const char *folder, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static FILE *create(const char *folder, const char *format, ...)
{
    char path[4096], name[128];
    va_list args;

    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    if (!f) fprintf(stderr, "bantam-docgen: cannot create %s: %s\n", path, strerror(errno));
    return f;
}

static bool finish(FILE *f)
{
    const bool good = !ferror(f);

    return fclose(f) == 0 && good;
}

/* ---- manual pages ------------------------------------------------------------------------ */

/* Text as roff takes it: a dash is a minus, a backslash itself, and no line begins with a
 * control character. An empty line begins a paragraph. */
static void roff(FILE *f, const char *text)
{
    bool begins = true;

    for (; *text; text++) {
        if (text[0] == '\n' && text[1] == '\n') {
            fputs("\n.PP\n", f);
            text++;
            begins = true;
            continue;
        }
        if (begins && (*text == '.' || *text == '\'')) fputs("\\&", f);
        if (*text == '-')
            fputs("\\-", f);
        else if (*text == '\\')
            fputs("\\e", f);
        else
            fputc(*text, f);
        begins = *text == '\n';
    }
}

static void roff_bold(FILE *f, const char *text)
{
    fputs("\\fB", f);
    roff(f, text);
    fputs("\\fR", f);
}

static void man_head(FILE *f, const char *title, const char *name, const char *summary)
{
    fprintf(f, ".TH \"%s\" 1 \"\" \"bantam %d.%d.%d\" \"User Commands\"\n.SH NAME\n", title,
            BANTAM_VERSION_MAJOR, BANTAM_VERSION_MINOR, BANTAM_VERSION_PATCH);
    roff(f, name);
    fputs(" \\- ", f);
    roff(f, summary);
    fputs("\n.SH SYNOPSIS\n", f);
}

static void man_option(FILE *f, const cli_option *o)
{
    fputs(".TP\n", f);
    if (o->letter) fprintf(f, "\\fB\\-%c\\fR, ", o->letter);
    fputs("\\fB\\-\\-", f);
    roff(f, o->name);
    fputs("\\fR", f);
    if (o->arg) {
        fputs(" \\fI", f);
        roff(f, o->arg);
        fputs("\\fR", f);
    }
    fputc('\n', f);
    roff(f, o->help);
    if (o->choices) {
        fputs(": ", f);
        for (const char *c = o->choices; *c; c++) {
            if (*c == '|')
                fputs(", ", f);
            else
                fputc(*c, f);
        }
    }
    fputs(".\n", f);
    if (o->fallback) {
        fputs("The default is ", f);
        roff(f, o->fallback);
        fputs(".\n", f);
    }
}

static void man_tail(FILE *f)
{
    fputs(".SH EXIT STATUS\n", f);
    roff(f, cli_exit_status);
    fputs("\n.SH ENVIRONMENT\n", f);
    for (const cli_environment *e = cli_environments; e->name; e++) {
        fputs(".TP\n", f);
        roff_bold(f, e->name);
        fputc('\n', f);
        roff(f, e->help);
        fputs(".\n", f);
    }
}

static void man_see_also(FILE *f, const cli_command *except)
{
    bool first = !except;

    fputs(".SH SEE ALSO\n", f);
    if (except) fputs("\\fBbantam\\fR(1)", f);
    for (int i = 0; i < CLI_N_COMMANDS; i++) {
        if (&cli_commands[i] == except) continue;
        fprintf(f, "%s\\fBbantam\\-%s\\fR(1)", first ? "" : ",\n", cli_commands[i].name);
        first = false;
    }
    fputc('\n', f);
}

static void man_command(FILE *f, const cli_command *c)
{
    char name[64];

    snprintf(name, sizeof name, "bantam-%s", c->name);
    man_head(f, name, name, c->summary);
    fputs("\\fBbantam ", f);
    roff(f, c->name);
    fputs("\\fR [\\fIOPTIONS\\fR] \\fI", f);
    roff(f, c->args);
    fputs("\\fR\n.SH DESCRIPTION\n", f);
    roff(f, c->description);
    fputs("\n.SH OPTIONS\n", f);
    for (int g = 0; g < CLI_N_GROUPS; g++) {
        bool any = false;
        for (size_t i = 0; i < cli_n_options; i++) {
            const cli_option *o = &cli_options[i];
            if (o->group != (cli_group)g || !cli_option_listed(o, c)) continue;
            if (!any) fprintf(f, ".SS %s\n", cli_group_names[g]);
            any = true;
            man_option(f, o);
        }
    }
    fputs(".SH EXAMPLES\n", f);
    for (const cli_example *e = c->examples; e->says; e++) {
        fputs(".PP\n", f);
        roff(f, e->says);
        fputs(":\n.PP\n.RS 4\n.nf\n", f);
        roff(f, e->line);
        fputs("\n.fi\n.RE\n", f);
    }
    man_tail(f);
    man_see_also(f, c);
}

static void man_all(FILE *f)
{
    man_head(f, "bantam", "bantam", "small language models on this machine");
    fputs("\\fBbantam\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR] ...\n.br\n"
          "\\fBbantam help\\fR [\\fICOMMAND\\fR]\n.SH DESCRIPTION\n\\fBbantam\\fR ",
          f);
    roff(f, cli_about);
    fputs("\nResults go to standard output, everything else to standard error.\n.PP\n"
          "\\fIMODEL\\fR is a .gguf file, a Hugging Face folder as downloaded, or a name from "
          "\\fBbantam list\\fR.\n.SH COMMANDS\n",
          f);
    for (int i = 0; i < CLI_N_COMMANDS; i++) {
        const cli_command *c = &cli_commands[i];
        fprintf(f, ".TP\n\\fB%s\\fR \\fI", c->name);
        roff(f, c->args);
        fputs("\\fR\n", f);
        roff(f, c->summary);
        fputs(".\n", f);
    }
    man_tail(f);
    man_see_also(f, NULL);
}

static bool write_man(const char *folder)
{
    FILE *f = create(folder, "bantam.1");

    if (!f) return false;
    man_all(f);
    if (!finish(f)) return false;
    for (int i = 0; i < CLI_N_COMMANDS; i++) {
        f = create(folder, "bantam-%s.1", cli_commands[i].name);
        if (!f) return false;
        man_command(f, &cli_commands[i]);
        if (!finish(f)) return false;
    }
    return true;
}

/* ---- completions ------------------------------------------------------------------------- */

static void command_names(FILE *f, const char *separator)
{
    for (int i = 0; i < CLI_N_COMMANDS; i++)
        fprintf(f, "%s%s", separator, cli_commands[i].name);
}

/* The first word that an option's choices are: a|b|c with other separators. */
static void choices(FILE *f, const char *list, char separator)
{
    for (; *list; list++)
        fputc(*list == '|' ? separator : *list, f);
}

static void write_bash(FILE *f)
{
    fputs("# bash completion for bantam\n_bantam()\n{\n"
          "    local cur prev\n"
          "    cur=${COMP_WORDS[COMP_CWORD]}\n    prev=${COMP_WORDS[COMP_CWORD-1]}\n"
          "    COMPREPLY=()\n    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        mapfile -t COMPREPLY < <(compgen -W 'help --help --version",
          f);
    command_names(f, " ");
    fputs("' -- \"$cur\")\n        return\n    fi\n    case \"${COMP_WORDS[1]} $prev\" in\n",
          f);
    for (int i = 0; i < CLI_N_COMMANDS; i++) {
        const cli_command *c = &cli_commands[i];
        for (size_t k = 0; k < cli_n_options; k++) {
            const cli_option *o = &cli_options[k];
            if (!o->choices || !cli_option_listed(o, c)) continue;
            fprintf(f, "    '%s --%s')\n        mapfile -t COMPREPLY < <(compgen -W '", c->name,
                    o->name);
            choices(f, o->choices, ' ');
            fputs("' -- \"$cur\")\n        return\n        ;;\n", f);
        }
    }
    fputs("    'help '*)\n        mapfile -t COMPREPLY < <(compgen -W '", f);
    command_names(f, " ");
    fputs("' -- \"$cur\")\n        return\n        ;;\n    esac\n"
          "    case $cur in\n    -*)\n        local options=\n"
          "        case ${COMP_WORDS[1]} in\n",
          f);
    for (int i = 0; i < CLI_N_COMMANDS; i++) {
        const cli_command *c = &cli_commands[i];
        fprintf(f, "        %s)\n            options='", c->name);
        for (size_t k = 0; k < cli_n_options; k++) {
            if (cli_option_listed(&cli_options[k], c)) fprintf(f, "--%s ", cli_options[k].name);
        }
        fputs("'\n            ;;\n", f);
    }
    fputs(
        "        esac\n        mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
        "        ;;\n    *)\n"
        "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"\n"
        "            compgen -W \"$(bantam list -q 2>/dev/null)\" -- \"$cur\")\n"
        "        compopt -o filenames 2>/dev/null\n        ;;\n    esac\n}\n"
        "complete -F _bantam bantam\n",
        f);
}

/* Help text inside single quotes; zsh also wants its brackets and colons marked. */
static void quoted(FILE *f, const char *text, bool zsh)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs(zsh ? "'\\''" : "\\'", f);
        else if (zsh && strchr("[]:\\", *text))
            fprintf(f, "\\%c", *text);
        else
            fputc(*text, f);
    }
}

static void zsh_option(FILE *f, const cli_option *o)
{
    const bool repeats = o->type == CLI_TEXTS;
    char action[160] = "";

    if (o->arg) {
        snprintf(action, sizeof action, ":%s:%s", o->name, o->type == CLI_FILE ? "_files" : "");
    }
    if (o->letter) {
        fprintf(f, "            '(-%c --%s)'{-%c%s,--%s%s}'[", o->letter, o->name, o->letter,
                o->arg ? "+" : "", o->name, o->arg ? "=" : "");
    } else {
        fprintf(f, "            '%s--%s%s[", repeats ? "*" : "", o->name, o->arg ? "=" : "");
    }
    quoted(f, o->help, true);
    fprintf(f, "]%s", action);
    if (o->choices) {
        fputc('(', f);
        choices(f, o->choices, ' ');
        fputc(')', f);
    }
    fputs("' \\\n", f);
}

static void write_zsh(FILE *f)
{
    fputs("#compdef bantam\n# zsh completion for bantam\n_bantam_models() {\n"
          "    local -a names\n    names=(${(f)\"$(bantam list -q 2>/dev/null)\"})\n"
          "    _alternative 'files:file:_files' \"models:model:(${(j: :)names})\"\n}\n"
          "_bantam() {\n    local -a commands\n    commands=(\n",
          f);
    for (int i = 0; i < CLI_N_COMMANDS; i++) {
        fprintf(f, "        '%s:", cli_commands[i].name);
        quoted(f, cli_commands[i].summary, true);
        fputs("'\n", f);
    }
    fputs("        'help:describes a command'\n    )\n    if (( CURRENT == 2 )); then\n"
          "        _describe command commands\n        return\n    fi\n"
          "    local command=$words[2]\n    shift words\n    (( CURRENT-- ))\n"
          "    case $command in\n"
          "    help)\n        _describe command commands\n        ;;\n",
          f);
    for (int i = 0; i < CLI_N_COMMANDS; i++) {
        fprintf(f, "    %s)\n        _arguments -s \\\n", cli_commands[i].name);
        for (size_t k = 0; k < cli_n_options; k++) {
            if (cli_option_listed(&cli_options[k], &cli_commands[i])) {
                zsh_option(f, &cli_options[k]);
            }
        }
        if (cli_commands[i].max_args > 0) fputs("            '1:model:_bantam_models' \\\n", f);
        fputs("            '*:file:_files'\n        ;;\n", f);
    }
    fputs("    esac\n}\n_bantam \"$@\"\n", f);
}

static void write_fish(FILE *f)
{
    fputs("# fish completion for bantam\n"
          "complete -c bantam -n __fish_use_subcommand -f -a help -d 'describes a command'\n"
          "complete -c bantam -n '__fish_seen_subcommand_from help' -f -a '",
          f);
    command_names(f, " ");
    fputs("'\n", f);
    for (int i = 0; i < CLI_N_COMMANDS; i++) {
        const cli_command *c = &cli_commands[i];
        fprintf(f, "complete -c bantam -n __fish_use_subcommand -f -a %s -d '", c->name);
        quoted(f, c->summary, false);
        fputs("'\n", f);
        if (c->max_args > 0) {
            fprintf(f,
                    "complete -c bantam -n '__fish_seen_subcommand_from %s' -a "
                    "'(bantam list -q 2>/dev/null)'\n",
                    c->name);
        }
        for (size_t k = 0; k < cli_n_options; k++) {
            const cli_option *o = &cli_options[k];
            if (!cli_option_listed(o, c)) continue;
            fprintf(f, "complete -c bantam -n '__fish_seen_subcommand_from %s' -l %s", c->name,
                    o->name);
            if (o->letter) fprintf(f, " -s %c", o->letter);
            if (o->arg) fputs(o->type == CLI_FILE ? " -r -F" : " -x", f);
            if (o->choices) {
                fputs(" -a '", f);
                choices(f, o->choices, ' ');
                fputc('\'', f);
            }
            fputs(" -d '", f);
            quoted(f, o->help, false);
            fputs("'\n", f);
        }
    }
}

static bool write_completions(const char *folder)
{
    static const struct {
        const char *name;
        void (*write)(FILE *f);
    } shells[] = {
        {"bantam.bash", write_bash}, {"_bantam", write_zsh}, {"bantam.fish", write_fish}};

    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
        FILE *f = create(folder, "%s", shells[i].name);
        if (!f) return false;
        shells[i].write(f);
        if (!finish(f)) return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "man") == 0) return write_man(argv[2]) ? 0 : 1;
    if (argc == 3 && strcmp(argv[1], "completions") == 0) {
        return write_completions(argv[2]) ? 0 : 1;
    }
    fputs("usage: bantam-docgen man|completions FOLDER\n", stderr);
    return 2;
}
