/* cli_rotate.h - the rotation that the options of a command ask for. */
#ifndef BANTAM_CLI_ROTATE_H
#define BANTAM_CLI_ROTATE_H
#include "bantam/bantam.h"
#include "cli_args.h"

/* Fills in *out and returns it; NULL where none is asked for. */
const bantam_rotation *cli_rotation(const cli_args *args, bantam_rotation *out);

#endif
