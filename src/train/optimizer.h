/* optimizer.h - AdamW over all parameters of a net, shared out to a pool.
 *
 * The parameters are cut into pieces of a fixed size. Weights depend on nothing but their own
 * gradient, and the sums of squares of the pieces are added in order: any number of threads
 * gives the same bits.
 */
#ifndef BNT_TRAIN_OPTIMIZER_H
#define BNT_TRAIN_OPTIMIZER_H
#include "train/net.h"

/* A zeroed optimizer is a valid closed one. */
typedef struct bnt_optimizer {
    bnt_pool *pool; /* borrows */
    bnt_learn_kernels kernels;
    struct bnt_optimizer_piece *pieces; /* owns; (n_pieces) in order of the parameters */
    size_t n_pieces;
    float *m, *v; /* own; (n_weights) the averages, in order of the parameters */
    size_t n_weights;
} bnt_optimizer;

/* The net and the pool are borrowed until the optimizer is closed. */
bantam_status bnt_optimizer_init(bnt_optimizer *o, const bnt_net *net, bnt_pool *pool,
                                 bantam_error *err);
void bnt_optimizer_deinit(bnt_optimizer *o);
size_t bnt_optimizer_cost(uint64_t n_weights); /* bytes it takes */

/* The length of all gradients together. */
double bnt_optimizer_norm(const bnt_optimizer *o);

/* One step; step->decay is for the parameters that decay. */
void bnt_optimizer_step(const bnt_optimizer *o, const bnt_adamw *step);

#endif
