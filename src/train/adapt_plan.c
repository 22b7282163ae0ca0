/* adapt_plan.c - what an adaptation takes, and how it is made to fit.
 *
 * Where memory is short, the layers are computed again on the way back, which costs a third of
 * the time or less and changes no bit; then a step goes through the model in parts, down to one
 * sequence at a time, which is the same step but for the rounding of its sums.
 */
#include "base/checked.h"
#include "base/cpu.h"
#include "train/adapt_parts.h"

#include <inttypes.h>
#include <stdio.h>

/* What learning touches of the program and its libraries, beside what a session does. */
enum { LEARNING_BYTES = 600000 };

void bnt_adapt_net_options(const bnt_adapting *a, bnt_net_options *out)
{
    const bantam_adapt_plan *const p = &a->result->plan;

    *out = (bnt_net_options){.learns = BNT_LEARNS_ADAPTER,
                             .rank = a->o.rank,
                             .scale = (float)(a->o.alpha / (double)a->o.rank),
                             .targets = a->targets,
                             .seed = a->o.seed,
                             .max_rows = p->part_tokens,
                             .max_sequence = p->sequence_tokens,
                             .recompute = p->recompute};
}

/* Weights of the adapter. */
static uint64_t count_params(const bnt_adapting *a)
{
    const bnt_model *const model = a->job->model;
    uint64_t n = 0;

    for (uint32_t i = 0; i < model->config.n_layers; i++) {
        for (int place = 0; place < BNT_PLACES; place++) {
            if (!(a->targets >> place & 1)) continue;
            const bnt_matrix *const w = bnt_layer_matrix(&model->layers[i], (bnt_place)place);
            n += (uint64_t)a->o.rank * ((uint64_t)w->rows + w->columns);
        }
    }
    return n;
}

/* What does not depend on how it is computed. */
static bantam_status plan_rest(bnt_adapting *a, uint64_t *writing, bantam_error *err)
{
    bantam_adapt_plan *const p = &a->result->plan;
    bnt_rehearsal_options o;
    bantam_plan_info session;

    bnt_adapt_rehearsal_options(a, &o);
    const bantam_status status = bnt_rehearsal_plan(&o, &session, err);
    if (status) return status;
    p->weight_bytes = session.weight_bytes;
    p->other_bytes = session.other_bytes + LEARNING_BYTES;
    *writing = o.n_rows ? session.kv_bytes + session.scratch_bytes : 0;
    p->batch_tokens = a->o.batch_tokens + a->keep_rows;
    p->data_bytes = bnt_dataset_bytes(a->mix.data);
    if (a->mix.keep) p->data_bytes += bnt_dataset_bytes(a->mix.keep);
    if (o.n_rows) p->data_bytes += bnt_rehearsal_cost(&o);
    if (a->keep_rows) p->data_bytes += bnt_mix_cost(p->batch_tokens);
    p->n_params = count_params(a);
    if (p->n_params > UINT32_MAX) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "rank %" PRIu32 ": %" PRIu64 " weights would learn, at most %" PRIu32
                        " can",
                        a->o.rank, p->n_params, UINT32_MAX);
    }
    a->kept_bytes = sizeof(bnt_kept) + (size_t)p->n_params * sizeof(float);
    return BANTAM_OK;
}

/* Fills in the sums for one way to compute. writing is what the model takes while it writes,
 * which is over before the rest begins. */
static void size_up(bnt_adapting *a, bool recompute, uint32_t part_tokens, uint64_t writing)
{
    bantam_adapt_plan *const p = &a->result->plan;
    bnt_net_options o;

    p->recompute = recompute;
    p->part_tokens = part_tokens;
    bnt_adapt_net_options(a, &o);
    const uint64_t net = bnt_net_cost(a->job->model, &o, a->n_threads);
    const uint64_t own = 2 * p->n_params * sizeof(float); /* weights and gradients */
    p->learn_bytes = own + bnt_run_cost(p->n_params) + 2 * (uint64_t)a->kept_bytes;
    p->work_bytes = net > own ? net - own : net;
    if (p->learn_bytes + p->work_bytes < writing) p->work_bytes = writing - p->learn_bytes;
    p->total_bytes = UINT64_MAX;
    uint64_t total = p->weight_bytes;
    if (net != SIZE_MAX && bnt_add_u64(total, p->learn_bytes, &total) &&
        bnt_add_u64(total, p->work_bytes, &total) &&
        bnt_add_u64(total, p->data_bytes, &total) &&
        bnt_add_u64(total, p->other_bytes, &total)) {
        p->total_bytes = total;
    }
}

/* The first way that fits, the fastest first; else the smallest there is, with least tokens in
 * a part. */
static bool choose(bnt_adapting *a, uint64_t limit, uint32_t least, uint64_t writing)
{
    const bantam_adapt_plan *const p = &a->result->plan;

    size_up(a, false, p->batch_tokens, writing);
    if (p->total_bytes <= limit) return true;
    for (uint32_t part = p->batch_tokens;; part = part / 2 > least ? part / 2 : least) {
        size_up(a, true, part, writing);
        if (p->total_bytes <= limit) return true;
        if (part == least) return false;
    }
}

/* The longest sequence, in steps of 16, that would fit; 0 where none does. */
static uint32_t fitting_sequence(bnt_adapting *a, uint64_t limit, uint64_t writing)
{
    bantam_adapt_plan *const p = &a->result->plan;
    const bantam_adapt_plan before = *p;
    uint32_t low = 0, high = p->sequence_tokens / 16;

    while (low < high) {
        const uint32_t middle = low + (high - low + 1) / 2;
        p->sequence_tokens = middle * 16;
        size_up(a, true, middle * 16, writing);
        if (p->total_bytes <= limit) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    *p = before;
    return low * 16;
}

bantam_status bnt_adapt_plan(bnt_adapting *a, bantam_error *err)
{
    bantam_adapt_plan *const p = &a->result->plan;
    const uint64_t limit = a->o.memory_bytes;
    uint64_t writing, total, available = 0;

    const bantam_status status = plan_rest(a, &writing, err);
    if (status) return status;
    /* Without a limit what the machine has decides, but changes no bit: steps stay whole. */
    if (!limit) bnt_cpu_memory(&total, &available);
    const bool fits =
        limit ? choose(a, limit, p->sequence_tokens, writing)
              : choose(a, available ? available : UINT64_MAX, p->batch_tokens, writing);
    if (limit && !fits) {
        char advice[80] = "";
        const uint32_t shorter = fitting_sequence(a, limit, writing);
        if (shorter) {
            snprintf(advice, sizeof advice, "; sequences of %" PRIu32 " tokens fit", shorter);
        }
        return bnt_fail(err, BANTAM_ERR_NOMEM,
                        "%" PRIu64 " bytes are needed at least (weights %" PRIu64
                        ", the adapter and its averages %" PRIu64
                        ", activations of a sequence of %" PRIu32 " tokens %" PRIu64
                        ", texts %" PRIu64 ", other %" PRIu64 "), %" PRIu64 " are allowed%s",
                        p->total_bytes, p->weight_bytes, p->learn_bytes, p->sequence_tokens,
                        p->work_bytes, p->data_bytes, p->other_bytes, limit, advice);
    }
    if (p->total_bytes == UINT64_MAX) {
        return bnt_fail(err, BANTAM_ERR_NOMEM,
                        "a step of %" PRIu32 " tokens is more than this machine can address",
                        p->batch_tokens);
    }
    if (a->o.planned && !a->o.planned(a->o.user, p)) {
        a->cancelled = true;
        return bnt_fail(err, BANTAM_ERR_CANCELLED, "stopped before the beginning");
    }
    return BANTAM_OK;
}
