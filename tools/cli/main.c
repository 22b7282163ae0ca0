/* main.c - `bantam`: finds the command, reads its line, runs it. */
#include "cli_commands.h"
#include "cli_help.h"
#include "cli_out.h"
#include "cli_signal.h"

#include <string.h>

static int (*const actions[CLI_N_COMMANDS])(const cli_args *args) = {
    [CLI_RUN] = cli_run,
    [CLI_CHAT] = cli_chat,
    [CLI_TOKENIZE] = cli_tokenize_command,
    [CLI_TEMPLATE] = cli_template,
    [CLI_LOGITS] = cli_logits,
    [CLI_INSPECT] = cli_inspect,
    [CLI_EVAL] = cli_eval,
    [CLI_BENCH] = cli_bench,
    [CLI_CONVERT] = cli_convert,
    [CLI_QUANTIZE] = cli_quantize,
    [CLI_MERGE] = cli_merge,
    [CLI_PRUNE] = cli_prune,
    [CLI_TRAIN] = cli_train,
    [CLI_FIT] = cli_fit,
    [CLI_PULL] = cli_pull,
    [CLI_ADAPT] = cli_adapt,
    [CLI_LIST] = cli_list,
    [CLI_SHOW] = cli_show,
    [CLI_RM] = cli_rm,
    [CLI_DOCTOR] = cli_doctor,
    [CLI_PERSONALIZE] = cli_personalize,
    [CLI_SENTIMENT] = cli_sentiment,
    [CLI_SUMMARIZE] = cli_summarize,
};

/* Commands that write a model have a file to clean up. */
static bool has_file(const cli_command *command)
{
    return command == &cli_commands[CLI_CONVERT] || command == &cli_commands[CLI_QUANTIZE] ||
           command == &cli_commands[CLI_ADAPT] || command == &cli_commands[CLI_MERGE] ||
           command == &cli_commands[CLI_PRUNE] || command == &cli_commands[CLI_PULL] ||
           command == &cli_commands[CLI_TRAIN];
}

static int run_command(const cli_command *command, int argc, char **argv)
{
    cli_args args;
    int status = cli_args_parse(&args, command, argc, argv);

    if (!status && args.help)
        cli_help_command(stdout, command);
    else if (!status && args.version)
        cli_printf("bantam %s\n", bantam_version());
    else if (!status) {
        if (!has_file(command)) cli_out_strict();
        status = actions[command - cli_commands](&args);
    }
    cli_args_free(&args);
    return status;
}

/* `bantam help` and `bantam help COMMAND`. */
static int help(int argc, char **argv)
{
    if (argc < 3) {
        cli_help_all(stdout);
        return CLI_OK;
    }
    const cli_command *command = cli_command_find(argv[2]);
    if (!command) return cli_usage("there is no command '%s'; see bantam --help", argv[2]);
    cli_help_command(stdout, command);
    return CLI_OK;
}

static bool is_any(const char *word, const char *a, const char *b)
{
    return strcmp(word, a) == 0 || (b && strcmp(word, b) == 0);
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        cli_help_all(stderr);
        return CLI_USAGE;
    }
    if (is_any(argv[1], "help", NULL)) return help(argc, argv);
    if (is_any(argv[1], "--help", "-h")) return help(2, argv);
    if (is_any(argv[1], "--version", NULL)) {
        cli_printf("bantam %s\n", bantam_version());
        return CLI_OK;
    }
    const cli_command *command = cli_command_find(argv[1]);
    if (command) return run_command(command, argc, argv);
    for (int i = 2; i < argc; i++) {
        if (is_any(argv[i], "--json", NULL)) cli_out_mode("bantam", true, false, false);
    }
    if (argv[1][0] == '-') {
        return cli_usage("the command comes first; there is no option '%s' before it", argv[1]);
    }
    return cli_usage("unknown command '%s'; see bantam --help", argv[1]);
}

int main(int argc, char **argv)
{
    cli_out_start();
    cli_signal_start();
    return cli_done(dispatch(argc, argv));
}
