/* load_tekken.c - Mistral's tekken.json: ranks in base64, a pattern, control tokens in front.
 *
 * Ids are ranks moved up by the number of control tokens. The file may list more ranks than the
 * model has; the ones past its size do not exist, also as steps of a merge.
 */
#include "base/limits.h"
#include "base/text.h"
#include "token/load_parts.h"
#include <inttypes.h>
#include <stdio.h>

/* Control tokens of files that do not list them, version 3 of the format and before. */
static const char *const v3_names[] = {"<unk>",
                                       "<s>",
                                       "</s>",
                                       "[INST]",
                                       "[/INST]",
                                       "[AVAILABLE_TOOLS]",
                                       "[/AVAILABLE_TOOLS]",
                                       "[TOOL_RESULTS]",
                                       "[/TOOL_RESULTS]",
                                       "[TOOL_CALLS]",
                                       "[IMG]",
                                       "<pad>",
                                       "[IMG_BREAK]",
                                       "[IMG_END]",
                                       "[PREFIX]",
                                       "[MIDDLE]",
                                       "[SUFFIX]",
                                       "[SYSTEM_PROMPT]",
                                       "[/SYSTEM_PROMPT]",
                                       "[TOOL_CONTENT]"};

static bantam_status put_name(bnt_spec *spec, uint32_t id, bantam_text name, bantam_error *err)
{
    if (spec->tokens[id].text.size) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "special token %" PRIu32 " is listed twice",
                        id);
    }
    spec->tokens[id].kind = BNT_TOKEN_CONTROL;
    return bnt_load_text(spec, id, name, err);
}

static bantam_status put_listed(bnt_spec *spec, const json_t *list, uint32_t n_special,
                                bantam_error *err)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *const item = json_array_get(list, i);
        const bantam_text name = bnt_json_text(json_object_get(item, "token_str"));
        uint32_t rank = BANTAM_NO_TOKEN;
        bantam_status status = bnt_json_u32(item, "rank", &rank, err);

        if (status) return status;
        if (rank >= n_special || !name.size) {
            return bnt_fail(err, BANTAM_ERR_FORMAT,
                            "special token %zu: expected a name and a rank below %" PRIu32, i,
                            n_special);
        }
        status = put_name(spec, rank, name, err);
        if (status) return status;
    }
    return BANTAM_OK;
}

/* Ids below n_special: those listed, or version 3's; `<SPECIAL_n>` for the rest. */
static bantam_status put_special(bnt_spec *spec, const json_t *list, uint32_t n_special,
                                 bantam_error *err)
{
    bantam_status status = BANTAM_OK;

    if (json_is_array(list)) {
        status = put_listed(spec, list, n_special, err);
    } else if (list && !json_is_null(list)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "special_tokens: expected an array");
    } else {
        for (uint32_t i = 0; !status && i < sizeof v3_names / sizeof v3_names[0]; i++) {
            if (i >= n_special) break;
            status = put_name(spec, i, bnt_text_of(v3_names[i]), err);
        }
    }
    for (uint32_t i = 0; !status && i < n_special; i++) {
        char name[32];
        if (spec->tokens[i].text.size) continue;
        snprintf(name, sizeof name, "<SPECIAL_%" PRIu32 ">", i);
        status = put_name(spec, i, bnt_text_of(name), err);
    }
    return status;
}

static bantam_status put_ranks(bnt_spec *spec, const json_t *vocab, uint32_t n_special,
                               bantam_error *err)
{
    const uint32_t n_ranks = spec->n_tokens - n_special;

    for (uint32_t i = 0; i < n_ranks; i++) {
        const json_t *const item = json_array_get(vocab, i);
        bantam_text code = bnt_json_text(json_object_get(item, "token_bytes"));
        uint32_t rank = BANTAM_NO_TOKEN;
        size_t n = 0;
        const bantam_status status = bnt_json_u32(item, "rank", &rank, err);

        if (status) return status;
        if (rank != i) {
            return bnt_fail(err, BANTAM_ERR_FORMAT, "vocab: entry %" PRIu32 " has another rank",
                            i);
        }
        if (code.size > 2 * (size_t)BNT_MAX_TOKEN_BYTES) code.size = 0;
        uint8_t *const out = bnt_spec_alloc(spec, code.size, 1);
        if (!out) return bnt_load_nomem(err);
        if (!bnt_load_base64(code.data, code.size, out, &n) || !n) {
            return bnt_fail(err, BANTAM_ERR_FORMAT,
                            "vocab: token_bytes of rank %" PRIu32 " are not base64 of a token",
                            i);
        }
        spec->tokens[n_special + i].text = (bantam_text){(const char *)out, n};
    }
    return BANTAM_OK;
}

static bantam_status read_sizes(const json_t *root, uint32_t *n_tokens, uint32_t *n_special,
                                bantam_error *err)
{
    const json_t *const config = json_object_get(root, "config");
    const size_t n_listed = json_array_size(json_object_get(root, "vocab"));

    *n_tokens = 0;
    *n_special = 0;
    bantam_status status = bnt_json_u32(config, "default_vocab_size", n_tokens, err);
    if (!status) {
        status = bnt_json_u32(config, "default_num_special_tokens", n_special, err);
    }
    if (status) return status;
    /* Real files have 1000; the names of the ids are made up, so their number is bounded. */
    if (*n_special > BNT_MAX_TOKEN_BYTES || *n_tokens <= *n_special) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "config: default_vocab_size %" PRIu32 " with %" PRIu32
                        " special tokens",
                        *n_tokens, *n_special);
    }
    if (*n_tokens - *n_special > n_listed) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "vocab: expected at least %" PRIu32 " entries, found %zu",
                        *n_tokens - *n_special, n_listed);
    }
    return BANTAM_OK;
}

static bantam_status load(bnt_spec *spec, const json_t *root, bantam_error *err)
{
    const bantam_text pattern =
        bnt_json_text(json_object_get(json_object_get(root, "config"), "pattern"));
    const bnt_split_step step = {
        .op = BNT_SPLIT_PATTERN, .pattern = pattern, .behavior = BNT_SPLIT_ISOLATED};
    uint32_t n_tokens, n_special;

    bantam_status status = read_sizes(root, &n_tokens, &n_special, err);
    if (status) return status;
    if (!pattern.size) return bnt_fail(err, BANTAM_ERR_FORMAT, "config: no pattern");
    status = bnt_load_tokens(spec, n_tokens, err);
    if (!status) {
        status = put_special(spec, json_object_get(root, "special_tokens"), n_special, err);
    }
    if (!status) status = put_ranks(spec, json_object_get(root, "vocab"), n_special, err);
    if (!status) status = bnt_load_split(spec, &step, err);
    return status;
}

bantam_status bnt_tekken_root(bnt_spec *spec, const json_t *root, bantam_error *err)
{
    spec->kind = BNT_VOCAB_BPE_RANKS;
    spec->kind_name = "tiktoken";
    spec->byte_level = true;
    spec->ignore_merges = true; /* a piece that is a token is that token, as in tiktoken */

    const bantam_status status = load(spec, root, err);
    if (status) return bnt_load_end(spec, status);
    spec->pre_name = bnt_pre_recognize(spec);
    spec->bos = bnt_load_find(spec, BNT_TEXT("<s>"));
    spec->eos = bnt_load_find(spec, BNT_TEXT("</s>"));
    spec->unk = bnt_load_find(spec, BNT_TEXT("<unk>"));
    spec->pad = bnt_load_find(spec, BNT_TEXT("<pad>"));
    spec->adds_bos = true;
    bnt_load_finish(spec);
    return BANTAM_OK;
}

bantam_status bnt_load_tekken(bnt_spec *spec, const char *json, size_t size, bantam_error *err)
{
    json_t *root = NULL;
    bantam_status status = bnt_json_parse(&root, json, size, err);

    if (!status) status = bnt_tekken_root(spec, root, err);
    json_decref(root);
    return bnt_load_end(spec, status);
}
