/* kernels_neon.c - the versions that NEON brings. Nothing here but assignments: this runs
 * before any of them does.
 */
#include "kernel/arm/arm.h"

#include <string.h>

void bnt_kernels_neon(bnt_kernels *k)
{
    k->name = "neon";
    bnt_vector_neon(k);
    bnt_rows_neon(k);
    bnt_attend_neon(k);
    memcpy(k->gemv, bnt_gemv_neon, sizeof k->gemv);
    bnt_gemm_neon(k);
}
