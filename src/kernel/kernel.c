/* kernel.c - fills in the table of kernels: C first, then set by set what the flags allow, each
 * set putting its own versions in place of what stood there.
 */
#include "kernel/kernel.h"

#include "base/cpu.h"
#include "kernel/ref/ref.h"
#if defined(__x86_64__)
#include "kernel/x86/x86.h"
#elif defined(__aarch64__)
#include "kernel/arm/arm.h"
#endif

bnt_tile_index bnt_tile_place(const bnt_type *type)
{
    switch ((int)type->id) {
    case BNT_TYPE_B4:
        return BNT_TILE_B4;
    case BNT_TYPE_B3:
        return BNT_TILE_B3;
    case BNT_TYPE_B2:
        return BNT_TILE_B2;
    case BNT_TYPE_B8:
        return BNT_TILE_B8;
    case BNT_TYPE_B6:
        return BNT_TILE_B6;
    case BNT_TYPE_B5:
        return BNT_TILE_B5;
    case BNT_TYPE_Q4_0_R16:
        return BNT_TILE_Q4_0;
    case BNT_TYPE_Q8_0_R16:
        return BNT_TILE_Q8_0;
    case BNT_TYPE_Q4_K_R16:
        return BNT_TILE_Q4_K;
    case BNT_TYPE_Q5_K_R16:
        return BNT_TILE_Q5_K;
    case BNT_TYPE_Q6_K_R16:
        return BNT_TILE_Q6_K;
    default:
        return BNT_TILES; /* not interleaved: no place */
    }
}

/* Whether flags hold everything in `needed`. */
static bool has(unsigned flags, unsigned needed)
{
    return (flags & needed) == needed;
}

#if defined(__x86_64__)

static void add_sets(bnt_kernels *k, unsigned flags)
{
    if (!has(flags, BNT_CPU_AVX2)) return;
    bnt_kernels_avx2(k);
    if (has(flags, BNT_CPU_AVXVNNI)) bnt_kernels_avxvnni(k);
    if (has(flags, BNT_CPU_AVX512 | BNT_CPU_AVX512VNNI)) bnt_kernels_avx512vnni(k);
}

#elif defined(__aarch64__)

static void add_sets(bnt_kernels *k, unsigned flags)
{
    if (!has(flags, BNT_CPU_NEON)) return;
    bnt_kernels_neon(k);
    if (!has(flags, BNT_CPU_DOTPROD)) return;
    bnt_kernels_dotprod(k);
    if (has(flags, BNT_CPU_I8MM)) bnt_kernels_i8mm(k);
}

#else

static void add_sets(bnt_kernels *k, unsigned flags)
{
    (void)k;
    (void)flags;
}

#endif

void bnt_kernels_init(bnt_kernels *k, unsigned flags)
{
    bnt_kernels_ref(k);
    add_sets(k, flags);
}
