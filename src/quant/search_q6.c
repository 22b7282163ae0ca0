/* search_q6.c - Q6_K by search: 16 groups of 16 values, each with a signed scale of eight bits
 * under the block's half.
 *
 * Each group's ideal scale is found by itself. Then some d are tried: under each the two whole
 * scales next to the ideal one, and once all are chosen, the d that is best for their codes.
 */
#include "quant/search.h"

enum { GROUP = 16, HALVES = 2 /* of a block, of 8 groups each */, MAX_WHOLE = 127 };

static const bnt_levels levels = {
    .both_signs = true,
    .low = -32.0f,
    .high = 31.0f,
    .n_tops = 9,
    .tops = {32.0f, 29.0f, 30.0f, 30.6f, 31.1f, 31.5f, 32.5f, 33.2f, 34.0f}};

/* What the largest scale of a block becomes. */
static const float tops[] = {127.0f, 125.0f, 122.0f, 118.0f, 112.0f};

/* A way to store a block. */
typedef struct choice {
    float d;
    bnt_lanes s[HALVES]; /* whole, signed */
    double error;
    double xq, qq; /* with s times the code in place of the code: xq / qq is the best d */
} choice;

static void choose_half(const bnt_search *g, const bnt_lanes ideal, bnt_lanes s, choice *t)
{
    const float per_d = bnt_inverse(t->d);
    bnt_lanes other;
    bnt_scales a, b;

    for (int l = 0; l < BNT_LANES; l++) {
        const float exact = bnt_limit(ideal[l] * per_d, -MAX_WHOLE, MAX_WHOLE);
        s[l] = bnt_to_whole(exact);
        other[l] = bnt_limit(s[l] < exact ? s[l] + 1.0f : s[l] - 1.0f, -MAX_WHOLE, MAX_WHOLE);
        a.d[l] = t->d * s[l];
        b.d[l] = t->d * other[l];
    }
    bnt_search_measure(g, &levels, &a);
    bnt_search_measure(g, &levels, &b);
    for (int l = 0; l < BNT_LANES; l++) {
        const bool swap = b.error[l] < a.error[l];
        s[l] = swap ? other[l] : s[l];
        t->error += (double)(swap ? b.error[l] : a.error[l]);
        t->xq += (double)s[l] * (double)(swap ? b.xq[l] : a.xq[l]);
        t->qq += (double)s[l] * (double)s[l] * (double)(swap ? b.qq[l] : a.qq[l]);
    }
}

/* Chooses scales under t->d, and keeps them where they are better. */
static void try_half(const bnt_search g[HALVES], const bnt_scales ideal[HALVES], choice *t,
                     choice *best)
{
    t->d = bnt_to_half(t->d);
    t->error = t->xq = t->qq = 0.0;
    for (int h = 0; h < HALVES; h++) {
        choose_half(&g[h], ideal[h].d, t->s[h], t);
    }
    if (t->error < best->error) *best = *t;
}

static void choose(const bnt_search g[HALVES], choice *best)
{
    bnt_scales ideal[HALVES];
    float top = 0.0f;
    choice t = {0};

    for (int h = 0; h < HALVES; h++) {
        bnt_search_scales(&g[h], &levels, &ideal[h]);
        for (int l = 0; l < BNT_LANES; l++) {
            top = fmaxf(top, fabsf(ideal[h].d[l]));
        }
    }
    memset(best, 0, sizeof *best);
    best->error = HUGE_VAL;
    for (size_t i = 0; i < sizeof tops / sizeof *tops; i++) {
        t.d = bnt_share(top, tops[i]);
        try_half(g, ideal, &t, best);
        t.d = t.qq > 0.0 ? (float)(t.xq / t.qq) : 0.0f;
        try_half(g, ideal, &t, best);
    }
}

/* Codes value by value, as block.h lays them out. */
static void put_codes(const uint8_t codes[BNT_SUPER_BLOCK], bnt_q6_k *block)
{
    for (int i = 0; i < 128; i++) {
        const int half = i / 64, at = 128 * half + i % 64;
        block->low[i] = (uint8_t)((codes[at] & 15) | (codes[at + 64] & 15) << 4);
    }
    for (int i = 0; i < 64; i++) {
        const uint8_t *const c = codes + i / 32 * 128 + i % 32;
        block->high[i] =
            (uint8_t)(c[0] >> 4 | c[32] >> 4 << 2 | c[64] >> 4 << 4 | c[96] >> 4 << 6);
    }
}

static void encode_block(const float *x, const float *weights, bnt_q6_k *block)
{
    bnt_search g[HALVES];
    choice best;
    uint8_t codes[BNT_SUPER_BLOCK];

    bnt_search_take(g, x, weights, GROUP, HALVES * BNT_LANES);
    choose(g, &best);
    for (int i = 0; i < BNT_SUPER_BLOCK; i++) {
        const int h = i / 128, l = i / GROUP % BNT_LANES;
        const float inverse = bnt_inverse(best.d * best.s[h][l]);
        codes[i] = (uint8_t)(32 + bnt_search_code(&levels, g[h].x[i % GROUP][l] * inverse));
    }
    put_codes(codes, block);
    for (int i = 0; i < 16; i++) {
        block->scales[i] = (int8_t)best.s[i / BNT_LANES][i % BNT_LANES];
    }
    block->d = bnt_half_make(best.d);
}

void bnt_q6_k_encode(const float *src, void *dst, size_t n)
{
    bnt_q6_k *block = dst;
    for (size_t at = 0; at < n; at += BNT_SUPER_BLOCK, block++) {
        encode_block(src + at, NULL, block);
    }
}

void bnt_q6_k_encode_for(const float *src, const float *weights, void *dst, size_t n)
{
    bnt_q6_k *block = dst;
    for (size_t at = 0; at < n; at += BNT_SUPER_BLOCK, block++) {
        encode_block(src + at, weights ? weights + at : NULL, block);
    }
    if (weights) bnt_search_keep_plain(bnt_type_find(BNT_TYPE_Q6_K), src, weights, dst, n);
}
