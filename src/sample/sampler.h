/* sampler.h - from logits to a token.
 *
 * Works on logits and ids alone; knows no model and no text but the DRY breakers, which the
 * caller has turned into flags per token. All memory is taken in open and configure.
 * Stages are those of bantam_stage; their formulas stand beside their code.
 */
#ifndef BNT_SAMPLE_SAMPLER_H
#define BNT_SAMPLE_SAMPLER_H
#include "base/buf.h"
#include "base/rng.h"
#include "kernel/kernel.h"

typedef struct bnt_sampler bnt_sampler;

/* The defaults that bantam.h states for bantam_sampling. */
void bnt_sampling_init(bantam_sampling *sampling);

/* Opens with the defaults: greedy. kernels are borrowed until close; which set they are of
 * changes no result. */
bantam_status bnt_sampler_open(bnt_sampler **out, uint32_t n_vocab, const bnt_kernels *kernels,
                               bantam_error *err);
void bnt_sampler_close(bnt_sampler *s);    /* accepts NULL */
size_t bnt_sampler_cost(uint32_t n_vocab); /* bytes open takes */

/* Checks and copies options and seeds the generator anew; on failure nothing has changed.
 * Members beyond options->struct_size have their defaults. token_text gives the bytes of a
 * token, for DRY breakers: a token whose text contains a breaker is one. It may be NULL: no
 * breakers. */
typedef bantam_text (*bnt_token_text_fn)(const void *user, uint32_t token);
bantam_status bnt_sampler_configure(bnt_sampler *s, const bantam_sampling *options,
                                    bnt_token_text_fn token_text, const void *user,
                                    bantam_error *err);

/* Draws from logits (n_vocab), which are not changed. history is what the session holds, oldest
 * first. allow, where not NULL, has one byte per token: 0 forbids it. No allocation. A NaN
 * logit counts as -infinity; where nothing at all is possible returns BANTAM_ERR_INVALID and
 * changes nothing.
 *
 * Equal logits go by the lower id. Temperature 0 takes the most likely token after penalties,
 * DRY and bias, whatever else is set, and uses no random number. Any other draw uses one, and
 * one before it for each XTC stage whose probability is not 0, always. A stage that the order
 * leaves out is not applied, temperature 0 excepted. */
bantam_status bnt_sampler_draw(bnt_sampler *s, const float *logits, const uint32_t *history,
                               size_t n_history, const uint8_t *allow, uint32_t *token,
                               bantam_error *err);

/* Candidates that are left after the last draw's stages, most likely first, and their
 * probabilities; for tests and displays. Borrowed until the next draw. */
typedef struct bnt_candidate {
    uint32_t token;
    float logit;
    float probability;
} bnt_candidate;
const bnt_candidate *bnt_sampler_candidates(const bnt_sampler *s, size_t *n);

/* The k most likely tokens and their log-probabilities, before any stage. k at most n_vocab.
 * Ends the borrowing of bnt_sampler_candidates(). */
void bnt_sampler_top(bnt_sampler *s, const float *logits, bantam_candidate *out, size_t k);
/* log p(token): its logit less the logarithm of the sum of exponentials. The exponentials are
 * kernel.h's: off by less than 1e-6. Ends the borrowing of bnt_sampler_candidates(). */
double bnt_sampler_logprob(bnt_sampler *s, const float *logits, uint32_t token);

/* What makes the next draws come out the same: generator and mirostat state, 48 bytes. */
enum { BNT_SAMPLER_STATE = 48 };
void bnt_sampler_save(const bnt_sampler *s, uint8_t out[BNT_SAMPLER_STATE]);
bantam_status bnt_sampler_restore(bnt_sampler *s, const uint8_t in[BNT_SAMPLER_STATE],
                                  bantam_error *err);

#endif
