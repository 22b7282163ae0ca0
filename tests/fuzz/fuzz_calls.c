/* fuzz_calls.c - answers of any bytes, read for calls of tools whole and cut in two: the events
 * are the same, each call is one of the stated shape, and all other bytes are text. */
#include "base/json.h"

#include <bantam/tools.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool law, const char *what)
{
    if (law) return;
    fprintf(stderr, "broken law: %s\n", what);
    abort();
}

/* What was found, as one text that two readings can be compared by. */
static bool note(void *user, const bantam_call_event *event)
{
    bnt_buf *const out = user;
    json_t *call = NULL;

    if (event->kind == BANTAM_CALL_FOUND) {
        require(!bnt_json_parse(&call, event->text.data, event->text.size, NULL),
                "a call is JSON");
        require(json_is_string(json_object_get(call, "name")) &&
                    json_is_object(json_object_get(call, "arguments")),
                "of a name and arguments");
        json_decref(call);
        bnt_buf_puts(out, "\ncall ");
    }
    if (event->kind == BANTAM_CALL_MALFORMED) {
        require(event->reason && *event->reason, "a reason is given");
        bnt_buf_printf(out, "\nnone: %s: ", event->reason);
    }
    bnt_buf_put(out, event->text.data, event->text.size);
    return true;
}

static void read_cut(bantam_call_syntax syntax, const char *data, size_t size, size_t cut,
                     bnt_buf *out)
{
    bantam_call_reader *reader;

    bnt_buf_init(out, 64 << 20);
    require(!bantam_call_reader_open(&reader, syntax, NULL), "a reader opens");
    require(!bantam_call_reader_feed(reader, (bantam_text){data, cut}, note, out, NULL) &&
                !bantam_call_reader_feed(reader, (bantam_text){data + cut, size - cut}, note,
                                         out, NULL) &&
                !bantam_call_reader_end(reader, note, out, NULL),
            "any bytes can be read");
    bantam_call_reader_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    const bantam_call_syntax syntax = (bantam_call_syntax)(data[0] % 7);
    const char *const text = (const char *)data + 2;
    const size_t n = size - 2;
    bnt_buf whole, cut;

    read_cut(syntax, text, n, n, &whole);
    read_cut(syntax, text, n, n ? data[1] % n : 0, &cut);
    require(whole.size == cut.size &&
                (whole.size == 0 || memcmp(whole.data, cut.data, whole.size) == 0),
            "a cut changes nothing");
    bnt_buf_deinit(&whole);
    bnt_buf_deinit(&cut);
    return 0;
}
