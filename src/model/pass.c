/* pass.c - the buffers of a forward pass, sized in one place, and how its tasks are run. */
#include "model/pass.h"

#include "model/lowrank.h"

static uint32_t at_least(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* Columns of the widest input, in whole spans. */
static uint32_t widest(const bnt_config *c)
{
    const uint32_t most = at_least(at_least(c->n_embd, c->n_ffn), c->n_heads * c->head_dim);
    return (uint32_t)bnt_tile_columns(most);
}

/* Whether any rows meet the input as floats: the model's, or those of an adapter. */
static bool reads_floats(const bnt_pass *p)
{
    return (p->model->forms & BNT_FORM_FLOATS) || p->n_adapters;
}

/* Everything grows with n, so that the scratch of a batch serves every smaller one. */
static void take_work(bnt_taker *t, const bnt_pass *p, bnt_work *w)
{
    const bnt_model *const m = p->model;
    const uint32_t n = p->n;
    const bnt_kernels *const k = &m->kernels;
    const uint32_t wide = widest(&m->config);
    const uint32_t few = n < BNT_FEW_TOKENS ? n : BNT_FEW_TOKENS;
    const bool many = n > BNT_FEW_TOKENS;
    const uint32_t quantized = many ? at_least(few, k->pack_tokens) : few;
    const size_t few_y = (size_t)few * BNT_TASK_GROUPS * BNT_TILE_ROWS;
    const size_t many_y = many ? (size_t)n * k->panel_groups * BNT_TILE_ROWS : 0;
    const size_t y = few_y > many_y ? few_y : many_y;
    bnt_work own = {0};

    own.row = bnt_take_floats(t, 1, wide);
    if (reads_floats(p)) own.rows = bnt_take_floats(t, few, wide);
    if (m->forms & BNT_FORM_DECODED) own.decoded = bnt_take_floats(t, BNT_TILE_ROWS, wide);
    own.y = bnt_take_floats(t, 1, y);
    own.y_up = bnt_take_floats(t, 1, y);
    if (m->forms & BNT_FORM_TILES) {
        own.q = bnt_take(t, quantized, bnt_acts_stride(wide));
        own.d = bnt_take_floats(t, quantized, bnt_tile_blocks(wide));
        own.sum32 = bnt_take(t, quantized, wide / 32 * sizeof(int32_t));
        own.sum16 = bnt_take(t, quantized, wide / 16 * sizeof(int32_t));
        if (many) own.gemm = bnt_take(t, 1, k->gemm_work(wide));
    }
    own.attention = bnt_take_floats(t, 1, bnt_attention_work(&m->config));
    if (w) *w = own;
}

/* n_positions: of the cache that one token sees at most. */
static void take_all(bnt_taker *t, bnt_pass *p, uint32_t n_threads, uint32_t n_positions)
{
    const bnt_model *const m = p->model;
    const bnt_config *const c = &m->config;
    const size_t n = p->n;
    const size_t heads = (size_t)c->n_heads * c->head_dim;
    const size_t kv = (size_t)c->n_kv_heads * c->head_dim;
    const uint32_t tokens = m->kernels.pack_tokens;

    p->x = bnt_take_floats(t, n, c->n_embd);
    p->q = bnt_take_floats(t, n, heads);
    p->k = bnt_take_floats(t, n, kv);
    p->v = bnt_take_floats(t, n, kv);
    p->a = bnt_take_floats(t, n, heads);
    p->h = bnt_take_floats(t, n, c->n_ffn);
    p->cosines = bnt_take_floats(t, n, c->rope_dims / 2);
    p->sines = bnt_take_floats(t, n, c->rope_dims / 2);
    p->parts = bnt_take_floats(t, 1, bnt_attention_parts(c, n_positions));
    if (p->n_adapters) {
        const size_t n_slices = bnt_lowrank_most(p->adapters, p->n_adapters);
        p->slices = bnt_take(t, n_slices, sizeof *p->slices);
        p->t = bnt_take_floats(t, n * BNT_SLICE_RANKS, n_slices);
    }
    if (n > BNT_FEW_TOKENS) {
        const uint32_t made = c->down_hadamard ? at_least(c->n_embd, c->n_ffn) : c->n_embd;
        if (reads_floats(p)) p->shared = bnt_take_floats(t, n, made);
        if (m->forms & BNT_FORM_TILES) {
            p->packed =
                bnt_take(t, (n + tokens - 1) / tokens, m->kernels.packed_bytes(widest(c)));
        }
    }
    p->work = bnt_take(t, n_threads, sizeof *p->work);
    for (uint32_t i = 0; i < n_threads && !t->failed; i++) {
        take_work(t, p, p->work ? &p->work[i] : NULL);
    }
}

bool bnt_pass_take(bnt_pass *p, uint32_t n_threads, bnt_arena *arena)
{
    bnt_taker t = {.arena = arena};
    take_all(&t, p, n_threads, p->n == 1 ? p->pos + 1 : 0);
    p->decode = p->n == 1;
    return !t.failed;
}

size_t bnt_forward_cost(const bnt_model *model, uint32_t batch, uint32_t context,
                        uint32_t n_threads)
{
    return bnt_forward_cost_with(model, NULL, 0, batch, context, n_threads);
}

size_t bnt_forward_cost_with(const bnt_model *model, const bnt_adapter_use *adapters,
                             uint32_t n_adapters, uint32_t batch, uint32_t context,
                             uint32_t n_threads)
{
    bnt_pass p = {.model = model, .adapters = adapters, .n_adapters = n_adapters, .n = batch};
    bnt_taker t = {0};
    take_all(&t, &p, n_threads, context);
    return bnt_taker_cost(&t);
}

void bnt_pass_run(const bnt_pass *p, bnt_task_fn fn, void *context, size_t n_tasks)
{
    if (n_tasks == 1) {
        fn(context, 0, 0);
    } else if (n_tasks > 1) {
        bnt_pool_run(p->pool, fn, context, n_tasks);
    }
}

/* Rows skipped .. skipped + n of a pass. */
static bnt_pass part_of(const bnt_pass *p, size_t skipped, uint32_t n)
{
    const bnt_config *const c = &p->model->config;
    const size_t heads = (size_t)c->n_heads * c->head_dim;
    const size_t kv = (size_t)c->n_kv_heads * c->head_dim;
    bnt_pass part = *p;

    part.n = n;
    part.decode = p->decode && n > 0;
    part.pos += (uint32_t)skipped;
    part.skipped += (uint32_t)skipped;
    part.x += skipped * c->n_embd;
    part.q += skipped * heads;
    part.k += skipped * kv;
    part.v += skipped * kv;
    part.a += skipped * heads;
    part.h += skipped * c->n_ffn;
    part.cosines += skipped * (c->rope_dims / 2);
    part.sines += skipped * (c->rope_dims / 2);
    return part;
}

bnt_pass bnt_pass_tail(const bnt_pass *p, uint32_t n)
{
    return part_of(p, p->n - n, n);
}

/* Rows of a strand that are in the pass; first is the strand's first row of all. */
static uint32_t rows_of(const bnt_pass *p, const bnt_strand *s, uint32_t first)
{
    const uint32_t end = first + s->n;
    const uint32_t from = first > p->skipped ? first : p->skipped;
    return end > from ? end - from : 0;
}

static size_t tasks_of(bnt_share share, uint32_t n)
{
    return ((size_t)n + share.tokens - 1) / share.tokens * share.times;
}

size_t bnt_pass_tasks(const bnt_pass *p, bnt_share share)
{
    size_t n_tasks = 0;
    uint32_t first = 0;

    if (!p->n_strands) return tasks_of(share, p->n);
    for (uint32_t i = 0; i < p->n_strands; first += p->strands[i++].n) {
        n_tasks += tasks_of(share, rows_of(p, &p->strands[i], first));
    }
    return n_tasks;
}

bnt_pass bnt_pass_find(const bnt_pass *p, bnt_share share, size_t *task)
{
    uint32_t first = 0;

    for (uint32_t i = 0; i < p->n_strands; first += p->strands[i++].n) {
        const bnt_strand *const s = &p->strands[i];
        const uint32_t n = rows_of(p, s, first);
        const size_t n_tasks = tasks_of(share, n);
        if (*task >= n_tasks) {
            *task -= n_tasks;
            continue;
        }
        const uint32_t from = first + s->n - n;
        bnt_pass one = part_of(p, from - p->skipped, n);
        one.kv = s->kv;
        one.pos = s->pos + (from - first);
        one.n_strands = 0;
        return one;
    }
    return *p;
}
