/* prune_vocab_choose.c - which tokens of a vocabulary stay.
 *
 * A token that falls apart into what is left spells the same text, so that nearly all can go.
 * What cannot is found first; then tokens are taken one by one with the tokens that merging
 * their text passes through, so that they can still be made.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/utf8.h"
#include "compress/prune_vocab_parts.h"
#include "token/bpe.h"

/* Longer tokens, which no real vocabulary has, are never taken: they fall apart. */
enum { MAX_SYMBOLS = 1024 };

/* How one token is made. Symbol i is text[start[i]..start[i + 1]); rank[i] and made[i] are of
 * merging symbols i and i + 1. */
typedef struct path {
    bantam_text text;
    uint32_t n;
    uint32_t start[MAX_SYMBOLS + 1], id[MAX_SYMBOLS], rank[MAX_SYMBOLS], made[MAX_SYMBOLS];
    uint32_t passed[2 * MAX_SYMBOLS]; /* tokens it goes through, some of them twice */
    uint32_t n_passed;
} path;

typedef struct candidate {
    uint64_t count;
    uint32_t id;
} candidate;

typedef struct chooser {
    const bnt_spec *spec;
    bnt_vocab vocab; /* owns */
    bnt_bpe bpe;     /* owns */
    bool *kept;      /* (spec->n_tokens), borrowed */
    uint32_t n_kept, keep;
    path path;
} chooser;

/* ---- how a token is made ----------------------------------------------------------------- */

static bool fill_symbols(path *p, const bnt_bpe *bpe)
{
    size_t at = 0;

    p->n = p->n_passed = 0;
    while (at < p->text.size) {
        if (p->n == MAX_SYMBOLS) return false;
        const bantam_text rest = {p->text.data + at, p->text.size - at};
        p->start[p->n] = (uint32_t)at;
        at += bnt_bpe_symbol(bpe, rest, &p->id[p->n]);
        if (p->id[p->n] != BANTAM_NO_TOKEN) p->passed[p->n_passed++] = p->id[p->n];
        p->n++;
    }
    p->start[p->n] = (uint32_t)at;
    return p->n > 0;
}

static void rank_at(path *p, const bnt_bpe *bpe, uint32_t i)
{
    p->rank[i] = BNT_NO_RANK;
    if (i + 1 >= p->n) return;
    p->rank[i] =
        bnt_bpe_rank(bpe, p->text.data, &p->start[i], p->id[i], p->id[i + 1], &p->made[i]);
}

static void drop_symbol(path *p, uint32_t i)
{
    const size_t n = p->n - i - 1;

    memmove(&p->start[i], &p->start[i + 1], (n + 1) * sizeof p->start[0]);
    memmove(&p->id[i], &p->id[i + 1], n * sizeof p->id[0]);
    memmove(&p->rank[i], &p->rank[i + 1], n * sizeof p->rank[0]);
    memmove(&p->made[i], &p->made[i + 1], n * sizeof p->made[0]);
    p->n--;
}

/* Merges the text of an ordinary token as an encoder does, and notes what it goes through.
 * False where that does not give the token. */
static bool is_made(chooser *c, uint32_t token)
{
    path *const p = &c->path;

    if (c->spec->tokens[token].kind != BNT_TOKEN_NORMAL) return false;
    p->text = bnt_vocab_text(&c->vocab, token);
    if (!fill_symbols(p, &c->bpe)) return false;
    for (uint32_t i = 0; i < p->n; i++) {
        rank_at(p, &c->bpe, i);
    }
    while (p->n > 1) {
        uint32_t best = 0;
        for (uint32_t i = 1; i < p->n; i++) {
            if (p->rank[i] < p->rank[best]) best = i;
        }
        if (p->rank[best] == BNT_NO_RANK) return false;
        p->passed[p->n_passed++] = p->id[best] = p->made[best];
        drop_symbol(p, best + 1);
        rank_at(p, &c->bpe, best);
        if (best) rank_at(p, &c->bpe, best - 1);
    }
    return p->id[0] == token;
}

/* ---- what cannot go ---------------------------------------------------------------------- */

static bool contains(bantam_text text, bantam_text part)
{
    for (size_t at = 0; at + part.size <= text.size; at++) {
        if (memcmp(text.data + at, part.data, part.size) == 0) return true;
    }
    return false;
}

/* Whether decoding turns a token with this text, and no shorter one, into something else. */
static bool is_replaced(const bnt_spec *spec, bantam_text text, bool is_symbol)
{
    for (uint32_t i = 0; i < spec->n_decode; i++) {
        const bnt_decode_step *const step = &spec->decode[i];
        uint32_t code;
        if (step->op != BNT_DECODE_REPLACE || !step->pattern.size) continue;
        const size_t symbol =
            spec->byte_level ? 1
                             : bnt_utf8_decode(step->pattern.data, step->pattern.size, &code);
        if (is_symbol ? bnt_text_same(text, step->pattern)
                      : step->pattern.size > symbol && contains(text, step->pattern)) {
            return true;
        }
    }
    return false;
}

static bool has_bytes_of(const bnt_vocab *vocab, bantam_text symbol)
{
    for (size_t i = 0; i < symbol.size; i++) {
        if (vocab->byte_ids[(uint8_t)symbol.data[i]] == BANTAM_NO_TOKEN) return false;
    }
    return true;
}

/* Whether a text of more than symbols that have tokens of their own, or of bytes, decodes to
 * itself without a token for the whole. */
static bool falls_apart(const chooser *c, bantam_text text)
{
    size_t size = 0;

    for (size_t at = 0; at < text.size; at += size) {
        uint32_t id;
        size = bnt_bpe_symbol(&c->bpe, (bantam_text){text.data + at, text.size - at}, &id);
        const bantam_text symbol = {text.data + at, size};
        const bool own = id != BANTAM_NO_TOKEN && size < text.size;
        const bool spelled = c->bpe.byte_fallback && has_bytes_of(&c->vocab, symbol) &&
                             !is_replaced(c->spec, symbol, true);
        if (!own && !spelled) return false;
    }
    return !is_replaced(c->spec, text, false);
}

static bool is_needed(const chooser *c, uint32_t id)
{
    switch ((bnt_token_kind)c->spec->tokens[id].kind) {
    case BNT_TOKEN_UNUSED:
        return false;
    case BNT_TOKEN_NORMAL:
        return !falls_apart(c, c->spec->tokens[id].text);
    default:
        return true;
    }
}

/* ---- taking ------------------------------------------------------------------------------ */

/* Takes a token with all that its making passes through, where there is room for them. */
static void take(chooser *c, uint32_t token, bool made)
{
    path *const p = &c->path;
    const uint32_t before = c->n_kept;

    if (!made) {
        p->passed[0] = token;
        p->n_passed = 1;
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n_passed; i++) {
        const uint32_t id = p->passed[i];
        if (c->kept[id]) continue;
        c->kept[id] = true;
        p->passed[n++] = id; /* those that are new, to be given back */
        c->n_kept++;
    }
    if (c->n_kept <= c->keep) return;
    for (uint32_t i = 0; i < n; i++) {
        c->kept[p->passed[i]] = false;
    }
    c->n_kept = before;
}

static bantam_status take_needed(chooser *c, const bool *named, uint32_t *n_needed,
                                 bantam_error *err)
{
    const uint32_t keep = c->keep;

    c->keep = UINT32_MAX;
    for (uint32_t id = 0; id < c->spec->n_tokens; id++) {
        if (c->kept[id] || (!named[id] && !is_needed(c, id))) continue;
        take(c, id, is_made(c, id));
    }
    c->keep = keep;
    *n_needed = c->n_kept;
    if (c->n_kept <= keep) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_INVALID,
                    "vocabulary: special tokens, and what any text can be spelled with, are "
                    "%" PRIu32 " tokens that stay; expected at least that many to keep, found "
                    "%" PRIu32,
                    c->n_kept, keep);
}

static int compare(const void *left, const void *right)
{
    const candidate *const a = left, *const b = right;

    if (a->count != b->count) return a->count > b->count ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

/* The tokens that are used, most frequent first. One that merging never makes is used where
 * words that are tokens are not merged. */
static bantam_status take_used(chooser *c, const uint64_t *counts, bantam_error *err)
{
    const uint32_t n_tokens = c->spec->n_tokens;
    candidate *const used = bnt_calloc(n_tokens, sizeof *used);
    size_t n = 0;

    if (!used) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %u tokens", n_tokens);
    for (uint32_t id = 0; id < n_tokens; id++) {
        if (counts[id] && !c->kept[id]) used[n++] = (candidate){counts[id], id};
    }
    qsort(used, n, sizeof *used, compare);
    for (size_t i = 0; i < n && c->n_kept < c->keep; i++) {
        if (c->kept[used[i].id]) continue;
        take(c, used[i].id, is_made(c, used[i].id));
    }
    bnt_free(used);
    return BANTAM_OK;
}

/* The rest by id: first the tokens that merging makes, then whatever there is. */
static void take_rest(chooser *c)
{
    for (int merged = 1; merged >= 0; merged--) {
        for (uint32_t id = 0; id < c->spec->n_tokens && c->n_kept < c->keep; id++) {
            if (c->kept[id]) continue;
            const bool made = is_made(c, id);
            if (made == merged) take(c, id, made);
        }
    }
}

bantam_status bnt_prune_vocab_choose(const bnt_prune_vocab_wish *wish, bool *kept,
                                     uint32_t *n_needed, bantam_error *err)
{
    chooser *const c = bnt_calloc(1, sizeof *c);

    if (!c) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a choice of tokens");
    c->spec = wish->spec;
    c->kept = kept;
    c->keep = wish->keep;
    bantam_status status = bnt_vocab_open(&c->vocab, wish->spec, err);
    if (!status) status = bnt_bpe_open(&c->bpe, &c->vocab, wish->spec, err);
    if (!status) status = take_needed(c, wish->named, n_needed, err);
    if (!status) status = take_used(c, wish->counts, err);
    if (!status) take_rest(c);
    bnt_bpe_close(&c->bpe);
    bnt_vocab_close(&c->vocab);
    bnt_free(c);
    return status;
}
