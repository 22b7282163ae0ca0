/* rotate.c - the tensors of a rotated model; see rotate.h. Rows are turned as they are asked
 * for; where columns are turned as well, all rows of the tensor are made first, by threads that
 * share them. Which signs are best is rotate_signs.c's.
 */
#include "compress/rotate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "base/options.h"
#include "base/text.h"
#include "compress/rotate_parts.h"
#include "model/arch.h"

enum { STRIP = 16 }; /* rows, or columns, of one task */

static const char seed_key[] = "bantam.rotate.seed";

/* ---- rows -------------------------------------------------------------------------------- */

static const bnt_rotator *rotator_of(const bnt_source_maker *maker)
{
    return (const bnt_rotator *)(const void *)maker;
}

static bool turns_columns(const bnt_source_tensor *t)
{
    return t->part >= BNT_ROTATE_VALUES;
}

static void make(const bnt_source_maker *maker, const bnt_source_tensor *t, uint64_t r,
                 float *out)
{
    const bnt_rotator *const o = rotator_of(maker);
    if (turns_columns(t)) {
        memcpy(out, o->made + r * t->dims[0], (size_t)t->dims[0] * sizeof *out);
    } else {
        bnt_rotate_row(o, t, r, out);
    }
}

/* ---- tensors whose columns are turned ---------------------------------------------------- */

/* A tensor that is being made. */
typedef struct making {
    const bnt_rotator *rotator;
    const bnt_source_tensor *t;
    size_t rows, columns;
    float *made;            /* (rows, columns) */
    float *work;            /* (threads, STRIP, rows) */
    const bnt_hadamard *by; /* what columns are turned by, and their signs */
    const float *signs;     /* (rows) */
} making;

static void make_rows(void *context, size_t task, uint32_t thread)
{
    const making *const m = context;
    const size_t begin = task * STRIP;
    const size_t end = begin + STRIP < m->rows ? begin + STRIP : m->rows;
    (void)thread;
    for (size_t r = begin; r < end; r++) {
        bnt_rotate_row(m->rotator, m->t, r, m->made + r * m->columns);
    }
}

static void turn_columns(void *context, size_t task, uint32_t thread)
{
    const making *const m = context;
    const size_t begin = task * STRIP;
    const size_t n = m->columns - begin < STRIP ? m->columns - begin : STRIP;
    float *const strip = m->work + thread * STRIP * m->rows;

    for (size_t r = 0; r < m->rows; r++) {
        for (size_t c = 0; c < n; c++) {
            strip[c * m->rows + r] = m->made[r * m->columns + begin + c] * m->signs[r];
        }
    }
    for (size_t c = 0; c < n; c++) {
        bnt_hadamard_run(m->by, &m->rotator->kernels, strip + c * m->rows, m->rows);
    }
    for (size_t r = 0; r < m->rows; r++) {
        for (size_t c = 0; c < n; c++) {
            m->made[r * m->columns + begin + c] = strip[c * m->rows + r];
        }
    }
}

static bantam_status begin(bnt_source_maker *maker, const bnt_source_tensor *t,
                           bantam_error *err)
{
    bnt_rotator *const o = (bnt_rotator *)(void *)maker;
    const bool values = t->part == BNT_ROTATE_VALUES;
    making m = {.rotator = o, .t = t};
    size_t n = 0;

    if (!turns_columns(t) || o->begun == t) return BANTAM_OK;
    m.rows = (size_t)bnt_source_rows(t);
    m.columns = (size_t)t->dims[0];
    m.by = values ? &o->head : &o->stream;
    m.signs = values ? o->signs + o->config.n_embd + t->layer * m.rows : o->signs;
    bnt_free(o->made);
    o->made = NULL;
    o->begun = NULL;
    if (bnt_mul_size(m.rows, m.columns, &n)) m.made = bnt_calloc_large(n, sizeof *m.made);
    m.work = bnt_calloc(bnt_pool_threads(o->pool) * STRIP * m.rows, sizeof *m.work);
    if (!m.made || !m.work) {
        bnt_free(m.made);
        bnt_free(m.work);
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for tensor %s", t->name);
    }
    bnt_pool_run(o->pool, make_rows, &m, (m.rows + STRIP - 1) / STRIP);
    bnt_pool_run(o->pool, turn_columns, &m, (m.columns + STRIP - 1) / STRIP);
    bnt_free(m.work);
    o->made = m.made;
    o->begun = t;
    return BANTAM_OK;
}

/* ---- which tensors ----------------------------------------------------------------------- */

/* A tensor that rotation knows: its shape, and which norm goes before it. */
typedef struct known {
    bnt_rotate_part part;
    uint32_t layer;
    uint32_t columns, rows; /* rows 1: a vector */
} known;

/* Norms are numbered as a pass meets them; the last one is the head's. */
static bool find_layer(const bnt_config *c, const char *name, known *out)
{
    const uint32_t heads = c->n_heads * c->head_dim, kv = c->n_kv_heads * c->head_dim;
    const struct {
        const char *name;
        known what;
    } parts[] = {
        {"attn_norm.weight", {BNT_ROTATE_NORM, 0, c->n_embd, 1}},
        {"ffn_norm.weight", {BNT_ROTATE_NORM, 0, c->n_embd, 1}},
        {"attn_q.weight", {BNT_ROTATE_READER, 0, c->n_embd, heads}},
        {"attn_k.weight", {BNT_ROTATE_READER, 0, c->n_embd, kv}},
        {"attn_v.weight", {BNT_ROTATE_VALUES, 0, c->n_embd, kv}},
        {"attn_output.weight", {BNT_ROTATE_OUTPUT, 0, heads, c->n_embd}},
        {"ffn_gate.weight", {BNT_ROTATE_READER, 0, c->n_embd, c->n_ffn}},
        {"ffn_up.weight", {BNT_ROTATE_UP, 0, c->n_embd, c->n_ffn}},
        {"ffn_down.weight", {BNT_ROTATE_DOWN, 0, c->n_ffn, c->n_embd}},
    };
    char *rest = NULL;
    if (strncmp(name, "blk.", 4) || name[4] < '0' || name[4] > '9') return false;
    const unsigned long layer = strtoul(name + 4, &rest, 10);
    if (*rest != '.' || layer >= c->n_layers) return false;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (strcmp(rest + 1, parts[i].name) != 0) continue;
        *out = parts[i].what;
        out->layer = (uint32_t)layer;
        return true;
    }
    return false;
}

static bool find_known(const bnt_config *c, const char *name, known *out)
{
    const struct {
        const char *name;
        known what;
    } parts[] = {
        {"token_embd.weight", {BNT_ROTATE_EMBED, 0, c->n_embd, c->n_vocab}},
        {"output.weight", {BNT_ROTATE_READER, c->n_layers, c->n_embd, c->n_vocab}},
        {"output_norm.weight", {BNT_ROTATE_NORM, c->n_layers, c->n_embd, 1}},
        {"rope_freqs.weight", {BNT_ROTATE_NONE, 0, c->rope_dims / 2, 1}},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (strcmp(name, parts[i].name) != 0) continue;
        *out = parts[i].what;
        return true;
    }
    return find_layer(c, name, out);
}

static bantam_status check_tensor(const bnt_config *c, const bnt_source_tensor *t, known *out,
                                  bantam_error *err)
{
    if (!find_known(c, t->name, out)) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "tensor %s: rotation does not know what it is multiplied with",
                        t->name);
    }
    if (t->dims[0] != out->columns || bnt_source_rows(t) != out->rows) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "tensor %s: expected %" PRIu32 " x %" PRIu32 " values, found %" PRIu64
                        " x %" PRIu64,
                        t->name, out->rows, out->columns, bnt_source_rows(t), t->dims[0]);
    }
    return BANTAM_OK;
}

/* ---- norms ------------------------------------------------------------------------------- */

/* The norm that a tensor is, or that goes before a reader: attention's first, then the
 * feed-forward's, layer by layer. */
static size_t norm_of(const bnt_config *c, const bnt_source_tensor *t)
{
    const bool late = strstr(t->name, ".ffn_") != NULL;
    return (2 * (size_t)t->layer + late) * c->n_embd;
}

/* Marks the tensors and reads the norms; n_norms counts these. */
static bantam_status mark_tensors(bnt_rotator *o, bnt_source *s, size_t *n_norms,
                                  bantam_error *err)
{
    for (size_t i = 0; i < s->n_tensors; i++) {
        bnt_source_tensor *const t = &s->tensors[i];
        known what = {0};
        const bantam_status status = check_tensor(&o->config, t, &what, err);
        if (status) return status;
        t->part = (int)what.part;
        t->layer = what.layer;
        if (what.part != BNT_ROTATE_NORM) continue;
        bnt_source_read(t, 0, o->norms + norm_of(&o->config, t));
        ++*n_norms;
    }
    return BANTAM_OK;
}

static bool is_one(const float *w, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (w[i] != 1.0f) return false;
    }
    return true;
}

/* A head of its own for a model whose embedding was it; and the tensor that nobody needs. */
static bantam_status add_tensors(bnt_rotator *o, bnt_source *s, bantam_error *err)
{
    static const float nothing = 0.0f;
    const bnt_config *const c = &o->config;
    const float *const last = o->norms + 2 * (size_t)c->n_layers * c->n_embd;
    const bnt_source_tensor *embed = NULL;
    bantam_status status = BANTAM_OK;

    for (size_t i = 0; i < s->n_tensors; i++) {
        if (s->tensors[i].part == BNT_ROTATE_EMBED) embed = &s->tensors[i];
    }
    if (c->tied && embed && !is_one(last, c->n_embd)) {
        bnt_source_tensor head = *embed;
        head.part = BNT_ROTATE_READER;
        head.layer = c->n_layers;
        snprintf(head.name, sizeof head.name, "output.weight");
        status = bnt_source_add(s, &head, err);
    }
    if (!status && o->turns_down) {
        const bnt_source_tensor mark = {.name = "bantam_rotate_down",
                                        .type = bnt_type_find(BNT_TYPE_F32),
                                        .data = (const uint8_t *)&nothing,
                                        .n_dims = 1,
                                        .dims = {1}};
        status = bnt_source_add(s, &mark, err);
    }
    return status;
}

static void multiply(float *x, const float *by, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        x[i] *= by[i];
    }
}

void bnt_rotate_row(const bnt_rotator *o, const bnt_source_tensor *t, uint64_t r, float *out)
{
    const bnt_config *const c = &o->config;
    const size_t n = (size_t)t->dims[0];
    const float *const of_layer = o->signs + c->n_embd;
    const size_t kv = (size_t)c->n_kv_heads * c->head_dim;
    const float *const of_heads = of_layer + t->layer * kv;
    const float *const of_ffn = of_layer + c->n_layers * kv + (size_t)t->layer * c->n_ffn;

    if (t->part == BNT_ROTATE_NORM) {
        for (size_t i = 0; i < n; i++) {
            out[i] = 1.0f;
        }
        return;
    }
    bnt_source_read(t, r, out);
    if (t->part == BNT_ROTATE_OUTPUT) {
        const uint32_t group = c->n_heads / c->n_kv_heads;
        for (uint32_t h = 0; h < c->n_heads; h++) {
            float *const x = out + (size_t)h * c->head_dim;
            multiply(x, of_heads + (size_t)(h / group) * c->head_dim, c->head_dim);
        }
        bnt_hadamard_run(&o->head, &o->kernels, out, n);
        return;
    }
    if (t->part == BNT_ROTATE_DOWN) {
        if (!o->turns_down) return;
        multiply(out, of_ffn, n);
        bnt_hadamard_run(&o->down, &o->kernels, out, n);
        return;
    }
    if (t->part != BNT_ROTATE_EMBED) multiply(out, o->norms + norm_of(c, t), n);
    multiply(out, o->signs, n);
    bnt_hadamard_run(&o->stream, &o->kernels, out, n);
    if (t->part == BNT_ROTATE_UP && o->turns_down) {
        o->kernels.scale_f32(out, of_ffn[r], n);
    }
}

/* ---- open and close ---------------------------------------------------------------------- */

static void put_pairs(const bnt_source_maker *maker, bnt_gguf_writer *w)
{
    const bnt_rotator *const o = rotator_of(maker);

    bnt_gguf_put_u64(w, seed_key, o->seed);
    if (!o->turns_down) return;
    bnt_gguf_put_text(w, "bantam.rotate.down", bnt_text_of("hadamard"));
    bnt_gguf_put_u32(w, "bantam.rotate.down.size", o->down.size);
}

static void close_rotator(bnt_source_maker *maker)
{
    bnt_rotator *const o = (bnt_rotator *)(void *)maker;

    bnt_pool_close(o->pool);
    bnt_free(o->factors);
    bnt_free(o->norms);
    bnt_free(o->signs);
    bnt_free(o->made);
    bnt_free(o);
}

static bantam_status take_memory(bnt_rotator *o, bantam_error *err)
{
    const bnt_config *const c = &o->config;
    const size_t layers = c->n_layers, kv = (size_t)c->n_kv_heads * c->head_dim;
    const uint32_t sizes[] = {bnt_hadamard_size(c->n_embd), bnt_hadamard_size(c->head_dim),
                              o->turns_down ? bnt_hadamard_size(c->n_ffn) : 1};
    bnt_hadamard *const all[] = {&o->stream, &o->head, &o->down};
    size_t n = 1, at = 0;

    for (size_t i = 0; i < 3; i++) {
        n += bnt_hadamard_floats(sizes[i]);
    }
    o->factors = bnt_calloc(n, sizeof *o->factors);
    o->norms = bnt_calloc((2 * layers + 1) * c->n_embd, sizeof *o->norms);
    o->signs = bnt_calloc(c->n_embd + layers * (kv + c->n_ffn), sizeof *o->signs);
    if (!o->factors || !o->norms || !o->signs) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a rotation");
    }
    for (size_t i = 0; i < 3; i++) {
        bnt_hadamard_init(all[i], sizes[i], o->factors + at);
        at += bnt_hadamard_floats(sizes[i]);
    }
    return BANTAM_OK;
}

static bantam_status check_source(const bnt_rotator *o, const bnt_source *s, bantam_error *err)
{
    const bnt_gguf *const gguf = bnt_archive_gguf(s->archive);
    if (s->maker || o->config.down_hadamard || (gguf && bnt_gguf_find(gguf, seed_key))) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED, "%s: it is rotated already",
                        bnt_archive_path(s->archive));
    }
    return BANTAM_OK;
}

static bantam_status fill(bnt_rotator *o, bnt_source *s, const bantam_rotation *options,
                          bantam_error *err)
{
    const size_t expected = 2 * (size_t)o->config.n_layers + 1;
    size_t n_norms = 0;

    bantam_status status = mark_tensors(o, s, &n_norms, err);
    if (!status && n_norms != expected) {
        status = bnt_fail(err, BANTAM_ERR_FORMAT, "expected %zu norms, found %zu", expected,
                          n_norms);
    }
    if (!status) status = add_tensors(o, s, err);
    if (status) return status;

    uint64_t widest = 1;
    for (size_t i = 0; i < s->n_tensors; i++) {
        if (s->tensors[i].dims[0] > widest) widest = s->tensors[i].dims[0];
    }
    float *const row = bnt_calloc((size_t)widest, sizeof *row);
    if (!row) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a row");
    bnt_rotate_search(o, s, options->seed, options->n_seeds, row);
    bnt_free(row);
    return BANTAM_OK;
}

bantam_status bnt_rotate_source(bnt_source *s, const bantam_rotation *options,
                                bantam_error *err)
{
    bantam_rotation own = {0};
    bnt_rotator *o = NULL;
    const size_t n_tensors = s->n_tensors;

    bantam_status status = bnt_options_copy(&own, sizeof own, options, "rotation", err);
    if (status) return status;
    o = bnt_calloc(1, sizeof *o);
    if (!o) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a rotation");

    o->maker = (bnt_source_maker){begin, make, put_pairs, close_rotator};
    o->turns_down = own.down;
    bnt_kernels_init(&o->kernels, bnt_cpu_flags());
    status = bnt_config_read(&o->config, s->archive, BANTAM_ROPE_DEFAULT, err);
    if (!status) status = check_source(o, s, err);
    if (!status) status = take_memory(o, err);
    if (!status)
        status = bnt_pool_open(&o->pool, own.threads ? own.threads : bnt_cpu_threads(), err);
    if (!status) status = fill(o, s, &own, err);
    if (status) {
        s->n_tensors = n_tensors;
        close_rotator(&o->maker);
        return status;
    }
    for (size_t i = 0; i < s->n_tensors; i++) {
        if (s->tensors[i].part != BNT_ROTATE_NONE) s->tensors[i].maker = &o->maker;
    }
    s->maker = &o->maker;
    return BANTAM_OK;
}
