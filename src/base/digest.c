/* digest.c - four lanes of xor, rotate and multiply.
 *
 * Word i of the input enters lane i mod 4 by lane = rotl(lane ^ word, 29) * K with odd K: for a
 * given lane a bijection of the word, for a given word one of the lane. Folding the lanes into
 * one number is a bijection of each of them. The multiplier is the odd number next to 2^64
 * divided by the golden ratio.
 */
#include "base/digest.h"

#include <string.h>

#define K UINT64_C(0x9E3779B97F4A7C15)

static uint64_t step(uint64_t lane, uint64_t word)
{
    const uint64_t x = lane ^ word;
    return ((x << 29) | (x >> 35)) * K;
}

/* Little-endian on every machine; compilers make one load of it. */
static uint64_t word_at(const uint8_t *p)
{
    uint64_t word = 0;
    for (int i = 7; i >= 0; i--)
        word = word << 8 | p[i];
    return word;
}

static void block(uint64_t lane[4], const uint8_t *p)
{
    for (int i = 0; i < 4; i++)
        lane[i] = step(lane[i], word_at(p + 8 * i));
}

void bnt_digest_init(bnt_digest *d)
{
    memset(d, 0, sizeof *d);
    for (int i = 0; i < 4; i++)
        d->lane[i] = K * (uint64_t)(i + 1);
}

void bnt_digest_put(bnt_digest *d, const void *data, size_t size)
{
    const uint8_t *p = data;
    const size_t n_tail = (size_t)(d->size % sizeof d->tail);

    if (!size) return;
    d->size += size;
    if (n_tail) {
        const size_t room = sizeof d->tail - n_tail;
        const size_t n = size < room ? size : room;
        memcpy(d->tail + n_tail, p, n);
        if (n < room) return;
        block(d->lane, d->tail);
        p += n;
        size -= n;
    }
    for (; size >= sizeof d->tail; p += sizeof d->tail, size -= sizeof d->tail) {
        block(d->lane, p);
    }
    if (size) memcpy(d->tail, p, size);
}

uint64_t bnt_digest_end(const bnt_digest *d)
{
    uint64_t lane[4];
    uint8_t last[32] = {0};
    uint64_t sum = d->size;

    memcpy(lane, d->lane, sizeof lane);
    memcpy(last, d->tail, (size_t)(d->size % sizeof last));
    block(lane, last); /* padded with zeros; the size tells paddings apart */
    for (int i = 0; i < 4; i++)
        sum = step(sum, lane[i]);
    return sum ^ (sum >> 32);
}
