/* weights.h - the tensors of a model, found by name and held against its config. */
#ifndef BNT_MODEL_WEIGHTS_H
#define BNT_MODEL_WEIGHTS_H
#include "model/arch.h"
#include "model/model.h"

/* Fills in embed, head, layers, the norms and the counts of model, whose archive and config are
 * set. Every tensor is checked before anything is taken for one. On failure the caller closes
 * the model. */
bantam_status bnt_weights_find(bnt_model *model, bantam_error *err);

/* Rows and columns of a layer's matrix in a model of that config. */
typedef struct bnt_weight_shape {
    uint32_t rows, columns;
} bnt_weight_shape;
bnt_weight_shape bnt_weights_shape(const bnt_config *config, bnt_place place);

/* Sets model->forms by the types that its matrices have now. */
void bnt_weights_survey(bnt_model *model);

/* The frequency divisors a file brings along, as floats: owned by the caller (bnt_free), NULL
 * where it brings none. */
bantam_status bnt_weights_divisors(bnt_model *model, float **out, bantam_error *err);

/* The matrices the forward pass reads, in a fixed order, the embedding once. NULL behind the
 * last. Where the head is the embedding, who changes the one changes the other. */
bnt_matrix *bnt_weights_at(bnt_model *model, size_t index);

/* Calls visit for every matrix in that order. */
typedef void (*bnt_matrix_fn)(void *user, const bnt_matrix *matrix);
void bnt_weights_each(const bnt_model *model, bnt_matrix_fn visit, void *user);

#endif
