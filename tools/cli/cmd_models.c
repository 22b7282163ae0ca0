/* cmd_models.c - `bantam list` and `bantam show`: the models on this machine, and those that
 * have a name. Neither reaches the network. */
#include "cli_commands.h"
#include "cli_engine.h"
#include "cli_out.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static bantam_text text_of(const char *s)
{
    return (bantam_text){s, strlen(s)};
}

/* ---- list -------------------------------------------------------------------------------- */

typedef struct listing {
    const cli_args *args;
    json_t *models; /* NULL unless --json */
    size_t n;
} listing;

/* A name, and blanks up to the next column. */
static void put_name(bantam_text name, size_t width)
{
    const int gap = name.size < width ? (int)(width - name.size) : 1;

    cli_put_text(name);
    cli_printf("%*s", gap, "");
}

static bool on_model(void *user, const bantam_listed_model *m)
{
    listing *l = user;

    l->n++;
    if (l->models) {
        json_array_append_new(
            l->models, json_pack("{s:o,s:o,s:I,s:o}", "name", cli_json_text(m->name), "path",
                                 cli_json_text(m->path), "bytes", (json_int_t)m->bytes,
                                 "source", cli_json_text(m->source)));
        return true;
    }
    if (l->args->quiet) {
        cli_put_text(m->name);
    } else {
        put_name(m->name, 44);
        cli_printf("%9.1f MB  %-8.*s  ", (double)m->bytes / 1e6, (int)m->source.size,
                   m->source.data);
        cli_put_text(m->path);
    }
    cli_put("\n", 1);
    return true;
}

static json_t *json_catalog(const bantam_catalog_model *m)
{
    return json_pack("{s:o,s:o?,s:o,s:b,s:I,s:I,s:o,s:o}", "name", cli_json_text(m->name),
                     "repository", m->repository.size ? cli_json_text(m->repository) : NULL,
                     "license", cli_json_text(m->license), "gated", m->gated, "params",
                     (json_int_t)m->n_params, "bytes", (json_int_t)m->bytes, "files",
                     cli_json_text(m->files), "note", cli_json_text(m->note));
}

static bool on_catalog(void *user, const bantam_catalog_model *m)
{
    listing *l = user;

    l->n++;
    if (l->models) {
        json_array_append_new(l->models, json_catalog(m));
        return true;
    }
    if (l->args->quiet) {
        cli_put_text(m->name);
    } else {
        put_name(m->name, 26);
        cli_printf("%9.1f MB  ", m->repository.size ? (double)m->bytes / 1e6 : 0.0);
        put_name(m->repository.size ? m->repository : text_of("-"), 46);
        cli_put_text(m->license);
        if (m->gated) cli_printf(", gated");
    }
    cli_put("\n", 1);
    return true;
}

static bool on_prefix(void *user, const bantam_prefix_file *file)
{
    listing *l = user;

    l->n++;
    if (l->models) {
        json_array_append_new(l->models,
                              json_pack("{s:o,s:I,s:I,s:I}", "path", cli_json_text(file->path),
                                        "bytes", (json_int_t)file->bytes, "tokens",
                                        (json_int_t)file->n_tokens, "used_s",
                                        (json_int_t)file->used_s));
        return true;
    }
    if (!l->args->quiet) {
        cli_printf("%9.1f MB  %7" PRIu32 " tokens  ", (double)file->bytes / 1e6,
                   file->n_tokens);
    }
    cli_put_text(file->path);
    cli_put("\n", 1);
    return true;
}

static int list_prefixes(const cli_args *args)
{
    listing l = {.args = args, .models = args->json ? json_array() : NULL};
    bantam_error err = {0};

    if (bantam_prefixes_list(NULL, on_prefix, &l, &err)) {
        json_decref(l.models);
        return cli_fail(&err);
    }
    if (l.models)
        cli_put_json(json_pack("{s:o}", "prefixes", l.models));
    else if (l.n == 0)
        cli_note("no beginnings of prompts are kept");
    return CLI_OK;
}

int cli_list(const cli_args *args)
{
    listing l = {.args = args, .models = args->json ? json_array() : NULL};
    bantam_error err = {0};
    bantam_status failed = BANTAM_OK;

    if (args->prefixes.only && (args->available || args->n_words > 0)) {
        json_decref(l.models);
        return cli_usage("--prefixes lists no models: it stands alone");
    }
    if (args->prefixes.only) {
        json_decref(l.models);
        return list_prefixes(args);
    }
    if (args->available && args->n_words > 0) {
        json_decref(l.models);
        return cli_usage("--available lists what can be fetched; a FOLDER is on this machine");
    }
    if (args->available) bantam_list_catalog(on_catalog, &l);
    if (!args->available && args->n_words == 0) {
        failed = bantam_list_models(on_model, &l, &err);
    }
    for (size_t i = 0; i < args->n_words && !failed; i++) {
        failed = bantam_list_folder(args->words[i], on_model, &l, &err);
    }
    if (failed) {
        json_decref(l.models);
        return cli_fail(&err);
    }
    if (l.models)
        cli_put_json(json_pack("{s:o}", "models", l.models));
    else if (l.n == 0)
        cli_note("there are no models %s", args->n_words ? "in it"
                                                         : "on this machine yet; "
                                                           "'bantam list --available' "
                                                           "names some");
    return CLI_OK;
}

/* ---- show -------------------------------------------------------------------------------- */

typedef struct showing {
    bantam_name_info name;
    bool named; /* it is a name, and not only a path */
    char path[PATH_MAX];
    bool here;
    json_t *manifest; /* NULL where it was not fetched by us */
    bantam_model *model;
    bantam_model_info info;
    bantam_error why; /* there is no model */
} showing;

/* What pull has written beside the model; a file of ours that others may have changed. */
static json_t *read_manifest(const char *path)
{
    char file[PATH_MAX + 16];
    struct stat st;
    cli_buf text = {0};
    json_t *root = NULL;
    const bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    const char *slash = strrchr(path, '/');

    if (folder)
        snprintf(file, sizeof file, "%s/bantam.json", path);
    else
        snprintf(file, sizeof file, "%.*s/bantam.json", slash ? (int)(slash - path) : 1,
                 slash ? path : ".");
    if (stat(file, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > 1 << 20) return NULL;
    if (!cli_read_file(file, &text, NULL)) {
        root = json_loadb(text.data, text.size, 0, NULL);
    }
    cli_buf_free(&text);
    if (root && !json_is_object(root)) {
        json_decref(root);
        root = NULL;
    }
    return root;
}

static void open_showing(showing *s, const char *word)
{
    const bantam_model_options o = {.struct_size = sizeof o, .describe_only = true};

    s->here = bantam_locate(word, s->path, sizeof s->path, &s->why) == BANTAM_OK;
    if (!s->here) return;
    s->manifest = read_manifest(s->path);
    if (bantam_model_open(&s->model, s->path, &o, &s->why) == BANTAM_OK) {
        bantam_model_describe(s->model, &s->info);
    }
}

static void put_row(const char *name, bantam_text value)
{
    if (value.size == 0) return;
    cli_printf("%-12s ", name);
    cli_put_text(value);
    cli_put("\n", 1);
}

static bantam_text member(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return (bantam_text){json_string_value(value), json_string_length(value)};
}

static void put_catalog(const bantam_catalog_model *m)
{
    put_row("repository", m->repository);
    put_row("license", m->license);
    cli_printf("%-12s %s\n", "gated", m->gated ? "yes: HF_TOKEN is needed" : "no");
    cli_printf("%-12s %" PRIu64 "\n", "parameters", m->n_params);
    cli_printf("%-12s %.1f MB as published\n", "size", (double)m->bytes / 1e6);
    put_row("files", m->files);
    put_row("note", m->note);
}

static void put_showing(const showing *s)
{
    if (s->named) put_row("name", text_of(s->name.name));
    if (s->named && s->name.in_catalog)
        put_catalog(&s->name.catalog);
    else if (s->named)
        put_row("repository", text_of(s->name.repository));
    if (!s->here) {
        cli_printf("%-12s no: 'bantam pull %s' fetches it\n", "here", s->name.name);
        return;
    }
    put_row("path", text_of(s->path));
    if (!s->named || !s->name.in_catalog) put_row("license", member(s->manifest, "license"));
    put_row("revision", member(s->manifest, "revision"));
    if (!s->model) {
        put_row("not runnable", text_of(s->why.message));
        return;
    }
    put_row("family", s->info.family);
    put_row("type", s->info.type);
    cli_printf("%-12s %.1f MB\n", "file", (double)s->info.file_bytes / 1e6);
    cli_printf("%-12s %" PRIu32 "\n", "context", s->info.context_tokens);
}

static json_t *json_model(const showing *s)
{
    return json_pack("{s:o,s:o,s:I,s:I,s:I}", "family", cli_json_text(s->info.family), "type",
                     cli_json_text(s->info.type), "params", (json_int_t)s->info.n_params,
                     "file_bytes", (json_int_t)s->info.file_bytes, "context",
                     (json_int_t)s->info.context_tokens);
}

static void put_showing_json(const showing *s)
{
    const bool named = s->named;

    cli_put_json(json_pack("{s:o?,s:o?,s:o?,s:b,s:b,s:o?,s:o?,s:O?,s:o?}", "name",
                           named ? cli_json_text(text_of(s->name.name)) : NULL, "repository",
                           named ? cli_json_text(text_of(s->name.repository)) : NULL, "form",
                           named && *s->name.form ? cli_json_text(text_of(s->name.form)) : NULL,
                           "made_here", named && s->name.made_here, "here", s->here, "path",
                           s->here ? cli_json_text(text_of(s->path)) : NULL, "catalog",
                           named && s->name.in_catalog ? json_catalog(&s->name.catalog) : NULL,
                           "manifest", s->manifest, "model", s->model ? json_model(s) : NULL));
}

int cli_show(const cli_args *args)
{
    showing s = {.named = false};
    bantam_error err = {0};
    const char *const word = args->words[0];
    struct stat st;
    int status = CLI_OK;

    /* What is there under that path is no name. */
    s.named = stat(word, &st) != 0 && bantam_read_name(word, &s.name, &err) == BANTAM_OK;
    open_showing(&s, word);
    if (!s.here && !s.named)
        status = cli_fail(&s.why);
    else if (args->json)
        put_showing_json(&s);
    else
        put_showing(&s);
    bantam_model_close(s.model);
    json_decref(s.manifest);
    return status;
}
