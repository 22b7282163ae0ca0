/* cli_tools.c - tools that a model may call: the file that names them, the calls it answers
 * with.
 */
#include "cli_answer.h"

#include <string.h>

int cli_tools_read(const char *path, json_t **out)
{
    cli_buf text;
    bantam_error err = {0};
    json_error_t where;

    *out = NULL;
    if (cli_read_file(path, &text, &err)) return cli_fail(&err);
    json_t *root = json_loadb(text.data, text.size, JSON_ALLOW_NUL, &where);
    cli_buf_free(&text);
    if (!root) {
        return cli_fail_with(BANTAM_ERR_FORMAT, "%s: line %d: %s", path, where.line,
                             where.text);
    }
    json_t *tools = json_is_object(root) ? json_object_get(root, "tools") : root;
    if (!json_is_array(tools)) {
        json_decref(root);
        return cli_fail_with(BANTAM_ERR_FORMAT,
                             "%s: expected an array of tools, or an object with \"tools\"",
                             path);
    }
    *out = json_incref(tools);
    json_decref(root);
    return CLI_OK;
}

/* One call, whatever the model calls its arguments. */
static void add_call(json_t *calls, const json_t *call)
{
    json_t *name = json_object_get(call, "name");
    json_t *arguments = json_object_get(call, "arguments");

    if (!arguments) arguments = json_object_get(call, "parameters");
    if (!json_is_string(name) || !arguments) return;
    json_array_append_new(calls, json_pack("{s:O,s:O}", "name", name, "arguments", arguments));
}

static void add_calls(json_t *calls, const char *data, size_t size)
{
    json_t *value = json_loadb(data, size, JSON_DISABLE_EOF_CHECK, NULL);
    json_t *call;
    size_t i;

    if (json_is_object(value)) add_call(calls, value);
    if (json_is_array(value)) {
        json_array_foreach(value, i, call) add_call(calls, call);
    }
    json_decref(value);
}

static size_t find(const char *data, size_t size, const char *what)
{
    const size_t n = strlen(what);

    for (size_t at = 0; at + n <= size; at++) {
        if (memcmp(data + at, what, n) == 0) return at;
    }
    return size;
}

json_t *cli_tool_calls(bantam_text answer)
{
    static const char *const marks[] = {"<tool_call>", "[TOOL_CALLS]", "<|python_tag|>"};
    json_t *calls = json_array();
    const char *data = answer.data;
    size_t size = answer.size;

    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        const size_t at = find(data, size, marks[i]);
        if (at == size) continue;
        data += at + strlen(marks[i]);
        size -= at + strlen(marks[i]);
        break;
    }
    if (size > 0) add_calls(calls, data, size);
    return calls;
}
