/* quantize_plan.c - options to types, tensor by tensor. */
#include "compress/quantize_plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

/* ---- types ------------------------------------------------------------------------------- */

static const bnt_type_id SMALL[] = {
    BNT_TYPE_B4,   BNT_TYPE_B8,   BNT_TYPE_B6,   BNT_TYPE_B5,   BNT_TYPE_B3,   BNT_TYPE_B2,
    BNT_TYPE_Q8_0, BNT_TYPE_Q4_0, BNT_TYPE_Q4_K, BNT_TYPE_Q5_K, BNT_TYPE_Q6_K, BNT_TYPE_IQ4_NL};
static const bnt_type_id FLOATS[] = {BNT_TYPE_F16, BNT_TYPE_BF16, BNT_TYPE_F32};

static bool is_among(const bnt_type *type, const bnt_type_id *ids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (type->id == ids[i]) return true;
    }
    return false;
}

static bantam_status read_type(const char *name, const bnt_type *fallback, bool floats_too,
                               const bnt_type **out, bantam_error *err)
{
    *out = name ? bnt_type_named(name) : fallback;
    const bnt_type *const found = *out;
    if (found && is_among(found, SMALL, sizeof SMALL / sizeof *SMALL)) return BANTAM_OK;
    if (found && floats_too && is_among(found, FLOATS, sizeof FLOATS / sizeof *FLOATS)) {
        return BANTAM_OK;
    }
    return bnt_fail(
        err, BANTAM_ERR_INVALID,
        "type %s: expected one of B4, B8, B6, B5, B3, B2, Q8_0, Q4_0, Q4_K, Q5_K, Q6_K, "
        "IQ4_NL%s",
        name, floats_too ? ", F16, BF16, F32" : "");
}

/* Rows that are no whole number of blocks of 256 get a type of blocks of 32 with no fewer bits,
 * and what is no whole number of these either stays halves. */
static const bnt_type *fitting(const bnt_type *type, uint64_t columns)
{
    static const bnt_type_id instead[][2] = {{BNT_TYPE_Q4_K, BNT_TYPE_IQ4_NL},
                                             {BNT_TYPE_Q5_K, BNT_TYPE_Q8_0},
                                             {BNT_TYPE_Q6_K, BNT_TYPE_Q8_0}};
    for (size_t i = 0; columns % type->block_values && i < 3; i++) {
        if (type->id == instead[i][0]) type = bnt_type_find(instead[i][1]);
    }
    return columns % type->block_values ? bnt_type_find(BNT_TYPE_F16) : type;
}

void bnt_quantize_assign(bnt_quantize_step *step, const bnt_type *type)
{
    const bnt_source_tensor *const t = step->tensor;
    step->wanted = type;
    if (type) {
        step->to = fitting(type, t->dims[0]);
    } else {
        step->to = t->n_dims < 2 ? bnt_type_find(BNT_TYPE_F32) : t->type;
    }
    step->bytes = 0;
    bnt_type_bytes(step->to, bnt_source_rows(t), t->dims[0], &step->bytes);
}

bool bnt_quantize_is_copy(const bnt_quantize_step *step)
{
    const bnt_source_tensor *const t = step->tensor;
    return t->type == step->to && !t->head_dim && bnt_source_is_stored(t);
}

/* ---- roles ------------------------------------------------------------------------------- */

static bool is_matrix(const bnt_source_tensor *t)
{
    bool flat = t->n_dims >= 2;
    for (uint32_t d = 2; d < t->n_dims; d++) {
        flat = flat && t->dims[d] == 1;
    }
    return flat;
}

/* blk.12.attn_q.weight: which layer, and which matrix of it. Matrices outside of layers,
 * embedding and head (of an image encoder, say) stay what they are. */
static void find_role(bnt_quantize_step *step, bool tied)
{
    const bnt_names *const names = bnt_names_at(0);
    const char *const name = step->tensor->name;
    const size_t prefix = strlen(names->layer);
    char *end;

    step->place = BNT_PLACES;
    if (!is_matrix(step->tensor)) return;
    if (strcmp(name, names->embed) == 0) {
        step->role = tied ? BNT_ROLE_HEAD : BNT_ROLE_EMBEDDING;
    } else if (strcmp(name, names->head) == 0) {
        step->role = BNT_ROLE_HEAD;
    } else if (strncmp(name, names->layer, prefix) == 0) {
        const unsigned long layer = strtoul(name + prefix, &end, 10);
        step->role = BNT_ROLE_LAYER;
        step->layer = layer < BNT_MAX_LAYERS ? (uint32_t)layer : BNT_MAX_LAYERS;
        for (int p = 0; *end == '.' && p < BNT_PLACES; p++) {
            if (strcmp(end + 1, names->matrices[p]) == 0) step->place = (bnt_place)p;
        }
    }
}

/* Layers by their number, the head behind them, all else before. */
static uint64_t turn(const bnt_quantize_step *step)
{
    switch (step->role) {
    case BNT_ROLE_LAYER:
        return 1 + (uint64_t)step->layer;
    case BNT_ROLE_HEAD:
        return UINT64_MAX;
    default:
        return 0;
    }
}

static int by_turn(const void *a, const void *b)
{
    const bnt_quantize_step *const x = a, *const y = b;
    const uint64_t x_turn = turn(x), y_turn = turn(y);
    if (x_turn != y_turn) return x_turn < y_turn ? -1 : 1;
    return x->tensor < y->tensor ? -1 : x->tensor > y->tensor; /* as the source has them */
}

/* ---- options ----------------------------------------------------------------------------- */

/* Whether a name is of the form of a pattern, in which * stands for any run of characters and ?
 * for any one. */
static bool matches(const char *pattern, const char *name)
{
    const char *star = NULL, *resume = NULL;
    while (*name) {
        if (*pattern == '*') {
            star = ++pattern;
            resume = name;
        } else if (*pattern == '?' || *pattern == *name) {
            pattern++;
            name++;
        } else if (star) {
            pattern = star;
            name = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return !*pattern;
}

/* PATTERN=TYPE for every matrix of that name. */
static bantam_status apply_rule(bnt_quantize_plan *p, const char *rule, bantam_error *err)
{
    const char *const equals = strrchr(rule, '=');
    const bnt_type *type;
    bool any = false;

    if (!equals || equals == rule) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "tensor rule %s: expected PATTERN=TYPE, as in blk.*.ffn_down.weight=B8",
                        rule);
    }
    bantam_status status = read_type(equals + 1, NULL, true, &type, err);
    if (status) return bnt_fail_within(err, status, "tensor rule %s: ", rule);
    char *const pattern = bnt_strdup(rule, (size_t)(equals - rule));
    if (!pattern) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a tensor rule");
    for (size_t i = 0; i < p->n_steps; i++) {
        bnt_quantize_step *const step = &p->steps[i];
        if (!is_matrix(step->tensor) || !matches(pattern, step->tensor->name)) continue;
        bnt_quantize_assign(step, type);
        step->chosen = true;
        any = true;
    }
    bnt_free(pattern);
    if (any) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_INVALID,
                    "tensor rule %s: no matrix of the model has such a name", rule);
}

static bantam_status assign_types(bnt_quantize_plan *p, const bantam_quantize_options *o,
                                  bantam_error *err)
{
    const bnt_type *embedding, *output;
    bantam_status status = read_type(o->type, bnt_type_find(BNT_TYPE_B4), false, &p->type, err);
    if (status) return status;

    /* Few bits cost most where the embedding serves as the head, too. */
    const bool own = p->type->tile != NULL;
    const bnt_type *const eight = bnt_type_find(own ? BNT_TYPE_B8 : BNT_TYPE_Q8_0);
    status = read_type(o->embedding, eight, true, &embedding, err);
    if (!status) status = read_type(o->output, eight, true, &output, err);
    for (size_t i = 0; !status && i < p->n_steps; i++) {
        bnt_quantize_step *const step = &p->steps[i];
        const bnt_type *const types[] = {NULL, embedding, p->type,
                                         p->tied ? embedding : output};
        bnt_quantize_assign(step, types[step->role]);
    }
    for (size_t i = 0; !status && i < o->n_tensors; i++) {
        status = apply_rule(p, o->tensors[i], err);
    }
    return status;
}

static bantam_status check_plan(const bnt_quantize_plan *p, const bantam_quantize_options *o,
                                bantam_error *err)
{
    bool any = false;
    for (size_t i = 0; i < p->n_steps; i++) {
        any = any || p->steps[i].wanted;
    }
    if (!any) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "none of the %zu tensors is a matrix of a layer, an embedding or a "
                        "head: there is nothing to quantize",
                        p->n_steps);
    }
    if (o->output && p->tied) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "type %s for the output: the model has no output matrix, its embedding "
                        "serves as one",
                        o->output);
    }
    return BANTAM_OK;
}

bantam_status bnt_quantize_plan_init(bnt_quantize_plan *p, const bnt_source *source,
                                     const bantam_quantize_options *options, bool by_layers,
                                     bantam_error *err)
{
    *p = (bnt_quantize_plan){.n_steps = source->n_tensors, .tied = true};
    p->steps = bnt_calloc(p->n_steps, sizeof *p->steps);
    if (!p->steps) {
        *p = (bnt_quantize_plan){0};
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a plan of %zu tensors",
                        source->n_tensors);
    }
    for (size_t i = 0; i < p->n_steps; i++) {
        if (strcmp(source->tensors[i].name, bnt_names_at(0)->head) == 0) p->tied = false;
    }
    for (size_t i = 0; i < p->n_steps; i++) {
        p->steps[i].tensor = &source->tensors[i];
        p->steps[i].loss = p->steps[i].price = NAN;
        find_role(&p->steps[i], p->tied);
    }
    if (by_layers) qsort(p->steps, p->n_steps, sizeof *p->steps, by_turn);
    bantam_status status = assign_types(p, options, err);
    if (!status) status = check_plan(p, options, err);
    if (status) bnt_quantize_plan_deinit(p);
    return status;
}

void bnt_quantize_plan_deinit(bnt_quantize_plan *p)
{
    for (size_t i = 0; i < p->n_steps; i++) {
        bnt_free(p->steps[i].weights);
        bnt_free(p->steps[i].made);
    }
    bnt_free(p->steps);
    *p = (bnt_quantize_plan){0};
}
