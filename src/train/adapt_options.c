/* adapt_options.c - what an adaptation is to be: defaults, and numbers that make no sense. */
#include "base/cpu.h"
#include "base/options.h"
#include "model/adapter.h"
#include "train/adapt_parts.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum {
    RANK = 8,
    BATCH = 1024,
    SEQUENCE = 256,
    PATIENCE = 5,
    MAX_TOKENS = 1 << 20, /* of a batch: keeps sizes in 32 bits */
    MAX_THREADS = 1024
};

static const double usual_rate = 1e-3, usual_keep = 0.3, usual_limit = 0.02,
                    own_limit = 0.03 /* what it writes itself is hardest to keep */,
                    usual_held_out = 0.1, usual_pause = 300.0;

static bantam_status within(const char *what, double found, double least, double most,
                            bantam_error *err)
{
    if (found >= least && found <= most) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_INVALID, "%s: expected %g to %g, found %g", what, least,
                    most, found);
}

static bantam_status check_words(const char *what, const char *const *files, size_t n,
                                 bantam_error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (files && files[i] && *files[i]) continue;
        return bnt_fail(err, BANTAM_ERR_INVALID, "%s: path %zu of %zu is empty", what, i + 1,
                        n);
    }
    return BANTAM_OK;
}

/* "all", or names separated by commas. */
static bantam_status read_targets(const char *text, unsigned *out, bantam_error *err)
{
    static const struct {
        const char *name;
        unsigned bit;
    } names[] = {{"q", BNT_TARGET_Q},       {"k", BNT_TARGET_K},       {"v", BNT_TARGET_V},
                 {"o", BNT_TARGET_O},       {"gate", BNT_TARGET_GATE}, {"up", BNT_TARGET_UP},
                 {"down", BNT_TARGET_DOWN}, {"all", BNT_TARGET_ALL}};
    const size_t n_names = sizeof names / sizeof names[0];

    *out = 0;
    for (const char *at = text ? text : "all";; at++) {
        const size_t size = strcspn(at, ",");
        size_t i = 0;
        while (i < n_names &&
               (strlen(names[i].name) != size || memcmp(names[i].name, at, size) != 0)) {
            i++;
        }
        if (i == n_names) {
            return bnt_fail(err, BANTAM_ERR_INVALID,
                            "targets: '%.*s' is none of q, k, v, o, gate, up, down, all",
                            size > 40 ? 40 : (int)size, at);
        }
        *out |= names[i].bit;
        at += size;
        if (!*at) return BANTAM_OK;
    }
}

/* A share: 0 is the default, less is none. */
static void fill_share(double *share, double usual)
{
    if (*share == 0.0) *share = usual;
    if (*share < 0.0) *share = 0.0;
}

static void fill_lengths(bantam_adapt_options *o, uint32_t made_for)
{
    if (!o->sequence_tokens) {
        o->sequence_tokens = made_for && made_for < SEQUENCE ? made_for : SEQUENCE;
        if (o->batch_tokens && o->batch_tokens < o->sequence_tokens) {
            o->sequence_tokens = o->batch_tokens;
        }
    }
    if (!o->batch_tokens) {
        o->batch_tokens = o->sequence_tokens > BATCH ? o->sequence_tokens : BATCH;
    }
}

static void fill(bnt_adapting *a)
{
    bantam_adapt_options *const o = &a->o;

    fill_lengths(o, a->job->model->config.context_tokens);
    fill_share(&o->keep_share, usual_keep);
    fill_share(&o->held_out, usual_held_out);
    if (o->keep_limit == 0.0) o->keep_limit = o->n_keep ? usual_limit : own_limit;
    if (o->keep_limit < 0.0) o->keep_limit = (double)INFINITY;
    if (!o->rank) o->rank = RANK;
    if (o->alpha == 0.0) o->alpha = 2.0 * o->rank;
    if (o->rate == 0.0) o->rate = usual_rate;
    if (!o->patience) o->patience = PATIENCE;
    if (o->checkpoint_seconds == 0.0) o->checkpoint_seconds = usual_pause;
    a->n_threads = o->n_threads ? o->n_threads : bnt_cpu_threads();
    if (!o->n_threads && a->n_threads > MAX_THREADS) a->n_threads = MAX_THREADS;
}

static bantam_status check(const bnt_adapting *a, bantam_error *err)
{
    const bantam_adapt_options *const o = &a->o;

    bantam_status status = check_words("data", o->data, o->n_data, err);
    if (!status) status = check_words("keep", o->keep, o->n_keep, err);
    if (!status) status = within("rank", o->rank, 1, BNT_MAX_RANK, err);
    if (!status) status = within("alpha", o->alpha, 1e-6, 1e6, err);
    if (!status) status = within("epochs", o->epochs, 0, 1e6, err);
    if (!status) status = within("rate", o->rate, 1e-9, 1, err);
    if (!status) status = within("held_out", o->held_out, 0, 0.5, err);
    if (!status) status = within("keep_share", o->keep_share, 0, 0.9, err);
    if (!status) status = within("sequence_tokens", o->sequence_tokens, 2, MAX_TOKENS, err);
    if (!status) {
        status = within("batch_tokens", o->batch_tokens, o->sequence_tokens, MAX_TOKENS, err);
    }
    if (!status) status = within("n_threads", a->n_threads, 1, MAX_THREADS, err);
    return status;
}

bantam_status bnt_adapt_resolve(bnt_adapting *a, const bantam_adapt_options *options,
                                bantam_error *err)
{
    bantam_status status = bnt_options_copy(&a->o, sizeof a->o, options, "adapt options", err);
    if (status) return status;
    if (!a->o.n_data) return bnt_fail(err, BANTAM_ERR_INVALID, "adapt: no data given");
    if (!a->job->tokenizer) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED, "the model has no tokenizer");
    }
    fill(a);
    status = check(a, err);
    if (!status) status = read_targets(a->o.targets, &a->targets, err);
    if (status) return status;

    /* Of the loss the share is exact; of the rows there are enough for whole sequences. */
    const bantam_adapt_options *const o = &a->o;
    const double rows = o->batch_tokens * o->keep_share / (1.0 - o->keep_share);
    a->keep_rows = (uint32_t)rows;
    if (o->keep_share > 0.0 && a->keep_rows < o->sequence_tokens) {
        a->keep_rows = o->sequence_tokens;
    }
    a->result->plan.sequence_tokens = o->sequence_tokens;
    a->result->plan.n_threads = a->n_threads;
    return BANTAM_OK;
}
