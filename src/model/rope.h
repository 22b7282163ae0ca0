/* rope.h - how far each pair of a head is turned at each position. */
#ifndef BNT_MODEL_ROPE_H
#define BNT_MODEL_ROPE_H
#include "model/forward.h"

/* inv_freq (rope_dims / 2): radians per position, scaling included. divisors (rope_dims / 2)
 * replace llama3's formula; NULL where the file brings none. BANTAM_ERR_FORMAT for a divisor
 * that is no positive number. */
bantam_status bnt_rope_frequencies(double *inv_freq, const bnt_config *config,
                                   const float *divisors, bantam_error *err);

/* cos and sin (n, rope_dims / 2) of positions pos, pos + 1, ... . Which positions form one call
 * matters to the int8 form of that name only. */
void bnt_rope_fill(float *cosines, float *sines, const bnt_model *model, uint32_t pos,
                   uint32_t n, bnt_span call);

/* What Ministral 3 multiplies queries with after rope; 1 for all others. */
float bnt_rope_query_scale(const bnt_config *config, uint32_t pos);

/* The int8 form of x: round(x / max * 127), ties to even; 0 where max is 0. */
int bnt_rope_int8(double x, double max);

#endif
