/* grow.h - a table that doubles while it is filled.
 *
 * Containers state how many things they hold; a table that grows with what was read is never
 * more than twice that, whatever the file states.
 */
#ifndef BNT_FORMAT_GROW_H
#define BNT_FORMAT_GROW_H
#include "base/mem.h"

enum { BNT_GROW_FIRST = 64 };

/* The table with room for one more after n things of size bytes; NULL when out of memory, and
 * then the old table is as it was. */
static inline void *bnt_grow(void *table, size_t *capacity, size_t n, size_t size)
{
    if (n < *capacity) return table;

    /* n things are in memory, so that twice n does not wrap. */
    const size_t wanted = *capacity ? *capacity * 2 : BNT_GROW_FIRST;
    void *const grown = bnt_realloc(table, wanted, size);
    if (grown) *capacity = wanted;
    return grown;
}

#endif
