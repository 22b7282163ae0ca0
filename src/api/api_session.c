/* api_session.c - sessions: checks the handle, calls down. */
#include "api/api.h"
#include "base/mem.h"
#include "sample/sampler.h"

struct bantam_session {
    const bantam_model *model; /* borrowed until closed */
    bnt_session *session;      /* owns */
};

bantam_status bantam_plan(const bantam_model *model, const bantam_session_options *options,
                          bantam_plan_info *out, bantam_error *err)
{
    return bnt_session_plan(model->weights, model->tokenizer.tokens, options, out, err);
}

bantam_status bantam_plan_within(const bantam_model *model, bantam_session_options *options,
                                 bantam_plan_info *out, bantam_error *err)
{
    return bnt_session_plan_within(model->weights, model->tokenizer.tokens, options, out, err);
}

bantam_status bantam_session_open(bantam_session **out, const bantam_model *model,
                                  const bantam_session_options *options, bantam_error *err)
{
    *out = NULL;
    if (model->describe_only) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "session: the model was opened to be described only");
    }
    bantam_session *const s = bnt_calloc(1, sizeof *s);
    if (!s) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for the session");
    const bantam_status status =
        bnt_session_open(&s->session, model->weights, model->tokenizer.tokens, options, err);
    if (status) {
        bnt_free(s);
        return status;
    }
    s->model = model;
    *out = s;
    return BANTAM_OK;
}

bnt_session *bnt_api_session(const bantam_session *session)
{
    return session->session;
}

const bantam_model *bantam_session_model(const bantam_session *session)
{
    return session->model;
}

void bantam_session_close(bantam_session *session)
{
    if (!session) return;
    bnt_session_close(session->session);
    bnt_free(session);
}

bantam_status bantam_session_feed(bantam_session *session, const uint32_t *tokens,
                                  size_t n_tokens, bantam_error *err)
{
    return bnt_session_feed(session->session, tokens, n_tokens, err);
}

bantam_status bantam_session_score(bantam_session *session, const uint32_t *tokens,
                                   size_t n_tokens, bantam_logits_fn fn, void *user,
                                   bantam_error *err)
{
    if (!fn) return bnt_fail(err, BANTAM_ERR_INVALID, "score: no function given");
    return bnt_session_score(session->session, tokens, n_tokens, fn, user, err);
}

bantam_status bantam_session_states(bantam_session *session, const uint32_t *tokens,
                                    size_t n_tokens, bantam_states_fn fn, void *user,
                                    bantam_error *err)
{
    if (!fn) return bnt_fail(err, BANTAM_ERR_INVALID, "states: no function given");
    return bnt_session_states(session->session, tokens, n_tokens, fn, user, err);
}

const float *bantam_session_logits(const bantam_session *session)
{
    return bnt_session_logits(session->session);
}

uint32_t bantam_session_position(const bantam_session *session)
{
    return bnt_session_position(session->session);
}

uint32_t bantam_session_capacity(const bantam_session *session)
{
    return bnt_session_capacity(session->session);
}

uint32_t bantam_session_token(const bantam_session *session, uint32_t position)
{
    return bnt_session_token(session->session, position);
}

bantam_status bantam_session_rewind(bantam_session *session, uint32_t n_tokens,
                                    bantam_error *err)
{
    return bnt_session_rewind(session->session, n_tokens, err);
}

bantam_status bantam_session_set_adapters(bantam_session *session,
                                          const bantam_adapter *const *adapters,
                                          const float *scales, size_t n_adapters,
                                          bantam_error *err)
{
    return bnt_session_set_adapters(session->session, adapters, scales, n_adapters, err);
}

void bantam_session_cancel(bantam_session *session)
{
    bnt_session_cancel(session->session);
}

bantam_status bantam_session_save(const bantam_session *session, const char *path,
                                  bantam_error *err)
{
    if (!path) return bnt_fail(err, BANTAM_ERR_INVALID, "save: no path given");
    return bnt_session_save(session->session, path, err);
}

bantam_status bantam_session_load(bantam_session *session, const char *path, bantam_error *err)
{
    if (!path) return bnt_fail(err, BANTAM_ERR_INVALID, "load: no path given");
    return bnt_session_load(session->session, path, err);
}

void bantam_sampling_init(bantam_sampling *sampling)
{
    bnt_sampling_init(sampling);
}

bantam_status bantam_session_set_sampling(bantam_session *session,
                                          const bantam_sampling *sampling, bantam_error *err)
{
    return bnt_session_set_sampling(session->session, sampling, err);
}

bantam_status bantam_session_next(bantam_session *session, uint32_t *token, bantam_text *text,
                                  bantam_error *err)
{
    return bnt_session_next(session->session, token, text, err);
}

double bantam_session_logprob(bantam_session *session, const float *logits, uint32_t token)
{
    return bnt_session_logprob(session->session, logits, token);
}

bantam_status bantam_session_top(bantam_session *session, bantam_candidate *out, size_t k,
                                 bantam_error *err)
{
    return bnt_session_top(session->session, out, k, err);
}

bantam_status bantam_session_generate(bantam_session *session, const bantam_generation *options,
                                      bantam_step_fn fn, void *user, bantam_answer *out,
                                      bantam_error *err)
{
    return bnt_session_generate(session->session, options, fn, user, out, err);
}

bantam_status bantam_session_speculate(bantam_session *session,
                                       const bantam_speculation *options, bantam_error *err)
{
    /* draft follows struct_size, and so is there in every version. */
    const bool drafts = options && options->struct_size > offsetof(bantam_speculation, draft);
    bantam_session *const draft = drafts ? options->draft : NULL;
    return bnt_session_speculate(session->session, options, draft ? draft->session : NULL, err);
}

void bantam_session_speculated(const bantam_session *session, bantam_speculated *out)
{
    *out = *bnt_session_speculated(session->session);
}
