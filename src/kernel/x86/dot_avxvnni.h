/* dot_avxvnni.h - the words of body/gemv.h in AVX-VNNI: a register of 8 rows. Empty for
 * compilers that are not told to use these instructions. */
#ifndef BNT_KERNEL_X86_DOT_AVXVNNI_H
#define BNT_KERNEL_X86_DOT_AVXVNNI_H
#if defined(__AVXVNNI__) && defined(__FMA__) && defined(__F16C__)

#define GEMV_ROWS        8
#define GEMV_GROUPS_1    1
#define GEMV_GROUPS_2    1
#define GEMV_GROUPS_4    1
#define GEMV_GROUPS_MORE 1

#define REG_BITS 256
#include "kernel/x86/dot_vnni.h"

#endif
#endif
