/* learn_x86.h - the sets of x86-64 that training has kernels for. Each function puts the
 * versions of its set into the table.
 */
#ifndef BNT_KERNEL_X86_LEARN_X86_H
#define BNT_KERNEL_X86_LEARN_X86_H
#include "kernel/learn.h"

void bnt_learn_avx2(bnt_learn_kernels *k);
void bnt_learn_avx512vnni(bnt_learn_kernels *k);

#endif
