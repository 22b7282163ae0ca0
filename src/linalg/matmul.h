/* matmul.h - products of float matrices, shared out to a pool.
 *
 * Every element is one chain of multiply-adds in order of k, whoever computes it: the bits
 * depend on nothing but the two matrices.
 */
#ifndef BNT_LINALG_MATMUL_H
#define BNT_LINALG_MATMUL_H
#include "base/arena.h"
#include "base/pool.h"
#include "kernel/learn.h"

enum { BNT_MATMUL_DEEP = 256 }; /* steps of k that are packed at a time */

/* A matrix seen through strides: element (i, j) is data[i * row + j * column]. One of the two
 * strides is 1: swapping them transposes. */
typedef struct bnt_view {
    const float *data;
    size_t row, column;
} bnt_view;

typedef struct bnt_matmul {
    const bnt_learn_kernels *kernels; /* borrows */
    bnt_pool *pool;                   /* borrows */
    uint8_t *work;                    /* owns: packed operands, grown never */
    size_t work_bytes;
} bnt_matmul;

/* Takes memory for packing: enough for products of any size, which are cut to fit it. A zeroed
 * bnt_matmul is a valid closed one. */
bantam_status bnt_matmul_init(bnt_matmul *mm, const bnt_learn_kernels *kernels, bnt_pool *pool,
                              bantam_error *err);
void bnt_matmul_deinit(bnt_matmul *mm);
size_t bnt_matmul_bytes(const bnt_learn_kernels *kernels, uint32_t n_threads);

/* C (m, n) = A (m, k) B (k, n), or C += A B where add. c rows are c_stride apart. Neither A nor
 * B overlaps C. */
void bnt_matmul_run(bnt_matmul *mm, bnt_view a, bnt_view b, size_t m, size_t n, size_t k,
                    float *c, size_t c_stride, bool add);

/* The same on the calling thread alone, for use inside of a task; pack is
 * bnt_matmul_pack_bytes() that this thread has to itself, 64-aligned. For products of any size,
 * best for those whose B is packed at once: n k up to 32768. */
size_t bnt_matmul_pack_bytes(const bnt_learn_kernels *kernels);
void bnt_matmul_here(const bnt_learn_kernels *kernels, void *pack, bnt_view a, bnt_view b,
                     size_t m, size_t n, size_t k, float *c, size_t c_stride, bool add);

#endif
