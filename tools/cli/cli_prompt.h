/* cli_prompt.h - a prompt as tokens: what one run and a file of them share. */
#ifndef BANTAM_CLI_PROMPT_H
#define BANTAM_CLI_PROMPT_H
#include "cli_engine.h"

#include <jansson.h>

typedef struct cli_prompt {
    bantam_text text;
    json_t *messages;   /* in place of text and system; NULL: none */
    const char *system; /* NULL: none */
    json_t *tools;      /* NULL: none */
    bool raw;           /* no chat */
    bool goes_on;       /* after what the session holds: nothing is added in front */

    const cli_args *args; /* NULL, or what says whether beginnings may lie in files */
    size_t n_shared;      /* made: how many of the tokens may */
} cli_prompt;

/* A user's message where the model has a chat template. The caller frees out->items. Returns an
 * exit status and has said what is wrong. */
int cli_prompt_tokens(const cli_engine *e, cli_prompt *p, cli_ids *out);

/* `bantam run --prompts`: many answers, some at a time. */
int cli_run_many(const cli_args *args);

#endif
