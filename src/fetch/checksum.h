/* checksum.h - hashes of what is fetched: sha256 as the hub gives it for large files, and the
 * sha1 that git gives a small one ("blob SIZE", a zero byte, the content). The arithmetic is
 * libcrypto's.
 */
#ifndef BNT_FETCH_CHECKSUM_H
#define BNT_FETCH_CHECKSUM_H
#include "base/error.h"

typedef struct bnt_checksum bnt_checksum;

/* git: git's sha1 of content of that many bytes; else sha256. The caller owns *out. */
bantam_status bnt_checksum_open(bnt_checksum **out, bool git, uint64_t bytes,
                                bantam_error *err);
void bnt_checksum_close(bnt_checksum *c); /* accepts NULL */

/* Begins anew. Failure is sticky and told by end. */
void bnt_checksum_restart(bnt_checksum *c);
void bnt_checksum_put(bnt_checksum *c, const void *data, size_t size);

/* Writes the hash in hexadecimal (40 or 64 digits, lower case) and NUL, and begins anew. False
 * where the library failed. */
bool bnt_checksum_end(bnt_checksum *c, char out[65]);

#endif
