/* quantize_budget.c - which tensor gets which type where the file must not be larger than so
 * many bytes.
 *
 * How much a tensor matters is measured: each one alone goes to the fewest bits there are, and
 * the divergence of what the model then says from what it says as it is (KL, on the first of
 * the calibration text) is its price. Other types cost in proportion to the squared error they
 * leave on some of its rows. Then everything begins at the fewest bits, and the step up that
 * buys most for its bytes is taken as long as there is one that still fits.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "compress/quantize_parts.h"
#include "model/forward.h"
#include "model/weights.h"
#include "quant/tile.h"

enum {
    MAX_CHOICES = 6,
    SAMPLE_ROWS = 256,  /* that errors of types are measured on */
    LEAST_TOKENS = 256, /* that a tensor is measured with */
    MOST_TOKENS = 4096
};

/* Multiply-adds that all measurements together may take, about. */
static const double WORK = 2e12;

typedef struct choice {
    const bnt_type *type;
    uint64_t bytes; /* of the tensor, padded */
    double price;   /* nats */
} choice;

typedef struct item {
    bnt_quantize_step *step;
    choice choices[MAX_CHOICES]; /* by bytes */
    size_t n, at;
} item;

typedef struct measuring {
    bnt_quantizer *q;
    bnt_cache cache;   /* owns */
    bnt_arena scratch; /* owns */
    float *logits;     /* (sequence, n_vocab) owns */
    float *reference;  /* (n_tokens, n_vocab) owns: logs of probabilities */
    uint32_t n_tokens; /* whole sequences */
    atomic_int cancel;
} measuring;

/* ---- one model against another ----------------------------------------------------------- */

static void log_softmax(float *x, uint32_t n)
{
    float largest = x[0];
    double sum = 0.0;
    for (uint32_t i = 1; i < n; i++) {
        largest = x[i] > largest ? x[i] : largest;
    }
    for (uint32_t i = 0; i < n; i++) {
        sum += (double)bnt_expf(x[i] - largest);
    }
    const float norm = largest + (float)log(sum);
    for (uint32_t i = 0; i < n; i++) {
        x[i] -= norm;
    }
}

/* Sum of p (ln p - ln q). */
static double divergence(const float *p, const float *q, uint32_t n)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < n; i++) {
        sum += (double)bnt_expf(p[i]) * ((double)p[i] - (double)q[i]);
    }
    return sum;
}

typedef struct row_task {
    measuring *m;
    uint32_t first;
    bool keep; /* as the reference, in place of being held against it */
    double *sums;
} row_task;

static void compare_row(void *context, size_t i, uint32_t thread)
{
    const row_task *const t = context;
    const uint32_t n = t->m->q->model->config.n_vocab;
    float *const row = t->m->logits + i * n, *const kept = t->m->reference + (t->first + i) * n;
    (void)thread;
    log_softmax(row, n);
    if (t->keep) {
        memcpy(kept, row, n * sizeof *row);
    } else {
        t->sums[i] = divergence(kept, row, n);
    }
}

/* Layers of a large model take long: it is asked before each whether to go on. */
static void look_at_caller(void *user, uint32_t layer, bnt_place place, uint32_t n,
                           const float *rows)
{
    measuring *const m = user;
    (void)layer;
    (void)n;
    (void)rows;
    if (place == BNT_PLACE_Q && bnt_quantize_tell(m->q, NULL)) m->cancel = 1;
}

/* Mean divergence of the model as it is now; or what it says is kept. */
static bantam_status speak(measuring *m, bool keep, double *kl, bantam_error *err)
{
    bnt_quantizer *const q = m->q;
    const uint32_t sequence = q->text.sequence;
    double *const sums = bnt_calloc(sequence, sizeof *sums);
    bantam_status status = BANTAM_OK;
    const bnt_forward f = {.model = q->model,
                           .kv = &m->cache.kv,
                           .pool = q->pool,
                           .scratch = &m->scratch,
                           .cancel = &m->cancel,
                           .tap = look_at_caller,
                           .user = m};

    *kl = 0.0;
    if (!sums) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a row of sums");
    bnt_weights_survey(q->model);
    for (uint32_t at = 0; !status && at < m->n_tokens; at += sequence) {
        row_task t = {m, at, keep, sums};
        status = bnt_forward_run(&f, q->text.tokens + at, sequence, 0, (bnt_span){0, sequence},
                                 m->logits, sequence, err);
        if (status) break;
        bnt_pool_run(q->pool, compare_row, &t, sequence);
        for (uint32_t i = 0; i < sequence; i++) {
            *kl += sums[i] / m->n_tokens;
        }
    }
    bnt_free(sums);
    return status;
}

static bantam_status begin_measuring(measuring *m, bnt_quantizer *q, size_t n_items,
                                     bantam_error *err)
{
    const uint32_t sequence = q->text.sequence, n_vocab = q->model->config.n_vocab;
    const double most = WORK / (double)q->model->n_params / (double)(n_items + 1);
    const double wanted = fmin(fmax(most, LEAST_TOKENS), MOST_TOKENS);
    const size_t n = wanted < (double)q->text.n_tokens ? (size_t)wanted : q->text.n_tokens;
    bnt_model any = *q->model;
    double none;

    any.forms = BNT_FORM_TILES | BNT_FORM_FLOATS | BNT_FORM_DECODED;
    *m = (measuring){.q = q};
    m->n_tokens = (uint32_t)(n < sequence ? sequence : n / sequence * sequence);
    bantam_status status =
        bnt_cache_init(&m->cache, &q->model->config, BANTAM_KV_F32, sequence, sequence, err);
    if (!status) {
        const uint32_t n_threads = bnt_pool_threads(q->pool);
        const size_t bytes = bnt_forward_cost(&any, sequence, sequence, n_threads);
        status = bnt_arena_init(&m->scratch, bytes, err);
    }
    if (status) return status;
    m->logits = bnt_calloc(sequence, n_vocab * sizeof *m->logits);
    m->reference = bnt_calloc(m->n_tokens, n_vocab * sizeof *m->reference);
    if (!m->logits || !m->reference) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for the logits of %u tokens",
                        (unsigned)m->n_tokens);
    }
    return speak(m, true, &none, err);
}

static void end_measuring(measuring *m)
{
    bnt_cache_deinit(&m->cache);
    bnt_arena_deinit(&m->scratch);
    bnt_free(m->logits);
    bnt_free(m->reference);
}

/* ---- prices ------------------------------------------------------------------------------ */

static bantam_status put_nowhere(void *user, const uint8_t *data, size_t size,
                                 bantam_error *err)
{
    (void)user;
    (void)data;
    (void)size;
    (void)err;
    return BANTAM_OK;
}

/* The matrix of the model that a step is about; where the head is the embedding there are two
 * to be exchanged. */
static bnt_matrix *matrix_of(bnt_model *model, const bnt_quantize_step *step)
{
    if (step->role == BNT_ROLE_EMBEDDING) return &model->embed;
    if (step->role == BNT_ROLE_HEAD) return &model->head;
    bnt_layer *const l = &model->layers[step->layer];
    bnt_matrix *const places[BNT_PLACES] = {&l->q,    &l->k,  &l->v,   &l->o,
                                            &l->gate, &l->up, &l->down};
    return places[step->place];
}

/* What the model loses with this matrix alone in its fewest bits. Rows are taken as the model
 * has them, for it is the model that computes with them. */
static bantam_status measure_least(measuring *m, item *it, bantam_error *err)
{
    bnt_quantizer *const q = m->q;
    bnt_matrix *const matrix = matrix_of(q->model, it->step);
    const bnt_matrix before = *matrix, embedding = q->model->embed;
    bnt_source_tensor rows = *it->step->tensor;
    bnt_quantize_step step = *it->step;

    rows.head_dim = 0;
    step.tensor = &rows;
    bnt_quantize_assign(&step, it->choices[0].type);
    uint8_t *const data = bnt_alloc((size_t)step.bytes), *to = data;
    if (!data) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %s", rows.name);
    bantam_status status = bnt_row_maker_run(&q->rows, &step, bnt_put_memory, &to, err);
    if (!status) {
        *matrix = (bnt_matrix){.type = step.to,
                               .data = data,
                               .rows = before.rows,
                               .columns = before.columns,
                               .row_bytes = (size_t)step.bytes /
                                            bnt_matrix_strips(step.to, before.rows)};
        if (it->step->role == BNT_ROLE_HEAD && q->plan.tied) q->model->embed = *matrix;
        status = speak(m, false, &it->choices[0].price, err);
    }
    *matrix = before;
    q->model->embed = embedding;
    bnt_weights_survey(q->model);
    bnt_free(data);
    return status;
}

/* The other types in proportion to the error they leave on the first rows. */
static bantam_status price_others(bnt_quantizer *q, item *it, bantam_error *err)
{
    double least = 0.0;
    bantam_status status = BANTAM_OK;

    for (size_t i = 0; !status && i < it->n; i++) {
        bnt_source_tensor some = *it->step->tensor;
        bnt_quantize_step step = *it->step;
        if (some.dims[1] > SAMPLE_ROWS) some.dims[1] = SAMPLE_ROWS;
        step.tensor = &some;
        bnt_quantize_assign(&step, it->choices[i].type);
        status = bnt_row_maker_run(&q->rows, &step, put_nowhere, NULL, err);
        if (i == 0) least = step.error;
        const double share = least > 0.0 ? step.error / least : 0.0;
        it->choices[i].price = it->choices[0].price * share;
    }
    return status;
}

/* ---- candidates -------------------------------------------------------------------------- */

static uint64_t padded(uint64_t bytes, bool own)
{
    const uint64_t line = own ? BNT_TILE_LINE : 32;
    return (bytes + line - 1) / line * line;
}

/* Types of the family that fit, by bytes, each once. */
static void list_choices(item *it, bool own)
{
    static const bnt_type_id tiles[] = {BNT_TYPE_B2, BNT_TYPE_B3, BNT_TYPE_B4,
                                        BNT_TYPE_B5, BNT_TYPE_B6, BNT_TYPE_B8};
    static const bnt_type_id flat[] = {BNT_TYPE_IQ4_NL, BNT_TYPE_Q4_K, BNT_TYPE_Q5_K,
                                       BNT_TYPE_Q6_K, BNT_TYPE_Q8_0};
    const size_t n = own ? sizeof tiles / sizeof *tiles : sizeof flat / sizeof *flat;

    for (size_t i = 0; i < n; i++) {
        bnt_quantize_step step = *it->step;
        bnt_quantize_assign(&step, bnt_type_find(own ? tiles[i] : flat[i]));
        const uint64_t bytes = padded(step.bytes, own);
        if (it->n && it->choices[it->n - 1].bytes >= bytes) continue;
        it->choices[it->n++] = (choice){step.to, bytes, 0.0};
    }
}

/* ---- the choice -------------------------------------------------------------------------- */

/* The step up that buys most for its bytes among those that fit into what is left; false where
 * there is none. */
static bool step_up(item *items, size_t n_items, uint64_t *left)
{
    item *best = NULL;
    size_t best_at = 0;
    double most = 0.0;

    for (size_t i = 0; i < n_items; i++) {
        item *const it = &items[i];
        const choice *const now = &it->choices[it->at];
        for (size_t k = it->at + 1; k < it->n; k++) {
            const uint64_t more = it->choices[k].bytes - now->bytes;
            const double rate = (now->price - it->choices[k].price) / (double)more;
            if (more > *left || rate <= most) continue;
            best = it;
            best_at = k;
            most = rate;
        }
    }
    if (!best) return false;
    *left -= best->choices[best_at].bytes - best->choices[best->at].bytes;
    best->at = best_at;
    return true;
}

static bool is_candidate(const bnt_quantizer *q, const bnt_quantize_step *step)
{
    if (!step->wanted || step->chosen) return false;
    if (step->role == BNT_ROLE_EMBEDDING) return !q->options.embedding;
    if (step->role == BNT_ROLE_HEAD) {
        return q->plan.tied ? !q->options.embedding : !q->options.output;
    }
    return step->place != BNT_PLACES && step->layer < q->model->config.n_layers;
}

/* By that type the file is called. */
void bnt_quantize_name_type(bnt_quantize_plan *p)
{
    uint64_t most = 0;
    for (size_t i = 0; i < p->n_steps; i++) {
        uint64_t n = 0;
        for (size_t k = 0; k < p->n_steps; k++) {
            const bnt_source_tensor *const t = p->steps[k].tensor;
            if (p->steps[k].to == p->steps[i].to) n += bnt_source_rows(t) * t->dims[0];
        }
        if (n <= most || !p->steps[i].wanted) continue;
        most = n;
        p->type = p->steps[i].to;
    }
}

/* How many bytes the budget leaves over the smallest types. */
static bantam_status count_left(const bnt_quantizer *q, const item *items, size_t n_items,
                                uint64_t rest, uint64_t *left, bantam_error *err)
{
    uint64_t least = rest;
    for (size_t i = 0; i < n_items; i++) {
        least += items[i].choices[0].bytes;
    }
    if (least > q->options.budget_bytes) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "budget of %llu bytes: the smallest file of these types has %llu",
                        (unsigned long long)q->options.budget_bytes, (unsigned long long)least);
    }
    *left = q->options.budget_bytes - least;
    return BANTAM_OK;
}

static void choose(bnt_quantizer *q, item *items, size_t n_items, uint64_t left)
{
    while (step_up(items, n_items, &left)) {
    }
    for (size_t i = 0; i < n_items; i++) {
        const choice *const chosen = &items[i].choices[items[i].at];
        bnt_quantize_assign(items[i].step, chosen->type);
        items[i].step->price = chosen->price;
    }
    bnt_quantize_name_type(&q->plan);
}

static bantam_status measure_items(bnt_quantizer *q, item *items, size_t n_items,
                                   bantam_error *err)
{
    measuring m;
    q->total = n_items;
    q->done = 0;
    bantam_status status = begin_measuring(&m, q, n_items, err);

    for (size_t i = 0; !status && i < n_items; i++) {
        /* Unless an earlier run has measured it. */
        double *const price = &items[i].step->price;
        if (isnan(*price)) {
            status = measure_least(&m, &items[i], err);
            if (!status) *price = items[i].choices[0].price;
        }
        items[i].choices[0].price = *price;
        if (!status) status = price_others(q, &items[i], err);
        q->done = i + 1;
        if (!status) status = bnt_quantize_tell(q, err);
        if (!status) status = bnt_part_save(q, BNT_PART_PRICES, 0, false, err);
    }
    end_measuring(&m);
    return status;
}

bantam_status bnt_quantize_fit(bnt_quantizer *q, uint64_t header_bytes, bantam_error *err)
{
    const bool own = q->plan.type->tile != NULL;
    item *const items = bnt_calloc(q->plan.n_steps, sizeof *items);
    uint64_t rest = header_bytes;
    size_t n = 0;

    if (!items) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for candidates");
    for (size_t i = 0; i < q->plan.n_steps; i++) {
        bnt_quantize_step *const step = &q->plan.steps[i];
        if (is_candidate(q, step)) {
            items[n].step = step;
            list_choices(&items[n++], own);
        } else {
            rest += padded(step->bytes, true);
        }
    }
    /* Scratch for the largest of them. */
    for (size_t i = 0; i < n; i++) {
        bnt_quantize_assign(items[i].step, items[i].choices[items[i].n - 1].type);
    }
    uint64_t left = 0;
    bantam_status status = count_left(q, items, n, rest, &left, err);
    if (!status) status = bnt_row_maker_init(&q->rows, q->pool, &q->plan, err);
    if (!status) status = measure_items(q, items, n, err);
    bnt_row_maker_deinit(&q->rows);
    if (!status) choose(q, items, n, left);
    bnt_free(items);
    return status;
}
