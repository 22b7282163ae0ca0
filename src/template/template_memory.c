/* template_memory.c - the two budgets of a rendering and the heap behind one of them.
 *
 * What is built in this memory, and who runs out of it, is the business of the other files.
 */
#include "template/template_memory.h"

#include "base/checked.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { ALIGN = 16, BLOCK_BYTES = 16384 };

struct bnt_heap_block {
    struct bnt_heap_block *next;
    uint64_t pad; /* keeps what follows aligned to 16 where pointers have 8 bytes */
};

static struct bnt_heap_block *add_block(bnt_heap *heap, size_t room)
{
    struct bnt_heap_block *block = bnt_alloc(2 * ALIGN + room);
    if (!block) return NULL;
    block->next = heap->blocks;
    heap->blocks = block;
    return block;
}

static char *room_of(struct bnt_heap_block *block)
{
    return (char *)block + 2 * (size_t)ALIGN;
}

void *bnt_heap_take(bnt_heap *heap, size_t size)
{
    if (size > SIZE_MAX / 2) return NULL;
    const size_t need = size ? (size + ALIGN - 1) & ~(size_t)(ALIGN - 1) : ALIGN;

    if (!heap->at || (size_t)(heap->end - heap->at) < need) {
        /* What is large gets a block of its own, so that the rest of this one stays in use. */
        const bool large = need > BLOCK_BYTES / 4;
        struct bnt_heap_block *block = add_block(heap, large ? need : BLOCK_BYTES);
        if (!block) return NULL;
        if (large) return room_of(block);
        heap->at = room_of(block);
        heap->end = heap->at + BLOCK_BYTES;
    }
    void *const p = heap->at;
    heap->at += need;
    return p;
}

void bnt_heap_deinit(bnt_heap *heap)
{
    while (heap->blocks) {
        struct bnt_heap_block *const next = heap->blocks->next;
        bnt_free(heap->blocks);
        heap->blocks = next;
    }
    heap->at = heap->end = NULL;
}

bantam_status bnt_render_fail(bnt_render *r, bantam_status status, const char *format, ...)
{
    if (r->status) return r->status;

    char message[sizeof r->err->message];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    r->status = bnt_fail(r->err, status, "line %" PRIu32 ": %s", r->line, message);
    return r->status;
}

bantam_status bnt_render_no_memory(bnt_render *r)
{
    return bnt_render_fail(r, BANTAM_ERR_NOMEM, "out of memory");
}

bool bnt_render_charge(bnt_render *r, uint64_t n)
{
    if (r->status) return false;
    if (n > r->bytes_left) {
        bnt_render_fail(r, BANTAM_ERR_FULL, "the values need more than %" PRIu64 " bytes",
                        r->bytes_limit);
        return false;
    }
    r->bytes_left -= n;
    return true;
}

void *bnt_render_alloc(bnt_render *r, size_t n, size_t size)
{
    size_t bytes;
    if (!bnt_mul_size(n, size, &bytes)) bytes = SIZE_MAX;
    if (!bnt_render_charge(r, bytes)) return NULL;

    void *const p = bnt_heap_take(&r->heap, bytes);
    if (!p) bnt_render_no_memory(r);
    return p;
}

bool bnt_render_work(bnt_render *r, uint64_t n)
{
    if (r->status) return false;
    if (n > r->steps_left) {
        bnt_render_fail(r, BANTAM_ERR_FULL, "more than %" PRIu64 " steps", r->steps_limit);
        return false;
    }
    r->steps_left -= n;
    return true;
}
