/* stages.h - what the stages of the sampler share.
 *
 * Every stage takes the candidates that the one before it left. p is a candidate's probability
 * among them. At least one candidate comes in, and at least one goes out.
 */
#ifndef BNT_SAMPLE_STAGES_H
#define BNT_SAMPLE_STAGES_H
#include "sample/candidates.h"

struct bnt_sampler {
    uint32_t n_vocab;
    bantam_sampling options; /* checked; its pointers are NULL, their contents below */
    bantam_logit_bias *bias; /* owns, (options.n_bias) */
    uint8_t *breakers;       /* owns, (n_vocab): DRY stops at these tokens; NULL: at none */
    uint32_t *matches;       /* owns, (options.dry_last_n); NULL while DRY is off */
    uint32_t *marks;         /* owns, (n_vocab): a number per token, all zero between stages */
    bnt_set *set;            /* owns */
    bnt_rng rng;
    double mu; /* mirostat's threshold, in bits */
};

/* What the model has read and written. */
typedef struct bnt_history {
    const uint32_t *tokens; /* borrows, oldest first */
    size_t n;
} bnt_history;

/* sampling.c: BANTAM_ERR_INVALID names the first number that makes no sense. */
bantam_status bnt_sampling_check(const bantam_sampling *o, uint32_t n_vocab, bantam_error *err);

/* The last n of a history. */
static inline bnt_history bnt_history_last(bnt_history h, size_t n)
{
    if (h.n > n) {
        h.tokens += h.n - n;
        h.n = n;
    }
    return h;
}

void bnt_stage_penalties(bnt_sampler *s, bnt_history history);
void bnt_stage_dry(bnt_sampler *s, bnt_history history);
void bnt_stage_temperature(bnt_set *set, float t);
void bnt_stage_top_k(bnt_set *set, uint32_t k);
void bnt_stage_top_p(bnt_set *set, float p);
void bnt_stage_min_p(bnt_set *set, float p);
void bnt_stage_typical(bnt_set *set, float p);
void bnt_stage_xtc(bnt_set *set, float threshold, float probability, bnt_rng *rng);

/* Mirostat cuts before the draw and learns from it. probability is that of the drawn token. */
void bnt_mirostat_cut(bnt_sampler *s);
void bnt_mirostat_learn(bnt_sampler *s, double probability);

#endif
