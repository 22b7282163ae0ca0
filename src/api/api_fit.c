/* api_fit.c - models held against a machine: which ones there are, in which types, and which of
 * them to begin with. What a session takes is room.c's, how fast it is rate.c's. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "api/rate.h"
#include "api/room.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/options.h"
#include "format/builtin.h"
#include "format/locate.h"
#include "model/pack.h"
#include "model/sketch.h"
#include "store/store.h"

#include <limits.h>

#ifndef PATH_MAX
#define PATH_MAX 4096
#endif

/* The types that weights are published in and that are made here, from most bits to fewest. */
static const char *const forms[] = {"", "q8_0", "b8", "q4_0", "b4"};
enum { N_FORMS = sizeof forms / sizeof forms[0] };

typedef struct judged {
    bantam_fit_model model;
    char *name, *type; /* owns: what the model's texts point to */
    bool comfortable;
    unsigned bits; /* of a weight in the layers, scales left out of account */
} judged;

struct bantam_fit {
    bantam_fit_options options; /* those of lists and texts are gone after open */
    bantam_session_options session;
    unsigned cpu_flags;
    bantam_machine machine;
    bantam_device_speed speed;
    bnt_store store; /* owns */
    judged *models;  /* (capacity) owns */
    size_t n, capacity;
};

/* ---- one model --------------------------------------------------------------------------- */

/* Whole bits: codes of one size have scales of different ones. */
static unsigned bits_of(const bnt_model *m)
{
    const bnt_matrix *const w = &m->layers[0].gate;
    const uint64_t bytes = (uint64_t)w->row_bytes * bnt_matrix_strips(w->type, w->rows);
    return (unsigned)(8 * bytes / ((uint64_t)w->rows * w->columns));
}

/* Fills in what planning and judging tell. */
static bantam_status judge(const bantam_fit *fit, judged *j, const bnt_room_question *q,
                           bantam_error *err)
{
    bantam_fit_model *const m = &j->model;
    bnt_room room;
    const bantam_status status = bnt_room_find(q, &room, err);
    if (status) return status;

    j->bits = bits_of(q->model);
    m->plan = room.plan;
    m->verdict = room.verdict;
    bnt_room_explain(&room, m->why, sizeof m->why);
    j->comfortable =
        m->verdict == BANTAM_FITS && m->plan.total_bytes <= room.left_bytes / 4 * 3;
    if (m->verdict == BANTAM_FITS || m->verdict == BANTAM_FITS_SMALLER) {
        const uint32_t context = m->plan.context_tokens;
        const bnt_rates rates = bnt_rates_predict(
            q->model, context < BNT_RATE_PROMPT ? context : BNT_RATE_PROMPT, &fit->speed);
        m->decode_tok_s = rates.decode_tok_s;
        m->prefill_tok_s = rates.prefill_tok_s;
    }
    const uint64_t free_bytes = fit->machine.storage_free_bytes;
    if (m->disk_bytes > free_bytes && fit->machine.storage_bytes) {
        const size_t used = strlen(m->why);
        snprintf(m->why + used, sizeof m->why - used,
                 "; to fetch it takes %.1f GB of disk, %.1f are free",
                 (double)m->disk_bytes / 1e9, (double)free_bytes / 1e9);
    }
    return BANTAM_OK;
}

/* A new place at the end of the list, counted only once all went well. */
static bantam_status begin(bantam_fit *fit, judged **out, const char *name, const char *type,
                           bantam_error *err)
{
    judged *const j = &fit->models[fit->n];

    *j = (judged){.name = bnt_strdup(name, strlen(name)),
                  .type = bnt_strdup(type, strlen(type))};
    if (!j->name || !j->type) {
        bnt_free(j->name);
        bnt_free(j->type);
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a list of models");
    }
    fit->n++;
    j->model.name = j->name;
    j->model.type = j->type;
    *out = j;
    return BANTAM_OK;
}

/* A model on this machine, by its file. row may be NULL. */
static bantam_status add_file(bantam_fit *fit, const char *name, const char *path,
                              const bnt_registry_row *row, bantam_error *err)
{
    const bantam_model_options o = {
        .struct_size = sizeof o, .cpu = fit->options.cpu, .describe_only = true};
    bantam_model *model = NULL;
    bantam_model_info info;
    judged *j;
    char type[32];

    bantam_status status = bantam_model_open(&model, path, &o, err);
    if (status) return status;
    bantam_model_describe(model, &info);
    snprintf(type, sizeof type, "%.*s", BNT_TEXT_ARG(info.type));
    status = begin(fit, &j, name, type, err);
    if (!status) {
        j->model.here = true;
        j->model.gated = row && row->gated;
        j->model.chat = row && row->chat;
        j->model.n_params = info.n_params;
        j->model.file_bytes = info.file_bytes;
        const bnt_room_question q = {
            .model = model->weights,
            .tokenizer = model->tokenizer.tokens,
            .mapped_bytes =
                info.file_bytes > info.weight_bytes ? info.file_bytes : info.weight_bytes,
            .session = fit->session,
            .machine = &fit->machine,
        };
        status = judge(fit, j, &q, err);
    }
    bantam_model_close(model);
    return status;
}

/* ---- models of the catalog --------------------------------------------------------------- */

/* As bantam_quantize() chooses. */
static bnt_sketch_types types_made(const bnt_type *made)
{
    const bnt_type *const eight = bnt_type_find(made->tile ? BNT_TYPE_B8 : BNT_TYPE_Q8_0);
    return (bnt_sketch_types){.layers = made,
                              .embedding = eight,
                              .norms = bnt_type_find(BNT_TYPE_F32),
                              .head = eight};
}

/* As published where no form is named. */
static bnt_sketch_types types_of(const bnt_registry_row *row, const char *form)
{
    const bnt_type *const made = bnt_type_named(form);
    if (made) return types_made(made);
    const bnt_type *const all =
        bnt_type_find(row->value_bytes == 4 ? BNT_TYPE_F32 : BNT_TYPE_BF16);
    return (bnt_sketch_types){.layers = all, .embedding = all, .norms = all, .head = all};
}

bantam_status bantam_plan_made(const bantam_model *model, const char *type,
                               const bantam_session_options *options, bantam_plan_info *out,
                               bantam_error *err)
{
    const bnt_type *const made = type ? bnt_type_named(type) : NULL;
    bnt_model *sketch = NULL;

    memset(out, 0, sizeof *out);
    if (!made) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "plan: %s is no type of weights",
                        type ? type : "nothing");
    }
    const bnt_sketch_types types = types_made(made);
    bantam_status status =
        bnt_model_sketch(&sketch, &model->weights->config, &types, bnt_cpu_flags(), err);
    if (!status) {
        bnt_pack_pretend(sketch, false);
        status = bnt_session_plan(sketch, model->tokenizer.tokens, options, out, err);
    }
    bnt_model_close(sketch);
    return status;
}

/* Bytes of tensors: those of the language model, and of what else the repository has, which
 * stays as it was published. */
static uint64_t tensor_bytes(const bnt_registry_row *row, const bnt_model *sketch)
{
    const uint64_t more =
        row->n_params > sketch->n_params ? row->n_params - sketch->n_params : 0;
    return sketch->weight_bytes + more * row->value_bytes;
}

static bantam_status judge_sketch(const bantam_fit *fit, judged *j, const bnt_registry_row *row,
                                  bnt_model *sketch, bool made, bantam_error *err)
{
    bantam_fit_model *const m = &j->model;

    m->gated = row->gated;
    m->chat = row->chat;
    m->n_params = sketch->n_params;
    m->file_bytes = tensor_bytes(row, sketch);
    m->disk_bytes = m->file_bytes + (made ? row->n_params * row->value_bytes : 0);
    bnt_pack_pretend(sketch, false);
    const bnt_room_question q = {
        .model = sketch,
        .tokenizer_bytes = row->tokenizer_bytes,
        .mapped_bytes = m->file_bytes,
        .session = fit->session,
        .machine = &fit->machine,
    };
    return judge(fit, j, &q, err);
}

static bantam_status add_sketch(bantam_fit *fit, const char *name, const bnt_registry_row *row,
                                const char *form, bantam_error *err)
{
    const bnt_shape *const shape = row->shape ? bnt_shape_named(row->shape) : NULL;
    bnt_model *sketch = NULL;
    bnt_config config;
    judged *j;

    if (!shape) {
        const bantam_status status = begin(fit, &j, name, "", err);
        if (status) return status;
        j->model.n_params = row->n_params;
        j->model.verdict = BANTAM_FITS_NOT;
        snprintf(j->model.why, sizeof j->model.why, "%s", row->note ? row->note : "");
        return BANTAM_OK;
    }
    const bnt_sketch_types types = types_of(row, form);
    bantam_status status = bnt_shape_config(shape, &config, err);
    if (!status) status = bnt_model_sketch(&sketch, &config, &types, fit->cpu_flags, err);
    if (!status) status = begin(fit, &j, name, types.layers->name, err);
    if (!status) status = judge_sketch(fit, j, row, sketch, *form != '\0', err);
    bnt_model_close(sketch);
    return status;
}

/* Where the store has the model in that very form; NULL where it has not. */
static const bnt_stored *find_stored(const bantam_fit *fit, const bnt_registry_row *row,
                                     const char *form)
{
    for (size_t i = 0; i < fit->store.n; i++) {
        const bnt_stored *const s = &fit->store.items[i];
        if (!strcasecmp(s->repository, row->repository) && !strcasecmp(s->form, form)) return s;
    }
    return NULL;
}

static bantam_status add_form(bantam_fit *fit, const bnt_registry_row *row, const char *form,
                              bantam_error *err)
{
    char name[BNT_MODEL_NAME_BYTES];

    bnt_registry_name(row->repository, form, name, sizeof name);
    const bnt_stored *const stored = find_stored(fit, row, form);
    if (stored) return add_file(fit, name, stored->path, row, err);
    return add_sketch(fit, name, row, form, err);
}

static bantam_status add_row(bantam_fit *fit, const bnt_registry_row *row, bantam_error *err)
{
    bantam_status status = BANTAM_OK;

    if (!row->repository) return add_sketch(fit, row->name, row, "", err);
    for (size_t i = 0; i < N_FORMS && !status; i++) {
        status = add_form(fit, row, forms[i], err);
    }
    return status;
}

/* ---- models by the name that the caller gives -------------------------------------------- */

static bantam_status add_named(bantam_fit *fit, const char *name, bantam_error *err)
{
    char path[PATH_MAX];
    bnt_named named = {.row = NULL};
    bantam_status status = BANTAM_OK;

    if (bnt_file_is_there(name) || bnt_builtin_is(name)) {
        return add_file(fit, name, name, NULL, err);
    }
    if (!bnt_is_model_path(name)) status = bnt_registry_find(name, &named, err);
    if (status) return status;
    if (named.row && named.made) return add_form(fit, named.row, named.made, err);
    if (named.row && !named.form[0] && !named.file) return add_row(fit, named.row, err);
    status = bantam_locate(name, path, sizeof path, err);
    return status ? status : add_file(fit, name, path, named.row, err);
}

/* ---- the whole --------------------------------------------------------------------------- */

static bantam_status read_options(bantam_fit *fit, const bantam_fit_options *options,
                                  bantam_error *err)
{
    bantam_fit_options *const o = &fit->options;

    bantam_status status = bnt_options_copy(o, sizeof *o, options, "fit options", err);
    if (!status) {
        status = bnt_options_copy(&fit->session, sizeof fit->session, o->session,
                                  "session options", err);
    }
    if (!status) status = bnt_api_cpu_flags(o->cpu, &fit->cpu_flags, err);
    if (status) return status;
    fit->session.struct_size = sizeof fit->session;
    fit->session.adapters = NULL;
    fit->session.adapter_scales = NULL;
    fit->session.n_adapters = 0;
    if (o->machine) {
        fit->machine = *o->machine;
    } else {
        bantam_machine_describe(&fit->machine);
    }
    if (!fit->session.n_threads) fit->session.n_threads = fit->machine.n_threads;
    if (o->speed) {
        fit->speed = *o->speed;
        return BANTAM_OK;
    }
    return bantam_device_measure(o->cpu, fit->session.n_threads, &fit->speed, err);
}

static bantam_status add_all(bantam_fit *fit, bantam_error *err)
{
    const bantam_fit_options *const o = &fit->options;
    const size_t n = o->n_models ? o->n_models : bnt_registry_n();
    bantam_status status = bnt_store_read(&fit->store, err);
    if (status) return status;

    fit->capacity = n * N_FORMS;
    fit->models = bnt_calloc(fit->capacity, sizeof *fit->models);
    if (!fit->models) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a list of models");
    }
    for (size_t i = 0; i < n && !status; i++) {
        status = o->n_models ? add_named(fit, o->models[i], err)
                             : add_row(fit, bnt_registry_at(i), err);
    }
    return status;
}

bantam_status bantam_fit_open(bantam_fit **out, const bantam_fit_options *options,
                              bantam_error *err)
{
    *out = NULL;
    bantam_fit *const fit = bnt_calloc(1, sizeof *fit);
    if (!fit) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a list of models");

    bantam_status status = read_options(fit, options, err);
    if (!status) status = add_all(fit, err);
    if (status) {
        bantam_fit_close(fit);
        return status;
    }
    *out = fit;
    return BANTAM_OK;
}

void bantam_fit_close(bantam_fit *fit)
{
    if (!fit) return;
    for (size_t i = 0; i < fit->n; i++) {
        bnt_free(fit->models[i].name);
        bnt_free(fit->models[i].type);
    }
    bnt_free(fit->models);
    bnt_store_close(&fit->store);
    bnt_free(fit);
}

const bantam_machine *bantam_fit_machine(const bantam_fit *fit)
{
    return &fit->machine;
}

const bantam_device_speed *bantam_fit_speed(const bantam_fit *fit)
{
    return &fit->speed;
}

size_t bantam_fit_n_models(const bantam_fit *fit)
{
    return fit->n;
}

const bantam_fit_model *bantam_fit_model_at(const bantam_fit *fit, size_t index)
{
    return index < fit->n ? &fit->models[index].model : NULL;
}

/* ---- the one to begin with --------------------------------------------------------------- */

static bool is_possible(const bantam_fit *fit, const judged *j)
{
    const double usable_tok_s = 10;
    const bantam_fit_model *const m = &j->model;
    const bool had =
        m->here || (!m->gated && (m->disk_bytes <= fit->machine.storage_free_bytes ||
                                  !fit->machine.storage_bytes));
    return j->comfortable && had && m->decode_tok_s >= usable_tok_s;
}

static bool is_better(const judged *a, const judged *b)
{
    const bantam_fit_model *const x = &a->model, *const y = &b->model;

    if (x->chat != y->chat) return x->chat;
    if (x->n_params != y->n_params) return x->n_params > y->n_params;
    if (a->bits != b->bits) return a->bits > b->bits;
    return x->decode_tok_s > y->decode_tok_s;
}

const bantam_fit_model *bantam_fit_recommended(const bantam_fit *fit)
{
    const judged *best = NULL;
    for (size_t i = 0; i < fit->n; i++) {
        const judged *const j = &fit->models[i];
        if (is_possible(fit, j) && (!best || is_better(j, best))) best = j;
    }
    return best ? &best->model : NULL;
}
