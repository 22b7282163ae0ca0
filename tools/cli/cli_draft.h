/* cli_draft.h - the smaller model that guesses for the session of an engine, and guesses from
 * the text itself: --draft, --lookup, --draft-tokens. */
#ifndef BANTAM_CLI_DRAFT_H
#define BANTAM_CLI_DRAFT_H
#include "bantam/bantam.h"
#include "cli_args.h"

/* A zeroed one is a valid closed one. */
typedef struct cli_draft {
    bantam_model *model;
    bantam_session *session;
    uint64_t bytes; /* planned */
} cli_draft;

/* Opens the model of --draft where there is one. Returns an exit status and has said what is
 * wrong. */
int cli_draft_open(cli_draft *d, const cli_args *args);
void cli_draft_close(cli_draft *d);

/* What the command line wants guessed, for the session that it is guessed for. */
bantam_speculation cli_draft_options(const cli_draft *d, const cli_args *args);

#endif
