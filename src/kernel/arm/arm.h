/* arm.h - the instruction sets of 64-bit Arm that have kernels of their own.
 *
 * Each function puts the versions of its set into the table, which holds those of lesser sets
 * already. What they put there may run only where base/cpu.h has found the set.
 */
#ifndef BNT_KERNEL_ARM_ARM_H
#define BNT_KERNEL_ARM_ARM_H
#include "kernel/kernel.h"

void bnt_kernels_neon(bnt_kernels *k);    /* the baseline of the architecture */
void bnt_kernels_dotprod(bnt_kernels *k); /* and SDOT, UDOT */
void bnt_kernels_i8mm(bnt_kernels *k);    /* and SMMLA, USDOT */

/* Plain floats, which the other sets bring nothing for: for the functions above to call. */
void bnt_vector_neon(bnt_kernels *k);
void bnt_rows_neon(bnt_kernels *k);
void bnt_attend_neon(bnt_kernels *k);

/* Products of few tokens, by place of the type in the table. */
extern const bnt_gemv_fn bnt_gemv_neon[BNT_TILES];
extern const bnt_gemv_fn bnt_gemv_dotprod[BNT_TILES];
extern const bnt_gemv_fn bnt_gemv_i8mm[BNT_TILES];

/* GEMM, and how tokens are packed for it. */
void bnt_gemm_neon(bnt_kernels *k);
void bnt_gemm_dotprod(bnt_kernels *k);
void bnt_gemm_i8mm(bnt_kernels *k);

#endif
