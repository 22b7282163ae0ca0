/* dot_avx512vnni.h - the words of body/gemv.h in AVX-512 VNNI: a register of 16 rows. Empty for
 * compilers that are not told to use these instructions. */
#ifndef BNT_KERNEL_X86_DOT_AVX512VNNI_H
#define BNT_KERNEL_X86_DOT_AVX512VNNI_H
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) &&                  \
    defined(__AVX512DQ__) && defined(__AVX512VNNI__)

#define GEMV_ROWS        16
#define GEMV_GROUPS_1    1
#define GEMV_GROUPS_2    1
#define GEMV_GROUPS_4    1
#define GEMV_GROUPS_MORE 2

#define REG_BITS 512
#include "kernel/x86/dot_vnni.h"

#endif
#endif
