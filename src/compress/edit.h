/* edit.h - a source whose tensors are changed on their way into a GGUF file:
 * layers left out, rows and columns picked, values replaced.
 *
 * A list of the source's tensors is changed by the calls below and then written
 * in one go. The numbers of the model follow from `config`, whatever container
 * the source had: what differs from the source's is stated anew, per-layer
 * arrays follow the layers that are left, and all else is copied.
 */
#ifndef BNT_COMPRESS_EDIT_H
#define BNT_COMPRESS_EDIT_H
#include "compress/source.h"

typedef struct bnt_edit_tensor {
    const bnt_source_tensor *from; /* borrows */
    char name[BNT_MAX_TENSOR_NAME + 1];
    bool gone;
    bool in_layer; /* a tensor of layer `layer` of the source */
    uint32_t layer;
    uint64_t dims[BNT_MAX_DIMS]; /* as it is going to be written */
    /* Which rows and columns of the file that would be written without changes,
     * in the new order; NULL: all of them. Owns. */
    uint32_t *rows, *columns; /* (dims[1]) (dims[0]) */
    /* In place of what the source has, encoded as `type`; NULL: the source's.
     * Owns. */
    uint8_t *data;
    const bnt_type *type; /* of data */
    bool replaced;        /* all values are going to be: what is no float becomes one */
} bnt_edit_tensor;

typedef struct bnt_edit {
    const bnt_source *source;      /* borrows */
    const bnt_config *original;    /* borrows: of the source's model */
    bnt_config config;             /* of the file; begins as the original */
    uint32_t kept[BNT_MAX_LAYERS]; /* (config.n_layers) which layers of the source */
    bnt_edit_tensor *tensors;      /* (n_tensors), one for each of the source; owns */
    size_t n_tensors;
    /* What matrices become; NULL: they keep their type, but for those that are no
     * floats and change, which become F16. One of F32, F16, BF16, Q8_0. */
    const bnt_type *type;
    /* Not NULL: writes all pairs for which bnt_edit_is_words() in place of the source's. */
    bantam_status (*put_words)(void *user, bnt_gguf_writer *w, bantam_error *err);
    /* Not NULL: calls bnt_edit_replace() for a tensor that is `replaced`, and perhaps for later
     * ones, before it is written; its data are freed behind that. */
    bantam_status (*make)(void *user, bnt_edit_tensor *t, bantam_error *err);
    /* Not NULL: whether the file, all of which is written, is to appear. */
    bantam_status (*judge)(void *user, bantam_error *err);
    void *user; /* of all three */
} bnt_edit;

/* config is that of the model that the source holds. Both are borrowed until
 * deinit. A zeroed edit is a valid closed one. */
bantam_status bnt_edit_init(bnt_edit *e, const bnt_source *source, const bnt_config *config,
                            bantam_error *err);
void bnt_edit_deinit(bnt_edit *e);

/* NULL where the source has no such tensor. name is the source's. */
bnt_edit_tensor *bnt_edit_find(bnt_edit *e, const char *name);
/* A matrix of the source's layer; NULL where it has none. */
bnt_edit_tensor *bnt_edit_matrix(bnt_edit *e, uint32_t layer, bnt_place place);

/* Leaves out every layer l with dropped[l], (original->n_layers) of them,
 * numbers the others anew and makes the config follow. At least one stays.
 * Once. */
void bnt_edit_drop_layers(bnt_edit *e, const bool *dropped);

/* Picks rows, columns or both of a matrix by number, each smaller than what the
 * source has; the lists are copied. NULL: all, and n is not looked at. Picks
 * replace earlier ones. */
bantam_status bnt_edit_pick(bnt_edit_tensor *t, const uint32_t *rows, uint32_t n_rows,
                            const uint32_t *columns, uint32_t n_columns, bantam_error *err);

/* Replaces all values of a matrix: (dims[1], dims[0]) after picks, rows in the
 * file's order. They are copied as the type the file is going to have, and
 * changed to what that type makes of them, so that whoever computes with them
 * goes on with what is written. BANTAM_ERR_UNSUPPORTED where they are no
 * numbers of that type. */
bantam_status bnt_edit_replace(const bnt_edit *e, bnt_edit_tensor *t, float *values,
                               bantam_error *err);

/* Whether a key is one of the tokenizer's. */
bool bnt_edit_is_words(bantam_text key);

/* The type t is going to have. */
const bnt_type *bnt_edit_type(const bnt_edit *e, const bnt_edit_tensor *t);

/* Writes the file, which appears whole or not at all. */
bantam_status bnt_edit_write(const bnt_edit *e, const char *out, bantam_progress_fn progress,
                             void *user, bantam_error *err);

#endif
