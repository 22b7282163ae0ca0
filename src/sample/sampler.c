/* sampler.c - the chain of stages and the draw at its end. */
#include "sample/sampler.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/options.h"
#include "sample/stages.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { MAX_DRY_WINDOW = 1 << 20 }; /* longer than any context */

static const bantam_stage usual_order[] = {
    BANTAM_STAGE_PENALTIES, BANTAM_STAGE_DRY,         BANTAM_STAGE_TOP_K,
    BANTAM_STAGE_TYPICAL,   BANTAM_STAGE_TOP_P,       BANTAM_STAGE_MIN_P,
    BANTAM_STAGE_XTC,       BANTAM_STAGE_TEMPERATURE, BANTAM_STAGE_END};

/* ---- open and close ---- */

size_t bnt_sampler_cost(uint32_t n_vocab)
{
    size_t set, marks, sum;
    if (!bnt_set_bytes(n_vocab, &set) || !bnt_mul_size(n_vocab, sizeof(uint32_t), &marks) ||
        !bnt_add_size(set, marks, &sum) || !bnt_add_size(sum, sizeof(bnt_sampler), &sum)) {
        return SIZE_MAX;
    }
    return sum;
}

bantam_status bnt_sampler_open(bnt_sampler **out, uint32_t n_vocab, const bnt_kernels *kernels,
                               bantam_error *err)
{
    *out = NULL;
    void *memory = NULL;
    size_t bytes;
    bnt_sampler *s = bnt_calloc(1, sizeof *s);
    if (s) {
        s->n_vocab = n_vocab;
        s->marks = bnt_calloc(n_vocab, sizeof *s->marks);
        if (bnt_set_bytes(n_vocab, &bytes)) memory = bnt_alloc(bytes);
        if (memory) s->set = bnt_set_place(memory, n_vocab, kernels);
    }
    if (!s || !s->marks || !s->set) {
        bnt_sampler_close(s);
        return bnt_fail(err, BANTAM_ERR_NOMEM,
                        "out of memory for sampling from %" PRIu32 " tokens", n_vocab);
    }
    bnt_sampling_init(&s->options);
    memcpy(s->options.order, usual_order, sizeof usual_order);
    bnt_rng_seed(&s->rng, s->options.seed);
    s->mu = 2 * (double)s->options.mirostat_tau;
    *out = s;
    return BANTAM_OK;
}

static void free_lists(bnt_sampler *s)
{
    bnt_free(s->bias);
    bnt_free(s->breakers);
    bnt_free(s->matches);
}

void bnt_sampler_close(bnt_sampler *s)
{
    if (!s) return;
    free_lists(s);
    bnt_free(s->marks);
    bnt_free(s->set);
    bnt_free(s);
}

/* ---- configure ---- */

static bool contains(bantam_text text, bantam_text part)
{
    if (!text.data) return false;
    for (size_t i = 0; part.size <= text.size && i <= text.size - part.size; i++) {
        if (memcmp(text.data + i, part.data, part.size) == 0) return true;
    }
    return false;
}

static void mark_breakers(bnt_sampler *s, const bantam_sampling *o,
                          bnt_token_text_fn token_text, const void *user)
{
    static const bantam_text usual[] = {{"\n", 1}, {":", 1}, {"\"", 1}, {"*", 1}};
    const bantam_text *const parts = o->dry_breakers ? o->dry_breakers : usual;
    const size_t n = o->dry_breakers ? o->n_dry_breakers : sizeof usual / sizeof *usual;

    for (uint32_t token = 0; token < s->n_vocab; token++) {
        const bantam_text text = token_text(user, token);
        for (size_t i = 0; i < n && !s->breakers[token]; i++) {
            s->breakers[token] = contains(text, parts[i]);
        }
    }
}

/* Copies what the options point to into next, which then owns it. */
static bantam_status copy_lists(bnt_sampler *next, const bantam_sampling *o,
                                bnt_token_text_fn token_text, const void *user,
                                bantam_error *err)
{
    const bool dry = o->dry_multiplier != 0 && o->dry_last_n != 0;
    if (o->n_bias) {
        size_t bytes;
        if (bnt_mul_size(o->n_bias, sizeof *o->bias, &bytes)) next->bias = bnt_alloc(bytes);
        if (!next->bias) goto fail;
        memcpy(next->bias, o->bias, bytes);
    }
    if (dry) {
        if (next->options.dry_last_n > MAX_DRY_WINDOW)
            next->options.dry_last_n = MAX_DRY_WINDOW;
        next->matches = bnt_calloc(next->options.dry_last_n, sizeof *next->matches);
        if (!next->matches) goto fail;
    }
    if (dry && token_text) {
        next->breakers = bnt_calloc(next->n_vocab, 1);
        if (!next->breakers) goto fail;
        mark_breakers(next, o, token_text, user);
    }
    return BANTAM_OK;

fail:
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for the options of sampling");
}

bantam_status bnt_sampler_configure(bnt_sampler *s, const bantam_sampling *options,
                                    bnt_token_text_fn token_text, const void *user,
                                    bantam_error *err)
{
    bantam_sampling o;
    bnt_sampling_init(&o);
    bantam_status status = bnt_options_copy(&o, sizeof o, options, "sampling", err);
    if (status) return status;
    status = bnt_sampling_check(&o, s->n_vocab, err);
    if (status) return status;

    bnt_sampler next = *s;
    next.options = o;
    next.bias = NULL;
    next.breakers = NULL;
    next.matches = NULL;
    status = copy_lists(&next, &o, token_text, user, err);
    if (status) {
        free_lists(&next);
        return status;
    }
    next.options.bias = NULL;
    next.options.dry_breakers = NULL;
    next.options.n_dry_breakers = 0;
    if (o.order[0] == BANTAM_STAGE_END) {
        memcpy(next.options.order, usual_order, sizeof usual_order);
    }
    bnt_rng_seed(&next.rng, o.seed);
    next.mu = 2 * (double)o.mirostat_tau;
    free_lists(s);
    *s = next;
    return BANTAM_OK;
}

/* ---- draw ---- */

static void run_stage(bnt_sampler *s, bantam_stage stage, bnt_history history)
{
    const bantam_sampling *const o = &s->options;
    bnt_set *const set = s->set;
    if (stage == BANTAM_STAGE_PENALTIES) bnt_stage_penalties(s, history);
    if (stage == BANTAM_STAGE_DRY) bnt_stage_dry(s, history);
    if (o->temperature == 0) return; /* nothing else changes which is the most likely */
    if (stage == BANTAM_STAGE_TEMPERATURE) bnt_stage_temperature(set, o->temperature);
    if (o->mirostat) return; /* it cuts by itself */
    if (stage == BANTAM_STAGE_TOP_K) bnt_stage_top_k(set, o->top_k);
    if (stage == BANTAM_STAGE_TYPICAL) bnt_stage_typical(set, o->typical_p);
    if (stage == BANTAM_STAGE_TOP_P) bnt_stage_top_p(set, o->top_p);
    if (stage == BANTAM_STAGE_MIN_P) bnt_stage_min_p(set, o->min_p);
    if (stage == BANTAM_STAGE_XTC) {
        bnt_stage_xtc(set, o->xtc_threshold, o->xtc_probability, &s->rng);
    }
}

/* Sets the candidates' probabilities. */
static void weigh(bnt_set *set)
{
    const double sum = bnt_set_weigh(set);
    for (size_t i = 0; i < set->n; i++) {
        set->at[i].probability = (float)((double)set->at[i].probability / sum);
    }
}

/* The candidate at which the running sum of probabilities passes u, 0 <= u < 1. Rounding may
 * leave the sum below u: then it is the last one that is possible at all. */
static const bnt_candidate *pick(const bnt_set *set, double u)
{
    const bnt_candidate *last = &set->at[0];
    double sum = 0;
    for (size_t i = 0; i < set->n; i++) {
        if (set->at[i].probability <= 0) continue;
        last = &set->at[i];
        sum += (double)last->probability;
        if (u < sum) break;
    }
    return last;
}

bantam_status bnt_sampler_draw(bnt_sampler *s, const float *logits, const uint32_t *history,
                               size_t n_history, const uint8_t *allow, uint32_t *token,
                               bantam_error *err)
{
    const bnt_history read = {history, n_history};
    const bool greedy = s->options.temperature == 0;
    *token = 0;
    if (!bnt_set_fill(s->set, logits, allow, s->bias, s->options.n_bias)) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "no token is possible: every one is forbidden or has a logit of "
                        "-infinity or nan");
    }
    for (size_t i = 0; s->options.order[i] != BANTAM_STAGE_END; i++) {
        run_stage(s, s->options.order[i], read);
    }
    if (greedy) {
        bnt_set_top(s->set, 1);
    } else if (s->options.mirostat) {
        bnt_mirostat_cut(s);
    }
    weigh(s->set);
    const bnt_candidate *const drawn =
        greedy ? &s->set->at[0] : pick(s->set, bnt_rng_f64(&s->rng));
    if (!greedy && s->options.mirostat) {
        bnt_mirostat_learn(s, (double)drawn->probability);
    }
    *token = drawn->token;
    return BANTAM_OK;
}

/* Sorting all of them is left to whoever wants to look. */
const bnt_candidate *bnt_sampler_candidates(const bnt_sampler *s, size_t *n)
{
    bnt_set_sort(s->set, s->set->n);
    *n = s->set->n;
    return s->set->at;
}

/* ---- state ---- */

/* Four words of the generator, mu, and a mark, all little-endian. */
static const uint64_t state_mark = UINT64_C(0x31304D41534E4142); /* "BANSAM01" */

static void put_u64(uint8_t *at, uint64_t x)
{
    for (int i = 0; i < 8; i++) {
        at[i] = (uint8_t)(x >> (8 * i));
    }
}

static uint64_t get_u64(const uint8_t *at)
{
    uint64_t x = 0;
    for (int i = 0; i < 8; i++) {
        x |= (uint64_t)at[i] << (8 * i);
    }
    return x;
}

void bnt_sampler_save(const bnt_sampler *s, uint8_t out[BNT_SAMPLER_STATE])
{
    uint64_t mu;
    memcpy(&mu, &s->mu, sizeof mu);
    for (size_t i = 0; i < 4; i++) {
        put_u64(out + 8 * i, s->rng.s[i]);
    }
    put_u64(out + 32, mu);
    put_u64(out + 40, state_mark);
}

bantam_status bnt_sampler_restore(bnt_sampler *s, const uint8_t in[BNT_SAMPLER_STATE],
                                  bantam_error *err)
{
    bnt_rng rng;
    double mu;
    const uint64_t mu_bits = get_u64(in + 32);
    uint64_t any = 0;
    for (size_t i = 0; i < 4; i++) {
        rng.s[i] = get_u64(in + 8 * i);
        any |= rng.s[i];
    }
    memcpy(&mu, &mu_bits, sizeof mu);
    /* From all zeros the generator would give zeros for ever. */
    if (get_u64(in + 40) != state_mark || !any || !isfinite(mu)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "the sampler's saved state is damaged");
    }
    s->rng = rng;
    s->mu = mu;
    return BANTAM_OK;
}
