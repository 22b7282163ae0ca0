/* map.h - a file mapped for reading, that survives being cut.
 *
 * The file is held open; its size is that at open. When another process truncates it, touching
 * the missing pages gives zeros instead of SIGBUS, and bnt_map_damaged() turns true: whoever
 * computed from the mapping asks afterwards and reports BANTAM_ERR_IO.
 *
 * For this an open installs a handler for SIGBUS where it is not in place, for the whole
 * process and until its end: the system offers no narrower way to survive such a read. The
 * handler acts on addresses inside these mappings alone and passes every other SIGBUS to the
 * handler it found. A program that installs a handler of its own later should pass on in the
 * same way.
 */
#ifndef BNT_BASE_MAP_H
#define BNT_BASE_MAP_H
#include "bantam/bantam.h"

typedef struct bnt_map bnt_map;

/* Maps a regular file whole. Anything else (directory, FIFO, device) is BANTAM_ERR_IO, also a
 * link loop; opening never blocks. An empty file maps to size 0. Messages begin with the path.
 */
bantam_status bnt_map_open(bnt_map **out, const char *path, bantam_error *err);
/* Bytes that lie in memory already, as a mapping; borrowed until it is closed. They have no
 * stamp and are never damaged. */
bantam_status bnt_map_wrap(bnt_map **out, const void *data, size_t size, bantam_error *err);
void bnt_map_close(bnt_map *map); /* accepts NULL */

const uint8_t *bnt_map_data(const bnt_map *map);
size_t bnt_map_size(const bnt_map *map);
bool bnt_map_damaged(const bnt_map *map);

/* What tells one state of a file from another, as the system keeps it. */
typedef struct bnt_map_stamp {
    uint64_t size, inode, modified_ns; /* since 1970 */
    uint32_t owner;
} bnt_map_stamp;

/* Of the file as it is now; false where the system does not tell. */
bool bnt_map_stamp_of(const bnt_map *map, bnt_map_stamp *out);

/* As bnt_map_damaged(), and asks the system for the file's present size: a cut inside the last
 * page touched reads as zeros without any signal. One system call. */
bool bnt_map_check(const bnt_map *map);

#endif
