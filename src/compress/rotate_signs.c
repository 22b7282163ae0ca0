/* rotate_signs.c - random signs for a rotation, and which of several draws loses least. */
#include "compress/rotate_parts.h"

#include <math.h>

#include "base/rng.h"

void bnt_rotate_draw(bnt_rotator *o, uint64_t seed)
{
    const bnt_config *const c = &o->config;
    const size_t kv = (size_t)c->n_kv_heads * c->head_dim;
    const size_t n = c->n_embd + c->n_layers * (kv + c->n_ffn);
    bnt_rng rng;

    o->seed = seed;
    bnt_rng_seed(&rng, seed);
    for (size_t i = 0; i < n; i++) {
        o->signs[i] = bnt_rng_u64(&rng) >> 63 ? -1.0f : 1.0f;
    }
}

/* What a row loses in whole numbers of -7 to 7, with a scale for each 32 values, of its sum of
 * squares. */
static double loss_of(const float *row, size_t n)
{
    enum { SPAN = 32, MOST = 7 };
    double lost = 0.0, all = 0.0;

    for (size_t at = 0; at < n; at += SPAN) {
        const size_t end = at + SPAN < n ? at + SPAN : n;
        float largest = 0.0f;
        for (size_t i = at; i < end; i++) {
            largest = fmaxf(largest, fabsf(row[i]));
        }
        const float step = largest / MOST;
        for (size_t i = at; i < end; i++) {
            const float off = step > 0.0f ? row[i] - step * rintf(row[i] / step) : 0.0f;
            lost += (double)off * (double)off;
            all += (double)row[i] * (double)row[i];
        }
    }
    return all > 0.0 ? lost / all : 0.0;
}

/* Of rows spread over each matrix of a layer. Columns stay unturned: what is drawn for them
 * mixes rows, which rounding along rows does not see. */
static double loss_of_sample(const bnt_rotator *o, const bnt_source *s, float *row)
{
    enum { ROWS = 16 };
    double sum = 0.0;

    for (size_t i = 0; i < s->n_tensors; i++) {
        const bnt_source_tensor *const t = &s->tensors[i];
        if (t->part < BNT_ROTATE_READER) continue;
        const uint64_t rows = bnt_source_rows(t);
        for (uint64_t k = 0; k < ROWS; k++) {
            bnt_rotate_row(o, t, k * rows / ROWS, row);
            sum += loss_of(row, (size_t)t->dims[0]);
        }
    }
    return sum;
}

void bnt_rotate_search(bnt_rotator *o, const bnt_source *s, uint64_t seed, uint32_t n_seeds,
                       float *row)
{
    double best = INFINITY;
    uint64_t kept = seed;

    for (uint64_t i = 0; n_seeds > 1 && i < n_seeds; i++) {
        bnt_rotate_draw(o, seed + i);
        const double loss = loss_of_sample(o, s, row);
        if (loss < best) {
            best = loss;
            kept = seed + i;
        }
    }
    bnt_rotate_draw(o, kept);
}
