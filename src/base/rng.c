/* rng.c - xoshiro256**, and numbers made of its bits.
 *
 * Only integer arithmetic and IEEE + - * / sqrt are used: libm's log and cos differ between
 * systems in the last bit.
 */
#include "base/rng.h"

#include <math.h>

static uint64_t rotl(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* splitmix64 is a permutation of a counter, so that at most one of four outputs is zero and
 * the state is never all zero, from which xoshiro would not move. */
void bnt_rng_seed(bnt_rng *rng, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        rng->s[i] = splitmix64(&seed);
    }
}

uint64_t bnt_rng_u64(bnt_rng *rng)
{
    uint64_t *const s = rng->s;
    const uint64_t result = rotl(s[1] * 5, 7) * 9;
    const uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

double bnt_rng_f64(bnt_rng *rng)
{
    return (double)(bnt_rng_u64(rng) >> 11) * 0x1p-53;
}

/* The lowest 2^64 mod n values are drawn again: what is left is a whole number of rounds. */
uint64_t bnt_rng_below(bnt_rng *rng, uint64_t n)
{
    const uint64_t unfair = (UINT64_MAX - n + 1) % n;
    uint64_t x;
    do {
        x = bnt_rng_u64(rng);
    } while (x < unfair);
    return x % n;
}

/* ln x for x in (0, 1]: x = m * 2^e with m around 1, ln m = 2 artanh((m - 1) / (m + 1)).
 * |t| < 0.172, so the first term left out is below 1e-17. */
static double natural_log(double x)
{
    int e;
    double m = frexp(x, &e);
    if (m < 0.70710678118654752) {
        m *= 2;
        e--;
    }
    const double t = (m - 1) / (m + 1);
    const double t2 = t * t;
    double sum = 0;
    for (int k = 21; k >= 1; k -= 2) {
        sum = sum * t2 + 1.0 / k;
    }
    return 2 * t * sum + e * 0.69314718055994531;
}

/* Marsaglia's polar method. The second number is not kept: the state is the four words alone.
 */
double bnt_rng_normal(bnt_rng *rng)
{
    double u, s;
    do {
        u = 2 * bnt_rng_f64(rng) - 1;
        const double v = 2 * bnt_rng_f64(rng) - 1;
        s = u * u + v * v;
    } while (s >= 1 || s == 0);
    return u * sqrt(-2 * natural_log(s) / s);
}
