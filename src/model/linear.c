/* linear.c - y = x times W transposed, for matrices of any stored type.
 *
 * A task is some groups of 16 rows of W for all tokens. Interleaved matrices meet the input as
 * whole numbers, others as floats; rows of a type without kernels are decoded first. kernel.h
 * states the order of every sum. Where adapters are in use, a stage before makes what they need
 * of the input, and each task adds their share (lowrank.h) to what it has just computed.
 */
#include "model/lowrank.h"

#include <string.h>

enum { ROWS = BNT_TILE_ROWS };

typedef struct job {
    const bnt_pass *pass;
    const bnt_input *in;
    const bnt_product *products;
    size_t n_products;
    uint32_t groups;      /* of one task */
    bool numbers, floats; /* the forms of the input that the products need */
    uint32_t n_slices;    /* what adapters add, in pass->slices */
    uint32_t n_parts;     /* tasks that t of one slice makes */
} job;

static uint32_t count_groups(const bnt_matrix *w)
{
    return (w->rows + ROWS - 1) / ROWS;
}

const float *bnt_input_row(const bnt_pass *p, const bnt_input *in, uint32_t t, float *out)
{
    const bnt_kernels *const kernels = &p->model->kernels;
    const float *const x = in->x + (size_t)t * in->columns;
    if (in->n_parts) {
        bnt_attention_merge(p, in->n_parts, out);
        return out;
    }
    if (!bnt_input_is_made(in)) return x;
    if (in->norm) {
        kernels->rms_norm_f32(out, x, in->norm, in->columns, p->model->config.norm_eps);
    } else {
        memcpy(out, x, in->columns * sizeof *out);
        bnt_hadamard_run(in->turn, kernels, out, in->columns);
    }
    return out;
}

/* ---- the input ----------------------------------------------------------------------------
 */

/* What is multiplied with interleaved rows of so many columns has whole spans, as they have. */
static uint32_t wide(uint32_t columns)
{
    return (uint32_t)bnt_tile_columns(columns);
}

static bnt_acts acts_of(const bnt_work *w, uint32_t n, uint32_t columns)
{
    return (bnt_acts){n, wide(columns), w->q, w->d, w->sum32, w->sum16};
}

/* Token i's x. A last block that ends inside of a span is quantized with zeros behind it. */
static void quantize(const bnt_pass *p, const bnt_work *w, const float *x, uint32_t i,
                     uint32_t columns)
{
    const bnt_kernels *const kernels = &p->model->kernels;
    const uint32_t all = wide(columns), n = all == columns ? all : all - all % BNT_TILE_BLOCK;
    int8_t *const q = w->q + i * bnt_acts_stride(all);
    float *const d = w->d + i * bnt_tile_blocks(all), last[BNT_TILE_BLOCK] = {0};
    int32_t *const sum32 = w->sum32 + i * (all / 32), *const sum16 = w->sum16 + i * (all / 16);

    kernels->quantize(x, n, q, d, sum32, sum16);
    if (n == all) return;
    memcpy(last, x + n, (columns - n) * sizeof *x);
    kernels->quantize(last, all - n, q + n, d + n / BNT_TILE_BLOCK, sum32 + n / 32,
                      sum16 + n / 16);
}

/* Few tokens: everything, for one thread. */
static void make_own(void *context, uint32_t thread)
{
    const job *const j = context;
    const bnt_work *const w = &j->pass->work[thread];
    const uint32_t columns = j->in->columns;

    for (uint32_t t = 0; t < j->in->n; t++) {
        float *const out = j->floats ? w->rows + (size_t)t * columns : w->row;
        const float *const x = bnt_input_row(j->pass, j->in, t, out);
        if (j->floats && x != out) memcpy(out, x, columns * sizeof *out);
        if (j->numbers) quantize(j->pass, w, x, t, columns);
    }
}

/* Many tokens: one packed block of them, for all threads. */
static void make_block(void *context, size_t block, uint32_t thread)
{
    const job *const j = context;
    const bnt_kernels *const kernels = &j->pass->model->kernels;
    const bnt_work *const w = &j->pass->work[thread];
    const uint32_t columns = j->in->columns;
    const uint32_t begin = (uint32_t)block * kernels->pack_tokens;
    const uint32_t left = j->in->n - begin;
    const uint32_t n = left < kernels->pack_tokens ? left : kernels->pack_tokens;

    for (uint32_t t = begin; t < begin + n; t++) {
        const bool shared = j->floats && bnt_input_is_made(j->in);
        float *const out = shared ? j->pass->shared + (size_t)t * columns : w->row;
        const float *const x = bnt_input_row(j->pass, j->in, t, out);
        if (j->numbers) quantize(j->pass, w, x, t - begin, columns);
    }
    if (j->numbers) {
        const bnt_acts acts = acts_of(w, n, columns);
        kernels->pack(&acts, j->pass->packed + block * kernels->packed_bytes(wide(columns)));
    }
}

/* ---- one matrix, some groups of rows, all tokens -------------------------------------------
 */

/* y (n, stride) from its column 0 on is that of the first row of `group`. */
typedef struct range {
    uint32_t group, n_groups;
    float *y;
    size_t stride;
} range;

static bnt_rows_fn rows_kernel(const bnt_kernels *kernels, const bnt_type *type)
{
    switch (type->id) {
    case BNT_TYPE_F32:
        return kernels->rows_f32;
    case BNT_TYPE_F16:
        return kernels->rows_f16;
    case BNT_TYPE_BF16:
        return kernels->rows_bf16;
    default:
        return NULL;
    }
}

/* The input as floats. */
static const float *floats_of(const job *j, const bnt_work *work)
{
    if (j->in->n <= BNT_FEW_TOKENS) return work->rows;
    return bnt_input_is_made(j->in) ? j->pass->shared : j->in->x;
}

static void multiply_rows(const job *j, const bnt_work *work, const bnt_matrix *w, range r)
{
    const bnt_kernels *const kernels = &j->pass->model->kernels;
    const bnt_rows_fn fn = rows_kernel(kernels, w->type);
    const float *const x = floats_of(j, work);
    const uint32_t begin = r.group * ROWS;
    const uint32_t most = w->rows - begin;
    const uint32_t n_rows = most < r.n_groups * ROWS ? most : r.n_groups * ROWS;
    bnt_rows rows = {w->data + begin * w->row_bytes, w->row_bytes, n_rows, w->columns};

    if (fn) {
        fn(&rows, x, w->columns, j->in->n, r.y, r.stride);
        return;
    }
    for (uint32_t first = 0; first < n_rows; first += ROWS) {
        const uint32_t n = n_rows - first < ROWS ? n_rows - first : ROWS;
        for (uint32_t i = 0; i < n; i++) {
            w->type->decode(rows.data + (first + i) * w->row_bytes,
                            work->decoded + (size_t)i * w->columns, w->columns);
        }
        const bnt_rows decoded = {(const uint8_t *)work->decoded, w->columns * sizeof(float), n,
                                  w->columns};
        kernels->rows_f32(&decoded, x, w->columns, j->in->n, r.y + first, r.stride);
    }
}

static void multiply_groups(const job *j, const bnt_work *work, const bnt_matrix *w, range r)
{
    const bnt_kernels *const kernels = &j->pass->model->kernels;
    const bnt_tile_index place = bnt_tile_place(w->type);
    const uint8_t *const groups = w->data + r.group * w->row_bytes;

    if (j->in->n <= BNT_FEW_TOKENS) {
        const bnt_acts acts = acts_of(work, j->in->n, w->columns);
        kernels->gemv[place](groups, w->row_bytes, r.n_groups, &acts, r.y, r.stride);
        return;
    }
    const bnt_packed packed = {j->pass->packed, j->in->n, wide(w->columns)};
    for (uint32_t g = 0; g < r.n_groups; g += kernels->panel_groups) {
        const uint32_t left = r.n_groups - g;
        kernels->gemm[place](groups + g * w->row_bytes, w->row_bytes,
                             left < kernels->panel_groups ? left : kernels->panel_groups,
                             &packed, r.y + (size_t)g * ROWS, r.stride, work->gemm);
    }
}

/* What adapters add to the product with w, whose rows are at hand. */
static void correct(const job *j, const bnt_matrix *w, range r)
{
    const uint32_t begin = r.group * ROWS;
    const uint32_t left = w->rows - begin;
    const uint32_t n = left < r.n_groups * ROWS ? left : r.n_groups * ROWS;

    for (uint32_t i = 0; i < j->n_slices; i++) {
        const bnt_slice *const slice = &j->pass->slices[i];
        if (slice->w != w) continue;
        bnt_lowrank_add(j->pass, slice, begin, n, j->in->n, r.y, r.stride);
    }
}

static void multiply(const job *j, const bnt_work *work, const bnt_matrix *w, range r)
{
    if (w->type->tile) {
        multiply_groups(j, work, w, r);
    } else {
        multiply_rows(j, work, w, r);
    }
    correct(j, w, r);
}

/* ---- where it belongs ----------------------------------------------------------------------
 */

static void gate(const bnt_pass *p, float *out, const float *g, const float *up, size_t n)
{
    switch (p->model->config.act) {
    case BNT_ACT_SILU:
        p->model->kernels.gate_silu_f32(out, g, up, n);
        return;
    case BNT_ACT_RELU:
        p->model->kernels.gate_relu_f32(out, g, up, n);
        return;
    }
}

static void put_away(const job *j, const bnt_work *work, const bnt_product *product, range r)
{
    const bnt_kernels *const kernels = &j->pass->model->kernels;
    const uint32_t begin = r.group * ROWS;
    const uint32_t left = product->w->rows - begin;
    const size_t n = left < r.n_groups * ROWS ? left : r.n_groups * ROWS;

    for (uint32_t t = 0; t < j->in->n; t++) {
        const float *const y = r.y + t * r.stride;
        float *const out = product->y + (size_t)t * product->w->rows + begin;
        switch (product->end) {
        case BNT_END_STORE:
            memcpy(out, y, n * sizeof *out);
            break;
        case BNT_END_ADD:
            kernels->add_f32(out, y, n);
            break;
        case BNT_END_GATE:
            gate(j->pass, out, y, work->y_up + t * r.stride, n);
            break;
        }
    }
}

static void multiply_task(void *context, size_t task, uint32_t thread)
{
    const job *const j = context;
    const bnt_work *const work = &j->pass->work[thread];
    const bnt_product *product = j->products;
    uint32_t group = (uint32_t)task * j->groups; /* counted per product in whole tasks */
    for (uint32_t all;
         group >= (all = (count_groups(product->w) + j->groups - 1) / j->groups * j->groups);
         product++) {
        group -= all;
    }
    const uint32_t left = count_groups(product->w) - group;
    range r = {.group = group, .n_groups = left < j->groups ? left : j->groups};

    /* Straight to its place where nothing is left to be done there. */
    if (product->end == BNT_END_STORE &&
        (uint64_t)(r.group + r.n_groups) * ROWS <= product->w->rows) {
        r.y = product->y + (size_t)r.group * ROWS;
        r.stride = product->w->rows;
        multiply(j, work, product->w, r);
        return;
    }
    r.y = work->y;
    r.stride = (size_t)r.n_groups * ROWS;
    multiply(j, work, product->w, r);
    if (product->end == BNT_END_GATE) {
        range up = r;
        up.y = work->y_up;
        multiply(j, work, product->up, up);
    }
    put_away(j, work, product, r);
}

/* ---- what adapters need of the input --------------------------------------------------------
 */

enum {
    PART_RANKS = 4,  /* of few tokens: as many streams of memory as are read side by side */
    PART_TOKENS = 32 /* of many */
};

static void project_task(void *context, size_t task, uint32_t thread)
{
    const job *const j = context;
    const bnt_slice *const slice = &j->pass->slices[task / j->n_parts];
    const uint32_t i = (uint32_t)(task % j->n_parts);
    const float *const x = floats_of(j, &j->pass->work[thread]);
    bnt_lowrank_part part = {.n = slice->n, .n_tokens = j->in->n};

    if (j->in->n <= BNT_FEW_TOKENS) {
        part.from = i * PART_RANKS;
        if (part.from >= slice->n) return;
        part.n = slice->n - part.from < PART_RANKS ? slice->n - part.from : PART_RANKS;
    } else {
        part.first = i * PART_TOKENS;
        const uint32_t left = j->in->n - part.first;
        part.n_tokens = left < PART_TOKENS ? left : PART_TOKENS;
    }
    bnt_lowrank_project(j->pass, slice, part, x + (size_t)part.first * j->in->columns);
}

/* The input of few tokens is made here too, by each thread that takes a task. */
static void project(const job *products)
{
    job j = *products;
    const bool few = j.in->n <= BNT_FEW_TOKENS;
    uint32_t most = 0;

    for (uint32_t i = 0; i < j.n_slices; i++) {
        const uint32_t n = j.pass->slices[i].n;
        if (n > most) most = n;
    }
    j.n_parts =
        few ? (most + PART_RANKS - 1) / PART_RANKS : (j.in->n + PART_TOKENS - 1) / PART_TOKENS;
    j.numbers = false;
    j.floats = true;
    bnt_pool_run_with(j.pass->pool, few ? make_own : NULL, project_task, &j,
                      (size_t)j.n_slices * j.n_parts);
}

/* ---- the job -------------------------------------------------------------------------------
 */

static void note_form(job *j, const bnt_matrix *w)
{
    j->numbers = j->numbers || w->type->tile;
    j->floats = j->floats || !w->type->tile;
}

/* Groups per task: enough to read several streams of memory side by side, but so few that no
 * thread waits long for another's last task. */
static uint32_t share_out(const job *j, uint32_t n_groups, uint32_t n_threads)
{
    enum { TASKS_PER_THREAD = 6 };
    const uint32_t panel = j->pass->model->kernels.panel_groups;
    if (j->in->n > BNT_FEW_TOKENS) return panel;
    if (n_threads == 1) return BNT_TASK_GROUPS;
    const uint32_t share = n_groups / (n_threads * TASKS_PER_THREAD);
    return share >= BNT_TASK_GROUPS ? BNT_TASK_GROUPS : share >= 4 ? 4 : 2;
}

void bnt_linear(const bnt_pass *p, const bnt_input *in, const bnt_product *products,
                size_t n_products)
{
    job j = {.pass = p, .in = in, .products = products, .n_products = n_products};
    uint32_t n_groups = 0;
    for (size_t i = 0; i < n_products; i++) {
        note_form(&j, products[i].w);
        if (products[i].end == BNT_END_GATE) note_form(&j, products[i].up);
        n_groups += count_groups(products[i].w);
    }
    j.groups = share_out(&j, n_groups, bnt_pool_threads(p->pool));
    size_t n_tasks = 0;
    for (size_t i = 0; i < n_products; i++) {
        n_tasks += (count_groups(products[i].w) + j.groups - 1) / j.groups;
    }
    if (p->n_adapters) j.n_slices = bnt_lowrank_find(p, products, n_products, in->n);
    if (in->n <= BNT_FEW_TOKENS) {
        if (j.n_slices) project(&j);
        bnt_pool_run_with(p->pool, make_own, multiply_task, &j, n_tasks);
        return;
    }
    j.floats = j.floats || j.n_slices;
    if (j.numbers || bnt_input_is_made(in)) {
        const uint32_t tokens = p->model->kernels.pack_tokens;
        bnt_pass_run(p, make_block, &j, ((size_t)in->n + tokens - 1) / tokens);
    }
    if (j.n_slices) project(&j);
    bnt_pass_run(p, multiply_task, &j, n_tasks);
}
