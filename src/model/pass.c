/* pass.c - the buffers of a forward pass, sized in one place, and how its tasks are run. */
#include "model/pass.h"

#include "base/checked.h"
#include "model/attention.h"
#include "model/kv_row.h"

enum { MAX_BUFFERS = 16 };

/* n * width floats, and where the pass keeps them. */
typedef struct buffer {
    float **at;
    size_t n, width;
} buffer;

/* Floats one thread needs: a decoded weight row, or attention's chunk of keys and values, its
 * scores and its part of a result, or one padded row of the cache. */
static size_t work_floats(const bnt_config *c)
{
    const size_t heads = (size_t)c->n_heads * c->head_dim;
    size_t row = c->n_embd > c->n_ffn ? c->n_embd : c->n_ffn;
    if (heads > row) row = heads;

    const size_t padded = bnt_kv_padded(c->head_dim);
    const size_t chunk = 2 * BNT_ATTENTION_CHUNK * padded + BNT_ATTENTION_CHUNK + padded;
    const size_t most = row > chunk ? row : chunk;
    return (most + 15) & ~(size_t)15; /* threads share no cache line */
}

static size_t list_buffers(bnt_pass *p, uint32_t n_threads, buffer out[MAX_BUFFERS])
{
    const bnt_config *const c = &p->model->config;
    const size_t n = p->n;
    const size_t heads = (size_t)c->n_heads * c->head_dim;
    const size_t kv = (size_t)c->n_kv_heads * c->head_dim;
    const buffer all[] = {{&p->x, n, c->n_embd},
                          {&p->h, n, c->n_embd},
                          {&p->q, n, heads},
                          {&p->k, n, kv},
                          {&p->v, n, kv},
                          {&p->a, n, heads},
                          {&p->gate, n, c->n_ffn},
                          {&p->up, n, c->n_ffn},
                          {&p->cosines, n, c->rope_dims / 2},
                          {&p->sines, n, c->rope_dims / 2},
                          {&p->maxima, n, c->n_heads},
                          {&p->sums, n, c->n_heads},
                          {&p->work, n_threads, work_floats(c)}};
    const size_t n_buffers = sizeof all / sizeof all[0];
    for (size_t i = 0; i < n_buffers; i++) {
        out[i] = all[i];
    }
    return n_buffers;
}

bool bnt_pass_take(bnt_pass *p, uint32_t n_threads, bnt_arena *arena)
{
    buffer buffers[MAX_BUFFERS];
    const size_t n = list_buffers(p, n_threads, buffers);
    for (size_t i = 0; i < n; i++) {
        *buffers[i].at = bnt_arena_alloc(arena, buffers[i].n, buffers[i].width * sizeof(float));
        if (!*buffers[i].at) return false;
    }
    p->work_floats = work_floats(&p->model->config);
    return true;
}

size_t bnt_forward_cost(const bnt_model *model, uint32_t batch, uint32_t n_threads)
{
    bnt_pass p = {.model = model, .n = batch};
    buffer buffers[MAX_BUFFERS];
    const size_t n = list_buffers(&p, n_threads, buffers);
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        const size_t cost = bnt_arena_cost(buffers[i].n, buffers[i].width * sizeof(float));
        if (!bnt_add_size(total, cost, &total)) return SIZE_MAX;
    }
    return total;
}

void bnt_pass_run(const bnt_pass *p, bnt_task_fn fn, void *context, size_t n_tasks)
{
    if (n_tasks == 1) {
        fn(context, 0, 0);
    } else if (n_tasks > 1) {
        bnt_pool_run(p->pool, fn, context, n_tasks);
    }
}
