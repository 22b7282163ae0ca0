/* call_rig.h - answers read for calls of tools, whole and in pieces, and what was found. */
#ifndef BANTAM_TESTS_CALL_RIG_H
#define BANTAM_TESTS_CALL_RIG_H
#include "base/json.h"
#include "base/rng.h"
#include "support.h"

#include <bantam/tools.h>

enum { N_SYNTAXES = BANTAM_CALLS_DROIDCALL + 1 };

/* What a reader found: calls, texts one after the other, and reasons. */
typedef struct found {
    json_t *calls;
    char text[4096], reasons[2048];
    size_t n_text, n_malformed;
    bool long_texts; /* too long to keep */
} found;

static inline bool note(void *user, const bantam_call_event *event)
{
    found *const f = user;
    if (event->kind == BANTAM_CALL_FOUND) {
        json_t *call = NULL;
        assert_int_equal(bnt_json_parse(&call, event->text.data, event->text.size, NULL),
                         BANTAM_OK);
        assert_int_equal(json_array_append_new(f->calls, call), 0);
        return true;
    }
    if (event->kind == BANTAM_CALL_MALFORMED) {
        assert_non_null(event->reason);
        const size_t n = strlen(f->reasons);
        snprintf(f->reasons + n, sizeof f->reasons - n, "%s\n", event->reason);
        f->n_malformed++;
    }
    if (f->long_texts) return true;
    assert_true(f->n_text + event->text.size < sizeof f->text);
    memcpy(f->text + f->n_text, event->text.data, event->text.size);
    f->n_text += event->text.size;
    f->text[f->n_text] = '\0';
    return true;
}

/* Reads text cut into pieces of at most `most` bytes. The caller frees calls. */
static inline found read_pieces(bantam_call_syntax syntax, bantam_text text, size_t most,
                                bnt_rng *rng)
{
    bantam_call_reader *reader = NULL;
    bantam_error err = {0};
    found f = {.calls = json_array(), .long_texts = text.size > 4000};

    if (bantam_call_reader_open(&reader, syntax, &err)) fail_msg("%s", err.message);
    for (size_t at = 0; at < text.size;) {
        const size_t left = text.size - at;
        size_t n = rng ? (size_t)bnt_rng_below(rng, most) + 1 : most;
        if (n > left) n = left;
        const bantam_text piece = {text.data + at, n};
        if (bantam_call_reader_feed(reader, piece, note, &f, &err)) fail_msg("%s", err.message);
        at += n;
    }
    if (bantam_call_reader_end(reader, note, &f, &err)) fail_msg("%s", err.message);
    bantam_call_reader_close(reader);
    return f;
}

static inline bantam_text text_of(const char *s)
{
    return (bantam_text){s, strlen(s)};
}

/* Writes calls, an array, in a syntax and reads them again, in pieces. Returns what kept it
 * from being written. */
static inline bantam_status there_and_back(bantam_call_syntax syntax, const json_t *calls,
                                           bnt_rng *rng)
{
    static char text[1 << 16];
    bantam_error err = {0};
    size_t size = 0;
    char *const json = json_dumps(calls, 0);
    const bantam_status status =
        bantam_calls_write(syntax, text_of(json), text, sizeof text, &size, &err);

    free(json);
    if (status) return status;
    const found f = read_pieces(syntax, (bantam_text){text, size}, 30, rng);
    assert_int_equal(f.n_malformed, 0);
    assert_int_equal(json_array_size(f.calls), json_array_size(calls));
    for (size_t i = 0; i < json_array_size(calls); i++) {
        const json_t *const a = json_array_get(calls, i), *const b = json_array_get(f.calls, i);
        assert_true(json_equal(json_object_get(a, "name"), json_object_get(b, "name")));
        if (!json_equal(json_object_get(a, "arguments"), json_object_get(b, "arguments"))) {
            fail_msg("syntax %d: %.*s", (int)syntax, (int)size, text);
        }
    }
    json_decref(f.calls);
    return BANTAM_OK;
}

#endif
