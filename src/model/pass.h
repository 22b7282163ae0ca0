/* pass.h - one forward pass under way, and its stages.
 *
 * n tokens at positions pos .. pos + n - 1 move through buffers of the pass, one row per token.
 * A stage hands independent tasks to the pool; each value is computed by one task, in one
 * order, so that neither n nor the number of threads changes a bit.
 */
#ifndef BNT_MODEL_PASS_H
#define BNT_MODEL_PASS_H
#include "model/forward.h"

typedef struct bnt_pass {
    const bnt_model *model;
    const bnt_kv *kv;
    bnt_pool *pool;
    uint32_t n, pos;

    /* All borrowed from the caller's arena. */
    float *x;               /* (n, embd) the residual stream */
    float *h;               /* (n, embd) what goes into and comes out of a block */
    float *q;               /* (n, heads*hd) */
    float *k, *v;           /* (n, kv*hd) */
    float *a;               /* (n, heads*hd) attention's weighted values */
    float *gate, *up;       /* (n, ffn) */
    float *cosines, *sines; /* (n, rope_dims / 2) */
    float *maxima, *sums;   /* (n, heads) of attention's softmax so far */
    float *work;            /* (threads, work_floats) */
    size_t work_floats;
} bnt_pass;

/* Takes the buffers of a pass of n tokens from arena. False where they do not fit. */
bool bnt_pass_take(bnt_pass *p, uint32_t n_threads, bnt_arena *arena);

/* What one thread has to itself, from p->work: room for the decoded rows below. */
static inline float *bnt_pass_work(const bnt_pass *p, uint32_t thread)
{
    return p->work + thread * p->work_floats;
}

/* Runs fn once for each task; small jobs stay on the calling thread. */
void bnt_pass_run(const bnt_pass *p, bnt_task_fn fn, void *context, size_t n_tasks);

/* x = the embeddings of tokens (n). */
void bnt_embed(const bnt_pass *p, const uint32_t *tokens);

/* y (n_rows of x, w->rows) = x (n_rows, w->columns) times w transposed. */
typedef struct bnt_product {
    const bnt_matrix *w;
    float *y;
} bnt_product;

/* Up to 4 products of one x, shared out together. */
void bnt_linear(const bnt_pass *p, const float *x, uint32_t n_rows, const bnt_product *products,
                size_t n_products);

/* out (n_rows, embd) = rms norm of x (n_rows, embd), times w (embd). */
void bnt_norm(const bnt_pass *p, float *out, const float *x, uint32_t n_rows, const float *w);

/* x (n, embd) += h (n, embd). */
void bnt_add(const bnt_pass *p);

/* Turns q and k, scales q, and stores k and v in the layer's cache. */
void bnt_turn_and_store(const bnt_pass *p, uint32_t layer);

/* a (n, heads*hd) = what q sees in the layer's cache. */
void bnt_attend(const bnt_pass *p, uint32_t layer);

/* gate (n, ffn) = act(gate) * up. */
void bnt_gate(const bnt_pass *p);

#endif
