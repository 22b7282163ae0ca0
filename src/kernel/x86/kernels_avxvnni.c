/* kernels_avxvnni.c - the versions that AVX-VNNI brings. Nothing here but assignments: this
 * runs before any of them does.
 */
#include "kernel/x86/x86.h"

void bnt_kernels_avxvnni(bnt_kernels *k)
{
    k->name = "avxvnni";
    bnt_gemm_avxvnni(k);
    bnt_gemv_avxvnni(k);
}
