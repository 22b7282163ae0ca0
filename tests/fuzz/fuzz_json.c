/* fuzz_json.c - JSON of any bytes under this project's limits, read, looked at and written. */
#include "base/json.h"
#include "base/limits.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool law, const char *what)
{
    if (law) return;
    fprintf(stderr, "broken law: %s\n", what);
    abort();
}

/* A string written and read again is the same string; what was not UTF-8 is clean. */
static void check_string(const char *data, size_t size)
{
    bnt_buf out;
    json_t *again;

    bnt_buf_init(&out, 16 << 20);
    bnt_json_put_string(&out, data, size);
    require(!out.failed && bnt_utf8_valid(out.data, out.size), "strings are written as UTF-8");
    require(!bnt_json_parse(&again, out.data, out.size, NULL), "and can be read again");
    const bantam_text text = bnt_json_text(again);
    require(json_is_string(again), "as strings");
    if (bnt_utf8_valid(data, size)) {
        require(text.size == size, "of the same size");
        for (size_t i = 0; i < size; i++) {
            require(text.data[i] == data[i], "and the same bytes");
        }
    }
    json_decref(again);
    bnt_buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *value;
    bantam_error err = {0};

    if (size > 65536) return 0;
    const bantam_status status = bnt_json_parse(&value, (const char *)data, size, &err);
    require((status == BANTAM_OK) == (value != NULL), "a status fits its result");
    require(!status == !err.message[0], "a failure has a message");
    if (value) {
        const char *key;
        json_t *member;
        json_object_foreach(value, key, member)
        {
            uint32_t u = 0;
            double d = 0;
            bool b = false;
            bnt_json_u32(value, key, &u, &err);
            bnt_json_f64(value, key, &d, &err);
            bnt_json_bool(value, key, &b, &err);
            bnt_json_text(member);
        }
        json_decref(value);
    }
    check_string((const char *)data, size);
    return 0;
}
