/* cmd_convert.c - `bantam convert`: any model to one GGUF file. */
#include "cli_commands.h"
#include "cli_engine.h"
#include "cli_out.h"
#include "cli_rotate.h"
#include "cli_signal.h"

static bool on_progress(void *user, uint64_t done, uint64_t total)
{
    (void)user;
    cli_progress("convert", done, total);
    return !cli_signal_caught();
}

int cli_convert(const cli_args *args)
{
    char in[PATH_MAX];
    const char *const out = args->words[1];
    bantam_rotation rotation;
    const bantam_convert_options o = {.struct_size = sizeof o,
                                      .type = args->type,
                                      .progress = on_progress,
                                      .rotation = cli_rotation(args, &rotation)};
    bantam_error err = {0};
    int status = cli_locate(args->words[0], in);

    if (status) return status;
    cli_signal_watched(true);
    const bantam_status failed = bantam_convert(in, out, &o, &err);
    status = cli_signal_end(failed, &err);
    if (!status) cli_put_made(out, args->json);
    return status;
}
