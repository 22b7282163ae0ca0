/* checkpoint.h - a run on disk: everything that it takes to continue it to the same bits.
 *
 * The file appears whole or not at all. It is read as strangers' bytes are: nothing is believed
 * before the size, the digest and the identity are right, and nothing is changed before that.
 */
#ifndef BNT_TRAIN_CHECKPOINT_H
#define BNT_TRAIN_CHECKPOINT_H
#include "train/optimizer.h"

enum { BNT_CHECKPOINT_VERSION = 1, BNT_RECENT_LOSSES = 50 };

/* How far a run is, besides its weights and their averages. */
typedef struct bnt_run_state {
    uint64_t step;  /* done */
    uint64_t steps; /* of all */
    double seconds; /* that they took */
    uint32_t n_losses;
    double losses[BNT_RECENT_LOSSES]; /* of the last steps: that of step i at i modulo their
                                         number */
    void *notes; /* (note_bytes) of the run's caller, borrowed; read into on loading */
    size_t note_bytes;
} bnt_run_state;

bantam_status bnt_checkpoint_save(const char *path, uint64_t identity, const bnt_net *net,
                                  const bnt_optimizer *o, const bnt_run_state *state,
                                  bantam_error *err);

/* BANTAM_ERR_FORMAT for a file that is no whole checkpoint, BANTAM_ERR_INVALID for one of
 * another run. Messages begin with the path. */
bantam_status bnt_checkpoint_load(const char *path, uint64_t identity, const bnt_net *net,
                                  const bnt_optimizer *o, bnt_run_state *state,
                                  bantam_error *err);

/* How far the run of a checkpoint is, of how many steps. Says nothing of whose run it is. */
bantam_status bnt_checkpoint_peek(const char *path, uint64_t *step, uint64_t *steps,
                                  bantam_error *err);

#endif
