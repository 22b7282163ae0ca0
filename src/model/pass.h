/* pass.h - one forward pass under way, and its stages.
 *
 * n tokens at positions pos .. pos + n - 1 move through buffers of the pass, one row per token.
 * A stage hands independent tasks to the pool; each value is computed in one order whoever
 * computes it, so that neither n nor the number of threads changes a bit.
 *
 * A few tokens are computed otherwise than many. For up to BNT_FEW_TOKENS every thread makes
 * the whole input of a product for itself, which costs less than waiting for another to make a
 * part of it; the weights are then read once. For more the input is shared, and the weights are
 * unpacked panel by panel.
 */
#ifndef BNT_MODEL_PASS_H
#define BNT_MODEL_PASS_H
#include "model/forward.h"

enum { BNT_FEW_TOKENS = BNT_GEMV_TOKENS };

/* What one thread has to itself. Every stage uses it anew. */
typedef struct bnt_work {
    /* Products. */
    float *row;      /* (widest) one row of an input */
    float *rows;     /* (few, widest) the input as floats; where rows of floats read it */
    float *decoded;  /* (16, widest) rows of a type without kernels; where the model has such */
    int8_t *q;       /* the input as whole numbers, as bnt_acts has it: (quantized, stride) */
    float *d;        /* (quantized, blocks) */
    int32_t *sum32;  /* (quantized, spans) */
    int32_t *sum16;  /* (quantized, half spans) */
    float *y, *y_up; /* (n, y_rows) what a task computes, before it goes where it belongs */
    void *gemm;
    /* Attention, see attention.c. */
    float *attention;
} bnt_work;

typedef struct bnt_pass {
    const bnt_model *model;
    const bnt_kv *kv;
    bnt_pool *pool;
    const bnt_adapter_use *adapters; /* (n_adapters) */
    uint32_t n_adapters;
    uint32_t n, pos;
    const bnt_strand *strands; /* (n_strands) whose rows these are; kv and pos mean nothing */
    uint32_t n_strands;        /* 0: all of kv, from pos on */
    uint32_t skipped;          /* rows of the strands that lie before those of this pass */
    bool decode;    /* every text has one token, which goes on: attention stores its key */
    bnt_tap_fn tap; /* or NULL; sees inputs */
    void *tap_user;

    /* All borrowed from the caller's arena. */
    float *x;               /* (n, embd) the residual stream */
    float *q;               /* (n, heads*hd) */
    float *k, *v;           /* (n, kv*hd) */
    float *a;               /* (n, heads*hd) attention's weighted values */
    float *h;               /* (n, ffn) gated */
    float *shared;          /* (n, columns) an input that is made, as rows of floats read it */
    uint8_t *packed;        /* an input as packed tokens */
    float *cosines, *sines; /* (n, rope_dims / 2) */
    float *parts;           /* (segments, heads, head_dim + 2) of the token of a decode */
    struct bnt_slice *slices; /* what adapters add to the products at hand, see lowrank.h */
    float *t;                 /* (slices, n, ranks of a slice) */
    bnt_work *work;           /* (threads) */
} bnt_pass;

/* Takes the buffers of a pass of n tokens from arena. False where they do not fit. */
bool bnt_pass_take(bnt_pass *p, uint32_t n_threads, bnt_arena *arena);

/* Runs fn once for each task; small jobs stay on the calling thread. */
void bnt_pass_run(const bnt_pass *p, bnt_task_fn fn, void *context, size_t n_tasks);

/* The last n tokens of a pass, as a pass of its own over the same buffers. */
bnt_pass bnt_pass_tail(const bnt_pass *p, uint32_t n);

/* Tasks that a text is cut into: `times` for every so many tokens of it. */
typedef struct bnt_share {
    uint32_t tokens, times;
} bnt_share;

/* How many they are of all texts in the pass, counted on from strand to strand. */
size_t bnt_pass_tasks(const bnt_pass *p, bnt_share share);
/* The text that *task is of, as a pass of its own; *task becomes its number among that text's.
 */
bnt_pass bnt_pass_find(const bnt_pass *p, bnt_share share, size_t *task);

/* x = the embeddings of tokens (n). */
void bnt_embed(const bnt_pass *p, const uint32_t *tokens);

/* ---- products ---- */

/* The rows a product multiplies: x (n, columns) as they are, or rms norms of x times norm
 * (columns), or turned by Hadamard matrices, or what attention left in pieces. */
typedef struct bnt_input {
    const float *x;
    const float *norm;        /* NULL for rows as they are */
    const bnt_hadamard *turn; /* NULL, or of size 0, for rows as they are */
    uint32_t n_parts; /* not 0: bnt_attention_merge() makes the one row of as many parts */
    uint32_t n, columns;
} bnt_input;

typedef enum bnt_product_end {
    BNT_END_STORE, /* y = the product */
    BNT_END_ADD,   /* y += the product */
    BNT_END_GATE   /* y = act(the product) * (the product with up) */
} bnt_product_end;

typedef struct bnt_product {
    const bnt_matrix *w, *up; /* up: for BNT_END_GATE, of the same shape */
    float *y;                 /* (n, w->rows) */
    bnt_product_end end;
    uint32_t
        layer; /* whose matrix w is, and which one, so that adapters are found; up is the */
    bnt_place place; /* layer's BNT_PLACE_UP. BNT_PLACES: no adapter has it */
} bnt_product;

/* Up to 4 products of one input, shared out together. */
void bnt_linear(const bnt_pass *p, const bnt_input *in, const bnt_product *products,
                size_t n_products);

/* Row t of the input as the products see it: x itself, or made in out (columns). */
const float *bnt_input_row(const bnt_pass *p, const bnt_input *in, uint32_t t, float *out);
/* Whether rows are made: then not x but these are what is multiplied. */
static inline bool bnt_input_is_made(const bnt_input *in)
{
    return in->norm || (in->turn && in->turn->size);
}

/* Groups of 16 rows that one task of few tokens takes at most. */
enum { BNT_TASK_GROUPS = 8 };

/* ---- attention ---- */

/* Turns k and stores k and v in the layer's cache. */
void bnt_store_kv(const bnt_pass *p, uint32_t layer);

/* Turns q and sees what it sees in the layer's cache: a (n, heads*hd), or, in a decode of one
 * text, parts. In a decode it also does what bnt_store_kv() does. */
void bnt_attend(const bnt_pass *p, uint32_t layer);

/* How many parts, 0 where a is there, and the row (heads*hd) that they make. */
uint32_t bnt_attention_segments(const bnt_pass *p, uint32_t layer);
void bnt_attention_merge(const bnt_pass *p, uint32_t n_segments, float *out);

/* Floats that attention needs of one thread, and those of `parts` over a whole cache. */
size_t bnt_attention_work(const bnt_config *config);
size_t bnt_attention_parts(const bnt_config *config, uint32_t n_positions);

#endif
