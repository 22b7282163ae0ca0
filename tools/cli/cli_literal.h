/* cli_literal.h - words of a conversation that look like control tokens and are none. */
#ifndef BANTAM_CLI_LITERAL_H
#define BANTAM_CLI_LITERAL_H
#include "cli_engine.h"

#include <jansson.h>

/* Names of control tokens in what messages say. Zeroed there are none. */
typedef struct cli_literals {
    char word[32]; /* stands for the n'th with n and a z behind it; nothing else has it */
    const json_t *messages; /* borrowed while they are gone through */
    cli_texts names; /* copies, whose list and texts are freed with cli_literals_free() */
} cli_literals;

/* Puts that word in place of each name, in messages that are the caller's own. */
void cli_literals_hide(cli_literals *l, const bantam_tokenizer *tokenizer, json_t *messages);
/* Tokens of a chat that was rendered of such messages: the names as the text that they are, all
 * else as cli_tokenize_chat() does. */
bantam_status cli_literals_tokenize(const cli_literals *l, const bantam_tokenizer *tokenizer,
                                    bantam_text chat, cli_ids *out, bantam_error *err);
void cli_literals_free(cli_literals *l);

#endif
