/* task.h - what apps want done: texts judged by labels, texts summarized.
 *
 * A part of bantam.h, which includes it; either may be included first. Ownership, errors and
 * option structs are as described there.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BANTAM_TASK_H
#define BANTAM_TASK_H

#include "bantam/bantam.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- labels ------------------------------------------------------------------------------
 *
 * A labeler says which of some labels suits a text. It asks the model about the text and
 * compares how likely each label is as the answer; nothing is drawn. What all questions share,
 * the instruction and the examples shown, stays in the sessions' caches.
 *
 * ln p of a label is the sum over its tokens. Where one label is the beginning of another, in
 * tokens, the end of the answer counts too, for all of them. A sum below -10000 counts as that.
 *
 * The probabilities are p = softmax((ln p(label) - prior(label)) * scale + bias(label)) over
 * the labels. Without examples scale is 1 and bias 0; the prior is told of below.
 */

enum { BANTAM_MAX_LABELS = 64 };
#define BANTAM_NO_LABEL UINT32_MAX

/* What a model thinks of the labels before it has seen a text. */
typedef enum bantam_label_prior {
    BANTAM_PRIOR_DEFAULT = 0, /* none where the model was made for the question, else by texts
                                 without content */
    BANTAM_PRIOR_NONE = 1,
    BANTAM_PRIOR_CONTENT_FREE = 2 /* ln of the mean probability, among the labels, for three
                                     texts that say nothing: "", "N/A" and "..." */
} bantam_label_prior;

typedef struct bantam_labeler_options {
    size_t struct_size;
    const bantam_text *labels; /* in any order, which changes nothing but the numbers of the
                                  labels. NULL: negative, positive */
    size_t n_labels;           /* 2 to BANTAM_MAX_LABELS */
    /* What the model is asked; {text} stands for the text, which else follows in a new line.
     * Empty: of bantam-mini, where each label is positive, negative or neutral, what it was
     * made for; else a general question that names the labels. It goes through the model's
     * chat template, and where there is none a line "Label:" is to be completed. */
    bantam_text question;
    bantam_label_prior prior;
    /* A model that knows two labels only has a band between them for `neutral`, which is the
     * answer where the likelier of the two would have less than this probability, were there no
     * third: with odds u of the one against the other, and m = x + sqrt(x * x + 2) with x half
     * the odds of this number, p(one) = u / (u + m), p(other) = 1 / (1 + u * m), and neutral is
     * the rest. 0: 0.7, and only where bantam-mini is asked what it was made for; any other
     * number in (0.5, 1) does so for any model and any third label called neutral. */
    double neutral;
    /* A text of more tokens is judged by parts, of so many at most or of one sentence of twice
     * as many; what is longer, or does not fit the context, is cut. 0: 64 for bantam-mini and
     * the question it was made for, else what the context holds. The parts' ln p are averaged,
     * each part weighing as many as its tokens. */
    uint32_t part_tokens;
} bantam_labeler_options;

typedef struct bantam_labeler bantam_labeler;

/* Opens a labeler. The sessions are of one model and use the same adapters; they are borrowed
 * until the labeler is closed, which leaves in them what it last asked. Each works in a thread
 * of its own: for a small model two sessions of one thread do more than one of two. The number
 * changes no bit, but for PhoneLM's `call` rope, to which what the cache holds already is
 * another call. Copies the options; the caller owns *out.
 * BANTAM_ERR_FULL where the question alone does not fit the context, BANTAM_ERR_UNSUPPORTED
 * where the model has no tokenizer, BANTAM_ERR_CANCELLED after bantam_session_cancel() on one
 * of the sessions: so in all functions below. */
BANTAM_API bantam_status bantam_labeler_open(bantam_labeler **out,
                                             bantam_session *const *sessions, size_t n_sessions,
                                             const bantam_labeler_options *options,
                                             bantam_error *err);
BANTAM_API void bantam_labeler_close(bantam_labeler *labeler);

/* The labels in the order of the options. {NULL, 0} beyond the last. Borrowed until the labeler
 * is closed. */
BANTAM_API bantam_text bantam_labeler_label(const bantam_labeler *labeler, size_t index);

typedef struct bantam_label_result {
    size_t index;                /* of the text among those given */
    uint32_t label;              /* the likeliest; BANTAM_NO_LABEL for a text of white space */
    double probability;          /* its probability; 0 where there is no label */
    const double *probabilities; /* (n_labels) in the order of the options; they sum to 1 */
    const double *logprobs;      /* (n_labels) ln p as the model gave it; NaN for a neutral that
                                    is a band. Of a text in parts their mean, ln p being taken
                                    among the labels */
    uint32_t n_parts;            /* 1: the text was judged whole */
    uint32_t n_tokens;           /* of the text */
} bantam_label_result;

/* Return false to stop. The result is borrowed until fn returns. */
typedef bool (*bantam_label_fn)(void *user, const bantam_label_result *result);

/* Judges texts and hands out the results in their order, as soon as they are there. White space
 * around a text does not count, and names of special tokens in it are plain text. */
BANTAM_API bantam_status bantam_labeler_judge(bantam_labeler *labeler, const bantam_text *texts,
                                              size_t n_texts, bantam_label_fn fn, void *user,
                                              bantam_error *err);

typedef struct bantam_label_example {
    bantam_text text;
    uint32_t label; /* index */
} bantam_label_example;

typedef struct bantam_learn_options {
    size_t struct_size;
    /* How many of the examples, the first ones of each label and as many of each, are shown to
     * the model before each text; 0: none where the model was made for the question, else 4 or
     * one of each label, if those leave half of the context. */
    uint32_t n_shots;
    bool no_shots;
    uint64_t seed;               /* of the folds, see below */
    bantam_progress_fn progress; /* in examples; may be NULL. Return false to stop */
    void *user;
} bantam_learn_options;

/* What came of examples. The figures "after" are those of a five-fold cross-validation: each
 * example is judged with what was fitted to the others. Without any fit they are NaN. */
typedef struct bantam_label_fit {
    size_t n_shots;     /* examples shown */
    size_t n_fitted;    /* examples fitted to, and measured on; 0: fewer than 10 were left */
    double temperature; /* 1 / scale */
    double neutral;     /* as in the options; 0 where there is no band */
    const double *bias; /* (n_labels) borrowed until the labeler learns again or is closed; 0
                           for a neutral that is a band */
    double accuracy_before, accuracy_after;
    double loss_before, loss_after;   /* mean of -ln p of the right label */
    double error_before, error_after; /* bantam_calibration_error() */
} bantam_label_fit;

/* Learns from examples, in place of those learned from before: shows the model some of them and
 * fits scale, bias and the width of a neutral band to the others, by least -ln p of their
 * labels, with a normal prior that speaks for changing nothing. The bias takes in how frequent
 * each label is among the examples. Examples are copied where they are needed. On failure the
 * labeler is as before. options and out may be NULL. */
BANTAM_API bantam_status bantam_labeler_learn(bantam_labeler *labeler,
                                              const bantam_label_example *examples,
                                              size_t n_examples,
                                              const bantam_learn_options *options,
                                              bantam_label_fit *out, bantam_error *err);

/* Expected calibration error: how far probabilities are from shares of right answers. The
 * answers, in order of probability, are put into ten groups of the same size (n / 10 groups
 * where n is less than 100, one at least); *out is the mean over the answers of the difference,
 * in their group, between mean probability and share of right ones. n > 0. */
BANTAM_API bantam_status bantam_calibration_error(const double *probabilities,
                                                  const bool *right, size_t n, double *out,
                                                  bantam_error *err);

/* ---- summaries ---------------------------------------------------------------------------
 *
 * A text of any length is taken apart at its sentences, by the model's own tokens, into chunks
 * that the context holds. Every byte of it is in one chunk, and the model reads every chunk;
 * nothing is cut off. There are two methods.
 *
 * To extract needs a model that can read: the sentences that say most of what the text says are
 * handed out, in their order, as they stand there. Each is scored by its words, which weigh as
 * much as they are frequent in the text and surprising to the model; by how near the model's
 * states for it are to those of the whole text; by its place; less what it has in common with
 * sentences already chosen.
 *
 * To write (BANTAM_SUMMARY_ABSTRACT) needs a model that can follow an instruction: it
 * summarizes each chunk, then those summaries, and so on until one is left.
 */

typedef enum bantam_summary_style {
    BANTAM_SUMMARY_PARAGRAPH = 0,
    BANTAM_SUMMARY_BULLETS = 1, /* lines that begin with "- " */
    BANTAM_SUMMARY_HEADLINE = 2 /* one short line */
} bantam_summary_style;

typedef enum bantam_summary_method {
    /* To write where the model has a chat template and 900 million parameters or more, else to
     * extract. */
    BANTAM_SUMMARY_AUTO = 0,
    BANTAM_SUMMARY_EXTRACT = 1,
    BANTAM_SUMMARY_ABSTRACT = 2
} bantam_summary_method;

typedef enum bantam_text_format {
    BANTAM_TEXT_AUTO =
        0, /* by the ending of the name, else HTML where it begins so, else plain */
    BANTAM_TEXT_PLAIN = 1,
    BANTAM_TEXT_HTML = 2,
    BANTAM_TEXT_MARKDOWN = 3
} bantam_text_format;

/* One of the texts that are summarized together. */
typedef struct bantam_source {
    bantam_text text; /* UTF-8; what is none of it becomes U+FFFD */
    bantam_text name; /* of its file; may be empty */
    bantam_text_format format;
} bantam_source;

/* A part of a text that the model has read. */
typedef struct bantam_summary_chunk {
    size_t source;       /* which of the sources; 0 above level 0 */
    uint32_t level;      /* 0: of the text; 1: of summaries of its chunks; and so on */
    uint64_t offset;     /* of its first byte in the source as plain text */
    bantam_text text;    /* its bytes */
    uint32_t n_tokens;   /* of it, without any instruction */
    bantam_text summary; /* what was written about it; empty where sentences are extracted */
} bantam_summary_chunk;

/* Borrowed until fn returns. */
typedef void (*bantam_summary_chunk_fn)(void *user, const bantam_summary_chunk *chunk);

typedef struct bantam_summarize_options {
    size_t struct_size;
    uint32_t words; /* the most that are wanted; 0: 75, and 12 in a headline. What is handed out
                       has at most 1.2 times as many */
    bantam_summary_style style;
    bantam_summary_method method;
    bantam_progress_fn progress;   /* in bytes read of this level; may be NULL */
    bantam_summary_chunk_fn chunk; /* after each chunk; may be NULL */
    void *user;
} bantam_summarize_options;

typedef struct bantam_summary {
    bantam_text text;             /* without a newline at its end */
    bantam_summary_method method; /* that was used */
    uint64_t source_tokens;       /* of all chunks of the text, as the model read them */
    uint64_t computed_tokens;     /* fed and drawn in all, instructions too */
    uint64_t reused_tokens;       /* of prompts, that the session still held */
    uint32_t n_chunks;            /* of the text */
    uint32_t n_levels;            /* of summaries of summaries; 1 where it was read once */
    uint32_t n_words;             /* of the summary */
    bool partial;                 /* it was stopped: this is of what had been read */
} bantam_summary;

/* Summarizes one or more sources, in their order, into one summary, which the caller owns. The
 * session is used from its beginning on: what it held is forgotten, and it draws the likeliest
 * token from then on. options may be NULL. Beyond the session it takes memory for the text and,
 * where sentences are extracted, for less than as many bytes about them.
 * BANTAM_ERR_CANCELLED after bantam_session_cancel(), or where progress has said stop: *out is
 * then the summary of what had been read, or NULL where that was nothing. BANTAM_ERR_INVALID
 * where there is no text, BANTAM_ERR_FULL where the context does not hold the instruction and
 * some words, BANTAM_ERR_UNSUPPORTED for a model without a tokenizer. */
BANTAM_API bantam_status bantam_summarize(bantam_session *session, const bantam_source *sources,
                                          size_t n_sources,
                                          const bantam_summarize_options *options,
                                          bantam_summary **out, bantam_error *err);
BANTAM_API void bantam_summary_close(bantam_summary *summary);

#ifdef __cplusplus
}
#endif

#endif
