/* cmd_merge.c - `bantam merge`: a model with adapters worked into its weights. */
#include "cli_commands.h"
#include "cli_engine.h"
#include "cli_lora.h"
#include "cli_out.h"
#include "cli_signal.h"

static bool on_progress(void *user, uint64_t done, uint64_t total)
{
    (void)user;
    cli_progress("merge", done, total);
    return !cli_signal_caught();
}

/* The library's call, with signals looked at. */
static int make(const cli_args *args, const char *in, const cli_loras *loras)
{
    bantam_error err = {0};
    const bantam_merge_options o = {
        .struct_size = sizeof o,
        .adapters = (const char *const *)loras->paths,
        .scales = loras->scales,
        .n_adapters = loras->n,
        .type = args->type,
        .progress = on_progress,
    };

    cli_signal_watched(true);
    const bantam_status failed = bantam_merge(in, args->words[1], &o, &err);
    return cli_signal_end(failed, &err);
}

int cli_merge(const cli_args *args)
{
    char in[PATH_MAX];
    cli_loras loras;
    int status = cli_loras_read(&loras, args);

    if (status) return status;
    if (loras.n == 0) return cli_usage("--lora FILE is missing");
    status = cli_locate(args->words[0], in);
    if (!status) status = make(args, in, &loras);
    cli_loras_free(&loras);
    if (!status) cli_put_made(args->words[1], args->json);
    return status;
}
