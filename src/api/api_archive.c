/* api_archive.c - model files looked at, found, and written anew. */
#include "api/api.h"
#include "base/mem.h"
#include "compress/convert.h"
#include "compress/quantize.h"
#include "format/builtin.h"
#include "store/store.h"

struct bantam_archive {
    bnt_archive *files; /* owns */
    bnt_buf text;       /* the last metadata value handed out */
};

bantam_status bantam_archive_open(bantam_archive **out, const char *path, bantam_error *err)
{
    *out = NULL;
    if (!path) return bnt_fail(err, BANTAM_ERR_INVALID, "archive: no path given");

    bantam_archive *const a = bnt_calloc(1, sizeof *a);
    if (!a) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for the archive");
    bnt_buf_init(&a->text, BNT_MAX_JSON_BYTES);

    const bantam_status status = bnt_archive_open(&a->files, path, err);
    if (status) {
        bantam_archive_close(a);
        return status;
    }
    *out = a;
    return BANTAM_OK;
}

void bantam_archive_close(bantam_archive *archive)
{
    if (!archive) return;
    bnt_archive_close(archive->files);
    bnt_buf_deinit(&archive->text);
    bnt_free(archive);
}

const char *bantam_archive_format(const bantam_archive *archive)
{
    return bnt_archive_format(archive->files);
}

uint64_t bantam_archive_bytes(const bantam_archive *archive)
{
    return bnt_archive_bytes(archive->files);
}

size_t bantam_archive_n_tensors(const bantam_archive *archive)
{
    return bnt_archive_n_tensors(archive->files);
}

bantam_status bantam_archive_tensor(const bantam_archive *archive, size_t index,
                                    bantam_tensor_info *out, bantam_error *err)
{
    *out = (bantam_tensor_info){0};
    if (index >= bnt_archive_n_tensors(archive->files)) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "tensor %zu of %zu", index,
                        bnt_archive_n_tensors(archive->files));
    }
    const bnt_tensor *const t = bnt_archive_tensor_at(archive->files, index);
    out->name = t->name;
    out->type = t->type_name;
    out->n_dims = t->n_dims;
    out->bytes = t->bytes;
    for (uint32_t i = 0; i < t->n_dims; i++) {
        out->dims[i] = t->dims[t->n_dims - 1 - i];
    }
    return BANTAM_OK;
}

size_t bantam_archive_n_metadata(const bantam_archive *archive)
{
    const bnt_gguf *const gguf = bnt_archive_gguf(archive->files);
    return gguf ? bnt_gguf_n_pairs(gguf) : json_object_size(bnt_archive_config(archive->files));
}

bantam_status bantam_archive_metadata(bantam_archive *archive, size_t index, bantam_text *key,
                                      bantam_text *json, bantam_error *err)
{
    const size_t n = bantam_archive_n_metadata(archive);
    *key = *json = (bantam_text){0};
    if (index >= n) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "metadata pair %zu of %zu", index, n);
    }

    bnt_buf_clear(&archive->text);
    const bnt_gguf *const gguf = bnt_archive_gguf(archive->files);
    if (gguf) {
        const bnt_gguf_pair *const pair = bnt_gguf_pair_at(gguf, index);
        *key = pair->key;
        bnt_gguf_put_json(pair, &archive->text);
    } else {
        /* Jansson's iterators do not change the object. */
        json_t *const config = (json_t *)(uintptr_t)bnt_archive_config(archive->files);
        void *at = json_object_iter(config);
        for (size_t i = 0; i < index; i++) {
            at = json_object_iter_next(config, at);
        }
        key->data = json_object_iter_key(at);
        key->size = json_object_iter_key_len(at);
        bnt_json_put(&archive->text, json_object_iter_value(at), JSON_COMPACT);
    }
    const bantam_status status = bnt_buf_status(&archive->text, "metadata value", err);
    if (!status) *json = bnt_buf_text(&archive->text);
    return status;
}

bantam_status bantam_locate(const char *name, char *path, size_t capacity, bantam_error *err)
{
    if (capacity) path[0] = '\0';
    if (!name || !*name) return bnt_fail(err, BANTAM_ERR_INVALID, "no model named");
    return bnt_store_locate(name, path, capacity, err);
}

bantam_status bantam_list_models(bantam_list_fn fn, void *user, bantam_error *err)
{
    if (bnt_builtin_is(BNT_BUILTIN_NAME)) {
        static const bantam_text name = {BNT_BUILTIN_NAME, sizeof BNT_BUILTIN_NAME - 1};
        const bantam_listed_model model = {.name = name,
                                           .path = name,
                                           .bytes = bnt_builtin_bytes().size,
                                           .source = {"built in", 8}};
        if (!fn(user, &model)) return BANTAM_OK;
    }
    return bnt_store_list(fn, user, err);
}

bantam_status bantam_convert(const char *in, const char *out,
                             const bantam_convert_options *options, bantam_error *err)
{
    if (!in || !out) return bnt_fail(err, BANTAM_ERR_INVALID, "convert: no path given");
    return bnt_convert(in, out, options, err);
}

bantam_status bantam_quantize(const char *in, const char *out,
                              const bantam_quantize_options *options, bantam_error *err)
{
    if (!in || !out) return bnt_fail(err, BANTAM_ERR_INVALID, "quantize: no path given");
    return bnt_quantize(in, out, options, err);
}
