/* error.c - messages, made safe for a terminal and a log line. */
#include "base/error.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SIZE = sizeof(((bantam_error *)0)->message) };

/* C1 controls begin terminal sequences just as ESC does. */
static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code <= 0x9F);
}

/* Writes text escaped and NUL-terminated to out[SIZE], from *used on, as far as it fits whole.
 */
static void put_escaped(char *out, size_t *used, const char *text, size_t size)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size;) {
        uint32_t code;
        const size_t length = bnt_utf8_decode(text + i, size - i, &code);
        const bool escape = code == BNT_UTF8_BAD || is_control(code);
        if (*used + (escape ? 4 * length : length) >= SIZE) break;
        if (!escape) {
            memcpy(out + *used, text + i, length);
            *used += length;
        }
        for (size_t k = 0; escape && k < length; k++) {
            const uint8_t byte = (uint8_t)text[i + k];
            const char four[4] = {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
            memcpy(out + *used, four, 4);
            *used += 4;
        }
        i += length;
    }
    out[*used] = '\0';
}

/* Formats and escapes into out[SIZE]; returns the size. */
static size_t put_message(char *out, const char *format, va_list args) BNT_PRINTF(2, 0);
static size_t put_message(char *out, const char *format, va_list args)
{
    char raw[SIZE + 4];
    const int n = vsnprintf(raw, sizeof raw, format, args);
    size_t size = n < 0 ? 0 : (size_t)n;
    size_t used = 0;

    /* A character cut by the end of raw is dropped, not escaped. */
    if (size >= sizeof raw) size = bnt_utf8_settled(raw, sizeof raw - 1);
    put_escaped(out, &used, raw, size);
    return used;
}

bantam_status bnt_fail(bantam_error *err, bantam_status status, const char *format, ...)
{
    if (!err) return status;
    /* An argument may point into err->message. */
    char message[SIZE];
    va_list args;
    va_start(args, format);
    put_message(message, format, args);
    va_end(args);

    err->status = status;
    memcpy(err->message, message, SIZE);
    return status;
}

bantam_status bnt_fail_within(bantam_error *err, bantam_status status, const char *format, ...)
{
    if (!err) return status;
    char message[SIZE];
    va_list args;
    va_start(args, format);
    size_t used = put_message(message, format, args);
    va_end(args);

    /* Escaped already; escaping it again changes nothing, and cuts at a character. */
    put_escaped(message, &used, err->message, strnlen(err->message, SIZE));
    memcpy(err->message, message, SIZE);
    if (err->status == BANTAM_OK) err->status = status;
    return err->status;
}
