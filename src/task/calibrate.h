/* calibrate.h - from scores of labels to probabilities, and what examples say about both.
 *
 * Numbers only: nothing here knows of texts or models.
 */
#ifndef BNT_TASK_CALIBRATE_H
#define BNT_TASK_CALIBRATE_H
#include "base/error.h"

/* The probabilities of k labels with scores s are softmax(scale * s + bias). With a band there
 * are two labels and a third between them, the proportional-odds model with logit
 * d = z[0] - z[1] and thresholds +-width:
 *
 *     p[0] = 1 / (1 + exp(width - d)), p[1] = 1 / (1 + exp(width + d)), p[2] = 1 - p[0] - p[1]
 */
typedef struct bnt_calibration {
    double scale;
    double bias[BANTAM_MAX_LABELS]; /* of two labels with a band only the difference counts */
    double width;                   /* above 0; of the band */
    size_t k;                       /* labels with scores */
    bool band;
} bnt_calibration;

/* Scale 1, no bias. */
void bnt_calibration_init(bnt_calibration *c, size_t k, bool band, double width);

static inline size_t bnt_calibration_classes(const bnt_calibration *c)
{
    return c->k + c->band;
}

/* p holds one probability per class; scores are finite. */
void bnt_calibration_apply(const bnt_calibration *c, const double *scores, double *p);

/* Scored answers whose right class is known. */
typedef struct bnt_scored {
    const double *scores;  /* (n, k) */
    const uint32_t *truth; /* (n) classes; k is the one in the band */
    size_t n;
    const uint8_t *fold; /* (n), or NULL: all of them are used */
    uint8_t left_out;    /* those of this fold are not */
} bnt_scored;

/* Fits to the examples by Newton's method: the least sum of -ln p, plus half the squares of
 * bias, of scale - 1 and of the change of width, each over the variance that its normal prior
 * has, 1. The sum is convex in all of them. With a band and no example in it the width stays.
 */
bantam_status bnt_calibration_fit(bnt_calibration *c, const bnt_scored *data,
                                  bantam_error *err);

/* softmax(z) over n values, in place; one that is all -infinity becomes even. */
void bnt_softmax(double *z, size_t n);

/* The probability that the likelier of two labels has, were there no band of that width,
 * exactly where the third begins to be likelier; and back. See bantam_labeler_options. */
double bnt_band_probability(double width);
double bnt_band_width(double probability);

#endif
