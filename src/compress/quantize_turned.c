/* quantize_turned.c - calibration of a model that is rotated on its way into the file: of the
 * model that is opened a layer at a time becomes what the rotated one has there, as floats, so
 * that texts see the inputs the new matrices are going to have. What the whole rotated model
 * would say is never asked: it is nowhere as a whole.
 */
#include "base/mem.h"
#include "base/text.h"
#include "compress/quantize_parts.h"
#include "model/weights.h"

typedef struct reading {
    const bnt_source_tensor *tensor;
    float *rows; /* (rows, columns) */
} reading;

static void read_row(void *context, size_t row, uint32_t thread)
{
    const reading *const r = context;
    (void)thread;
    bnt_source_decode(r->tensor, row, r->rows + row * r->tensor->dims[0]);
}

static bantam_status read_matrix(bnt_quantizer *q, const bnt_source_tensor *t, float **out,
                                 bantam_error *err)
{
    const size_t rows = (size_t)bnt_source_rows(t), columns = (size_t)t->dims[0];
    bantam_status status = bnt_source_begin(t, err);

    if (status) return status;
    reading r = {t, bnt_calloc(rows, columns * sizeof(float))};
    if (!r.rows) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for tensor %s", t->name);
    bnt_pool_run(q->pool, read_row, &r, rows);
    *out = r.rows;
    return BANTAM_OK;
}

typedef struct embedding {
    const bnt_source_tensor *tensor;
    bnt_quantizer *q;
} embedding;

static void embed_token(void *context, size_t t, uint32_t thread)
{
    const embedding *const e = context;
    (void)thread;
    bnt_source_decode(e->tensor, e->q->text.tokens[t],
                      e->q->calibration.walk.states + t * e->tensor->dims[0]);
}

bantam_status bnt_turned_begin(bnt_quantizer *q, bantam_error *err)
{
    const bnt_source_tensor *embed = NULL;
    const uint32_t n = q->model->config.n_embd;

    if (!q->source.maker) return BANTAM_OK;
    for (size_t i = 0; i < q->source.n_tensors; i++) {
        const bnt_source_tensor *const t = &q->source.tensors[i];
        if (bnt_text_is(bnt_text_of(t->name), bnt_names_at(0)->embed)) embed = t;
    }
    if (!embed) return bnt_fail(err, BANTAM_ERR_FORMAT, "expected an embedding, found none");
    q->turned.ones = bnt_calloc(n, sizeof *q->turned.ones);
    if (!q->turned.ones) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a norm");
    for (uint32_t i = 0; i < n; i++) {
        q->turned.ones[i] = 1.0f;
    }
    q->model->output_norm = q->turned.ones;
    embedding e = {embed, q};
    const bantam_status status = bnt_source_begin(embed, err);
    if (!status) bnt_pool_run(q->pool, embed_token, &e, q->calibration.walk.n_tokens);
    return status;
}

bantam_status bnt_turned_enter(bnt_quantizer *q, uint32_t layer, bantam_error *err)
{
    bnt_layer *const l = &q->model->layers[layer];
    bnt_matrix *const places[BNT_PLACES] = {&l->q,    &l->k,  &l->v,   &l->o,
                                            &l->gate, &l->up, &l->down};
    bantam_status status = BANTAM_OK;

    if (!q->source.maker) return BANTAM_OK;
    q->turned.before = *l;
    for (size_t i = 0; !status && i < q->plan.n_steps; i++) {
        const bnt_quantize_step *const step = &q->plan.steps[i];
        float *rows = NULL;
        if (step->place == BNT_PLACES || step->layer != layer) continue;
        status = read_matrix(q, step->tensor, &rows, err);
        if (status) break;
        q->turned.matrices[step->place] = rows;
        bnt_matrix *const m = places[step->place];
        m->type = bnt_type_find(BNT_TYPE_F32);
        m->data = (const uint8_t *)rows;
        m->row_bytes = m->columns * sizeof *rows;
    }
    l->attn_norm = l->ffn_norm = q->turned.ones;
    q->model->config.pairing = BNT_PAIR_ADJACENT; /* rows are in the order of the file */
    bnt_weights_survey(q->model);
    if (status) bnt_turned_leave(q, layer);
    return status;
}

void bnt_turned_leave(bnt_quantizer *q, uint32_t layer)
{
    if (!q->source.maker) return;
    for (size_t i = 0; i < BNT_PLACES; i++) {
        bnt_free(q->turned.matrices[i]);
        q->turned.matrices[i] = NULL;
    }
    q->model->layers[layer] = q->turned.before;
    q->model->config.pairing = q->pairing;
    bnt_weights_survey(q->model);
}
