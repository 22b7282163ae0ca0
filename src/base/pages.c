/* pages.c - large memory in whole pages, straight from the system. */
#include "base/pages.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON
#endif

void *bnt_pages_alloc(size_t size)
{
    if (!size || size > PTRDIFF_MAX) return NULL;
    void *const pages =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) return NULL;
#ifdef MADV_HUGEPAGE
    (void)madvise(pages, size, MADV_HUGEPAGE); /* an advice: small pages work, too */
#endif
    return pages;
}

void bnt_pages_free(void *pages, size_t size)
{
    if (pages) munmap(pages, size);
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
