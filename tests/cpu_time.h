/* cpu_time.h - what a call cost. Processor time of this process, because a test must not fail
 * where other programs hold the machine. */
#ifndef BNT_TESTS_CPU_TIME_H
#define BNT_TESTS_CPU_TIME_H
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

static inline double cpu_seconds(void)
{
    return (double)clock() / (double)CLOCKS_PER_SEC;
}

/* How many times slower than in a release build programs are here, at least 1: ctest sets
 * BANTAM_TIME_FACTOR for sanitizers and emulators. */
static inline double cpu_time_factor(void)
{
    const char *const text = getenv("BANTAM_TIME_FACTOR");
    const double factor = text ? strtod(text, NULL) : 1.0;
    return factor > 1.0 ? factor : 1.0;
}

/* Whether no more than the limit was spent since. */
static inline bool cpu_spent_at_most(double limit, double since)
{
    return cpu_seconds() - since <= limit * cpu_time_factor();
}

#endif
