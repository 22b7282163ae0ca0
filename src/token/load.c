/* load.c - from a path to a spec: which files there are and what each of them is.
 *
 * A file is told by its bytes, not by its name. Files that lie beside a tokenizer say which
 * tokens end an answer and how a conversation is written; they are read for a single file too,
 * so that a folder and its tokenizer file give the same spec. Only this file of the loaders
 * opens others.
 */
#include "base/file.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "format/builtin.h"
#include "token/load_parts.h"
#include <string.h>

/* What lies beside a tokenizer; each is NULL where it is absent. */
typedef struct beside {
    json_t *config, *generation, *model_config, *template_json; /* owns */
    bnt_map *template_jinja;                                    /* owns */
} beside;

static void close_beside(beside *b)
{
    json_decref(b->config);
    json_decref(b->generation);
    json_decref(b->model_config);
    json_decref(b->template_json);
    bnt_map_close(b->template_jinja);
}

/* Maps folder/name; *out is NULL where there is no such file. */
static bantam_status map_beside(const char *folder, const char *name, bnt_map **out,
                                bantam_error *err)
{
    char *const path = bnt_path_join(folder, name);

    *out = NULL;
    if (!path) return bnt_load_nomem(err);
    const bantam_status status =
        bnt_file_is_there(path) ? bnt_map_open(out, path, err) : BANTAM_OK;
    bnt_free(path);
    return status;
}

/* The map was cut while it was read: what came out of it is worth nothing. */
static bantam_status check_map(const bnt_map *map, bantam_status status, bantam_error *err)
{
    if (!bnt_map_damaged(map)) return status;
    return bnt_fail(err, BANTAM_ERR_IO, "the file was cut while it was read");
}

static bantam_status json_beside(const char *folder, const char *name, json_t **out,
                                 bantam_error *err)
{
    bnt_map *map;
    bantam_status status = map_beside(folder, name, &map, err);

    *out = NULL;
    if (status || !map) return status;
    status = bnt_json_parse(out, (const char *)bnt_map_data(map), bnt_map_size(map), err);
    status = check_map(map, status, err);
    if (!status && !json_is_object(*out)) {
        status = bnt_fail(err, BANTAM_ERR_FORMAT, "expected an object");
    }
    bnt_map_close(map);
    if (!status) return BANTAM_OK;
    json_decref(*out);
    *out = NULL;
    return bnt_fail_within(err, status, "%s/%s: ", folder, name);
}

static bantam_status open_beside(beside *b, const char *folder, bantam_error *err)
{
    bantam_status status = json_beside(folder, "tokenizer_config.json", &b->config, err);

    if (!status) status = json_beside(folder, "generation_config.json", &b->generation, err);
    if (!status) status = json_beside(folder, "config.json", &b->model_config, err);
    if (!status) status = json_beside(folder, "chat_template.json", &b->template_json, err);
    if (!status) status = map_beside(folder, "chat_template.jinja", &b->template_jinja, err);
    return status;
}

/* A template in a file of its own comes before the one in tokenizer_config.json. */
static bantam_status read_template(bnt_spec *spec, const beside *b, const char *folder,
                                   bantam_error *err)
{
    bantam_text text = bnt_json_text(json_object_get(b->template_json, "chat_template"));
    const char *name = "chat_template.json";

    if (b->template_jinja) {
        text.data = (const char *)bnt_map_data(b->template_jinja);
        text.size = bnt_map_size(b->template_jinja);
        name = "chat_template.jinja";
    }
    if (!text.size) return BANTAM_OK;
    if (text.size > BNT_MAX_TEMPLATE_BYTES) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "%s/%s: %zu bytes, at most %d", folder, name,
                        text.size, BNT_MAX_TEMPLATE_BYTES);
    }
    spec->chat_template = bnt_spec_copy(spec, text.data, text.size);
    return spec->chat_template.data ? BANTAM_OK : bnt_load_nomem(err);
}

/* ---- one file ---------------------------------------------------------------------------- */

static bantam_status load_gguf_bytes(bnt_spec *spec, const uint8_t *data, size_t size,
                                     bantam_error *err)
{
    bnt_gguf *gguf = NULL;
    bantam_status status = bnt_gguf_parse(&gguf, data, size, err);

    if (!status) status = bnt_load_gguf(spec, gguf, err);
    bnt_gguf_close(gguf);
    return status;
}

static bantam_status load_json_bytes(bnt_spec *spec, const char *data, size_t size,
                                     const beside *b, bantam_error *err)
{
    json_t *root = NULL;
    bnt_json_list merges;
    bantam_status status = bnt_hf_parse(&root, &merges, data, size, err);

    if (status) return status;
    if (json_object_get(root, "model")) {
        status =
            bnt_hf_root(spec, root, &merges, b->config, b->generation, b->model_config, err);
    } else if (json_object_get(root, "vocab")) {
        status = bnt_tekken_root(spec, root, err);
        if (!status) {
            status = bnt_hf_config(spec, b->config, b->generation, b->model_config, false, err);
        }
    } else {
        status = bnt_fail(err, BANTAM_ERR_FORMAT,
                          "neither a tokenizer.json (no model) nor a tekken.json (no vocab)");
    }
    bnt_json_list_end(&merges);
    json_decref(root);
    return status;
}

/* A first line of base64, a space and a number. SentencePiece begins with a byte below 0x20. */
static bool is_tiktoken(const char *data, size_t size)
{
    size_t i = 0;

    while (i < size && (unsigned char)data[i] > ' ' && (unsigned char)data[i] < 0x7F)
        i++;
    return i && i + 1 < size && data[i] == ' ' && data[i + 1] >= '0' && data[i + 1] <= '9';
}

static bool is_json(const char *data, size_t size, bantam_text name)
{
    size_t i = 0;

    while (i < size && (data[i] == ' ' || data[i] == '\t' || data[i] == '\r'))
        i++;
    if (i < size && data[i] == '{') return true;
    return bnt_text_ends_with(name, ".json");
}

static bantam_status load_bytes(bnt_spec *spec, const char *data, size_t size, bantam_text name,
                                const beside *b, bantam_error *err)
{
    bantam_status status;

    if (size >= 4 && !memcmp(data, "GGUF", 4)) {
        return load_gguf_bytes(spec, (const uint8_t *)data, size, err);
    }
    if (is_json(data, size, name)) return load_json_bytes(spec, data, size, b, err);
    if (size > BNT_MAX_JSON_BYTES) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "no tokenizer: %zu bytes, at most %d", size,
                        BNT_MAX_JSON_BYTES);
    }
    status = is_tiktoken(data, size) ? bnt_load_tiktoken(spec, data, size, err)
                                     : bnt_load_spm(spec, (const uint8_t *)data, size, err);
    if (status) return status;
    return bnt_hf_config(spec, b->config, b->generation, b->model_config, false, err);
}

static bantam_status load_file(bnt_spec *spec, const char *path, const beside *b,
                               bantam_error *err)
{
    bnt_map *map = NULL;
    bantam_status status = bnt_builtin_map(&map, path, err);

    if (status) return status; /* which names the path */
    status = load_bytes(spec, (const char *)bnt_map_data(map), bnt_map_size(map),
                        bnt_path_name(path), b, err);
    status = check_map(map, status, err);
    bnt_map_close(map);
    return status ? bnt_fail_within(err, status, "%s: ", path) : BANTAM_OK;
}

/* Whether the file at path is GGUF, which needs nothing from its folder. */
static bantam_status file_is_gguf(const char *path, bool *is, bantam_error *err)
{
    bnt_map *map = NULL;
    const bantam_status status = bnt_builtin_map(&map, path, err);

    if (status) return status;
    *is = bnt_map_size(map) >= 4 && !memcmp(bnt_map_data(map), "GGUF", 4);
    bnt_map_close(map);
    return BANTAM_OK;
}

/* ---- the path ---------------------------------------------------------------------------- */

/* The tokenizer of a folder, as a new path. */
static bantam_status find_file(const char *folder, char **out, bantam_error *err)
{
    static const char *const names[] = {"tokenizer.json", "tekken.json", "tokenizer.model",
                                        "tokenizer.model.v3"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *const path = bnt_path_join(folder, names[i]);
        if (!path) return bnt_load_nomem(err);
        if (bnt_file_is_there(path)) {
            *out = path;
            return BANTAM_OK;
        }
        bnt_free(path);
    }
    return bnt_fail(err, BANTAM_ERR_IO,
                    "%s: no tokenizer.json, tekken.json or tokenizer.model in this folder",
                    folder);
}

static bantam_status load_with_beside(bnt_spec *spec, const char *path, const char *folder,
                                      bantam_error *err)
{
    beside b = {0};
    bantam_status status = open_beside(&b, folder, err);

    if (!status) status = load_file(spec, path, &b, err);
    if (!status) status = read_template(spec, &b, folder, err);
    close_beside(&b);
    return status;
}

bantam_status bnt_spec_load(bnt_spec *spec, const char *path, bantam_error *err)
{
    const beside nothing = {0};
    char *found = NULL;
    bantam_status status;

    if (bnt_file_kind_of(path) == BNT_FILE_FOLDER) {
        status = find_file(path, &found, err);
        if (!status) status = load_with_beside(spec, found, path, err);
        bnt_free(found);
        return bnt_load_end(spec, status);
    }
    bool is_gguf = false;
    status = file_is_gguf(path, &is_gguf, err);
    if (status) return bnt_load_end(spec, status);
    if (is_gguf) return bnt_load_end(spec, load_file(spec, path, &nothing, err));

    const char *const slash = strrchr(path, '/');
    char *const folder = slash ? bnt_strdup(path, slash == path ? 1 : (size_t)(slash - path))
                               : bnt_strdup(".", 1);
    status = folder ? load_with_beside(spec, path, folder, err) : bnt_load_nomem(err);
    bnt_free(folder);
    return bnt_load_end(spec, status);
}
