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

/* Memory of the machine, and how much this process could still take as far as MemAvailable, its
 * control group and its limits tell. Zero where unknown. */
void bnt_cpu_memory(uint64_t *total, uint64_t *available);

#endif
