/* cli_commands.h - the commands. Each takes a parsed line and returns an exit status, having
 * said what went wrong; main() makes sure of standard output afterwards. */
#ifndef BANTAM_CLI_COMMANDS_H
#define BANTAM_CLI_COMMANDS_H
#include "cli_args.h"

int cli_run(const cli_args *args);
int cli_chat(const cli_args *args);
int cli_tokenize_command(const cli_args *args);
int cli_template(const cli_args *args);
int cli_logits(const cli_args *args);
int cli_inspect(const cli_args *args);
int cli_eval(const cli_args *args);
int cli_eval_choice(const cli_args *args); /* the part of it with --choice */
int cli_bench(const cli_args *args);
int cli_convert(const cli_args *args);
int cli_quantize(const cli_args *args);
int cli_merge(const cli_args *args);
int cli_prune(const cli_args *args);
int cli_train(const cli_args *args);
int cli_fit(const cli_args *args);
int cli_pull(const cli_args *args);
int cli_adapt(const cli_args *args);
int cli_list(const cli_args *args);
int cli_show(const cli_args *args);
int cli_rm(const cli_args *args);
int cli_doctor(const cli_args *args);
int cli_sentiment(const cli_args *args);
int cli_summarize(const cli_args *args);
int cli_personalize(const cli_args *args);

#endif
