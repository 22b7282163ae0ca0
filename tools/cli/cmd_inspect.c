/* cmd_inspect.c - `bantam inspect`: the archive, and the model in it where it is one. */
#include "cli_commands.h"
#include "cli_engine.h"
#include "cli_out.h"

#include <inttypes.h>
#include <string.h>

typedef struct inspection {
    bantam_archive *archive;
    bantam_model *model; /* NULL where it cannot be run */
    bantam_error why;    /* and then the reason */
    bantam_model_info info;
    const bantam_tokenizer *tokenizer; /* NULL where there is none */
    bantam_tokenizer *alone;           /* that of a file without a model that can be run */
    bantam_tokenizer_info words;
    char path[PATH_MAX];
} inspection;

static void put_name(const char *text)
{
    cli_put_text((bantam_text){text, strlen(text)});
}

/* A row of two columns; the texts may come from a file. */
static void put_row(const char *name, bantam_text value)
{
    cli_printf("%-18s ", name);
    cli_put_text(value);
    cli_put("\n", 1);
}

static void put_count(const char *name, uint64_t value)
{
    cli_printf("%-18s %" PRIu64 "\n", name, value);
}

static void put_model(const inspection *in)
{
    const bantam_model_info *m = &in->info;

    if (!in->model) {
        put_row("not runnable", (bantam_text){in->why.message, strlen(in->why.message)});
        return;
    }
    put_row("name", m->name);
    put_row("family", m->family);
    put_row("architecture", m->architecture);
    put_row("type", m->type);
    put_count("parameters", m->n_params);
    put_count("weight bytes", m->weight_bytes);
    put_count("layers", m->n_layers);
    put_count("width", m->n_embd);
    put_count("heads", m->n_heads);
    put_count("kv heads", m->n_kv_heads);
    put_count("head size", m->head_dim);
    put_count("ffn", m->n_ffn);
    put_count("vocabulary", m->n_vocab);
    put_count("context", m->context_tokens);
    if (m->window_tokens) put_count("window", m->window_tokens);
    put_row("rope", m->rope);
    put_row("activation", m->activation);
    cli_printf("%-18s %s\n", "tied head", m->tied ? "yes" : "no");
}

static void put_tokenizer(const inspection *in)
{
    const bantam_tokenizer_info *w = &in->words;

    if (!in->tokenizer) return;
    put_row("tokenizer", w->kind);
    put_count("tokens", w->n_tokens);
    cli_printf("%-18s %s\n", "chat template", w->has_template ? "yes" : "no");
}

static int put_tensors(const inspection *in)
{
    const size_t n = bantam_archive_n_tensors(in->archive);
    bantam_tensor_info t;
    bantam_error err = {0};

    cli_put("\ntensors\n", 9);
    for (size_t i = 0; i < n; i++) {
        if (bantam_archive_tensor(in->archive, i, &t, &err)) return cli_fail(&err);
        cli_put("  ", 2);
        cli_put_text(t.name);
        cli_put("  ", 2);
        cli_put_text(t.type);
        for (uint32_t d = 0; d < t.n_dims && d < 4; d++) {
            cli_printf("%s%" PRIu64, d ? " x " : "  ", t.dims[d]);
        }
        cli_printf("  %" PRIu64 " bytes\n", t.bytes);
    }
    return CLI_OK;
}

static int put_metadata(const inspection *in)
{
    const size_t n = bantam_archive_n_metadata(in->archive);
    bantam_text key, json;
    bantam_error err = {0};

    if (n > 0) cli_put("\nmetadata\n", 10);
    for (size_t i = 0; i < n; i++) {
        if (bantam_archive_metadata(in->archive, i, &key, &json, &err)) return cli_fail(&err);
        cli_put("  ", 2);
        cli_put_text(key);
        cli_put(" = ", 3);
        cli_put_text(json);
        cli_put("\n", 1);
    }
    return CLI_OK;
}

static int put_plain(const inspection *in, const cli_args *args)
{
    cli_printf("%-18s ", "path");
    put_name(in->path);
    cli_printf("\n%-18s %s\n", "format", bantam_archive_format(in->archive));
    put_count("bytes", bantam_archive_bytes(in->archive));
    put_count("tensors", bantam_archive_n_tensors(in->archive));
    put_model(in);
    put_tokenizer(in);
    const int status = put_metadata(in);
    return status || !args->tensors ? status : put_tensors(in);
}

/* ---- JSON -------------------------------------------------------------------------------- */

static json_t *json_model(const inspection *in)
{
    const bantam_model_info *m = &in->info;
    json_t *o;

    if (!in->model) return json_null();
    o = json_pack("{s:o,s:o,s:o,s:o,s:I,s:I,s:I}", "name", cli_json_text(m->name), "family",
                  cli_json_text(m->family), "architecture", cli_json_text(m->architecture),
                  "type", cli_json_text(m->type), "n_params", (json_int_t)m->n_params,
                  "file_bytes", (json_int_t)m->file_bytes, "weight_bytes",
                  (json_int_t)m->weight_bytes);
    const struct {
        const char *name;
        uint32_t value;
    } counts[] = {{"n_layers", m->n_layers},
                  {"n_embd", m->n_embd},
                  {"n_heads", m->n_heads},
                  {"n_kv_heads", m->n_kv_heads},
                  {"head_dim", m->head_dim},
                  {"n_ffn", m->n_ffn},
                  {"n_vocab", m->n_vocab},
                  {"context_tokens", m->context_tokens},
                  {"window_tokens", m->window_tokens}};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        json_object_set_new(o, counts[i].name, json_integer(counts[i].value));
    }
    json_object_set_new(o, "tied", json_boolean(m->tied));
    json_object_set_new(o, "rope", cli_json_text(m->rope));
    json_object_set_new(o, "activation", cli_json_text(m->activation));
    return o;
}

static json_t *json_id(uint32_t token)
{
    return token == BANTAM_NO_TOKEN ? json_null() : json_integer(token);
}

static json_t *json_tokenizer(const inspection *in)
{
    const bantam_tokenizer_info *w = &in->words;

    if (!in->tokenizer) return json_null();
    return json_pack("{s:o,s:I,s:o,s:o,s:o,s:o,s:b,s:b,s:b}", "kind", cli_json_text(w->kind),
                     "n_tokens", (json_int_t)w->n_tokens, "bos", json_id(w->bos), "eos",
                     json_id(w->eos), "unk", json_id(w->unk), "pad", json_id(w->pad),
                     "adds_bos", w->adds_bos, "adds_eos", w->adds_eos, "has_template",
                     w->has_template);
}

static bantam_status json_metadata(const inspection *in, json_t *o, bantam_error *err)
{
    const size_t n = bantam_archive_n_metadata(in->archive);
    bantam_text key, text;

    for (size_t i = 0; i < n; i++) {
        const bantam_status status = bantam_archive_metadata(in->archive, i, &key, &text, err);
        if (status) return status;
        const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL;
        json_t *value = json_loadb(text.data, text.size, flags, NULL);
        /* A number beyond 64 bits with sign is no integer to Jansson. */
        if (!value) {
            value = json_loadb(text.data, text.size, flags | JSON_DECODE_INT_AS_REAL, NULL);
        }
        if (!value) value = cli_json_text(text);
        json_t *name = cli_json_text(key);
        json_object_set_new(o, json_string_value(name), value);
        json_decref(name);
    }
    return BANTAM_OK;
}

static bantam_status json_tensors(const inspection *in, json_t *array, bantam_error *err)
{
    const size_t n = bantam_archive_n_tensors(in->archive);
    bantam_tensor_info t;

    for (size_t i = 0; i < n; i++) {
        const bantam_status status = bantam_archive_tensor(in->archive, i, &t, err);
        if (status) return status;
        json_t *shape = json_array();
        for (uint32_t d = 0; d < t.n_dims && d < 4; d++) {
            json_array_append_new(shape, json_integer((json_int_t)t.dims[d]));
        }
        json_array_append_new(array,
                              json_pack("{s:o,s:o,s:o,s:I}", "name", cli_json_text(t.name),
                                        "type", cli_json_text(t.type), "shape", shape, "bytes",
                                        (json_int_t)t.bytes));
    }
    return BANTAM_OK;
}

static int put_json(const inspection *in, const cli_args *args)
{
    bantam_error err = {0};
    json_t *metadata = json_object(), *tensors = json_array();
    const bantam_text path = {in->path, strlen(in->path)};
    const bantam_text why = {in->why.message, strlen(in->why.message)};

    if (json_metadata(in, metadata, &err) ||
        (args->tensors && json_tensors(in, tensors, &err))) {
        json_decref(metadata);
        json_decref(tensors);
        return cli_fail(&err);
    }
    json_t *o = json_pack("{s:o,s:s,s:I,s:o,s:I,s:o,s:o}", "path", cli_json_text(path),
                          "format", bantam_archive_format(in->archive), "bytes",
                          (json_int_t)bantam_archive_bytes(in->archive), "metadata", metadata,
                          "n_tensors", (json_int_t)bantam_archive_n_tensors(in->archive),
                          "model", json_model(in), "tokenizer", json_tokenizer(in));
    if (!in->model) json_object_set_new(o, "not_runnable", cli_json_text(why));
    if (args->tensors)
        json_object_set_new(o, "tensors", tensors);
    else
        json_decref(tensors);
    cli_put_json(o);
    return CLI_OK;
}

int cli_inspect(const cli_args *args)
{
    inspection in;
    const bantam_model_options form = {
        .struct_size = sizeof form, .rope = cli_rope(args), .describe_only = true};
    bantam_error err = {0};

    memset(&in, 0, sizeof in);
    int status = cli_locate(args->words[0], in.path);
    if (status) return status;
    if (bantam_archive_open(&in.archive, in.path, &err)) return cli_fail(&err);

    /* Neither has to be there: a file of weights for another program is worth a look, too. */
    const bantam_status model = bantam_model_open(&in.model, in.path, &form, &in.why);
    bantam_status words = BANTAM_OK;
    if (model == BANTAM_OK) {
        bantam_model_describe(in.model, &in.info);
        in.tokenizer = bantam_model_tokenizer(in.model);
    } else {
        words = bantam_tokenizer_open(&in.alone, in.path, &err);
        in.tokenizer = in.alone;
    }
    if (in.tokenizer) bantam_tokenizer_describe(in.tokenizer, &in.words);
    if (model == BANTAM_ERR_NOMEM || words == BANTAM_ERR_NOMEM) {
        status = cli_fail(model == BANTAM_ERR_NOMEM ? &in.why : &err);
    } else {
        status = args->json ? put_json(&in, args) : put_plain(&in, args);
    }
    bantam_tokenizer_close(in.alone);
    bantam_model_close(in.model);
    bantam_archive_close(in.archive);
    return status;
}
