/* hub.c - the hub's answers read, and files chosen from them.
 *
 * An answer is an object: "id", "sha" (of the commit), "gated" (false, or a word), "cardData",
 * and "siblings", one object a file: "rfilename", "size", "blobId" (git's sha1 of the content,
 * or of a pointer to it), and "lfs" with "sha256" and "size" where the content is kept outside
 * of git. It comes from elsewhere: every path is held against what may be written.
 */
#include "fetch/hub.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "format/locate.h"
#include "format/shards.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const json_int_t max_file = (json_int_t)1 << 44; /* bytes of a file: 16 TiB */

static bantam_status no_memory(bantam_error *err)
{
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for the list of files");
}

/* ---- addresses --------------------------------------------------------------------------- */

/* A path as an address holds it. */
static void put_path(bnt_buf *out, const char *path)
{
    for (; *path; path++) {
        const unsigned char c = (unsigned char)*path;
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || strchr("-._~/", c);
        if (plain) {
            bnt_buf_putc(out, (char)c);
        } else {
            bnt_buf_printf(out, "%%%02X", c);
        }
    }
}

void bnt_hub_put_listing_url(bnt_buf *out, const char *endpoint, const char *repository)
{
    bnt_buf_printf(out, "%s/api/models/", endpoint);
    put_path(out, repository);
    bnt_buf_puts(out, "/revision/main?blobs=true");
}

void bnt_hub_put_file_url(bnt_buf *out, const char *endpoint, const char *repository,
                          const char *revision, const char *path)
{
    bnt_buf_printf(out, "%s/", endpoint);
    put_path(out, repository);
    bnt_buf_printf(out, "/resolve/%s/", *revision ? revision : "main");
    put_path(out, path);
}

bool bnt_hub_take_hash(bantam_text text, size_t digits, char *out)
{
    out[0] = '\0';
    if (text.size >= 2 && memcmp(text.data, "W/", 2) == 0) {
        text.data += 2;
        text.size -= 2;
    }
    if (text.size >= 2 && text.data[0] == '"' && text.data[text.size - 1] == '"') {
        text.data++;
        text.size -= 2;
    }
    if (text.size != digits) return false;
    for (size_t i = 0; i < digits; i++) {
        const char c = text.data[i];
        const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        if (!hex && !(c >= 'A' && c <= 'F')) {
            out[0] = '\0';
            return false;
        }
        out[i] = (char)(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
    }
    out[digits] = '\0';
    return true;
}

/* ---- an answer --------------------------------------------------------------------------- */

static bantam_status bad_answer(const char *what, bantam_error *err)
{
    return bnt_fail(err, BANTAM_ERR_FORMAT, "the hub's answer is not understood: %s", what);
}

/* A size; an absent one is left out. False where it is no size. */
static bool take_size(const json_t *value, bnt_hub_file *f)
{
    if (!value || json_is_null(value)) return true;
    if (!json_is_integer(value)) return false;
    const json_int_t bytes = json_integer_value(value);
    if (bytes < 0 || bytes > max_file) return false;
    f->bytes = (uint64_t)bytes;
    f->has_bytes = true;
    return true;
}

/* Takes one file into out->files[out->n], which is zeroed. */
static bantam_status take_file(bnt_hub_listing *out, const json_t *file, bantam_error *err)
{
    const bantam_text path = bnt_json_text(json_object_get(file, "rfilename"));
    const json_t *const lfs = json_object_get(file, "lfs");
    bnt_hub_file *const f = &out->files[out->n];

    if (!path.data || !path.size) return bad_answer("a file without \"rfilename\"", err);
    f->path = bnt_strdup(path.data, path.size);
    if (!f->path) return no_memory(err);
    out->n++;
    if (path.size >= BNT_HUB_MAX_PATH || strlen(f->path) != path.size ||
        !bnt_is_inner_path(f->path)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "the hub lists a file whose name is none: \"%.*s\"",
                        BNT_TEXT_ARG(path));
    }
    if (!take_size(json_object_get(file, "size"), f)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "the hub lists %s with a size that is none",
                        f->path);
    }
    if (json_is_object(lfs)) {
        bantam_text hash = bnt_json_text(json_object_get(lfs, "sha256"));
        if (!hash.data) hash = bnt_json_text(json_object_get(lfs, "oid"));
        bnt_hub_take_hash(hash, 64, f->sha256);
        if (!take_size(json_object_get(lfs, "size"), f)) {
            return bnt_fail(err, BANTAM_ERR_FORMAT, "the hub lists %s with a size that is none",
                            f->path);
        }
    } else {
        bnt_hub_take_hash(bnt_json_text(json_object_get(file, "blobId")), 40, f->git);
        if (!f->has_bytes) f->git[0] = '\0'; /* the size is part of what git hashes */
    }
    return BANTAM_OK;
}

static bantam_status take_files(bnt_hub_listing *out, const json_t *files, bantam_error *err)
{
    const size_t n = json_array_size(files);
    bantam_status status = BANTAM_OK;

    if (!json_is_array(files)) return bad_answer("no \"siblings\"", err);
    if (n > BNT_HUB_MAX_FILES) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "the hub lists %zu files, at most %d are taken",
                        n, BNT_HUB_MAX_FILES);
    }
    out->files = (bnt_hub_file *)bnt_calloc(n, sizeof *out->files);
    if (!out->files) return no_memory(err);
    for (size_t i = 0; i < n && !status; i++) {
        status = take_file(out, json_array_get(files, i), err);
    }
    return status;
}

/* The repository's own spelling, where it is a change of letters only: a listing of another
 * repository than was asked for would be kept under a wrong name. */
static void take_id(bnt_hub_listing *out, bantam_text id)
{
    if (id.size == strlen(out->repository) &&
        strncasecmp(id.data, out->repository, id.size) == 0) {
        memcpy(out->repository, id.data, id.size);
    }
}

static void take_license(bnt_hub_listing *out, const json_t *card)
{
    bantam_text license = bnt_json_text(json_object_get(card, "license_name"));

    if (!license.data) license = bnt_json_text(json_object_get(card, "license"));
    for (size_t i = 0; i < license.size; i++) {
        const char c = license.data[i];
        if (c < 0x20 || c > 0x7E) return;
    }
    if (license.data && license.size < sizeof out->license) {
        memcpy(out->license, license.data, license.size);
    }
}

bantam_status bnt_hub_read(bnt_hub_listing *out, const char *repository, const char *data,
                           size_t size, bantam_error *err)
{
    json_t *root = NULL;

    *out = (bnt_hub_listing){.n = 0};
    snprintf(out->repository, sizeof out->repository, "%s", repository);
    bantam_status status = bnt_json_parse(&root, data, size, err);
    if (status) return bnt_fail_within(err, status, "the hub's answer: ");
    if (!json_is_object(root)) {
        json_decref(root);
        return bad_answer("expected an object", err);
    }
    const json_t *const gated = json_object_get(root, "gated");
    const bantam_text commit = bnt_json_text(json_object_get(root, "sha"));

    out->gated = json_is_true(gated) || json_is_string(gated);
    if (!bnt_hub_take_hash(commit, 40, out->revision)) {
        bnt_hub_take_hash(commit, 64, out->revision);
    }
    take_id(out, bnt_json_text(json_object_get(root, "id")));
    take_license(out, json_object_get(root, "cardData"));
    status = take_files(out, json_object_get(root, "siblings"), err);
    json_decref(root);
    if (status) bnt_hub_close(out);
    return status;
}

void bnt_hub_close(bnt_hub_listing *listing)
{
    for (size_t i = 0; i < listing->n; i++) {
        bnt_free(listing->files[i].path);
    }
    bnt_free(listing->files);
    *listing = (bnt_hub_listing){.n = 0};
}

/* ---- choosing ---------------------------------------------------------------------------- */

/* Whether a path fits one of the patterns, which are separated by spaces; folders fit none. */
static bool fits(const char *patterns, const char *path)
{
    char pattern[64];

    if (strchr(path, '/')) return false;
    for (const char *at = patterns; *at;) {
        const size_t n = strcspn(at, " ");
        snprintf(pattern, sizeof pattern, "%.*s", (int)n, at);
        if (fnmatch(pattern, path, FNM_PERIOD) == 0) return true;
        at += n + strspn(at + n, " ");
    }
    return false;
}

static bool is_safetensors(const char *path)
{
    return !strchr(path, '/') && bnt_text_ends_with(bnt_text_of(path), ".safetensors") &&
           !bnt_text_starts_with(bnt_text_of(path), "adapter");
}

/* Weights in the authors' own layout, which some repositories carry beside the usual one. */
static bool is_consolidated(const char *path)
{
    return bnt_text_starts_with(bnt_text_of(path), "consolidated");
}

/* The last part of a path. */
static const char *name_of(const char *path)
{
    const char *const slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Whether the listing has a folder that runs. */
static bool has_folder(const bnt_hub_listing *l, bool *usual)
{
    bool config = false, weights = false;

    *usual = false;
    for (size_t i = 0; i < l->n; i++) {
        const char *const path = l->files[i].path;
        if (strcmp(path, "config.json") == 0) config = true;
        if (!is_safetensors(path)) continue;
        weights = true;
        if (!is_consolidated(path)) *usual = true;
    }
    return config && weights;
}

/* Puts small files first: what refuses a download then does so at once. */
static void order_by_size(const bnt_hub_listing *l, bnt_hub_choice *c)
{
    for (size_t i = 1; i < c->n; i++) {
        const size_t file = c->files[i];
        size_t at = i;
        for (; at > 0 && l->files[c->files[at - 1]].bytes > l->files[file].bytes; at--) {
            c->files[at] = c->files[at - 1];
        }
        c->files[at] = file;
    }
}

static void choose_folder(const bnt_hub_listing *l, const bnt_named *named, bool usual,
                          bnt_hub_choice *out)
{
    const char *const patterns = named->row ? named->row->files : bnt_registry_files;

    for (size_t i = 0; i < l->n && out->n < BNT_HUB_MAX_CHOSEN; i++) {
        const char *const path = l->files[i].path;
        if (!fits(patterns, path)) continue;
        if (bnt_text_ends_with(bnt_text_of(path), ".safetensors") && !is_safetensors(path))
            continue;
        if (usual && is_consolidated(path)) continue;
        out->files[out->n++] = i;
    }
}

/* The usual quantizations, the one that is meant where none is said first. */
static const char *const usual_forms[] = {"Q4_K_M", "Q4_0",   "Q4_K_S", "Q8_0",   "Q5_K_M",
                                          "Q6_K",   "Q5_K_S", "Q4_1",   "IQ4_XS", "IQ4_NL",
                                          "Q5_0",   "Q5_1",   "Q3_K_M", "Q3_K_L", "Q3_K_S",
                                          "Q2_K",   "F16",    "BF16",   "F32"};

enum { N_USUAL = sizeof usual_forms / sizeof usual_forms[0] };

/* How many gguf models fit a quantization; empty fits all. *first is one of them. */
static size_t count_gguf(const bnt_hub_listing *l, bantam_text form, size_t *first)
{
    size_t n = 0;

    for (size_t i = 0; i < l->n; i++) {
        const char *const name = name_of(l->files[i].path);
        if (!bnt_is_model_gguf(name)) continue;
        if (form.size && !bnt_gguf_has_quant(name, form)) continue;
        if (!n) *first = i;
        n++;
    }
    return n;
}

/* All gguf models that fit, for a message. */
static void list_gguf(const bnt_hub_listing *l, bantam_text form, char *out, size_t capacity)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < l->n; i++) {
        const char *const name = name_of(l->files[i].path);
        if (!bnt_is_model_gguf(name)) continue;
        if (form.size && !bnt_gguf_has_quant(name, form)) continue;
        const int more =
            snprintf(out + used, capacity - used, "%s%s", used ? ", " : "", l->files[i].path);
        if (more < 0 || (size_t)more >= capacity - used) {
            out[used] = '\0';
            return;
        }
        used += (size_t)more;
    }
}

/* Which gguf model a name means. */
static bantam_status find_gguf(const bnt_hub_listing *l, const bnt_named *named, size_t *file,
                               const char **form, bantam_error *err)
{
    char found[300];
    bantam_text wanted = bnt_text_of(named->form);

    *form = named->form;
    size_t n = count_gguf(l, wanted, file);
    for (size_t i = 0; i < N_USUAL && n > 1 && !wanted.size; i++) {
        size_t usual = 0;
        if (count_gguf(l, bnt_text_of(usual_forms[i]), &usual) != 1) continue;
        *file = usual;
        n = 1;
    }
    for (size_t i = 0; i < N_USUAL && n == 1; i++) {
        if (bnt_gguf_has_quant(name_of(l->files[*file].path), bnt_text_of(usual_forms[i]))) {
            *form = usual_forms[i];
        }
    }
    if (n == 1) return BANTAM_OK;
    list_gguf(l, n ? wanted : (bantam_text){0}, found, sizeof found);
    if (n) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "%s: several files fit, name one as %s/FILE: %s", named->name,
                        named->repository, found);
    }
    if (*found) {
        return bnt_fail(err, BANTAM_ERR_IO, "%s: the repository has no %s; there are %s",
                        named->name, named->form, found);
    }
    return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                    "%s: the repository has neither safetensors with a config.json nor gguf "
                    "files",
                    named->name);
}

/* Adds a gguf file and, where it is one of a set, the others, which must all be there. */
static bantam_status choose_shards(const bnt_hub_listing *l, size_t file, bnt_hub_choice *out,
                                   bantam_error *err)
{
    const char *const path = l->files[file].path;
    bnt_shard_name shard, other;
    uint32_t n = 0;

    if (!bnt_shard_name_read(bnt_text_of(name_of(path)), &shard)) {
        out->files[out->n++] = file;
        return BANTAM_OK;
    }
    const size_t before = (size_t)(shard.stem.data - path) + shard.stem.size;
    for (size_t i = 0; i < l->n && out->n < BNT_HUB_MAX_CHOSEN; i++) {
        const char *const p = l->files[i].path;
        if (!bnt_shard_name_read(bnt_text_of(name_of(p)), &other)) continue;
        if (other.count != shard.count || strncmp(p, path, before) != 0) continue;
        if ((size_t)(other.stem.data - p) + other.stem.size != before) continue;
        out->files[out->n++] = i;
        n++;
    }
    if (n == shard.count) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_FORMAT, "%s: one of %u parts, of which the hub lists %u",
                    path, (unsigned)shard.count, (unsigned)n);
}

static bantam_status choose_gguf(const bnt_hub_listing *l, const bnt_named *named,
                                 bnt_hub_choice *out, bantam_error *err)
{
    size_t file = 0;
    const char *form = "";
    bantam_status status = BANTAM_OK;

    if (named->file) {
        while (file < l->n && strcmp(l->files[file].path, named->file) != 0) {
            file++;
        }
        const char *const last = name_of(named->file);
        const bantam_text name = {last, strlen(last) - strlen(".gguf")};
        if (file == l->n) {
            return bnt_fail(err, BANTAM_ERR_IO, "%s: the repository has no such file",
                            named->name);
        }
        if (bnt_is_repo_part(name)) {
            snprintf(out->form, sizeof out->form, "%.*s", (int)name.size, name.data);
        }
    } else {
        status = find_gguf(l, named, &file, &form, err);
        if (!status) snprintf(out->form, sizeof out->form, "%s", form);
    }
    if (!status) status = choose_shards(l, file, out, err);
    if (!status) snprintf(out->open, sizeof out->open, "%s", l->files[file].path);
    return status;
}

bantam_status bnt_hub_choose(const bnt_hub_listing *listing, const bnt_named *named,
                             bnt_hub_choice *out, bantam_error *err)
{
    bool usual;
    const bool published = named->made || (!*named->form && !named->file);

    *out = (bnt_hub_choice){.n = 0};
    out->files = (size_t *)bnt_calloc(BNT_HUB_MAX_CHOSEN, sizeof *out->files);
    if (!out->files) return no_memory(err);
    bantam_status status = BANTAM_OK;
    if (published && has_folder(listing, &usual)) {
        choose_folder(listing, named, usual, out);
    } else if (named->made) {
        status = bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                          "%s: made from safetensors, of which the repository has none with a "
                          "config.json",
                          named->name);
    } else {
        status = choose_gguf(listing, named, out, err);
    }
    if (status) {
        bnt_hub_choice_close(out);
        return status;
    }
    order_by_size(listing, out);
    return BANTAM_OK;
}

void bnt_hub_choice_close(bnt_hub_choice *choice)
{
    bnt_free(choice->files);
    *choice = (bnt_hub_choice){.n = 0};
}
