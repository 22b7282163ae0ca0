/* text_vector.c - texts as vectors, and how much likelier one text makes another; see
 * bantam/interest.h. */
#include "bantam/interest.h"
#include "base/error.h"
#include "base/mem.h"
#include "task/text_windows.h"

#include <math.h>
#include <string.h>

/* The tokens of a text alone. */
static bantam_status encode(const bantam_session *session, bantam_text text, bnt_tokens *out,
                            bantam_error *err)
{
    return bnt_tokens_open(out, bantam_model_tokenizer(bantam_session_model(session)), text, 0,
                           err);
}

/* ---- vectors ----------------------------------------------------------------------------- */

static bool add_state(void *user, size_t index, const float *state, uint32_t n_embd)
{
    double *const sums = user;

    (void)index;
    for (uint32_t i = 0; i < n_embd; i++)
        sums[i] += (double)state[i];
    return true;
}

bantam_status bantam_text_vector(bantam_session *session, bantam_text text, float *vector,
                                 bantam_error *err)
{
    const uint32_t capacity = bantam_session_capacity(session);
    bantam_model_info info;
    bnt_tokens t;

    bantam_model_describe(bantam_session_model(session), &info);
    memset(vector, 0, info.n_embd * sizeof *vector);
    bantam_status status = encode(session, text, &t, err);
    if (status) return status;
    const size_t n = t.n < capacity ? t.n : capacity;
    double *const sums = bnt_calloc(info.n_embd, sizeof *sums);
    if (!sums) status = bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a vector");
    if (!status) status = bantam_session_rewind(session, 0, err);
    if (!status && n > 0) {
        status = bantam_session_states(session, t.ids, n, add_state, sums, err);
        status = bnt_session_emptied(session, status, err);
    }
    for (uint32_t i = 0; !status && n > 0 && i < info.n_embd; i++)
        vector[i] = (float)(sums[i] / (double)n);
    bnt_free(sums);
    bnt_tokens_close(&t);
    return status;
}

/* ---- likelihood -------------------------------------------------------------------------- */

typedef struct scoring {
    bantam_session *session;
    const bnt_tokens *text;
    double sum; /* of ln p of its tokens after the first */
} scoring;

static bool add_logprob(void *user, size_t index, const float *logits, uint32_t n_vocab)
{
    scoring *const s = user;

    (void)n_vocab;
    if (index + 1 < s->text->n) {
        s->sum += bantam_session_logprob(s->session, logits, s->text->ids[index + 1]);
    }
    return true;
}

/* Mean of ln p of a text's tokens but the first, which nothing would predict were nothing
 * before it. The session holds n_before tokens, and does so again afterwards. */
static bantam_status score(bantam_session *session, uint32_t n_before, const bnt_tokens *text,
                           double *out, bantam_error *err)
{
    scoring s = {.session = session, .text = text};
    bantam_status status = bantam_session_rewind(session, n_before, err);

    if (!status) {
        status = bantam_session_score(session, text->ids, text->n, add_logprob, &s, err);
    }
    *out = s.sum / (double)(text->n - 1);
    return status;
}

/* One text behind what the session holds. */
static bantam_status score_text(bantam_session *session, uint32_t n_before, bantam_text text,
                                double *out, bantam_error *err)
{
    const size_t room = bantam_session_capacity(session) - n_before;
    bnt_tokens t;
    bantam_status status = encode(session, text, &t, err);

    *out = t.n > room ? (double)NAN : 0.0;
    if (!status && t.n > 1 && t.n <= room) status = score(session, n_before, &t, out, err);
    bnt_tokens_close(&t);
    return status;
}

bantam_status bantam_text_affinity(bantam_session *session, bantam_text before,
                                   const bantam_text *texts, size_t n, double *out,
                                   bantam_error *err)
{
    const size_t room = bantam_session_capacity(session) / 2;
    bnt_tokens b;

    for (size_t i = 0; i < n; i++)
        out[i] = 0.0;
    bantam_status status = encode(session, before, &b, err);
    const size_t n_before = b.n < room ? b.n : room;
    if (!status) status = bantam_session_rewind(session, 0, err);
    if (!status && n_before > 0) {
        status = bantam_session_feed(session, b.ids + (b.n - n_before), n_before, err);
    }
    for (size_t i = 0; i < n && !status && n_before > 0; i++)
        status = score_text(session, (uint32_t)n_before, texts[i], &out[i], err);
    for (size_t i = 0; i < n && !status && n_before > 0; i++) {
        double alone;
        status = score_text(session, 0, texts[i], &alone, err);
        out[i] -= alone;
    }
    bnt_tokens_close(&b);
    return bnt_session_emptied(session, status, err);
}
