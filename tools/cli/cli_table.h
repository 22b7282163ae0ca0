/* cli_table.h - every command and every option of `bantam`, as data.
 *
 * Parsing, --help, the manual pages and the shell completions are all made from this table, so
 * that none of them can say something else than the others. It holds no code: the program that
 * writes the manual links it without the commands.
 */
#ifndef BANTAM_CLI_TABLE_H
#define BANTAM_CLI_TABLE_H
#include <stddef.h>
#include <stdint.h>

typedef enum cli_command_id {
    CLI_RUN,
    CLI_CHAT,
    CLI_SUMMARIZE,
    CLI_SENTIMENT,
    CLI_PERSONALIZE,
    CLI_FIT,
    CLI_PULL,
    CLI_LIST,
    CLI_SHOW,
    CLI_RM,
    CLI_QUANTIZE,
    CLI_CONVERT,
    CLI_MERGE,
    CLI_PRUNE,
    CLI_ADAPT,
    CLI_TRAIN,
    CLI_EVAL,
    CLI_BENCH,
    CLI_INSPECT,
    CLI_TOKENIZE,
    CLI_TEMPLATE,
    CLI_LOGITS,
    CLI_DOCTOR,
    CLI_N_COMMANDS
} cli_command_id;

/* What an option's argument is, and so which member of cli_args its offset points to. */
typedef enum cli_type {
    CLI_FLAG,   /* bool, no argument */
    CLI_COUNT,  /* uint32_t: a whole number within the bounds */
    CLI_NUMBER, /* uint64_t: any whole number */
    CLI_BYTES,  /* uint64_t: a size, 900M */
    CLI_REAL,   /* double within the bounds */
    CLI_CHOICE, /* const char *: one of the words in `choices` */
    CLI_TEXT,   /* const char * */
    CLI_FILE,   /* const char *, completed as a file name */
    CLI_TEXTS,  /* cli_texts: may be given several times */
    CLI_IDS     /* cli_ids: numbers separated by commas */
} cli_type;

typedef enum cli_group {
    CLI_GROUP_COMMAND, /* what only this command has */
    CLI_GROUP_ANSWER,
    CLI_GROUP_SAMPLING,
    CLI_GROUP_MODEL,
    CLI_GROUP_GENERAL,
    CLI_N_GROUPS
} cli_group;

typedef struct cli_option {
    const char *name;
    char letter; /* 0 where there is no short form */
    cli_type type;
    cli_group group;
    uint32_t commands; /* where --help lists it: bits 1 << cli_command_id */
    const char *arg;   /* how --help calls the argument; NULL for a flag */
    const char *help;
    const char *fallback; /* the default, parsed like a given one; NULL: zero */
    const char *choices;  /* separated by '|' */
    double min, max;
    size_t offset; /* of its value in cli_args */
} cli_option;

typedef struct cli_example {
    const char *says;
    const char *line;
} cli_example;

typedef struct cli_command {
    const char *name;
    const char *args; /* "MODEL [PROMPT]" */
    int min_args, max_args;
    const char *summary;     /* a few words, for the list of commands */
    const char *description; /* paragraphs separated by an empty line */
    cli_example examples[5]; /* ends with a zero */
} cli_command;

typedef struct cli_environment {
    const char *name;
    const char *help;
} cli_environment;

enum {
    CLI_MAX_OPTIONS = 192,
    CLI_MAX_WORDS = 256 /* positional arguments of any command */
};

extern const cli_command cli_commands[CLI_N_COMMANDS];
extern const cli_option cli_options[];
extern const size_t cli_n_options;
extern const char *const cli_group_names[CLI_N_GROUPS];
extern const cli_environment cli_environments[]; /* ends with a NULL name */
extern const char cli_about[];                   /* what `bantam` is, one sentence */
extern const char cli_exit_status[];

/* NULL where there is no such command. */
const cli_command *cli_command_find(const char *name);

/* Whether --help of the command lists the option. */
int cli_option_listed(const cli_option *option, const cli_command *command);

/* Whether the command takes the option: the general ones and those about models are taken by
 * every command, so that a script can pass the same ones to all. */
int cli_option_taken(const cli_option *option, const cli_command *command);

#endif
