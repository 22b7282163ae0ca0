/* cmd_train.c - `bantam train`: a model from numbers and texts.
 *
 * Nothing here ends the process while a run is under way: what is told is told by a callback,
 * and a signal is a wish that the run hears after its step.
 */
#include "cli_commands.h"
#include "cli_engine.h"
#include "cli_out.h"
#include "cli_signal.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NOTE_MS = 30000, LINE_MS = 100 };

typedef struct training {
    const cli_args *args;
    FILE *log;       /* NULL: none */
    double noted_ms; /* when the last line was told */
    double held_out; /* the last one measured, or NaN */
    uint64_t step;
    double smooth_loss, seconds;
} training;

/* ---- what is told ------------------------------------------------------------------------ */

/* "3:05", "2:10:00". */
static const char *clock_of(double seconds, char *text, size_t capacity)
{
    const double most = 359999.0; /* 99:59:59 */
    const unsigned s = (unsigned)(seconds < most ? seconds : most);

    if (s >= 3600)
        snprintf(text, capacity, "%u:%02u:%02u", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(text, capacity, "%u:%02u", s / 60, s % 60);
    return text;
}

/* A member of a JSON object; what is no number becomes null. */
static void put_real(FILE *f, const char *name, double value)
{
    if (isfinite(value))
        fprintf(f, ",\"%s\":%.9g", name, value);
    else
        fprintf(f, ",\"%s\":null", name);
}

static void put_step(FILE *f, const bantam_train_step *s)
{
    fprintf(f, "{\"step\":%llu,\"steps\":%llu", (unsigned long long)s->step,
            (unsigned long long)s->steps);
    put_real(f, "loss", s->loss);
    put_real(f, "smooth_loss", s->smooth_loss);
    put_real(f, "held_out_loss", s->held_out_loss);
    put_real(f, "rate", s->rate);
    put_real(f, "grad_norm", s->grad_norm);
    put_real(f, "tokens_per_s", s->tokens_per_s);
    put_real(f, "seconds", s->seconds);
    put_real(f, "seconds_left", s->seconds_left);
    fputs("}\n", f);
    fflush(f);
}

static void tell_step(const training *t, const bantam_train_step *s)
{
    char left[16], held[32] = "";

    if (isfinite(t->held_out)) snprintf(held, sizeof held, ", held out %.4f", t->held_out);
    cli_progress_line("step %llu of %llu, loss %.4f%s, rate %.2e, %.0f tokens/s, %s left",
                      (unsigned long long)s->step, (unsigned long long)s->steps, s->smooth_loss,
                      held, s->rate, s->tokens_per_s,
                      clock_of(s->seconds_left, left, sizeof left));
}

static bool on_step(void *user, const bantam_train_step *s)
{
    training *const t = user;
    const double now = cli_now_ms();
    const bool terminal = cli_err_is_terminal();

    t->step = s->step;
    t->smooth_loss = s->smooth_loss;
    t->seconds = s->seconds;
    if (isfinite(s->held_out_loss)) t->held_out = s->held_out_loss;
    if (t->log) put_step(t->log, s);
    if (t->args->json && !t->args->log) put_step(stdout, s);
    if (now - t->noted_ms >= (terminal ? LINE_MS : NOTE_MS) || s->step == s->steps) {
        t->noted_ms = now;
        tell_step(t, s);
    }
    return !cli_signal_caught();
}

static bool on_stage(void *user, const char *stage, uint64_t done, uint64_t total)
{
    (void)user;
    cli_progress(stage, done, total);
    return !cli_signal_caught();
}

static bool on_plan(void *user, const bantam_train_plan *p)
{
    const training *const t = user;

    cli_progress("", 0, 0);
    cli_note("%.2f M weights, %u words; %llu tokens in %llu documents, %llu held out; %llu "
             "steps of %u tokens, %.1f times over the data; about %.0f MB",
             (double)p->n_params / 1e6, p->n_vocab, (unsigned long long)p->epoch_tokens,
             (unsigned long long)p->n_documents, (unsigned long long)p->held_out_tokens,
             (unsigned long long)p->steps, p->batch_tokens,
             (double)p->steps * p->batch_tokens / (double)p->epoch_tokens,
             (double)p->memory_bytes / 1e6);
    if (p->n_cut) {
        cli_verbose("%llu documents are longer than %u tokens and are seen in pieces",
                    (unsigned long long)p->n_cut, p->sequence_tokens);
    }
    if (p->steps_done) {
        cli_note("goes on after step %llu", (unsigned long long)p->steps_done);
    }
    if (!t->args->json) return !cli_signal_caught();
    cli_printf("{\"params\":%llu,\"vocab\":%u,\"documents\":%llu,\"epoch_tokens\":%llu,"
               "\"learned_tokens\":%llu,\"held_out_tokens\":%llu,\"steps\":%llu,"
               "\"steps_done\":%llu,\"batch_tokens\":%u,\"seq\":%u,\"threads\":%u,"
               "\"memory_bytes\":%llu}\n",
               (unsigned long long)p->n_params, p->n_vocab, (unsigned long long)p->n_documents,
               (unsigned long long)p->epoch_tokens, (unsigned long long)p->learned_tokens,
               (unsigned long long)p->held_out_tokens, (unsigned long long)p->steps,
               (unsigned long long)p->steps_done, p->batch_tokens, p->sequence_tokens,
               p->n_threads, (unsigned long long)p->memory_bytes);
    cli_flush();
    return !cli_signal_caught();
}

/* ---- the command ------------------------------------------------------------------------- */

/* FILE, or FILE:SHARE where no file is called so whole. Cuts word. */
static bantam_train_data data_of(char *word)
{
    bantam_train_data d = {word, 0.0};
    char *const colon = strrchr(word, ':');

    if (colon && access(word, F_OK) != 0 && cli_read_real(colon + 1, 0, 1e9, &d.share)) {
        *colon = '\0';
    }
    return d;
}

/* The library's call, with signals looked at. */
static int train(training *t, const bantam_train_data *data, size_t n_data)
{
    const cli_args *const args = t->args;
    bantam_error err = {0};
    const bantam_train_options o = {
        .struct_size = sizeof o,
        .init = args->init,
        .type = args->type,
        .steps = args->steps,
        .batch_tokens = args->train_batch,
        .sequence_tokens = args->sequence,
        .rate = args->rate,
        .seed = args->seed,
        .vocab_tokens = args->vocab,
        .threads = args->threads,
        .held_out = args->held_out,
        .checkpoint = args->checkpoint,
        .resume = args->resume,
        .stage = on_stage,
        .plan = on_plan,
        .step = on_step,
        .user = t,
    };

    cli_signal_watched(true);
    const bantam_status failed =
        bantam_train(args->words[0], data, n_data, args->out, &o, &err);
    cli_signal_watched(false);
    cli_progress("", 0, 0);
    if (!failed) return CLI_OK;
    if (failed == BANTAM_ERR_CANCELLED && t->step) {
        cli_note("stopped after step %llu; the same command with --resume goes on from there",
                 (unsigned long long)t->step);
    }
    return cli_signal_fail(&err);
}

static void put_result(const training *t)
{
    const char *const path = t->args->out;
    const double bytes = cli_file_bytes(path);

    if (t->args->json) {
        cli_put_json(json_pack(
            "{s:o,s:I,s:o,s:o,s:o}", "path", cli_json_text((bantam_text){path, strlen(path)}),
            "bytes", (json_int_t)bytes, "loss", cli_json_real(t->smooth_loss), "held_out_loss",
            cli_json_real(t->held_out), "seconds", cli_json_real(t->seconds)));
    }
    cli_note("wrote %s, %.1f MB, after %.0f s", path, bytes / 1e6, t->seconds);
}

int cli_train(const cli_args *args)
{
    training t = {.args = args, .held_out = (double)NAN};
    const size_t n = args->n_words - 1;
    int status = CLI_OK;

    if (!args->out) return cli_usage("-o is missing: say where the model is to be written");
    bantam_train_data *const data = calloc(n, sizeof *data);
    char **const words = calloc(n, sizeof *words);
    if (!data || !words) status = cli_fail_with(BANTAM_ERR_NOMEM, "out of memory");
    for (size_t i = 0; !status && i < n; i++) {
        words[i] = strdup(args->words[i + 1]);
        if (words[i]) data[i] = data_of(words[i]);
        if (!words[i]) status = cli_fail_with(BANTAM_ERR_NOMEM, "out of memory");
    }
    if (!status && args->log) {
        t.log = fopen(args->log, args->resume ? "a" : "w");
        if (!t.log) status = cli_fail_with(BANTAM_ERR_IO, "%s: %s", args->log, strerror(errno));
    }
    if (!status) status = train(&t, data, n);
    if (t.log && fclose(t.log) && !status) {
        status = cli_fail_with(BANTAM_ERR_IO, "%s: %s", args->log, strerror(errno));
    }
    if (!status) put_result(&t);
    for (size_t i = 0; words && i < n; i++) {
        free(words[i]);
    }
    free(words);
    free(data);
    return status;
}
