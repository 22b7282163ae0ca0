/* cli_machine.h - the machine as `bantam fit` and `bantam doctor` tell it. */
#ifndef BANTAM_CLI_MACHINE_H
#define BANTAM_CLI_MACHINE_H
#include "cli_out.h"

/* 1234567890 as "1.2 GB". */
typedef struct cli_size {
    char text[24];
} cli_size;
cli_size cli_size_of(uint64_t bytes);

/* Lines for people: processor, memory with its limits, disk. */
void cli_machine_put(const bantam_machine *machine);

/* An object of all of it. */
json_t *cli_machine_json(const bantam_machine *machine);

#endif
