/* digest_file.h - files that end in a digest of all their other bytes, written.
 *
 * Numbers are little-endian. As with bnt_save, failure is sticky and told by commit; the file
 * appears whole or not at all.
 */
#ifndef BNT_BASE_DIGEST_FILE_H
#define BNT_BASE_DIGEST_FILE_H
#include "base/digest.h"
#include "base/file.h"

enum { BNT_DIGEST_BYTES = 8 };

typedef struct bnt_digest_file {
    bnt_save *save; /* owns until commit */
    bnt_digest digest;
} bnt_digest_file;

bantam_status bnt_digest_file_begin(bnt_digest_file *f, const char *path, bantam_error *err);
void bnt_digest_file_put(bnt_digest_file *f, const void *data, size_t size);
void bnt_digest_file_put_u32(bnt_digest_file *f, uint32_t value);
void bnt_digest_file_put_u64(bnt_digest_file *f, uint64_t value);
void bnt_digest_file_put_f64(bnt_digest_file *f, double value);
/* Appends the digest and puts the file in place. */
bantam_status bnt_digest_file_commit(bnt_digest_file *f, bantam_error *err);

/* Whether the last BNT_DIGEST_BYTES of a file, size is at least those, are right. */
bool bnt_digest_file_is_whole(const uint8_t *data, size_t size);

#endif
