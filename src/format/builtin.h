/* builtin.h - the model that comes with the program, found by its name.
 *
 * Where no file is called BNT_BUILTIN_NAME, that name is the model's path. Its bytes are linked
 * into every program that opens models through the public interface; a program that uses lower
 * floors alone, as unit tests do, is without it and four megabytes smaller.
 */
#ifndef BNT_FORMAT_BUILTIN_H
#define BNT_FORMAT_BUILTIN_H
#include "base/map.h"

#define BNT_BUILTIN_NAME "bantam-mini"

/* The file's bytes, 64-aligned; size 0 where the library was built without. Defined in
 * builtin_model.c: to call it is to link them. */
bantam_text bnt_builtin_bytes(void);

/* Whether a path means the built-in model: there is one, it has this name, and no file has. */
bool bnt_builtin_is(const char *path);

/* As bnt_map_open(); the built-in model's bytes where the path means them. */
bantam_status bnt_builtin_map(bnt_map **out, const char *path, bantam_error *err);

#endif
