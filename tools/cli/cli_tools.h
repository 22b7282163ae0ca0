/* cli_tools.h - tools that a model may call: how it is told of them, and its calls. */
#ifndef BANTAM_CLI_TOOLS_H
#define BANTAM_CLI_TOOLS_H
#include "cli_answer.h"

/* How the model writes calls, as --tool-format says or the file tells; into e. */
void cli_tools_syntax(cli_engine *e, const cli_args *args);

/* The messages as this model is told of the tools, which may be NULL, with the arguments of
 * calls as objects; NULL where that fails. */
json_t *cli_tools_told(const cli_engine *e, json_t *messages, json_t *tools, bantam_error *err);

/* The calls in an answer of a model that was given tools: [{"name","arguments"}], with "id"
 * where the model's syntax has it, empty where there are none. */
json_t *cli_tool_calls(const cli_engine *e, const cli_answer *a);

/* --tool-events: a line of JSON for each call as soon as it is whole. Zeroed it is closed. */
typedef struct cli_call_watch {
    const bantam_tokenizer *tokenizer;
    bantam_call_reader *reader; /* NULL: nobody asked */
    unsigned n_calls;
} cli_call_watch;

void cli_call_watch_open(cli_call_watch *w, const cli_engine *e, const cli_args *args);
/* False where nobody reads the lines any more. */
bool cli_call_watch_token(cli_call_watch *w, uint32_t token);
/* The answer ends here. */
void cli_call_watch_close(cli_call_watch *w);

#endif
