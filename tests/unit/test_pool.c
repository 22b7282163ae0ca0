/* Threads that share one job at a time. */
#include "base/clock.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "base/pool.h"
#include "support.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

enum { MAX_TASKS = 5000 };

typedef struct job {
    uint32_t n_threads;
    uint32_t runs[MAX_TASKS];   /* how often each task ran; each is written by one thread */
    uint32_t by_thread[64][16]; /* [thread][0]: tasks it ran; a line each */
    atomic_bool busy[64];
    atomic_uint collisions;
} job;

static void count_task(void *context, size_t task, uint32_t thread)
{
    job *const j = context;
    if (thread >= j->n_threads || atomic_exchange(&j->busy[thread], true)) {
        atomic_fetch_add(&j->collisions, 1);
        return;
    }
    j->runs[task]++;
    j->by_thread[thread][0]++;
    atomic_store(&j->busy[thread], false);
}

/* Plain reads and writes of one array by different threads in successive jobs: the thread
 * sanitizer sees whether run orders them. */
static void every_task_runs_once_and_is_done_at_return(void **state)
{
    (void)state;
    static const uint32_t threads[] = {1, 2, 3, 8};
    static const size_t tasks[] = {0, 1, 2, 3, 7, 100, MAX_TASKS};
    job *j = calloc(1, sizeof *j);
    for (size_t t = 0; t < 4; t++) {
        bnt_pool *pool;
        assert_int_equal(bnt_pool_open(&pool, threads[t], NULL), BANTAM_OK);
        assert_int_equal(bnt_pool_threads(pool), threads[t]);
        memset(j, 0, sizeof *j);
        j->n_threads = threads[t];
        uint32_t expected[MAX_TASKS] = {0};
        uint64_t total = 0, counted = 0;
        for (int turn = 0; turn < 100; turn++) {
            const size_t n = tasks[turn % 7];
            bnt_pool_run(pool, count_task, j, n);
            for (size_t i = 0; i < n; i++) {
                expected[i]++;
            }
            total += n;
            assert_memory_equal(j->runs, expected, sizeof expected);
        }
        for (size_t k = 0; k < 64; k++) {
            counted += j->by_thread[k][0];
        }
        assert_true(counted == total);
        assert_int_equal(atomic_load(&j->collisions), 0);
        bnt_pool_close(pool);
    }
    bnt_pool_close(NULL);
    free(j);
}

typedef struct prologue {
    uint32_t n_threads;
    uint32_t begun[64][16]; /* [thread][0]: calls in this job; a line each */
    uint32_t ran[64][16];   /* tasks */
    atomic_uint unprepared, tasks;
} prologue;

static void prepare(void *context, uint32_t thread)
{
    prologue *const p = context;
    if (p->ran[thread][0]) atomic_fetch_add(&p->unprepared, 1);
    p->begun[thread][0]++;
}

static void need_prepared(void *context, size_t task, uint32_t thread)
{
    prologue *const p = context;
    (void)task;
    if (p->begun[thread][0] != 1) atomic_fetch_add(&p->unprepared, 1);
    p->ran[thread][0]++;
    atomic_fetch_add(&p->tasks, 1);
}

static void a_thread_begins_once_and_only_for_tasks(void **state)
{
    (void)state;
    static const uint32_t threads[] = {1, 2, 5};
    static const size_t tasks[] = {0, 1, 2, 3, 40, 1000};
    prologue *const p = calloc(1, sizeof *p);
    for (size_t t = 0; t < 3; t++) {
        bnt_pool *pool;
        assert_int_equal(bnt_pool_open(&pool, threads[t], NULL), BANTAM_OK);
        for (size_t turn = 0; turn < 600; turn++) {
            const size_t n = tasks[turn % 6];
            memset(p, 0, sizeof *p);
            bnt_pool_run_with(pool, prepare, need_prepared, p, n);
            assert_int_equal(atomic_load(&p->tasks), n);
            assert_int_equal(atomic_load(&p->unprepared), 0);
            for (size_t k = 0; k < 64; k++) {
                assert_int_equal(p->begun[k][0], p->ran[k][0] > 0);
            }
        }
        memset(p, 0, sizeof *p);
        for (size_t k = 0; k < 64; k++) {
            p->begun[k][0] = 1;
        }
        bnt_pool_run_with(pool, NULL, need_prepared, p, 77);
        assert_int_equal(atomic_load(&p->tasks), 77);
        bnt_pool_close(pool);
    }
    free(p);
}

typedef struct sums {
    uint64_t in[64], out[64];
} sums;

static void add_neighbors(void *context, size_t task, uint32_t thread)
{
    sums *const s = context;
    (void)thread;
    s->out[task] = s->in[task] + s->in[(task + 1) % 64] * 3;
}

/* Each job reads what other threads wrote in the one before. */
static void results_of_a_job_are_seen_by_the_next(void **state)
{
    (void)state;
    bnt_pool *pool;
    static sums one, many;
    for (size_t i = 0; i < 64; i++) {
        one.in[i] = many.in[i] = i + 1;
    }
    assert_int_equal(bnt_pool_open(&pool, 4, NULL), BANTAM_OK);
    const uint64_t asked = bnt_mem_allocations();
    for (int turn = 0; turn < 3000; turn++) {
        for (size_t i = 0; i < 64; i++) {
            add_neighbors(&one, i, 0);
        }
        memcpy(one.in, one.out, sizeof one.in);
        bnt_pool_run(pool, add_neighbors, &many, 64);
        memcpy(many.in, many.out, sizeof many.in);
        if (turn % 500 == 0) usleep(2000); /* threads go to sleep in between */
    }
    assert_true(bnt_mem_allocations() == asked);
    assert_memory_equal(one.in, many.in, sizeof one.in);
    bnt_pool_close(pool);
}

typedef struct meeting {
    atomic_uint arrived;
    atomic_bool late;
} meeting;

/* Waits until the other task runs too: passes only where two threads work at once. */
static void meet(void *context, size_t task, uint32_t thread)
{
    meeting *const m = context;
    (void)task;
    (void)thread;
    atomic_fetch_add(&m->arrived, 1);
    const uint64_t start = bnt_clock_ns();
    while (atomic_load(&m->arrived) < 2) {
        usleep(100);
        if (bnt_clock_ns() - start > UINT64_C(60000000000)) {
            atomic_store(&m->late, true);
            return;
        }
    }
}

static void sleeping_threads_wake_for_a_job(void **state)
{
    (void)state;
    bnt_pool *pool;
    assert_int_equal(bnt_pool_open(&pool, 2, NULL), BANTAM_OK);
    for (int turn = 0; turn < 20; turn++) {
        meeting m = {0};
        usleep(1000); /* longer than threads spin */
        bnt_pool_run(pool, meet, &m, 2);
        assert_false(atomic_load(&m.late));
    }
    bnt_pool_close(pool);
}

static double process_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void idle_threads_take_no_time(void **state)
{
    (void)state;
    bnt_pool *pool;
    job *j = calloc(1, sizeof *j);
    j->n_threads = 8;
    assert_int_equal(bnt_pool_open(&pool, 8, NULL), BANTAM_OK);
    bnt_pool_run(pool, count_task, j, 1000);
    usleep(20000);
    const double before = process_seconds();
    usleep(200000);
    assert_true(process_seconds() - before < 0.05);
    bnt_pool_close(pool);
    free(j);
}

static void work_a_little(void *context, size_t task, uint32_t thread)
{
    atomic_uint *const sum = context;
    uint32_t x = (uint32_t)task;
    (void)thread;
    for (int i = 0; i < 1000; i++) {
        x = x * 1664525u + 1013904223u;
    }
    atomic_fetch_add(sum, x);
}

/* Seconds of processor time that jobs of some microseconds take with n threads. */
static double jobs_cost(uint32_t n_threads)
{
    bnt_pool *pool;
    atomic_uint sum = 0;
    double least = 1e9;
    assert_int_equal(bnt_pool_open(&pool, n_threads, NULL), BANTAM_OK);
    for (int round = 0; round < 5; round++) {
        const double start = process_seconds();
        for (int i = 0; i < 1000; i++) {
            bnt_pool_run(pool, work_a_little, &sum, 16);
        }
        const double cost = process_seconds() - start;
        if (cost < least) least = cost;
    }
    bnt_pool_close(pool);
    return least;
}

/* Threads that have one core between them must not take it from each other to wait. */
static void threads_without_a_core_of_their_own_keep_out_of_the_way(void **state)
{
    (void)state;
#if !defined(__linux__)
    skip(); /* no way to take cores away */
#endif
    bnt_cpu_layout layout;
    bnt_cpu_set before, one = {{0}};
    bnt_cpu_layout_read(&layout);
    before = layout.big;
    if (layout.n_big < layout.n_cores) skip(); /* there the set of before is not known */
    for (size_t i = 0; i < BNT_CPU_MAX_CORES / 64; i++) {
        one.bits[i] = before.bits[i] & (~before.bits[i] + 1); /* the lowest */
        if (one.bits[i]) break;
    }
    bnt_cpu_keep_to(&one);
    const double alone = jobs_cost(1), many = jobs_cost(4);
    bnt_cpu_keep_to(&before);
    if (many > 2 * alone + 0.002) fail_msg("%f s with 1 thread, %f with 4", alone, many);
}

static atomic_int signals_here, signals_elsewhere;
static pthread_t main_thread;

static void on_signal(int number)
{
    (void)number;
    atomic_fetch_add(
        pthread_equal(pthread_self(), main_thread) ? &signals_here : &signals_elsewhere, 1);
}

static void signals_go_to_the_programs_threads(void **state)
{
    (void)state;
    bnt_pool *pool;
    main_thread = pthread_self();
    struct sigaction a = {.sa_handler = on_signal}, old;
    sigaction(SIGUSR1, &a, &old);
    sigset_t set, before, mask;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    assert_int_equal(bnt_pool_open(&pool, 4, NULL), BANTAM_OK);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    assert_int_equal(sigismember(&mask, SIGUSR1), sigismember(&before, SIGUSR1));

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    kill(getpid(), SIGUSR1); /* to any thread that does not block it */
    usleep(50000);
    assert_int_equal(atomic_load(&signals_elsewhere), 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    usleep(1000);
    assert_int_equal(atomic_load(&signals_here), 1);
    bnt_pool_close(pool);
    sigaction(SIGUSR1, &old, NULL);
}

static void bad_numbers_and_lost_memory_are_errors(void **state)
{
    (void)state;
    bnt_pool *pool = NULL;
    bantam_error err;
    assert_int_equal(bnt_pool_open(&pool, 0, &err), BANTAM_ERR_INVALID);
    assert_string_equal(err.message, "number of threads: expected 1 to 1024, found 0");
    assert_int_equal(bnt_pool_open(&pool, UINT32_MAX, &err), BANTAM_ERR_INVALID);
    const int64_t live = bnt_mem_live();
    for (uint64_t n = 0; !pool && n < 10; n++) {
        bnt_mem_fail_after(n);
        const bantam_status status = bnt_pool_open(&pool, 3, &err);
        assert_int_equal(status, pool ? BANTAM_OK : BANTAM_ERR_NOMEM);
    }
    bnt_mem_fail_after(UINT64_MAX);
    bnt_pool_close(pool);
    assert_int_equal(bnt_mem_live(), live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_once_and_is_done_at_return),
        cmocka_unit_test(a_thread_begins_once_and_only_for_tasks),
        cmocka_unit_test(results_of_a_job_are_seen_by_the_next),
        cmocka_unit_test(sleeping_threads_wake_for_a_job),
        cmocka_unit_test(idle_threads_take_no_time),
        cmocka_unit_test(threads_without_a_core_of_their_own_keep_out_of_the_way),
        cmocka_unit_test(signals_go_to_the_programs_threads),
        cmocka_unit_test(bad_numbers_and_lost_memory_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
