/* api_text.c - tokenizers and chat templates. */
#include <string.h>

#include "api/api.h"
#include "base/limits.h"
#include "base/mem.h"

bantam_status bnt_api_tokenizer_init(bantam_tokenizer *out, const bnt_spec *spec,
                                     bantam_error *err)
{
    bantam_status status = bnt_tokenizer_open(&out->tokens, spec, err);
    if (status) return status;

    const bantam_text source = spec->chat_template;
    if (source.size) {
        status = bnt_template_parse(&out->chat, source.data, source.size, &out->chat_error);
        if (status == BANTAM_ERR_NOMEM) {
            bnt_api_tokenizer_deinit(out);
            return bnt_fail(err, status, "out of memory for the chat template");
        }
    }
    return BANTAM_OK;
}

void bnt_api_tokenizer_deinit(bantam_tokenizer *t)
{
    bnt_template_close(t->chat);
    bnt_tokenizer_close(t->tokens);
    *t = (bantam_tokenizer){0};
}

bantam_status bantam_tokenizer_open(bantam_tokenizer **out, const char *path, bantam_error *err)
{
    *out = NULL;
    if (!path) return bnt_fail(err, BANTAM_ERR_INVALID, "tokenizer: no path given");

    bnt_spec spec;
    bnt_spec_init(&spec);
    bantam_tokenizer *t = NULL;
    bantam_status status = bnt_spec_load(&spec, path, err);
    if (status) goto done;

    t = bnt_calloc(1, sizeof *t);
    if (!t) {
        status = bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for the tokenizer");
        goto done;
    }
    status = bnt_api_tokenizer_init(t, &spec, err);
    if (status) {
        status = bnt_fail_within(err, status, "%s: ", path);
        goto done;
    }
    *out = t;
    t = NULL;

done:
    bantam_tokenizer_close(t);
    bnt_spec_deinit(&spec);
    return status;
}

void bantam_tokenizer_close(bantam_tokenizer *tokenizer)
{
    if (!tokenizer) return;
    bnt_api_tokenizer_deinit(tokenizer);
    bnt_free(tokenizer);
}

void bantam_tokenizer_describe(const bantam_tokenizer *tokenizer, bantam_tokenizer_info *out)
{
    bnt_tokenizer_describe(tokenizer->tokens, out);
}

/* BANTAM_ERR_INVALID for a count without what it counts. */
static bantam_status check_given(const void *data, size_t size, const char *what,
                                 bantam_error *err)
{
    if (data || size == 0) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_INVALID, "%s: %zu are announced, none is given", what,
                    size);
}

bantam_status bantam_tokenize(const bantam_tokenizer *tokenizer, bantam_text text,
                              unsigned flags, uint32_t *tokens, size_t capacity,
                              size_t *n_tokens, bantam_error *err)
{
    *n_tokens = 0;
    if (text.size > BNT_MAX_PROMPT_BYTES) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "text of %zu bytes, at most %d", text.size,
                        BNT_MAX_PROMPT_BYTES);
    }
    bantam_status status = check_given(text.data, text.size, "bytes of text", err);
    if (!status) status = check_given(tokens, capacity, "places for tokens", err);
    if (status) return status;
    return bnt_tokenizer_encode(tokenizer->tokens, text, flags, tokens, capacity, n_tokens,
                                err);
}

bantam_status bantam_detokenize(const bantam_tokenizer *tokenizer, const uint32_t *tokens,
                                size_t n_tokens, unsigned flags, char *text, size_t capacity,
                                size_t *size, bantam_error *err)
{
    *size = 0;
    bantam_status status = check_given(tokens, n_tokens, "tokens", err);
    if (!status) status = check_given(text, capacity, "places for text", err);
    if (status) return status;
    return bnt_tokenizer_decode(tokenizer->tokens, tokens, n_tokens, flags, text, capacity,
                                size, err);
}

bantam_text bantam_token_text(const bantam_tokenizer *tokenizer, uint32_t token)
{
    return bnt_tokenizer_text(tokenizer->tokens, token);
}

bool bantam_token_is_stop(const bantam_tokenizer *tokenizer, uint32_t token)
{
    return bnt_tokenizer_is_stop(tokenizer->tokens, token);
}

/* Adds name to the template's variables unless the caller gave it. Takes value. False when out
 * of memory. */
static bool add_default(json_t *variables, const char *name, json_t *value)
{
    if (value && json_object_get(variables, name)) {
        json_decref(value);
        return true;
    }
    return json_object_set_new(variables, name, value) == 0;
}

static json_t *token_name(const bantam_tokenizer *t, uint32_t token)
{
    const bantam_text text = bnt_tokenizer_text(t->tokens, token);
    return text.data ? json_stringn(text.data, text.size) : json_string("");
}

/* What Hugging Face's apply_chat_template() passes besides the messages. */
static bool add_defaults(const bantam_tokenizer *t, json_t *variables)
{
    bantam_tokenizer_info info;
    bnt_tokenizer_describe(t->tokens, &info);
    return add_default(variables, "bos_token", token_name(t, info.bos)) &&
           add_default(variables, "eos_token", token_name(t, info.eos)) &&
           add_default(variables, "unk_token", token_name(t, info.unk)) &&
           add_default(variables, "pad_token", token_name(t, info.pad)) &&
           add_default(variables, "tools", json_null()) &&
           add_default(variables, "documents", json_null()) &&
           add_default(variables, "add_generation_prompt", json_false());
}

bantam_status bantam_render_chat(const bantam_tokenizer *tokenizer, bantam_text json,
                                 char *text, size_t capacity, size_t *size, bantam_error *err)
{
    json_t *variables = NULL;
    bantam_error why;
    bnt_buf out;

    *size = 0;
    if (!tokenizer->chat) {
        return tokenizer->chat_error.status
                   ? bnt_fail(err, tokenizer->chat_error.status, "chat template: %s",
                              tokenizer->chat_error.message)
                   : bnt_fail(err, BANTAM_ERR_UNSUPPORTED, "the model has no chat template");
    }
    bantam_status status = check_given(json.data, json.size, "bytes of chat", err);
    if (!status) status = check_given(text, capacity, "places for text", err);
    if (status) return status;
    bnt_buf_init(&out, BNT_MAX_STRING);
    status = bnt_json_parse(&variables, json.data, json.size, &why);
    if (status) {
        /* To a file this would be a fault of format, to this call it is one of its arguments.
         */
        if (status == BANTAM_ERR_FORMAT) status = BANTAM_ERR_INVALID;
        status = bnt_fail(err, status, "chat: %s", why.message);
        goto done;
    }
    if (!json_is_object(variables) || !json_is_array(json_object_get(variables, "messages"))) {
        status = bnt_fail(err, BANTAM_ERR_INVALID,
                          "chat: expected an object with an array \"messages\"");
        goto done;
    }
    if (!add_defaults(tokenizer, variables)) {
        status = bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for the chat");
        goto done;
    }
    status = bnt_template_render(tokenizer->chat, variables, NULL, &out, err);
    if (status) {
        status = bnt_fail_within(err, status, "chat template: ");
        goto done;
    }
    *size = out.size;
    if (out.size > capacity) {
        status =
            bnt_fail(err, BANTAM_ERR_FULL, "chat: %zu bytes, room for %zu", out.size, capacity);
    }
    if (capacity && out.size) memcpy(text, out.data, out.size < capacity ? out.size : capacity);

done:
    bnt_buf_deinit(&out);
    json_decref(variables);
    return status;
}
