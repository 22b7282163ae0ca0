/* sketch.c - matrices placed by a config alone; see sketch.h. Their shapes are
 * weights.c's. */
#include "model/sketch.h"

#include <inttypes.h>

#include "base/checked.h"
#include "base/mem.h"
#include "model/weights.h"

typedef struct sketching {
    bnt_model *model;
    bool failed; /* a size wraps */
} sketching;

static void count(sketching *s, const bnt_type *type, uint32_t rows, uint32_t columns)
{
    uint64_t bytes = 0;

    s->failed = s->failed || !bnt_type_bytes(type, rows, columns, &bytes) ||
                !bnt_add_u64(s->model->weight_bytes, bytes, &s->model->weight_bytes);
    s->model->n_params += (uint64_t)rows * columns;
}

static void place(sketching *s, bnt_matrix *w, const bnt_type *type, uint32_t rows,
                  uint32_t columns)
{
    uint64_t bytes = 0;

    if (columns % type->block_values) type = bnt_type_find(BNT_TYPE_F16);
    count(s, type, rows, columns);
    s->failed = s->failed || !bnt_type_bytes(type, rows, columns, &bytes);
    *w = (bnt_matrix){
        .type = type,
        .rows = rows,
        .columns = columns,
        .row_bytes = (size_t)(bytes / bnt_matrix_strips(type, rows)),
    };
}

static void place_layers(sketching *s, const bnt_type *type)
{
    const bnt_config *const c = &s->model->config;

    for (uint32_t l = 0; l < c->n_layers; l++) {
        for (size_t i = 0; i < BNT_PLACES; i++) {
            bnt_matrix *const w =
                (bnt_matrix *)bnt_layer_matrix(&s->model->layers[l], (bnt_place)i);
            const bnt_weight_shape shape = bnt_weights_shape(c, (bnt_place)i);
            place(s, w, type, shape.rows, shape.columns);
        }
    }
}

bantam_status bnt_model_sketch(bnt_model **out, const bnt_config *config,
                               const bnt_sketch_types *types, unsigned cpu_flags,
                               bantam_error *err)
{
    bnt_model *const m = bnt_calloc(1, sizeof *m);
    sketching s = {.model = m};

    *out = NULL;
    if (m) m->layers = bnt_calloc(config->n_layers, sizeof *m->layers);
    if (!m || !m->layers) {
        bnt_model_close(m);
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a model's sketch");
    }
    m->config = *config;
    place(&s, &m->embed, types->embedding, config->n_vocab, config->n_embd);
    m->head = m->embed;
    if (!config->tied) place(&s, &m->head, types->head, config->n_vocab, config->n_embd);
    place_layers(&s, types->layers);
    for (uint32_t i = 0; i < 2 * config->n_layers + 1; i++) {
        count(&s, types->norms, 1, config->n_embd);
    }
    if (s.failed) {
        bnt_model_close(m);
        return bnt_fail(err, BANTAM_ERR_NOMEM, "%.*s: its weights are more than can be counted",
                        BNT_TEXT_ARG(config->name));
    }
    bnt_weights_survey(m);
    bnt_kernels_init(&m->kernels, cpu_flags);
    *out = m;
    return BANTAM_OK;
}
