/* cmd_chat.c - `bantam chat`: a conversation.
 *
 * The messages are the truth; the session's cache follows them. Each turn renders the whole
 * conversation, keeps the longest beginning that the session already holds, and feeds the rest.
 */
#include "cli_answer.h"
#include "cli_commands.h"
#include "cli_line.h"
#include "cli_prefix.h"
#include "cli_signal.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

typedef struct chat {
    const cli_args *args;
    cli_engine engine;
    cli_line *line;
    json_t *messages; /* [{"role","content"}] */
    json_t *tools;    /* NULL for none */
    bool has_template;
    size_t turns;
    cli_answer last;
} chat;

/* ---- messages ---------------------------------------------------------------------------- */

static void add_message(chat *c, const char *role, bantam_text content)
{
    json_array_append_new(
        c->messages, json_pack("{s:s,s:o}", "role", role, "content", cli_json_text(content)));
}

static void drop_last_message(chat *c)
{
    json_array_remove(c->messages, json_array_size(c->messages) - 1);
}

static void set_system(chat *c, bantam_text text)
{
    if (cli_begins_with_system(c->messages)) json_array_remove(c->messages, 0);
    if (text.size == 0) return;
    json_array_insert_new(
        c->messages, 0,
        json_pack("{s:s,s:o}", "role", "system", "content", cli_json_text(text)));
}

static void clear(chat *c)
{
    bantam_error err = {0};

    while (json_array_size(c->messages) > (cli_begins_with_system(c->messages) ? 1u : 0u)) {
        drop_last_message(c);
    }
    c->turns = 0;
    if (bantam_session_rewind(c->engine.session, 0, &err)) cli_fail(&err);
}

/* ---- one turn ---------------------------------------------------------------------------- */

/* How many of the tokens the session holds already. One is always left to feed, because the
 * logits after it are wanted. */
static size_t held(const chat *c, const cli_ids *ids)
{
    const uint32_t position = bantam_session_position(c->engine.session);
    size_t n = 0;

    while (n < ids->n && n < position &&
           bantam_session_token(c->engine.session, (uint32_t)n) == ids->items[n]) {
        n++;
    }
    return n > 0 && n == ids->n ? n - 1 : n;
}

/* Tokens to feed: all of the conversation, or the line alone where there is no template. *from
 * is the first of them that the session does not hold. */
static bantam_status turn_tokens(chat *c, bantam_text line, cli_ids *ids, size_t *from,
                                 bantam_error *err)
{
    const uint32_t position = bantam_session_position(c->engine.session);
    bantam_status status;

    *from = 0;
    if (!c->has_template) {
        return cli_tokenize(c->engine.tokenizer, line, position ? 0 : BANTAM_TOKENIZE_ADD, ids,
                            err);
    }
    status = cli_chat_tokens(&c->engine, c->messages, c->tools, ids, err);
    if (!status) *from = held(c, ids);
    return status;
}

static bool fits(const chat *c, const cli_ids *ids)
{
    const uint32_t capacity = bantam_session_capacity(c->engine.session);
    const size_t needed =
        ids->n + (c->has_template ? 0 : bantam_session_position(c->engine.session));

    if (needed < capacity) return true;
    cli_fail_with(BANTAM_ERR_FULL,
                  "the conversation has %zu tokens and the context holds %" PRIu32
                  ": /save it, /clear it, or begin with a larger --ctx",
                  needed, capacity);
    return false;
}

/* Says how an answer ended where that is not the usual way. Returns an exit status that ends
 * the chat, or CLI_OK. */
static int after_answer(chat *c, bantam_status status, const bantam_error *err)
{
    const int signal_number = cli_signal_caught();

    cli_signal_forget();
    if (!c->args->json) cli_put("\n", 1);
    if (!cli_flush()) return CLI_FAILED;
    if (status && status != BANTAM_ERR_CANCELLED) {
        cli_fail(err);
    } else if (c->args->json) {
        cli_put_json(cli_answer_json(&c->last, &c->engine, c->args));
        if (!cli_flush()) return CLI_FAILED;
    }
    if (c->last.finish == BANTAM_FINISH_LENGTH &&
        bantam_session_position(c->engine.session) >=
            bantam_session_capacity(c->engine.session)) {
        cli_note("the context of %" PRIu32 " tokens is full",
                 bantam_session_capacity(c->engine.session));
    }
    cli_answer_stats(&c->last, &c->engine);
    /* Ctrl-C at a terminal stops the answer; anything else means the whole command. */
    if (signal_number == SIGINT && cli_line_is_terminal(c->line)) return CLI_OK;
    return signal_number ? 128 + signal_number : CLI_OK;
}

static int turn(chat *c, bantam_text line)
{
    cli_ids ids = {0};
    size_t from = 0;
    bantam_error err = {0};
    bantam_session *session = c->engine.session;

    add_message(c, "user", line);
    bantam_status status = turn_tokens(c, line, &ids, &from, &err);
    if (status || !fits(c, &ids)) {
        if (status) cli_fail(&err);
        drop_last_message(c);
        free(ids.items);
        return CLI_OK;
    }
    cli_answer_free(&c->last);
    c->last.keep_text = true;
    if (c->has_template && from == 0) {
        c->last.shared_tokens =
            cli_prefix_shared(&c->engine, c->args, c->messages, c->tools, &ids);
    }
    if (c->has_template && from < bantam_session_position(session)) {
        status = bantam_session_rewind(session, (uint32_t)from, &err);
    }
    if (!status) {
        cli_signal_session(session);
        status = cli_answer_make(&c->last, &c->engine, c->args, ids.items + from, ids.n - from,
                                 &err);
        cli_signal_session(NULL);
    }
    free(ids.items);
    const bool answered = !status || c->last.n_tokens > 0;
    if (answered) {
        add_message(c, "assistant", (bantam_text){c->last.text.data, c->last.text.size});
        c->turns++;
    } else {
        drop_last_message(c);
    }
    return after_answer(c, status, &err);
}

/* ---- commands of the conversation -------------------------------------------------------- */

static void save(const chat *c, const char *path)
{
    json_t *root = json_pack("{s:O}", "messages", c->messages);
    char *text = json_dumps(root, JSON_INDENT(2));
    bantam_error err = {0};

    json_decref(root);
    if (!text) cli_out_of_memory();
    if (cli_write_file(path, text, strlen(text), &err))
        cli_fail(&err);
    else
        cli_note("saved %zu messages to %s", json_array_size(c->messages), path);
    free(text);
}

static bool are_messages(const json_t *messages)
{
    const json_t *message;
    size_t i;

    if (!json_is_array(messages)) return false;
    json_array_foreach(messages, i, message)
    {
        if (!json_is_string(json_object_get(message, "role")) ||
            !json_is_string(json_object_get(message, "content"))) {
            return false;
        }
    }
    return true;
}

static void load(chat *c, const char *path)
{
    cli_buf text;
    bantam_error err = {0};

    if (!c->has_template) {
        cli_fail_with(BANTAM_ERR_UNSUPPORTED,
                      "messages cannot be given to a model without a chat template");
        return;
    }
    if (cli_read_file(path, &text, &err)) {
        cli_fail(&err);
        return;
    }
    json_t *root = json_loadb(text.data, text.size, 0, NULL);
    json_t *messages = json_is_object(root) ? json_object_get(root, "messages") : root;
    cli_buf_free(&text);
    if (are_messages(messages)) {
        json_decref(c->messages);
        c->messages = json_deep_copy(messages);
        cli_note("loaded %zu messages from %s", json_array_size(c->messages), path);
    } else {
        cli_fail_with(BANTAM_ERR_FORMAT,
                      "%s: expected {\"messages\":[{\"role\",\"content\"},...]} with texts",
                      path);
    }
    json_decref(root);
}

static void stats(const chat *c)
{
    cli_say("%zu messages, context %" PRIu32 " of %" PRIu32
            " tokens, planned %.1f MB, peak %.1f MB",
            json_array_size(c->messages), bantam_session_position(c->engine.session),
            bantam_session_capacity(c->engine.session),
            (double)c->engine.plan.total_bytes / 1e6, (double)cli_peak_bytes() / 1e6);
    if (c->turns == 0) return;
    cli_say("last turn: %zu tokens read at %.1f/s, %zu written at %.1f/s, the first after "
            "%.0f ms",
            c->last.prompt_tokens, cli_answer_prefill_rate(&c->last), c->last.n_tokens,
            cli_answer_decode_rate(&c->last), c->last.first_token_ms);
}

static void help(void)
{
    cli_say("/bye          end\n"
            "/clear        forget the messages\n"
            "/save FILE    write them to a file\n"
            "/load FILE    go on with those of a file\n"
            "/system TEXT  what the model is told first; none: nothing\n"
            "/stats        counts and speed\n"
            "/help         this\n"
            "\"\"\"           begins and ends a message of several lines");
}

/* The rest of a command's line where the line is that command; NULL else. */
static char *after_word(char *line, const char *word)
{
    const size_t n = strlen(word);

    if (strncmp(line, word, n) != 0 || (line[n] && line[n] != ' ')) return NULL;
    return line + n + strspn(line + n, " ");
}

/* Obeys a line that begins with a slash. False ends the chat. */
static bool obey(chat *c, char *line)
{
    char *rest;

    for (size_t n = strlen(line); n > 0 && line[n - 1] == ' ';)
        line[--n] = '\0';
    if (after_word(line, "/bye") || after_word(line, "/exit") || after_word(line, "/quit")) {
        return false;
    }
    if (after_word(line, "/clear")) {
        clear(c);
    } else if (after_word(line, "/stats")) {
        stats(c);
    } else if (after_word(line, "/help") || after_word(line, "/?")) {
        help();
    } else if ((rest = after_word(line, "/system"))) {
        set_system(c, (bantam_text){rest, strlen(rest)});
    } else if ((rest = after_word(line, "/save")) && *rest) {
        save(c, rest);
    } else if ((rest = after_word(line, "/load")) && *rest) {
        load(c, rest);
    } else {
        cli_note("'%s' is no command, or wants a file: see /help", line);
    }
    return true;
}

/* ---- the conversation -------------------------------------------------------------------- */

/* Goes on reading after three quotes until three quotes end a line. */
static cli_line_result read_block(chat *c, cli_buf *message)
{
    cli_buf line = {0};
    cli_line_result result = CLI_LINE_READ;

    memmove(message->data, message->data + 3, message->size - 3);
    message->size -= 3;
    for (;;) {
        if (message->size >= 3 && memcmp(message->data + message->size - 3, "\"\"\"", 3) == 0) {
            message->size -= 3;
            break;
        }
        result = cli_line_read(c->line, ". ", &line);
        if (result != CLI_LINE_READ) break;
        cli_buf_add(message, "\n", 1);
        cli_buf_add(message, line.data, line.size);
    }
    cli_buf_free(&line);
    return result == CLI_LINE_END ? CLI_LINE_READ : result;
}

static int converse(chat *c)
{
    cli_buf line = {0};
    int status = CLI_OK;

    while (status == CLI_OK) {
        cli_signal_watched(cli_line_is_terminal(c->line));
        cli_line_result result = cli_line_read(c->line, "> ", &line);
        if (result == CLI_LINE_READ && line.size >= 3 && memcmp(line.data, "\"\"\"", 3) == 0) {
            result = read_block(c, &line);
        }
        cli_signal_watched(false);
        if (result == CLI_LINE_END) {
            if (cli_line_is_terminal(c->line))
                cli_say("%s", ""); /* the shell begins a new line */
            break;
        }
        if (result == CLI_LINE_INTERRUPTED) {
            if (cli_signal_caught() != SIGINT)
                status = cli_signal_status();
            else
                cli_say("\nCtrl-D or /bye ends the conversation");
            cli_signal_forget();
            continue;
        }
        if (line.size == 0) continue;
        if (line.data[0] != '/') {
            status = turn(c, (bantam_text){line.data, line.size});
            continue;
        }
        cli_buf_add(&line, "", 1); /* a command is short and a C string */
        if (!obey(c, line.data)) break;
    }
    cli_buf_free(&line);
    return status;
}

static int prepare(chat *c)
{
    bantam_tokenizer_info info;
    int status = 0;

    if (c->args->logprobs > 0 && !c->args->json) return cli_usage("--logprobs needs --json");
    if (c->args->calls.events && (!c->args->json || !c->args->tools)) {
        return cli_usage("--tool-events needs --json and --tools");
    }
    if (c->args->tools) status = cli_list_read(c->args->tools, "tools", &c->tools);
    if (!status) status = cli_engine_open(&c->engine, c->args, 0);
    if (!status) status = cli_prefix_open(&c->engine, c->args);
    if (!status) status = cli_answer_sampling(&c->engine, c->args);
    if (status) return status;
    cli_signal_session(NULL); /* from here on only while an answer is made */

    if (!c->engine.tokenizer) {
        return cli_fail_with(BANTAM_ERR_UNSUPPORTED, "%s has no tokenizer", c->engine.path);
    }
    bantam_tokenizer_describe(c->engine.tokenizer, &info);
    c->has_template = info.has_template;
    if (!c->has_template) {
        cli_note("the model has no chat template: it goes on with your text as it stands");
    }
    if (c->args->system) {
        set_system(c, (bantam_text){c->args->system, strlen(c->args->system)});
    }
    return 0;
}

int cli_chat(const cli_args *args)
{
    chat c = {.args = args, .messages = json_array()};
    int status = prepare(&c);

    if (!status) {
        c.line = cli_line_open();
        if (cli_line_is_terminal(c.line)) cli_note("/help shows what there is, /bye ends");
        status = converse(&c);
    }
    cli_line_close(c.line);
    cli_answer_free(&c.last);
    cli_engine_close(&c.engine);
    json_decref(c.messages);
    json_decref(c.tools);
    return status;
}
