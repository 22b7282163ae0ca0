/* cmd_text.c - `bantam tokenize` and `bantam template`: what a model reads, without running it.
 */
#include "cli_commands.h"
#include "cli_engine.h"
#include "cli_out.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int open_tokenizer(bantam_tokenizer **out, const cli_args *args)
{
    char path[PATH_MAX];
    bantam_error err = {0};
    const int status = cli_locate(args->words[0], path);

    if (status) return status;
    return bantam_tokenizer_open(out, path, &err) ? cli_fail(&err) : 0;
}

static json_t *json_tokens(const bantam_tokenizer *tokenizer, const cli_ids *ids)
{
    json_t *tokens = json_array(), *pieces = json_array();

    for (size_t i = 0; i < ids->n; i++) {
        json_array_append_new(tokens, json_integer(ids->items[i]));
        json_array_append_new(pieces,
                              cli_json_text(bantam_token_text(tokenizer, ids->items[i])));
    }
    return json_pack("{s:o,s:o}", "tokens", tokens, "pieces", pieces);
}

static int encode(const bantam_tokenizer *tokenizer, const cli_args *args)
{
    const char *word = args->words[1];
    const unsigned flags = (args->no_special ? 0u : BANTAM_TOKENIZE_SPECIAL) |
                           (args->bos ? BANTAM_TOKENIZE_ADD : 0);
    bantam_text text = {word, word ? strlen(word) : 0};
    cli_buf input = {0};
    cli_ids ids;
    bantam_error err = {0};

    if (!word || strcmp(word, "-") == 0) {
        if (cli_read_file("-", &input, &err)) return cli_fail(&err);
        text = (bantam_text){input.data, input.size};
    }
    const bantam_status status = cli_tokenize(tokenizer, text, flags, &ids, &err);
    cli_buf_free(&input);
    if (status) return cli_fail(&err);
    if (args->json) {
        cli_put_json(json_tokens(tokenizer, &ids));
    } else {
        for (size_t i = 0; i < ids.n; i++) {
            cli_printf("%s%" PRIu32, i ? " " : "", ids.items[i]);
        }
        cli_put("\n", 1);
    }
    free(ids.items);
    return CLI_OK;
}

static int decode(const bantam_tokenizer *tokenizer, const cli_args *args)
{
    const unsigned flags = args->no_special ? 0 : BANTAM_DETOKENIZE_SPECIAL;
    cli_buf text = {0};
    bantam_error err = {0};
    bantam_status status;

    cli_buf_reserve(&text, 16 * args->decode.n);
    for (int i = 0; i < 2; i++) { /* the second time with the room that it asks for */
        status = bantam_detokenize(tokenizer, args->decode.items, args->decode.n, flags,
                                   text.data, text.capacity, &text.size, &err);
        if (status != BANTAM_ERR_FULL || text.size <= text.capacity) break;
        const size_t needed = text.size;
        text.size = 0;
        cli_buf_reserve(&text, needed);
    }
    if (status) {
        cli_buf_free(&text);
        return cli_fail(&err);
    }
    if (args->json) {
        json_t *object = json_tokens(tokenizer, &args->decode);
        json_object_set_new(object, "text", cli_json_text((bantam_text){text.data, text.size}));
        cli_put_json(object);
    } else {
        cli_put_text((bantam_text){text.data, text.size});
        if (cli_out_is_terminal()) cli_put("\n", 1);
    }
    cli_buf_free(&text);
    return CLI_OK;
}

int cli_tokenize_command(const cli_args *args)
{
    bantam_tokenizer *tokenizer = NULL;
    const bool decodes = args->decode.n > 0;

    if (decodes && (args->words[1] || args->bos)) {
        return cli_usage("--decode takes no text and no --bos");
    }
    int status = open_tokenizer(&tokenizer, args);
    if (!status) status = decodes ? decode(tokenizer, args) : encode(tokenizer, args);
    bantam_tokenizer_close(tokenizer);
    return status;
}

int cli_template(const cli_args *args)
{
    bantam_tokenizer *tokenizer = NULL;
    cli_buf json = {0}, text = {0};
    bantam_error err = {0};
    int status = 0;

    if (cli_read_file(args->words[1], &json, &err)) return cli_fail(&err);
    status = open_tokenizer(&tokenizer, args);
    if (!status && cli_render(tokenizer, (bantam_text){json.data, json.size}, &text, &err)) {
        status = cli_fail(&err);
    }
    if (!status) {
        const bantam_text rendered = {text.data, text.size};
        if (args->json)
            cli_put_json(json_pack("{s:o}", "text", cli_json_text(rendered)));
        else
            cli_put_text(rendered);
        if (!args->json && cli_out_is_terminal()) cli_put("\n", 1);
    }
    bantam_tokenizer_close(tokenizer);
    cli_buf_free(&json);
    cli_buf_free(&text);
    return status;
}
