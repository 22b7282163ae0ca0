/* words.h - words at any address, in the machine's byte order: for comparing and hashing many
 * bytes at a time, and for nothing that leaves the process. */
#ifndef BNT_BASE_WORDS_H
#define BNT_BASE_WORDS_H
#include <stdint.h>
#include <string.h>

static inline uint64_t bnt_load64(const char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

static inline uint32_t bnt_load32(const char *p)
{
    uint32_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

#endif
