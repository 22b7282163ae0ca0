/* cpu_time.h - what a call cost. Processor time of this process, because a test must not fail
 * where other programs hold the machine. */
#ifndef BNT_TESTS_CPU_TIME_H
#define BNT_TESTS_CPU_TIME_H
#include <time.h>

static inline double cpu_seconds(void)
{
    return (double)clock() / (double)CLOCKS_PER_SEC;
}

#endif
