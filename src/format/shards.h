/* shards.h - the number of a part in the set of files that a model is. */
#ifndef BNT_FORMAT_SHARDS_H
#define BNT_FORMAT_SHARDS_H
#include "bantam/bantam.h"

/* NAME-00002-of-00003.gguf: number 2 of count 3, with the NAME before them. */
typedef struct bnt_shard_name {
    bantam_text stem; /* borrows from the file name */
    uint32_t number, count;
} bnt_shard_name;

/* False where name is not of this form. number is 1 to count. */
bool bnt_shard_name_read(bantam_text name, bnt_shard_name *out);

/* The path of another part of the set that path belongs to; owned by the caller (bnt_free).
 * NULL when out of memory. path ends with the name that shard was read from. */
char *bnt_shard_path(const char *path, const bnt_shard_name *shard, uint32_t number);

#endif
