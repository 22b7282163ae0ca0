/* kernels_avx512vnni.c - the versions that AVX-512 VNNI brings. Nothing here but assignments:
 * this runs before any of them does.
 */
#include "kernel/x86/x86.h"

void bnt_kernels_avx512vnni(bnt_kernels *k)
{
    k->name = "avx512vnni";
    bnt_vector_avx512vnni(k);
    bnt_rows_avx512vnni(k);
    bnt_attend_avx512vnni(k);
    bnt_gemm_avx512vnni(k);
    bnt_gemv_avx512vnni(k);
}
