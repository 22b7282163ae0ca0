/* options.c - option structs that know their own size. */
#include "base/options.h"

#include <string.h>

enum { MAX_OPTIONS = 4096 }; /* no header's struct comes near it */

bantam_status bnt_options_copy(void *out, size_t size, const void *options, const char *what,
                               bantam_error *err)
{
    size_t given = 0;

    if (!options) return BANTAM_OK;
    memcpy(&given, options, sizeof given);
    if (given < sizeof given || given > MAX_OPTIONS) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "%s: struct_size is %zu, expected the size of the struct, %zu", what,
                        given, size);
    }
    memcpy(out, options, given < size ? given : size);
    return BANTAM_OK;
}
