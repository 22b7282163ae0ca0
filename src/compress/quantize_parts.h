/* quantize_parts.h - one quantization under way, and its parts. */
#ifndef BNT_COMPRESS_QUANTIZE_PARTS_H
#define BNT_COMPRESS_QUANTIZE_PARTS_H
#include "compress/calibration.h"
#include "compress/quantize_part.h"
#include "compress/quantize_rows.h"

typedef enum bnt_quantize_method {
    BNT_METHOD_RTN,     /* the nearest values, scales searched */
    BNT_METHOD_IMATRIX, /* the same, columns weighted by how large their inputs are */
    BNT_METHOD_GPTQ     /* gptq.h */
} bnt_quantize_method;

typedef struct bnt_quantizer {
    bantam_quantize_options options;
    bnt_quantize_method method;
    bnt_source source;
    bnt_quantize_plan plan;
    bnt_gguf_writer *w;
    bnt_pool *pool;
    bnt_row_maker rows;
    uint64_t total, done; /* of the work, as it is told of: bytes written, and of methods that
                             look at inputs bytes of layers looked at */

    /* With a calibration text. */
    bnt_model *opened;   /* owns: of a GGUF source */
    bnt_model *model;    /* borrows: that, or the source's own */
    bnt_pairing pairing; /* of model, as it was opened */
    bnt_calibration_text text;
    bnt_calibration calibration;
    uint32_t next_layer;             /* the first that is not made yet */
    struct {                         /* where the source is rotated; quantize_turned.c */
        float *ones;                 /* (n_embd) owns: weights of all norms */
        float *matrices[BNT_PLACES]; /* own: of the layer that was entered */
        bnt_layer before;            /* that layer as it was opened */
    } turned;
    bnt_part part;
} bnt_quantizer;

/* Says how far things are; BANTAM_ERR_CANCELLED where the caller has had enough. */
bantam_status bnt_quantize_tell(const bnt_quantizer *q, bantam_error *err);
/* The same as a pulse. */
bnt_pulse bnt_quantize_pulse(bnt_quantizer *q);

/* ---- quantize_inputs.c: what is known of inputs ---- */

/* Opens the model and reads the calibration texts. */
bantam_status bnt_quantize_read_texts(bnt_quantizer *q, bantam_error *err);
/* Begins a calibration at the first layer, or where an earlier run was. */
bantam_status bnt_quantize_begin_texts(bnt_quantizer *q, bool products, bantam_error *err);
/* Pages of a layer's mapped matrices are not needed any more. */
void bnt_quantize_release_layer(const bnt_quantizer *q, uint32_t layer);
/* Weights of all columns: from a walk through the model, or from an importance file. */
bantam_status bnt_quantize_gather(bnt_quantizer *q, bantam_error *err);
bantam_status bnt_quantize_load_weights(bnt_quantizer *q, bantam_error *err);
bantam_status bnt_quantize_save_weights(const bnt_quantizer *q, bantam_error *err);
/* Takes means of squares over as the weights of a step. */
bantam_status bnt_quantize_take_weights(bnt_quantize_step *step, const bnt_moments *inputs,
                                        bantam_error *err);

/* ---- quantize_turned.c: nothing happens where the source is not rotated ---- */

/* The texts begin with the rotated embedding; behind bnt_calibration_begin(). */
bantam_status bnt_turned_begin(bnt_quantizer *q, bantam_error *err);
/* The model's layer becomes that of the rotated model, until it is left. */
bantam_status bnt_turned_enter(bnt_quantizer *q, uint32_t layer, bantam_error *err);
void bnt_turned_leave(bnt_quantizer *q, uint32_t layer);

/* ---- quantize_budget.c ---- */

/* Gives tensors types so that the file, of whose bytes header_bytes at most are no tensor's,
 * stays within the budget. BANTAM_ERR_INVALID where none is so small. */
bantam_status bnt_quantize_fit(bnt_quantizer *q, uint64_t header_bytes, bantam_error *err);

/* The type that most values have becomes the plan's. */
void bnt_quantize_name_type(bnt_quantize_plan *p);

/* ---- quantize_layers.c: GPTQ, a layer at a time ---- */

/* Bytes that rows under way take, with their codes. */
uint64_t bnt_quantize_chunk_bytes(void);
/* Bytes of work that are counted besides those written, for the first n steps. */
uint64_t bnt_quantize_layers_work(const bnt_quantizer *q, size_t n_steps);
/* Makes the layer of a step, or the head, if that is not done yet: step->made. Steps come in
 * the order of the plan. */
bantam_status bnt_quantize_prepare(bnt_quantizer *q, bnt_quantize_step *step,
                                   bantam_error *err);

#endif
