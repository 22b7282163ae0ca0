/* clock.h - time. */
#ifndef BNT_BASE_CLOCK_H
#define BNT_BASE_CLOCK_H
#include <stdint.h>

uint64_t bnt_clock_ns(void);     /* monotonic */
int64_t bnt_clock_seconds(void); /* since 1970, for dates */

#endif
