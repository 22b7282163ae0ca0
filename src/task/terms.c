/* terms.c - words of texts, counted and weighed; see terms.h.
 *
 * What the words say of a reader is near.c's and rank.c's business.
 */
#include "task/terms.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 2048, TITLE_BYTES = 512, LEAST_WORD = 3, LONGEST_WORD = 47 };

_Static_assert((int)LONGEST_WORD < (int)BANTAM_WORD_BYTES, "a word and its NUL fit");

typedef struct reader {
    bnt_terms *w;
    size_t used;      /* of bytes */
    size_t n_entries; /* so far; a word stands once for each time it occurs */
} reader;

static bantam_status no_memory(bantam_error *err)
{
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for the words of the items");
}

static size_t at_most(size_t size, size_t limit)
{
    return size < limit ? size : limit;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool is_letter(char c)
{
    const char low = lower(c);
    return (low >= 'a' && low <= 'z') || (low >= '0' && low <= '9') || (unsigned char)c >= 0x80;
}

/* ---- reading ----------------------------------------------------------------------------- */

/* The word that was copied to bytes[used..used + size) becomes an entry of the last text. */
static bantam_status add_word(reader *r, size_t size, bantam_error *err)
{
    bnt_terms *const w = r->w;
    uint32_t found;

    if (size < LEAST_WORD) return BANTAM_OK;
    const bantam_text name = {w->bytes + r->used, size};
    const bantam_status status =
        bnt_table_put(&w->table, name, (uint32_t)w->n_words, &found, err);
    if (status) return status;
    if (found == BNT_TABLE_NONE) {
        found = (uint32_t)w->n_words;
        w->names[w->n_words++] = name;
        r->used += size;
    }
    w->entries[r->n_entries++] = (bnt_weighed){found, 1.0f};
    return BANTAM_OK;
}

static bantam_status add_text(reader *r, bantam_text text, size_t limit, bantam_error *err)
{
    const size_t n = at_most(text.size, limit);
    size_t size = 0;
    bantam_status status = BANTAM_OK;

    for (size_t i = 0; i < n && !status; i++) {
        if (is_letter(text.data[i])) {
            /* What is longer than any word is cut into words: no byte has two places. */
            if (size == LONGEST_WORD) {
                status = add_word(r, size, err);
                size = 0;
            }
            r->w->bytes[r->used + size++] = lower(text.data[i]);
        } else {
            status = add_word(r, size, err);
            size = 0;
        }
    }
    return status ? status : add_word(r, size, err);
}

static int by_word(const void *a, const void *b)
{
    const uint32_t x = ((const bnt_weighed *)a)->word, y = ((const bnt_weighed *)b)->word;
    return (x > y) - (x < y);
}

/* Sorts the entries of a text and adds up those of one word. Returns their number. */
static size_t count(bnt_weighed *entries, size_t n)
{
    size_t kept = 0;

    qsort(entries, n, sizeof *entries, by_word);
    for (size_t i = 0; i < n; i++) {
        if (kept > 0 && entries[kept - 1].word == entries[i].word) {
            entries[kept - 1].weight += 1.0f;
        } else {
            entries[kept++] = entries[i];
        }
    }
    return kept;
}

static bantam_status read_all(reader *r, const bantam_item *const *docs, bantam_error *err)
{
    bnt_terms *const w = r->w;

    for (size_t d = 0; d < w->n_docs; d++) {
        bantam_status status = add_text(r, docs[d]->title, TITLE_BYTES, err);
        if (!status) status = add_text(r, docs[d]->title, TITLE_BYTES, err);
        if (!status) status = add_text(r, docs[d]->text, TEXT_BYTES, err);
        if (status) return status;
        r->n_entries =
            w->first[d] + count(w->entries + w->first[d], r->n_entries - w->first[d]);
        w->first[d + 1] = r->n_entries;
    }
    return BANTAM_OK;
}

/* ---- weighing ---------------------------------------------------------------------------- */

static bantam_status weigh(bnt_terms *w, bantam_error *err)
{
    uint32_t *const df = bnt_calloc(w->n_words + 1, sizeof *df);

    if (!df) return no_memory(err);
    for (size_t i = 0; i < w->first[w->n_docs]; i++)
        df[w->entries[i].word]++;
    for (size_t d = 0; d < w->n_docs; d++) {
        double squares = 0.0;
        for (size_t i = w->first[d]; i < w->first[d + 1]; i++) {
            bnt_weighed *const e = &w->entries[i];
            const double rarity = log(((double)w->n_docs + 1.0) / (df[e->word] + 0.5));
            e->weight = (float)((1.0 + log((double)e->weight)) * rarity);
            squares += (double)e->weight * (double)e->weight;
        }
        const double scale = squares > 0.0 ? 1.0 / sqrt(squares) : 0.0;
        for (size_t i = w->first[d]; i < w->first[d + 1]; i++)
            w->entries[i].weight = (float)((double)w->entries[i].weight * scale);
    }
    bnt_free(df);
    return BANTAM_OK;
}

bantam_status bnt_terms_open(bnt_terms *out, const bantam_item *const *docs, size_t n_docs,
                             bantam_error *err)
{
    reader r = {.w = out};
    size_t bytes = 0;

    *out = (bnt_terms){.n_docs = n_docs};
    for (size_t d = 0; d < n_docs; d++) {
        bytes += 2 * at_most(docs[d]->title.size, TITLE_BYTES);
        bytes += at_most(docs[d]->text.size, TEXT_BYTES);
    }
    /* A word has LEAST_WORD bytes, and one that is being read lies behind those kept. */
    const size_t n_entries = bytes / LEAST_WORD + 1;
    if (n_entries >= UINT32_MAX) {
        return bnt_fail(err, BANTAM_ERR_FULL, "%zu items are too many to rank at once", n_docs);
    }
    out->bytes = bnt_alloc(bytes + 1);
    out->names = bnt_calloc(n_entries, sizeof *out->names);
    out->entries = bnt_calloc(n_entries, sizeof *out->entries);
    out->first = bnt_calloc(n_docs + 1, sizeof *out->first);
    bantam_status status = bnt_table_init(&out->table, 1024, err);
    if (!status && (!out->bytes || !out->names || !out->entries || !out->first))
        status = no_memory(err);
    if (!status) status = read_all(&r, docs, err);
    if (!status) status = weigh(out, err);
    if (status) bnt_terms_close(out);
    return status;
}

void bnt_terms_close(bnt_terms *w)
{
    bnt_free(w->bytes);
    bnt_free(w->names);
    bnt_free(w->entries);
    bnt_free(w->first);
    bnt_table_deinit(&w->table);
    *w = (bnt_terms){0};
}

/* ---- comparing --------------------------------------------------------------------------- */

/* Goes over the words that two texts share: *i and *j stand behind the last one. False at the
 * end. */
static bool next_shared(const bnt_terms *w, size_t a, size_t b, size_t *i, size_t *j)
{
    while (*i < w->first[a + 1] && *j < w->first[b + 1]) {
        const uint32_t x = w->entries[*i].word, y = w->entries[*j].word;
        *i += x <= y;
        *j += y <= x;
        if (x == y) return true;
    }
    return false;
}

double bnt_terms_cosine(const bnt_terms *w, size_t a, size_t b)
{
    size_t i = w->first[a], j = w->first[b];
    double sum = 0.0;

    while (next_shared(w, a, b, &i, &j))
        sum += (double)w->entries[i - 1].weight * (double)w->entries[j - 1].weight;
    return sum;
}

/* ---- telling ----------------------------------------------------------------------------- */

typedef struct told {
    double weight[BANTAM_TOPIC_WORDS];
    char (*out)[BANTAM_WORD_BYTES];
    size_t n;
} told;

static void tell_begin(told *t, char (*out)[BANTAM_WORD_BYTES], size_t n)
{
    *t = (told){.out = out, .n = n};
    for (size_t i = 0; i < n; i++)
        out[i][0] = '\0';
}

/* Puts a word in its place among those that tell most. What is not UTF-8, because a text was,
 * or because a long word was cut, is not told. */
static void tell(told *t, bantam_text name, double weight)
{
    size_t at = t->n;

    while (at > 0 && weight > t->weight[at - 1])
        at--;
    if (at == t->n || !bnt_utf8_valid(name.data, name.size)) return;
    for (size_t i = t->n - 1; i > at; i--) {
        t->weight[i] = t->weight[i - 1];
        memcpy(t->out[i], t->out[i - 1], BANTAM_WORD_BYTES);
    }
    t->weight[at] = weight;
    memcpy(t->out[at], name.data, name.size);
    t->out[at][name.size] = '\0';
}

void bnt_terms_shared(const bnt_terms *w, size_t a, size_t b, char (*out)[BANTAM_WORD_BYTES],
                      size_t n)
{
    size_t i = w->first[a], j = w->first[b];
    told t;

    tell_begin(&t, out, n);
    while (next_shared(w, a, b, &i, &j)) {
        tell(&t, w->names[w->entries[i - 1].word],
             (double)w->entries[i - 1].weight * (double)w->entries[j - 1].weight);
    }
}

bantam_status bnt_terms_common(const bnt_terms *w, const size_t *docs, size_t n_docs,
                               char (*out)[BANTAM_WORD_BYTES], size_t n, bantam_error *err)
{
    told t;

    tell_begin(&t, out, n);
    double *const sums = bnt_calloc(w->n_words + 1, sizeof *sums);
    uint32_t *const counts = bnt_calloc(w->n_words + 1, sizeof *counts);
    if (!sums || !counts) {
        bnt_free(sums);
        bnt_free(counts);
        return no_memory(err);
    }
    for (size_t d = 0; d < n_docs; d++) {
        for (size_t i = w->first[docs[d]]; i < w->first[docs[d] + 1]; i++) {
            sums[w->entries[i].word] += (double)w->entries[i].weight;
            counts[w->entries[i].word]++;
        }
    }
    for (size_t i = 0; i < w->n_words; i++)
        tell(&t, w->names[i], sums[i] * counts[i]);
    bnt_free(sums);
    bnt_free(counts);
    return BANTAM_OK;
}
