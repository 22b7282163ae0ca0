/* adapt_parts.h - what the files of an adaptation share. */
#ifndef BNT_TRAIN_ADAPT_PARTS_H
#define BNT_TRAIN_ADAPT_PARTS_H
#include "base/pool.h"
#include "train/adaptation.h"
#include "train/mix.h"

/* The best adapter so far and how it was found. It goes into checkpoints as it stands. */
typedef struct bnt_kept {
    uint64_t step;                /* it is of; 0: nothing was learned */
    uint64_t n_measured, n_worse; /* measurements; those since the best */
    double loss, keep_loss;       /* its own */
    float weights[];              /* (n_params of the plan) in order of the net's */
} bnt_kept;

typedef struct bnt_adapting {
    const bnt_adapt_job *job;
    bantam_adapt_options o; /* defaults filled in; no share is below 0 */
    unsigned targets;       /* BNT_TARGET_ bits */
    uint32_t n_threads;
    uint32_t keep_rows;     /* of a step; 0: nothing is kept */
    uint64_t measure_steps; /* between two measurements */
    bool cancelled;         /* by the caller */
    bantam_status failed;   /* while measuring between two steps */
    bantam_error error;     /* why */
    bnt_mix mix;
    bnt_pool *pool; /* owns */
    bnt_net *net;   /* owns */
    bnt_kept *kept; /* owns */
    float *learned; /* (n_params of the plan) owns: while the strength is lowered */
    size_t kept_bytes;
    const bnt_batch *held_out, *keep_held_out; /* borrowed from the mix */
    size_t n_held_out, n_keep_held_out;
    uint64_t identity; /* of the texts */
    bantam_adapt_result *result;
} bnt_adapting;

/* ---- adapt_options.c: what is wanted ---- */

/* Fills in defaults and checks. */
bantam_status bnt_adapt_resolve(bnt_adapting *a, const bantam_adapt_options *options,
                                bantam_error *err);

/* ---- adapt_plan.c: what it takes ---- */

void bnt_adapt_net_options(const bnt_adapting *a, bnt_net_options *out);
void bnt_adapt_rehearsal_options(const bnt_adapting *a, bnt_rehearsal_options *out);

/* Chooses how to compute within the memory allowed, and tells the plan. The datasets are open.
 */
bantam_status bnt_adapt_plan(bnt_adapting *a, bantam_error *err);

/* ---- adapt_data.c: what is learned ---- */

/* Opens the datasets and says how many steps there are. */
bantam_status bnt_adapt_read(bnt_adapting *a, bantam_error *err);
/* Lets the model write what it is to keep, where no file says it, and sets texts aside. */
bantam_status bnt_adapt_rehearse(bnt_adapting *a, bantam_error *err);

/* False where the caller wants to stop. */
bool bnt_adapt_tell(bnt_adapting *a, bantam_adapt_stage stage, uint64_t done, uint64_t total);

#endif
