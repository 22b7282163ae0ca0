/* cmd_run_many.c - `bantam run --prompts FILE`: many prompts, some answered at a time.
 *
 * A place is a session of the batch; a prompt takes the next free one. Each begins with an
 * empty context and a sampler set anew, so that its answer is the one it would get alone.
 * Answers that are done before those of earlier lines wait for their turn.
 */
#include "cli_answer.h"
#include "cli_batch.h"
#include "cli_jsonl.h"
#include "cli_prompt.h"
#include "cli_signal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct item {
    json_t *id; /* as the line has it; NULL: none */
    cli_ids prompt;
    cli_buf text;
    uint32_t *tokens; /* (n_tokens) of the answer */
    size_t n_tokens, capacity;
    bantam_finish finish;
    bool done;
    bantam_error err; /* status BANTAM_OK: there is an answer */
} item;

typedef struct many {
    const cli_args *args;
    cli_engine engine;
    cli_batch batch;
    bantam_generation how;
    item *items;
    size_t n_items, capacity;
    size_t next, shown; /* to be asked, and to be printed */
    size_t n_failed;
    item *at[CLI_MAX_SESSIONS]; /* what each session answers; NULL: it is free */
} many;

/* ---- the file ---------------------------------------------------------------------------- */

static int add_line(void *user, const json_t *object, size_t line)
{
    many *m = user;
    const json_t *text = json_object_get(object, "prompt");
    cli_prompt p = {.text = {json_string_value(text), json_string_length(text)},
                    .system = m->args->system,
                    .raw = m->args->raw};

    if (!json_is_string(text)) {
        return cli_fail_with(BANTAM_ERR_FORMAT, "%s: line %zu: expected \"prompt\", a text",
                             m->args->many.prompts, line);
    }
    if (m->n_items == m->capacity) {
        m->capacity = m->capacity * 2 + 64;
        m->items = cli_grow(m->items, m->capacity, sizeof *m->items);
    }
    item *it = &m->items[m->n_items++];
    *it = (item){.id = json_incref(json_object_get(object, "id"))};
    return cli_prompt_tokens(&m->engine, &p, &it->prompt);
}

/* A context that all prompts and answers fit, where it is known; 0: not. */
static uint32_t context_of(const many *m)
{
    size_t longest = 0;

    for (size_t i = 0; i < m->n_items; i++) {
        if (m->items[i].prompt.n > longest) longest = m->items[i].prompt.n;
    }
    const size_t all = longest + m->args->max_tokens;
    return m->args->max_tokens && all <= 4096 ? (uint32_t)all : 0;
}

/* ---- what is printed --------------------------------------------------------------------- */

static json_t *error_of(const item *it)
{
    const bantam_text why = {it->err.message, strlen(it->err.message)};

    return json_pack("{s:s,s:o}", "code", bantam_status_name(it->err.status), "message",
                     cli_json_text(why));
}

static void put_item(many *m, item *it)
{
    json_t *o = json_object();

    if (it->id) json_object_set(o, "id", it->id);
    if (it->err.status && it->err.status != BANTAM_ERR_CANCELLED) {
        json_object_set_new(o, "error", error_of(it));
        m->n_failed++;
    } else {
        json_object_set_new(o, "text",
                            cli_json_text((bantam_text){it->text.data, it->text.size}));
        json_object_set_new(o, "finish", json_string(cli_finish_name(it->finish)));
        json_object_set_new(o, "prompt_tokens", json_integer((json_int_t)it->prompt.n));
        json_object_set_new(o, "completion_tokens", json_integer((json_int_t)it->n_tokens));
        if (m->args->json) {
            json_object_set_new(o, "tokens", cli_json_ids(it->tokens, it->n_tokens));
        }
    }
    cli_put_json(o);
}

/* Those whose turn has come. */
static void show(many *m)
{
    while (m->shown < m->n_items && m->items[m->shown].done) {
        put_item(m, &m->items[m->shown++]);
        if (!cli_flush()) return;
    }
}

/* ---- answering --------------------------------------------------------------------------- */

static bool on_step(void *user, const bantam_step *step)
{
    item *it = user;

    cli_buf_add(&it->text, step->text.data, step->text.size);
    if (step->token == BANTAM_NO_TOKEN) return true;
    if (it->n_tokens == it->capacity) {
        it->capacity = it->capacity * 2 + 64;
        it->tokens = cli_grow(it->tokens, it->capacity, sizeof *it->tokens);
    }
    it->tokens[it->n_tokens++] = step->token;
    return true;
}

static void on_done(void *user, bantam_status status, const bantam_error *err,
                    const bantam_answer *answer)
{
    item *it = user;

    it->done = true;
    it->finish = answer->finish;
    if (answer->n_tokens < it->n_tokens) it->n_tokens = answer->n_tokens;
    if (!status) return;
    it->err = *err;
    it->err.status = status;
}

/* Asks in place i what comes next. A prompt that cannot be answered says so in its turn. */
static int ask(many *m, uint32_t i)
{
    item *it = &m->items[m->next++];
    cli_engine place = m->engine; /* with another session */
    const bantam_request r = {.struct_size = sizeof r,
                              .session = m->batch.sessions[i],
                              .tokens = it->prompt.items,
                              .n_tokens = it->prompt.n,
                              .generation = &m->how,
                              .step = on_step,
                              .done = on_done,
                              .user = it};

    place.session = r.session;
    const int status = cli_answer_sampling(&place, m->args);
    if (status) return status;
    bantam_status failed = bantam_session_rewind(r.session, 0, &it->err);
    if (!failed) failed = bantam_batch_join(m->batch.batch, &r, &it->err);
    it->err.status = failed;
    it->done = failed != BANTAM_OK;
    m->at[i] = it->done ? NULL : it;
    return CLI_OK;
}

static int answer_all(many *m)
{
    bantam_error err = {0};
    int status = CLI_OK;

    while (m->shown < m->n_items && !status) {
        for (uint32_t i = 0; i < m->batch.n && !status; i++) {
            if (m->at[i] && m->at[i]->done) m->at[i] = NULL;
            while (!m->at[i] && m->next < m->n_items && !status)
                status = ask(m, i);
        }
        if (!status && bantam_batch_step(m->batch.batch, NULL, &err)) status = cli_fail(&err);
        show(m);
        cli_progress("answers", m->shown, m->n_items);
        if (!status && cli_signal_caught()) status = cli_signal_status();
        if (!cli_flush()) return CLI_FAILED;
    }
    /* What is done is kept. */
    for (size_t i = m->shown; i < m->n_items; i++) {
        if (m->items[i].done) put_item(m, &m->items[i]);
    }
    return status;
}

/* ---- the command ------------------------------------------------------------------------- */

static int check(const cli_args *args)
{
    if (args->words[1] || args->tokens.n > 0) {
        return cli_usage("--prompts stands in place of a prompt; both are given");
    }
    if (args->tools || args->save_state || args->load_state || args->logprobs > 0 ||
        args->guess.draft || args->guess.lookup || args->pace.rate || args->pace.limit > 0.0) {
        return cli_usage("--prompts does not go with --tools, --save-state, --load-state, "
                         "--logprobs, --draft, --lookup, --pace and --max-temp");
    }
    if (args->raw && args->system) {
        return cli_usage("--system is a part of a chat; --raw is none");
    }
    return 0;
}

static void free_items(many *m)
{
    for (size_t i = 0; i < m->n_items; i++) {
        item *it = &m->items[i];
        json_decref(it->id);
        free(it->prompt.items);
        cli_buf_free(&it->text);
        free(it->tokens);
    }
    free(m->items);
}

static void tell(const many *m, double ms)
{
    size_t n_tokens = 0;

    for (size_t i = 0; i < m->n_items; i++) {
        n_tokens += m->items[i].n_tokens;
    }
    cli_verbose("%zu answers, %" PRIu32 " at a time: %zu tokens in %.1f s, %.1f/s; peak memory "
                "%.1f MB, %.1f MB planned",
                m->n_items, m->batch.n, n_tokens, ms / 1e3, (double)n_tokens * 1e3 / ms,
                (double)cli_peak_bytes() / 1e6, (double)m->batch.planned_bytes / 1e6);
}

int cli_run_many(const cli_args *args)
{
    many m = {.args = args};
    int status = check(args);

    if (status) return status;
    status = cli_engine_model(&m.engine, args);
    if (!status) status = cli_read_lines(args->many.prompts, add_line, &m);
    if (!status && m.n_items > 0) {
        const uint32_t most = args->many.parallel;
        const uint32_t n = m.n_items < most ? (uint32_t)m.n_items : most;
        m.how = cli_generation(args);
        status = cli_engine_session(&m.engine, args, context_of(&m));
        if (!status) status = cli_batch_open(&m.batch, &m.engine, args, n);
        if (!status) {
            const double start = cli_now_ms();
            cli_signal_session(NULL);
            cli_signal_watched(true);
            status = answer_all(&m);
            cli_signal_watched(false);
            cli_progress("", 0, 0);
            tell(&m, cli_now_ms() - start);
        }
        cli_generation_free(&m.how);
    }
    if (!status && m.n_failed > 0) {
        cli_note("%zu of %zu prompts have no answer", m.n_failed, m.n_items);
        status = CLI_FAILED;
    }
    cli_batch_close(&m.batch);
    cli_engine_close(&m.engine);
    free_items(&m);
    return status;
}
