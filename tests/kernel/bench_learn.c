/* bench_learn.c - the speed of training's kernels: products of the shapes that layers have, the
 * same inside of a task, and what is done to vectors.
 *
 * Products are those of linalg/matmul.h on one thread, packing included.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

#include "linalg/matmul.h"

#define PART(entry) (offsetof(check_tables, learn) + offsetof(bnt_learn_kernels, entry))

enum { FLOATS = 4 << 20, TOKENS = 4096, HEAD_TOKENS = 256, WORK_BYTES = 4 << 20 };

/* y = x W^T, dx = dy W, dW += dy^T x */
typedef enum form { FORWARD, BACK, WEIGHTS, FORMS } form;

static const char *const form_names[FORMS] = {"y = x W^T", "dx = dy W", "dW += dy^T x"};

typedef struct learn_args {
    float *x, *y, *out, *more;
    uint8_t *work;
    bnt_pool *pool;
    form form;
    size_t n_tokens, rows, columns; /* of W */
    size_t n;
} learn_args;

static void bench_one(check *c, const char *name, size_t part, bench b, const learn_args *args)
{
    b.name = name;
    b.parts = &part;
    b.n_parts = 1;
    b.args = args;
    bench_run(c, &b);
}

/* ---- products ---- */

static void run_product(const bnt_kernels *kernels, const void *args)
{
    const learn_args *const p = args;
    const size_t t = p->n_tokens, n = p->rows, k = p->columns;
    const bnt_view x = {p->x, k, 1}, dy = {p->y, n, 1}, dy_turned = {p->y, 1, n};
    const bnt_view w = {p->more, k, 1}, w_turned = {p->more, 1, k};
    bnt_matmul mm = {.kernels = check_learn_of(kernels), .pool = p->pool, .work = p->work};
    switch (p->form) {
    case FORWARD:
        bnt_matmul_run(&mm, x, w_turned, t, n, k, p->out, n, false);
        break;
    case BACK:
        bnt_matmul_run(&mm, dy, w, t, k, n, p->out, k, false);
        break;
    default:
        bnt_matmul_run(&mm, dy_turned, x, n, k, t, p->out, k, true);
    }
}

static void bench_products_of_layers(check *c, learn_args p)
{
    static const size_t shapes[][2] = {{128, 128}, {256, 128}, {128, 256}, {256, 256}};
    for (int i = 0; i < 4 * FORMS; i++) {
        p.form = (form)(i % FORMS);
        p.rows = shapes[i / FORMS][0];
        p.columns = shapes[i / FORMS][1];
        p.n_tokens = TOKENS;
        bench b = {.run = run_product};
        b.fp32_ops = 2.0 * TOKENS * (double)p.rows * (double)p.columns;
        snprintf(b.shape, sizeof b.shape, "%s, W %zu x %zu", form_names[p.form], p.rows,
                 p.columns);
        bench_one(c, "matmul", PART(matmul), b, &p);
    }
}

/* Queries times keys, probabilities times values, and the latter turned: k or n is small. */
static void run_head(const bnt_kernels *kernels, const void *args)
{
    const learn_args *const p = args;
    const bnt_learn_kernels *const k = check_learn_of(kernels);
    const size_t t = HEAD_TOKENS, d = p->n, row = 4 * d;
    const bnt_view q = {p->x, row, 1}, keys = {p->y, 1, row}, values = {p->y, row, 1};
    const bnt_view p_rows = {p->more, t, 1}, p_turned = {p->more, 1, t};
    switch (p->form) {
    case FORWARD:
        bnt_matmul_here(k, p->work, q, keys, t, t, d, p->out, t, false);
        break;
    case BACK:
        bnt_matmul_here(k, p->work, p_rows, values, t, d, t, p->out, row, false);
        break;
    default:
        bnt_matmul_here(k, p->work, p_turned, values, t, d, t, p->out, row, true);
    }
}

static void bench_heads(check *c, learn_args p)
{
    static const char *const names[FORMS] = {"q k^T", "p v", "p^T dy"};
    for (int i = 0; i < 4 * FORMS; i++) {
        p.form = (form)(i % FORMS);
        p.n = (size_t)8 << i / FORMS;
        bench b = {.run = run_head};
        b.fp32_ops = 2.0 * HEAD_TOKENS * HEAD_TOKENS * (double)p.n;
        snprintf(b.shape, sizeof b.shape, "%s, head %zu", names[p.form], p.n);
        bench_one(c, "matmul_here", PART(matmul), b, &p);
    }
}

/* ---- vectors ---- */

static void run_silu(const bnt_kernels *k, const void *args)
{
    const learn_args *const p = args;
    check_learn_of(k)->gate_silu_grad(p->out, p->out + p->n, p->x, p->y, p->more, p->n);
}

static void run_norm(const bnt_kernels *k, const void *args)
{
    const learn_args *const p = args;
    check_learn_of(k)->rms_norm_grad(p->out, p->x, p->y, p->more, p->n, 1e-5f);
}

static void run_softmax(const bnt_kernels *k, const void *args)
{
    const learn_args *const p = args;
    check_learn_of(k)->softmax_grad(p->out, p->x, 0.1f, p->n);
}

static void run_adamw(const bnt_kernels *k, const void *args)
{
    const learn_args *const p = args;
    const bnt_adamw step = {3e-4f, 0.9f, 0.95f, 1e-8f, 0.1f, 1.7f, 3.1f, 0.5f};
    check_learn_of(k)->adamw(p->out, p->x, p->more, p->y, p->n, &step);
}

static const struct {
    const char *name;
    size_t part, n;
    void (*run)(const bnt_kernels *k, const void *args);
} vectors[] = {
    {"gate_silu_grad", PART(gate_silu_grad), 8192, run_silu},
    {"rms_norm_grad", PART(rms_norm_grad), 256, run_norm},
    {"softmax_grad", PART(softmax_grad), 256, run_softmax},
    {"adamw", PART(adamw), 8192, run_adamw},
};

static void bench_vectors(check *c, learn_args p)
{
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        p.n = vectors[i].n;
        bench b = {.run = vectors[i].run,
                   .weights = (const uint8_t *)p.x,
                   .weight_bytes = p.n * sizeof *p.x};
        snprintf(b.shape, sizeof b.shape, "%zu", p.n);
        bench_one(c, vectors[i].name, vectors[i].part, b, &p);
    }
}

void bench_learn(check *c)
{
    learn_args p = {.x = bench_memory(FLOATS * sizeof(float)),
                    .y = bench_memory(FLOATS * sizeof(float)),
                    .out = bench_memory(FLOATS * sizeof(float)),
                    .more = bench_memory(FLOATS * sizeof(float)),
                    .work = bench_memory(WORK_BYTES)};
    if (bnt_pool_open(&p.pool, 1, NULL) != BANTAM_OK) exit(2);
    check_floats(c, p.x, FLOATS, FILL_RANDOM);
    check_floats(c, p.y, FLOATS, FILL_RANDOM);
    for (size_t i = 0; i < FLOATS; i++) {
        p.more[i] = 0.5f + 0.25f * (p.x[i] < 0.0f ? -p.x[i] : p.x[i]);
    }
    bench_products_of_layers(c, p);
    bench_heads(c, p);
    bench_vectors(c, p);
    bnt_pool_close(p.pool);
}
