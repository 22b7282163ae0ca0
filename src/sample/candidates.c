/* candidates.c - filling, listing and partly sorting the set of possible tokens. */
#include "sample/candidates.h"
#include "base/checked.h"

#include <math.h>
#include <string.h>

enum {
    LOGITS = 64, /* of a block; a row of 128,000 has 2,000 blocks */
    LANES = 16,
    CHUNK = 256 /* logits exponentiated at a time: sums of so few lose next to nothing */
};

static size_t n_blocks(const bnt_set *set)
{
    return ((size_t)set->n_vocab + LOGITS - 1) / LOGITS;
}

bool bnt_set_bytes(uint32_t n_vocab, size_t *bytes)
{
    const size_t blocks = ((size_t)n_vocab + LOGITS - 1) / LOGITS;
    size_t all;
    return bnt_mul_size(n_vocab, sizeof(bnt_candidate) + sizeof(float), &all) &&
           bnt_add_size(all, blocks * sizeof(float), &all) &&
           bnt_add_size(all, sizeof(bnt_set), bytes);
}

bnt_set *bnt_set_place(void *memory, uint32_t n_vocab, const bnt_kernels *kernels)
{
    bnt_set *const set = memory;
    memset(set, 0, sizeof *set);
    set->kernels = kernels;
    set->n_vocab = n_vocab;
    set->at = (bnt_candidate *)(set + 1);
    set->copy = (float *)(set->at + n_vocab);
    set->max = set->copy + n_vocab;
    return set;
}

/* ---- whole sets ---- */

/* Comparisons are written so that NaN, which fails all of them, is passed over, and so that a
 * compiler finds one instruction for each. */
static float larger(float x, float y)
{
    return x > y ? x : y;
}

/* NaN becomes -infinity, infinity the largest number. */
static float tame(float x)
{
    x = x > -INFINITY ? x : -INFINITY;
    return x < FLT_MAX ? x : FLT_MAX;
}

/* The largest of a whole block: 16 side by side, then folded. */
static float largest_of_block(const float *x)
{
    float m[LANES];
    for (size_t j = 0; j < LANES; j++) {
        m[j] = larger(x[j], -INFINITY);
    }
    for (size_t i = LANES; i < LOGITS; i += LANES) {
        for (size_t j = 0; j < LANES; j++) {
            m[j] = larger(x[i + j], m[j]);
        }
    }
    for (size_t j = 0; j < 8; j++) {
        m[j] = larger(m[j + 8], m[j]);
    }
    for (size_t j = 0; j < 4; j++) {
        m[j] = larger(m[j + 4], m[j]);
    }
    return larger(larger(m[0], m[1]), larger(m[2], m[3]));
}

static float largest(const float *x, size_t n)
{
    if (n == LOGITS) return largest_of_block(x);
    float m = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        m = larger(x[i], m);
    }
    return m;
}

/* Logits in block b: 64, fewer in the last one. */
static size_t block_size(const bnt_set *set, size_t b)
{
    const size_t left = set->n_vocab - b * LOGITS;
    return left < LOGITS ? left : LOGITS;
}

/* Makes the row the set's own, which may be changed. */
static void own_logits(bnt_set *set)
{
    if (set->logits == set->copy) return;
    for (size_t i = 0; i < set->n_vocab; i++) {
        set->copy[i] = tame(set->logits[i]);
    }
    set->logits = set->copy;
}

/* One block of the row into the set's own: what is forbidden or impossible as -infinity. */
static void copy_block(float *restrict to, const float *from, const uint8_t *allow, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        to[i] = tame(from[i]);
    }
    for (size_t i = 0; allow && i < n; i++) {
        const float most = allow[i] ? FLT_MAX : -INFINITY;
        to[i] = to[i] < most ? to[i] : most;
    }
}

bool bnt_set_fill(bnt_set *set, const float *logits, const uint8_t *allow,
                  const bantam_logit_bias *bias, size_t n_bias)
{
    const size_t blocks = n_blocks(set);
    set->whole = true;
    set->n = set->n_sorted = 0;
    set->logits = allow || n_bias ? set->copy : logits;
    for (size_t b = 0; set->logits == set->copy && b < blocks; b++) {
        const size_t at = b * LOGITS;
        copy_block(set->copy + at, logits + at, allow ? allow + at : NULL, block_size(set, b));
    }
    /* Biases of one token add up from its own logit, which the copy may have cut. */
    for (size_t i = 0; i < n_bias; i++) {
        set->copy[bias[i].token] = logits[bias[i].token];
    }
    for (size_t i = 0; i < n_bias; i++) {
        set->copy[bias[i].token] += bias[i].bias;
    }
    for (size_t i = 0; i < n_bias; i++) {
        const uint32_t token = bias[i].token;
        set->copy[token] = allow && !allow[token] ? -INFINITY : tame(set->copy[token]);
    }
    for (size_t b = 0; b < blocks; b++) {
        set->max[b] = tame(largest(set->logits + b * LOGITS, block_size(set, b)));
    }
    return bnt_set_max(set) > -INFINITY;
}

float bnt_set_logit(const bnt_set *set, uint32_t token)
{
    return tame(set->logits[token]);
}

void bnt_set_change(bnt_set *set, uint32_t token, float logit)
{
    const size_t b = token / LOGITS;
    own_logits(set);
    set->copy[token] = logit;
    set->max[b] = largest(set->copy + b * LOGITS, block_size(set, b));
}

/* Whether all quotients by t are finite. */
static bool quotients_fit(const bnt_set *set, float t)
{
    float most = 0;
    if (t >= 1) return true;
    for (size_t i = 0; set->whole && i < set->n_vocab; i++) {
        const float size = fabsf(set->copy[i]);
        most = larger(size < INFINITY ? size : 0, most);
    }
    for (size_t i = 0; !set->whole && i < set->n; i++) {
        most = larger(fabsf(set->at[i].logit), most);
    }
    return (double)most / (double)t <= (double)FLT_MAX;
}

void bnt_set_divide(bnt_set *set, float t)
{
    if (set->whole) own_logits(set);
    const double by = (double)t, off = quotients_fit(set, t) ? 0 : (double)bnt_set_max(set);

    for (size_t i = 0; !set->whole && i < set->n; i++) {
        set->at[i].logit = bnt_logit_clamp(((double)set->at[i].logit - off) / by);
    }
    for (size_t i = 0; set->whole && i < set->n_vocab; i++) {
        const float x = set->copy[i];
        set->copy[i] = x > -INFINITY ? bnt_logit_clamp(((double)x - off) / by) : x;
    }
    /* Rounding keeps order: the quotient of a largest one is the largest quotient. */
    for (size_t b = 0; set->whole && b < n_blocks(set); b++) {
        const float x = set->max[b];
        set->max[b] = x > -INFINITY ? bnt_logit_clamp(((double)x - off) / by) : x;
    }
}

/* ---- from whole to a list ---- */

/* Lists, by id, the possible tokens with a logit of at least `least`. */
static void list_from(bnt_set *set, float least)
{
    const float from = larger(least, -FLT_MAX);
    const size_t blocks = n_blocks(set);
    size_t n = 0;
    for (size_t b = 0; b < blocks; b++) {
        if (!(set->max[b] >= from)) continue;
        const size_t begin = b * LOGITS, end = begin + block_size(set, b);
        for (size_t i = begin; i < end; i++) {
            const float logit = tame(set->logits[i]);
            set->at[n] = (bnt_candidate){(uint32_t)i, logit, 0};
            n += logit >= from;
        }
    }
    set->whole = false;
    set->n = n;
    set->n_sorted = 0;
}

void bnt_set_list(bnt_set *set)
{
    if (set->whole) list_from(set, -INFINITY);
}

/* The k-th largest of the blocks' maxima: k logits at least are no smaller. -infinity where
 * there are no more than k blocks with a possible token. */
static float kth_block_max(bnt_set *set, size_t k)
{
    const size_t blocks = n_blocks(set);
    size_t n = 0;
    for (size_t b = 0; b < blocks; b++) {
        set->at[n] = (bnt_candidate){(uint32_t)b, set->max[b], 0};
        n += set->max[b] > -INFINITY;
    }
    if (k >= n) return -INFINITY;
    set->whole = false; /* the blocks themselves are the list to sort */
    set->n = n;
    set->n_sorted = 0;
    bnt_set_sort(set, k);
    set->whole = true;
    return set->at[k - 1].logit;
}

void bnt_set_top(bnt_set *set, size_t k)
{
    if (!k) return;
    if (set->whole) {
        const float least = kth_block_max(set, k);
        list_from(set, least);
        if (least > -INFINITY) bnt_set_sort(set, k); /* also where exactly k are listed */
    }
    if (k >= set->n) return;
    bnt_set_sort(set, k);
    bnt_set_keep(set, k);
}

/* ---- lists ---- */

static bool precedes(const bnt_candidate *a, const bnt_candidate *b)
{
    return a->logit > b->logit || (a->logit == b->logit && a->token < b->token);
}

static void swap(bnt_candidate *a, bnt_candidate *b)
{
    const bnt_candidate t = *a;
    *a = *b;
    *b = t;
}

/* heap[0..n): every parent is less likely than its children. Restores that below i. */
static void sift_down(bnt_candidate *heap, size_t n, size_t i)
{
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= n) return;
        if (child + 1 < n && precedes(&heap[child], &heap[child + 1])) child++;
        if (precedes(&heap[child], &heap[i])) return;
        swap(&heap[child], &heap[i]);
        i = child;
    }
}

/* A heap of the best k seen has the worst of them at its root, which is all that a newcomer is
 * compared with. O(n log k) at worst; nearly n comparisons where k is small. */
void bnt_set_sort(bnt_set *set, size_t k)
{
    bnt_set_list(set);
    if (k > set->n) k = set->n;
    if (k <= set->n_sorted) return;
    bnt_candidate *const heap = set->at + set->n_sorted;
    const size_t left = set->n - set->n_sorted, wanted = k - set->n_sorted;

    for (size_t i = wanted / 2; i-- > 0;) {
        sift_down(heap, wanted, i);
    }
    for (size_t i = wanted; i < left; i++) {
        if (!precedes(&heap[i], &heap[0])) continue;
        swap(&heap[i], &heap[0]);
        sift_down(heap, wanted, 0);
    }
    for (size_t end = wanted; end-- > 1;) { /* the worst goes last */
        swap(&heap[0], &heap[end]);
        sift_down(heap, end, 0);
    }
    set->n_sorted = k;
}

const bnt_candidate *bnt_set_rank(bnt_set *set, size_t i)
{
    if (i >= set->n_sorted) {
        const size_t more = set->n_sorted < 32 ? 64 : set->n_sorted * 4;
        bnt_set_sort(set, more > i ? more : i + 1);
    }
    return &set->at[i];
}

void bnt_set_keep(bnt_set *set, size_t n)
{
    if (n >= set->n) return;
    set->n = n;
    if (set->n_sorted > n) set->n_sorted = n;
}

/* The smallest float that is no less than x. */
static float float_from(double x)
{
    const float near = bnt_logit_clamp(x);
    return (double)near < x ? nextafterf(near, INFINITY) : near;
}

void bnt_set_keep_from(bnt_set *set, double least)
{
    if (set->whole) {
        list_from(set, float_from(least));
        return;
    }
    size_t n = 0;
    for (size_t i = 0; i < set->n; i++) {
        if ((double)set->at[i].logit >= least) set->at[n++] = set->at[i];
    }
    /* Of the sorted ones the first are kept: what is dropped of them comes after. */
    set->n = n;
    if (set->n_sorted > n) set->n_sorted = n;
}

/* ---- sums ---- */

float bnt_set_max(const bnt_set *set)
{
    float max = -INFINITY;
    for (size_t b = 0; set->whole && b < n_blocks(set); b++) {
        max = larger(set->max[b], max);
    }
    if (set->whole) return max;
    max = set->at[0].logit;
    for (size_t i = 1; !set->n_sorted && i < set->n; i++) {
        max = larger(set->at[i].logit, max);
    }
    return max;
}

/* n logits from place i on, of a whole set or of a list. */
static void take_chunk(const bnt_set *set, size_t i, size_t n, float *restrict out)
{
    if (set->whole) {
        const float *const from = set->logits + i;
        for (size_t j = 0; j < n; j++) {
            out[j] = tame(from[j]);
        }
        return;
    }
    for (size_t j = 0; j < n; j++) {
        out[j] = set->at[i + j].logit;
    }
}

double bnt_set_weigh(bnt_set *set)
{
    bnt_set_list(set);
    const float max = bnt_set_max(set);
    double sum = 0;
    for (size_t i = 0; i < set->n; i += CHUNK) {
        const size_t n = set->n - i < CHUNK ? set->n - i : CHUNK;
        float x[CHUNK];
        take_chunk(set, i, n, x);
        sum += (double)set->kernels->exp_sum_f32(x, max, n);
        for (size_t j = 0; j < n; j++) {
            set->at[i + j].probability = x[j];
        }
    }
    return sum;
}

double bnt_set_log_sum(const bnt_set *set)
{
    const size_t all = set->whole ? set->n_vocab : set->n;
    const float max = bnt_set_max(set);
    double sum = 0;
    for (size_t i = 0; i < all; i += CHUNK) {
        const size_t n = all - i < CHUNK ? all - i : CHUNK;
        float x[CHUNK];
        take_chunk(set, i, n, x);
        sum += (double)set->kernels->exp_sum_f32(x, max, n);
    }
    return (double)max + log(sum);
}
