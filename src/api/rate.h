/* rate.h - how fast a model would be, from what its weights weigh and what the machine does. */
#ifndef BNT_API_RATE_H
#define BNT_API_RATE_H
#include "model/model.h"

typedef struct bnt_rates {
    double decode_tok_s;  /* at the beginning of a context */
    double prefill_tok_s; /* of a prompt of n tokens */
} bnt_rates;

enum { BNT_RATE_PROMPT = 512 };

/* Of a model whose matrices have the types they are computed with. A rate is 0 where the speed
 * has nothing to tell it from. */
bnt_rates bnt_rates_predict(const bnt_model *model, uint32_t n_prompt,
                            const bantam_device_speed *speed);

#endif
