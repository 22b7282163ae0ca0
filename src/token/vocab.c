/* vocab.c - token texts in one block and a hash table of 8-byte slots over them.
 *
 * A slot holds 32 bits of the hash beside the id, so that a text which is no token costs one
 * look at the table, and a text which is one a single comparison. What the tokens mean to each
 * other is bpe.c's concern, how they read in a text decode.c's.
 */
#include "token/vocab.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/table.h"

#include <string.h>

typedef struct bnt_vocab_slot {
    uint32_t check; /* high half of the hash */
    uint32_t id;    /* BANTAM_NO_TOKEN: the slot is free */
} slot;

static uint64_t load64(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint64_t mix(uint64_t h)
{
    h ^= h >> 32;
    h *= UINT64_C(0xD6E8FEB86659FD93);
    return h ^ h >> 29;
}

/* Keyed by the secret. Byte order does not matter: hashes never leave the process. */
static uint64_t hash_of(uint64_t secret, const char *data, size_t size)
{
    uint64_t h = secret ^ size * UINT64_C(0x9E3779B97F4A7C15);
    size_t i = 0;
    for (; size - i > 8; i += 8) {
        h = mix(h ^ load64(data + i)) + secret;
    }

    uint64_t last = 0;
    if (size >= 8) { /* the last eight bytes, some of them a second time */
        last = load64(data + size - 8);
    } else if (size >= 4) {
        uint32_t low, high;
        memcpy(&low, data, sizeof low);
        memcpy(&high, data + size - 4, sizeof high);
        last = (uint64_t)high << 32 | low;
    } else if (size > 0) {
        last = (uint64_t)(uint8_t)data[0] | (uint64_t)(uint8_t)data[size / 2] << 8 |
               (uint64_t)(uint8_t)data[size - 1] << 16;
    }
    return mix(mix(h ^ last) ^ secret);
}

uint32_t bnt_vocab_find(const bnt_vocab *vocab, const char *data, size_t size)
{
    if (size == 0 || size > vocab->longest) return BANTAM_NO_TOKEN;

    const uint64_t hash = hash_of(vocab->secret, data, size);
    const uint32_t check = (uint32_t)(hash >> 32);
    /* At most half of the slots are used, so there is a free one to end at. */
    for (uint32_t i = (uint32_t)hash & vocab->mask;; i = (i + 1) & vocab->mask) {
        const slot s = vocab->slots[i];
        if (s.id == BANTAM_NO_TOKEN) return BANTAM_NO_TOKEN;
        if (s.check != check) continue;
        const bantam_text t = bnt_vocab_text(vocab, s.id);
        if (t.size == size && memcmp(t.data, data, size) == 0) return s.id;
    }
}

/* Adds a token that no lower id spells. */
static void add(bnt_vocab *vocab, uint32_t token)
{
    const bantam_text t = bnt_vocab_text(vocab, token);
    if (t.size == 0) return;
    if (t.size > vocab->longest) vocab->longest = (uint32_t)t.size;
    if (bnt_vocab_find(vocab, t.data, t.size) != BANTAM_NO_TOKEN) return;

    const uint64_t hash = hash_of(vocab->secret, t.data, t.size);
    uint32_t i = (uint32_t)hash & vocab->mask;
    while (vocab->slots[i].id != BANTAM_NO_TOKEN) {
        i = (i + 1) & vocab->mask;
    }
    vocab->slots[i] = (slot){(uint32_t)(hash >> 32), token};
}

static bool is_findable(uint8_t kind, bool byte_level)
{
    return kind == BNT_TOKEN_NORMAL || kind == BNT_TOKEN_USER_DEFINED ||
           (kind == BNT_TOKEN_BYTE && byte_level);
}

static void fill_tables(bnt_vocab *vocab, bool byte_level)
{
    for (uint32_t id = 0; id < vocab->n_tokens; id++) {
        if (is_findable(vocab->kinds[id], byte_level)) add(vocab, id);
    }
    for (uint32_t c = 0; c < 128; c++) {
        const char text = (char)c;
        vocab->ascii_ids[c] = bnt_vocab_find(vocab, &text, 1);
    }
    for (uint32_t b = 0; b < 256; b++) {
        const char text = (char)(uint8_t)b;
        vocab->byte_ids[b] = byte_level ? bnt_vocab_find(vocab, &text, 1) : BANTAM_NO_TOKEN;
    }
    if (byte_level) return;
    for (uint32_t id = vocab->n_tokens; id-- > 0;) { /* downwards: the lowest id stays */
        const bantam_text t = bnt_vocab_text(vocab, id);
        if (vocab->kinds[id] == BNT_TOKEN_BYTE && t.size == 1) {
            vocab->byte_ids[(uint8_t)t.data[0]] = id;
        }
    }
}

/* The sum of all texts, each of them within the limits. */
static bantam_status measure(const bnt_spec *spec, size_t *total, bantam_error *err)
{
    if (spec->n_tokens == 0) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "the vocabulary has no tokens");
    }
    if (spec->n_tokens > BNT_MAX_VOCAB) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "the vocabulary has %u tokens, at most %d",
                        (unsigned)spec->n_tokens, BNT_MAX_VOCAB);
    }
    uint64_t sum = 0; /* at most 2^22 * 2^16 */
    for (uint32_t id = 0; id < spec->n_tokens; id++) {
        const size_t size = spec->tokens[id].text.size;
        if (size > BNT_MAX_TOKEN_BYTES) {
            return bnt_fail(err, BANTAM_ERR_FORMAT, "token %u has %zu bytes, at most %d",
                            (unsigned)id, size, BNT_MAX_TOKEN_BYTES);
        }
        sum += size;
    }
    if (sum > UINT32_MAX) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "the tokens' texts add up to more than 4 GiB");
    }
    *total = (size_t)sum;
    return BANTAM_OK;
}

static bantam_status take_secret(bnt_vocab *vocab, bantam_error *err)
{
    bnt_table table = {0}; /* a table's secret is as unpredictable as ours must be */
    const bantam_status status = bnt_table_init(&table, 1, err);
    vocab->secret = table.secret;
    bnt_table_deinit(&table);
    return status;
}

bantam_status bnt_vocab_open(bnt_vocab *vocab, const bnt_spec *spec, bantam_error *err)
{
    size_t total = 0;
    *vocab = (bnt_vocab){0};
    bantam_status status = measure(spec, &total, err);
    if (!status) status = take_secret(vocab, err);
    if (status) return status;

    uint32_t n_slots = 16;
    while (n_slots / 2 < spec->n_tokens)
        n_slots *= 2; /* at most 2^23 */
    vocab->mask = n_slots - 1;
    vocab->n_tokens = spec->n_tokens;
    vocab->bytes = bnt_alloc(total);
    vocab->offsets = bnt_calloc((size_t)spec->n_tokens + 1, sizeof *vocab->offsets);
    vocab->kinds = bnt_calloc(spec->n_tokens, sizeof *vocab->kinds);
    vocab->slots = bnt_calloc(n_slots, sizeof *vocab->slots);
    if (!vocab->bytes || !vocab->offsets || !vocab->kinds || !vocab->slots) {
        status = bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a vocabulary of %u tokens",
                          (unsigned)spec->n_tokens);
        goto fail;
    }
    uint32_t at = 0;
    for (uint32_t id = 0; id < spec->n_tokens; id++) {
        const bantam_text t = spec->tokens[id].text;
        if (t.size) memcpy(vocab->bytes + at, t.data, t.size);
        at += (uint32_t)t.size;
        vocab->offsets[id + 1] = at;
        vocab->kinds[id] = spec->tokens[id].kind;
    }
    for (uint32_t i = 0; i < n_slots; i++) {
        vocab->slots[i].id = BANTAM_NO_TOKEN;
    }
    fill_tables(vocab, spec->byte_level);
    return BANTAM_OK;

fail:
    bnt_vocab_close(vocab);
    return status;
}

void bnt_vocab_close(bnt_vocab *vocab)
{
    bnt_free(vocab->bytes);
    bnt_free(vocab->offsets);
    bnt_free(vocab->kinds);
    bnt_free(vocab->slots);
    *vocab = (bnt_vocab){0};
}

size_t bnt_vocab_bytes(const bnt_vocab *vocab)
{
    if (!vocab->offsets) return 0;
    return vocab->offsets[vocab->n_tokens] +
           ((size_t)vocab->n_tokens + 1) * sizeof *vocab->offsets +
           vocab->n_tokens * sizeof *vocab->kinds +
           ((size_t)vocab->mask + 1) * sizeof *vocab->slots;
}
