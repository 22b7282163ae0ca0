/* parts.c - cuts batches between sequences. What is done with a part is run.c's and net.c's. */
#include "train/parts.h"

#include "base/error.h"
#include "base/mem.h"

#include <inttypes.h>
#include <math.h>

double bnt_batch_weight(const bnt_batch *batch)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < batch->n_rows; i++) {
        sum += (double)batch->weights[i];
    }
    return sum;
}

bantam_status bnt_parts_begin(bnt_parts *parts, const bnt_batch *batch, uint32_t max_rows,
                              bantam_error *err)
{
    const uint32_t most = max_rows ? max_rows : UINT32_MAX, n = batch->n_sequences;

    for (uint32_t i = 0; i < n; i++) {
        if (batch->sequences[i].n <= most) continue;
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "sequence of %" PRIu32 " rows: a part holds at most %" PRIu32,
                        batch->sequences[i].n, most);
    }
    if (n > parts->capacity) {
        bnt_sequence *const grown = bnt_realloc(parts->sequences, n, sizeof *grown);
        if (!grown) {
            return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %" PRIu32 " sequences",
                            n);
        }
        parts->sequences = grown;
        parts->capacity = n;
    }
    parts->batch = batch;
    parts->max_rows = most;
    parts->next = 0;
    return BANTAM_OK;
}

bool bnt_parts_next(bnt_parts *parts, bnt_batch *out, double *weight)
{
    const bnt_batch *const b = parts->batch;

    while (parts->next < b->n_sequences) {
        const bnt_sequence *s = &b->sequences[parts->next];
        *out = (bnt_batch){.tokens = b->tokens + s->first,
                           .targets = b->targets + s->first,
                           .weights = b->weights + s->first,
                           .sequences = parts->sequences};
        for (; parts->next < b->n_sequences && s->n <= parts->max_rows - out->n_rows; s++) {
            parts->sequences[out->n_sequences++] = (bnt_sequence){out->n_rows, s->n};
            out->n_rows += s->n;
            parts->next++;
        }
        *weight = bnt_batch_weight(out);
        if (*weight > 0.0) return true;
    }
    return false;
}

void bnt_parts_deinit(bnt_parts *parts)
{
    bnt_free(parts->sequences);
    *parts = (bnt_parts){0};
}

bantam_status bnt_batches_loss(bnt_net *net, const bnt_batch *batches, size_t n_batches,
                               uint32_t max_rows, double *loss, bantam_error *err)
{
    bnt_parts parts = {0};
    double sum = 0.0, whole = 0.0;
    bantam_status status = BANTAM_OK;

    for (size_t i = 0; i < n_batches && !status; i++) {
        bnt_batch part;
        double weight, one = 0.0;
        status = bnt_parts_begin(&parts, &batches[i], max_rows, err);
        while (!status && bnt_parts_next(&parts, &part, &weight)) {
            status = bnt_net_loss(net, &part, &one, NULL, err);
            sum += weight * one;
            whole += weight;
        }
    }
    bnt_parts_deinit(&parts);
    *loss = !status && whole > 0.0 ? sum / whole : (double)NAN;
    return status;
}
