/* kernels_dotprod.c - the versions that the dot product extension brings. Nothing here but
 * assignments: this runs before any of them does.
 */
#include "kernel/arm/arm.h"

#include <string.h>

void bnt_kernels_dotprod(bnt_kernels *k)
{
    k->name = "dotprod";
    memcpy(k->gemv, bnt_gemv_dotprod, sizeof k->gemv);
    bnt_gemm_dotprod(k);
}
