/* builtin.c - whether a path means the built-in model; see builtin.h. */
#include "format/builtin.h"

#include "base/file.h"

#include <string.h>

/* A weak reference takes what is there and pulls nothing out of an archive of objects: the
 * bytes are present in programs in which somebody refers to them strongly, as api/ does. */
#if defined(__GNUC__) && !defined(__APPLE__)
#pragma weak bnt_builtin_bytes
#define IS_LINKED (bnt_builtin_bytes != NULL)
#else
#define IS_LINKED true
#endif

static bantam_text bytes(void)
{
    if (IS_LINKED) return bnt_builtin_bytes();
    return (bantam_text){NULL, 0};
}

bool bnt_builtin_is(const char *path)
{
    return strcmp(path, BNT_BUILTIN_NAME) == 0 && bytes().size &&
           bnt_file_kind_of(path) == BNT_FILE_ABSENT;
}

bantam_status bnt_builtin_map(bnt_map **out, const char *path, bantam_error *err)
{
    if (!bnt_builtin_is(path)) return bnt_map_open(out, path, err);
    return bnt_map_wrap(out, bytes().data, bytes().size, err);
}
