/* session.h - one conversation with a model: its cache, its position, its sampler.
 *
 * Everything a session needs is taken in open; between two tokens there is no allocation and no
 * system call but the pool's waiting. Contracts are those of the public namesakes in bantam.h.
 */
#ifndef BNT_SESSION_SESSION_H
#define BNT_SESSION_SESSION_H
#include "model/forward.h"
#include "sample/sampler.h"
#include "token/tokenizer.h"

typedef struct bnt_session bnt_session;

/* The tokenizer may be NULL. */
bantam_status bnt_session_plan(const bnt_model *model, const bnt_tokenizer *tokenizer,
                               const bantam_session_options *options, bantam_plan_info *out,
                               bantam_error *err);

bantam_status bnt_session_plan_within(const bnt_model *model, const bnt_tokenizer *tokenizer,
                                      bantam_session_options *options, bantam_plan_info *plan,
                                      bantam_error *err);

/* Model and tokenizer (may be NULL) are borrowed until the session is closed. */
bantam_status bnt_session_open(bnt_session **out, const bnt_model *model,
                               const bnt_tokenizer *tokenizer,
                               const bantam_session_options *options, bantam_error *err);
void bnt_session_close(bnt_session *s); /* accepts NULL */

bantam_status bnt_session_feed(bnt_session *s, const uint32_t *tokens, size_t n,
                               bantam_error *err);
bantam_status bnt_session_score(bnt_session *s, const uint32_t *tokens, size_t n,
                                bantam_logits_fn fn, void *user, bantam_error *err);
bantam_status bnt_session_states(bnt_session *s, const uint32_t *tokens, size_t n,
                                 bantam_states_fn fn, void *user, bantam_error *err);
const float *bnt_session_logits(const bnt_session *s);
uint32_t bnt_session_position(const bnt_session *s);
uint32_t bnt_session_capacity(const bnt_session *s);
uint32_t bnt_session_token(const bnt_session *s, uint32_t position);
bantam_status bnt_session_rewind(bnt_session *s, uint32_t n_tokens, bantam_error *err);
void bnt_session_cancel(bnt_session *s);

bantam_status bnt_session_set_adapters(bnt_session *s, const bantam_adapter *const *adapters,
                                       const float *scales, size_t n, bantam_error *err);

bantam_status bnt_session_set_sampling(bnt_session *s, const bantam_sampling *sampling,
                                       bantam_error *err);
bantam_status bnt_session_next(bnt_session *s, uint32_t *token, bantam_text *text,
                               bantam_error *err);
double bnt_session_logprob(bnt_session *s, const float *logits, uint32_t token);
bantam_status bnt_session_top(bnt_session *s, bantam_candidate *out, size_t k,
                              bantam_error *err);
bantam_status bnt_session_generate(bnt_session *s, const bantam_generation *options,
                                   bantam_step_fn fn, void *user, bantam_answer *out,
                                   bantam_error *err);

/* draft in place of options->draft. */
bantam_status bnt_session_speculate(bnt_session *s, const bantam_speculation *options,
                                    bnt_session *draft, bantam_error *err);
const bantam_speculated *bnt_session_speculated(const bnt_session *s);

bantam_status bnt_session_save(const bnt_session *s, const char *path, bantam_error *err);
bantam_status bnt_session_load(bnt_session *s, const char *path, bantam_error *err);

#endif
