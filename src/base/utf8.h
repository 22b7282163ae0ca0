/* utf8.h - UTF-8, decoded strictly: no overlong forms, no surrogates, nothing above U+10FFFF.
 */
#ifndef BNT_BASE_UTF8_H
#define BNT_BASE_UTF8_H
#include "base/buf.h"

/* Decodes the character at data[0..size), size > 0. Returns its length (1 to 4) and writes its
 * code point; for bytes that are not UTF-8 returns 1 and BNT_UTF8_BAD. */
#define BNT_UTF8_BAD UINT32_MAX
size_t bnt_utf8_decode(const char *data, size_t size, uint32_t *code);

/* Writes 1 to 4 bytes; code is a Unicode scalar value. Returns their number. */
size_t bnt_utf8_encode(uint32_t code, char out[4]);

bool bnt_utf8_valid(const char *data, size_t size);

/* How many of the bytes are settled: all, less a last character that more bytes could still
 * complete (at most 3 bytes). What is not UTF-8 counts as settled. */
size_t bnt_utf8_settled(const char *data, size_t size);

/* Appends text with everything that is not UTF-8 replaced by U+FFFD, one for each maximal bad
 * sequence as Unicode recommends. */
void bnt_utf8_put_clean(bnt_buf *out, const char *data, size_t size);

#endif
