/* kernels_neon.c - the versions that NEON brings. Nothing here but assignments: this runs
 * before any of them does.
 */
#include "kernel/arm/arm.h"

void bnt_kernels_neon(bnt_kernels *k)
{
    k->name = "neon";
}
