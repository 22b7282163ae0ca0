/* store.c - what the store holds, read from the manifests, and models found by their names.
 *
 * A manifest is a file like any other: what it says is believed only so far as it stays inside
 * its own folder.
 */
#include "store/store.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "format/grow.h"
#include "format/locate.h"
#include "format/order.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

const char bnt_store_manifest[] = "bantam.json";

enum {
    MAX_MODELS = 1 << 14,   /* in the store */
    MAX_MANIFEST = 1 << 20, /* bytes; some hundred files */
    MANIFEST_VERSION = 1
};

static bantam_status no_memory(bantam_error *err)
{
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory while looking into the store");
}

/* ---- writing a manifest ------------------------------------------------------------------ */

static void put_member(bnt_buf *out, const char *key, const char *value)
{
    bnt_buf_printf(out, "  \"%s\": ", key);
    bnt_json_put_string(out, value, strlen(value));
    bnt_buf_puts(out, ",\n");
}

static void put_files(bnt_buf *out, const bnt_manifest *m)
{
    bnt_buf_puts(out, "  \"files\": [");
    for (size_t i = 0; i < m->n_files; i++) {
        const bnt_stored_file *const f = &m->files[i];
        bnt_buf_printf(out, "%s\n    {\"path\": ", i ? "," : "");
        bnt_json_put_string(out, f->path, strlen(f->path));
        bnt_buf_printf(out, ", \"bytes\": %llu, \"sha256\": \"%s\"}",
                       (unsigned long long)f->bytes, f->sha256);
    }
    bnt_buf_puts(out, "\n  ]\n");
}

bantam_status bnt_store_write(const char *folder, const bnt_manifest *m, bantam_error *err)
{
    bnt_buf out;
    bnt_save *save = NULL;

    char *const path = bnt_path_join(folder, bnt_store_manifest);
    if (!path) return no_memory(err);
    bnt_buf_init(&out, MAX_MANIFEST);
    bnt_buf_printf(&out, "{\n  \"version\": %d,\n", MANIFEST_VERSION);
    put_member(&out, "name", m->name);
    put_member(&out, "repository", m->repository);
    put_member(&out, "form", m->form);
    put_member(&out, "revision", m->revision);
    put_member(&out, "license", m->license);
    put_member(&out, "open", m->open);
    put_files(&out, m);
    bnt_buf_puts(&out, "}\n");

    bantam_status status = bnt_buf_status(&out, bnt_store_manifest, err);
    if (!status) status = bnt_save_begin(&save, path, err);
    if (!status) {
        bnt_save_put(save, out.data, out.size);
        status = bnt_save_commit(save, err);
    }
    bnt_buf_deinit(&out);
    bnt_free(path);
    return status;
}

/* ---- reading one ------------------------------------------------------------------------- */

/* Copies a member that must be a text without control characters; false where it is not, or
 * does not fit. */
static bool take_text(const json_t *root, const char *key, char *out, size_t capacity)
{
    const bantam_text t = bnt_json_text(json_object_get(root, key));

    if (!t.data || t.size >= capacity) return false;
    for (size_t i = 0; i < t.size; i++) {
        if ((unsigned char)t.data[i] < 0x20 || t.data[i] == 0x7F) return false;
    }
    memcpy(out, t.data, t.size);
    out[t.size] = '\0';
    return true;
}

static bool is_repository(const char *text)
{
    const char *const slash = strchr(text, '/');

    if (!slash) return false;
    return bnt_is_repo_part((bantam_text){text, (size_t)(slash - text)}) &&
           bnt_is_repo_part(bnt_text_of(slash + 1));
}

/* Whether a file counts as weights. */
static bool is_weights(bantam_text path)
{
    return bnt_text_ends_with(path, ".safetensors") || bnt_text_ends_with(path, ".gguf");
}

/* Sums what the manifest says its weight files have; what it says beyond reason is nothing. */
static uint64_t sum_bytes(const json_t *files)
{
    const json_t *file;
    uint64_t sum = 0;
    size_t i;

    json_array_foreach(files, i, file)
    {
        const json_int_t bytes = json_integer_value(json_object_get(file, "bytes"));
        if (bytes <= 0 || bytes > INT64_MAX / 1024) continue;
        if (is_weights(bnt_json_text(json_object_get(file, "path")))) sum += (uint64_t)bytes;
    }
    return sum;
}

/* Fills in what a manifest says. False where it says nothing that can be used. */
static bool take_manifest(const json_t *root, bnt_stored *s)
{
    char open[1024];

    if (json_integer_value(json_object_get(root, "version")) != MANIFEST_VERSION ||
        !take_text(root, "repository", s->repository, sizeof s->repository) ||
        !take_text(root, "form", s->form, sizeof s->form) ||
        !take_text(root, "revision", s->revision, sizeof s->revision) ||
        !take_text(root, "name", s->name, sizeof s->name) ||
        !take_text(root, "open", open, sizeof open)) {
        return false;
    }
    if (!is_repository(s->repository) || !*s->name) return false;
    if (*s->form && !bnt_is_repo_part(bnt_text_of(s->form))) return false;
    if (*open && !bnt_is_inner_path(open)) return false;
    s->bytes = sum_bytes(json_object_get(root, "files"));
    s->path = *open ? bnt_path_join(s->folder, open) : bnt_strdup(s->folder, strlen(s->folder));
    return true;
}

/* Reads FOLDER/bantam.json. *out is NULL where there is none, or it is no JSON; the only
 * failure is one of memory. */
static bantam_status load_manifest(const char *folder, json_t **out, bantam_error *err)
{
    bnt_buf text;
    char *const path = bnt_path_join(folder, bnt_store_manifest);

    *out = NULL;
    if (!path) return no_memory(err);
    bnt_buf_init(&text, MAX_MANIFEST);
    bantam_status status = bnt_file_read(path, &text, NULL);
    if (!status) status = bnt_json_parse(out, text.data ? text.data : "", text.size, NULL);
    bnt_buf_deinit(&text);
    bnt_free(path);
    return status == BANTAM_ERR_NOMEM ? no_memory(err) : BANTAM_OK;
}

static bool has_size(const char *folder, const char *path, uint64_t bytes)
{
    struct stat st;
    char *const whole = bnt_path_join(folder, path);
    const bool same =
        whole && stat(whole, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == bytes;
    bnt_free(whole);
    return same;
}

bool bnt_store_has(const char *folder, const char *path, uint64_t bytes, const char *sha256)
{
    json_t *root;
    const json_t *file;
    bool found = false;
    size_t i;

    (void)load_manifest(folder, &root, NULL); /* then there is no such file */
    json_array_foreach(json_object_get(root, "files"), i, file)
    {
        const char *const p = json_string_value(json_object_get(file, "path"));
        const char *const hash = json_string_value(json_object_get(file, "sha256"));
        if (p && hash && strcmp(p, path) == 0 && strcmp(hash, sha256) == 0 && *hash) {
            found = has_size(folder, path, bytes);
        }
    }
    json_decref(root);
    return found;
}

static void free_stored(bnt_stored *s)
{
    bnt_free(s->folder);
    bnt_free(s->path);
    *s = (bnt_stored){0};
}

/* Reads the model in a folder. *found is false where there is none. */
static bantam_status read_stored(const char *models, const char *key, bnt_stored *out,
                                 bool *found, bantam_error *err)
{
    bnt_stored s = {.folder = bnt_path_join(models, key)};

    *found = false;
    if (!s.folder) return no_memory(err);
    json_t *root;
    bantam_status status = load_manifest(s.folder, &root, err);
    const bool sound = root && take_manifest(root, &s);
    json_decref(root);
    if (sound && !s.path) status = no_memory(err);
    if (status) {
        free_stored(&s);
        return status;
    }
    /* The files may have been taken away by hand. */
    *found = sound && bnt_file_kind_of(s.path) != BNT_FILE_ABSENT;
    if (*found) {
        *out = s;
    } else {
        free_stored(&s);
    }
    return BANTAM_OK;
}

/* ---- the store --------------------------------------------------------------------------- */

void bnt_store_close(bnt_store *store)
{
    for (size_t i = 0; i < store->n; i++) {
        free_stored(&store->items[i]);
    }
    bnt_free(store->items);
    *store = (bnt_store){0};
}

static bool name_before(const void *things, uint32_t a, uint32_t b)
{
    const bnt_stored *const items = (const bnt_stored *)things;
    return strcmp(items[a].name, items[b].name) < 0;
}

/* Puts the items in order of name. */
static bantam_status sort(bnt_store *store, bantam_error *err)
{
    if (store->n < 2) return BANTAM_OK;
    uint32_t *const order = (uint32_t *)bnt_calloc(store->n, sizeof *order);
    bnt_stored *const sorted = (bnt_stored *)bnt_calloc(store->n, sizeof *sorted);
    if (!order || !sorted) {
        bnt_free(order);
        bnt_free(sorted);
        return no_memory(err);
    }
    for (size_t i = 0; i < store->n; i++) {
        order[i] = (uint32_t)i;
    }
    bnt_order_sort(order, store->n, name_before, store->items);
    for (size_t i = 0; i < store->n; i++) {
        sorted[i] = store->items[order[i]];
    }
    bnt_free(order);
    bnt_free(store->items);
    store->items = sorted;
    store->capacity = store->n;
    return BANTAM_OK;
}

static bantam_status add_stored(bnt_store *store, const char *models, const char *key,
                                bantam_error *err)
{
    bnt_stored *const items =
        (bnt_stored *)bnt_grow(store->items, &store->capacity, store->n, sizeof *items);
    bool found;

    if (!items) return no_memory(err);
    store->items = items;
    const bantam_status status = read_stored(models, key, &items[store->n], &found, err);
    if (!status && found) store->n++;
    return status;
}

bantam_status bnt_store_read(bnt_store *out, bantam_error *err)
{
    char *models = NULL, **keys = NULL;
    size_t n = 0;

    *out = (bnt_store){0};
    bantam_status status = bnt_store_folder(&models, err);
    if (!status && models && bnt_file_kind_of(models) == BNT_FILE_FOLDER) {
        status = bnt_file_list(models, MAX_MODELS, &keys, &n, err);
    }
    for (size_t i = 0; i < n && !status; i++) {
        if (keys[i][0] != '.') status = add_stored(out, models, keys[i], err);
    }
    if (!status) status = sort(out, err);
    if (status) bnt_store_close(out);
    bnt_free((void *)keys);
    bnt_free(models);
    return status;
}

/* Whether a model of the store is what was asked for by form or file. */
static bool fits(const bnt_stored *s, const bnt_named *named)
{
    if (named->file) {
        const size_t n = strlen(s->folder), rest = strlen(named->file);
        return strlen(s->path) == n + 1 + rest && strcmp(s->path + n + 1, named->file) == 0;
    }
    return strcasecmp(s->form, named->form) == 0;
}

bantam_status bnt_store_find(const bnt_store *store, const bnt_named *named,
                             const bnt_stored **out, bantam_error *err)
{
    const bnt_stored *other = NULL;
    char found[360] = "";
    size_t n = 0, used = 0;

    *out = NULL;
    for (size_t i = 0; i < store->n; i++) {
        const bnt_stored *const s = &store->items[i];
        if (strcasecmp(s->repository, named->repository) != 0) continue;
        if (fits(s, named)) {
            *out = s;
            return BANTAM_OK;
        }
        other = s;
        n++;
        const int more =
            snprintf(found + used, sizeof found - used, "%s%s", used ? ", " : "", s->name);
        if (more > 0 && (size_t)more < sizeof found - used) used += (size_t)more;
    }
    if (*named->form || named->file || n == 0) return BANTAM_OK;
    if (n == 1) {
        *out = other;
        return BANTAM_OK;
    }
    return bnt_fail(err, BANTAM_ERR_INVALID, "%s: several forms of it, name one: %s",
                    named->name, found);
}

/* ---- names to paths ---------------------------------------------------------------------- */

/* Looks for a name in the store; *found is false where it is not there. */
static bantam_status locate_stored(const bnt_named *named, char *path, size_t capacity,
                                   bool *found, bantam_error *err)
{
    bnt_store store;
    const bnt_stored *s = NULL;

    *found = false;
    bantam_status status = bnt_store_read(&store, err);
    if (!status) status = bnt_store_find(&store, named, &s, err);
    if (!status && s) {
        *found = true;
        status = bnt_path_put(s->path, path, capacity, err);
    }
    bnt_store_close(&store);
    return status;
}

/* A name of the table that is not in the store may be in the hub's cache, in the one form that
 * is kept there. */
static bantam_status locate_named(const bnt_named *named, char *path, size_t capacity,
                                  bantam_error *err)
{
    bool found;
    bantam_status status = locate_stored(named, path, capacity, &found, err);

    if (status || found) return status;
    if (!named->made) {
        status = bnt_locate(named->repository, path, capacity, err);
        if (status != BANTAM_ERR_IO) return status;
    }
    return bnt_fail(err, BANTAM_ERR_IO,
                    "%s: not on this machine; 'bantam pull %s' fetches it from %s", named->name,
                    named->name, named->repository);
}

/* The repository of the store that a name without an organization means: the only one so
 * called. */
static bantam_status find_repository(const char *name, bnt_named *out, bantam_error *err)
{
    bnt_store store;

    *out = (bnt_named){.file = NULL};
    const bantam_status status = bnt_store_read(&store, err);
    for (size_t i = 0; i < store.n; i++) {
        const char *const repository = store.items[i].repository;
        if (strcmp(strchr(repository, '/') + 1, name) != 0) continue;
        if (*out->repository && strcasecmp(out->repository, repository) != 0) {
            *out = (bnt_named){.file = NULL};
            break;
        }
        snprintf(out->repository, sizeof out->repository, "%s", repository);
        snprintf(out->name, sizeof out->name, "%.200s", repository);
    }
    bnt_store_close(&store);
    return status;
}

bantam_status bnt_store_locate(const char *name, char *path, size_t capacity, bantam_error *err)
{
    bnt_named named;
    bantam_error why = {0};
    bool found = false;

    if (!*name || bnt_file_kind_of(name) != BNT_FILE_ABSENT || bnt_is_model_path(name)) {
        return bnt_locate(name, path, capacity, err);
    }
    bantam_status status = bnt_registry_find(name, &named, &why);
    if (bnt_registry_claims(name)) {
        if (!status) return locate_named(&named, path, capacity, err);
        return bnt_fail(err, status, "%s", why.message);
    }
    if (status) status = find_repository(name, &named, err);
    if (!status && *named.repository) {
        status = locate_stored(&named, path, capacity, &found, err);
    }
    if (status || found) return status;

    status = bnt_locate(name, path, capacity, err);
    /* A name with a colon and no slash is most likely one of the table with a slip in it. */
    if (status == BANTAM_ERR_IO && strchr(name, ':') && !strchr(name, '/')) {
        return bnt_fail(err, status, "%s", why.message);
    }
    return status;
}

bantam_status bnt_store_list(bantam_list_fn fn, void *user, bantam_error *err)
{
    bnt_store store;
    bool go_on = true;

    bantam_status status = bnt_store_read(&store, err);
    for (size_t i = 0; i < store.n && !status && go_on; i++) {
        const bnt_stored *const s = &store.items[i];
        const bantam_listed_model model = {bnt_text_of(s->name), bnt_text_of(s->path), s->bytes,
                                           bnt_text_of("store")};
        go_on = fn(user, &model);
    }
    bnt_store_close(&store);
    return status || !go_on ? status : bnt_list_models(fn, user, err);
}
