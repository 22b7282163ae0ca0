/* prune.h - a model with less in it: layers, neurons, heads or words taken out, the rest
 * healed.
 *
 * A part of bantam.h's world: ownership, errors and option structs are as described there.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BANTAM_PRUNE_H
#define BANTAM_PRUNE_H

#include "bantam/bantam.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How it is chosen which neurons and heads go. */
typedef enum bantam_prune_score {
    BANTAM_PRUNE_BY_LOSS = 0,       /* whose going, the others healed, changes the output least;
                                       one at a time */
    BANTAM_PRUNE_BY_ACTIVATION = 1, /* mean square of what they say, times what is made of it */
    BANTAM_PRUNE_BY_WEIGHT = 2      /* the squares of their weights alone */
} bantam_prune_score;

/* Which weights become zeros: those whose square times the cost of their column is least. */
typedef enum bantam_prune_method {
    BANTAM_PRUNE_SPARSEGPT =
        0,                  /* what others cannot make up for (SparseGPT, arXiv 2301.00774) */
    BANTAM_PRUNE_WANDA = 1, /* mean squares of what comes in (Wanda, arXiv 2306.11695) */
    BANTAM_PRUNE_MAGNITUDE = 2 /* the same for all */
} bantam_prune_method;

typedef struct bantam_prune_options {
    size_t struct_size;
    /* What goes, or for words what stays; one of these, or of the last ones. */
    uint32_t layers;    /* so many whole layers */
    double ffn_share;   /* of the neurons of each layer, above 0 and below 1 */
    double heads_share; /* of the groups of query heads that share a key head, likewise */
    uint32_t vocab;     /* so many words stay, those of the calibration text first; nothing is
                           healed and no loss measured */
    double vocab_share; /* or so much of them, above 0 and at most 1 */

    /* A text file; lines that are <|endoftext|> separate documents. */
    const char *calibrate;
    uint32_t n_tokens;        /* of it to look at, a fifth of them to measure with; 0: 40960 */
    uint32_t sequence_tokens; /* 0: 256, or what the model was made for where that is less */
    bantam_prune_score score;
    bool no_heal;
    double max_kl; /* nats; above it no file is written. 0: 0.5; below 0: no limit */
    /* "F32", "F16", "BF16" or "Q8_0": of all matrices. NULL: they keep their type, and those
     * that change and are no floats become F16. */
    const char *type;
    uint32_t n_threads;          /* 0: one per core; changes no bit of the result */
    bantam_progress_fn progress; /* may be NULL; done and total in no unit */
    void *user;
    /* Or weights of all matrices of the layers, which keep their shapes: two of every four
     * neighbors in a row become zero, or this share of each row, above 0 and below 1. With
     * no_heal those that stay are left as they are. */
    bool two_of_four;
    double zeros_share;
    bantam_prune_method method;
} bantam_prune_options;

/* Losses are mean nats per token of the text that is measured with, KL is the mean divergence
 * of the model from what it was; NaN where they were not measured. */
typedef struct bantam_prune_result {
    uint64_t n_params_before, n_params_after;
    uint32_t n_layers, n_ffn, n_heads, n_kv_heads, n_vocab; /* that are gone */
    uint32_t layers[512]; /* (n_layers) their numbers, in the order they went */
    uint64_t n_tokens, n_measured;
    double loss_before, loss_after, loss_healed;
    double kl_after, kl_healed;
    double kl; /* of what was, or would have been, written */
    /* Of a smaller vocabulary: the text, how much of it was in words that stay, words between
     * white space, and the tokens it was and is made of. */
    uint64_t text_bytes, text_kept_bytes, text_words, text_tokens, text_tokens_after;
    uint64_t n_zeros, n_weights; /* of zeros in place of weights: in the matrices of layers */
} bantam_prune_result;

/* Writes a Hugging Face folder or a GGUF file as one GGUF file with less in it. The file
 * appears whole or not at all. result may be NULL; it is filled in as far as things went, also
 * on failure. BANTAM_ERR_UNSUPPORTED, and no file, where the KL is above max_kl. */
BANTAM_API bantam_status bantam_prune(const char *in, const char *out,
                                      const bantam_prune_options *options,
                                      bantam_prune_result *result, bantam_error *err);

#ifdef __cplusplus
}
#endif

#endif
