/* candidates.c - filling and partly sorting the set of possible tokens. */
#include "sample/candidates.h"

#include <math.h>

void bnt_set_fill(bnt_set *set, const float *logits, uint32_t n_vocab, const uint8_t *allow,
                  const bantam_logit_bias *bias, size_t n_bias)
{
    bnt_candidate *const at = set->at;
    size_t n = 0;

    /* While biases are added, a token's place is its id. */
    for (uint32_t i = 0; i < n_vocab; i++) {
        at[i] = (bnt_candidate){i, logits[i], 0};
    }
    for (size_t i = 0; i < n_bias; i++) {
        at[bias[i].token].logit += bias[i].bias;
    }
    for (uint32_t i = 0; i < n_vocab; i++) {
        const float logit = at[i].logit;
        if (!(logit > -INFINITY) || (allow && !allow[i])) continue;
        at[n++] = (bnt_candidate){i, bnt_logit_clamp((double)logit), 0};
    }
    set->n = n;
    set->n_sorted = 0;
}

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

void bnt_set_keep_from(bnt_set *set, double least)
{
    size_t n = 0;
    for (size_t i = 0; i < set->n; i++) {
        if ((double)set->at[i].logit >= least) set->at[n++] = set->at[i];
    }
    /* Of the sorted ones the first are kept: what is dropped of them comes after. */
    set->n = n;
    if (set->n_sorted > n) set->n_sorted = n;
}

float bnt_set_max(const bnt_set *set)
{
    float max = set->at[0].logit;
    for (size_t i = 1; !set->n_sorted && i < set->n; i++) {
        if (set->at[i].logit > max) max = set->at[i].logit;
    }
    return max;
}

double bnt_set_log_sum(const bnt_set *set)
{
    const double max = (double)bnt_set_max(set);
    double sum = 0;
    for (size_t i = 0; i < set->n; i++) {
        sum += exp((double)set->at[i].logit - max);
    }
    return max + log(sum);
}
