/* sketch.h - a model without weights: everything that can be said of one before
 * it is here.
 *
 * It is planned and described by the code that plans and describes opened
 * models. No session can run on it: its matrices have types and sizes and no
 * data.
 */
#ifndef BNT_MODEL_SKETCH_H
#define BNT_MODEL_SKETCH_H
#include "model/model.h"

/* The types of tensors as a file would hold them. Where a row is no whole number of blocks of
 * its type the matrix is F16, as `bantam quantize` writes it. */
typedef struct bnt_sketch_types {
    const bnt_type *layers, *embedding, *norms;
    const bnt_type *head; /* where it is not the embedding */
} bnt_sketch_types;

/* cpu_flags choose the kernels that it would be computed with. weight_bytes is
 * what the file holds; bnt_pack_pretend() makes it what is computed with. The
 * caller closes *out. */
bantam_status bnt_model_sketch(bnt_model **out, const bnt_config *config,
                               const bnt_sketch_types *types, unsigned cpu_flags,
                               bantam_error *err);

#endif
