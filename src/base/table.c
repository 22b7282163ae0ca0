/* table.c - open addressing with linear probing over a keyed hash.
 *
 * At most three of four slots are used, so that a search ends. The hash is SipHash-1-3
 * (Aumasson and Bernstein) under a secret of the table's own.
 */
#include "base/table.h"
#include "base/checked.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/words.h"

#include <string.h>
#if defined(__linux__)
#include <sys/random.h>
#endif

enum { MIN_SLOTS = 16 };

typedef struct bnt_table_slot {
    const char *data; /* borrows */
    size_t size;
    uint32_t hash;
    uint32_t value; /* BNT_TABLE_NONE: the slot is free */
} slot;

uint64_t bnt_table_secret(void)
{
    uint64_t secret = 0;
#if defined(__linux__)
    if (getrandom(&secret, sizeof secret, GRND_NONBLOCK) == (ssize_t)sizeof secret) {
        return secret;
    }
#endif
    /* Early in the start of a system there may be no random bytes yet. Time and the places
     * the loader chose are what a file cannot know. */
    secret = bnt_clock_ns() ^ (uint64_t)(uintptr_t)&secret << 20 ^
             (uint64_t)(uintptr_t)&bnt_table_secret << 7;
    return secret * UINT64_C(0x9E3779B97F4A7C15) ^ secret >> 29;
}

static uint64_t rotl(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] = rotl(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] = rotl(v[2], 32);
}

static uint32_t hash_of(uint64_t secret, bantam_text key)
{
    const uint64_t other = rotl(secret, 23) * UINT64_C(0xD6E8FEB86659FD93);
    uint64_t v[4] = {
        secret ^ UINT64_C(0x736F6D6570736575), other ^ UINT64_C(0x646F72616E646F6D),
        secret ^ UINT64_C(0x6C7967656E657261), other ^ UINT64_C(0x7465646279746573)};
    uint64_t word;
    size_t i = 0;
    /* The byte order of the words does not matter: hashes never leave the process. */
    for (; key.size - i >= 8; i += 8) {
        word = bnt_load64(key.data + i);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    word = 0;
    if (i < key.size) memcpy(&word, key.data + i, key.size - i);
    word ^= (uint64_t)key.size << 56;
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xFF;
    for (int r = 0; r < 3; r++) {
        sip_round(v);
    }
    word = v[0] ^ v[1] ^ v[2] ^ v[3];
    return (uint32_t)(word ^ word >> 32);
}

static slot *take_slots(size_t n)
{
    slot *slots = bnt_calloc(n, sizeof *slots);
    for (size_t i = 0; slots && i < n; i++) {
        slots[i].value = BNT_TABLE_NONE;
    }
    return slots;
}

/* The slot that holds key, or the free one where it belongs. n_slots is a power of two. */
static slot *seek(slot *slots, size_t n_slots, bantam_text key, uint32_t hash)
{
    for (size_t i = hash & (n_slots - 1);; i = (i + 1) & (n_slots - 1)) {
        slot *const s = &slots[i];
        if (s->value == BNT_TABLE_NONE) return s;
        if (s->hash == hash && s->size == key.size &&
            (!key.size || memcmp(s->data, key.data, key.size) == 0)) {
            return s;
        }
    }
}

static bantam_status resize(bnt_table *table, size_t n_slots, bantam_error *err)
{
    slot *slots = take_slots(n_slots);
    if (!slots) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a table of %zu slots",
                        n_slots);
    }
    for (size_t i = 0; i < table->n_slots; i++) {
        const slot *const old = &table->slots[i];
        if (old->value == BNT_TABLE_NONE) continue;
        const bantam_text key = {old->data, old->size};
        *seek(slots, n_slots, key, old->hash) = *old;
    }
    bnt_free(table->slots);
    table->slots = slots;
    table->n_slots = n_slots;
    return BANTAM_OK;
}

bantam_status bnt_table_init(bnt_table *table, size_t n, bantam_error *err)
{
    *table = (bnt_table){.secret = bnt_table_secret()};
    size_t n_slots = MIN_SLOTS;
    while (n_slots / 4 * 3 < n) {
        if (!bnt_mul_size(n_slots, 2, &n_slots)) {
            return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a table of %zu entries",
                            n);
        }
    }
    return resize(table, n_slots, err);
}

void bnt_table_deinit(bnt_table *table)
{
    bnt_free(table->slots);
    *table = (bnt_table){0};
}

bantam_status bnt_table_put(bnt_table *table, bantam_text key, uint32_t value, uint32_t *found,
                            bantam_error *err)
{
    if (found) *found = BNT_TABLE_NONE;
    if (!table->slots) {
        const bantam_status status = bnt_table_init(table, 0, err);
        if (status) return status;
    }
    const uint32_t hash = hash_of(table->secret, key);
    slot *s = seek(table->slots, table->n_slots, key, hash);
    if (s->value != BNT_TABLE_NONE) {
        if (found) *found = s->value;
        return BANTAM_OK;
    }
    if (table->n_used >= table->n_slots / 4 * 3) {
        size_t n_slots;
        if (!bnt_mul_size(table->n_slots, 2, &n_slots)) n_slots = SIZE_MAX;
        const bantam_status status = resize(table, n_slots, err);
        if (status) return status;
        s = seek(table->slots, table->n_slots, key, hash);
    }
    *s = (slot){key.data, key.size, hash, value};
    table->n_used++;
    return BANTAM_OK;
}

uint32_t bnt_table_find(const bnt_table *table, bantam_text key)
{
    if (!table->slots) return BNT_TABLE_NONE;
    return seek(table->slots, table->n_slots, key, hash_of(table->secret, key))->value;
}
