/* attend_avx2.c - attention over chunks of the cache in AVX2. */
#include "kernel/x86/x86.h"

/* The words first, then the body that is written in them. */
#include "kernel/x86/simd_avx2.h"

#include "kernel/body/attend.h"

void bnt_attend_avx2(bnt_kernels *k)
{
    put_attend(k);
}
