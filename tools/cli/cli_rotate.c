/* cli_rotate.c - options to a rotation; see cli_rotate.h. */
#include "cli_rotate.h"

const bantam_rotation *cli_rotation(const cli_args *args, bantam_rotation *out)
{
    *out = (bantam_rotation){.struct_size = sizeof *out,
                             .down = args->rotate.down,
                             .n_seeds = args->rotate.seeds,
                             .threads = args->threads};
    return args->rotate.on || args->rotate.down ? out : NULL;
}
