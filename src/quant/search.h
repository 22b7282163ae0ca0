/* search.h - what the searching encoders share (search_flat.c, search_k.c, search_q6.c).
 *
 * Eight groups of values are worked on side by side: lane l of every array belongs to group l,
 * so that each loop over lanes is eight independent sums that a compiler turns into vector
 * arithmetic without changing a bit. A group is what has one scale: a block of the plain types,
 * 32 or 16 values of a block of the K types.
 */
#ifndef BNT_QUANT_SEARCH_H
#define BNT_QUANT_SEARCH_H
#include <math.h>

#include "quant/block.h"
#include "quant/type.h"

enum { BNT_LANES = 8, BNT_MAX_GROUP = 32 };

typedef float bnt_lanes[BNT_LANES];

typedef struct bnt_search {
    int group; /* values of a group, at most 32 */
    float x[BNT_MAX_GROUP][BNT_LANES];
    float w[BNT_MAX_GROUP][BNT_LANES]; /* of each value's error */
} bnt_search;

/* Takes n_groups groups of group values each, eight into each of the searches; lanes left over
 * become zero. Values are limited to what scales can reach. Of weights (NULL: all 1) only the
 * proportions within the n_groups * group values matter. */
void bnt_search_take(bnt_search *searches, const float *x, const float *weights, int group,
                     int n_groups);

/* The least and the largest value of each group among those whose weight is not next to nothing
 * against the others'. */
void bnt_search_range(const bnt_search *s, bnt_lanes low, bnt_lanes high);

/* Puts the blocks that the type's plain encoder makes of x (n values) in the place of those
 * that are worse: both are held against each other by what decode makes of them. */
void bnt_search_keep_plain(const bnt_type *type, const float *x, const float *weights,
                           uint8_t *blocks, size_t n);

/* ---- groups of one scale ---- */

enum { BNT_MAX_TOPS = 16 };

/* What codes stand for, times the scale. */
typedef struct bnt_levels {
    bool uneven;     /* the levels of IQ4_NL, else all whole numbers from low to high */
    bool halves;     /* scales are halves, else any floats */
    bool both_signs; /* whether a negative scale gives other values */
    float low, high;
    int n_tops;
    float tops[BNT_MAX_TOPS]; /* scales to try: what a group's largest value is divided by */
} bnt_levels;

typedef struct bnt_scales {
    bnt_lanes d;
    bnt_lanes error;  /* under d, each value going to its nearest level */
    bnt_lanes xq, qq; /* sums of w x q and w q q: xq / qq is the best scale for those levels */
} bnt_scales;

/* Fills in the rest for the scales in out->d. */
void bnt_search_measure(const bnt_search *s, const bnt_levels *levels, bnt_scales *out);
/* The best scales found. */
void bnt_search_scales(const bnt_search *s, const bnt_levels *levels, bnt_scales *best);

/* The code (not the level) nearest to x / scale: whole numbers as they are, those of IQ4_NL
 * counted from 0. */
int bnt_search_code(const bnt_levels *levels, float scaled);

/* ---- numbers ---- */

/* The largest finite half, and the least above zero. */
static const float BNT_MAX_HALF = 65504.0f, BNT_MIN_HALF = 0x1p-24f;

static inline float bnt_limit(float x, float low, float high)
{
    const float raised = x > low ? x : low;
    return raised < high ? raised : high;
}

/* The nearest whole number, ties to even: below 2^22 in magnitude, adding and taking away a
 * number whose last bit is worth 1 leaves it. */
static inline float bnt_to_whole(float x)
{
    return (x + 12582912.0f) - 12582912.0f;
}

static inline float bnt_inverse(float x)
{
    return x != 0.0f ? 1.0f / x : 0.0f;
}

/* The value a half will hold, finite: what bnt_half_make() keeps of it, without branches. */
static inline float bnt_to_half(float x)
{
    const float limited = bnt_limit(x, -BNT_MAX_HALF, BNT_MAX_HALF);
    const uint32_t bits = bnt_f32_to_bits(limited);
    const uint32_t normal = (bits + 0xFFFu + (bits >> 13 & 1u)) & ~0x1FFFu;
    const float small = (limited + 0.75f) - 0.75f; /* a whole multiple of 2^-24 */
    return fabsf(limited) < 0x1p-14f ? small : bnt_f32_from_bits(normal);
}

/* What a scale of top / by becomes; the least half where that is less but not nothing. */
static inline float bnt_share(float top, float by)
{
    return top > 0.0f ? fmaxf(top / by, BNT_MIN_HALF) : 0.0f;
}

#endif
