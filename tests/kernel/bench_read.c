/* bench_read.c - how fast weights can be read at all: four streams side by side, as a GEMV
 * reads them, in the widest registers of a set and with one operation for each.
 *
 * The probe of kernel/probe.h is made for memory; from a cache it is not the fastest there is.
 */
#include "bench.h"

#include "base/cpu.h"

/* Defines a function that reads by vectors of `size` bytes, two of each stream at a time, into
 * eight sums, so that none is waited for. */
#define READER(name, size, target)                                                             \
    target static uint64_t name(const uint8_t *data, size_t bytes)                             \
    {                                                                                          \
        typedef uint64_t vector __attribute__((vector_size(size)));                            \
        const vector *const p = (const vector *)(const void *)data;                            \
        const size_t n = bytes / sizeof(vector) / 4;                                           \
        vector a = {0}, b = {0}, c = {0}, d = {0}, e = {0}, f = {0}, g = {0}, h = {0};         \
        for (size_t i = 0; i + 2 <= n; i += 2) {                                               \
            a ^= p[i];                                                                         \
            b ^= p[n + i];                                                                     \
            c ^= p[2 * n + i];                                                                 \
            d ^= p[3 * n + i];                                                                 \
            e ^= p[i + 1];                                                                     \
            f ^= p[n + i + 1];                                                                 \
            g ^= p[2 * n + i + 1];                                                             \
            h ^= p[3 * n + i + 1];                                                             \
        }                                                                                      \
        a ^= b ^ c ^ d ^ e ^ f ^ g ^ h;                                                        \
        uint64_t all = 0;                                                                      \
        for (size_t i = 0; i < sizeof a / sizeof all; i++) {                                   \
            all ^= a[i];                                                                       \
        }                                                                                      \
        return all;                                                                            \
    }

READER(read_any, 16, )

#if defined(__x86_64__)

READER(read_avx2, 32, __attribute__((target("avx2"))))
READER(read_avx512, 64, __attribute__((target("avx512f"))))

uint64_t bench_read(unsigned flags, const uint8_t *data, size_t bytes)
{
    if (flags & BNT_CPU_AVX512) return read_avx512(data, bytes);
    if (flags & BNT_CPU_AVX2) return read_avx2(data, bytes);
    return read_any(data, bytes);
}

#else

uint64_t bench_read(unsigned flags, const uint8_t *data, size_t bytes)
{
    (void)flags;
    return read_any(data, bytes);
}

#endif
