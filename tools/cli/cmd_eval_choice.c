/* cmd_eval_choice.c - `bantam eval --choice`: which answer a model finds likeliest, and how
 * often it is the right one.
 *
 * All questions are read before the first is asked, so that a mistake in the last line does not
 * cost the time of all others.
 */
#include "cli_commands.h"
#include "cli_engine.h"
#include "cli_jsonl.h"
#include "cli_out.h"
#include "cli_signal.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ANSWERS = 64 };

typedef struct question {
    char *prompt;
    bantam_text answers[MAX_ANSWERS]; /* (n) own */
    size_t n, label;
} question;

typedef struct choosing {
    const char *path;
    question *questions; /* (n) owns */
    size_t n, capacity;
    uint64_t n_asked, n_correct, n_correct_norm, n_cut;
} choosing;

/* ---- questions --------------------------------------------------------------------------- */

static bantam_text copy_text(const json_t *text)
{
    const size_t size = json_string_length(text);
    char *const data = cli_grow(NULL, size + 1, 1);

    memcpy(data, json_string_value(text), size);
    data[size] = '\0';
    return (bantam_text){data, size};
}

static void free_question(question *q)
{
    free(q->prompt);
    for (size_t i = 0; i < q->n; i++)
        free((char *)(uintptr_t)q->answers[i].data);
}

/* The prompt of PIQA's goals is the one that evaluation harnesses give them. */
static char *prompt_of_goal(const json_t *goal)
{
    cli_buf text = {0};

    cli_buf_add(&text, "Question: ", strlen("Question: "));
    cli_buf_add(&text, json_string_value(goal), json_string_length(goal));
    cli_buf_add(&text, "\nAnswer:", strlen("\nAnswer:") + 1);
    return text.data;
}

static bool add_answer(question *q, const json_t *text)
{
    if (!json_is_string(text) || json_string_length(text) == 0 || q->n == MAX_ANSWERS) {
        return false;
    }
    q->answers[q->n++] = copy_text(text);
    return true;
}

/* False where the object is no question. q is to be freed in any case. */
static bool read_question(question *q, const json_t *object)
{
    const json_t *const query = json_object_get(object, "query");
    const json_t *const goal = json_object_get(object, "goal");
    const json_t *const choices = json_object_get(object, "choices");
    const json_t *const label = json_object_get(object, "label");
    bool sound = json_is_integer(label) && json_integer_value(label) >= 0;

    *q = (question){.n = 0};
    if (json_is_string(query) && json_is_array(choices)) {
        q->prompt = (char *)(uintptr_t)copy_text(query).data;
        for (size_t i = 0; i < json_array_size(choices) && sound; i++)
            sound = add_answer(q, json_array_get(choices, i));
    } else if (json_is_string(goal)) {
        q->prompt = prompt_of_goal(goal);
        sound = sound && add_answer(q, json_object_get(object, "sol1")) &&
                add_answer(q, json_object_get(object, "sol2"));
    }
    if (!sound || q->n < 2 || (size_t)json_integer_value(label) >= q->n) return false;
    q->label = (size_t)json_integer_value(label);
    return true;
}

static int on_line(void *user, const json_t *object, size_t line)
{
    choosing *const c = user;

    if (c->n == c->capacity) {
        c->capacity = c->capacity ? 2 * c->capacity : 64;
        c->questions = cli_grow(c->questions, c->capacity, sizeof *c->questions);
    }
    if (read_question(&c->questions[c->n++], object)) return CLI_OK;
    return cli_fail_with(BANTAM_ERR_FORMAT,
                         "%s: line %zu: expected {\"query\":TEXT,\"choices\":[TEXT,TEXT,...],"
                         "\"label\":N} or {\"goal\",\"sol1\",\"sol2\",\"label\"}, with 2 to %d "
                         "answers, none empty, and N from 0 the right one",
                         c->path, line, MAX_ANSWERS);
}

/* ---- asking ------------------------------------------------------------------------------ */

/* Of equal ones the first. */
static size_t largest(const double *values, size_t n)
{
    size_t best = 0;

    for (size_t i = 1; i < n; i++) {
        if (values[i] > values[best]) best = i;
    }
    return best;
}

static bantam_status ask(choosing *c, bantam_session *session, const question *q,
                         bantam_error *err)
{
    double logprobs[MAX_ANSWERS];
    size_t n_cut;
    const bantam_status status =
        bantam_score_answers(session, (bantam_text){q->prompt, strlen(q->prompt)}, q->answers,
                             q->n, logprobs, &n_cut, err);

    if (status) return status;
    c->n_asked++;
    c->n_cut += n_cut > 0;
    c->n_correct += largest(logprobs, q->n) == q->label;
    for (size_t i = 0; i < q->n; i++)
        logprobs[i] /= (double)q->answers[i].size;
    c->n_correct_norm += largest(logprobs, q->n) == q->label;
    return BANTAM_OK;
}

static int ask_all(choosing *c, bantam_session *session)
{
    bantam_error err = {0};
    bantam_status failed = BANTAM_OK;

    for (size_t i = 0; i < c->n && !failed; i++) {
        failed = ask(c, session, &c->questions[i], &err);
        cli_progress("eval", i + 1, c->n);
        if (failed && failed != BANTAM_ERR_CANCELLED) {
            cli_progress("", 0, 0);
            return cli_fail_with(failed, "%s: question %zu: %s", c->path, i + 1, err.message);
        }
        if (!failed && cli_signal_caught()) {
            failed = err.status = BANTAM_ERR_CANCELLED;
        }
    }
    return cli_signal_end(failed, &err);
}

/* ---- results ----------------------------------------------------------------------------- */

/* Standard error of a share: the deviation of n ones and zeros over the root of n. */
static double share_error(double share, uint64_t n)
{
    return n > 1 ? sqrt(share * (1.0 - share) / (double)(n - 1)) : 0.0;
}

static void put_result(const choosing *c, bool json)
{
    const double share = (double)c->n_correct / (double)c->n_asked;
    const double norm = (double)c->n_correct_norm / (double)c->n_asked;
    const double error = share_error(share, c->n_asked);
    const double norm_error = share_error(norm, c->n_asked);

    if (c->n_asked < c->n) {
        cli_note("stopped early: figures of the first %" PRIu64 " questions", c->n_asked);
    }
    if (c->n_cut > 0) {
        cli_note("%" PRIu64 " questions were longer than the context: the beginnings of their "
                 "prompts were left out",
                 c->n_cut);
    }
    if (json) {
        cli_put_json(json_pack("{s:I,s:I,s:f,s:f,s:I,s:f,s:f}", "n", (json_int_t)c->n_asked,
                               "correct", (json_int_t)c->n_correct, "accuracy", share,
                               "accuracy_error", error, "correct_norm",
                               (json_int_t)c->n_correct_norm, "accuracy_norm", norm,
                               "accuracy_norm_error", norm_error));
        return;
    }
    cli_printf("questions  %" PRIu64 "\n", c->n_asked);
    cli_printf("likeliest  %" PRIu64 " right, %.1f %%, +- %.1f\n", c->n_correct, 100.0 * share,
               100.0 * error);
    cli_printf("per byte   %" PRIu64 " right, %.1f %%, +- %.1f\n", c->n_correct_norm,
               100.0 * norm, 100.0 * norm_error);
}

int cli_eval_choice(const cli_args *args)
{
    choosing c = {.path = args->eval.choice};
    cli_engine e = {.model = NULL};
    int status = cli_read_lines(c.path, on_line, &c);

    if (!status && c.n == 0) {
        status = cli_fail_with(BANTAM_ERR_INVALID, "%s: no questions", c.path);
    }
    if (!status) status = cli_engine_model(&e, args);
    if (!status) status = cli_engine_session(&e, args, 0);
    if (!status) status = ask_all(&c, e.session);
    if (c.n_asked > 0 && status != CLI_FAILED) put_result(&c, args->json);
    for (size_t i = 0; i < c.n; i++)
        free_question(&c.questions[i]);
    free(c.questions);
    cli_engine_close(&e);
    return status;
}
