/* predict.c - how well one model predicts a text. */
#include "bantam/compare.h"

#include "base/options.h"
#include "task/text_windows.h"

#include <math.h>

typedef struct predicting {
    bantam_session *session;
    const bnt_windows *windows;
    double nll; /* of the window */
} predicting;

static bool on_row(void *user, size_t index, const float *logits, uint32_t n_vocab)
{
    predicting *const p = user;

    (void)n_vocab;
    if (index + 1 < p->windows->n) {
        p->nll -= bantam_session_logprob(p->session, logits, p->windows->tokens[index + 1]);
    }
    return true;
}

static bantam_status predict(bantam_session *session, bnt_windows *windows,
                             const bantam_eval_options *options, bantam_eval *out,
                             bantam_error *err)
{
    while (bnt_windows_next(windows)) {
        predicting p = {.session = session, .windows = windows};
        bantam_status status = bantam_session_rewind(session, 0, err);
        if (!status) {
            status =
                bantam_session_score(session, windows->tokens, windows->n, on_row, &p, err);
        }
        if (status) return status;
        out->nll += p.nll;
        out->n_tokens += windows->n - 1;
        status = bnt_windows_told(windows, options, err);
        if (status) return status;
    }
    return BANTAM_OK;
}

bantam_status bantam_eval_text(bantam_session *session, bantam_text text,
                               const bantam_eval_options *options, bantam_eval *out,
                               bantam_error *err)
{
    bantam_eval_options o = {.struct_size = sizeof o};
    bantam_eval found = {0};
    bnt_windows windows;

    *out = (bantam_eval){0};
    bantam_status status = bnt_options_copy(&o, sizeof o, options, "eval", err);
    if (status) return status;
    status = bnt_windows_open(&windows, bantam_model_tokenizer(bantam_session_model(session)),
                              text, bantam_session_capacity(session), err);
    if (status) return status;
    status = predict(session, &windows, &o, &found, err);
    status = bnt_session_emptied(session, status, err);
    bnt_windows_close(&windows);
    if (status && status != BANTAM_ERR_CANCELLED) return status;
    *out = found;
    out->perplexity = found.n_tokens ? exp(found.nll / (double)found.n_tokens) : (double)NAN;
    return status;
}
