/* learn_arm.h - the sets of 64-bit Arm that training has kernels for. Each function puts the
 * versions of its set into the table.
 */
#ifndef BNT_KERNEL_ARM_LEARN_ARM_H
#define BNT_KERNEL_ARM_LEARN_ARM_H
#include "kernel/learn.h"

void bnt_learn_neon(bnt_learn_kernels *k);

#endif
