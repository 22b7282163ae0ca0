/* mix.c - two sources of batches as one, and the loss of either. */
#include "train/mix.h"

#include "base/mem.h"

#include <inttypes.h>
#include <math.h>
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

static double weight_of(const bnt_batch *b)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < b->n_rows; i++) {
        sum += (double)b->weights[i];
    }
    return sum;
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
    append(m, out, &keep, ratio * weight_of(&data) / weight_of(&keep));
    return BANTAM_OK;
}

/* ---- losses ------------------------------------------------------------------------------ */

enum { MOST_SEQUENCES = 64 }; /* of a part */

/* The part of a batch that begins with sequence first; returns the sequence behind it. */
static uint32_t cut(const bnt_batch *b, uint32_t first, uint32_t part_rows,
                    bnt_sequence sequences[MOST_SEQUENCES], bnt_batch *part)
{
    const uint32_t start = b->sequences[first].first;

    *part = (bnt_batch){.tokens = b->tokens + start,
                        .targets = b->targets + start,
                        .weights = b->weights + start,
                        .sequences = sequences};
    while (first < b->n_sequences && part->n_sequences < MOST_SEQUENCES &&
           b->sequences[first].n <= part_rows - part->n_rows) {
        sequences[part->n_sequences++] = (bnt_sequence){part->n_rows, b->sequences[first].n};
        part->n_rows += b->sequences[first++].n;
    }
    return first;
}

bantam_status bnt_mix_loss(bnt_net *net, const bnt_batch *batches, size_t n_batches,
                           uint32_t part_rows, double *loss, bantam_error *err)
{
    bnt_sequence sequences[MOST_SEQUENCES];
    double sum = 0.0, whole = 0.0;

    *loss = (double)NAN;
    for (size_t i = 0; i < n_batches; i++) {
        for (uint32_t s = 0; s < batches[i].n_sequences;) {
            bnt_batch part;
            double one = 0.0;
            const uint32_t next = cut(&batches[i], s, part_rows, sequences, &part);
            if (next == s) {
                return bnt_fail(err, BANTAM_ERR_INVALID,
                                "sequence of %" PRIu32 " tokens: a part holds %" PRIu32,
                                batches[i].sequences[s].n, part_rows);
            }
            s = next;
            const double weight = weight_of(&part);
            if (!(weight > 0.0)) continue;
            const bantam_status status = bnt_net_loss(net, &part, &one, NULL, err);
            if (status) return status;
            sum += weight * one;
            whole += weight;
        }
    }
    if (whole > 0.0) *loss = sum / whole;
    return BANTAM_OK;
}
