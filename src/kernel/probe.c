/* probe.c - picks the probes of the best set; the steps are those of kernel.c. */
#include "kernel/probe.h"

#include <stdbool.h>

#include "base/cpu.h"

static bool has(unsigned flags, unsigned needed)
{
    return (flags & needed) == needed;
}

void bnt_probes_init(bnt_probes *p, unsigned flags)
{
    *p = (bnt_probes){"ref", bnt_probe_int8_ref, bnt_probe_fp32_ref};
#if defined(__x86_64__)
    if (!has(flags, BNT_CPU_AVX2)) return;
    *p = (bnt_probes){"avx2", bnt_probe_int8_avx2, bnt_probe_fp32_avx2};
    if (has(flags, BNT_CPU_AVXVNNI)) {
        p->name = "avxvnni";
        p->int8 = bnt_probe_int8_avxvnni;
    }
    if (has(flags, BNT_CPU_AVX512 | BNT_CPU_AVX512VNNI)) {
        *p = (bnt_probes){"avx512vnni", bnt_probe_int8_avx512vnni, bnt_probe_fp32_avx512vnni};
    }
#elif defined(__aarch64__)
    if (!has(flags, BNT_CPU_NEON)) return;
    *p = (bnt_probes){"neon", bnt_probe_int8_neon, bnt_probe_fp32_neon};
    if (!has(flags, BNT_CPU_DOTPROD)) return;
    p->name = "dotprod";
    p->int8 = bnt_probe_int8_dotprod;
    if (!has(flags, BNT_CPU_I8MM)) return;
    p->name = "i8mm";
    p->int8 = bnt_probe_int8_i8mm;
#else
    (void)flags;
    (void)has;
#endif
}
