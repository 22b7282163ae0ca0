/* mini.h - what the programs that make the data of bantam-mini share: texts in memory, words,
 * random choices, and an end with a message.
 *
 * These are tools for one recipe: they leave with exit status 1 where anything is wrong, and
 * give their memory back by ending.
 */
#ifndef BANTAM_MINI_H
#define BANTAM_MINI_H
#include "bantam/bantam.h"
#include "base/buf.h"
#include "base/rng.h"

#include <stdio.h>

#define MINI_SEPARATOR "<|endoftext|>"

_Noreturn void mini_die(const char *format, ...) BNT_PRINTF(1, 2);

/* A whole file with a NUL behind it. */
char *mini_read(const char *path, size_t *size);
FILE *mini_create(const char *path);
void mini_close(FILE *file, const char *path);
uint64_t mini_number(const char *text, const char *what);

/* Texts of a file, in one block: documents between separators, or lines. */
typedef struct mini_texts {
    bantam_text *items;
    size_t n;
} mini_texts;

mini_texts mini_documents(const char *path); /* white space around them is left out */
mini_texts mini_lines(const char *path);     /* empty ones are left out */

/* A text without the white space around it. */
bantam_text mini_trimmed(const char *data, size_t size);

/* A copy with runs of white space as one space, none at the ends, and a NUL. */
bantam_text mini_squeeze(bantam_text text);
/* A copy with typographic quotes, dashes and dots as ASCII; data NULL where another character
 * beyond ASCII is left. */
bantam_text mini_plain(bantam_text text);

/* Sets of numbers made from texts. */
uint64_t mini_hash(const char *data, size_t size);
typedef struct mini_set {
    uint64_t *items;
    size_t n, capacity;
} mini_set;
bool mini_set_has(const mini_set *set, uint64_t value);
bool mini_set_add(mini_set *set, uint64_t value); /* false where it was there */

/* Every stretch of `width` bytes of a text, and whether a text shares one. */
void mini_set_stretches(mini_set *set, bantam_text text, size_t width);
bool mini_set_shares(const mini_set *set, bantam_text text, size_t width);

/* The next sentence of *rest with its mark and a quote behind it; size 0 at the end. */
bantam_text mini_sentence(bantam_text *rest);

/* One training item: a line of JSON with a question and its answer. weight 1 is not written. */
void mini_put_chat(FILE *file, bantam_text user, bantam_text assistant, double weight);

static inline bantam_text mini_text(const char *s)
{
    size_t n = 0;
    while (s[n]) {
        n++;
    }
    return (bantam_text){s, n};
}

#endif
