/* config.c - what any model's numbers must satisfy, and the words that describe them. Reading
 * them is left to config_gguf.c and config_hf.c; holding them against tensors to weights.c. */
#include "model/config.h"

#include "kernel/hadamard.h"
#include "model/config_read.h"

#include <inttypes.h>
#include <math.h>

enum {
    MAX_FFN = 4 * BNT_MAX_EMBD, /* known models have 2.7 to 5 times a width of at most 5120 */

    /* A window this wide is none: no context reaches it, and sums of a window and a batch stay
     * below 2^32. */
    ENDLESS_WINDOW = 1 << 30
};

/* Known bases lie between 1e4 and 1e9. YaRN divides by ln(base). */
static const double MAX_ROPE_BASE = 1e12;
static const double MIN_ROPE_FACTOR = 1e-6;
static const double MAX_ROPE_FACTOR = 1e6;

static bantam_status between(const char *what, uint32_t found, uint32_t least, uint32_t most,
                             bantam_error *err)
{
    if (found >= least && found <= most) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_FORMAT,
                    "%s: expected %" PRIu32 " to %" PRIu32 ", found %" PRIu32, what, least,
                    most, found);
}

/* Written so that not-a-number fails. */
static bantam_status above(const char *what, double found, double least, double most,
                           bantam_error *err)
{
    if (found > least && found <= most) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_FORMAT,
                    "%s: expected more than %g and at most %g, found %g", what, least, most,
                    found);
}

bantam_status bnt_config_check_sizes(const bnt_config *c, bantam_error *err)
{
    bantam_status status = between("number of layers", c->n_layers, 1, BNT_MAX_LAYERS, err);
    if (!status) status = between("embedding length", c->n_embd, 1, BNT_MAX_EMBD, err);
    if (!status) status = between("number of heads", c->n_heads, 1, BNT_MAX_HEADS, err);
    if (!status) status = between("number of kv heads", c->n_kv_heads, 1, c->n_heads, err);
    if (status) return status;

    if (c->n_heads % c->n_kv_heads) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "number of kv heads: expected a divisor of %" PRIu32
                        " heads, found %" PRIu32,
                        c->n_heads, c->n_kv_heads);
    }
    return BANTAM_OK;
}

static bantam_status check_shape(const bnt_config *c, bantam_error *err)
{
    bantam_status status = bnt_config_check_sizes(c, err);
    if (!status) status = between("head length", c->head_dim, 2, BNT_MAX_HEAD_DIM, err);
    if (!status) status = between("feed-forward length", c->n_ffn, 1, MAX_FFN, err);
    if (!status) status = between("vocabulary size", c->n_vocab, 1, BNT_MAX_VOCAB, err);
    if (!status) status = between("context length", c->context_tokens, 1, UINT32_MAX, err);
    if (!status) status = between("rotated dimensions", c->rope_dims, 2, c->head_dim, err);
    if (!status) status = above("norm epsilon", (double)c->norm_eps, 0.0, 0.999, err);
    if (status) return status;

    if (c->head_dim % 2 || c->rope_dims % 2) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "head length and rotated dimensions: expected even numbers, found "
                        "%" PRIu32 " and %" PRIu32,
                        c->head_dim, c->rope_dims);
    }
    return BANTAM_OK;
}

static bantam_status check_rope(const bnt_config *c, bantam_error *err)
{
    bantam_status status = above("rope base", c->rope_base, 1.0, MAX_ROPE_BASE, err);
    if (status) return status;
    /* A factor that nothing uses may be any number, but a number. */
    if (c->scaling == BNT_ROPE_PLAIN && isfinite(c->scale_factor)) return BANTAM_OK;

    status =
        above("rope scaling factor", c->scale_factor, MIN_ROPE_FACTOR, MAX_ROPE_FACTOR, err);
    if (status || c->scaling == BNT_ROPE_LINEAR) return status;

    status = between("original context length", c->original_context_tokens, 1, UINT32_MAX, err);
    if (status) return status;
    if (c->scaling == BNT_ROPE_LLAMA3) {
        status = above("rope low_freq_factor", c->low_freq_factor, 0.0, MAX_ROPE_FACTOR, err);
        if (status) return status;
        return above("rope high_freq_factor", c->high_freq_factor, c->low_freq_factor,
                     MAX_ROPE_FACTOR, err);
    }
    status = above("rope beta_slow", c->beta_slow, 0.0, MAX_ROPE_FACTOR, err);
    if (!status) {
        status = above("rope beta_fast", c->beta_fast, c->beta_slow, MAX_ROPE_FACTOR, err);
    }
    if (!status) {
        status = above("rope attention factor", c->attention_factor, 0.0, MAX_ROPE_FACTOR, err);
    }
    return status;
}

static bantam_status check_hadamard(const bnt_config *c, bantam_error *err)
{
    if (c->down_hadamard == 0) return BANTAM_OK;
    if (c->n_ffn % c->down_hadamard) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "order of the rotation before down: expected a divisor of %" PRIu32
                        ", found %" PRIu32,
                        c->n_ffn, c->down_hadamard);
    }
    if (bnt_hadamard_factor(c->down_hadamard)) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                    "order of the rotation before down: no Hadamard matrix of order %" PRIu32
                    " is known here",
                    c->down_hadamard);
}

static bantam_status check_query_scale(const bnt_config *c, bantam_error *err)
{
    if (c->query_scale_beta == 0.0) return BANTAM_OK;
    const bantam_status status = above("query scale", c->query_scale_beta, 0.0, 1e3, err);
    if (status) return status;
    return between("query scale's original context length", c->query_scale_original, 1,
                   UINT32_MAX, err);
}

double bnt_yarn_mscale(double factor, double m)
{
    return factor <= 1.0 ? 1.0 : 0.1 * m * log(factor) + 1.0;
}

void bnt_config_spread_window(bnt_config *c)
{
    const bnt_known *const known = bnt_known_of(c);
    const uint32_t period = known ? known->window_period : 0;
    for (uint32_t l = 0; l < c->n_layers; l++) {
        c->windowed[l] = period ? l % period != 0 : true;
    }
}

/* A window that no layer has, or that no context reaches, is none. */
static void settle_window(bnt_config *c)
{
    bool any = false;
    for (uint32_t l = 0; l < c->n_layers; l++) {
        if (c->window_tokens == 0 || c->window_tokens >= ENDLESS_WINDOW) c->windowed[l] = false;
        any = any || c->windowed[l];
    }
    if (!any) c->window_tokens = 0;
}

bantam_status bnt_config_settle(bnt_config *c, bantam_error *err)
{
    bantam_status status = check_shape(c, err);
    if (!status) status = check_rope(c, err);
    if (!status) status = check_hadamard(c, err);
    if (!status) status = check_query_scale(c, err);
    if (!status) settle_window(c);
    return status;
}

static bantam_rope int8_form(const bnt_arch *arch, bantam_rope wish)
{
    if (!arch->int8_rope) return BANTAM_ROPE_FLOAT;
    return wish == BANTAM_ROPE_DEFAULT ? BANTAM_ROPE_TABLE : wish;
}

bantam_status bnt_config_read(bnt_config *out, const bnt_archive *archive, bantam_rope rope,
                              bantam_error *err)
{
    bnt_config c = {0};
    c.norm_eps = 1e-6f;
    c.rope_base = 10000.0;
    c.scale_factor = 1.0;
    c.low_freq_factor = 1.0;
    c.high_freq_factor = 4.0;
    c.beta_fast = 32.0;
    c.beta_slow = 1.0;
    c.attention_factor = 1.0;
    c.int8_rope = BANTAM_ROPE_DEFAULT;
    *out = (bnt_config){0};

    bantam_status status;
    if (bnt_archive_gguf(archive)) {
        status = bnt_config_from_gguf(&c, archive, err);
    } else if (bnt_archive_config(archive)) {
        status = bnt_config_from_json(&c, archive, err);
    } else {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "nothing says what model this is: open the folder with config.json");
    }
    if (!status) status = bnt_config_settle(&c, err);
    if (status) return status;

    if (c.int8_rope == BANTAM_ROPE_DEFAULT) c.int8_rope = int8_form(c.arch, rope);
    *out = c;
    return BANTAM_OK;
}

const char *bnt_config_family(const bnt_config *config)
{
    if (!config->arch) return "";
    if (config->scaling == BNT_ROPE_LLAMA3) return "llama3";
    const bnt_known *const known = bnt_known_of(config);
    return known ? known->family : config->arch->family;
}

const char *bnt_config_rope_name(const bnt_config *config)
{
    if (config->int8_rope == BANTAM_ROPE_CALL) return "int8 call";
    if (config->int8_rope == BANTAM_ROPE_TABLE) return "int8 table";
    switch (config->scaling) {
    case BNT_ROPE_LLAMA3:
        return "llama3";
    case BNT_ROPE_YARN:
        return "yarn";
    case BNT_ROPE_LINEAR:
        return "linear";
    case BNT_ROPE_PLAIN:
        break;
    }
    return "normal";
}
