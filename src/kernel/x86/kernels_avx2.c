/* kernels_avx2.c - the versions that AVX2 brings. Nothing here but assignments: this runs
 * before any of them does.
 */
#include "kernel/x86/x86.h"

void bnt_kernels_avx2(bnt_kernels *k)
{
    k->name = "avx2";
    bnt_vector_avx2(k);
    bnt_rows_avx2(k);
    bnt_attend_avx2(k);
    bnt_gemm_avx2(k);
    bnt_gemv_avx2(k);
}
