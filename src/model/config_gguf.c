/* config_gguf.c - a model's numbers out of GGUF metadata. What they must satisfy is config.c's.
 *
 * Keys are those of llama.cpp, "A." standing for the architecture. A key that is absent keeps
 * its default; the few that have none are asked for by name. PhoneLM has no GGUF by its
 * authors, so that its keys are this project's: architecture "phonelm", keys, tensors and row
 * order as for llama (q and k rows permuted so that pairs are adjacent), and
 *   phonelm.activation  string, "relu" or "silu"; absent: relu
 *   phonelm.rope.int8   bool, whether cos and sin are rounded to 8 bits; absent: true
 */
#include "base/file.h"
#include "base/text.h"
#include "model/config_read.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct reader {
    const bnt_gguf *gguf;
    const char *arch; /* what keys begin with */
    bantam_error *err;
} reader;

typedef struct key {
    char text[96]; /* the longest architecture and the longest name here have 51 bytes */
} key;

static key key_of(const reader *r, const char *name)
{
    key k;
    snprintf(k.text, sizeof k.text, "%s.%s", r->arch, name);
    return k;
}

static const bnt_gguf_pair *find(const reader *r, const char *name)
{
    return bnt_gguf_find(r->gguf, key_of(r, name).text);
}

static bantam_status read_u32(const reader *r, const char *name, uint32_t *out)
{
    return bnt_gguf_u32(r->gguf, key_of(r, name).text, out, r->err);
}

static bantam_status read_f64(const reader *r, const char *name, double *out)
{
    float value = (float)*out;
    const bantam_status status = bnt_gguf_f32(r->gguf, key_of(r, name).text, &value, r->err);
    if (!status && find(r, name)) *out = (double)value;
    return status;
}

static bantam_status read_text(const reader *r, const char *name, bantam_text *out)
{
    return bnt_gguf_text(r->gguf, key_of(r, name).text, out, r->err);
}

static bantam_status demand(const reader *r, const char *name)
{
    if (find(r, name)) return BANTAM_OK;
    return bnt_fail(r->err, BANTAM_ERR_FORMAT, "metadata key %s is missing",
                    key_of(r, name).text);
}

/* A number that may be stated once for all layers or once for each. Layers that differ need
 * another forward pass than this one. */
static bantam_status read_per_layer(const reader *r, const char *name, uint32_t n_layers,
                                    uint32_t *out)
{
    const bnt_gguf_pair *const pair = find(r, name);
    if (!pair || pair->type != BNT_GGUF_ARRAY) return read_u32(r, name, out);

    const key k = key_of(r, name);
    bnt_gguf_items items;
    const bantam_status status =
        bnt_gguf_items_begin(r->gguf, k.text, BNT_GGUF_I32, &items, r->err);
    if (status) return status;
    if (pair->length != n_layers) {
        return bnt_fail(r->err, BANTAM_ERR_FORMAT,
                        "%s: expected %" PRIu32 " elements, found %" PRIu64, k.text, n_layers,
                        pair->length);
    }
    int64_t first = 0;
    int64_t value = 0;
    for (uint32_t l = 0; bnt_gguf_next_i64(&items, &value); l++) {
        if (value <= 0 || value > UINT32_MAX) {
            return bnt_fail(r->err, BANTAM_ERR_FORMAT,
                            "%s: expected a positive number, found %" PRId64, k.text, value);
        }
        if (l == 0) first = value;
        if (value != first) {
            return bnt_fail(r->err, BANTAM_ERR_UNSUPPORTED,
                            "%s: layers differ (%" PRId64 " and %" PRId64 ")", k.text, first,
                            value);
        }
    }
    *out = (uint32_t)first;
    return BANTAM_OK;
}

static bantam_status read_vocabulary(const reader *r, bnt_config *c, const bnt_archive *archive)
{
    const char *const name = bnt_names_of(archive)->embed;
    const bnt_tensor *const embed = bnt_archive_find(archive, name);
    if (!embed) {
        return bnt_fail(r->err, BANTAM_ERR_FORMAT, "tensor %s is missing", name);
    }
    if (embed->dims[1] > BNT_MAX_VOCAB) {
        return bnt_fail(r->err, BANTAM_ERR_FORMAT,
                        "tensor %s: expected at most %d rows, found %" PRIu64, name,
                        BNT_MAX_VOCAB, embed->dims[1]);
    }
    c->n_vocab = (uint32_t)embed->dims[1];
    return read_u32(r, "vocab_size", &c->n_vocab);
}

static bantam_status read_shape(const reader *r, bnt_config *c)
{
    static const char *const required[] = {
        "block_count",         "embedding_length",     "context_length",
        "feed_forward_length", "attention.head_count", "attention.layer_norm_rms_epsilon"};
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++) {
        const bantam_status status = demand(r, required[i]);
        if (status) return status;
    }
    bantam_status status = read_u32(r, "block_count", &c->n_layers);
    if (!status) status = read_u32(r, "embedding_length", &c->n_embd);
    if (!status) status = read_u32(r, "context_length", &c->context_tokens);
    if (!status) status = read_per_layer(r, "feed_forward_length", c->n_layers, &c->n_ffn);
    if (!status) status = read_per_layer(r, "attention.head_count", c->n_layers, &c->n_heads);
    if (!status) {
        c->n_kv_heads = c->n_heads;
        status = read_per_layer(r, "attention.head_count_kv", c->n_layers, &c->n_kv_heads);
    }
    if (!status) status = bnt_config_check_sizes(c, r->err);
    if (status) return status;

    return bnt_gguf_f32(r->gguf, key_of(r, "attention.layer_norm_rms_epsilon").text,
                        &c->norm_eps, r->err);
}

static bantam_status read_head(const reader *r, bnt_config *c)
{
    if (!find(r, "attention.key_length") && c->n_embd % c->n_heads) {
        return bnt_fail(r->err, BANTAM_ERR_FORMAT,
                        "%s: expected a divisor of %" PRIu32 ", found %" PRIu32,
                        key_of(r, "attention.head_count").text, c->n_embd, c->n_heads);
    }
    c->head_dim = c->n_embd / c->n_heads;
    bantam_status status = read_u32(r, "attention.key_length", &c->head_dim);
    if (status) return status;

    uint32_t value_length = c->head_dim;
    status = read_u32(r, "attention.value_length", &value_length);
    if (status) return status;
    if (value_length != c->head_dim) {
        return bnt_fail(r->err, BANTAM_ERR_UNSUPPORTED,
                        "%s: expected the key length %" PRIu32 ", found %" PRIu32,
                        key_of(r, "attention.value_length").text, c->head_dim, value_length);
    }
    c->rope_dims = c->head_dim;
    return read_u32(r, "rope.dimension_count", &c->rope_dims);
}

/* Whoever states a factor and no type means linear, as files did before there were types. */
static bantam_status read_scaling_type(const reader *r, bnt_config *c)
{
    bantam_text type = {0};
    const bantam_status status = read_text(r, "rope.scaling.type", &type);
    if (status) return status;

    c->scaling = BNT_ROPE_PLAIN;
    if (!type.data) {
        if (c->scale_factor != 1.0) c->scaling = BNT_ROPE_LINEAR;
    } else if (bnt_text_is(type, "linear")) {
        c->scaling = BNT_ROPE_LINEAR;
    } else if (bnt_text_is(type, "yarn")) {
        c->scaling = BNT_ROPE_YARN;
    } else if (!bnt_text_is(type, "none")) {
        return bnt_fail(r->err, BANTAM_ERR_UNSUPPORTED,
                        "%s: expected none, linear or yarn, found %.*s",
                        key_of(r, "rope.scaling.type").text, BNT_TEXT_ARG(type));
    }
    return BANTAM_OK;
}

/* attn_factor multiplies what the formula gives; the formula is mscale(factor), divided by
 * mscale(factor, multiplier), which is 1 where no multiplier is stated. */
static bantam_status read_yarn(const reader *r, bnt_config *c)
{
    double multiplier = 0.0;
    bantam_status status = read_f64(r, "rope.scaling.attn_factor", &c->attention_factor);
    if (!status) status = read_f64(r, "rope.scaling.yarn_log_multiplier", &multiplier);
    if (!status) status = read_f64(r, "rope.scaling.yarn_beta_fast", &c->beta_fast);
    if (!status) status = read_f64(r, "rope.scaling.yarn_beta_slow", &c->beta_slow);
    if (status) return status;

    c->attention_factor *=
        bnt_yarn_mscale(c->scale_factor, 1.0) / bnt_yarn_mscale(c->scale_factor, multiplier);
    return BANTAM_OK;
}

static bantam_status read_rope(const reader *r, bnt_config *c, const bnt_archive *archive)
{
    c->original_context_tokens = c->context_tokens;
    bantam_status status = read_f64(r, "rope.freq_base", &c->rope_base);
    if (!status) status = read_f64(r, "rope.scale_linear", &c->scale_factor);
    if (!status) status = read_f64(r, "rope.scaling.factor", &c->scale_factor);
    if (!status) {
        status =
            read_u32(r, "rope.scaling.original_context_length", &c->original_context_tokens);
    }
    if (!status) status = read_scaling_type(r, c);
    if (!status && c->scaling == BNT_ROPE_YARN) status = read_yarn(r, c);
    if (status) return status;

    /* llama3 scaling has no keys: the file brings the divisors themselves. */
    if (bnt_archive_find(archive, bnt_names_of(archive)->divisors)) {
        if (c->scaling != BNT_ROPE_PLAIN) {
            return bnt_fail(r->err, BANTAM_ERR_UNSUPPORTED, "%s together with tensor %s",
                            key_of(r, "rope.scaling.type").text,
                            bnt_names_of(archive)->divisors);
        }
        c->scaling = BNT_ROPE_LLAMA3;
    }
    c->query_scale_original = c->original_context_tokens;
    return read_f64(r, "attention.temperature_scale", &c->query_scale_beta);
}

/* A period n means that every n-th layer sees everything; an array says it layer by layer. */
static bantam_status read_window_pattern(const reader *r, bnt_config *c)
{
    const key k = key_of(r, "attention.sliding_window_pattern");
    const bnt_gguf_pair *const pair = bnt_gguf_find(r->gguf, k.text);
    if (pair->type != BNT_GGUF_ARRAY) {
        uint32_t period = 0;
        const bantam_status status = bnt_gguf_u32(r->gguf, k.text, &period, r->err);
        if (status) return status;
        if (period == 0) {
            return bnt_fail(r->err, BANTAM_ERR_FORMAT, "%s: expected 1 or more, found 0",
                            k.text);
        }
        for (uint32_t l = 0; l < c->n_layers; l++) {
            c->windowed[l] = (l + 1) % period != 0;
        }
        return BANTAM_OK;
    }
    bnt_gguf_items items;
    const bantam_status status =
        bnt_gguf_items_begin(r->gguf, k.text, BNT_GGUF_BOOL, &items, r->err);
    if (status) return status;
    if (pair->length != c->n_layers) {
        return bnt_fail(r->err, BANTAM_ERR_FORMAT,
                        "%s: expected %" PRIu32 " elements, found %" PRIu64, k.text,
                        c->n_layers, pair->length);
    }
    for (uint32_t l = 0; l < c->n_layers; l++) {
        if (!bnt_gguf_next_bool(&items, &c->windowed[l])) break;
    }
    return BANTAM_OK;
}

static bantam_status read_window(const reader *r, bnt_config *c)
{
    const bnt_known *const known = bnt_known_of(c);
    c->window_tokens = known ? known->window_tokens : 0;
    const bantam_status status = read_u32(r, "attention.sliding_window", &c->window_tokens);
    if (status) return status;

    if (find(r, "attention.sliding_window_pattern")) return read_window_pattern(r, c);
    bnt_config_spread_window(c);
    return BANTAM_OK;
}

static bantam_status read_switches(const reader *r, bnt_config *c)
{
    uint32_t n_experts = 0;
    bantam_status status = read_u32(r, "expert_count", &n_experts);
    if (status) return status;
    if (n_experts > 0) {
        return bnt_fail(r->err, BANTAM_ERR_UNSUPPORTED, "%s: expected 0, found %" PRIu32,
                        key_of(r, "expert_count").text, n_experts);
    }

    bantam_text act = {0};
    status = read_text(r, "activation", &act);
    if (status) return status;
    if (act.data && bnt_text_is(act, "relu")) {
        c->act = BNT_ACT_RELU;
    } else if (act.data && bnt_text_is(act, "silu")) {
        c->act = BNT_ACT_SILU;
    } else if (act.data) {
        return bnt_fail(r->err, BANTAM_ERR_UNSUPPORTED, "%s: expected silu or relu, found %.*s",
                        key_of(r, "activation").text, BNT_TEXT_ARG(act));
    }
    if (!c->arch->int8_rope) return BANTAM_OK;

    bool int8_rope = true;
    status = bnt_gguf_bool(r->gguf, key_of(r, "rope.int8").text, &int8_rope, r->err);
    if (!int8_rope) c->int8_rope = BANTAM_ROPE_FLOAT;
    return status;
}

/* Models of any architecture, whose other keys stay as they were. */
static bantam_status read_rotation(const reader *r, bnt_config *c)
{
    static const char kind_key[] = "bantam.rotate.down", size_key[] = "bantam.rotate.down.size";
    bantam_text kind = {0};
    bantam_status status = bnt_gguf_text(r->gguf, kind_key, &kind, r->err);

    if (status || !kind.data) return status;
    if (!bnt_text_is(kind, "hadamard")) {
        return bnt_fail(r->err, BANTAM_ERR_UNSUPPORTED, "%s: expected hadamard, found %.*s",
                        kind_key, BNT_TEXT_ARG(kind));
    }
    status = bnt_gguf_u32(r->gguf, size_key, &c->down_hadamard, r->err);
    if (status || c->down_hadamard) return status;
    return bnt_fail(r->err, BANTAM_ERR_FORMAT, "%s: expected a number above 0", size_key);
}

bantam_status bnt_config_from_gguf(bnt_config *c, const bnt_archive *archive, bantam_error *err)
{
    const bnt_gguf *const gguf = bnt_archive_gguf(archive);
    bantam_status status = bnt_gguf_text(gguf, "general.architecture", &c->architecture, err);
    if (status) return status;
    if (!c->architecture.data) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "metadata key general.architecture is missing");
    }
    if (!c->architecture.size || memchr(c->architecture.data, 0, c->architecture.size)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "key general.architecture: expected a name, found %s",
                        c->architecture.size ? "one with a NUL in it" : "an empty string");
    }
    c->arch = bnt_arch_of_gguf(c->architecture);
    if (!c->arch) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED, "architecture %.*s is not supported",
                        BNT_TEXT_ARG(c->architecture));
    }
    c->name = bnt_path_name(bnt_archive_path(archive));
    status = bnt_gguf_text(gguf, "general.name", &c->name, err);
    if (status) return status;

    const reader r = {gguf, c->arch->gguf, err};
    const bnt_names *const names = bnt_names_of(archive);
    c->pairing = names->pairing;
    c->act = c->arch->act;
    c->tied = !bnt_archive_find(archive, names->head);

    status = read_shape(&r, c);
    if (!status) status = read_head(&r, c);
    if (!status) status = read_vocabulary(&r, c, archive);
    if (!status) status = read_rope(&r, c, archive);
    if (!status) status = read_window(&r, c);
    if (!status) status = read_switches(&r, c);
    if (!status) status = read_rotation(&r, c);
    return status;
}
