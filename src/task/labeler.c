/* labeler.c - labels for texts: opened, asked, told. What a question looks like is
 * label_form.c's, how it is scored label_score.c's, what examples teach label_learn.c's.
 */
#include "task/labels.h"

#include "base/mem.h"
#include "base/options.h"
#include "base/text.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK = 16,     /* texts for each session, where there are several */
    MINI_PART = 64, /* tokens; bantam-mini saw single sentences: see docs/SENTIMENT.md */
};

#define USUAL_NEUTRAL 0.7

/* ---- labels ------------------------------------------------------------------------------ */

static int by_bytes(const void *a, const void *b)
{
    const bantam_text *const x = a, *const y = b;
    const int order = memcmp(x->data, y->data, x->size < y->size ? x->size : y->size);

    return order ? order : (x->size > y->size) - (x->size < y->size);
}

static bantam_status check_labels(const bantam_labeler_options *o, bantam_error *err)
{
    if (o->n_labels < 2 || o->n_labels > BANTAM_MAX_LABELS) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "labels: expected 2 to %d, found %zu",
                        BANTAM_MAX_LABELS, o->n_labels);
    }
    for (size_t i = 0; i < o->n_labels; i++) {
        const bantam_text t = o->labels[i];
        if (!t.data || !bnt_label_trim(t).size || t.size > BNT_MAX_LABEL_BYTES) {
            return bnt_fail(err, BANTAM_ERR_INVALID,
                            "label %zu: expected 1 to %d bytes that are not all white space, "
                            "found %zu",
                            i, BNT_MAX_LABEL_BYTES, t.size);
        }
        for (size_t j = 0; j < i; j++) {
            if (by_bytes(&t, &o->labels[j]) != 0) continue;
            return bnt_fail(err, BANTAM_ERR_INVALID, "label %.*s: is given twice",
                            BNT_TEXT_ARG(t));
        }
    }
    return BANTAM_OK;
}

static bantam_status copy_labels(bantam_labeler *l, const bantam_labeler_options *o,
                                 bantam_error *err)
{
    size_t at = 0;

    for (size_t i = 0; i < o->n_labels; i++) {
        bnt_buf_put(&l->names, o->labels[i].data, o->labels[i].size);
    }
    const bantam_status status = bnt_buf_status(&l->names, "the labels", err);
    if (status) return status;
    for (size_t i = 0; i < o->n_labels; i++) {
        l->labels[i] = (bantam_text){l->names.data + at, o->labels[i].size};
        at += o->labels[i].size;
    }
    l->n_labels = (uint32_t)o->n_labels;
    return BANTAM_OK;
}

/* Puts the labels that have scores in the order of their bytes, and a band behind them. */
static void order_labels(bantam_labeler *l, bool band)
{
    size_t k = 0;

    for (uint32_t i = 0; i < l->n_labels; i++) {
        if (band && bnt_text_is(l->labels[i], "neutral")) {
            l->place[l->n_labels - 1] = i;
        } else {
            l->scored[k++] = l->labels[i];
        }
    }
    qsort(l->scored, k, sizeof *l->scored, by_bytes);
    for (uint32_t i = 0; i < l->n_labels; i++) {
        for (uint32_t c = 0; c < k; c++) {
            if (l->scored[c].data == l->labels[i].data) l->place[c] = i;
        }
    }
    for (uint32_t c = 0; c < l->n_labels; c++) {
        l->class_of[l->place[c]] = c;
    }
    bnt_calibration_init(&l->plain, k, band, 1.0);
}

/* ---- the question ------------------------------------------------------------------------ */

static bool has_label(const bantam_labeler *l, const char *word)
{
    for (uint32_t i = 0; i < l->n_labels; i++) {
        if (bnt_text_is(l->labels[i], word)) return true;
    }
    return false;
}

/* The built-in model was made to tell positive from negative, and knows no neutral. */
static bool is_made_for(const bantam_labeler *l, const bantam_model *model)
{
    bantam_model_info info;

    bantam_model_describe(model, &info);
    return bnt_text_is(info.name, "bantam-mini") && has_label(l, "positive") &&
           has_label(l, "negative") && (l->n_labels == 2 || has_label(l, "neutral")) &&
           l->n_labels <= 3;
}

static bool are_moods(const bantam_labeler *l)
{
    static const char *const moods[] = {"negative", "positive", "neutral", "mixed"};
    size_t n = 0;

    for (size_t i = 0; i < sizeof moods / sizeof moods[0]; i++) {
        n += has_label(l, moods[i]);
    }
    return n == l->n_labels;
}

/* A question for any labels. */
static void put_question(bantam_labeler *l)
{
    const bool moods = are_moods(l);
    const size_t k = l->plain.k;

    bnt_buf_puts(&l->question, moods ? "What is the sentiment of the following text: "
                                     : "Which label fits the following text: ");
    for (size_t i = 0; i < k; i++) {
        if (i) bnt_buf_puts(&l->question, i + 1 < k ? ", " : " or ");
        bnt_buf_put(&l->question, l->scored[i].data, l->scored[i].size);
    }
    bnt_buf_puts(&l->question, moods ? "? Answer with one word.\n\n{text}"
                                     : "? Answer with the label only.\n\n{text}");
}

/* How likely the labels are after texts that say nothing. */
static bantam_status find_prior(bantam_labeler *l, const bnt_label_form *form, double *prior,
                                bantam_error *err)
{
    static const char *const nothing[] = {"", "N/A", "..."};
    enum { N = sizeof nothing / sizeof nothing[0] };
    double mean[BANTAM_MAX_LABELS] = {0};
    const size_t k = l->plain.k;

    for (int i = 0; i < N; i++) {
        double p[BANTAM_MAX_LABELS];
        bnt_label_seen seen;
        const bantam_status status =
            bnt_label_score(l->works, form, k, bnt_text_of(nothing[i]), 0, p, &seen, err);
        if (status) return status;
        bnt_softmax(p, k);
        for (size_t j = 0; j < k; j++) {
            mean[j] += p[j] / N;
        }
    }
    for (size_t j = 0; j < k; j++) {
        prior[j] = log(mean[j] > DBL_MIN ? mean[j] : DBL_MIN);
    }
    return BANTAM_OK;
}

bantam_status bnt_labeler_ask(bantam_labeler *l, const bantam_label_example *shots,
                              size_t n_shots, bnt_label_form *form, double *prior,
                              bantam_error *err)
{
    const bnt_label_question q = {.tokenizer = l->works->tokenizer,
                                  .chat = l->chat,
                                  .question = bnt_buf_text(&l->question),
                                  .labels = l->scored,
                                  .k = l->plain.k,
                                  .shots = shots,
                                  .n_shots = n_shots};

    memset(prior, 0, BANTAM_MAX_LABELS * sizeof *prior);
    bantam_status status = bnt_label_form_open(form, &q, err);
    if (!status) status = bnt_label_measure(form, l->works, err);
    if (!status && l->has_prior) status = find_prior(l, form, prior, err);
    if (status) bnt_label_form_close(form);
    return status;
}

/* ---- opening ----------------------------------------------------------------------------- */

static bantam_status open_works(bantam_labeler *l, bantam_session *const *sessions, size_t n,
                                bantam_error *err)
{
    l->works = bnt_calloc(n, sizeof *l->works);
    if (!l->works) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %zu sessions", n);
    for (; l->n_works < n; l->n_works++) {
        bantam_session *const s = sessions[l->n_works];
        if (!s || bantam_session_model(s) != bantam_session_model(sessions[0]) ||
            bantam_session_capacity(s) != bantam_session_capacity(sessions[0])) {
            return bnt_fail(err, BANTAM_ERR_INVALID,
                            "session %zu: expected one of the same model and context as the "
                            "first",
                            l->n_works);
        }
        const bantam_status status = bnt_label_work_open(&l->works[l->n_works], s, err);
        if (status) {
            bnt_label_work_close(&l->works[l->n_works]);
            return status;
        }
    }
    return bnt_pool_open(&l->pool, (uint32_t)n, err);
}

static bantam_status open_rows(bantam_labeler *l, bantam_error *err)
{
    l->block = l->n_works > 1 ? BLOCK * l->n_works : 1;
    l->scores = bnt_calloc(l->block * l->plain.k, sizeof *l->scores);
    l->seen = bnt_calloc(l->block, sizeof *l->seen);
    if (l->scores && l->seen) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %zu texts", l->block);
}

/* Whether neutral is to be a band between two labels. */
static bantam_status read_neutral(bantam_labeler *l, const bantam_labeler_options *o,
                                  bool *band, bantam_error *err)
{
    const bool three = o->n_labels == 3 && has_label(l, "neutral");

    *band = three && (l->made_for_it || o->neutral != 0.0);
    if (o->neutral == 0.0) return BANTAM_OK;
    if (!(o->neutral > 0.5 && o->neutral < 1.0)) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "neutral: expected a probability between 0.5 and 1, found %g",
                        o->neutral);
    }
    if (three) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_INVALID,
                    "neutral: expected three labels, of which one is neutral");
}

static bantam_status read_options(bantam_labeler *l, const bantam_labeler_options *o,
                                  const bantam_model *model, bantam_error *err)
{
    bantam_tokenizer_info info;
    bool band = false;

    if (o->prior > BANTAM_PRIOR_CONTENT_FREE) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "prior: there is no kind %d", (int)o->prior);
    }
    bantam_status status = check_labels(o, err);
    if (!status) status = copy_labels(l, o, err);
    if (status) return status;
    l->made_for_it = o->question.size == 0 && is_made_for(l, model);
    status = read_neutral(l, o, &band, err);
    if (status) return status;
    order_labels(l, band);
    l->plain.width = bnt_band_width(o->neutral != 0.0 ? o->neutral : USUAL_NEUTRAL);
    l->calibration = l->plain;
    l->part_tokens = o->part_tokens || !l->made_for_it ? o->part_tokens : MINI_PART;
    l->has_prior = o->prior == BANTAM_PRIOR_CONTENT_FREE ||
                   (o->prior == BANTAM_PRIOR_DEFAULT && !l->made_for_it);
    if (o->question.size) {
        bnt_buf_put(&l->question, o->question.data, o->question.size);
    } else if (l->made_for_it) {
        bnt_buf_puts(&l->question, "positive or negative?\n{text}");
    } else {
        put_question(l);
    }
    bantam_tokenizer_describe(bantam_model_tokenizer(model), &info);
    l->chat = info.has_template;
    return bnt_buf_status(&l->question, "the question", err);
}

bantam_status bantam_labeler_open(bantam_labeler **out, bantam_session *const *sessions,
                                  size_t n_sessions, const bantam_labeler_options *options,
                                  bantam_error *err)
{
    static const bantam_text usual[] = {{"negative", 8}, {"positive", 8}};
    bantam_labeler_options o = {0};

    *out = NULL;
    bantam_status status = bnt_options_copy(&o, sizeof o, options, "labeler options", err);
    if (status) return status;
    if (!sessions || !n_sessions || !sessions[0] || n_sessions > UINT16_MAX) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "labeler: expected a session, found none");
    }
    if (!o.labels) {
        o.labels = usual;
        o.n_labels = sizeof usual / sizeof usual[0];
    }
    const bantam_model *const model = bantam_session_model(sessions[0]);
    if (!bantam_model_tokenizer(model)) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "the model has no tokenizer: it cannot be asked about texts");
    }
    bantam_labeler *const l = bnt_calloc(1, sizeof *l);
    if (!l) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a labeler");
    bnt_buf_init(&l->names, BANTAM_MAX_LABELS * BNT_MAX_LABEL_BYTES);
    bnt_buf_init(&l->question, BNT_MAX_QUESTION);
    status = read_options(l, &o, model, err);
    if (!status) status = open_works(l, sessions, n_sessions, err);
    if (!status) status = open_rows(l, err);
    if (!status) status = bnt_labeler_ask(l, NULL, 0, &l->form, l->prior, err);
    if (status) {
        bantam_labeler_close(l);
        return status;
    }
    *out = l;
    return BANTAM_OK;
}

void bantam_labeler_close(bantam_labeler *labeler)
{
    if (!labeler) return;
    bnt_pool_close(labeler->pool);
    for (size_t i = 0; i < labeler->n_works; i++) {
        bnt_label_work_close(&labeler->works[i]);
    }
    bnt_free(labeler->works);
    bnt_free(labeler->scores);
    bnt_free(labeler->seen);
    bnt_label_form_close(&labeler->form);
    bnt_buf_deinit(&labeler->names);
    bnt_buf_deinit(&labeler->question);
    bnt_free(labeler);
}

bantam_text bantam_labeler_label(const bantam_labeler *labeler, size_t index)
{
    return index < labeler->n_labels ? labeler->labels[index] : (bantam_text){NULL, 0};
}

/* ---- judging ----------------------------------------------------------------------------- */

typedef struct block {
    bantam_labeler *l;
    const bnt_label_form *form;
    const bnt_label_texts *texts;
    size_t first; /* text of the block */
} block;

static void score_one(void *context, size_t task, uint32_t thread)
{
    const block *const b = context;
    bnt_label_work *const w = &b->l->works[thread];
    const char *const at = (const char *)b->texts->first + (b->first + task) * b->texts->stride;
    const size_t k = b->l->plain.k;
    bantam_text text;

    if (w->failed_at != SIZE_MAX) return;
    memcpy(&text, at, sizeof text);
    text = bnt_label_trim(text);
    b->l->seen[task] = (bnt_label_seen){0};
    if (text.size && bnt_label_score(w, b->form, k, text, b->l->part_tokens,
                                     b->l->scores + task * k, &b->l->seen[task], &w->failure)) {
        w->failed_at = task;
    }
}

/* Computes n texts. A thread takes them in order and stops at its first failure, so those
 * before the first of all failures are there: *n is their number then. */
static bantam_status run_block(const block *b, size_t *n, bantam_error *err)
{
    bantam_labeler *const l = b->l;
    const bnt_label_work *first = NULL;

    for (size_t i = 0; i < l->n_works; i++) {
        l->works[i].failed_at = SIZE_MAX;
    }
    bnt_pool_run(l->pool, score_one, (void *)b, *n);
    for (size_t i = 0; i < l->n_works; i++) {
        const bnt_label_work *const w = &l->works[i];
        if (w->failed_at < (first ? first->failed_at : SIZE_MAX)) first = w;
    }
    if (!first) return BANTAM_OK;
    *n = first->failed_at;
    return bnt_fail(err, first->failure.status, "%s", first->failure.message);
}

bantam_status bnt_labeler_run(bantam_labeler *l, const bnt_label_form *form,
                              const bnt_label_texts *texts, bnt_label_row_fn fn, void *user,
                              bantam_error *err)
{
    block b = {.l = l, .form = form, .texts = texts};

    while (b.first < texts->n) {
        const size_t left = texts->n - b.first;
        size_t n = left < l->block ? left : l->block;
        const bantam_status status = run_block(&b, &n, err);
        for (size_t i = 0; i < n; i++) {
            const bnt_label_row row = {b.first + i, &l->seen[i], l->scores + i * l->plain.k};
            if (fn(user, &row)) continue;
            return bnt_fail(err, BANTAM_ERR_CANCELLED, "stopped by the callback after text %zu",
                            row.index);
        }
        if (status) return status;
        b.first += n;
    }
    return BANTAM_OK;
}

typedef struct judging {
    const bantam_labeler *l;
    bantam_label_fn fn;
    void *user;
} judging;

static bool tell(void *user, const bnt_label_row *row)
{
    const judging *const j = user;
    const bantam_labeler *const l = j->l;
    double corrected[BANTAM_MAX_LABELS], p[BANTAM_MAX_LABELS];
    double probabilities[BANTAM_MAX_LABELS] = {0}, logprobs[BANTAM_MAX_LABELS];
    bantam_label_result r = {.index = row->index,
                             .label = BANTAM_NO_LABEL,
                             .probabilities = probabilities,
                             .logprobs = logprobs,
                             .n_parts = row->seen->n_parts,
                             .n_tokens = row->seen->n_tokens};
    const size_t k = l->plain.k;

    for (size_t c = 0; c < l->n_labels; c++) {
        logprobs[c] = (double)NAN;
    }
    if (!r.n_parts) return j->fn(j->user, &r);
    for (size_t c = 0; c < k; c++) {
        corrected[c] = row->scores[c] - l->prior[c];
        logprobs[l->place[c]] = row->scores[c];
    }
    bnt_calibration_apply(&l->calibration, corrected, p);
    for (uint32_t c = 0; c < l->n_labels; c++) {
        probabilities[l->place[c]] = p[c];
        if (r.label != BANTAM_NO_LABEL && p[c] <= r.probability) continue;
        r.label = l->place[c];
        r.probability = p[c];
    }
    return j->fn(j->user, &r);
}

bantam_status bantam_labeler_judge(bantam_labeler *labeler, const bantam_text *texts,
                                   size_t n_texts, bantam_label_fn fn, void *user,
                                   bantam_error *err)
{
    const bnt_label_texts all = {texts, sizeof *texts, n_texts};
    judging j = {labeler, fn, user};

    if (n_texts && !texts) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "%zu texts are announced, none is given",
                        n_texts);
    }
    return bnt_labeler_run(labeler, &labeler->form, &all, tell, &j, err);
}
