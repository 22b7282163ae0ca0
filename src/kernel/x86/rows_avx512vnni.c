/* rows_avx512vnni.c - rows of plain floats times tokens in AVX-512. */
#include "kernel/x86/x86.h"

/* The words first, then the body that is written in them. */
#include "kernel/x86/simd_avx512.h"

#include "kernel/body/rows.h"

void bnt_rows_avx512vnni(bnt_kernels *k)
{
    put_rows(k);
}
