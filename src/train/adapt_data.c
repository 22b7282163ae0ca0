/* adapt_data.c - the texts of an adaptation: read, set aside, and those it writes itself. */
#include "base/digest.h"
#include "base/mem.h"
#include "train/adapt_parts.h"

#include <inttypes.h>
#include <math.h>

enum {
    MOST_HELD_OUT = 50,        /* texts: more cost time and tell nothing more */
    MOST_HELD_OUT_ROWS = 4096, /* likewise */
    MOST_KEEP_ROWS = 2048,
    LEAST_OWN_ROWS = 256,
    MOST_OWN_ROWS = 8192, /* that the model writes */
    LEAST_STEPS = 100,    /* where nothing is said of epochs */
    MEASUREMENTS = 20
};

static const double keep_held_out = 0.1; /* share of the texts to keep that is measured with */
static const double usual_epochs = 3.0;

bool bnt_adapt_tell(bnt_adapting *a, bantam_adapt_stage stage, uint64_t done, uint64_t total)
{
    const bantam_adapt_progress p = {.stage = stage,
                                     .done = done,
                                     .total = total,
                                     .loss = (double)NAN,
                                     .held_out_loss = (double)NAN,
                                     .keep_loss = (double)NAN};

    if (a->o.progress && !a->o.progress(a->o.user, &p)) a->cancelled = true;
    return !a->cancelled;
}

/* ---- files ------------------------------------------------------------------------------- */

static bool on_reading(void *user, uint64_t done, uint64_t total)
{
    return bnt_adapt_tell(user, BANTAM_ADAPT_READING, done, total);
}

static bantam_status count_record(void *user, const bnt_record *record, bantam_error *err)
{
    uint64_t *const n = user;
    (void)record;
    (void)err;
    ++*n;
    return BANTAM_OK;
}

/* The share of the data that is set aside: what is wished for, but no more than some texts. */
static bantam_status held_out_share(const bnt_adapting *a, double *share, bantam_error *err)
{
    uint64_t n = 0;

    *share = a->o.held_out;
    if (*share == 0.0) return BANTAM_OK;
    for (size_t i = 0; i < a->o.n_data; i++) {
        const bantam_status status = bnt_records_read(a->o.data[i], count_record, &n, err);
        if (status) return status;
    }
    if (n && *share > (double)MOST_HELD_OUT / (double)n) {
        *share = (double)MOST_HELD_OUT / (double)n;
    }
    return BANTAM_OK;
}

static bantam_status open_dataset(bnt_adapting *a, bnt_dataset **out, const char *const *paths,
                                  size_t n, uint32_t batch_tokens, double held_out,
                                  bantam_error *err)
{
    bnt_data_file *const files = bnt_calloc(n, sizeof *files);
    const bnt_dataset_options o = {.tokenizer = a->job->tokenizer,
                                   .chat = a->job->chat,
                                   .files = files,
                                   .n_files = n,
                                   .sequence_tokens = a->o.sequence_tokens,
                                   .batch_tokens = batch_tokens,
                                   .seed = a->o.seed,
                                   .held_out = held_out,
                                   .progress = on_reading,
                                   .user = a};

    if (!files) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %zu files", n);
    for (size_t i = 0; i < n; i++) {
        files[i].path = paths[i];
    }
    const bantam_status status = bnt_dataset_open(out, &o, err);
    bnt_free(files);
    return status;
}

static void count_steps(bnt_adapting *a, const bnt_dataset_info *info)
{
    uint64_t steps = a->o.steps;

    if (!steps) {
        const double epochs = a->o.epochs > 0.0 ? a->o.epochs : usual_epochs;
        steps = (uint64_t)ceil(epochs * (double)info->n_rows / (double)a->o.batch_tokens);
        const uint64_t least = a->o.epochs > 0.0 ? 1 : LEAST_STEPS;
        if (steps < least) steps = least;
        if (steps > UINT32_MAX) steps = UINT32_MAX;
    }
    a->o.steps = a->o.no_steps ? 0 : (uint32_t)steps;
    a->measure_steps = a->o.steps / MEASUREMENTS;
    if (!a->measure_steps) a->measure_steps = 1;
}

bantam_status bnt_adapt_read(bnt_adapting *a, bantam_error *err)
{
    const bantam_adapt_options *const o = &a->o;
    bnt_dataset_info info;
    double share;

    bantam_status status = held_out_share(a, &share, err);
    if (!status) {
        status = open_dataset(a, &a->mix.data, o->data, o->n_data, o->batch_tokens, share, err);
    }
    if (!status && o->n_keep && a->keep_rows) {
        status =
            open_dataset(a, &a->mix.keep, o->keep, o->n_keep, a->keep_rows, keep_held_out, err);
    }
    bnt_mem_trim(); /* reading takes many times what is kept of it */
    if (status) return status;

    bnt_dataset_describe(a->mix.data, &info);
    count_steps(a, &info);
    a->result->n_documents = info.n_documents;
    a->result->n_held_out_tokens = info.n_held_out;
    a->result->n_tokens = info.n_rows;
    a->result->n_learned_tokens = info.n_learned;
    a->identity = info.digest;
    if (a->mix.keep) {
        bnt_dataset_describe(a->mix.keep, &info);
        a->identity ^= info.digest * 31;
    }
    return BANTAM_OK;
}

/* ---- what the model writes --------------------------------------------------------------- */

static bool on_writing(void *user, uint64_t done, uint64_t total)
{
    return bnt_adapt_tell(user, BANTAM_ADAPT_REHEARSING, done < total ? done : total, total);
}

void bnt_adapt_rehearsal_options(const bnt_adapting *a, bnt_rehearsal_options *out)
{
    const uint64_t wanted = (uint64_t)a->keep_rows * a->o.steps + LEAST_OWN_ROWS;
    const uint32_t least = 2 * a->o.sequence_tokens;

    *out = (bnt_rehearsal_options){
        .model = a->job->model,
        .tokenizer = a->job->tokenizer,
        .n_threads = a->n_threads,
        .sequence_tokens = a->o.sequence_tokens,
        .batch_tokens = a->keep_rows,
        .n_rows = wanted < MOST_OWN_ROWS ? (uint32_t)wanted : MOST_OWN_ROWS,
        .held_out = 2.0 * keep_held_out,
        .seed = a->o.seed,
    };
    if (out->n_rows < least) out->n_rows = least;
    if (!a->keep_rows || a->o.n_keep) out->n_rows = 0;
}

bantam_status bnt_adapt_rehearse(bnt_adapting *a, bantam_error *err)
{
    bnt_mix *const m = &a->mix;
    bnt_rehearsal_options o;

    bnt_adapt_rehearsal_options(a, &o);
    o.progress = on_writing;
    o.user = a;
    bantam_status status = bnt_rehearsal_open(&m->own, &o, err);
    if (status) return status;
    m->keep_share = a->o.keep_share;
    m->max_rows = a->o.batch_tokens + a->keep_rows;
    status = bnt_mix_init(m, err);
    if (!status && a->result->n_held_out_tokens) {
        status = bnt_dataset_in_order(m->data, true, MOST_HELD_OUT_ROWS, &a->held_out,
                                      &a->n_held_out, err);
    }
    if (!status && m->keep) {
        status = bnt_dataset_in_order(m->keep, true, MOST_KEEP_ROWS, &a->keep_held_out,
                                      &a->n_keep_held_out, err);
    }
    if (m->own) {
        a->keep_held_out = bnt_rehearsal_held_out(m->own, &a->n_keep_held_out);
        a->identity ^= bnt_rehearsal_digest(m->own) * 37;
    }
    return status;
}
