/* test_template_rendered.c - chat templates of published models against what Python's jinja2
 * and mistral-common make of the same conversations, byte for byte.
 */
#include "support.h"

#include "base/json.h"
#include "template/template.h"

enum { N_RENDERED = 31, N_SAMPLES = 3 };

static json_t *read_json(const char *name)
{
    json_t *value = NULL;
    bantam_error err = {0};
    size_t size;
    char *const data = read_whole(shared_path(name), &size);

    if (bnt_json_parse(&value, data, size, &err)) fail_msg("%s: %s", name, err.message);
    free(data);
    return value;
}

/* "phonelm" is a member of its tokenizer_config.json, the rest are files. */
static bnt_template *open_template(const char *name)
{
    bnt_template *t = NULL;
    bantam_error err = {0};
    bantam_status status;

    if (!strcmp(name, "phonelm")) {
        json_t *const config = read_json("tokenizers/phonelm/tokenizer_config.json");
        const bantam_text source = bnt_json_text(json_object_get(config, "chat_template"));
        status = bnt_template_parse(&t, source.data, source.size, &err);
        json_decref(config);
    } else {
        char path[256];
        size_t size;
        snprintf(path, sizeof path, "tokenizers/templates/%s", name);
        char *const source = read_whole(shared_path(path), &size);
        status = bnt_template_parse(&t, source, size, &err);
        free(source);
    }
    if (status) fail_msg("%s: %s", name, err.message);
    return t;
}

static void check_rendering(const char *what, const bnt_template *t, const json_t *variables,
                            bantam_text expected)
{
    bantam_error err = {0};
    bnt_buf out;

    bnt_buf_init(&out, 1 << 20);
    if (bnt_template_render(t, variables, NULL, &out, &err))
        fail_msg("%s: %s", what, err.message);
    size_t same = 0;
    while (same < out.size && same < expected.size && out.data[same] == expected.data[same]) {
        same++;
    }
    if (same < out.size || same < expected.size) {
        const bantam_text rest = {expected.data + same, expected.size - same};
        fail_msg("%s: byte %zu: expected '%.60s', found '%.*s'", what, same,
                 rest.size ? rest.data : "", (int)(out.size - same > 60 ? 60 : out.size - same),
                 out.data + same);
    }
    bnt_buf_deinit(&out);
}

static void every_recorded_prompt_is_rendered_byte_for_byte(void **state)
{
    (void)state;
    if (!shared_found(N_RENDERED)) skip();
    json_t *const cases = read_json("tokenizers/derived-vectors/chat_templates_rendered.json");
    assert_int_equal(json_array_size(cases), N_RENDERED);

    for (size_t i = 0; i < json_array_size(cases); i++) {
        json_t *const c = json_array_get(cases, i);
        const char *const name = json_string_value(json_object_get(c, "template"));
        char what[200];
        snprintf(what, sizeof what, "%s, %s", name,
                 json_string_value(json_object_get(c, "case")));
        json_t *const variables = json_copy(json_object_get(c, "args"));
        json_object_set(variables, "messages", json_object_get(c, "messages"));
        bnt_template *const t = open_template(name);
        check_rendering(what, t, variables, bnt_json_text(json_object_get(c, "expected")));
        bnt_template_close(t);
        json_decref(variables);
    }
    json_decref(cases);
}

/* The sample's tool calls hold their arguments as JSON texts; mistral-common writes them as the
 * values they stand for. */
static void parse_arguments(json_t *sample)
{
    size_t i, k;
    json_t *message, *call;

    json_array_foreach(json_object_get(sample, "messages"), i, message)
    {
        json_array_foreach(json_object_get(message, "tool_calls"), k, call)
        {
            json_t *const function = json_object_get(call, "function");
            const bantam_text text = bnt_json_text(json_object_get(function, "arguments"));
            json_t *value = NULL;
            assert_int_equal(bnt_json_parse(&value, text.data, text.size, NULL), BANTAM_OK);
            json_object_set_new(function, "arguments", value);
        }
    }
}

/* Whether text[0..size) ends in a control token: capitals and underscores in brackets. */
static bool ends_in_control(const char *text, size_t size)
{
    if (!size || text[size - 1] != ']') return false;
    size_t at = size - 1;
    while (at > 0 && ((text[at - 1] >= 'A' && text[at - 1] <= 'Z') || text[at - 1] == '_' ||
                      text[at - 1] == '/')) {
        at--;
    }
    return at > 0 && text[at - 1] == '[' && at < size - 1;
}

/* The recorded texts are pieces of the SentencePiece tokenizer: it marks spaces with U+2581 and
 * puts one behind every control token, which the template does not. */
static size_t plain_text(char *text)
{
    size_t size = 0;
    for (const char *p = text; *p;) {
        if (strncmp(p, "\xE2\x96\x81", 3)) {
            text[size++] = *p++;
            continue;
        }
        p += 3;
        if (!ends_in_control(text, size)) text[size++] = ' ';
    }
    text[size] = '\0';
    return size;
}

static void mistral_commons_own_samples_are_rendered_byte_for_byte(void **state)
{
    /* The three other samples return JSON from tools: mistral-common's code writes that as
     * values and its template as text. */
    static const char *const names[N_SAMPLES] = {"no_tools", "parallel_calls", "several_calls"};

    (void)state;
    if (!shared_found(N_SAMPLES)) skip();
    bnt_template *const t = open_template("mistral-common-v3.jinja");
    for (size_t i = 0; i < N_SAMPLES; i++) {
        char path[256];
        snprintf(path, sizeof path, "tokenizers/mistral-spm-tests/samples/%s/sample.json",
                 names[i]);
        json_t *const sample = read_json(path);
        snprintf(path, sizeof path, "tokenizers/mistral-spm-tests/samples/%s/text_v3.txt",
                 names[i]);
        char *const text = read_whole(shared_path(path), NULL);
        const size_t size = plain_text(text);
        parse_arguments(sample);
        json_object_set_new(sample, "bos_token", json_string("<s>"));
        json_object_set_new(sample, "eos_token", json_string("</s>"));
        check_rendering(names[i], t, sample, (bantam_text){text, size});
        free(text);
        json_decref(sample);
    }
    bnt_template_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_recorded_prompt_is_rendered_byte_for_byte),
        cmocka_unit_test(mistral_commons_own_samples_are_rendered_byte_for_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
