/* names.c - open addressing with linear probing; at most half of the slots are used, so that a
 * search ends.
 *
 *     a text of 1 to 11 bytes     word: its first 8 bytes        tag: size << 24 | the others
 *     a longer one                word: where its bytes are      tag: 1 << 31 | hash << 17 |
 * size a free slot                                                tag: 0
 *
 * What the ids mean is for those who put them there.
 */
#include "token/names.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/words.h"

#include <string.h>

enum {
    MAX_SHORT = 11,
    SIZE_BITS = 17, /* of BNT_MAX_TOKEN_BYTES */
    TOGETHER = 32   /* texts whose slots are on their way at the same time */
};
#define LONG_TAG 0x80000000u

typedef struct bnt_name_slot {
    uint64_t word;
    uint32_t tag, id;
} slot;

/* What a text is in a slot, and where the search for it begins. */
typedef struct key {
    uint64_t word; /* of a long text: its hash */
    uint32_t tag, hash;
} key;

/* One to three bytes as a number: some of them twice, but never the same number for different
 * texts of one size. */
static uint32_t few_bytes(const char *p, size_t size)
{
    return (uint32_t)(uint8_t)p[0] | (uint32_t)(uint8_t)p[size / 2] << 8 |
           (uint32_t)(uint8_t)p[size - 1] << 16;
}

static uint64_t mix(uint64_t h)
{
    h ^= h >> 32;
    h *= UINT64_C(0xD6E8FEB86659FD93);
    return h ^ h >> 29;
}

/* The byte order of the words does not matter: neither hashes nor slots leave the process. */
static inline key short_key(uint64_t secret, const char *data, size_t size)
{
    key k = {.tag = (uint32_t)size << 24};
    if (size >= 4) { /* bytes 4 to 7, or as many of them as there are with those before */
        const size_t second = size < 8 ? size - 4 : 4;
        k.word = (uint64_t)bnt_load32(data + second) << 32 | bnt_load32(data);
        if (size > 8) k.tag |= few_bytes(data + 8, size - 8);
    } else {
        k.word = few_bytes(data, size);
    }
    const uint64_t h =
        mix(mix(k.word ^ secret) ^ secret ^ k.tag * UINT64_C(0x9E3779B97F4A7C15));
    k.hash = (uint32_t)h;
    return k;
}

static key long_key(uint64_t secret, const char *data, size_t size)
{
    uint64_t h = secret ^ size * UINT64_C(0x9E3779B97F4A7C15);
    for (size_t i = 0; size - i > 8; i += 8) {
        h = mix(h ^ bnt_load64(data + i)) + secret;
    }
    h = mix(mix(h ^ bnt_load64(data + size - 8)) ^ secret);
    const uint32_t high = (uint32_t)(h >> 32) & 0x3FFF;
    return (key){h, LONG_TAG | high << SIZE_BITS | (uint32_t)size, (uint32_t)h};
}

static inline key key_of(const bnt_name_table *names, const char *data, size_t size)
{
    return size <= MAX_SHORT ? short_key(names->secret, data, size)
                             : long_key(names->secret, data, size);
}

static inline bool is_here(const slot *s, const key *k, const char *data, size_t size)
{
    if (s->tag != k->tag) return false;
    if (!(k->tag & LONG_TAG)) return s->word == k->word;
    return memcmp((const char *)(uintptr_t)s->word, data, size) == 0;
}

/* The slot of a text, or the free one where it belongs. */
static inline slot *seek(const bnt_name_table *names, const key *k, const char *data,
                         size_t size)
{
    for (uint32_t i = k->hash & names->mask;; i = (i + 1) & names->mask) {
        slot *const s = &names->slots[i];
        if (!s->tag || is_here(s, k, data, size)) return s;
    }
}

static bool is_possible(const bnt_name_table *names, size_t size)
{
    return size > 0 && size <= names->longest;
}

static bool can_be_put(size_t size)
{
    return size > 0 && size <= BNT_MAX_TOKEN_BYTES;
}

static void prefetch(const bnt_name_table *names, const key *k)
{
#ifdef __GNUC__
    __builtin_prefetch(&names->slots[k->hash & names->mask]);
#else
    (void)names;
    (void)k;
#endif
}

bantam_status bnt_names_init(bnt_name_table *names, uint32_t n, bantam_error *err)
{
    uint32_t n_slots = 16;
    while (n_slots / 2 < n) {
        n_slots *= 2;
    }
    *names = (bnt_name_table){.mask = n_slots - 1, .secret = bnt_table_secret()};
    names->slots = bnt_calloc_large(n_slots, sizeof *names->slots);
    if (names->slots) return BANTAM_OK;
    *names = (bnt_name_table){0};
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a vocabulary of %u tokens",
                    (unsigned)n);
}

void bnt_names_deinit(bnt_name_table *names)
{
    bnt_free(names->slots);
    *names = (bnt_name_table){0};
}

size_t bnt_names_bytes(const bnt_name_table *names)
{
    return names->slots ? ((size_t)names->mask + 1) * sizeof *names->slots : 0;
}

/* False where an equal text is there. */
static bool put(bnt_name_table *names, const key *k, bantam_text text, uint32_t id)
{
    slot *const s = seek(names, k, text.data, text.size);
    if (s->tag) return false;
    const uint64_t word = k->tag & LONG_TAG ? (uint64_t)(uintptr_t)text.data : k->word;
    *s = (slot){word, k->tag, id};
    if (text.size > names->longest) names->longest = (uint32_t)text.size;
    return true;
}

size_t bnt_names_put(bnt_name_table *names, const bantam_text *texts, const uint32_t *ids,
                     size_t n)
{
    key keys[TOGETHER];
    size_t n_there = 0;
    for (size_t done = 0; done < n; done += TOGETHER) {
        const size_t end = n - done < TOGETHER ? n : done + TOGETHER;
        for (size_t i = done; i < end; i++) {
            if (!can_be_put(texts[i].size)) continue;
            keys[i - done] = key_of(names, texts[i].data, texts[i].size);
            prefetch(names, &keys[i - done]);
        }
        for (size_t i = done; i < end; i++) {
            if (!can_be_put(texts[i].size)) continue;
            n_there += !put(names, &keys[i - done], texts[i], ids[i]);
        }
    }
    return n_there;
}

uint32_t bnt_names_find(const bnt_name_table *names, const char *data, size_t size)
{
    if (!is_possible(names, size)) return BANTAM_NO_TOKEN;
    const key k = key_of(names, data, size);
    const slot *const s = seek(names, &k, data, size);
    return s->tag ? s->id : BANTAM_NO_TOKEN;
}

void bnt_names_find_all(const bnt_name_table *names, const bantam_text *texts, size_t n,
                        uint32_t *ids)
{
    key keys[TOGETHER];
    for (size_t done = 0; done < n; done += TOGETHER) {
        const size_t end = n - done < TOGETHER ? n : done + TOGETHER;
        for (size_t i = done; i < end; i++) {
            if (!is_possible(names, texts[i].size)) continue;
            keys[i - done] = key_of(names, texts[i].data, texts[i].size);
            prefetch(names, &keys[i - done]);
        }
        for (size_t i = done; i < end; i++) {
            ids[i] = BANTAM_NO_TOKEN;
            if (!is_possible(names, texts[i].size)) continue;
            const slot *const s = seek(names, &keys[i - done], texts[i].data, texts[i].size);
            if (s->tag) ids[i] = s->id;
        }
    }
}
