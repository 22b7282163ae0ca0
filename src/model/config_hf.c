/* config_hf.c - a model's numbers out of config.json, in the layouts of several years of
 * Hugging Face files. What the numbers must satisfy is config.c's.
 *
 * A vision model keeps its language model's numbers in text_config. Rotary settings lie in
 * rope_theta and rope_scaling, or since 2025 together in rope_parameters, there sometimes once
 * for each kind of layer. A member that is absent or null keeps its default.
 */
#include "base/file.h"
#include "base/text.h"
#include "model/config_read.h"

#include <inttypes.h>

static bantam_status demand(const json_t *object, const char *key, bantam_error *err)
{
    const json_t *const value = json_object_get(object, key);
    if (value && !json_is_null(value)) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_FORMAT, "config.json: member %s is missing", key);
}

/* Leaves *out alone where the member is absent or null. */
static bantam_status read_text(const json_t *object, const char *key, bantam_text *out,
                               bantam_error *err)
{
    const json_t *const value = json_object_get(object, key);
    if (!value || json_is_null(value)) return BANTAM_OK;
    if (!json_is_string(value)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "config.json: %s: expected a string", key);
    }
    *out = bnt_json_text(value);
    return BANTAM_OK;
}

/* The member as an object, NULL where it is absent or null. */
static bantam_status read_object(const json_t *object, const char *key, const json_t **out,
                                 bantam_error *err)
{
    *out = json_object_get(object, key);
    if (!*out || json_is_object(*out)) return BANTAM_OK;
    if (!json_is_null(*out)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "config.json: %s: expected an object", key);
    }
    *out = NULL;
    return BANTAM_OK;
}

/* Whether a class, if any is named, generates text. */
static bool names_language_model(bantam_text class_name)
{
    static const char *const ends[] = {"ForCausalLM", "ForConditionalGeneration",
                                       "LMHeadModel"};
    if (!class_name.data) return true;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        if (bnt_text_ends_with(class_name, ends[i])) return true;
    }
    return false;
}

static bantam_status read_arch(const json_t *config, bnt_config *c, bantam_error *err)
{
    bantam_text class_name = {0};
    bantam_text model_type = {0};
    const bantam_status status = read_text(config, "model_type", &model_type, err);
    if (status) return status;

    const json_t *const classes = json_object_get(config, "architectures");
    if (classes && !json_is_null(classes)) {
        if (!json_is_array(classes)) {
            return bnt_fail(err, BANTAM_ERR_FORMAT,
                            "config.json: architectures: expected an array");
        }
        class_name = bnt_json_text(json_array_get(classes, 0));
    }
    c->architecture = class_name.data ? class_name : model_type;
    if (!c->architecture.data) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "config.json: neither architectures nor model_type is stated");
    }
    c->arch = bnt_arch_of_json(class_name, model_type);
    /* The model type alone does not tell a language model from a classifier made of it. */
    if (!c->arch || !names_language_model(class_name)) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED, "architecture %.*s is not supported",
                        BNT_TEXT_ARG(c->architecture));
    }
    return BANTAM_OK;
}

/* A size. bnt_json_u32() would take 32.0 for 32; the authors' own code does not. */
static bantam_status read_size(const json_t *object, const char *key, uint32_t *out,
                               bantam_error *err)
{
    const json_t *const value = json_object_get(object, key);
    if (json_is_real(value)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "config.json: %s: expected a whole number, found a real one (%g)", key,
                        json_real_value(value));
    }
    const bantam_status status = bnt_json_u32(object, key, out, err);
    return status ? bnt_fail_within(err, status, "config.json: ") : BANTAM_OK;
}

static bantam_status read_shape(const json_t *j, bnt_config *c, bantam_error *err)
{
    static const char *const required[] = {"num_hidden_layers",   "hidden_size",
                                           "num_attention_heads", "intermediate_size",
                                           "vocab_size",          "max_position_embeddings"};
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++) {
        const bantam_status status = demand(j, required[i], err);
        if (status) return status;
    }
    bantam_status status = read_size(j, "num_hidden_layers", &c->n_layers, err);
    if (!status) status = read_size(j, "hidden_size", &c->n_embd, err);
    if (!status) status = read_size(j, "num_attention_heads", &c->n_heads, err);
    if (!status) status = read_size(j, "intermediate_size", &c->n_ffn, err);
    if (!status) status = read_size(j, "vocab_size", &c->n_vocab, err);
    if (!status) status = read_size(j, "max_position_embeddings", &c->context_tokens, err);
    if (!status) {
        c->n_kv_heads = c->n_heads;
        status = read_size(j, "num_key_value_heads", &c->n_kv_heads, err);
    }
    if (!status) status = bnt_config_check_sizes(c, err);
    if (status) return status;

    const json_t *const head_dim = json_object_get(j, "head_dim");
    if ((!head_dim || json_is_null(head_dim)) && c->n_embd % c->n_heads) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "config.json: num_attention_heads: expected a divisor of %" PRIu32
                        ", found %" PRIu32,
                        c->n_embd, c->n_heads);
    }
    c->head_dim = c->n_embd / c->n_heads;
    status = read_size(j, "head_dim", &c->head_dim, err);
    if (status) return status;

    double eps = (double)c->norm_eps;
    status = bnt_json_f64(j, "rms_norm_eps", &eps, err);
    c->norm_eps = (float)eps;
    return status;
}

static bantam_status read_switches(const json_t *j, bnt_config *c, bantam_error *err)
{
    /* Biases and normalized embeddings need tensors of their own, which weights.c looks for;
     * these change the arithmetic without leaving a tensor. */
    static const char *const refused[] = {"use_stable_embedding", "rope_interleaved"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        bool on = false;
        const bantam_status status = bnt_json_bool(j, refused[i], &on, err);
        if (status) return status;
        if (on) {
            return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                            "config.json: %s: expected false, found true", refused[i]);
        }
    }
    bantam_text act = {0};
    const bantam_status status = read_text(j, "hidden_act", &act, err);
    if (status) return status;

    c->act = c->arch->act;
    if (bnt_text_is(act, "relu")) {
        c->act = BNT_ACT_RELU;
    } else if (bnt_text_is(act, "silu") || bnt_text_is(act, "swish")) {
        c->act = BNT_ACT_SILU;
    } else if (act.data) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "config.json: hidden_act: expected silu or relu, found %.*s",
                        BNT_TEXT_ARG(act));
    }
    return BANTAM_OK;
}

/* Of a vision model's two statements the inner one counts. A config that says the embedding is
 * the head is believed even where a head was saved too; where none was, it must not have said
 * that there is one. */
static bantam_status read_tied(const json_t *config, const json_t *j, bnt_config *c,
                               const bnt_archive *archive, bantam_error *err)
{
    const json_t *const outer = json_object_get(config, "tie_word_embeddings");
    const json_t *const inner = json_object_get(j, "tie_word_embeddings");
    c->tied = c->arch->tied;
    bantam_status status = bnt_json_bool(config, "tie_word_embeddings", &c->tied, err);
    if (!status) status = bnt_json_bool(j, "tie_word_embeddings", &c->tied, err);
    if (!bnt_archive_find(archive, bnt_names_of(archive)->head)) {
        const bool denied = json_is_false(outer) || json_is_false(inner);
        c->tied = json_is_true(outer) || json_is_true(inner) || !denied;
    }
    return status;
}

/* The settings that hold for all layers: rope_parameters, or its one value where it is stated
 * for each kind of layer, or rope_scaling. NULL where there is none. */
static bantam_status find_rope(const json_t *j, const json_t **out, bantam_error *err)
{
    bantam_status status = read_object(j, "rope_parameters", out, err);
    if (!status && !*out) status = read_object(j, "rope_scaling", out, err);
    if (status || !*out) return status;

    const json_t *first = NULL;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)*out, key, value)
    {
        if (!json_is_object(value)) continue;
        if (!first) first = value;
        if (!json_equal(first, value)) {
            return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                            "config.json: rope_parameters differ between kinds of layers");
        }
    }
    if (first) *out = first;
    return BANTAM_OK;
}

static bantam_status read_rope_type(const json_t *rope, bnt_config *c, bantam_error *err)
{
    static const struct {
        const char *name;
        bnt_rope_scaling scaling;
    } types[] = {{"default", BNT_ROPE_PLAIN},
                 {"linear", BNT_ROPE_LINEAR},
                 {"llama3", BNT_ROPE_LLAMA3},
                 {"yarn", BNT_ROPE_YARN}};
    bantam_text type = {0};
    bantam_status status = read_text(rope, "type", &type, err);
    if (!status) status = read_text(rope, "rope_type", &type, err);
    if (status) return status;

    if (!type.data) {
        return json_object_get(rope, "factor")
                   ? bnt_fail(err, BANTAM_ERR_FORMAT,
                              "config.json: a rope factor is stated without a rope_type")
                   : BANTAM_OK;
    }
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (bnt_text_is(type, types[i].name)) {
            c->scaling = types[i].scaling;
            return c->scaling == BNT_ROPE_PLAIN ? BANTAM_OK : demand(rope, "factor", err);
        }
    }
    return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                    "config.json: rope_type: expected default, linear, llama3 or yarn, found "
                    "%.*s",
                    BNT_TEXT_ARG(type));
}

/* attention_factor as stated, else mscale(factor, mscale) / mscale(factor, mscale_all_dim)
 * where both are, else mscale(factor). */
static bantam_status read_yarn(const json_t *rope, bnt_config *c, bantam_error *err)
{
    double attention_factor = 0.0;
    double m = 0.0;
    double m_all = 0.0;
    bool truncate = true;
    bantam_status status = bnt_json_f64(rope, "beta_fast", &c->beta_fast, err);
    if (!status) status = bnt_json_f64(rope, "beta_slow", &c->beta_slow, err);
    if (!status) status = bnt_json_f64(rope, "mscale", &m, err);
    if (!status) status = bnt_json_f64(rope, "mscale_all_dim", &m_all, err);
    if (!status) status = bnt_json_f64(rope, "attention_factor", &attention_factor, err);
    if (!status) status = bnt_json_bool(rope, "truncate", &truncate, err);
    if (status) return status;
    if (!truncate) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "config.json: truncate: expected true, found false");
    }
    const json_t *const stated = json_object_get(rope, "attention_factor");
    if (stated && !json_is_null(stated)) {
        c->attention_factor = attention_factor;
    } else if (m != 0.0 && m_all != 0.0) {
        c->attention_factor =
            bnt_yarn_mscale(c->scale_factor, m) / bnt_yarn_mscale(c->scale_factor, m_all);
    } else {
        c->attention_factor = bnt_yarn_mscale(c->scale_factor, 1.0);
    }
    return BANTAM_OK;
}

static bantam_status read_rope_dims(const json_t *j, const json_t *rope, bnt_config *c,
                                    bantam_error *err)
{
    double share = 1.0;
    bantam_status status = bnt_json_f64(j, "partial_rotary_factor", &share, err);
    if (!status && rope) status = bnt_json_f64(rope, "partial_rotary_factor", &share, err);
    if (status) return status;
    if (!(share > 0.0 && share <= 1.0)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "config.json: partial_rotary_factor: expected more than 0 and at most "
                        "1, found %g",
                        share);
    }
    c->rope_dims = (uint32_t)((double)c->head_dim * share);
    return BANTAM_OK;
}

static bantam_status read_rope(const json_t *j, bnt_config *c, bantam_error *err)
{
    const json_t *rope = NULL;
    bantam_status status = find_rope(j, &rope, err);
    if (!status) status = bnt_json_f64(j, "rope_theta", &c->rope_base, err);
    if (!status) status = read_rope_dims(j, rope, c, err);
    c->original_context_tokens = c->context_tokens;
    c->query_scale_original = c->context_tokens;
    if (status || !rope) return status;

    status = read_rope_type(rope, c, err);
    if (!status) status = bnt_json_f64(rope, "rope_theta", &c->rope_base, err);
    if (!status && c->scaling != BNT_ROPE_PLAIN) {
        status = bnt_json_f64(rope, "factor", &c->scale_factor, err);
    }
    if (!status) status = bnt_json_f64(rope, "low_freq_factor", &c->low_freq_factor, err);
    if (!status) status = bnt_json_f64(rope, "high_freq_factor", &c->high_freq_factor, err);
    if (!status) {
        status = bnt_json_u32(rope, "original_max_position_embeddings",
                              &c->original_context_tokens, err);
    }
    if (!status && c->scaling == BNT_ROPE_LLAMA3) {
        status = demand(rope, "original_max_position_embeddings", err);
    }
    if (!status && c->scaling == BNT_ROPE_YARN) status = read_yarn(rope, c, err);
    c->query_scale_original = c->original_context_tokens;
    if (status) return status;
    return bnt_json_f64(rope, "llama_4_scaling_beta", &c->query_scale_beta, err);
}

static bantam_status read_layer_types(const json_t *types, bnt_config *c, bantam_error *err)
{
    if (!json_is_array(types)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "config.json: layer_types: expected an array");
    }
    if (json_array_size(types) != c->n_layers) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "config.json: layer_types: expected %" PRIu32 " elements, found %zu",
                        c->n_layers, json_array_size(types));
    }
    for (uint32_t l = 0; l < c->n_layers; l++) {
        const bantam_text type = bnt_json_text(json_array_get(types, l));
        c->windowed[l] = bnt_text_is(type, "sliding_attention");
        if (!c->windowed[l] && !bnt_text_is(type, "full_attention")) {
            return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                            "config.json: layer_types: expected full_attention or "
                            "sliding_attention, found %.*s",
                            BNT_TEXT_ARG(type));
        }
        if (c->windowed[l] && c->window_tokens == 0) {
            return bnt_fail(err, BANTAM_ERR_FORMAT,
                            "config.json: layer_types: sliding_attention without a "
                            "sliding_window");
        }
    }
    return BANTAM_OK;
}

static bantam_status read_window(const json_t *j, bnt_config *c, bantam_error *err)
{
    const json_t *const window = json_object_get(j, "sliding_window");
    const bnt_known *const known = bnt_known_of(c);
    if (!window && known) c->window_tokens = known->window_tokens;
    const bantam_status status = bnt_json_u32(j, "sliding_window", &c->window_tokens, err);
    if (status) return status;

    const json_t *const types = json_object_get(j, "layer_types");
    if (types && !json_is_null(types)) return read_layer_types(types, c, err);
    bnt_config_spread_window(c);
    return BANTAM_OK;
}

bantam_status bnt_config_from_json(bnt_config *c, const bnt_archive *archive, bantam_error *err)
{
    const json_t *const config = bnt_archive_config(archive);
    if (!json_is_object(config)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "config.json: expected an object");
    }
    bantam_status status = read_arch(config, c, err);
    if (status) return status;

    const json_t *j = NULL;
    status = read_object(config, "text_config", &j, err);
    if (status) return status;
    if (!j) j = config;

    c->name = bnt_path_name(bnt_archive_folder(archive));
    c->pairing = bnt_names_of(archive)->pairing;
    status = read_shape(j, c, err);
    if (!status) status = read_switches(j, c, err);
    if (!status) status = read_tied(config, j, c, archive, err);
    if (!status) status = read_rope(j, c, err);
    if (!status) status = read_window(j, c, err);
    return status;
}
