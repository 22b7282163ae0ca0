/* calibrate.c - scores to probabilities, fitted to examples; see calibrate.h.
 *
 * Both models are fitted by one Newton's method over parameters theta: scale, then the biases
 * (with a band: one, that of the difference), then the width. What differs is what one example
 * adds to loss, slope and curvature.
 */
#include "task/calibrate.h"

#include "base/mem.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_THETA = BANTAM_MAX_LABELS + 2,
    MAX_STEPS = 100,
    MAX_HALVINGS = 40,
    MOST_GROUPS = 10,
    GROUP = 10 /* answers in a group, where there are few of them */
};

#define LEAST_SCALE 1e-3
#define LEAST_WIDTH 1e-3
#define ENOUGH      1e-10 /* a step this small, in every parameter, is the last */

void bnt_softmax(double *z, size_t n)
{
    double top = -INFINITY, sum = 0.0;

    for (size_t i = 0; i < n; i++) {
        if (z[i] > top) top = z[i];
    }
    for (size_t i = 0; i < n; i++) {
        z[i] = top > -INFINITY ? exp(z[i] - top) : 1.0;
        sum += z[i];
    }
    for (size_t i = 0; i < n; i++) {
        z[i] /= sum;
    }
}

static double sigmoid(double x)
{
    return x >= 0 ? 1.0 / (1.0 + exp(-x)) : exp(x) / (1.0 + exp(x));
}

/* With m = exp(width) the third label overtakes the likelier one at odds u where
 * m * m - m * u - 2 = 0. */
double bnt_band_probability(double width)
{
    const double m = exp(width), u = m - 2.0 / m;
    return u > 1.0 ? u / (1.0 + u) : 0.5;
}

double bnt_band_width(double probability)
{
    const double half = probability / (1.0 - probability) / 2.0;
    return log(half + sqrt(half * half + 2.0));
}

void bnt_calibration_init(bnt_calibration *c, size_t k, bool band, double width)
{
    *c = (bnt_calibration){.scale = 1.0, .width = width, .k = k, .band = band};
}

void bnt_calibration_apply(const bnt_calibration *c, const double *scores, double *p)
{
    if (c->band) {
        const double d = c->scale * (scores[0] - scores[1]) + c->bias[0] - c->bias[1];
        p[0] = sigmoid(d - c->width);
        p[1] = sigmoid(-d - c->width);
        p[2] = 1.0 - p[0] - p[1];
        return;
    }
    for (size_t i = 0; i < c->k; i++) {
        p[i] = c->scale * scores[i] + c->bias[i];
    }
    bnt_softmax(p, c->k);
}

/* ---- what one example adds --------------------------------------------------------------- */

typedef struct newton {
    const bnt_scored *data;
    size_t k, n_theta;
    bool band;
    double theta[MAX_THETA], start[MAX_THETA], step[MAX_THETA], slope[MAX_THETA];
    double curve[MAX_THETA][MAX_THETA];
    double loss;
} newton;

/* -ln softmax(z)[y] has the slope p - [y] and the curvature diag(p) - p p' in z, and z[i] =
 * theta[0] * s[i] + theta[1 + i]. */
static void add_softmax(newton *f, const double *s, uint32_t y)
{
    double p[BANTAM_MAX_LABELS] = {0}, mean = 0.0, square = 0.0;
    const size_t k = f->k;

    for (size_t i = 0; i < k; i++) {
        p[i] = f->theta[0] * s[i] + f->theta[1 + i];
    }
    bnt_softmax(p, k);
    f->loss -= log(p[y] > DBL_MIN ? p[y] : DBL_MIN);
    for (size_t i = 0; i < k; i++) {
        mean += p[i] * s[i];
        square += p[i] * s[i] * s[i];
        f->slope[1 + i] += p[i] - (i == y);
        for (size_t j = 0; j < k; j++) {
            f->curve[1 + i][1 + j] += (i == j ? p[i] : 0.0) - p[i] * p[j];
        }
    }
    f->slope[0] += mean - s[y];
    f->curve[0][0] += square - mean * mean;
    for (size_t i = 0; i < k; i++) {
        const double c = p[i] * (s[i] - mean);
        f->curve[0][1 + i] += c;
        f->curve[1 + i][0] += c;
    }
}

/* Loss, slope and curvature of one example in its logit e and in the width w. */
typedef struct band_part {
    double loss, e, w, ee, ew, ww;
} band_part;

static band_part band_of(double e, double w, uint32_t y)
{
    if (y < 2) { /* -ln of sigmoid(+-e - w) */
        const double sign = y == 0 ? 1.0 : -1.0;
        const double p = sigmoid(sign * e - w), q = 1.0 - p;
        const double loss = -log(p > DBL_MIN ? p : DBL_MIN);
        return (band_part){loss, -sign * q, q, p * q, -sign * p * q, p * q};
    }
    /* -ln (P - Q), P = sigmoid(w - e), Q = sigmoid(-w - e) */
    const double P = sigmoid(w - e), Q = sigmoid(-w - e),
                 gap = P - Q > DBL_MIN ? P - Q : DBL_MIN;
    const double a = P * (1.0 - P), b = Q * (1.0 - Q), slope = (a + b) / gap;
    const double bend = (a * (1.0 - 2.0 * P) - b * (1.0 - 2.0 * Q)) / gap - slope * slope;
    return (band_part){-log(gap), 1.0 - P - Q, -slope, a + b, b - a, -bend};
}

/* The logit is e = theta[0] * (s[0] - s[1]) + theta[1], the width theta[2]. */
static void add_band(newton *f, const double *s, uint32_t y)
{
    const double d = s[0] - s[1];
    const band_part g = band_of(f->theta[0] * d + f->theta[1], f->theta[2], y);
    const double by[2] = {d, 1.0};

    f->loss += g.loss;
    for (int i = 0; i < 2; i++) {
        f->slope[i] += g.e * by[i];
        f->curve[i][0] += g.ee * by[i] * by[0];
        f->curve[i][1] += g.ee * by[i] * by[1];
        f->curve[i][2] += g.ew * by[i];
        f->curve[2][i] += g.ew * by[i];
    }
    f->slope[2] += g.w;
    f->curve[2][2] += g.ww;
}

static bool is_used(const bnt_scored *data, size_t i)
{
    return !data->fold || data->fold[i] != data->left_out;
}

/* Loss, slope and curvature at theta. */
static void look(newton *f)
{
    f->loss = 0.0;
    memset(f->slope, 0, sizeof f->slope);
    memset(f->curve, 0, sizeof f->curve);
    for (size_t i = 0; i < f->n_theta; i++) {
        const double off = f->theta[i] - f->start[i];
        f->loss += 0.5 * off * off;
        f->slope[i] = off;
        f->curve[i][i] = 1.0;
    }
    for (size_t i = 0; i < f->data->n; i++) {
        if (!is_used(f->data, i)) continue;
        const double *s = f->data->scores + i * f->k;
        if (f->band) {
            add_band(f, s, f->data->truth[i]);
        } else {
            add_softmax(f, s, f->data->truth[i]);
        }
    }
}

/* ---- Newton's method --------------------------------------------------------------------- */

/* Solves curve * step = slope by Cholesky's decomposition, in place. The curvature is that of a
 * convex sum plus 1 on the diagonal, so every pivot is 1 at least but for rounding. */
static void solve(newton *f)
{
    const size_t n = f->n_theta;

    for (size_t j = 0; j < n; j++) {
        for (size_t i = j; i < n; i++) {
            double sum = f->curve[i][j];
            for (size_t m = 0; m < j; m++) {
                sum -= f->curve[i][m] * f->curve[j][m];
            }
            if (i == j) {
                f->curve[j][j] = sqrt(sum > 0.5 ? sum : 0.5);
            } else {
                f->curve[i][j] = sum / f->curve[j][j];
            }
        }
    }
    for (size_t i = 0; i < n; i++) {
        f->step[i] = f->slope[i];
        for (size_t m = 0; m < i; m++) {
            f->step[i] -= f->curve[i][m] * f->step[m];
        }
        f->step[i] /= f->curve[i][i];
    }
    for (size_t i = n; i-- > 0;) {
        for (size_t m = i + 1; m < n; m++) {
            f->step[i] -= f->curve[m][i] * f->step[m];
        }
        f->step[i] /= f->curve[i][i];
    }
}

static bool is_allowed(const newton *f)
{
    return f->theta[0] >= LEAST_SCALE && (!f->band || f->theta[2] >= LEAST_WIDTH);
}

/* One step, halved until it is allowed and makes the loss no larger. False where none does, or
 * where the step is too small to go on. */
static bool advance(newton *f)
{
    double from[MAX_THETA], step[MAX_THETA], largest = 0.0;
    const double loss = f->loss;

    solve(f);
    memcpy(from, f->theta, sizeof from);
    memcpy(step, f->step, sizeof step);
    for (size_t i = 0; i < f->n_theta; i++) {
        largest = fmax(largest, fabs(step[i]));
    }
    double share = 1.0;
    for (int halving = 0; halving < MAX_HALVINGS && largest > ENOUGH; halving++) {
        for (size_t i = 0; i < f->n_theta; i++) {
            f->theta[i] = from[i] - share * step[i];
        }
        if (is_allowed(f)) {
            look(f);
            if (f->loss <= loss) return true;
        }
        share *= 0.5;
    }
    memcpy(f->theta, from, sizeof from);
    return false;
}

/* Parameters of the calibration as theta. The width is left alone where nothing tells of it. */
static void put_theta(newton *f, const bnt_calibration *c)
{
    bool told = false;

    f->theta[0] = c->scale;
    if (!c->band) {
        memcpy(f->theta + 1, c->bias, c->k * sizeof *c->bias);
        f->n_theta = 1 + c->k;
    } else {
        f->theta[1] = c->bias[0] - c->bias[1];
        f->theta[2] = c->width;
        for (size_t i = 0; i < f->data->n; i++) {
            told = told || (is_used(f->data, i) && f->data->truth[i] == 2);
        }
        f->n_theta = told ? 3 : 2;
    }
    memcpy(f->start, f->theta, sizeof f->start);
}

bantam_status bnt_calibration_fit(bnt_calibration *c, const bnt_scored *data, bantam_error *err)
{
    newton *const f = bnt_calloc(1, sizeof *f);

    if (!f) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a fit");
    f->data = data;
    f->k = c->k;
    f->band = c->band;
    put_theta(f, c);
    look(f);
    for (int i = 0; i < MAX_STEPS && advance(f); i++) {
    }
    c->scale = f->theta[0];
    if (c->band) {
        c->bias[0] = f->theta[1] / 2.0;
        c->bias[1] = -f->theta[1] / 2.0;
        c->width = f->theta[2];
    } else {
        memcpy(c->bias, f->theta + 1, c->k * sizeof *c->bias);
    }
    bnt_free(f);
    return BANTAM_OK;
}

/* ---- how far probabilities are from what happens ----------------------------------------- */

typedef struct answer {
    double probability;
    bool right;
} answer;

static int ascending(const void *a, const void *b)
{
    const answer *const x = a, *const y = b;

    if (x->probability != y->probability) return x->probability < y->probability ? -1 : 1;
    return (int)x->right - (int)y->right; /* so that the order given does not matter */
}

bantam_status bantam_calibration_error(const double *probabilities, const bool *right, size_t n,
                                       double *out, bantam_error *err)
{
    size_t n_groups = n / GROUP;
    double sum = 0.0;

    *out = 0.0;
    if (!n) return bnt_fail(err, BANTAM_ERR_INVALID, "calibration error: no answers are given");
    answer *const answers = bnt_calloc(n, sizeof *answers);
    if (!answers) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %zu answers", n);
    }
    for (size_t i = 0; i < n; i++) {
        answers[i] = (answer){probabilities[i], right[i]};
    }
    qsort(answers, n, sizeof *answers, ascending);
    if (n_groups > MOST_GROUPS) n_groups = MOST_GROUPS;
    if (n_groups < 1) n_groups = 1;
    for (size_t g = 0; g < n_groups; g++) {
        double gap = 0.0;
        /* The products cannot wrap: n answers of 16 bytes are in memory. */
        for (size_t i = n * g / n_groups; i < n * (g + 1) / n_groups; i++) {
            gap += answers[i].probability - (answers[i].right ? 1.0 : 0.0);
        }
        sum += fabs(gap);
    }
    bnt_free(answers);
    *out = sum / (double)n;
    return BANTAM_OK;
}
