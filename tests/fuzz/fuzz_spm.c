/* fuzz_spm.c - SentencePiece's tokenizer.model and tiktoken's text, and the tokenizers they
 * make. */
#include "token/load.h"
#include "token/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const bnt_tokenizer *t)
{
    static const char text[] = "Hello  world \xE2\x96\x81\xFF<s>\n1";
    uint32_t ids[512];
    char back[4096];
    size_t n = 0, n_back;
    const unsigned flags = BANTAM_TOKENIZE_SPECIAL | BANTAM_TOKENIZE_ADD;

    if (bnt_tokenizer_encode(t, (bantam_text){text, sizeof text - 1}, flags, ids, 512, &n,
                             NULL)) {
        return;
    }
    bnt_tokenizer_decode(t, ids, n, 0, back, sizeof back, &n_back, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int tiktoken = 0; tiktoken < 2; tiktoken++) {
        bnt_tokenizer *t = NULL;
        bantam_error err;
        bnt_spec spec;

        bnt_spec_init(&spec);
        const bantam_status status =
            tiktoken ? bnt_load_tiktoken(&spec, size ? (const char *)data : "", size, &err)
                     : bnt_load_spm(&spec, data, size, &err);
        if (!status && !bnt_tokenizer_open(&t, &spec, &err)) use(t);
        bnt_tokenizer_close(t);
        bnt_spec_deinit(&spec);
    }
    return 0;
}
