/* order.c - heap sort, because the order of what a file lists is the file's choice: qsort() of
 * the C library may allocate, and a quick sort may be led into its quadratic case.
 */
#include "format/order.h"

static void sift(uint32_t *order, size_t root, size_t n, bnt_less_fn less, const void *things)
{
    for (;;) {
        size_t child = 2 * root + 1; /* n is below SIZE_MAX / 4: the array is in memory */
        if (child >= n) return;
        if (child + 1 < n && less(things, order[child], order[child + 1])) child++;
        if (!less(things, order[root], order[child])) return;

        const uint32_t held = order[root];
        order[root] = order[child];
        order[child] = held;
        root = child;
    }
}

void bnt_order_sort(uint32_t *order, size_t n, bnt_less_fn less, const void *things)
{
    for (size_t i = n / 2; i-- > 0;) {
        sift(order, i, n, less, things);
    }
    for (size_t left = n; left-- > 1;) {
        const uint32_t held = order[0];
        order[0] = order[left];
        order[left] = held;
        sift(order, 0, left, less, things);
    }
}
