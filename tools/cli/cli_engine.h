/* cli_engine.h - what most commands begin with: a model, its tokenizer, a session.
 *
 * Functions that return int return an exit status and have said what is wrong.
 */
#ifndef BANTAM_CLI_ENGINE_H
#define BANTAM_CLI_ENGINE_H
#include "bantam/bantam.h"
#include "cli_args.h"
#include "cli_draft.h"
#include "cli_lora.h"
#include "cli_pace.h"
#include "cli_text.h"

#include <limits.h>

typedef struct cli_engine {
    char path[PATH_MAX];
    bantam_model *model;
    const bantam_tokenizer *tokenizer; /* NULL where the file has none */
    bantam_session *session;
    cli_loras loras;
    bantam_adapter *adapters[BANTAM_MAX_ADAPTERS]; /* (n_adapters) of loras */
    uint32_t n_adapters;
    cli_draft draft;           /* guesses for the session */
    bantam_prefixes *prefixes; /* beginnings of prompts in files; NULL: none */
    bantam_model_info info;
    bantam_plan_info plan;
    uint64_t available; /* memory, before the model was opened; 0: not known */
    double load_ms;
    bantam_call_syntax call_syntax; /* how the model writes calls */
    bool call_syntax_given;         /* by the user */
    cli_pace pace;                  /* whoever makes tokens waits with it */
} cli_engine;

/* From what the user calls a model to a path: what exists is itself, the rest is looked for. */
int cli_locate(const char *name, char path[PATH_MAX]);

/* Options of the command line as the library wants them. */
bantam_rope cli_rope(const cli_args *args);
bantam_session_options cli_session_options(const cli_args *args, uint32_t context);

/* Opens the model. close accepts what is half open. */
int cli_engine_model(cli_engine *e, const cli_args *args);
/* Opens the session. context is used where the command line names none; 0: the library's
 * default. */
int cli_engine_session(cli_engine *e, const cli_args *args, uint32_t context);
/* Both; nothing is left open on failure. */
int cli_engine_open(cli_engine *e, const cli_args *args, uint32_t context);
void cli_engine_close(cli_engine *e);

/* Tokens of a text. The caller frees out->items. */
bantam_status cli_tokenize(const bantam_tokenizer *tokenizer, bantam_text text, unsigned flags,
                           cli_ids *out, bantam_error *err);
/* The chat template applied to {"messages":...} as JSON text. */
bantam_status cli_render(const bantam_tokenizer *tokenizer, bantam_text json, cli_buf *out,
                         bantam_error *err);
/* A rendered chat as tokens: its special tokens are parsed, and what the encoder adds is added
 * unless the template has written it already. */
bantam_status cli_tokenize_chat(const bantam_tokenizer *tokenizer, bantam_text text,
                                cli_ids *out, bantam_error *err);

double cli_now_ms(void);
uint64_t cli_peak_bytes(void);

#endif
