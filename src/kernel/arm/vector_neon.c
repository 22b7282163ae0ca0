/* vector_neon.c - operations on vectors of floats in NEON. */
#include "kernel/arm/arm.h"

/* The words first, then the body that is written in them. */
#include "kernel/arm/simd_neon.h"

#include "kernel/body/vector.h"

void bnt_vector_neon(bnt_kernels *k)
{
    put_vector(k);
}
