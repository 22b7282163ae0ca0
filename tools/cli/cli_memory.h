/* cli_memory.h - sessions that have room: within --memory, and within what the machine has.
 *
 * Functions return an exit status and have said what is wrong.
 */
#ifndef BANTAM_CLI_MEMORY_H
#define BANTAM_CLI_MEMORY_H
#include "bantam/bantam.h"
#include "cli_args.h"

/* Before the weights of the model at path are packed: whether --memory leaves room for any
 * session at all. */
int cli_memory_foresee(const cli_args *args, const char *path);

/* Chooses what the command line left open, so that the plan keeps within --memory and what the
 * session takes for itself within what is available. before is what was available when the
 * model was not open yet; 0: not known. */
int cli_memory_plan(const bantam_model *model, const cli_args *args, uint64_t before,
                    bantam_session_options *options, bantam_plan_info *plan);

/* "f32", "f16", "q8", as --kv has them. */
const char *cli_kv_name(bantam_kv kv);

#endif
