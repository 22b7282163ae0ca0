/* merge.c - adapters worked into a model's weights: W + scale * alpha / rank * B A.
 *
 * The adapters are opened for the model as it stands; what comes out is convert.c's, row by
 * row, with the rows of corrected matrices computed by source.c.
 */
#include "compress/merge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "compress/convert.h"
#include "model/arch.h"

typedef struct merger {
    bantam_merge_options options;
    bnt_source source; /* owns */
    bnt_model *opened; /* owns; of a GGUF source, which brings no model */
    const bnt_model *model;
    bnt_adapter_use uses[BNT_MAX_ADAPTERS]; /* owns their adapters */
    uint32_t n_uses;
} merger;

static bantam_status read_options(merger *m, const bantam_merge_options *options,
                                  bantam_error *err)
{
    bantam_merge_options *const o = &m->options;
    const bantam_status status = bnt_options_copy(o, sizeof *o, options, "merge options", err);

    if (status) return status;
    if (o->n_adapters < 1 || o->n_adapters > BNT_MAX_ADAPTERS || !o->adapters) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "merge: expected 1 to %d adapters, found %zu",
                        BNT_MAX_ADAPTERS, o->adapters ? o->n_adapters : 0);
    }
    for (size_t i = 0; i < o->n_adapters; i++) {
        if (!o->adapters[i]) {
            return bnt_fail(err, BANTAM_ERR_INVALID, "merge: adapter %zu has no path", i);
        }
        if (o->scales && !isfinite(o->scales[i])) {
            return bnt_fail(err, BANTAM_ERR_INVALID,
                            "scale of adapter %zu: expected a finite number, found %g", i,
                            (double)o->scales[i]);
        }
    }
    return BANTAM_OK;
}

static bantam_status open_adapters(merger *m, bantam_error *err)
{
    bantam_status status = BANTAM_OK;

    for (size_t i = 0; i < m->options.n_adapters && !status; i++) {
        bnt_adapter *adapter = NULL;
        status = bnt_adapter_open(&adapter, m->model, m->options.adapters[i], err);
        if (status) break;
        const float scale = m->options.scales ? m->options.scales[i] : 1.0f;
        m->uses[m->n_uses++] = (bnt_adapter_use){adapter, scale};
    }
    return status;
}

static bool is_corrected(const merger *m, uint32_t layer, bnt_place place)
{
    for (uint32_t u = 0; u < m->n_uses; u++) {
        if (m->uses[u].scale != 0.0f && m->uses[u].adapter->layers[layer][place].rank) {
            return true;
        }
    }
    return false;
}

/* Tensors of layers are named as GGUF names them, whatever the source is. */
static void mark(const merger *m, bnt_source_tensor *t)
{
    const bnt_names *const names = bnt_names_at(0);
    const size_t n = strlen(names->layer);
    char *end = NULL;

    if (strncmp(t->name, names->layer, n) != 0) return;
    const unsigned long layer = strtoul(t->name + n, &end, 10);
    if (*end != '.' || layer >= m->model->config.n_layers) return;
    for (int place = 0; place < BNT_PLACES; place++) {
        if (strcmp(end + 1, names->matrices[place]) != 0) continue;
        t->layer = (uint32_t)layer;
        t->place = (bnt_place)place;
        t->corrected = is_corrected(m, t->layer, t->place);
    }
}

static bantam_status prepare(merger *m, bantam_error *err)
{
    bantam_status status = BANTAM_OK;

    if (!m->source.model) {
        status = bnt_model_open(&m->opened, m->source.archive, BANTAM_ROPE_DEFAULT, err);
    }
    m->model = m->source.model ? m->source.model : m->opened;
    if (!status) status = open_adapters(m, err);
    if (status) return status;
    for (size_t i = 0; i < m->source.n_tensors; i++) {
        mark(m, &m->source.tensors[i]);
    }
    m->source.adapters = m->uses;
    m->source.n_adapters = m->n_uses;
    return BANTAM_OK;
}

bantam_status bnt_merge_adapters(const char *in, const char *out,
                                 const bantam_merge_options *options, bantam_error *err)
{
    merger m = {.n_uses = 0};

    bantam_status status = read_options(&m, options, err);
    if (!status) status = bnt_source_open(&m.source, in, out, err);
    if (status) return status;
    status = prepare(&m, err);
    if (!status) {
        const bantam_convert_options o = {.struct_size = sizeof o,
                                          .type = m.options.type,
                                          .progress = m.options.progress,
                                          .user = m.options.user};
        status = bnt_convert_source(&m.source, out, &o, bnt_type_find(BNT_TYPE_F16), err);
    }
    for (uint32_t u = 0; u < m.n_uses; u++) {
        bnt_adapter_close((bnt_adapter *)(uintptr_t)m.uses[u].adapter);
    }
    bnt_model_close(m.opened);
    bnt_source_close(&m.source);
    return status;
}
