/* core.h - the inside of a session, for the files of this folder.
 *
 * The session holds tokens[0..position). Its cache holds their keys and values, but for rows of
 * windowed layers that later positions took: these are computed anew before the next pass.
 */
#ifndef BNT_SESSION_CORE_H
#define BNT_SESSION_CORE_H
#include "session/ahead.h"
#include "session/kv.h"
#include "session/session.h"

/* Rows of logits computed together while scoring. More would cost memory (a row of a large
 * vocabulary is half a megabyte) and buy little: the head's weights are read once for all. */
enum { BNT_SCORE_ROWS = 8 };

struct bnt_session {
    const bnt_model *model;         /* borrowed until closed */
    const bnt_tokenizer *tokenizer; /* borrowed until closed; may be NULL */
    bnt_cache cache;                /* owns */
    bnt_pool *pool;                 /* owns */
    bnt_arena scratch;              /* owns */
    bnt_sampler *sampler;           /* owns */
    uint32_t context, batch;
    uint32_t n_vocab;

    bnt_adapter_use adapters[BNT_MAX_ADAPTERS]; /* (n_adapters) borrowed while in use */
    uint32_t n_adapters;
    uint64_t plain_bytes, limit_bytes; /* planned without adapters; allowed, or 0 */

    uint32_t *tokens; /* (context) owns */
    uint32_t position;
    uint32_t call; /* first position of the call that computed the last token */

    /* (BNT_SCORE_ROWS + 1, n_vocab) owns. The first rows are for scoring, the last is spare;
     * the current logits lie in the first or in the spare row, the next ones are computed into
     * the other, so that a pass that fails leaves them alone. */
    float *rows;
    const float *logits;    /* current ones, or NULL */
    uint8_t *allow;         /* (n_vocab) owns: tokens that a draw may give */
    size_t max_token_bytes; /* the longest text of a token */

    bnt_ahead ahead; /* owns what it owns; all zero: nothing is guessed */

    struct bantam_batch *in; /* the batch that makes an answer of it, or NULL; borrowed */

    /* Set by bnt_session_cancel() from any thread or a signal handler, cleared by the call that
     * reports it. Atomic for that alone: it orders nothing else. */
    atomic_int cancelled;
};

/* The adapters as a pass wants them: held against the model, and those of scale 0 left out. */
bantam_status bnt_adapters_list(bnt_adapter_use *out, uint32_t *n_out, const bnt_model *model,
                                const bantam_adapter *const *adapters, const float *scales,
                                size_t n, bantam_error *err);
/* Whether the session uses these, and no others. */
bool bnt_session_adapted(const bnt_session *s, const bnt_adapter_use *uses, uint32_t n);
/* Memory that they hold. */
uint64_t bnt_adapters_bytes(const bnt_adapter_use *uses, uint32_t n);

/* BANTAM_ERR_INVALID where a batch is at work on the session: nobody else may be then. */
bantam_status bnt_session_check_free(const bnt_session *s, bantam_error *err);

/* BANTAM_ERR_CANCELLED, once, where the session was told to stop. */
bantam_status bnt_session_check_cancel(bnt_session *s, bantam_error *err);
/* What a call begins with that computes: both. */
bantam_status bnt_session_begin(bnt_session *s, bantam_error *err);

/* BANTAM_ERR_INVALID where there are no logits to choose from. */
bantam_status bnt_session_need_logits(const bnt_session *s, bantam_error *err);

/* Feeds tokens[0..n), n at most BNT_SCORE_ROWS and the batch, each a call by itself, but holds
 * only the first of them: the keys and values of the others lie behind the position, and their
 * logits in rows 1, 2, ... . */
bantam_status bnt_session_feed_rows(bnt_session *s, const uint32_t *tokens, uint32_t n,
                                    bantam_error *err);
/* Holds one more token, whose keys and values are there, with its logits. */
void bnt_session_step(bnt_session *s, uint32_t token, const float *logits);

/* ---- of a pass that a batch runs ----
 *
 * What a feed does, in pieces: check; ready, before the first of the pass's pieces; touch, for
 * every piece; hold, when all of them are computed. Nothing the session holds changes before
 * that. */

/* As bnt_session_feed() has it: whether the tokens are some, and fit. */
bantam_status bnt_session_check(const bnt_session *s, const uint32_t *tokens, size_t n,
                                bantam_error *err);
/* Makes the cache hold all that a pass from the position on looks at. */
bantam_status bnt_session_ready(bnt_session *s, bantam_error *err);
/* Holds n more tokens, fed as one call; row (n_vocab) are their logits, and copied. */
void bnt_session_hold(bnt_session *s, const uint32_t *tokens, uint32_t n, const float *row);

/* What one drawn token came to. */
typedef struct bnt_drawn {
    uint32_t token;
    float logprob; /* before any stage; only where asked for */
    bool ended;    /* it is a stop token and was not fed */
} bnt_drawn;

typedef struct bnt_draw_how {
    bool masked; /* among the tokens with allow[token] only */
    bool feed_stops;
    bool logprob;
} bnt_draw_how;

/* Draws from the current logits, and feeds nothing. before (BNT_SAMPLER_STATE) is the sampler
 * as it was, for bnt_session_undraw() where the token cannot be fed. On failure all is as
 * before. */
bantam_status bnt_session_draw(bnt_session *s, bnt_draw_how how, uint8_t *before,
                               bnt_drawn *out, bantam_error *err);
void bnt_session_undraw(bnt_session *s, const uint8_t *before);

/* The text a token adds to an answer; nothing for control and unknown tokens, as decoding has
 * it. */
bantam_text bnt_session_text(const bnt_session *s, uint32_t token);

/* Goes back to n_tokens, at least 1, and computes the logits there anew; call is the first
 * position of the call that its last token belonged to, and ended. Cannot be cancelled. On
 * failure the session holds one token less and no logits. */
bantam_status bnt_session_redo(bnt_session *s, uint32_t n_tokens, uint32_t call,
                               bantam_error *err);

static inline float *bnt_session_spare(const bnt_session *s)
{
    return s->rows + (size_t)BNT_SCORE_ROWS * s->n_vocab;
}

#endif
