/* cmd_sentiment.c - `bantam sentiment`: a label and its probability for each line of a text. */
#include "cli_commands.h"
#include "cli_engine.h"
#include "cli_examples.h"
#include "cli_out.h"
#include "cli_signal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    USUAL_CONTEXT = 1024,
    CHUNK = 1 << 16, /* bytes of input that are read at once */
    LONGEST_LINE = 256 << 20
};

/* Below so many bytes of weights a session for each thread does more than threads that share
 * one: see docs/SENTIMENT.md. */
#define SMALL_MODEL ((uint64_t)256 << 20)

typedef struct sentiment {
    const cli_args *args;
    cli_engine engine;
    bantam_session **sessions; /* (n_sessions) the first is the engine's */
    size_t n_sessions;
    bantam_text labels[BANTAM_MAX_LABELS];
    json_t *names[BANTAM_MAX_LABELS]; /* (n_labels) owns */
    size_t n_labels;
    bantam_labeler *labeler;
    bantam_label_fit fit;

    const bantam_text *texts; /* those being judged */
    uint64_t counts[BANTAM_MAX_LABELS];
    uint64_t n_lines, n_empty, n_in_parts;
    double start_ms;
} sentiment;

/* ---- labels ------------------------------------------------------------------------------ */

static bantam_text trimmed(bantam_text t)
{
    while (t.size && *t.data == ' ') {
        t.data++;
        t.size--;
    }
    while (t.size && t.data[t.size - 1] == ' ') {
        t.size--;
    }
    return t;
}

static int read_labels(sentiment *s)
{
    const char *at = s->args->sentiment.labels;

    for (;;) {
        const size_t size = strcspn(at, ",");
        const bantam_text label = trimmed((bantam_text){at, size});
        if (!label.size) return cli_usage("--labels: expected names separated by commas");
        if (s->n_labels == BANTAM_MAX_LABELS) {
            return cli_usage("--labels: expected %d at most", BANTAM_MAX_LABELS);
        }
        for (size_t i = 0; i < s->n_labels; i++) {
            if (s->labels[i].size == label.size &&
                memcmp(s->labels[i].data, label.data, label.size) == 0) {
                return cli_usage("--labels: '%.*s' is given twice", (int)label.size,
                                 label.data);
            }
        }
        s->names[s->n_labels] = cli_json_text(label);
        s->labels[s->n_labels++] = label;
        if (!at[size]) break;
        at += size + 1;
    }
    return s->n_labels < 2 ? cli_usage("--labels: expected two at least") : 0;
}

/* ---- model and sessions ------------------------------------------------------------------ */

/* Sessions like the engine's, for the other threads. */
static int open_more(sentiment *s, const cli_args *own, size_t n)
{
    const cli_engine *e = &s->engine;
    bantam_session_options o = cli_session_options(own, e->plan.context_tokens);
    bantam_error err = {0};

    o.context_tokens = e->plan.context_tokens;
    o.batch_tokens = e->plan.batch_tokens;
    o.kv = e->plan.kv;
    o.adapters = (const bantam_adapter *const *)e->adapters;
    o.adapter_scales = e->loras.scales;
    o.n_adapters = e->n_adapters;
    s->sessions = cli_grow(NULL, n, sizeof *s->sessions);
    s->sessions[s->n_sessions++] = e->session;
    while (s->n_sessions < n) {
        if (bantam_session_open(&s->sessions[s->n_sessions], e->model, &o, &err)) {
            return cli_fail(&err);
        }
        s->n_sessions++;
    }
    return 0;
}

static bantam_label_prior prior_of(const char *name)
{
    if (!name) return BANTAM_PRIOR_DEFAULT;
    return strcmp(name, "none") == 0 ? BANTAM_PRIOR_NONE : BANTAM_PRIOR_CONTENT_FREE;
}

/* Threads that the library would use. */
static uint32_t usual_threads(const sentiment *s, const cli_args *own)
{
    const bantam_session_options o = cli_session_options(own, 64);
    bantam_plan_info plan;

    return bantam_plan(s->engine.model, &o, &plan, NULL) ? 1 : plan.n_threads;
}

static int open_all(sentiment *s, bool many)
{
    const cli_args *args = s->args;
    cli_args own = *args;
    uint32_t n = 1, context = USUAL_CONTEXT;
    bantam_error err = {0};

    own.words[0] = args->sentiment.model ? args->sentiment.model : "bantam-mini";
    int status = cli_engine_model(&s->engine, &own);
    if (status) return status;
    const bantam_model_info *info = &s->engine.info;
    if (info->context_tokens && info->context_tokens < context) context = info->context_tokens;
    if (many && !args->memory && info->weight_bytes < SMALL_MODEL) {
        n = args->threads ? args->threads : usual_threads(s, &own);
        own.threads = 1;
    }
    status = cli_engine_session(&s->engine, &own, context);
    if (!status) status = open_more(s, &own, n);
    if (status) return status;

    const char *question = args->sentiment.question;
    const bantam_labeler_options o = {.struct_size = sizeof o,
                                      .labels = s->labels,
                                      .n_labels = s->n_labels,
                                      .question = {question, question ? strlen(question) : 0},
                                      .prior = prior_of(args->sentiment.prior),
                                      .neutral = args->sentiment.neutral,
                                      .part_tokens = args->sentiment.part};
    if (bantam_labeler_open(&s->labeler, s->sessions, s->n_sessions, &o, &err)) {
        return cli_fail(&err);
    }
    return 0;
}

static void close_all(sentiment *s)
{
    bantam_labeler_close(s->labeler);
    for (size_t i = 1; i < s->n_sessions; i++) {
        bantam_session_close(s->sessions[i]);
    }
    free(s->sessions);
    cli_engine_close(&s->engine);
    for (size_t i = 0; i < s->n_labels; i++) {
        json_decref(s->names[i]);
    }
}

static int failed(const bantam_error *err)
{
    const int status = cli_fail(err);
    return status == CLI_INTERRUPTED ? cli_signal_status() : status;
}

/* ---- examples ---------------------------------------------------------------------------- */

static bool on_learning(void *user, uint64_t done, uint64_t total)
{
    (void)user;
    cli_progress("learning from examples", done, total);
    return !cli_signal_caught();
}

static void tell_fit(const bantam_label_fit *f)
{
    if (!f->n_fitted) {
        cli_note("%zu examples are shown to the model; fewer than ten are left, so that the "
                 "probabilities are not calibrated",
                 f->n_shots);
        return;
    }
    cli_note("%zu examples shown, %zu fitted to: temperature %.2f; cross-validated: accuracy "
             "%.1f to %.1f %%, calibration error %.1f to %.1f %%",
             f->n_shots, f->n_fitted, f->temperature, 100.0 * f->accuracy_before,
             100.0 * f->accuracy_after, 100.0 * f->error_before, 100.0 * f->error_after);
    if (f->neutral > 0.0) cli_verbose("neutral below a probability of %.3f", f->neutral);
}

static int learn(sentiment *s)
{
    const cli_args *args = s->args;
    const bantam_learn_options o = {.struct_size = sizeof o,
                                    .n_shots = args->sentiment.shots,
                                    .no_shots = cli_args_given(args, "shots") &&
                                                args->sentiment.shots == 0,
                                    .seed = args->seed,
                                    .progress = on_learning};
    cli_examples examples;
    bantam_error err = {0};

    if (!args->sentiment.examples) return 0;
    int status = cli_examples_read(&examples, args->sentiment.examples, s->labels, s->n_labels);
    if (status) return status;
    if (bantam_labeler_learn(s->labeler, examples.items, examples.n, &o, &s->fit, &err)) {
        status = failed(&err);
    } else {
        cli_progress("", 0, 0);
        tell_fit(&s->fit);
    }
    cli_examples_free(&examples);
    return status;
}

/* ---- results ----------------------------------------------------------------------------- */

/* An object with a number for each label. */
static json_t *by_label(const sentiment *s, const double *values)
{
    json_t *const object = json_object();

    for (size_t i = 0; i < s->n_labels; i++) {
        json_object_set_new(object, json_string_value(s->names[i]), cli_json_real(values[i]));
    }
    return object;
}

static void put_json(const sentiment *s, const bantam_label_result *r, bantam_text text)
{
    const bool none = r->label == BANTAM_NO_LABEL;
    json_t *const o = json_pack(
        "{s:o,s:o,s:o,s:o}", "label", none ? json_null() : json_incref(s->names[r->label]),
        "probability", none ? json_null() : json_real(r->probability), "probabilities",
        none ? json_object() : by_label(s, r->probabilities), "text", cli_json_text(text));

    if (s->args->sentiment.scores && !none) {
        json_object_set_new(o, "logprobs", by_label(s, r->logprobs));
    }
    if (r->n_parts > 1) json_object_set_new(o, "parts", json_integer(r->n_parts));
    cli_put_json(o);
}

static void put_plain(const sentiment *s, const bantam_label_result *r, bantam_text text)
{
    if (r->label == BANTAM_NO_LABEL) {
        cli_put("-\t-\t", 4);
    } else {
        cli_put_text(s->labels[r->label]);
        cli_printf("\t%.3f\t", r->probability);
        for (size_t i = 0; i < s->n_labels && s->args->sentiment.scores; i++) {
            cli_printf("%.4f\t", r->logprobs[i]);
        }
    }
    cli_put_text(text);
    cli_put("\n", 1);
}

static bool on_result(void *user, const bantam_label_result *r)
{
    sentiment *s = user;
    const bantam_text text = s->texts[r->index];

    s->n_lines++;
    if (r->label == BANTAM_NO_LABEL) {
        s->n_empty++;
    } else {
        s->counts[r->label]++;
    }
    s->n_in_parts += r->n_parts > 1;
    if (s->args->json) {
        put_json(s, r, text);
    } else {
        put_plain(s, r, text);
    }
    return !cli_signal_caught();
}

/* How many of each label, and how fast. */
static void tell_counts(const sentiment *s)
{
    const double seconds = (cli_now_ms() - s->start_ms) / 1e3;
    cli_buf line = {0};
    char text[64];

    for (size_t i = 0; i < s->n_labels; i++) {
        const int n =
            snprintf(text, sizeof text, "%s%" PRIu64 " ", i ? ", " : "", s->counts[i]);
        cli_buf_add(&line, text, (size_t)n);
        cli_buf_add(&line, s->labels[i].data, s->labels[i].size);
    }
    if (s->n_empty) {
        const int n = snprintf(text, sizeof text, ", %" PRIu64 " empty", s->n_empty);
        cli_buf_add(&line, text, (size_t)n);
    }
    cli_note("%" PRIu64 " lines: %.*s; %.0f a second", s->n_lines,
             line.size > 400 ? 400 : (int)line.size, line.data,
             seconds > 0.0 ? (double)s->n_lines / seconds : 0.0);
    if (s->n_in_parts) {
        cli_note("%" PRIu64
                 " texts were longer than what is judged at once, and judged by parts",
                 s->n_in_parts);
    }
    cli_buf_free(&line);
}

/* ---- lines ------------------------------------------------------------------------------- */

/* Judges the whole lines of the input and drops them; what follows the last newline is a line
 * where the input has ended. */
static int judge_lines(sentiment *s, cli_buf *input, bool ended)
{
    bantam_text *lines = NULL;
    size_t n = 0, at = 0;
    bantam_error err = {0};
    int status = 0;

    while (at < input->size) {
        const char *const newline = memchr(input->data + at, '\n', input->size - at);
        if (!newline && !ended) break;
        const size_t end = newline ? (size_t)(newline - input->data) : input->size;
        if ((n & (n - 1)) == 0) lines = cli_grow(lines, n ? 2 * n : 1, sizeof *lines);
        lines[n] = (bantam_text){input->data + at, end - at};
        if (end > at && input->data[end - 1] == '\r') lines[n].size--;
        n++;
        at = newline ? end + 1 : end;
    }
    s->texts = lines;
    if (n && bantam_labeler_judge(s->labeler, lines, n, on_result, s, &err))
        status = failed(&err);
    free(lines);
    if (at) memmove(input->data, input->data + at, input->size - at);
    input->size -= at;
    if (!cli_flush() && !status) status = CLI_FAILED;
    return status;
}

/* Line after line, as they come. */
static int judge_stream(sentiment *s, int fd, const char *name)
{
    cli_buf input = {0};
    int status = 0;

    for (bool ended = false; !ended && !status;) {
        const ssize_t n = read(fd, cli_buf_reserve(&input, CHUNK), CHUNK);
        if (cli_signal_caught()) {
            status = cli_signal_status();
        } else if (n < 0 && errno != EINTR) {
            status = cli_fail_with(BANTAM_ERR_IO, "cannot read %s: %s", name, strerror(errno));
        } else if (n >= 0) {
            ended = n == 0;
            input.size += (size_t)n;
            status = judge_lines(s, &input, ended);
        }
        if (!status && input.size > LONGEST_LINE) {
            status =
                cli_fail_with(BANTAM_ERR_FULL, "%s: line %" PRIu64 " is longer than %d MiB",
                              name, s->n_lines + 1, LONGEST_LINE >> 20);
        }
    }
    cli_buf_free(&input);
    return status;
}

static int judge_file(sentiment *s, const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return cli_fail_with(BANTAM_ERR_IO, "cannot open %s: %s", path, strerror(errno));
    }
    const int status = judge_stream(s, fd, path);
    close(fd);
    tell_counts(s);
    return status;
}

static int judge_words(sentiment *s, const char *text)
{
    cli_buf input = {0};

    cli_buf_add(&input, text, strlen(text));
    if (!input.size) cli_buf_add(&input, "\n", 1); /* one line, an empty one */
    const int status = judge_lines(s, &input, true);
    cli_buf_free(&input);
    return status;
}

/* ---- texts whose labels are known -------------------------------------------------------- */

typedef struct evaluation {
    const sentiment *s;
    const cli_examples *examples;
    uint64_t table[BANTAM_MAX_LABELS][BANTAM_MAX_LABELS]; /* (true, given) */
    double *sure; /* (n) probability of the label given */
    bool *right;  /* (n) */
    size_t n, n_right;
    double loss, error;
} evaluation;

static bool on_known(void *user, const bantam_label_result *r)
{
    evaluation *v = user;
    const uint32_t truth = v->examples->items[r->index].label;

    cli_progress("sentiment", r->index + 1, v->examples->n);
    if (r->label == BANTAM_NO_LABEL) return !cli_signal_caught();
    v->table[truth][r->label]++;
    v->sure[v->n] = r->probability;
    v->right[v->n] = r->label == truth;
    v->n_right += v->right[v->n];
    v->loss -= log(fmax(r->probabilities[truth], 1e-300));
    v->n++;
    return !cli_signal_caught();
}

static json_t *confusion(const evaluation *v)
{
    const sentiment *s = v->s;
    json_t *const all = json_object();

    for (size_t i = 0; i < s->n_labels; i++) {
        json_t *const row = json_object();
        for (size_t j = 0; j < s->n_labels; j++) {
            json_object_set_new(row, json_string_value(s->names[j]),
                                json_integer((json_int_t)v->table[i][j]));
        }
        json_object_set_new(all, json_string_value(s->names[i]), row);
    }
    return all;
}

static void put_evaluation(const evaluation *v)
{
    const sentiment *s = v->s;
    const double n = (double)v->n;

    if (s->args->json) {
        cli_put_json(json_pack("{s:I,s:I,s:f,s:f,s:f,s:o}", "n", (json_int_t)v->n, "correct",
                               (json_int_t)v->n_right, "accuracy", (double)v->n_right / n,
                               "loss", v->loss / n, "calibration_error", v->error, "confusion",
                               confusion(v)));
        return;
    }
    cli_printf("accuracy           %zu of %zu, %.2f %%\n", v->n_right, v->n,
               100.0 * (double)v->n_right / n);
    cli_printf("calibration error  %.2f %%\n", 100.0 * v->error);
    cli_printf("loss               %.4f nats\n\n", v->loss / n);
    cli_printf("%-16s", "true \\ given");
    for (size_t j = 0; j < s->n_labels; j++) {
        cli_printf(" %12.*s", (int)s->labels[j].size, s->labels[j].data);
    }
    for (size_t i = 0; i < s->n_labels; i++) {
        cli_printf("\n%-16.*s", (int)s->labels[i].size, s->labels[i].data);
        for (size_t j = 0; j < s->n_labels; j++) {
            cli_printf(" %12" PRIu64, v->table[i][j]);
        }
    }
    cli_put("\n", 1);
}

static int evaluate(sentiment *s, const char *path)
{
    evaluation v = {.s = s};
    cli_examples examples;
    bantam_error err = {0};
    int status = cli_examples_read(&examples, path, s->labels, s->n_labels);

    if (status) return status;
    bantam_text *const texts = cli_grow(NULL, examples.n, sizeof *texts);
    for (size_t i = 0; i < examples.n; i++) {
        texts[i] = examples.items[i].text;
    }
    v.examples = &examples;
    v.sure = cli_grow(NULL, examples.n, sizeof *v.sure);
    v.right = cli_grow(NULL, examples.n, sizeof *v.right);
    if (bantam_labeler_judge(s->labeler, texts, examples.n, on_known, &v, &err) ||
        bantam_calibration_error(v.sure, v.right, v.n, &v.error, &err)) {
        status = failed(&err);
    } else {
        cli_progress("", 0, 0);
        put_evaluation(&v);
    }
    free(texts);
    free(v.sure);
    free(v.right);
    cli_examples_free(&examples);
    return status;
}

/* ---- the command ------------------------------------------------------------------------- */

/* Where the texts come from. */
typedef enum input { FROM_STDIN, FROM_FILE, FROM_WORD } input;

static int find_input(const cli_args *args, input *out)
{
    const char *const word = args->words[0];
    struct stat st;

    *out = FROM_STDIN;
    if (!word || strcmp(word, "-") == 0) return 0;
    *out = stat(word, &st) == 0 ? FROM_FILE : FROM_WORD;
    if (*out == FROM_FILE && S_ISDIR(st.st_mode)) return cli_usage("%s is a folder", word);
    if (*out == FROM_FILE || !args->sentiment.labeled) return 0;
    return cli_fail_with(BANTAM_ERR_IO, "cannot open %s: no such file", word);
}

static int judge_all(sentiment *s, input from)
{
    const char *const word = s->args->words[0];

    s->start_ms = cli_now_ms();
    if (s->args->sentiment.labeled) return evaluate(s, from == FROM_STDIN ? "-" : word);
    if (from == FROM_STDIN) return judge_stream(s, STDIN_FILENO, "standard input");
    return from == FROM_FILE ? judge_file(s, word) : judge_words(s, word);
}

int cli_sentiment(const cli_args *args)
{
    sentiment s = {.args = args};
    input from;
    int status = find_input(args, &from);

    if (!status) status = read_labels(&s);
    if (!status) status = open_all(&s, from != FROM_WORD);
    if (!status) status = learn(&s);
    if (!status) status = judge_all(&s, from);
    close_all(&s);
    return status;
}
