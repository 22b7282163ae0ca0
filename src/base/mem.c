/* mem.c - the heap, counted.
 *
 * A block is taken from malloc with room for a small header and for alignment:
 *
 *     raw ... padding ... | header (16) | block, aligned to 64 ...
 *
 * The header keeps how far the block lies behind malloc's and how many bytes were asked for.
 * A large table takes pages instead (pages.h), and the header lies at the end of the first 64
 * bytes of them:
 *
 *     ... header (16) | block ...
 *
 * The atomics are the only mutable globals here. Each is a counter of its own; no other memory
 * is published through them, so relaxed order is enough.
 */
#include "base/mem.h"
#include "base/checked.h"
#include "base/pages.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

/* Sanitizers watch what malloc hands out, so that they get all of it to see. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WATCHED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) ||                     \
    __has_feature(thread_sanitizer)
#define WATCHED true
#endif
#endif
#ifndef WATCHED
#define WATCHED false
#endif

enum { ALIGN = 64 };

typedef struct header {
    size_t shift, size; /* shift 0: the block lies in pages of its own */
} header;

/* Worst case: raw is aligned to nothing. */
enum { EXTRA = (int)sizeof(header) + ALIGN - 1 };

static atomic_uint_least64_t allowed = UINT64_MAX;
static atomic_uint_least64_t n_asked;
static atomic_int_least64_t n_live;
static atomic_int_least64_t n_live_bytes;

/* Counts the request, and says whether it may succeed. */
static bool admit(void)
{
    atomic_fetch_add_explicit(&n_asked, 1, memory_order_relaxed);
    uint_least64_t left = atomic_load_explicit(&allowed, memory_order_relaxed);
    do {
        if (left == UINT64_MAX) return true;
        if (left == 0) return false;
    } while (!atomic_compare_exchange_weak_explicit(
        &allowed, &left, left - 1, memory_order_relaxed, memory_order_relaxed));
    return true;
}

/* Bytes to ask malloc for. What no object can have is refused here: sanitizers abort on it. */
static bool with_extra(size_t size, size_t *total)
{
    return bnt_add_size(size, EXTRA, total) && *total <= PTRDIFF_MAX;
}

static header *header_of(void *block)
{
    return (header *)((char *)block - sizeof(header));
}

static char *place(void *raw)
{
    const uintptr_t first = (uintptr_t)raw + sizeof(header);
    const uintptr_t aligned = (first + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1);
    return (char *)raw + (aligned - (uintptr_t)raw);
}

static void *count_in(void *block, size_t size)
{
    atomic_fetch_add_explicit(&n_live, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&n_live_bytes, (int_least64_t)size, memory_order_relaxed);
    return block;
}

static void *hand_out(void *raw, size_t size)
{
    char *const block = place(raw);
    *header_of(block) = (header){(size_t)(block - (char *)raw), size};
    return count_in(block, size);
}

void *bnt_alloc(size_t size)
{
    size_t total;
    if (!admit() || !with_extra(size, &total)) return NULL;
    void *raw = malloc(total);
    return raw ? hand_out(raw, size) : NULL;
}

void *bnt_calloc(size_t n, size_t size)
{
    size_t bytes, total;
    if (!admit() || !bnt_mul_size(n, size, &bytes) || !with_extra(bytes, &total)) {
        return NULL;
    }
    /* Large blocks come from the system already zero; calloc leaves them untouched. */
    void *raw = calloc(1, total);
    return raw ? hand_out(raw, bytes) : NULL;
}

/* ---- large tables ---- */

void *bnt_calloc_large(size_t n, size_t size)
{
    enum { LEAST = 1 << 20 };
    size_t bytes;
    if (WATCHED || !bnt_mul_size(n, size, &bytes) || bytes < LEAST) return bnt_calloc(n, size);
    if (!admit() || bytes > PTRDIFF_MAX) return NULL;

    char *const pages = bnt_pages_alloc(ALIGN + bytes);
    if (!pages) return NULL;
    *header_of(pages + ALIGN) = (header){0, bytes};
    return count_in(pages + ALIGN, bytes);
}

/* ---- */

void *bnt_realloc(void *block, size_t n, size_t size)
{
    size_t bytes, total;
    if (!bnt_mul_size(n, size, &bytes) || !with_extra(bytes, &total)) {
        (void)admit();
        return NULL;
    }
    if (!block) return bnt_alloc(bytes);
    if (!admit()) return NULL;

    const header old = *header_of(block);
    assert(old.shift); /* blocks in pages do not grow */
    char *const raw = realloc((char *)block - old.shift, total);
    if (!raw) return NULL;

    /* The new raw block may lie differently to the alignment. Both places have room for what
     * is kept: the smaller of the two sizes. */
    char *const moved = place(raw);
    if (moved != raw + old.shift) {
        memmove(moved, raw + old.shift, old.size < bytes ? old.size : bytes);
    }
    *header_of(moved) = (header){(size_t)(moved - raw), bytes};
    atomic_fetch_add_explicit(&n_live_bytes, (int_least64_t)bytes - (int_least64_t)old.size,
                              memory_order_relaxed);
    return moved;
}

void bnt_free(void *block)
{
    if (!block) return;
    const header h = *header_of(block);
    atomic_fetch_sub_explicit(&n_live, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&n_live_bytes, (int_least64_t)h.size, memory_order_relaxed);
    if (h.shift) {
        free((char *)block - h.shift);
    } else {
        bnt_pages_free((char *)block - ALIGN, ALIGN + h.size);
    }
}

char *bnt_strdup(const char *data, size_t size)
{
    size_t total;
    if (!bnt_add_size(size, 1, &total)) return NULL;
    char *copy = bnt_alloc(total);
    if (!copy) return NULL;
    if (size) memcpy(copy, data, size);
    copy[size] = '\0';
    return copy;
}

void bnt_mem_trim(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

void bnt_mem_fail_after(uint64_t n)
{
    atomic_store_explicit(&allowed, n, memory_order_relaxed);
}

uint64_t bnt_mem_allocations(void)
{
    return atomic_load_explicit(&n_asked, memory_order_relaxed);
}

int64_t bnt_mem_live(void)
{
    return atomic_load_explicit(&n_live, memory_order_relaxed);
}

int64_t bnt_mem_live_bytes(void)
{
    return atomic_load_explicit(&n_live_bytes, memory_order_relaxed);
}
