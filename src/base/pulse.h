/* pulse.h - what long work asks now and then: whether to go on. */
#ifndef BNT_BASE_PULSE_H
#define BNT_BASE_PULSE_H
#include "bantam/bantam.h"

typedef struct bnt_pulse {
    bantam_status (*ask)(void *user, bantam_error *err); /* not 0 ends the work with that */
    void *user;
} bnt_pulse;

/* A zeroed pulse always says to go on. */
static inline bantam_status bnt_pulse_ask(const bnt_pulse *p, bantam_error *err)
{
    return p->ask ? p->ask(p->user, err) : BANTAM_OK;
}

#endif
