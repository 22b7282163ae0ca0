/* vector_avx512vnni.c - operations on vectors of floats in AVX-512. */
#include "kernel/x86/x86.h"

/* The words first, then the body that is written in them. */
#include "kernel/x86/simd_avx512.h"

#include "kernel/body/vector.h"

void bnt_vector_avx512vnni(bnt_kernels *k)
{
    put_vector(k);
}
