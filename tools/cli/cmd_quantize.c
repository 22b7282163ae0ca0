/* cmd_quantize.c - `bantam quantize`: a model's matrices in fewer bits.
 *
 * The report is gathered while the file is made. Nothing here ends the process before that is
 * done or undone.
 */
#include "cli_commands.h"
#include "cli_engine.h"
#include "cli_out.h"
#include "cli_report.h"
#include "cli_rotate.h"
#include "cli_signal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

typedef struct quantizing {
    json_t *tensors; /* NULL where no report is asked for */
    bool no_memory;  /* for the report */
    bool paged;      /* report is to be written */
    cli_report report;
    time_t began; /* the stage of so much work, and how much of it was done then */
    uint64_t total, before;
    const char *out;
    char method[16];
    uint64_t text_tokens;
    uint64_t n_tensors, n_values, bytes;
    double squared_error, squared_values;
    double divergence; /* sum over the tensors it was measured for, if any */
    bool measured;
} quantizing;

static bool on_progress(void *user, uint64_t done, uint64_t total)
{
    quantizing *q = user;
    const time_t now = time(NULL);
    char what[64] = "quantize";

    if (q->total != total) {
        q->began = now;
        q->total = total;
        q->before = done;
    }
    const double seconds = difftime(now, q->began);
    if (seconds >= 3.0 && done > q->before) {
        snprintf(what, sizeof what, "quantize, %.0f s left,",
                 seconds * (double)(total - done) / (double)(done - q->before));
    }
    cli_progress(what, done, total);
    return !cli_signal_caught() && !q->no_memory;
}

/* What is going to be done; at a terminal, and wherever more is asked for. */
static bool on_plan(void *user, const bantam_quantize_plan *p)
{
    quantizing *q = user;
    char what[160];

    snprintf(q->method, sizeof q->method, "%s", p->method);
    q->text_tokens = p->calibration_tokens;
    snprintf(what, sizeof what,
             "%s, %" PRIu64 " tensors, %" PRIu64 " tokens of text: %.1f MB, about %.0f MB of "
             "memory",
             p->method, p->n_tensors, p->calibration_tokens, (double)p->file_bytes / 1e6,
             (double)p->memory_bytes / 1e6);
    if (cli_err_is_terminal())
        cli_note("%s", what);
    else
        cli_verbose("%s", what);
    if (p->refused) {
        cli_note("what lies beside %s is not gone on with: %s", q->out, p->refused);
    } else if (p->goes_on) {
        cli_note("going on where an earlier run was: %" PRIu64 " of %" PRIu64
                 " tensors are done",
                 p->tensors_done, p->n_tensors);
    }
    return true;
}

static double share(double error, double values)
{
    return values > 0.0 ? error / values : 0.0;
}

/* Only what is known is told. */
static void put_measured(json_t *to, const char *name, double value)
{
    if (!isnan(value)) json_object_set_new(to, name, cli_json_real(value));
}

static void on_tensor(void *user, const bantam_quantized *t)
{
    quantizing *q = user;
    const double nmse = share(t->squared_error, t->squared_values);

    q->n_tensors++;
    q->n_values += t->n_values;
    q->bytes += t->bytes;
    q->squared_error += t->squared_error;
    q->squared_values += t->squared_values;
    if (t->wanted) {
        cli_note("%.*s gets %s: its rows are no whole number of %s blocks", (int)t->name.size,
                 t->name.data, t->type, t->wanted);
    }
    cli_verbose("%.*s: %s to %s, %.3f MB, nmse %.5f", (int)t->name.size, t->name.data, t->from,
                t->type, (double)t->bytes / 1e6, nmse);
    if (q->paged &&
        !cli_report_add(&q->report, t->name, t->type, t->n_values, t->bytes, nmse)) {
        q->no_memory = true;
    }
    if (!q->tensors) return;
    json_t *one = json_pack("{s:o?,s:s,s:s,s:I,s:I,s:f}", "name",
                            json_stringn(t->name.data, t->name.size), "from", t->from, "type",
                            t->type, "values", (json_int_t)t->n_values, "bytes",
                            (json_int_t)t->bytes, "nmse", nmse);
    put_measured(one, "output_loss", t->output_loss);
    put_measured(one, "kl", t->divergence);
    if (!isnan(t->divergence)) {
        q->divergence += t->divergence;
        q->measured = true;
    }
    if (!one || json_array_append_new(q->tensors, one)) q->no_memory = true;
}

static double bits_per_weight(const quantizing *q)
{
    return share(8.0 * (double)q->bytes, (double)q->n_values);
}

static void put_report(quantizing *q, const char *path, double bytes)
{
    json_t *totals =
        json_pack("{s:I,s:I,s:I,s:f,s:f}", "tensors", (json_int_t)q->n_tensors, "values",
                  (json_int_t)q->n_values, "bytes", (json_int_t)q->bytes, "bits_per_weight",
                  bits_per_weight(q), "nmse", share(q->squared_error, q->squared_values));

    if (q->measured) put_measured(totals, "kl", q->divergence);
    cli_put_json(json_pack(
        "{s:o,s:I,s:s,s:I,s:o,s:o}", "path", cli_json_text((bantam_text){path, strlen(path)}),
        "bytes", (json_int_t)bytes, "method", q->method, "calibration_tokens",
        (json_int_t)q->text_tokens, "totals", totals, "tensors", q->tensors));
    q->tensors = NULL;
}

/* The library's call, with signals looked at. */
static int make(const cli_args *args, const char *in, quantizing *q)
{
    bantam_error err = {0};
    bantam_rotation rotation;
    const bantam_quantize_options o = {
        .struct_size = sizeof o,
        .type = args->quantized,
        .embedding = args->embedding,
        .output = args->head,
        .threads = args->threads,
        .method = args->quantize.method,
        .calibration = args->quantize.texts.items,
        .n_calibration = args->quantize.texts.n,
        .calibration_tokens = args->quantize.tokens,
        .imatrix = args->quantize.imatrix,
        .save_imatrix = args->quantize.save_imatrix,
        .tensors = args->quantize.tensors.items,
        .n_tensors = args->quantize.tensors.n,
        .budget_bytes = args->quantize.budget,
        .rotation = cli_rotation(args, &rotation),
        .progress = on_progress,
        .report = on_tensor,
        .plan = on_plan,
        .user = q,
    };

    cli_signal_watched(true);
    const bantam_status failed = bantam_quantize(in, args->words[1], &o, &err);
    if (failed && q->no_memory) {
        err.status = BANTAM_ERR_NOMEM;
        snprintf(err.message, sizeof err.message, "out of memory for the report");
    }
    return cli_signal_end(failed, &err);
}

static int write_page(const cli_args *args, quantizing *q, const char *in)
{
    bantam_error err = {0};

    q->report.model = in;
    q->report.made = args->words[1];
    q->report.method = q->method;
    q->report.bytes_before = (uint64_t)cli_file_bytes(in);
    q->report.bytes_after = (uint64_t)cli_file_bytes(args->words[1]);
    return cli_report_write(&q->report, args->quantize.report, &err) ? cli_fail(&err) : 0;
}

int cli_quantize(const cli_args *args)
{
    char in[PATH_MAX];
    const char *out = args->words[1];
    quantizing q = {0};
    int status = cli_locate(args->words[0], in);

    if (status) return status;
    if (args->json) {
        q.tensors = json_array();
        if (!q.tensors) return cli_fail_with(BANTAM_ERR_NOMEM, "out of memory");
    }
    q.out = out;
    q.paged = args->quantize.report != NULL;
    status = make(args, in, &q);
    if (!status && q.paged) status = write_page(args, &q, in);
    cli_report_free(&q.report);
    if (!status) {
        const double bytes = cli_file_bytes(out);
        if (args->json) put_report(&q, out, bytes);
        cli_verbose("wrote %s, %.1f MB, %.2f bits per weight, nmse %.5f", out, bytes / 1e6,
                    bits_per_weight(&q), share(q.squared_error, q.squared_values));
    }
    json_decref(q.tensors);
    return status;
}
