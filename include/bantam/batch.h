/* batch.h - several sessions of one model that answer together.
 *
 * A token of one session costs about one reading of the weights. A batch makes the next token
 * of several sessions in one pass, and so reads them once for all; prompts go along in the same
 * passes. Each answer is the one the session would have given alone, to the last bit of its
 * logits, whoever else is in the batch, whenever they join and leave.
 *
 * Sessions keep what is theirs: context, kind of keys and values, sampling, seed, adapters.
 * Those that use other adapters than others are computed in passes of their own. A model's
 * weights may be shared by batches and sessions; a batch belongs to one thread at a time, and
 * so do the sessions in it.
 *
 * A part of bantam.h, which includes it; either may be included first. Ownership, errors and
 * option structs are as described there.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BANTAM_BATCH_H
#define BANTAM_BATCH_H
#include "bantam/bantam.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bantam_batch bantam_batch;

typedef struct bantam_batch_options {
    size_t struct_size;
    uint32_t n_sessions;   /* answers under way at once, at most 256; 0: 8 */
    uint32_t pass_tokens;  /* rows of one pass: a token of every answer, and of prompts what
                              there is room for; at least n_sessions, at most 4096. 0: 128, or
                              n_sessions where they are more. Changes no bit */
    uint32_t n_threads;    /* 0: one per available core, small ones left out. Changes no bit */
    uint64_t memory_bytes; /* refuse to take more than this beside what model and sessions hold;
                              0: no limit */
} bantam_batch_options;

/* What a batch takes. Its sessions take what bantam_plan() says of each, its weight_bytes and
 * other_bytes only once. */
typedef struct bantam_batch_info {
    uint64_t scratch_bytes; /* activations; adapters of a session that joins may add to them */
    uint64_t logits_bytes;
    uint64_t total_bytes;
    uint32_t n_sessions, pass_tokens, n_threads;
} bantam_batch_info;

/* options may be NULL. */
BANTAM_API bantam_status bantam_batch_plan(const bantam_model *model,
                                           const bantam_batch_options *options,
                                           bantam_batch_info *out, bantam_error *err);

/* The model is borrowed until the batch is closed. The caller owns *out. BANTAM_ERR_NOMEM names
 * what was needed and what memory_bytes allows. */
BANTAM_API bantam_status bantam_batch_open(bantam_batch **out, const bantam_model *model,
                                           const bantam_batch_options *options,
                                           bantam_error *err);

/* Accepts NULL. Sessions that are in it leave it. Not from within its callbacks. */
BANTAM_API void bantam_batch_close(bantam_batch *batch);

/* Says how an answer ended: status is what bantam_session_generate() would return, err
 * (borrowed until fn returns) says why, answer how long it is. The session has left the batch:
 * it may be used, closed or join again, with the answer's successor, say. */
typedef void (*bantam_done_fn)(void *user, bantam_status status, const bantam_error *err,
                               const bantam_answer *answer);

typedef struct bantam_request {
    size_t struct_size;
    bantam_session *session;
    const uint32_t *tokens; /* (n_tokens) to be fed first, as one call; borrowed until the
                               session leaves. None where the session has logits */
    size_t n_tokens;
    /* As bantam_session_generate() has it, or NULL; its texts are borrowed likewise. */
    const bantam_generation *generation;
    /* Called from within bantam_batch_step(); may be NULL. step must not touch its session or
     * the batch, but for cancelling. */
    bantam_step_fn step;
    bantam_done_fn done;
    void *user;
} bantam_request;

/* The session joins the batch, which makes an answer of it: from now until it leaves it must
 * not be used otherwise, and calls that would change it are refused. It may be closed: then it
 * leaves. Memory for the answer is taken here.
 *
 * BANTAM_ERR_FULL where n_sessions are in the batch, or the tokens do not fit the context;
 * BANTAM_ERR_INVALID for a session of another model, or in a batch already. Guesses
 * (bantam_session_speculate()) are not made in a batch. On failure nothing has changed. */
BANTAM_API bantam_status bantam_batch_join(bantam_batch *batch, const bantam_request *request,
                                           bantam_error *err);

/* Takes a session out, in the middle of its answer; it holds what it was fed and the tokens
 * drawn so far, of a prompt that was not fed to its end nothing. done is not called.
 * BANTAM_ERR_INVALID for a session that is not in the batch, and from within its own step. */
BANTAM_API bantam_status bantam_batch_leave(bantam_batch *batch, bantam_session *session,
                                            bantam_error *err);

/* One token of every answer, and some of the prompts that wait. *n_left sessions are in the
 * batch afterwards; 0: nothing is left to do.
 *
 * What goes wrong with one session ends its answer, which done is told, and disturbs no other.
 * A failure here means all: BANTAM_ERR_CANCELLED, after which sessions are where they were and
 * the next step goes on, or BANTAM_ERR_IO where the model's file was cut. */
BANTAM_API bantam_status bantam_batch_step(bantam_batch *batch, uint32_t *n_left,
                                           bantam_error *err);

/* Makes the running step, or else the next one, end with BANTAM_ERR_CANCELLED soon. May be
 * called from any thread and from a signal handler. One answer is ended by
 * bantam_session_cancel(). */
BANTAM_API void bantam_batch_cancel(bantam_batch *batch);

#ifdef __cplusplus
}
#endif
#endif
