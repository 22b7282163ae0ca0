/* checked.h - sums and products that say when they wrap. */
#ifndef BNT_BASE_CHECKED_H
#define BNT_BASE_CHECKED_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each returns false, and leaves *out alone, when the exact result does not fit. */
static inline bool bnt_add_size(size_t a, size_t b, size_t *out)
{
    if (b > SIZE_MAX - a) return false;
    *out = a + b;
    return true;
}

static inline bool bnt_mul_size(size_t a, size_t b, size_t *out)
{
    if (a && b > SIZE_MAX / a) return false;
    *out = a * b;
    return true;
}

static inline bool bnt_add_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    if (b > UINT64_MAX - a) return false;
    *out = a + b;
    return true;
}

static inline bool bnt_mul_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    if (a && b > UINT64_MAX / a) return false;
    *out = a * b;
    return true;
}

/* a rounded up to a multiple of align, which is a power of two. */
static inline bool bnt_align_up(uint64_t a, uint64_t align, uint64_t *out)
{
    if (a > UINT64_MAX - (align - 1)) return false;
    *out = (a + align - 1) & ~(align - 1);
    return true;
}

#endif
