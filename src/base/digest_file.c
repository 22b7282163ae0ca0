/* digest_file.c - bytes on their way to a file, digested as they pass. */
#include "base/digest_file.h"

#include <string.h>

bantam_status bnt_digest_file_begin(bnt_digest_file *f, const char *path, bantam_error *err)
{
    bnt_digest_init(&f->digest);
    return bnt_save_begin(&f->save, path, err);
}

void bnt_digest_file_put(bnt_digest_file *f, const void *data, size_t size)
{
    bnt_digest_put(&f->digest, data, size);
    bnt_save_put(f->save, data, size);
}

static void put_number(bnt_digest_file *f, uint64_t value, size_t size)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(value >> 8 * i);
    }
    bnt_digest_file_put(f, bytes, size);
}

void bnt_digest_file_put_u32(bnt_digest_file *f, uint32_t value)
{
    put_number(f, value, sizeof value);
}

void bnt_digest_file_put_u64(bnt_digest_file *f, uint64_t value)
{
    put_number(f, value, sizeof value);
}

void bnt_digest_file_put_f64(bnt_digest_file *f, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    put_number(f, bits, sizeof bits);
}

bantam_status bnt_digest_file_commit(bnt_digest_file *f, bantam_error *err)
{
    bnt_digest_file_put_u64(f, bnt_digest_end(&f->digest));
    return bnt_save_commit(f->save, err);
}

bool bnt_digest_file_is_whole(const uint8_t *data, size_t size)
{
    uint64_t stated = 0;
    bnt_digest d;

    for (size_t i = 0; i < BNT_DIGEST_BYTES; i++) {
        stated |= (uint64_t)data[size - BNT_DIGEST_BYTES + i] << 8 * i;
    }
    bnt_digest_init(&d);
    bnt_digest_put(&d, data, size - BNT_DIGEST_BYTES);
    return bnt_digest_end(&d) == stated;
}
