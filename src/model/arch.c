/* arch.c - the tables of families, tensor names and known models. How they are read from a file
 * is config_gguf.c's and config_hf.c's, what they mean forward.c's. */
#include "model/arch.h"

#include "base/text.h"

/* Ministral 3 comes as a vision model with a text_config inside (mistral3) and as the text
 * model alone (ministral3). BlueLM stands for the language model of BlueLM-V: its numbers are
 * unpublished, so nothing here fixes them. */
static const bnt_arch archs[] = {
    {"llama", "llama", "llama", "LlamaForCausalLM", BNT_ACT_SILU, false, false},
    {"mistral", "mistral", "mistral", "MistralForCausalLM", BNT_ACT_SILU, false, false},
    {"ministral", "ministral", "ministral", "MinistralForCausalLM", BNT_ACT_SILU, false, false},
    {"mistral3", "mistral3", "mistral3", "Mistral3ForConditionalGeneration", BNT_ACT_SILU, true,
     false},
    {"mistral3", "ministral3", "ministral3", "Ministral3ForCausalLM", BNT_ACT_SILU, true,
     false},
    {"phonelm", "phonelm", "phonelm", "PhoneLMForCausalLM", BNT_ACT_RELU, true, true},
    {"bluelm", "bluelm", "bluelm", "BlueLMForCausalLM", BNT_ACT_SILU, false, false},
};

#define HF_LAYER                                                                               \
    "input_layernorm.weight", "post_attention_layernorm.weight",                               \
    {                                                                                          \
        "self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight",       \
            "self_attn.o_proj.weight", "mlp.gate_proj.weight", "mlp.up_proj.weight",           \
            "mlp.down_proj.weight"                                                             \
    }

/* The converters that write GGUF permute q and k so that the two values of a rotated pair lie
 * side by side; Hugging Face files keep them half a head apart. */
static const bnt_names gguf_names = {
    .pairing = BNT_PAIR_ADJACENT,
    .embed = "token_embd.weight",
    .output_norm = "output_norm.weight",
    .head = "output.weight",
    .divisors = "rope_freqs.weight",
    .layer = "blk.",
    .attn_norm = "attn_norm.weight",
    .ffn_norm = "ffn_norm.weight",
    .matrices = {"attn_q.weight", "attn_k.weight", "attn_v.weight", "attn_output.weight",
                 "ffn_gate.weight", "ffn_up.weight", "ffn_down.weight"},
};

static const bnt_names hf_names[] = {
    {BNT_PAIR_HALVES, "model.embed_tokens.weight", "model.norm.weight", "lm_head.weight", NULL,
     "model.layers.", HF_LAYER},
    {BNT_PAIR_HALVES, "model.language_model.embed_tokens.weight",
     "model.language_model.norm.weight", "lm_head.weight", NULL, "model.language_model.layers.",
     HF_LAYER},
    {BNT_PAIR_HALVES, "language_model.model.embed_tokens.weight",
     "language_model.model.norm.weight", "language_model.lm_head.weight", NULL,
     "language_model.model.layers.", HF_LAYER},
};

/* Ministral-8B-2410: its card describes "128k, 32k, 32k, 32k" repeated, its config.json states
 * one window for all layers, and its GGUF files none. The three agree up to 32768 positions;
 * beyond them the card is what the model was trained with. */
static const bnt_known known[] = {
    {"smollm2", 30, 576, 1536, 1e5, 0, 0},     {"smollm2", 32, 960, 2560, 1e5, 0, 0},
    {"smollm2", 24, 2048, 8192, 1.3e5, 0, 0},  {"amd-llama", 12, 768, 2048, 1e4, 0, 0},
    {"codellama", 32, 4096, 11008, 1e6, 0, 0}, {"ministral", 36, 4096, 12288, 1e8, 32768, 4},
};

const bnt_arch *bnt_arch_of_gguf(bantam_text architecture)
{
    for (size_t i = 0; i < sizeof archs / sizeof archs[0]; i++) {
        if (bnt_text_is(architecture, archs[i].gguf)) return &archs[i];
    }
    return NULL;
}

const bnt_arch *bnt_arch_of_json(bantam_text class_name, bantam_text model_type)
{
    for (size_t i = 0; i < sizeof archs / sizeof archs[0]; i++) {
        if (bnt_text_is(class_name, archs[i].class_name)) return &archs[i];
    }
    for (size_t i = 0; i < sizeof archs / sizeof archs[0]; i++) {
        if (bnt_text_is(model_type, archs[i].model_type)) return &archs[i];
    }
    return NULL;
}

const char *bnt_arch_name_for_gguf(const bnt_config *c)
{
    if (c->query_scale_beta > 0.0) return "mistral3";
    /* A gate or rotary table that a llama pass does not have. */
    const bool phonelm = c->act == BNT_ACT_RELU || c->int8_rope != BANTAM_ROPE_FLOAT;
    return phonelm ? "phonelm" : "llama";
}

const bnt_names *bnt_names_at(size_t index)
{
    const size_t n = sizeof hf_names / sizeof hf_names[0];
    if (index == 0) return &gguf_names;
    return index <= n ? &hf_names[index - 1] : NULL;
}

const bnt_names *bnt_names_of(const bnt_archive *archive)
{
    if (bnt_archive_gguf(archive)) return &gguf_names;
    for (size_t i = 0; i < sizeof hf_names / sizeof hf_names[0]; i++) {
        if (bnt_archive_find(archive, hf_names[i].embed)) return &hf_names[i];
    }
    return &hf_names[0];
}

const bnt_known *bnt_known_of(const bnt_config *config)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const bnt_known *const k = &known[i];
        if (k->n_layers == config->n_layers && k->n_embd == config->n_embd &&
            k->n_ffn == config->n_ffn && k->rope_base == config->rope_base) {
            return k;
        }
    }
    return NULL;
}
