/* quantize_inputs.c - which columns of matrices matter, from texts or from an importance file.
 */
#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "base/text.h"
#include "compress/quantize_parts.h"
#include "format/imatrix.h"

enum { SEQUENCE = 512, SEQUENCES = 128, LEAST_SEQUENCES = 16 };

/* ---- texts ------------------------------------------------------------------------------- */

/* Unless it is said how many: 128 sequences, and fewer for layers of more than 8M weights,
 * whose inputs are the longer to sum up. */
static size_t count_tokens(const bnt_quantizer *q)
{
    const bnt_config *const c = &q->model->config;
    if (q->options.calibration_tokens) return q->options.calibration_tokens;
    const double weights = (double)c->n_embd * (4.0 * c->n_embd + 3.0 * c->n_ffn);
    const double most = SEQUENCES * 8e6 / weights;
    const size_t n = most < SEQUENCES ? (size_t)most : SEQUENCES;
    return (n > LEAST_SEQUENCES ? n : LEAST_SEQUENCES) * SEQUENCE;
}

/* A source that is rotated keeps its model as it is. */
static bantam_status open_model(bnt_quantizer *q, bantam_error *err)
{
    const bantam_rotation *const r = q->options.rotation;
    bantam_status status = BANTAM_OK;

    q->model = q->source.model;
    if (!q->model || r) {
        status = bnt_model_open(&q->opened, q->source.archive, BANTAM_ROPE_DEFAULT, err);
        if (status) return status;
        q->model = q->opened;
    }
    if (r && r->down) {
        status = bnt_model_turn(q->model, bnt_hadamard_size(q->model->config.n_ffn), err);
        if (status) return status;
    }
    q->pairing = q->model->config.pairing;
    bnt_kernels_init(&q->model->kernels, bnt_cpu_flags());
    return BANTAM_OK;
}

bantam_status bnt_quantize_read_texts(bnt_quantizer *q, bantam_error *err)
{
    bantam_status status = open_model(q, err);
    if (status) return status;
    const bnt_config *const c = &q->model->config;
    const uint32_t most = c->context_tokens < SEQUENCE ? c->context_tokens : SEQUENCE;
    return bnt_calibration_read(&q->text, &q->source, c->n_vocab, q->options.calibration,
                                q->options.n_calibration, count_tokens(q), most, err);
}

/* ---- weights ----------------------------------------------------------------------------- */

bantam_status bnt_quantize_take_weights(bnt_quantize_step *step, const bnt_moments *inputs,
                                        bantam_error *err)
{
    bnt_free(step->weights);
    step->weights = bnt_calloc(inputs->columns, sizeof *step->weights);
    if (!step->weights) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for weights of %u columns",
                        (unsigned)inputs->columns);
    }
    for (uint32_t i = 0; i < inputs->columns; i++) {
        step->weights[i] = (float)(inputs->squares[i] / (double)inputs->n_rows);
    }
    step->n_inputs = inputs->n_rows;
    return BANTAM_OK;
}

/* Those of a layer that was looked at, or of the head. */
static bantam_status take_all(bnt_quantizer *q, bnt_role role, uint32_t layer,
                              bantam_error *err)
{
    bantam_status status = BANTAM_OK;
    for (size_t i = 0; !status && i < q->plan.n_steps; i++) {
        bnt_quantize_step *const step = &q->plan.steps[i];
        const bool placed = role == BNT_ROLE_HEAD || step->place != BNT_PLACES;
        if (step->role != role || step->layer != layer || !placed) continue;
        status = bnt_quantize_take_weights(
            step,
            role == BNT_ROLE_HEAD ? &q->calibration.head
                                  : &q->calibration.inputs[bnt_calibration_input(step->place)],
            err);
    }
    return status;
}

bantam_status bnt_quantize_begin_texts(bnt_quantizer *q, bool products, bantam_error *err)
{
    bantam_status status =
        bnt_calibration_begin(&q->calibration, q->model, q->pool, &q->text, products, err);
    if (status) return status;
    q->calibration.walk.pulse = bnt_quantize_pulse(q);
    status = bnt_turned_begin(q, err);
    if (!status) bnt_part_take_states(q);
    return status;
}

void bnt_quantize_release_layer(const bnt_quantizer *q, uint32_t layer)
{
    for (size_t i = 0; i < q->plan.n_steps; i++) {
        const bnt_quantize_step *const step = &q->plan.steps[i];
        if (step->place == BNT_PLACES || step->layer != layer) continue;
        bnt_source_release(&q->source, step->tensor);
    }
}

static bantam_status gather_layer(bnt_quantizer *q, uint32_t layer, bantam_error *err)
{
    bantam_status status = bnt_turned_enter(q, layer, err);
    if (status) return status;
    status = bnt_calibration_pass(&q->calibration, layer, err);
    bnt_turned_leave(q, layer);
    bnt_quantize_release_layer(q, layer);
    if (!status) status = take_all(q, BNT_ROLE_LAYER, layer, err);
    return status;
}

bantam_status bnt_quantize_gather(bnt_quantizer *q, bantam_error *err)
{
    const uint32_t n_layers = q->model->config.n_layers;
    const uint64_t each = q->total / 2 / n_layers;
    bantam_status status = bnt_quantize_begin_texts(q, false, err);

    q->done += each * q->next_layer;
    while (!status && q->next_layer < n_layers) {
        status = gather_layer(q, q->next_layer, err);
        q->next_layer++;
        q->done += each;
        if (!status) status = bnt_quantize_tell(q, err);
        if (!status) status = bnt_part_save(q, BNT_PART_INPUTS, 0, true, err);
    }
    if (!status) status = bnt_calibration_finish(&q->calibration, err);
    if (!status) status = take_all(q, BNT_ROLE_HEAD, 0, err);
    bnt_calibration_end(&q->calibration);
    return status;
}

/* ---- files ------------------------------------------------------------------------------- */

bantam_status bnt_quantize_load_weights(bnt_quantizer *q, bantam_error *err)
{
    const char *const path = q->options.imatrix;
    bnt_imatrix *file;
    bool any = false;
    bantam_status status = bnt_imatrix_open(&file, path, err);
    if (status) return status;

    for (size_t i = 0; !status && i < q->plan.n_steps; i++) {
        bnt_quantize_step *const step = &q->plan.steps[i];
        const bnt_importance *const found =
            bnt_imatrix_find(file, bnt_text_of(step->tensor->name));
        if (!step->wanted || !found) continue;
        if (found->n != step->tensor->dims[0]) {
            status =
                bnt_fail(err, BANTAM_ERR_INVALID,
                         "%s: entry %s: expected a value for each of the matrix's %zu "
                         "columns, found %zu",
                         path, step->tensor->name, (size_t)step->tensor->dims[0], found->n);
            break;
        }
        step->weights = bnt_calloc(found->n, sizeof *step->weights);
        if (!step->weights) {
            status = bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for weights of columns");
            break;
        }
        memcpy(step->weights, found->mean, found->n * sizeof *step->weights);
        any = true;
    }
    if (!status && !any) {
        status =
            bnt_fail(err, BANTAM_ERR_INVALID,
                     "%s: expected entries named as matrices of the model, found none", path);
    }
    bnt_imatrix_close(file);
    return status;
}

bantam_status bnt_quantize_save_weights(const bnt_quantizer *q, bantam_error *err)
{
    const bnt_importance_origin origin = {.dataset = bnt_text_of(q->options.calibration[0]),
                                          .n_chunks =
                                              (uint32_t)(q->text.n_tokens / q->text.sequence),
                                          .chunk_tokens = q->text.sequence};
    bantam_status status = BANTAM_OK;
    size_t n = 0;
    bnt_importance_sums *const entries = bnt_calloc(q->plan.n_steps, sizeof *entries);
    float **const sums = bnt_calloc(q->plan.n_steps, sizeof *sums);

    bool fine = entries && sums;
    for (size_t i = 0; fine && i < q->plan.n_steps; i++) {
        const bnt_quantize_step *const step = &q->plan.steps[i];
        const size_t columns = (size_t)step->tensor->dims[0];
        if (!step->weights) continue;
        sums[n] = bnt_calloc(columns, sizeof **sums);
        fine = sums[n] != NULL;
        for (size_t c = 0; fine && c < columns; c++) {
            sums[n][c] = step->weights[c] * (float)step->n_inputs;
        }
        entries[n] = (bnt_importance_sums){bnt_text_of(step->tensor->name), sums[n], columns,
                                           step->n_inputs};
        n += fine;
    }
    status = fine ? bnt_imatrix_write(q->options.save_imatrix, entries, n, &origin, err)
                  : bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for an importance file");
    for (size_t i = 0; sums && i < n; i++) {
        bnt_free(sums[i]);
    }
    bnt_free(sums);
    bnt_free(entries);
    return status;
}
