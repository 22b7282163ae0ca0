/* learn.c - fills in the table of training's kernels: C first, then set by set what the flags
 * allow. The steps are those of kernel.c, as far as a set brings something for floats.
 */
#include "kernel/learn.h"

#include "base/cpu.h"
#include "kernel/ref/learn_ref.h"
#if defined(__x86_64__)
#include "kernel/x86/learn_x86.h"
#elif defined(__aarch64__)
#include "kernel/arm/learn_arm.h"
#endif

void bnt_learn_kernels_init(bnt_learn_kernels *k, unsigned flags)
{
    bnt_learn_ref(k);
#if defined(__x86_64__)
    const unsigned avx512 = BNT_CPU_AVX2 | BNT_CPU_AVX512 | BNT_CPU_AVX512VNNI;
    if (flags & BNT_CPU_AVX2) bnt_learn_avx2(k);
    if ((flags & avx512) == avx512) bnt_learn_avx512vnni(k);
#elif defined(__aarch64__)
    if (flags & BNT_CPU_NEON) bnt_learn_neon(k);
#else
    (void)flags;
#endif
}
