/* compare.c - how far one model's predictions are from another's.
 *
 * Of each window first the reference computes a piece, whose logits are kept, then the other
 * model, whose logits are held against them row by row as they come. All sums are in double.
 */
#include "bantam/compare.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/options.h"
#include "task/text_windows.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROW_BYTES = 64 << 20 };

/* One position as one model sees it. */
typedef struct view {
    double log_sum; /* ln of the sum of exp(logit), of the rows both models have */
    double logprob; /* of the text's own token, among all rows of the model */
    uint32_t best;  /* the likeliest of the rows both have */
} view;

typedef struct sums {
    uint64_t n, n_agreed;
    double kl, kl_squares, kl_max;
    double change, change_squares;
    double nll, nll_reference;
} sums;

typedef struct comparing {
    bantam_session *session, *reference; /* borrows */
    bnt_windows windows;
    uint32_t n_shared; /* rows that both models have */
    size_t n_piece;    /* tokens read at once */
    size_t first;      /* of the piece, in the window */
    float *rows;       /* (n_piece, n_shared) own: the reference's logits */
    view *views;       /* (n_piece) own: the reference's */
    double *kl;        /* (tokens of the text) own: of every position so far */
    sums now, whole;   /* so far; at the end of the last whole window */
    bantam_error *err;
    bool failed; /* and err says why */
} comparing;

/* ---- the same tokens --------------------------------------------------------------------- */

/* Whether a token's own bytes, encoded as plain text, are that token: padding and special
 * tokens are not reached so. */
static bantam_status find_reached(const bantam_tokenizer *tokenizer, uint32_t id, bool *out,
                                  bantam_error *err)
{
    const bantam_text text = bantam_token_text(tokenizer, id);
    uint32_t token;
    size_t n = 0;

    *out = false;
    if (text.size == 0) return BANTAM_OK;
    const bantam_status status = bantam_tokenize(tokenizer, text, 0, &token, 1, &n, err);
    *out = !status && n == 1 && token == id;
    /* Bytes that need more tokens, or that no token stands for, do not reach it either. */
    return status == BANTAM_ERR_NOMEM ? status : BANTAM_OK;
}

static bantam_status check_texts(const bantam_tokenizer *a, const bantam_tokenizer *b,
                                 uint32_t n, bantam_error *err)
{
    for (uint32_t i = 0; i < n; i++) {
        const bantam_text one = bantam_token_text(a, i), other = bantam_token_text(b, i);
        if (one.size == other.size &&
            (one.size == 0 || memcmp(one.data, other.data, one.size) == 0)) {
            continue;
        }
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "the models have other tokens: %" PRIu32
                        " is \"%.*s\" in the model, \"%.*s\" in the reference",
                        i, BNT_TEXT_ARG(one), BNT_TEXT_ARG(other));
    }
    return BANTAM_OK;
}

static bantam_status check_padding(const bantam_tokenizer *tokenizer, const char *whose,
                                   uint32_t first, uint32_t n, bantam_error *err)
{
    for (uint32_t i = first; i < n; i++) {
        bool reached;
        const bantam_status status = find_reached(tokenizer, i, &reached, err);
        if (status) return status;
        if (reached) {
            const bantam_text text = bantam_token_text(tokenizer, i);
            return bnt_fail(err, BANTAM_ERR_INVALID,
                            "the models have other tokens: %" PRIu32
                            ", \"%.*s\", is in the %s only and is no padding",
                            i, BNT_TEXT_ARG(text), whose);
        }
    }
    return BANTAM_OK;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static bantam_status check_tokens(comparing *c)
{
    const bantam_model *const a = bantam_session_model(c->session);
    const bantam_model *const b = bantam_session_model(c->reference);
    const bantam_tokenizer *const ta = bantam_model_tokenizer(a);
    const bantam_tokenizer *const tb = bantam_model_tokenizer(b);
    bantam_model_info model, reference;
    bantam_tokenizer_info ia, ib;

    if (!ta || !tb) {
        return bnt_fail(c->err, BANTAM_ERR_UNSUPPORTED, "the %s has no tokenizer",
                        ta ? "reference" : "model");
    }
    bantam_model_describe(a, &model);
    bantam_model_describe(b, &reference);
    bantam_tokenizer_describe(ta, &ia);
    bantam_tokenizer_describe(tb, &ib);
    c->n_shared = smaller(model.n_vocab, reference.n_vocab);
    /* A token is shared where both models have a row and a text for it. */
    const uint32_t shared = model.n_vocab == reference.n_vocab
                                ? smaller(ia.n_tokens, ib.n_tokens)
                                : smaller(smaller(ia.n_tokens, ib.n_tokens), c->n_shared);
    bantam_status status = check_texts(ta, tb, shared, c->err);
    if (!status && (ia.n_tokens != ib.n_tokens || model.n_vocab != reference.n_vocab)) {
        status = check_padding(ta, "model", shared, ia.n_tokens, c->err);
        if (!status) status = check_padding(tb, "reference", shared, ib.n_tokens, c->err);
    }
    return status;
}

/* ---- one position ------------------------------------------------------------------------ */

/* As bantam_session_logprob() sees logits: what is no number is not possible, an infinity is
 * the largest one. */
static double clean(float logit)
{
    if (!(logit > -INFINITY)) return -INFINITY;
    return logit < FLT_MAX ? (double)logit : (double)FLT_MAX;
}

/* ln of the sum of exp(logits[i]), -infinity where nothing is possible, and the likeliest. */
static double log_sum(const float *logits, uint32_t n, uint32_t *best)
{
    double most = -INFINITY, sum = 0.0;

    *best = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (clean(logits[i]) > most) {
            most = clean(logits[i]);
            *best = i;
        }
    }
    if (!(most > -INFINITY)) return -INFINITY;
    for (uint32_t i = 0; i < n; i++) {
        sum += exp(clean(logits[i]) - most);
    }
    return most + log(sum);
}

static view look(const comparing *c, const float *logits, uint32_t n_vocab, uint32_t token)
{
    view v;

    v.log_sum = log_sum(logits, c->n_shared, &v.best);
    double whole = v.log_sum;
    if (n_vocab > c->n_shared) {
        uint32_t best;
        whole = log_sum(logits, n_vocab, &best);
    }
    v.logprob = token < n_vocab ? clean(logits[token]) - whole : -INFINITY;
    return v;
}

/* KL(p || q) of logits and the logarithms of their sums. Rounding can make the sum of two
 * nearly equal rows negative, which no divergence is. */
static double divergence(const float *p, double p_sum, const float *q, double q_sum, uint32_t n)
{
    double kl = 0.0;

    for (uint32_t i = 0; i < n; i++) {
        const double log_p = clean(p[i]) - p_sum, share = exp(log_p);
        if (share > 0.0) kl += share * (log_p - (clean(q[i]) - q_sum));
    }
    return kl > 0.0 ? kl : 0.0;
}

static bool stop_without_numbers(comparing *c, const view *v, const char *whose, size_t at)
{
    if (v->log_sum > -INFINITY) return false;
    bnt_fail(c->err, BANTAM_ERR_FORMAT, "the %s has no number for any token after token %zu",
             whose, c->windows.at - c->windows.n + at);
    c->failed = true;
    return true;
}

static bool on_reference(void *user, size_t index, const float *logits, uint32_t n_vocab)
{
    comparing *const c = user;
    const size_t at = c->first + index;

    if (at + 1 >= c->windows.n) return true;
    c->views[index] = look(c, logits, n_vocab, c->windows.tokens[at + 1]);
    memcpy(c->rows + index * c->n_shared, logits, c->n_shared * sizeof *logits);
    return !stop_without_numbers(c, &c->views[index], "reference", at);
}

static bool on_model(void *user, size_t index, const float *logits, uint32_t n_vocab)
{
    comparing *const c = user;
    const size_t at = c->first + index;

    if (at + 1 >= c->windows.n) return true;
    const view *const p = &c->views[index];
    const view q = look(c, logits, n_vocab, c->windows.tokens[at + 1]);
    if (stop_without_numbers(c, &q, "model", at)) return false;
    const double kl =
        divergence(c->rows + index * c->n_shared, p->log_sum, logits, q.log_sum, c->n_shared);
    const double change = q.logprob - p->logprob;
    sums *const s = &c->now;

    c->kl[s->n++] = kl;
    s->kl += kl;
    s->kl_squares += kl * kl;
    if (kl > s->kl_max) s->kl_max = kl;
    s->change += change;
    s->change_squares += change * change;
    s->n_agreed += p->best == q.best;
    s->nll -= q.logprob;
    s->nll_reference -= p->logprob;
    return true;
}

/* ---- the text ---------------------------------------------------------------------------- */

static bantam_status compare_window(comparing *c)
{
    const bnt_windows *const w = &c->windows;
    bantam_status status = bantam_session_rewind(c->session, 0, c->err);

    if (!status) status = bantam_session_rewind(c->reference, 0, c->err);
    for (c->first = 0; c->first < w->n && !status; c->first += c->n_piece) {
        const size_t left = w->n - c->first, n = left < c->n_piece ? left : c->n_piece;
        const uint32_t *const tokens = w->tokens + c->first;
        bantam_error stopped; /* where a row says stop, it has its own reason */
        status = bantam_session_score(c->reference, tokens, n, on_reference, c, &stopped);
        if (!status)
            status = bantam_session_score(c->session, tokens, n, on_model, c, &stopped);
        if (status && c->failed) return BANTAM_ERR_FORMAT;
        if (status) return bnt_fail(c->err, status, "%s", stopped.message);
    }
    if (!status) c->whole = c->now;
    return status;
}

static bantam_status take_memory(comparing *c)
{
    const size_t row = c->n_shared * sizeof *c->rows;
    const size_t n_rows = MAX_ROW_BYTES / row;

    c->n_piece = c->windows.capacity < n_rows ? c->windows.capacity : n_rows;
    if (c->n_piece == 0) c->n_piece = 1;
    c->rows = bnt_calloc(c->n_piece, row);
    c->views = bnt_calloc(c->n_piece, sizeof *c->views);
    c->kl = bnt_calloc(c->windows.text.n, sizeof *c->kl);
    if (c->rows && c->views && c->kl) return BANTAM_OK;
    return bnt_fail(c->err, BANTAM_ERR_NOMEM,
                    "out of memory for %zu rows of %" PRIu32 " logits and a text of %zu tokens",
                    c->n_piece, c->n_shared, c->windows.text.n);
}

static bantam_status compare_all(comparing *c, bantam_text text, const bantam_eval_options *o)
{
    const uint32_t a = bantam_session_capacity(c->session);
    const uint32_t b = bantam_session_capacity(c->reference);

    if (c->session == c->reference) {
        return bnt_fail(c->err, BANTAM_ERR_INVALID, "a comparison wants two sessions");
    }
    bantam_status status = check_tokens(c);
    if (status) return status;
    status = bnt_windows_open(&c->windows,
                              bantam_model_tokenizer(bantam_session_model(c->reference)), text,
                              smaller(a, b), c->err);
    if (!status) status = take_memory(c);
    while (!status && bnt_windows_next(&c->windows)) {
        status = compare_window(c);
        if (!status) status = bnt_windows_told(&c->windows, o, c->err);
    }
    status = bnt_session_emptied(c->session, status, c->err);
    return bnt_session_emptied(c->reference, status, c->err);
}

/* ---- figures ----------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of n sorted values, the one of rank ceil(share * n). */
static double quantile(const double *sorted, uint64_t n, double share)
{
    const uint64_t rank = (uint64_t)ceil(share * (double)n);
    return sorted[rank > 0 ? rank - 1 : 0];
}

/* Of the mean of n values, from their sum and the sum of their squares. */
static double standard_error(double sum, double squares, double n)
{
    if (n < 2.0) return 0.0;
    const double variance = (squares - sum * sum / n) / (n - 1.0);
    return variance <= 0.0 ? 0.0 : sqrt(variance / n);
}

/* Sorts kl. */
static void sum_up(bantam_comparison *out, const sums *s, double *kl)
{
    const double n = s->n > 0 ? (double)s->n : (double)NAN;

    *out = (bantam_comparison){
        .n_tokens = s->n,
        .kl_mean = s->kl / n,
        .kl_mean_error = standard_error(s->kl, s->kl_squares, n),
        .kl_median = (double)NAN,
        .kl_p99 = (double)NAN,
        .kl_max = s->n > 0 ? s->kl_max : (double)NAN,
        .top1_agreement = (double)s->n_agreed / n,
        .perplexity = exp(s->nll / n),
        .perplexity_reference = exp(s->nll_reference / n),
        .change_mean = s->change / n,
        .change_error = standard_error(s->change, s->change_squares, n),
        .change_rms = sqrt(s->change_squares / n),
    };
    if (s->n == 0) return;
    qsort(kl, s->n, sizeof *kl, by_size);
    out->kl_median = quantile(kl, s->n, 0.5);
    out->kl_p99 = quantile(kl, s->n, 0.99);
}

bantam_status bantam_compare_text(bantam_session *session, bantam_session *reference,
                                  bantam_text text, const bantam_eval_options *options,
                                  bantam_comparison *out, bantam_error *err)
{
    bantam_eval_options o = {.struct_size = sizeof o};
    comparing c = {.session = session, .reference = reference, .err = err};

    *out = (bantam_comparison){0};
    bantam_status status = bnt_options_copy(&o, sizeof o, options, "compare", err);
    if (!status) status = compare_all(&c, text, &o);
    if (!status || (status == BANTAM_ERR_CANCELLED && c.kl)) sum_up(out, &c.whole, c.kl);
    bnt_free(c.rows);
    bnt_free(c.views);
    bnt_free(c.kl);
    bnt_windows_close(&c.windows);
    return status;
}
