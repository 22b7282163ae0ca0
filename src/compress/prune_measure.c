/* prune_measure.c - what a change has cost: the loss on text that was set aside, and how far
 * the predictions are from those of the model as it was. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "compress/prune_parts.h"

enum {
    TOKENS = 64, /* at a time: their logits are in memory */
    WORDS = 1024 /* rows of the head decoded at a time */
};

typedef struct measuring {
    bnt_pruning *p;
    const float *const *states;
    size_t first, n;                   /* tokens at hand */
    float *rows;                       /* (TOKENS, n_embd) normed states */
    float *head;                       /* (WORDS, n_embd) */
    float *logits[BNT_PRUNE_VARIANTS]; /* (TOKENS, n_vocab) */
    double *sums;                      /* (TOKENS, variants, 2) losses and divergences */
} measuring;

typedef struct decoding {
    const bnt_matrix *matrix;
    size_t first;
    float *out;
} decoding;

static void decode_row(void *context, size_t task, uint32_t thread)
{
    const decoding *const d = context;
    (void)thread;
    bnt_type_decode_row(d->matrix->type, d->matrix->data, d->matrix->columns, d->first + task,
                        d->out + task * d->matrix->columns);
}

void bnt_prune_decode(const bnt_pruning *p, const bnt_matrix *m, float *out)
{
    decoding d = {m, 0, out};
    bnt_pool_run(p->pool, decode_row, &d, m->rows);
}

static void compute_logits(measuring *m)
{
    const bnt_model *const model = m->p->model;
    const size_t width = model->config.n_embd, n_vocab = model->config.n_vocab;

    for (size_t word = 0; word < n_vocab; word += WORDS) {
        const size_t n_words = n_vocab - word < WORDS ? n_vocab - word : WORDS;
        decoding d = {&model->head, word, m->head};
        bnt_pool_run(m->p->pool, decode_row, &d, n_words);
        for (int v = 0; v < BNT_PRUNE_VARIANTS; v++) {
            if (!m->states[v]) continue;
            for (size_t t = 0; t < m->n; t++) {
                model->kernels.rms_norm_f32(
                    m->rows + t * width, m->states[v] + (m->first + t) * width,
                    model->output_norm, model->config.n_embd, model->config.norm_eps);
            }
            bnt_matmul_run(&m->p->mm, (bnt_view){m->rows, width, 1},
                           (bnt_view){m->head, 1, width}, m->n, n_words, width,
                           m->logits[v] + word, n_vocab, false);
        }
    }
}

/* What is taken from a logit to make it a logarithm of a probability. */
static double log_sum(const float *logits, size_t n)
{
    float most = logits[0];
    double sum = 0.0;

    for (size_t i = 1; i < n; i++) {
        if (logits[i] > most) most = logits[i];
    }
    for (size_t i = 0; i < n; i++) {
        sum += exp((double)logits[i] - (double)most);
    }
    return (double)most + log(sum);
}

static void judge_token(void *context, size_t t, uint32_t thread)
{
    const measuring *const m = context;
    const size_t n = m->p->model->config.n_vocab;
    const uint32_t *const tokens = m->p->test.tokens + m->first + t;
    const float *const was = m->logits[BNT_PRUNE_ORIGINAL] + t * n;
    const double was_sum = log_sum(was, n);
    (void)thread;

    for (int v = 0; v < BNT_PRUNE_VARIANTS; v++) {
        double *const sums = m->sums + (t * BNT_PRUNE_VARIANTS + (size_t)v) * 2;
        sums[0] = sums[1] = 0.0;
        if (!m->states[v]) continue;
        const float *const is = m->logits[v] + t * n;
        const double is_sum = log_sum(is, n);
        sums[0] = is_sum - (double)is[tokens[1]];
        for (size_t i = 0; i < n; i++) {
            const double was_log = (double)was[i] - was_sum;
            sums[1] += exp(was_log) * (was_log - ((double)is[i] - is_sum));
        }
    }
}

/* Whether the model is to predict what follows: not at the end of a sequence, nor where another
 * text begins. */
static bool counts(const bnt_pruning *p, size_t token)
{
    return (token + 1) % p->sequence != 0 && p->test.tokens[token + 1] != p->mark;
}

static bantam_status take(measuring *m, bantam_error *err)
{
    const bnt_config *const c = &m->p->model->config;
    bool taken = true;

    m->rows = bnt_calloc(TOKENS, c->n_embd * sizeof *m->rows);
    m->head = bnt_calloc(WORDS, c->n_embd * sizeof *m->head);
    m->sums = bnt_calloc(TOKENS * BNT_PRUNE_VARIANTS * 2, sizeof *m->sums);
    for (int v = 0; v < BNT_PRUNE_VARIANTS; v++) {
        if (!m->states[v]) continue;
        m->logits[v] = bnt_calloc(TOKENS, c->n_vocab * sizeof(float));
        taken = taken && m->logits[v];
    }
    if (taken && m->rows && m->head && m->sums) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for logits of %d tokens",
                    (int)TOKENS);
}

static void report(bantam_prune_result *result, const double *loss, const double *kl,
                   bool healed)
{
    result->loss_before = loss[BNT_PRUNE_ORIGINAL];
    result->loss_after = loss[BNT_PRUNE_CUT];
    result->loss_healed = loss[BNT_PRUNE_HEALED];
    result->kl_after = kl[BNT_PRUNE_CUT];
    result->kl_healed = kl[BNT_PRUNE_HEALED];
    result->kl = healed ? result->kl_healed : result->kl_after;
}

bantam_status bnt_prune_measure(bnt_pruning *p, const bnt_walk walks[BNT_PRUNE_VARIANTS],
                                bantam_error *err)
{
    const float *states[BNT_PRUNE_VARIANTS];
    double loss[BNT_PRUNE_VARIANTS], kl[BNT_PRUNE_VARIANTS];
    measuring m = {.p = p, .states = states};
    size_t n = 0;

    for (int v = 0; v < BNT_PRUNE_VARIANTS; v++) {
        states[v] = walks[v].states;
        loss[v] = kl[v] = 0.0;
    }
    bantam_status status = take(&m, err);
    for (; !status && m.first < p->test.n; m.first += TOKENS) {
        m.n = p->test.n - m.first < TOKENS ? p->test.n - m.first : TOKENS;
        compute_logits(&m);
        /* What the last token of all would have to predict is not there. */
        bnt_pool_run(p->pool, judge_token, &m, m.first + m.n < p->test.n ? m.n : m.n - 1);
        for (size_t t = 0; t < m.n; t++) {
            if (m.first + t + 1 >= p->test.n || !counts(p, m.first + t)) continue;
            n++;
            for (int v = 0; v < BNT_PRUNE_VARIANTS; v++) {
                loss[v] += m.sums[(t * BNT_PRUNE_VARIANTS + (size_t)v) * 2];
                kl[v] += m.sums[(t * BNT_PRUNE_VARIANTS + (size_t)v) * 2 + 1];
            }
        }
        if (!status) status = bnt_prune_ask(p, err);
    }
    for (int v = 0; v < BNT_PRUNE_VARIANTS; v++) {
        loss[v] = states[v] && n ? loss[v] / (double)n : (double)NAN;
        kl[v] = states[v] && n ? kl[v] / (double)n : (double)NAN;
        bnt_free(m.logits[v]);
    }
    bnt_free(m.rows);
    bnt_free(m.head);
    bnt_free(m.sums);
    if (!status) report(p->result, loss, kl, states[BNT_PRUNE_HEALED]);
    return status;
}
