/* model.h - a model's weights, found, checked and ready to compute with. */
#ifndef BNT_MODEL_MODEL_H
#define BNT_MODEL_MODEL_H
#include "kernel/hadamard.h"
#include "model/arch.h"

/* A stored matrix (rows, columns): y = W x has rows values. */
typedef struct bnt_matrix {
    const bnt_type *type;
    const uint8_t *data; /* borrowed from the archive, or from the model's pack */
    uint32_t rows, columns;
    size_t row_bytes; /* of one row; of a group of 16 rows where the type is interleaved */
} bnt_matrix;

/* What row_bytes counts: rows, or groups of 16 of them. */
static inline uint32_t bnt_matrix_strips(const bnt_type *type, uint32_t rows)
{
    return type->tile ? (rows + BNT_TILE_ROWS - 1) / BNT_TILE_ROWS : rows;
}

typedef struct bnt_layer {
    bnt_matrix q, k, v, o; /* (heads*hd, embd) (kv*hd, embd) (kv*hd, embd) (embd, heads*hd) */
    bnt_matrix gate, up, down; /* (ffn, embd) (ffn, embd) (embd, ffn) */
    const float *attn_norm;    /* (embd) */
    const float *ffn_norm;     /* (embd) */
} bnt_layer;

static inline const bnt_matrix *bnt_layer_matrix(const bnt_layer *layer, bnt_place place)
{
    const bnt_matrix *const all[BNT_PLACES] = {&layer->q,    &layer->k,  &layer->v,   &layer->o,
                                               &layer->gate, &layer->up, &layer->down};
    return all[place];
}

/* How the forward pass reads the matrices of a model: several hold where types are mixed. */
enum {
    BNT_FORM_TILES = 1,  /* interleaved */
    BNT_FORM_FLOATS = 2, /* rows that meet the input as floats */
    BNT_FORM_DECODED = 4 /* rows of a type without kernels, decoded to floats first */
};

typedef struct bnt_model {
    const bnt_archive *archive; /* borrows until it is closed; NULL: made in memory */
    bnt_config config;
    bnt_kernels kernels;
    bnt_matrix embed;         /* (vocab, embd) */
    bnt_matrix head;          /* (vocab, embd); the same as embed where tied */
    const float *output_norm; /* (embd) */
    bnt_layer *layers;        /* (n_layers) owns */
    float *floats;            /* owns: the norms, as floats whatever the file has */
    double *inv_freq;         /* (rope_dims / 2) owns: angle per position of each pair */
    bnt_hadamard turn;        /* of the config's down_hadamard; its floats are turn_floats */
    float *turn_floats;       /* owns; NULL where it needs none */
    unsigned forms;           /* BNT_FORM_ bits */
    bool embed_copied;        /* the embedding is not mapped but a copy in memory */
    uint64_t n_params, weight_bytes;
    uint64_t held_bytes;   /* of weight_bytes, packed into memory: cannot be read again */
    struct bnt_pack *pack; /* owns: matrices in place of the file's (pack.h); NULL: none */
} bnt_model;

/* The archive is borrowed until the model is closed. */
bantam_status bnt_model_open(bnt_model **out, const bnt_archive *archive, bantam_rope rope,
                             bantam_error *err);
void bnt_model_close(bnt_model *model); /* accepts NULL */

/* What down multiplies is turned by a Hadamard matrix of that size (kernel/hadamard.h) from now
 * on; 0: it is not. For a model whose matrices are going to be exchanged. */
bantam_status bnt_model_turn(bnt_model *model, uint32_t size, bantam_error *err);

/* Type of most weight bytes, as the file has it. */
const bnt_type *bnt_model_type(const bnt_model *model);
size_t bnt_model_bytes(const bnt_model *model); /* memory held besides weight_bytes */

/* Of weight_bytes, what passes over n_tokens tokens bring into memory. That is all of them but
 * for a mapped embedding that is not the head too: of it the rows that are looked up, and what
 * the system maps around each. */
uint64_t bnt_model_used_bytes(const bnt_model *model, uint32_t n_tokens);

/* Of weight_bytes, what a pass over one token reads: norms, a row of the embedding, and every
 * matrix that is multiplied with. */
uint64_t bnt_model_token_bytes(const bnt_model *model);

/* BANTAM_ERR_IO once any mapped file was cut under us: a file of the archive, or the cache. */
bantam_status bnt_model_check(const bnt_model *model, bantam_error *err);

/* 32 bytes that differ between models whose states must not be mixed: a SHA-256-like digest is
 * not needed, but every config number, shape, type and a sample of each tensor's bytes as the
 * file has them enter it. */
void bnt_model_identity(const bnt_model *model, uint8_t out[32]);

/* Of the matrices alone, as they lie in the file; not to be asked for once they are packed. */
void bnt_model_digest(const bnt_model *model, uint8_t out[32]);

#endif
