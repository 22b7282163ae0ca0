/* matmul.c - cuts products of matrices into tiles that the kernel multiplies.
 *
 * A product is cut into blocks of columns and of steps of k, so that one block of B, packed in
 * panels as wide as a tile, stays in the second-level cache. It is packed once, by all threads.
 * Then tasks take some rows each: they pack a few tiles' rows of A, and pass them over one
 * panel after the other. Blocks of k follow each other in order, and each continues the sums
 * that the one before has left in C: cuts change no bit.
 */
#include "linalg/matmul.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"

enum {
    PACKED_FLOATS = 128 * 1024, /* of a block of B that threads share */
    HERE_FLOATS = 32 * 1024,    /* and of one that a thread packs for itself */
    LINE_FLOATS = 16,           /* panels begin at a cache line */
    A_TILES = 4,                /* whose rows of A are packed together */
    PACK_PANELS = 2,            /* of B, in one task */
    TASKS = 8,                  /* for each thread, where there are rows enough */
    SMALL = 1 << 18             /* multiply-adds that are not worth waking anybody */
};

/* A product, and the block of it that is under way. */
typedef struct product {
    const bnt_learn_kernels *kernels;
    bnt_view a, b;
    size_t m, n, k;
    float *c;
    size_t c_stride;
    bool add;

    float *packed_b, *packed_a;   /* packed_a: some rows for each thread, */
    size_t a_floats;              /* so far apart */
    size_t column, n_columns;     /* the block: columns of B and C, */
    size_t step, n_steps;         /* steps of k, */
    size_t deep;                  /* of which so many are packed together */
    size_t n_panels;              /* of the block's columns */
    size_t task_rows;             /* rows of a task, */
    size_t task_panels, n_shares; /* and panels; row blocks are shared by n_shares tasks */
} product;

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t parts_of(size_t n, size_t part)
{
    return n / part + (n % part != 0);
}

static size_t round_up(size_t n, size_t unit)
{
    return parts_of(n, unit) * unit;
}

/* ---- packing ----------------------------------------------------------------------------- */

/* The steps that are packed together from step `from` of the block on. */
static size_t steps_of(const product *p, size_t from)
{
    return smaller(p->deep, p->n_steps - from);
}

/* Where panels from `panel` on, of the group of steps from `from` on, lie: groups one after the
 * other, each with all panels of the block. */
static float *panel_at(const product *p, size_t from, size_t panel)
{
    const size_t width = p->kernels->matmul_columns;
    return p->packed_b + from * p->n_panels * width + panel * width * steps_of(p, from);
}

static void pack_task(void *context, size_t task, uint32_t thread)
{
    const product *const p = context;
    const size_t width = p->kernels->matmul_columns,
                 n_tasks = parts_of(p->n_panels, PACK_PANELS);
    const size_t from = task / n_tasks * p->deep, panel = task % n_tasks * PACK_PANELS;
    const size_t n = smaller(PACK_PANELS * width, p->n_columns - panel * width);
    const size_t column = p->column + panel * width, step = p->step + from;
    const bool turned = p->b.column != 1;

    (void)thread;
    p->kernels->pack_b(panel_at(p, from, panel),
                       p->b.data + step * p->b.row + column * p->b.column,
                       turned ? p->b.column : p->b.row, n, steps_of(p, from), turned);
}

static void pack_rows(const product *p, float *out, size_t row, size_t m, size_t from)
{
    const size_t step = p->step + from;
    const bool turned = p->a.column == 1;

    p->kernels->pack_a(out, p->a.data + row * p->a.row + step * p->a.column,
                       turned ? p->a.row : p->a.column, m, steps_of(p, from), turned);
}

/* ---- multiplying ------------------------------------------------------------------------- */

/* Some rows (m, of a few tiles) times panels first to end, from step `from` of the block on. A
 * panel stays in the first-level cache while all rows pass over it. */
static void multiply_rows(const product *p, float *packed, size_t row, size_t m, size_t first,
                          size_t end, size_t from)
{
    const bnt_learn_kernels *const k = p->kernels;
    const size_t width = k->matmul_columns, height = k->matmul_rows,
                 n_steps = steps_of(p, from);
    const bool add = p->add || p->step + from > 0;

    pack_rows(p, packed, row, m, from);
    for (size_t panel = first; panel < end; panel++) {
        const float *const b = panel_at(p, from, panel);
        const uint32_t n = (uint32_t)smaller(width, p->n_columns - panel * width);
        float *const c = p->c + row * p->c_stride + p->column + panel * width;
        for (size_t i = 0; i < m; i += height) {
            k->matmul(packed + i * n_steps, b, n_steps, c + i * p->c_stride, p->c_stride,
                      (uint32_t)smaller(height, m - i), n, add);
        }
    }
}

static void multiply_task(void *context, size_t task, uint32_t thread)
{
    const product *const p = context;
    const size_t most = A_TILES * (size_t)p->kernels->matmul_rows;
    const size_t first = task % p->n_shares * p->task_panels;
    const size_t end = smaller(first + p->task_panels, p->n_panels);
    const size_t row = task / p->n_shares * p->task_rows;
    const size_t row_end = smaller(row + p->task_rows, p->m);

    for (size_t i = row; i < row_end; i += most) {
        for (size_t from = 0; from < p->n_steps; from += p->deep) {
            multiply_rows(p, p->packed_a + thread * p->a_floats, i, smaller(most, row_end - i),
                          first, end, from);
        }
    }
}

/* ---- cutting ----------------------------------------------------------------------------- */

/* How many floats the rows of A that are packed together take. */
static size_t rows_floats(const bnt_learn_kernels *kernels)
{
    return round_up((size_t)A_TILES * kernels->matmul_rows * BNT_MATMUL_DEEP, LINE_FLOATS);
}

/* Tasks of equal work: whole tiles of rows, and where these are few, shares of the columns. */
static size_t cut_tasks(product *p, uint32_t n_threads)
{
    const size_t height = p->kernels->matmul_rows, n_tiles = parts_of(p->m, height);
    const size_t wanted = n_threads > 1 ? (size_t)TASKS * n_threads : 1;
    const size_t tiles = n_tiles > wanted ? parts_of(n_tiles, wanted) : 1;
    const size_t n_row_tasks = parts_of(n_tiles, tiles);

    p->task_rows = tiles * height;
    p->n_shares = 1;
    if (n_row_tasks * 2 < wanted) {
        p->n_shares = smaller(p->n_panels, wanted / 2 / n_row_tasks + 1);
    }
    p->task_panels = parts_of(p->n_panels, p->n_shares);
    p->n_shares = parts_of(p->n_panels, p->task_panels);
    return n_row_tasks * p->n_shares;
}

static void multiply_block(product *p, bnt_pool *pool, uint32_t n_threads)
{
    const size_t n_tasks = cut_tasks(p, n_threads);
    const size_t n_packs = parts_of(p->n_panels, PACK_PANELS) * parts_of(p->n_steps, p->deep);

    if (n_threads > 1) {
        bnt_pool_run(pool, pack_task, p, n_packs);
        bnt_pool_run(pool, multiply_task, p, n_tasks);
        return;
    }
    for (size_t task = 0; task < n_packs; task++) {
        pack_task(p, task, 0);
    }
    for (size_t task = 0; task < n_tasks; task++) {
        multiply_task(p, task, 0);
    }
}

/* C without products is zeros. */
static void clear(const product *p)
{
    if (p->add) return;
    for (size_t i = 0; i < p->m; i++) {
        memset(p->c + i * p->c_stride, 0, p->n * sizeof *p->c);
    }
}

/* What is packed lies in work: a block of B of so many floats, behind it the rows of A of each
 * thread. Blocks as wide as B's memory allows; what is left of it goes to more steps. */
static void multiply(product *p, float *work, size_t packed_floats, bnt_pool *pool,
                     uint32_t n_threads)
{
    const size_t width = p->kernels->matmul_columns;
    if (p->m == 0 || p->n == 0) return;
    if (p->k == 0) {
        clear(p);
        return;
    }
    p->packed_b = work;
    p->packed_a = work + packed_floats;
    p->a_floats = rows_floats(p->kernels);
    /* Steps in equal parts; a multiple of 16 keeps panels at cache lines. */
    p->deep = round_up(parts_of(p->k, parts_of(p->k, BNT_MATMUL_DEEP)), LINE_FLOATS);
    const size_t most = packed_floats / p->deep / width * width;
    const size_t columns = smaller(round_up(p->n, width), most);
    const size_t steps = packed_floats / (columns * p->deep) * p->deep;

    for (p->column = 0; p->column < p->n; p->column += columns) {
        p->n_columns = smaller(columns, p->n - p->column);
        p->n_panels = parts_of(p->n_columns, width);
        for (p->step = 0; p->step < p->k; p->step += steps) {
            p->n_steps = smaller(steps, p->k - p->step);
            multiply_block(p, pool, n_threads);
        }
    }
}

/* ---- the interface ----------------------------------------------------------------------- */

static product product_of(const bnt_learn_kernels *kernels, bnt_view a, bnt_view b, size_t m,
                          size_t n, size_t k, float *c, size_t c_stride, bool add)
{
    return (product){.kernels = kernels,
                     .a = a,
                     .b = b,
                     .m = m,
                     .n = n,
                     .k = k,
                     .c = c,
                     .c_stride = c_stride,
                     .add = add};
}

size_t bnt_matmul_bytes(const bnt_learn_kernels *kernels, uint32_t n_threads)
{
    return (PACKED_FLOATS + n_threads * rows_floats(kernels)) * sizeof(float);
}

bantam_status bnt_matmul_init(bnt_matmul *mm, const bnt_learn_kernels *kernels, bnt_pool *pool,
                              bantam_error *err)
{
    const size_t bytes = bnt_matmul_bytes(kernels, bnt_pool_threads(pool));
    *mm = (bnt_matmul){.kernels = kernels, .pool = pool, .work_bytes = bytes};
    mm->work = bnt_alloc(bytes);
    if (!mm->work) {
        *mm = (bnt_matmul){0};
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %zu bytes of packed matrices",
                        bytes);
    }
    return BANTAM_OK;
}

void bnt_matmul_deinit(bnt_matmul *mm)
{
    bnt_free(mm->work);
    *mm = (bnt_matmul){0};
}

void bnt_matmul_run(bnt_matmul *mm, bnt_view a, bnt_view b, size_t m, size_t n, size_t k,
                    float *c, size_t c_stride, bool add)
{
    product p = product_of(mm->kernels, a, b, m, n, k, c, c_stride, add);
    const bool small = (double)m * (double)n * (double)k < SMALL;
    multiply(&p, (float *)(void *)mm->work, PACKED_FLOATS, mm->pool,
             small ? 1 : bnt_pool_threads(mm->pool));
}

size_t bnt_matmul_pack_bytes(const bnt_learn_kernels *kernels)
{
    return (HERE_FLOATS + rows_floats(kernels)) * sizeof(float);
}

void bnt_matmul_here(const bnt_learn_kernels *kernels, void *pack, bnt_view a, bnt_view b,
                     size_t m, size_t n, size_t k, float *c, size_t c_stride, bool add)
{
    product p = product_of(kernels, a, b, m, n, k, c, c_stride, add);
    multiply(&p, pack, HERE_FLOATS, NULL, 1);
}
