/* pages.h - large memory in whole pages, straight from the system.
 *
 * For what is too large for the heap and lives as long as a model. Nothing here is counted;
 * what mem.h takes from here it counts itself.
 */
#ifndef BNT_BASE_PAGES_H
#define BNT_BASE_PAGES_H
#include <stddef.h>

/* Zeros, in large pages where the system has them, because the first touch of each small page
 * costs more than clearing it: up to half a large page more is used than was asked for. NULL
 * when out of memory, and for size 0. */
void *bnt_pages_alloc(size_t size);
void bnt_pages_free(void *pages, size_t size); /* accepts NULL */

/* The bytes of a mapped file from data on will not be read soon: the whole pages among them
 * take no memory of this process any more and are the first that the system gives to others.
 * Reading them again brings them back. Only for read-only mappings of files: memory that was
 * written to would be lost. */
void bnt_pages_release(const void *data, size_t size);

#endif
