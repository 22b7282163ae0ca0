/* fuzz_tokenizer_json.c - tokenizer.json and tekken.json, and the tokenizers they make. */
#include "token/load.h"
#include "token/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const bnt_tokenizer *t, const uint8_t *data, size_t size)
{
    static const char fixed[] = "It's  12 <s> \xE2\x96\x81\xFF";
    /* The end of the input doubles as a text; a file's own names appear in it. */
    const size_t n_tail = size < 64 ? size : 64;
    uint32_t ids[512];
    char text[4096];
    size_t n = 0, n_text;
    bantam_text texts[2] = {{fixed, sizeof fixed - 1}, {NULL, n_tail}};

    if (n_tail) texts[1].data = (const char *)data + size - n_tail;
    for (unsigned i = 0; i < 4; i++) {
        const unsigned flags = i & 1 ? BANTAM_TOKENIZE_SPECIAL | BANTAM_TOKENIZE_ADD : 0;
        if (bnt_tokenizer_encode(t, texts[i / 2], flags, ids, 512, &n, NULL)) continue;
        bnt_tokenizer_decode(t, ids, n, BANTAM_DETOKENIZE_SPECIAL, text, sizeof text, &n_text,
                             NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int tekken = 0; tekken < 2; tekken++) {
        const char *const json = size ? (const char *)data : "";
        bnt_tokenizer *t = NULL;
        bantam_error err;
        bnt_spec spec;

        bnt_spec_init(&spec);
        const bantam_status status =
            tekken ? bnt_load_tekken(&spec, json, size, &err)
                   : bnt_load_hf(&spec, json, size, NULL, NULL, NULL, &err);
        if (!status && !bnt_tokenizer_open(&t, &spec, &err)) use(t, data, size);
        bnt_tokenizer_close(t);
        bnt_spec_deinit(&spec);
    }
    return 0;
}
