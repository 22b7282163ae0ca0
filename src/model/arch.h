/* arch.h - the families this library runs, as rows of data.
 *
 * A family differs from its neighbors by names and switches only; nothing outside these tables
 * asks which family a model is of. What a file says wins over what a row says.
 */
#ifndef BNT_MODEL_ARCH_H
#define BNT_MODEL_ARCH_H
#include "model/config.h"

/* What one family is called, and what it does where its file is silent. */
typedef struct bnt_arch {
    const char *family;
    const char *gguf;       /* general.architecture; NULL where no such GGUF exists */
    const char *model_type; /* of config.json */
    const char *class_name; /* of config.json's "architectures" */
    bnt_act act;
    bool tied;      /* config.json without tie_word_embeddings */
    bool int8_rope; /* cos and sin are rounded to 8 bits */
} bnt_arch;

/* NULL for a name that is in no row. */
const bnt_arch *bnt_arch_of_gguf(bantam_text architecture);
/* By class name first, then by model type; either may be {NULL, 0}. */
const bnt_arch *bnt_arch_of_json(bantam_text class_name, bantam_text model_type);

/* The architecture that a GGUF of such a model states: what it does decides, not what its
 * folder calls it. What a plain llama pass computes is "llama", which every runtime knows. */
const char *bnt_arch_name_for_gguf(const bnt_config *config);

/* The matrices of a layer, in the order of bnt_layer. */
typedef enum bnt_place {
    BNT_PLACE_Q,
    BNT_PLACE_K,
    BNT_PLACE_V,
    BNT_PLACE_O,
    BNT_PLACE_GATE,
    BNT_PLACE_UP,
    BNT_PLACE_DOWN,
    BNT_PLACES
} bnt_place;

/* How one layout of files names its tensors. A tensor of layer 7 is `layer` "7." suffix. */
typedef struct bnt_names {
    bnt_pairing pairing; /* the order of q and k rows that goes with the names */
    const char *embed, *output_norm, *head;
    const char *divisors; /* llama3's frequency divisors; NULL where files have none */
    const char *layer;
    const char *attn_norm, *ffn_norm; /* suffixes, as those */
    const char *matrices[BNT_PLACES]; /* of a layer's matrices */
} bnt_names;

/* Every layout: GGUF's, then those of Hugging Face files. NULL behind the last. */
const bnt_names *bnt_names_at(size_t index);

/* The layout whose embedding the archive has; where it has none, the usual layout of its
 * container. Never NULL. */
const bnt_names *bnt_names_of(const bnt_archive *archive);

/* A published model that its numbers alone give away. */
typedef struct bnt_known {
    const char *family;
    uint32_t n_layers, n_embd, n_ffn;
    double rope_base;
    /* A window its files leave out or state for every layer: layers whose number is a multiple
     * of window_period see everything, the others window_tokens. 0: nothing to add. */
    uint32_t window_tokens, window_period;
} bnt_known;

/* NULL where the numbers are nobody's. */
const bnt_known *bnt_known_of(const bnt_config *config);

#endif
