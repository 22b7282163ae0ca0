/* config.h - what a model is: every number and switch its forward pass needs.
 *
 * Read from GGUF metadata or config.json, checked against each other here and against every
 * tensor in weights.c, before anything is allocated from them.
 */
#ifndef BNT_MODEL_CONFIG_H
#define BNT_MODEL_CONFIG_H
#include "base/limits.h"
#include "format/archive.h"

typedef enum bnt_act { BNT_ACT_SILU, BNT_ACT_RELU } bnt_act;
typedef enum bnt_pairing { BNT_PAIR_ADJACENT, BNT_PAIR_HALVES } bnt_pairing;
typedef enum bnt_rope_scaling {
    BNT_ROPE_PLAIN,
    BNT_ROPE_LLAMA3,
    BNT_ROPE_YARN,
    BNT_ROPE_LINEAR
} bnt_rope_scaling;

typedef struct bnt_config {
    const struct bnt_arch *arch; /* the family's row in arch.c */
    bantam_text architecture;    /* as the file calls it; borrowed from the archive */
    bantam_text name;            /* borrowed from the archive */

    uint32_t n_layers, n_embd, n_heads, n_kv_heads, head_dim, n_ffn, n_vocab;
    uint32_t context_tokens;
    float norm_eps;
    bnt_act act;
    bool tied;

    bnt_pairing pairing;
    uint32_t rope_dims; /* of head_dim, rotated from the start */
    double rope_base;
    bnt_rope_scaling scaling;
    double scale_factor, low_freq_factor,
        high_freq_factor;                          /* llama3; factor also yarn, linear */
    double beta_fast, beta_slow, attention_factor; /* yarn; factor multiplies cos, sin */
    uint32_t original_context_tokens;
    /* What `down` multiplies is turned by Hadamard matrices of this order first; 0: it is not.
     */
    uint32_t down_hadamard;
    bantam_rope int8_rope; /* PhoneLM's form; BANTAM_ROPE_FLOAT for all others */

    /* q *= 1 + beta * ln(1 + floor(pos / original)); beta 0: off. Ministral 3. */
    double query_scale_beta;
    uint32_t query_scale_original;

    /* window_tokens > 0: a layer with windowed[layer] sees keys j with i - j < window_tokens.
     */
    uint32_t window_tokens;
    bool windowed[BNT_MAX_LAYERS];
} bnt_config;

/* rope is the caller's wish for PhoneLM. */
bantam_status bnt_config_read(bnt_config *out, const bnt_archive *archive, bantam_rope rope,
                              bantam_error *err);

/* What every config must satisfy, held against it; a window that reaches no layer is removed.
 * For configs that come from elsewhere than bnt_config_read(), which ends with this. */
bantam_status bnt_config_settle(bnt_config *config, bantam_error *err);

/* YaRN's magnitude: 0.1 m ln(factor) + 1, and 1 where nothing is stretched. */
double bnt_yarn_mscale(double factor, double m);

/* For people: "llama3", "phonelm", ...; "normal", "yarn", "int8 table", ... . The family is the
 * row's in arch.c, refined where the numbers prove more. */
const char *bnt_config_family(const bnt_config *config);
const char *bnt_config_rope_name(const bnt_config *config);

#endif
