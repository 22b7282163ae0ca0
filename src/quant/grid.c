/* grid.c - the search for the scales of B6 to B2, and the step of B8.
 *
 * Sixteen rows are worked on side by side: lane r of every array belongs to row r of the group,
 * so that each loop over lanes is sixteen independent sums that a compiler turns into vector
 * arithmetic without changing a bit.
 *
 * Scales are found by trying. A span's codes follow from its scale, and for given codes the
 * best scale is xq / qq (sums of w x q and w q q), with which the squared error falls short of
 * the span's energy by xq^2 / qq. First each span by itself tries scales of both signs that map
 * its largest value around the lowest code: codes reach one further down than up, and with a
 * negative scale it is the positive values that get the one code more. Then the block tries
 * values of d under which the ideal scales are rounded to whole numbers, each span to the
 * better of its two neighbors; last, the d that is best for the codes found is tried, too.
 *
 * The bytes are tile_encode.c's.
 */
#include "quant/grid.h"

#include <math.h>

#include "quant/block.h"

enum {
    ROWS = BNT_TILE_ROWS,
    SPAN = BNT_TILE_SPAN,
    BLOCK = BNT_TILE_BLOCK,
    SPANS = BNT_TILE_SPANS,
    TRIES = 7 /* of a span's scale, and of a block's d */
};

typedef float lanes[ROWS];

/* Values of larger magnitude have no code under any d a half can hold. */
static const float MAX_VALUE = 3e8f;
/* The smallest half above zero; values below half of it may as well be zero. */
static const float MIN_D = 0x1p-24f;
static const float MAX_D = 65504.0f;

static const float LEAST_WEIGHT = 1e-9f;

/* What the search knows of a type. Of B4, B3 and B2 the fewer codes there are, the finer are
 * the scales: all products of the two fit int8.
 *
 * These codes of B3 and B2 were chosen by measurement against as many odd ones (-7, -5, ..., 7
 * and -3, -1, 1, 3), which a span cannot turn to the side of its largest value: with odd ones
 * the squared errors of normal weights and of weights with heavy tails (Student's t with 5
 * degrees of freedom) are 11 and 20 percent larger for B3, and 3 percent smaller and 18 percent
 * larger for B2. Spans of 16 columns lower errors by 17 to 29 percent for a quarter of a bit a
 * weight; a quarter of a bit spent on more codes lowers them by 29.
 *
 * The highest levels are for spans whose largest value lies in a column of little weight. */
typedef struct codes {
    float low, high;
    float max_scale;
    float levels[TRIES]; /* what the largest value of a span becomes before codes are limited */
    float tops[TRIES];   /* what the largest scale of a block becomes, likewise */
} codes;

static const codes codes_b6 = {
    .low = -32.0f,
    .high = 31.0f,
    .max_scale = 127.0f,
    .levels = {29.0f, 30.0f, 30.8f, 31.4f, 32.0f, 32.5f, 33.5f},
    .tops = {128.0f, 127.0f, 125.0f, 122.0f, 118.0f, 114.0f, 110.0f},
};

static const codes codes_b5 = {
    .low = -16.0f,
    .high = 15.0f,
    .max_scale = 127.0f,
    .levels = {13.8f, 14.5f, 15.1f, 15.6f, 16.1f, 16.7f, 17.5f},
    .tops = {128.0f, 127.0f, 125.0f, 122.0f, 118.0f, 114.0f, 110.0f},
};

static const codes codes_b4 = {
    .low = -8.0f,
    .high = 7.0f,
    .max_scale = 15.0f,
    .levels = {6.5f, 7.0f, 7.4f, 7.8f, 8.2f, 8.6f, 9.1f},
    .tops = {16.0f, 15.0f, 14.0f, 13.0f, 12.0f, 11.0f, 10.0f},
};

static const codes codes_b3 = {
    .low = -4.0f,
    .high = 3.0f,
    .max_scale = 31.0f,
    .levels = {2.4f, 2.8f, 3.3f, 3.9f, 4.7f, 6.0f, 8.0f},
    .tops = {32.0f, 31.0f, 30.0f, 28.0f, 26.0f, 24.0f, 22.0f},
};

static const codes codes_b2 = {
    .low = -2.0f,
    .high = 1.0f,
    .max_scale = 63.0f,
    .levels = {1.1f, 1.4f, 1.8f, 2.3f, 2.9f, 3.7f, 4.8f},
    .tops = {64.0f, 63.0f, 60.0f, 56.0f, 52.0f, 48.0f, 44.0f},
};

typedef struct block {
    const codes *codes;
    float x[BLOCK][ROWS];
    float w[BLOCK]; /* of a column's error */
    lanes energy[SPANS];
    lanes ideal[SPANS]; /* scales, signed */
    int n_spans;
} block;

typedef struct sums {
    lanes xq, qq;
} sums;

/* A way to store a block: scales of spans are s * d. */
typedef struct choice {
    lanes d, s[SPANS];
    lanes error;
    lanes xq, qq; /* of s * code in place of the code: what d would be best */
} choice;

/* Added to a float below 2^22 and taken away again it leaves the nearest whole number, ties to
 * even. */
static const float WHOLE = 12582912.0f;

static inline float to_whole(float x)
{
    return (x + WHOLE) - WHOLE;
}

static inline float limit(float x, float low, float high)
{
    const float raised = x > low ? x : low;
    return raised < high ? raised : high;
}

/* The nearest code. |x - low| - |x - high| limits whole numbers without a comparison, which in
 * loops over lanes would stand in the way of vector code: it may trap. x * inverse is no more
 * than a few hundred: a scale follows from the largest value it is for. */
static inline float code_of(float x, float inverse, const codes *c)
{
    const float code = to_whole(x * inverse);
    return 0.5f * (fabsf(code - c->low) - fabsf(code - c->high) + (c->low + c->high));
}

/* |x| or |y|, compared by their bits. */
static inline float larger_size(float x, float y)
{
    const int32_t a = (int32_t)(bnt_f32_to_bits(x) & 0x7FFFFFFFu);
    const int32_t b = (int32_t)(bnt_f32_to_bits(y) & 0x7FFFFFFFu);
    return bnt_f32_from_bits((uint32_t)(a > b ? a : b));
}

static inline float inverse_of(float x)
{
    return x != 0.0f ? 1.0f / x : 0.0f;
}

/* ---- one span ---------------------------------------------------------------------------- */

/* The sums under the scale whose inverse is given. */
static void project(const block *b, int span, const lanes inverse, sums *out)
{
    const codes set = *b->codes;
    lanes xq = {0}, qq = {0};
    for (int c = SPAN * span; c < SPAN * (span + 1); c++) {
        for (int r = 0; r < ROWS; r++) {
            const float q = code_of(b->x[c][r], inverse[r], &set);
            const float weighted = b->w[c] * q;
            xq[r] += weighted * b->x[c][r];
            qq[r] += weighted * q;
        }
    }
    memcpy(out->xq, xq, sizeof xq);
    memcpy(out->qq, qq, sizeof qq);
}

static void try_scale(block *b, int span, const lanes inverse, lanes best)
{
    sums found;
    project(b, span, inverse, &found);
    for (int r = 0; r < ROWS; r++) {
        const float scale = found.xq[r] * inverse_of(found.qq[r]);
        const float gain = scale * found.xq[r];
        b->ideal[span][r] = gain > best[r] ? scale : b->ideal[span][r];
        best[r] = gain > best[r] ? gain : best[r];
    }
}

static void find_ideal(block *b, int span)
{
    lanes largest = {0}, inverse, best = {0};

    for (int c = SPAN * span; c < SPAN * (span + 1); c++) {
        for (int r = 0; r < ROWS; r++) {
            largest[r] = larger_size(largest[r], b->x[c][r]);
            b->energy[span][r] += b->w[c] * b->x[c][r] * b->x[c][r];
        }
    }
    for (int l = 0; l < TRIES; l++) {
        for (int r = 0; r < ROWS; r++) {
            inverse[r] = largest[r] >= MIN_D / 2 ? b->codes->levels[l] / largest[r] : 0.0f;
        }
        try_scale(b, span, inverse, best);
        for (int r = 0; r < ROWS; r++) {
            inverse[r] = -inverse[r];
        }
        try_scale(b, span, inverse, best);
    }
}

/* ---- a block ----------------------------------------------------------------------------- */

static void round_to_half(lanes d)
{
    for (int r = 0; r < ROWS; r++) {
        d[r] = bnt_f16_to_f32(bnt_f32_to_f16(limit(d[r], 0.0f, MAX_D)));
    }
}

/* Error of a span under the scale d * s; the sums of codes are left in found. */
static void measure(const block *b, int span, const lanes d, const lanes s, sums *found,
                    lanes error)
{
    lanes inverse;
    for (int r = 0; r < ROWS; r++) {
        inverse[r] = inverse_of(d[r] * s[r]);
    }
    project(b, span, inverse, found);
    for (int r = 0; r < ROWS; r++) {
        const float scale = d[r] * s[r];
        error[r] = b->energy[span][r] + scale * (scale * found->qq[r] - 2.0f * found->xq[r]);
    }
}

/* The better of the two whole scales next to the ideal one; enters c's sums. */
static void choose_scale(const block *b, int span, choice *c)
{
    const float max_scale = b->codes->max_scale;
    lanes s[2], error[2];
    sums found[2];

    for (int r = 0; r < ROWS; r++) {
        const float exact =
            limit(b->ideal[span][r] * inverse_of(c->d[r]), -max_scale, max_scale);
        s[0][r] = to_whole(exact);
        s[1][r] =
            limit(exact > s[0][r] ? s[0][r] + 1.0f : s[0][r] - 1.0f, -max_scale, max_scale);
    }
    measure(b, span, c->d, s[0], &found[0], error[0]);
    measure(b, span, c->d, s[1], &found[1], error[1]);
    for (int r = 0; r < ROWS; r++) {
        const bool second = error[1][r] < error[0][r];
        const float scale = second ? s[1][r] : s[0][r];
        c->s[span][r] = scale;
        c->error[r] += second ? error[1][r] : error[0][r];
        c->xq[r] += scale * (second ? found[1].xq[r] : found[0].xq[r]);
        c->qq[r] += scale * scale * (second ? found[1].qq[r] : found[0].qq[r]);
    }
}

static void keep_better(choice *best, const choice *c)
{
    for (int r = 0; r < ROWS; r++) {
        if (!(c->error[r] < best->error[r])) continue;
        best->d[r] = c->d[r];
        best->error[r] = c->error[r];
        best->xq[r] = c->xq[r];
        best->qq[r] = c->qq[r];
        for (int span = 0; span < SPANS; span++) {
            best->s[span][r] = c->s[span][r];
        }
    }
}

/* Chooses all scales under c->d, of which only d is given, and keeps them where they are
 * better.
 */
static void try_d(const block *b, choice *c, choice *best)
{
    round_to_half(c->d);
    for (int r = 0; r < ROWS; r++) {
        c->error[r] = c->xq[r] = c->qq[r] = 0.0f;
    }
    for (int span = 0; span < b->n_spans; span++) {
        choose_scale(b, span, c);
    }
    keep_better(best, c);
}

static void choose(const block *b, choice *best)
{
    lanes top = {0};
    choice c = {0};

    *best = (choice){0};
    for (int span = 0; span < b->n_spans; span++) {
        for (int r = 0; r < ROWS; r++) {
            top[r] = larger_size(top[r], b->ideal[span][r]);
            best->error[r] += b->energy[span][r]; /* of all zeros */
        }
    }
    for (int t = 0; t < TRIES; t++) {
        for (int r = 0; r < ROWS; r++) {
            const float d = top[r] / b->codes->tops[t];
            c.d[r] = top[r] > 0.0f && d < MIN_D ? MIN_D : d;
        }
        try_d(b, &c, best);
    }
    for (int r = 0; r < ROWS; r++) {
        c.d[r] = best->xq[r] * inverse_of(best->qq[r]);
    }
    try_d(b, &c, best);
}

/* ---- a block out of a group -------------------------------------------------------------- */

/* Columns turned to rows; rows and columns that are missing are zero. */
static void take_block(block *b, const float *rows, size_t stride, uint32_t n_rows,
                       uint32_t n_columns)
{
    b->n_spans = (int)(bnt_tile_columns(n_columns) / SPAN);
    if (n_rows < ROWS || n_columns % SPAN) memset(b->x, 0, sizeof b->x);
    for (size_t r = 0; r < n_rows; r++) {
        const float *const from = rows + r * stride;
        for (size_t c = 0; c < n_columns; c++) {
            b->x[c][r] = limit(from[c], -MAX_VALUE, MAX_VALUE);
        }
    }
}

/* Only the proportions of weights matter; with the largest at 1 no sum overflows. None is less
 * than LEAST_WEIGHT of it: columns that nothing was seen in still get what they can have. */
static void take_weights(block *b, const float *weights, uint32_t n_columns)
{
    float largest = 0.0f;
    for (uint32_t c = 0; weights && c < n_columns; c++) {
        largest = weights[c] > largest ? weights[c] : largest;
    }
    for (uint32_t c = 0; c < BLOCK; c++) {
        const bool known = largest > 0.0f && c < n_columns;
        b->w[c] = known ? limit(weights[c] / largest, LEAST_WEIGHT, 1.0f) : 1.0f;
    }
}

/* ---- the grids --------------------------------------------------------------------------- */

static void search(block *b, bnt_grid *out)
{
    choice best;

    memset(b->energy, 0, sizeof b->energy);
    memset(b->ideal, 0, sizeof b->ideal);
    for (int span = 0; span < b->n_spans; span++) {
        find_ideal(b, span);
    }
    choose(b, &best);
    memcpy(out->d, best.d, sizeof out->d);
    for (int span = 0; span < b->n_spans; span++) {
        for (int r = 0; r < ROWS; r++) {
            out->s[span][r] = (int8_t)best.s[span][r];
        }
    }
}

/* The step of B8 maps the largest value of a row to 127. */
static void take_largest(const block *b, bnt_grid *out)
{
    lanes d = {0};

    for (int c = 0; c < SPAN * b->n_spans; c++) {
        for (int r = 0; r < ROWS; r++) {
            d[r] = larger_size(d[r], b->x[c][r]);
        }
    }
    for (int r = 0; r < ROWS; r++) {
        const float step = d[r] / 127.0f;
        d[r] = d[r] >= MIN_D / 2 && step < MIN_D ? MIN_D : step;
    }
    round_to_half(d);
    memcpy(out->d, d, sizeof out->d);
    memset(out->s, 1, sizeof out->s);
}

/* NULL for B8, whose step nothing is searched for. */
static const codes *codes_of(const bnt_type *type)
{
    switch ((int)type->id) {
    case BNT_TYPE_B6:
        return &codes_b6;
    case BNT_TYPE_B5:
        return &codes_b5;
    case BNT_TYPE_B4:
        return &codes_b4;
    case BNT_TYPE_B3:
        return &codes_b3;
    case BNT_TYPE_B2:
        return &codes_b2;
    default:
        return NULL;
    }
}

void bnt_grid_choose(const bnt_type *type, const float *rows, size_t stride, uint32_t n_rows,
                     uint32_t n_columns, const float *weights, bnt_grid *out)
{
    const codes *const c = codes_of(type);
    block b;

    *out = (bnt_grid){.low = -127, .high = 127};
    take_block(&b, rows, stride, n_rows, n_columns);
    out->n_spans = b.n_spans;
    if (c) {
        out->low = (int)c->low;
        out->high = (int)c->high;
        b.codes = c;
        take_weights(&b, weights, n_columns);
        search(&b, out);
    } else {
        take_largest(&b, out);
    }
    for (int span = 0; span < b.n_spans; span++) {
        for (int r = 0; r < ROWS; r++) {
            out->step[span][r] = out->d[r] * (float)out->s[span][r];
            out->inverse[span][r] = inverse_of(out->step[span][r]);
        }
    }
}
