/* calls_prompt.c - which syntax a model has, and messages for templates that know no tools.
 *
 * What is said to SmolLM2 is its authors' text for calling functions; what is said to PhoneLM
 * is the prompt of DroidCall's training in its short form, `code_short` (arXiv 2412.00402).
 */
#include "task/calls.h"

#include "base/limits.h"

#include <string.h>

/* ---- syntaxes ---------------------------------------------------------------------------- */

/* Whether a text is one token, as marks are. */
static bool has_token(const bantam_tokenizer *tokenizer, const char *text)
{
    const bantam_text mark = {text, strlen(text)};
    uint32_t token;
    size_t n = 0;
    return bantam_tokenize(tokenizer, mark, BANTAM_TOKENIZE_SPECIAL, &token, 1, &n, NULL) ==
               BANTAM_OK &&
           n == 1;
}

bantam_call_syntax bantam_calls_syntax(const bantam_model *model)
{
    const bantam_tokenizer *const tokenizer = bantam_model_tokenizer(model);
    bantam_model_info info;

    bantam_model_describe(model, &info);
    if (info.family.size == 7 && memcmp(info.family.data, "phonelm", 7) == 0) {
        return BANTAM_CALLS_DROIDCALL;
    }
    if (!tokenizer) return BANTAM_CALLS_ANY;
    if (has_token(tokenizer, "[ARGS]")) return BANTAM_CALLS_MISTRAL_V13;
    if (has_token(tokenizer, "[TOOL_CALLS]")) return BANTAM_CALLS_MISTRAL_V3;
    if (has_token(tokenizer, "<|python_tag|>")) return BANTAM_CALLS_LLAMA3;
    if (has_token(tokenizer, "<|im_start|>")) return BANTAM_CALLS_SMOLLM2;
    return BANTAM_CALLS_ANY;
}

/* ---- messages ---------------------------------------------------------------------------- */

static bool is_role(const json_t *message, const char *role)
{
    const bantam_text text = bnt_json_text(json_object_get(message, "role"));
    return text.size == strlen(role) && memcmp(text.data, role, text.size) == 0;
}

/* Adds a message, whose content is taken out of the buffer. */
static bool add_message(json_t *messages, const char *role, bnt_buf *content)
{
    json_t *const one = content->failed
                            ? NULL
                            : json_pack("{s:s, s:s%}", "role", role, "content",
                                        content->size ? content->data : "", content->size);
    bnt_buf_clear(content);
    return one && json_array_append_new(messages, one) == 0;
}

static void put_text(bnt_buf *out, bantam_text text)
{
    bnt_buf_put(out, text.data, text.size);
}

/* ---- SmolLM2 ----------------------------------------------------------------------------- */

static const char *const smollm2_rules[] = {
    "You are an expert in composing functions. You are given a question and a set of possible "
    "functions. \nBased on the question, you will need to make one or more function/tool calls "
    "to achieve the purpose. \nIf none of the functions can be used, point it out and refuse "
    "to "
    "answer. \nIf the given question lacks the parameters required by the function, also point "
    "it out.\n\nYou have access to the following tools:\n<tools>",
    "</tools>\n\nThe output MUST strictly adhere to the following format, and NO other text "
    "MUST "
    "be included.\nThe example format is as follows. Please make sure the parameter type is "
    "correct. If no function call is needed, please make the tool calls an empty list '[]'.\n"
    "<tool_call>[\n{\"name\": \"func_name1\", \"arguments\": {\"argument1\": \"value1\", "
    "\"argument2\": \"value2\"}},\n... (more tool calls as required)\n]</tool_call>"};

/* The rules around the tools, each in {"type": "function"}, as authors' code passes them. */
static bantam_status put_rules(const json_t *tools, bnt_buf *out, bantam_error *err)
{
    json_t *const list = json_array();
    bool made = list != NULL;

    for (size_t i = 0; i < json_array_size(tools) && made; i++) {
        json_t *const one = json_array_get(tools, i);
        made = json_array_append_new(list, one != bnt_tools_function(one)
                                               ? json_incref(one)
                                               : json_pack("{s:s, s:O}", "type", "function",
                                                           "function", one)) == 0;
    }
    bnt_buf_puts(out, smollm2_rules[0]);
    if (made) bnt_json_put(out, list, 0);
    bnt_buf_puts(out, smollm2_rules[1]);
    json_decref(list);
    return made ? BANTAM_OK : bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for tools");
}

/* One message as ChatML without tools has it. */
static bantam_status put_plainly(const json_t *message, json_t *out, bnt_buf *work,
                                 bantam_error *err)
{
    const json_t *const calls = json_object_get(message, "tool_calls");
    const bool result = is_role(message, "tool");
    bantam_status status = BANTAM_OK;

    if (json_is_array(calls) && json_array_size(calls)) {
        json_t *list = NULL;
        put_text(work, bnt_json_text(json_object_get(message, "content")));
        status = bnt_calls_of_json(calls, &list, err);
        if (!status) status = bnt_calls_put(BANTAM_CALLS_SMOLLM2, list, work, err);
        json_decref(list);
    } else if (result) {
        bnt_buf_puts(work, "<tool_response>\n");
        put_text(work, bnt_json_text(json_object_get(message, "content")));
        bnt_buf_puts(work, "\n</tool_response>");
    } else {
        return json_array_append(out, (json_t *)(uintptr_t)message) == 0
                   ? BANTAM_OK
                   : bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for messages");
    }
    if (status) return status;
    return add_message(out, result ? "user" : "assistant", work)
               ? BANTAM_OK
               : bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for messages");
}

static bantam_status tell_smollm2(const json_t *tools, const json_t *messages, json_t *out,
                                  bnt_buf *work, bantam_error *err)
{
    const bool has_system = is_role(json_array_get(messages, 0), "system");
    bantam_status status = BANTAM_OK;

    if (json_array_size(tools)) {
        if (has_system) {
            put_text(work,
                     bnt_json_text(json_object_get(json_array_get(messages, 0), "content")));
            bnt_buf_puts(work, "\n\n");
        }
        status = put_rules(tools, work, err);
        if (!status && !add_message(out, "system", work)) {
            status = bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for messages");
        }
    }
    const size_t first = has_system && json_array_size(tools) ? 1 : 0;
    for (size_t i = first; i < json_array_size(messages) && !status; i++) {
        status = put_plainly(json_array_get(messages, i), out, work, err);
    }
    return status;
}

/* ---- DroidCall --------------------------------------------------------------------------- */

/* Text of a definition, indented where it goes over several lines. */
static void put_lines(bnt_buf *out, bantam_text text)
{
    for (size_t i = 0; i < text.size; i++) {
        bnt_buf_putc(out, text.data[i]);
        if (text.data[i] == '\n') bnt_buf_puts(out, "    ");
    }
}

static void put_definition(const json_t *f, bnt_buf *out)
{
    json_t *arguments = json_object_get(f, "arguments");
    const json_t *const returns = json_object_get(f, "returns");
    const char *key;
    json_t *one;

    if (!arguments) {
        arguments = json_object_get(json_object_get(f, "parameters"), "properties");
    }
    bnt_buf_puts(out, "Name:\n    ");
    put_text(out, bnt_json_text(json_object_get(f, "name")));
    bnt_buf_puts(out, "\nDescription:\n    ");
    put_lines(out, bnt_json_text(json_object_get(f, "description")));
    bnt_buf_puts(out, arguments ? "\nArgs:" : "\nArgs:\n    None");
    json_object_foreach(arguments, key, one)
    {
        bnt_buf_printf(out, "\n    %s (", key);
        put_text(out, bnt_json_text(json_object_get(one, "type")));
        bnt_buf_puts(out, "): ");
        put_lines(out, bnt_json_text(json_object_get(one, "description")));
    }
    bnt_buf_puts(out, "\nReturns:\n    ");
    if (!json_is_object(returns)) {
        bnt_buf_puts(out, "None");
        return;
    }
    put_text(out, bnt_json_text(json_object_get(returns, "type")));
    bnt_buf_puts(out, ": ");
    put_lines(out, bnt_json_text(json_object_get(returns, "description")));
}

static void put_query(const json_t *tools, bantam_text query, bnt_buf *out)
{
    enum { RULE = 50 }; /* equal signs between two functions */
    bnt_buf_puts(out, "\nHere is a list of functions:\n");
    for (size_t i = 0; i < json_array_size(tools); i++) {
        if (i) {
            bnt_buf_putc(out, '\n');
            for (int k = 0; k < RULE; k++)
                bnt_buf_putc(out, '=');
            bnt_buf_putc(out, '\n');
        }
        put_definition(bnt_tools_function(json_array_get(tools, i)), out);
    }
    /* Where other forms of the prompt say how to call, nest and what an example is. */
    bnt_buf_puts(out, "\n\n\n\n\n\n\n\nNow my query is: ");
    put_text(out, query);
    bnt_buf_putc(out, '\n');
}

static bantam_status tell_droidcall(const json_t *tools, const json_t *messages, json_t *out,
                                    bnt_buf *work, bantam_error *err)
{
    const size_t n = json_array_size(messages);
    const json_t *const last = json_array_get(messages, n - 1);

    for (size_t i = 0; i < n; i++) {
        if (!is_role(json_array_get(messages, i), "tool")) continue;
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "messages: DroidCall has no form for what a tool gave");
    }
    if (!is_role(last, "user")) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "messages: the last is not the user's");
    }
    bnt_buf_puts(work, "\nYou are an expert in composing functions.\n");
    bool added = add_message(out, "system", work);
    put_query(tools, bnt_json_text(json_object_get(last, "content")), work);
    added = added && add_message(out, "user", work);
    return added ? BANTAM_OK : bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for messages");
}

/* The texts of arguments in a message's calls, as OpenAI's interface has them, made the objects
 * that templates want; what is no object stays. */
static bantam_status open_arguments(const json_t *message, bantam_error *err)
{
    const json_t *const calls = json_object_get(message, "tool_calls");
    const json_t *one;
    size_t i;

    json_array_foreach(calls, i, one)
    {
        json_t *const call = (json_t *)(uintptr_t)bnt_tools_function(one); /* of our own tree */
        const bantam_text text = bnt_json_text(json_object_get(call, "arguments"));
        json_t *object = NULL;
        if (!text.data) continue;
        bantam_status status = bnt_json_parse(&object, text.data, text.size, NULL);
        if (!status && json_is_object(object)) {
            if (json_object_set(call, "arguments", object)) status = BANTAM_ERR_NOMEM;
        }
        json_decref(object);
        if (status == BANTAM_ERR_NOMEM) {
            return bnt_fail(err, status, "out of memory for messages");
        }
    }
    return BANTAM_OK;
}

bantam_status bantam_tools_messages(bantam_call_syntax syntax, bantam_text tools,
                                    bantam_text messages, char *text, size_t capacity,
                                    size_t *size, bantam_error *err)
{
    json_t *defined = NULL, *given = NULL, *told = json_array();
    bnt_buf work, out;

    *size = 0;
    bnt_buf_init(&work, BNT_MAX_STRING);
    bnt_buf_init(&out, BNT_MAX_STRING);
    bantam_status status = told ? bnt_tools_read(tools, &defined, err)
                                : bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for messages");
    if (!status) {
        status = bnt_json_parse(&given, messages.data, messages.size, err);
        if (status) status = bnt_fail_within(err, status, "messages: ");
    }
    if (!status && (!json_is_array(given) || json_array_size(given) == 0)) {
        status = bnt_fail(err, BANTAM_ERR_INVALID, "messages: expected an array of some");
    }
    for (size_t i = 0; i < json_array_size(given) && !status; i++) {
        status = open_arguments(json_array_get(given, i), err);
    }
    if (!status && syntax == BANTAM_CALLS_SMOLLM2) {
        status = tell_smollm2(defined, given, told, &work, err);
    } else if (!status && syntax == BANTAM_CALLS_DROIDCALL) {
        status = tell_droidcall(defined, given, told, &work, err);
    } else if (!status) {
        status = json_array_extend(told, given) == 0
                     ? BANTAM_OK
                     : bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for messages");
    }
    if (!status) bnt_json_put(&out, told, JSON_COMPACT);
    if (!status) status = bnt_buf_status(&out, "messages", err);
    if (!status) status = bnt_calls_give(&out, text, capacity, size, err);
    bnt_buf_deinit(&work);
    bnt_buf_deinit(&out);
    json_decref(told);
    json_decref(given);
    json_decref(defined);
    return status;
}
