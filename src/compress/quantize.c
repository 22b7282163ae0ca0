/* quantize.c - any readable model to a GGUF file whose matrices have fewer bits.
 *
 * What is written is source.c's; here is which type each tensor gets and how it gets it: slice
 * by slice, the groups of 16 rows of a slice shared by threads. Memory does not grow with the
 * model, and no result depends on the number of threads. Every row is decoded again, so that
 * the report says what was lost.
 */
#include "compress/quantize.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "base/options.h"
#include "base/pool.h"
#include "base/text.h"
#include "compress/source.h"
#include "quant/tile.h"

enum {
    ROWS = BNT_TILE_ROWS,
    SLICE_BYTES = 1 << 20, /* written at a time, and copied between two looks at the caller */
    MAX_GROUPS = 1024,     /* of a slice */
    MAX_THREADS = 256
};

/* What one group of rows came to. */
typedef struct group_sums {
    double error, energy;
} group_sums;

typedef struct quantizer {
    bnt_gguf_writer *w;
    bnt_source source;
    bantam_quantize_options options;
    const bnt_type *type, *embedding, *output;
    bnt_pool *pool;
    uint64_t total, written;
    float *floats;      /* owns: per thread the rows of a group, and one row decoded again */
    size_t n_floats;    /* of one thread */
    uint8_t *out;       /* owns: a slice */
    group_sums *sums;   /* owns: of its groups */
    size_t slice_bytes; /* of out */
} quantizer;

/* The groups that are being made. */
typedef struct slice {
    quantizer *q;
    const bnt_source_tensor *tensor;
    const bnt_type *to;
    uint64_t rows, first; /* of the tensor; the slice's first group */
    size_t group_bytes;
} slice;

/* ---- types ------------------------------------------------------------------------------- */

static bool is_matrix(const bnt_source_tensor *t)
{
    bool flat = t->n_dims >= 2;
    for (uint32_t d = 2; d < t->n_dims; d++) {
        flat = flat && t->dims[d] == 1;
    }
    return flat;
}

static bool is_named(const bnt_source_tensor *t, const char *name)
{
    return strcmp(t->name, name) == 0;
}

/* What is asked for the tensor; NULL where it is none of those that are quantized. Matrices
 * outside of layers, embedding and head (of an image encoder, say) stay what they are. */
static const bnt_type *wanted(const quantizer *q, const bnt_source_tensor *t)
{
    if (!is_matrix(t)) return NULL;
    if (is_named(t, "token_embd.weight")) return q->embedding;
    if (is_named(t, "output.weight")) return q->output;
    return strncmp(t->name, "blk.", 4) == 0 ? q->type : NULL;
}

static bool fits(const bnt_type *type, const bnt_source_tensor *t)
{
    return t->dims[0] % type->block_values == 0;
}

static const bnt_type *type_for(const quantizer *q, const bnt_source_tensor *t)
{
    const bnt_type *const want = wanted(q, t);
    if (want) return fits(want, t) ? want : bnt_type_find(BNT_TYPE_F16);
    return t->n_dims < 2 ? bnt_type_find(BNT_TYPE_F32) : t->type;
}

static bantam_status read_type(const char *name, const bnt_type *fallback, bool floats_too,
                               const bnt_type **out, bantam_error *err)
{
    static const bnt_type_id ids[] = {BNT_TYPE_B4,  BNT_TYPE_B8,   BNT_TYPE_Q8_0, BNT_TYPE_Q4_0,
                                      BNT_TYPE_F16, BNT_TYPE_BF16, BNT_TYPE_F32};
    const size_t n = floats_too ? sizeof ids / sizeof *ids : 4;

    *out = name ? bnt_type_named(name) : fallback;
    for (size_t i = 0; *out && i < n; i++) {
        if ((*out)->id == ids[i]) return BANTAM_OK;
    }
    return bnt_fail(err, BANTAM_ERR_INVALID, "type %s: expected one of B4, B8, Q8_0, Q4_0%s",
                    name, floats_too ? ", F16, BF16, F32" : "");
}

static bantam_status read_options(quantizer *q, const bantam_quantize_options *options,
                                  bantam_error *err)
{
    bantam_quantize_options *const o = &q->options;
    bantam_status status = bnt_options_copy(o, sizeof *o, options, "quantize options", err);
    if (!status) status = read_type(o->type, bnt_type_find(BNT_TYPE_B4), false, &q->type, err);
    if (status) return status;

    /* Four bits cost most where the embedding serves as the head, too. */
    const bool own = q->type->tile != NULL;
    const bnt_type *const eight = bnt_type_find(own ? BNT_TYPE_B8 : BNT_TYPE_Q8_0);
    status = read_type(o->embedding, eight, true, &q->embedding, err);
    return status ? status : read_type(o->output, eight, true, &q->output, err);
}

/* ---- one group --------------------------------------------------------------------------- */

static void encode_rows(const bnt_type *to, const float *rows, uint32_t n_rows, size_t columns,
                        uint8_t *out)
{
    if (to->tile) {
        bnt_tile_encode(to, rows, n_rows, columns, NULL, out);
        return;
    }
    const size_t row_bytes = columns / to->block_values * to->block_bytes;
    for (uint32_t r = 0; r < n_rows; r++) {
        to->encode(rows + r * columns, out + r * row_bytes, columns);
    }
}

/* Where a value is not finite the energy is not either, and nothing is encoded. */
static void make_group(void *context, size_t task, uint32_t thread)
{
    const slice *const s = context;
    const uint64_t begin = (s->first + task) * ROWS;
    const uint32_t n_rows = (uint32_t)(s->rows - begin < ROWS ? s->rows - begin : ROWS);
    const size_t columns = (size_t)s->tensor->dims[0];
    float *const rows = s->q->floats + thread * s->q->n_floats;
    float *const again = rows + n_rows * columns;
    uint8_t *const out = s->q->out + task * s->group_bytes;
    group_sums sums = {0.0, 0.0};

    for (uint32_t r = 0; r < n_rows; r++) {
        bnt_source_decode(s->tensor, begin + r, rows + r * columns);
        for (size_t c = 0; c < columns; c++) {
            const double x = (double)rows[r * columns + c];
            sums.energy += x * x;
        }
    }
    if (isfinite(sums.energy)) {
        encode_rows(s->to, rows, n_rows, columns, out);
        for (uint32_t r = 0; r < n_rows; r++) {
            bnt_type_decode_row(s->to, out, columns, r, again);
            for (size_t c = 0; c < columns; c++) {
                const double off = (double)again[c] - (double)rows[r * columns + c];
                sums.error += off * off;
            }
        }
    }
    s->q->sums[task] = sums;
}

/* ---- one tensor -------------------------------------------------------------------------- */

static bantam_status tell_progress(const quantizer *q, bantam_error *err)
{
    const bantam_quantize_options *const o = &q->options;
    if (!o->progress || o->progress(o->user, q->written, q->total)) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_CANCELLED, "stopped");
}

static bantam_status put(quantizer *q, const uint8_t *data, size_t size, bantam_error *err)
{
    bnt_gguf_put_data(q->w, data, size);
    q->written += size;
    return tell_progress(q, err);
}

/* Rows that keep type and order. */
static bantam_status copy_tensor(quantizer *q, const bnt_source_tensor *t, uint64_t bytes,
                                 bantam_error *err)
{
    bantam_status status = BANTAM_OK;
    for (uint64_t at = 0; !status && at < bytes && !bnt_gguf_writer_failed(q->w);) {
        const size_t n = bytes - at < SLICE_BYTES ? (size_t)(bytes - at) : SLICE_BYTES;
        status = put(q, t->data + at, n, err);
        at += n;
    }
    return status;
}

static bantam_status check_sums(const slice *s, const group_sums *sums, bantam_error *err)
{
    if (!isfinite(sums->energy)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "tensor %s: it holds values that are no finite numbers",
                        s->tensor->name);
    }
    if (!isfinite(sums->error)) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "tensor %s: it holds values too large for type %s", s->tensor->name,
                        s->to->name);
    }
    return BANTAM_OK;
}

/* Zero where it exceeds 64 bits. */
static uint64_t group_bytes_of(const bnt_type *to, const bnt_source_tensor *t)
{
    uint64_t bytes = 0;
    bnt_type_bytes(to, ROWS, t->dims[0], &bytes);
    return bytes;
}

/* Makes all groups, a slice at a time; bytes are the tensor's. */
static bantam_status make_tensor(quantizer *q, const bnt_source_tensor *t, const bnt_type *to,
                                 uint64_t bytes, group_sums *all, bantam_error *err)
{
    slice s = {q, t, to, bnt_source_rows(t), 0, (size_t)group_bytes_of(to, t)};
    const uint64_t n_groups = (s.rows + ROWS - 1) / ROWS;
    const size_t room = q->slice_bytes / s.group_bytes;
    const size_t most = room < MAX_GROUPS ? room : MAX_GROUPS;
    bantam_status status = BANTAM_OK;

    while (!status && s.first < n_groups && !bnt_gguf_writer_failed(q->w)) {
        const size_t n = n_groups - s.first < most ? (size_t)(n_groups - s.first) : most;
        const uint64_t left = bytes - s.first * s.group_bytes;
        const uint64_t size = (uint64_t)n * s.group_bytes;

        bnt_pool_run(q->pool, make_group, &s, n);
        for (size_t i = 0; i < n; i++) {
            all->error += q->sums[i].error;
            all->energy += q->sums[i].energy;
        }
        status = check_sums(&s, all, err);
        if (!status) status = put(q, q->out, (size_t)(size < left ? size : left), err);
        s.first += n;
    }
    return status;
}

static bool is_copied(const bnt_source_tensor *t, const bnt_type *to)
{
    return t->type == to && !t->head_dim;
}

static bantam_status write_tensor(quantizer *q, const bnt_source_tensor *t, bantam_error *err)
{
    const bnt_type *const want = wanted(q, t), *const to = type_for(q, t);
    group_sums sums = {0.0, 0.0};
    uint64_t bytes = 0;

    bnt_type_bytes(to, bnt_source_rows(t), t->dims[0], &bytes);
    const bantam_status status = is_copied(t, to) ? copy_tensor(q, t, bytes, err)
                                                  : make_tensor(q, t, to, bytes, &sums, err);
    if (status || !q->options.report) return status;

    const bantam_quantized report = {
        .name = {t->name, strlen(t->name)},
        .from = t->type->name,
        .type = to->name,
        .wanted = want && want != to ? want->name : NULL,
        .n_values = bnt_source_rows(t) * t->dims[0],
        .bytes = bytes,
        .squared_error = sums.error,
        .squared_values = sums.energy,
    };
    q->options.report(q->options.user, &report);
    return BANTAM_OK;
}

/* ---- the file ---------------------------------------------------------------------------- */

static bantam_status check_tensors(const quantizer *q, bantam_error *err)
{
    bool any = false, head = false;

    for (size_t i = 0; i < q->source.n_tensors; i++) {
        const bnt_source_tensor *const t = &q->source.tensors[i];
        any = any || wanted(q, t);
        head = head || is_named(t, "output.weight");
    }
    if (!any) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "none of the %zu tensors is a matrix of a layer, an embedding or a "
                        "head: there is nothing to quantize",
                        q->source.n_tensors);
    }
    if (q->options.output && !head) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "type %s for the output: the model has no output matrix, its embedding "
                        "serves as one",
                        q->options.output);
    }
    return BANTAM_OK;
}

static void declare(quantizer *q)
{
    bool interleaved = false;
    for (size_t i = 0; i < q->source.n_tensors; i++) {
        interleaved = interleaved || type_for(q, &q->source.tensors[i])->tile;
    }
    if (interleaved) bnt_gguf_align(q->w, BNT_TILE_LINE);
    for (size_t i = 0; i < q->source.n_tensors; i++) {
        const bnt_source_tensor *const t = &q->source.tensors[i];
        bnt_gguf_declare(q->w, bnt_text_of(t->name), type_for(q, t), t->n_dims, t->dims);
    }
    q->total = bnt_gguf_writer_total(q->w);
}

/* Scratch for the widest tensor that is made, shared by all; a slice holds a group for every
 * thread at least. */
static bantam_status take_scratch(quantizer *q, bantam_error *err)
{
    const uint32_t n_threads = bnt_pool_threads(q->pool);
    const uint64_t most = SIZE_MAX / n_threads / sizeof *q->floats;
    uint64_t widest = 1, floats = 0;

    for (size_t i = 0; i < q->source.n_tensors; i++) {
        const bnt_source_tensor *const t = &q->source.tensors[i];
        const bnt_type *const to = type_for(q, t);
        if (is_copied(t, to)) continue;
        const uint64_t rows = bnt_source_rows(t), bytes = group_bytes_of(to, t);
        uint64_t n = 0;
        const bool sound = bnt_mul_u64((rows < ROWS ? rows : ROWS) + 1, t->dims[0], &n);
        if (!sound || n > most || !bytes || bytes > most) goto fail;
        if (n > floats) floats = n;
        if (bytes > widest) widest = bytes;
    }
    q->n_floats = (size_t)floats;
    q->slice_bytes = (size_t)widest * n_threads;
    if (q->slice_bytes < SLICE_BYTES) q->slice_bytes = SLICE_BYTES;
    q->floats = bnt_calloc(n_threads * q->n_floats, sizeof *q->floats);
    q->out = bnt_alloc(q->slice_bytes);
    q->sums = bnt_calloc(MAX_GROUPS, sizeof *q->sums);
    if (q->floats && q->out && q->sums) return BANTAM_OK;

fail:
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for rows of the widest tensor");
}

static bantam_status write_tensors(quantizer *q, bantam_error *err)
{
    uint32_t n_threads = q->options.threads ? q->options.threads : bnt_cpu_cores();
    if (n_threads > MAX_THREADS) n_threads = MAX_THREADS;
    bantam_status status = bnt_pool_open(&q->pool, n_threads, err);
    if (status) return status;

    declare(q);
    /* A shape that cannot be declared is the writer's error to tell. */
    if (bnt_gguf_writer_failed(q->w)) return BANTAM_OK;
    status = take_scratch(q, err);
    for (size_t i = 0; !status && i < q->source.n_tensors; i++) {
        status = write_tensor(q, &q->source.tensors[i], err);
    }
    q->written = q->total;
    return status ? status : tell_progress(q, err);
}

bantam_status bnt_quantize(const char *in, const char *out,
                           const bantam_quantize_options *options, bantam_error *err)
{
    quantizer q = {0};

    bantam_status status = read_options(&q, options, err);
    if (!status) status = bnt_source_open(&q.source, in, out, err);
    if (status) return status;
    status = check_tensors(&q, err);
    if (!status) status = bnt_gguf_writer_open(&q.w, out, err);
    if (status) goto done;

    status = bnt_source_put_pairs(&q.source, q.type, q.w, err);
    if (!status) status = write_tensors(&q, err);
    if (!status) status = bnt_archive_check(q.source.archive, err);
    if (!status) {
        status = bnt_gguf_writer_commit(q.w, err);
        q.w = NULL;
    }

done:
    bnt_gguf_writer_abort(q.w);
    bnt_pool_close(q.pool);
    bnt_source_close(&q.source);
    bnt_free(q.floats);
    bnt_free(q.out);
    bnt_free(q.sums);
    return status;
}
