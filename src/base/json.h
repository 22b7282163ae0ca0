/* json.h - Jansson's values, read and looked at with this project's limits and messages. */
#ifndef BNT_BASE_JSON_H
#define BNT_BASE_JSON_H
#include "base/buf.h"
#include <jansson.h>

/* Parses bytes that nobody vouches for: one value, UTF-8, no duplicate keys, no byte order
 * mark, nesting at most BNT_MAX_JSON_DEPTH. A whole number beyond 64 bits becomes a real. The
 * caller owns *out (json_decref). The message names line and column. */
bantam_status bnt_json_parse(json_t **out, const char *data, size_t size, bantam_error *err);

/* A long array that is not built of values but read where it stands. Zeroed it is none. */
typedef struct bnt_json_list {
    const char *data; /* borrows; behind the bracket. NULL: the file has no such array */
    size_t size, at;
    uint64_t n; /* elements */
    size_t depth;
    bnt_buf text; /* the last string, where it had escapes */
} bnt_json_list;

/* The same, but for the array that the root's member `outer` has as its member `inner`: it is
 * gone over like everything else, *out has an empty one in its place, and list its elements;
 * only in objects inside it are duplicate members no error. data is borrowed until the list is
 * closed with bnt_json_list_end(). */
bantam_status bnt_json_parse_but(json_t **out, const char *data, size_t size, const char *outer,
                                 const char *inner, bnt_json_list *list, bantam_error *err);

typedef enum bnt_json_step {
    BNT_JSON_END,   /* of the list */
    BNT_JSON_TEXT,  /* a string */
    BNT_JSON_OPEN,  /* an array begins, as an element of the list */
    BNT_JSON_CLOSE, /* that array ends */
    BNT_JSON_OTHER, /* anything else, which ends the reading */
    BNT_JSON_NOMEM
} bnt_json_step;

/* Takes one step through a list. *lent: the text stays until the next step only, else as long
 * as the data. */
bnt_json_step bnt_json_list_next(bnt_json_list *list, bantam_text *text, bool *lent);
void bnt_json_list_end(bnt_json_list *list);

/* Appends text as a JSON string with its quotes; what is not UTF-8 becomes U+FFFD. */
void bnt_json_put_string(bnt_buf *out, const char *data, size_t size);

/* Appends value as Jansson writes it under flags. Without memory for that out has failed. */
void bnt_json_put(bnt_buf *out, const json_t *value, size_t flags);

/* A JSON string's bytes, {NULL, 0} for anything else. Borrowed from value. */
static inline bantam_text bnt_json_text(const json_t *value)
{
    bantam_text t = {0};
    if (json_is_string(value)) {
        t.data = json_string_value(value);
        t.size = json_string_length(value);
    }
    return t;
}

/* Member of an object as a number or flag. An absent or null member gives BANTAM_OK and leaves
 * *out as it was; another type, a fraction or a value out of range is BANTAM_ERR_FORMAT and
 * names the key. */
bantam_status bnt_json_u32(const json_t *object, const char *key, uint32_t *out,
                           bantam_error *err);
bantam_status bnt_json_f64(const json_t *object, const char *key, double *out,
                           bantam_error *err);
bantam_status bnt_json_bool(const json_t *object, const char *key, bool *out,
                            bantam_error *err);

#endif
