/* specs.h - small tokenizers made by hand, for several tests. */
#ifndef BNT_TESTS_SPECS_H
#define BNT_TESTS_SPECS_H
#include "token/spec.h"

#include <stdlib.h>
#include <string.h>

static inline bantam_text text_of(const char *s)
{
    const bantam_text t = {s, strlen(s)};
    return t;
}

/* A spec with room for n_tokens and n_merges, all tokens empty and UNUSED. */
static inline void spec_make(bnt_spec *spec, bnt_vocab_kind kind, uint32_t n_tokens,
                             uint32_t n_merges)
{
    bnt_spec_init(spec);
    spec->kind = kind;
    spec->kind_name = "test";
    spec->n_tokens = n_tokens;
    spec->tokens = bnt_spec_alloc(spec, n_tokens, sizeof *spec->tokens);
    spec->merges = bnt_spec_alloc(spec, n_merges + 1, sizeof *spec->merges);
    if (!spec->tokens || !spec->merges) abort();
    for (uint32_t i = 0; i < n_tokens; i++) {
        spec->tokens[i].kind = BNT_TOKEN_UNUSED;
    }
}

static inline void spec_token(bnt_spec *spec, uint32_t id, const char *data, size_t size,
                              bnt_token_kind kind)
{
    spec->tokens[id].text = bnt_spec_copy(spec, data, size);
    spec->tokens[id].kind = (uint8_t)kind;
}

static inline uint32_t spec_find(const bnt_spec *spec, const char *data, size_t size)
{
    for (uint32_t i = 0; i < spec->n_tokens; i++) {
        const bantam_text t = spec->tokens[i].text;
        const bool ordinary = spec->tokens[i].kind == BNT_TOKEN_NORMAL;
        if (ordinary && t.size == size && memcmp(t.data, data, size) == 0) return i;
    }
    return BANTAM_NO_TOKEN;
}

/* A byte-level vocabulary: tokens 0 to 255 are the bytes, then come `words`, which ends in
 * NULL. For BNT_VOCAB_BPE_MERGES each word is "left|right" and makes a merge. */
static inline void spec_bytes(bnt_spec *spec, bnt_vocab_kind kind, const char *const *words)
{
    uint32_t n = 0;
    while (words[n]) {
        n++;
    }
    spec_make(spec, kind, 256 + n, n);
    spec->byte_level = true;
    for (uint32_t b = 0; b < 256; b++) {
        const char byte = (char)(uint8_t)b;
        spec_token(spec, b, &byte, 1, BNT_TOKEN_NORMAL);
    }
    for (uint32_t i = 0; i < n; i++) {
        const char *bar = kind == BNT_VOCAB_BPE_MERGES ? strchr(words[i], '|') : NULL;
        char whole[256];
        if (!bar) {
            spec_token(spec, 256 + i, words[i], strlen(words[i]), BNT_TOKEN_NORMAL);
            continue;
        }
        const size_t left = (size_t)(bar - words[i]), right = strlen(bar + 1);
        memcpy(whole, words[i], left);
        memcpy(whole + left, bar + 1, right);
        spec_token(spec, 256 + i, whole, left + right, BNT_TOKEN_NORMAL);
        spec->merges[spec->n_merges++] =
            (bnt_merge){spec_find(spec, whole, left), spec_find(spec, bar + 1, right), 256 + i};
    }
}

/* A vocabulary of scores as SentencePiece has it: 0 <unk>, 1 <s>, 2 </s>, 3 to 258 the bytes,
 * then `words`, which ends in NULL, with scores -1, -2, ...; U+2581 is put before the text and
 * in the place of spaces. */
static inline void spec_scores(bnt_spec *spec, const char *const *words)
{
    uint32_t n = 0;
    while (words[n]) {
        n++;
    }
    spec_make(spec, BNT_VOCAB_BPE_SCORES, 259 + n, 0);
    spec->byte_fallback = true;
    spec_token(spec, 0, "<unk>", 5, BNT_TOKEN_UNKNOWN);
    spec_token(spec, 1, "<s>", 3, BNT_TOKEN_CONTROL);
    spec_token(spec, 2, "</s>", 4, BNT_TOKEN_CONTROL);
    spec->unk = 0;
    spec->bos = 1;
    spec->eos = 2;
    for (uint32_t b = 0; b < 256; b++) {
        const char byte = (char)(uint8_t)b;
        spec_token(spec, 3 + b, &byte, 1, BNT_TOKEN_BYTE);
    }
    for (uint32_t i = 0; i < n; i++) {
        spec_token(spec, 259 + i, words[i], strlen(words[i]), BNT_TOKEN_NORMAL);
        spec->tokens[259 + i].score = -1.0f - (float)i;
    }
    spec->normal[0] =
        (bnt_normal_step){.op = BNT_NORMAL_PREPEND, .content = text_of("\xE2\x96\x81")};
    spec->normal[1] = (bnt_normal_step){
        .op = BNT_NORMAL_REPLACE, .pattern = text_of(" "), .content = text_of("\xE2\x96\x81")};
    spec->n_normal = 2;
    spec->decode[0] = (bnt_decode_step){
        .op = BNT_DECODE_REPLACE, .pattern = text_of("\xE2\x96\x81"), .content = text_of(" ")};
    spec->decode[1] =
        (bnt_decode_step){.op = BNT_DECODE_STRIP, .content = text_of(" "), .start_count = 1};
    spec->n_decode = 2;
}

/* Adds one cut by a pattern. */
static inline void spec_split(bnt_spec *spec, const char *pattern, bnt_split_behavior behavior)
{
    spec->split[spec->n_split++] = (bnt_split_step){
        .op = BNT_SPLIT_PATTERN, .pattern = text_of(pattern), .behavior = behavior};
}

#endif
