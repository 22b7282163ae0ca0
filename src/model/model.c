/* model.c - a model opened: config read, tensors found, frequencies computed, kernels chosen.
 */
#include "model/model.h"

#include "base/checked.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "model/pack.h"
#include "model/rope.h"
#include "model/weights.h"

#include <string.h>

static bantam_status open_rope(bnt_model *m, bantam_error *err)
{
    float *divisors = NULL;
    bantam_status status = bnt_weights_divisors(m, &divisors, err);
    if (status) return status;

    m->inv_freq = bnt_calloc(m->config.rope_dims / 2, sizeof *m->inv_freq);
    if (!m->inv_freq) {
        status = bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for rope frequencies");
    } else {
        status = bnt_rope_frequencies(m->inv_freq, &m->config, divisors, err);
    }
    bnt_free(divisors);
    return status;
}

bantam_status bnt_model_turn(bnt_model *m, uint32_t size, bantam_error *err)
{
    const size_t n = bnt_hadamard_floats(size);

    bnt_free(m->turn_floats);
    m->turn_floats = NULL;
    m->turn = (bnt_hadamard){0};
    m->config.down_hadamard = size;
    if (size == 0) return BANTAM_OK;
    if (n) m->turn_floats = bnt_calloc(n, sizeof *m->turn_floats);
    if (n && !m->turn_floats) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a Hadamard matrix");
    }
    bnt_hadamard_init(&m->turn, size, m->turn_floats); /* the config was held against it */
    return BANTAM_OK;
}

bantam_status bnt_model_open(bnt_model **out, const bnt_archive *archive, bantam_rope rope,
                             bantam_error *err)
{
    *out = NULL;
    bnt_model *const m = bnt_calloc(1, sizeof *m);
    if (!m) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a model");

    m->archive = archive;
    bantam_status status = bnt_config_read(&m->config, archive, rope, err);
    if (!status) status = bnt_archive_unpack(archive, err);
    if (!status) status = bnt_weights_find(m, err);
    if (!status) status = open_rope(m, err);
    if (!status) status = bnt_model_turn(m, m->config.down_hadamard, err);
    if (status) {
        bnt_model_close(m);
        return bnt_fail_within(err, status, "%s: ", bnt_archive_path(archive));
    }
    bnt_kernels_init(&m->kernels, bnt_cpu_flags());
    *out = m;
    return BANTAM_OK;
}

void bnt_model_close(bnt_model *m)
{
    if (!m) return;
    bnt_pack_close(m->pack);
    bnt_free(m->layers);
    bnt_free(m->floats);
    bnt_free(m->inv_freq);
    bnt_free(m->turn_floats);
    bnt_free(m);
}

static uint64_t matrix_bytes(const bnt_matrix *w)
{
    return (uint64_t)w->row_bytes * bnt_matrix_strips(w->type, w->rows);
}

/* Bytes of matrices by type. */
typedef struct tally {
    struct {
        const bnt_type *type;
        uint64_t bytes;
    } of[BNT_MAX_TYPES];
    size_t most;
} tally;

static void count(void *user, const bnt_matrix *w)
{
    tally *const t = user;
    size_t i = 0;
    while (t->of[i].type && t->of[i].type != w->type)
        i++;
    t->of[i].type = w->type;
    t->of[i].bytes += matrix_bytes(w);
    if (t->of[i].bytes > t->of[t->most].bytes) t->most = i;
}

const bnt_type *bnt_model_type(const bnt_model *model)
{
    tally t = {0};
    bnt_weights_each(model, count, &t);
    const bnt_type *const type = t.of[t.most].type;
    return type && type->tile ? bnt_type_find((uint32_t)type->tile->source) : type;
}

size_t bnt_model_bytes(const bnt_model *m)
{
    const bnt_config *const c = &m->config;
    return sizeof *m + c->n_layers * sizeof *m->layers +
           (2 * (size_t)c->n_layers + 1) * c->n_embd * sizeof *m->floats +
           c->rope_dims / 2 * sizeof *m->inv_freq +
           bnt_hadamard_floats(c->down_hadamard) * sizeof *m->turn_floats;
}

/* With a page that is touched for the first time Linux maps those of the file's cache in the
 * 64 KiB around it; a row, or the group of 16 it is interleaved with, begins and ends anywhere
 * in two such stretches. */
uint64_t bnt_model_used_bytes(const bnt_model *m, uint32_t n_tokens)
{
    enum { MAPPED_AROUND = 64 << 10 };
    const bnt_matrix *const w = &m->embed;
    const uint64_t whole = matrix_bytes(w);
    const uint64_t of_token = (uint64_t)w->row_bytes + MAPPED_AROUND;

    if (m->config.tied || m->embed_copied || whole / of_token <= n_tokens) {
        return m->weight_bytes;
    }
    return m->weight_bytes - whole + n_tokens * of_token;
}

uint64_t bnt_model_token_bytes(const bnt_model *m)
{
    uint64_t n = matrix_bytes(&m->head) + m->embed.row_bytes;
    n += (2 * (uint64_t)m->config.n_layers + 1) * m->config.n_embd * sizeof(float);
    for (uint32_t l = 0; l < m->config.n_layers; l++) {
        for (size_t i = 0; i < BNT_PLACES; i++) {
            n += matrix_bytes(bnt_layer_matrix(&m->layers[l], (bnt_place)i));
        }
    }
    return n;
}

bantam_status bnt_model_check(const bnt_model *m, bantam_error *err)
{
    const bantam_status status = m->archive ? bnt_archive_check(m->archive, err) : BANTAM_OK;
    return status || !m->pack ? status : bnt_pack_check(m->pack, err);
}
