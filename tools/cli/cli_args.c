/* cli_args.c - reads the command line by the table; see cli_args.h. */
#include "cli_args.h"

#include "bantam/bantam.h"
#include "cli_out.h"
#include "cli_text.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- numbers ----------------------------------------------------------------------------- */

bool cli_read_whole(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;

    if (!*text) return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9') return false;
        const unsigned digit = (unsigned)(*text - '0');
        if (value > (UINT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
    }
    *out = value;
    return value >= min && value <= max;
}

/* Length of a decimal number at the start of text: [-]digits[.digits]; 0 where there is none.
 */
static size_t decimal_length(const char *text)
{
    size_t n = *text == '-';
    const size_t whole = strspn(text + n, "0123456789");

    n += whole;
    if (text[n] == '.') {
        const size_t part = strspn(text + n + 1, "0123456789");
        if (whole + part == 0) return 0;
        return n + 1 + part;
    }
    return whole > 0 ? n : 0;
}

bool cli_read_real(const char *text, double min, double max, double *out)
{
    size_t n = decimal_length(text);

    if (n == 0) return false;
    if (text[n] == 'e' || text[n] == 'E') {
        const size_t sign = text[n + 1] == '-' || text[n + 1] == '+';
        const size_t digits = strspn(text + n + 1 + sign, "0123456789");
        if (digits == 0) return false;
        n += 1 + sign + digits;
    }
    if (text[n]) return false;
    *out = strtod(text, NULL); /* LC_NUMERIC is never set: the point is a point */
    return isfinite(*out) && *out >= min && *out <= max;
}

bool cli_read_bytes(const char *text, uint64_t *out)
{
    static const char units[] = "KMGT";
    const size_t n = decimal_length(text);
    double factor = 1.0;

    if (n == 0 || *text == '-') return false;
    const char *suffix = text + n;
    const char *unit = *suffix ? strchr(units, *suffix == 'k' ? 'K' : *suffix) : NULL;
    if (unit) {
        const char *rest = suffix + 1;
        double base = 1024.0;
        if (strcmp(rest, "B") == 0)
            base = 1000.0;
        else if (*rest && strcmp(rest, "iB") != 0)
            return false;
        for (const char *u = units; u <= unit; u++)
            factor *= base;
    } else if (*suffix && strcmp(suffix, "B") != 0) {
        return false;
    }
    const double value = strtod(text, NULL) * factor;
    if (!(value >= 1.0 && value < 9e18)) return false; /* below 2^63: the cast is defined */
    *out = (uint64_t)value;
    return true;
}

bool cli_read_ids(const char *text, cli_ids *out)
{
    *out = (cli_ids){0};
    while (*text) {
        char number[16];
        uint64_t id;
        const size_t n = strcspn(text, ",");

        if (n >= sizeof number) goto fail;
        memcpy(number, text, n);
        number[n] = '\0';
        if (!cli_read_whole(number, 0, UINT32_MAX - 1, &id)) goto fail;
        if ((out->n & (out->n - 1)) == 0) {
            out->items = cli_grow(out->items, out->n ? 2 * out->n : 1, sizeof *out->items);
        }
        out->items[out->n++] = (uint32_t)id;
        text += n;
        if (*text == ',' && !*++text) goto fail;
    }
    if (out->n > 0) return true;

fail:
    free(out->items);
    *out = (cli_ids){0};
    return false;
}

/* ---- options ----------------------------------------------------------------------------- */

static bool is_choice(const char *choices, const char *text)
{
    const size_t n = strlen(text);

    for (const char *word = choices; word; word = strchr(word, '|')) {
        if (*word == '|') word++;
        if (n == strcspn(word, "|") && strncmp(word, text, n) == 0) return true;
    }
    return false;
}

/* Describes, for a message, what the option wants. */
static const char *wanted(const cli_option *o, char *text, size_t capacity)
{
    switch (o->type) {
    case CLI_COUNT:
        snprintf(text, capacity, "a whole number from %.0f to %.0f", o->min, o->max);
        break;
    case CLI_NUMBER:
        snprintf(text, capacity, "a whole number from 0 to 18446744073709551615");
        break;
    case CLI_REAL:
        snprintf(text, capacity, "a number from %g to %g", o->min, o->max);
        break;
    case CLI_BYTES:
        snprintf(text, capacity, "a size such as 900M, 1.5G or 2GiB");
        break;
    case CLI_IDS:
        snprintf(text, capacity, "token numbers separated by commas");
        break;
    default:
        snprintf(text, capacity, "one of %s", o->choices ? o->choices : "its values");
        break;
    }
    return text;
}

/* Puts an option's value where it belongs. False where the text is no such value. */
static bool store(cli_args *args, const cli_option *o, const char *text)
{
    void *const at = (char *)args + o->offset;
    uint64_t whole = 0;

    switch (o->type) {
    case CLI_FLAG:
        *(bool *)at = true;
        return true;
    case CLI_COUNT:
        if (!cli_read_whole(text, (uint64_t)o->min, (uint64_t)o->max, &whole)) return false;
        *(uint32_t *)at = (uint32_t)whole;
        return true;
    case CLI_NUMBER:
        return cli_read_whole(text, 0, UINT64_MAX, at);
    case CLI_BYTES:
        return cli_read_bytes(text, at);
    case CLI_REAL:
        return cli_read_real(text, o->min, o->max, at);
    case CLI_CHOICE:
        if (!is_choice(o->choices, text)) return false;
        *(const char **)at = text;
        return true;
    case CLI_TEXT:
    case CLI_FILE:
        *(const char **)at = text;
        return true;
    case CLI_TEXTS: {
        cli_texts *texts = at;
        texts->items = cli_grow(texts->items, texts->n + 1, sizeof *texts->items);
        texts->items[texts->n++] = text;
        return true;
    }
    case CLI_IDS:
        free(((cli_ids *)at)->items);
        return cli_read_ids(text, at);
    }
    return false;
}

static int take(cli_args *args, const cli_option *o, const char *text)
{
    char want[160];

    if (!store(args, o, text)) {
        return cli_usage("--%s: '%s' is not %s", o->name, text, wanted(o, want, sizeof want));
    }
    args->given[o - cli_options] = true;
    return 0;
}

/* The command's options in the shapes that getopt_long() wants. Room for every option. */
typedef struct grammar {
    struct option longs[CLI_MAX_OPTIONS + 1];
    const cli_option *options[CLI_MAX_OPTIONS + 1];
    char shorts[2 + 2 * CLI_MAX_OPTIONS + 1];
} grammar;

static void grammar_build(grammar *g, const cli_command *command)
{
    size_t n = 0, s = 0;

    memset(g, 0, sizeof *g);
    g->shorts[s++] = '-'; /* words in their place, whatever POSIXLY_CORRECT says */
    g->shorts[s++] = ':'; /* tell a missing argument from an unknown option */
    for (size_t i = 0; i < cli_n_options; i++) {
        const cli_option *o = &cli_options[i];
        if (!cli_option_taken(o, command)) continue;
        g->longs[n].name = o->name;
        g->longs[n].has_arg = o->arg ? required_argument : no_argument;
        g->longs[n].val = 256 + (int)n;
        g->options[n++] = o;
        if (o->letter) g->shorts[s++] = o->letter;
        if (o->letter && o->arg) g->shorts[s++] = ':';
    }
}

static const cli_option *by_letter(const grammar *g, int letter)
{
    for (size_t i = 0; g->options[i]; i++) {
        if (g->options[i]->letter == letter) return g->options[i];
    }
    return NULL;
}

/* Whether the long option was written out. getopt_long() also takes beginnings of names, which
 * a script must not come to rely on: the next option may make them ambiguous. */
static bool is_whole_name(char **argv, const cli_option *o)
{
    const char *word = argv[optind - 1];

    if (o->arg && optarg == word && optind >= 2) word = argv[optind - 2];
    if (strncmp(word, "--", 2) != 0) return false;
    const size_t n = strcspn(word + 2, "=");
    return n == strlen(o->name) && strncmp(word + 2, o->name, n) == 0;
}

static int add_word(cli_args *args, const char *word, int *n)
{
    if (*n >= args->command->max_args) {
        return cli_usage("'%s' is one word too many; usage: bantam %s [OPTIONS] %s", word,
                         args->command->name, args->command->args);
    }
    args->words[(*n)++] = word;
    args->n_words = (size_t)*n;
    return 0;
}

static int bad_option(int code, char **argv)
{
    const char *word = argv[optind - 1];

    if (optopt > 0 && optopt < 256) {
        return cli_usage(code == ':' ? "-%c wants an argument"
                                     : "there is no option -%c; see --help",
                         optopt);
    }
    if (code == ':') return cli_usage("%s wants an argument", word);
    if (optopt >= 256) {
        return cli_usage("%.*s takes no argument", (int)strcspn(word, "="), word);
    }
    return cli_usage("there is no option %.*s; see --help", (int)strcspn(word, "="), word);
}

static bool may_name_none(const cli_command *command)
{
    return strncmp(command->args, "[MODEL]", 7) == 0 && command != &cli_commands[CLI_RM];
}

/* Puts the built-in model in MODEL's place where the line names none: there is no word, or one
 * that has spaces and is called like no file, where a text may follow. A library that was built
 * without the model leaves the line as it is. */
static void name_built_in(cli_args *args, int *n_words)
{
    static const char name[] = "bantam-mini";
    char path[PATH_MAX];
    const char *const text = args->words[0];

    if (*n_words > 1 || bantam_locate(name, path, sizeof path, NULL)) return;
    if (*n_words == 1 &&
        (args->command->max_args < 2 || !strpbrk(text, " \t\n") || access(text, F_OK) == 0)) {
        return;
    }
    args->words[1] = text;
    args->words[0] = name;
    args->n_words = (size_t)++ * n_words;
}

static int read_line(cli_args *args, int argc, char **argv)
{
    grammar g;
    int code, n_words = 0, status = 0;

    grammar_build(&g, args->command);
    optind = 1;
    opterr = 0;
    while (!status && (code = getopt_long(argc, argv, g.shorts, g.longs, NULL)) != -1) {
        if (code == 1) {
            status = add_word(args, optarg, &n_words);
        } else if (code == '?' || code == ':') {
            status = bad_option(code, argv);
        } else if (code >= 256) {
            const cli_option *o = g.options[code - 256];
            if (!is_whole_name(argv, o)) {
                const char *word = argv[optind - 1];
                if (o->arg && optarg == word) word = argv[optind - 2];
                return cli_usage("there is no option %.*s; did you mean --%s?",
                                 (int)strcspn(word, "="), word, o->name);
            }
            status = take(args, o, optarg);
        } else {
            status = take(args, by_letter(&g, code), optarg);
        }
    }
    while (!status && optind < argc)
        status = add_word(args, argv[optind++], &n_words);
    if (status || args->help || args->version) return status;
    if (may_name_none(args->command)) name_built_in(args, &n_words);
    const bool wants_model = may_name_none(args->command) && n_words == 0;
    if (n_words >= args->command->min_args && !wants_model) return 0;
    if (wants_model || (n_words == 0 && strncmp(args->command->args, "MODEL", 5) == 0)) {
        return cli_usage(
            "MODEL is missing: give a .gguf file, a Hugging Face folder, or a name "
            "from 'bantam list'");
    }
    return cli_usage("a word is missing; usage: bantam %s [OPTIONS] %s", args->command->name,
                     args->command->args);
}

/* --json counts also where the line is wrong before it is reached. */
static bool asks_for_json(int argc, char **argv)
{
    for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--json") == 0) return true;
    }
    return false;
}

int cli_args_parse(cli_args *args, const cli_command *command, int argc, char **argv)
{
    static char who[64]; /* for as long as messages are given */

    *args = (cli_args){.command = command};
    snprintf(who, sizeof who, "bantam %s", command->name);
    cli_out_mode(who, asks_for_json(argc, argv), false, false);
    for (size_t i = 0; i < cli_n_options; i++) {
        const cli_option *o = &cli_options[i];
        /* One name may mean two things: only this command's default counts. */
        if (o->fallback && cli_option_taken(o, command)) store(args, o, o->fallback);
    }
    /* getopt_long() leaves out argv[0]; the command's name stands in its place. */
    const int status = read_line(args, argc - 1, argv + 1);
    if (!status) cli_out_mode(who, args->json, args->quiet, args->verbose);
    return status;
}

void cli_args_free(cli_args *args)
{
    for (size_t i = 0; i < cli_n_options; i++) {
        void *const at = (char *)args + cli_options[i].offset;
        if (cli_options[i].type == CLI_TEXTS) free(((cli_texts *)at)->items);
        if (cli_options[i].type == CLI_IDS) free(((cli_ids *)at)->items);
    }
    *args = (cli_args){0};
}

bool cli_args_given(const cli_args *args, const char *name)
{
    for (size_t i = 0; i < cli_n_options; i++) {
        if (args->given[i] && strcmp(cli_options[i].name, name) == 0) return true;
    }
    return false;
}
