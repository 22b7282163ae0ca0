/* search.c - what the searching encoders share: groups side by side, and the last comparison.
 */
#include "quant/search.h"

/* Scales of halves times the largest codes do not reach much further, and squares of it can be
 * summed. */
static const float MAX_VALUE = 1e7f;

/* Of the largest weight. Columns that nothing was seen in still get what they can have. */
static const float LEAST_WEIGHT = 1e-9f;

/* Of a group's mean weight: values that weigh less do not decide which scales are tried. */
static const float SMALL_WEIGHT = 1e-3f;

static float largest_weight(const float *weights, int n)
{
    float largest = 0.0f;
    for (int i = 0; weights && i < n; i++) {
        largest = weights[i] > largest ? weights[i] : largest;
    }
    return largest;
}

void bnt_search_take(bnt_search *searches, const float *x, const float *weights, int group,
                     int n_groups)
{
    const float largest = largest_weight(weights, group * n_groups);

    for (int g = 0; g < n_groups; g++) {
        bnt_search *const s = &searches[g / BNT_LANES];
        const int lane = g % BNT_LANES;
        if (lane == 0) *s = (bnt_search){.group = group};
        for (int i = 0; i < group; i++) {
            const int at = g * group + i;
            s->x[i][lane] = bnt_limit(x[at], -MAX_VALUE, MAX_VALUE);
            s->w[i][lane] =
                largest > 0.0f ? bnt_limit(weights[at] / largest, LEAST_WEIGHT, 1.0f) : 1.0f;
        }
    }
}

void bnt_search_range(const bnt_search *s, bnt_lanes low, bnt_lanes high)
{
    bnt_lanes sum = {0};

    for (int i = 0; i < s->group; i++) {
        for (int l = 0; l < BNT_LANES; l++) {
            sum[l] += s->w[i][l];
        }
    }
    for (int l = 0; l < BNT_LANES; l++) {
        low[l] = HUGE_VALF;
        high[l] = -HUGE_VALF;
        sum[l] *= SMALL_WEIGHT / (float)s->group;
    }
    for (int i = 0; i < s->group; i++) {
        for (int l = 0; l < BNT_LANES; l++) {
            const float x = s->x[i][l];
            const bool counts = s->w[i][l] >= sum[l];
            low[l] = counts && x < low[l] ? x : low[l];
            high[l] = counts && x > high[l] ? x : high[l];
        }
    }
}

static double error_of(const bnt_type *type, const float *x, const float *weights,
                       const void *block)
{
    float value[BNT_SUPER_BLOCK];
    double sum = 0.0;

    type->decode(block, value, type->block_values);
    for (uint32_t i = 0; i < type->block_values; i++) {
        const double off = (double)x[i] - (double)value[i];
        sum += (weights ? fmax((double)weights[i], 0.0) : 1.0) * off * off;
    }
    return sum;
}

void bnt_search_keep_plain(const bnt_type *type, const float *x, const float *weights,
                           uint8_t *blocks, size_t n)
{
    uint8_t plain[BNT_LANES * sizeof(bnt_q8_0)]; /* of 256 values; Q6_K needs less */

    for (size_t at = 0; at < n; at += BNT_SUPER_BLOCK) {
        const size_t end = n - at < BNT_SUPER_BLOCK ? n : at + BNT_SUPER_BLOCK;
        const uint8_t *rival = plain;

        type->encode(x + at, plain, end - at);
        for (size_t i = at; i < end; i += type->block_values) {
            const float *const w = weights ? weights + i : NULL;
            /* An error that is not a number is not less than any. */
            if (error_of(type, x + i, w, rival) < error_of(type, x + i, w, blocks)) {
                memcpy(blocks, rival, type->block_bytes);
            }
            rival += type->block_bytes;
            blocks += type->block_bytes;
        }
    }
}

/* ---- groups of one scale ----------------------------------------------------------------- */

/* IQ4_NL: where the values of one level end, and how far it is to the next. */
static const float borders[15] = {-115.5f, -93.5f, -74.0f, -57.0f, -42.0f,
                                  -28.5f,  -16.0f, -4.5f,  7.0f,   19.0f,
                                  31.5f,   45.5f,  61.0f,  79.0f,  101.0f};
static const float gaps[15] = {23.0f, 21.0f, 18.0f, 16.0f, 14.0f, 13.0f, 12.0f, 11.0f,
                               12.0f, 12.0f, 13.0f, 15.0f, 16.0f, 20.0f, 24.0f};

static inline float uneven_level(float x)
{
    float level = -127.0f;
    for (int i = 0; i < 15; i++) {
        level += x > borders[i] ? gaps[i] : 0.0f;
    }
    return level;
}

static inline float even_level(float x, float low, float high)
{
    return bnt_to_whole(bnt_limit(x, low, high));
}

int bnt_search_code(const bnt_levels *levels, float scaled)
{
    int code = 0;

    if (!levels->uneven) return (int)even_level(scaled, levels->low, levels->high);
    while (code < 15 && scaled > borders[code]) {
        code++;
    }
    return code;
}

static inline void add(bnt_scales *s, int lane, float x, float w, float q)
{
    const float off = x - s->d[lane] * q, weighted = w * q;
    s->error[lane] += w * off * off;
    s->xq[lane] += weighted * x;
    s->qq[lane] += weighted * q;
}

static void add_even(const bnt_search *s, const bnt_levels *levels, const bnt_lanes inverse,
                     bnt_scales *sums)
{
    for (int i = 0; i < s->group; i++) {
        for (int l = 0; l < BNT_LANES; l++) {
            const float q = even_level(s->x[i][l] * inverse[l], levels->low, levels->high);
            add(sums, l, s->x[i][l], s->w[i][l], q);
        }
    }
}

static void add_uneven(const bnt_search *s, const bnt_lanes inverse, bnt_scales *sums)
{
    for (int i = 0; i < s->group; i++) {
        for (int l = 0; l < BNT_LANES; l++) {
            add(sums, l, s->x[i][l], s->w[i][l], uneven_level(s->x[i][l] * inverse[l]));
        }
    }
}

void bnt_search_measure(const bnt_search *s, const bnt_levels *levels, bnt_scales *out)
{
    bnt_scales sums = {0};
    bnt_lanes inverse;

    for (int l = 0; l < BNT_LANES; l++) {
        sums.d[l] = out->d[l];
        inverse[l] = bnt_inverse(out->d[l]);
    }
    if (levels->uneven) {
        add_uneven(s, inverse, &sums);
    } else {
        add_even(s, levels, inverse, &sums);
    }
    *out = sums;
}

static void keep_better(bnt_scales *best, const bnt_scales *s)
{
    for (int l = 0; l < BNT_LANES; l++) {
        const bool better = s->error[l] < best->error[l];
        best->d[l] = better ? s->d[l] : best->d[l];
        best->error[l] = better ? s->error[l] : best->error[l];
        best->xq[l] = better ? s->xq[l] : best->xq[l];
        best->qq[l] = better ? s->qq[l] : best->qq[l];
    }
}

static void try_scales(const bnt_search *s, const bnt_levels *levels, bnt_scales *tried,
                       bnt_scales *best)
{
    for (int l = 0; levels->halves && l < BNT_LANES; l++) {
        tried->d[l] = bnt_to_half(tried->d[l]);
    }
    bnt_search_measure(s, levels, tried);
    keep_better(best, tried);
}

/* Tries the scales that are best for the levels found under others. */
static void improve(const bnt_search *s, const bnt_levels *levels, const bnt_scales *found,
                    bnt_scales *best)
{
    bnt_scales next;
    for (int l = 0; l < BNT_LANES; l++) {
        next.d[l] = found->xq[l] * bnt_inverse(found->qq[l]);
    }
    try_scales(s, levels, &next, best);
}

void bnt_search_scales(const bnt_search *s, const bnt_levels *levels, bnt_scales *best)
{
    const int last_sign = levels->both_signs ? -1 : 1;
    bnt_lanes low, high, largest;
    bnt_scales tried;

    bnt_search_range(s, low, high);
    for (int l = 0; l < BNT_LANES; l++) {
        largest[l] = fmaxf(-low[l], high[l]);
    }
    memset(best, 0, sizeof *best); /* all values to zero, at first */
    bnt_search_measure(s, levels, best);
    for (int t = 0; t < levels->n_tops; t++) {
        for (int sign = 1; sign >= last_sign; sign -= 2) {
            for (int l = 0; l < BNT_LANES; l++) {
                tried.d[l] = (float)sign * bnt_share(largest[l], levels->tops[t]);
            }
            try_scales(s, levels, &tried, best);
            improve(s, levels, &tried, best);
        }
    }
    tried = *best;
    improve(s, levels, &tried, best);
}
