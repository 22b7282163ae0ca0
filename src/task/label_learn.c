/* label_learn.c - what examples teach a labeler: some are shown to the model, to the others the
 * calibration is fitted.
 */
#include "task/labels.h"

#include "base/mem.h"
#include "base/options.h"
#include "base/rng.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { FOLDS = 5, LEAST_FITTED = 10, USUAL_SHOTS = 4 };

typedef struct learning {
    bantam_labeler *l;
    bantam_learn_options o;
    const bantam_label_example *examples; /* (n) */
    size_t n;
    bantam_label_example *shots; /* (n) owns the array; labels are classes; the first n_shots */
    bantam_label_example *rest;  /* (n) likewise; the first n_rest */
    size_t n_shots, n_rest;
    bnt_label_form form;
    double prior[BANTAM_MAX_LABELS];
    bnt_calibration calibration;

    double *scores;  /* (n_rest, k) owns, less the prior */
    uint32_t *truth; /* (n_rest) owns: classes */
    uint8_t *fold;   /* (n_rest) owns */
    double *sure;    /* (n_rest) owns: probability of the likeliest class */
    bool *right;     /* (n_rest) owns: and whether that was right */
} learning;

/* ---- which examples are shown ------------------------------------------------------------ */

static bantam_status check_examples(const bantam_labeler *l,
                                    const bantam_label_example *examples, size_t n,
                                    bantam_error *err)
{
    if (n && !examples) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "%zu examples are announced, none is given",
                        n);
    }
    for (size_t i = 0; i < n; i++) {
        if (examples[i].label >= l->n_labels) {
            return bnt_fail(err, BANTAM_ERR_INVALID,
                            "example %zu: expected a label below %u, found %u", i,
                            (unsigned)l->n_labels, (unsigned)examples[i].label);
        }
        if (bnt_label_trim(examples[i].text).size) continue;
        return bnt_fail(err, BANTAM_ERR_INVALID, "example %zu: has no text", i);
    }
    return BANTAM_OK;
}

/* Parts the examples: of each scored label the first ones are shown, n in all. */
static void part(learning *g, size_t n)
{
    const size_t k = g->l->plain.k;
    size_t taken[BANTAM_MAX_LABELS] = {0};

    g->n_shots = g->n_rest = 0;
    for (size_t i = 0; i < g->n; i++) {
        const uint32_t class = g->l->class_of[g->examples[i].label];
        const bantam_label_example e = {g->examples[i].text, class};
        if (class < k && taken[class] < n / k + (class < n % k)) {
            taken[class]++;
            g->shots[g->n_shots++] = e;
        } else {
            g->rest[g->n_rest++] = e;
        }
    }
}

/* The question with the examples that are to be shown. Where their number is left to us, half
 * of the context stays for the text. */
static bantam_status show(learning *g, bantam_error *err)
{
    const size_t k = g->l->plain.k;
    const bool usual = !g->o.n_shots && !g->o.no_shots && !g->l->made_for_it;
    size_t n = g->o.no_shots ? 0 : g->o.n_shots;

    if (usual) n = k > USUAL_SHOTS ? k : USUAL_SHOTS;
    for (;; n = n > k ? n - k : 0) {
        part(g, n);
        bantam_status status =
            bnt_labeler_ask(g->l, g->shots, g->n_shots, &g->form, g->prior, err);
        const bool large =
            status == BANTAM_ERR_FULL || g->form.overhead > g->l->works->capacity / 2;
        if (!usual || !n || !large) return status;
        bnt_label_form_close(&g->form);
    }
}

/* ---- fitting ----------------------------------------------------------------------------- */

static bantam_status take_memory(learning *g, bantam_error *err)
{
    const size_t k = g->l->plain.k;

    g->scores = g->n_rest <= SIZE_MAX / k ? bnt_calloc(g->n_rest * k, sizeof *g->scores) : NULL;
    g->truth = bnt_calloc(g->n_rest, sizeof *g->truth);
    g->fold = bnt_calloc(g->n_rest, sizeof *g->fold);
    g->sure = bnt_calloc(g->n_rest, sizeof *g->sure);
    g->right = bnt_calloc(g->n_rest, sizeof *g->right);
    if (g->scores && g->truth && g->fold && g->sure && g->right) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %zu examples", g->n_rest);
}

static bool on_row(void *user, const bnt_label_row *row)
{
    learning *const g = user;
    const size_t k = g->l->plain.k;

    for (size_t c = 0; c < k; c++) {
        g->scores[row->index * k + c] = row->scores[c] - g->prior[c];
    }
    g->truth[row->index] = g->rest[row->index].label;
    return !g->o.progress || g->o.progress(g->o.user, row->index + 1, g->n_rest);
}

/* Deals the examples out to the folds, shuffled: files are often sorted. */
static void deal(learning *g)
{
    bnt_rng rng;

    for (size_t i = 0; i < g->n_rest; i++) {
        g->fold[i] = (uint8_t)(i % FOLDS);
    }
    bnt_rng_seed(&rng, g->o.seed);
    for (size_t i = g->n_rest; i > 1; i--) {
        const size_t j = (size_t)bnt_rng_below(&rng, i);
        const uint8_t fold = g->fold[i - 1];
        g->fold[i - 1] = g->fold[j];
        g->fold[j] = fold;
    }
}

typedef struct figures {
    double accuracy, loss, error;
} figures;

/* How good probabilities are: each example's by the calibration of its fold. */
static bantam_status measure(learning *g, const bnt_calibration *of, bool by_fold, figures *out,
                             bantam_error *err)
{
    const size_t k = g->l->plain.k, n = g->n_rest;
    size_t n_right = 0;

    *out = (figures){0};
    for (size_t i = 0; i < n; i++) {
        const bnt_calibration *const c = &of[by_fold ? g->fold[i] : 0];
        double p[BANTAM_MAX_LABELS];
        size_t best = 0;
        bnt_calibration_apply(c, g->scores + i * k, p);
        for (size_t j = 1; j < bnt_calibration_classes(c); j++) {
            if (p[j] > p[best]) best = j;
        }
        const double truth = p[g->truth[i]];
        g->sure[i] = p[best];
        g->right[i] = best == g->truth[i];
        n_right += g->right[i];
        out->loss -= log(truth > DBL_MIN ? truth : DBL_MIN) / (double)n;
    }
    out->accuracy = (double)n_right / (double)n;
    return bantam_calibration_error(g->sure, g->right, n, &out->error, err);
}

static bantam_status fit(learning *g, bantam_label_fit *out, bantam_error *err)
{
    bnt_calibration folds[FOLDS];
    bnt_scored data = {.scores = g->scores, .truth = g->truth, .n = g->n_rest};
    figures before, after;

    bantam_status status = bnt_calibration_fit(&g->calibration, &data, err);
    deal(g);
    data.fold = g->fold;
    for (uint8_t f = 0; f < FOLDS && !status; f++) {
        folds[f] = g->l->plain;
        data.left_out = f;
        status = bnt_calibration_fit(&folds[f], &data, err);
    }
    if (!status) status = measure(g, &g->l->plain, false, &before, err);
    if (!status) status = measure(g, folds, true, &after, err);
    if (status) return status;
    out->n_fitted = g->n_rest;
    out->accuracy_before = before.accuracy;
    out->loss_before = before.loss;
    out->error_before = before.error;
    out->accuracy_after = after.accuracy;
    out->loss_after = after.loss;
    out->error_after = after.error;
    return BANTAM_OK;
}

/* ---- all of it --------------------------------------------------------------------------- */

static bantam_status learn(learning *g, bantam_label_fit *out, bantam_error *err)
{
    bantam_status status = show(g, err);

    if (status || g->n_rest < LEAST_FITTED) return status;
    const bnt_label_texts texts = {&g->rest->text, sizeof *g->rest, g->n_rest};
    status = take_memory(g, err);
    if (!status) status = bnt_labeler_run(g->l, &g->form, &texts, on_row, g, err);
    if (!status) status = fit(g, out, err);
    return status;
}

/* Makes what was learned the labeler's own. */
static void adopt(learning *g, bantam_label_fit *out)
{
    bantam_labeler *const l = g->l;
    const bnt_calibration *const c = &g->calibration;

    bnt_label_form_close(&l->form);
    l->form = g->form;
    g->form = (bnt_label_form){0};
    memcpy(l->prior, g->prior, sizeof l->prior);
    l->calibration = *c;
    memset(l->bias, 0, sizeof l->bias);
    for (size_t i = 0; i < c->k; i++) {
        l->bias[l->place[i]] = c->bias[i];
    }
    out->n_shots = g->n_shots;
    out->temperature = 1.0 / c->scale;
    out->neutral = c->band ? bnt_band_probability(c->width) : 0.0;
    out->bias = l->bias;
}

bantam_status bantam_labeler_learn(bantam_labeler *labeler,
                                   const bantam_label_example *examples, size_t n_examples,
                                   const bantam_learn_options *options, bantam_label_fit *out,
                                   bantam_error *err)
{
    const double none = (double)NAN;
    bantam_label_fit made = {.accuracy_before = none,
                             .accuracy_after = none,
                             .loss_before = none,
                             .loss_after = none,
                             .error_before = none,
                             .error_after = none};
    learning g = {
        .l = labeler, .examples = examples, .n = n_examples, .calibration = labeler->plain};

    if (out) *out = (bantam_label_fit){0};
    bantam_status status = bnt_options_copy(&g.o, sizeof g.o, options, "learn options", err);
    if (!status) status = check_examples(labeler, examples, n_examples, err);
    if (status) return status;
    g.shots = bnt_calloc(n_examples, sizeof *g.shots);
    g.rest = bnt_calloc(n_examples, sizeof *g.rest);
    if (!g.shots || !g.rest) {
        status = bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %zu examples", n_examples);
    }
    if (!status) status = learn(&g, &made, err);
    if (!status) {
        adopt(&g, &made);
        if (out) *out = made;
    }
    bnt_label_form_close(&g.form);
    bnt_free(g.shots);
    bnt_free(g.rest);
    bnt_free(g.scores);
    bnt_free(g.truth);
    bnt_free(g.fold);
    bnt_free(g.sure);
    bnt_free(g.right);
    return status;
}
