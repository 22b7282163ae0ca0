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

#include <stdio.h>
#include <string.h>
#include <time.h>

typedef struct quantizing {
    json_t *tensors; /* NULL where no report is asked for */
    bool no_memory;  /* for the report */
    bool paged;      /* report is to be written */
    cli_report report;
    time_t began; /* the stage of so much work */
    uint64_t total;
    uint64_t n_tensors, n_values, bytes;
    double squared_error, squared_values;
} quantizing;

static bool on_progress(void *user, uint64_t done, uint64_t total)
{
    quantizing *q = user;
    const time_t now = time(NULL);
    char what[64] = "quantize";

    if (q->total != total) {
        q->began = now;
        q->total = total;
    }
    const double seconds = difftime(now, q->began);
    if (seconds >= 3.0 && done > 0) {
        snprintf(what, sizeof what, "quantize, %.0f s left,",
                 seconds * (double)(total - done) / (double)done);
    }
    cli_progress(what, done, total);
    return !cli_signal_caught() && !q->no_memory;
}

static double share(double error, double values)
{
    return values > 0.0 ? error / values : 0.0;
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

    cli_put_json(json_pack("{s:o,s:I,s:o,s:o}", "path",
                           cli_json_text((bantam_text){path, strlen(path)}), "bytes",
                           (json_int_t)bytes, "totals", totals, "tensors", q->tensors));
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
    q->report.method = args->quantize.method    ? args->quantize.method
                       : args->quantize.texts.n ? "gptq"
                       : args->quantize.imatrix ? "imatrix"
                                                : "rtn";
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
