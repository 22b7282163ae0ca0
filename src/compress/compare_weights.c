/* compare_weights.c - the tensors of a model's file against those of the model it was made
 * from, value by value: what `bantam eval --report` draws. Rows are decoded by threads that
 * share them; sums are made in one order.
 */
#include "compress/compare_weights.h"

#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "base/pool.h"
#include "compress/source.h"

enum { ROWS = 64 }; /* of one task */

typedef struct pair {
    const bnt_source_tensor *is, *was;
    uint64_t rows;
    float *floats; /* (threads, 2, columns) */
    double *sums;  /* (tasks, 2): of squared errors, of squares */
} pair;

static void compare_rows(void *context, size_t task, uint32_t thread)
{
    const pair *const p = context;
    const size_t columns = (size_t)p->is->dims[0];
    float *const is = p->floats + (size_t)thread * 2 * columns, *const was = is + columns;
    const uint64_t end = (task + 1) * ROWS < p->rows ? (task + 1) * ROWS : p->rows;
    double error = 0.0, energy = 0.0;

    for (uint64_t r = task * ROWS; r < end; r++) {
        bnt_source_decode(p->is, r, is);
        bnt_source_decode(p->was, r, was);
        for (size_t c = 0; c < columns; c++) {
            const double off = (double)is[c] - (double)was[c];
            error += off * off;
            energy += (double)was[c] * (double)was[c];
        }
    }
    p->sums[2 * task] = error;
    p->sums[2 * task + 1] = energy;
}

static bantam_status compare(pair *p, bnt_pool *pool, double *error, double *energy,
                             bantam_error *err)
{
    const size_t n_tasks = (size_t)((p->rows + ROWS - 1) / ROWS);
    const size_t columns = (size_t)p->is->dims[0];

    *error = *energy = 0.0;
    p->floats = bnt_calloc(2 * (size_t)bnt_pool_threads(pool), columns * sizeof(float));
    p->sums = bnt_calloc(n_tasks, 2 * sizeof *p->sums);
    const bool room = p->floats && p->sums;
    if (room) bnt_pool_run(pool, compare_rows, p, n_tasks);
    for (size_t i = 0; room && i < n_tasks; i++) {
        *error += p->sums[2 * i];
        *energy += p->sums[2 * i + 1];
    }
    bnt_free(p->floats);
    bnt_free(p->sums);
    if (room) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for rows of %s", p->is->name);
}

/* Of the same name and shape; NULL where there is none. */
static const bnt_source_tensor *find_same(const bnt_source *s, const bnt_source_tensor *t)
{
    for (size_t i = 0; i < s->n_tensors; i++) {
        const bnt_source_tensor *const found = &s->tensors[i];
        if (strcmp(found->name, t->name) != 0) continue;
        const bool same =
            found->dims[0] == t->dims[0] && bnt_source_rows(found) == bnt_source_rows(t);
        return same ? found : NULL;
    }
    return NULL;
}

static bantam_status tell(const bnt_source *is, const bnt_source *was, size_t i, bnt_pool *pool,
                          bantam_quantized_fn report, void *user, bantam_error *err)
{
    const bnt_source_tensor *const t = &is->tensors[i];
    const bnt_source_tensor *const from = find_same(was, t);
    bantam_quantized told = {.name = {t->name, strlen(t->name)},
                             .type = t->type->name,
                             .n_values = bnt_source_rows(t) * t->dims[0],
                             .output_loss = NAN,
                             .divergence = NAN};

    bnt_type_bytes(t->type, bnt_source_rows(t), t->dims[0], &told.bytes);
    if (from) {
        pair p = {.is = t, .was = from, .rows = bnt_source_rows(t)};
        told.from = from->type->name;
        const bantam_status status =
            compare(&p, pool, &told.squared_error, &told.squared_values, err);
        if (status) return status;
    }
    report(user, &told);
    bnt_source_release(is, t);
    if (from) bnt_source_release(was, from);
    return BANTAM_OK;
}

bantam_status bnt_compare_weights(const char *path, const char *reference,
                                  bantam_quantized_fn report, bantam_progress_fn progress,
                                  void *user, bantam_error *err)
{
    bnt_source is = {0}, was = {0};
    bnt_pool *pool = NULL;

    bantam_status status = bnt_source_open(&is, path, "", err);
    if (!status) status = bnt_source_open(&was, reference, "", err);
    if (!status) status = bnt_pool_open(&pool, bnt_cpu_threads(), err);
    for (size_t i = 0; !status && i < is.n_tensors; i++) {
        status = tell(&is, &was, i, pool, report, user, err);
        if (!status && progress && !progress(user, i + 1, is.n_tensors)) {
            status = bnt_fail(err, BANTAM_ERR_CANCELLED, "stopped");
        }
    }
    if (!status) status = bnt_archive_check(is.archive, err);
    if (!status) status = bnt_archive_check(was.archive, err);
    bnt_pool_close(pool);
    if (was.archive) bnt_source_close(&was);
    if (is.archive) bnt_source_close(&is);
    return status;
}
