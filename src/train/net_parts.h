/* net_parts.h - what the files of a net share. Only net*.c include it.
 *
 * Letters in shapes: n rows of the batch, embd, ffn as in the config; heads = n_heads *
 * head_dim, kv = n_kv_heads * head_dim, qkv = heads + 2 kv. Every buffer of rows is dense: its
 * rows are as far apart as they are wide.
 */
#ifndef BNT_TRAIN_NET_PARTS_H
#define BNT_TRAIN_NET_PARTS_H
#include "train/net.h"

enum {
    BNT_NET_ROWS = 64,    /* rows that one task takes of what is done row by row */
    BNT_NET_QUERIES = 64, /* queries whose scores lie in memory at a time, of each thread */
    BNT_NET_PARTS = 3
};

/* ---- linear layers ----------------------------------------------------------------------- */

/* One matrix of a linear layer, and the low-rank factor behind it. */
typedef struct bnt_net_part {
    const bnt_matrix *w;
    uint32_t at;     /* its rows begin at this column of y */
    float *b, *gb;   /* (w->rows, rank) NULL: no adapter */
    uint32_t low_at; /* its share of the low rows begins at this column */
} bnt_net_part;

/* Matrices that multiply the same input; their outputs lie side by side in a row of y. */
typedef struct bnt_net_linear {
    bnt_net_part parts[BNT_NET_PARTS];
    uint32_t n_parts;
    uint32_t rows, columns; /* rows: of all parts */
    const float *floats;    /* (rows, columns) where the parts lie one behind the other as
                               floats; else NULL: they are decoded piece by piece */
    float *g;               /* (rows, columns) gradient of floats; NULL: they are frozen */
    float *a, *ga; /* (low, columns) the factors A of all parts, one behind the other */
    uint32_t low;  /* rank times parts that have an adapter */
} bnt_net_linear;

enum { BNT_NET_QKV, BNT_NET_O, BNT_NET_GATE_UP, BNT_NET_DOWN, BNT_NET_LINEARS };

typedef struct bnt_net_layer {
    bnt_net_linear linears[BNT_NET_LINEARS];
    const float *attn_norm, *ffn_norm; /* (embd) */
    float *g_attn_norm, *g_ffn_norm;   /* (embd) NULL: frozen */
} bnt_net_layer;

/* ---- what a pass leaves behind ------------------------------------------------------------
 */

/* What the way back needs of one layer. */
typedef struct bnt_trace {
    float *normed;     /* (n, embd) */
    float *qkv;        /* (n, qkv) q and k turned, q scaled; on the way back their gradients */
    float *max;        /* (n, n_heads) largest score, and */
    float *share;      /* (n, n_heads) 1 / sum of exp(score - max) */
    float *a;          /* (n, heads) attention's weighted values */
    float *mid;        /* (n, embd) the residual stream between the halves */
    float *normed_mid; /* (n, embd) */
    float *gate_up;    /* (n, 2 ffn) gate, up; on the way back their gradients */
    float *h;          /* (n, ffn) gated */
    float *low[BNT_NET_LINEARS]; /* (n, low) scale * A x */
} bnt_trace;

/* What one thread has to itself in attention. */
typedef struct bnt_net_work {
    void *pack;      /* of bnt_matmul_here() */
    float *scores;   /* (queries, max_sequence padded) */
    float *d_scores; /* likewise */
    float *dk, *dv;  /* (max_sequence, head_dim) */
} bnt_net_work;

struct bnt_net {
    const bnt_model *model;
    bnt_pool *pool;
    bnt_net_options options;
    uint32_t n_threads;
    bnt_learn_kernels learn;
    bnt_matmul mm;
    bnt_arena arena; /* everything below */

    uint32_t heads, kv, qkv; /* widths, as above */
    bnt_net_layer *layers;   /* (n_layers) */
    bnt_net_linear head;
    float *g_embed;       /* (vocab, embd) NULL: frozen; the head's too where they are tied */
    float *g_output_norm; /* (embd) NULL: frozen */
    bnt_param *params;    /* (n_params) */
    size_t n_params;
    float *factors;   /* (n_learning) of adapters */
    float *gradients; /* (n_learning) */
    size_t n_learning;
    int lowest; /* the BNT_NET_ linear of layer 0 below which nothing learns; -1: all of it */

    float *inputs; /* (n_inputs, max_rows, embd) of layers; the last is what the head gets */
    uint32_t n_inputs; /* n_layers + 1, or 1 that all of them share */
    bnt_trace *traces; /* (n_traces) */
    uint32_t n_traces; /* n_layers, or 1 that all of them share */

    float *cosines, *sines, *minus_sines; /* (max_sequence, rope_dims / 2) */
    bnt_net_work *work;                   /* (n_threads) */
    float *strip;                         /* (strip_floats) rows of a matrix, decoded */
    size_t strip_floats;

    uint32_t *live; /* (n) rows whose loss counts */
    float *shares;  /* (n) what the loss of each weighs in the gradient */
    double *losses; /* (n) -ln p(target) of live rows */
    float *final;   /* (n, embd) normed live rows */
    float *logits;  /* (head_rows, vocab) */
    uint32_t head_rows;

    float *dx;       /* (n, embd) gradient of the residual stream */
    float *d_normed; /* (n, embd) of a norm's output */
    float *d_wide;   /* (n, max(ffn, heads)) of h, of a */
    float *d_low;    /* (n, most low) */
    float *partial;  /* (n / BNT_NET_ROWS rounded up, embd) sums for a norm's gradient */
};

static inline float *bnt_net_input(const bnt_net *net, uint32_t layer)
{
    const size_t width = net->model->config.n_embd;
    return net->inputs + (layer < net->n_inputs ? layer : 0) * net->options.max_rows * width;
}

static inline bnt_trace *bnt_net_trace(const bnt_net *net, uint32_t layer)
{
    return &net->traces[layer < net->n_traces ? layer : 0];
}

/* Rows in tasks of BNT_NET_ROWS. */
static inline size_t bnt_net_blocks(uint32_t n)
{
    return ((size_t)n + BNT_NET_ROWS - 1) / BNT_NET_ROWS;
}
static inline uint32_t bnt_net_block_end(size_t block, uint32_t n)
{
    const size_t end = (block + 1) * BNT_NET_ROWS;
    return end < n ? (uint32_t)end : n;
}

/* ---- net_linear.c ---- */

/* The most floats that a strip of any matrix of the model takes; 0 where all are floats. */
size_t bnt_net_strip_floats(const bnt_model *model);

/* A matrix's values where they lie, or NULL where they have to be decoded. */
const float *bnt_net_floats(const bnt_matrix *w);

/* y (n, rows) = W x (n, columns), adapters included; low (n, low) is what they need later. */
void bnt_net_linear_forward(bnt_net *net, const bnt_net_linear *l, const float *x, uint32_t n,
                            float *y, float *low);
/* low alone. */
void bnt_net_linear_low(bnt_net *net, const bnt_net_linear *l, const float *x, uint32_t n,
                        float *low);
/* Adds to the gradients of what learns; dx (n, columns) is overwritten, NULL: not wanted. */
void bnt_net_linear_backward(bnt_net *net, const bnt_net_linear *l, const float *x,
                             const float *low, const float *dy, uint32_t n, float *dx);

/* ---- net_attention.c ---- */

/* Turns q and k in the trace and fills in a, max, share. */
void bnt_net_attend(bnt_net *net, const bnt_batch *batch, uint32_t layer);
/* da (n, heads) is used up; qkv of the trace becomes its gradient before the turning. */
void bnt_net_attend_backward(bnt_net *net, const bnt_batch *batch, uint32_t layer, float *da);

/* ---- net_forward.c ---- */

/* Embeds the batch and runs all layers. The last one's output lacks the residual: mid of its
 * trace. */
void bnt_net_forward(bnt_net *net, const bnt_batch *batch);
/* One layer's trace made again from its input. */
void bnt_net_recompute(bnt_net *net, const bnt_batch *batch, uint32_t layer);

/* ---- net_loss.c ---- */

typedef struct bnt_net_goal {
    bool learns;       /* dx is filled in, and the head's and the last norm's gradients */
    double grad_share; /* where it learns */
    float *per_row;    /* or NULL */
} bnt_net_goal;

/* Finishes the last layer's output and returns the mean loss. */
double bnt_net_head(bnt_net *net, const bnt_batch *batch, const bnt_net_goal *goal);

/* ---- net_backward.c ---- */

/* Rows y = norm(x) * w whose gradients come back: dx += theirs, gw += w's where not NULL. */
typedef struct bnt_net_norm {
    float *dx;            /* (n, embd) */
    const float *x;       /* (n, embd) */
    const float *dy;      /* (n_rows, embd) */
    const uint32_t *rows; /* (n_rows) which rows of dx and x; NULL: the first n_rows */
    uint32_t n_rows;
    const float *w;
    float *gw;
} bnt_net_norm;

void bnt_net_norm_backward(bnt_net *net, const bnt_net_norm *norm);

#endif
