/* convert.c - any readable model to one GGUF file.
 *
 * A Hugging Face model is taken through its weights, so that only what the pass computes with
 * is written, under GGUF's names, with the rows of q and k brought into the order that pairs
 * neighbors. A GGUF file is copied tensor by tensor, whatever it holds. Rows are decoded and
 * encoded one at a time: memory does not grow with the model.
 */
#include "compress/convert.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/options.h"
#include "compress/convert_parts.h"
#include "model/rope.h"
#include "token/load.h"

/* One tensor to be written: where its rows come from and in which order. */
typedef struct job {
    char name[BNT_MAX_TENSOR_NAME + 1];
    const bnt_type *from, *to;
    const uint8_t *data;
    uint32_t n_dims;
    uint64_t dims[BNT_MAX_DIMS]; /* dims[0] contiguous */
    /* The first rope_dims rows of each head go from halves to neighbors; head_dim 0: none. */
    uint32_t head_dim, rope_dims;
} job;

typedef struct converter {
    bnt_gguf_writer *w;
    bantam_convert_options options;
    const bnt_type *type; /* NULL: as the source has it */
    job *jobs;            /* owns */
    size_t n_jobs, max_jobs;
    float *row;            /* owns */
    void *encoded;         /* owns */
    uint64_t written;      /* of all tensors so far */
    const float *divisors; /* of the one tensor the converter makes itself */
} converter;

/* The type a tensor gets: vectors stay F32, rows that are no whole number of blocks become F16,
 * and Q4_0 keeps embedding and head at eight bits, where four cost most. */
static const bnt_type *type_for(const converter *c, const job *j)
{
    const bnt_type *want = c->type ? c->type : j->from;

    if (!c->type) return want;
    if (j->n_dims < 2) return bnt_type_find(BNT_TYPE_F32);
    if (want->id == BNT_TYPE_Q4_0 &&
        (!strcmp(j->name, "token_embd.weight") || !strcmp(j->name, "output.weight"))) {
        want = bnt_type_find(BNT_TYPE_Q8_0);
    }
    return j->dims[0] % want->block_values ? bnt_type_find(BNT_TYPE_F16) : want;
}

static bantam_status add_job(converter *c, job j, bantam_error *err)
{
    if (c->n_jobs == c->max_jobs) {
        const size_t grown = c->max_jobs ? 2 * c->max_jobs : 64;
        job *const jobs = bnt_realloc(c->jobs, grown, sizeof *jobs);
        if (!jobs)
            return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %zu tensors", grown);
        c->jobs = jobs;
        c->max_jobs = grown;
    }
    j.to = type_for(c, &j);
    c->jobs[c->n_jobs++] = j;
    return BANTAM_OK;
}

/* turned: whose heads the rows belong to; NULL where rows stay as they are. */
static bantam_status add_matrix(converter *c, const char *name, const bnt_matrix *m,
                                const bnt_config *turned, bantam_error *err)
{
    job j = {.from = m->type, .data = m->data, .n_dims = 2};
    if (turned) {
        j.head_dim = turned->head_dim;
        j.rope_dims = turned->rope_dims;
    }
    j.dims[0] = m->columns;
    j.dims[1] = m->rows;
    snprintf(j.name, sizeof j.name, "%s", name);
    return add_job(c, j, err);
}

/* Vectors lie in the model as floats, whatever the file had; every reader wants them so. */
static bantam_status add_vector(converter *c, const char *name, const float *values, uint32_t n,
                                bantam_error *err)
{
    job j = {.from = bnt_type_find(BNT_TYPE_F32), .n_dims = 1};
    j.data = (const uint8_t *)values;
    j.dims[0] = n;
    snprintf(j.name, sizeof j.name, "%s", name);
    return add_job(c, j, err);
}

static bantam_status add_layer(converter *c, const bnt_model *model, uint32_t layer,
                               bantam_error *err)
{
    const bnt_layer *const l = &model->layers[layer];
    const bnt_config *const config = &model->config;
    const bnt_config *const turned = config->pairing == BNT_PAIR_HALVES ? config : NULL;
    const struct {
        const char *name;
        const bnt_matrix *matrix;
        const float *vector;
        const bnt_config *turned;
    } parts[] = {
        {"attn_norm", NULL, l->attn_norm, NULL}, {"attn_q", &l->q, NULL, turned},
        {"attn_k", &l->k, NULL, turned},         {"attn_v", &l->v, NULL, NULL},
        {"attn_output", &l->o, NULL, NULL},      {"ffn_norm", NULL, l->ffn_norm, NULL},
        {"ffn_gate", &l->gate, NULL, NULL},      {"ffn_up", &l->up, NULL, NULL},
        {"ffn_down", &l->down, NULL, NULL},
    };
    bantam_status status = BANTAM_OK;

    for (size_t i = 0; !status && i < sizeof parts / sizeof parts[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "blk.%u.%s.weight", layer, parts[i].name);
        status = parts[i].matrix ? add_matrix(c, name, parts[i].matrix, parts[i].turned, err)
                                 : add_vector(c, name, parts[i].vector, config->n_embd, err);
    }
    return status;
}

static bantam_status add_model(converter *c, const bnt_model *model, bantam_error *err)
{
    const bnt_config *const config = &model->config;
    bantam_status status = add_matrix(c, "token_embd.weight", &model->embed, NULL, err);

    for (uint32_t layer = 0; !status && layer < config->n_layers; layer++) {
        status = add_layer(c, model, layer, err);
    }
    if (!status) {
        status = add_vector(c, "output_norm.weight", model->output_norm, config->n_embd, err);
    }
    if (!status && !config->tied) {
        status = add_matrix(c, "output.weight", &model->head, NULL, err);
    }
    if (!status && c->divisors) {
        status = add_vector(c, "rope_freqs.weight", c->divisors, config->rope_dims / 2, err);
    }
    return status;
}

static bantam_status add_archive(converter *c, const bnt_archive *archive, bantam_error *err)
{
    bantam_status status = BANTAM_OK;

    for (size_t i = 0; !status && i < bnt_archive_n_tensors(archive); i++) {
        const bnt_tensor *const t = bnt_archive_tensor_at(archive, i);
        if (!t->type) {
            return bnt_fail(err, BANTAM_ERR_UNSUPPORTED, "tensor %.*s: cannot write %.*s",
                            BNT_TEXT_ARG(t->name), BNT_TEXT_ARG(t->type_name));
        }
        job j = {.from = t->type, .data = t->data, .n_dims = t->n_dims};
        memcpy(j.dims, t->dims, sizeof j.dims);
        snprintf(j.name, sizeof j.name, "%.*s", (int)t->name.size, t->name.data);
        status = add_job(c, j, err);
    }
    return status;
}

static uint64_t rows_of(const job *j)
{
    uint64_t rows = 1;
    for (uint32_t i = 1; i < j->n_dims; i++) {
        rows *= j->dims[i];
    }
    return rows;
}

/* Row r of the file comes from this row of the source: inside a head of which n rows are
 * turned, 2 i + j comes from j n / 2 + i. */
static uint64_t source_row(const job *j, uint64_t r)
{
    if (!j->head_dim) return r;
    const uint64_t in_head = r % j->head_dim;
    if (in_head >= j->rope_dims) return r;
    return r - in_head + in_head % 2 * (j->rope_dims / 2) + in_head / 2;
}

static bantam_status write_tensor(converter *c, const job *j, uint64_t total, bantam_error *err)
{
    const size_t n = (size_t)j->dims[0];
    uint64_t from_bytes = 0, to_bytes = 0;

    /* Both were computed for the whole tensor when it was opened and declared. */
    bnt_type_bytes(j->from, 1, n, &from_bytes);
    bnt_type_bytes(j->to, 1, n, &to_bytes);
    for (uint64_t r = 0; r < rows_of(j) && !bnt_gguf_writer_failed(c->w); r++) {
        const uint8_t *const row = j->data + source_row(j, r) * from_bytes;
        if (j->from == j->to) {
            bnt_gguf_put_data(c->w, row, (size_t)from_bytes);
        } else {
            j->from->decode(row, c->row, n);
            j->to->encode(c->row, c->encoded, n);
            bnt_gguf_put_data(c->w, c->encoded, (size_t)to_bytes);
        }
        c->written += to_bytes;
        if (r % 1024 == 0 && c->options.progress &&
            !c->options.progress(c->options.user, c->written, total)) {
            return bnt_fail(err, BANTAM_ERR_CANCELLED, "stopped");
        }
    }
    return BANTAM_OK;
}

/* The widest row decides the scratch. */
static bantam_status take_rows(converter *c, bantam_error *err)
{
    uint64_t widest = 1;
    for (size_t i = 0; i < c->n_jobs; i++) {
        if (c->jobs[i].dims[0] > widest) widest = c->jobs[i].dims[0];
    }
    c->row = bnt_calloc((size_t)widest, sizeof *c->row);
    c->encoded = bnt_calloc((size_t)widest, sizeof *c->row);
    if (c->row && c->encoded) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for rows of %llu values",
                    (unsigned long long)widest);
}

static bantam_status write_tensors(converter *c, bantam_error *err)
{
    bantam_status status = take_rows(c, err);

    for (size_t i = 0; i < c->n_jobs; i++) {
        const job *const j = &c->jobs[i];
        const bantam_text name = {j->name, strlen(j->name)};
        if (j->from != j->to && !j->to->encode) {
            return bnt_fail(err, BANTAM_ERR_UNSUPPORTED, "tensor %s: cannot write %s", j->name,
                            j->to->name);
        }
        bnt_gguf_declare(c->w, name, j->to, j->n_dims, j->dims);
    }
    const uint64_t total = bnt_gguf_writer_total(c->w);
    for (size_t i = 0; !status && i < c->n_jobs; i++) {
        status = write_tensor(c, &c->jobs[i], total, err);
    }
    if (!status && c->options.progress) c->options.progress(c->options.user, total, total);
    return status;
}

static bool is_key(bantam_text key, const char *name)
{
    return key.size == strlen(name) && memcmp(key.data, name, key.size) == 0;
}

/* A GGUF source: its metadata as it is, but for what describes the container. */
static bantam_status from_gguf(converter *c, const bnt_archive *archive, bantam_error *err)
{
    const bnt_gguf *const gguf = bnt_archive_gguf(archive);

    for (size_t i = 0; i < bnt_gguf_n_pairs(gguf); i++) {
        const bnt_gguf_pair *const pair = bnt_gguf_pair_at(gguf, i);
        const bool container = is_key(pair->key, "general.alignment") ||
                               (c->type && is_key(pair->key, "general.file_type")) ||
                               (pair->key.size > 6 && !memcmp(pair->key.data, "split.", 6));
        if (!container) bnt_gguf_put_pair(c->w, pair);
    }
    if (c->type) {
        bnt_gguf_put_u32(c->w, "general.file_type", bnt_convert_file_type(c->type));
    }
    const bantam_status status = add_archive(c, archive, err);
    return status ? status : write_tensors(c, err);
}

static bantam_status from_folder(converter *c, const bnt_archive *archive, bantam_error *err)
{
    bnt_model *model = NULL;
    float *divisors = NULL;
    bnt_spec spec;

    bnt_spec_init(&spec);
    bantam_status status = bnt_model_open(&model, archive, BANTAM_ROPE_DEFAULT, err);
    if (status) goto done;
    const char *const folder = bnt_archive_folder(archive);
    if (folder) {
        status = bnt_spec_load(&spec, folder, err);
        if (status) goto done;
    }
    const bnt_config *const config = &model->config;
    bnt_convert_config(c->w, config, c->type ? c->type : bnt_model_type(model),
                       config->name.size ? config->name
                                         : bnt_path_name(bnt_archive_path(archive)));
    if (spec.n_tokens) status = bnt_convert_words(c->w, &spec, config->n_vocab, err);
    if (status) goto done;

    if (config->scaling == BNT_ROPE_LLAMA3) {
        divisors = bnt_calloc(config->rope_dims / 2, sizeof *divisors);
        if (!divisors) {
            status = bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for rope divisors");
            goto done;
        }
        for (uint32_t i = 0; i < config->rope_dims / 2; i++) {
            const double plain = pow(config->rope_base, -2.0 * i / config->rope_dims);
            divisors[i] = (float)(plain / model->inv_freq[i]);
        }
        c->divisors = divisors;
    }
    status = add_model(c, model, err);
    if (!status) status = write_tensors(c, err);

done:
    bnt_free(divisors);
    bnt_spec_deinit(&spec);
    bnt_model_close(model);
    return status;
}

static bantam_status read_options(converter *c, const bantam_convert_options *options,
                                  bantam_error *err)
{
    const bantam_status status =
        bnt_options_copy(&c->options, sizeof c->options, options, "convert options", err);
    if (status || !c->options.type) return status;
    c->type = bnt_type_named(c->options.type);
    if (c->type && c->type->encode) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_INVALID,
                    "type %s: expected one of F32, F16, BF16, Q8_0, Q4_0", c->options.type);
}

bantam_status bnt_convert(const char *in, const char *out,
                          const bantam_convert_options *options, bantam_error *err)
{
    converter c = {0};
    bnt_archive *archive = NULL;

    bantam_status status = read_options(&c, options, err);
    if (status) return status;
    /* The new file takes the place of the old one, which nobody can have meant here. */
    if (bnt_file_is_same(in, out)) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "%s: input and output are the same file", out);
    }
    status = bnt_archive_open(&archive, in, err);
    if (status) goto done;
    status = bnt_gguf_writer_open(&c.w, out, err);
    if (status) goto done;

    status =
        bnt_archive_gguf(archive) ? from_gguf(&c, archive, err) : from_folder(&c, archive, err);
    if (!status) status = bnt_archive_check(archive, err);
    if (!status) {
        status = bnt_gguf_writer_commit(c.w, err);
        c.w = NULL;
    }

done:
    bnt_gguf_writer_abort(c.w);
    bnt_archive_close(archive);
    bnt_free(c.jobs);
    bnt_free(c.row);
    bnt_free(c.encoded);
    return status;
}
