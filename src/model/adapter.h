/* adapter.h - low-rank corrections of a model's matrices (LoRA, arXiv 2106.09685).
 *
 * y = W x + sum over the adapters in use of scale * B (A x). An adapter is a file of its own,
 * held against the model it is for; it can be used by any session of that model, several at
 * once and with any strength, while other sessions go without.
 */
#ifndef BNT_MODEL_ADAPTER_H
#define BNT_MODEL_ADAPTER_H
#include "model/model.h"

enum { BNT_MAX_RANK = 1024, BNT_MAX_ADAPTERS = 8, BNT_STRIP_ROWS = 64 };

typedef enum bnt_factor { BNT_FACTOR_A, BNT_FACTOR_B } bnt_factor;

/* One matrix's correction; rank 0: none. */
typedef struct bnt_lora {
    const float *a; /* (rank, columns) */
    const float *b; /* (rows, rank) */
    /* What a pass reads: the rows of a, and b turned over, (strips of 64 rows, rank, 64), of
     * which the last is padded with zeros. Floats, or halves where the adapter says so. NULL in
     * an adapter that was made only to be saved. */
    const uint8_t *read_a, *strips;
    uint32_t rank;
} bnt_lora;

/* Where the strips have B[row][k]. */
static inline size_t bnt_strip_at(uint32_t rank, uint32_t row, uint32_t k)
{
    const size_t strip = row / BNT_STRIP_ROWS;
    return (strip * rank + k) * BNT_STRIP_ROWS + row % BNT_STRIP_ROWS;
}

/* The public handle is this very struct. */
typedef struct bantam_adapter {
    const bnt_model *model; /* it is for; borrowed. NULL: made only to be saved */
    float alpha;            /* the file's; the strength of a matrix is alpha / its rank */
    uint32_t n_layers, max_rank;
    bnt_lora (*layers)[BNT_PLACES]; /* (n_layers) */
    float *floats;                  /* owns all factors, as floats whatever the file has; q and
                                       k in the row order that the model's file has */
    uint8_t *read;                  /* owns what passes read besides */
    bool halves;                    /* in half precision, which holds every factor exactly */
    size_t bytes;                   /* memory held */
    uint64_t n_params;
    /* What it was learned in and from, for the metadata of its file; 0 where nobody knows. */
    uint64_t n_steps, n_documents, n_tokens;
} bnt_adapter;

/* Reads llama.cpp's adapter GGUF (general.type "adapter", adapter.type "lora",
 * adapter.lora.alpha, tensors NAME.lora_a and NAME.lora_b) or a PEFT folder or safetensors
 * (adapter_config.json: r, lora_alpha, use_rslora; base_model.model...lora_A.weight), told
 * apart by the bytes. Factors for tensors the model lacks, of another shape, a rank of 0 or
 * beyond BNT_MAX_RANK, a value or scale that is no finite number: BANTAM_ERR_FORMAT, and the
 * tensor is named. What is sound but not a plain adapter of a layer's matrices (DoRA, biases,
 * embeddings, norms, trained copies of whole modules): BANTAM_ERR_UNSUPPORTED. Where a file
 * gives a matrix another strength than alpha / rank (rank-stabilized LoRA with several ranks, a
 * pattern of alphas, a file without an alpha), b is multiplied by what is missing. */
bantam_status bnt_adapter_open(bnt_adapter **out, const bnt_model *model, const char *path,
                               bantam_error *err);
void bnt_adapter_close(bnt_adapter *adapter); /* accepts NULL */

/* Matrices it corrects. */
size_t bnt_adapter_n_matrices(const bnt_adapter *adapter);

/* Writes factors as they stand, in floats: a path that ends in .gguf gets llama.cpp's form,
 * any other is a folder that gets PEFT's (adapter_config.json, adapter_model.safetensors). */
bantam_status bnt_adapter_save(const bnt_adapter *adapter, const bnt_model *model,
                               const char *path, bantam_error *err);

/* An adapter and how strongly it speaks: a pass has a list of them. */
typedef struct bnt_adapter_use {
    const bnt_adapter *adapter; /* borrows */
    float scale;
} bnt_adapter_use;

/* scale * alpha / rank, rounded once. */
static inline float bnt_adapter_strength(const bnt_adapter_use *use, uint32_t rank)
{
    return (float)((double)use->scale * (double)use->adapter->alpha / (double)rank);
}

/* As bnt_model_identity(), of the model with n adapters in use; the model's own for n 0. */
void bnt_adapter_identity(const bnt_model *model, const bnt_adapter_use *uses, size_t n,
                          uint8_t out[32]);

#endif
