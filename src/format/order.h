/* order.h - sorting numbers of things, in place. */
#ifndef BNT_FORMAT_ORDER_H
#define BNT_FORMAT_ORDER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether things[a] stands before things[b]. */
typedef bool (*bnt_less_fn)(const void *things, uint32_t a, uint32_t b);

/* Sorts order[0..n), which holds numbers of things. n log n at worst; equal ones in any order.
 */
void bnt_order_sort(uint32_t *order, size_t n, bnt_less_fn less, const void *things);

#endif
