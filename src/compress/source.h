/* source.h - what a new model file is made of: the tensors and the metadata of a readable
 * model, as GGUF has them.
 *
 * A Hugging Face model is taken through its weights: only what the pass computes with, under
 * GGUF's names, with the rows of q and k in the order that pairs neighbors. A GGUF file is
 * taken tensor by tensor, whatever it holds. Nothing is decoded before it is asked for.
 */
#ifndef BNT_COMPRESS_SOURCE_H
#define BNT_COMPRESS_SOURCE_H
#include "format/gguf_write.h"
#include "model/adapter.h"
#include "token/spec.h"

struct bnt_source_tensor;

/* Makes the rows of tensors that are not what a file holds (rotate.h). */
typedef struct bnt_source_maker {
    /* Called before the first row of t is asked for; what the maker holds then serves the rows
     * of t alone, until the next call. */
    bantam_status (*begin)(struct bnt_source_maker *maker, const struct bnt_source_tensor *t,
                           bantam_error *err);
    /* Row r of t as bnt_source_decode() has it; any thread may ask. */
    void (*make)(const struct bnt_source_maker *maker, const struct bnt_source_tensor *t,
                 uint64_t r, float *out);
    /* What the file says of it, besides the metadata of the source. */
    void (*put_pairs)(const struct bnt_source_maker *maker, bnt_gguf_writer *w);
    void (*close)(struct bnt_source_maker *maker);
} bnt_source_maker;

/* One tensor: where its rows come from and in which order. */
typedef struct bnt_source_tensor {
    char name[BNT_MAX_TENSOR_NAME + 1];
    const bnt_type *type;
    const uint8_t *data; /* borrowed until the source is closed */
    uint32_t n_dims;
    uint64_t dims[BNT_MAX_DIMS]; /* dims[0] contiguous */
    /* The first rope_dims rows of each head go from halves to neighbors; head_dim 0: none. */
    uint32_t head_dim, rope_dims;
    /* A matrix that adapters correct, and which one. */
    bool corrected;
    uint32_t layer;
    bnt_place place;
    /* Not NULL: it makes the rows, out of what type and data say. part is its own number. */
    bnt_source_maker *maker;
    int part;
} bnt_source_tensor;

typedef struct bnt_source {
    bnt_archive *archive; /* owns all */
    bnt_model *model;     /* of a folder; NULL for GGUF */
    bnt_spec spec;
    float *divisors; /* the one tensor that is computed */
    bnt_source_tensor *tensors;
    size_t n_tensors, capacity;
    /* Worked into the rows of corrected tensors; borrowed. */
    const bnt_adapter_use *adapters;
    uint32_t n_adapters;
    bnt_source_maker *maker; /* owns: of all tensors that have one; NULL: none */
} bnt_source;

/* out is the file to be made: where it is the same as in, BANTAM_ERR_INVALID. On failure the
 * source is closed. */
bantam_status bnt_source_open(bnt_source *s, const char *in, const char *out,
                              bantam_error *err);
void bnt_source_close(bnt_source *s);

/* Appends a tensor. */
bantam_status bnt_source_add(bnt_source *s, const bnt_source_tensor *t, bantam_error *err);

/* Whether a pair of a GGUF source stays as it is in a new file: all do but those that describe
 * the container, and, where type is not NULL, those that name the type of most tensors. */
bool bnt_source_keeps(const bnt_gguf_pair *pair, const bnt_type *type);

/* All metadata. type is that of most tensors to be written; NULL: as the source has them. */
bantam_status bnt_source_put_pairs(const bnt_source *s, const bnt_type *type,
                                   bnt_gguf_writer *w, bantam_error *err);

uint64_t bnt_source_rows(const bnt_source_tensor *t);
/* The row of the source that becomes row r of the file. */
uint64_t bnt_source_row(const bnt_source_tensor *t, uint64_t r);
/* Whether the file's rows are the bytes at data, in the order of bnt_source_row(). */
static inline bool bnt_source_is_stored(const bnt_source_tensor *t)
{
    return !t->corrected && !t->maker;
}

/* The pages that a stored tensor has of its mapped file are not needed soon. Nothing happens
 * where it lies in memory of another kind. */
void bnt_source_release(const bnt_source *s, const bnt_source_tensor *t);

/* To be called once before rows of t are decoded, where it may be one that is not stored. Rows
 * of one tensor at a time can be. BANTAM_ERR_NOMEM only. */
bantam_status bnt_source_begin(const bnt_source_tensor *t, bantam_error *err);
/* Row r of the file, dims[0] floats, without what adapters add. */
void bnt_source_decode(const bnt_source_tensor *t, uint64_t r, float *out);
/* The same as the source has it, for makers: nothing is made. */
void bnt_source_read(const bnt_source_tensor *t, uint64_t r, float *out);
/* Adds that to row r. */
void bnt_source_correct(const bnt_source *s, const bnt_source_tensor *t, uint64_t r,
                        float *row);

#endif
