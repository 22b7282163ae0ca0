/* convert_words.c - a tokenizer as GGUF metadata.
 *
 * GGUF knows two kinds: "gpt2" (byte-level, a merge list, a pre-tokenizer by name) and "llama"
 * (SentencePiece pieces with scores). Vocabularies that state only ranks get the merge list the
 * ranks imply; those that state only merges over characters get the scores the merges imply.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/table.h"
#include "base/text.h"
#include "base/utf8.h"
#include "compress/convert_parts.h"
#include "token/byte_alphabet.h"

enum { MAX_TOKENIZER_BYTES = 1 << 30 };

/* Texts that are written into one buf one after another; offsets until all are there, since the
 * buf moves while it grows. */
typedef struct texts {
    bnt_buf bytes;
    size_t *ends;       /* (n) owns */
    bantam_text *views; /* (n) owns */
    size_t n;
} texts;

static bool texts_init(texts *t, size_t capacity)
{
    *t = (texts){0};
    bnt_buf_init(&t->bytes, MAX_TOKENIZER_BYTES);
    t->ends = bnt_calloc(capacity ? capacity : 1, sizeof *t->ends);
    t->views = bnt_calloc(capacity ? capacity : 1, sizeof *t->views);
    return t->ends && t->views;
}

static void texts_deinit(texts *t)
{
    bnt_buf_deinit(&t->bytes);
    bnt_free(t->ends);
    bnt_free(t->views);
}

static void texts_end_one(texts *t)
{
    t->ends[t->n++] = t->bytes.size;
}

static bantam_status texts_put(texts *t, bnt_gguf_writer *w, const char *key, bantam_error *err)
{
    const bantam_status status = bnt_buf_status(&t->bytes, "tokenizer", err);
    if (status) return status;

    size_t start = 0;
    for (size_t i = 0; i < t->n; i++) {
        t->views[i] = (bantam_text){t->bytes.data + start, t->ends[i] - start};
        start = t->ends[i];
    }
    bnt_gguf_put_texts(w, key, t->views, t->n);
    return BANTAM_OK;
}

static void put_alphabet(bnt_buf *out, bantam_text bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        char character[4];
        const uint32_t code = bnt_byte_alphabet_code((uint8_t)bytes.data[i]);
        bnt_buf_put(out, character, bnt_utf8_encode(code, character));
    }
}

static bool is_special(const bnt_token_spec *t)
{
    return t->kind == BNT_TOKEN_CONTROL || t->kind == BNT_TOKEN_USER_DEFINED ||
           t->kind == BNT_TOKEN_UNUSED;
}

/* Rows of the embedding beyond the vocabulary get names that no text has. */
static bantam_status put_tokens(bnt_gguf_writer *w, const bnt_spec *spec, uint32_t n_rows,
                                bantam_error *err)
{
    texts t;
    bantam_status status = BANTAM_OK;
    int32_t *const kinds = bnt_calloc(n_rows, sizeof *kinds);

    if (!texts_init(&t, n_rows) || !kinds) {
        status = bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %u tokens", n_rows);
        goto done;
    }
    for (uint32_t i = 0; i < spec->n_tokens; i++) {
        const bnt_token_spec *const token = &spec->tokens[i];
        /* SentencePiece files name the unknown piece by its kind; tokenizer.json cannot. */
        kinds[i] = i == spec->unk && !spec->byte_level ? BNT_TOKEN_UNKNOWN : token->kind;
        if (token->kind == BNT_TOKEN_BYTE && token->text.size == 1) {
            bnt_buf_printf(&t.bytes, "<0x%02X>", (unsigned)(uint8_t)token->text.data[0]);
        } else if (spec->byte_level && !is_special(token)) {
            put_alphabet(&t.bytes, token->text);
        } else {
            bnt_buf_put(&t.bytes, token->text.data, token->text.size);
        }
        texts_end_one(&t);
    }
    for (uint32_t i = spec->n_tokens; i < n_rows; i++) {
        kinds[i] = BNT_TOKEN_UNUSED;
        bnt_buf_printf(&t.bytes, "[PAD%u]", (unsigned)i);
        texts_end_one(&t);
    }
    status = texts_put(&t, w, "tokenizer.ggml.tokens", err);
    bnt_gguf_put_i32s(w, "tokenizer.ggml.token_type", kinds, n_rows);

done:
    texts_deinit(&t);
    bnt_free(kinds);
    return status;
}

/* Scores under which highest-score-first merging does what the merge list does: the earlier a
 * token is first merged, the higher. */
static bantam_status put_scores(bnt_gguf_writer *w, const bnt_spec *spec, uint32_t n_rows,
                                bantam_error *err)
{
    float *const scores = bnt_calloc(n_rows, sizeof *scores);
    if (!scores) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %u scores", n_rows);
    }
    for (uint32_t i = 0; i < spec->n_tokens; i++) {
        scores[i] = spec->kind == BNT_VOCAB_BPE_SCORES ? spec->tokens[i].score : -1e9f;
    }
    for (uint32_t i = spec->n_merges; i-- > 0;) {
        scores[spec->merges[i].result] = -(float)i;
    }
    bnt_gguf_put_f32s(w, "tokenizer.ggml.scores", scores, n_rows);
    bnt_free(scores);
    return BANTAM_OK;
}

/* Merges a token's bytes by ranks below its own. Returns the two parts that are left as the
 * size of the first, or 0 where they are not two: such a token is never merged. */
static size_t last_split(const bnt_table *ids, bantam_text token, uint32_t own)
{
    uint16_t starts[256];
    size_t n = token.size;

    if (n < 2 || n > 255) return 0;
    for (size_t i = 0; i <= n; i++) {
        starts[i] = (uint16_t)i;
    }
    for (;;) {
        uint32_t best = own;
        size_t at = 0;
        for (size_t i = 0; i + 2 <= n; i++) {
            const bantam_text pair = {token.data + starts[i],
                                      (size_t)(starts[i + 2] - starts[i])};
            const uint32_t id = bnt_table_find(ids, pair);
            if (id < best) {
                best = id;
                at = i;
            }
        }
        if (best == own) return n == 2 ? starts[1] : 0;
        memmove(&starts[at + 1], &starts[at + 2], (n - at - 1) * sizeof *starts);
        n--;
    }
}

static void put_merge(texts *t, bantam_text left, bantam_text right)
{
    put_alphabet(&t->bytes, left);
    bnt_buf_putc(&t->bytes, ' ');
    put_alphabet(&t->bytes, right);
    texts_end_one(t);
}

static bantam_status implied_merges(texts *t, const bnt_spec *spec, bantam_error *err)
{
    bnt_table ids = {0};
    bantam_status status = bnt_table_init(&ids, spec->n_tokens, err);

    for (uint32_t i = 0; !status && i < spec->n_tokens; i++) {
        uint32_t found;
        if (is_special(&spec->tokens[i]) || !spec->tokens[i].text.size) continue;
        status = bnt_table_put(&ids, spec->tokens[i].text, i, &found, err);
    }
    for (uint32_t i = 0; !status && i < spec->n_tokens; i++) {
        const bantam_text token = spec->tokens[i].text;
        if (is_special(&spec->tokens[i])) continue;
        const size_t split = last_split(&ids, token, i);
        if (!split) continue;
        put_merge(t, (bantam_text){token.data, split},
                  (bantam_text){token.data + split, token.size - split});
    }
    bnt_table_deinit(&ids);
    return status;
}

static bantam_status put_merges(bnt_gguf_writer *w, const bnt_spec *spec, bantam_error *err)
{
    texts t;
    bantam_status status = BANTAM_OK;
    const size_t n = spec->kind == BNT_VOCAB_BPE_MERGES ? spec->n_merges : spec->n_tokens;

    if (!texts_init(&t, n)) {
        status = bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %zu merges", n);
        goto done;
    }
    if (spec->kind == BNT_VOCAB_BPE_MERGES) {
        for (uint32_t i = 0; i < spec->n_merges; i++) {
            put_merge(&t, spec->tokens[spec->merges[i].left].text,
                      spec->tokens[spec->merges[i].right].text);
        }
    } else {
        status = implied_merges(&t, spec, err);
    }
    if (!status) status = texts_put(&t, w, "tokenizer.ggml.merges", err);

done:
    texts_deinit(&t);
    return status;
}

static void put_id(bnt_gguf_writer *w, const char *key, uint32_t id)
{
    if (id != BANTAM_NO_TOKEN) bnt_gguf_put_u32(w, key, id);
}

/* GGUF has keys for three tokens that end an answer, eos among them. Where a model has more,
 * all of them stand in a key of this project besides. */
static void put_stops(bnt_gguf_writer *w, const bnt_spec *spec)
{
    static const char *const keys[] = {"tokenizer.ggml.eot_token_id",
                                       "tokenizer.ggml.eom_token_id"};
    const size_t n_keys = sizeof keys / sizeof keys[0];
    size_t n = 0;

    for (uint32_t i = 0; i < spec->n_stops; i++) {
        if (spec->stops[i] == spec->eos) continue;
        if (n < n_keys) put_id(w, keys[n], spec->stops[i]);
        n++;
    }
    if (n > n_keys) {
        bnt_gguf_put_u32s(w, "bantam.stop_token_ids", spec->stops, spec->n_stops);
    }
}

/* Whether a text gets a space put before it. */
static bool adds_space(const bnt_spec *spec)
{
    for (uint32_t i = 0; i < spec->n_normal; i++) {
        if (spec->normal[i].op == BNT_NORMAL_PREPEND) return true;
    }
    return false;
}

bantam_status bnt_convert_words(bnt_gguf_writer *w, const bnt_spec *spec, uint32_t n_rows,
                                bantam_error *err)
{
    const char *const model = spec->byte_level ? "gpt2" : "llama";
    const char *const pre = *spec->pre_name ? spec->pre_name : "default";
    bantam_status status;

    if (spec->n_tokens > n_rows) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "tokenizer: %u tokens for an embedding of %u rows have no GGUF form",
                        spec->n_tokens, n_rows);
    }
    if (!spec->byte_level && spec->kind == BNT_VOCAB_BPE_RANKS) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "tokenizer: a rank vocabulary without bytes has no GGUF form");
    }
    if (spec->byte_level && !*spec->pre_name) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "tokenizer: its pre-tokenizer patterns have no name in GGUF");
    }
    bnt_gguf_put_text(w, "tokenizer.ggml.model", bnt_text_of(model));
    bnt_gguf_put_text(w, "tokenizer.ggml.pre", bnt_text_of(pre));
    status = put_tokens(w, spec, n_rows, err);
    if (status) return status;
    status = spec->byte_level ? put_merges(w, spec, err) : put_scores(w, spec, n_rows, err);
    if (status) return status;

    put_id(w, "tokenizer.ggml.bos_token_id", spec->bos);
    put_id(w, "tokenizer.ggml.eos_token_id", spec->eos);
    put_id(w, "tokenizer.ggml.unknown_token_id", spec->unk);
    put_id(w, "tokenizer.ggml.padding_token_id", spec->pad);
    put_stops(w, spec);
    bnt_gguf_put_bool(w, "tokenizer.ggml.add_bos_token", spec->adds_bos);
    bnt_gguf_put_bool(w, "tokenizer.ggml.add_eos_token", spec->adds_eos);
    if (!spec->byte_level) {
        bnt_gguf_put_bool(w, "tokenizer.ggml.add_space_prefix", adds_space(spec));
    }
    if (spec->chat_template.size) {
        bnt_gguf_put_text(w, "tokenizer.chat_template", spec->chat_template);
    }
    return BANTAM_OK;
}
