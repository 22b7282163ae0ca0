/* calls_json.c - calls and definitions as JSON, whatever their author calls the members. */
#include "task/calls.h"

#include <string.h>

static bantam_status no_memory(bantam_error *err)
{
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for calls");
}

const json_t *bnt_tools_function(const json_t *definition)
{
    const json_t *const inner = json_object_get(definition, "function");
    return json_is_object(inner) ? inner : definition;
}

/* Arguments as an object of their own: given as one, or as its text, or not at all. */
static bantam_status arguments_of(const json_t *call, json_t **out, bantam_error *err)
{
    json_t *given = json_object_get(call, "arguments");

    if (!given) given = json_object_get(call, "parameters");
    if (json_is_string(given)) {
        const bantam_text text = bnt_json_text(given);
        const bantam_status status = bnt_json_parse(out, text.data, text.size, err);
        if (status) return bnt_fail_within(err, status, "arguments: ");
    } else {
        *out = given && !json_is_null(given) ? json_incref(given) : json_object();
    }
    if (!*out) return no_memory(err);
    if (json_is_object(*out)) return BANTAM_OK;
    json_decref(*out);
    *out = NULL;
    return bnt_fail(err, BANTAM_ERR_FORMAT, "arguments: expected an object");
}

static bantam_status add_call(json_t *calls, const json_t *value, bantam_error *err)
{
    const json_t *const call = bnt_tools_function(value);
    json_t *const name = json_object_get(call, "name");
    json_t *id = json_object_get(value, "id");
    json_t *arguments = NULL;

    if (!json_is_object(call)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "expected a call, an object");
    }
    if (!json_is_string(name) || json_string_length(name) == 0) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "name: expected that of a function");
    }
    const bantam_status status = arguments_of(call, &arguments, err);
    if (status) return status;
    if (!json_is_string(id)) id = NULL;
    json_t *const one =
        json_pack("{s:O, s:o, s:O*}", "name", name, "arguments", arguments, "id", id);
    return one && json_array_append_new(calls, one) == 0 ? BANTAM_OK : no_memory(err);
}

bantam_status bnt_calls_of_json(const json_t *value, json_t **out, bantam_error *err)
{
    const size_t n = json_is_array(value) ? json_array_size(value) : 1;
    json_t *const calls = json_array();
    bantam_status status = calls ? BANTAM_OK : no_memory(err);

    for (size_t i = 0; i < n && !status; i++) {
        status = add_call(calls, json_is_array(value) ? json_array_get(value, i) : value, err);
    }
    *out = status ? NULL : calls;
    if (status) json_decref(calls);
    return status;
}

bantam_status bnt_tools_read(bantam_text tools, json_t **out, bantam_error *err)
{
    bantam_status status = bnt_json_parse(out, tools.data, tools.size, err);

    if (status) return bnt_fail_within(err, status, "tools: ");
    if (!json_is_array(*out)) {
        status = bnt_fail(err, BANTAM_ERR_INVALID, "tools: expected an array of functions");
    }
    for (size_t i = 0; i < json_array_size(*out) && !status; i++) {
        const json_t *const f = bnt_tools_function(json_array_get(*out, i));
        if (bnt_json_text(json_object_get(f, "name")).size) continue;
        status = bnt_fail(err, BANTAM_ERR_INVALID, "tools: function %zu has no name", i);
    }
    if (!status) return BANTAM_OK;
    json_decref(*out);
    *out = NULL;
    return status;
}

bantam_status bnt_calls_give(const bnt_buf *out, char *text, size_t capacity, size_t *size,
                             bantam_error *err)
{
    *size = out->size;
    if (out->size > capacity) {
        return bnt_fail(err, BANTAM_ERR_FULL, "%zu bytes, room for %zu", out->size, capacity);
    }
    if (out->size) memcpy(text, out->data, out->size);
    return BANTAM_OK;
}
