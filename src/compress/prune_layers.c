/* prune_layers.c - calibration texts walked through a model as it was and as it becomes, side
 * by side.
 *
 * Two matrices of a layer write to the residual stream, and whatever goes inside of the layer
 * goes as columns of theirs: neurons of down, groups of heads of o. Both are healed to give
 * what the original had at the same place of the stream, for the inputs that the changed model
 * really has there; so each layer also makes up for what the ones before it lost. A layer that
 * is left out is made up for by the one before it.
 *
 * Columns that go are zero while the texts are walked: shapes change only in the file.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "compress/prune_parts.h"
#include "model/weights.h"

/* Share of the mean energy of inputs that is added to all of them: enough for sums of floats to
 * have an inverse. */
static const double DAMPING = 1e-4;

/* One of the two matrices of a layer that write to the stream. */
typedef struct stage {
    bnt_place place;
    bnt_matrix was; /* the model's own */
    size_t n;       /* values of it */
    uint32_t unit;  /* columns that go together */
    uint32_t n_units, n_kept;
    bnt_heal heal;       /* owns */
    float *w;            /* owns: (rows, columns) as it was */
    float *cut, *healed; /* owns: as it becomes; columns that go are zero */
    bool is_healed;      /* in this layer */
    bool *gone;          /* (n_units) owns */
    double *scores;      /* (n_units) owns */
    uint32_t *columns;   /* owns: those that stay */
} stage;

typedef struct pruner {
    bnt_pruning *p;
    stage o, down;
    bnt_walk was, is;                  /* the text to learn from */
    bnt_walk test[BNT_PRUNE_VARIANTS]; /* the text to measure with */
    float *mid_was;                    /* (learn.n, n_embd) owns: behind o, originally */
    float *mid;                        /* (sequence, n_embd) owns: behind o, of one text */
    float *wanted;                     /* (sequence, n_embd) owns */
    uint32_t layer;
    size_t at_o, at_down; /* tokens that a walk has shown */
    bool heals;
    bool changed; /* anything so far */
} pruner;

/* ---- what walks show --------------------------------------------------------------------- */

/* out = states + rows of attention times o. */
static void add_attention(pruner *r, const bnt_walk *walk, const float *o, size_t at,
                          uint32_t n, const float *rows, float *out)
{
    const size_t width = r->p->model->config.n_embd;
    const size_t columns = r->o.was.columns;
    const float *const states = walk->states + at * width;

    bnt_matmul_run(&r->p->mm, (bnt_view){rows, columns, 1}, (bnt_view){o, 1, columns}, n, width,
                   columns, out, width, false);
    for (size_t i = 0; i < n * width; i++) {
        out[i] += states[i];
    }
}

static void subtract(float *out, const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = a[i] - b[i];
    }
}

/* The original's stream behind o. */
static void note_middle(void *user, uint32_t layer, bnt_place place, uint32_t n,
                        const float *rows)
{
    pruner *const r = user;
    (void)layer;
    if (place != BNT_PLACE_O) return;
    add_attention(r, &r->was, r->o.w, r->at_o, n, rows,
                  r->mid_was + r->at_o * r->p->model->config.n_embd);
    r->at_o += n;
}

/* What o has to add to the stream, and of what. */
static void learn_o(void *user, uint32_t layer, bnt_place place, uint32_t n, const float *rows)
{
    pruner *const r = user;
    const size_t width = r->p->model->config.n_embd;
    (void)layer;
    if (place != BNT_PLACE_O) return;
    subtract(r->wanted, r->mid_was + r->at_o * width, r->is.states + r->at_o * width,
             n * width);
    bnt_heal_add(&r->o.heal, rows, r->wanted, n);
    r->at_o += n;
}

/* The same of down: a text is shown for o before it is shown for down. */
static void learn_down(void *user, uint32_t layer, bnt_place place, uint32_t n,
                       const float *rows)
{
    pruner *const r = user;
    const size_t width = r->p->model->config.n_embd, sequence = r->is.sequence;
    (void)layer;
    if (place == BNT_PLACE_O) {
        const float *const o = r->o.is_healed ? r->o.healed : r->o.cut;
        add_attention(r, &r->is, o, r->at_o, n, rows, r->mid + r->at_o % sequence * width);
        r->at_o += n;
    } else if (place == BNT_PLACE_DOWN) {
        subtract(r->wanted, r->was.states + r->at_down * width,
                 r->mid + r->at_down % sequence * width, n * width);
        bnt_heal_add(&r->down.heal, rows, r->wanted, n);
        r->at_down += n;
    }
}

/* ---- what goes --------------------------------------------------------------------------- */

/* Adds to the scores of units the squares of rows of a matrix that make their inputs. */
static bantam_status add_row_squares(const pruner *r, stage *s, const bnt_matrix *m,
                                     bantam_error *err)
{
    const size_t each = m->rows / s->n_units;
    float *const row = bnt_calloc(m->columns, sizeof *row);

    if (!row) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a row");
    for (size_t i = 0; i < m->rows; i++) {
        bnt_type_decode_row(m->type, m->data, m->columns, i, row);
        for (size_t c = 0; c < m->columns; c++) {
            s->scores[i / each] += (double)row[c] * (double)row[c];
        }
    }
    bnt_free(row);
    (void)r;
    return BANTAM_OK;
}

/* Scores that do not depend on what has gone already. */
static bantam_status score(const pruner *r, stage *s, bantam_error *err)
{
    const bnt_layer *const layer = &r->p->model->layers[r->layer];
    const bool by_weight = r->p->o.score == BANTAM_PRUNE_BY_WEIGHT;
    const bnt_matrix *const makers[2][3] = {{&layer->q, &layer->k, &layer->v},
                                            {&layer->gate, &layer->up, NULL}};
    bantam_status status = BANTAM_OK;

    memset(s->scores, 0, s->n_units * sizeof *s->scores);
    for (size_t i = 0; i < s->n; i++) {
        const size_t c = i % s->was.columns;
        const double energy = by_weight ? 1.0 : bnt_heal_energy(&s->heal, c);
        s->scores[c / s->unit] += energy * (double)s->w[i] * (double)s->w[i];
    }
    for (int i = 0; by_weight && !status && i < 3; i++) {
        const bnt_matrix *const m = makers[s->place == BNT_PLACE_DOWN][i];
        if (m) status = add_row_squares(r, s, m, err);
    }
    return status;
}

/* Those of the lowest scores; of equal ones the first. */
static void choose_lowest(stage *s)
{
    for (uint32_t n = s->n_kept; n < s->n_units; n++) {
        uint32_t best = s->n_units;
        for (uint32_t u = 0; u < s->n_units; u++) {
            if (s->gone[u]) continue;
            if (best == s->n_units || s->scores[u] < s->scores[best]) best = u;
        }
        s->gone[best] = true;
    }
}

/* Chooses what goes and makes the matrix without it, and its healed one. */
static bantam_status reduce(const pruner *r, stage *s, bantam_error *err)
{
    const bool by_loss = r->p->o.score == BANTAM_PRUNE_BY_LOSS;
    const uint32_t n_gone = s->n_units - s->n_kept;
    bantam_status status = BANTAM_OK;

    memset(s->gone, 0, s->n_units * sizeof *s->gone);
    if (n_gone && !by_loss) {
        status = score(r, s, err);
        if (!status) choose_lowest(s);
    }
    if (!status && (r->heals || (n_gone && by_loss))) {
        status = bnt_heal_solve(&s->heal, s->w, DAMPING, err);
        for (uint32_t i = 0; !status && by_loss && i < n_gone; i++) {
            const size_t first = bnt_heal_cheapest(&s->heal);
            bnt_heal_remove(&s->heal, first);
            s->gone[first / s->unit] = true;
        }
        for (uint32_t u = 0; !status && !by_loss && u < s->n_units; u++) {
            if (s->gone[u]) bnt_heal_remove(&s->heal, (size_t)u * s->unit);
        }
    }
    if (status) return status;
    for (size_t i = 0; i < s->n; i++) {
        s->cut[i] = s->gone[i % s->was.columns / s->unit] ? 0.0f : s->w[i];
    }
    s->is_healed = r->heals;
    if (s->is_healed) bnt_heal_take(&s->heal, s->healed);
    return BANTAM_OK;
}

/* ---- the file ---------------------------------------------------------------------------- */

/* Rows of a matrix that makes inputs of the stage: `each` of them belong to a unit. */
static bantam_status pick_rows(pruner *r, const stage *s, bnt_place place, uint32_t each,
                               bantam_error *err)
{
    bnt_edit_tensor *const t = bnt_edit_matrix(&r->p->edit, r->layer, place);
    uint32_t *const rows = bnt_calloc(s->n_kept, each * sizeof *rows);
    uint32_t n = 0;

    if (!rows) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a list of rows");
    for (uint32_t u = 0; u < s->n_units; u++) {
        for (uint32_t i = 0; !s->gone[u] && i < each; i++) {
            rows[n++] = u * each + i;
        }
    }
    const bantam_status status = bnt_edit_pick(t, rows, n, NULL, 0, err);
    bnt_free(rows);
    return status;
}

/* Hands the healed matrix to the edit, and takes it back as the file is going to have it. */
static bantam_status replace(pruner *r, stage *s, uint32_t n, bantam_error *err)
{
    bnt_edit_tensor *const t = bnt_edit_matrix(&r->p->edit, r->layer, s->place);
    const size_t n_rows = s->was.rows, n_columns = s->was.columns;
    float *const values = bnt_calloc(n_rows, n * sizeof *values);

    if (!values) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a matrix");
    for (size_t i = 0; i < n_rows; i++) {
        for (size_t c = 0; c < n; c++) {
            values[i * n + c] = s->healed[i * n_columns + s->columns[c]];
        }
    }
    const bantam_status status = bnt_edit_replace(&r->p->edit, t, values, err);
    for (size_t i = 0; !status && i < n_rows; i++) {
        for (size_t c = 0; c < n; c++) {
            s->healed[i * n_columns + s->columns[c]] = values[i * n + c];
        }
    }
    bnt_free(values);
    return status;
}

static bantam_status enter(pruner *r, stage *s, bantam_error *err)
{
    const uint32_t head_dim = r->p->model->config.head_dim;
    bnt_edit_tensor *const t = bnt_edit_matrix(&r->p->edit, r->layer, s->place);
    bantam_status status = BANTAM_OK;
    uint32_t n = 0;

    for (uint32_t c = 0; c < s->was.columns; c++) {
        if (!s->gone[c / s->unit]) s->columns[n++] = c;
    }
    if (n < s->was.columns) {
        status = bnt_edit_pick(t, NULL, 0, s->columns, n, err);
        if (s->place == BNT_PLACE_DOWN) {
            if (!status) status = pick_rows(r, s, BNT_PLACE_GATE, 1, err);
            if (!status) status = pick_rows(r, s, BNT_PLACE_UP, 1, err);
        } else {
            if (!status) status = pick_rows(r, s, BNT_PLACE_Q, s->unit, err);
            if (!status) status = pick_rows(r, s, BNT_PLACE_K, head_dim, err);
            if (!status) status = pick_rows(r, s, BNT_PLACE_V, head_dim, err);
        }
    }
    if (!status && s->is_healed) status = replace(r, s, n, err);
    return status;
}

/* ---- one layer --------------------------------------------------------------------------- */

static bnt_matrix *matrix_of(const pruner *r, const stage *s)
{
    bnt_layer *const layer = &r->p->model->layers[r->layer];
    return s->place == BNT_PLACE_O ? &layer->o : &layer->down;
}

/* Puts values in the place of the model's matrix; NULL: the model's own. */
static void use(const pruner *r, const stage *s, const float *values)
{
    bnt_matrix *const m = matrix_of(r, s);
    *m = s->was;
    if (values) {
        m->type = bnt_type_find(BNT_TYPE_F32);
        m->data = (const uint8_t *)values;
        m->row_bytes = m->columns * sizeof *values;
    }
    bnt_weights_survey(r->p->model);
}

static void use_variant(const pruner *r, bnt_prune_variant v)
{
    const stage *const both[] = {&r->o, &r->down};
    for (int i = 0; i < 2; i++) {
        const float *values = NULL;
        if (v == BNT_PRUNE_CUT && both[i]->n_kept < both[i]->n_units) values = both[i]->cut;
        if (v == BNT_PRUNE_HEALED && both[i]->is_healed) values = both[i]->healed;
        use(r, both[i], values);
    }
}

/* Whether this layer's matrix is worked on at all. One that loses nothing is healed where the
 * file can hold what comes out, and where there is something to heal. */
static bool is_changed(const pruner *r, const stage *s)
{
    const bnt_edit_tensor *const t = bnt_edit_matrix(&r->p->edit, r->layer, s->place);
    const bool floats = bnt_edit_type(&r->p->edit, t)->block_values == 1;
    return s->n_kept < s->n_units || (r->heals && r->changed && floats);
}

static bantam_status work_on(pruner *r, stage *s, bnt_tap_fn learn, bantam_error *err)
{
    const bool blind = !r->heals && r->p->o.score == BANTAM_PRUNE_BY_WEIGHT;
    bantam_status status = BANTAM_OK;

    s->is_healed = false;
    memcpy(s->cut, s->w, s->n * sizeof *s->w);
    if (!is_changed(r, s)) return BANTAM_OK;
    if (!blind) {
        bnt_heal_clear(&s->heal);
        r->at_o = r->at_down = 0;
        status = bnt_walk_look(&r->is, r->layer, learn, r, err);
        if (!status) status = bnt_prune_tell(r->p, err);
    }
    if (!status) status = reduce(r, s, err);
    if (!status) status = enter(r, s, err);
    r->changed = true;
    if (!status) use(r, s, s->is_healed ? s->healed : s->cut);
    return status;
}

static bantam_status step(pruner *r, bnt_walk *walk, uint32_t layer, bnt_tap_fn tap,
                          bantam_error *err)
{
    const bantam_status status = bnt_walk_step(walk, layer, tap, r, err);
    return status ? status : bnt_prune_tell(r->p, err);
}

/* The original goes through the layer and those behind it that are left out: what comes out is
 * what the layer by itself has to make. */
static bantam_status lead(pruner *r, bantam_error *err)
{
    const uint32_t n_layers = r->p->model->config.n_layers;
    bantam_status status = BANTAM_OK;
    uint32_t l = r->layer;

    r->at_o = 0;
    do {
        const bnt_tap_fn tap = l == r->layer && !r->p->dropped[l] ? note_middle : NULL;
        status = step(r, &r->was, l, tap, err);
        if (!status) status = step(r, &r->test[BNT_PRUNE_ORIGINAL], l, NULL, err);
        l++;
    } while (!status && l < n_layers && r->p->dropped[l]);
    if (l > r->layer + 1 || r->p->dropped[r->layer]) r->changed = true;
    return status;
}

static bantam_status prune_layer(pruner *r, bantam_error *err)
{
    const bnt_layer *const layer = &r->p->model->layers[r->layer];

    r->o.was = layer->o;
    r->down.was = layer->down;
    bnt_prune_decode(r->p, &layer->o, r->o.w);
    bnt_prune_decode(r->p, &layer->down, r->down.w);
    /* o is healed before the layers that are left out behind it have changed anything. */
    const bool changed = r->changed;
    bantam_status status = lead(r, err);
    const bool changes = r->changed;
    r->changed = changed;
    if (!status) status = work_on(r, &r->o, learn_o, err);
    r->changed = r->changed || changes;
    if (!status) status = work_on(r, &r->down, learn_down, err);

    use_variant(r, BNT_PRUNE_CUT);
    if (!status) status = step(r, &r->test[BNT_PRUNE_CUT], r->layer, NULL, err);
    if (r->heals) {
        use_variant(r, BNT_PRUNE_HEALED);
        if (!status) status = step(r, &r->test[BNT_PRUNE_HEALED], r->layer, NULL, err);
    }
    if (!status) status = step(r, &r->is, r->layer, NULL, err);
    use_variant(r, BNT_PRUNE_ORIGINAL);
    return status;
}

/* ---- all --------------------------------------------------------------------------------- */

static bantam_status open_stage(const pruner *r, stage *s, bantam_error *err)
{
    const bnt_weight_shape shape = bnt_weights_shape(&r->p->model->config, s->place);

    s->n = (size_t)shape.rows * shape.columns;
    s->w = bnt_calloc(s->n, sizeof *s->w);
    s->cut = bnt_calloc(s->n, sizeof *s->cut);
    s->healed = bnt_calloc(s->n, sizeof *s->healed);
    s->gone = bnt_calloc(s->n_units, sizeof *s->gone);
    s->scores = bnt_calloc(s->n_units, sizeof *s->scores);
    s->columns = bnt_calloc(shape.columns, sizeof *s->columns);
    if (!s->w || !s->cut || !s->healed || !s->gone || !s->scores || !s->columns) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a layer");
    }
    return bnt_heal_init(&s->heal, &r->p->mm, shape.rows, shape.columns, s->unit, err);
}

static void close_stage(stage *s)
{
    bnt_free(s->w);
    bnt_free(s->cut);
    bnt_free(s->healed);
    bnt_free(s->gone);
    bnt_free(s->scores);
    bnt_free(s->columns);
    bnt_heal_deinit(&s->heal);
}

static bantam_status begin(pruner *r, bantam_error *err)
{
    bnt_pruning *const p = r->p;
    const bnt_config *const c = &p->model->config;
    bnt_walk *const learners[] = {&r->was, &r->is};

    r->mid_was = bnt_calloc(p->learn.n, c->n_embd * sizeof *r->mid_was);
    r->mid = bnt_calloc(p->sequence, c->n_embd * sizeof *r->mid);
    r->wanted = bnt_calloc(p->sequence, c->n_embd * sizeof *r->wanted);
    if (!r->mid_was || !r->mid || !r->wanted) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for the states of %zu tokens",
                        p->learn.n);
    }
    bantam_status status = open_stage(r, &r->o, err);
    if (!status) status = open_stage(r, &r->down, err);
    for (int i = 0; !status && i < 2; i++) {
        status = bnt_walk_begin(learners[i], p->model, p->pool, p->learn.tokens, p->learn.n,
                                p->sequence, err);
    }
    for (int v = 0; !status && v < BNT_PRUNE_VARIANTS; v++) {
        if (v == BNT_PRUNE_HEALED && !r->heals) continue;
        status = bnt_walk_begin(&r->test[v], p->model, p->pool, p->test.tokens, p->test.n,
                                p->sequence, err);
    }
    return status;
}

bantam_status bnt_prune_layers(bnt_pruning *p, bantam_error *err)
{
    const bnt_config *const c = &p->model->config, *const now = &p->edit.config;
    const uint32_t unit = c->n_heads / c->n_kv_heads * c->head_dim;
    pruner r = {
        .p = p,
        .o = {.place = BNT_PLACE_O,
              .unit = unit,
              .n_units = c->n_kv_heads,
              .n_kept = now->n_kv_heads},
        .down = {.place = BNT_PLACE_DOWN, .unit = 1, .n_units = c->n_ffn, .n_kept = now->n_ffn},
        .heals = !p->o.no_heal};

    bantam_status status = begin(&r, err);
    for (r.layer = 0; !status && r.layer < c->n_layers; r.layer++) {
        /* Layers left out are walked with the one before them; the first have none. */
        if (!p->dropped[r.layer]) {
            status = prune_layer(&r, err);
        } else if (r.layer == 0) {
            status = lead(&r, err);
        }
    }
    if (!status) status = bnt_prune_measure(p, r.test, err);
    bnt_walk_end(&r.was);
    bnt_walk_end(&r.is);
    for (int v = 0; v < BNT_PRUNE_VARIANTS; v++) {
        bnt_walk_end(&r.test[v]);
    }
    close_stage(&r.o);
    close_stage(&r.down);
    bnt_free(r.mid_was);
    bnt_free(r.mid);
    bnt_free(r.wanted);
    return status;
}
