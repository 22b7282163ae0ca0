/* template_memory.h - what one rendering may use: memory, steps, and where its failure goes.
 *
 * Values live in a heap of blocks that is given back whole when the rendering ends; nothing in
 * it is freed alone. Every allocation is taken off the byte budget and every instruction, and
 * every 64 bytes or 16 items that a builtin walks over, off the step budget, so that no
 * template can use more time or memory than its caller allowed.
 */
#ifndef BNT_TEMPLATE_MEMORY_H
#define BNT_TEMPLATE_MEMORY_H
#include "base/buf.h"

/* A zeroed heap is a valid empty one. */
typedef struct bnt_heap {
    struct bnt_heap_block *blocks; /* owns */
    char *at, *end;                /* room left in the newest ordinary block */
} bnt_heap;

/* size bytes aligned to 16, not cleared. NULL when out of memory. */
void *bnt_heap_take(bnt_heap *heap, size_t size);
void bnt_heap_deinit(bnt_heap *heap);

/* One rendering. Failure is sticky: the first one is written to err, and everything after it
 * returns quickly with values that nobody looks at. */
typedef struct bnt_render {
    bantam_status status;
    bantam_error *err;
    uint32_t line; /* of the instruction under way */
    uint64_t steps_left, steps_limit;
    uint64_t bytes_left, bytes_limit;
    bnt_heap heap;
    bnt_buf text;                /* text under construction, used as a stack */
    int64_t now;                 /* for strftime_now, seconds since 1970 */
    struct bnt_unicode *unicode; /* owns; made when first needed */
} bnt_render;

/* Records the first failure, with "line N: " before it, and returns its status. */
bantam_status bnt_render_fail(bnt_render *r, bantam_status status, const char *format, ...)
    BNT_PRINTF(3, 4);
bantam_status bnt_render_no_memory(bnt_render *r);

/* n * size bytes aligned to 16, not cleared; NULL after a failure. */
void *bnt_render_alloc(bnt_render *r, size_t n, size_t size);

/* Takes n bytes off the byte budget without allocating them. False after a failure. */
bool bnt_render_charge(bnt_render *r, uint64_t n);

/* Takes n steps off the step budget. False after a failure. */
bool bnt_render_work(bnt_render *r, uint64_t n);

#endif
