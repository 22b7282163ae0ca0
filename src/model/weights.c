/* weights.c - the tensors of a model, found by name and held against its config. The layouts of
 * names are arch.c's data; what is computed with the tensors is forward.c's.
 *
 * Matrices stay where they lie in the file. Norms are copied: they are few, may have another
 * type, and nothing aligns them in a safetensors file.
 */
#include "model/weights.h"

#include "base/checked.h"
#include "base/mem.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct finder {
    bnt_model *model;
    const bnt_names *names;
    bantam_error *err;
} finder;

typedef struct tensor_name {
    char text[BNT_MAX_TENSOR_NAME];
} tensor_name;

static tensor_name layer_name(const finder *f, uint32_t layer, const char *suffix)
{
    tensor_name n;
    snprintf(n.text, sizeof n.text, "%s%" PRIu32 ".%s", f->names->layer, layer, suffix);
    return n;
}

static bantam_status find(const finder *f, const char *name, const bnt_tensor **out)
{
    *out = bnt_archive_find(f->model->archive, name);
    if (!*out) {
        return bnt_fail(f->err, BANTAM_ERR_FORMAT, "tensor %s is missing", name);
    }
    if (!(*out)->type) {
        return bnt_fail(f->err, BANTAM_ERR_UNSUPPORTED, "tensor %s: type %.*s is not supported",
                        name, BNT_TEXT_ARG((*out)->type_name));
    }
    return BANTAM_OK;
}

/* rows is 1 for a vector, which has one dimension. Dimensions past the second must be 1. */
static bantam_status check_shape(const finder *f, const char *name, const bnt_tensor *t,
                                 uint32_t rows, uint32_t columns)
{
    const uint64_t found_rows = t->n_dims > 1 ? t->dims[1] : 1;
    bool flat = true;
    for (uint32_t d = 2; d < t->n_dims && d < BNT_MAX_DIMS; d++) {
        flat = flat && t->dims[d] == 1;
    }

    uint64_t bytes = 0;
    if (flat && t->dims[0] == columns && found_rows == rows &&
        bnt_type_bytes(t->type, rows, columns, &bytes) && bytes == t->bytes) {
        return BANTAM_OK;
    }
    return bnt_fail(f->err, BANTAM_ERR_FORMAT,
                    "tensor %s: expected shape (%" PRIu32 ", %" PRIu32 "), found (%" PRIu64
                    ", %" PRIu64 ")%s",
                    name, rows, columns, found_rows, t->dims[0],
                    flat ? "" : " and further dimensions");
}

/* A bias would have to be added; a model that has one is another model than this config. */
static bantam_status refuse_bias(const finder *f, const char *name)
{
    static const char weight[] = "weight";
    tensor_name bias;
    const size_t stem = strlen(name) - strlen(weight);
    snprintf(bias.text, sizeof bias.text, "%.*sbias", (int)stem, name);
    if (!bnt_archive_find(f->model->archive, bias.text)) return BANTAM_OK;
    return bnt_fail(f->err, BANTAM_ERR_UNSUPPORTED, "tensor %s: biases are not supported",
                    bias.text);
}

/* Kernels read interleaved rows in place, a cache line at a time. */
static bantam_status check_interleaved(const finder *f, const char *name, const bnt_tensor *t)
{
    if (!t->type->tile) return BANTAM_OK;
    if (bnt_tile_is_private(t->type)) {
        return bnt_fail(f->err, BANTAM_ERR_UNSUPPORTED,
                        "tensor %s: type %s belongs in a cache, not in a model's file", name,
                        t->type->name);
    }
    if ((uintptr_t)t->data % BNT_TILE_LINE) {
        return bnt_fail(f->err, BANTAM_ERR_FORMAT,
                        "tensor %s: expected type %s at a multiple of %d bytes, found it %zu "
                        "bytes behind one",
                        name, t->type->name, (int)BNT_TILE_LINE,
                        (size_t)((uintptr_t)t->data % BNT_TILE_LINE));
    }
    return BANTAM_OK;
}

static bantam_status find_matrix(const finder *f, const char *name, uint32_t rows,
                                 uint32_t columns, bnt_matrix *out)
{
    const bnt_tensor *t = NULL;
    bantam_status status = find(f, name, &t);
    if (!status) status = check_shape(f, name, t, rows, columns);
    if (!status) status = check_interleaved(f, name, t);
    if (!status) status = refuse_bias(f, name);
    if (status) return status;

    out->type = t->type;
    out->data = t->data;
    out->rows = rows;
    out->columns = columns;
    out->row_bytes = (size_t)(t->bytes / bnt_matrix_strips(t->type, rows));
    f->model->n_params += (uint64_t)rows * columns;
    f->model->weight_bytes += t->bytes;
    return BANTAM_OK;
}

static bantam_status check_vector(const finder *f, const char *name, uint32_t n)
{
    const bnt_tensor *t = NULL;
    bantam_status status = find(f, name, &t);
    if (!status) status = check_shape(f, name, t, 1, n);
    if (!status && t->type->block_values != 1) {
        status = bnt_fail(f->err, BANTAM_ERR_UNSUPPORTED,
                          "tensor %s: expected type F32, F16 or BF16, found %s", name,
                          t->type->name);
    }
    return status;
}

static bantam_status check_norm(const finder *f, const char *name)
{
    const uint32_t n_embd = f->model->config.n_embd;
    bantam_status status = check_vector(f, name, n_embd);
    if (!status) status = refuse_bias(f, name);
    if (status) return status;

    f->model->n_params += n_embd;
    f->model->weight_bytes += bnt_archive_find(f->model->archive, name)->bytes;
    return BANTAM_OK;
}

/* A vector that check_vector() has passed. */
static void decode(const finder *f, const char *name, float *out, uint32_t n)
{
    const bnt_tensor *const t = bnt_archive_find(f->model->archive, name);
    t->type->decode(t->data, out, n);
}

bnt_weight_shape bnt_weights_shape(const bnt_config *c, bnt_place place)
{
    const uint32_t heads = c->n_heads * c->head_dim;
    const uint32_t kv = c->n_kv_heads * c->head_dim;
    const bnt_weight_shape all[BNT_PLACES] = {
        [BNT_PLACE_Q] = {heads, c->n_embd},       [BNT_PLACE_K] = {kv, c->n_embd},
        [BNT_PLACE_V] = {kv, c->n_embd},          [BNT_PLACE_O] = {c->n_embd, heads},
        [BNT_PLACE_GATE] = {c->n_ffn, c->n_embd}, [BNT_PLACE_UP] = {c->n_ffn, c->n_embd},
        [BNT_PLACE_DOWN] = {c->n_embd, c->n_ffn},
    };
    return all[place];
}

static bantam_status find_layer(const finder *f, uint32_t index)
{
    const bnt_config *const c = &f->model->config;
    const bnt_names *const n = f->names;
    const bnt_layer *const layer = &f->model->layers[index];
    for (size_t i = 0; i < BNT_PLACES; i++) {
        const bnt_weight_shape shape = bnt_weights_shape(c, (bnt_place)i);
        bnt_matrix *const w = (bnt_matrix *)bnt_layer_matrix(layer, (bnt_place)i);
        const bantam_status status = find_matrix(f, layer_name(f, index, n->matrices[i]).text,
                                                 shape.rows, shape.columns, w);
        if (status) return status;
    }
    const bantam_status status = check_norm(f, layer_name(f, index, n->attn_norm).text);
    if (status) return status;
    return check_norm(f, layer_name(f, index, n->ffn_norm).text);
}

/* Reads the number of a layer and the dot behind it; where none stands there, or one that files
 * would not spell so, false. */
static bool take_layer(bantam_text *rest, uint32_t *layer)
{
    size_t n = 0;
    for (*layer = 0; n < rest->size && n < 6; n++) {
        const char digit = rest->data[n];
        if (digit < '0' || digit > '9') break;
        *layer = 10 * *layer + (uint32_t)(digit - '0');
    }
    if (n == 0 || n == rest->size || rest->data[n] != '.') return false;
    if (n > 1 && rest->data[0] == '0') return false;
    rest->data += n + 1;
    rest->size -= n + 1;
    return true;
}

static bool is_layer_part(const bnt_names *n, bantam_text suffix)
{
    for (size_t i = 0; i < BNT_PLACES; i++) {
        if (bnt_text_is(suffix, n->matrices[i])) return true;
    }
    if (bnt_text_is(suffix, n->attn_norm) || bnt_text_is(suffix, n->ffn_norm)) return true;
    /* A table that files of Hugging Face used to carry; rope.c computes it. */
    return bnt_text_is(suffix, "self_attn.rotary_emb.inv_freq");
}

/* Tensors outside the layers: those of an image tower may lie in the same file, and the one
 * that keeps runtimes which do not rotate away from a model that needs it. In a folder nothing
 * says what else belongs to a model, as its authors' own code ignores it too. */
static bool is_known_outside(const finder *f, bantam_text name)
{
    const bnt_names *const n = f->names;
    if (!bnt_archive_gguf(f->model->archive)) return true;
    return bnt_text_is(name, n->embed) || bnt_text_is(name, n->output_norm) ||
           bnt_text_is(name, n->head) || bnt_text_is(name, n->divisors) ||
           bnt_text_starts_with(name, "v.") || bnt_text_starts_with(name, "mm.") ||
           (f->model->config.down_hadamard && bnt_text_is(name, "bantam_rotate_down"));
}

/* A tensor that the pass has no place for means another model than the config says: computed
 * without it the text would be wrong and nothing would show it. */
static bantam_status refuse_strangers(const finder *f)
{
    const uint32_t n_layers = f->model->config.n_layers;
    for (size_t i = 0; i < bnt_archive_n_tensors(f->model->archive); i++) {
        const bantam_text name = bnt_archive_tensor_at(f->model->archive, i)->name;
        bantam_text rest = name;
        uint32_t layer = 0;
        bool known = false;
        if (!bnt_text_starts_with(name, f->names->layer)) {
            known = is_known_outside(f, name);
        } else {
            rest.data += strlen(f->names->layer);
            rest.size -= strlen(f->names->layer);
            known = take_layer(&rest, &layer) && is_layer_part(f->names, rest);
        }
        if (!known) {
            return bnt_fail(f->err, BANTAM_ERR_UNSUPPORTED,
                            "tensor %.*s is not part of any model that is supported",
                            BNT_TEXT_ARG(name));
        }
        if (layer >= n_layers) {
            return bnt_fail(f->err, BANTAM_ERR_FORMAT,
                            "tensor %.*s: the model is said to have %" PRIu32 " layers",
                            BNT_TEXT_ARG(name), n_layers);
        }
    }
    return BANTAM_OK;
}

static bantam_status copy_norms(const finder *f)
{
    bnt_model *const m = f->model;
    const uint32_t n_embd = m->config.n_embd;
    const uint32_t n_layers = m->config.n_layers;
    size_t n = 0;
    if (!bnt_mul_size(2 * (size_t)n_layers + 1, n_embd, &n)) n = SIZE_MAX;
    m->floats = bnt_calloc(n, sizeof *m->floats);
    if (!m->floats) {
        return bnt_fail(f->err, BANTAM_ERR_NOMEM, "out of memory for %zu norm weights", n);
    }
    float *at = m->floats;
    for (uint32_t l = 0; l < n_layers; l++) {
        decode(f, layer_name(f, l, f->names->attn_norm).text, at, n_embd);
        m->layers[l].attn_norm = at;
        at += n_embd;
        decode(f, layer_name(f, l, f->names->ffn_norm).text, at, n_embd);
        m->layers[l].ffn_norm = at;
        at += n_embd;
    }
    decode(f, f->names->output_norm, at, n_embd);
    m->output_norm = at;
    return BANTAM_OK;
}

bantam_status bnt_weights_find(bnt_model *model, bantam_error *err)
{
    const bnt_config *const c = &model->config;
    const finder f = {model, bnt_names_of(model->archive), err};

    model->layers = bnt_calloc(c->n_layers, sizeof *model->layers);
    if (!model->layers) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %" PRIu32 " layers",
                        c->n_layers);
    }
    bantam_status status =
        find_matrix(&f, f.names->embed, c->n_vocab, c->n_embd, &model->embed);
    for (uint32_t l = 0; l < c->n_layers && !status; l++) {
        status = find_layer(&f, l);
    }
    if (!status) status = check_norm(&f, f.names->output_norm);
    if (!status && c->tied) model->head = model->embed;
    if (!status && !c->tied) {
        status = find_matrix(&f, f.names->head, c->n_vocab, c->n_embd, &model->head);
    }
    if (!status) status = refuse_strangers(&f);
    if (status) return status;
    bnt_weights_survey(model);
    return copy_norms(&f);
}

static void note_form(void *user, const bnt_matrix *w)
{
    unsigned *const forms = user;
    switch (w->type->id) {
    case BNT_TYPE_F32:
    case BNT_TYPE_F16:
    case BNT_TYPE_BF16:
        *forms |= BNT_FORM_FLOATS;
        return;
    default:
        *forms |= w->type->tile ? BNT_FORM_TILES : BNT_FORM_FLOATS | BNT_FORM_DECODED;
        return;
    }
}

void bnt_weights_survey(bnt_model *model)
{
    model->forms = 0;
    bnt_weights_each(model, note_form, &model->forms);
}

bantam_status bnt_weights_divisors(bnt_model *model, float **out, bantam_error *err)
{
    const finder f = {model, bnt_names_of(model->archive), err};
    const char *const name = f.names->divisors;
    const uint32_t n = model->config.rope_dims / 2;
    *out = NULL;
    if (!name || !bnt_archive_find(model->archive, name)) return BANTAM_OK;

    const bantam_status status = check_vector(&f, name, n);
    if (status) return status;
    float *const divisors = bnt_calloc(n, sizeof *divisors);
    if (!divisors) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for tensor %s", name);
    }
    decode(&f, name, divisors, n);
    *out = divisors;
    return BANTAM_OK;
}

bnt_matrix *bnt_weights_at(bnt_model *model, size_t index)
{
    const size_t outside = model->config.tied ? 1 : 2;

    if (index < outside) return index == 0 ? &model->embed : &model->head;
    index -= outside;
    if (index / BNT_PLACES >= model->config.n_layers) return NULL;
    const bnt_layer *const layer = &model->layers[index / BNT_PLACES];
    return (bnt_matrix *)bnt_layer_matrix(layer, (bnt_place)(index % BNT_PLACES));
}

void bnt_weights_each(const bnt_model *model, bnt_matrix_fn visit, void *user)
{
    /* Only looked at: visit gets them as const again. */
    bnt_model *const m = (bnt_model *)model;
    const bnt_matrix *w;
    for (size_t i = 0; (w = bnt_weights_at(m, i)) != NULL; i++) {
        visit(user, w);
    }
}
