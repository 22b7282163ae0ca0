/* cli_prefix.h - beginnings of prompts in files, as --prefix-cache says. */
#ifndef BANTAM_CLI_PREFIX_H
#define BANTAM_CLI_PREFIX_H
#include "cli_engine.h"
#include "cli_out.h"

/* Opens e->prefixes after the session; it stays NULL where no file is to be looked for. */
int cli_prefix_open(cli_engine *e, const cli_args *args);

/* How many of a chat's tokens may lie in a file: those before the first word of its user; all
 * where the user says so; 0 where there is no keeper. */
size_t cli_prefix_shared(const cli_engine *e, const cli_args *args, const json_t *messages,
                         json_t *tools, const cli_ids *ids);

/* Whether the first message is what the model is told first. */
bool cli_begins_with_system(const json_t *messages);

/* A chat rendered for the model to answer: [{"role","content"}] and tools, which may be NULL.
 */
bantam_status cli_chat_text(const bantam_tokenizer *tokenizer, json_t *messages, json_t *tools,
                            cli_buf *out, bantam_error *err);
/* The same as tokens; where the template knows no tools the messages say what they are. Names
 * of control tokens in messages are text. The caller frees out->items. */
bantam_status cli_chat_tokens(const cli_engine *e, json_t *messages, json_t *tools,
                              cli_ids *out, bantam_error *err);

/* Feeds all of a prompt, n_shared tokens of which may be kept; says with -v what was done.
 * *n_found is how many were not computed. */
bantam_status cli_prefix_feed(cli_engine *e, const uint32_t *tokens, size_t n_tokens,
                              size_t n_shared, size_t *n_found, bantam_error *err);

#endif
