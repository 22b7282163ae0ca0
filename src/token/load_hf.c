/* load_hf.c - Hugging Face's tokenizer.json as a whole, and what the files beside a tokenizer
 * say about it. The parts of the file are read by load_hf_model.c and load_hf_steps.c.
 *
 * Who wins: a template in tokenizer.json says what an encoder adds; else add_bos_token of
 * tokenizer_config.json does; else the class of the tokenizer. Ids are taken by name from
 * tokenizer_config.json, then from generation_config.json, then from config.json.
 */
#include "base/limits.h"
#include "token/load_parts.h"
#include <string.h>

/* ---- special tokens ---------------------------------------------------------------------- */

/* "name" or {"content": "name"}; *id stays where config has no such token. */
static void name_id(const bnt_spec *spec, const json_t *config, const char *key, uint32_t *id)
{
    const json_t *value = json_object_get(config, key);

    if (json_is_object(value)) value = json_object_get(value, "content");
    const uint32_t found = bnt_load_find(spec, bnt_json_text(value));
    if (found != BANTAM_NO_TOKEN) *id = found;
}

/* An id as files give it; anything but a number of the vocabulary counts as absent. */
static uint32_t json_id(const bnt_spec *spec, const json_t *value)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0) return BANTAM_NO_TOKEN;
    return bnt_load_id(spec, (uint64_t)json_integer_value(value));
}

/* The member of config, or of its text_config where a model of several parts keeps it there. */
static const json_t *config_member(const json_t *config, const char *key)
{
    const json_t *const value = json_object_get(config, key);

    return value ? value : json_object_get(json_object_get(config, "text_config"), key);
}

/* Adds the ids of eos_token_id, a number or a list, to the stops; returns the first. */
static uint32_t add_ends(bnt_spec *spec, const json_t *value)
{
    uint32_t first = json_id(spec, value);

    bnt_spec_add_stop(spec, first);
    for (size_t i = 0; i < json_array_size(value); i++) {
        const uint32_t id = json_id(spec, json_array_get(value, i));
        if (first == BANTAM_NO_TOKEN) first = id;
        bnt_spec_add_stop(spec, id);
    }
    return first;
}

/* decided: bos and eos that the encoder adds were found in tokenizer.json and stay. */
static void read_ids(bnt_spec *spec, const json_t *config, const json_t *generation,
                     const json_t *model_config, bool decided)
{
    const json_t *ends = json_object_get(generation, "eos_token_id");
    const json_t *begin = json_object_get(generation, "bos_token_id");

    if (!ends || json_is_null(ends)) ends = config_member(model_config, "eos_token_id");
    if (!begin || json_is_null(begin)) begin = config_member(model_config, "bos_token_id");

    if (!decided || !spec->adds_bos) name_id(spec, config, "bos_token", &spec->bos);
    if (!decided || !spec->adds_eos) name_id(spec, config, "eos_token", &spec->eos);
    name_id(spec, config, "pad_token", &spec->pad);
    if (spec->unk == BANTAM_NO_TOKEN && !spec->byte_level) {
        name_id(spec, config, "unk_token", &spec->unk);
    }
    if (spec->bos == BANTAM_NO_TOKEN) spec->bos = json_id(spec, begin);
    const uint32_t first = add_ends(spec, ends);
    if (spec->eos == BANTAM_NO_TOKEN) spec->eos = first;
}

/* ---- tokenizer_config.json --------------------------------------------------------------- */

/* A template is a string, or one of several with names. */
static const json_t *find_template(const json_t *config)
{
    const json_t *const value = json_object_get(config, "chat_template");

    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *const item = json_array_get(value, i);
        if (bnt_text_is(bnt_json_text(json_object_get(item, "name")), "default")) {
            return json_object_get(item, "template");
        }
    }
    return value;
}

bantam_status bnt_hf_config(bnt_spec *spec, const json_t *config, const json_t *generation,
                            const json_t *model_config, bool decided, bantam_error *err)
{
    const bantam_text class = bnt_json_text(json_object_get(config, "tokenizer_class"));
    const bantam_text text = bnt_json_text(find_template(config));

    if (!decided) {
        if (class.size >= 14 && !memcmp(class.data, "LlamaTokenizer", 14)) {
            spec->adds_bos = true;
        }
        bantam_status status = bnt_json_bool(config, "add_bos_token", &spec->adds_bos, err);
        if (!status) status = bnt_json_bool(config, "add_eos_token", &spec->adds_eos, err);
        if (status) return bnt_fail_within(err, status, "tokenizer_config.json beside it: ");
    }
    read_ids(spec, config, generation, model_config, decided);
    if (text.size > BNT_MAX_TEMPLATE_BYTES) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "tokenizer_config.json beside it: chat_template: %zu bytes, at most %d",
                        text.size, BNT_MAX_TEMPLATE_BYTES);
    }
    if (text.size) {
        spec->chat_template = bnt_spec_copy(spec, text.data, text.size);
        if (!spec->chat_template.data) return bnt_load_nomem(err);
    }
    return BANTAM_OK;
}

/* ---- the whole --------------------------------------------------------------------------- */

static const char *name_of_kind(const bnt_spec *spec)
{
    if (spec->byte_level) return "byte-level bpe";
    return spec->byte_fallback ? "sentencepiece bpe" : "bpe";
}

bantam_status bnt_hf_parse(json_t **root, bnt_json_list *merges, const char *json, size_t size,
                           bantam_error *err)
{
    return bnt_json_parse_but(root, json, size, "model", "merges", merges, err);
}

bantam_status bnt_hf_root(bnt_spec *spec, const json_t *root, bnt_json_list *merges,
                          const json_t *config, const json_t *generation,
                          const json_t *model_config, bantam_error *err)
{
    bool decided;
    bantam_status status = json_is_object(root)
                               ? BANTAM_OK
                               : bnt_fail(err, BANTAM_ERR_FORMAT, "expected an object");

    /* Steps come before the vocabulary: they say whether it is in the byte alphabet. */
    if (!status) status = bnt_hf_normalizer(spec, json_object_get(root, "normalizer"), err);
    if (!status) {
        status = bnt_hf_pre_tokenizer(spec, json_object_get(root, "pre_tokenizer"), err);
    }
    if (!status) status = bnt_hf_decoder(spec, json_object_get(root, "decoder"), err);
    if (!status) status = bnt_hf_model(spec, root, merges, err);
    if (!status) {
        status =
            bnt_hf_post_processor(spec, json_object_get(root, "post_processor"), &decided, err);
    }
    if (!status) status = bnt_hf_config(spec, config, generation, model_config, decided, err);
    if (status) return bnt_load_end(spec, status);
    spec->kind_name = name_of_kind(spec);
    spec->pre_name = spec->byte_level ? bnt_pre_recognize(spec) : "default";
    bnt_load_finish(spec);
    return BANTAM_OK;
}

bantam_status bnt_load_hf(bnt_spec *spec, const char *json, size_t size, const json_t *config,
                          const json_t *generation, const json_t *model_config,
                          bantam_error *err)
{
    json_t *root = NULL;
    bnt_json_list merges;
    bantam_status status = bnt_hf_parse(&root, &merges, json, size, err);

    if (!status) {
        status = bnt_hf_root(spec, root, &merges, config, generation, model_config, err);
    }
    bnt_json_list_end(&merges);
    json_decref(root);
    return bnt_load_end(spec, status);
}
