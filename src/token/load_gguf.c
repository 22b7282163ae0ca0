/* load_gguf.c - the tokenizer.ggml.* keys of a GGUF file.
 *
 * Two kinds of vocabulary: "gpt2", byte-level with a merge list and a named pre-tokenizer, and
 * "llama", SentencePiece pieces with scores. An id outside the vocabulary counts as absent,
 * because converters write 4294967295 for "none"; every other contradiction is an error.
 *
 * The format names three tokens that end an answer (eos, eot, eom). A file that this project
 * wrote lists all of them in bantam.stop_token_ids where a model has more.
 */
#include "base/limits.h"
#include "token/load_parts.h"
#include "token/merges.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { MAX_RESERVED = 16 << 20 };

#define KEY(name) "tokenizer.ggml." name

/* ---- tokens, kinds and scores ------------------------------------------------------------ */

static bantam_status begin_as_many(const bnt_gguf *gguf, const char *key, bnt_gguf_type element,
                                   uint32_t n, bnt_gguf_items *items, bantam_error *err)
{
    const bantam_status status = bnt_gguf_items_begin(gguf, key, element, items, err);

    if (status) return status;
    if (items->pair && items->left != n) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "key %s: expected one element for each of %" PRIu32
                        " tokens, found %" PRIu64,
                        key, n, items->left);
    }
    return BANTAM_OK;
}

static bantam_status read_kinds(bnt_spec *spec, const bnt_gguf *gguf, bool *found,
                                bantam_error *err)
{
    bnt_gguf_items items;
    int64_t kind;
    const bantam_status status =
        begin_as_many(gguf, KEY("token_type"), BNT_GGUF_I32, spec->n_tokens, &items, err);

    *found = !status && items.pair;
    if (!*found) return status;
    /* The format's type, and its unsigned sibling, which some writers take for it. */
    if (items.pair->element != BNT_GGUF_I32 && items.pair->element != BNT_GGUF_U32) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "key %s: expected array of i32, found elements of %zu bytes",
                        KEY("token_type"), bnt_gguf_type_bytes(items.pair->element));
    }
    for (uint32_t i = 0; bnt_gguf_next_i64(&items, &kind); i++) {
        if (kind < 0 || kind > BNT_TOKEN_BYTE) {
            return bnt_fail(err, BANTAM_ERR_FORMAT,
                            "token %" PRIu32 ": expected a type of 1 to 6, found %" PRId64, i,
                            kind);
        }
        spec->tokens[i].kind = kind ? (uint8_t)kind : (uint8_t)BNT_TOKEN_NORMAL;
    }
    return BANTAM_OK;
}

static bantam_status read_scores(bnt_spec *spec, const bnt_gguf *gguf, bantam_error *err)
{
    bnt_gguf_items items;
    float score;
    const bantam_status status =
        begin_as_many(gguf, KEY("scores"), BNT_GGUF_F32, spec->n_tokens, &items, err);

    if (status) return status;
    if (!items.pair) return bnt_fail(err, BANTAM_ERR_FORMAT, "key %s is absent", KEY("scores"));
    for (uint32_t i = 0; bnt_gguf_next_f32(&items, &score); i++) {
        if (isnan(score)) {
            return bnt_fail(err, BANTAM_ERR_FORMAT, "token %" PRIu32 ": its score is no number",
                            i);
        }
        spec->tokens[i].score = score;
    }
    return BANTAM_OK;
}

static bantam_status begin_tokens(bnt_spec *spec, const bnt_gguf *gguf, bnt_gguf_items *items,
                                  bantam_error *err)
{
    const bantam_status status =
        bnt_gguf_items_begin(gguf, KEY("tokens"), BNT_GGUF_STRING, items, err);

    if (status) return status;
    if (!items->pair) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "key %s is absent", KEY("tokens"));
    }
    return bnt_load_tokens(spec, items->left, err);
}

/* An id that no vocabulary has counts as absent; *out keeps its default then. */
static bantam_status read_id(const bnt_spec *spec, const bnt_gguf *gguf, const char *key,
                             uint32_t *out, bantam_error *err)
{
    uint32_t id = BANTAM_NO_TOKEN;
    const bantam_status status = bnt_gguf_u32(gguf, key, &id, err);

    if (!status && bnt_load_id(spec, id) != BANTAM_NO_TOKEN) *out = id;
    return status;
}

static bantam_status read_stops(bnt_spec *spec, const bnt_gguf *gguf, bantam_error *err)
{
    static const char *const keys[] = {KEY("eot_token_id"), KEY("eom_token_id")};
    bnt_gguf_items items;
    int64_t id;

    bnt_spec_add_stop(spec, spec->eos);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        uint32_t stop = BANTAM_NO_TOKEN;
        const bantam_status status = read_id(spec, gguf, keys[i], &stop, err);
        if (status) return status;
        bnt_spec_add_stop(spec, stop);
    }
    const bantam_status status =
        bnt_gguf_items_begin(gguf, "bantam.stop_token_ids", BNT_GGUF_I32, &items, err);
    if (status || !items.pair) return status;
    while (bnt_gguf_next_i64(&items, &id)) {
        bnt_spec_add_stop(spec, bnt_load_id(spec, (uint64_t)id));
    }
    return BANTAM_OK;
}

static bantam_status read_special(bnt_spec *spec, const bnt_gguf *gguf, bantam_error *err)
{
    const struct {
        const char *key;
        uint32_t *id;
    } ids[] = {{KEY("bos_token_id"), &spec->bos},
               {KEY("eos_token_id"), &spec->eos},
               {KEY("unknown_token_id"), &spec->unk},
               {KEY("padding_token_id"), &spec->pad}};
    bantam_text text = {0};
    bantam_status status;

    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        status = read_id(spec, gguf, ids[i].key, ids[i].id, err);
        if (status) return status;
    }
    status = read_stops(spec, gguf, err);
    if (!status) status = bnt_gguf_bool(gguf, KEY("add_bos_token"), &spec->adds_bos, err);
    if (!status) status = bnt_gguf_bool(gguf, KEY("add_eos_token"), &spec->adds_eos, err);
    if (!status) status = bnt_gguf_text(gguf, "tokenizer.chat_template", &text, err);
    if (status || !text.size) return status;
    if (text.size > BNT_MAX_TEMPLATE_BYTES) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "chat template of %zu bytes: at most %d",
                        text.size, BNT_MAX_TEMPLATE_BYTES);
    }
    spec->chat_template = bnt_spec_copy(spec, text.data, text.size);
    return spec->chat_template.data ? BANTAM_OK : bnt_load_nomem(err);
}

/* ---- "llama" ----------------------------------------------------------------------------- */

static bantam_status put_piece(bnt_spec *spec, uint32_t id, bantam_text text, bool has_kinds,
                               bantam_error *err)
{
    bnt_token_spec *const t = &spec->tokens[id];
    uint8_t byte;

    if (!has_kinds && bnt_load_byte_name(text, &byte)) t->kind = BNT_TOKEN_BYTE;
    if (t->kind != BNT_TOKEN_BYTE) return bnt_load_text(spec, id, text, err);
    if (!bnt_load_byte_name(text, &byte)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "token %" PRIu32 ": a byte token is named <0x00> to <0xFF>, found "
                        "\"%.*s\"",
                        id, BNT_TEXT_ARG(text));
    }
    spec->byte_fallback = true;
    return bnt_load_byte_token(spec, id, byte, err);
}

/* Files without kinds, or without ids, mean what SentencePiece does by default. */
static void default_special(bnt_spec *spec, bool has_kinds)
{
    static const uint8_t kinds[] = {BNT_TOKEN_UNKNOWN, BNT_TOKEN_CONTROL, BNT_TOKEN_CONTROL};
    uint32_t *const ids[] = {&spec->unk, &spec->bos, &spec->eos};

    for (uint32_t i = 0; i < 3 && i < spec->n_tokens; i++) {
        bnt_token_spec *const t = &spec->tokens[i];
        if (!has_kinds && t->kind == BNT_TOKEN_NORMAL) t->kind = kinds[i];
        if (t->kind == kinds[i]) *ids[i] = i;
    }
}

static bantam_status load_pieces(bnt_spec *spec, const bnt_gguf *gguf, bantam_error *err)
{
    bnt_space_rules rules = {.prefix = true, .collapse = false, .escape = true};
    bnt_gguf_items items;
    bantam_text text;
    bool has_kinds;

    spec->kind = BNT_VOCAB_BPE_SCORES;
    spec->kind_name = "sentencepiece bpe";
    spec->pre_name = "default";
    spec->fuse_unknown = true;
    spec->adds_bos = true;

    bantam_status status = begin_tokens(spec, gguf, &items, err);
    if (!status) status = read_kinds(spec, gguf, &has_kinds, err);
    if (!status) status = read_scores(spec, gguf, err);
    for (uint32_t i = 0; !status && bnt_gguf_next_text(&items, &text); i++) {
        status = put_piece(spec, i, text, has_kinds, err);
    }
    if (status) return status;
    default_special(spec, has_kinds);

    const bnt_gguf_pair *const map = bnt_gguf_find(gguf, KEY("precompiled_charsmap"));
    if (map && map->length) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "key %s: normalization by a character map is not supported",
                        KEY("precompiled_charsmap"));
    }
    status = bnt_gguf_bool(gguf, KEY("add_space_prefix"), &rules.prefix, err);
    if (!status) {
        status = bnt_gguf_bool(gguf, KEY("remove_extra_whitespaces"), &rules.collapse, err);
    }
    return status ? status : bnt_load_spaces(spec, rules, err);
}

/* ---- "gpt2" ------------------------------------------------------------------------------ */

/* "left right"; the first character may be a space only as a part of left. */
static bool split_merge(bantam_text line, bantam_text halves[2])
{
    const char *const space = line.size > 2 ? memchr(line.data + 1, ' ', line.size - 2) : NULL;

    if (!space) return false;
    const size_t n_left = (size_t)(space - line.data);
    halves[0] = (bantam_text){line.data, n_left};
    halves[1] = (bantam_text){space + 1, line.size - n_left - 1};
    return true;
}

static bantam_status merge_error(uint32_t index, bantam_text line, bool split,
                                 bantam_error *err)
{
    if (!split) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "merge %" PRIu32 ": expected two tokens and a space, found \"%.*s\"",
                        index, BNT_TEXT_ARG(line));
    }
    return bnt_fail(err, BANTAM_ERR_FORMAT,
                    "merge %" PRIu32 ": \"%.*s\" names or makes a token that the vocabulary "
                    "lacks",
                    index, BNT_TEXT_ARG(line));
}

/* Reads some merges, the first one's number being that of those read before. */
static bantam_status read_some(bnt_merges *m, bnt_gguf_items *items, bantam_error *err)
{
    bantam_text lines[BNT_MERGES_TOGETHER], halves[2 * BNT_MERGES_TOGETHER];
    const uint32_t first = m->spec->n_merges;
    bool all_split = true;
    size_t n = 0;

    while (n < BNT_MERGES_TOGETHER && bnt_gguf_next_text(items, &lines[n])) {
        all_split = split_merge(lines[n], &halves[2 * n]);
        if (!all_split) break;
        n++;
    }
    const size_t n_added = bnt_merges_add(m, halves, n);
    if (n_added < n) return merge_error(first + (uint32_t)n_added, lines[n_added], true, err);
    if (!all_split) return merge_error(first + (uint32_t)n, lines[n], false, err);
    return BANTAM_OK;
}

static bantam_status read_merges(bnt_spec *spec, const bnt_gguf *gguf, bantam_error *err)
{
    bnt_gguf_items items, words;
    bnt_merges m;
    bantam_status status =
        bnt_gguf_items_begin(gguf, KEY("merges"), BNT_GGUF_STRING, &items, err);

    if (!status) {
        status = bnt_gguf_items_begin(gguf, KEY("tokens"), BNT_GGUF_STRING, &words, err);
    }
    if (status) return status;
    if (!items.pair) return bnt_fail(err, BANTAM_ERR_FORMAT, "key %s is absent", KEY("merges"));
    if (items.left > UINT32_MAX) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "key %s: %" PRIu64 " elements", KEY("merges"),
                        items.left);
    }
    status = bnt_merges_begin(&m, spec, (size_t)items.left, err);
    if (status) return status;
    for (uint32_t i = 0; bnt_gguf_next_text(&words, &m.words[i]);) {
        i++;
    }
    bnt_merges_index(&m);
    while (!status && items.left) {
        status = read_some(&m, &items, err);
    }
    bnt_merges_end(&m);
    return status;
}

/* Only ordinary tokens are written in the byte alphabet. */
static bantam_status put_word(bnt_spec *spec, uint32_t id, bantam_text text, bantam_error *err)
{
    bnt_token_spec *const t = &spec->tokens[id];

    if (t->kind == BNT_TOKEN_BYTE) t->kind = BNT_TOKEN_NORMAL;
    if (t->kind != BNT_TOKEN_NORMAL) return bnt_load_text(spec, id, text, err);
    return bnt_load_byte_text(spec, id, text, err);
}

/* Room for all texts in one place, where they have the size of a vocabulary's. */
static bantam_status reserve_texts(bnt_spec *spec, const bnt_gguf_items *items,
                                   bantam_error *err)
{
    if (items->pair->bytes > MAX_RESERVED) return BANTAM_OK;
    return bnt_spec_begin(spec, (size_t)items->pair->bytes) ? BANTAM_OK : bnt_load_nomem(err);
}

static bantam_status load_words(bnt_spec *spec, const bnt_gguf *gguf, bantam_error *err)
{
    bantam_text pre = {0}, text;
    bnt_gguf_items items;
    bool has_kinds;

    spec->kind = BNT_VOCAB_BPE_MERGES;
    spec->kind_name = "byte-level bpe";
    spec->byte_level = true;

    bantam_status status = bnt_gguf_text(gguf, KEY("pre"), &pre, err);
    if (!status) status = bnt_pre_named(spec, pre.size ? pre : BNT_TEXT("default"), err);
    if (status) return status;
    spec->adds_bos = bnt_pre_adds_bos(spec->pre_name);

    status = begin_tokens(spec, gguf, &items, err);
    if (!status) status = read_kinds(spec, gguf, &has_kinds, err);
    if (!status) status = reserve_texts(spec, &items, err);
    for (uint32_t i = 0; !status && bnt_gguf_next_text(&items, &text); i++) {
        status = put_word(spec, i, text, err);
    }
    return status ? status : read_merges(spec, gguf, err);
}

bantam_status bnt_load_gguf(bnt_spec *spec, const bnt_gguf *gguf, bantam_error *err)
{
    bantam_text model = {0};
    bantam_status status = bnt_gguf_text(gguf, KEY("model"), &model, err);

    if (status) return bnt_load_end(spec, status);
    if (!model.size) {
        status = bnt_fail(err, BANTAM_ERR_FORMAT, "the file has no tokenizer: key %s is absent",
                          KEY("model"));
    } else if (bnt_text_is(model, "llama")) {
        status = load_pieces(spec, gguf, err);
    } else if (bnt_text_is(model, "gpt2")) {
        status = load_words(spec, gguf, err);
    } else {
        status = bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                          "tokenizer model \"%.*s\": only gpt2 and llama are supported",
                          BNT_TEXT_ARG(model));
    }
    if (!status) status = read_special(spec, gguf, err);
    if (!status) bnt_load_finish(spec);
    return bnt_load_end(spec, status);
}
