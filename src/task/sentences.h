/* sentences.h - where sentences and paragraphs end.
 *
 * A text is taken apart into pieces that follow each other without a gap: white space before a
 * sentence is a part of it, and white space at the end belongs to the last one.
 */
#ifndef BNT_TASK_SENTENCES_H
#define BNT_TASK_SENTENCES_H
#include "bantam/bantam.h"

/* What has no full stop for so long is cut between words, or between characters where there are
 * no words, so that the work for a sentence has a limit. */
enum { BNT_MAX_SENTENCE = 4096 };

typedef struct bnt_sentence {
    size_t offset, size; /* in the text, with the white space around it */
    bantam_text trimmed; /* without; empty for a text of white space */
    bool begins;         /* a paragraph begins here */
    bool cut;            /* the next one goes on in this sentence: it was too long */
} bnt_sentence;

/* The sentence that begins at `at`, where another one ended or the text begins. False at the
 * end of the text. */
bool bnt_sentence_next(bantam_text text, size_t at, bnt_sentence *out);

/* Words: what white space parts, where it has a letter or a digit, with a word for each
 * character of Han and Kana, which white space does not part. */
size_t bnt_count_words(bantam_text text);

/* Bytes of the text's first n_words words. */
size_t bnt_first_words(bantam_text text, size_t n_words);

/* The next run of letters and digits from `at` on, and where it ends; {NULL, 0} at the end of
 * the text. A character of Han or Kana is one by itself. */
bantam_text bnt_term_next(bantam_text text, size_t *at);

/* The same number for terms that differ in capitals only, of the Latin, Greek and Cyrillic
 * alphabets; else most likely another one. */
uint64_t bnt_term_hash(bantam_text term);

/* Of a character as it is in UTF-8 at text[at]. */
bool bnt_is_space_at(bantam_text text, size_t at, size_t *length);

#endif
