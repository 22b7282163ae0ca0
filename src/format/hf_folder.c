/* hf_folder.c - a Hugging Face folder: which of its files are the model.
 *
 * config.json must be there. Weights are, in this order: the shards that
 * model.safetensors.index.json names; model.safetensors; the only other .safetensors file,
 * adapters left aside; consolidated.safetensors. A folder with no weights at all opens too,
 * because its tokenizer may be all that is wanted; one with weights of a kind that is not read
 * says so.
 */
#include "format/archive_parts.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "format/shards.h"
#include "format/sniff.h"

#include <string.h>

/* JSON is read into a tree that may take a hundred times its bytes, so that these files get
 * limits of their own: real ones stay below 64 KiB and 2 MiB and open few objects. */
enum {
    MAX_CONFIG_BYTES = 1 << 20,
    MAX_INDEX_BYTES = 4 << 20,
    MAX_BRACKETS = 1 << 14,
    MAX_FILES = 1 << 16
};

/* ---- JSON files -------------------------------------------------------------------------- */

static size_t count_brackets(const char *data, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < size; i++) {
        if (data[i] == '{' || data[i] == '[') n++;
    }
    return n;
}

static bantam_status parse_object(const bnt_buf *text, json_t **out, bantam_error *err)
{
    if (bnt_sniff_pointer((const uint8_t *)text->data, text->size)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "a git lfs pointer instead of the file itself: fetch it with git lfs "
                        "pull");
    }
    if (count_brackets(text->data, text->size) > MAX_BRACKETS) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "more than %d objects and arrays",
                        MAX_BRACKETS);
    }
    const bantam_status status = bnt_json_parse(out, text->data, text->size, err);
    if (status) return status;
    if (!json_is_object(*out)) {
        json_decref(*out);
        *out = NULL;
        return bnt_fail(err, BANTAM_ERR_FORMAT, "expected a JSON object");
    }
    return BANTAM_OK;
}

static bantam_status read_object(const char *path, size_t max, json_t **out, bantam_error *err)
{
    bnt_buf text;

    *out = NULL;
    bnt_buf_init(&text, max);
    bantam_status status = bnt_file_read(path, &text, err);
    if (!status) {
        status = parse_object(&text, out, err);
        if (status) bnt_fail_within(err, status, "%s: ", path);
    }
    bnt_buf_deinit(&text);
    return status;
}

/* The path of a file in the archive's folder; NULL after a failure. */
static char *path_of(const bnt_archive *a, const char *name, bantam_error *err)
{
    char *const path = bnt_path_join(a->path, name);
    if (!path) bnt_fail(err, BANTAM_ERR_NOMEM, "%s: out of memory", a->path);
    return path;
}

/* ---- weights ----------------------------------------------------------------------------- */

/* Adds a file that must be safetensors. */
static bantam_status add_weights(bnt_archive *a, const char *name, bantam_error *err)
{
    char *const path = path_of(a, name, err);
    if (!path) return BANTAM_ERR_NOMEM;

    bantam_status status = bnt_archive_add(a, path, err);
    if (!status && !a->parts[a->n_parts - 1].safetensors) {
        status = bnt_fail(err, BANTAM_ERR_FORMAT, "%s: expected safetensors, found gguf", path);
    }
    bnt_free(path);
    return status;
}

/* Opens every shard that the index names, once each. shards gets each name's part. */
static bantam_status add_shards(bnt_archive *a, const char *path, const json_t *weight_map,
                                bnt_table *shards, bantam_error *err)
{
    const char *tensor;
    json_t *value;

    json_object_foreach((json_t *)weight_map, tensor, value)
    {
        const bantam_text name = bnt_json_text(value);
        uint32_t found;
        if (!bnt_path_is_plain(name)) {
            return bnt_fail(err, BANTAM_ERR_FORMAT,
                            "%s: weight_map: tensor %.80s: \"%.*s\" is no file name", path,
                            tensor, BNT_TEXT_ARG(name));
        }
        bantam_status status = bnt_table_put(shards, name, (uint32_t)a->n_parts, &found, err);
        if (status) return status;
        if (found != BNT_TABLE_NONE) continue;
        if (a->n_parts == BNT_MAX_SHARDS) {
            return bnt_fail(err, BANTAM_ERR_FORMAT, "%s: weight_map: more than %d files", path,
                            BNT_MAX_SHARDS);
        }
        status = add_weights(a, name.data, err); /* plain: it holds no NUL */
        if (status) return status;
    }
    return BANTAM_OK;
}

/* Holds the index against what the shards contain. */
static bantam_status check_index(const bnt_archive *a, const char *path,
                                 const json_t *weight_map, const bnt_table *shards,
                                 bantam_error *err)
{
    const char *tensor;
    json_t *value;

    json_object_foreach((json_t *)weight_map, tensor, value)
    {
        const bantam_text name = bnt_json_text(value), key = {tensor, strlen(tensor)};
        const uint32_t part = bnt_table_find(shards, name);
        const uint32_t at = bnt_table_find(&a->names, key);
        const size_t end =
            part + 1 < a->n_parts ? a->parts[part + 1].first_tensor : a->n_tensors;

        if (at == BNT_TABLE_NONE || at < a->parts[part].first_tensor || at >= end) {
            return bnt_fail(err, BANTAM_ERR_FORMAT,
                            "%s: weight_map: tensor %.80s is not in %.*s", path, tensor,
                            BNT_TEXT_ARG(name));
        }
    }
    return BANTAM_OK;
}

static bantam_status add_indexed(bnt_archive *a, const char *path, bantam_error *err)
{
    json_t *index = NULL;
    bnt_table shards = {0};

    bantam_status status = read_object(path, MAX_INDEX_BYTES, &index, err);
    if (status) return status;
    const json_t *const weight_map = json_object_get(index, "weight_map");
    if (!json_object_size(weight_map)) { /* also where it is no object */
        status = bnt_fail(err, BANTAM_ERR_FORMAT,
                          "%s: expected an object weight_map with tensors", path);
    }
    if (!status) status = bnt_table_init(&shards, 16, err);
    if (!status) status = add_shards(a, path, weight_map, &shards, err);
    if (!status) status = bnt_archive_index(a, err);
    if (!status) status = check_index(a, path, weight_map, &shards, err);
    bnt_table_deinit(&shards);
    json_decref(index);
    return status;
}

/* ---- a folder without index and model.safetensors ---------------------------------------- */

/* What a listing shows. */
typedef struct findings {
    const char *weights;      /* the first other .safetensors file */
    const char *consolidated; /* consolidated.safetensors */
    const char *gguf;
    const char *pickled; /* weights that only Python reads */
    size_t n_weights;
} findings;

static findings look_through(char *const *names, size_t n)
{
    findings f = {0};

    for (size_t i = 0; i < n; i++) {
        const bantam_text name = {names[i], strlen(names[i])};
        if (bnt_text_ends_with(name, ".safetensors")) {
            if (bnt_text_starts_with(name, "adapter")) continue;
            if (!strcmp(names[i], "consolidated.safetensors")) {
                f.consolidated = names[i];
                continue;
            }
            if (!f.weights) f.weights = names[i];
            f.n_weights++;
        } else if (bnt_text_ends_with(name, ".gguf")) {
            f.gguf = names[i];
        } else if (bnt_text_starts_with(name, "pytorch_model") ||
                   bnt_text_ends_with(name, ".pth") || bnt_text_ends_with(name, ".h5") ||
                   bnt_text_ends_with(name, ".msgpack")) {
            f.pickled = names[i];
        }
    }
    return f;
}

static bantam_status add_found(bnt_archive *a, const findings *f, bantam_error *err)
{
    if (f->n_weights > 1) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "%s: %zu .safetensors files and no model.safetensors.index.json that "
                        "says which belong together",
                        a->path, f->n_weights);
    }
    if (f->weights) return add_weights(a, f->weights, err);
    if (f->consolidated) return add_weights(a, f->consolidated, err);
    if (f->gguf) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "%s: no safetensors in this folder; to use %s, name that file", a->path,
                        f->gguf);
    }
    if (f->pickled) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "%s: the weights are in %s, which only Python reads: convert them to "
                        "safetensors",
                        a->path, f->pickled);
    }
    return BANTAM_OK;
}

static bantam_status add_listed(bnt_archive *a, bantam_error *err)
{
    char **names = NULL;
    size_t n = 0;

    bantam_status status = bnt_file_list(a->path, MAX_FILES, &names, &n, err);
    if (status) return status;
    const findings f = look_through(names, n);
    status = add_found(a, &f, err);
    bnt_free((void *)names);
    return status ? status : bnt_archive_index(a, err);
}

/* ---- the folder -------------------------------------------------------------------------- */

/* The message where config.json is absent: often a folder of gguf files was meant. */
static bantam_status no_config(const bnt_archive *a, bantam_error *err)
{
    char **names = NULL;
    size_t n = 0;

    const bantam_status status = bnt_file_list(a->path, MAX_FILES, &names, &n, err);
    if (status) return status;
    const findings f = look_through(names, n);
    if (f.gguf) {
        bnt_fail(err, BANTAM_ERR_FORMAT,
                 "%s: no config.json in this folder; to use %s, name that file", a->path,
                 f.gguf);
    } else {
        bnt_fail(err, BANTAM_ERR_FORMAT,
                 "%s: no config.json in this folder, so it is no Hugging Face model", a->path);
    }
    bnt_free((void *)names);
    return BANTAM_ERR_FORMAT;
}

static bantam_status read_config(bnt_archive *a, bantam_error *err)
{
    char *const path = path_of(a, "config.json", err);
    if (!path) return BANTAM_ERR_NOMEM;

    const bantam_status status = bnt_file_is_there(path)
                                     ? read_object(path, MAX_CONFIG_BYTES, &a->config, err)
                                     : no_config(a, err);
    bnt_free(path);
    return status;
}

bantam_status bnt_hf_folder_read(bnt_archive *a, bantam_error *err)
{
    bantam_status status = read_config(a, err);
    if (status) return status;

    char *const index = path_of(a, "model.safetensors.index.json", err);
    char *const single = path_of(a, "model.safetensors", err);
    if (!index || !single) {
        status = BANTAM_ERR_NOMEM;
    } else if (bnt_file_is_there(index)) {
        status = add_indexed(a, index, err);
    } else if (bnt_file_is_there(single)) {
        status = add_weights(a, "model.safetensors", err);
        if (!status) status = bnt_archive_index(a, err);
    } else {
        status = add_listed(a, err);
    }
    bnt_free(index);
    bnt_free(single);
    return status;
}
