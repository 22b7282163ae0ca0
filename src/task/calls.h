/* calls.h - calls of tools between the files that read, write and check them. The public part
 * is bantam/tools.h.
 */
#ifndef BNT_TASK_CALLS_H
#define BNT_TASK_CALLS_H
#include "bantam/tools.h"
#include "base/json.h"

enum { BNT_CALLS_MAX_BYTES = 1 << 20, BNT_CALLS_MAX_DEPTH = 32 };

static inline bool bnt_calls_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
/* Of names; those of functions may have dots and dashes too. */
static inline bool bnt_calls_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_';
}

/* Appends a list of calls in Python's words, `[f(a=1), g()]`, as a JSON array of calls. */
bantam_status bnt_calls_from_python(bantam_text text, bnt_buf *out, bantam_error *err);
/* A value in Python's words: {'a': (1, True)}. */
bantam_status bnt_json_from_python(bantam_text text, bnt_buf *out, bantam_error *err);
/* DroidCall's lines as an array of calls, up to the dollar sign that ends them; *n_read of the
 * bytes are they. */
bantam_status bnt_calls_from_droidcall(bantam_text text, size_t *n_read, bnt_buf *out,
                                       bantam_error *err);

/* The calls of a JSON value, whatever its author calls their members: a new array of calls in
 * the shape of bantam/tools.h. */
bantam_status bnt_calls_of_json(const json_t *value, json_t **out, bantam_error *err);
/* The same of bytes: JSON, or where that fails the same in Python's words. */
bantam_status bnt_calls_parse(bantam_text text, json_t **out, bantam_error *err);

/* Appends calls, an array in that shape, in a syntax; nothing is held against the reader. */
bantam_status bnt_calls_put(bantam_call_syntax syntax, const json_t *calls, bnt_buf *out,
                            bantam_error *err);

/* Of a definition, what stands inside {"function": ...} where that is how it is wrapped. */
const json_t *bnt_tools_function(const json_t *definition);
/* Definitions, held to be an array of functions with names. The caller owns *out. */
bantam_status bnt_tools_read(bantam_text tools, json_t **out, bantam_error *err);

/* Copies out to a caller's memory, as bantam_detokenize() does. */
bantam_status bnt_calls_give(const bnt_buf *out, char *text, size_t capacity, size_t *size,
                             bantam_error *err);

#endif
