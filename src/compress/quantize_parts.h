/* quantize_parts.h - one quantization under way, and its parts. */
#ifndef BNT_COMPRESS_QUANTIZE_PARTS_H
#define BNT_COMPRESS_QUANTIZE_PARTS_H
#include "compress/calibration.h"
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
    uint32_t next_layer; /* the first that is not made yet */
} bnt_quantizer;

/* Says how far things are; BANTAM_ERR_CANCELLED where the caller has had enough. */
bantam_status bnt_quantize_tell(const bnt_quantizer *q, bantam_error *err);

/* ---- quantize_inputs.c: what is known of inputs ---- */

/* Opens the model and reads the calibration texts. */
bantam_status bnt_quantize_read_texts(bnt_quantizer *q, bantam_error *err);
/* Weights of all columns: from a walk through the model, or from an importance file. */
bantam_status bnt_quantize_gather(bnt_quantizer *q, bantam_error *err);
bantam_status bnt_quantize_load_weights(bnt_quantizer *q, bantam_error *err);
bantam_status bnt_quantize_save_weights(const bnt_quantizer *q, bantam_error *err);
/* Takes means of squares over as the weights of a step. */
bantam_status bnt_quantize_take_weights(bnt_quantize_step *step, const bnt_moments *inputs,
                                        bantam_error *err);

/* ---- quantize_budget.c ---- */

/* Gives tensors types so that the file, of whose bytes header_bytes at most are no tensor's,
 * stays within the budget. BANTAM_ERR_INVALID where none is so small. */
bantam_status bnt_quantize_fit(bnt_quantizer *q, uint64_t header_bytes, bantam_error *err);

/* ---- quantize_layers.c: GPTQ, a layer at a time ---- */

/* Bytes of work that are counted besides those written. */
uint64_t bnt_quantize_layers_work(const bnt_quantizer *q);
/* Makes the layer of a step, or the head, if that is not done yet: step->made. Steps come in
 * the order of the plan. */
bantam_status bnt_quantize_prepare(bnt_quantizer *q, bnt_quantize_step *step,
                                   bantam_error *err);

#endif
