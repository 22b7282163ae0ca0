/* pool.c - threads that share one job at a time.
 *
 * One atomic word, the gate, says which job runs and how many threads are inside it:
 *
 *     serial (32 bits) | open (1) | threads inside (31)
 *
 * The caller writes the job while the gate is shut and nobody is inside, then opens it under a
 * new serial. A thread enters by adding one to an open gate with compare-and-swap, takes tasks
 * from the counter, and leaves by taking one off. The caller shuts the gate when no task is
 * left and waits until nobody is inside. So every task that was taken is done, and a thread
 * that slept or lost its core before it entered is not waited for.
 *
 * Order: the job's fields are published by opening the gate (release) and read after entering
 * (acquire); results of tasks are published by leaving (release) and read after the caller has
 * seen the count fall (acquire). The counter orders nothing and is relaxed.
 *
 * Waiting is short spinning, then sleep under the mutex. Neither side misses the other: a
 * sleeper announces itself before it looks at the gate again, the other side changes the gate
 * before it looks for sleepers, both in the one order of sequentially consistent operations.
 */
#include "base/pool.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

enum {
    MAX_THREADS = 1024,
    /* Jobs of one forward pass follow each other within this time; going to sleep and waking
     * costs about as much. A thread that waits longer gives its core back. */
    SPIN_NS = 50000,
    PAUSES = 64, /* between two looks at the clock, about 2 us */
    STACK_BYTES = 1 << 20,
    LINE = 64
};

#define OPEN   (UINT64_C(1) << 31)
#define INSIDE (OPEN - 1)
#define SERIAL (UINT64_C(1) << 32)

typedef struct worker {
    bnt_pool *pool;
    pthread_t thread;
    uint32_t index; /* 1 to n_threads - 1; the caller is 0 */
} worker;

struct bnt_pool {
    /* The job. Written while nobody is inside. */
    bnt_begin_fn begin; /* may be NULL */
    bnt_task_fn fn;
    void *context;
    size_t n_tasks, chunk;

    uint32_t n_threads, n_started;
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    worker *workers; /* owns, (n_threads - 1) */

    /* Apart from the rest: these lines travel between cores. */
    _Alignas(LINE) atomic_uint_least64_t gate;
    atomic_uint sleepers;     /* workers that wait for `work` */
    atomic_bool caller_waits; /* the caller waits for `done` */
    atomic_bool closing;
    _Alignas(LINE) atomic_size_t next; /* first task not taken */
};

static void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ volatile("yield");
#endif
}

static void run_tasks(bnt_pool *pool, uint32_t thread)
{
    const size_t n = pool->n_tasks, chunk = pool->chunk;
    bnt_begin_fn begin = pool->begin;
    for (;;) {
        const size_t first =
            atomic_fetch_add_explicit(&pool->next, chunk, memory_order_relaxed);
        if (first >= n) return;
        if (begin) begin(pool->context, thread);
        begin = NULL;
        const size_t end = n - first < chunk ? n : first + chunk;
        for (size_t task = first; task < end; task++) {
            pool->fn(pool->context, task, thread);
        }
    }
}

/* ---- workers ---- */

/* Whether there is something to do for a thread that knows the job `seen`. */
static bool is_called(bnt_pool *pool, uint64_t seen)
{
    const uint64_t gate = atomic_load(&pool->gate);
    return atomic_load(&pool->closing) || ((gate & OPEN) && gate / SERIAL != seen);
}

static void wait_for_work(bnt_pool *pool, uint64_t seen)
{
    const uint64_t start = bnt_clock_ns();
    do {
        for (int i = 0; i < PAUSES; i++) {
            if (is_called(pool, seen)) return;
            pause_briefly();
        }
    } while (bnt_clock_ns() - start < SPIN_NS);

    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->sleepers, 1);
    while (!is_called(pool, seen)) {
        pthread_cond_wait(&pool->work, &pool->lock);
    }
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->lock);
}

/* Enters the job that runs; false where it is over already. */
static bool enter(bnt_pool *pool, uint64_t *seen)
{
    uint_least64_t gate = atomic_load(&pool->gate);
    do {
        if (!(gate & OPEN)) return false;
    } while (!atomic_compare_exchange_weak(&pool->gate, &gate, gate + 1));
    *seen = gate / SERIAL;
    return true;
}

static void leave(bnt_pool *pool)
{
    const uint64_t gate = atomic_fetch_sub(&pool->gate, 1) - 1;
    if (gate & (INSIDE | OPEN)) return;
    /* The last one out. The pool stays valid: only the caller closes it, and not inside run. */
    if (!atomic_load(&pool->caller_waits)) return;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_signal(&pool->done);
    pthread_mutex_unlock(&pool->lock);
}

static void *work(void *argument)
{
    const worker *const self = argument;
    bnt_pool *const pool = self->pool;
    uint64_t seen = 0;

    while (wait_for_work(pool, seen), !atomic_load(&pool->closing)) {
        if (!enter(pool, &seen)) continue;
        run_tasks(pool, self->index);
        leave(pool);
    }
    return NULL;
}

/* ---- the caller ---- */

static bool all_left(bnt_pool *pool)
{
    return (atomic_load(&pool->gate) & INSIDE) == 0;
}

static void wait_until_all_left(bnt_pool *pool)
{
    const uint64_t start = bnt_clock_ns();
    do {
        for (int i = 0; i < PAUSES; i++) {
            if (all_left(pool)) return;
            pause_briefly();
        }
    } while (bnt_clock_ns() - start < SPIN_NS);

    /* Somebody inside has a long task or has lost its core: let it have this one. */
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->caller_waits, true);
    while (!all_left(pool)) {
        pthread_cond_wait(&pool->done, &pool->lock);
    }
    atomic_store(&pool->caller_waits, false);
    pthread_mutex_unlock(&pool->lock);
}

void bnt_pool_run(bnt_pool *pool, bnt_task_fn fn, void *context, size_t n_tasks)
{
    bnt_pool_run_with(pool, NULL, fn, context, n_tasks);
}

void bnt_pool_run_with(bnt_pool *pool, bnt_begin_fn begin, bnt_task_fn fn, void *context,
                       size_t n_tasks)
{
    if (pool->n_threads == 1 || n_tasks < 2) {
        if (begin && n_tasks > 0) begin(context, 0);
        for (size_t task = 0; task < n_tasks; task++) {
            fn(context, task, 0);
        }
        return;
    }
    pool->begin = begin;
    pool->fn = fn;
    pool->context = context;
    pool->n_tasks = n_tasks;
    /* Many tiny tasks are taken several at a time, but never so many that a thread which loses
     * its core holds up more than a small part of the job. */
    pool->chunk = n_tasks / pool->n_threads / 64 + 1;
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);

    atomic_fetch_add(&pool->gate, SERIAL + OPEN);
    if (atomic_load(&pool->sleepers)) {
        pthread_mutex_lock(&pool->lock);
        pthread_cond_broadcast(&pool->work);
        pthread_mutex_unlock(&pool->lock);
    }
    run_tasks(pool, 0);
    atomic_fetch_sub(&pool->gate, OPEN);
    wait_until_all_left(pool);
}

/* ---- open and close ---- */

/* Signals are for the program's own threads. Those that a thread's own fault raises have to
 * stay open: blocked, they kill the process instead of reaching their handler. */
static void signals_for_workers(sigset_t *set)
{
    static const int own[] = {SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    sigfillset(set);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        sigdelset(set, own[i]);
    }
}

/* New threads inherit the mask of the thread that starts them. */
static int start_workers(bnt_pool *pool)
{
    sigset_t blocked, before;
    pthread_attr_t attributes;
    int reason = pthread_attr_init(&attributes);
    if (reason) return reason;
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES); /* else the system's default */

    signals_for_workers(&blocked);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    for (uint32_t i = 0; i + 1 < pool->n_threads && !reason; i++) {
        worker *const w = &pool->workers[i];
        w->pool = pool;
        w->index = i + 1;
        reason = pthread_create(&w->thread, &attributes, work, w);
        if (!reason) pool->n_started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return reason;
}

bantam_status bnt_pool_open(bnt_pool **out, uint32_t n_threads, bantam_error *err)
{
    *out = NULL;
    if (n_threads < 1 || n_threads > MAX_THREADS) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "number of threads: expected 1 to %d, found %" PRIu32, MAX_THREADS,
                        n_threads);
    }
    bnt_pool *pool = bnt_calloc(1, sizeof *pool);
    worker *workers = bnt_calloc(n_threads - 1, sizeof *workers);
    if (!pool || !workers) {
        bnt_free(workers);
        bnt_free(pool);
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %" PRIu32 " threads",
                        n_threads);
    }
    pool->workers = workers;
    pool->n_threads = n_threads;
    pthread_mutex_init(&pool->lock, NULL); /* cannot fail on Linux: no attributes, no memory */
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->done, NULL);

    const int reason = n_threads > 1 ? start_workers(pool) : 0;
    if (reason) {
        const uint32_t n = pool->n_started;
        bnt_pool_close(pool);
        return bnt_fail(err, BANTAM_ERR_NOMEM,
                        "cannot start thread %" PRIu32 " of %" PRIu32 ": %s", n + 2, n_threads,
                        strerror(reason));
    }
    *out = pool;
    return BANTAM_OK;
}

void bnt_pool_close(bnt_pool *pool)
{
    if (!pool) return;
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->closing, true);
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t i = 0; i < pool->n_started; i++) {
        pthread_join(pool->workers[i].thread, NULL);
    }
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    bnt_free(pool->workers);
    bnt_free(pool);
}

uint32_t bnt_pool_threads(const bnt_pool *pool)
{
    return pool->n_threads;
}
