/* convert_config.c - a model's numbers as GGUF metadata, under the names other tools read.
 *
 * The architecture follows from what the model does, not from what its folder calls it: what a
 * plain llama pass computes is "llama", which every runtime of GGUF knows.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "compress/convert_parts.h"
#include "model/arch.h"

static uint32_t file_type_number(const bnt_type *type)
{
    switch (type->id) {
    case BNT_TYPE_F32:
        return 0;
    case BNT_TYPE_F16:
        return 1;
    case BNT_TYPE_Q4_0:
        return 2;
    case BNT_TYPE_Q8_0:
        return 7;
    case BNT_TYPE_BF16:
        return 32;
    default:
        return 1024; /* llama.cpp's "guessed" */
    }
}

void bnt_convert_file_type(bnt_gguf_writer *w, const bnt_type *type)
{
    if (type->tile) {
        bnt_gguf_put_text(w, "bantam.file_type", bnt_text_of(type->name));
    } else {
        bnt_gguf_put_u32(w, "general.file_type", file_type_number(type));
    }
}

/* Keys that begin with the architecture's name. */
typedef struct keys {
    bnt_gguf_writer *w;
    const char *architecture;
    char key[128];
} keys;

static const char *key_of(keys *k, const char *name)
{
    snprintf(k->key, sizeof k->key, "%s.%s", k->architecture, name);
    return k->key;
}

/* What multiplies cos and sin. Readers compute mscale(factor) and multiply it by attn_factor;
 * those of mistral3 first divide it by mscale(factor, multiplier), those of llama know no
 * multiplier. */
static void put_yarn_factor(keys *k, const bnt_config *c)
{
    const bool divided = c->query_scale_beta > 0.0 && c->attention_factor == 1.0;
    const double computed = divided ? 1.0 : bnt_yarn_mscale(c->scale_factor, 1.0);

    if (divided) bnt_gguf_put_f32(k->w, key_of(k, "rope.scaling.yarn_log_multiplier"), 1.0f);
    if (c->attention_factor != computed) {
        bnt_gguf_put_f32(k->w, key_of(k, "rope.scaling.attn_factor"),
                         (float)(c->attention_factor / computed));
    }
}

static void put_rope(keys *k, const bnt_config *c)
{
    bnt_gguf_writer *const w = k->w;

    bnt_gguf_put_u32(w, key_of(k, "rope.dimension_count"), c->rope_dims);
    bnt_gguf_put_f32(w, key_of(k, "rope.freq_base"), (float)c->rope_base);
    if (c->scaling == BNT_ROPE_LINEAR || c->scaling == BNT_ROPE_YARN) {
        const char *const name = c->scaling == BNT_ROPE_YARN ? "yarn" : "linear";
        bnt_gguf_put_text(w, key_of(k, "rope.scaling.type"), bnt_text_of(name));
        bnt_gguf_put_f32(w, key_of(k, "rope.scaling.factor"), (float)c->scale_factor);
    }
    if (c->scaling == BNT_ROPE_YARN || c->query_scale_beta > 0.0) {
        bnt_gguf_put_u32(w, key_of(k, "rope.scaling.original_context_length"),
                         c->original_context_tokens);
    }
    if (c->scaling == BNT_ROPE_YARN) {
        bnt_gguf_put_f32(w, key_of(k, "rope.scaling.yarn_beta_fast"), (float)c->beta_fast);
        bnt_gguf_put_f32(w, key_of(k, "rope.scaling.yarn_beta_slow"), (float)c->beta_slow);
        put_yarn_factor(k, c);
    }
    if (c->query_scale_beta > 0.0) {
        bnt_gguf_put_f32(w, key_of(k, "attention.temperature_scale"),
                         (float)c->query_scale_beta);
    }
}

void bnt_convert_config(bnt_gguf_writer *w, const bnt_config *c, const bnt_type *type,
                        bantam_text name)
{
    keys k = {w, bnt_arch_name_for_gguf(c), {0}};

    bnt_gguf_put_text(w, "general.architecture", bnt_text_of(k.architecture));
    bnt_gguf_put_text(w, "general.name", name);
    bnt_convert_file_type(w, type);
    bnt_gguf_put_u32(w, "general.quantization_version", 2);

    bnt_gguf_put_u32(w, key_of(&k, "vocab_size"), c->n_vocab);
    bnt_gguf_put_u32(w, key_of(&k, "context_length"), c->context_tokens);
    bnt_gguf_put_u32(w, key_of(&k, "embedding_length"), c->n_embd);
    bnt_gguf_put_u32(w, key_of(&k, "block_count"), c->n_layers);
    bnt_gguf_put_u32(w, key_of(&k, "feed_forward_length"), c->n_ffn);
    bnt_gguf_put_u32(w, key_of(&k, "attention.head_count"), c->n_heads);
    bnt_gguf_put_u32(w, key_of(&k, "attention.head_count_kv"), c->n_kv_heads);
    bnt_gguf_put_u32(w, key_of(&k, "attention.key_length"), c->head_dim);
    bnt_gguf_put_u32(w, key_of(&k, "attention.value_length"), c->head_dim);
    bnt_gguf_put_f32(w, key_of(&k, "attention.layer_norm_rms_epsilon"), c->norm_eps);
    if (c->window_tokens) {
        bnt_gguf_put_u32(w, key_of(&k, "attention.sliding_window"), c->window_tokens);
        bnt_gguf_put_bools(w, key_of(&k, "attention.sliding_window_pattern"), c->windowed,
                           c->n_layers);
    }
    if (strcmp(k.architecture, "phonelm") == 0) {
        const char *const act = c->act == BNT_ACT_RELU ? "relu" : "silu";
        bnt_gguf_put_text(w, key_of(&k, "activation"), (bantam_text){act, 4});
        bnt_gguf_put_bool(w, key_of(&k, "rope.int8"), c->int8_rope != BANTAM_ROPE_FLOAT);
    }
    put_rope(&k, c);
}
