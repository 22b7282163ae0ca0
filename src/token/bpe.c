/* bpe.c - the order of merges, and the merging of short pieces.
 *
 * Nearly all pieces are words. A word that is a token is found whole in the vocabulary, which
 * is right where the file says so (ignore_merges) or where merging the token's own text gives
 * the token again: that is remembered when a word has been merged the first time. Other words
 * have a dozen symbols, for which looking at all pairs before each merge is faster than any
 * queue. bpe_long.c merges the rest.
 *
 * A vocabulary without bytes is usually given whole texts (SentencePiece splits nothing). No
 * merge can cross a place between two characters that stand side by side in no token, so texts
 * are cut there first; this changes no result and makes words of them again.
 */
#include "token/bpe.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/f16.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <string.h>

enum {
    SHORT = 48,            /* symbols, above which the queue of bpe_long.c wins */
    INSIDE_BITS = 1 << 17, /* of which real vocabularies set a tenth */
    TOGETHER = 32          /* merges whose slots are on their way at the same time */
};

/* The rest of the pair is its merge. */
typedef struct bnt_bpe_pair {
    uint32_t check; /* half of the hash; the slot is looked for by the other half */
    uint32_t rank;  /* plus one; 0: the slot is free */
} pair;

/* ---- ranks ---- */

static uint64_t pair_hash(const bnt_bpe *bpe, uint32_t left, uint32_t right)
{
    const uint64_t h = ((uint64_t)left << 32 | right) ^ bpe->vocab->names.secret;
    return (h ^ h >> 32) * UINT64_C(0xD6E8FEB86659FD93);
}

/* The slot of a pair, or the free one where it belongs. */
static pair *seek_pair(const bnt_bpe *bpe, uint64_t hash, uint32_t left, uint32_t right)
{
    /* Not all slots are used. */
    for (uint32_t i = (uint32_t)(hash >> 32) & bpe->pair_mask;; i = (i + 1) & bpe->pair_mask) {
        pair *const p = &bpe->pairs[i];
        if (!p->rank) return p;
        if (p->check != (uint32_t)hash) continue;
        const bnt_merge *const m = &bpe->merges[p->rank - 1];
        if (m->left == left && m->right == right) return p;
    }
}

uint32_t bnt_bpe_rank(const bnt_bpe *bpe, const char *text, const uint32_t bounds[3],
                      uint32_t left, uint32_t right, uint32_t *made)
{
    if (bpe->kind == BNT_VOCAB_BPE_MERGES) {
        if (left == BANTAM_NO_TOKEN || right == BANTAM_NO_TOKEN) return BNT_NO_RANK;
        const pair *const p = seek_pair(bpe, pair_hash(bpe, left, right), left, right);
        if (!p->rank) return BNT_NO_RANK;
        *made = bpe->merges[p->rank - 1].result;
        return p->rank - 1;
    }
    const uint32_t id = bnt_vocab_find(bpe->vocab, text + bounds[0], bounds[2] - bounds[0]);
    *made = id;
    if (id == BANTAM_NO_TOKEN) return BNT_NO_RANK;
    return bpe->kind == BNT_VOCAB_BPE_RANKS ? id : bpe->score_ranks[id];
}

/* ---- symbols ---- */

size_t bnt_bpe_symbol(const bnt_bpe *bpe, bantam_text piece, uint32_t *id)
{
    const uint8_t first = (uint8_t)piece.data[0];
    if (bpe->byte_level) {
        *id = bpe->vocab->byte_ids[first];
        return 1;
    }
    if (first < 128) {
        *id = bpe->vocab->ascii_ids[first];
        return 1;
    }
    uint32_t code;
    const size_t size = bnt_utf8_decode(piece.data, piece.size, &code);
    *id = bnt_vocab_find(bpe->vocab, piece.data, size);
    return size;
}

static bool has_bytes_of(const bnt_bpe *bpe, bantam_text symbol)
{
    for (size_t i = 0; i < symbol.size; i++) {
        if (bpe->vocab->byte_ids[(uint8_t)symbol.data[i]] == BANTAM_NO_TOKEN) return false;
    }
    return true;
}

static bantam_status fail_uncovered(bantam_text symbol, bantam_error *err)
{
    uint32_t code;
    bnt_utf8_decode(symbol.data, symbol.size, &code);
    if (symbol.size > 1 && code != BNT_UTF8_BAD) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "the vocabulary has no token for the character U+%04X and no unknown "
                        "token",
                        (unsigned)code);
    }
    return bnt_fail(err, BANTAM_ERR_FORMAT,
                    "the vocabulary has no token for the byte 0x%02X and no unknown token",
                    (unsigned)(uint8_t)symbol.data[0]);
}

bantam_status bnt_bpe_put(const bnt_bpe *bpe, bantam_text symbol, uint32_t id,
                          bool *was_unknown, bnt_ids *out, bantam_error *err)
{
    if (id != BANTAM_NO_TOKEN) {
        *was_unknown = false;
        bnt_ids_put(out, id);
        return BANTAM_OK;
    }
    if (bpe->byte_fallback && has_bytes_of(bpe, symbol)) {
        *was_unknown = false;
        for (size_t i = 0; i < symbol.size; i++) {
            bnt_ids_put(out, bpe->vocab->byte_ids[(uint8_t)symbol.data[i]]);
        }
        return BANTAM_OK;
    }
    if (bpe->unk == BANTAM_NO_TOKEN) {
        if (bpe->n_replacement == 0) return fail_uncovered(symbol, err);
        for (uint32_t i = 0; i < bpe->n_replacement; i++) {
            bnt_ids_put(out, bpe->replacement[i]);
        }
        return BANTAM_OK;
    }
    if (!(*was_unknown && bpe->fuse_unknown)) bnt_ids_put(out, bpe->unk);
    *was_unknown = true;
    return BANTAM_OK;
}

/* ---- short pieces ---- */

/* A row of at most SHORT symbols: text[start[i]..start[i + 1]) is symbol i. rank[i] and made[i]
 * belong to symbols i and i + 1; that of the last symbol is BNT_NO_RANK. */
typedef struct row {
    const char *text;
    uint32_t n;
    uint32_t start[SHORT + 1], id[SHORT], rank[SHORT], made[SHORT];
} row;

/* False where piece has more than SHORT symbols. */
static bool fill_row(row *r, const bnt_bpe *bpe, bantam_text piece)
{
    size_t at = 0;
    r->text = piece.data;
    r->n = 0;
    while (at < piece.size) {
        if (r->n == SHORT) return false;
        const bantam_text rest = {piece.data + at, piece.size - at};
        r->start[r->n] = (uint32_t)at;
        at += bnt_bpe_symbol(bpe, rest, &r->id[r->n]);
        r->n++;
    }
    r->start[r->n] = (uint32_t)at;
    return true;
}

static void rank_at(row *r, const bnt_bpe *bpe, uint32_t i)
{
    if (i + 1 == r->n) {
        r->rank[i] = BNT_NO_RANK;
        return;
    }
    r->rank[i] = bnt_bpe_rank(bpe, r->text, &r->start[i], r->id[i], r->id[i + 1], &r->made[i]);
}

static void merge_row(row *r, const bnt_bpe *bpe)
{
    for (uint32_t i = 0; i < r->n; i++) {
        rank_at(r, bpe, i);
    }
    while (r->n > 1) {
        uint32_t best = 0;
        for (uint32_t i = 1; i < r->n; i++) {
            if (r->rank[i] < r->rank[best]) best = i;
        }
        if (r->rank[best] == BNT_NO_RANK) return;

        r->id[best] = r->made[best];
        const size_t n_after = r->n - best - 2; /* symbols behind the pair */
        memmove(&r->start[best + 1], &r->start[best + 2], (n_after + 1) * sizeof r->start[0]);
        memmove(&r->id[best + 1], &r->id[best + 2], n_after * sizeof r->id[0]);
        memmove(&r->rank[best + 1], &r->rank[best + 2], n_after * sizeof r->rank[0]);
        memmove(&r->made[best + 1], &r->made[best + 2], n_after * sizeof r->made[0]);
        r->n--;
        rank_at(r, bpe, best);
        if (best > 0) rank_at(r, bpe, best - 1);
    }
}

/* ---- what is known to be whole ---- */

/* Threads that share an encoder may read and set bits at the same time. A bit says what is true
 * whether anybody has found out or not, and nothing else is published through it: relaxed order
 * is enough, and who reads it too early merges the piece once more. */
static bool is_whole(const bnt_bpe *bpe, uint32_t id)
{
    if (!bpe->whole) return false;
    return atomic_load_explicit(&bpe->whole[id / 32], memory_order_relaxed) >> (id % 32) & 1;
}

static void set_whole(const bnt_bpe *bpe, uint32_t id)
{
    if (!bpe->whole) return;
    atomic_fetch_or_explicit(&bpe->whole[id / 32], UINT32_C(1) << (id % 32),
                             memory_order_relaxed);
}

/* ---- pieces ---- */

static bantam_status merge_long(const bnt_bpe *bpe, bnt_bpe_scratch *scratch, bantam_text piece,
                                uint32_t token, bool *was_unknown, bnt_ids *out,
                                bantam_error *err)
{
    const size_t n = out->n;
    const bantam_status status =
        bnt_bpe_encode_long(bpe, scratch, piece, was_unknown, out, err);
    const bool is_one = !status && !*was_unknown && out->n == n + 1 && n < out->capacity;
    if (is_one && token != BANTAM_NO_TOKEN && out->ids[n] == token) set_whole(bpe, token);
    return status;
}

/* A piece that has no inner cuts. token is the one with its text, if any, which is not known to
 * be what merging gives. */
static bantam_status merge_piece(const bnt_bpe *bpe, bnt_bpe_scratch *scratch,
                                 bantam_text piece, uint32_t token, bool *was_unknown,
                                 bnt_ids *out, bantam_error *err)
{
    row r;
    if (!fill_row(&r, bpe, piece)) {
        return merge_long(bpe, scratch, piece, token, was_unknown, out, err);
    }
    merge_row(&r, bpe);
    if (r.n == 1 && token != BANTAM_NO_TOKEN && r.id[0] == token) set_whole(bpe, token);
    for (uint32_t i = 0; i < r.n; i++) {
        const bantam_text symbol = {r.text + r.start[i], r.start[i + 1] - r.start[i]};
        const bantam_status status = bnt_bpe_put(bpe, symbol, r.id[i], was_unknown, out, err);
        if (status) return status;
    }
    return BANTAM_OK;
}

/* ---- cuts ---- */

static uint32_t inside_bit(uint32_t left, uint32_t right)
{
    const uint32_t h = left * UINT32_C(0x9E3779B1) + right * UINT32_C(0x85EBCA77);
    return (h ^ h >> 15) % INSIDE_BITS;
}

static bool may_merge(const bnt_bpe *bpe, uint32_t left, uint32_t right)
{
    const uint32_t bit = inside_bit(left, right);
    return bpe->inside[bit / 64] >> (bit % 64) & 1;
}

/* The character at text[at], for the table of neighbors; bad bytes are all alike there. */
static size_t char_at(bantam_text text, size_t at, uint32_t *code)
{
    *code = (uint8_t)text.data[at];
    if (*code < 128) return 1;
    return bnt_utf8_decode(text.data + at, text.size - at, code);
}

/* The size of the part that text begins with and no merge can leave. */
static size_t find_cut(const bnt_bpe *bpe, bantam_text text)
{
    uint32_t left, right;
    size_t at = char_at(text, 0, &left);
    while (at < text.size) {
        const size_t size = char_at(text, at, &right);
        if (!may_merge(bpe, left, right)) return at;
        left = right;
        at += size;
    }
    return at;
}

bantam_status bnt_bpe_encode(const bnt_bpe *bpe, bnt_bpe_scratch *scratch, bantam_text piece,
                             bnt_ids *out, bantam_error *err)
{
    bool was_unknown = false;
    if (piece.size == 0) return BANTAM_OK;
    if (piece.size > BNT_MAX_PIECE_BYTES) {
        return bnt_fail(err, BANTAM_ERR_FULL, "a piece of %zu bytes, at most %u", piece.size,
                        (unsigned)BNT_MAX_PIECE_BYTES);
    }
    const uint32_t id = bnt_vocab_find(bpe->vocab, piece.data, piece.size);
    if (id != BANTAM_NO_TOKEN && (bpe->ignore_merges || is_whole(bpe, id))) {
        bnt_ids_put(out, id);
        return BANTAM_OK;
    }
    if (!bpe->inside) return merge_piece(bpe, scratch, piece, id, &was_unknown, out, err);

    while (piece.size > 0) {
        const bantam_text part = {piece.data, find_cut(bpe, piece)};
        const uint32_t token = bnt_vocab_find(bpe->vocab, part.data, part.size);
        bantam_status status = BANTAM_OK;
        if (token != BANTAM_NO_TOKEN && is_whole(bpe, token)) {
            was_unknown = false;
            bnt_ids_put(out, token);
        } else {
            status = merge_piece(bpe, scratch, part, token, &was_unknown, out, err);
        }
        if (status) return status;
        piece.data += part.size;
        piece.size -= part.size;
    }
    return BANTAM_OK;
}

/* ---- opening ---- */

static bantam_status fail_memory(bantam_error *err)
{
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for the merges of a vocabulary");
}

static bantam_status check_merge(const bnt_bpe *bpe, const bnt_spec *spec, uint32_t index,
                                 bantam_error *err)
{
    const bnt_merge m = spec->merges[index];
    const uint32_t n = spec->n_tokens;
    if (m.left >= n || m.right >= n || m.result >= n) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "merge %u names tokens %u, %u and %u of a vocabulary of %u",
                        (unsigned)index, (unsigned)m.left, (unsigned)m.right,
                        (unsigned)m.result, (unsigned)n);
    }
    if (spec->merges_proved) return BANTAM_OK;
    /* What else rests on this: every merge makes a longer text, and none crosses a cut. */
    const bantam_text l = bnt_vocab_text(bpe->vocab, m.left);
    const bantam_text r = bnt_vocab_text(bpe->vocab, m.right);
    const bantam_text t = bnt_vocab_text(bpe->vocab, m.result);
    if (t.size != l.size + r.size || memcmp(t.data, l.data, l.size) != 0 ||
        memcmp(t.data + l.size, r.data, r.size) != 0) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "merge %u makes token %u, whose text is not that of %u and %u together",
                        (unsigned)index, (unsigned)m.result, (unsigned)m.left,
                        (unsigned)m.right);
    }
    return BANTAM_OK;
}

/* Begins to bring near the slot where the search for a hash begins. */
static void prefetch_pair(const bnt_bpe *bpe, uint64_t hash)
{
#ifdef __GNUC__
    __builtin_prefetch(&bpe->pairs[(uint32_t)(hash >> 32) & bpe->pair_mask], 1);
#else
    (void)bpe;
    (void)hash;
#endif
}

/* Puts the merges from first on into the table, n of them. */
static void put_merges(bnt_bpe *bpe, uint32_t first, uint32_t n)
{
    const bnt_merge *const m = bpe->merges + first;
    uint64_t hashes[TOGETHER];
    for (uint32_t i = 0; i < n; i++) {
        hashes[i] = pair_hash(bpe, m[i].left, m[i].right);
        prefetch_pair(bpe, hashes[i]);
    }
    for (uint32_t i = 0; i < n; i++) {
        pair *const p = seek_pair(bpe, hashes[i], m[i].left, m[i].right);
        if (p->rank) continue; /* said before: the first counts */
        *p = (pair){(uint32_t)hashes[i], first + i + 1};
    }
}

static bantam_status fill_pairs(bnt_bpe *bpe, const bnt_spec *spec, bantam_error *err)
{
    /* Every merge lies in memory already, so twice their number can be asked for. */
    if (spec->n_merges > UINT32_MAX / 4) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "the vocabulary has %u merges, at most %u",
                        (unsigned)spec->n_merges, (unsigned)(UINT32_MAX / 4));
    }
    uint32_t n_slots = 16;
    while (n_slots / 8 * 5 < spec->n_merges) {
        n_slots *= 2;
    }
    bpe->pair_mask = n_slots - 1;
    bpe->n_merges = spec->n_merges;
    bpe->pairs = bnt_calloc_large(n_slots, sizeof *bpe->pairs);
    bpe->merges = bnt_calloc_large(spec->n_merges, sizeof *bpe->merges);
    if (!bpe->pairs || !bpe->merges) return fail_memory(err);
    if (spec->n_merges) memcpy(bpe->merges, spec->merges, spec->n_merges * sizeof *bpe->merges);

    for (uint32_t i = 0; i < spec->n_merges; i++) {
        const bantam_status status = check_merge(bpe, spec, i, err);
        if (status) return status;
    }
    for (uint32_t i = 0; i < spec->n_merges; i += TOGETHER) {
        const uint32_t left = spec->n_merges - i;
        put_merges(bpe, i, left < TOGETHER ? left : TOGETHER);
    }
    return BANTAM_OK;
}

/* Scores in an order where smaller is better: the bits of a float compare like a signed
 * magnitude, turned here into an unsigned number and upside down. No score gives BNT_NO_RANK:
 * only one NaN would, and all NaN are made the worst rank before it. */
static bantam_status fill_score_ranks(bnt_bpe *bpe, const bnt_spec *spec, bantam_error *err)
{
    bpe->score_ranks = bnt_alloc(spec->n_tokens * sizeof *bpe->score_ranks);
    if (!bpe->score_ranks) return fail_memory(err);
    for (uint32_t id = 0; id < spec->n_tokens; id++) {
        const float score = spec->tokens[id].score + 0.0f; /* makes -0 equal to 0 */
        const uint32_t bits = bnt_f32_to_bits(score);
        const uint32_t order = bits >> 31 ? ~bits : bits | 0x80000000u;
        bpe->score_ranks[id] = score == score ? ~order : BNT_NO_RANK - 1;
    }
    return BANTAM_OK;
}

static bantam_status fill_inside(bnt_bpe *bpe, bantam_error *err)
{
    const bnt_vocab *vocab = bpe->vocab;
    bpe->inside = bnt_calloc(INSIDE_BITS / 64, sizeof *bpe->inside);
    if (!bpe->inside) return fail_memory(err);

    for (uint32_t id = 0; id < vocab->n_tokens; id++) {
        /* All texts count, also those of tokens that only a merge list can make. */
        const bantam_text t = bnt_vocab_text(vocab, id);
        uint32_t left, right;
        if (t.size == 0) continue;
        for (size_t at = char_at(t, 0, &left); at < t.size; left = right) {
            at += char_at(t, at, &right);
            const uint32_t bit = inside_bit(left, right);
            bpe->inside[bit / 64] |= UINT64_C(1) << (bit % 64);
        }
    }
    return BANTAM_OK;
}

/* The tokens of U+FFFD: its three bytes merged. Left out where one of them is missing. */
static bantam_status fill_replacement(bnt_bpe *bpe, bantam_error *err)
{
    const bantam_text text = {"\xEF\xBF\xBD", 3};
    bnt_ids out = {bpe->replacement, 3, 0};
    bantam_status status;
    if (bpe->unk != BANTAM_NO_TOKEN || !has_bytes_of(bpe, text)) return BANTAM_OK;
    bnt_bpe_scratch scratch = {0}; /* not used: the piece is short */
    status = bnt_bpe_encode(bpe, &scratch, text, &out, err);
    bpe->n_replacement = (uint32_t)out.n;
    return status;
}

bantam_status bnt_bpe_open(bnt_bpe *bpe, const bnt_vocab *vocab, const bnt_spec *spec,
                           bantam_error *err)
{
    bantam_status status = BANTAM_OK;
    *bpe = (bnt_bpe){.vocab = vocab,
                     .kind = spec->kind,
                     .byte_level = spec->byte_level,
                     .byte_fallback = spec->byte_fallback && !spec->byte_level,
                     .ignore_merges = spec->ignore_merges,
                     .fuse_unknown = spec->fuse_unknown,
                     .unk = spec->unk < spec->n_tokens ? spec->unk : BANTAM_NO_TOKEN};
    if (spec->kind == BNT_VOCAB_BPE_MERGES) {
        status = fill_pairs(bpe, spec, err);
    } else if (spec->kind == BNT_VOCAB_BPE_SCORES) {
        status = fill_score_ranks(bpe, spec, err);
    }
    if (!status && !spec->byte_level) status = fill_inside(bpe, err);
    /* Where a piece that is a token is taken whole in any case, only texts that are cut have a
     * use for the answer. */
    if (!status && !(spec->ignore_merges && spec->byte_level)) {
        bpe->whole = bnt_calloc((size_t)spec->n_tokens / 32 + 1, sizeof *bpe->whole);
        if (!bpe->whole) status = fail_memory(err);
    }
    if (!status && spec->byte_level) status = fill_replacement(bpe, err);
    if (status) bnt_bpe_close(bpe);
    return status;
}

void bnt_bpe_close(bnt_bpe *bpe)
{
    bnt_free(bpe->pairs);
    bnt_free(bpe->merges);
    bnt_free(bpe->score_ranks);
    bnt_free(bpe->whole);
    bnt_free(bpe->inside);
    *bpe = (bnt_bpe){0};
}

size_t bnt_bpe_bytes(const bnt_bpe *bpe)
{
    const size_t n = bpe->vocab ? bpe->vocab->n_tokens : 0;
    size_t sum = 0;
    if (bpe->pairs) sum += ((size_t)bpe->pair_mask + 1) * sizeof *bpe->pairs;
    if (bpe->merges) sum += bpe->n_merges * sizeof *bpe->merges;
    if (bpe->score_ranks) sum += n * sizeof *bpe->score_ranks;
    if (bpe->whole) sum += (n / 32 + 1) * sizeof *bpe->whole;
    if (bpe->inside) sum += INSIDE_BITS / 8;
    return sum;
}
