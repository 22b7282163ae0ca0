/* tile_encode.c - floats to B4 and B8, the types whose layout tile.h draws.
 *
 * Sixteen rows are worked on side by side: lane r of every array belongs to row r of the group,
 * so that each loop over lanes is sixteen independent sums that a compiler turns into vector
 * arithmetic without changing a bit.
 *
 * B4 is found by trying. A span's codes follow from its scale, and for given codes the best
 * scale is xq / qq (sums of w x q and w q q), with which the squared error falls short of the
 * span's energy by xq^2 / qq. First each span by itself tries scales of both signs that map its
 * largest value around -8: with a negative scale it is the positive values that get the one
 * code more. Then the block tries values of d under which the ideal scales are rounded to whole
 * numbers, each span to the better of its two neighbors; last, the d that is best for the codes
 * found is tried, too.
 */
#include <math.h>

#include "quant/block.h"
#include "quant/tile.h"

enum {
    ROWS = BNT_TILE_ROWS,
    SPAN = BNT_TILE_SPAN,
    BLOCK = BNT_TILE_BLOCK,
    SPANS = BNT_TILE_SPANS,
    MAX_SCALE = 15 /* of B4: 15 * 8 fits int8 */
};

typedef float lanes[ROWS];

/* Values of larger magnitude have no code under any d a half can hold. */
static const float MAX_VALUE = 1e7f;
/* The smallest half above zero; values below half of it may as well be zero. */
static const float MIN_D = 0x1p-24f;
static const float MAX_D = 65504.0f;

static const float LEAST_WEIGHT = 1e-9f;

/* What the largest value of a span becomes, in steps, before the limits are applied. */
static const float LEVELS[] = {6.5f, 7.0f, 7.4f, 7.8f, 8.2f, 8.6f, 9.1f};
/* What the largest scale of a block becomes, likewise. */
static const float TOPS[] = {16.0f, 15.0f, 14.0f, 13.0f, 12.0f, 11.0f, 10.0f};

typedef struct block {
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

/* The nearest code from low to high. |x - low| - |x - high| limits whole numbers without a
 * comparison, which in loops over lanes would stand in the way of vector code: it may trap.
 * x * inverse is no more than a few hundred: a scale follows from the largest value it is for.
 */
static inline float code_of(float x, float inverse, float low, float high)
{
    const float code = to_whole(x * inverse);
    return 0.5f * (fabsf(code - low) - fabsf(code - high) + (low + high));
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
static void project(const float (*x)[ROWS], const float *w, const lanes inverse, sums *out)
{
    lanes xq = {0}, qq = {0};
    for (int c = 0; c < SPAN; c++) {
        for (int r = 0; r < ROWS; r++) {
            const float q = code_of(x[c][r], inverse[r], -8.0f, 7.0f);
            const float weighted = w[c] * q;
            xq[r] += weighted * x[c][r];
            qq[r] += weighted * q;
        }
    }
    memcpy(out->xq, xq, sizeof xq);
    memcpy(out->qq, qq, sizeof qq);
}

static void try_scale(block *b, int span, const lanes inverse, lanes best)
{
    sums found;
    project(b->x + SPAN * span, b->w + SPAN * span, inverse, &found);
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
    for (size_t l = 0; l < sizeof LEVELS / sizeof *LEVELS; l++) {
        for (int r = 0; r < ROWS; r++) {
            inverse[r] = largest[r] >= MIN_D / 2 ? LEVELS[l] / largest[r] : 0.0f;
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
    project(b->x + SPAN * span, b->w + SPAN * span, inverse, found);
    for (int r = 0; r < ROWS; r++) {
        const float scale = d[r] * s[r];
        error[r] = b->energy[span][r] + scale * (scale * found->qq[r] - 2.0f * found->xq[r]);
    }
}

/* The better of the two whole scales next to the ideal one; enters c's sums. */
static void choose_scale(const block *b, int span, choice *c)
{
    lanes s[2], error[2];
    sums found[2];

    for (int r = 0; r < ROWS; r++) {
        const float exact =
            limit(b->ideal[span][r] * inverse_of(c->d[r]), -MAX_SCALE, MAX_SCALE);
        s[0][r] = to_whole(exact);
        s[1][r] =
            limit(exact > s[0][r] ? s[0][r] + 1.0f : s[0][r] - 1.0f, -MAX_SCALE, MAX_SCALE);
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
    for (size_t t = 0; t < sizeof TOPS / sizeof *TOPS; t++) {
        for (int r = 0; r < ROWS; r++) {
            const float d = top[r] / TOPS[t];
            c.d[r] = top[r] > 0.0f && d < MIN_D ? MIN_D : d;
        }
        try_d(b, &c, best);
    }
    for (int r = 0; r < ROWS; r++) {
        c.d[r] = best->xq[r] * inverse_of(best->qq[r]);
    }
    try_d(b, &c, best);
}

/* ---- bytes ------------------------------------------------------------------------------- */

static void put_halves(uint8_t *to, const lanes d)
{
    for (int r = 0; r < ROWS; r++) {
        const bnt_half h = bnt_half_make(d[r]);
        memcpy(to + 2 * r, h.byte, sizeof h.byte);
    }
}

/* codes: 4 or 8 lines of one span. */
static void put_codes4(const float (*x)[ROWS], const lanes inverse, uint8_t *lines)
{
    for (int c = 0; c < SPAN / 2; c++) {
        uint8_t *const to = lines + BNT_TILE_LINE * (c / 4) + c % 4;
        for (int r = 0; r < ROWS; r++) {
            const int low = (int)code_of(x[c][r], inverse[r], -8.0f, 7.0f) + 8;
            const int high = (int)code_of(x[c + 16][r], inverse[r], -8.0f, 7.0f) + 8;
            to[4 * r] = (uint8_t)(low | high << 4);
        }
    }
}

static void put_codes8(const float (*x)[ROWS], const lanes inverse, uint8_t *lines)
{
    for (int c = 0; c < SPAN; c++) {
        uint8_t *const to = lines + BNT_TILE_LINE * (c / 4) + c % 4;
        for (int r = 0; r < ROWS; r++) {
            to[4 * r] = (uint8_t)(int8_t)code_of(x[c][r], inverse[r], -127.0f, 127.0f);
        }
    }
}

static void encode_b4(const bnt_tile *t, block *b, uint8_t *head, uint8_t *tile)
{
    choice best;

    memset(b->energy, 0, sizeof b->energy);
    memset(b->ideal, 0, sizeof b->ideal);
    for (int span = 0; span < b->n_spans; span++) {
        find_ideal(b, span);
    }
    choose(b, &best);
    put_halves(head, best.d);
    uint8_t *lines = tile + bnt_tile_codes_at(t, (size_t)b->n_spans);
    for (int span = 0; span < b->n_spans; span++) {
        lanes inverse;
        for (int r = 0; r < ROWS; r++) {
            inverse[r] = inverse_of(best.d[r] * best.s[span][r]);
            tile[ROWS * span + r] = (uint8_t)(int8_t)best.s[span][r];
        }
        put_codes4(b->x + SPAN * span, inverse, lines);
        lines += t->code_bytes;
    }
}

static void encode_b8(const bnt_tile *t, const block *b, uint8_t *head, uint8_t *tile)
{
    lanes d = {0}, inverse;

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
    for (int r = 0; r < ROWS; r++) {
        inverse[r] = inverse_of(d[r]);
    }
    put_halves(head, d);
    for (int span = 0; span < b->n_spans; span++) {
        put_codes8(b->x + SPAN * span, inverse, tile + (size_t)span * t->code_bytes);
    }
}

/* ---- a group ----------------------------------------------------------------------------- */

/* Takes block at of the rows, columns turned to rows; rows that are missing are zero. */
static void take_block(block *b, const float *rows, uint32_t n_rows, size_t columns, size_t at)
{
    const size_t left = columns - at;
    const size_t n = left < BLOCK ? left : BLOCK;

    b->n_spans = (int)(n / SPAN);
    if (n_rows < ROWS) memset(b->x, 0, sizeof b->x);
    for (size_t r = 0; r < n_rows; r++) {
        const float *const from = rows + r * columns + at;
        for (size_t c = 0; c < n; c++) {
            b->x[c][r] = limit(from[c], -MAX_VALUE, MAX_VALUE);
        }
    }
}

/* Only the proportions of weights matter; with the largest at 1 no sum overflows. None is less
 * than LEAST_WEIGHT of it: columns that nothing was seen in still get what they can have. */
static void take_weights(block *b, const float *weights, size_t columns, size_t at)
{
    float largest = 0.0f;
    for (size_t c = at; weights && c < columns && c < at + BLOCK; c++) {
        largest = weights[c] > largest ? weights[c] : largest;
    }
    for (size_t c = 0; c < BLOCK; c++) {
        const bool known = largest > 0.0f && at + c < columns;
        b->w[c] = known ? limit(weights[at + c] / largest, LEAST_WEIGHT, 1.0f) : 1.0f;
    }
}

void bnt_tile_encode(const bnt_type *type, const float *rows, uint32_t n_rows, size_t columns,
                     const float *weights, uint8_t *out)
{
    const bnt_tile *const t = type->tile;
    uint8_t *tile = out + bnt_tile_head_bytes(t, columns);
    block b;

    memset(out, 0, bnt_tile_group_bytes(t, columns));
    for (size_t at = 0; at < columns; at += BLOCK) {
        uint8_t *const head = out + at / BLOCK * t->head_bytes;
        take_block(&b, rows, n_rows, columns, at);
        if (t->source == BNT_TYPE_B4) {
            take_weights(&b, weights, columns, at);
            encode_b4(t, &b, head, tile);
        } else {
            encode_b8(t, &b, head, tile);
        }
        tile += bnt_tile_bytes(t, (size_t)b.n_spans);
    }
}
