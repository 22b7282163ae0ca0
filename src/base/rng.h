/* rng.h - seeded random numbers, the same on every machine: xoshiro256** of Blackman and Vigna,
 * seeded through splitmix64. */
#ifndef BNT_BASE_RNG_H
#define BNT_BASE_RNG_H
#include <stdint.h>

typedef struct bnt_rng {
    uint64_t s[4];
} bnt_rng;

void bnt_rng_seed(bnt_rng *rng, uint64_t seed);
uint64_t bnt_rng_u64(bnt_rng *rng);
double bnt_rng_f64(bnt_rng *rng);                 /* [0, 1), 53 bits */
uint64_t bnt_rng_below(bnt_rng *rng, uint64_t n); /* [0, n), unbiased; n > 0 */
double bnt_rng_normal(bnt_rng *rng);              /* mean 0, deviation 1 */

#endif
