/* calls_write.c - calls as a model of each family would write them. */
#include "task/calls.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- Python's words ---------------------------------------------------------------------- */

/* A value that is walked through: one array or object of it. */
typedef struct place {
    const json_t *of;
    size_t next;     /* of an array */
    const char *key; /* of an object: the next one, or NULL */
    bool empty;      /* nothing of it is written yet */
} place;

static void put_leaf(const json_t *v, bnt_buf *out)
{
    const bantam_text text = bnt_json_text(v);
    if (json_is_string(v)) {
        bnt_json_put_string(out, text.data, text.size);
    } else if (json_is_boolean(v)) {
        bnt_buf_puts(out, json_is_true(v) ? "True" : "False");
    } else if (json_is_null(v)) {
        bnt_buf_puts(out, "None");
    } else {
        bnt_json_put(out, v, 0);
    }
}

/* The first key of an object, or the one behind `key`. */
static const char *key_after(const json_t *object, const char *key)
{
    json_t *const o = (json_t *)(uintptr_t)object; /* iterators do not change it */
    void *const at =
        key ? json_object_iter_next(o, json_object_iter_at(o, key)) : json_object_iter(o);
    return at ? json_object_iter_key(at) : NULL;
}

/* The next member of what p stands in, its key before it; NULL behind the last. */
static const json_t *next_member(place *p, bnt_buf *out)
{
    const json_t *member;
    if (json_is_array(p->of)) {
        member = json_array_get(p->of, p->next++);
        if (member && !p->empty) bnt_buf_puts(out, ", ");
    } else {
        if (!p->key) return NULL;
        if (!p->empty) bnt_buf_puts(out, ", ");
        bnt_json_put_string(out, p->key, strlen(p->key));
        bnt_buf_puts(out, ": ");
        member = json_object_get(p->of, p->key);
        p->key = key_after(p->of, p->key);
    }
    p->empty = false;
    return member;
}

static bantam_status put_python(const json_t *value, bnt_buf *out, bantam_error *err)
{
    place stack[BNT_CALLS_MAX_DEPTH];
    size_t depth = 0;

    for (const json_t *v = value;;) {
        if (json_is_array(v) || json_is_object(v)) {
            if (depth == BNT_CALLS_MAX_DEPTH) {
                return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                                "a value of more than %d arrays and objects inside each other",
                                BNT_CALLS_MAX_DEPTH);
            }
            stack[depth++] = (place){v, 0, json_is_object(v) ? key_after(v, NULL) : NULL, true};
            bnt_buf_putc(out, json_is_array(v) ? '[' : '{');
        } else {
            put_leaf(v, out);
        }
        v = NULL;
        while (depth > 0 && !(v = next_member(&stack[depth - 1], out))) {
            const json_t *const whole = stack[--depth].of;
            bnt_buf_putc(out, json_is_array(whole) ? ']' : '}');
        }
        if (!v) return BANTAM_OK;
    }
}

/* "#3" as DroidCall's name for what call 3 gave. */
static bool put_reference(bantam_text text, bnt_buf *out)
{
    if (text.size < 2 || text.data[0] != '#') return false;
    for (size_t i = 1; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
    }
    bnt_buf_puts(out, "result");
    bnt_buf_put(out, text.data + 1, text.size - 1);
    return true;
}

static bantam_status put_droidcall(const json_t *value, bnt_buf *out, bantam_error *err)
{
    const bantam_text text = bnt_json_text(value);
    if (json_is_array(value) || json_is_object(value)) {
        bnt_json_put(out, value, 0);
        return BANTAM_OK;
    }
    if (!json_is_string(value)) return put_python(value, out, err);
    if (put_reference(text, out)) return BANTAM_OK;
    bnt_buf_putc(out, '"');
    bnt_buf_put(out, text.data, text.size);
    bnt_buf_putc(out, '"');
    return BANTAM_OK;
}

/* f(a=1, b="x") */
static bantam_status put_function(const json_t *call, bool droidcall, bnt_buf *out,
                                  bantam_error *err)
{
    json_t *const arguments = json_object_get(call, "arguments");
    const bantam_text name = bnt_json_text(json_object_get(call, "name"));
    bantam_status status = BANTAM_OK;
    const char *key;
    json_t *value;
    size_t n = 0;

    bnt_buf_put(out, name.data, name.size);
    bnt_buf_putc(out, '(');
    json_object_foreach(arguments, key, value)
    {
        if (n++) bnt_buf_puts(out, ", ");
        bnt_buf_printf(out, "%s=", key);
        status = droidcall ? put_droidcall(value, out, err) : put_python(value, out, err);
        if (status) return status;
    }
    bnt_buf_putc(out, ')');
    return BANTAM_OK;
}

/* ---- JSON -------------------------------------------------------------------------------- */

/* {"name": ..., MEMBER: ..., "id": ...}; the n'th call's id is made where it wants one. */
static bantam_status put_object(const json_t *call, const char *member, bool with_id, size_t n,
                                bnt_buf *out, bantam_error *err)
{
    json_t *const given = json_object_get(call, "id");
    char made[16];

    snprintf(made, sizeof made, "call%05u", (unsigned)(n % 100000));
    json_t *const o = json_pack("{s:O, s:O}", "name", json_object_get(call, "name"), member,
                                json_object_get(call, "arguments"));
    bool packed = o != NULL;
    if (packed && with_id) {
        packed = (given ? json_object_set(o, "id", given)
                        : json_object_set_new(o, "id", json_string(made))) == 0;
    }
    if (packed) bnt_json_put(out, o, 0);
    json_decref(o);
    return packed ? BANTAM_OK : bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for calls");
}

/* One of the calls, with what stands before it. */
static bantam_status put_call(bantam_call_syntax syntax, const json_t *call, size_t n,
                              bnt_buf *out, bantam_error *err)
{
    const bantam_text name = bnt_json_text(json_object_get(call, "name"));
    switch (syntax) {
    case BANTAM_CALLS_ANY:
    case BANTAM_CALLS_SMOLLM2:
        bnt_buf_puts(out, n ? ", " : "");
        return put_object(call, "arguments", false, n, out, err);
    case BANTAM_CALLS_LLAMA3:
        bnt_buf_puts(out, n ? "; " : "");
        return put_object(call, "parameters", false, n, out, err);
    case BANTAM_CALLS_PYTHONIC:
        bnt_buf_puts(out, n ? ", " : "");
        return put_function(call, false, out, err);
    case BANTAM_CALLS_MISTRAL_V3:
        bnt_buf_puts(out, n ? ", " : "");
        return put_object(call, "arguments", true, n, out, err);
    case BANTAM_CALLS_MISTRAL_V13:
        bnt_buf_puts(out, "[TOOL_CALLS]");
        bnt_buf_put(out, name.data, name.size);
        bnt_buf_puts(out, "[ARGS]");
        bnt_json_put(out, json_object_get(call, "arguments"), 0);
        return BANTAM_OK;
    case BANTAM_CALLS_DROIDCALL:
        break;
    }
    bnt_buf_printf(out, "%sresult%zu = ", n ? "\n" : "", n);
    return put_function(call, true, out, err);
}

bantam_status bnt_calls_put(bantam_call_syntax syntax, const json_t *calls, bnt_buf *out,
                            bantam_error *err)
{
    static const char *const around[][2] = {{"<tool_call>[", "]</tool_call>"},
                                            {"<tool_call>[", "]</tool_call>"},
                                            {"", ""},
                                            {"[", "]"},
                                            {"[TOOL_CALLS][", "]"},
                                            {"", ""},
                                            {"$", "$"}};
    bantam_status status = BANTAM_OK;

    bnt_buf_puts(out, around[syntax][0]);
    for (size_t i = 0; i < json_array_size(calls) && !status; i++) {
        status = put_call(syntax, json_array_get(calls, i), i, out, err);
    }
    bnt_buf_puts(out, around[syntax][1]);
    return status ? status : bnt_buf_status(out, "calls", err);
}

/* ---- held against the reader ------------------------------------------------------------- */

typedef struct comparing {
    const json_t *calls;
    size_t n; /* found so far */
    bool same;
} comparing;

static bool hold_against(void *user, const bantam_call_event *event)
{
    comparing *const c = user;
    const json_t *const call = json_array_get(c->calls, c->n++);
    json_t *found = NULL;

    c->same =
        c->same && event->kind == BANTAM_CALL_FOUND && call &&
        bnt_json_parse(&found, event->text.data, event->text.size, NULL) == BANTAM_OK &&
        json_equal(json_object_get(found, "name"), json_object_get(call, "name")) &&
        json_equal(json_object_get(found, "arguments"), json_object_get(call, "arguments"));
    json_decref(found);
    return c->same;
}

static bantam_status check_written(bantam_call_syntax syntax, const json_t *calls,
                                   bantam_text text, bantam_error *err)
{
    comparing c = {.calls = calls, .same = true};
    bantam_call_reader *reader = NULL;
    bantam_status status = bantam_call_reader_open(&reader, syntax, err);

    if (!status) status = bantam_call_reader_feed(reader, text, hold_against, &c, err);
    if (!status) status = bantam_call_reader_end(reader, hold_against, &c, err);
    bantam_call_reader_close(reader);
    if (status && status != BANTAM_ERR_CANCELLED) return status;
    if (c.same && c.n == json_array_size(calls)) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                    "call %zu: this syntax has no way to write its name or an argument",
                    c.n ? c.n - 1 : 0);
}

bantam_status bantam_calls_write(bantam_call_syntax syntax, bantam_text calls, char *text,
                                 size_t capacity, size_t *size, bantam_error *err)
{
    json_t *given = NULL, *list = NULL;
    bantam_error why = {0};
    bnt_buf out;

    *size = 0;
    if ((unsigned)syntax > BANTAM_CALLS_DROIDCALL) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "syntax: there is no %d", (int)syntax);
    }
    bnt_buf_init(&out, BNT_CALLS_MAX_BYTES);
    bantam_status status = bnt_json_parse(&given, calls.data, calls.size, &why);
    if (!status && !json_is_array(given)) {
        status = bnt_fail(&why, BANTAM_ERR_INVALID, "expected an array");
    }
    if (!status) status = bnt_calls_of_json(given, &list, &why);
    if (!status) status = bnt_calls_put(syntax, list, &out, &why);
    if (!status) status = check_written(syntax, list, bnt_buf_text(&out), &why);
    if (status == BANTAM_ERR_FORMAT) status = BANTAM_ERR_INVALID; /* an argument, no file */
    if (status) bnt_fail(err, status, "calls: %s", why.message);
    if (!status) status = bnt_calls_give(&out, text, capacity, size, err);
    bnt_buf_deinit(&out);
    json_decref(list);
    json_decref(given);
    return status;
}
