/* api_store.c - models by name: the catalog, forms made here, models removed. */
#include "base/file.h"
#include "base/mem.h"
#include "base/options.h"
#include "base/text.h"
#include "format/locate.h"
#include "store/store.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#ifndef PATH_MAX
#define PATH_MAX 4096
#endif

/* ---- the catalog ------------------------------------------------------------------------- */

static bantam_catalog_model describe(const bnt_registry_row *row)
{
    const bantam_catalog_model m = {
        .name = bnt_text_of(row->name),
        .repository = bnt_text_of(row->repository),
        .license = bnt_text_of(row->license),
        .files = bnt_text_of(row->files),
        .note = bnt_text_of(row->note),
        .n_params = row->n_params,
        .bytes = row->n_params * row->value_bytes,
        .gated = row->gated,
    };
    return m;
}

void bantam_list_catalog(bantam_catalog_fn fn, void *user)
{
    for (size_t i = 0; i < bnt_registry_n(); i++) {
        const bantam_catalog_model m = describe(bnt_registry_at(i));
        if (!fn(user, &m)) return;
    }
}

bantam_status bantam_read_name(const char *name, bantam_name_info *out, bantam_error *err)
{
    bnt_named named;

    *out = (bantam_name_info){.made_here = false};
    const bantam_status status = bnt_registry_find(name, &named, err);
    if (status) return status;
    snprintf(out->name, sizeof out->name, "%s", named.name);
    snprintf(out->repository, sizeof out->repository, "%s", named.repository);
    snprintf(out->form, sizeof out->form, "%s", named.form);
    out->made_here = named.made != NULL;
    out->in_catalog = named.row != NULL;
    if (named.row) out->catalog = describe(named.row);
    return BANTAM_OK;
}

bantam_status bantam_list_folder(const char *folder, bantam_list_fn fn, void *user,
                                 bantam_error *err)
{
    if (!folder || !*folder) return bnt_fail(err, BANTAM_ERR_INVALID, "no folder named");
    return bnt_list_folder(folder, fn, user, err);
}

/* ---- forms made here --------------------------------------------------------------------- */

/* What is to be made of what. */
typedef struct making {
    char *models, *stage, *file; /* owns */
    char key[BNT_STORE_KEY_BYTES];
    char type[BNT_FORM_BYTES];
    char open[BNT_MODEL_NAME_BYTES]; /* the new file's name */
    char name[BNT_MODEL_NAME_BYTES];
    bnt_store store;
    const bnt_stored *source;
} making;

static bantam_status find_source(making *m, const char *name, const char *type,
                                 bantam_error *err)
{
    bnt_named named;

    bantam_status status = bnt_registry_find(name, &named, err);
    if (status) return status;
    if (!type) type = named.made;
    if (!type || !bnt_is_repo_part(bnt_text_of(type))) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "%s: no form to make is named", name);
    }
    for (size_t i = 0; i <= strlen(type) && i < sizeof m->type; i++) {
        const char c = type[i];
        m->type[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    if (named.made) named.form[0] = '\0';
    named.made = NULL;
    status = bnt_store_read(&m->store, err);
    if (!status) status = bnt_store_find(&m->store, &named, &m->source, err);
    if (status) return status;
    if (!m->source || (!named.file && strcasecmp(m->source->form, named.form) != 0)) {
        bnt_registry_name(named.repository, named.form, named.name, sizeof named.name);
        return bnt_fail(err, BANTAM_ERR_IO, "%s: not in the store; 'bantam pull %s' fetches it",
                        named.name, named.name);
    }
    return BANTAM_OK;
}

static bantam_status choose_names(making *m, bantam_error *err)
{
    const char *const repository = m->source->repository;
    const char *const slash = strchr(repository, '/');
    int n = snprintf(m->open, sizeof m->open, "%s-", slash + 1);

    for (const char *c = m->type; *c && n > 0 && (size_t)n + 6 < sizeof m->open; c++) {
        m->open[n++] = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
    }
    memcpy(m->open + n, ".gguf", 6);
    bnt_store_key(repository, m->type, m->key);
    bnt_registry_name(repository, m->type, m->name, sizeof m->name);

    bantam_status status = bnt_store_folder(&m->models, err);
    if (!status) status = bnt_store_stage(m->models, m->key, &m->stage, err);
    if (status) return status;
    m->file = bnt_path_join(m->stage, m->open);
    return m->file ? BANTAM_OK : bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a path");
}

static bantam_status install(const making *m, bantam_error *err)
{
    const bnt_stored_file file = {m->open, "", bnt_gguf_bytes(m->file)};
    const bnt_registry_row *const row = bnt_registry_by_repository(m->source->repository);
    const bnt_manifest manifest = {
        .name = m->name,
        .repository = m->source->repository,
        .form = m->type,
        .revision = m->source->revision,
        .license = row ? row->license : "",
        .open = m->open,
        .files = &file,
        .n_files = 1,
    };
    const bantam_status status = bnt_store_write(m->stage, &manifest, err);
    return status ? status : bnt_store_install(m->models, m->key, m->stage, err);
}

static bantam_status tell_path(const making *m, char *path, size_t capacity, bantam_error *err)
{
    const int n = snprintf(path, capacity, "%s/%s/%s", m->models, m->key, m->open);

    if (n >= 0 && (size_t)n < capacity) return BANTAM_OK;
    if (capacity) path[0] = '\0';
    return bnt_fail(err, BANTAM_ERR_FULL, "a path of %d bytes where %zu have room", n + 1,
                    capacity);
}

bantam_status bantam_make_form(const char *name, const bantam_quantize_options *options,
                               char *path, size_t capacity, bantam_error *err)
{
    making m = {.source = NULL};
    bantam_quantize_options o = {.struct_size = sizeof o};

    if (capacity) path[0] = '\0';
    bantam_status status = bnt_options_copy(&o, sizeof o, options, "quantize options", err);
    o.struct_size = sizeof o;
    if (!status) status = find_source(&m, name, o.type, err);
    if (!status) status = choose_names(&m, err);
    if (!status) {
        o.type = m.type;
        status = bantam_quantize(m.source->path, m.file, &o, err);
        if (!status) status = install(&m, err);
        if (status) (void)bnt_store_remove_tree(m.stage, NULL);
    }
    if (!status) status = tell_path(&m, path, capacity, err);
    bnt_store_close(&m.store);
    bnt_free(m.file);
    bnt_free(m.stage);
    bnt_free(m.models);
    return status;
}

/* ---- removing ---------------------------------------------------------------------------- */

/* A model's cache file goes with it. */
static void remove_cache(const char *name)
{
    char path[PATH_MAX];

    if (bnt_store_locate(name, path, sizeof path, NULL)) return;
    (void)bantam_cache_remove(path, NULL, NULL, NULL);
}

bantam_status bantam_remove_model(const char *name, bantam_removed_fn fn, void *user,
                                  bantam_error *err)
{
    if (!name || !*name) return bnt_fail(err, BANTAM_ERR_INVALID, "no model named");
    remove_cache(name);
    return bnt_store_remove(name, fn, user, err);
}
