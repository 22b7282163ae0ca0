/* hadamard.h - rows times an orthonormal Hadamard matrix: for powers of two by butterflies, for
 * other sizes with one of Paley's matrices (1933) in front of them.
 *
 * A size m * 2^k has the matrix P x H: H of order 2^k as hadamard_f32 of kernel.h, P of order
 * m, both over the square root of their order. m is 1, or the first of 4 o, 8 o, 16 o, ... up
 * to 128, o being the odd part of the size, of which Paley has a matrix: of order 2 (q + 1) for
 * primes q = 1 mod 4, which is symmetric, else of order q + 1 for primes q = 3 mod 4. So 576 is
 * 36 * 16, 1536 is 12 * 128, 2560 is 20 * 128, 4864 is 76 * 64. Other sizes (6816 = 213 * 32,
 * 172 = 43 * 4) have none: they are cut into the largest power of two that divides them.
 */
#ifndef BNT_KERNEL_HADAMARD_H
#define BNT_KERNEL_HADAMARD_H
#include "kernel/kernel.h"

typedef struct bnt_hadamard {
    uint32_t size, m, power; /* size = m * power; 0: nothing is transformed */
    const float *factors;    /* (ceil(m / 64), m, 64) of P, scaled; borrows */
} bnt_hadamard;

/* The size of the transforms that rows of n values (n > 0) are cut into: n or a power of two.
 */
uint32_t bnt_hadamard_size(uint32_t n);

/* What a transform of this size is made of: m, or 0 where no matrix is known. */
uint32_t bnt_hadamard_factor(uint32_t size);

/* Floats that a transform of this size keeps; 0 for powers of two and unknown sizes. */
size_t bnt_hadamard_floats(uint32_t size);

/* room is bnt_hadamard_floats() floats, borrowed as long as *h is used. False where no matrix
 * of that size is known. */
bool bnt_hadamard_init(bnt_hadamard *h, uint32_t size, float *room);

/* x (n, a multiple of the size), transformed piece by piece. The bits are those of the scaled
 * sums of P in order of columns, by fma from 0, then those of hadamard_f32. */
void bnt_hadamard_run(const bnt_hadamard *h, const bnt_kernels *kernels, float *x, size_t n);

#endif
