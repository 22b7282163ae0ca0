/* search_k.c - Q4_K and Q5_K by search: 8 groups of 32 values, each with a scale and a minimum
 * of six bits under the block's two halves.
 *
 * For given codes q the scale s and minimum m with the least sum of w (x - (s q - m))^2 are the
 * solution of two equations, and so are the block's d and dmin for given codes and whole scales
 * and minima. First each group by itself: codes are spread over its range, and over parts of it
 * that leave out some of its ends, and s and m are solved for, codes taken anew, a few times.
 * Then the block: under some d the two whole scales next to the ideal one are tried, each with
 * the minimum that goes with it, and d and dmin are solved for once all are chosen.
 */
#include "quant/search.h"

enum { MAX_WHOLE = 63 };

/* A part of a group's range: what is cut off below and above, of the whole. */
static const struct {
    float below, above;
} parts[] = {
    {0.0f, 0.0f},   {-0.02f, -0.02f}, {0.02f, 0.02f}, {0.04f, 0.04f}, {0.065f, 0.065f},
    {0.1f, 0.1f},   {0.15f, 0.15f},   {0.06f, 0.0f},  {0.0f, 0.06f},  {0.12f, 0.03f},
    {0.03f, 0.12f}, {0.25f, 0.02f},   {0.02f, 0.25f},
};
enum { N_PARTS = sizeof parts / sizeof *parts, N_ROUNDS = 3 };

/* What the largest scale of a block becomes. */
static const float tops[] = {63.0f, 61.0f, 59.0f, 56.5f, 53.0f};

/* Sums over a group's values that no code changes. */
typedef struct fixed {
    bnt_lanes w, wx;
} fixed;

/* Scales and minima of the groups, and what they lead to. */
typedef struct fit {
    bnt_lanes s, m;         /* m is not negative */
    bnt_lanes error;        /* sums of w (x - (s q - m))^2, */
    bnt_lanes wq, wqq, wxq; /* of w q, w q q, w x q */
} fit;

/* A way to store a block. */
typedef struct choice {
    float d, dmin;
    bnt_lanes s, m; /* whole, 0 to 63 */
    fit found;      /* under d s and dmin m */
    double error;
} choice;

/* ---- groups ------------------------------------------------------------------------------ */

static inline float code_of(float x, float m, float inverse, float high)
{
    return bnt_to_whole(bnt_limit((x + m) * inverse, 0.0f, high));
}

/* Fills in the rest for s and m. */
static void measure(const bnt_search *g, float high, fit *f)
{
    bnt_lanes inverse;
    fit sums = {0};

    for (int l = 0; l < BNT_LANES; l++) {
        sums.s[l] = f->s[l];
        sums.m[l] = f->m[l];
        inverse[l] = bnt_inverse(f->s[l]);
    }
    for (int i = 0; i < BNT_BLOCK; i++) {
        for (int l = 0; l < BNT_LANES; l++) {
            const float x = g->x[i][l], w = g->w[i][l];
            const float q = code_of(x, sums.m[l], inverse[l], high);
            const float off = x - (sums.s[l] * q - sums.m[l]), weighted = w * q;
            sums.error[l] += w * off * off;
            sums.wq[l] += weighted;
            sums.wqq[l] += weighted * q;
            sums.wxq[l] += weighted * x;
        }
    }
    *f = sums;
}

static void keep_better(fit *best, const fit *f)
{
    for (int l = 0; l < BNT_LANES; l++) {
        if (!(f->error[l] < best->error[l])) continue;
        best->s[l] = f->s[l];
        best->m[l] = f->m[l];
        best->error[l] = f->error[l];
        best->wq[l] = f->wq[l];
        best->wqq[l] = f->wqq[l];
        best->wxq[l] = f->wxq[l];
    }
}

/* The least m there may be is 0; then, and where all codes are the same, s is as for one scale.
 */
static void solve(const fixed *c, const fit *f, fit *next)
{
    for (int l = 0; l < BNT_LANES; l++) {
        const float det = c->w[l] * f->wqq[l] - f->wq[l] * f->wq[l];
        const float s = (c->w[l] * f->wxq[l] - c->wx[l] * f->wq[l]) * bnt_inverse(det);
        const float m = (s * f->wq[l] - c->wx[l]) * bnt_inverse(c->w[l]);
        const float alone = f->wxq[l] * bnt_inverse(f->wqq[l]);
        const bool both = det > 0.0f && m > 0.0f;
        next->s[l] = fmaxf(both ? s : alone, 0.0f);
        next->m[l] = both ? m : 0.0f;
    }
}

/* The best scales and minima that the groups can have each for itself. */
static void find_ideal(const bnt_search *g, const fixed *c, float high, fit *best)
{
    bnt_lanes low, top;
    fit f;

    bnt_search_range(g, low, top);
    memset(best, 0, sizeof *best);
    measure(g, high, best); /* all values zero, at first */
    for (int p = 0; p < N_PARTS; p++) {
        for (int l = 0; l < BNT_LANES; l++) {
            const float bottom = fminf(low[l], 0.0f), range = top[l] - bottom;
            f.s[l] = range * (1.0f - parts[p].below - parts[p].above) / high;
            f.m[l] = fmaxf(0.0f, -(bottom + parts[p].below * range));
        }
        for (int round = 0; round < N_ROUNDS; round++) {
            measure(g, high, &f);
            keep_better(best, &f);
            solve(c, &f, &f);
        }
    }
}

/* ---- a block ----------------------------------------------------------------------------- */

/* The whole numbers nearest to s / d, or to one side of it, and the minima for them. */
static void choose_whole(const fixed *c, const fit *ideal, choice *t, bool other)
{
    const float per_d = bnt_inverse(t->d), per_min = bnt_inverse(t->dmin);

    for (int l = 0; l < BNT_LANES; l++) {
        const float exact = bnt_limit(ideal->s[l] * per_d, 0.0f, MAX_WHOLE);
        const float near = bnt_to_whole(exact);
        const float far = bnt_limit(near < exact ? near + 1.0f : near - 1.0f, 0.0f, MAX_WHOLE);
        t->s[l] = other ? far : near;

        /* The minimum that is best for the ideal codes under this scale. */
        const float s = t->d * t->s[l];
        const float m = (s * ideal->wq[l] - c->wx[l]) * bnt_inverse(c->w[l]);
        t->m[l] = bnt_to_whole(bnt_limit(m * per_min, 0.0f, MAX_WHOLE));
        t->found.s[l] = s;
        t->found.m[l] = t->dmin * t->m[l];
    }
}

/* Chooses scales and minima under t's d and dmin, and keeps them where they are better. */
static void try_halves(const bnt_search *g, const fixed *c, float high, const fit *ideal,
                       choice *t, choice *best)
{
    choice other;

    t->d = bnt_to_half(t->d);
    t->dmin = bnt_to_half(t->dmin);
    other = *t;
    choose_whole(c, ideal, t, false);
    choose_whole(c, ideal, &other, true);
    measure(g, high, &t->found);
    measure(g, high, &other.found);
    t->error = 0.0;
    for (int l = 0; l < BNT_LANES; l++) {
        const bool swap = other.found.error[l] < t->found.error[l];
        t->s[l] = swap ? other.s[l] : t->s[l];
        t->m[l] = swap ? other.m[l] : t->m[l];
        t->error += (double)(swap ? other.found.error[l] : t->found.error[l]);
    }
    keep_better(&t->found, &other.found);
    if (t->error < best->error) *best = *t;
}

/* d and dmin that are best for the codes, scales and minima of a choice. */
static void solve_halves(const fixed *c, const choice *from, choice *t)
{
    double ss = 0.0, sm = 0.0, mm = 0.0, sx = 0.0, mx = 0.0;

    for (int l = 0; l < BNT_LANES; l++) {
        const double s = (double)from->s[l], m = (double)from->m[l];
        ss += s * s * (double)from->found.wqq[l];
        sm += s * m * (double)from->found.wq[l];
        mm += m * m * (double)c->w[l];
        sx += s * (double)from->found.wxq[l];
        mx += m * (double)c->wx[l];
    }
    const double det = ss * mm - sm * sm;
    const double alone = ss > 0.0 ? sx / ss : 0.0;
    const double d = det > 0.0 ? (sx * mm - mx * sm) / det : alone;
    const double dmin = mm > 0.0 ? (d * sm - mx) / mm : 0.0;
    t->d = (float)fmax(d, 0.0);
    t->dmin = (float)fmax(dmin, 0.0);
}

static void choose(const bnt_search *g, float high, choice *best)
{
    float top_s = 0.0f, top_m = 0.0f;
    fixed c = {0};
    fit ideal;
    choice t = {0};

    for (int i = 0; i < BNT_BLOCK; i++) {
        for (int l = 0; l < BNT_LANES; l++) {
            c.w[l] += g->w[i][l];
            c.wx[l] += g->w[i][l] * g->x[i][l];
        }
    }
    find_ideal(g, &c, high, &ideal);
    for (int l = 0; l < BNT_LANES; l++) {
        top_s = fmaxf(top_s, ideal.s[l]);
        top_m = fmaxf(top_m, ideal.m[l]);
    }
    memset(best, 0, sizeof *best);
    best->error = HUGE_VAL;
    for (size_t i = 0; i < sizeof tops / sizeof *tops; i++) {
        t.d = bnt_share(top_s, tops[i]);
        t.dmin = bnt_share(top_m, MAX_WHOLE);
        try_halves(g, &c, high, &ideal, &t, best);
        for (int round = 0; round < 2; round++) {
            solve_halves(&c, &t, &t);
            try_halves(g, &c, high, &ideal, &t, best);
        }
    }
}

/* ---- bytes ------------------------------------------------------------------------------- */

/* As bnt_k_scale_min() takes them apart. */
static void put_scales(const choice *c, uint8_t scales[12])
{
    for (int g = 0; g < 4; g++) {
        const int s = (int)c->s[g], m = (int)c->m[g];
        const int s4 = (int)c->s[g + 4], m4 = (int)c->m[g + 4];
        scales[g] = (uint8_t)(s | s4 >> 4 << 6);
        scales[g + 4] = (uint8_t)(m | m4 >> 4 << 6);
        scales[g + 8] = (uint8_t)((s4 & 15) | (m4 & 15) << 4);
    }
}

/* Searches one block. codes: value by value. */
static void find_block(const float *x, const float *weights, float high, choice *best,
                       uint8_t *codes)
{
    bnt_search g;

    bnt_search_take(&g, x, weights, BNT_BLOCK, BNT_LANES);
    choose(&g, high, best);
    for (int i = 0; i < BNT_SUPER_BLOCK; i++) {
        const int l = i / BNT_BLOCK;
        const float inverse = bnt_inverse(best->d * best->s[l]);
        const float code =
            code_of(g.x[i % BNT_BLOCK][l], best->dmin * best->m[l], inverse, high);
        codes[i] = (uint8_t)code;
    }
}

/* The low four bits of codes: byte l of each 32 holds an even group's and the odd one's behind
 * it. */
static void put_low(const uint8_t *codes, uint8_t q[128])
{
    for (int i = 0; i < 128; i++) {
        const int at = i / 32 * 64 + i % 32;
        q[i] = (uint8_t)((codes[at] & 15) | (codes[at + 32] & 15) << 4);
    }
}

static void q4_k(const float *src, const float *weights, bnt_q4_k *block, size_t n)
{
    choice c;
    uint8_t codes[BNT_SUPER_BLOCK];

    for (size_t at = 0; at < n; at += BNT_SUPER_BLOCK, block++) {
        find_block(src + at, weights ? weights + at : NULL, 15.0f, &c, codes);
        block->d = bnt_half_make(c.d);
        block->dmin = bnt_half_make(c.dmin);
        put_scales(&c, block->scales);
        put_low(codes, block->q);
    }
}

static void q5_k(const float *src, const float *weights, bnt_q5_k *block, size_t n)
{
    choice c;
    uint8_t codes[BNT_SUPER_BLOCK];

    for (size_t at = 0; at < n; at += BNT_SUPER_BLOCK, block++) {
        find_block(src + at, weights ? weights + at : NULL, 31.0f, &c, codes);
        block->d = bnt_half_make(c.d);
        block->dmin = bnt_half_make(c.dmin);
        put_scales(&c, block->scales);
        put_low(codes, block->q);
        memset(block->high, 0, sizeof block->high);
        for (int i = 0; i < BNT_SUPER_BLOCK; i++) {
            block->high[i % 32] = (uint8_t)(block->high[i % 32] | codes[i] >> 4 << (i / 32));
        }
    }
}

void bnt_q4_k_encode(const float *src, void *dst, size_t n)
{
    q4_k(src, NULL, dst, n);
}

void bnt_q4_k_encode_for(const float *src, const float *weights, void *dst, size_t n)
{
    q4_k(src, weights, dst, n);
    if (weights) bnt_search_keep_plain(bnt_type_find(BNT_TYPE_Q4_K), src, weights, dst, n);
}

void bnt_q5_k_encode(const float *src, void *dst, size_t n)
{
    q5_k(src, NULL, dst, n);
}

void bnt_q5_k_encode_for(const float *src, const float *weights, void *dst, size_t n)
{
    q5_k(src, weights, dst, n);
    if (weights) bnt_search_keep_plain(bnt_type_find(BNT_TYPE_Q5_K), src, weights, dst, n);
}
