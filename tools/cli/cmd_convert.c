/* cmd_convert.c - `bantam convert`: any model to one GGUF file. */
#include "cli_commands.h"
#include "cli_engine.h"
#include "cli_out.h"
#include "cli_signal.h"

#include <string.h>
#include <sys/stat.h>

static bool on_progress(void *user, uint64_t done, uint64_t total)
{
    (void)user;
    cli_progress("convert", done, total);
    return !cli_signal_caught();
}

/* The type's name in the library's capitals. */
static const char *type_name(const cli_args *args, char *name, size_t capacity)
{
    size_t i = 0;

    if (!args->type) return NULL;
    for (; args->type[i] && i + 1 < capacity; i++) {
        const char c = args->type[i];
        name[i] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    }
    name[i] = '\0';
    return name;
}

int cli_convert(const cli_args *args)
{
    char in[PATH_MAX], name[16];
    const char *out = args->words[1];
    bantam_convert_options o = {.struct_size = sizeof o};
    bantam_error err = {0};
    struct stat st;
    int status = cli_locate(args->words[0], in);

    if (status) return status;
    o.type = type_name(args, name, sizeof name);
    o.progress = on_progress;
    cli_signal_watched(true);
    const bantam_status failed = bantam_convert(in, out, &o, &err);
    cli_signal_watched(false);
    cli_progress("", 0, 0);
    if (failed) {
        status = cli_fail(&err);
        return status == CLI_INTERRUPTED ? cli_signal_status() : status;
    }
    const double bytes = stat(out, &st) == 0 ? (double)st.st_size : 0.0;
    if (args->json) {
        cli_put_json(json_pack("{s:o,s:I}", "path",
                               cli_json_text((bantam_text){out, strlen(out)}), "bytes",
                               (json_int_t)bytes));
    }
    cli_verbose("wrote %s, %.1f MB", out, bytes / 1e6);
    return CLI_OK;
}
