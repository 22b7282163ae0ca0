/* text.h - texts that are bytes with a length, held against each other and against strings.
 *
 * A text whose data is NULL is as an empty one.
 */
#ifndef BNT_BASE_TEXT_H
#define BNT_BASE_TEXT_H
#include "bantam/bantam.h"

#include <string.h>

/* Of a string that is NULL: the empty one. */
static inline bantam_text bnt_text_of(const char *string)
{
    if (!string) string = "";
    return (bantam_text){string, strlen(string)};
}

static inline bool bnt_text_same(bantam_text a, bantam_text b)
{
    return a.size == b.size && (!a.size || memcmp(a.data, b.data, a.size) == 0);
}

/* False for a string that is NULL. */
static inline bool bnt_text_is(bantam_text text, const char *string)
{
    return string && bnt_text_same(text, bnt_text_of(string));
}

static inline bool bnt_text_starts_with(bantam_text text, const char *string)
{
    const size_t n = strlen(string);
    return text.size >= n && (!n || memcmp(text.data, string, n) == 0);
}

static inline bool bnt_text_ends_with(bantam_text text, const char *string)
{
    const size_t n = strlen(string);
    return text.size >= n && (!n || memcmp(text.data + text.size - n, string, n) == 0);
}

#endif
