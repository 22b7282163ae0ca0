/* cmd_fit.c - `bantam fit`: which models this machine can run, what they take, how fast they
 * would be, and which one to begin with. Nothing is loaded and nothing is fetched. */
#include "cli_commands.h"
#include "cli_engine.h"
#include "cli_machine.h"
#include "cli_out.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bantam_text text_of(const char *s)
{
    return (bantam_text){s, strlen(s)};
}

/* ---- for programs ------------------------------------------------------------------------ */

static const char *verdict_name(bantam_verdict verdict)
{
    static const char *const names[] = {"fits", "smaller", "mapped", "no"};
    return names[verdict];
}

static const char *kv_name(bantam_kv kv)
{
    static const char *const names[] = {"f16", "f32", "f16", "q8", "q4"};
    return names[kv];
}

static json_t *json_rate(double rate)
{
    return rate > 0.0 ? cli_json_real(rate) : json_null();
}

static void put_plan(json_t *o, const bantam_plan_info *p)
{
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"planned_bytes", p->total_bytes}, {"weight_bytes", p->weight_bytes},
        {"kv_bytes", p->kv_bytes},         {"scratch_bytes", p->scratch_bytes},
        {"other_bytes", p->other_bytes},   {"context", p->context_tokens},
        {"batch", p->batch_tokens},        {"threads", p->n_threads},
    };

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        json_object_set_new(o, numbers[i].name, json_integer((json_int_t)numbers[i].value));
    }
    json_object_set_new(o, "kv", json_string(kv_name(p->kv)));
}

static json_t *json_model(const bantam_fit_model *m)
{
    json_t *o = json_pack("{s:o,s:s,s:b,s:b,s:I,s:I,s:I}", "model",
                          cli_json_text(text_of(m->name)), "type", m->type, "here", m->here,
                          "gated", m->gated, "params", (json_int_t)m->n_params, "file_bytes",
                          (json_int_t)m->file_bytes, "disk_bytes", (json_int_t)m->disk_bytes);

    put_plan(o, &m->plan);
    json_object_set_new(o, "decode_tok_s_estimate", json_rate(m->decode_tok_s));
    json_object_set_new(o, "prefill_tok_s_estimate", json_rate(m->prefill_tok_s));
    json_object_set_new(o, "fits", json_boolean(m->verdict == BANTAM_FITS));
    json_object_set_new(o, "verdict", json_string(verdict_name(m->verdict)));
    json_object_set_new(o, "why", cli_json_text(text_of(m->why)));
    return o;
}

static void put_json(const bantam_fit *fit)
{
    const bantam_device_speed *speed = bantam_fit_speed(fit);
    const bantam_fit_model *best = bantam_fit_recommended(fit);
    json_t *device = cli_machine_json(bantam_fit_machine(fit));
    json_t *models = json_array();

    json_object_set_new(device, "measured_threads", json_integer((json_int_t)speed->n_threads));
    json_object_set_new(device, "bandwidth_gb_s", json_rate(speed->read_gb_s));
    json_object_set_new(device, "int8_peak_gops", json_rate(speed->int8_gops));
    json_object_set_new(device, "fp32_peak_gflops", json_rate(speed->fp32_gflops));
    for (size_t i = 0; i < bantam_fit_n_models(fit); i++) {
        json_array_append_new(models, json_model(bantam_fit_model_at(fit, i)));
    }
    cli_put_json(json_pack("{s:o,s:o,s:o}", "device", device, "models", models, "recommended",
                           best ? json_model(best) : json_null()));
}

/* ---- for people -------------------------------------------------------------------------- */

typedef struct table {
    const bantam_fit_model **rows; /* (n) */
    size_t n;
    int name_width;
} table;

/* Of models that differ in what they were taught alone one stands for all, and of types those
 * that `bantam pull` has the shortest names for. */
static bool stands_for(const bantam_fit_model *a, const bantam_fit_model *b)
{
    return a->n_params == b->n_params && strcmp(a->type, b->type) == 0 && !a->here && !b->here;
}

static bool is_usual(const bantam_fit_model *m)
{
    return m->here || (strcmp(m->type, "Q8_0") != 0 && strcmp(m->type, "Q4_0") != 0);
}

static void add_row(table *t, const bantam_fit_model *m, bool all)
{
    if (!all && !is_usual(m)) return;
    for (size_t i = 0; i < t->n && !all; i++) {
        if (!stands_for(m, t->rows[i])) continue;
        if (m->chat && !t->rows[i]->chat) t->rows[i] = m;
        return;
    }
    t->rows[t->n++] = m;
}

static int by_size(const void *a, const void *b)
{
    const bantam_fit_model *x = *(const bantam_fit_model *const *)a;
    const bantam_fit_model *y = *(const bantam_fit_model *const *)b;

    if (x->n_params != y->n_params) return x->n_params < y->n_params ? -1 : 1;
    const int names = strcmp(x->name, y->name);
    if (x->plan.weight_bytes != y->plan.weight_bytes)
        return x->plan.weight_bytes > y->plan.weight_bytes ? -1 : 1;
    return names;
}

static void put_rate(double rate)
{
    if (rate <= 0.0)
        cli_printf("%9s", "-");
    else
        cli_printf("%9.*f", rate < 9.95 ? 1 : 0, rate);
}

static void put_row(const table *t, const bantam_fit_model *m, bool best, bool reasons)
{
    const int gap = t->name_width - (int)strlen(m->name);

    cli_printf("%s ", best ? "*" : " ");
    cli_put_text(text_of(m->name));
    cli_printf("%*s  %-4s", gap > 0 ? gap : 0, "", *m->type ? m->type : "-");
    if (m->plan.total_bytes > 0) {
        cli_printf("%9s%9s", cli_size_of(m->file_bytes).text,
                   cli_size_of(m->plan.total_bytes).text);
    } else {
        cli_printf("%9s%9s", "-", "-");
    }
    put_rate(m->decode_tok_s);
    put_rate(m->prefill_tok_s);
    cli_printf("  %s", m->verdict == BANTAM_FITS ? "fits" : "");
    if (m->verdict != BANTAM_FITS || reasons) {
        cli_printf("%s", m->verdict == BANTAM_FITS ? ": " : "");
        cli_put_text(text_of(m->why));
    }
    cli_printf("%s\n", m->here ? ", here" : m->gated ? ", gated" : "");
}

static void put_table(const bantam_fit *fit, const cli_args *args)
{
    const size_t n = bantam_fit_n_models(fit);
    const bantam_fit_model *best = bantam_fit_recommended(fit);
    const bool all = args->verbose || args->n_words > 0;
    table t = {.rows = cli_grow(NULL, n ? n : 1, sizeof *t.rows), .name_width = 5};

    for (size_t i = 0; i < n; i++) {
        add_row(&t, bantam_fit_model_at(fit, i), all);
    }
    for (size_t i = 0; i < t.n; i++) {
        const int width = (int)strlen(t.rows[i]->name);
        if (width > t.name_width && width <= 60) t.name_width = width;
    }
    qsort(t.rows, t.n, sizeof *t.rows, by_size);
    cli_printf("  %-*s  %-4s%9s%9s%9s%9s\n", t.name_width, "model", "type", "file", "memory",
               "decode/s", "prompt/s");
    for (size_t i = 0; i < t.n; i++) {
        put_row(&t, t.rows[i], t.rows[i] == best, all);
    }
    free(t.rows);
    if (best) {
        cli_printf("\n* begin with: bantam %s ", best->here ? "run" : "pull");
        cli_put_text(text_of(best->name));
        cli_put("\n", 1);
    } else {
        cli_printf("\nnone fits with room to spare and makes ten tokens a second\n");
    }
}

static void put_plain(const bantam_fit *fit, const cli_args *args)
{
    const bantam_device_speed *s = bantam_fit_speed(fit);

    cli_machine_put(bantam_fit_machine(fit));
    cli_printf("speed       %" PRIu32 " thread%s read %.1f GB/s, %.0f GOPS in 8 bits, %.0f "
               "GFLOPS\n\n",
               s->n_threads, s->n_threads == 1 ? "" : "s", s->read_gb_s, s->int8_gops,
               s->fp32_gflops);
    put_table(fit, args);
}

int cli_fit(const cli_args *args)
{
    bantam_session_options session = cli_session_options(args, 0);
    bantam_fit_options o = {.struct_size = sizeof o,
                            .models = args->words,
                            .n_models = args->n_words,
                            .cpu = args->cpu,
                            .session = &session};
    bantam_error err = {0};
    bantam_fit *fit = NULL;

    if (!cli_args_given(args, "kv")) session.kv = BANTAM_KV_DEFAULT;
    if (bantam_fit_open(&fit, &o, &err)) return cli_fail(&err);
    if (args->json)
        put_json(fit);
    else
        put_plain(fit, args);
    bantam_fit_close(fit);
    return CLI_OK;
}
