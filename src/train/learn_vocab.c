/* learn_vocab.c - byte-pair encoding, learned.
 *
 * Every different piece of the texts is kept once, with how often it occurs, as a row of
 * tokens that shrinks while pairs in it are merged. For each pair of neighbors it is known how
 * often it occurs and in which pieces, so that a merge touches only those. The best pair comes
 * from a heap whose entries may be out of date: an entry that promises more than the pair has
 * goes back with what it has; one that promises less has a newer one somewhere.
 *
 * No two merges spell the same token: no merge has gone across the ends of what is a token
 * now, so that the bytes between them went through the same merges wherever they stand. Pieces
 * are looked at in stretches of at most MAX_PIECE bytes, beyond which no useful token reaches.
 * Ties go to the pair whose left token is older, then its right.
 */
#include "train/learn_vocab.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/table.h"
#include "token/load_parts.h"
#include "token/pretokenize.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_PIECE = 128, N_BYTES = 256, MAX_PIECES = 1 << 30 };

/* A piece: tokens [start, start + n) of `symbols`. */
typedef struct word {
    size_t start;
    uint32_t n;
    uint64_t count;
} word;

typedef struct pair {
    uint32_t left, right;
    bool risen; /* more often now than when it was last put on the heap */
    uint64_t count;
    uint32_t *words; /* owns: pieces it was seen in; some may have lost it */
    size_t n_words, capacity;
} pair;

typedef struct entry {
    uint64_t count;
    uint32_t left, right, pair;
} entry;

typedef struct learner {
    const bnt_vocab_wish *wish;
    bnt_spec *spec;
    bnt_table pieces; /* text to index of words */
    word *words;      /* owns */
    size_t n_words, words_capacity;
    uint32_t *symbols; /* owns */
    size_t n_symbols, symbols_capacity;
    pair *pairs; /* owns */
    size_t n_pairs, pairs_capacity;
    uint32_t *slots; /* owns: index of a pair plus one, by hash; (n_slots) a power of two */
    size_t n_slots;
    entry *heap; /* owns */
    size_t n_heap, heap_capacity;
    uint32_t *risen; /* owns: pairs to be put on the heap after this merge */
    size_t n_risen, risen_capacity;
    bnt_table names; /* of special tokens and bytes */
    bnt_merge *merges;
    uint32_t n_merges;
    size_t merges_capacity;
    bool no_memory; /* sticky */
} learner;

/* The array with room for one more behind n; NULL, and no_memory, where there is none. Many
 * pairs are seen in one piece only: arrays begin small. */
static void *more(learner *l, void *array, size_t n, size_t *capacity, size_t size)
{
    if (n < *capacity) return array;
    const size_t want = *capacity ? 2 * *capacity : 4; /* n things are there: cannot wrap */
    void *const grown = bnt_realloc(array, want, size);
    if (grown) *capacity = want;
    if (!grown) l->no_memory = true;
    return grown;
}

/* ---- pieces ------------------------------------------------------------------------------ */

static bantam_status nomem(bantam_error *err)
{
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for learning a vocabulary");
}

static bantam_status add_word(learner *l, bantam_text piece, bantam_error *err)
{
    const uint32_t first_byte = (uint32_t)l->wish->n_specials;
    uint32_t found;

    const uint32_t index = (uint32_t)l->n_words;
    const bantam_status status = bnt_table_put(&l->pieces, piece, index, &found, err);
    if (status) return status;
    if (found != BNT_TABLE_NONE) {
        l->words[found].count++;
        return BANTAM_OK;
    }
    if (l->n_words == MAX_PIECES) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "texts: more than %d different pieces",
                        MAX_PIECES);
    }
    word *const words = more(l, l->words, l->n_words, &l->words_capacity, sizeof *words);
    if (!words) return nomem(err);
    l->words = words;
    words[l->n_words++] = (word){l->n_symbols, (uint32_t)piece.size, 1};
    for (size_t i = 0; i < piece.size; i++) {
        uint32_t *const symbols =
            more(l, l->symbols, l->n_symbols, &l->symbols_capacity, sizeof *symbols);
        if (!symbols) return nomem(err);
        l->symbols = symbols;
        symbols[l->n_symbols++] = first_byte + (uint8_t)piece.data[i];
    }
    return BANTAM_OK;
}

static bantam_status add_piece(learner *l, bantam_text piece, bantam_error *err)
{
    bantam_status status = BANTAM_OK;

    for (size_t at = 0; !status && at < piece.size; at += MAX_PIECE) {
        const size_t left = piece.size - at;
        status = add_word(
            l, (bantam_text){piece.data + at, left < MAX_PIECE ? left : MAX_PIECE}, err);
    }
    return status;
}

/* Where the next name of a special token begins, and its size; the end of text where there is
 * none. Nothing is learned from such names. */
static size_t next_special(const bnt_vocab_wish *wish, const bool begins[256], bantam_text text,
                           size_t at, size_t *size)
{
    for (*size = 0; at < text.size; at++) {
        if (!begins[(uint8_t)text.data[at]]) continue;
        for (size_t i = 0; i < wish->n_specials; i++) {
            const bantam_text s = wish->specials[i];
            if (s.size > *size && s.size <= text.size - at &&
                memcmp(s.data, text.data + at, s.size) == 0) {
                *size = s.size;
            }
        }
        if (*size) break;
    }
    return at;
}

typedef struct cutter {
    bnt_splitter splitter;
    bnt_cutting cutting;
    bnt_matcher matcher;
} cutter;

static bantam_status add_stretch(learner *l, cutter *c, bantam_text text, bantam_error *err)
{
    bantam_text piece;
    bantam_status status;

    bnt_cutting_begin(&c->cutting, text);
    do {
        status = bnt_cutting_next(&c->cutting, &c->matcher, &piece, err);
        if (!status && piece.size) status = add_piece(l, piece, err);
    } while (!status && piece.data);
    return status;
}

static bantam_status add_text(learner *l, cutter *c, bantam_text text, bantam_error *err)
{
    const bnt_vocab_wish *const wish = l->wish;
    bool begins[256] = {false};
    bantam_status status = BANTAM_OK;

    for (size_t i = 0; i < wish->n_specials; i++) {
        begins[(uint8_t)wish->specials[i].data[0]] = true;
    }
    for (size_t at = 0; !status && at < text.size;) {
        size_t size;
        const size_t end = next_special(wish, begins, text, at, &size);
        if (end > at) {
            status = add_stretch(l, c, (bantam_text){text.data + at, end - at}, err);
        }
        at = end + size;
    }
    return status;
}

static bantam_status add_texts(learner *l, bantam_error *err)
{
    const bnt_vocab_wish *const wish = l->wish;
    cutter c = {0};
    size_t total = 0;

    for (size_t i = 0; i < wish->n_texts; i++) {
        total += wish->texts[i].size; /* all of them are in memory */
    }
    bantam_status status = bnt_table_init(&l->pieces, 1024, err);
    if (!status) status = bnt_splitter_open(&c.splitter, l->spec, err);
    if (!status) status = bnt_cutting_init(&c.cutting, &c.splitter, err);
    if (!status) status = bnt_matcher_init(&c.matcher, total, err);
    for (size_t i = 0; !status && i < wish->n_texts; i++) {
        status = add_text(l, &c, wish->texts[i], err);
    }
    bnt_matcher_deinit(&c.matcher);
    bnt_cutting_deinit(&c.cutting);
    bnt_splitter_close(&c.splitter);
    return status;
}

/* ---- pairs ------------------------------------------------------------------------------- */

static size_t hash_of(uint32_t left, uint32_t right)
{
    uint64_t x = ((uint64_t)left << 32 | right) * UINT64_C(0x9E3779B97F4A7C15);
    return (size_t)(x ^ x >> 29);
}

static bool rehash(learner *l)
{
    const size_t n = l->n_slots ? 2 * l->n_slots : 4096;
    uint32_t *const slots = bnt_calloc(n, sizeof *slots);

    if (!slots) {
        l->no_memory = true;
        return false;
    }
    for (size_t i = 0; i < l->n_pairs; i++) {
        size_t at = hash_of(l->pairs[i].left, l->pairs[i].right) & (n - 1);
        while (slots[at])
            at = (at + 1) & (n - 1);
        slots[at] = (uint32_t)i + 1;
    }
    bnt_free(l->slots);
    l->slots = slots;
    l->n_slots = n;
    return true;
}

/* The index of a pair, made where it is new; UINT32_MAX where memory ends. */
static uint32_t pair_of(learner *l, uint32_t left, uint32_t right)
{
    if (2 * l->n_pairs >= l->n_slots && !rehash(l)) return UINT32_MAX;
    size_t at = hash_of(left, right) & (l->n_slots - 1);
    for (; l->slots[at]; at = (at + 1) & (l->n_slots - 1)) {
        const pair *const p = &l->pairs[l->slots[at] - 1];
        if (p->left == left && p->right == right) return l->slots[at] - 1;
    }
    pair *const pairs = more(l, l->pairs, l->n_pairs, &l->pairs_capacity, sizeof *pairs);
    if (!pairs) return UINT32_MAX;
    l->pairs = pairs;
    pairs[l->n_pairs] = (pair){.left = left, .right = right};
    l->slots[at] = (uint32_t)l->n_pairs + 1;
    return (uint32_t)l->n_pairs++;
}

static void take_away(learner *l, uint32_t left, uint32_t right, uint64_t count)
{
    const uint32_t i = pair_of(l, left, right);
    if (i != UINT32_MAX) l->pairs[i].count -= count;
}

/* One more place, in a piece that occurs `count` times. */
static void add_pair(learner *l, uint32_t left, uint32_t right, uint32_t in, uint64_t count)
{
    const uint32_t i = pair_of(l, left, right);
    if (i == UINT32_MAX) return;
    pair *const p = &l->pairs[i];

    p->count += count;
    if (!p->n_words || p->words[p->n_words - 1] != in) {
        uint32_t *const words = more(l, p->words, p->n_words, &p->capacity, sizeof *words);
        if (!words) return;
        p->words = words;
        words[p->n_words++] = in;
    }
    if (p->risen) return;
    uint32_t *const risen = more(l, l->risen, l->n_risen, &l->risen_capacity, sizeof *risen);
    if (!risen) return;
    l->risen = risen;
    p->risen = true;
    risen[l->n_risen++] = i;
}

/* ---- the heap: most frequent first ------------------------------------------------------- */

static bool is_better(const entry *a, const entry *b)
{
    if (a->count != b->count) return a->count > b->count;
    if (a->left != b->left) return a->left < b->left;
    return a->right < b->right;
}

static void push(learner *l, uint32_t index)
{
    const pair *const p = &l->pairs[index];
    const entry e = {p->count, p->left, p->right, index};

    entry *const heap = more(l, l->heap, l->n_heap, &l->heap_capacity, sizeof *heap);
    if (!heap) return;
    l->heap = heap;
    size_t at = l->n_heap++;
    while (at && is_better(&e, &heap[(at - 1) / 2])) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = e;
}

static entry pop(learner *l)
{
    const entry top = l->heap[0];
    const entry last = l->heap[--l->n_heap];
    size_t at = 0;

    for (size_t next; (next = 2 * at + 1) < l->n_heap; at = next) {
        if (next + 1 < l->n_heap && is_better(&l->heap[next + 1], &l->heap[next])) next++;
        if (!is_better(&l->heap[next], &last)) break;
        l->heap[at] = l->heap[next];
    }
    if (l->n_heap) l->heap[at] = last;
    return top;
}

static void push_risen(learner *l)
{
    for (size_t i = 0; i < l->n_risen; i++) {
        l->pairs[l->risen[i]].risen = false;
        if (l->pairs[l->risen[i]].count > 1) push(l, l->risen[i]);
    }
    l->n_risen = 0;
}

/* ---- merging ----------------------------------------------------------------------------- */

/* Merges left right in one piece, from left to right, with all counts kept. */
static void merge_in(learner *l, uint32_t index, uint32_t left, uint32_t right, uint32_t result)
{
    word *const w = &l->words[index];
    uint32_t *const s = l->symbols + w->start;
    const uint64_t count = w->count;
    uint32_t out = 0;

    for (uint32_t i = 0; i < w->n; i++) {
        if (s[i] != left || i + 1 == w->n || s[i + 1] != right) {
            s[out++] = s[i];
            continue;
        }
        take_away(l, left, right, count);
        if (out) {
            take_away(l, s[out - 1], left, count);
            add_pair(l, s[out - 1], result, index, count);
        }
        if (i + 2 < w->n) {
            take_away(l, right, s[i + 2], count);
            add_pair(l, result, s[i + 2], index, count);
        }
        s[out++] = result;
        i++;
    }
    w->n = out;
}

static bantam_status make_token(learner *l, uint32_t left, uint32_t right, bantam_error *err)
{
    bnt_spec *const spec = l->spec;
    bnt_token_spec *const t = &spec->tokens[spec->n_tokens];
    const bantam_text a = spec->tokens[left].text, b = spec->tokens[right].text;
    char joined[MAX_PIECE];

    memcpy(joined, a.data, a.size); /* both lie side by side in a piece */
    memcpy(joined + a.size, b.data, b.size);
    t->kind = BNT_TOKEN_NORMAL;
    t->text = bnt_spec_copy(spec, joined, a.size + b.size);
    bnt_merge *const merges =
        more(l, l->merges, l->n_merges, &l->merges_capacity, sizeof *merges);
    if (!merges || !t->text.data) return nomem(err);
    l->merges = merges;
    merges[l->n_merges++] = (bnt_merge){left, right, spec->n_tokens++};
    return BANTAM_OK;
}

static bantam_status merge_pair(learner *l, uint32_t index, bantam_error *err)
{
    const pair p = l->pairs[index];
    const uint32_t result = l->spec->n_tokens;
    const bantam_status status = make_token(l, p.left, p.right, err);

    if (status) return status;
    l->pairs[index].words = NULL;
    l->pairs[index].n_words = l->pairs[index].capacity = 0;
    for (size_t i = 0; i < p.n_words && !l->no_memory; i++) {
        merge_in(l, p.words[i], p.left, p.right, result);
    }
    bnt_free(p.words);
    push_risen(l);
    return l->no_memory ? nomem(err) : BANTAM_OK;
}

static bantam_status learn(learner *l, bantam_progress_fn progress, void *user,
                           bantam_error *err)
{
    const uint32_t wanted = l->wish->n_tokens;

    for (size_t i = 0; i < l->n_words; i++) {
        const word w = l->words[i];
        for (uint32_t k = 0; k + 1 < w.n; k++) {
            const uint32_t *const s = l->symbols + w.start + k;
            add_pair(l, s[0], s[1], (uint32_t)i, w.count);
        }
    }
    push_risen(l);
    if (l->no_memory) return nomem(err);
    while (l->spec->n_tokens < wanted && l->n_heap) {
        const entry e = pop(l);
        const uint64_t count = l->pairs[e.pair].count;
        if (e.count > count && count > 1) push(l, e.pair);
        if (e.count != count) continue;
        const bantam_status status = merge_pair(l, e.pair, err);
        if (status) return status;
        if (progress && l->spec->n_tokens % 16 == 0 &&
            !progress(user, l->spec->n_tokens, wanted)) {
            return bnt_fail(err, BANTAM_ERR_CANCELLED, "stopped");
        }
    }
    return BANTAM_OK;
}

/* ---- the spec ---------------------------------------------------------------------------- */

static bantam_status check_wish(const bnt_vocab_wish *w, bantam_error *err)
{
    const uint64_t least = (uint64_t)w->n_specials + N_BYTES;

    if (w->n_specials > BNT_MAX_VOCAB || w->n_tokens < least || w->n_tokens > BNT_MAX_VOCAB) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "vocabulary: expected %" PRIu64 " (256 bytes and %zu special tokens) "
                        "to %d tokens, found %" PRIu32,
                        least, w->n_specials, BNT_MAX_VOCAB, w->n_tokens);
    }
    for (size_t i = 0; i < w->n_specials; i++) {
        const bantam_text s = w->specials[i];
        if (s.size < 2 || s.size > BNT_MAX_TOKEN_BYTES) {
            return bnt_fail(err, BANTAM_ERR_INVALID,
                            "special token %zu: expected 2 to %d bytes, found %zu", i,
                            BNT_MAX_TOKEN_BYTES, s.size);
        }
    }
    const bool bad_bos = w->bos != BANTAM_NO_TOKEN && w->bos >= w->n_specials;
    const bool bad_eos = w->eos != BANTAM_NO_TOKEN && w->eos >= w->n_specials;
    if (!bad_bos && !bad_eos) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_INVALID,
                    "%s: expected one of %zu special tokens, found "
                    "%" PRIu32,
                    bad_bos ? "bos" : "eos", w->n_specials, bad_bos ? w->bos : w->eos);
}

static bantam_status put_token(learner *l, bantam_text text, bnt_token_kind kind,
                               bantam_error *err)
{
    bnt_spec *const spec = l->spec;
    bnt_token_spec *const t = &spec->tokens[spec->n_tokens];
    uint32_t found;

    t->text = bnt_spec_copy(spec, text.data, text.size);
    t->kind = (uint8_t)kind;
    if (!t->text.data) return nomem(err);
    const bantam_status status = bnt_table_put(&l->names, t->text, spec->n_tokens, &found, err);
    if (status) return status;
    if (found != BNT_TABLE_NONE) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "special token \"%.*s\": named twice",
                        BNT_TEXT_ARG(text));
    }
    spec->n_tokens++;
    return BANTAM_OK;
}

static bantam_status begin_spec(learner *l, bantam_error *err)
{
    const bnt_vocab_wish *const wish = l->wish;
    bnt_spec *const spec = l->spec;

    spec->kind = BNT_VOCAB_BPE_MERGES;
    spec->kind_name = "byte-level bpe";
    spec->byte_level = true;
    spec->adds_bos = wish->adds_bos && wish->bos != BANTAM_NO_TOKEN;
    spec->bos = wish->bos;
    spec->eos = wish->eos;
    spec->tokens = bnt_spec_alloc(spec, wish->n_tokens, sizeof *spec->tokens);
    if (!spec->tokens) return nomem(err);
    /* Digits one by one, then GPT-2's words: numbers need no tokens of their own. */
    bantam_status status = bnt_pre_named(spec, BNT_TEXT("smollm"), err);
    if (!status) status = bnt_table_init(&l->names, wish->n_specials + N_BYTES, err);
    for (size_t i = 0; !status && i < wish->n_specials; i++) {
        status = put_token(l, wish->specials[i], BNT_TOKEN_CONTROL, err);
    }
    for (int b = 0; !status && b < N_BYTES; b++) {
        const char byte = (char)(unsigned char)b;
        status = put_token(l, (bantam_text){&byte, 1}, BNT_TOKEN_NORMAL, err);
    }
    if (status || !wish->chat_template.size) return status;
    spec->chat_template =
        bnt_spec_copy(spec, wish->chat_template.data, wish->chat_template.size);
    return spec->chat_template.data ? BANTAM_OK : nomem(err);
}

static bantam_status end_spec(learner *l, bantam_error *err)
{
    bnt_spec *const spec = l->spec;

    spec->merges = bnt_spec_alloc(spec, l->n_merges ? l->n_merges : 1, sizeof *spec->merges);
    if (!spec->merges) return nomem(err);
    if (l->n_merges) memcpy(spec->merges, l->merges, l->n_merges * sizeof *l->merges);
    spec->n_merges = l->n_merges;
    spec->merges_proved = true;
    bnt_load_finish(spec);
    return BANTAM_OK;
}

bantam_status bnt_learn_vocab(bnt_spec *spec, const bnt_vocab_wish *wish,
                              bantam_progress_fn progress, void *user, bantam_error *err)
{
    learner l = {.wish = wish, .spec = spec};
    bantam_status status = check_wish(wish, err);

    if (!status) status = begin_spec(&l, err);
    if (!status) status = add_texts(&l, err);
    bnt_table_deinit(&l.pieces);
    if (!status) status = learn(&l, progress, user, err);
    if (!status) status = end_spec(&l, err);

    for (size_t i = 0; i < l.n_pairs; i++) {
        bnt_free(l.pairs[i].words);
    }
    bnt_free(l.pairs);
    bnt_free(l.words);
    bnt_free(l.symbols);
    bnt_free(l.slots);
    bnt_free(l.heap);
    bnt_free(l.risen);
    bnt_free(l.merges);
    bnt_table_deinit(&l.names);
    return bnt_load_end(spec, status);
}
