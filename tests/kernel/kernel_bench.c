/* kernel_bench.c - kernel_check --bench: how fast each version of a kernel is.
 *
 * Versions take turns, and after each turn the set's arithmetic probe and a plain read of the
 * same weights are timed, so that a share of the peak is one of the same moment. Times are the
 * thread's processor time. A line gives the median and the distance of the quartiles from it.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/pages.h"

enum { TURNS = 11, MEMORY_BYTES = 256 << 20 };

/* ---- time ---- */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Seconds of one call, from as many as fill a millisecond. */
static double time_run(const bench *b, const bnt_kernels *k, unsigned n)
{
    const double begin = now();
    for (unsigned i = 0; i < n; i++) {
        b->run(k, b->args);
    }
    return (now() - begin) / n;
}

static unsigned calls_per_turn(const bench *b, const bnt_kernels *k)
{
    unsigned n = 1;
    while (n < 1u << 24 && time_run(b, k, n) * n < 1e-3) {
        n *= 2;
    }
    return n;
}

static volatile uint64_t sink;

static double read_rate(const bench *b, unsigned flags)
{
    const size_t whole = b->weight_bytes & ~(size_t)255;
    unsigned n = whole < 4u << 20 ? (unsigned)((16u << 20) / (whole + 1)) + 1 : 1;
    const double begin = now();
    for (unsigned i = 0; i < n; i++) {
        sink += bench_read(flags, b->weights, whole);
    }
    return (double)whole * n / (now() - begin);
}

static double probe_rate(bnt_probe_fn probe)
{
    uint32_t out, rounds = 1 << 12;
    for (;;) {
        const double begin = now();
        const uint64_t ops = probe(rounds, &out);
        const double seconds = now() - begin;
        sink += out;
        if (seconds > 2e-4) return (double)ops / seconds;
        rounds *= 2;
    }
}

/* ---- one line ---- */

typedef struct turns {
    double seconds[TURNS], read_share[TURNS], peak_share[TURNS];
} turns;

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_line(const bench *b, const char *set, turns *t)
{
    qsort(t->seconds, TURNS, sizeof(double), ascending);
    qsort(t->read_share, TURNS, sizeof(double), ascending);
    qsort(t->peak_share, TURNS, sizeof(double), ascending);
    const double median = t->seconds[TURNS / 2];
    const double spread = (t->seconds[3 * TURNS / 4] - t->seconds[TURNS / 4]) / 2.0 / median;
    printf("%-18s %-32s %-10s %10.3f us +-%4.1f %%", b->name, b->shape, set, median * 1e6,
           spread * 100.0);
    if (b->weights) {
        printf("  %6.1f GB/s %3.0f %% of read", (double)b->weight_bytes / median * 1e-9,
               t->read_share[TURNS / 2] * 100.0);
    }
    if (b->int8_ops + b->fp32_ops > 0.0) {
        printf("  %6.1f %s %3.0f %% of peak", (b->int8_ops + b->fp32_ops) / median * 1e-9,
               b->int8_ops > 0.0 ? "GOPS" : "GFLOPS", t->peak_share[TURNS / 2] * 100.0);
    }
    printf("\n");
}

void bench_run(check *c, const bench *b)
{
    static turns t[CHECK_SETS];
    unsigned calls[CHECK_SETS];
    bnt_probes probes[CHECK_SETS];
    if (!check_kernel(c, b->name, b->parts, b->n_parts)) return;
    for (int s = 0; s < c->n_sets; s++) {
        if (!c->sets[s].tested) continue;
        calls[s] = calls_per_turn(b, &c->sets[s].k);
        bnt_probes_init(&probes[s], c->sets[s].flags);
    }
    for (int turn = 0; turn < TURNS; turn++) {
        for (int s = 0; s < c->n_sets; s++) {
            if (!c->sets[s].tested) continue;
            const double seconds = time_run(b, &c->sets[s].k, calls[s]);
            const double ops = b->int8_ops + b->fp32_ops;
            t[s].seconds[turn] = seconds;
            t[s].read_share[turn] =
                b->weights ? (double)b->weight_bytes / seconds / read_rate(b, c->sets[s].flags)
                           : 0.0;
            t[s].peak_share[turn] =
                ops > 0.0 ? ops / seconds /
                                probe_rate(b->int8_ops > 0.0 ? probes[s].int8 : probes[s].fp32)
                          : 0.0;
        }
    }
    for (int s = 0; s < c->n_sets; s++) {
        if (c->sets[s].tested) print_line(b, c->sets[s].name, &t[s]);
    }
}

/* ---- memory ---- */

void *bench_memory(size_t bytes)
{
    void *const p = bnt_pages_alloc(bytes);
    if (!p) {
        fprintf(stderr, "kernel_check: no memory\n");
        exit(2);
    }
    return p;
}

/* Large enough for weights that no cache holds; taken once. */
void *bench_weights(size_t *bytes)
{
    static void *weights;
    if (!weights) weights = bench_memory(MEMORY_BYTES);
    *bytes = MEMORY_BYTES;
    return weights;
}

void check_bench(check *c)
{
    printf("%d turns, median +- half the distance of the quartiles\n", TURNS);
    bench_products(c);
    bench_floats(c);
    bench_learn(c);
}
