/* prune_parts.h - what the files of prune share: a pruning under way. */
#ifndef BNT_COMPRESS_PRUNE_PARTS_H
#define BNT_COMPRESS_PRUNE_PARTS_H
#include "bantam/prune.h"
#include "compress/edit.h"
#include "compress/heal.h"
#include "compress/prune_vocab.h"
#include "session/walk.h"

/* Tokens in sequences of one length, each a text of its own. */
typedef struct bnt_prune_text {
    uint32_t *tokens; /* (n) owns */
    size_t n;
} bnt_prune_text;

/* The models that are held against each other. */
typedef enum bnt_prune_variant {
    BNT_PRUNE_ORIGINAL,
    BNT_PRUNE_CUT,
    BNT_PRUNE_HEALED,
    BNT_PRUNE_VARIANTS
} bnt_prune_variant;

struct bnt_prune_weights;

typedef struct bnt_pruning {
    bantam_prune_options o;
    bantam_prune_result *result; /* borrows */
    bnt_source source;           /* owns */
    bnt_model *opened;           /* owns; of a GGUF source, which brings no model */
    bnt_model *model;            /* borrows: the one or the other's */
    bnt_pool *pool;              /* owns */
    bnt_learn_kernels kernels;
    bnt_matmul mm;     /* owns */
    bnt_edit edit;     /* owns */
    uint32_t sequence; /* tokens */
    uint32_t mark;     /* what sequences begin with; BANTAM_NO_TOKEN: nothing of the kind */
    bnt_prune_text learn, test; /* owns: to calibrate with, and to measure with */
    uint64_t done, total;       /* of progress */
    bool dropped[BNT_MAX_LAYERS];
    bnt_prune_vocab vocab; /* owns: of a smaller vocabulary, until the file is written */
    struct bnt_prune_weights *weights; /* owns: of zeros, likewise; NULL: none */
} bnt_pruning;

/* Progress by one step; BANTAM_ERR_CANCELLED where the caller has had enough. */
bantam_status bnt_prune_tell(bnt_pruning *p, bantam_error *err);
/* The same within a step. */
bantam_status bnt_prune_ask(const bnt_pruning *p, bantam_error *err);

/* Reads the calibration text. */
bantam_status bnt_prune_read(bnt_pruning *p, bantam_error *err);

/* Which layers go, into p->dropped. */
bantam_status bnt_prune_choose_layers(bnt_pruning *p, bantam_error *err);

/* Moves the texts through what the model was and what it becomes, layer by layer: chooses
 * neurons and heads, heals, enters all changes into the edit, and measures. */
bantam_status bnt_prune_layers(bnt_pruning *p, bantam_error *err);

/* Has the edit put weights to zero, layer by layer as they are written, so that no more than
 * one layer is in memory. */
bantam_status bnt_prune_weights_open(bnt_pruning *p, bantam_error *err);
/* What all of it comes to, when all layers are written. */
bantam_status bnt_prune_weights_finish(bnt_pruning *p, bantam_error *err);
void bnt_prune_weights_close(bnt_pruning *p);

/* The mean loss of each variant over p->test, whose last states the walks have (one that is
 * closed: a variant that there is not), and its divergence from the original, into p->result.
 */
bantam_status bnt_prune_measure(bnt_pruning *p, const bnt_walk walks[BNT_PRUNE_VARIANTS],
                                bantam_error *err);

/* Decodes a whole matrix; out is (rows, columns). */
void bnt_prune_decode(const bnt_pruning *p, const bnt_matrix *m, float *out);

#endif
