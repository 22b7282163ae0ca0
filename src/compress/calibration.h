/* calibration.h - texts through a model, and what the inputs of its matrices look like.
 *
 * Texts become sequences of tokens (bnt_calibration_read); these walk through the model layer
 * by layer (session/walk.h), and what each matrix is multiplied with is summed up: squares by
 * column, and where they are asked for products of all pairs of columns. All sums are made in
 * one order, whatever the number of threads.
 */
#ifndef BNT_COMPRESS_CALIBRATION_H
#define BNT_COMPRESS_CALIBRATION_H
#include "compress/source.h"
#include "linalg/matmul.h"
#include "session/walk.h"

/* ---- texts to tokens --------------------------------------------------------------------- */

typedef struct bnt_calibration_text {
    uint32_t *tokens; /* (n_tokens) owns: a whole number of sequences */
    size_t n_tokens;
    uint32_t sequence;
} bnt_calibration_text;

/* Reads files of plain text, in equal shares, until there are `most` tokens, in sequences of
 * `sequence` tokens, or of all there are where that is less. Lines that are exactly
 * <|endoftext|> separate documents. Sequences and documents begin with BOS where the model's
 * encoder adds it. A zeroed text is a valid empty one. BANTAM_ERR_UNSUPPORTED (a folder) or
 * BANTAM_ERR_FORMAT (a GGUF file) where the source has no tokenizer, BANTAM_ERR_INVALID where
 * there are not 16 tokens. */
bantam_status bnt_calibration_read(bnt_calibration_text *out, const bnt_source *source,
                                   uint32_t n_vocab, const char *const *paths, size_t n_paths,
                                   size_t most, uint32_t sequence, bantam_error *err);
void bnt_calibration_free(bnt_calibration_text *text);

/* ---- inputs ------------------------------------------------------------------------------ */

/* What one input was, over all tokens. */
typedef struct bnt_moments {
    uint32_t columns; /* 0: not looked at yet */
    uint64_t n_rows;
    double *squares; /* (columns) owns: sums */
    float *products; /* (columns, columns) owns: sums of x_i x_j for i <= j; NULL where not
                        asked for. Who takes it away sets it to NULL */
} bnt_moments;

typedef struct bnt_calibration {
    bnt_walk walk;
    bnt_learn_kernels kernels;
    bnt_matmul mm;
    bool products;
    bnt_moments inputs[BNT_PLACES]; /* of the layer looked at: of Q, O, GATE and DOWN */
    bnt_moments head;
    float *rows; /* (sequence, widest input) owns: of a text, until they are summed up */
    uint32_t n_rows;
} bnt_calibration;

/* The place whose input a matrix shares: K and V have that of Q, UP that of GATE. */
bnt_place bnt_calibration_input(bnt_place place);

/* The model and pool are borrowed until the end; layers may be exchanged as for a walk. A
 * zeroed calibration is a valid closed one. */
bantam_status bnt_calibration_begin(bnt_calibration *c, bnt_model *model, bnt_pool *pool,
                                    const bnt_calibration_text *text, bool products,
                                    bantam_error *err);
void bnt_calibration_end(bnt_calibration *c);

/* Sums up the inputs of one layer in place of what was there; states stay as they are. */
bantam_status bnt_calibration_look(bnt_calibration *c, uint32_t layer, bantam_error *err);
/* The same, and moves the states on. */
bantam_status bnt_calibration_pass(bnt_calibration *c, uint32_t layer, bantam_error *err);
/* Moves the states through the layer as it is. */
bantam_status bnt_calibration_step(bnt_calibration *c, uint32_t layer, bantam_error *err);
/* Sums up what the head is multiplied with: to be called behind the last layer. */
bantam_status bnt_calibration_finish(bnt_calibration *c, bantam_error *err);

#endif
