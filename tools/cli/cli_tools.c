/* cli_tools.c - tools that a model may call: the file that names them, how the model is told,
 * the calls it answers with.
 */
#include "cli_tools.h"

#include "cli_prefix.h"

#include <stdio.h>
#include <stdlib.h>
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

/* ---- its syntax -------------------------------------------------------------------------- */

void cli_tools_syntax(cli_engine *e, const cli_args *args)
{
    static const char *const names[] = {"auto",       "smollm2",     "llama3",   "pythonic",
                                        "mistral-v3", "mistral-v13", "droidcall"};

    e->call_syntax = bantam_calls_syntax(e->model);
    for (int i = 1; i <= BANTAM_CALLS_DROIDCALL && args->calls.format; i++) {
        if (strcmp(args->calls.format, names[i]) != 0) continue;
        e->call_syntax = (bantam_call_syntax)i;
        e->call_syntax_given = true;
    }
}

/* Models with SmolLM2's marks that were made for no calls use any form. */
static bantam_call_syntax read_syntax(const cli_engine *e)
{
    const bool any = e->call_syntax == BANTAM_CALLS_SMOLLM2 && !e->call_syntax_given;
    return any ? BANTAM_CALLS_ANY : e->call_syntax;
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

static bool has_calls(const json_t *messages)
{
    const json_t *message;
    size_t i;

    json_array_foreach(messages, i, message)
    {
        if (json_object_get(message, "tool_calls")) return true;
    }
    return false;
}

json_t *cli_tools_told(const cli_engine *e, json_t *messages, json_t *tools, bantam_error *err)
{
    bantam_call_syntax syntax = e->call_syntax;

    if (!tools && !has_calls(messages)) return json_deep_copy(messages);
    /* What no other form is for stays, but that arguments become objects. */
    if (!tools || (syntax != BANTAM_CALLS_SMOLLM2 && syntax != BANTAM_CALLS_DROIDCALL) ||
        knows_tools(e, messages, tools)) {
        syntax = BANTAM_CALLS_ANY;
    }
    char *const t = tools ? json_dumps(tools, JSON_COMPACT) : strdup("[]");
    char *const m = json_dumps(messages, JSON_COMPACT);
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
    bantam_call_reader *reader = NULL;
    bantam_error err = {0};

    bantam_status status = bantam_call_reader_open(&reader, read_syntax(e), &err);
    add_marked_text(e, a, &answer);
    const bantam_text marked = {answer.data, answer.size};
    if (!status) status = bantam_call_reader_feed(reader, marked, add_call, calls, &err);
    if (!status) status = bantam_call_reader_end(reader, add_call, calls, &err);
    bantam_call_reader_close(reader);
    cli_buf_free(&answer);
    if (status) cli_note("calls of tools: %s", err.message);
    return calls;
}

/* ---- while it answers -------------------------------------------------------------------- */

/* {"event":"tool_call","id","name","arguments"}; the id is made where the model has none. */
static bool put_event(void *user, const bantam_call_event *event)
{
    cli_call_watch *const w = user;
    char made[32];

    if (event->kind != BANTAM_CALL_FOUND) return true;
    json_t *const call = json_loadb(event->text.data, event->text.size, JSON_ALLOW_NUL, NULL);
    json_t *const id = json_object_get(call, "id");
    snprintf(made, sizeof made, "call%05u", w->n_calls++ % 100000);
    json_t *const line = json_pack("{s:s, s:o, s:O, s:O}", "event", "tool_call", "id",
                                   id ? json_incref(id) : json_string(made), "name",
                                   json_object_get(call, "name"), "arguments",
                                   json_object_get(call, "arguments"));
    json_decref(call);
    cli_put_json(line);
    return cli_flush();
}

void cli_call_watch_open(cli_call_watch *w, const cli_engine *e, const cli_args *args)
{
    bantam_error err = {0};

    *w = (cli_call_watch){.tokenizer = e->tokenizer};
    if (!args->calls.events) return;
    if (bantam_call_reader_open(&w->reader, read_syntax(e), &err)) cli_out_of_memory();
}

bool cli_call_watch_token(cli_call_watch *w, uint32_t token)
{
    bantam_error err = {0};

    if (!w->reader) return true;
    const bantam_text text = bantam_token_text(w->tokenizer, token);
    const bantam_status status = bantam_call_reader_feed(w->reader, text, put_event, w, &err);
    if (status && status != BANTAM_ERR_CANCELLED) cli_out_of_memory();
    return !status;
}

void cli_call_watch_close(cli_call_watch *w)
{
    if (w->reader) bantam_call_reader_end(w->reader, put_event, w, NULL);
    bantam_call_reader_close(w->reader);
    w->reader = NULL;
}
