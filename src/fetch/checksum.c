/* checksum.c - hashes through OpenSSL's libcrypto, which knows the processors' instructions for
 * them: a file of gigabytes is hashed while it is written, at no cost that shows. */
#include "fetch/checksum.h"

#include "base/mem.h"

#include <openssl/evp.h>
#include <stdio.h>

struct bnt_checksum {
    EVP_MD_CTX *context; /* owns */
    uint64_t bytes;
    bool git, failed;
};

void bnt_checksum_restart(bnt_checksum *c)
{
    char head[40];

    c->failed = EVP_DigestInit_ex(c->context, c->git ? EVP_sha1() : EVP_sha256(), NULL) != 1;
    if (!c->git) return;
    const int n = snprintf(head, sizeof head, "blob %llu", (unsigned long long)c->bytes);
    bnt_checksum_put(c, head, (size_t)n + 1); /* with its NUL */
}

bantam_status bnt_checksum_open(bnt_checksum **out, bool git, uint64_t bytes, bantam_error *err)
{
    bnt_checksum *const c = (bnt_checksum *)bnt_calloc(1, sizeof *c);

    *out = NULL;
    if (c) c->context = EVP_MD_CTX_new();
    if (!c || !c->context) {
        bnt_checksum_close(c);
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a checksum");
    }
    c->git = git;
    c->bytes = bytes;
    bnt_checksum_restart(c);
    *out = c;
    return BANTAM_OK;
}

void bnt_checksum_close(bnt_checksum *c)
{
    if (!c) return;
    EVP_MD_CTX_free(c->context);
    bnt_free(c);
}

void bnt_checksum_put(bnt_checksum *c, const void *data, size_t size)
{
    if (!c->failed && size) c->failed = EVP_DigestUpdate(c->context, data, size) != 1;
}

bool bnt_checksum_end(bnt_checksum *c, char out[65])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    const bool good = !c->failed && EVP_DigestFinal_ex(c->context, hash, &n) == 1 && n <= 32;
    for (unsigned i = 0; i < n && good; i++) {
        out[2 * i] = digits[hash[i] >> 4];
        out[2 * i + 1] = digits[hash[i] & 15];
    }
    out[good ? 2 * n : 0] = '\0';
    bnt_checksum_restart(c);
    return good;
}
