/* locate.c - names of models, and the Hugging Face hub cache in which they lie.
 *
 *     HUB/models--ORG--NAME/refs/main              the name of a snapshot
 *                          /snapshots/HASH/FILE    links into ../../blobs
 *
 * HUB is HF_HUB_CACHE, else HF_HOME/hub, else XDG_CACHE_HOME/huggingface/hub, else
 * ~/.cache/huggingface/hub. A model is called ORG/NAME, or NAME where only one organization has
 * it; ORG/NAME:QUANT and ORG/NAME/FILE.gguf choose among the gguf files of a repository. A name
 * comes from a user or from a list on the net: only plain components reach the file system.
 */
#include "format/locate.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/utf8.h"
#include "format/builtin.h"
#include "format/grow.h"
#include "format/order.h"
#include "format/shards.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum {
    MAX_FILES = 1 << 16,   /* in one folder */
    MAX_NAME_BYTES = 1024, /* of what a user calls a model */
    MAX_PART_BYTES = 96,   /* the hub's own limit */
    MAX_REF_BYTES = 256
};

static const char repo_prefix[] = "models--";

/* Sorted names in a folder. */
typedef struct listing {
    char **names; /* owns, one block */
    size_t n;
} listing;

static bantam_status no_memory(bantam_error *err)
{
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory while looking for a model");
}

static bantam_status list_folder(const char *folder, listing *out, bantam_error *err)
{
    *out = (listing){0};
    return bnt_file_list(folder, MAX_FILES, &out->names, &out->n, err);
}

static void free_listing(listing *l)
{
    bnt_free((void *)l->names);
}

/* ---- the hub folder ---------------------------------------------------------------------- */

/* An environment variable and what follows it, NULL where the variable is unset or empty. */
static const char *root_of(const char *variable)
{
    const char *const value = getenv(variable);
    return value && *value ? value : NULL;
}

/* The hub folder, owned by the caller. NULL with BANTAM_OK where no variable says where it
 * could be. */
static bantam_status hub_folder(char **out, bantam_error *err)
{
    static const char *const roots[][2] = {{"HF_HUB_CACHE", NULL},
                                           {"HF_HOME", "hub"},
                                           {"XDG_CACHE_HOME", "huggingface/hub"},
                                           {"HOME", ".cache/huggingface/hub"}};
    *out = NULL;
    for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++) {
        const char *const root = root_of(roots[i][0]);
        if (!root) continue;
        *out = roots[i][1] ? bnt_path_join(root, roots[i][1]) : bnt_strdup(root, strlen(root));
        return *out ? BANTAM_OK : no_memory(err);
    }
    return BANTAM_OK;
}

/* ---- names ------------------------------------------------------------------------------- */

/* What a user's name is made of; all borrow from it. */
typedef struct wanted {
    bantam_text org; /* empty where not said */
    bantam_text repo;
    bantam_text quant; /* after a colon; empty where not said */
    const char *file;  /* the rest after ORG/NAME/; NULL where not said */
} wanted;

bool bnt_is_repo_part(bantam_text t)
{
    if (!t.size || t.size > MAX_PART_BYTES || t.data[0] == '.' || t.data[0] == '-') {
        return false;
    }
    for (size_t i = 0; i < t.size; i++) {
        const char c = t.data[i];
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && !strchr("._-", c)) return false;
        if (i && c == '-' && t.data[i - 1] == '-') return false;
        if (!c) return false; /* strchr() finds the end of its text */
    }
    return true;
}

bool bnt_is_inner_path(const char *path)
{
    if (!bnt_utf8_valid(path, strlen(path))) return false;
    for (const char *at = path;; at++) {
        const char *const end = at + strcspn(at, "/");
        const bantam_text part = {at, (size_t)(end - at)};
        if (!bnt_path_is_plain(part)) return false;
        for (; at < end; at++) {
            if ((unsigned char)*at < 0x20 || *at == 0x7F || *at == '\\') return false;
        }
        if (!*at) return true;
    }
}

static bantam_status bad_name(const char *name, bantam_error *err)
{
    return bnt_fail(err, BANTAM_ERR_INVALID,
                    "\"%.80s\": no such file, and no model name: expected NAME, ORG/NAME, "
                    "ORG/NAME:QUANT or ORG/NAME/FILE.gguf",
                    name);
}

static bantam_status split_name(const char *name, wanted *out, bantam_error *err)
{
    *out = (wanted){0};
    if (strlen(name) > MAX_NAME_BYTES) return bad_name(name, err);

    const char *rest = name;
    const char *const slash = strchr(name, '/');
    if (slash) {
        out->org = (bantam_text){name, (size_t)(slash - name)};
        if (!bnt_is_repo_part(out->org)) return bad_name(name, err);
        rest = slash + 1;
    }
    out->repo = (bantam_text){rest, strcspn(rest, "/:")};
    if (!bnt_is_repo_part(out->repo)) return bad_name(name, err);
    const char *const end = rest + out->repo.size;
    if (*end == ':') {
        out->quant = bnt_text_of(end + 1);
        if (!bnt_is_repo_part(out->quant)) return bad_name(name, err);
    } else if (*end == '/') {
        out->file = end + 1;
        if (!bnt_is_inner_path(out->file)) return bad_name(name, err);
        if (!bnt_text_ends_with(bnt_text_of(out->file), ".gguf")) return bad_name(name, err);
    }
    return BANTAM_OK;
}

/* "ORG/NAME" of a folder of the hub, or just NAME; false for folders of other kinds. */
static bool read_repo_name(const char *folder, bantam_text *org, bantam_text *repo)
{
    if (strncmp(folder, repo_prefix, strlen(repo_prefix)) != 0) return false;
    const char *const name = folder + strlen(repo_prefix);
    const char *const dashes = strstr(name, "--");

    *org = (bantam_text){name, dashes ? (size_t)(dashes - name) : 0};
    *repo = bnt_text_of(dashes ? dashes + 2 : name);
    return bnt_is_repo_part(*repo) && (!dashes || bnt_is_repo_part(*org));
}

/* ---- snapshots --------------------------------------------------------------------------- */

/* The snapshot that refs/main names, owned by the caller; NULL where it names none. */
static bantam_status main_snapshot(const char *repo, char **out, bantam_error *err)
{
    bnt_buf ref;
    bantam_status status = BANTAM_OK;

    *out = NULL;
    bnt_buf_init(&ref, MAX_REF_BYTES);
    char *const path = bnt_path_join(repo, "refs/main");
    if (!path) return no_memory(err);
    if (!bnt_file_read(path, &ref, NULL)) {
        while (ref.size && strchr(" \r\n\t", ref.data[ref.size - 1])) {
            ref.size--;
        }
        char tail[sizeof "snapshots/" + MAX_REF_BYTES];
        snprintf(tail, sizeof tail, "snapshots/%.*s", (int)ref.size, ref.size ? ref.data : "");
        if (bnt_path_is_plain(bnt_buf_text(&ref))) {
            *out = bnt_path_join(repo, tail);
            if (!*out) status = no_memory(err);
        }
    }
    bnt_free(path);
    bnt_buf_deinit(&ref);
    if (*out && bnt_file_kind_of(*out) != BNT_FILE_FOLDER) {
        bnt_free(*out);
        *out = NULL;
    }
    return status;
}

/* The folder that was changed last; NULL where there is none. */
static bantam_status newest_snapshot(const char *repo, char **out, bantam_error *err)
{
    listing l = {0};
    time_t newest = 0;
    bantam_status status = BANTAM_OK;

    *out = NULL;
    char *const all = bnt_path_join(repo, "snapshots");
    if (!all) return no_memory(err);
    if (bnt_file_kind_of(all) == BNT_FILE_FOLDER) status = list_folder(all, &l, err);
    for (size_t i = 0; i < l.n && !status; i++) {
        struct stat st;
        char *const path = bnt_path_join(all, l.names[i]);
        if (!path) {
            status = no_memory(err);
        } else if (!stat(path, &st) && S_ISDIR(st.st_mode) && (!*out || st.st_mtime > newest)) {
            newest = st.st_mtime;
            bnt_free(*out);
            *out = path;
        } else {
            bnt_free(path);
        }
    }
    if (status) {
        bnt_free(*out);
        *out = NULL;
    }
    free_listing(&l);
    bnt_free(all);
    return status;
}

/* *out is NULL where the repository has no snapshot. */
static bantam_status find_snapshot(const char *hub, const char *folder, char **out,
                                   bantam_error *err)
{
    *out = NULL;
    char *const repo = bnt_path_join(hub, folder);
    if (!repo) return no_memory(err);

    bantam_status status = main_snapshot(repo, out, err);
    if (!status && !*out) status = newest_snapshot(repo, out, err);
    bnt_free(repo);
    return status;
}

/* ---- what a snapshot holds --------------------------------------------------------------- */

bool bnt_is_model_gguf(const char *name)
{
    const bantam_text t = bnt_text_of(name);
    bnt_shard_name shard;

    if (!bnt_text_ends_with(t, ".gguf") || bnt_text_starts_with(t, "mmproj")) return false;
    return !bnt_shard_name_read(t, &shard) || shard.number == 1;
}

static bool is_weights(const char *name)
{
    const bantam_text t = bnt_text_of(name);
    return bnt_text_ends_with(t, ".safetensors") && !bnt_text_starts_with(t, "adapter");
}

typedef struct contents {
    listing files;
    bool config;
    size_t n_weights, n_gguf;
} contents;

static bantam_status look_into(const char *snapshot, contents *out, bantam_error *err)
{
    *out = (contents){0};
    const bantam_status status = list_folder(snapshot, &out->files, err);

    for (size_t i = 0; i < out->files.n && !status; i++) {
        const char *const name = out->files.names[i];
        if (!strcmp(name, "config.json")) out->config = true;
        if (is_weights(name)) out->n_weights++;
        if (bnt_is_model_gguf(name)) out->n_gguf++;
    }
    return status;
}

/* Whether a folder as it stands is a model. A repository of gguf files may have a config.json
 * too. */
static bool is_model_folder(const contents *c)
{
    return c->config && (c->n_weights || !c->n_gguf);
}

bool bnt_gguf_has_quant(const char *name, bantam_text quant)
{
    static const char marks[] = "-./";
    const size_t n = strlen(name);

    for (size_t at = 0; at < n && n - at > quant.size; at++) {
        if (at && !strchr(marks, name[at - 1])) continue;
        if (!strchr(marks, name[at + quant.size])) continue;
        if (strncasecmp(name + at, quant.data, quant.size) == 0) return true;
    }
    return false;
}

/* The gguf file of a snapshot that quant names, or the only one. */
static bantam_status choose_gguf(const contents *c, const char *name, bantam_text quant,
                                 const char **out, bantam_error *err)
{
    char found[400] = "";
    size_t n = 0, used = 0;

    for (size_t i = 0; i < c->files.n; i++) {
        const char *const file = c->files.names[i];
        if (!bnt_is_model_gguf(file) || (quant.size && !bnt_gguf_has_quant(file, quant)))
            continue;
        *out = file;
        n++;
        const int more =
            snprintf(found + used, sizeof found - used, "%s%s", used ? ", " : "", file);
        if (more > 0 && (size_t)more < sizeof found - used) used += (size_t)more;
    }
    if (n == 1) return BANTAM_OK;
    if (!n) {
        return bnt_fail(err, BANTAM_ERR_IO, "%s: no gguf file of that kind in the cache", name);
    }
    return bnt_fail(err, BANTAM_ERR_INVALID, "%s: several gguf files, name one: %s", name,
                    found);
}

/* From a snapshot to the path of the model in it, owned by the caller. */
static bantam_status choose_model(const char *snapshot, const char *name, const wanted *w,
                                  char **out, bantam_error *err)
{
    contents c;
    const char *file = w->file;

    *out = NULL;
    bantam_status status = look_into(snapshot, &c, err);
    if (!status && !file && (w->quant.size || !is_model_folder(&c))) {
        status = choose_gguf(&c, name, w->quant, &file, err);
    }
    if (!status) {
        *out = file ? bnt_path_join(snapshot, file) : bnt_strdup(snapshot, strlen(snapshot));
        if (!*out) status = no_memory(err);
    }
    if (*out && bnt_file_kind_of(*out) == BNT_FILE_ABSENT) {
        status =
            bnt_fail(err, BANTAM_ERR_IO, "%s: not in the cache: %s is missing", name, *out);
        bnt_free(*out);
        *out = NULL;
    }
    free_listing(&c.files);
    return status;
}

/* ---- from a name to a path --------------------------------------------------------------- */

/* The hub's folder of a repository; borrowed from hub. */
static bantam_status find_repo(const listing *hub, const char *name, const wanted *w,
                               const char **out, bantam_error *err)
{
    char found[400] = "";
    size_t n = 0, used = 0;

    for (size_t i = 0; i < hub->n; i++) {
        bantam_text org, repo;
        if (!read_repo_name(hub->names[i], &org, &repo)) continue;
        if (!bnt_text_same(repo, w->repo)) continue;
        if (w->org.size && !bnt_text_same(org, w->org)) continue;
        *out = hub->names[i];
        n++;
        const int more =
            snprintf(found + used, sizeof found - used, "%s%.*s%s%.*s", used ? ", " : "",
                     BNT_TEXT_ARG(org), org.size ? "/" : "", BNT_TEXT_ARG(repo));
        if (more > 0 && (size_t)more < sizeof found - used) used += (size_t)more;
    }
    if (n == 1) return BANTAM_OK;
    if (!n) {
        return bnt_fail(err, BANTAM_ERR_IO,
                        "%s: no such file, and no such model in the Hugging Face cache", name);
    }
    return bnt_fail(err, BANTAM_ERR_INVALID, "%s: several models, name one: %s", name, found);
}

static bantam_status locate_in(const char *hub, const char *name, const wanted *w, char **out,
                               bantam_error *err)
{
    listing repos = {0};
    const char *repo = NULL;
    char *snapshot = NULL;
    bantam_status status = BANTAM_OK;

    if (bnt_file_kind_of(hub) == BNT_FILE_FOLDER) status = list_folder(hub, &repos, err);
    if (!status) status = find_repo(&repos, name, w, &repo, err);
    if (!status) status = find_snapshot(hub, repo, &snapshot, err);
    if (!status && !snapshot) {
        status =
            bnt_fail(err, BANTAM_ERR_IO, "%s: its folder in the cache holds no snapshot", name);
    }
    if (!status) status = choose_model(snapshot, name, w, out, err);
    bnt_free(snapshot);
    free_listing(&repos);
    return status;
}

bool bnt_is_model_path(const char *name)
{
    if (name[0] == '/' || name[0] == '~' || name[0] == '.') return true;
    const char *const slash = strchr(name, '/');
    return bnt_text_ends_with(bnt_text_of(name), ".gguf") &&
           (!slash || !strchr(slash + 1, '/'));
}

bantam_status bnt_locate(const char *name, char *path, size_t capacity, bantam_error *err)
{
    wanted w;
    char *hub = NULL, *found = NULL;

    if (capacity) path[0] = '\0';
    if (!name || !*name) return bnt_fail(err, BANTAM_ERR_INVALID, "the model has no name");
    if (bnt_file_kind_of(name) != BNT_FILE_ABSENT) {
        return bnt_path_put(name, path, capacity, err);
    }
    if (bnt_builtin_is(name)) return bnt_path_put(name, path, capacity, err);
    if (bnt_is_model_path(name)) {
        return bnt_fail(err, BANTAM_ERR_IO, "%s: no such file or folder", name);
    }
    bantam_status status = split_name(name, &w, err);
    if (!status) status = hub_folder(&hub, err);
    if (!status && !hub) {
        status = bnt_fail(err, BANTAM_ERR_IO,
                          "%s: no such file, and neither HF_HOME nor HOME is set", name);
    }
    if (!status) status = locate_in(hub, name, &w, &found, err);
    if (!status) status = bnt_path_put(found, path, capacity, err);
    bnt_free(found);
    bnt_free(hub);
    return status;
}

bantam_status bnt_hub_repository(const char *name, char **out, const char **file,
                                 bantam_error *err)
{
    wanted w;
    listing repos = {0};
    const char *repo = NULL;
    char *hub = NULL;

    *out = NULL;
    *file = NULL;
    bantam_status status = split_name(name, &w, err);
    if (!status) status = hub_folder(&hub, err);
    if (!status && hub && bnt_file_kind_of(hub) == BNT_FILE_FOLDER) {
        status = list_folder(hub, &repos, err);
        if (!status) {
            status = find_repo(&repos, name, &w, &repo, err);
            if (status == BANTAM_ERR_IO) status = BANTAM_OK; /* there is none */
        }
    }
    if (!status && repo) {
        *out = bnt_path_join(hub, repo);
        *file = w.file ? w.file : w.quant.size ? w.quant.data : NULL;
        if (!*out) status = no_memory(err);
    }
    free_listing(&repos);
    bnt_free(hub);
    return status;
}

/* ---- all models -------------------------------------------------------------------------- */

typedef struct entry {
    char *name, *path; /* owns */
    uint64_t bytes;
} entry;

typedef struct entries {
    entry *items; /* (n), owns */
    size_t n, capacity;
} entries;

static void free_entries(entries *e)
{
    for (size_t i = 0; i < e->n; i++) {
        bnt_free(e->items[i].name);
        bnt_free(e->items[i].path);
    }
    bnt_free(e->items);
}

static uint64_t file_bytes(const char *path)
{
    struct stat st;
    return stat(path, &st) || st.st_size < 0 ? 0 : (uint64_t)st.st_size;
}

uint64_t bnt_gguf_bytes(const char *path)
{
    bnt_shard_name shard;
    uint64_t sum = 0;

    if (!bnt_shard_name_read(bnt_path_name(path), &shard)) return file_bytes(path);
    for (uint32_t i = 1; i <= shard.count && i <= BNT_MAX_SHARDS; i++) {
        char *const part = bnt_shard_path(path, &shard, i);
        if (part) sum += file_bytes(part);
        bnt_free(part);
    }
    return sum;
}

/* Bytes of a folder's safetensors; the consolidated copy that some carry along not counted
 * twice. */
static uint64_t folder_bytes(const char *folder, const contents *c)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < c->files.n; i++) {
        const char *const name = c->files.names[i];
        if (!is_weights(name)) continue;
        if (c->n_weights > 1 && bnt_text_starts_with(bnt_text_of(name), "consolidated"))
            continue;
        char *const path = bnt_path_join(folder, name);
        if (path) sum += file_bytes(path);
        bnt_free(path);
    }
    return sum;
}

/* Adds ORG/NAME, or ORG/NAME/FILE. Copies. */
static bantam_status add_entry(entries *e, bantam_text org, bantam_text repo, const char *file,
                               const char *path, uint64_t bytes, bantam_error *err)
{
    bnt_buf name;
    entry *const items = (entry *)bnt_grow(e->items, &e->capacity, e->n, sizeof *items);

    if (!items) return no_memory(err);
    e->items = items;
    bnt_buf_init(&name, MAX_NAME_BYTES * 4);
    bnt_buf_put(&name, org.data, org.size);
    if (org.size) bnt_buf_putc(&name, '/');
    bnt_buf_put(&name, repo.data, repo.size);
    if (file) bnt_buf_printf(&name, "/%s", file);
    entry item = {NULL, bnt_strdup(path, strlen(path)), bytes};
    if (!name.failed) item.name = bnt_strdup(name.data, name.size);
    bnt_buf_deinit(&name);
    if (!item.name || !item.path) {
        bnt_free(item.name);
        bnt_free(item.path);
        return no_memory(err);
    }
    e->items[e->n++] = item;
    return BANTAM_OK;
}

/* Adds the models of one snapshot: the folder, or each gguf file. */
static bantam_status add_snapshot(entries *e, const char *snapshot, bantam_text org,
                                  bantam_text repo, bantam_error *err)
{
    contents c;

    bantam_status status = look_into(snapshot, &c, err);
    if (!status && c.config && c.n_weights) {
        status = add_entry(e, org, repo, NULL, snapshot, folder_bytes(snapshot, &c), err);
    } else {
        for (size_t i = 0; i < c.files.n && !status; i++) {
            const char *const file = c.files.names[i];
            if (!bnt_is_model_gguf(file)) continue;
            char *const path = bnt_path_join(snapshot, file);
            /* A file of an organization's repository can be named; else only a sole one. */
            const char *const shown = c.n_gguf > 1 && org.size ? file : NULL;
            status = path ? add_entry(e, org, repo, shown, path, bnt_gguf_bytes(path), err)
                          : no_memory(err);
            bnt_free(path);
        }
    }
    free_listing(&c.files);
    return status;
}

static bantam_status gather(const char *hub, entries *e, bantam_error *err)
{
    listing repos;

    bantam_status status = list_folder(hub, &repos, err);
    for (size_t i = 0; i < repos.n && !status; i++) {
        bantam_text org, repo;
        char *snapshot = NULL;
        if (!read_repo_name(repos.names[i], &org, &repo)) continue;
        status = find_snapshot(hub, repos.names[i], &snapshot, err);
        if (!status && snapshot) status = add_snapshot(e, snapshot, org, repo, err);
        bnt_free(snapshot);
    }
    free_listing(&repos);
    return status;
}

static bool name_before(const void *things, uint32_t a, uint32_t b)
{
    const entry *const items = (const entry *)things;
    return strcmp(items[a].name, items[b].name) < 0;
}

static bantam_status report(const entries *e, const char *source, bantam_list_fn fn, void *user,
                            bantam_error *err)
{
    uint32_t *const order = (uint32_t *)bnt_calloc(e->n, sizeof *order);
    if (!order) return no_memory(err);

    for (size_t i = 0; i < e->n; i++) {
        order[i] = (uint32_t)i;
    }
    bnt_order_sort(order, e->n, name_before, e->items);
    for (size_t i = 0; i < e->n; i++) {
        const entry *const item = &e->items[order[i]];
        const bantam_listed_model model = {bnt_text_of(item->name), bnt_text_of(item->path),
                                           item->bytes, bnt_text_of(source)};
        if (!fn(user, &model)) break;
    }
    bnt_free(order);
    return BANTAM_OK;
}

bantam_status bnt_list_models(bantam_list_fn fn, void *user, bantam_error *err)
{
    char *hub = NULL;
    entries e = {0};

    bantam_status status = hub_folder(&hub, err);
    if (!status && hub && bnt_file_kind_of(hub) == BNT_FILE_FOLDER) {
        status = gather(hub, &e, err);
        if (!status) status = report(&e, "hub", fn, user, err);
    }
    free_entries(&e);
    bnt_free(hub);
    return status;
}

/* ---- plain folders ----------------------------------------------------------------------- */

/* Adds a path as its own name. */
static bantam_status add_path(entries *e, const char *path, uint64_t bytes, bantam_error *err)
{
    return add_entry(e, (bantam_text){0}, bnt_text_of(path), NULL, path, bytes, err);
}

/* Adds what one folder is or holds, folders in it left out. */
static bantam_status add_plain(entries *e, const char *folder, bantam_error *err)
{
    contents c;

    bantam_status status = look_into(folder, &c, err);
    if (!status && c.config && c.n_weights) {
        status = add_path(e, folder, folder_bytes(folder, &c), err);
    }
    for (size_t i = 0; i < c.files.n && !status; i++) {
        if (!bnt_is_model_gguf(c.files.names[i])) continue;
        char *const path = bnt_path_join(folder, c.files.names[i]);
        if (!path) {
            status = no_memory(err);
        } else if (bnt_file_kind_of(path) == BNT_FILE_REGULAR) {
            status = add_path(e, path, bnt_gguf_bytes(path), err);
        }
        bnt_free(path);
    }
    free_listing(&c.files);
    return status;
}

/* Adds what the folders in a folder are or hold; one that cannot be read is passed over. */
static bantam_status add_inner(entries *e, const char *folder, bantam_error *err)
{
    listing l = {0};

    bantam_status status = list_folder(folder, &l, err);
    for (size_t i = 0; i < l.n && !status; i++) {
        char *const path = l.names[i][0] == '.' ? NULL : bnt_path_join(folder, l.names[i]);
        if (path && bnt_file_kind_of(path) == BNT_FILE_FOLDER) {
            status = add_plain(e, path, err);
            if (status == BANTAM_ERR_IO) status = BANTAM_OK;
        }
        bnt_free(path);
    }
    free_listing(&l);
    return status;
}

bantam_status bnt_list_folder(const char *folder, bantam_list_fn fn, void *user,
                              bantam_error *err)
{
    entries e = {0};
    const bnt_file_kind kind = bnt_file_kind_of(folder);
    char *const plain = bnt_strdup(folder, strlen(folder));
    bantam_status status = plain ? BANTAM_OK : no_memory(err);

    for (size_t n = strlen(folder); plain && n > 1 && plain[n - 1] == '/'; n--) {
        plain[n - 1] = '\0';
    }
    if (!status && kind == BNT_FILE_ABSENT) {
        status = bnt_fail(err, BANTAM_ERR_IO, "%s: no such folder", folder);
    } else if (!status && kind != BNT_FILE_FOLDER) {
        status = bnt_fail(err, BANTAM_ERR_IO, "%s: expected a folder", folder);
    }
    if (!status) status = add_plain(&e, plain, err);
    if (!status) status = add_inner(&e, plain, err);
    if (!status) status = report(&e, "folder", fn, user, err);
    free_entries(&e);
    bnt_free(plain);
    return status;
}
