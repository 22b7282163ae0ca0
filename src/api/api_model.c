/* api_model.c - models: files, weights and tokenizer under one handle. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/options.h"

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

bantam_status bantam_model_open(bantam_model **out, const char *path,
                                const bantam_model_options *options, bantam_error *err)
{
    bantam_model_options o = {0};

    *out = NULL;
    if (!path) return bnt_fail(err, BANTAM_ERR_INVALID, "model: no path given");
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

static bantam_text text_of(const char *s)
{
    const bantam_text t = {s, strlen(s)};
    return t;
}

void bantam_model_describe(const bantam_model *model, bantam_model_info *out)
{
    const bnt_model *const w = model->weights;
    const bnt_config *const c = &w->config;

    *out = (bantam_model_info){
        .name = c->name.size ? c->name : bnt_path_name(bnt_archive_path(model->archive)),
        .family = text_of(bnt_config_family(c)),
        .architecture = c->architecture,
        .type = text_of(bnt_model_type(w)->name),
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
        .rope = text_of(bnt_config_rope_name(c)),
        .activation = text_of(c->act == BNT_ACT_RELU ? "relu" : "silu"),
        .window_tokens = c->window_tokens,
    };
}

const bantam_tokenizer *bantam_model_tokenizer(const bantam_model *model)
{
    return model->tokenizer.tokens ? &model->tokenizer : NULL;
}

void bantam_device_describe(bantam_device_info *out)
{
    static const struct {
        unsigned flag;
        const char *name;
    } sets[] = {
        {BNT_CPU_AVX2, "avx2"},     {BNT_CPU_AVXVNNI, "avxvnni"},
        {BNT_CPU_AVX512, "avx512"}, {BNT_CPU_AVX512VNNI, "avx512vnni"},
        {BNT_CPU_NEON, "neon"},     {BNT_CPU_DOTPROD, "dotprod"},
        {BNT_CPU_I8MM, "i8mm"},     {BNT_CPU_FP16, "fp16"},
    };
    const unsigned flags = bnt_cpu_flags();
    bnt_kernels kernels;
    size_t used = 0;

    *out = (bantam_device_info){.n_cores = bnt_cpu_cores()};
    bnt_kernels_init(&kernels, flags);
    snprintf(out->cpu, sizeof out->cpu, "%s", kernels.name);
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        if (!(flags & sets[i].flag)) continue;
        used += (size_t)snprintf(out->features + used, sizeof out->features - used, "%s%s",
                                 used ? " " : "", sets[i].name);
    }
    bnt_cpu_memory(&out->memory_bytes, &out->available_bytes);
}
