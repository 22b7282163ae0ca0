/* pool.h - threads that share one job at a time.
 *
 * A job is n_tasks independent calls. Tasks are taken from an atomic counter, so a slow core
 * takes fewer; which thread runs a task must not change its result. The caller's thread works
 * too. Threads spin briefly inside a job and park between jobs.
 */
#ifndef BNT_BASE_POOL_H
#define BNT_BASE_POOL_H
#include "bantam/bantam.h"

typedef struct bnt_pool bnt_pool;

/* thread is 0 to n_threads - 1 and names scratch that no other running task uses. */
typedef void (*bnt_task_fn)(void *context, size_t task, uint32_t thread);

/* What a thread does once before its first task of a job: prepare its scratch, say. */
typedef void (*bnt_begin_fn)(void *context, uint32_t thread);

/* n_threads counts the caller's; 1 starts none. */
bantam_status bnt_pool_open(bnt_pool **out, uint32_t n_threads, bantam_error *err);
void bnt_pool_close(bnt_pool *pool); /* accepts NULL */
uint32_t bnt_pool_threads(const bnt_pool *pool);

/* Returns when all tasks are done. One caller at a time. No allocation. */
void bnt_pool_run(bnt_pool *pool, bnt_task_fn fn, void *context, size_t n_tasks);

/* The same; each thread that gets a task calls begin first, once. begin may be NULL. */
void bnt_pool_run_with(bnt_pool *pool, bnt_begin_fn begin, bnt_task_fn fn, void *context,
                       size_t n_tasks);

#endif
