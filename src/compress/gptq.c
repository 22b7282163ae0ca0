/* gptq.c - GPTQ for interleaved types: at each block a group of 16 rows chooses scales for the
 * weights it is asked for, then codes column by column (feedback.h).
 */
#include "compress/gptq.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "quant/grid.h"

enum { ROWS = BNT_TILE_ROWS, BLOCK = BNT_TILE_BLOCK, SPAN = BNT_TILE_SPAN };

typedef struct rounding {
    const bnt_feedback *f;
    const bnt_type *type;
    size_t n_blocks;
    bnt_grid *grids; /* (groups, blocks) */
    int8_t *codes;   /* (groups, blocks, 16, 256) as they stand in the matrix */
    uint8_t *out;
    size_t group_bytes;
} rounding;

/* Scales for the weights as earlier blocks want them. */
static void choose_grid(void *user, size_t group, size_t block, uint32_t n_rows, size_t width,
                        const float *wanted)
{
    const rounding *const r = user;
    bnt_grid_choose(r->type, wanted, BLOCK, n_rows, (uint32_t)width,
                    r->f->weights + block * BLOCK, r->grids + group * r->n_blocks + block);
}

static void round_column(void *user, size_t group, size_t column, bnt_lanes values)
{
    const rounding *const r = user;
    const size_t at = group * r->n_blocks + column / BLOCK, c = column % BLOCK;
    const bnt_grid *const g = r->grids + at;
    int8_t *const codes = r->codes + at * ROWS * BLOCK + c;
    const int span = (int)(c / SPAN);

    for (int i = 0; i < ROWS; i++) {
        const int code = bnt_grid_code(g, span, i, values[i]);
        codes[i * BLOCK] = (int8_t)code;
        values[i] = g->step[span][i] * (float)code;
    }
}

static void read_column(void *user, size_t group, size_t column, bnt_lanes values)
{
    const rounding *const r = user;
    const size_t at = group * r->n_blocks + column / BLOCK, c = column % BLOCK;
    const float *const step = r->grids[at].step[c / SPAN];
    const int8_t *const codes = r->codes + at * ROWS * BLOCK + c;

    for (int i = 0; i < ROWS; i++) {
        values[i] = step[i] * (float)codes[i * BLOCK];
    }
}

static void store_group(void *context, size_t group, uint32_t thread)
{
    const rounding *const r = context;
    uint8_t *const out = r->out + group * r->group_bytes;
    (void)thread;

    memset(out, 0, r->group_bytes);
    for (size_t b = 0; b < r->n_blocks; b++) {
        const size_t at = group * r->n_blocks + b;
        bnt_grid_store(r->type, r->grids + at, r->codes + at * ROWS * BLOCK, r->f->n, b, out);
    }
}

bantam_status bnt_gptq_round(const bnt_feedback *f, bnt_matmul *mm, const bnt_type *type,
                             float *rows, uint32_t n_rows, uint32_t sweeps, uint8_t *out,
                             bnt_rounded *result, bantam_error *err)
{
    const size_t n_groups = ((size_t)n_rows + ROWS - 1) / ROWS;
    const size_t n_blocks = bnt_tile_blocks(f->n);
    rounding r = {.f = f,
                  .type = type,
                  .n_blocks = n_blocks,
                  .grids = bnt_calloc(n_groups, n_blocks * sizeof *r.grids),
                  .codes = bnt_calloc(n_groups, n_blocks * ROWS * BLOCK),
                  .out = out,
                  .group_bytes = bnt_tile_group_bytes(type->tile, f->n)};
    const bnt_chooser by = {
        .user = &r, .begin = choose_grid, .choose = round_column, .chosen = read_column};
    bantam_status status = BANTAM_ERR_NOMEM;

    *result = (bnt_rounded){0};
    if (!r.grids || !r.codes) {
        bnt_fail(err, status, "out of memory for %u rows of codes", (unsigned)n_rows);
    } else {
        status = bnt_feedback_run(f, mm, &by, rows, n_rows, sweeps, result, err);
    }
    if (!status) bnt_pool_run(mm->pool, store_group, &r, n_groups);
    bnt_free(r.grids);
    bnt_free(r.codes);
    return status;
}
