/* vector_avx2.c - operations on vectors of floats in AVX2. */
#include "kernel/x86/x86.h"

/* The words first, then the body that is written in them. */
#include "kernel/x86/simd_avx2.h"

#include "kernel/body/vector.h"

void bnt_vector_avx2(bnt_kernels *k)
{
    put_vector(k);
}
