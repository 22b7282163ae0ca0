/* quantize_plan.h - what becomes of each tensor of a source: which type, in which place of the
 * file, and how much its columns matter.
 */
#ifndef BNT_COMPRESS_QUANTIZE_PLAN_H
#define BNT_COMPRESS_QUANTIZE_PLAN_H
#include "bantam/bantam.h"
#include "compress/source.h"

/* What a tensor is to the pass. */
typedef enum bnt_role {
    BNT_ROLE_OTHER,     /* vectors, and matrices outside of the layers */
    BNT_ROLE_EMBEDDING, /* where it is not the head too */
    BNT_ROLE_LAYER,     /* a matrix of a layer */
    BNT_ROLE_HEAD
} bnt_role;

typedef struct bnt_quantize_step {
    const bnt_source_tensor *tensor; /* borrows */
    bnt_role role;
    uint32_t layer;
    bnt_place place;        /* BNT_PLACES: a matrix of a layer that the pass has no place for */
    bool chosen;            /* its type was asked for by name */
    const bnt_type *wanted; /* NULL: none was asked for */
    const bnt_type *to;     /* what it gets; another than wanted where that does not fit */
    uint64_t bytes;         /* of the tensor in that type */
    float *weights;         /* (dims[0]) owns: of the columns' errors; NULL: all the same */
    uint64_t n_inputs;      /* that the weights are a mean over */
    uint8_t *made;          /* (bytes) owns: made and not yet written; NULL: not made */
    double error, energy;   /* sums of squares, of what was lost and of what was there */
    double loss;            /* sum of squares of what outputs lost; NaN: not known */
    double price; /* KL to the model as it is with this matrix alone in `to`, or, while
                     that is being measured, in the fewest bits; NaN: not measured */
} bnt_quantize_step;

typedef struct bnt_quantize_plan {
    bnt_quantize_step *steps; /* (n_steps) owns: the tensors in the order of the new file */
    size_t n_steps;
    const bnt_type *type; /* of most matrices */
    bool tied;            /* the embedding is the head */
} bnt_quantize_plan;

/* Types by the options. by_layers: the file has its tensors in the order in which a pass needs
 * them, what is behind the last layer last; else as the source has them. A zeroed plan is a
 * valid empty one. The source is borrowed. */
bantam_status bnt_quantize_plan_init(bnt_quantize_plan *p, const bnt_source *source,
                                     const bantam_quantize_options *options, bool by_layers,
                                     bantam_error *err);
void bnt_quantize_plan_deinit(bnt_quantize_plan *p);

/* Gives a step the type, or the nearest one that fits it, and counts its bytes. */
void bnt_quantize_assign(bnt_quantize_step *step, const bnt_type *type);

/* Whether a tensor is taken over byte by byte. */
bool bnt_quantize_is_copy(const bnt_quantize_step *step);

#endif
