/* spell.c - forced text: usable tokens sorted by first byte, and which rests can be spelled.
 *
 * Knowing beforehand which rests can be spelled keeps the model from choosing a token after
 * which there is no way on, in vocabularies where not every character is a token.
 */
#include "session/spell.h"
#include "base/mem.h"

#include <string.h>

static bool usable(const bnt_tokenizer *t, uint32_t token)
{
    const bnt_token_kind kind = bnt_tokenizer_kind(t, token);

    if (kind == BNT_TOKEN_CONTROL || kind == BNT_TOKEN_UNKNOWN || kind == BNT_TOKEN_UNUSED) {
        return false;
    }
    return !bnt_tokenizer_is_stop(t, token) && bnt_tokenizer_text(t, token).size;
}

static unsigned first_byte(const bnt_tokenizer *t, uint32_t token)
{
    return (unsigned char)bnt_tokenizer_text(t, token).data[0];
}

/* Counting sort by first byte; within a byte tokens stay in order of their ids. */
static void sort_tokens(bnt_spell *s, uint32_t n_tokens)
{
    uint32_t next[256];

    for (uint32_t i = 0; i < n_tokens; i++) {
        if (usable(s->tokenizer, i)) s->first[first_byte(s->tokenizer, i) + 1]++;
    }
    for (unsigned b = 0; b < 256; b++)
        s->first[b + 1] += s->first[b];
    memcpy(next, s->first, sizeof next);
    for (uint32_t i = 0; i < n_tokens; i++) {
        if (usable(s->tokenizer, i)) s->tokens[next[first_byte(s->tokenizer, i)]++] = i;
    }
}

/* Whether token may stand at byte `done`. */
static bool fits(const bnt_spell *s, size_t done, uint32_t token)
{
    const bantam_text t = bnt_tokenizer_text(s->tokenizer, token);
    const size_t rest = s->text.size - done;

    if (memcmp(t.data, s->text.data + done, t.size < rest ? t.size : rest) != 0) return false;
    return t.size >= rest || s->reach[done + t.size];
}

bantam_status bnt_spell_init(bnt_spell *s, const bnt_tokenizer *tokenizer, uint32_t n_vocab,
                             bantam_text text, bantam_error *err)
{
    bantam_tokenizer_info info;

    memset(s, 0, sizeof *s);
    bnt_tokenizer_describe(tokenizer, &info);
    const uint32_t n_tokens = info.n_tokens < n_vocab ? info.n_tokens : n_vocab;

    s->tokenizer = tokenizer;
    s->text = text;
    s->reach = bnt_calloc(text.size, 1);
    s->tokens = bnt_calloc(n_tokens, sizeof *s->tokens);
    if (!s->reach || !s->tokens) {
        bnt_spell_deinit(s);
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %zu bytes of forced text",
                        text.size);
    }
    sort_tokens(s, n_tokens);

    for (size_t at = text.size; at-- > 0;) {
        const unsigned b = (unsigned char)text.data[at];
        for (uint32_t i = s->first[b]; i < s->first[b + 1] && !s->reach[at]; i++) {
            s->reach[at] = fits(s, at, s->tokens[i]);
        }
    }
    if (text.size && !s->reach[0]) {
        bnt_spell_deinit(s);
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "no tokens of the vocabulary spell the forced text: %.*s",
                        BNT_TEXT_ARG(text));
    }
    return BANTAM_OK;
}

void bnt_spell_deinit(bnt_spell *s)
{
    bnt_free(s->reach);
    bnt_free(s->tokens);
    s->reach = NULL;
    s->tokens = NULL;
}

void bnt_spell_allow(const bnt_spell *s, size_t done, uint8_t *allow)
{
    const unsigned b = (unsigned char)s->text.data[done];

    for (uint32_t i = s->first[b]; i < s->first[b + 1]; i++) {
        if (fits(s, done, s->tokens[i])) allow[s->tokens[i]] = 1;
    }
}
