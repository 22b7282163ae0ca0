/* linear.c - y = x times W transposed, for matrices of any stored type.
 *
 * A task is a block of rows of W. A row is decoded to float once and then meets every row of x,
 * each by one dot product in the order that kernel.h states, whoever computes it.
 */
#include "model/pass.h"

enum { ROWS_PER_TASK = 32 };

typedef struct job {
    const bnt_pass *pass;
    const float *x; /* (n_rows, columns) */
    uint32_t n_rows;
    const bnt_product *products;
} job;

static size_t count_tasks(const bnt_matrix *w)
{
    return ((size_t)w->rows + ROWS_PER_TASK - 1) / ROWS_PER_TASK;
}

/* Row r of w as floats: in place where it lies so, else decoded into work. */
static const float *row_of(const bnt_matrix *w, uint32_t r, float *work)
{
    const uint8_t *const data = w->data + r * w->row_bytes;
    if (w->type->id == BNT_TYPE_F32 && (uintptr_t)data % _Alignof(float) == 0) {
        return (const float *)(const void *)data;
    }
    w->type->decode(data, work, w->columns);
    return work;
}

static void multiply_rows(void *context, size_t task, uint32_t thread)
{
    const job *const j = context;
    const bnt_product *product = j->products;
    while (task >= count_tasks(product->w)) {
        task -= count_tasks((product++)->w);
    }

    const bnt_matrix *const w = product->w;
    const bnt_kernels *const kernels = &j->pass->model->kernels;
    const uint32_t begin = (uint32_t)task * ROWS_PER_TASK;
    const uint32_t end = w->rows - begin > ROWS_PER_TASK ? begin + ROWS_PER_TASK : w->rows;
    for (uint32_t r = begin; r < end; r++) {
        const float *const row = row_of(w, r, bnt_pass_work(j->pass, thread));
        for (uint32_t t = 0; t < j->n_rows; t++) {
            product->y[(size_t)t * w->rows + r] =
                kernels->dot_f32(row, j->x + (size_t)t * w->columns, w->columns);
        }
    }
}

void bnt_linear(const bnt_pass *p, const float *x, uint32_t n_rows, const bnt_product *products,
                size_t n_products)
{
    job j = {p, x, n_rows, products};
    size_t n_tasks = 0;
    for (size_t i = 0; i < n_products; i++) {
        n_tasks += count_tasks(products[i].w);
    }
    bnt_pass_run(p, multiply_rows, &j, n_tasks);
}
