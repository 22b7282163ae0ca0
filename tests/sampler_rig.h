/* sampler_rig.h - what the tests of the sampler share. */
#ifndef BNT_TESTS_SAMPLER_RIG_H
#define BNT_TESTS_SAMPLER_RIG_H
#include "base/cpu.h"
#include "base/rng.h"
#include "sample/sampler.h"
#include "support.h"

#include <math.h>

/* Those of this machine. */
static inline const bnt_kernels *rig_kernels(void)
{
    static bnt_kernels kernels;
    if (!kernels.name) bnt_kernels_init(&kernels, bnt_cpu_flags());
    return &kernels;
}

static inline bnt_sampler *open_sampler(uint32_t n_vocab)
{
    bnt_sampler *s;
    assert_int_equal(bnt_sampler_open(&s, n_vocab, rig_kernels(), NULL), BANTAM_OK);
    return s;
}

static inline void configure(bnt_sampler *s, const bantam_sampling *o)
{
    bantam_error err;
    if (bnt_sampler_configure(s, o, NULL, NULL, &err)) fail_msg("%s", err.message);
}

/* Sampling from everything: temperature 1, no stage. */
static inline bantam_sampling plain(uint64_t seed)
{
    bantam_sampling o;
    bnt_sampling_init(&o);
    o.temperature = 1;
    o.seed = seed;
    return o;
}

static inline uint32_t draw(bnt_sampler *s, const float *logits)
{
    uint32_t token;
    bantam_error err;
    if (bnt_sampler_draw(s, logits, NULL, 0, NULL, &token, &err)) fail_msg("%s", err.message);
    return token;
}

/* Numbers of about the spread of real logits; coarse ones repeat. */
static inline void fill_random(float *logits, size_t n, uint64_t seed, bool coarse)
{
    bnt_rng rng;
    bnt_rng_seed(&rng, seed);
    for (size_t i = 0; i < n; i++) {
        const double x = 3 * bnt_rng_normal(&rng);
        logits[i] = coarse ? (float)floor(x) : (float)x;
    }
}
static inline bantam_text word(const void *user, uint32_t token)
{
    static const char *const words[] = {"a", "b", "c", "x:", "\n\n"};
    (void)user;
    return (bantam_text){words[token], strlen(words[token])};
}

#endif
