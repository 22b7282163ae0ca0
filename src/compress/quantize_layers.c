/* quantize_layers.c - GPTQ through a model: the inputs of a layer are summed up as the layers
 * before it, already rounded, make them; its matrices are rounded; and then the texts go
 * through it as it has become, so that the next ones can make up for what it does wrong.
 *
 * Matrices whose type is not interleaved are made row by row, columns weighted by the squares
 * of their inputs.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "compress/gptq.h"
#include "compress/quantize_parts.h"
#include "model/weights.h"
#include "quant/tile.h"

enum {
    CHUNK_BYTES = 64 << 20, /* of floats of one matrix at a time */
    SWEEPS = 4,             /* over all codes, after they are first chosen */
    PASSES = 3 /* how often a layer's bytes count as work: looked at, made, passed */
};

/* Of a row: no value is above 1e7. */
static const double MAX_ENERGY = 1e14;

uint64_t bnt_quantize_layers_work(const bnt_quantizer *q, size_t n_steps)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < n_steps; i++) {
        if (q->plan.steps[i].place != BNT_PLACES) bytes += q->plan.steps[i].bytes;
    }
    return PASSES * bytes;
}

uint64_t bnt_quantize_chunk_bytes(void)
{
    return (uint64_t)CHUNK_BYTES * 3 / 2; /* codes are bytes, and so is what comes of them */
}

/* ---- one matrix -------------------------------------------------------------------------- */

typedef struct chunk {
    const bnt_source_tensor *tensor;
    uint64_t first;
    float *rows;      /* (n, columns) */
    double *energies; /* (n) */
} chunk;

static void read_row(void *context, size_t task, uint32_t thread)
{
    const chunk *const c = context;
    const size_t columns = (size_t)c->tensor->dims[0];
    float *const row = c->rows + task * columns;
    double energy = 0.0;
    (void)thread;
    bnt_source_decode(c->tensor, c->first + task, row);
    for (size_t i = 0; i < columns; i++) {
        energy += (double)row[i] * (double)row[i];
    }
    c->energies[task] = energy;
}

/* Rows of a chunk: whole groups. */
static size_t chunk_rows(const bnt_source_tensor *t)
{
    const uint64_t rows = bnt_source_rows(t);
    const uint64_t most = CHUNK_BYTES / sizeof(float) / t->dims[0] / BNT_TILE_ROWS;
    const uint64_t room = (most ? most : 1) * BNT_TILE_ROWS;
    return (size_t)(rows < room ? rows : room);
}

/* Whether no value is larger than a grid can be chosen for. */
static bool is_moderate(const double *energies, size_t n)
{
    bool fine = true;
    for (size_t i = 0; i < n; i++) {
        fine = fine && energies[i] <= MAX_ENERGY;
    }
    return fine;
}

/* Rounds a matrix with feedback, chunk by chunk, and puts its bytes. */
static bantam_status round_matrix(bnt_quantizer *q, bnt_quantize_step *step,
                                  const bnt_feedback *f, bnt_put_fn put, void *user,
                                  bantam_error *err)
{
    const bnt_source_tensor *const t = step->tensor;
    const size_t columns = (size_t)t->dims[0], most = chunk_rows(t);
    const size_t group_bytes = bnt_tile_group_bytes(step->to->tile, columns);
    const size_t n_groups = (most + BNT_TILE_ROWS - 1) / BNT_TILE_ROWS;
    chunk c = {t, 0, bnt_calloc(most, columns * sizeof *c.rows),
               bnt_calloc(most, sizeof *c.energies)};
    uint8_t *const out = bnt_alloc(n_groups * group_bytes);
    bantam_status status = BANTAM_OK;

    if (!c.rows || !c.energies || !out) {
        status = bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for rows of %s", t->name);
    }
    step->error = step->energy = step->loss = 0.0;
    if (!status) status = bnt_source_begin(t, err);
    for (; !status && c.first < bnt_source_rows(t); c.first += most) {
        const uint64_t left = bnt_source_rows(t) - c.first;
        const size_t n = left < most ? (size_t)left : most;
        bnt_rounded rounded = {0};
        bnt_pool_run(q->pool, read_row, &c, n);
        for (size_t i = 0; i < n; i++) {
            step->energy += c.energies[i];
        }
        if (!is_moderate(c.energies, n)) {
            rounded.error = INFINITY;
        } else if (isfinite(step->energy)) {
            status = bnt_gptq_round(f, &q->calibration.mm, step->to, c.rows, (uint32_t)n,
                                    SWEEPS, out, &rounded, err);
        }
        step->error += rounded.error;
        step->loss += rounded.loss;
        if (!status) status = bnt_row_sums_check(step, err);
        if (!status) status = put(user, out, (n + 15) / BNT_TILE_ROWS * group_bytes, err);
    }
    bnt_free(c.rows);
    bnt_free(c.energies);
    bnt_free(out);
    return status;
}

static bantam_status make_matrix(bnt_quantizer *q, bnt_quantize_step *step,
                                 const bnt_feedback *f, bantam_error *err)
{
    step->made = step->bytes <= SIZE_MAX ? bnt_alloc((size_t)step->bytes) : NULL;
    if (!step->made) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for tensor %s",
                        step->tensor->name);
    }
    uint8_t *to = step->made;
    if (bnt_quantize_is_copy(step)) return bnt_row_maker_copy(step, bnt_put_memory, &to, err);
    return step->to->tile ? round_matrix(q, step, f, bnt_put_memory, &to, err)
                          : bnt_row_maker_run(&q->rows, step, bnt_put_memory, &to, err);
}

/* ---- one layer --------------------------------------------------------------------------- */

/* All matrices that share an input. */
static bantam_status make_sharers(bnt_quantizer *q, bnt_quantize_step *first, size_t n,
                                  bnt_place input, bantam_error *err)
{
    bnt_moments *const moments = &q->calibration.inputs[input];
    bnt_feedback f = {0};
    bantam_status status = BANTAM_OK;

    for (size_t i = 0; !status && i < n; i++) {
        bnt_quantize_step *const step = &first[i];
        if (step->place == BNT_PLACES || bnt_calibration_input(step->place) != input) continue;
        status = bnt_quantize_take_weights(step, moments, err);
        if (!status && step->to->tile && !f.n) {
            float *const products = moments->products;
            moments->products = NULL;
            status =
                bnt_feedback_init(&f, &q->calibration.mm, products, moments->columns, 1, err);
            if (status) bnt_fail_within(err, status, "tensor %s: ", step->tensor->name);
            f.pulse = bnt_quantize_pulse(q);
        }
        if (!status) status = make_matrix(q, step, &f, err);
        q->done += step->bytes;
        if (!status) status = bnt_quantize_tell(q, err);
    }
    bnt_feedback_deinit(&f);
    return status;
}

static bnt_matrix made_matrix(const bnt_quantize_step *step)
{
    const bnt_source_tensor *const t = step->tensor;
    bnt_matrix m = {.type = step->to,
                    .data = step->made,
                    .rows = (uint32_t)bnt_source_rows(t),
                    .columns = (uint32_t)t->dims[0]};
    m.row_bytes = (size_t)(step->bytes / bnt_matrix_strips(step->to, m.rows));
    return m;
}

/* The texts through the layer as it has become. What was made is in the file's order of rows,
 * in which pairs that are turned are neighbors. */
static bantam_status pass_layer(bnt_quantizer *q, const bnt_quantize_step *first, size_t n,
                                uint32_t layer, bantam_error *err)
{
    bnt_layer *const l = &q->model->layers[layer];
    const bnt_layer before = *l;
    bnt_matrix *const places[BNT_PLACES] = {&l->q,    &l->k,  &l->v,   &l->o,
                                            &l->gate, &l->up, &l->down};

    for (size_t i = 0; i < n; i++) {
        if (first[i].place != BNT_PLACES) *places[first[i].place] = made_matrix(&first[i]);
    }
    bnt_weights_survey(q->model);
    const bnt_pairing pairing = q->model->config.pairing;
    q->model->config.pairing = BNT_PAIR_ADJACENT;
    const bantam_status status = bnt_calibration_step(&q->calibration, layer, err);
    q->model->config.pairing = pairing;
    *l = before;
    bnt_weights_survey(q->model);
    return status;
}

/* A layer that was entered. */
static bantam_status make_entered(bnt_quantizer *q, bnt_quantize_step *first, bantam_error *err)
{
    static const bnt_place inputs[] = {BNT_PLACE_Q, BNT_PLACE_O, BNT_PLACE_GATE,
                                       BNT_PLACE_DOWN};
    const uint32_t layer = first->layer;
    const bnt_quantize_step *const end = q->plan.steps + q->plan.n_steps;
    uint64_t bytes = 0;
    size_t n = 0;

    for (; first + n < end && first[n].role == BNT_ROLE_LAYER && first[n].layer == layer; n++) {
        if (first[n].place != BNT_PLACES) bytes += first[n].bytes;
    }
    bantam_status status = bnt_calibration_look(&q->calibration, layer, err);
    q->done += bytes;
    if (!status) status = bnt_quantize_tell(q, err);
    for (size_t i = 0; !status && i < 4; i++) {
        status = make_sharers(q, first, n, inputs[i], err);
    }
    if (!status) status = pass_layer(q, first, n, layer, err);
    q->done += bytes;
    return status ? status : bnt_quantize_tell(q, err);
}

static bantam_status make_layer(bnt_quantizer *q, bnt_quantize_step *first, bantam_error *err)
{
    const uint32_t layer = first->layer;
    bantam_status status = bnt_turned_enter(q, layer, err);
    if (status) return status;
    status = make_entered(q, first, err);
    bnt_turned_leave(q, layer);
    bnt_quantize_release_layer(q, layer);
    return status;
}

bantam_status bnt_quantize_prepare(bnt_quantizer *q, bnt_quantize_step *step, bantam_error *err)
{
    const uint32_t n_layers = q->model->config.n_layers;

    if (step->role == BNT_ROLE_LAYER && step->layer == q->next_layer &&
        step->layer < n_layers) {
        q->next_layer++;
        return make_layer(q, step, err);
    }
    if (step->role != BNT_ROLE_HEAD || bnt_quantize_is_copy(step)) return BANTAM_OK;
    bnt_moments *const head = &q->calibration.head;
    bantam_status status = bnt_calibration_finish(&q->calibration, err);
    if (!status) status = bnt_quantize_take_weights(step, head, err);
    if (status || !step->to->tile) return status;

    bnt_feedback f;
    float *const products = head->products;
    head->products = NULL;
    status = bnt_feedback_init(&f, &q->calibration.mm, products, head->columns, 1, err);
    if (status) return status;
    f.pulse = bnt_quantize_pulse(q);
    status = make_matrix(q, step, &f, err);
    bnt_feedback_deinit(&f);
    return status;
}
