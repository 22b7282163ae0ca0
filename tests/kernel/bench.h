/* bench.h - one measurement of kernel_check --bench. */
#ifndef BNT_TESTS_BENCH_H
#define BNT_TESTS_BENCH_H
#include "check.h"
#include "kernel/probe.h"

typedef struct bench {
    const char *name;
    char shape[48];
    const size_t *parts; /* of the table, as check_kernel wants them */
    int n_parts;
    void (*run)(const bnt_kernels *k, const void *args);
    const void *args;
    const uint8_t *weights; /* what is read once, to be compared with a plain read; or NULL */
    size_t weight_bytes;
    double int8_ops, fp32_ops; /* of a call, a multiply-add being two; at most one is not 0 */
} bench;

/* Measures all versions and prints a line for each. */
void bench_run(check *c, const bench *b);

/* Reads 64-aligned memory, with what flags allow (bench_read.c). */
uint64_t bench_read(unsigned flags, const uint8_t *data, size_t bytes);

/* Zeroed memory that lives as long as the program. */
void *bench_memory(size_t bytes);
void *bench_weights(size_t *bytes);

void check_bench(check *c);
void bench_products(check *c); /* bench_products.c */
void bench_floats(check *c);   /* bench_floats.c */
void bench_learn(check *c);    /* bench_learn.c */

#endif
