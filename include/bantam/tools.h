/* tools.h - functions that a model may call: told to it, read from its answers, told back.
 *
 * A part of bantam.h, which includes it; either may be included first. Ownership, errors and
 * option structs are as described there. All JSON is UTF-8.
 *
 * Each family writes calls in its own way. Here a call has one shape whatever the family:
 *
 *     {"name": "get_weather", "arguments": {"city": "Oslo", "days": 3}}
 *
 * and "id", a string, where the family has one. Numbers keep their 64 bits, texts their bytes.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BANTAM_TOOLS_H
#define BANTAM_TOOLS_H

#include "bantam/bantam.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How calls are written. What a reader takes besides its own form: marked calls of every
 * family; ANY also those of Llama 3 that have no mark. */
typedef enum bantam_call_syntax {
    BANTAM_CALLS_ANY = 0, /* for reading; written as SMOLLM2 */
    BANTAM_CALLS_SMOLLM2 =
        1,                   /* <tool_call>[{"name": "f", "arguments": {"a": 1}}]</tool_call> */
    BANTAM_CALLS_LLAMA3 = 2, /* {"name": "f", "parameters": {"a": 1}}; several joined by ; */
    BANTAM_CALLS_PYTHONIC = 3,    /* [f(a=1), g(b="x")], Llama 3.2's other form */
    BANTAM_CALLS_MISTRAL_V3 = 4,  /* [TOOL_CALLS][{"name", "arguments", "id"}] */
    BANTAM_CALLS_MISTRAL_V13 = 5, /* [TOOL_CALLS]f[ARGS]{"a": 1}[TOOL_CALLS]g[ARGS]{} */
    BANTAM_CALLS_DROIDCALL = 6    /* $result0 = f(a="x")\nresult1 = g(b=result0)$, PhoneLM-Call:
                                     "#0" stands for the result of the first call */
} bantam_call_syntax;

/* The syntax that the model was made for, as its vocabulary, chat template and family tell. */
BANTAM_API bantam_call_syntax bantam_calls_syntax(const bantam_model *model);

/* ---- from answers to calls --------------------------------------------------------------- */

typedef enum bantam_call_event_kind {
    BANTAM_CALL_TEXT = 0,     /* text that belongs to no call */
    BANTAM_CALL_FOUND = 1,    /* text is the call, as JSON of one line */
    BANTAM_CALL_MALFORMED = 2 /* text that began as a call and is none; reason says why */
} bantam_call_event_kind;

typedef struct bantam_call_event {
    bantam_call_event_kind kind;
    bantam_text text;   /* borrowed until the function returns */
    const char *reason; /* NULL but for MALFORMED; borrowed as well */
} bantam_call_event;

/* Returns false to stop the reading. */
typedef bool (*bantam_call_fn)(void *user, const bantam_call_event *event);

/* Reads an answer while it is written. However its bytes are cut into pieces, the events are
 * the same, but that TEXT may come in other portions. Holds what may be a call until it is one
 * or is none, 1 MiB at most. Not for use by several threads at once. */
typedef struct bantam_call_reader bantam_call_reader;

BANTAM_API bantam_status bantam_call_reader_open(bantam_call_reader **out,
                                                 bantam_call_syntax syntax, bantam_error *err);
BANTAM_API void bantam_call_reader_close(bantam_call_reader *reader); /* accepts NULL */

/* BANTAM_ERR_CANCELLED where fn said stop. */
BANTAM_API bantam_status bantam_call_reader_feed(bantam_call_reader *reader, bantam_text piece,
                                                 bantam_call_fn fn, void *user,
                                                 bantam_error *err);
/* The answer ends here; the reader is as new afterwards. */
BANTAM_API bantam_status bantam_call_reader_end(bantam_call_reader *reader, bantam_call_fn fn,
                                                void *user, bantam_error *err);

/* ---- from calls to text ------------------------------------------------------------------ */

/* Writes calls, a JSON array, as the model would. Calls without an id get one where the syntax
 * wants it. Sizes and BANTAM_ERR_FULL as in bantam_detokenize(). BANTAM_ERR_INVALID for JSON
 * that is no such array, BANTAM_ERR_UNSUPPORTED for calls that this syntax cannot say so that
 * the reader finds the same again (DroidCall's quotes have no escapes). */
BANTAM_API bantam_status bantam_calls_write(bantam_call_syntax syntax, bantam_text calls,
                                            char *text, size_t capacity, size_t *size,
                                            bantam_error *err);

/* ---- definitions ------------------------------------------------------------------------- */

/* Definitions are a JSON array of functions, each {"type": "function", "function": {...}} or
 * what stands inside: "name", "description", and "parameters", a JSON schema of an object, or
 * DroidCall's "arguments", an object of {"type", "description", "required"} by name. */

/* Holds a call against the definitions: BANTAM_ERR_INVALID and a reason for an unknown function
 * or argument, a missing one that is required, a value of another type or outside an enum. */
BANTAM_API bantam_status bantam_calls_check(bantam_text tools, bantam_text call,
                                            bantam_error *err);

/* Messages, a JSON array, as the model's chat template can take them together with the tools.
 * Where templates know tools (Llama 3, Mistral) they stay as they are, but that "arguments" of
 * calls that are the text of an object, as OpenAI's interface has them, become that object. For
 * SMOLLM2 the tools and the rules of its authors become the system message, calls ("tool_calls"
 * of an assistant's message) its content, and results (role "tool") a user's message. For
 * DROIDCALL the last user's message becomes the prompt its authors trained with; it knows no
 * results. */
BANTAM_API bantam_status bantam_tools_messages(bantam_call_syntax syntax, bantam_text tools,
                                               bantam_text messages, char *text,
                                               size_t capacity, size_t *size,
                                               bantam_error *err);

#ifdef __cplusplus
}
#endif
#endif
