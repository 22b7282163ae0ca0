/* cpu.c - what this machine's processor and system offer.
 *
 * Linux tells most of it in small text files. Control groups are walked from this process's own
 * up to the root, because every one of them limits those beneath it.
 */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* sched_getaffinity, CPU_ISSET */
#endif
#include "base/cpu.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#if defined(__linux__)
#include <sched.h>
#endif
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

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

/* ---- small text files of the system ---- */

enum { TEXT = 8192, PATH = 1024 };

/* The beginning of a file, NUL-terminated; empty where it cannot be read. */
static bool read_text(const char *path, char text[TEXT])
{
    size_t size = 0;
    text[0] = '\0';
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    while (size < TEXT - 1) {
        const ssize_t n = read(fd, text + size, TEXT - 1 - size);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        size += (size_t)n;
    }
    close(fd);
    text[size] = '\0';
    return size > 0;
}

/* A decimal number at text; false where none stands there ("max"). */
static bool parse_number(const char *text, uint64_t *out)
{
    while (*text == ' ' || *text == '\t') {
        text++;
    }
    if (*text < '0' || *text > '9') return false;
    errno = 0;
    const unsigned long long n = strtoull(text, NULL, 10);
    if (errno) return false;
    *out = n;
    return true;
}

/* The number after `key` at the start of a line. */
static bool find_number(const char *text, const char *key, uint64_t *out)
{
    const size_t size = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (strncmp(line, key, size) == 0) return parse_number(line + size, out);
    }
    return false;
}

/* ---- control groups ---- */

typedef struct limits {
    uint64_t cores;  /* UINT64_MAX: no limit */
    uint64_t memory; /* bytes this process could still take; UINT64_MAX: no limit */
} limits;

/* Bytes left in one group. What it holds of file contents that are not in use is given back
 * when somebody needs memory. */
static void limit_memory(const char *dir, const char *max_name, const char *used_name,
                         const char *cache_key, limits *l)
{
    char path[PATH + 64], text[TEXT];
    uint64_t max, used, cache = 0;

    snprintf(path, sizeof path, "%s/%s", dir, max_name);
    if (!read_text(path, text) || !parse_number(text, &max)) return;
    snprintf(path, sizeof path, "%s/%s", dir, used_name);
    if (!read_text(path, text) || !parse_number(text, &used)) return;
    snprintf(path, sizeof path, "%s/memory.stat", dir);
    if (read_text(path, text)) (void)find_number(text, cache_key, &cache);

    used -= cache < used ? cache : used;
    const uint64_t left = max > used ? max - used : 0;
    if (left < l->memory) l->memory = left;
}

/* cpu.max holds the time allowed in a period, both in microseconds. */
static void limit_cores(const char *dir, limits *l)
{
    char path[PATH + 64], text[TEXT];
    uint64_t quota, period;
    snprintf(path, sizeof path, "%s/cpu.max", dir);
    if (!read_text(path, text) || !parse_number(text, &quota)) return;
    const char *second = strchr(text, ' ');
    if (!second || !parse_number(second, &period) || !period) return;
    const uint64_t cores = quota / period + (quota % period != 0);
    if (cores < l->cores) l->cores = cores;
}

static limits group_limits(void)
{
    static const char root[] = "/sys/fs/cgroup";
    limits l = {UINT64_MAX, UINT64_MAX};
    char text[TEXT], dir[PATH];

    /* Version 2 has one line, "0::/path". Inside a container the path may be "/". */
    const char *own = "/";
    if (read_text("/proc/self/cgroup", text)) {
        char *line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
        if (line) {
            own = strchr(line, '/');
            char *end = own ? strchr(own, '\n') : NULL;
            if (end) *end = '\0';
            if (!own || strstr(own, "/..")) own = "/";
        }
    }
    const int n = snprintf(dir, sizeof dir, "%s%s", root, own);
    if (n < 0 || n >= (int)sizeof dir) return l;
    for (;;) {
        limit_memory(dir, "memory.max", "memory.current", "inactive_file ", &l);
        limit_cores(dir, &l);
        char *slash = strrchr(dir, '/');
        if (!slash || slash < dir + sizeof root - 1) break;
        *slash = '\0';
    }
    limit_memory("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
                 "total_inactive_file ", &l); /* version 1 */
    return l;
}

/* ---- cores and memory ---- */

static void add_core(bnt_cpu_set *set, size_t core)
{
    set->bits[core / 64] |= UINT64_C(1) << core % 64;
}

static bool has_core(const bnt_cpu_set *set, size_t core)
{
    return (set->bits[core / 64] >> core % 64 & 1) != 0;
}

/* Cores this process may run on; where that cannot be asked for, those that are on. */
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

/* Reads one number for each allowed core; false where one of them has none. */
static bool read_speeds(const char *folder, const char *file, const bnt_cpu_set *allowed,
                        uint64_t speeds[BNT_CPU_MAX_CORES])
{
    char path[PATH + 64], text[TEXT];
    for (size_t i = 0; i < BNT_CPU_MAX_CORES; i++) {
        if (!has_core(allowed, i)) continue;
        const int n = snprintf(path, sizeof path, "%s/cpu%zu/%s", folder, i, file);
        if (n < 0 || (size_t)n >= sizeof path || !read_text(path, text) ||
            !parse_number(text, &speeds[i])) {
            return false;
        }
    }
    return true;
}

/* Capacity is what the system itself plans with; the highest clock is next best, and all there
 * is on many machines. */
void bnt_cpu_layout_from(bnt_cpu_layout *out, const char *folder, const bnt_cpu_set *allowed)
{
    uint64_t speeds[BNT_CPU_MAX_CORES] = {0}, most = 0;
    memset(out, 0, sizeof *out);
    if (!read_speeds(folder, "cpu_capacity", allowed, speeds) &&
        !read_speeds(folder, "cpufreq/cpuinfo_max_freq", allowed, speeds)) {
        memset(speeds, 0, sizeof speeds);
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

void bnt_cpu_layout_read(bnt_cpu_layout *out)
{
    bnt_cpu_set allowed;
    allowed_cores(&allowed);
    bnt_cpu_layout_from(out, "/sys/devices/system/cpu", &allowed);
}

/* n cores, or fewer where control groups allow less time. */
static uint32_t within_limits(uint32_t n)
{
    const limits l = group_limits();
    if (l.cores < n) n = (uint32_t)l.cores;
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

/* Addresses left under RLIMIT_AS; UINT64_MAX without a limit. */
static uint64_t addresses_left(void)
{
    struct rlimit limit;
    char text[TEXT];
    uint64_t pages;
    if (getrlimit(RLIMIT_AS, &limit) || limit.rlim_cur == RLIM_INFINITY) return UINT64_MAX;
    if (!read_text("/proc/self/statm", text) || !parse_number(text, &pages)) return UINT64_MAX;
    const uint64_t used = pages * (uint64_t)sysconf(_SC_PAGESIZE);
    return limit.rlim_cur > used ? limit.rlim_cur - used : 0;
}

void bnt_cpu_memory(uint64_t *total, uint64_t *available)
{
    char text[TEXT];
    uint64_t kib;
    *total = *available = 0;

    if (read_text("/proc/meminfo", text)) {
        if (find_number(text, "MemTotal:", &kib)) *total = kib * 1024;
        if (find_number(text, "MemAvailable:", &kib)) *available = kib * 1024;
    }
    if (!*total) {
        const long pages = sysconf(_SC_PHYS_PAGES);
        if (pages > 0) *total = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
    }
    /* Zero means unknown, so that "nothing left" is told as one byte. */
    const uint64_t group = group_limits().memory, addresses = addresses_left();
    const uint64_t least = group < addresses ? group : addresses;
    if (least != UINT64_MAX && (!*available || least < *available)) {
        *available = least ? least : 1;
    }
}
