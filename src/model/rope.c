/* rope.c - how far each pair of a head is turned at each position: plain, linear, llama3 and
 * YaRN frequencies, and PhoneLM's cos and sin of 8 bits. Turning is a kernel's.
 *
 * Angles, cos and sin are computed in double and rounded to float once, so that positions of
 * 100,000 keep their angle and every caller of a position gets the same bits.
 */
#include "model/rope.h"

#include <inttypes.h>
#include <math.h>

static const double PI = 3.14159265358979323846;

/* Llama 3.1's rule. A pair whose wave is shorter than original / high keeps its frequency; one
 * longer than original / low is slowed by factor; between them the two are mixed. */
static double llama3(const bnt_config *c, double f)
{
    const double original = (double)c->original_context_tokens;
    const double wave = 2.0 * PI / f;
    if (wave < original / c->high_freq_factor) return f;
    if (wave > original / c->low_freq_factor) return f / c->scale_factor;

    const double s =
        (original / wave - c->low_freq_factor) / (c->high_freq_factor - c->low_freq_factor);
    return (1.0 - s) * f / c->scale_factor + s * f;
}

/* YaRN's pair number at which a wave turns `turns` times over the original context. */
static double yarn_pair(const bnt_config *c, double turns)
{
    return (double)c->rope_dims * log((double)c->original_context_tokens / (turns * 2.0 * PI)) /
           (2.0 * log(c->rope_base));
}

/* YaRN: pairs below the one that turns beta_fast times keep their frequency, those above the
 * one that turns beta_slow times are slowed by factor, a ramp between. (Peng et al., 2023.) */
static double yarn(const bnt_config *c, double f, uint32_t pair)
{
    const double low = fmax(floor(yarn_pair(c, c->beta_fast)), 0.0);
    double high = fmin(ceil(yarn_pair(c, c->beta_slow)), (double)c->rope_dims - 1.0);
    if (high <= low) high = low + 0.001;

    const double ramp = fmin(fmax(((double)pair - low) / (high - low), 0.0), 1.0);
    return f / c->scale_factor * ramp + f * (1.0 - ramp);
}

bantam_status bnt_rope_frequencies(double *inv_freq, const bnt_config *c, const float *divisors,
                                   bantam_error *err)
{
    for (uint32_t i = 0; i < c->rope_dims / 2; i++) {
        const double f = pow(c->rope_base, -2.0 * (double)i / (double)c->rope_dims);
        inv_freq[i] = f;
        if (divisors) {
            if (!(divisors[i] > 0.0f && isfinite(divisors[i]))) {
                return bnt_fail(err, BANTAM_ERR_FORMAT,
                                "rope divisor %" PRIu32
                                ": expected a positive number, found %g",
                                i, (double)divisors[i]);
            }
            inv_freq[i] = f / (double)divisors[i];
            continue;
        }
        switch (c->scaling) {
        case BNT_ROPE_PLAIN:
            break;
        case BNT_ROPE_LINEAR:
            inv_freq[i] = f / c->scale_factor;
            break;
        case BNT_ROPE_LLAMA3:
            inv_freq[i] = llama3(c, f);
            break;
        case BNT_ROPE_YARN:
            inv_freq[i] = yarn(c, f, i);
            break;
        }
    }
    return BANTAM_OK;
}

int bnt_rope_int8(double x, double max)
{
    return max > 0.0 ? (int)nearbyint(x / max * 127.0) : 0;
}

/* The largest |cos| and |sin| over all positions and pairs of a call. A call from position 0
 * has cos 1, and then only sin is looked for. */
static void find_maxima(const bnt_model *m, bnt_span call, double *cos_max, double *sin_max)
{
    const uint32_t n_pairs = m->config.rope_dims / 2;
    *cos_max = call.first == 0 ? 1.0 : 0.0;
    *sin_max = 0.0;
    for (uint32_t t = 0; t < call.n; t++) {
        const double pos = (double)call.first + (double)t;
        for (uint32_t i = 0; i < n_pairs; i++) {
            const double angle = pos * m->inv_freq[i];
            *sin_max = fmax(*sin_max, fabs(sin(angle)));
            if (*cos_max < 1.0) *cos_max = fmax(*cos_max, fabs(cos(angle)));
        }
    }
}

void bnt_rope_fill(float *cosines, float *sines, const bnt_model *m, uint32_t pos, uint32_t n,
                   bnt_span call)
{
    const bnt_config *const c = &m->config;
    const uint32_t n_pairs = c->rope_dims / 2;
    const bool int8 = c->int8_rope == BANTAM_ROPE_CALL || c->int8_rope == BANTAM_ROPE_TABLE;
    double cos_max = 1.0;
    double sin_max = 1.0;
    const bool by_call = c->int8_rope == BANTAM_ROPE_CALL;
    if (by_call && call.n) find_maxima(m, call, &cos_max, &sin_max);

    for (uint32_t t = 0; t < n; t++) {
        const bnt_span alone = {pos + t, 1};
        if (by_call && !call.n) find_maxima(m, alone, &cos_max, &sin_max);
        for (uint32_t i = 0; i < n_pairs; i++) {
            const double angle = ((double)pos + (double)t) * m->inv_freq[i];
            double x = cos(angle);
            double y = sin(angle);
            if (int8) {
                x = (double)bnt_rope_int8(x, cos_max) / 127.0 * cos_max;
                y = (double)bnt_rope_int8(y, sin_max) / 127.0 * sin_max;
            }
            cosines[(size_t)t * n_pairs + i] = (float)(x * c->attention_factor);
            sines[(size_t)t * n_pairs + i] = (float)(y * c->attention_factor);
        }
    }
}

float bnt_rope_query_scale(const bnt_config *c, uint32_t pos)
{
    if (c->query_scale_beta == 0.0) return 1.0f;
    return (float)(1.0 + c->query_scale_beta * log(1.0 + pos / c->query_scale_original));
}
