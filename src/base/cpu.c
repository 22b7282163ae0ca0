/* cpu.c - what this machine's processor offers: instructions, cores and which
 * of them are worth computing on. Limits of memory and time are quota.c's. */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* sched_getaffinity, CPU_ISSET */
#endif
#include "base/cpu.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#if defined(__linux__)
#include <sched.h>
#endif
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

#include "base/quota.h"
#include "base/systext.h"

/* ---- instruction sets ---- */

#if defined(__x86_64__) || defined(__i386__)

/* Register states that the system saves at a switch of threads: XCR0. */
static uint64_t enabled_states(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static bool has(unsigned word, int bit)
{
    return (word >> bit & 1) != 0;
}

/* Bits as in Intel's manual, volume 2A, CPUID. */
unsigned bnt_cpu_flags(void)
{
    unsigned a, b, c, d, flags = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
    const bool fma = has(c, 12), osxsave = has(c, 27), avx = has(c, 28), f16c = has(c, 29);
    if (!osxsave || !avx) return 0;
    const uint64_t states = enabled_states();
    if ((states & 0x06) != 0x06) return 0; /* XMM, YMM */
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    if (!has(b, 5) || !fma || !f16c) return 0;
    flags |= BNT_CPU_AVX2;

    if ((states & 0xE6) == 0xE6 && has(b, 16) && has(b, 17) && has(b, 30) && has(b, 31)) {
        flags |= BNT_CPU_AVX512;
        if (has(c, 11)) flags |= BNT_CPU_AVX512VNNI;
    }
    if (__get_cpuid_count(7, 1, &a, &b, &c, &d) && has(a, 4)) flags |= BNT_CPU_AVXVNNI;
    return flags;
}

#elif defined(__aarch64__) && defined(__linux__)

/* Bits as in the kernel's asm/hwcap.h. */
unsigned bnt_cpu_flags(void)
{
    const unsigned long caps = getauxval(AT_HWCAP), caps2 = getauxval(AT_HWCAP2);
    unsigned flags = 0;
    if (caps >> 1 & 1) flags |= BNT_CPU_NEON;
    if (caps >> 20 & 1) flags |= BNT_CPU_DOTPROD;
    if (caps >> 10 & 1) flags |= BNT_CPU_FP16;
    if (caps2 >> 13 & 1) flags |= BNT_CPU_I8MM;
    return flags;
}

#else

/* No way to ask: what the compiler was told to assume. */
unsigned bnt_cpu_flags(void)
{
    unsigned flags = 0;
#if defined(__ARM_NEON)
    flags |= BNT_CPU_NEON;
#endif
#if defined(__ARM_FEATURE_DOTPROD)
    flags |= BNT_CPU_DOTPROD;
#endif
#if defined(__ARM_FEATURE_MATMUL_INT8)
    flags |= BNT_CPU_I8MM;
#endif
#if defined(__ARM_FEATURE_FP16_VECTOR_ARITHMETIC)
    flags |= BNT_CPU_FP16;
#endif
    return flags;
}

#endif

/* ---- cores and memory ---- */

static void add_core(bnt_cpu_set *set, size_t core)
{
    set->bits[core / 64] |= UINT64_C(1) << core % 64;
}

static bool has_core(const bnt_cpu_set *set, size_t core)
{
    return (set->bits[core / 64] >> core % 64 & 1) != 0;
}

/* Cores this process may run on; where that cannot be asked for, those that are
 * on. */
static void allowed_cores(bnt_cpu_set *out)
{
    memset(out, 0, sizeof *out);
#if defined(__linux__)
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        for (size_t i = 0; i < BNT_CPU_MAX_CORES && i < CPU_SETSIZE; i++) {
            if (CPU_ISSET(i, &set)) add_core(out, i);
        }
        return;
    }
#endif
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    for (size_t i = 0; i < BNT_CPU_MAX_CORES && (i == 0 || (long)i < online); i++) {
        add_core(out, i);
    }
}

void bnt_cpu_keep_to(const bnt_cpu_set *set)
{
#if defined(__linux__)
    cpu_set_t cores;
    CPU_ZERO(&cores);
    for (size_t i = 0; i < BNT_CPU_MAX_CORES && i < CPU_SETSIZE; i++) {
        if (has_core(set, i)) CPU_SET(i, &cores);
    }
    (void)sched_setaffinity(0, sizeof cores, &cores);
#else
    (void)set;
#endif
}

/* Reads one number for each allowed core; false, and all 0, where one of them
 * has none. */
static bool read_speeds(const char *folder, const char *file, const bnt_cpu_set *allowed,
                        uint64_t speeds[BNT_CPU_MAX_CORES])
{
    char name[64], text[BNT_SYSTEXT_BYTES];
    for (size_t i = 0; i < BNT_CPU_MAX_CORES; i++) {
        if (!has_core(allowed, i)) continue;
        snprintf(name, sizeof name, "cpu%zu/%s", i, file);
        if (!bnt_systext_read_in(folder, name, text) || !bnt_systext_number(text, &speeds[i])) {
            memset(speeds, 0, BNT_CPU_MAX_CORES * sizeof *speeds);
            return false;
        }
    }
    return true;
}

/* Capacity is what the system itself plans with; the highest clock is next
 * best, and all there is on many machines. */
void bnt_cpu_layout_from(bnt_cpu_layout *out, const char *folder, const bnt_cpu_set *allowed)
{
    uint64_t speeds[BNT_CPU_MAX_CORES] = {0}, most = 0;
    memset(out, 0, sizeof *out);
    if (!read_speeds(folder, "cpu_capacity", allowed, speeds)) {
        (void)read_speeds(folder, "cpufreq/cpuinfo_max_freq", allowed, speeds);
    }
    for (size_t i = 0; i < BNT_CPU_MAX_CORES; i++) {
        if (speeds[i] > most) most = speeds[i];
    }
    for (size_t i = 0; i < BNT_CPU_MAX_CORES; i++) {
        if (!has_core(allowed, i)) continue;
        out->n_cores++;
        if ((double)speeds[i] < 0.7 * (double)most) continue;
        out->n_big++;
        add_core(&out->big, i);
    }
}

static const char cores_folder[] = "/sys/devices/system/cpu";

void bnt_cpu_layout_read(bnt_cpu_layout *out)
{
    bnt_cpu_set allowed;
    allowed_cores(&allowed);
    bnt_cpu_layout_from(out, cores_folder, &allowed);
}

/* Where a kind belongs among those found: the fastest first. */
static size_t kind_at(const bnt_cpu_kind *kinds, size_t n, const bnt_cpu_kind *kind)
{
    size_t i = 0;
    while (i < n &&
           (kinds[i].capacity > kind->capacity ||
            (kinds[i].capacity == kind->capacity && kinds[i].max_mhz > kind->max_mhz))) {
        i++;
    }
    return i;
}

size_t bnt_cpu_kinds_from(bnt_cpu_kind *out, size_t capacity, const char *folder,
                          const bnt_cpu_set *allowed)
{
    uint64_t capacities[BNT_CPU_MAX_CORES] = {0}, clocks[BNT_CPU_MAX_CORES] = {0};
    bnt_cpu_layout layout;
    size_t n = 0;

    bnt_cpu_layout_from(&layout, folder, allowed);
    (void)read_speeds(folder, "cpu_capacity", allowed, capacities);
    (void)read_speeds(folder, "cpufreq/cpuinfo_max_freq", allowed, clocks);
    for (size_t i = 0; i < BNT_CPU_MAX_CORES; i++) {
        if (!has_core(allowed, i)) continue;
        const bnt_cpu_kind kind = {1, (uint32_t)(clocks[i] / 1000), (uint32_t)capacities[i],
                                   has_core(&layout.big, i)};
        const size_t at = kind_at(out, n, &kind);
        if (at < n && out[at].capacity == kind.capacity && out[at].max_mhz == kind.max_mhz) {
            out[at].n_cores++;
        } else if (n < capacity) {
            memmove(out + at + 1, out + at, (n - at) * sizeof *out);
            out[at] = kind;
            n++;
        }
    }
    return n;
}

size_t bnt_cpu_kinds(bnt_cpu_kind *out, size_t capacity)
{
    bnt_cpu_set allowed;
    allowed_cores(&allowed);
    return bnt_cpu_kinds_from(out, capacity, cores_folder, &allowed);
}

void bnt_cpu_name(char *out, size_t capacity)
{
    char text[BNT_SYSTEXT_BYTES];

    if (capacity) out[0] = '\0';
    if (!bnt_systext_read("/proc/cpuinfo", text)) return;
    const char *at = bnt_systext_after(text, "model name");
    if (!at) at = bnt_systext_after(text, "Hardware");
    if (!at) return;
    at += strspn(at, " \t:");
    snprintf(out, capacity, "%.*s", (int)strcspn(at, "\n"), at);
}

/* n cores, or fewer where control groups allow less time. */
static uint32_t within_limits(uint32_t n)
{
    bnt_quotas quotas;
    bnt_quotas_read(&quotas);
    if (quotas.cores < n) n = quotas.cores;
    return n ? n : 1;
}

uint32_t bnt_cpu_cores(void)
{
    bnt_cpu_set allowed;
    uint32_t n = 0;
    allowed_cores(&allowed);
    for (size_t i = 0; i < BNT_CPU_MAX_CORES; i++) {
        n += has_core(&allowed, i);
    }
    return within_limits(n);
}

uint32_t bnt_cpu_threads(void)
{
    bnt_cpu_layout layout;
    bnt_cpu_layout_read(&layout);
    return within_limits(layout.n_big);
}

/* Zero means unknown, so that "nothing left" is told as one byte. */
void bnt_cpu_memory(uint64_t *total, uint64_t *available)
{
    bnt_quotas quotas;
    bnt_quotas_read(&quotas);
    const uint64_t left = bnt_quotas_left(&quotas);
    *total = quotas.memory_bytes;
    *available = left == UINT64_MAX ? 0 : left ? left : 1;
}
