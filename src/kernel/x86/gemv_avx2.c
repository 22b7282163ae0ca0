/* gemv_avx2.c - few tokens times interleaved weights. The bodies are in body/gemv.h. */
#include "kernel/x86/dot_avx2.h"

#include "kernel/body/gemv.h"
#include "kernel/x86/x86.h"

#include <string.h>

void bnt_gemv_avx2(bnt_kernels *k)
{
    static const bnt_gemv_fn table[BNT_TILES] = GEMV_TABLE;
    memcpy(k->gemv, table, sizeof table);
}
