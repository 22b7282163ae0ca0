/* mem.h - the heap. Nothing else in the library calls malloc.
 *
 * All functions may be called from any thread. The counters exist for tests. They and the
 * signal handler's table of map.c are the only mutable globals of the library.
 */
#ifndef BNT_BASE_MEM_H
#define BNT_BASE_MEM_H
#include <stddef.h>
#include <stdint.h>

/* Return NULL when out of memory, when a product wraps, and for size 0 return a pointer that
 * may be freed. Blocks of bnt_alloc and bnt_calloc are aligned to 64 bytes. */
void *bnt_alloc(size_t size);
void *bnt_calloc(size_t n, size_t size);
/* As bnt_calloc, for tables that will be touched all over, in no order: those of a MiB and more
 * are pages of pages.h. Not for bnt_realloc. */
void *bnt_calloc_large(size_t n, size_t size);
/* For growing plain arrays; keeps the old block when it fails. */
void *bnt_realloc(void *block, size_t n, size_t size);
void bnt_free(void *block); /* accepts NULL */

/* A NUL-terminated copy of size bytes. NULL when out of memory. */
char *bnt_strdup(const char *data, size_t size);

/* Gives pages that nothing uses any more back to the system, where there is a way to. After
 * work that has taken and freed far more than it left behind. */
void bnt_mem_trim(void);

/* ---- for tests ---- */

/* Lets the next n allocations succeed and every one after them fail; UINT64_MAX ends that. */
void bnt_mem_fail_after(uint64_t n);
/* Allocations asked for since the start of the process, and blocks not yet freed. */
uint64_t bnt_mem_allocations(void);
int64_t bnt_mem_live(void);
/* Bytes in blocks not yet freed, as asked for. */
int64_t bnt_mem_live_bytes(void);

#endif
