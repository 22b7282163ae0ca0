/* error.h - filling in a bantam_error where the fault is found. */
#ifndef BNT_BASE_ERROR_H
#define BNT_BASE_ERROR_H
#include "bantam/bantam.h"

#if defined(__GNUC__)
#define BNT_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define BNT_PRINTF(text, first)
#endif

/* Writes status and message into err (which may be NULL) and returns status. A message that is
 * too long is cut at a character. The message is escaped: control characters (C0, 0x7F, C1)
 * and what is not UTF-8 become \xNN, so that text from files can be passed as it is. */
bantam_status bnt_fail(bantam_error *err, bantam_status status, const char *format, ...)
    BNT_PRINTF(3, 4);

/* Puts text before a message already written, "path: " for instance, and returns err's status.
 * With err NULL returns status, so that layers above can write
 * `return bnt_fail_within(err, status, "%s: ", path)`. */
bantam_status bnt_fail_within(bantam_error *err, bantam_status status, const char *format, ...)
    BNT_PRINTF(3, 4);

/* For "%.*s": the size of a text, limited to what a message should hold. */
#define BNT_TEXT_ARG(t) ((t).size > 80 ? 80 : (int)(t).size), ((t).data ? (t).data : "")

#endif
