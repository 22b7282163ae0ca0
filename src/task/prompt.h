/* prompt.h - one instruction about many texts, as a model sees it.
 *
 * The instruction stands before the text, so that a session that was asked about one text still
 * holds most of what it is asked about the next.
 */
#ifndef BNT_TASK_PROMPT_H
#define BNT_TASK_PROMPT_H
#include "base/buf.h"

/* Zeroed it is closed. */
typedef struct bnt_prompt {
    const bantam_tokenizer *tokenizer; /* borrows */
    uint32_t *head, *tail;             /* (n_head), (n_tail) own: before and behind the text */
    size_t n_head, n_tail;
} bnt_prompt;

/* Through the model's chat template, or, where it has none, as a text that goes on with
 * "Summary:" where `after` says so. */
bantam_status bnt_prompt_open(bnt_prompt *out, const bantam_tokenizer *tokenizer,
                              bantam_text instruction, const char *after, bantam_error *err);
void bnt_prompt_close(bnt_prompt *prompt);

/* Makes the session hold the prompt about a text, given as tokens, and no more. What it holds
 * already of it is kept. spare has room for prompt and text. *n_fed is what was computed. */
bantam_status bnt_prompt_feed(const bnt_prompt *prompt, bantam_session *session,
                              const uint32_t *text, size_t n_text, uint32_t *spare,
                              size_t *n_fed, bantam_error *err);

#endif
