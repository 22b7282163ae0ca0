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

static bantam_status read_method(bnt_quantizer *q, bantam_error *err)
{
    static const char *const names[] = {"rtn", "imatrix", "gptq"};
    const bantam_quantize_options *const o = &q->options;
    const bool texts = o->n_calibration > 0;
    int method = texts ? BNT_METHOD_GPTQ : o->imatrix ? BNT_METHOD_IMATRIX : BNT_METHOD_RTN;

    for (int i = 0; o->method && i < 3; i++) {
        if (strcmp(o->method, names[i]) == 0) {
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
    if (o->rotation && q->method != BNT_METHOD_RTN) {
        return bnt_fail(
            err, BANTAM_ERR_INVALID,
            "a rotation changes the inputs that method %s looks at: write the rotated "
            "model first (bantam convert --rotate), then quantize that",
            names[q->method]);
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

    if (q->options.imatrix) return bnt_quantize_load_weights(q, err);
    if (q->method == BNT_METHOD_GPTQ) {
        q->total += bnt_quantize_layers_work(q);
        return bnt_calibration_begin(&q->calibration, q->model, q->pool, &q->text, true, err);
    }
    if (q->method == BNT_METHOD_IMATRIX) {
        q->total += file;
        status = bnt_quantize_gather(q, err);
        q->done = file;
    }
    return status;
}

static bantam_status write_tensors(bnt_quantizer *q, bantam_error *err)
{
    declare(q);
    q->done = 0;
    /* A shape that cannot be declared is the writer's error to tell. */
    if (bnt_gguf_writer_failed(q->w)) return BANTAM_OK;
    bantam_status status = bnt_row_maker_init(&q->rows, q->pool, &q->plan, err);
    if (!status) status = look_ahead(q, err);
    for (size_t i = 0; !status && i < q->plan.n_steps; i++) {
        status = write_step(q, &q->plan.steps[i], err);
    }
    if (status && bnt_gguf_writer_failed(q->w)) return BANTAM_OK;
    q->done = q->total;
    return status ? status : bnt_quantize_tell(q, err);
}

/* Types that fit the budget. How many bytes are no tensor's is seen by beginning the file as
 * it would be without one; the name of another type may be longer, by less than a line. */
static bantam_status fit_budget(bnt_quantizer *q, const char *out, bantam_error *err)
{
    uint64_t header = BNT_TILE_LINE;
    bantam_status status = bnt_gguf_writer_open(&q->w, out, err);
    if (!status) status = bnt_source_put_pairs(&q->source, q->plan.type, q->w, err);
    if (!status) {
        declare(q);
        header += q->total;
        for (size_t i = 0; i < q->plan.n_steps; i++) {
            header -= q->plan.steps[i].bytes;
        }
    }
    /* A shape that cannot be declared is told of when the file is written. */
    const bool told_later = !status && bnt_gguf_writer_failed(q->w);
    bnt_gguf_writer_abort(q->w);
    q->w = NULL;
    return status || told_later ? status : bnt_quantize_fit(q, header, err);
}

static bantam_status write_file(bnt_quantizer *q, const char *out, bantam_error *err)
{
    bantam_status status = bnt_gguf_writer_open(&q->w, out, err);
    if (status) return status;
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
    if (!status && q.options.budget_bytes) status = fit_budget(&q, out, err);
    if (!status) status = write_file(&q, out, err);
    if (!status && q.options.save_imatrix) status = bnt_quantize_save_weights(&q, err);

    bnt_gguf_writer_abort(q.w);
    bnt_calibration_end(&q.calibration);
    bnt_calibration_free(&q.text);
    bnt_row_maker_deinit(&q.rows);
    bnt_quantize_plan_deinit(&q.plan);
    bnt_pool_close(q.pool);
    bnt_model_close(q.opened);
    bnt_source_close(&q.source);
    return status;
}
