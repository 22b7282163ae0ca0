/* cli_tools.c - tools that a model may call: the file that names them, how the model is told,
 * the calls it answers with.
 */
#include "cli_answer.h"
#include "cli_prefix.h"

#include <string.h>

int cli_list_read(const char *path, const char *member, json_t **out)
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
    json_t *list = json_is_object(root) ? json_object_get(root, member) : root;
    if (!json_is_array(list)) {
        json_decref(root);
        return cli_fail_with(BANTAM_ERR_FORMAT,
                             "%s: expected an array of %s, or an object with \"%s\"", path,
                             member, member);
    }
    *out = json_incref(list);
    json_decref(root);
    return CLI_OK;
}

/* ---- what the model is told -------------------------------------------------------------- */

static bool knows_tools(const cli_engine *e, json_t *messages, json_t *tools)
{
    cli_buf with = {0}, without = {0};
    const bool rendered =
        cli_chat_text(e->tokenizer, messages, tools, &with, NULL) == BANTAM_OK &&
        cli_chat_text(e->tokenizer, messages, NULL, &without, NULL) == BANTAM_OK;
    /* What does not go through the template as it is has to be told otherwise, too. */
    const bool knows = rendered && (with.size != without.size ||
                                    memcmp(with.data, without.data, with.size) != 0);
    cli_buf_free(&with);
    cli_buf_free(&without);
    return knows;
}

static json_t *retold(bantam_call_syntax syntax, const char *tools, const char *messages,
                      bantam_error *err)
{
    const bantam_text t = {tools, strlen(tools)}, m = {messages, strlen(messages)};
    size_t size = 0;
    json_t *out = NULL;
    cli_buf text = {0};

    bantam_status status = bantam_tools_messages(syntax, t, m, NULL, 0, &size, err);
    if (status == BANTAM_ERR_FULL) {
        cli_buf_reserve(&text, size);
        status = bantam_tools_messages(syntax, t, m, text.data, size, &size, err);
    }
    if (!status && !(out = json_loadb(text.data, size, JSON_ALLOW_NUL, NULL)))
        cli_out_of_memory();
    cli_buf_free(&text);
    return out;
}

json_t *cli_tools_told(const cli_engine *e, json_t *messages, json_t *tools, bantam_error *err)
{
    const bantam_call_syntax syntax = bantam_calls_syntax(e->model);
    const bool own = syntax == BANTAM_CALLS_SMOLLM2 || syntax == BANTAM_CALLS_DROIDCALL;

    if (!own || knows_tools(e, messages, tools)) return json_incref(messages);
    char *const t = json_dumps(tools, JSON_COMPACT), *const m =
                                                         json_dumps(messages, JSON_COMPACT);
    if (!t || !m) cli_out_of_memory();
    json_t *const out = retold(syntax, t, m, err);
    free(t);
    free(m);
    return out;
}

/* ---- what it answers --------------------------------------------------------------------- */

static bool add_call(void *user, const bantam_call_event *event)
{
    if (event->kind == BANTAM_CALL_FOUND) {
        json_array_append_new(
            user, json_loadb(event->text.data, event->text.size, JSON_ALLOW_NUL, NULL));
    } else if (event->kind == BANTAM_CALL_MALFORMED) {
        cli_note("no call, and so text: %s", event->reason);
    }
    return true;
}

/* The answer with the names of control tokens, which its text lacks: where vocabularies have
 * the marks of calls, these are such tokens. */
static void add_marked_text(const cli_engine *e, const cli_answer *a, cli_buf *out)
{
    size_t size = 0;

    bantam_detokenize(e->tokenizer, a->tokens, a->n_tokens, BANTAM_DETOKENIZE_SPECIAL, NULL, 0,
                      &size, NULL);
    cli_buf_reserve(out, size);
    if (bantam_detokenize(e->tokenizer, a->tokens, a->n_tokens, BANTAM_DETOKENIZE_SPECIAL,
                          out->data, size, &size, NULL) == BANTAM_OK) {
        out->size = size;
    }
}

json_t *cli_tool_calls(const cli_engine *e, const cli_answer *a)
{
    cli_buf answer = {0};
    json_t *const calls = json_array();
    bantam_call_syntax syntax = bantam_calls_syntax(e->model);
    bantam_call_reader *reader = NULL;
    bantam_error err = {0};

    /* Models that were made for none of them use any. */
    if (syntax == BANTAM_CALLS_SMOLLM2) syntax = BANTAM_CALLS_ANY;
    bantam_status status = bantam_call_reader_open(&reader, syntax, &err);
    add_marked_text(e, a, &answer);
    const bantam_text marked = {answer.data, answer.size};
    if (!status) status = bantam_call_reader_feed(reader, marked, add_call, calls, &err);
    if (!status) status = bantam_call_reader_end(reader, add_call, calls, &err);
    bantam_call_reader_close(reader);
    cli_buf_free(&answer);
    if (status) cli_note("calls of tools: %s", err.message);
    return calls;
}
