/* trained.c - the weights of a net as tensors of a GGUF file. */
#include "base/mem.h"
#include "base/text.h"
#include "train/train.h"

static bool is_vector(const bnt_param *p)
{
    return p->rows == 1;
}

/* Vectors stay floats: every reader wants them so. */
static const bnt_type *type_of(const bnt_trained *t, const bnt_param *p)
{
    return is_vector(p) ? bnt_type_find(BNT_TYPE_F32) : t->type;
}

static void put_rows(const bnt_param *p, const bnt_type *type, uint8_t *row, bnt_gguf_writer *w)
{
    uint64_t bytes = 0;

    bnt_type_bytes(type, 1, p->columns, &bytes);
    for (uint32_t r = 0; r < p->rows && !bnt_gguf_writer_failed(w); r++) {
        type->encode(p->w + (size_t)r * p->columns, row, p->columns);
        bnt_gguf_put_data(w, row, (size_t)bytes);
    }
}

bantam_status bnt_trained_put(const bnt_trained *trained, bnt_gguf_writer *w, bantam_error *err)
{
    const size_t n = bnt_net_n_params(trained->net);
    size_t widest = 1;

    for (size_t i = 0; i < n; i++) {
        const bnt_param *const p = bnt_net_param(trained->net, i);
        const uint64_t dims[2] = {p->columns, p->rows};
        bnt_gguf_declare(w, bnt_text_of(p->name), type_of(trained, p), is_vector(p) ? 1 : 2,
                         dims);
        if (p->columns > widest) widest = p->columns;
    }
    uint8_t *const row = bnt_calloc(widest, sizeof(float));
    if (!row) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a row");
    for (size_t i = 0; i < n; i++) {
        const bnt_param *const p = bnt_net_param(trained->net, i);
        put_rows(p, type_of(trained, p), row, w);
    }
    bnt_free(row);
    return BANTAM_OK;
}
