/* attend_avx512vnni.c - attention over chunks of the cache in AVX-512. */
#include "kernel/x86/x86.h"

/* The words first, then the body that is written in them. */
#include "kernel/x86/simd_avx512.h"

#include "kernel/body/attend.h"

void bnt_attend_avx512vnni(bnt_kernels *k)
{
    put_attend(k);
}
