/* compare.h - what a model makes of texts: how well it predicts them, how far its predictions
 * are from another model's, and which of some answers it finds likeliest.
 *
 * A part of bantam.h, which includes it; either may be included first. Ownership, errors and
 * option structs are as described there.
 *
 * Texts are read in windows that do not overlap, each as long as what the session holds (of two
 * sessions: as what both hold). Where the model's encoder begins with a BOS token every window
 * begins with it and holds one token of text less. Every token but a window's first is
 * predicted from those before it in its window.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BANTAM_COMPARE_H
#define BANTAM_COMPARE_H

#include "bantam/bantam.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bantam_eval_options {
    size_t struct_size;
    bantam_progress_fn progress; /* in tokens of the text; may be NULL. Return false to stop */
    void *user;
} bantam_eval_options;

/* ---- one model --------------------------------------------------------------------------- */

typedef struct bantam_eval {
    uint64_t n_tokens; /* predicted */
    double nll;        /* sum of -ln p over them */
    double perplexity; /* exp(nll / n_tokens); NaN of none */
} bantam_eval;

/* How well the session's model predicts the text. The session is emptied. options may be NULL.
 * BANTAM_ERR_CANCELLED where progress said stop or after bantam_session_cancel(): *out then
 * tells of the windows that were finished. BANTAM_ERR_UNSUPPORTED where the model has no
 * tokenizer, BANTAM_ERR_INVALID where the session holds too little for one prediction. */
BANTAM_API bantam_status bantam_eval_text(bantam_session *session, bantam_text text,
                                          const bantam_eval_options *options, bantam_eval *out,
                                          bantam_error *err);

/* ---- two models -------------------------------------------------------------------------- */

/* Figures over all predicted tokens. The divergence of a position is KL(reference || model) =
 * sum of p ln(p / q) over the vocabulary, in nats, p being the reference's distribution and q
 * the model's. A quantile is that of rank ceil(share * n_tokens). All are NaN where no token
 * was predicted. */
typedef struct bantam_comparison {
    uint64_t n_tokens;
    double kl_mean;
    double kl_mean_error; /* its standard error, positions taken as independent; 0 of one */
    double kl_median, kl_p99, kl_max; /* infinite where q is 0 and p is not */
    double top1_agreement; /* share of positions where both find the same token likeliest, of
                              equal ones that of the lowest id */
    double perplexity, perplexity_reference; /* as of bantam_eval_text() */
    double change_mean;  /* of ln q - ln p of the text's own tokens: below 0 where the model
                          predicts them less well */
    double change_error; /* its standard error */
    double change_rms;   /* root of the mean square of the same */
} bantam_comparison;

/* Holds the model of a session against the one of another, on a text. Both are emptied. At most
 * one window's logits of the reference are kept, and of those no more than 64 MiB, or one row:
 * where a window has more, both sessions read it in pieces, to PhoneLM's `call` rope one call
 * each.
 *
 * The two must have the same tokens: every id that both vocabularies have stands for the same
 * bytes, else the result is BANTAM_ERR_INVALID. One may have more rows at the end than the
 * other, if they are padding: there is no row that plain text reaches, none whose bytes,
 * encoded alone, become that token. Rows that one of the two lacks are left out of both
 * distributions in divergence and agreement; perplexities are over each model's own rows.
 *
 * Options and failures are as of bantam_eval_text(), which both sessions may cause. */
BANTAM_API bantam_status bantam_compare_text(bantam_session *session, bantam_session *reference,
                                             bantam_text text,
                                             const bantam_eval_options *options,
                                             bantam_comparison *out, bantam_error *err);

/* ---- answers to choose from -------------------------------------------------------------- */

/* How likely each answer is after a prompt: logprobs[i] becomes the sum of ln p over the tokens
 * of answers[i]. These are the tokens of prompt, a space, and answer, encoded as one text with
 * what the model's encoder begins with, behind as many as the prompt has alone. There is no
 * space where the answer begins with white space or the prompt is empty; white space at the end
 * of the prompt counts as the answer's, in place of that space. Names of special tokens are
 * plain text.
 *
 * What the answers share is computed once. Where they do not fit the session the beginning of
 * the prompt, behind BOS, is left out; *n_cut (may be NULL) is how many of its tokens, at most
 * of any answer. BANTAM_ERR_FULL where an answer alone does not fit, BANTAM_ERR_INVALID where
 * there is no answer, an answer has no tokens, or nothing stands before it. */
BANTAM_API bantam_status bantam_score_answers(bantam_session *session, bantam_text prompt,
                                              const bantam_text *answers, size_t n_answers,
                                              double *logprobs, size_t *n_cut,
                                              bantam_error *err);

#ifdef __cplusplus
}
#endif

#endif
