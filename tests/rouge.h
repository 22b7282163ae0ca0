/* rouge.h - ROUGE-1 and ROUGE-L, for tests and tools.
 *
 * After Lin (2004). Tokens are runs of ASCII letters and digits in small letters; no stemming,
 * no stop words. ROUGE-L is that of the whole texts: the longest common subsequence of their
 * tokens, sentences not taken apart; rouge_lsum() is the union form, by the lines of both
 * texts. All are F1: 2 * hits / (tokens of one + tokens of the other), 0 where either has none.
 */
#ifndef BNT_TESTS_ROUGE_H
#define BNT_TESTS_ROUGE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Tokens as numbers: equal ones where the tokens are equal, of both texts of a rouge_pair. */
typedef struct rouge_text {
    uint32_t *ids;  /* (n) owns */
    uint32_t *line; /* (n) owns: which line of the text it is in */
    size_t n, n_lines;
} rouge_text;

typedef struct rouge_words {
    char **items;
    size_t n;
} rouge_words;

static inline bool rouge_letter(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline uint32_t rouge_number(rouge_words *words, const char *token, size_t size)
{
    for (size_t i = 0; i < words->n; i++) {
        if (strlen(words->items[i]) == size && memcmp(words->items[i], token, size) == 0) {
            return (uint32_t)i;
        }
    }
    words->items = realloc(words->items, (words->n + 1) * sizeof *words->items);
    char *const copy = calloc(size + 1, 1);
    if (!words->items || !copy) exit(1);
    memcpy(copy, token, size);
    words->items[words->n] = copy;
    return (uint32_t)words->n++;
}

static inline rouge_text rouge_read(rouge_words *words, const char *text, size_t size)
{
    rouge_text t = {.n = 0};
    char *const token = malloc(size + 1);
    uint32_t line = 0;

    t.ids = malloc((size + 1) * sizeof *t.ids);
    t.line = malloc((size + 1) * sizeof *t.line);
    if (!token || !t.ids || !t.line) exit(1);
    for (size_t at = 0; at < size;) {
        size_t n = 0;
        if (text[at] == '\n') line++;
        for (; at < size && rouge_letter(text[at]); at++) {
            const char c = text[at];
            token[n++] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        }
        if (n == 0) {
            at++;
            continue;
        }
        t.ids[t.n] = rouge_number(words, token, n);
        t.line[t.n++] = line;
    }
    t.n_lines = (size_t)line + 1;
    free(token);
    return t;
}

static inline void rouge_free(rouge_text *t)
{
    free(t->ids);
    free(t->line);
}

static inline double rouge_f1(size_t hits, size_t a, size_t b)
{
    return a && b ? 2.0 * (double)hits / (double)(a + b) : 0.0;
}

/* Tokens in common, each as often as in the text that has it less often. */
static inline size_t rouge_overlap(const rouge_text *a, const rouge_text *b, size_t n_words)
{
    size_t *const counts = calloc(n_words + 1, sizeof *counts);
    size_t hits = 0;

    if (!counts) exit(1);
    for (size_t i = 0; i < b->n; i++)
        counts[b->ids[i]]++;
    for (size_t i = 0; i < a->n; i++) {
        if (counts[a->ids[i]] == 0) continue;
        counts[a->ids[i]]--;
        hits++;
    }
    free(counts);
    return hits;
}

/* Marks in used (na) the tokens of a that are in one longest common subsequence with b, where
 * used is not NULL. Returns its length. */
static inline size_t rouge_common(const uint32_t *a, size_t na, const uint32_t *b, size_t nb,
                                  bool *used)
{
    const size_t width = nb + 1;
    size_t *const table = calloc((na + 1) * width, sizeof *table);

    if (!table) exit(1);
    for (size_t i = 1; i <= na; i++) {
        for (size_t j = 1; j <= nb; j++) {
            const size_t up = table[(i - 1) * width + j], left = table[i * width + j - 1];
            table[i * width + j] = a[i - 1] == b[j - 1] ? table[(i - 1) * width + j - 1] + 1
                                   : up > left          ? up
                                                        : left;
        }
    }
    const size_t length = table[na * width + nb];
    for (size_t i = na, j = nb; used && i > 0 && j > 0;) {
        if (a[i - 1] == b[j - 1]) {
            used[--i] = true;
            j--;
        } else if (table[i * width + j - 1] > table[(i - 1) * width + j]) {
            j--;
        } else {
            i--;
        }
    }
    free(table);
    return length;
}

/* Where the tokens of a line begin and end. */
static inline size_t rouge_line(const rouge_text *t, size_t line, size_t *n)
{
    size_t from = 0;

    while (from < t->n && t->line[from] < line)
        from++;
    for (*n = 0; from + *n < t->n && t->line[from + *n] == line;)
        ++*n;
    return from;
}

/* For each line of the reference the union of what it has in common with each line of the
 * summary, a token counting as often as both texts have it. */
static inline size_t rouge_union(const rouge_text *summary, const rouge_text *reference,
                                 size_t n_words)
{
    bool *const used = calloc(reference->n + 1, sizeof *used);
    size_t *const left = calloc(n_words + 1, sizeof *left);
    size_t hits = 0;

    if (!used || !left) exit(1);
    for (size_t i = 0; i < reference->n_lines; i++) {
        size_t n, m;
        const size_t from = rouge_line(reference, i, &n);
        for (size_t j = 0; j < summary->n_lines; j++) {
            const size_t at = rouge_line(summary, j, &m);
            rouge_common(reference->ids + from, n, summary->ids + at, m, used + from);
        }
    }
    for (size_t i = 0; i < summary->n; i++)
        left[summary->ids[i]]++;
    for (size_t i = 0; i < reference->n; i++) {
        if (!used[i] || left[reference->ids[i]] == 0) continue;
        left[reference->ids[i]]--;
        hits++;
    }
    free(used);
    free(left);
    return hits;
}

typedef struct rouge {
    double one, l, lsum;
    size_t words; /* tokens of the summary */
} rouge;

static inline rouge rouge_of(const char *summary, size_t summary_size, const char *reference,
                             size_t reference_size)
{
    rouge_words words = {.n = 0};
    rouge_text s = rouge_read(&words, summary, summary_size);
    rouge_text r = rouge_read(&words, reference, reference_size);
    const rouge scores = {rouge_f1(rouge_overlap(&s, &r, words.n), s.n, r.n),
                          rouge_f1(rouge_common(s.ids, s.n, r.ids, r.n, NULL), s.n, r.n),
                          rouge_f1(rouge_union(&s, &r, words.n), s.n, r.n), s.n};

    rouge_free(&s);
    rouge_free(&r);
    for (size_t i = 0; i < words.n; i++)
        free(words.items[i]);
    free(words.items);
    return scores;
}

#endif
