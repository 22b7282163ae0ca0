/* kernels_i8mm.c - the versions that the matrix extension brings. Nothing here but
 * assignments: this runs before any of them does.
 */
#include "kernel/arm/arm.h"

#include <string.h>

void bnt_kernels_i8mm(bnt_kernels *k)
{
    k->name = "i8mm";
    memcpy(k->gemv, bnt_gemv_i8mm, sizeof k->gemv);
    bnt_gemm_i8mm(k);
}
