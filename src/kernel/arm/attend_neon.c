/* attend_neon.c - attention over chunks of the cache in NEON. */
#include "kernel/arm/arm.h"

/* The words first, then the body that is written in them. */
#include "kernel/arm/simd_neon.h"

#include "kernel/body/attend.h"

void bnt_attend_neon(bnt_kernels *k)
{
    put_attend(k);
}
