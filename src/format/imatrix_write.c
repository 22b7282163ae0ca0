/* imatrix_write.c - importance files written, of both forms: see imatrix.h. */
#include "format/imatrix.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/f16.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"
#include "format/gguf_write.h"

/* With the longer of the two ends it is still a name that can be read. */
enum { MAX_NAME = BNT_MAX_TENSOR_NAME - 8 };

static bantam_status check(const bnt_importance_sums *entries, size_t n, bantam_error *err)
{
    if (!n || n > INT32_MAX) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "%zu matrices: expected 1 or more", n);
    }
    for (size_t i = 0; i < n; i++) {
        const bnt_importance_sums *const e = &entries[i];
        if (e->name.size && e->name.size <= MAX_NAME && e->n && e->n <= INT32_MAX && e->count) {
            continue;
        }
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "matrix %.*s: %zu importances over %" PRIu64 " inputs",
                        BNT_TEXT_ARG(e->name), e->n, e->count);
    }
    return BANTAM_OK;
}

/* ---- the older form ---------------------------------------------------------------------- */

static void put_u32(bnt_save *s, uint32_t x)
{
    const uint8_t bytes[4] = {(uint8_t)x, (uint8_t)(x >> 8), (uint8_t)(x >> 16),
                              (uint8_t)(x >> 24)};
    bnt_save_put(s, bytes, sizeof bytes);
}

static void put_text(bnt_save *s, bantam_text t)
{
    put_u32(s, (uint32_t)t.size);
    bnt_save_put(s, t.data, t.size);
}

/* Values are the means times the calls, which other programs add to those of other files. */
static bantam_status write_old(const char *path, const bnt_importance_sums *entries, size_t n,
                               const bnt_importance_origin *origin, bantam_error *err)
{
    const uint32_t calls = origin->n_chunks ? origin->n_chunks : 1;
    bnt_save *s;

    const bantam_status status = bnt_save_begin(&s, path, err);
    if (status) return status;
    put_u32(s, (uint32_t)n);
    for (size_t i = 0; i < n; i++) {
        const bnt_importance_sums *const e = &entries[i];
        const double scale = (double)calls / (double)e->count;
        put_text(s, e->name);
        put_u32(s, calls);
        put_u32(s, (uint32_t)e->n);
        for (size_t j = 0; j < e->n; j++) {
            put_u32(s, bnt_f32_to_bits((float)((double)e->sums[j] * scale)));
        }
    }
    put_u32(s, origin->n_chunks);
    put_text(s, origin->dataset);
    return bnt_save_commit(s, err);
}

/* ---- the newer form ---------------------------------------------------------------------- */

static void declare(bnt_gguf_writer *w, bantam_text matrix, const char *end, uint64_t n)
{
    char name[MAX_NAME + 16];
    const int size = snprintf(name, sizeof name, "%.*s%s", (int)matrix.size, matrix.data, end);
    bnt_gguf_declare(w, (bantam_text){name, (size_t)size}, bnt_type_find(BNT_TYPE_F32), 1, &n);
}

static bantam_status write_new(const char *path, const bnt_importance_sums *entries, size_t n,
                               const bnt_importance_origin *origin, bantam_error *err)
{
    bnt_gguf_writer *w;

    const bantam_status status = bnt_gguf_writer_open(&w, path, err);
    if (status) return status;
    bnt_gguf_put_text(w, "general.type", bnt_text_of("imatrix"));
    bnt_gguf_put_texts(w, "imatrix.datasets", &origin->dataset, 1);
    bnt_gguf_put_u32(w, "imatrix.chunk_count", origin->n_chunks);
    bnt_gguf_put_u32(w, "imatrix.chunk_size", origin->chunk_tokens);
    for (size_t i = 0; i < n; i++) {
        declare(w, entries[i].name, ".in_sum2", entries[i].n);
        declare(w, entries[i].name, ".counts", 1);
    }
    for (size_t i = 0; i < n; i++) {
        const float count = (float)entries[i].count;
        bnt_gguf_put_data(w, entries[i].sums, entries[i].n * sizeof *entries[i].sums);
        bnt_gguf_put_data(w, &count, sizeof count);
    }
    return bnt_gguf_writer_commit(w, err);
}

bantam_status bnt_imatrix_write(const char *path, const bnt_importance_sums *entries, size_t n,
                                const bnt_importance_origin *origin, bantam_error *err)
{
    const bantam_status status = check(entries, n, err);

    if (status) return status;
    if (bnt_text_ends_with(bnt_text_of(path), ".dat")) {
        return write_old(path, entries, n, origin, err);
    }
    return write_new(path, entries, n, origin, err);
}
