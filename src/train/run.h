/* run.h - the loop that makes parameters smaller losses: batches in, steps out.
 *
 * Whoever has a net and a source of batches gets AdamW with warm-up and cosine, clipping,
 * progress, checkpoints that continue to the same bits, and a way to stop. Used for whole
 * models and for adapters alike.
 */
#ifndef BNT_TRAIN_RUN_H
#define BNT_TRAIN_RUN_H
#include "train/net.h"

/* Batch number `step` (from 0) of a run, a pure function of the source and of step: what makes
 * a run continue where it stopped. The batch is borrowed until the next call. */
typedef bantam_status (*bnt_batch_fn)(void *source, uint64_t step, bnt_batch *out,
                                      bantam_error *err);

typedef struct bnt_progress {
    uint64_t step, steps; /* done, of all */
    double loss;          /* of this step */
    double smooth_loss;   /* mean of the last 50 */
    double held_out_loss; /* where it was measured at this step, else NaN */
    double rate;          /* learning rate */
    double grad_norm;     /* before clipping */
    double tokens_per_s;  /* of the last steps */
    double seconds, seconds_left;
} bnt_progress;
/* False: stop after this step, as if interrupted: what is done is kept. */
typedef bool (*bnt_run_progress_fn)(void *user, const bnt_progress *progress);

typedef struct bnt_run_options {
    uint64_t steps;
    uint64_t warmup_steps;
    double rate, final_rate; /* cosine from the one to the other after the warm-up */
    double beta1, beta2, epsilon, decay;
    double clip;            /* largest norm of all gradients together; 0: none */
    uint64_t seed;          /* enters the checkpoint's identity */
    const char *checkpoint; /* path, or NULL: none */
    uint64_t checkpoint_steps;
    double checkpoint_seconds; /* whichever comes first; 0: by steps alone */
    bool resume;               /* from checkpoint, where it exists and is of this run */
    uint64_t identity; /* a digest of model, data and what else a step depends on: a checkpoint
                          of another run is refused */
    bnt_batch_fn batch;
    void *source;
    const bnt_batch *held_out; /* (n_held_out) or NULL */
    size_t n_held_out;
    uint64_t held_out_steps; /* measured every so many steps and at the end */
    /* A step's batch goes through the net in parts of whole sequences of together at most so
     * many rows (the net's max_rows where memory is short); 0: whole. Enters the identity: the
     * parts are added in their order. */
    uint32_t part_rows;
    /* The caller's own memory, saved with every checkpoint as progress left it, and given back
     * by resume before the first step. */
    void *notes;
    size_t note_bytes;
    bnt_run_progress_fn progress;
    void *user;
} bnt_run_options;

/* Defaults: rate 3e-4 to a tenth of it, betas 0.9 0.95, epsilon 1e-8, decay 0.1, clip 1. */
void bnt_run_options_init(bnt_run_options *o);

/* Bytes that a run takes for n_weights that learn. */
size_t bnt_run_cost(uint64_t n_weights);

/* Runs. A last checkpoint is written at the end too, so that whoever saves the result can try
 * again. On a stop wished by progress: BANTAM_ERR_CANCELLED after a last checkpoint. Where the
 * loss stops being a number: BANTAM_ERR_INVALID, and the last checkpoint stays as it was. */
bantam_status bnt_run(bnt_net *net, const bnt_run_options *options, bnt_pool *pool,
                      bantam_error *err);

#endif
