/* api_model.c - models: files, weights and tokenizer under one handle. */
#include <inttypes.h>
#include <string.h>

#include "api/api.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/options.h"
#include "base/text.h"
#include "format/builtin.h"
#include "model/pack.h"

#define STRING(x)        #x
#define VERSION(a, b, c) STRING(a) "." STRING(b) "." STRING(c)

const char *bantam_version(void)
{
    return VERSION(BANTAM_VERSION_MAJOR, BANTAM_VERSION_MINOR, BANTAM_VERSION_PATCH);
}

const char *bantam_status_name(bantam_status status)
{
    static const char *const names[] = {"ok",     "invalid",     "nomem", "io",
                                        "format", "unsupported", "full",  "cancelled"};
    return (size_t)status < sizeof names / sizeof names[0] ? names[status] : "unknown";
}

/* Whether a folder holds anything a tokenizer could be read from. */
static bool folder_has_tokenizer(const char *folder)
{
    static const char *const files[] = {"tokenizer.json", "tekken.json", "tokenizer.model"};
    bool found = false;

    for (size_t i = 0; i < sizeof files / sizeof files[0] && !found; i++) {
        char *const path = bnt_path_join(folder, files[i]);
        found = path && bnt_file_is_there(path);
        bnt_free(path);
    }
    return found;
}

/* Whether a GGUF file brings a tokenizer: the name "none" is the format's way to say no. */
static bantam_status gguf_has_tokenizer(const bnt_gguf *gguf, bool *has, bantam_error *err)
{
    bantam_text model = {0};
    const bantam_status status = bnt_gguf_text(gguf, "tokenizer.ggml.model", &model, err);
    *has = model.data && !(model.size == 4 && memcmp(model.data, "none", 4) == 0);
    return status;
}

/* In a GGUF file the two are written together; a file in which they differ was put together
 * from two models. (The embedding of a folder may be padded, and added tokens lie beyond it.)
 */
static bantam_status check_rows(const bantam_model *model, const bnt_spec *spec,
                                bantam_error *err)
{
    const uint32_t n_rows = model->weights->config.n_vocab;
    if (spec->n_tokens == n_rows) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_FORMAT,
                    "key tokenizer.ggml.tokens: expected one token for each of the "
                    "embedding's %" PRIu32 " rows, found %" PRIu32,
                    n_rows, spec->n_tokens);
}

/* Leaves model->tokenizer empty where the files have none. */
static bantam_status open_tokenizer(bantam_model *model, const char *path, bantam_error *err)
{
    const bnt_gguf *const gguf = bnt_archive_gguf(model->archive);
    const char *const folder = bnt_archive_folder(model->archive);
    bantam_status status = BANTAM_OK;
    bool in_gguf = false;
    bnt_spec spec;

    bnt_spec_init(&spec);
    if (gguf) status = gguf_has_tokenizer(gguf, &in_gguf, err);
    if (in_gguf) {
        status = bnt_load_gguf(&spec, gguf, err);
        if (!status) status = check_rows(model, &spec, err);
    }
    if (status) {
        bnt_fail_within(err, status, "%s: ", path);
    } else if (folder && folder_has_tokenizer(folder)) {
        status = bnt_spec_load(&spec, folder, err);
    }
    if (!status && spec.n_tokens) {
        status = bnt_api_tokenizer_init(&model->tokenizer, &spec, err);
        if (status) bnt_fail_within(err, status, "%s: ", path);
    }
    bnt_spec_deinit(&spec);
    return status;
}

/* Makes the weights ready to compute with. */
static bantam_status prepare(bantam_model *model, const bantam_model_options *o,
                             bantam_error *err)
{
    bnt_model *const w = model->weights;
    unsigned flags = 0;

    bantam_status status = bnt_api_cpu_flags(o->cpu, &flags, err);
    if (status) return status;
    bnt_kernels_init(&w->kernels, flags);
    if (o->describe_only) {
        model->describe_only = true;
        bnt_pack_pretend(w, o->no_cache);
        return BANTAM_OK;
    }
    const bnt_pack_options pack = {o->no_cache, o->progress, o->user};
    return bnt_model_pack(w, &pack, err);
}

bantam_status bantam_model_open(bantam_model **out, const char *path,
                                const bantam_model_options *options, bantam_error *err)
{
    bantam_model_options o = {0};

    *out = NULL;
    if (!path && bnt_builtin_bytes().size) path = BNT_BUILTIN_NAME;
    if (!path) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "model: no path given, and no model is built into this library");
    }
    bantam_status status = bnt_options_copy(&o, sizeof o, options, "model options", err);
    if (status) return status;
    if (o.rope > BANTAM_ROPE_FLOAT) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "model options: rope %d, expected 0 to 3",
                        (int)o.rope);
    }

    bantam_model *const model = bnt_calloc(1, sizeof *model);
    if (!model) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for the model");
    status = bnt_archive_open(&model->archive, path, err);
    if (status) goto fail;
    status = bnt_model_open(&model->weights, model->archive, o.rope, err);
    if (status) goto fail;
    status = prepare(model, &o, err);
    if (status) goto fail;
    status = open_tokenizer(model, path, err);
    if (status) goto fail;
    bnt_mem_trim(); /* a tokenizer's JSON takes many times what is kept of it */

    *out = model;
    return BANTAM_OK;

fail:
    bantam_model_close(model);
    return status;
}

void bantam_model_close(bantam_model *model)
{
    if (!model) return;
    bnt_api_tokenizer_deinit(&model->tokenizer);
    bnt_model_close(model->weights);
    bnt_archive_close(model->archive);
    bnt_free(model);
}

void bantam_model_describe(const bantam_model *model, bantam_model_info *out)
{
    const bnt_model *const w = model->weights;
    const bnt_config *const c = &w->config;

    *out = (bantam_model_info){
        .name = c->name.size ? c->name : bnt_path_name(bnt_archive_path(model->archive)),
        .family = bnt_text_of(bnt_config_family(c)),
        .architecture = c->architecture,
        .type = bnt_text_of(bnt_model_type(w)->name),
        .n_params = w->n_params,
        .file_bytes = bnt_archive_bytes(model->archive),
        .weight_bytes = w->weight_bytes,
        .n_layers = c->n_layers,
        .n_embd = c->n_embd,
        .n_heads = c->n_heads,
        .n_kv_heads = c->n_kv_heads,
        .head_dim = c->head_dim,
        .n_ffn = c->n_ffn,
        .n_vocab = c->n_vocab,
        .context_tokens = c->context_tokens,
        .tied = c->tied,
        .rope = bnt_text_of(bnt_config_rope_name(c)),
        .activation = bnt_text_of(c->act == BNT_ACT_RELU ? "relu" : "silu"),
        .window_tokens = c->window_tokens,
        .token_bytes = bnt_model_token_bytes(w),
    };
}

const char *bantam_model_cpu(const bantam_model *model)
{
    return model->weights->kernels.name;
}

const char *bantam_model_cache(const bantam_model *model)
{
    return model->weights->pack ? bnt_pack_path(model->weights->pack) : NULL;
}

const char *bantam_model_note(const bantam_model *model)
{
    return model->weights->pack ? bnt_pack_note(model->weights->pack) : NULL;
}

void bantam_model_identity(const bantam_model *model, uint8_t identity[32])
{
    bnt_model_identity(model->weights, identity);
}

const bantam_tokenizer *bantam_model_tokenizer(const bantam_model *model)
{
    return model->tokenizer.tokens ? &model->tokenizer : NULL;
}

/* ---- cache files ------------------------------------------------------------------------- */

void bnt_api_on_removed(void *user, const char *path, uint64_t bytes)
{
    const bnt_api_removing *const r = user;
    if (r->fn) r->fn(r->user, bnt_text_of(path), bytes);
}

bantam_status bantam_cache_remove(const char *path, bantam_removed_fn fn, void *user,
                                  bantam_error *err)
{
    bnt_api_removing r = {fn, user};
    if (!path) return bnt_pack_remove_all(bnt_api_on_removed, &r, err);
    if (!*path) return bnt_fail(err, BANTAM_ERR_INVALID, "cache: the path is empty");
    return bnt_pack_remove(path, bnt_api_on_removed, &r, err);
}
