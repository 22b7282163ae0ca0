/* sampling.c - the numbers that say how to sample: their defaults, and which make sense. */
#include "base/error.h"
#include "sample/stages.h"

#include <inttypes.h>
#include <math.h>

void bnt_sampling_init(bantam_sampling *sampling)
{
    *sampling = (bantam_sampling){
        .struct_size = sizeof *sampling,
        .top_p = 1,
        .typical_p = 1,
        .xtc_threshold = 0.1f,
        .repeat_penalty = 1,
        .penalty_last_n = 64,
        .dry_base = 1.75f,
        .dry_allowed_length = 2,
        .dry_last_n = 1024,
        .mirostat_tau = 5,
        .mirostat_eta = 0.1f,
    };
}

typedef struct range {
    const char *name;
    float value, low, high;
} range;

static bantam_status check_range(range r, bantam_error *err)
{
    if (r.value >= r.low && r.value <= r.high) return BANTAM_OK; /* never true of NaN */
    const double low = (double)r.low, high = (double)r.high, value = (double)r.value;
    if (r.high < FLT_MAX) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "%s: expected %g to %g, found %g", r.name, low,
                        high, value);
    }
    if (r.low > -FLT_MAX) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "%s: expected a number of at least %g, found %g", r.name, low, value);
    }
    return bnt_fail(err, BANTAM_ERR_INVALID, "%s: expected a finite number, found %g", r.name,
                    value);
}

static bantam_status check_ranges(const bantam_sampling *o, bantam_error *err)
{
    const bool dry = o->dry_multiplier != 0;
    const range ranges[] = {
        {"temperature", o->temperature, 0, FLT_MAX},
        {"top_p", o->top_p, 0, 1},
        {"min_p", o->min_p, 0, 1},
        {"typical_p", o->typical_p, 0, 1},
        {"xtc_probability", o->xtc_probability, 0, 1},
        {"xtc_threshold", o->xtc_threshold, 0, 1},
        {"repeat_penalty", o->repeat_penalty, 1e-6f, FLT_MAX}, /* logits are divided by it */
        {"presence_penalty", o->presence_penalty, -FLT_MAX, FLT_MAX},
        {"frequency_penalty", o->frequency_penalty, -FLT_MAX, FLT_MAX},
        {"dry_multiplier", o->dry_multiplier, 0, FLT_MAX},
        {"dry_base", o->dry_base, dry ? 1 : -FLT_MAX, FLT_MAX},
        {"mirostat_tau", o->mirostat_tau, 0, FLT_MAX},
        {"mirostat_eta", o->mirostat_eta, 0, FLT_MAX},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        const bantam_status status = check_range(ranges[i], err);
        if (status) return status;
    }
    if (o->mirostat > 2) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "mirostat: expected 0, 1 or 2, found %" PRIu32,
                        o->mirostat);
    }
    return BANTAM_OK;
}

static bantam_status check_lists(const bantam_sampling *o, uint32_t n_vocab, bantam_error *err)
{
    if ((o->n_bias && !o->bias) || (o->n_dry_breakers && !o->dry_breakers)) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "%s: a count without a list",
                        o->n_bias && !o->bias ? "bias" : "dry_breakers");
    }
    for (size_t i = 0; i < o->n_bias; i++) {
        if (o->bias[i].token >= n_vocab) {
            return bnt_fail(err, BANTAM_ERR_INVALID,
                            "bias %zu: token %" PRIu32 " is not in a vocabulary of %" PRIu32, i,
                            o->bias[i].token, n_vocab);
        }
        if (isnan(o->bias[i].bias)) {
            return bnt_fail(err, BANTAM_ERR_INVALID,
                            "bias of token %" PRIu32 ": expected a number, found nan",
                            o->bias[i].token);
        }
    }
    for (size_t i = 0; i < o->n_dry_breakers; i++) {
        if (!o->dry_breakers[i].size || !o->dry_breakers[i].data) {
            return bnt_fail(err, BANTAM_ERR_INVALID,
                            "dry_breakers %zu: expected a text, found an empty one", i);
        }
    }
    return BANTAM_OK;
}

static bantam_status check_order(const bantam_sampling *o, bantam_error *err)
{
    const size_t most = sizeof o->order / sizeof *o->order;
    for (size_t i = 0; i < most; i++) {
        const int stage = (int)o->order[i];
        if (stage == BANTAM_STAGE_END) return BANTAM_OK;
        if (stage < 0 || stage > BANTAM_STAGE_TEMPERATURE) {
            return bnt_fail(err, BANTAM_ERR_INVALID, "order: %d at place %zu is not a stage",
                            stage, i);
        }
    }
    return bnt_fail(err, BANTAM_ERR_INVALID, "order: no end within %zu stages", most);
}

bantam_status bnt_sampling_check(const bantam_sampling *o, uint32_t n_vocab, bantam_error *err)
{
    bantam_status status = check_ranges(o, err);
    if (!status) status = check_lists(o, n_vocab, err);
    if (!status) status = check_order(o, err);
    return status;
}
