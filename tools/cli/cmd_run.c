/* cmd_run.c - `bantam run`: one prompt, one answer. */
#include "cli_answer.h"
#include "cli_commands.h"
#include "cli_prefix.h"
#include "cli_prompt.h"
#include "cli_signal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct run {
    const cli_args *args;
    cli_engine engine;
    cli_buf prompt;
    bool has_prompt;
    json_t *tools, *messages;
    cli_ids tokens;
    cli_answer answer;
} run;

static int check(const cli_args *args)
{
    if (args->tokens.n > 0 && args->words[1]) {
        return cli_usage("--tokens stands in place of a prompt; both are given");
    }
    if (args->messages && (args->tokens.n > 0 || args->words[1] || args->system || args->raw)) {
        return cli_usage("--messages stands in place of a prompt, --system and --tokens");
    }
    if (cli_args_given(args, "parallel")) return cli_usage("--parallel goes with --prompts");
    if (args->logprobs > 0 && !args->json) return cli_usage("--logprobs needs --json");
    if (args->calls.events && (!args->json || !args->tools)) {
        return cli_usage("--tool-events needs --json and --tools");
    }
    if ((args->raw || args->tokens.n > 0) && (args->system || args->tools)) {
        return cli_usage(
            "--system and --tools are parts of a chat; --raw and --tokens are none");
    }
    return 0;
}

/* The prompt from the command line or standard input. None where the line says --tokens, or
 * where a saved state is to be gone on with. */
static int read_prompt(run *r)
{
    const char *word = r->args->words[1];
    bantam_error err = {0};

    if (r->args->messages) {
        r->has_prompt = true;
        return cli_list_read(r->args->messages, "messages", &r->messages);
    }
    if (r->args->tokens.n > 0 || (!word && r->args->load_state)) return 0;
    r->has_prompt = true;
    if (word && strcmp(word, "-") != 0) {
        cli_buf_add(&r->prompt, word, strlen(word));
        return 0;
    }
    return cli_read_file("-", &r->prompt, &err) ? cli_fail(&err) : 0;
}

/* The prompt as a user's message, after the system's. */
static json_t *make_messages(const cli_prompt *p)
{
    json_t *messages = json_array();

    if (p->system) {
        const bantam_text system = {p->system, strlen(p->system)};
        json_array_append_new(messages, json_pack("{s:s,s:o}", "role", "system", "content",
                                                  cli_json_text(system)));
    }
    json_array_append_new(
        messages, json_pack("{s:s,s:o}", "role", "user", "content", cli_json_text(p->text)));
    return messages;
}

static bantam_status chat_tokens(const cli_engine *e, cli_prompt *p, cli_ids *out,
                                 bantam_error *err)
{
    json_t *const messages = p->messages ? json_incref(p->messages) : make_messages(p);
    const bantam_status status = cli_chat_tokens(e, messages, p->tools, out, err);
    if (!status && p->args) {
        p->n_shared = cli_prefix_shared(e, p->args, messages, p->tools, out);
    }
    json_decref(messages);
    return status;
}

int cli_prompt_tokens(const cli_engine *e, cli_prompt *p, cli_ids *out)
{
    bantam_tokenizer_info info;
    bantam_error err = {0};
    bantam_status status;

    if (!e->tokenizer) {
        return cli_fail_with(BANTAM_ERR_UNSUPPORTED,
                             "%s has no tokenizer: only --tokens can be given", e->path);
    }
    bantam_tokenizer_describe(e->tokenizer, &info);
    if (info.has_template && !p->raw) {
        status = chat_tokens(e, p, out, &err);
    } else {
        if (!p->raw) cli_verbose("the model has no chat template: plain text");
        if (p->system || p->tools || p->messages) {
            return cli_fail_with(
                BANTAM_ERR_UNSUPPORTED,
                "--system, --messages and --tools need a chat template, %s has "
                "none",
                e->path);
        }
        status = cli_tokenize(e->tokenizer, p->text, p->goes_on ? 0 : BANTAM_TOKENIZE_ADD, out,
                              &err);
    }
    return status ? cli_fail(&err) : 0;
}

static int make_tokens(run *r)
{
    const bool goes_on = bantam_session_position(r->engine.session) > 0;
    cli_prompt p = {.text = {r->prompt.data, r->prompt.size},
                    .messages = r->messages,
                    .system = r->args->system,
                    .tools = r->tools,
                    .raw = r->args->raw,
                    .goes_on = goes_on,
                    .args = goes_on ? NULL : r->args};
    const int status = r->has_prompt ? cli_prompt_tokens(&r->engine, &p, &r->tokens) : 0;

    r->answer.shared_tokens = p.n_shared;
    return status;
}

static int answer(run *r)
{
    const cli_ids *ids = r->args->tokens.n > 0 ? &r->args->tokens : &r->tokens;
    bantam_error err = {0};

    if (!r->answer.shared_tokens && bantam_session_position(r->engine.session) == 0) {
        r->answer.shared_tokens = cli_prefix_shared(&r->engine, r->args, NULL, NULL, ids);
    }
    if (ids->n == 0 && !bantam_session_logits(r->engine.session)) {
        return cli_fail_with(
            BANTAM_ERR_INVALID,
            "the prompt is empty and the model begins with no token of its own");
    }
    const bantam_status status =
        cli_answer_make(&r->answer, &r->engine, r->args, ids->items, ids->n, &err);
    if (!r->args->json && (r->answer.text_bytes > 0 || !status)) cli_put("\n", 1);
    if (!cli_flush()) return CLI_FAILED;
    if (status && status != BANTAM_ERR_CANCELLED) return cli_fail(&err);
    if (r->answer.finish == BANTAM_FINISH_LENGTH &&
        bantam_session_position(r->engine.session) >=
            bantam_session_capacity(r->engine.session)) {
        cli_note("the answer ends where the context of %u tokens is full",
                 (unsigned)bantam_session_capacity(r->engine.session));
    }
    if (r->args->save_state && r->answer.finish != BANTAM_FINISH_CANCELLED &&
        bantam_session_save(r->engine.session, r->args->save_state, &err)) {
        return cli_fail(&err);
    }
    if (r->args->json) cli_put_json(cli_answer_json(&r->answer, &r->engine, r->args));
    cli_answer_stats(&r->answer, &r->engine);
    return r->answer.finish == BANTAM_FINISH_CANCELLED ? cli_signal_status() : CLI_OK;
}

int cli_run(const cli_args *args)
{
    run r = {.args = args};
    bantam_error err = {0};
    int status = args->many.prompts ? cli_run_many(args) : check(args);

    if (status || args->many.prompts) return status;
    if (!args->words[1] && !args->messages && args->tokens.n == 0 && !args->load_state &&
        isatty(STDIN_FILENO)) {
        return cli_chat(args);
    }
    status = read_prompt(&r);
    if (!status && args->tools) status = cli_list_read(args->tools, "tools", &r.tools);
    if (!status) status = cli_engine_open(&r.engine, args, 0);
    if (!status) status = cli_prefix_open(&r.engine, args);
    if (!status) status = cli_answer_sampling(&r.engine, args);
    if (!status && args->load_state &&
        bantam_session_load(r.engine.session, args->load_state, &err)) {
        status = cli_fail(&err);
    }
    if (!status) status = make_tokens(&r);
    if (!status) status = answer(&r);

    cli_answer_free(&r.answer);
    cli_engine_close(&r.engine);
    cli_buf_free(&r.prompt);
    free(r.tokens.items);
    json_decref(r.tools);
    json_decref(r.messages);
    return status;
}
