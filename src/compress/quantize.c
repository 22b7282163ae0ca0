/* quantize.c - any readable model to a GGUF file whose matrices have fewer bits.
 *
 * What is written is source.c's, which type each tensor gets quantize_plan.c's, and how it gets
 * it quantize_rows.c's or, with feedback from a calibration text, quantize_layers.c's. Here is
 * the order of things. Memory is that of one layer, whatever the model has, and no result
 * depends on the number of threads.
 */
#include "compress/quantize.h"

#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "base/options.h"
#include "compress/quantize_parts.h"
#include "compress/rotate.h"
#include "quant/tile.h"

enum { MAX_THREADS = 256 };

/* ---- options ----------------------------------------------------------------------------- */

static const char *const names_of_methods[] = {"rtn", "imatrix", "gptq"};

static bantam_status read_method(bnt_quantizer *q, bantam_error *err)
{
    const bantam_quantize_options *const o = &q->options;
    const bool texts = o->n_calibration > 0;
    int method = texts ? BNT_METHOD_GPTQ : o->imatrix ? BNT_METHOD_IMATRIX : BNT_METHOD_RTN;

    for (int i = 0; o->method && i < 3; i++) {
        if (strcmp(o->method, names_of_methods[i]) == 0) {
            q->method = (bnt_quantize_method)i;
            break;
        }
        if (i == 2) {
            return bnt_fail(err, BANTAM_ERR_INVALID,
                            "method %s: expected one of rtn, imatrix, gptq", o->method);
        }
    }
    if (!o->method) q->method = (bnt_quantize_method)method;
    if (q->method == BNT_METHOD_GPTQ && !texts) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "method gptq: expected a calibration text");
    }
    if (q->method == BNT_METHOD_IMATRIX && !texts && !o->imatrix) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "method imatrix: expected a calibration text or an importance file");
    }
    if (o->imatrix && (texts || q->method != BNT_METHOD_IMATRIX)) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "importance file %s: expected method imatrix and no calibration text",
                        o->imatrix);
    }
    if (texts && q->method == BNT_METHOD_RTN) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "method rtn: expected no calibration text, which it has no use for");
    }
    if (o->save_imatrix && !texts) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "importance file %s: expected a calibration text to make it from",
                        o->save_imatrix);
    }
    if (o->budget_bytes && !texts) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "a budget: expected a calibration text to measure with which tensors "
                        "bits are best spent");
    }
    if (o->rotation && o->imatrix) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "importance file %s: it tells of inputs that a rotation changes",
                        o->imatrix);
    }
    if (o->rotation && o->budget_bytes) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "a budget: types are measured on the model as it is: write the rotated "
                        "model first (bantam convert --rotate --type f32), then quantize that");
    }
    return BANTAM_OK;
}

static bantam_status read_options(bnt_quantizer *q, const bantam_quantize_options *options,
                                  bantam_error *err)
{
    bantam_quantize_options *const o = &q->options;
    const bantam_status status =
        bnt_options_copy(o, sizeof *o, options, "quantize options", err);
    return status ? status : read_method(q, err);
}

/* ---- one tensor -------------------------------------------------------------------------- */

bantam_status bnt_quantize_tell(const bnt_quantizer *q, bantam_error *err)
{
    const bantam_quantize_options *const o = &q->options;
    if (!o->progress || o->progress(o->user, q->done, q->total)) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_CANCELLED, "stopped");
}

static bantam_status ask(void *user, bantam_error *err)
{
    return bnt_quantize_tell(user, err);
}

bnt_pulse bnt_quantize_pulse(bnt_quantizer *q)
{
    return (bnt_pulse){ask, q};
}

/* Into the file. What goes wrong with that is told by the writer's commit; there is no use in
 * making more. */
static bantam_status put_file(void *user, const uint8_t *data, size_t size, bantam_error *err)
{
    bnt_quantizer *const q = user;
    bnt_gguf_put_data(q->w, data, size);
    if (bnt_gguf_writer_failed(q->w)) return BANTAM_ERR_IO;
    q->done += size;
    return bnt_quantize_tell(q, err);
}

static bantam_status put_made(bnt_quantizer *q, bnt_quantize_step *step, bantam_error *err)
{
    enum { SLICE = 1 << 20 };
    bantam_status status = BANTAM_OK;
    for (size_t at = 0; !status && at < step->bytes; at += SLICE) {
        const size_t left = (size_t)step->bytes - at;
        status = put_file(q, step->made + at, left < SLICE ? left : SLICE, err);
    }
    bnt_free(step->made);
    step->made = NULL;
    return status;
}

static void report(const bnt_quantizer *q, const bnt_quantize_step *step)
{
    const bnt_source_tensor *const t = step->tensor;
    const bantam_quantized told = {
        .name = {t->name, strlen(t->name)},
        .from = t->type->name,
        .type = step->to->name,
        .wanted = step->wanted && step->wanted != step->to ? step->wanted->name : NULL,
        .n_values = bnt_source_rows(t) * t->dims[0],
        .bytes = step->bytes,
        .squared_error = step->error,
        .squared_values = step->energy,
        .output_loss = step->loss / ((double)step->n_inputs * (double)bnt_source_rows(t)),
        .divergence = step->price,
    };
    q->options.report(q->options.user, &told);
}

static bantam_status write_step(bnt_quantizer *q, bnt_quantize_step *step, bantam_error *err)
{
    bantam_status status = BANTAM_OK;

    if (q->method == BNT_METHOD_GPTQ) status = bnt_quantize_prepare(q, step, err);
    if (status) return status;
    if (step->made) {
        status = put_made(q, step, err);
    } else if (bnt_quantize_is_copy(step)) {
        status = bnt_row_maker_copy(step, put_file, q, err);
    } else {
        status = bnt_row_maker_run(&q->rows, step, put_file, q, err);
    }
    bnt_source_release(&q->source, step->tensor);
    if (!status && q->options.report) report(q, step);
    return status;
}

/* ---- the file ---------------------------------------------------------------------------- */

static void declare(bnt_quantizer *q)
{
    bool interleaved = false;
    for (size_t i = 0; i < q->plan.n_steps; i++) {
        interleaved = interleaved || q->plan.steps[i].to->tile;
    }
    if (interleaved) bnt_gguf_align(q->w, BNT_TILE_LINE);
    for (size_t i = 0; i < q->plan.n_steps; i++) {
        const bnt_quantize_step *const step = &q->plan.steps[i];
        const bnt_source_tensor *const t = step->tensor;
        const bantam_text name = {t->name, strlen(t->name)};
        bnt_gguf_declare(q->w, name, step->to, t->n_dims, t->dims);
    }
    q->total = bnt_gguf_writer_total(q->w);
}

/* What the method wants to know before the first tensor. */
static bantam_status look_ahead(bnt_quantizer *q, bantam_error *err)
{
    const uint64_t file = q->total;
    bantam_status status = BANTAM_OK;

    if (q->options.imatrix) return BANTAM_OK;
    if (q->method == BNT_METHOD_GPTQ) {
        q->total += bnt_quantize_layers_work(q, q->plan.n_steps);
        q->done += bnt_quantize_layers_work(q, (size_t)q->part.n_done);
        return bnt_quantize_begin_texts(q, true, err);
    }
    if (q->method == BNT_METHOD_IMATRIX) {
        q->total += file;
        if (q->part.stage < BNT_PART_TENSORS) status = bnt_quantize_gather(q, err);
        q->done = file;
    }
    return status;
}

/* Whether nothing is made that is not written: the texts stand between two layers. */
static bool is_between_layers(const bnt_quantizer *q, size_t at)
{
    for (size_t i = at; i < q->plan.n_steps; i++) {
        if (q->plan.steps[i].made) return false;
    }
    return true;
}

/* What an earlier run has written is told of again. */
static void skip_written(bnt_quantizer *q)
{
    for (size_t i = 0; i < q->part.n_done; i++) {
        q->done += q->plan.steps[i].bytes;
        if (q->options.report) report(q, &q->plan.steps[i]);
    }
}

static bantam_status write_tensors(bnt_quantizer *q, bantam_error *err)
{
    declare(q);
    q->done = 0;
    /* A shape that cannot be declared is the writer's error to tell. */
    if (bnt_gguf_writer_failed(q->w)) return BANTAM_OK;
    bnt_gguf_resume(q->w, (size_t)q->part.n_done);
    if (bnt_gguf_writer_failed(q->w)) return BANTAM_OK;
    bantam_status status = bnt_row_maker_init(&q->rows, q->pool, &q->plan, err);
    if (!status) status = look_ahead(q, err);
    if (!status) skip_written(q);
    for (size_t i = (size_t)q->part.n_done; !status && i < q->plan.n_steps; i++) {
        if (is_between_layers(q, i)) {
            const bool texts = q->method == BNT_METHOD_GPTQ;
            status = bnt_part_save(q, BNT_PART_TENSORS, i, texts, err);
        }
        if (!status) status = write_step(q, &q->plan.steps[i], err);
    }
    if (status && bnt_gguf_writer_failed(q->w)) return BANTAM_OK;
    q->done = q->total;
    return status ? status : bnt_quantize_tell(q, err);
}

/* What the file is going to begin with, seen by beginning it: its digest, and how many bytes
 * are no tensor's. With a budget the name of another type may be longer, by less than a line.
 */
static bantam_status look_at_head(bnt_quantizer *q, const char *out, uint64_t *bytes,
                                  uint64_t *digest, bantam_error *err)
{
    bnt_digest d;
    bantam_status status = bnt_gguf_writer_open(&q->w, out, err);
    if (!status) status = bnt_source_put_pairs(&q->source, q->plan.type, q->w, err);
    if (!status) {
        declare(q);
        *bytes = BNT_TILE_LINE + q->total;
        for (size_t i = 0; i < q->plan.n_steps; i++) {
            *bytes -= q->plan.steps[i].bytes;
        }
        bnt_digest_init(&d);
        bnt_gguf_digest_head(q->w, &d);
        *digest = bnt_digest_end(&d);
        /* A shape that cannot be declared is told of here. */
        if (bnt_gguf_writer_failed(q->w)) {
            status = bnt_gguf_writer_commit(q->w, err);
            q->w = NULL;
        }
    }
    bnt_gguf_writer_abort(q->w);
    q->w = NULL;
    return status;
}

/* How many bytes it takes besides the mapped source, about: the widest pair of matrices of
 * columns, what texts take, rows under way, and the largest that is made before it is written.
 */
static uint64_t count_memory(const bnt_quantizer *q)
{
    const uint32_t n_threads = bnt_pool_threads(q->pool);
    uint64_t widest = 0, largest = 0, layer = 0, most = 0, rotated = 0;

    for (size_t i = 0; i < q->plan.n_steps; i++) {
        const bnt_quantize_step *const step = &q->plan.steps[i];
        const uint64_t columns = step->tensor->dims[0];
        const uint64_t values = columns * bnt_source_rows(step->tensor);
        if (columns > widest && step->wanted) widest = columns;
        if (step->role == BNT_ROLE_HEAD) largest = step->bytes;
        if (step->place == BNT_PLACES) continue;
        if (step->layer != layer) most = rotated = 0;
        layer = step->layer;
        most += step->bytes;
        rotated += values * sizeof(float);
    }
    uint64_t bytes = n_threads * (BNT_TILE_ROWS + 1) * widest * sizeof(float);
    if (q->text.n_tokens) {
        bytes += bnt_walk_cost(q->model, q->text.n_tokens, q->text.sequence, n_threads);
    }
    if (q->source.maker && q->text.n_tokens) bytes += rotated;
    if (q->method != BNT_METHOD_GPTQ) return bytes;
    const uint64_t narrow = 3 * (uint64_t)q->model->config.n_embd * q->model->config.n_embd;
    const uint64_t sums = (2 * widest * widest + narrow) * sizeof(float);
    return bytes + bnt_quantize_chunk_bytes() + (most + sums > largest ? most + sums : largest);
}

static bantam_status tell_plan(const bnt_quantizer *q, uint64_t head_bytes, bantam_error *err)
{
    const bantam_quantize_options *const o = &q->options;
    bantam_quantize_plan plan = {
        .method = names_of_methods[q->method],
        .n_tensors = q->plan.n_steps,
        .file_bytes = head_bytes,
        .calibration_tokens = q->text.n_tokens,
        .memory_bytes = count_memory(q),
        .tensors_done = q->part.n_done,
        .goes_on = q->part.saved,
        .refused = q->part.refused.status ? q->part.refused.message : NULL,
    };

    for (size_t i = 0; i < q->plan.n_steps; i++) {
        const bnt_quantize_step *const step = &q->plan.steps[i];
        plan.n_values += bnt_source_rows(step->tensor) * step->tensor->dims[0];
        plan.file_bytes += step->bytes;
    }
    if (o->budget_bytes) plan.file_bytes = o->budget_bytes;
    if (!o->plan || o->plan(o->user, &plan)) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_CANCELLED, "stopped");
}

/* Everything before the file: what an earlier run did, what is told of it, and types. */
static bantam_status prepare(bnt_quantizer *q, const char *out, bantam_error *err)
{
    uint64_t head_bytes = 0, head_digest = 0;
    bantam_status status = look_at_head(q, out, &head_bytes, &head_digest, err);

    if (!status && q->options.imatrix) status = bnt_quantize_load_weights(q, err);
    if (!status) status = bnt_part_init(q, out, head_digest, err);
    if (!status) status = bnt_part_find(q, err);
    if (status) return status;
    q->next_layer = q->part.next_layer;
    status = tell_plan(q, head_bytes, err);
    if (status || !q->options.budget_bytes) return status;
    if (q->part.stage == BNT_PART_PRICES) return bnt_quantize_fit(q, head_bytes, err);
    bnt_quantize_name_type(&q->plan);
    return BANTAM_OK;
}

static bantam_status write_file(bnt_quantizer *q, const char *out, bantam_error *err)
{
    bantam_status status = bnt_gguf_writer_open_at(&q->w, out, q->part.path, err);
    if (status) return status;
    bnt_gguf_keep(q->w, q->part.saved);
    bnt_part_clear(&q->part);
    status = bnt_source_put_pairs(&q->source, q->plan.type, q->w, err);
    if (!status) status = write_tensors(q, err);
    if (!status) status = bnt_archive_check(q->source.archive, err);
    if (status) return status;
    status = bnt_gguf_writer_commit(q->w, err);
    q->w = NULL;
    return status;
}

static bantam_status open_pool(bnt_quantizer *q, bantam_error *err)
{
    const uint32_t wanted = q->options.threads ? q->options.threads : bnt_cpu_cores();
    return bnt_pool_open(&q->pool, wanted < MAX_THREADS ? wanted : MAX_THREADS, err);
}

bantam_status bnt_quantize(const char *in, const char *out,
                           const bantam_quantize_options *options, bantam_error *err)
{
    bnt_quantizer q = {0};

    bantam_status status = read_options(&q, options, err);
    if (!status) status = bnt_source_open(&q.source, in, out, err);
    if (status) return status;
    if (q.options.rotation) status = bnt_rotate_source(&q.source, q.options.rotation, err);
    if (!status) {
        status = bnt_quantize_plan_init(&q.plan, &q.source, &q.options,
                                        q.method == BNT_METHOD_GPTQ, err);
    }
    if (!status) status = open_pool(&q, err);
    if (!status && q.options.n_calibration) status = bnt_quantize_read_texts(&q, err);
    if (!status) status = prepare(&q, out, err);
    if (!status) status = write_file(&q, out, err);
    if (!status && q.options.save_imatrix) status = bnt_quantize_save_weights(&q, err);

    bnt_part_end(&q, status);
    bnt_free(q.turned.ones);
    bnt_calibration_end(&q.calibration);
    bnt_calibration_free(&q.text);
    bnt_row_maker_deinit(&q.rows);
    bnt_quantize_plan_deinit(&q.plan);
    bnt_pool_close(q.pool);
    bnt_model_close(q.opened);
    bnt_source_close(&q.source);
    return status;
}
