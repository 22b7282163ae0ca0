/* api_measure.c - what this machine does at most: memory read as a stream, products in
 * registers. The loops are the probes of kernel/probe.h; here are threads, memory and clocks.
 */
#include <stdlib.h>

#include "api/api.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "base/pool.h"
#include "kernel/probe.h"

enum {
    MIB = 1 << 20,
    STREAM_MIB = 256, /* more than caches hold */
    LEAST_MIB = 64,   /* less would measure caches */
    PIECE = 4 * MIB,  /* one task's: four streams a mebibyte apart */
    PASSES = 7,
    PARTS = 8 /* tasks a thread: who is late gets fewer */
};

static const uint64_t read_limit_ns = 600000000; /* for all passes, on a slow machine */
static const uint64_t part_ns = 2000000;         /* a task in registers should take so long */

typedef struct measuring {
    bnt_pool *pool;
    size_t n_threads;
    bnt_probe_fn probe;
    uint32_t n_rounds;
    uint8_t *data;   /* (n_pieces, PIECE) */
    uint64_t *sinks; /* (n_threads) what the probes give, so that they have to be run */
} measuring;

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* ---- memory ------------------------------------------------------------------------------ */

static void fill_piece(void *context, size_t task, uint32_t thread)
{
    const measuring *const m = context;
    uint64_t *const words = (uint64_t *)(void *)(m->data + task * PIECE);
    (void)thread;
    for (size_t i = 0; i < PIECE / sizeof *words; i++) {
        words[i] = i;
    }
}

static void read_piece(void *context, size_t task, uint32_t thread)
{
    const measuring *const m = context;
    m->sinks[thread] += bnt_probe_read(m->data + task * PIECE, PIECE);
}

/* Bytes per nanosecond; the median of some passes. 0 where memory is too short to try. */
static double measure_read(measuring *m)
{
    uint64_t total, available;
    double rates[PASSES];
    size_t n = 0;
    bnt_cpu_memory(&total, &available);
    size_t mib = STREAM_MIB;
    while (mib >= LEAST_MIB && available / 2 < (uint64_t)mib * MIB) {
        mib /= 2;
    }
    if (mib < LEAST_MIB) return 0;
    uint8_t *const memory = bnt_alloc(mib * MIB + 64);
    if (!memory) return 0;
    m->data = memory + (64 - (uintptr_t)memory % 64) % 64;

    const size_t n_pieces = mib * MIB / PIECE;
    bnt_pool_run(m->pool, fill_piece, m, n_pieces);
    const uint64_t first = bnt_clock_ns();
    do {
        const uint64_t start = bnt_clock_ns();
        bnt_pool_run(m->pool, read_piece, m, n_pieces);
        const uint64_t passed = bnt_clock_ns() - start;
        rates[n++] = (double)(mib * MIB) / (double)(passed ? passed : 1);
    } while (n < PASSES && bnt_clock_ns() - first < read_limit_ns);
    bnt_free(memory);
    qsort(rates, n, sizeof *rates, ascending);
    return rates[n / 2];
}

/* ---- arithmetic -------------------------------------------------------------------------- */

static void run_probe(void *context, size_t task, uint32_t thread)
{
    const measuring *const m = context;
    uint32_t sink;
    (void)task;
    (void)m->probe(m->n_rounds, &sink);
    m->sinks[thread] += sink;
}

/* Operations per nanosecond of all threads; the best of some passes. */
static double measure_probe(measuring *m, bnt_probe_fn probe)
{
    const size_t n_tasks = m->n_threads * PARTS;
    uint64_t passed = 0, ops = 0;
    double best = 0;

    m->probe = probe;
    for (m->n_rounds = 64; passed < part_ns && m->n_rounds < 1u << 30; m->n_rounds *= 2) {
        uint32_t sink;
        const uint64_t start = bnt_clock_ns();
        ops = 2 * probe(m->n_rounds, &sink); /* the loop doubles the rounds once more */
        passed = 2 * (bnt_clock_ns() - start);
        m->sinks[0] += sink;
    }
    for (int i = 0; i < PASSES; i++) {
        const uint64_t start = bnt_clock_ns();
        bnt_pool_run(m->pool, run_probe, m, n_tasks);
        passed = bnt_clock_ns() - start;
        const double rate = (double)ops * (double)n_tasks / (double)(passed ? passed : 1);
        if (rate > best) best = rate;
    }
    return best;
}

bantam_status bantam_device_measure(const char *cpu, uint32_t n_threads,
                                    bantam_device_speed *out, bantam_error *err)
{
    measuring m = {.n_threads = n_threads ? n_threads : bnt_cpu_threads()};
    bnt_probes probes;
    unsigned flags;

    *out = (bantam_device_speed){0};
    bantam_status status = bnt_api_cpu_flags(cpu, &flags, err);
    if (!status) status = bnt_pool_open(&m.pool, (uint32_t)m.n_threads, err);
    if (status) return status;
    m.sinks = bnt_calloc(m.n_threads, sizeof *m.sinks);
    if (!m.sinks) {
        bnt_pool_close(m.pool);
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for measuring");
    }
    bnt_probes_init(&probes, flags);
    out->n_threads = (uint32_t)m.n_threads;
    out->read_gb_s = measure_read(&m);
    out->int8_gops = measure_probe(&m, probes.int8);
    out->fp32_gflops = measure_probe(&m, probes.fp32);
    bnt_free(m.sinks);
    bnt_pool_close(m.pool);
    return BANTAM_OK;
}
