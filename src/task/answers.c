/* answers.c - how likely answers are after a prompt.
 *
 * Every answer is read as one text with its prompt, and the session goes back to where that
 * parts from what it holds: so the prompt is computed once.
 */
#include "bantam/compare.h"

#include "base/buf.h"
#include "base/mem.h"
#include "task/text_windows.h"

#include <string.h>

enum { MAX_TEXT = 256 << 20 };

typedef struct asking {
    bantam_session *session; /* borrows */
    const bantam_tokenizer *tokenizer;
    bantam_tokenizer_info info;
    bantam_text prompt;
    size_t n_trimmed; /* bytes of the prompt without white space at its end */
    size_t n_prompt;  /* and their tokens */
    bnt_buf joined;   /* prompt and answer */
} asking;

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Tokens with what the encoder begins with, but not what it ends with. */
static bantam_status encode(const asking *a, bantam_text text, bnt_tokens *out,
                            bantam_error *err)
{
    const bantam_status status =
        bnt_tokens_open(out, a->tokenizer, text, BANTAM_TOKENIZE_ADD, err);

    if (!status && a->info.adds_eos && out->n > 0 && out->ids[out->n - 1] == a->info.eos) {
        out->n--;
    }
    return status;
}

static bantam_status join(asking *a, bantam_text answer, bnt_tokens *out, bantam_error *err)
{
    const bool apart = a->prompt.size > 0 && a->n_trimmed == a->prompt.size &&
                       answer.size > 0 && !is_space(*answer.data);

    bnt_buf_clear(&a->joined);
    bnt_buf_put(&a->joined, a->prompt.data, a->prompt.size);
    if (apart) bnt_buf_putc(&a->joined, ' ');
    bnt_buf_put(&a->joined, answer.data, answer.size);
    const bantam_status status = bnt_buf_status(&a->joined, "a prompt with an answer", err);
    return status ? status : encode(a, bnt_buf_text(&a->joined), out, err);
}

/* ---- one answer -------------------------------------------------------------------------- */

typedef struct adding {
    bantam_session *session;
    const uint32_t *next; /* the token behind each that is scored */
    double sum;
} adding;

static bool on_row(void *user, size_t index, const float *logits, uint32_t n_vocab)
{
    adding *const a = user;

    (void)n_vocab;
    a->sum += bantam_session_logprob(a->session, logits, a->next[index]);
    return true;
}

/* ln p of tokens[first..n) behind those before them; 0 < first < n, and n - 1 fit the session.
 */
static bantam_status score(bantam_session *session, const uint32_t *tokens, size_t first,
                           size_t n, double *out, bantam_error *err)
{
    const size_t held = bantam_session_position(session), before = first - 1;
    adding a = {.session = session, .next = tokens + first};
    size_t kept = 0;

    while (kept < held && kept < before &&
           bantam_session_token(session, (uint32_t)kept) == tokens[kept]) {
        kept++;
    }
    bantam_status status = bantam_session_rewind(session, (uint32_t)kept, err);
    if (!status && kept < before) {
        status = bantam_session_feed(session, tokens + kept, before - kept, err);
    }
    if (!status) {
        status = bantam_session_score(session, tokens + before, n - first, on_row, &a, err);
    }
    if (!status) *out = a.sum;
    return status;
}

/* Leaves out what does not fit, behind BOS. */
static bantam_status cut(const asking *a, bnt_tokens *t, size_t *first, size_t *n_cut,
                         bantam_error *err)
{
    const size_t capacity = bantam_session_capacity(a->session);
    const size_t lead = a->info.adds_bos && t->ids[0] == a->info.bos;
    const size_t more = t->n - 1 > capacity ? t->n - 1 - capacity : 0;

    if (more >= *first) {
        return bnt_fail(err, BANTAM_ERR_FULL,
                        "an answer of %zu tokens does not fit a context of %zu", t->n - *first,
                        capacity);
    }
    memmove(t->ids + lead, t->ids + lead + more, (t->n - lead - more) * sizeof *t->ids);
    t->n -= more;
    *first -= more;
    *n_cut = more;
    return BANTAM_OK;
}

static bantam_status score_answer(asking *a, bantam_text answer, double *out, size_t *n_cut,
                                  bantam_error *err)
{
    bnt_tokens t;
    bantam_status status = join(a, answer, &t, err);

    if (status) return status;
    /* Where prompt and answer meet, tokens may merge: the last one is the answer's. */
    size_t first = a->n_prompt < t.n ? a->n_prompt : t.n - (t.n > 0);
    if (answer.size == 0 || t.n == 0) {
        status = bnt_fail(err, BANTAM_ERR_INVALID, "an answer is empty");
    } else if (first == 0) {
        status = bnt_fail(err, BANTAM_ERR_INVALID,
                          "nothing stands before the answer: the prompt is empty and the model "
                          "begins with no token of its own");
    }
    if (!status) status = cut(a, &t, &first, n_cut, err);
    if (!status) status = score(a->session, t.ids, first, t.n, out, err);
    bnt_tokens_close(&t);
    return status;
}

bantam_status bantam_score_answers(bantam_session *session, bantam_text prompt,
                                   const bantam_text *answers, size_t n_answers,
                                   double *logprobs, size_t *n_cut, bantam_error *err)
{
    asking a = {.session = session,
                .tokenizer = bantam_model_tokenizer(bantam_session_model(session)),
                .prompt = prompt,
                .n_trimmed = prompt.size};
    bnt_tokens alone;
    size_t most = 0;

    memset(logprobs, 0, n_answers * sizeof *logprobs);
    if (n_cut) *n_cut = 0;
    if (n_answers == 0) return bnt_fail(err, BANTAM_ERR_INVALID, "there is no answer");
    while (a.n_trimmed > 0 && is_space(prompt.data[a.n_trimmed - 1])) {
        a.n_trimmed--;
    }
    if (a.tokenizer) bantam_tokenizer_describe(a.tokenizer, &a.info);
    bantam_status status = encode(&a, (bantam_text){prompt.data, a.n_trimmed}, &alone, err);
    if (status) return status;
    a.n_prompt = alone.n;
    bnt_tokens_close(&alone);

    bnt_buf_init(&a.joined, MAX_TEXT);
    for (size_t i = 0; i < n_answers && !status; i++) {
        size_t n = 0;
        status = score_answer(&a, answers[i], &logprobs[i], &n, err);
        if (n > most) most = n;
    }
    bnt_buf_deinit(&a.joined);
    if (status) memset(logprobs, 0, n_answers * sizeof *logprobs);
    if (n_cut && !status) *n_cut = most;
    return status;
}
