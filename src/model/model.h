/* model.h - a model's weights, found, checked and ready to compute with. */
#ifndef BNT_MODEL_MODEL_H
#define BNT_MODEL_MODEL_H
#include "kernel/kernel.h"
#include "model/config.h"

/* A stored matrix (rows, columns): y = W x has rows values. */
typedef struct bnt_matrix {
    const bnt_type *type;
    const uint8_t *data; /* borrowed from the archive */
    uint32_t rows, columns;
    size_t row_bytes;
} bnt_matrix;

typedef struct bnt_layer {
    bnt_matrix q, k, v, o; /* (heads*hd, embd) (kv*hd, embd) (kv*hd, embd) (embd, heads*hd) */
    bnt_matrix gate, up, down; /* (ffn, embd) (ffn, embd) (embd, ffn) */
    const float *attn_norm;    /* (embd) */
    const float *ffn_norm;     /* (embd) */
} bnt_layer;

typedef struct bnt_model {
    const bnt_archive *archive; /* borrows until the model is closed */
    bnt_config config;
    bnt_kernels kernels;
    bnt_matrix embed;         /* (vocab, embd) */
    bnt_matrix head;          /* (vocab, embd); the same as embed where tied */
    const float *output_norm; /* (embd) */
    bnt_layer *layers;        /* (n_layers) owns */
    float *floats;            /* owns: the norms, as floats whatever the file has */
    double *inv_freq;         /* (rope_dims / 2) owns: angle per position of each pair */
    uint64_t n_params, weight_bytes;
} bnt_model;

/* The archive is borrowed until the model is closed. */
bantam_status bnt_model_open(bnt_model **out, const bnt_archive *archive, bantam_rope rope,
                             bantam_error *err);
void bnt_model_close(bnt_model *model); /* accepts NULL */

/* Type of most weight bytes. */
const bnt_type *bnt_model_type(const bnt_model *model);
size_t bnt_model_bytes(const bnt_model *model); /* memory held besides the mapping */

/* 32 bytes that differ between models whose states must not be mixed: a SHA-256-like digest is
 * not needed, but every config number, tensor name, shape, type and a sample of each tensor's
 * bytes enter it. */
void bnt_model_identity(const bnt_model *model, uint8_t out[32]);

#endif
