/* cmd_personalize_rewrite.c - `bantam personalize rewrite` and `adapt`: a text retold as the
 * reader wants it, and a model that learns how from texts the reader accepted. */
#include "cli_personal.h"

#ifdef BANTAM_PROFILE
#include "cli_engine.h"
#include "cli_out.h"
#include "cli_signal.h"
#include "cli_text.h"

#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LEAST_ANSWER = 16, TOKENS_PER_WORD = 2 };

static void add(cli_buf *out, const char *text)
{
    cli_buf_add(out, text, strlen(text));
}

/* ---- what is asked ----------------------------------------------------------------------- */

/* The reader's wishes as one: "short, no sports; in simple words". */
static void add_wishes(cli_buf *out, const cli_history *h)
{
    for (size_t i = 0; i < h->n_wishes; i++) {
        add(out, i ? "; " : "");
        add(out, h->wishes[i]);
    }
}

/* The built-in model knows one way only to be asked for it. */
static bool is_mini(const cli_engine *e)
{
    static const char name[] = "bantam-mini";
    return e->info.name.size == sizeof name - 1 &&
           memcmp(e->info.name.data, name, sizeof name - 1) == 0;
}

static void add_question(cli_buf *out, const cli_engine *e, const cli_history *h,
                         uint32_t words, bantam_text text)
{
    char number[64];

    if (is_mini(e)) {
        add(out, "Summarize in one sentence:\n");
        cli_buf_add(out, text.data, text.size);
        return;
    }
    add(out, "Rewrite this text for its reader. Keep to what it says.");
    if (h->n_wishes > 0) {
        add(out, " The reader wants: ");
        add_wishes(out, h);
        add(out, ".");
    }
    if (words > 0) {
        snprintf(number, sizeof number, " Use at most %" PRIu32 " words.", words);
        add(out, number);
    }
    add(out, "\n\n");
    cli_buf_add(out, text.data, text.size);
}

/* {"messages": [...]}, with the answer where there is one. */
static json_t *messages(bantam_text question, const char *answer)
{
    json_t *const list =
        json_pack("[{s:s,s:o}]", "role", "user", "content", cli_json_text(question));

    if (answer) {
        json_array_append_new(list, json_pack("{s:s,s:o}", "role", "assistant", "content",
                                              cli_json_text(cli_text_of(answer))));
    }
    return json_pack("{s:o}", "messages", list);
}

static bool has_template(const cli_engine *e)
{
    bantam_tokenizer_info info;

    bantam_tokenizer_describe(e->tokenizer, &info);
    return info.has_template;
}

static bantam_status encode(const cli_engine *e, bantam_text question, cli_ids *out,
                            bantam_error *err)
{
    cli_buf rendered;

    *out = (cli_ids){0};
    if (!has_template(e)) {
        return cli_tokenize(e->tokenizer, question, BANTAM_TOKENIZE_ADD, out, err);
    }
    json_t *const chat = messages(question, NULL);
    json_object_set_new(chat, "add_generation_prompt", json_true());
    char *const json = json_dumps(chat, JSON_COMPACT);
    json_decref(chat);
    if (!json) cli_out_of_memory();
    bantam_status status = cli_render(e->tokenizer, cli_text_of(json), &rendered, err);
    if (!status) {
        status = cli_tokenize_chat(e->tokenizer, (bantam_text){rendered.data, rendered.size},
                                   out, err);
        cli_buf_free(&rendered);
    }
    free(json);
    return status;
}

/* ---- rewrite ----------------------------------------------------------------------------- */

typedef struct rewriting {
    const cli_args *args;
    cli_engine engine;
    cli_history h;
    cli_buf text;   /* the reader's */
    cli_buf answer; /* so far */
    char adapter[PATH_MAX];
    bool adapted;
    bool summarized; /* the text did not fit into one question */
    size_t n_prompt;
    bantam_answer made;
} rewriting;

/* What was learned from the reader's texts is used where it is for this model and the line
 * names nothing else. */
static void use_adapter(rewriting *r)
{
    bantam_adapter *adapter;
    bantam_error err = {0};

    if (r->args->lora.n > 0 || access(r->adapter, F_OK) != 0) return;
    if (bantam_adapter_open(&adapter, r->engine.model, r->adapter, &err)) {
        cli_note("the adapter is left out: %s", err.message);
        return;
    }
    bantam_adapter_close(adapter);
    char *const path = strdup(r->adapter);
    if (!path) cli_out_of_memory();
    r->engine.loras.paths[0] = path;
    r->engine.loras.scales[0] = 1.0f;
    r->engine.loras.n = 1;
    r->adapted = true;
}

static bool on_step(void *user, const bantam_step *step)
{
    rewriting *const r = user;

    cli_buf_add(&r->answer, step->text.data, step->text.size);
    if (r->args->json || step->text.size == 0) return true;
    cli_put_text(step->text);
    return cli_flush();
}

static bantam_status generate(rewriting *r, const cli_ids *prompt, bantam_error *err)
{
    const uint32_t words = r->args->personal.words;
    bantam_generation g = {.struct_size = sizeof g};
    bantam_sampling sampling;

    bantam_sampling_init(&sampling);
    sampling.repeat_penalty = 1.1f; /* a small model left to itself says one thing forever */
    g.max_tokens =
        words ? words * TOKENS_PER_WORD + LEAST_ANSWER : (uint32_t)prompt->n + LEAST_ANSWER;
    bantam_status status = bantam_session_set_sampling(r->engine.session, &sampling, err);
    if (!status) status = bantam_session_feed(r->engine.session, prompt->items, prompt->n, err);
    if (!status) {
        status = bantam_session_generate(r->engine.session, &g, on_step, r, &r->made, err);
    }
    return status;
}

static void put_answer(rewriting *r, bool interrupted)
{
    if (!r->args->json) {
        cli_put("\n", 1);
        return;
    }
    const char *const finish = interrupted                            ? "cancelled"
                               : r->made.finish == BANTAM_FINISH_STOP ? "stop"
                                                                      : "length";
    cli_buf wishes = {0};
    add_wishes(&wishes, &r->h);
    cli_put_json(json_pack("{s:o,s:I,s:I,s:s,s:b,s:b,s:o}", "text",
                           cli_json_text((bantam_text){r->answer.data, r->answer.size}),
                           "prompt_tokens", (json_int_t)r->n_prompt, "completion_tokens",
                           (json_int_t)r->made.n_tokens, "finish", finish, "adapted",
                           (int)r->adapted, "summarized", (int)r->summarized, "wishes",
                           cli_json_text((bantam_text){wishes.data, wishes.size})));
    cli_buf_free(&wishes);
}

static bool on_summary(void *user, uint64_t done, uint64_t total)
{
    (void)user;
    cli_progress("summarize", done, total);
    return !cli_signal_caught();
}

/* A text that one question does not hold is shortened instead, part by part. The wishes go
 * unheard: what is extracted stands there as it was written. */
static int shorten(rewriting *r)
{
    const bantam_source source = {.text = {r->text.data, r->text.size}};
    const bantam_summarize_options o = {
        .struct_size = sizeof o, .words = r->args->personal.words, .progress = on_summary};
    bantam_summary *summary = NULL;
    bantam_error err = {0};

    const bantam_status failed =
        bantam_summarize(r->engine.session, &source, 1, &o, &summary, &err);
    cli_progress("", 0, 0);
    if (summary) {
        r->summarized = true;
        r->n_prompt = (size_t)summary->source_tokens;
        r->made.finish = BANTAM_FINISH_STOP;
        cli_buf_add(&r->answer, summary->text.data, summary->text.size);
        if (!r->args->json) cli_put_text(summary->text);
        put_answer(r, failed != BANTAM_OK);
    }
    bantam_summary_close(summary);
    if (failed == BANTAM_ERR_CANCELLED && r->summarized) return cli_signal_status();
    return failed ? cli_signal_fail(&err) : CLI_OK;
}

static int answer(rewriting *r)
{
    cli_buf question = {0};
    cli_ids prompt;
    bantam_error err = {0};
    const size_t capacity = bantam_session_capacity(r->engine.session);

    add_question(&question, &r->engine, &r->h, r->args->personal.words,
                 (bantam_text){r->text.data, r->text.size});
    bantam_status status =
        encode(&r->engine, (bantam_text){question.data, question.size}, &prompt, &err);
    cli_buf_free(&question);
    if (!status && prompt.n + LEAST_ANSWER > capacity) {
        free(prompt.items);
        cli_note(
            "the text takes %zu tokens and the context holds %zu: it is summarized, whatever "
            "the reader wishes",
            prompt.n, capacity);
        return shorten(r);
    }
    r->n_prompt = prompt.n;
    if (!status) status = generate(r, &prompt, &err);
    free(prompt.items);
    if (status == BANTAM_ERR_CANCELLED) {
        put_answer(r, true);
        return cli_signal_status();
    }
    if (status) return cli_fail(&err);
    put_answer(r, false);
    return CLI_OK;
}

static int open_engine(cli_engine *e, const cli_args *args)
{
    cli_args own = *args;

    own.words[0] = args->personal.model ? args->personal.model : "bantam-mini";
    const int status = cli_engine_model(e, &own);
    if (status) return status;
    if (!e->tokenizer) {
        return cli_fail_with(BANTAM_ERR_UNSUPPORTED, "%s has no tokenizer", e->path);
    }
    return CLI_OK;
}

static int rewrite(rewriting *r)
{
    bantam_profile *profile = NULL;
    bantam_error err = {0};

    if (cli_read_file(r->args->n_words > 1 ? r->args->words[1] : "-", &r->text, &err)) {
        return cli_fail(&err);
    }
    if (r->text.size == 0) return cli_fail_with(BANTAM_ERR_INVALID, "the text is empty");
    int status = cli_profile_beside(r->args, CLI_ADAPTER_SUFFIX, r->adapter, sizeof r->adapter);
    if (!status) status = cli_profile_open(r->args, false, &profile);
    if (!status) status = cli_history_read(&r->h, profile);
    bantam_profile_close(profile);
    if (!status) status = open_engine(&r->engine, r->args);
    if (status) return status;
    use_adapter(r);
    status = cli_engine_session(&r->engine, r->args, 0);
    return status ? status : answer(r);
}

int cli_personal_rewrite(const cli_args *args)
{
    rewriting r = {.args = args};
    const int status = rewrite(&r);

    cli_engine_close(&r.engine);
    cli_history_free(&r.h);
    cli_buf_free(&r.text);
    cli_buf_free(&r.answer);
    return status;
}

/* ---- adapt ------------------------------------------------------------------------------- */

typedef struct learning {
    const cli_args *args;
    cli_engine engine;
    cli_history h;
    const char *path; /* of the file that is read */
    FILE *out;        /* the texts to learn from */
    size_t n;
} learning;

static void put_line(learning *l, json_t *line)
{
    if (!line) cli_out_of_memory();
    json_dumpf(line, l->out, JSON_COMPACT);
    fputc('\n', l->out);
    json_decref(line);
    l->n++;
}

static void put_text(learning *l, const char *text)
{
    put_line(l, json_pack("{s:o}", "text", cli_json_text(cli_text_of(text))));
}

/* {"text", "accepted"}: what was given and what the reader took for it; {"text"} or
 * {"accepted"} alone: a text as the reader likes it. */
static int on_line(void *user, const json_t *object, size_t line)
{
    learning *const l = user;
    const char *const text = json_string_value(json_object_get(object, "text"));
    const char *const accepted = json_string_value(json_object_get(object, "accepted"));

    if ((!text || !*text) && (!accepted || !*accepted)) {
        return cli_fail_with(BANTAM_ERR_FORMAT,
                             "%s: line %zu: expected \"accepted\", \"text\" or both", l->path,
                             line);
    }
    if (text && accepted && has_template(&l->engine)) {
        cli_buf question = {0};
        add_question(&question, &l->engine, &l->h, 0, cli_text_of(text));
        put_line(l, messages((bantam_text){question.data, question.size}, accepted));
        cli_buf_free(&question);
    } else {
        put_text(l, accepted ? accepted : text);
    }
    return CLI_OK;
}

static int put_file(learning *l, const char *path)
{
    cli_buf text;
    bantam_error err = {0};

    l->path = path;
    if (cli_ends_with(path, ".jsonl")) return cli_read_lines(path, on_line, l);
    if (cli_read_file(path, &text, &err)) return cli_fail(&err);
    put_line(l, json_pack("{s:o}", "text", cli_json_text((bantam_text){text.data, text.size})));
    cli_buf_free(&text);
    return CLI_OK;
}

/* Without files: what was liked and has a text. */
static void put_liked(learning *l)
{
    bool *const done = cli_grow(NULL, l->h.n_items + 1, sizeof *done);

    memset(done, 0, l->h.n_items * sizeof *done);
    for (size_t i = 0; i < l->h.n_events; i++) {
        const size_t item = l->h.events[i].item;
        if (l->h.events[i].kind != BANTAM_EVENT_LIKED || done[item]) continue;
        done[item] = true;
        if (*l->h.items[item].text) put_text(l, l->h.items[item].text);
    }
    free(done);
}

/* The texts are the reader's own: for nobody else to read, and gone when they were learned. */
static int write_texts(learning *l, const char *path)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int status = CLI_OK;

    l->out = fd < 0 ? NULL : fdopen(fd, "w");
    if (!l->out) return cli_fail_with(BANTAM_ERR_IO, "%s: cannot write it", path);
    for (size_t i = 1; i < l->args->n_words && !status; i++)
        status = put_file(l, l->args->words[i]);
    if (!status && l->args->n_words == 1) put_liked(l);
    const bool written = !ferror(l->out);
    if (fclose(l->out) != 0 || !written) {
        if (!status) status = cli_fail_with(BANTAM_ERR_IO, "%s: cannot write it", path);
    }
    if (!status && l->n == 0) {
        status = cli_fail_with(BANTAM_ERR_INVALID,
                               "nothing to learn from: no item that was liked has a text; give "
                               "files of texts that you accept");
    }
    return status;
}

static bool on_progress(void *user, const bantam_adapt_progress *p)
{
    (void)user;
    cli_progress("adapting", p->done, p->total);
    return !cli_signal_caught();
}

static int learn(learning *l, const char *texts, const char *adapter)
{
    const char *const data[] = {texts};
    const bantam_adapt_options o = {.struct_size = sizeof o,
                                    .data = data,
                                    .n_data = 1,
                                    .steps = l->args->personal.steps,
                                    .held_out = l->n < 10 ? -1.0 : 0.0,
                                    .n_threads = l->args->threads,
                                    .memory_bytes = l->args->memory,
                                    .progress = on_progress};
    bantam_adapt_result result;
    bantam_error err = {0};

    cli_signal_watched(true);
    const bantam_status failed = bantam_adapt(l->engine.model, adapter, &o, &result, &err);
    cli_signal_watched(false);
    cli_progress("", 0, 0);
    if (failed && !(failed == BANTAM_ERR_CANCELLED && result.written)) {
        const int status = cli_fail(&err);
        return status == CLI_INTERRUPTED ? cli_signal_status() : status;
    }
    if (l->args->json) {
        cli_put_json(json_pack(
            "{s:o,s:I,s:I,s:o,s:o}", "path", cli_json_text(cli_text_of(adapter)), "texts",
            (json_int_t)l->n, "steps", (json_int_t)result.n_steps, "loss_before",
            cli_json_real(result.loss_before), "loss_after", cli_json_real(result.loss_after)));
    } else {
        cli_note("%zu texts learned in %" PRIu64 " steps; 'rewrite' now uses %s", l->n,
                 result.n_steps, adapter);
    }
    return failed ? cli_signal_status() : CLI_OK;
}

static int adapt(learning *l, const char *texts, const char *adapter)
{
    bantam_profile *profile = NULL;
    int status = cli_profile_open(l->args, true, &profile);

    if (!status) status = cli_history_read(&l->h, profile);
    bantam_profile_close(profile);
    if (!status) status = open_engine(&l->engine, l->args);
    if (!status) status = write_texts(l, texts);
    return status ? status : learn(l, texts, adapter);
}

int cli_personal_adapt(const cli_args *args)
{
    learning l = {.args = args};
    char texts[PATH_MAX], adapter[PATH_MAX];
    int status = cli_profile_beside(args, CLI_ADAPT_DATA_SUFFIX, texts, sizeof texts);

    if (!status) status = cli_profile_beside(args, CLI_ADAPTER_SUFFIX, adapter, sizeof adapter);
    if (status) return status;
    status = adapt(&l, texts, adapter);
    (void)unlink(texts);
    cli_engine_close(&l.engine);
    cli_history_free(&l.h);
    return status;
}
#endif
