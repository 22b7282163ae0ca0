/* options.h - option structs that know their own size. */
#ifndef BNT_BASE_OPTIONS_H
#define BNT_BASE_OPTIONS_H
#include "base/error.h"

/* Copies an option struct, which begins with a size_t of its own size, over *out: size bytes
 * that hold the defaults already. A struct of an older header leaves the defaults of members it
 * does not know; of a newer one the members known here are taken. options may be NULL. what
 * names the struct in the message. BANTAM_ERR_INVALID for a size that no header ever had. */
bantam_status bnt_options_copy(void *out, size_t size, const void *options, const char *what,
                               bantam_error *err);

#endif
