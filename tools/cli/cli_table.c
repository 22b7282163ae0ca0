/* cli_table.c - the table's small parts, and what is asked of it; its commands and options are
 * in cli_table_commands.c and cli_table_options.c. */
#include "cli_table.h"

#include <string.h>

const char cli_about[] = "runs small language models on this machine, without a network.";

const char cli_exit_status[] =
    "0 success; 1 failure, with one line on standard error; 2 a command line that makes no "
    "sense; 130 interrupted, and what was there of the result is kept.";

const char *const cli_group_names[CLI_N_GROUPS] = {
    [CLI_GROUP_COMMAND] = "Options",          [CLI_GROUP_ANSWER] = "The answer",
    [CLI_GROUP_SAMPLING] = "Choosing tokens", [CLI_GROUP_MODEL] = "Model and machine",
    [CLI_GROUP_GENERAL] = "General",
};

const cli_environment cli_environments[] = {
    {"HF_HUB_CACHE", "the Hugging Face hub cache, where models are looked for by name"},
    {"HF_HOME",
     "the folder above it, where HF_HUB_CACHE is not set; ~/.cache/huggingface else"},
    {"BANTAM_HOME",
     "the folder of Bantam's own store; XDG_DATA_HOME/bantam where it is not set, "
     "else ~/.local/share/bantam"},
    {"HF_TOKEN",
     "for 'bantam pull': the account's token; else it is read from HF_TOKEN_PATH or "
     "HF_HOME/token"},
    {"HF_ENDPOINT", "for 'bantam pull': the hub, or a mirror; https://huggingface.co"},
    {"HF_HUB_OFFLINE", "1: 'bantam pull' fetches nothing"},
    {"https_proxy", "for 'bantam pull': through which server; with no_proxy as usual"},
    {"SSL_CERT_FILE", "for 'bantam pull': the certificates that are trusted"},
    {"BANTAM_CACHE", "the folder for packed weights and beginnings of prompts, in place of the "
                     "models' own folders and ~/.cache/bantam; off: none are kept"},
    {"BANTAM_CACHE_MAX", "how much may lie in that folder; 16G"},
    {"BANTAM_PREFIX_MAX", "how much the beginnings of prompts may take there; 512M"},
    {"BANTAM_CACHE_MIN", "weights of less than this are not kept; 16M"},
    {"BANTAM_SYSFS", "where the system shows temperature, clock and energy, in place of /sys"},
    {"XDG_CACHE_HOME", "in place of ~/.cache"},
    {"HOME", "where ~ is"},
    {NULL, NULL},
};

const cli_command *cli_command_find(const char *name)
{
    for (int i = 0; i < CLI_N_COMMANDS; i++) {
        if (strcmp(cli_commands[i].name, name) == 0) return &cli_commands[i];
    }
    return NULL;
}

int cli_option_listed(const cli_option *option, const cli_command *command)
{
    return (option->commands >> (command - cli_commands)) & 1;
}

/* Training draws from a seed, too, and has words of its own for it. */
static int has_own_seed(const cli_command *command)
{
    return command == &cli_commands[CLI_TRAIN] || command == &cli_commands[CLI_ADAPT];
}

int cli_option_taken(const cli_option *option, const cli_command *command)
{
    return option->group == CLI_GROUP_MODEL || option->group == CLI_GROUP_GENERAL ||
           (option->group == CLI_GROUP_SAMPLING && strcmp(option->name, "seed") == 0 &&
            !has_own_seed(command)) ||
           cli_option_listed(option, command);
}
