/* rows_avx2.c - rows of plain floats times tokens in AVX2. */
#include "kernel/x86/x86.h"

/* The words first, then the body that is written in them. */
#include "kernel/x86/simd_avx2.h"

#include "kernel/body/rows.h"

void bnt_rows_avx2(bnt_kernels *k)
{
    put_rows(k);
}
