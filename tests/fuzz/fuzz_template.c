/* fuzz_template.c - a chat template from a model file, parsed and rendered.
 *
 * The bytes are the template. The variables are a conversation as a server would pass it, and
 * the limits are small, so that what loops costs the fuzzer little.
 */
#include "template/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char conversation[] =
    "{\"messages\": [{\"role\": \"system\", \"content\": \" Be brief. \"},"
    " {\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"gr\\u00fc\\u00dfe "
    "\\u65e5\"}]},"
    " {\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"id\": \"abcdef123\","
    " \"function\": {\"name\": \"f\", \"arguments\": {\"x\": 1.5, \"y\": [true, -7]}}}]},"
    " {\"role\": \"tool\", \"content\": \"{}\"}], \"tools\": [{\"type\": \"function\"}],"
    " \"add_generation_prompt\": true, \"bos_token\": \"<s>\", \"eos_token\": \"</s>\", \"n\": "
    "3}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const bnt_template_limits limits = {.steps = 20000, .bytes = 1 << 20, .now = 1709622489};
    json_t *variables = NULL;
    bnt_template *t = NULL;
    bantam_error err;
    bnt_buf out;

    if (bnt_template_parse(&t, size ? (const char *)data : "", size, &err)) return 0;
    bnt_buf_init(&out, 1 << 20);
    if (!bnt_json_parse(&variables, conversation, sizeof conversation - 1, &err)) {
        bnt_template_render(t, variables, &limits, &out, &err);
    }
    bnt_buf_deinit(&out);
    json_decref(variables);
    bnt_template_close(t);
    return 0;
}
