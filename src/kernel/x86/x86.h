/* x86.h - the instruction sets of x86-64 that have kernels of their own.
 *
 * Each function puts the versions of its set into the table, which holds those of lesser sets
 * already. What they put there may run only where base/cpu.h has found the set.
 */
#ifndef BNT_KERNEL_X86_X86_H
#define BNT_KERNEL_X86_X86_H
#include "kernel/kernel.h"

void bnt_kernels_avx2(bnt_kernels *k);       /* AVX2, FMA, F16C */
void bnt_kernels_avxvnni(bnt_kernels *k);    /* and AVX-VNNI */
void bnt_kernels_avx512vnni(bnt_kernels *k); /* AVX2 and AVX-512 F, BW, VL, DQ, VNNI */

/* What a set brings for plain floats: for the functions above to call. */
void bnt_vector_avx2(bnt_kernels *k);
void bnt_rows_avx2(bnt_kernels *k);
void bnt_attend_avx2(bnt_kernels *k);
void bnt_vector_avx512vnni(bnt_kernels *k);
void bnt_rows_avx512vnni(bnt_kernels *k);
void bnt_attend_avx512vnni(bnt_kernels *k);

/* GEMV. */
void bnt_gemv_avx2(bnt_kernels *k);
void bnt_gemv_avxvnni(bnt_kernels *k);
void bnt_gemv_avx512vnni(bnt_kernels *k);

/* GEMM, and how tokens are packed for it. */
void bnt_gemm_avx2(bnt_kernels *k);
void bnt_gemm_avxvnni(bnt_kernels *k);
void bnt_gemm_avx512vnni(bnt_kernels *k);

#endif
