/* mix.c - two sources of batches as one. */
#include "train/mix.h"

#include "base/mem.h"
#include "train/parts.h"

#include <inttypes.h>
#include <string.h>

size_t bnt_mix_cost(uint32_t max_rows)
{
    return (size_t)max_rows * (2 * sizeof(uint32_t) + sizeof(float) + sizeof(bnt_sequence));
}

bantam_status bnt_mix_init(bnt_mix *m, bantam_error *err)
{
    if (!m->keep && !m->own) return BANTAM_OK;
    m->tokens = bnt_calloc(m->max_rows, sizeof *m->tokens);
    m->targets = bnt_calloc(m->max_rows, sizeof *m->targets);
    m->weights = bnt_calloc(m->max_rows, sizeof *m->weights);
    m->sequences = bnt_calloc(m->max_rows, sizeof *m->sequences);
    if (m->tokens && m->targets && m->weights && m->sequences) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for batches of %" PRIu32 " tokens",
                    m->max_rows);
}

void bnt_mix_deinit(bnt_mix *m)
{
    bnt_free(m->sequences);
    bnt_free(m->weights);
    bnt_free(m->targets);
    bnt_free(m->tokens);
    bnt_rehearsal_close(m->own);
    bnt_dataset_close(m->keep);
    bnt_dataset_close(m->data);
    *m = (bnt_mix){0};
}

/* Appends a batch to the one in the making, its weights times factor. */
static void append(bnt_mix *m, bnt_batch *to, const bnt_batch *b, double factor)
{
    memcpy(m->tokens + to->n_rows, b->tokens, b->n_rows * sizeof *b->tokens);
    memcpy(m->targets + to->n_rows, b->targets, b->n_rows * sizeof *b->targets);
    for (uint32_t i = 0; i < b->n_rows; i++) {
        m->weights[to->n_rows + i] = (float)((double)b->weights[i] * factor);
    }
    for (uint32_t i = 0; i < b->n_sequences; i++) {
        const bnt_sequence s = {to->n_rows + b->sequences[i].first, b->sequences[i].n};
        m->sequences[to->n_sequences + i] = s;
    }
    to->n_rows += b->n_rows;
    to->n_sequences += b->n_sequences;
}

bantam_status bnt_mix_batch(void *mix, uint64_t step, bnt_batch *out, bantam_error *err)
{
    bnt_mix *const m = mix;
    bnt_batch data, keep;

    bantam_status status = bnt_dataset_batch(m->data, step, &data, err);
    if (status || (!m->keep && !m->own)) {
        *out = data;
        return status;
    }
    if (m->keep) {
        status = bnt_dataset_batch(m->keep, step, &keep, err);
        if (status) return status;
    } else {
        keep = *bnt_rehearsal_batch(m->own, step);
    }
    if (keep.n_rows > m->max_rows || data.n_rows > m->max_rows - keep.n_rows) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "batch of %" PRIu32 " and %" PRIu32 " tokens: at most %" PRIu32
                        " have room",
                        data.n_rows, keep.n_rows, m->max_rows);
    }
    *out = (bnt_batch){.tokens = m->tokens,
                       .targets = m->targets,
                       .weights = m->weights,
                       .sequences = m->sequences};
    append(m, out, &data, 1.0);
    const double ratio = m->keep_share / (1.0 - m->keep_share);
    append(m, out, &keep, ratio * bnt_batch_weight(&data) / bnt_batch_weight(&keep));
    return BANTAM_OK;
}
