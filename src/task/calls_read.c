/* calls_read.c - calls found in answers while these are written.
 *
 * Text is passed on as it comes, but for a tail that may be the beginning of a mark. Behind a
 * mark, or where a call may stand bare at the start of an answer, bytes are held until brackets
 * say that the call is whole; then they are parsed at once. What is scanned is not scanned
 * again, so that the work grows with the bytes alone.
 */
#include "task/calls.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <string.h>

typedef enum reading {
    AT_START, /* white space so far: a bare call may follow, or an answer's text */
    IN_TEXT,
    AFTER_CALL, /* white space and ; so far: another call may follow */
    IN_TAGS,    /* up to </tool_call> */
    IN_NAME,    /* behind [TOOL_CALLS]: a list, or a name up to its arguments */
    IN_VALUE,   /* up to the bracket that closes the first */
    TO_THE_END  /* DroidCall: what ends a string is known behind it alone */
} reading;

static const char TAG[] = "<tool_call>", TAG_END[] = "</tool_call>";
static const char CALLS[] = "[TOOL_CALLS]", ARGS[] = "[ARGS]", CALL_ID[] = "[CALL_ID]";
static const char PYTHON[] = "<|python_tag|>";
static const char *const MARKS[] = {TAG, CALLS, PYTHON};
static const char not_text[] = "bytes that are not UTF-8";
enum { N_MARKS = 3 };

struct bantam_call_reader {
    bantam_call_syntax syntax;
    reading now;
    bnt_buf held; /* own */
    size_t at;    /* in held: behind what was looked at */
    size_t look;  /* bare_at: behind the white space that was looked at */
    size_t value; /* IN_VALUE: where the first bracket is */
    size_t name;  /* of the function that a value has the arguments of; 0: it has the name */
    size_t depth; /* of brackets */
    char quote;   /* of the string that `at` is in, or 0 */
    bantam_call_fn fn;
    void *user;
    bantam_error *err;
};

bantam_status bantam_call_reader_open(bantam_call_reader **out, bantam_call_syntax syntax,
                                      bantam_error *err)
{
    *out = NULL;
    if ((unsigned)syntax > BANTAM_CALLS_DROIDCALL) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "syntax: there is no %d", (int)syntax);
    }
    bantam_call_reader *const r = bnt_calloc(1, sizeof *r);
    if (!r) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a reader of calls");
    r->syntax = syntax;
    bnt_buf_init(&r->held, 2 * (size_t)BNT_CALLS_MAX_BYTES);
    *out = r;
    return BANTAM_OK;
}

void bantam_call_reader_close(bantam_call_reader *r)
{
    if (!r) return;
    bnt_buf_deinit(&r->held);
    bnt_free(r);
}

/* ---- events ------------------------------------------------------------------------------ */

static bantam_status tell(const bantam_call_reader *r, bantam_call_event event)
{
    if (r->fn(r->user, &event)) return BANTAM_OK;
    return bnt_fail(r->err, BANTAM_ERR_CANCELLED, "reading calls was stopped");
}

/* Forgets the first n bytes. */
static void drop(bantam_call_reader *r, size_t n)
{
    r->held.size -= n;
    if (r->held.size && n) memmove(r->held.data, r->held.data + n, r->held.size);
    r->at = r->look = 0;
}

static bantam_status tell_text(bantam_call_reader *r, size_t n)
{
    bantam_status status = BANTAM_OK;
    if (n) {
        status =
            tell(r, (bantam_call_event){.text = {r->held.data, n}, .kind = BANTAM_CALL_TEXT});
    }
    drop(r, n);
    return status;
}

/* The first n bytes began as a call. */
static bantam_status tell_malformed(bantam_call_reader *r, size_t n, const char *reason)
{
    const bantam_status status = tell(r, (bantam_call_event){.kind = BANTAM_CALL_MALFORMED,
                                                             .text = {r->held.data, n},
                                                             .reason = reason});
    drop(r, n);
    r->now = IN_TEXT;
    return status;
}

/* The first n bytes are these calls, which it takes. */
static bantam_status tell_calls(bantam_call_reader *r, size_t n, json_t *calls)
{
    bantam_status status = BANTAM_OK;
    json_t *call;
    size_t i;

    drop(r, n);
    r->now = AFTER_CALL;
    json_array_foreach(calls, i, call)
    {
        bnt_buf line;
        bnt_buf_init(&line, 8 * (size_t)BNT_CALLS_MAX_BYTES);
        bnt_json_put(&line, call, 0);
        status = bnt_buf_status(&line, "a call", r->err);
        if (!status) {
            status = tell(
                r, (bantam_call_event){.kind = BANTAM_CALL_FOUND, .text = bnt_buf_text(&line)});
        }
        bnt_buf_deinit(&line);
        if (status) break;
    }
    json_decref(calls);
    return status;
}

/* ---- whole calls ------------------------------------------------------------------------- */

static bool is_name(char c)
{
    return bnt_calls_word(c) || c == '.' || c == '-';
}

/* Whether text is a list that begins with a name: [f(... */
static bool has_calls(bantam_text text)
{
    size_t i = 0;
    while (i < text.size && bnt_calls_space(text.data[i]))
        i++;
    if (i == text.size || text.data[i++] != '[') return false;
    while (i < text.size && bnt_calls_space(text.data[i]))
        i++;
    const size_t begin = i;
    while (i < text.size && is_name(text.data[i]))
        i++;
    return i > begin && i < text.size && text.data[i] == '(';
}

bantam_status bnt_calls_parse(bantam_text text, json_t **out, bantam_error *err)
{
    bantam_error why = {0};
    json_t *value = NULL;
    bnt_buf json;

    *out = NULL;
    bantam_status status = bnt_json_parse(&value, text.data, text.size, err);
    if (status == BANTAM_ERR_FORMAT) { /* then perhaps in Python's words */
        bnt_buf_init(&json, 8 * (size_t)BNT_CALLS_MAX_BYTES);
        const bool list = has_calls(text);
        bantam_status other = list ? bnt_calls_from_python(text, &json, &why)
                                   : bnt_json_from_python(text, &json, &why);
        if (!other && json.failed) other = bnt_buf_status(&json, "calls", &why);
        if (!other) {
            status = bnt_json_parse(&value, json.data, json.size, err);
        } else if (list || other == BANTAM_ERR_NOMEM) {
            status = bnt_fail(err, other, "%s", why.message);
        }
        bnt_buf_deinit(&json);
    }
    if (!status) status = bnt_calls_of_json(value, out, err);
    json_decref(value);
    return status;
}

/* The calls of an answer, *n_read of whose bytes they are. */
static bantam_status parse_droidcall(bantam_text text, size_t *n_read, json_t **out,
                                     bantam_error *err)
{
    json_t *value = NULL;
    bnt_buf json;

    bnt_buf_init(&json, 8 * (size_t)BNT_CALLS_MAX_BYTES);
    bantam_status status = bnt_calls_from_droidcall(text, n_read, &json, err);
    if (!status) status = bnt_buf_status(&json, "calls", err);
    if (!status) status = bnt_json_parse(&value, json.data, json.size, err);
    if (!status) status = bnt_calls_of_json(value, out, err);
    json_decref(value);
    bnt_buf_deinit(&json);
    return status;
}

/* The first n bytes are these calls, or none where reading them failed. */
static bantam_status settle_as(bantam_call_reader *r, size_t n, bantam_status status,
                               json_t *calls, const bantam_error *why)
{
    if (!status) return tell_calls(r, n, calls);
    if (status == BANTAM_ERR_NOMEM) return bnt_fail(r->err, status, "%s", why->message);
    return tell_malformed(r, n, why->message);
}

/* The first n bytes are a call where `call`, of them or made of them, parses. Bytes that are no
 * text are never mended: an argument would not be what the model wrote. */
static bantam_status settle(bantam_call_reader *r, size_t n, bantam_text call)
{
    bantam_error why = {0};
    json_t *calls = NULL;

    if (!bnt_utf8_valid(r->held.data, n)) return tell_malformed(r, n, not_text);
    const bantam_status status = bnt_calls_parse(call, &calls, &why);
    return settle_as(r, n, status, calls, &why);
}

/* ---- where calls begin ------------------------------------------------------------------- */

/* How many bytes of the mark stand at `at`: all of them, or as many as there are; 0 where
 * something else stands there. */
static size_t matches(const bantam_call_reader *r, size_t at, const char *mark)
{
    const size_t left = r->held.size - at, whole = strlen(mark);
    const size_t n = left < whole ? left : whole;
    return memcmp(r->held.data + at, mark, n) == 0 ? n : 0;
}

/* The mark at `at`: its number, N_MARKS for none, or -1 where more bytes must tell. */
static int mark_at(const bantam_call_reader *r, size_t at, bool final)
{
    for (int m = 0; m < N_MARKS; m++) {
        const size_t n = matches(r, at, MARKS[m]);
        if (n == strlen(MARKS[m])) return m;
        if (n > 0 && !final) return -1;
    }
    return N_MARKS;
}

/* Text before it is told, and held begins with the mark. */
static void begin_mark(bantam_call_reader *r, int mark)
{
    r->now = MARKS[mark] == TAG ? IN_TAGS : MARKS[mark] == CALLS ? IN_NAME : IN_VALUE;
    r->at = r->value = strlen(MARKS[mark]);
    r->depth = 0;
    r->quote = 0;
    r->name = 0;
}

/* What the byte at `at`, where a bare call could begin, is the beginning of: -1 where more
 * bytes must tell. */
static int bare_at(bantam_call_reader *r, size_t at, bool final)
{
    const char c = r->held.data[at];
    if (r->syntax == BANTAM_CALLS_DROIDCALL) {
        const size_t n = matches(r, at, "result");
        if (n > 0 && n < 6 && !final) return -1;
        return c == '$' || n == 6;
    }
    if (r->syntax > BANTAM_CALLS_PYTHONIC || r->syntax == BANTAM_CALLS_SMOLLM2) return 0;
    if (c != '[') return c == '{';
    if (r->look <= at) r->look = at + 1;
    while (r->look < r->held.size && bnt_calls_space(r->held.data[r->look]))
        r->look++;
    if (r->look == r->held.size) return final ? 0 : -1;
    const char next = r->held.data[r->look];
    return next == '{' || (is_name(next) && (next < '0' || next > '9'));
}

/* At the start of an answer, or behind a call. */
static bantam_status look_for_bare(bantam_call_reader *r, bool final, bool *waits)
{
    const bool after = r->now == AFTER_CALL;
    const bool joined = after && r->syntax <= BANTAM_CALLS_PYTHONIC; /* by ; */
    while (r->at < r->held.size &&
           (bnt_calls_space(r->held.data[r->at]) || (joined && r->held.data[r->at] == ';')))
        r->at++;
    *waits = true;
    if (r->at == r->held.size) {
        if (!final && r->at < BNT_CALLS_MAX_BYTES) return BANTAM_OK;
        if (after) drop(r, r->at);
        return tell_text(r, r->at);
    }
    const int mark = mark_at(r, r->at, final);
    const int bare = mark == N_MARKS && !(after && r->syntax == BANTAM_CALLS_DROIDCALL)
                         ? bare_at(r, r->at, final)
                         : 0;
    if (mark < 0 || bare < 0) return BANTAM_OK;
    *waits = false;
    if (mark == N_MARKS && !bare) {
        r->now = IN_TEXT;
        r->at = 0;
        return BANTAM_OK;
    }
    const size_t n = r->at;
    bantam_status status = BANTAM_OK;
    if (after) {
        drop(r, n);
    } else {
        status = tell_text(r, n);
    }
    r->at = r->value = r->depth = 0;
    r->quote = 0;
    r->name = 0;
    r->now = r->syntax == BANTAM_CALLS_DROIDCALL ? TO_THE_END : IN_VALUE;
    if (mark < N_MARKS) begin_mark(r, mark);
    return status;
}

static bantam_status look_for_marks(bantam_call_reader *r, bool final, bool *waits)
{
    *waits = true;
    for (size_t i = 0; i < r->held.size; i++) {
        if (r->held.data[i] != '<' && r->held.data[i] != '[') continue;
        const int mark = mark_at(r, i, final);
        if (mark == N_MARKS) continue;
        const bantam_status status = tell_text(r, i);
        *waits = mark < 0;
        if (mark >= 0) begin_mark(r, mark);
        return status;
    }
    return tell_text(r, r->held.size);
}

/* ---- where calls end --------------------------------------------------------------------- */

static bantam_text held(const bantam_call_reader *r, size_t begin, size_t end)
{
    return (bantam_text){r->held.data + begin, end - begin};
}

typedef enum sight {
    SEES_NOTHING, /* to the end of what is held */
    SEES_CLOSED,  /* the bracket that closes the first; at is behind it */
    SEES_MARK,    /* a mark where no value can have one; at is before it */
    SEES_TAG_END  /* </tool_call>; at is before it */
} sight;

/* Whether a mark or </tool_call> stands at r->at; -1 where more bytes must tell. */
static int sight_at(const bantam_call_reader *r, bool final, sight *seen)
{
    const size_t n = r->now == IN_TAGS ? matches(r, r->at, TAG_END) : 0;
    if (n == strlen(TAG_END)) {
        *seen = SEES_TAG_END;
        return 1;
    }
    const int mark = mark_at(r, r->at, final);
    *seen = SEES_MARK;
    return mark < 0 || (n > 0 && !final) ? -1 : mark < N_MARKS;
}

/* Goes on to the bracket that closes the first, or to what ends a value before it is whole.
 * What stands in a string is the string's, whatever it looks like; quotes are such only within
 * brackets. */
static sight scan_value(bantam_call_reader *r, bool final)
{
    for (; r->at < r->held.size; r->at++) {
        const char c = r->held.data[r->at];
        if (r->quote) {
            if (c == '\\') {
                if (r->at + 1 == r->held.size) return SEES_NOTHING;
                r->at++;
            } else if (c == r->quote) {
                r->quote = 0;
            }
            continue;
        }
        if (c == '<' || c == '[') {
            sight seen;
            const int there = sight_at(r, final, &seen);
            if (there < 0) return SEES_NOTHING;
            if (there) return seen;
        }
        if (r->depth > 0 && (c == '"' || c == '\'')) {
            r->quote = c;
        } else if (strchr("[{(", c) && c) {
            r->depth++;
        } else if (r->depth > 0 && strchr("]})", c) && c && --r->depth == 0) {
            r->at++;
            return SEES_CLOSED;
        }
    }
    return SEES_NOTHING;
}

static bantam_status read_tags(bantam_call_reader *r, bool final, bool *waits)
{
    const size_t begin = strlen(TAG);
    sight seen;

    do { /* several values are as wrong as none, which is for the parser to say */
        seen = scan_value(r, final);
    } while (seen == SEES_CLOSED);
    *waits = seen == SEES_NOTHING && !final;
    if (*waits) return BANTAM_OK;
    const size_t end = seen == SEES_NOTHING ? r->held.size : r->at;
    return settle(r, seen == SEES_TAG_END ? end + strlen(TAG_END) : end, held(r, begin, end));
}

static size_t find_before(const bantam_call_reader *r, size_t from, size_t limit,
                          const char *what)
{
    for (size_t i = from; i < limit; i++) {
        if (matches(r, i, what) == strlen(what)) return i;
    }
    return limit;
}

/* The bracket at r->at, behind a name: [ARGS], the arguments themselves, or an id before both.
 * False where it is none of them, or more bytes must tell. */
static bool ends_name(bantam_call_reader *r, bool final, bool *waits)
{
    const size_t args = matches(r, r->at, ARGS), id = matches(r, r->at, CALL_ID);

    *waits = false;
    if (r->held.data[r->at] == '{' || args == strlen(ARGS)) {
        r->name = r->value;
        r->at += args;
        r->value = r->at;
        r->now = IN_VALUE;
        return true;
    }
    if (id == strlen(CALL_ID) && find_before(r, r->value, r->at, CALL_ID) == r->at) {
        r->at += id;
        return true;
    }
    *waits = (args || id) && r->at + (args > id ? args : id) == r->held.size && !final;
    return false;
}

/* Behind [TOOL_CALLS]: a list, or the name of a function and its arguments. No name has a
 * bracket, so that another mark is another call. */
static bantam_status read_name(bantam_call_reader *r, bool final, bool *waits)
{
    enum { LONGEST = 256 };
    static const char none[] = "no list of calls and no name with [ARGS] follow";
    const size_t begin = strlen(CALLS), limit = begin + LONGEST;

    while (r->at < r->held.size && r->at < limit && r->at == r->value &&
           bnt_calls_space(r->held.data[r->at]))
        r->value = ++r->at;
    while (r->at < r->held.size && r->at < limit && !memchr("[{", r->held.data[r->at], 2))
        r->at++;
    *waits = r->at == r->held.size && !final;
    if (*waits) return BANTAM_OK;
    if (r->at == r->held.size || !memchr("[{", r->held.data[r->at], 2)) {
        return tell_malformed(r, begin, none);
    }
    if (r->at == r->value) {
        r->now = IN_VALUE;
        return BANTAM_OK;
    }
    return ends_name(r, final, waits) || *waits ? BANTAM_OK : tell_malformed(r, r->at, none);
}

/* name{...} with [CALL_ID]id and [ARGS] or without, as JSON. */
static bantam_status settle_named(bantam_call_reader *r)
{
    const size_t id = find_before(r, r->name, r->value, CALL_ID);
    const size_t args = find_before(r, r->name, r->value, ARGS);
    size_t end = id < args ? id : args;
    bnt_buf json;

    while (end > r->name && bnt_calls_space(r->held.data[end - 1]))
        end--;
    bnt_buf_init(&json, 8 * (size_t)BNT_CALLS_MAX_BYTES);
    bnt_buf_puts(&json, "{\"name\":");
    bnt_json_put_string(&json, r->held.data + r->name, end - r->name);
    if (id < args) {
        const size_t begin = id + strlen(CALL_ID);
        bnt_buf_puts(&json, ",\"id\":");
        bnt_json_put_string(&json, r->held.data + begin, args - begin);
    }
    bnt_buf_puts(&json, ",\"arguments\":");
    bnt_buf_put(&json, r->held.data + r->value, r->at - r->value);
    bnt_buf_putc(&json, '}');
    bantam_status status = bnt_buf_status(&json, "a call", r->err);
    if (!status) status = settle(r, r->at, bnt_buf_text(&json));
    bnt_buf_deinit(&json);
    return status;
}

/* Whether brackets without a mark before them, up to r->at, were meant to be a call. */
static bool meant_as_call(const bantam_call_reader *r)
{
    return has_calls(held(r, r->value, r->at)) ||
           find_before(r, r->value, r->at, "\"name\"") < r->at ||
           find_before(r, r->value, r->at, "'name'") < r->at;
}

static bantam_status read_value(bantam_call_reader *r, bool final, bool *waits)
{
    *waits = false;
    if (r->depth == 0) {
        while (r->at < r->held.size && bnt_calls_space(r->held.data[r->at]))
            r->at++;
        if (r->at < r->held.size && !memchr(r->name ? "{{" : "[{", r->held.data[r->at], 2)) {
            return tell_malformed(r, r->at, "expected a call behind this mark");
        }
    }
    const sight seen = scan_value(r, final);
    *waits = seen == SEES_NOTHING && !final;
    if (*waits) return BANTAM_OK;
    if (r->value == 0 && !meant_as_call(r)) {
        r->now = IN_TEXT;
        return BANTAM_OK;
    }
    if (seen == SEES_NOTHING) {
        return tell_malformed(r, r->held.size, "the answer ends inside a call");
    }
    if (seen == SEES_MARK) return tell_malformed(r, r->at, "another call begins inside it");
    return r->name ? settle_named(r) : settle(r, r->at, held(r, r->value, r->at));
}

/* DroidCall's calls are an answer's beginning, up to the dollar sign where another call could
 * stand; it may stand in strings, too. */
static bantam_status read_to_the_end(bantam_call_reader *r, bool final, bool *waits)
{
    const size_t begin = r->held.data[0] == '$';
    bantam_error why = {0};
    json_t *calls = NULL;
    size_t n = 0;

    *waits = !final;
    if (*waits) return BANTAM_OK;
    bantam_status status = parse_droidcall(held(r, begin, r->held.size), &n, &calls, &why);
    if (!status && !bnt_utf8_valid(r->held.data, begin + n)) {
        json_decref(calls);
        status = bnt_fail(&why, BANTAM_ERR_FORMAT, "%s", not_text);
    }
    return settle_as(r, status ? r->held.size : begin + n, status, calls, &why);
}

/* ---- pieces ------------------------------------------------------------------------------ */

/* Takes one step with what is held; *waits where only more bytes lead further. */
static bantam_status step(bantam_call_reader *r, bool final, bool *waits)
{
    switch (r->now) {
    case AT_START:
    case AFTER_CALL:
        return look_for_bare(r, final, waits);
    case IN_TEXT:
        return look_for_marks(r, final, waits);
    case IN_TAGS:
        return read_tags(r, final, waits);
    case IN_NAME:
        return read_name(r, final, waits);
    case IN_VALUE:
        return read_value(r, final, waits);
    case TO_THE_END:
        break;
    }
    return read_to_the_end(r, final, waits);
}

static bantam_status go_on(bantam_call_reader *r, bool final)
{
    bantam_status status = BANTAM_OK;
    bool waits = false;

    while (!status && !waits && r->held.size) {
        status = step(r, final, &waits);
    }
    if (status || r->held.size <= BNT_CALLS_MAX_BYTES) return status;
    return tell_malformed(r, r->held.size, "a call of more than 1 MiB");
}

static bantam_status listen(bantam_call_reader *r, bantam_call_fn fn, void *user,
                            bantam_error *err)
{
    r->fn = fn;
    r->user = user;
    r->err = err;
    if (fn) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_INVALID, "no function that takes calls");
}

bantam_status bantam_call_reader_feed(bantam_call_reader *r, bantam_text piece,
                                      bantam_call_fn fn, void *user, bantam_error *err)
{
    enum { PORTION = 1 << 12 }; /* what many short calls in it are moved down */
    bantam_status status = listen(r, fn, user, err);

    for (size_t at = 0, n; at < piece.size && !status; at += n) {
        /* No more than makes a call too long: it is so at the same byte in every piece. */
        const size_t room = (size_t)BNT_CALLS_MAX_BYTES + 1 - r->held.size;
        n = piece.size - at;
        if (n > PORTION) n = PORTION;
        if (n > room) n = room;
        bnt_buf_put(&r->held, piece.data + at, n);
        status = bnt_buf_status(&r->held, "an answer", err);
        if (!status) status = go_on(r, false);
    }
    return status;
}

bantam_status bantam_call_reader_end(bantam_call_reader *r, bantam_call_fn fn, void *user,
                                     bantam_error *err)
{
    bantam_status status = listen(r, fn, user, err);

    if (!status) status = go_on(r, true);
    bnt_buf_clear(&r->held);
    r->now = AT_START;
    r->at = r->look = 0;
    return status;
}
