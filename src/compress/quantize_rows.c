/* quantize_rows.c - see quantize_rows.h. */
#include "compress/quantize_rows.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "quant/tile.h"

enum {
    ROWS = BNT_TILE_ROWS,
    SLICE_BYTES = 1 << 20, /* made at a time, and copied between two looks at the caller */
    MAX_GROUPS = 1024      /* of a slice */
};

/* The groups that are being made. */
typedef struct slice {
    bnt_row_maker *m;
    const bnt_quantize_step *step;
    uint64_t rows, first; /* of the tensor; the slice's first group */
    size_t group_bytes;
} slice;

static void encode_rows(const bnt_quantize_step *step, const float *rows, uint32_t n_rows,
                        uint8_t *out)
{
    const bnt_type *const to = step->to;
    const size_t columns = (size_t)step->tensor->dims[0];
    if (to->tile) {
        bnt_tile_encode(to, rows, n_rows, columns, step->weights, out);
        return;
    }
    const size_t row_bytes = columns / to->block_values * to->block_bytes;
    for (uint32_t r = 0; r < n_rows; r++) {
        if (to->encode_for) {
            to->encode_for(rows + r * columns, step->weights, out + r * row_bytes, columns);
        } else {
            to->encode(rows + r * columns, out + r * row_bytes, columns);
        }
    }
}

/* Where a value is not finite the energy is not either, and nothing is encoded. */
static void make_group(void *context, size_t task, uint32_t thread)
{
    const slice *const s = context;
    const bnt_source_tensor *const t = s->step->tensor;
    const uint64_t begin = (s->first + task) * ROWS;
    const uint32_t n_rows = (uint32_t)(s->rows - begin < ROWS ? s->rows - begin : ROWS);
    const size_t columns = (size_t)t->dims[0];
    float *const rows = s->m->floats + thread * s->m->n_floats;
    float *const again = rows + n_rows * columns;
    uint8_t *const out = s->m->out + task * s->group_bytes;
    bnt_row_sums sums = {0.0, 0.0};

    for (uint32_t r = 0; r < n_rows; r++) {
        bnt_source_decode(t, begin + r, rows + r * columns);
        for (size_t c = 0; c < columns; c++) {
            const double x = (double)rows[r * columns + c];
            sums.energy += x * x;
        }
    }
    if (isfinite(sums.energy)) {
        encode_rows(s->step, rows, n_rows, out);
        for (uint32_t r = 0; r < n_rows; r++) {
            bnt_type_decode_row(s->step->to, out, columns, r, again);
            for (size_t c = 0; c < columns; c++) {
                const double off = (double)again[c] - (double)rows[r * columns + c];
                sums.error += off * off;
            }
        }
    }
    s->m->sums[task] = sums;
}

bantam_status bnt_row_sums_check(const bnt_quantize_step *step, bantam_error *err)
{
    if (!isfinite(step->energy)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "tensor %s: it holds values that are no finite numbers",
                        step->tensor->name);
    }
    if (!isfinite(step->error)) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "tensor %s: it holds values too large for type %s", step->tensor->name,
                        step->to->name);
    }
    return BANTAM_OK;
}

/* Zero where it exceeds 64 bits. */
static uint64_t group_bytes_of(const bnt_quantize_step *step)
{
    uint64_t bytes = 0;
    bnt_type_bytes(step->to, ROWS, step->tensor->dims[0], &bytes);
    return bytes;
}

bantam_status bnt_row_maker_run(bnt_row_maker *m, bnt_quantize_step *step, bnt_put_fn put,
                                void *user, bantam_error *err)
{
    slice s = {m, step, bnt_source_rows(step->tensor), 0, (size_t)group_bytes_of(step)};
    const uint64_t n_groups = (s.rows + ROWS - 1) / ROWS;
    const size_t room = m->slice_bytes / s.group_bytes;
    const size_t most = room < MAX_GROUPS ? room : MAX_GROUPS;
    bantam_status status = bnt_source_begin(step->tensor, err);

    step->error = step->energy = 0.0;
    while (!status && s.first < n_groups) {
        const size_t n = n_groups - s.first < most ? (size_t)(n_groups - s.first) : most;
        const uint64_t left = step->bytes - s.first * s.group_bytes;
        const uint64_t size = (uint64_t)n * s.group_bytes;

        bnt_pool_run(m->pool, make_group, &s, n);
        for (size_t i = 0; i < n; i++) {
            step->error += m->sums[i].error;
            step->energy += m->sums[i].energy;
        }
        status = bnt_row_sums_check(step, err);
        if (!status) status = put(user, m->out, (size_t)(size < left ? size : left), err);
        s.first += n;
    }
    return status;
}

bantam_status bnt_put_memory(void *user, const uint8_t *data, size_t size, bantam_error *err)
{
    uint8_t **const to = user;
    (void)err;
    memcpy(*to, data, size);
    *to += size;
    return BANTAM_OK;
}

bantam_status bnt_row_maker_copy(const bnt_quantize_step *step, bnt_put_fn put, void *user,
                                 bantam_error *err)
{
    bantam_status status = BANTAM_OK;
    for (uint64_t at = 0; !status && at < step->bytes;) {
        const uint64_t left = step->bytes - at;
        const size_t n = left < SLICE_BYTES ? (size_t)left : SLICE_BYTES;
        status = put(user, step->tensor->data + at, n, err);
        at += n;
    }
    return status;
}

/* Scratch for the widest tensor that is made, shared by all; a slice holds a group for every
 * thread at least. */
bantam_status bnt_row_maker_init(bnt_row_maker *m, bnt_pool *pool, const bnt_quantize_plan *p,
                                 bantam_error *err)
{
    const uint32_t n_threads = bnt_pool_threads(pool);
    const uint64_t most = SIZE_MAX / n_threads / sizeof *m->floats;
    uint64_t widest = 1, floats = 0;

    *m = (bnt_row_maker){.pool = pool};
    for (size_t i = 0; i < p->n_steps; i++) {
        const bnt_quantize_step *const step = &p->steps[i];
        if (bnt_quantize_is_copy(step)) continue;
        const uint64_t rows = bnt_source_rows(step->tensor), bytes = group_bytes_of(step);
        uint64_t n = 0;
        const bool sound =
            bnt_mul_u64((rows < ROWS ? rows : ROWS) + 1, step->tensor->dims[0], &n);
        if (!sound || n > most || !bytes || bytes > most) goto fail;
        if (n > floats) floats = n;
        if (bytes > widest) widest = bytes;
    }
    m->n_floats = (size_t)floats;
    m->slice_bytes = (size_t)widest * n_threads;
    if (m->slice_bytes < SLICE_BYTES) m->slice_bytes = SLICE_BYTES;
    m->floats = bnt_calloc(n_threads * m->n_floats, sizeof *m->floats);
    m->out = bnt_alloc(m->slice_bytes);
    m->sums = bnt_calloc(MAX_GROUPS, sizeof *m->sums);
    if (m->floats && m->out && m->sums) return BANTAM_OK;

fail:
    bnt_row_maker_deinit(m);
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for rows of the widest tensor");
}

void bnt_row_maker_deinit(bnt_row_maker *m)
{
    bnt_free(m->floats);
    bnt_free(m->out);
    bnt_free(m->sums);
    *m = (bnt_row_maker){0};
}
