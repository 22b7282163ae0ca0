/* load_parts.c - what the tokenizer loaders share. Which file says what is theirs. */
#include "token/load_parts.h"
#include "base/limits.h"
#include "token/byte_alphabet.h"
#include <inttypes.h>
#include <string.h>

bantam_status bnt_load_end(bnt_spec *spec, bantam_status status)
{
    if (status) bnt_spec_deinit(spec);
    return status;
}

bantam_status bnt_load_nomem(bantam_error *err)
{
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for the tokenizer");
}

bantam_status bnt_load_tokens(bnt_spec *spec, uint64_t n, bantam_error *err)
{
    if (!n) return bnt_fail(err, BANTAM_ERR_FORMAT, "the vocabulary is empty");
    if (n > BNT_MAX_VOCAB) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "vocabulary of %" PRIu64 " tokens: at most %d are supported", n,
                        BNT_MAX_VOCAB);
    }
    spec->tokens = bnt_spec_alloc(spec, (size_t)n, sizeof *spec->tokens);
    if (!spec->tokens) return bnt_load_nomem(err);
    spec->n_tokens = (uint32_t)n;
    for (uint32_t i = 0; i < spec->n_tokens; i++)
        spec->tokens[i].kind = BNT_TOKEN_NORMAL;
    return BANTAM_OK;
}

bantam_status bnt_load_text(bnt_spec *spec, uint32_t id, bantam_text text, bantam_error *err)
{
    if (text.size > BNT_MAX_TOKEN_BYTES) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "token %" PRIu32 ": %zu bytes, at most %d", id,
                        text.size, BNT_MAX_TOKEN_BYTES);
    }
    const bantam_text copy = bnt_spec_copy(spec, text.data, text.size);
    if (!copy.data) return bnt_load_nomem(err);
    spec->tokens[id].text = copy;
    return BANTAM_OK;
}

bantam_status bnt_load_byte_text(bnt_spec *spec, uint32_t id, bantam_text text,
                                 bantam_error *err)
{
    size_t n;

    if (text.size > BNT_MAX_TOKEN_BYTES) return bnt_load_text(spec, id, text, err);
    char *const out = bnt_spec_begin(spec, text.size);
    if (!out) return bnt_load_nomem(err);
    if (!bnt_byte_alphabet_undo(text.data, text.size, out, &n)) {
        spec->tokens[id].kind = BNT_TOKEN_UNUSED;
        return bnt_load_text(spec, id, text, err);
    }
    bnt_spec_keep(spec, n);
    spec->tokens[id].text = (bantam_text){out, n};
    return BANTAM_OK;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

bool bnt_load_byte_name(bantam_text text, uint8_t *byte)
{
    if (text.size != 6 || memcmp(text.data, "<0x", 3) || text.data[5] != '>') return false;
    const int high = hex_digit(text.data[3]), low = hex_digit(text.data[4]);
    if (high < 0 || low < 0) return false;
    *byte = (uint8_t)(high * 16 + low);
    return true;
}

bantam_status bnt_load_byte_token(bnt_spec *spec, uint32_t id, uint8_t byte, bantam_error *err)
{
    const char c = (char)byte;

    spec->tokens[id].kind = BNT_TOKEN_BYTE;
    return bnt_load_text(spec, id, (bantam_text){&c, 1}, err);
}

uint32_t bnt_load_find(const bnt_spec *spec, bantam_text text)
{
    uint32_t other = BANTAM_NO_TOKEN;

    if (!text.size) return BANTAM_NO_TOKEN;
    for (uint32_t i = 0; i < spec->n_tokens; i++) {
        const bnt_token_spec *const t = &spec->tokens[i];
        if (t->text.size != text.size || memcmp(t->text.data, text.data, text.size)) continue;
        if (t->kind == BNT_TOKEN_CONTROL || t->kind == BNT_TOKEN_USER_DEFINED) return i;
        if (other == BANTAM_NO_TOKEN && t->kind != BNT_TOKEN_UNUSED) other = i;
    }
    return other;
}

uint32_t bnt_load_id(const bnt_spec *spec, uint64_t id)
{
    return id < spec->n_tokens ? (uint32_t)id : BANTAM_NO_TOKEN;
}

static bool is_known_end(bantam_text text)
{
    static const char *const names[] = {"</s>",          "<|im_end|>",    "<|eot_id|>",
                                        "<|eom_id|>",    "<|endoftext|>", "<|end_of_text|>",
                                        "<end_of_turn>", "<|end|>"};

    if (text.size < 4 || text.data[0] != '<') return false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (bnt_text_is(text, names[i])) return true;
    }
    return false;
}

void bnt_load_finish(bnt_spec *spec)
{
    bnt_spec_add_stop(spec, spec->eos);
    for (uint32_t i = 0; i < spec->n_tokens; i++) {
        const bnt_token_spec *const t = &spec->tokens[i];
        if (t->kind == BNT_TOKEN_CONTROL && is_known_end(t->text)) bnt_spec_add_stop(spec, i);
    }
    if (spec->bos == BANTAM_NO_TOKEN) spec->adds_bos = false;
    if (spec->eos == BANTAM_NO_TOKEN) spec->adds_eos = false;
}

/* ---- steps ------------------------------------------------------------------------------- */

static bantam_status too_many(const char *what, bantam_error *err)
{
    return bnt_fail(err, BANTAM_ERR_UNSUPPORTED, "the %s has more than %d steps", what,
                    BNT_SPEC_MAX_STEPS);
}

static bool copy_text(bnt_spec *spec, bantam_text *text)
{
    if (!text->size) {
        *text = BNT_TEXT("");
        return true;
    }
    *text = bnt_spec_copy(spec, text->data, text->size);
    return text->data;
}

bantam_status bnt_load_normal(bnt_spec *spec, const bnt_normal_step *step, bantam_error *err)
{
    if (spec->n_normal == BNT_SPEC_MAX_STEPS) return too_many("normalizer", err);
    bnt_normal_step *const s = &spec->normal[spec->n_normal];
    *s = *step;
    if (!copy_text(spec, &s->pattern) || !copy_text(spec, &s->content)) {
        return bnt_load_nomem(err);
    }
    spec->n_normal++;
    return BANTAM_OK;
}

bantam_status bnt_load_split(bnt_spec *spec, const bnt_split_step *step, bantam_error *err)
{
    if (spec->n_split == BNT_SPEC_MAX_STEPS) return too_many("pre-tokenizer", err);
    bnt_split_step *const s = &spec->split[spec->n_split];
    *s = *step;
    if (!copy_text(spec, &s->pattern) || !copy_text(spec, &s->content)) {
        return bnt_load_nomem(err);
    }
    spec->n_split++;
    return BANTAM_OK;
}

bantam_status bnt_load_decode(bnt_spec *spec, const bnt_decode_step *step, bantam_error *err)
{
    if (spec->n_decode == BNT_SPEC_MAX_STEPS) return too_many("decoder", err);
    bnt_decode_step *const s = &spec->decode[spec->n_decode];
    *s = *step;
    if (!copy_text(spec, &s->pattern) || !copy_text(spec, &s->content)) {
        return bnt_load_nomem(err);
    }
    spec->n_decode++;
    return BANTAM_OK;
}

bantam_status bnt_load_spaces(bnt_spec *spec, bnt_space_rules rules, bantam_error *err)
{
    const bantam_text space = BNT_TEXT(" "), mark = BNT_TEXT(BNT_SPACE_MARK);
    const bnt_normal_step ends = {
        BNT_NORMAL_REPLACE, BNT_TEXT("\\A +| +\\z"), true, {0}, false, false};
    const bnt_normal_step runs = {
        BNT_NORMAL_REPLACE, BNT_TEXT(" {2,}"), true, space, false, false};
    const bnt_normal_step prefix = {BNT_NORMAL_PREPEND,          {0},   false,
                                    rules.escape ? mark : space, false, false};
    const bnt_normal_step escape = {BNT_NORMAL_REPLACE, space, false, mark, false, false};
    const bnt_decode_step unescape = {BNT_DECODE_REPLACE, mark, space, 0, 0};
    const bnt_decode_step strip = {BNT_DECODE_STRIP, {0}, space, 1, 0};
    bantam_status status = BANTAM_OK;

    if (rules.collapse) {
        status = bnt_load_normal(spec, &ends, err);
        if (!status) status = bnt_load_normal(spec, &runs, err);
    }
    if (!status && rules.prefix) status = bnt_load_normal(spec, &prefix, err);
    if (!status && rules.escape) status = bnt_load_normal(spec, &escape, err);
    if (!status && rules.escape) status = bnt_load_decode(spec, &unescape, err);
    if (!status && rules.prefix) status = bnt_load_decode(spec, &strip, err);
    return status;
}

/* ---- base64 ------------------------------------------------------------------------------ */

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+') return 62;
    return c == '/' ? 63 : -1;
}

bool bnt_load_base64(const char *text, size_t size, uint8_t *out, size_t *n)
{
    uint32_t bits = 0;
    int n_bits = 0;
    size_t written = 0;

    *n = 0;
    /* Padding fills the last group of four; a group of one digit holds no whole byte. */
    if (size % 4 == 0 && size && text[size - 1] == '=') {
        size -= text[size - 2] == '=' ? 2u : 1u;
    }
    if (size % 4 == 1) return false;
    for (size_t i = 0; i < size; i++) {
        const int digit = base64_digit(text[i]);
        if (digit < 0) return false;
        bits = (bits << 6 | (uint32_t)digit) & 0xFFFF;
        n_bits += 6;
        if (n_bits < 8) continue;
        n_bits -= 8;
        out[written++] = (uint8_t)(bits >> n_bits);
    }
    /* The bits left over mean nothing and a writer sets them to zero. */
    if (bits & ((1u << n_bits) - 1)) return false;
    *n = written;
    return true;
}
