/* systext.h - texts in which Linux tells of itself, in /proc and control
 * groups, read whole. */
#ifndef BNT_BASE_SYSTEXT_H
#define BNT_BASE_SYSTEXT_H
#include "bantam/bantam.h"

enum { BNT_SYSTEXT_BYTES = 8192, BNT_SYSTEXT_PATH = 1024 };

/* The beginning of a file, NUL-terminated; false, and the text empty, where it
 * cannot be read or has nothing in it. */
bool bnt_systext_read(const char *path, char text[BNT_SYSTEXT_BYTES]);

/* The same of FOLDER/NAME. */
bool bnt_systext_read_in(const char *folder, const char *name, char text[BNT_SYSTEXT_BYTES]);

/* A decimal number at text, blanks before it passed over; false where none
 * stands there
 * ("max"). */
bool bnt_systext_number(const char *text, uint64_t *out);

/* What follows `key` at the start of a line; NULL where no line begins so. */
const char *bnt_systext_after(const char *text, const char *key);

#endif
