/* summary.h - what the methods of summarizing share, for the files of this folder. */
#ifndef BNT_TASK_SUMMARY_H
#define BNT_TASK_SUMMARY_H
#include "base/buf.h"
#include "task/chunks.h"

enum {
    BNT_MAX_SUMMARY = 16 << 20, /* bytes */
    BNT_USUAL_WORDS = 75,
    BNT_USUAL_HEADLINE = 12
};

/* One call of bantam_summarize(). */
typedef struct bnt_summary_run {
    bantam_session *session; /* borrows */
    const bantam_tokenizer *tokenizer;
    bantam_tokenizer_info words;
    bantam_summarize_options options; /* words is never 0 */
    bantam_summary *out;              /* its counters are kept while it goes on */
} bnt_summary_run;

/* Some texts, as plain text, one after the other. */
typedef struct bnt_summary_texts {
    const bantam_text *items; /* (n) borrows */
    size_t n;
    uint32_t level;
} bnt_summary_texts;

/* Counts a chunk, hands it out and tells how far it is. False where that says stop. done is in
 * bytes of all texts. */
bool bnt_summary_tell(bnt_summary_run *run, const bnt_summary_texts *texts, size_t source,
                      const bnt_chunker *chunker, bantam_text summary);

/* The chunk's bytes in the text. */
bantam_text bnt_chunk_text(const bnt_chunker *chunker);

/* Appends the sentences that say most to out, in the run's style. After BANTAM_ERR_CANCELLED
 * out has those of what had been read. */
bantam_status bnt_extract(bnt_summary_run *run, const bnt_summary_texts *texts, bnt_buf *out,
                          bantam_error *err);

/* Appends what the model writes, likewise. */
bantam_status bnt_abstract(bnt_summary_run *run, const bnt_summary_texts *texts, bnt_buf *out,
                           bantam_error *err);

/* ---- text of a summary --------------------------------------------------------------------
 */

/* Appends one item, white space in it being one space: a sentence of a paragraph, or a line. */
void bnt_put_item(bnt_buf *out, bantam_summary_style style, bantam_text item);

/* The same, cut to n_words: behind a comma or the like where one is in the second half of them,
 * else behind a word, with three dots. */
void bnt_put_cut_item(bnt_buf *out, bantam_summary_style style, bantam_text item,
                      size_t n_words);

/* Appends what a model wrote, in a style: marks of lists are taken off and put on, and what is
 * beyond 1.2 times n_words is left out, by whole sentences where that leaves one. */
void bnt_put_fitted(bnt_buf *out, bantam_summary_style style, bantam_text written,
                    size_t n_words);

/* The most words that n may become. */
static inline size_t bnt_most_words(size_t n)
{
    return n + n / 5;
}

#endif
