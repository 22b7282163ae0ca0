/* rows_neon.c - rows of plain floats times tokens in NEON. */
#include "kernel/arm/arm.h"

/* The words first, then the body that is written in them. */
#include "kernel/arm/simd_neon.h"

#include "kernel/body/rows.h"

void bnt_rows_neon(bnt_kernels *k)
{
    put_rows(k);
}
