/* learn_ref.h - the inner loops of training in plain C: what learn.h states, and the judge. */
#ifndef BNT_KERNEL_REF_LEARN_REF_H
#define BNT_KERNEL_REF_LEARN_REF_H
#include "kernel/learn.h"

/* Fills in every entry of the table. */
void bnt_learn_ref(bnt_learn_kernels *k);

#endif
