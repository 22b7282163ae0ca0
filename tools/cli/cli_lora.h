/* cli_lora.h - the adapters that --lora names. Functions return an exit status and have said
 * what is wrong. */
#ifndef BANTAM_CLI_LORA_H
#define BANTAM_CLI_LORA_H
#include "bantam/bantam.h"
#include "cli_args.h"

/* What --lora FILE[:SCALE] says, in order. */
typedef struct cli_loras {
    char *paths[BANTAM_MAX_ADAPTERS]; /* owns */
    float scales[BANTAM_MAX_ADAPTERS];
    size_t n;
} cli_loras;

int cli_loras_read(cli_loras *loras, const cli_args *args);
void cli_loras_free(cli_loras *loras);

#endif
