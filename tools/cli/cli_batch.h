/* cli_batch.h - several sessions on the model of an engine, and the batch they answer in.
 *
 * The first is the engine's own; the others are like it, but for threads, of which the batch
 * has its own. Functions that return int return an exit status and have said what is wrong.
 */
#ifndef BANTAM_CLI_BATCH_H
#define BANTAM_CLI_BATCH_H
#include "cli_engine.h"

enum { CLI_MAX_SESSIONS = 64 };

/* A zeroed one is a valid closed one. */
typedef struct cli_batch {
    bantam_batch *batch;
    bantam_session *sessions[CLI_MAX_SESSIONS]; /* (n) */
    uint32_t n;
    uint64_t planned_bytes; /* weights and all sessions included */
} cli_batch;

/* The engine's session is open. --memory is held against all together. */
int cli_batch_open(cli_batch *b, const cli_engine *e, const cli_args *args, uint32_t n);
/* Before the engine is closed. */
void cli_batch_close(cli_batch *b);

#endif
