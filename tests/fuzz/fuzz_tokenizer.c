/* fuzz_tokenizer.c - any bytes through small tokenizers of every kind and back.
 *
 * What is byte-level, or falls back to bytes, gives every text back; the others must not crash.
 */
#include "specs.h"
#include "token/tokenizer.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N_KINDS = 5, MAX_INPUT = 1 << 16, LOSSY = 4 };

static void make(bnt_spec *spec, int kind)
{
    static const char *const merges[] = {"a|a", "aa|aa",     "\xE2|\x96", "\xE2\x96|\x81",
                                         " |a", "\xFF|\xFF", " | ",       "  |  ",
                                         "<|x", "<x|>",      NULL};
    static const char *const ranks[] = {"aa", "\xE2\x96", " a", "\xFF\xFF", "aaa", "1a",
                                        "  ", "   ",      "<x", "<x>",      NULL};
    static const char *const pieces[] = {"\xE2\x96\x81",
                                         "a",
                                         "b",
                                         "\xE2\x96\x81"
                                         "a",
                                         "ab",
                                         "aa",
                                         "ba",
                                         "\xE2\x96\x81\xE2\x96\x81",
                                         "<x>",
                                         NULL};
    if (kind == 0 || kind == 2) {
        spec_bytes(spec, BNT_VOCAB_BPE_MERGES, merges);
    } else if (kind == 1) {
        spec_bytes(spec, BNT_VOCAB_BPE_RANKS, ranks);
        spec->ignore_merges = true;
    } else {
        spec_scores(spec, pieces);
        spec->byte_fallback = kind != LOSSY;
    }
    if (kind < 2) {
        spec_split(spec, "\\p{N}", BNT_SPLIT_ISOLATED);
        spec_split(
            spec,
            "'s|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|"
            "\\s+(?!\\S)|\\s+",
            BNT_SPLIT_ISOLATED);
    }
    if (kind == 2) spec_split(spec, "-", BNT_SPLIT_MERGED_WITH_NEXT);
    for (uint32_t id = 256; id < spec->n_tokens; id++) {
        const bantam_text t = spec->tokens[id].text;
        if (t.size != 3 || memcmp(t.data, "<x>", 3) != 0) continue;
        spec->tokens[id].kind =
            (uint8_t)(kind & 1 ? BNT_TOKEN_CONTROL : BNT_TOKEN_USER_DEFINED);
    }
}

static void check(const bnt_tokenizer *t, int kind, bantam_text text, unsigned flags)
{
    static uint32_t ids[8 * MAX_INPUT];
    static char back[8 * MAX_INPUT];
    size_t n = 0, size = 0;
    if (bnt_tokenizer_encode(t, text, flags, ids, 8 * MAX_INPUT, &n, NULL)) abort();
    if (bnt_tokenizer_decode(t, ids, n, BANTAM_DETOKENIZE_SPECIAL, back, sizeof back, &size,
                             NULL)) {
        abort();
    }
    if (kind > 2) return; /* the sign for a space comes back as a space */
    if (size != text.size || (size && memcmp(back, text.data, size) != 0)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bnt_tokenizer *tokenizers[N_KINDS];
    const bantam_text text = {(const char *)data, size};
    if (size > MAX_INPUT) return 0;
    for (int kind = 0; kind < N_KINDS; kind++) {
        if (!tokenizers[kind]) {
            bnt_spec spec;
            make(&spec, kind);
            if (bnt_tokenizer_open(&tokenizers[kind], &spec, NULL)) abort();
            bnt_spec_deinit(&spec);
        }
        check(tokenizers[kind], kind, text, 0);
        check(tokenizers[kind], kind, text, BANTAM_TOKENIZE_SPECIAL);
    }
    return 0;
}
