/* prune_depth.c - which layers a model can do without.
 *
 * A layer's influence is 1 - cos(what comes in, what goes out), averaged over the tokens of the
 * calibration text (arXiv 2403.03853). The layer of the least influence goes, and what is left
 * is looked at again: two layers may be needless, but not both.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "compress/prune_parts.h"

typedef struct comparing {
    const float *before, *after; /* (n, width) */
    size_t width;
    double *cosines; /* (n) */
} comparing;

static void compare_token(void *context, size_t t, uint32_t thread)
{
    const comparing *const c = context;
    const float *const a = c->before + t * c->width, *const b = c->after + t * c->width;
    double ab = 0.0, aa = 0.0, bb = 0.0;
    (void)thread;

    for (size_t i = 0; i < c->width; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    c->cosines[t] = aa > 0.0 && bb > 0.0 ? ab / sqrt(aa * bb) : 1.0;
}

/* The influence of every layer that is left, (n_layers); before and cosines are scratch. */
static bantam_status find_influence(bnt_pruning *p, float *before, double *cosines,
                                    double *influence, bantam_error *err)
{
    const bnt_config *const c = &p->model->config;
    bnt_walk walk;

    bantam_status status =
        bnt_walk_begin(&walk, p->model, p->pool, p->learn.tokens, p->learn.n, p->sequence, err);
    for (uint32_t l = 0; !status && l < c->n_layers; l++) {
        comparing k = {before, walk.states, c->n_embd, cosines};
        double sum = 0.0;
        if (p->dropped[l]) continue;
        memcpy(before, walk.states, (size_t)walk.n_tokens * c->n_embd * sizeof *before);
        status = bnt_walk_step(&walk, l, NULL, NULL, err);
        if (status) break;
        bnt_pool_run(p->pool, compare_token, &k, walk.n_tokens);
        for (size_t t = 0; t < walk.n_tokens; t++) {
            sum += cosines[t];
        }
        influence[l] = 1.0 - sum / (double)walk.n_tokens;
        status = bnt_prune_tell(p, err);
    }
    bnt_walk_end(&walk);
    return status;
}

bantam_status bnt_prune_choose_layers(bnt_pruning *p, bantam_error *err)
{
    const bnt_config *const c = &p->model->config;
    double influence[BNT_MAX_LAYERS];
    float *const before = bnt_calloc(p->learn.n, c->n_embd * sizeof *before);
    double *const cosines = bnt_calloc(p->learn.n, sizeof *cosines);
    bantam_status status = BANTAM_OK;

    if (!before || !cosines) {
        status = bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for the states of %zu tokens",
                          p->learn.n);
    }
    for (uint32_t n = 0; !status && n < p->o.layers; n++) {
        uint32_t best = c->n_layers;
        status = find_influence(p, before, cosines, influence, err);
        for (uint32_t l = 0; !status && l < c->n_layers; l++) {
            if (p->dropped[l]) continue;
            if (best == c->n_layers || influence[l] < influence[best]) best = l;
        }
        if (status) break;
        p->dropped[best] = true;
        p->result->layers[p->result->n_layers++] = best;
    }
    bnt_free(before);
    bnt_free(cosines);
    return status;
}
