/* adaptation.c - the course of an adaptation: texts, plan, steps, and the best of what was
 * found.
 *
 * After every twentieth of the way the loss on texts held out is measured, and that on texts to
 * keep. Where these have become harder than is allowed, the adapter is measured at the strength
 * at which they have not. The adapter of the least loss is remembered, and when none has been
 * better for some measurements the rest is left out. What a step is, run.c knows; what a batch
 * is, mix.c.
 */
#include "train/adaptation.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"
#include "model/adapter.h"
#include "train/adapt_parts.h"
#include "train/parts.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { STRENGTHS = 16 }; /* that an adapter may be lowered to */

/* ---- measuring --------------------------------------------------------------------------- */

static bantam_status measure(bnt_adapting *a, double *loss, double *keep_loss,
                             bantam_error *err)
{
    const uint32_t part = a->result->plan.part_tokens;
    bantam_status status =
        bnt_batches_loss(a->net, a->held_out, a->n_held_out, part, loss, err);
    if (!status) {
        status = bnt_batches_loss(a->net, a->keep_held_out, a->n_keep_held_out, part, keep_loss,
                                  err);
    }
    return status;
}

/* Copies the weights that learn, as they are, into out (n_params of the plan). */
static void copy_weights(const bnt_adapting *a, float *out)
{
    for (size_t i = 0; i < bnt_net_n_params(a->net); i++) {
        const bnt_param *const p = bnt_net_param(a->net, i);
        memcpy(out, p->w, p->n * sizeof *out);
        out += p->n;
    }
}

/* Makes the adapter in the net one of that strength; 1: as it was learned. */
static void set_strength(bnt_adapting *a, const float *learned, float strength)
{
    for (size_t i = 0; i < bnt_net_n_params(a->net); i++) {
        const bnt_param *const p = bnt_net_param(a->net, i);
        for (size_t k = 0; p->factor == BNT_FACTOR_B && k < p->n; k++) {
            p->w[k] = learned[k] * strength;
        }
        learned += p->n;
    }
}

static void keep_weights(bnt_adapting *a, uint64_t step, double loss, double keep_loss)
{
    bnt_kept *const k = a->kept;

    copy_weights(a, k->weights);
    k->step = step;
    k->n_worse = 0;
    k->loss = loss;
    k->keep_loss = keep_loss;
}

/* Whether the texts to keep are as easy as is demanded. */
static bool keeps(const bnt_adapting *a, double keep_loss)
{
    return !(keep_loss > a->result->keep_before + log1p(a->o.keep_limit));
}

/* Lowers the strength to the largest with which the adapter keeps what it is to keep. What it
 * costs grows with the square of the strength, what it gains in proportion: so a weak adapter
 * is seldom a useless one. */
static bantam_status weaken(bnt_adapting *a, double *loss, double *keep_loss, bantam_error *err)
{
    const uint32_t part = a->result->plan.part_tokens;
    const double rise = *keep_loss - a->result->keep_before;
    int low = 0, high = STRENGTHS, at = (int)(STRENGTHS * sqrt(log1p(a->o.keep_limit) / rise));
    bantam_status status = BANTAM_OK;

    while (!status && high - low > 1) {
        if (at <= low || at >= high) at = (low + high) / 2;
        set_strength(a, a->learned, (float)at / STRENGTHS);
        status = bnt_batches_loss(a->net, a->keep_held_out, a->n_keep_held_out, part, keep_loss,
                                  err);
        *(keeps(a, *keep_loss) ? &low : &high) = at;
    }
    set_strength(a, a->learned, (float)low / STRENGTHS);
    return status ? status : measure(a, loss, keep_loss, err);
}

/* Measures the adapter after a step, and keeps it where it is the best. Without texts held out
 * the last one is. */
static bantam_status consider(bnt_adapting *a, uint64_t step, double *loss, double *keep_loss,
                              bantam_error *err)
{
    bnt_kept *const k = a->kept;
    bantam_status status = measure(a, loss, keep_loss, err);
    const bool too_strong = !status && !keeps(a, *keep_loss);

    if (too_strong) {
        copy_weights(a, a->learned);
        status = weaken(a, loss, keep_loss, err);
    }
    if (!status) {
        k->n_measured++;
        k->n_worse++;
        if (!(*loss >= k->loss)) keep_weights(a, step, *loss, *keep_loss);
    }
    if (too_strong) set_strength(a, a->learned, 1.0f);
    return status;
}

static bool on_step(void *user, const bnt_progress *step)
{
    bnt_adapting *const a = user;
    const bnt_kept *const k = a->kept;
    bantam_adapt_progress p = {.stage = BANTAM_ADAPT_LEARNING,
                               .done = step->step,
                               .total = step->steps,
                               .loss = step->smooth_loss,
                               .held_out_loss = (double)NAN,
                               .keep_loss = (double)NAN,
                               .rate = step->rate,
                               .tokens_per_s = step->tokens_per_s,
                               .seconds_left = step->seconds_left};

    a->result->n_steps = step->step;
    if (step->step % a->measure_steps == 0 || step->step == step->steps) {
        a->failed = consider(a, step->step, &p.held_out_loss, &p.keep_loss, &a->error);
        if (a->failed) return false;
    }
    if (a->o.progress && !a->o.progress(a->o.user, &p)) a->cancelled = true;
    a->result->early = k->n_worse >= a->o.patience && step->step < step->steps;
    return !a->cancelled && !a->result->early;
}

/* ---- learning ---------------------------------------------------------------------------- */

/* Everything that the weights of a step depend on, besides what run.c knows. */
static uint64_t identify(const bnt_adapting *a)
{
    const bantam_adapt_options *const o = &a->o;
    const uint64_t whole[] = {a->identity,
                              a->targets,
                              o->rank,
                              o->batch_tokens,
                              o->sequence_tokens,
                              a->keep_rows,
                              a->measure_steps,
                              o->patience,
                              a->result->plan.part_tokens,
                              a->result->plan.n_params};
    const double reals[] = {o->alpha, o->keep_share, o->keep_limit, o->held_out};
    uint8_t model[32];
    bnt_digest d;

    bnt_model_identity(a->job->model, model);
    bnt_digest_init(&d);
    bnt_digest_put(&d, model, sizeof model);
    bnt_digest_put(&d, whole, sizeof whole);
    bnt_digest_put(&d, reals, sizeof reals);
    return bnt_digest_end(&d);
}

static bantam_status learn(bnt_adapting *a, bantam_error *err)
{
    bnt_run_options r;

    if (!a->o.steps) return BANTAM_OK;
    bnt_run_options_init(&r);
    r.steps = a->o.steps;
    r.warmup_steps = a->o.steps / 20;
    r.rate = a->o.rate;
    r.final_rate = a->o.rate / 10.0;
    r.decay = 0.0;
    r.seed = a->o.seed;
    r.checkpoint = a->o.checkpoint;
    r.checkpoint_seconds = a->o.checkpoint_seconds;
    r.resume = a->o.resume;
    r.identity = identify(a);
    r.notes = a->kept;
    r.note_bytes = a->kept_bytes;
    r.batch = bnt_mix_batch;
    r.source = &a->mix;
    r.part_rows = a->result->plan.part_tokens;
    r.progress = on_step;
    r.user = a;
    const bantam_status status = bnt_run(a->net, &r, a->pool, err);
    if (a->failed) return bnt_fail(err, a->failed, "%s", a->error.message);
    if (status == BANTAM_ERR_CANCELLED && a->result->early) return BANTAM_OK;
    if (!status) a->result->n_steps = a->o.steps;
    return status;
}

/* ---- writing ----------------------------------------------------------------------------- */

/* Writes the kept weights. */
static bantam_status save(bnt_adapting *a, bantam_error *err)
{
    const bnt_model *const model = a->job->model;
    bnt_adapter adapter = {.alpha = (float)a->o.alpha,
                           .n_layers = model->config.n_layers,
                           .max_rank = a->o.rank,
                           .n_params = a->result->plan.n_params,
                           .n_steps = a->kept->step,
                           .n_documents = a->result->n_documents,
                           .n_tokens = a->result->n_learned_tokens};
    const float *at = a->kept->weights;

    adapter.layers = bnt_calloc(adapter.n_layers, sizeof *adapter.layers);
    if (!adapter.layers)
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for the adapter");
    for (size_t i = 0; i < bnt_net_n_params(a->net); i++) {
        const bnt_param *const p = bnt_net_param(a->net, i);
        bnt_lora *const lora = &adapter.layers[p->layer][p->place];
        lora->rank = a->o.rank;
        *(p->factor == BNT_FACTOR_B ? &lora->b : &lora->a) = at;
        at += p->n;
    }
    const bantam_status status = bnt_adapter_save(&adapter, model, a->job->out, err);
    bnt_free(adapter.layers);
    if (status) return status;
    a->result->written = true;
    a->result->best_step = a->kept->step;
    a->result->loss_after = a->kept->loss;
    a->result->keep_after = a->kept->keep_loss;
    return BANTAM_OK;
}

/* What a stop leaves behind: the best that was measured, else the last. */
static bantam_status finish(bnt_adapting *a, bantam_status status, bantam_error *err)
{
    const bool stopped = status == BANTAM_ERR_CANCELLED;

    if (status && !(stopped && a->result->n_steps)) return status;
    if (stopped && !a->kept->n_measured) {
        keep_weights(a, a->result->n_steps, (double)NAN, (double)NAN);
    }
    const bantam_status failed = save(a, err);
    if (failed) return failed;
    if (stopped) {
        return bnt_fail(err, status, "stopped after step %" PRIu64 " of %" PRIu32,
                        a->result->n_steps, a->o.steps);
    }
    if (a->o.checkpoint && bnt_file_is_there(a->o.checkpoint)) (void)unlink(a->o.checkpoint);
    return BANTAM_OK;
}

/* ---- all of it --------------------------------------------------------------------------- */

/* Whether a file can be made there: better known before the work than after it. */
static bantam_status try_file(const char *path, bantam_error *err)
{
    bnt_save *save = NULL;
    const bantam_status status = bnt_save_begin(&save, path, err);
    if (!status) bnt_save_abort(save);
    return status;
}

static bantam_status try_out(const bnt_adapting *a, bantam_error *err)
{
    const char *const out = a->job->out;
    const bnt_archive *const archive = a->job->model->archive;
    size_t n = strlen(out);
    bantam_status status;

    while (n > 1 && out[n - 1] == '/') { /* of a folder that is not there yet */
        n--;
    }
    char *const path = bnt_file_kind_of(out) == BNT_FILE_FOLDER
                           ? bnt_path_join(out, "adapter_config.json")
                           : bnt_strdup(out, n);
    if (!path) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a path");
    if (archive && bnt_file_is_same(out, bnt_archive_path(archive))) {
        status = bnt_fail(err, BANTAM_ERR_INVALID, "%s: is the model itself", out);
    } else {
        status = try_file(path, err);
    }
    bnt_free(path);
    if (!status && a->o.checkpoint) status = try_file(a->o.checkpoint, err);
    return status;
}

static bantam_status open_net(bnt_adapting *a, bantam_error *err)
{
    bnt_net_options o;

    bnt_adapt_net_options(a, &o);
    bantam_status status = bnt_pool_open(&a->pool, a->n_threads, err);
    if (!status) status = bnt_net_open(&a->net, a->job->model, a->pool, &o, err);
    if (status) return status;
    a->kept = bnt_calloc(1, a->kept_bytes);
    a->learned = bnt_calloc((size_t)a->result->plan.n_params, sizeof *a->learned);
    if (!a->kept || !a->learned)
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for the best adapter");
    return BANTAM_OK;
}

/* The model as it is. */
static bantam_status measure_before(bnt_adapting *a, bantam_error *err)
{
    bantam_adapt_result *const r = a->result;

    if (!bnt_adapt_tell(a, BANTAM_ADAPT_MEASURING, 0, 1)) {
        return bnt_fail(err, BANTAM_ERR_CANCELLED, "stopped before the first step");
    }
    const bantam_status status = measure(a, &r->loss_before, &r->keep_before, err);
    if (!status) keep_weights(a, 0, r->loss_before, r->keep_before);
    return status;
}

bantam_status bnt_adapt(const bnt_adapt_job *job, const bantam_adapt_options *options,
                        bantam_adapt_result *result, bantam_error *err)
{
    bnt_adapting a = {.job = job, .result = result};
    const uint64_t start = bnt_clock_ns();

    *result = (bantam_adapt_result){.loss_before = (double)NAN,
                                    .loss_after = (double)NAN,
                                    .keep_before = (double)NAN,
                                    .keep_after = (double)NAN};
    bantam_status status = bnt_adapt_resolve(&a, options, err);
    if (!status) status = try_out(&a, err);
    if (!status) status = bnt_adapt_read(&a, err);
    if (!status) status = bnt_adapt_plan(&a, err);
    if (!status) status = bnt_adapt_rehearse(&a, err);
    if (!status) status = open_net(&a, err);
    if (!status) status = measure_before(&a, err);
    if (!status) {
        status = learn(&a, err);
        status = finish(&a, status, err);
    }
    bnt_free(a.learned);
    bnt_free(a.kept);
    bnt_net_close(a.net);
    bnt_pool_close(a.pool);
    bnt_mix_deinit(&a.mix);
    result->seconds = (double)(bnt_clock_ns() - start) * 1e-9;
    return status;
}
