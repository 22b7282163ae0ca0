/* recipe.c - the members of a training file. What they are used for is train.c's. */
#include "train/recipe.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "model/arch.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { MAX_BYTES = 16 << 20, MAX_FFN = 4 * BNT_MAX_EMBD, MAX_ROWS = 1 << 24 };

typedef struct reader {
    bnt_recipe *r;
    const char *path;
    bantam_error *err;
} reader;

/* ---- members ----------------------------------------------------------------------------- */

static const char *const model_keys[] = {
    "n_layers",  "n_embd",   "n_heads", "n_kv_heads", "head_dim", "n_ffn", "context", "act",
    "rope_base", "norm_eps", "tied",    "vocab",      "specials", "bos",   "eos",     "stops"};
static const char *const other_keys[] = {
    "name", "chat_template", "steps", "epochs",     "minutes",  "batch_tokens",
    "seq",  "part_tokens",   "rate",  "final_rate", "warmup",   "decay",
    "clip", "beta1",         "beta2", "seed",       "held_out", "held_out_steps"};

static bool is_one_of(const char *key, const char *const *keys, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(key, keys[i])) return true;
    }
    return false;
}

/* What a value is, for messages. */
static const char *kind_of(const json_t *value)
{
    if (!value) return "nothing";
    if (json_is_string(value)) return "a string";
    if (json_is_boolean(value)) return "true or false";
    if (json_is_number(value)) return "a number";
    if (json_is_array(value)) return "an array";
    return json_is_object(value) ? "an object" : "null";
}

static bantam_status wrong(const reader *d, const char *key, const char *expected)
{
    const json_t *const value = json_object_get(d->r->root, key);
    return bnt_fail(d->err, BANTAM_ERR_FORMAT, "%s: expected %s, found %s", key, expected,
                    kind_of(value));
}

/* A whole number; absent ones keep their default, which `needed` forbids. */
static bantam_status whole(const reader *d, const char *key, bool needed, uint64_t least,
                           uint64_t most, uint64_t *out)
{
    const json_t *const value = json_object_get(d->r->root, key);

    if (!value && !needed) return BANTAM_OK;
    if (json_is_number(value)) {
        const double x = json_number_value(value);
        if (x == floor(x) && x >= (double)least && x <= (double)most) {
            *out = json_is_integer(value) ? (uint64_t)json_integer_value(value) : (uint64_t)x;
            return BANTAM_OK;
        }
        return bnt_fail(d->err, BANTAM_ERR_FORMAT,
                        "%s: expected a whole number from %" PRIu64 " to %" PRIu64
                        ", found %.17g",
                        key, least, most, x);
    }
    return wrong(d, key, "a whole number");
}

static bantam_status whole32(const reader *d, const char *key, bool needed, uint32_t least,
                             uint32_t most, uint32_t *out)
{
    uint64_t value = *out;
    const bantam_status status = whole(d, key, needed, least, most, &value);
    *out = (uint32_t)value;
    return status;
}

static bantam_status real(const reader *d, const char *key, double least, double most,
                          double *out)
{
    const json_t *const value = json_object_get(d->r->root, key);

    if (!value) return BANTAM_OK;
    if (!json_is_number(value)) return wrong(d, key, "a number");
    const double x = json_number_value(value);
    if (!(x >= least && x <= most)) {
        return bnt_fail(d->err, BANTAM_ERR_FORMAT, "%s: expected %g to %g, found %g", key,
                        least, most, x);
    }
    *out = x;
    return BANTAM_OK;
}

/* ---- texts and paths --------------------------------------------------------------------- */

/* A path of the file, relative to the folder that the file lies in. */
static char *path_of(const reader *d, bantam_text text)
{
    const bantam_text name = bnt_path_name(d->path);
    const size_t n_folder = text.data[0] == '/' ? 0 : (size_t)(name.data - d->path);
    char *const path = bnt_alloc(n_folder + text.size + 1);

    if (!path) return NULL;
    memcpy(path, d->path, n_folder);
    memcpy(path + n_folder, text.data, text.size);
    path[n_folder + text.size] = '\0';
    return path;
}

static bantam_status take_path(const reader *d, const char *key, char **out)
{
    const bantam_text text = bnt_json_text(json_object_get(d->r->root, key));

    if (!text.size) return wrong(d, key, "a path");
    *out = path_of(d, text);
    return *out ? BANTAM_OK : bnt_fail(d->err, BANTAM_ERR_NOMEM, "out of memory");
}

static bantam_status read_template(const reader *d)
{
    const json_t *const value = json_object_get(d->r->root, "chat_template");
    const bantam_text text = bnt_json_text(value);
    char *path;

    if (!value) return BANTAM_OK;
    if (!text.data) return wrong(d, "chat_template", "a path or a template");
    if (memchr(text.data, '{', text.size)) {
        bnt_buf_put(&d->r->chat_template, text.data, text.size);
        return bnt_buf_status(&d->r->chat_template, "chat_template", d->err);
    }
    bantam_status status = take_path(d, "chat_template", &path);
    if (status) return status;
    status = bnt_file_read(path, &d->r->chat_template, d->err);
    bnt_free(path);
    return status ? bnt_fail_within(d->err, status, "chat_template: ") : BANTAM_OK;
}

/* The index of a special token that another member names. */
static bantam_status special_of(const reader *d, const char *key, const json_t *value,
                                uint32_t *out)
{
    const bantam_text text = bnt_json_text(value);

    if (json_is_null(value)) {
        *out = BANTAM_NO_TOKEN;
        return BANTAM_OK;
    }
    if (!text.data) return wrong(d, key, "one of specials");
    for (uint32_t i = 0; i < d->r->n_specials; i++) {
        if (bnt_text_same(d->r->specials[i], text)) {
            *out = i;
            return BANTAM_OK;
        }
    }
    return bnt_fail(d->err, BANTAM_ERR_FORMAT, "%s: expected one of specials, found \"%.*s\"",
                    key, BNT_TEXT_ARG(text));
}

static bantam_status read_stops(const reader *d)
{
    const json_t *const stops = json_object_get(d->r->root, "stops");
    bantam_status status = BANTAM_OK;

    if (!stops) return BANTAM_OK;
    if (!json_is_array(stops) || json_array_size(stops) > BNT_MAX_SPECIALS) {
        return wrong(d, "stops", "an array of specials");
    }
    for (size_t i = 0; !status && i < json_array_size(stops); i++) {
        if (!json_is_string(json_array_get(stops, i))) {
            return wrong(d, "stops", "an array of specials");
        }
        status = special_of(d, "stops", json_array_get(stops, i), &d->r->stops[i]);
        d->r->n_stops = i + 1;
    }
    return status;
}

static bantam_status read_specials(const reader *d)
{
    static const bantam_text usual[] = {{"<s>", 3}, {"</s>", 4}};
    bnt_recipe *const r = d->r;
    const json_t *const list = json_object_get(r->root, "specials");
    const json_t *const bos = json_object_get(r->root, "bos");
    const json_t *const eos = json_object_get(r->root, "eos");
    bantam_status status = BANTAM_OK;

    if (!list) {
        memcpy(r->specials, usual, sizeof usual);
        r->n_specials = 2;
        r->bos = 0;
        r->eos = 1;
    } else if (!json_is_array(list) || json_array_size(list) > BNT_MAX_SPECIALS) {
        return wrong(d, "specials", "an array of at most 256 names");
    }
    for (size_t i = 0; list && i < json_array_size(list); i++) {
        r->specials[i] = bnt_json_text(json_array_get(list, i));
        if (!r->specials[i].size) return wrong(d, "specials", "an array of names");
        r->n_specials = i + 1;
    }
    if (bos) status = special_of(d, "bos", bos, &r->bos);
    if (!status && eos) status = special_of(d, "eos", eos, &r->eos);
    return status ? status : read_stops(d);
}

static bantam_status read_vocab(const reader *d)
{
    const json_t *const value = json_object_get(d->r->root, "vocab");
    const bool learned = !json_is_string(value);

    if (!learned) {
        static const char *const keys[] = {"specials", "bos", "eos", "stops"};
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
            if (!json_object_get(d->r->root, keys[i])) continue;
            return bnt_fail(d->err, BANTAM_ERR_FORMAT,
                            "%s: a vocabulary that is taken from a file has its own", keys[i]);
        }
        return take_path(d, "vocab", &d->r->vocab_path);
    }
    const bantam_status status =
        whole32(d, "vocab", false, 256, BNT_MAX_VOCAB, &d->r->vocab_tokens);
    return status ? status : read_specials(d);
}

/* ---- the model --------------------------------------------------------------------------- */

static bantam_status read_act(const reader *d)
{
    const json_t *const value = json_object_get(d->r->root, "act");
    const bantam_text text = bnt_json_text(value);

    d->r->config.act = BNT_ACT_SILU;
    if (!value || (text.size == 4 && !memcmp(text.data, "silu", 4))) return BANTAM_OK;
    d->r->config.act = BNT_ACT_RELU;
    if (text.size == 4 && !memcmp(text.data, "relu", 4)) return BANTAM_OK;
    return wrong(d, "act", "\"silu\" or \"relu\"");
}

static bantam_status read_heads(const reader *d)
{
    bnt_config *const c = &d->r->config;
    bantam_status status = whole32(d, "n_heads", true, 1, BNT_MAX_HEADS, &c->n_heads);

    if (status) return status;
    c->n_kv_heads = c->n_heads;
    c->head_dim = c->n_embd / c->n_heads;
    status = whole32(d, "n_kv_heads", false, 1, c->n_heads, &c->n_kv_heads);
    if (status) return status;
    if (c->n_heads % c->n_kv_heads) {
        return bnt_fail(d->err, BANTAM_ERR_FORMAT,
                        "n_kv_heads: expected a divisor of %" PRIu32 " heads, found %" PRIu32,
                        c->n_heads, c->n_kv_heads);
    }
    const bool stated = json_object_get(d->r->root, "head_dim");
    if (!stated && c->n_embd % c->n_heads) {
        return bnt_fail(d->err, BANTAM_ERR_FORMAT,
                        "n_heads: expected a divisor of n_embd %" PRIu32 ", or head_dim, found "
                        "%" PRIu32,
                        c->n_embd, c->n_heads);
    }
    status = whole32(d, "head_dim", false, 2, BNT_MAX_HEAD_DIM, &c->head_dim);
    if (status || (c->head_dim % 2 == 0 && c->head_dim)) return status;
    return bnt_fail(d->err, BANTAM_ERR_FORMAT, "%s: expected an even number, found %" PRIu32,
                    stated ? "head_dim" : "head_dim (n_embd / n_heads)", c->head_dim);
}

static bantam_status read_model(const reader *d)
{
    bnt_config *const c = &d->r->config;
    const json_t *const tied = json_object_get(d->r->root, "tied");
    double norm_eps = 1e-5;

    c->arch = bnt_arch_of_gguf((bantam_text){"llama", 5});
    c->architecture = (bantam_text){"llama", 5};
    c->pairing = BNT_PAIR_ADJACENT;
    c->scaling = BNT_ROPE_PLAIN;
    c->scale_factor = c->attention_factor = 1.0;
    c->int8_rope = BANTAM_ROPE_FLOAT;
    c->rope_base = 10000.0;
    c->tied = true;
    bantam_status status = whole32(d, "n_layers", true, 1, BNT_MAX_LAYERS, &c->n_layers);
    if (!status) status = whole32(d, "n_embd", true, 1, BNT_MAX_EMBD, &c->n_embd);
    if (!status) status = read_heads(d);
    if (!status) status = whole32(d, "n_ffn", true, 1, MAX_FFN, &c->n_ffn);
    if (!status) status = whole32(d, "context", true, 2, MAX_ROWS, &c->context_tokens);
    if (!status) status = read_act(d);
    if (!status) status = real(d, "rope_base", 2.0, 1e12, &c->rope_base);
    if (!status) status = real(d, "norm_eps", 1e-12, 0.1, &norm_eps);
    if (!status && tied && !json_is_boolean(tied)) status = wrong(d, "tied", "true or false");
    if (status) return status;
    if (tied) c->tied = json_is_true(tied);
    c->norm_eps = (float)norm_eps;
    c->rope_dims = c->head_dim;
    return read_vocab(d);
}

/* ---- training ---------------------------------------------------------------------------- */

static bantam_status read_length(const reader *d)
{
    bnt_recipe *const r = d->r;
    int n_said = 0;
    bantam_status status = whole(d, "steps", false, 1, UINT32_MAX, &r->steps);

    if (!status) status = real(d, "epochs", 1e-6, 1e6, &r->epochs);
    if (!status) status = real(d, "minutes", 1e-3, 1e6, &r->minutes);
    n_said = (r->steps > 0) + (r->epochs > 0.0) + (r->minutes > 0.0);
    if (status || n_said <= 1) return status;
    return bnt_fail(d->err, BANTAM_ERR_FORMAT,
                    "steps, epochs, minutes: expected one of them, found %d", n_said);
}

static bantam_status read_held_out(const reader *d)
{
    bnt_recipe *const r = d->r;

    r->held_out = 0.01;
    if (json_is_string(json_object_get(r->root, "held_out"))) {
        return take_path(d, "held_out", &r->held_out_path);
    }
    return real(d, "held_out", 0.0, 0.5, &r->held_out);
}

static bantam_status read_training(const reader *d)
{
    bnt_recipe *const r = d->r;

    r->rate = 1e-3;
    r->final_rate = -1.0;
    r->decay = 0.1;
    r->clip = 1.0;
    r->beta1 = 0.9;
    r->beta2 = 0.95;
    r->warmup = UINT64_MAX;
    r->seed = 1;
    bantam_status status = read_length(d);
    if (!status) status = whole32(d, "batch_tokens", false, 1, MAX_ROWS, &r->batch_tokens);
    if (!status) status = whole32(d, "seq", false, 1, MAX_ROWS, &r->sequence_tokens);
    if (!status) status = whole32(d, "part_tokens", false, 0, MAX_ROWS, &r->part_tokens);
    if (!status) status = real(d, "rate", 0.0, 100.0, &r->rate);
    if (!status) status = real(d, "final_rate", 0.0, 100.0, &r->final_rate);
    if (!status) status = real(d, "decay", 0.0, 100.0, &r->decay);
    if (!status) status = real(d, "clip", 0.0, 1e9, &r->clip);
    if (!status) status = real(d, "beta1", 0.0, 0.9999999, &r->beta1);
    if (!status) status = real(d, "beta2", 0.0, 0.9999999, &r->beta2);
    if (!status) status = whole(d, "warmup", false, 0, UINT32_MAX, &r->warmup);
    if (!status) status = whole(d, "seed", false, 0, INT64_MAX, &r->seed);
    if (!status) status = read_held_out(d);
    if (status) return status;
    return whole(d, "held_out_steps", false, 1, UINT32_MAX, &r->held_out_steps);
}

/* ---- the file ---------------------------------------------------------------------------- */

static bantam_status check_keys(const reader *d)
{
    enum { N_MODEL = sizeof model_keys / sizeof model_keys[0] };
    enum { N_OTHER = sizeof other_keys / sizeof other_keys[0] };
    const char *key;
    json_t *value;

    json_object_foreach(d->r->root, key, value)
    {
        const bool of_model = is_one_of(key, model_keys, N_MODEL);
        d->r->has_model = d->r->has_model || of_model;
        if (of_model || is_one_of(key, other_keys, N_OTHER)) continue;
        return bnt_fail(d->err, BANTAM_ERR_FORMAT, "%s: there is no such member", key);
    }
    return BANTAM_OK;
}

static bantam_status read_all(const reader *d)
{
    bnt_recipe *const r = d->r;
    const json_t *name;

    if (!json_is_object(r->root)) {
        return bnt_fail(d->err, BANTAM_ERR_FORMAT, "expected a JSON object, found %s",
                        kind_of(r->root));
    }
    name = json_object_get(r->root, "name");
    if (name && !json_is_string(name)) return wrong(d, "name", "a string");
    r->config.name = bnt_json_text(name);
    bantam_status status = check_keys(d);
    if (!status && r->has_model) status = read_model(d);
    if (!status) status = read_template(d);
    return status ? status : read_training(d);
}

bantam_status bnt_recipe_read(bnt_recipe *r, const char *path, bantam_error *err)
{
    const reader d = {r, path, err};
    bnt_buf text;

    *r = (bnt_recipe){.bos = BANTAM_NO_TOKEN, .eos = BANTAM_NO_TOKEN};
    bnt_buf_init(&r->chat_template, BNT_MAX_TEMPLATE_BYTES);
    bnt_buf_init(&text, MAX_BYTES);
    bantam_status status = bnt_file_read(path, &text, err);
    if (!status) {
        status = bnt_json_parse(&r->root, text.data, text.size, err);
        if (!status) status = read_all(&d);
        if (status) status = bnt_fail_within(err, status, "%s: ", path);
    }
    bnt_buf_deinit(&text);
    if (status) bnt_recipe_deinit(r);
    return status;
}

void bnt_recipe_deinit(bnt_recipe *r)
{
    json_decref(r->root);
    bnt_free(r->vocab_path);
    bnt_free(r->held_out_path);
    bnt_buf_deinit(&r->chat_template);
    *r = (bnt_recipe){0};
}
