/* cli_prefix.c - which part of a prompt is nobody's own words, and where it is kept.
 *
 * What a template puts before the user's first word is the same for every user: instructions of
 * --system, definitions of --tools, the model's own preamble. Where it ends is found without
 * looking at the user's words: the chat is rendered with two others in their place, and as far
 * as the tokens of both agree with the prompt's nothing in them can be the user's.
 */
#include "cli_prefix.h"

#include "cli_literal.h"
#include "cli_tools.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool says(const cli_args *args, const char *word)
{
    return strcmp(args->prefix.cache, word) == 0;
}

int cli_prefix_open(cli_engine *e, const cli_args *args)
{
    char folder[PATH_MAX];
    const bantam_prefixes_options o = {.struct_size = sizeof o, .folder = folder};
    bantam_error err = {0};

    if (says(args, "off") || args->no_cache) return CLI_OK;
    /* A file is read through the system's own memory, which a tight budget has none of. */
    if (args->memory && (args->memory < e->plan.total_bytes ||
                         args->memory - e->plan.total_bytes < e->plan.kv_bytes)) {
        return CLI_OK;
    }
    if (bantam_prefixes_folder(folder, sizeof folder, &err)) return cli_fail(&err);
    if (!folder[0]) return CLI_OK;
    return bantam_prefixes_open(&e->prefixes, &o, &err) ? cli_fail(&err) : CLI_OK;
}

bantam_status cli_chat_text(const bantam_tokenizer *tokenizer, json_t *messages, json_t *tools,
                            cli_buf *out, bantam_error *err)
{
    json_t *root = json_pack("{s:O,s:b}", "messages", messages, "add_generation_prompt", true);

    if (tools) json_object_set(root, "tools", tools);
    char *json = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    if (!json) cli_out_of_memory();
    const bantam_status status =
        cli_render(tokenizer, (bantam_text){json, strlen(json)}, out, err);
    free(json);
    return status;
}

bantam_status cli_chat_tokens(const cli_engine *e, json_t *messages, json_t *tools,
                              cli_ids *out, bantam_error *err)
{
    json_t *told = cli_tools_told(e, messages, tools, err);
    cli_literals literals = {0};
    cli_buf text = {0};

    *out = (cli_ids){0};
    if (!told) return err->status;
    cli_literals_hide(&literals, e->tokenizer, told);
    bantam_status status = cli_chat_text(e->tokenizer, told, tools, &text, err);
    if (!status) {
        status = cli_literals_tokenize(&literals, e->tokenizer,
                                       (bantam_text){text.data, text.size}, out, err);
    }
    cli_literals_free(&literals);
    cli_buf_free(&text);
    json_decref(told);
    return status;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t common(const cli_ids *a, const cli_ids *b, size_t most)
{
    size_t n = 0;

    most = least(most, least(a->n, b->n));
    while (n < most && a->items[n] == b->items[n])
        n++;
    return n;
}

bool cli_begins_with_system(const json_t *messages)
{
    const json_t *role = json_object_get(json_array_get(messages, 0), "role");

    return json_is_string(role) && strcmp(json_string_value(role), "system") == 0;
}

/* How many tokens a prompt shares with the one that has other words from its user. */
static size_t shared_with(const cli_engine *e, const json_t *messages, json_t *tools,
                          const char *words, const cli_ids *ids, size_t most)
{
    json_t *other = json_array();
    cli_ids rendered;

    if (cli_begins_with_system(messages)) json_array_append(other, json_array_get(messages, 0));
    json_array_append_new(other, json_pack("{s:s,s:s}", "role", "user", "content", words));
    bantam_error err = {0};
    const bantam_status failed = cli_chat_tokens(e, other, tools, &rendered, &err);
    json_decref(other);
    const size_t n = failed ? 0 : common(&rendered, ids, most);
    free(rendered.items);
    return n;
}

size_t cli_prefix_shared(const cli_engine *e, const cli_args *args, const json_t *messages,
                         json_t *tools, const cli_ids *ids)
{
    if (!e->prefixes) return 0;
    if (says(args, "all")) return ids->n;
    if (!messages || (!tools && !cli_begins_with_system(messages))) return 0; /* a few words */
    const size_t n = shared_with(e, messages, tools, "0", ids, ids->n);
    return n ? shared_with(e, messages, tools, "Zebra", ids, n) : 0;
}

bantam_status cli_prefix_feed(cli_engine *e, const uint32_t *tokens, size_t n_tokens,
                              size_t n_shared, size_t *n_found, bantam_error *err)
{
    bantam_prefixes_fed fed;
    const bantam_status status =
        bantam_prefixes_feed(e->prefixes, e->session, tokens, n_tokens, n_shared, &fed, err);

    *n_found = n_tokens - fed.n_computed;
    if (status) return status;
    if (fed.n_file) cli_verbose("the first %" PRIu32 " tokens from a file", fed.n_file);
    if (fed.saved) cli_verbose("the first tokens, which are shared, kept in a file");
    if (fed.saving.status) cli_verbose("no file of the first tokens: %s", fed.saving.message);
    return BANTAM_OK;
}
