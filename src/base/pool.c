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
 *
 * Other programs want cores too. A worker that loses its core inside a task makes everybody
 * wait for milliseconds, where a job takes microseconds; so does one that has been put on the
 * caller's core and spins there. A job can do without any worker, so workers give way between
 * jobs: they offer their core every millisecond, and stay away for a while once they find that
 * they shared it. With all cores taken a pool of many threads then does what one thread does.
 */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* sched_getcpu */
#endif
#include "base/pool.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

enum {
    MAX_THREADS = 1024,
    /* Jobs of one forward pass follow each other within this time; going to sleep and waking
     * costs about as much. A thread that waits longer gives its core back. */
    SPIN_NS = 50000,
    /* A worker's turn between two looks whether it has had its core to itself; the time lost in
     * it that says no; how long it then stays away, twice as long each time. */
    TURN_NS = 1000000,
    LOST_NS = 400000,
    LEAST_REST_MS = 2,
    MOST_REST_MS = 16,
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
    uint32_t index;   /* 1 to n_threads - 1; the caller is 0 */
    uint64_t turn_ns; /* when its turn began, */
    uint64_t core_ns; /* and how long it had had a core by then */
    uint32_t rest_ms; /* its last rest, less what good turns have taken off */
} worker;

struct bnt_pool {
    /* The job. Written while nobody is inside. */
    bnt_begin_fn begin; /* may be NULL */
    bnt_task_fn fn;
    void *context;
    size_t n_tasks, chunk;

    uint32_t n_threads, n_started;
    bool pinned;     /* workers keep to the big cores */
    bnt_cpu_set big; /* where they do */
    pthread_mutex_t lock;
    pthread_cond_t work, done, closed;
    worker *workers; /* owns, (n_threads - 1) */

    /* Apart from the rest: these lines travel between cores. */
    _Alignas(LINE) atomic_uint_least64_t gate;
    atomic_uint sleepers;     /* workers that wait for `work` */
    atomic_bool caller_waits; /* the caller waits for `done` */
    atomic_bool closing;
    atomic_int caller_core; /* where the caller opened the gate; a hint, and relaxed */
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

/* How long this thread has had a core so far. */
static uint64_t core_time_ns(void)
{
    struct timespec t;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t)) return 0;
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* The core this thread is on at the moment; -1 where the system does not tell. */
static int current_core(void)
{
#if defined(__linux__)
    return sched_getcpu();
#else
    return -1;
#endif
}

static void begin_turn(worker *w)
{
    w->turn_ns = bnt_clock_ns();
    w->core_ns = core_time_ns();
}

static void wait_for_work(worker *w, uint64_t seen)
{
    bnt_pool *const pool = w->pool;
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
    begin_turn(w);
}

/* Sleeps through all jobs for a while. It is no sleeper in the caller's sense: it does not want
 * to be woken. */
static void stay_away(worker *w)
{
    bnt_pool *const pool = w->pool;
    struct timespec until;
    w->rest_ms = w->rest_ms < LEAST_REST_MS ? LEAST_REST_MS : 2 * w->rest_ms;
    if (w->rest_ms > MOST_REST_MS) w->rest_ms = MOST_REST_MS;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)w->rest_ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;

    pthread_mutex_lock(&pool->lock);
    while (!atomic_load(&pool->closing)) {
        if (pthread_cond_timedwait(&pool->closed, &pool->lock, &until)) break;
    }
    pthread_mutex_unlock(&pool->lock);
    begin_turn(w);
}

/* Between jobs, when nobody waits for this thread: others that want its core have it now
 * instead of inside a task. */
static void end_turn(worker *w)
{
    if (bnt_clock_ns() - w->turn_ns < TURN_NS) return;
    sched_yield();
    const uint64_t passed = bnt_clock_ns() - w->turn_ns;
    if (passed >= core_time_ns() - w->core_ns + LOST_NS) {
        stay_away(w);
        return;
    }
    if (w->rest_ms) w->rest_ms--;
    begin_turn(w);
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
    worker *const self = argument;
    bnt_pool *const pool = self->pool;
    uint64_t seen = 0;
    bool rested = false;

    if (pool->pinned) bnt_cpu_keep_to(&pool->big);
    begin_turn(self);
    while (wait_for_work(self, seen), !atomic_load(&pool->closing)) {
        const int core = current_core();
        const bool shared =
            core >= 0 && core == atomic_load_explicit(&pool->caller_core, memory_order_relaxed);
        if (shared && !rested) { /* the caller had better have it; but not for ever */
            stay_away(self);
            rested = true;
            continue;
        }
        rested = false;
        if (!enter(pool, &seen)) continue;
        run_tasks(pool, self->index);
        leave(pool);
        end_turn(self);
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
    sched_yield();
    pthread_mutex_lock(&pool->lock);
    /* An exchange, because emulators of Arm let a load overtake a plain store before it. */
    (void)atomic_exchange(&pool->caller_waits, true);
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

    atomic_store_explicit(&pool->caller_core, current_core(), memory_order_relaxed);
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

/* Where cores differ, workers keep to the big ones that the process may use, as long as each
 * finds one; which of them is left to the system. The caller's thread is the program's own. */
static void choose_cores(bnt_pool *pool)
{
    bnt_cpu_layout layout;
    bnt_cpu_layout_read(&layout);
    pool->big = layout.big;
    pool->pinned = layout.n_big < layout.n_cores && pool->n_threads <= layout.n_big;
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

/* Cannot fail on Linux: nothing but their own memory is needed. */
static void init_waiting(bnt_pool *pool)
{
    pthread_condattr_t monotonic;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->done, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->closed, &monotonic);
    pthread_condattr_destroy(&monotonic);
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
    init_waiting(pool);
    if (n_threads > 1) choose_cores(pool);

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
    pthread_cond_broadcast(&pool->closed);
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t i = 0; i < pool->n_started; i++) {
        pthread_join(pool->workers[i].thread, NULL);
    }
    pthread_cond_destroy(&pool->closed);
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
