/* convert.c - any readable model to one GGUF file.
 *
 * What is written is source.c's; here the types are chosen. Rows are decoded and encoded one at
 * a time: memory does not grow with the model.
 */
#include "compress/convert.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/options.h"
#include "base/text.h"
#include "compress/rotate.h"
#include "quant/tile.h"

typedef struct converter {
    bnt_gguf_writer *w;
    const bnt_source *source;
    bantam_convert_options options;
    const bnt_type *type;    /* NULL: as the source has it */
    const bnt_type *instead; /* of types that are no floats, where type is NULL; or NULL */
    float *row;              /* owns */
    void *encoded;           /* owns */
    uint64_t written;        /* of all tensors so far */
} converter;

/* The type a tensor gets: vectors stay F32, rows that are no whole number of blocks become F16,
 * and Q4_0 keeps embedding and head at eight bits, where four cost most. */
static const bnt_type *type_for(const converter *c, const bnt_source_tensor *t)
{
    const bnt_type *want = c->type;

    if (!want && (!c->instead || t->type->block_values == 1)) return t->type;
    if (!want) want = c->instead;
    if (t->n_dims < 2) return bnt_type_find(BNT_TYPE_F32);
    if (want->id == BNT_TYPE_Q4_0 &&
        (!strcmp(t->name, "token_embd.weight") || !strcmp(t->name, "output.weight"))) {
        want = bnt_type_find(BNT_TYPE_Q8_0);
    }
    return t->dims[0] % want->block_values ? bnt_type_find(BNT_TYPE_F16) : want;
}

/* What was computed may be larger than anything a file brought. */
static bantam_status check_row(const converter *c, const bnt_source_tensor *t,
                               const bnt_type *to, bantam_error *err)
{
    const float most = to->id == BNT_TYPE_F32 || to->id == BNT_TYPE_BF16 ? FLT_MAX : 65504.0f;

    for (uint64_t i = 0; i < t->dims[0]; i++) {
        if (fabsf(c->row[i]) <= most) continue;
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "tensor %s: it comes to hold %g, which type %s cannot", t->name,
                        (double)c->row[i], to->name);
    }
    return BANTAM_OK;
}

/* Writes a step of the tensor's bytes: a row, or a group of 16 where rows are interleaved,
 * which only stay as they are or become another type. Nothing turns those: a folder has none.
 */
static bantam_status write_step(converter *c, const bnt_source_tensor *t, const bnt_type *to,
                                uint64_t step, size_t bytes, bantam_error *err)
{
    if (t->type == to && bnt_source_is_stored(t)) {
        bnt_gguf_put_data(c->w, t->data + bnt_source_row(t, step) * bytes, bytes);
        return BANTAM_OK;
    }
    bnt_source_decode(t, step, c->row);
    if (t->corrected) bnt_source_correct(c->source, t, step, c->row);
    if (!bnt_source_is_stored(t)) {
        const bantam_status status = check_row(c, t, to, err);
        if (status) return status;
    }
    to->encode(c->row, c->encoded, (size_t)t->dims[0]);
    bnt_gguf_put_data(c->w, c->encoded, bytes);
    return BANTAM_OK;
}

static bantam_status write_tensor(converter *c, const bnt_source_tensor *t, uint64_t total,
                                  bantam_error *err)
{
    const bnt_type *const to = type_for(c, t);
    const uint64_t rows = bnt_source_rows(t);
    const uint64_t steps = to->tile ? (rows + BNT_TILE_ROWS - 1) / BNT_TILE_ROWS : rows;
    uint64_t bytes = 0;

    /* It was computed for the whole tensor when that was declared. */
    bnt_type_bytes(to, 1, t->dims[0], &bytes);
    bantam_status status = bnt_source_begin(t, err);
    for (uint64_t r = 0; !status && r < steps && !bnt_gguf_writer_failed(c->w); r++) {
        status = write_step(c, t, to, r, (size_t)bytes, err);
        if (status) return status;
        c->written += bytes;
        if (r % 1024 == 0 && c->options.progress &&
            !c->options.progress(c->options.user, c->written, total)) {
            return bnt_fail(err, BANTAM_ERR_CANCELLED, "stopped");
        }
    }
    return status;
}

/* The widest row decides the scratch. */
static bantam_status take_rows(converter *c, bantam_error *err)
{
    uint64_t widest = 1;
    for (size_t i = 0; i < c->source->n_tensors; i++) {
        if (c->source->tensors[i].dims[0] > widest) widest = c->source->tensors[i].dims[0];
    }
    c->row = bnt_calloc((size_t)widest, sizeof *c->row);
    c->encoded = bnt_calloc((size_t)widest, sizeof *c->row);
    if (c->row && c->encoded) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for rows of %llu values",
                    (unsigned long long)widest);
}

static bantam_status declare(converter *c, bantam_error *err)
{
    bool interleaved = false;
    for (size_t i = 0; i < c->source->n_tensors; i++) {
        interleaved = interleaved || type_for(c, &c->source->tensors[i])->tile;
    }
    if (interleaved) bnt_gguf_align(c->w, BNT_TILE_LINE);
    for (size_t i = 0; i < c->source->n_tensors; i++) {
        const bnt_source_tensor *const t = &c->source->tensors[i];
        const bnt_type *const to = type_for(c, t);
        if ((t->type != to || !bnt_source_is_stored(t)) && !to->encode) {
            return bnt_fail(err, BANTAM_ERR_UNSUPPORTED, "tensor %s: cannot write %s", t->name,
                            to->name);
        }
        bnt_gguf_declare(c->w, bnt_text_of(t->name), to, t->n_dims, t->dims);
    }
    return BANTAM_OK;
}

static bantam_status write_tensors(converter *c, bantam_error *err)
{
    bantam_status status = take_rows(c, err);
    if (!status) status = declare(c, err);

    const uint64_t total = bnt_gguf_writer_total(c->w);
    for (size_t i = 0; !status && i < c->source->n_tensors; i++) {
        status = write_tensor(c, &c->source->tensors[i], total, err);
    }
    if (!status && c->options.progress) c->options.progress(c->options.user, total, total);
    return status;
}

static bantam_status read_options(converter *c, const bantam_convert_options *options,
                                  bantam_error *err)
{
    const bantam_status status =
        bnt_options_copy(&c->options, sizeof c->options, options, "convert options", err);
    if (status || !c->options.type) return status;
    c->type = bnt_type_named(c->options.type);
    if (c->type && c->type->encode) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_INVALID,
                    "type %s: expected one of F32, F16, BF16, Q8_0, Q4_0", c->options.type);
}

/* Whether any matrix becomes c->instead, which then is what most tensors are. */
static bool is_replaced(const converter *c)
{
    for (size_t i = 0; c->instead && !c->type && i < c->source->n_tensors; i++) {
        const bnt_source_tensor *const t = &c->source->tensors[i];
        if (type_for(c, t) != t->type) return true;
    }
    return false;
}

bantam_status bnt_convert_source(const bnt_source *source, const char *out,
                                 const bantam_convert_options *options, const bnt_type *instead,
                                 bantam_error *err)
{
    converter c = {.source = source, .instead = instead};

    bantam_status status = read_options(&c, options, err);
    if (!status) status = bnt_gguf_writer_open(&c.w, out, err);
    if (status) return status;
    status = bnt_source_put_pairs(source, is_replaced(&c) ? instead : c.type, c.w, err);
    if (!status) status = write_tensors(&c, err);
    if (!status) status = bnt_archive_check(source->archive, err);
    if (!status) {
        status = bnt_gguf_writer_commit(c.w, err);
        c.w = NULL;
    }
    bnt_gguf_writer_abort(c.w);
    bnt_free(c.row);
    bnt_free(c.encoded);
    return status;
}

bantam_status bnt_convert(const char *in, const char *out,
                          const bantam_convert_options *options, bantam_error *err)
{
    const bnt_type *instead = NULL;
    converter c = {0};
    bnt_source source;

    /* Wrong options are told before a wrong file is. */
    bantam_status status = read_options(&c, options, err);
    if (!status) status = bnt_source_open(&source, in, out, err);
    if (status) return status;
    if (c.options.rotation) {
        instead = bnt_type_find(BNT_TYPE_F16);
        status = bnt_rotate_source(&source, c.options.rotation, err);
    }
    if (!status) status = bnt_convert_source(&source, out, options, instead, err);
    bnt_source_close(&source);
    return status;
}
