/* shape.h - the sizes of published models, known without a file of theirs.
 *
 * A config made of a shape says enough to plan memory and to count work with;
 * what a forward pass needs beyond that (how rope is stretched, say) is a
 * matter of the file.
 */
#ifndef BNT_MODEL_SHAPE_H
#define BNT_MODEL_SHAPE_H
#include "model/config.h"

typedef struct bnt_shape {
    const char *name; /* "llama3.2-1b" */
    uint32_t n_layers, n_embd, n_heads, n_kv_heads, head_dim, n_ffn, n_vocab;
    uint32_t context_tokens;
    bool tied;
    double rope_base;
} bnt_shape;

/* NULL behind the last. */
const bnt_shape *bnt_shape_at(size_t index);
/* NULL where there is none of that name. */
const bnt_shape *bnt_shape_named(const char *name);

/* The config of a model of this shape; a window comes from arch.h's known
 * models. */
bantam_status bnt_shape_config(const bnt_shape *shape, bnt_config *out, bantam_error *err);

#endif
