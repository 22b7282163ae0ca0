/* walk.h - texts through a model layer by layer: what calibration looks at, and changes.
 *
 * All texts are at the same layer at any time; a layer may be replaced between two steps, and
 * what comes after it sees what the new one makes. Memory is the states of all tokens, (tokens,
 * n_embd) floats, and the cache and scratch of one text.
 */
#ifndef BNT_SESSION_WALK_H
#define BNT_SESSION_WALK_H
#include "base/pulse.h"
#include "session/kv.h"

typedef struct bnt_walk {
    bnt_model *model;            /* borrows; layers may be exchanged by its owner */
    bnt_pool *pool;              /* borrows */
    bnt_cache cache;             /* of one layer and one text */
    bnt_kv kv;                   /* owns layers: all of them that one */
    bnt_arena scratch;           /* owns */
    float *states;               /* (n_tokens, n_embd) owns: what the next layer is given */
    float *text;                 /* (sequence, n_embd) owns: of one text under way */
    uint32_t n_tokens, sequence; /* of all texts, of each text */
    bnt_pulse pulse;             /* asked before each text; set by the walk's owner. A step that
                                    ends early leaves the states of no layer */
} bnt_walk;

/* Begins with the embeddings of tokens, cut into texts of `sequence` tokens, each at positions
 * from 0; what is left over is not looked at. sequence is 2 or more. The matrices of the model
 * may be exchanged for ones of other types while it walks, the model's kernels are used with
 * any. A zeroed walk is a valid closed one. BANTAM_ERR_INVALID where there is no whole text. */
bantam_status bnt_walk_begin(bnt_walk *w, bnt_model *model, bnt_pool *pool,
                             const uint32_t *tokens, size_t n_tokens, uint32_t sequence,
                             bantam_error *err);
void bnt_walk_end(bnt_walk *w);

/* Bytes that bnt_walk_begin() takes for n_tokens in texts of `sequence`. */
size_t bnt_walk_cost(const bnt_model *model, size_t n_tokens, uint32_t sequence,
                     uint32_t n_threads);

/* Shows the inputs of a layer's matrices (model/forward.h) for all texts, one after the other,
 * and leaves the states as they are. tap is called on this thread. */
bantam_status bnt_walk_look(bnt_walk *w, uint32_t layer, bnt_tap_fn tap, void *user,
                            bantam_error *err);

/* Moves all states through a layer as it is now; tap may be NULL. */
bantam_status bnt_walk_step(bnt_walk *w, uint32_t layer, bnt_tap_fn tap, void *user,
                            bantam_error *err);

#endif
