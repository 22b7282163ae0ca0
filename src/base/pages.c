/* pages.c - large memory in whole pages, straight from the system. */
#include "base/pages.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON
#endif

enum {
    LARGE = 2 << 20, /* the large pages of x86-64, and of aarch64 with pages of 4 KiB */
    WHOLE = 64 << 10 /* a whole number of pages of any size that is not large */
};

/* The bytes that lie in large pages: a last one only where it is used by half. */
static size_t bytes_in_large(size_t size)
{
    const size_t rest = size % LARGE;
    return size - rest + (rest >= LARGE / 2 ? LARGE : 0);
}

static size_t mapped_bytes(size_t size)
{
    const size_t large = bytes_in_large(size);
    const size_t whole = (size + WHOLE - 1) & ~(size_t)(WHOLE - 1);
    return whole > large ? whole : large;
}

/* Takes a large page too much, in order to begin where one begins, and gives back what is too
 * much on either side. */
void *bnt_pages_alloc(size_t size)
{
    if (!size || size > PTRDIFF_MAX - 2 * (size_t)LARGE) return NULL;
    const size_t bytes = mapped_bytes(size);
    char *const all =
        mmap(NULL, bytes + LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) return NULL;

    const size_t before = (size_t)(-(uintptr_t)all & (LARGE - 1));
    char *const pages = all + before;
    if (before) munmap(all, before);
    munmap(pages + bytes, LARGE - before);
#ifdef MADV_HUGEPAGE
    const size_t large = bytes_in_large(size);
    if (large) (void)madvise(pages, large, MADV_HUGEPAGE); /* small pages work, too */
#endif
    return pages;
}

void bnt_pages_free(void *pages, size_t size)
{
    if (pages) munmap(pages, mapped_bytes(size));
}

void bnt_pages_release(const void *data, size_t size)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t first = ((uintptr_t)data + page - 1) & ~(page - 1);
    const uintptr_t end = ((uintptr_t)data + size) & ~(page - 1);

    if (first >= end) return;
#ifdef MADV_COLD
    (void)madvise((void *)first, end - first, MADV_COLD);
#endif
    (void)madvise((void *)first, end - first, MADV_DONTNEED);
}
