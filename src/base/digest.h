/* digest.h - a 64-bit check on bytes, made piece by piece.
 *
 * It guards saved states against accidents, not against an adversary. Any change within eight
 * aligned bytes changes the result for certain, because every step can be undone; any other
 * change is missed once in 2^64.
 */
#ifndef BNT_BASE_DIGEST_H
#define BNT_BASE_DIGEST_H
#include <stddef.h>
#include <stdint.h>

typedef struct bnt_digest {
    uint64_t lane[4];
    uint64_t size;    /* bytes so far */
    uint8_t tail[32]; /* the size % 32 bytes that make no whole block yet */
} bnt_digest;

void bnt_digest_init(bnt_digest *d);
void bnt_digest_put(bnt_digest *d, const void *data, size_t size);
uint64_t bnt_digest_end(const bnt_digest *d); /* of what was put so far */

#endif
