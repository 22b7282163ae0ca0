/* prune_sparse.c - zeros in place of weights, in all matrices of all layers; shapes stay.
 *
 * Layer by layer the inputs of the matrices are summed up as the layers before it, already
 * sparse, make them (calibration.h); then it is chosen what becomes zero, and what stays makes
 * up for it (sparse.h). Side by side the text that is measured with walks through the model as
 * it was, with zeros alone, and with what was made up for. A layer is made when the file comes
 * to it, and given away when it is written; what it all comes to is known at the end, and then
 * it is decided whether the file stays.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "compress/calibration.h"
#include "compress/prune_parts.h"
#include "compress/sparse.h"
#include "model/weights.h"

enum {
    CHUNK_BYTES =
        16 << 20, /* of floats of one matrix at a time, between two looks at the caller */
    SWEEPS = 4    /* over all weights that stay */
};

/* One matrix of the layer at hand. */
typedef struct sheet {
    bnt_matrix was;      /* the model's own */
    float *cut, *healed; /* (rows, columns) owns: the same with zeros; what is written */
} sheet;

typedef struct bnt_prune_weights {
    bnt_pruning *p;
    bnt_sparsity sparsity;
    bnt_calibration is;                /* the text to learn from */
    bnt_walk test[BNT_PRUNE_VARIANTS]; /* the text to measure with */
    sheet sheets[BNT_PLACES];
    uint32_t layer;
    bool heals;
} sparser;

static const bnt_place inputs[] = {BNT_PLACE_Q, BNT_PLACE_O, BNT_PLACE_GATE, BNT_PLACE_DOWN};

enum { N_INPUTS = sizeof inputs / sizeof *inputs };

/* ---- one matrix -------------------------------------------------------------------------- */

/* Some rows of a matrix. */
typedef struct chunk {
    float *rows; /* (n, columns) owns */
    uint8_t *keep;
    size_t most;
} chunk;

static bantam_status open_chunk(chunk *c, const bnt_matrix *m, bantam_error *err)
{
    const size_t room = CHUNK_BYTES / sizeof *c->rows / m->columns / BNT_TILE_ROWS;
    const size_t most = (room ? room : 1) * BNT_TILE_ROWS;

    c->most = m->rows < most ? m->rows : most;
    c->rows = bnt_calloc(c->most, m->columns * sizeof *c->rows);
    c->keep = bnt_calloc(c->most, m->columns);
    if (c->rows && c->keep) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for rows of a matrix");
}

/* What the square of each column's weights costs; NULL: the same for all. */
static bantam_status take_costs(const sparser *r, const bnt_moments *m, float **out,
                                bantam_error *err)
{
    *out = NULL;
    if (r->p->o.method != BANTAM_PRUNE_WANDA) return BANTAM_OK;
    *out = bnt_calloc(m->columns, sizeof **out);
    if (!*out) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a row of sums");
    for (uint32_t i = 0; i < m->columns; i++) {
        (*out)[i] = (float)(m->squares[i] / (double)m->n_rows);
    }
    return BANTAM_OK;
}

static bantam_status thin_chunk(sparser *r, sheet *s, const bnt_feedback *f, const float *costs,
                                chunk *c, size_t first, size_t n, bantam_error *err)
{
    const size_t columns = s->was.columns;
    const bool chooses = r->p->o.method == BANTAM_PRUNE_SPARSEGPT;
    float *const cut = s->cut + first * columns;
    bantam_status status = BANTAM_OK;
    bnt_rounded unused;

    if (!chooses) {
        status = bnt_sparse_choose(r->p->pool, &r->sparsity, cut, (uint32_t)n, columns, costs,
                                   c->keep, err);
    }
    if (!status && (chooses || r->heals)) {
        memcpy(c->rows, cut, n * columns * sizeof *cut);
        status = bnt_sparse_solve(f, &r->is.mm, &r->sparsity, chooses, c->rows, (uint32_t)n,
                                  r->heals ? SWEEPS : 0, c->keep, s->healed + first * columns,
                                  &unused, err);
    }
    for (size_t i = 0; !status && i < n * columns; i++) {
        if (!c->keep[i]) cut[i] = 0.0f;
    }
    return status;
}

/* Rows of q and k stand in the file in an order of their own (source.h). */
static void reorder(const bnt_source_tensor *t, size_t n_rows, size_t columns, float *model,
                    float *file, bool to_file)
{
    for (size_t i = 0; i < n_rows; i++) {
        float *const own = model + (size_t)bnt_source_row(t, i) * columns;
        float *const there = file + i * columns;
        memcpy(to_file ? there : own, to_file ? own : there, columns * sizeof *own);
    }
}

/* Hands values in the model's order of rows to the edit, and takes them back as the file is
 * going to have them. */
static bantam_status replace(const sparser *r, bnt_edit_tensor *t, float *values,
                             bantam_error *err)
{
    const size_t columns = (size_t)t->dims[0], n_rows = (size_t)t->dims[1];

    if (!t->from->head_dim) return bnt_edit_replace(&r->p->edit, t, values, err);
    float *const file = bnt_calloc(n_rows, columns * sizeof *file);
    if (!file) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for tensor %s", t->name);
    reorder(t->from, n_rows, columns, values, file, true);
    const bantam_status status = bnt_edit_replace(&r->p->edit, t, file, err);
    if (!status) reorder(t->from, n_rows, columns, values, file, false);
    bnt_free(file);
    return status;
}

static bantam_status enter(const sparser *r, const sheet *s, bnt_place place, bantam_error *err)
{
    float *const values = r->heals ? s->healed : s->cut;
    const size_t n = (size_t)s->was.rows * s->was.columns;
    const bantam_status status =
        replace(r, bnt_edit_matrix(&r->p->edit, r->layer, place), values, err);

    for (size_t i = 0; !status && i < n; i++) {
        r->p->result->n_zeros += values[i] == 0.0f;
    }
    r->p->result->n_weights += n;
    return status;
}

static bantam_status thin(sparser *r, bnt_place place, const bnt_feedback *f,
                          const float *costs, bantam_error *err)
{
    sheet *const s = &r->sheets[place];
    chunk c = {0};

    bnt_prune_decode(r->p, &s->was, s->cut);
    bantam_status status = open_chunk(&c, &s->was, err);
    for (size_t first = 0; !status && first < s->was.rows; first += c.most) {
        const size_t left = s->was.rows - first;
        status = thin_chunk(r, s, f, costs, &c, first, left < c.most ? left : c.most, err);
        if (!status) status = bnt_prune_ask(r->p, err);
    }
    bnt_free(c.rows);
    bnt_free(c.keep);
    return status ? status : enter(r, s, place, err);
}

/* All matrices that share an input. */
static bantam_status thin_sharers(sparser *r, bnt_place input, bantam_error *err)
{
    bnt_moments *const m = &r->is.inputs[input];
    const size_t unit = r->sparsity.pairs ? BNT_SPARSE_GROUP : 1;
    bnt_feedback f = {0};
    float *costs = NULL;

    bantam_status status = take_costs(r, m, &costs, err);
    if (!status && m->products) {
        float *const products = m->products;
        m->products = NULL;
        status = bnt_feedback_init(&f, &r->is.mm, products, m->columns, unit, err);
        if (status) bnt_fail_within(err, status, "layer %u: ", (unsigned)r->layer);
    }
    for (int place = 0; !status && place < BNT_PLACES; place++) {
        if (bnt_calibration_input((bnt_place)place) != input) continue;
        status = thin(r, (bnt_place)place, &f, costs, err);
    }
    bnt_feedback_deinit(&f);
    bnt_free(costs);
    return status ? status : bnt_prune_tell(r->p, err);
}

/* ---- one layer --------------------------------------------------------------------------- */

/* Puts one variant in the place of the model's layer. */
static void use(const sparser *r, bnt_prune_variant v)
{
    bnt_layer *const l = &r->p->model->layers[r->layer];
    bnt_matrix *const places[BNT_PLACES] = {&l->q,    &l->k,  &l->v,   &l->o,
                                            &l->gate, &l->up, &l->down};

    for (int place = 0; place < BNT_PLACES; place++) {
        const sheet *const s = &r->sheets[place];
        bnt_matrix *const m = places[place];
        *m = s->was;
        if (v == BNT_PRUNE_ORIGINAL) continue;
        m->type = bnt_type_find(BNT_TYPE_F32);
        m->data = (const uint8_t *)(v == BNT_PRUNE_HEALED ? s->healed : s->cut);
        m->row_bytes = m->columns * sizeof *s->cut;
    }
    bnt_weights_survey(r->p->model);
}

static bantam_status step(sparser *r, bnt_prune_variant v, bantam_error *err)
{
    use(r, v);
    const bantam_status status = bnt_walk_step(&r->test[v], r->layer, NULL, NULL, err);
    return status ? status : bnt_prune_tell(r->p, err);
}

static bantam_status make_layer(sparser *r, bantam_error *err)
{
    for (int place = 0; place < BNT_PLACES; place++) {
        r->sheets[place].was =
            *bnt_layer_matrix(&r->p->model->layers[r->layer], (bnt_place)place);
    }
    bantam_status status = step(r, BNT_PRUNE_ORIGINAL, err);
    if (!status) status = bnt_calibration_look(&r->is, r->layer, err);
    if (!status) status = bnt_prune_tell(r->p, err);
    for (int i = 0; !status && i < N_INPUTS; i++) {
        status = thin_sharers(r, inputs[i], err);
    }
    if (!status) status = step(r, BNT_PRUNE_CUT, err);
    if (!status && r->heals) status = step(r, BNT_PRUNE_HEALED, err);
    if (!status) status = bnt_calibration_step(&r->is, r->layer, err);
    if (!status) status = bnt_prune_tell(r->p, err);
    use(r, BNT_PRUNE_ORIGINAL);
    return status;
}

/* ---- all --------------------------------------------------------------------------------- */

/* Every matrix of the layers is there by itself, in groups of four where these count. */
static bantam_status check_matrices(const sparser *r, bantam_error *err)
{
    const bnt_config *const c = &r->p->model->config;

    for (uint32_t l = 0; l < c->n_layers; l++) {
        for (int place = 0; place < BNT_PLACES; place++) {
            bnt_edit_tensor *const t = bnt_edit_matrix(&r->p->edit, l, (bnt_place)place);
            if (!t) {
                return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                                "layer %u: expected seven matrices, each by itself",
                                (unsigned)l);
            }
            if (r->sparsity.pairs && t->dims[0] % BNT_SPARSE_GROUP) {
                return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                                "tensor %s: expected a multiple of %d columns, found %llu",
                                t->name, (int)BNT_SPARSE_GROUP, (unsigned long long)t->dims[0]);
            }
            t->replaced = true;
        }
    }
    return BANTAM_OK;
}

static bantam_status begin(sparser *r, bantam_error *err)
{
    bnt_pruning *const p = r->p;
    const bnt_calibration_text text = {p->learn.tokens, p->learn.n, p->sequence};
    const bool products = r->heals || p->o.method == BANTAM_PRUNE_SPARSEGPT;

    for (int place = 0; place < BNT_PLACES; place++) {
        const bnt_weight_shape shape = bnt_weights_shape(&p->model->config, (bnt_place)place);
        sheet *const s = &r->sheets[place];
        const size_t row_bytes = (size_t)shape.columns * sizeof *s->cut;
        s->cut = bnt_calloc(shape.rows, row_bytes);
        if (products) s->healed = bnt_calloc(shape.rows, row_bytes);
        if (!s->cut || (products && !s->healed)) {
            return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a layer");
        }
    }
    bantam_status status =
        bnt_calibration_begin(&r->is, p->model, p->pool, &text, products, err);
    for (int v = 0; !status && v < BNT_PRUNE_VARIANTS; v++) {
        if (v == BNT_PRUNE_HEALED && !r->heals) continue;
        status = bnt_walk_begin(&r->test[v], p->model, p->pool, p->test.tokens, p->test.n,
                                p->sequence, err);
    }
    return status;
}

/* Layers up to that of a tensor that is about to be written. */
static bantam_status make(void *user, bnt_edit_tensor *t, bantam_error *err)
{
    sparser *const r = ((bnt_pruning *)user)->weights;
    bantam_status status = BANTAM_OK;

    for (; !status && r->layer <= t->layer; r->layer++) {
        status = make_layer(r, err);
    }
    return status;
}

bantam_status bnt_prune_weights_open(bnt_pruning *p, bantam_error *err)
{
    const bool heals = !p->o.no_heal;
    sparser *const r = bnt_calloc(1, sizeof *r);

    if (!r) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a layer");
    *r = (sparser){.p = p, .sparsity = {p->o.two_of_four, p->o.zeros_share}, .heals = heals};
    p->weights = r;
    p->total = (uint64_t)p->model->config.n_layers * (heals ? N_INPUTS + 5 : N_INPUTS + 4);
    p->edit.make = make;
    p->edit.user = p;
    const bantam_status status = check_matrices(r, err);
    return status ? status : begin(r, err);
}

bantam_status bnt_prune_weights_finish(bnt_pruning *p, bantam_error *err)
{
    return bnt_prune_measure(p, p->weights->test, err);
}

void bnt_prune_weights_close(bnt_pruning *p)
{
    sparser *const r = p->weights;

    if (!r) return;
    bnt_calibration_end(&r->is);
    for (int v = 0; v < BNT_PRUNE_VARIANTS; v++) {
        bnt_walk_end(&r->test[v]);
    }
    for (int place = 0; place < BNT_PLACES; place++) {
        bnt_free(r->sheets[place].cut);
        bnt_free(r->sheets[place].healed);
    }
    bnt_free(r);
    p->weights = NULL;
}
