/* source.c - the tensors of any readable model, listed under the names and in the row order of
 * GGUF; see source.h. Metadata are convert_config.c's and convert_words.c's.
 */
#include "compress/source.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "compress/convert_parts.h"
#include "format/grow.h"
#include "model/rope.h"
#include "quant/tile.h"
#include "token/load.h"

/* ---- the list ---------------------------------------------------------------------------- */

bantam_status bnt_source_add(bnt_source *s, const bnt_source_tensor *t, bantam_error *err)
{
    bnt_source_tensor *const grown = (bnt_source_tensor *)bnt_grow(
        s->tensors, &s->capacity, s->n_tensors, sizeof *s->tensors);
    if (!grown) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %zu tensors",
                        s->n_tensors + 1);
    }
    s->tensors = grown;
    s->tensors[s->n_tensors++] = *t;
    return BANTAM_OK;
}

/* turned: whose heads the rows belong to; NULL where rows stay as they are. */
static bantam_status add_matrix(bnt_source *s, const char *name, const bnt_matrix *m,
                                const bnt_config *turned, bantam_error *err)
{
    bnt_source_tensor t = {.type = m->type, .data = m->data, .n_dims = 2};
    if (turned) {
        t.head_dim = turned->head_dim;
        t.rope_dims = turned->rope_dims;
    }
    t.dims[0] = m->columns;
    t.dims[1] = m->rows;
    snprintf(t.name, sizeof t.name, "%s", name);
    return bnt_source_add(s, &t, err);
}

/* Vectors lie in the model as floats, whatever the file had; every reader wants them so. */
static bantam_status add_vector(bnt_source *s, const char *name, const float *values,
                                uint32_t n, bantam_error *err)
{
    bnt_source_tensor t = {.type = bnt_type_find(BNT_TYPE_F32), .n_dims = 1};
    t.data = (const uint8_t *)values;
    t.dims[0] = n;
    snprintf(t.name, sizeof t.name, "%s", name);
    return bnt_source_add(s, &t, err);
}

static bantam_status add_layer(bnt_source *s, uint32_t layer, bantam_error *err)
{
    const bnt_layer *const l = &s->model->layers[layer];
    const bnt_config *const config = &s->model->config;
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
        status = parts[i].matrix ? add_matrix(s, name, parts[i].matrix, parts[i].turned, err)
                                 : add_vector(s, name, parts[i].vector, config->n_embd, err);
    }
    return status;
}

static bantam_status add_model(bnt_source *s, bantam_error *err)
{
    const bnt_model *const model = s->model;
    const bnt_config *const config = &model->config;
    bantam_status status = add_matrix(s, "token_embd.weight", &model->embed, NULL, err);

    for (uint32_t layer = 0; !status && layer < config->n_layers; layer++) {
        status = add_layer(s, layer, err);
    }
    if (!status) {
        status = add_vector(s, "output_norm.weight", model->output_norm, config->n_embd, err);
    }
    if (!status && !config->tied) {
        status = add_matrix(s, "output.weight", &model->head, NULL, err);
    }
    if (!status && s->divisors) {
        status = add_vector(s, "rope_freqs.weight", s->divisors, config->rope_dims / 2, err);
    }
    return status;
}

static bantam_status add_archive(bnt_source *s, bantam_error *err)
{
    bantam_status status = BANTAM_OK;

    for (size_t i = 0; !status && i < bnt_archive_n_tensors(s->archive); i++) {
        const bnt_tensor *const found = bnt_archive_tensor_at(s->archive, i);
        if (!found->type || bnt_tile_is_private(found->type)) {
            return bnt_fail(err, BANTAM_ERR_UNSUPPORTED, "tensor %.*s: cannot write %.*s",
                            BNT_TEXT_ARG(found->name), BNT_TEXT_ARG(found->type_name));
        }
        bnt_source_tensor t = {
            .type = found->type, .data = found->data, .n_dims = found->n_dims};
        memcpy(t.dims, found->dims, sizeof t.dims);
        snprintf(t.name, sizeof t.name, "%.*s", (int)found->name.size, found->name.data);
        status = bnt_source_add(s, &t, err);
    }
    return status;
}

/* ---- open and close ---------------------------------------------------------------------- */

static bantam_status compute_divisors(bnt_source *s, bantam_error *err)
{
    const bnt_config *const config = &s->model->config;

    if (config->scaling != BNT_ROPE_LLAMA3) return BANTAM_OK;
    s->divisors = bnt_calloc(config->rope_dims / 2, sizeof *s->divisors);
    if (!s->divisors) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for rope divisors");
    }
    for (uint32_t i = 0; i < config->rope_dims / 2; i++) {
        const double plain = pow(config->rope_base, -2.0 * i / config->rope_dims);
        s->divisors[i] = (float)(plain / s->model->inv_freq[i]);
    }
    return BANTAM_OK;
}

static bantam_status take_folder(bnt_source *s, bantam_error *err)
{
    bantam_status status = bnt_model_open(&s->model, s->archive, BANTAM_ROPE_DEFAULT, err);
    if (status) return status;
    const char *const folder = bnt_archive_folder(s->archive);
    if (folder) status = bnt_spec_load(&s->spec, folder, err);
    if (!status) status = compute_divisors(s, err);
    return status ? status : add_model(s, err);
}

bantam_status bnt_source_open(bnt_source *s, const char *in, const char *out, bantam_error *err)
{
    *s = (bnt_source){0};
    /* The new file takes the place of the old one, which nobody can have meant here. */
    if (bnt_file_is_same(in, out)) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "%s: input and output are the same file", out);
    }
    bnt_spec_init(&s->spec);
    bantam_status status = bnt_archive_open(&s->archive, in, err);
    if (!status) {
        status = bnt_archive_gguf(s->archive) ? add_archive(s, err) : take_folder(s, err);
    }
    if (status) bnt_source_close(s);
    return status;
}

void bnt_source_close(bnt_source *s)
{
    if (s->maker) s->maker->close(s->maker);
    bnt_free(s->tensors);
    bnt_free(s->divisors);
    bnt_spec_deinit(&s->spec);
    bnt_model_close(s->model);
    bnt_archive_close(s->archive);
    *s = (bnt_source){0};
}

/* ---- metadata ---------------------------------------------------------------------------- */

bool bnt_source_keeps(const bnt_gguf_pair *pair, const bnt_type *type)
{
    const bool typed = bnt_text_is(pair->key, "general.file_type") ||
                       bnt_text_is(pair->key, "bantam.file_type");
    return !bnt_text_is(pair->key, "general.alignment") && !(type && typed) &&
           !bnt_text_starts_with(pair->key, "split.");
}

static bantam_status put_pairs(const bnt_source *s, const bnt_type *type, bnt_gguf_writer *w,
                               bantam_error *err)
{
    if (s->model) {
        const bnt_config *const config = &s->model->config;
        const bantam_text path_name = bnt_path_name(bnt_archive_path(s->archive));
        bnt_convert_config(w, config, type ? type : bnt_model_type(s->model),
                           config->name.size ? config->name : path_name);
        return s->spec.n_tokens ? bnt_convert_words(w, &s->spec, config->n_vocab, err)
                                : BANTAM_OK;
    }
    /* A GGUF source: its metadata as it is, but for what describes the container. */
    const bnt_gguf *const gguf = bnt_archive_gguf(s->archive);
    for (size_t i = 0; i < bnt_gguf_n_pairs(gguf); i++) {
        const bnt_gguf_pair *const pair = bnt_gguf_pair_at(gguf, i);
        if (bnt_source_keeps(pair, type)) bnt_gguf_put_pair(w, pair);
    }
    if (type) bnt_convert_file_type(w, type);
    return BANTAM_OK;
}

bantam_status bnt_source_put_pairs(const bnt_source *s, const bnt_type *type,
                                   bnt_gguf_writer *w, bantam_error *err)
{
    const bantam_status status = put_pairs(s, type, w, err);
    if (!status && s->maker) s->maker->put_pairs(s->maker, w);
    return status;
}

/* ---- rows -------------------------------------------------------------------------------- */

uint64_t bnt_source_rows(const bnt_source_tensor *t)
{
    uint64_t rows = 1;
    for (uint32_t i = 1; i < t->n_dims; i++) {
        rows *= t->dims[i];
    }
    return rows;
}

void bnt_source_release(const bnt_source *s, const bnt_source_tensor *t)
{
    uint64_t bytes = 0;
    if (!bnt_type_bytes(t->type, bnt_source_rows(t), t->dims[0], &bytes)) return;
    bnt_archive_release(s->archive, t->data, bytes);
}

/* Inside a head of which n rows are turned, 2 i + j comes from j n / 2 + i. */
uint64_t bnt_source_row(const bnt_source_tensor *t, uint64_t r)
{
    if (!t->head_dim) return r;
    const uint64_t in_head = r % t->head_dim;
    if (in_head >= t->rope_dims) return r;
    return r - in_head + in_head % 2 * (t->rope_dims / 2) + in_head / 2;
}

bantam_status bnt_source_begin(const bnt_source_tensor *t, bantam_error *err)
{
    return t->maker ? t->maker->begin(t->maker, t, err) : BANTAM_OK;
}

/* Row r of the file as the source has it. */
void bnt_source_read(const bnt_source_tensor *t, uint64_t r, float *out)
{
    bnt_type_decode_row(t->type, t->data, (size_t)t->dims[0], (size_t)bnt_source_row(t, r),
                        out);
}

void bnt_source_decode(const bnt_source_tensor *t, uint64_t r, float *out)
{
    if (t->maker) {
        t->maker->make(t->maker, t, r, out);
        return;
    }
    bnt_source_read(t, r, out);
}

/* Row r of B A, rank by rank, as the pass adds what it computes of them. */
void bnt_source_correct(const bnt_source *s, const bnt_source_tensor *t, uint64_t r, float *row)
{
    enum { MOST = BNT_CHUNK_POSITIONS };
    const size_t columns = (size_t)t->dims[0], own = (size_t)bnt_source_row(t, r);
    float factors[MOST];

    for (uint32_t u = 0; u < s->n_adapters; u++) {
        const bnt_adapter *const adapter = s->adapters[u].adapter;
        const bnt_lora *const lora = &adapter->layers[t->layer][t->place];
        const bnt_kernels *const kernels = &adapter->model->kernels;
        for (uint32_t first = 0; first < lora->rank; first += MOST) {
            const uint32_t left = lora->rank - first, n = left < MOST ? left : MOST;
            const float strength = bnt_adapter_strength(&s->adapters[u], lora->rank);
            for (uint32_t k = 0; k < n; k++) {
                factors[k] = strength * lora->b[own * lora->rank + first + k];
            }
            kernels->mix[BNT_KV_FORM_F32]((const uint8_t *)(lora->a + first * columns),
                                          columns * sizeof(float), 0, n, factors, 1,
                                          (uint32_t)columns, row, columns);
        }
    }
}
