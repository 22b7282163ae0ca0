/* cpu.h - what this machine's processor and system offer. */
#ifndef BNT_BASE_CPU_H
#define BNT_BASE_CPU_H
#include "bantam/bantam.h"

enum {
    BNT_CPU_AVX2 = 1 << 0, /* with FMA and F16C */
    BNT_CPU_AVXVNNI = 1 << 1,
    BNT_CPU_AVX512 = 1 << 2, /* F, BW, VL, DQ */
    BNT_CPU_AVX512VNNI = 1 << 3,
    BNT_CPU_NEON = 1 << 8,
    BNT_CPU_DOTPROD = 1 << 9,
    BNT_CPU_I8MM = 1 << 10,
    BNT_CPU_FP16 = 1 << 11
};

/* Instruction sets that the processor has and the system has enabled. */
unsigned bnt_cpu_flags(void);

/* Cores this process may run on, at least 1. */
uint32_t bnt_cpu_cores(void);

/* Which cores are worth computing on. Phones have small cores beside big ones;
 * a job that waits for a small one is slower than without it. */
enum { BNT_CPU_MAX_CORES = 1024 };
typedef struct bnt_cpu_set {
    uint64_t bits[BNT_CPU_MAX_CORES / 64]; /* core i is bit i % 64 of word i / 64 */
} bnt_cpu_set;
typedef struct bnt_cpu_layout {
    bnt_cpu_set big;  /* allowed cores with 70 % or more of what the fastest of them has */
    uint32_t n_cores; /* allowed ones */
    uint32_t n_big;   /* n_cores where all are alike or the system does not tell */
} bnt_cpu_layout;

/* Of the cores this process may run on. */
void bnt_cpu_layout_read(bnt_cpu_layout *out);
/* The same from a folder like /sys/devices/system/cpu, of the cores in allowed.
 */
void bnt_cpu_layout_from(bnt_cpu_layout *out, const char *folder, const bnt_cpu_set *allowed);

/* Cores that are alike. */
typedef struct bnt_cpu_kind {
    uint32_t n_cores;
    uint32_t max_mhz;  /* 0: the system does not tell */
    uint32_t capacity; /* of 1024, which the system's fastest core has; 0: not told */
    bool big;          /* worth computing on */
} bnt_cpu_kind;

/* The kinds of cores this process may run on, the fastest first; returns how
 * many were written, at most capacity. */
size_t bnt_cpu_kinds(bnt_cpu_kind *out, size_t capacity);
/* The same of the cores in allowed, from a folder as above. */
size_t bnt_cpu_kinds_from(bnt_cpu_kind *out, size_t capacity, const char *folder,
                          const bnt_cpu_set *allowed);

/* What the processor calls itself; empty where it does not. */
void bnt_cpu_name(char *out, size_t capacity);

/* How many threads to compute with: the big cores, as far as the control
 * group's share of time goes; at least 1. */
uint32_t bnt_cpu_threads(void);

/* Keeps the calling thread to the cores of a set. That the system refuses is no
 * failure. */
void bnt_cpu_keep_to(const bnt_cpu_set *set);

/* Memory of the machine, and how much this process could still take as far as
 * MemAvailable, its control group and its limits tell (quota.h has them one by
 * one). Zero where unknown. */
void bnt_cpu_memory(uint64_t *total, uint64_t *available);

#endif
