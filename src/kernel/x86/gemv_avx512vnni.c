/* gemv_avx512vnni.c - few tokens times interleaved weights. The bodies are in body/gemv.h. */
#include "kernel/x86/dot_avx512vnni.h"

#include "kernel/body/gemv.h"
#include "kernel/x86/x86.h"

#include <string.h>

void bnt_gemv_avx512vnni(bnt_kernels *k)
{
    static const bnt_gemv_fn table[BNT_TILES] = GEMV_TABLE;
    memcpy(k->gemv, table, sizeof table);
}
