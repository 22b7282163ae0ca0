/* lookup.c - an index of pairs of tokens: for each pair the places behind it, the latest first.
 *
 * Pairs are kept by their hash, which only costs a look at the wrong place. A chain is as old
 * as it is long, so taking back the latest places leaves the index as it was before them.
 */
#include "session/lookup.h"

#include "base/error.h"
#include "base/mem.h"

enum {
    MOST_BUCKETS = 1 << 16,
    MOST_PLACES = 64, /* looked at in one guess */
    MOST_LENGTH = 32
};

struct bnt_lookup {
    uint32_t *latest; /* (n_buckets) owns: a place, or 0 */
    uint32_t *before; /* (context + 1) owns: the place before this one in its bucket, or 0 */
    uint32_t n_buckets;
    uint32_t n_indexed; /* places 2 .. n_indexed are in the index */
};

bantam_status bnt_lookup_open(bnt_lookup **out, uint32_t context, bantam_error *err)
{
    bnt_lookup *const l = bnt_calloc(1, sizeof *l);

    *out = NULL;
    if (!l) goto fail;
    l->n_buckets = 64;
    while (l->n_buckets < context && l->n_buckets < MOST_BUCKETS)
        l->n_buckets *= 2;
    l->n_indexed = 1;
    l->latest = bnt_calloc(l->n_buckets, sizeof *l->latest);
    l->before = bnt_calloc((size_t)context + 1, sizeof *l->before);
    if (!l->latest || !l->before) goto fail;
    *out = l;
    return BANTAM_OK;

fail:
    bnt_lookup_close(l);
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for an index of %u tokens",
                    (unsigned)context);
}

void bnt_lookup_close(bnt_lookup *l)
{
    if (!l) return;
    bnt_free(l->latest);
    bnt_free(l->before);
    bnt_free(l);
}

/* Of the two tokens before a place; the multipliers are Knuth's for hashing by multiplication.
 */
static uint32_t *bucket(const bnt_lookup *l, const uint32_t *tokens, uint32_t place)
{
    const uint32_t hash = (tokens[place - 2] * 2654435761u ^ tokens[place - 1]) * 2246822519u;
    return &l->latest[hash >> 15 & (l->n_buckets - 1)];
}

static void index_up_to(bnt_lookup *l, const uint32_t *tokens, uint32_t n)
{
    while (l->n_indexed < n) {
        const uint32_t place = ++l->n_indexed;
        uint32_t *const latest = bucket(l, tokens, place);
        l->before[place] = *latest;
        *latest = place;
    }
}

void bnt_lookup_forget(bnt_lookup *l, const uint32_t *tokens, uint32_t n)
{
    for (; l->n_indexed > n && l->n_indexed > 1; l->n_indexed--) {
        *bucket(l, tokens, l->n_indexed) = l->before[l->n_indexed];
    }
}

/* How many tokens before the two places are the same, counted backwards. */
static uint32_t common(const uint32_t *tokens, uint32_t place, uint32_t end)
{
    uint32_t n = 0;
    while (n < MOST_LENGTH && n < place && tokens[place - 1 - n] == tokens[end - 1 - n])
        n++;
    return n;
}

uint32_t bnt_lookup_guess(bnt_lookup *l, const uint32_t *tokens, uint32_t n, uint32_t *out,
                          uint32_t most, uint32_t *length)
{
    uint32_t best = 0;

    *length = 0;
    if (n < 3) return 0;
    index_up_to(l, tokens, n - 1);
    uint32_t place = *bucket(l, tokens, n);
    for (uint32_t i = 0; place && i < MOST_PLACES; i++, place = l->before[place]) {
        const uint32_t found = place < n ? common(tokens, place, n) : 0;
        if (found < 2 || found <= *length) continue;
        *length = found;
        best = place;
    }
    if (!best) return 0;

    /* A text that repeats itself goes on with what was just guessed. */
    for (uint32_t i = 0; i < most; i++) {
        out[i] = best + i < n ? tokens[best + i] : out[best + i - n];
    }
    return most;
}
