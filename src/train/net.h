/* net.h - a model that can learn: a forward pass that remembers, and the way back.
 *
 * A net looks at a bnt_model: its config, its norms, its matrices. A matrix may learn itself
 * (it is F32 and has a gradient), may carry a low-rank adapter that learns beside it (LoRA,
 * arXiv 2106.09685: y = W x + scale B (A x)), or be frozen, of any stored type. So one floor
 * trains models from nothing and adapters on 4-bit files.
 *
 * All arithmetic is in float and its order is fixed: gradients depend on the batch, not on the
 * number of threads. Activations are either all kept or, where memory is short, only the input
 * of every layer, from which the layer is computed again on the way back: the same bits.
 */
#ifndef BNT_TRAIN_NET_H
#define BNT_TRAIN_NET_H
#include "linalg/matmul.h"
#include "model/adapter.h"

/* Some weights that learn, and where their gradient is gathered. */
typedef struct bnt_param {
    char name[64]; /* as GGUF calls the tensor: "blk.0.attn_q.weight"; adapters: with ".lora_a",
                      ".lora_b" behind */
    float *w, *g;  /* (n) borrowed from the net */
    size_t n;
    uint32_t rows, columns; /* rows 1 for vectors */
    bool decays;            /* weight decay applies: matrices yes, norms no */
    bnt_place place;   /* which matrix of a layer it is or is a factor of; BNT_PLACES: none */
    uint32_t layer;    /* of that */
    bnt_factor factor; /* which factor, of adapters */
} bnt_param;

/* A sequence of rows; attention sees back to its start, positions count from 0 there. */
typedef struct bnt_sequence {
    uint32_t first, n; /* rows of the batch */
} bnt_sequence;

typedef struct bnt_batch {
    const uint32_t *tokens;  /* (n_rows) inputs, below n_vocab */
    const uint32_t *targets; /* (n_rows) what should follow each */
    const float *weights;    /* (n_rows) of each target in the loss; 0: masked; at least one
                                is not */
    uint32_t n_rows;
    const bnt_sequence *sequences; /* (n_sequences) cover the rows in order */
    uint32_t n_sequences;
} bnt_batch;

typedef enum bnt_learns {
    BNT_LEARNS_ALL,     /* every matrix and norm; the model must be F32 and made by
                           bnt_net_model_new() */
    BNT_LEARNS_ADAPTER, /* low-rank factors on the matrices chosen */
    BNT_LEARNS_NOTHING  /* loss only */
} bnt_learns;

enum { /* matrices that get an adapter */
       BNT_TARGET_Q = 1,
       BNT_TARGET_K = 2,
       BNT_TARGET_V = 4,
       BNT_TARGET_O = 8,
       BNT_TARGET_GATE = 16,
       BNT_TARGET_UP = 32,
       BNT_TARGET_DOWN = 64,
       BNT_TARGET_ALL = 127
};

typedef struct bnt_net_options {
    bnt_learns learns;
    uint32_t rank;    /* of adapters */
    float scale;      /* alpha / rank */
    unsigned targets; /* BNT_TARGET_ bits */
    uint64_t seed; /* adapters: A uniform in +-1/sqrt(columns) (Kaiming with a = sqrt 5), B 0 */
    uint32_t max_rows; /* of a batch */
    uint32_t max_sequence;
    bool recompute; /* keep only the inputs of layers */
} bnt_net_options;

typedef struct bnt_net bnt_net;

/* Everything a step needs is taken here. model and pool are borrowed until the net is closed;
 * with BNT_LEARNS_ALL the model's matrices and norms are what learns, in place. Tiled types are
 * read through bnt_type_decode_row's kind of decoding, a strip at a time.
 * BANTAM_ERR_UNSUPPORTED for what has no backward pass (the int8 rope table). */
bantam_status bnt_net_open(bnt_net **out, const bnt_model *model, bnt_pool *pool,
                           const bnt_net_options *options, bantam_error *err);
void bnt_net_close(bnt_net *net); /* accepts NULL */

/* Bytes that bnt_net_open() would take, params and gradients included (without the model). */
size_t bnt_net_cost(const bnt_model *model, const bnt_net_options *options, uint32_t n_threads);

/* The weights that learn, in a fixed order: the file's. */
size_t bnt_net_n_params(const bnt_net *net);
const bnt_param *bnt_net_param(const bnt_net *net, size_t index);

/* The weighted mean of -ln p(target) over the batch, in nats; a sum in double in order of rows.
 * What learns gets its gradient of that mean added to g, times grad_share (1 for one batch a
 * step; the batch's share of the weights where several make a step). */
bantam_status bnt_net_learn(bnt_net *net, const bnt_batch *batch, double grad_share,
                            double *loss, bantam_error *err);
/* The loss alone; per_row (n_rows), NULL or -ln p(target) of every row, masked ones too. */
bantam_status bnt_net_loss(bnt_net *net, const bnt_batch *batch, double *loss, float *per_row,
                           bantam_error *err);
void bnt_net_clear_gradients(bnt_net *net);

/* A model in memory, all F32, without an archive: normal(0, 0.02) from the seed, the matrices
 * that end in the residual stream (o, down) divided by sqrt(2 n_layers), norms 1. What config
 * borrows must outlive it; config is checked as bnt_config_read() would. */
bantam_status bnt_net_model_new(bnt_model **out, const bnt_config *config, uint64_t seed,
                                bantam_error *err);
void bnt_net_model_free(bnt_model *model); /* accepts NULL; also those half made */

#endif
