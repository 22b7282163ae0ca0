/* cmd_rm.c - `bantam rm`: takes models, or only their packed weights, away again. */
#include "cli_commands.h"
#include "cli_engine.h"
#include "cli_out.h"

#include <inttypes.h>
#include <string.h>

typedef struct removal {
    json_t *files; /* NULL unless --json */
    uint64_t bytes;
    size_t n;
    bool quiet;
} removal;

static void on_removed(void *user, bantam_text path, uint64_t bytes)
{
    removal *r = user;

    r->n++;
    r->bytes += bytes;
    if (r->files) {
        json_array_append_new(r->files, json_pack("{s:o,s:I}", "path", cli_json_text(path),
                                                  "bytes", (json_int_t)bytes));
    } else if (!r->quiet) {
        cli_printf("%9.1f MB  ", (double)bytes / 1e6);
        cli_put_text(path);
        cli_put("\n", 1);
    }
}

/* A model may be gone and its cache file still there: then the word is its path. */
static const char *path_of(const char *word, char path[PATH_MAX])
{
    return bantam_locate(word, path, PATH_MAX, NULL) == BANTAM_OK ? path : word;
}

static bantam_status remove_one(const cli_args *args, const char *word, removal *r,
                                bantam_error *err)
{
    char path[PATH_MAX];

    if (args->prefixes.only) return bantam_prefixes_remove(NULL, on_removed, r, err);
    if (!args->cache) return bantam_remove_model(word, on_removed, r, err);
    return bantam_cache_remove(word ? path_of(word, path) : NULL, on_removed, r, err);
}

int cli_rm(const cli_args *args)
{
    removal r = {.quiet = args->quiet};
    bantam_error err = {0};
    bantam_status failed = BANTAM_OK;

    if (args->prefixes.only && (args->cache || args->n_words > 0)) {
        return cli_usage("--prefixes removes no models: it stands alone");
    }
    if (!args->cache && !args->prefixes.only && args->n_words == 0) {
        return cli_usage("MODEL is missing: give a name from 'bantam list', a .gguf file or a "
                         "folder; or --cache");
    }
    r.files = args->json ? json_array() : NULL;
    if (args->n_words == 0) failed = remove_one(args, NULL, &r, &err);
    for (size_t i = 0; i < args->n_words && !failed; i++) {
        failed = remove_one(args, args->words[i], &r, &err);
    }
    if (failed) {
        json_decref(r.files);
        return cli_fail(&err);
    }
    if (r.files) {
        cli_put_json(json_pack("{s:I,s:o}", "bytes", (json_int_t)r.bytes, "files", r.files));
    } else if (r.n == 0) {
        cli_note(args->prefixes.only ? "no beginnings of prompts are kept"
                                     : "there is no cache file to remove");
    } else if (r.n > 1 && !args->quiet) {
        cli_printf("%9.1f MB  in %zu files\n", (double)r.bytes / 1e6, r.n);
    }
    return CLI_OK;
}
