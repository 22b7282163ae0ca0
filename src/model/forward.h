/* forward.h - one pass: tokens and positions in, keys and values into the cache, logits out.
 *
 * A C function per stage and one loop over layers. The pass owns no memory: the caller gives it
 * scratch, a cache and a pool. The bits of every result depend only on the tokens, their
 * positions, the model and its adapters: not on n_tokens, not on the number of threads.
 */
#ifndef BNT_MODEL_FORWARD_H
#define BNT_MODEL_FORWARD_H
#include "base/arena.h"
#include "base/pool.h"
#include "model/adapter.h"

#include <stdatomic.h>

/* The keys and values of one session, as the pass sees them. floor 4 owns the memory.
 *
 * A layer holds `slots` positions; position p lies in slot p % slots (slots covers the whole
 * context for full layers, at least window + batch for windowed ones, and is a multiple of 64
 * there, so that 64 positions from a multiple of 64 on lie side by side). Keys are stored after
 * rope. kernel.h draws what a block of 16 keys and a row of values look like. */
typedef struct bnt_kv_layer {
    uint8_t *k;     /* (n_kv_heads, slots / 16) blocks of block_bytes */
    uint8_t *v;     /* (n_kv_heads, slots) rows of row_bytes */
    uint32_t slots; /* a multiple of 16 */
} bnt_kv_layer;

typedef struct bnt_kv {
    bantam_kv type;       /* never DEFAULT */
    size_t row_bytes;     /* of the values of one position and head */
    size_t block_bytes;   /* of the keys of 16 positions of one head */
    bnt_kv_layer *layers; /* (n_layers) */
} bnt_kv;

/* Sees rows of what the matrix at `place` of a layer is multiplied with, (n, its columns); q, k
 * and v share what is shown for BNT_PLACE_Q, gate and up what is shown for BNT_PLACE_GATE.
 * Tokens come in order, some at a time. */
typedef void (*bnt_tap_fn)(void *user, uint32_t layer, bnt_place place, uint32_t n,
                           const float *rows);

/* Takes rows of logits, or of states: of tokens first .. first + n - 1 of the pass. False stops
 * the pass with BANTAM_ERR_CANCELLED. */
typedef bool (*bnt_take_fn)(void *user, uint32_t first, uint32_t n, const float *rows);

typedef struct bnt_forward {
    const bnt_model *model;
    /* What corrects the model's matrices, at most BNT_MAX_ADAPTERS; each was opened for this
     * model. */
    const bnt_adapter_use *adapters; /* (n_adapters) */
    uint32_t n_adapters;
    bnt_kv *kv;
    bnt_pool *pool;
    bnt_arena *scratch; /* at least bnt_forward_cost() bytes free; with adapters more */
    /* Not 0: stop between layers with BANTAM_ERR_CANCELLED. Or NULL. Atomic, because any thread
     * and any signal handler may set it; it orders nothing else. */
    const atomic_int *cancel;
    /* Where more rows of logits are wanted than there is room for: they are computed `room` at
     * a time into the same rows, and handed to take. NULL: all rows at once. */
    bnt_take_fn take;
    void *user;
    uint32_t room;
    /* Not NULL: takes the states of all tokens, what the head makes logits of, (n, n_embd), a
     * row at a time; also with user. */
    bnt_take_fn states;
    bnt_tap_fn tap; /* or NULL; also with user. Not while decoding */
} bnt_forward;

/* Scratch bytes for passes of at most batch tokens over a cache of context positions. */
size_t bnt_forward_cost(const bnt_model *model, uint32_t batch, uint32_t context,
                        uint32_t n_threads);
/* The same where adapters are in use. */
size_t bnt_forward_cost_with(const bnt_model *model, const bnt_adapter_use *adapters,
                             uint32_t n_adapters, uint32_t batch, uint32_t context,
                             uint32_t n_threads);

/* Which positions form one call, to PhoneLM's `call` rope: the batch may be a part of it. n 0:
 * each position is a call by itself. */
typedef struct bnt_span {
    uint32_t first, n;
} bnt_span;

/* Some rows of a pass: n tokens of one text, at positions pos, pos + 1, ... of its cache. */
typedef struct bnt_strand {
    bnt_kv *kv;
    uint32_t n, pos;
    bnt_span call; /* as bnt_forward_run() takes it */
} bnt_strand;

/* Computes tokens[0..n_tokens) at positions pos, pos + 1, ... . All earlier positions that the
 * layers can see are in the cache. logits is (n_rows, n_vocab): of the last token for n_rows 1,
 * of the last n_rows in general, not computed for n_rows 0 (logits may be NULL); with f->take
 * it is (f->room, n_vocab).
 * Fails only by cancellation, or BANTAM_ERR_IO when a mapped file was cut. The cache then holds
 * garbage at positions from pos on. */
bantam_status bnt_forward_run(const bnt_forward *f, const uint32_t *tokens, uint32_t n_tokens,
                              uint32_t pos, bnt_span call, float *logits, uint32_t n_rows,
                              bantam_error *err);

/* As bnt_forward_run(), of several texts in one pass over the weights: tokens are those of
 * strand after strand, at most the batch that the scratch is for. Caches may differ in type and
 * length; f->kv is not looked at. Two strands may be of one cache where the second goes on from
 * the first: so the rows whose logits are wanted, which are the last ones of the pass, need not
 * be the last ones of their texts' pieces. f->tap is NULL. */
bantam_status bnt_forward_strands(const bnt_forward *f, const uint32_t *tokens,
                                  const bnt_strand *strands, uint32_t n_strands, float *logits,
                                  uint32_t n_rows, bantam_error *err);

/* One layer for a text of its own: x (n_tokens, n_embd), what the layers before made of tokens
 * at positions 0, 1, ..., becomes what this one makes of it. n_tokens is 2 or more. The layer's
 * cache is written from its start; states, take and cancel are not looked at. Fails as
 * bnt_forward_run(). */
bantam_status bnt_forward_layer(const bnt_forward *f, uint32_t layer, float *x,
                                uint32_t n_tokens, bantam_error *err);

#endif
