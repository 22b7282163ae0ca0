/* recipe.h - the JSON file that says which model to train, and how.
 *
 * Every member is known by name and held against its bounds; what is not known is an error, so
 * that a misspelled one is not silently its default.
 *
 *     {
 *       "name": "tiny",            general.name; by default the name of the file to be made
 *       "n_layers": 6, "n_embd": 192, "n_heads": 6, "n_ffn": 512,
 *       "n_kv_heads": 2,           n_heads
 *       "head_dim": 32,            n_embd / n_heads
 *       "context": 256,
 *       "act": "silu",             or "relu"
 *       "rope_base": 10000, "norm_eps": 1e-5, "tied": true,
 *       "vocab": 4096,             learned from the data; or a path to take it from
 *       "specials": ["<s>", "</s>"], "bos": "<s>", "eos": "</s>", "stops": [],
 *                                  of a vocabulary that is learned
 *       "chat_template": "chat.jinja", a path, or the template itself
 *
 *       "steps": 2000,             or "epochs": 3, or "minutes": 60
 *       "batch_tokens": 4096, "seq": 256, "part_tokens": 0,
 *       "rate": 1e-3, "final_rate": 1e-4, "warmup": 40, "decay": 0.1, "clip": 1,
 *       "beta1": 0.9, "beta2": 0.95,
 *       "seed": 1,
 *       "held_out": 0.01,          a share, or a path
 *       "held_out_steps": 100
 *     }
 *
 * Values shown are defaults where there are any. Paths are relative to the file's folder.
 */
#ifndef BNT_TRAIN_RECIPE_H
#define BNT_TRAIN_RECIPE_H
#include "model/config.h"

enum { BNT_MAX_SPECIALS = 256 };

typedef struct bnt_recipe {
    json_t *root;          /* owns; texts below are borrowed from it */
    bool has_model;        /* says something of the model */
    bnt_config config;     /* but for n_vocab */
    uint32_t vocab_tokens; /* 0: from vocab_path */
    char *vocab_path;      /* owns; NULL: learned */
    bantam_text specials[BNT_MAX_SPECIALS];
    size_t n_specials;
    uint32_t bos, eos; /* indices, or BANTAM_NO_TOKEN */
    uint32_t stops[BNT_MAX_SPECIALS];
    size_t n_stops;
    bnt_buf chat_template; /* owns; empty: none */

    uint64_t steps;         /* 0: by the next two */
    double epochs, minutes; /* 0: not said */
    uint32_t batch_tokens, sequence_tokens, part_tokens;
    double rate, final_rate, decay, clip, beta1, beta2;
    uint64_t warmup; /* UINT64_MAX: not said */
    uint64_t seed;
    double held_out;         /* a share */
    char *held_out_path;     /* owns; NULL: by share */
    uint64_t held_out_steps; /* 0: not said */
} bnt_recipe;

/* final_rate is negative, batch and sequence are 0 where the file does not say. Messages begin
 * with the path. */
bantam_status bnt_recipe_read(bnt_recipe *r, const char *path, bantam_error *err);
void bnt_recipe_deinit(bnt_recipe *r); /* accepts a zeroed one */

#endif
